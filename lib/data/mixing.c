/* SPDX-License-Identifier: Apache-2.0 */
/* Mixing of a batch (see batches.h). Sample i meets sample p(i), p a random permutation of the batch.
 *
 *     mixup (Zhang et al. 2018)    x_i = w x_i + (1 - w) x_p(i),             w ~ Beta(alpha, alpha)
 *     cutmix (Yun et al. 2019)     x_i = x_p(i) inside of a box about a uniform pixel with sides H sqrt(1 - v) and
 *                                  W sqrt(1 - v), v ~ Beta(alpha, alpha), cut at the borders; w = 1 - its share of the area
 *
 * Each batch draws one w, from (seed, epoch, batch); with both kinds each is taken by half of the batches. It is done in
 * place along the cycles of p, with one image of memory.
 */
#include "data/batches.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

enum { KIND_STREAM = 0x4d495841, PARTNER_STREAM, BOX_STREAM, FIRST_STREAM, SECOND_STREAM, ATTEMPTS = 1000 };

/* Logarithm of a gamma variate of shape alpha (Marsaglia and Tsang 2000, for alpha < 1 by u^(1/alpha)). */
static double log_gamma_variate(uint64_t key, uint64_t stream, double alpha)
{
    double a = alpha < 1 ? alpha + 1 : alpha, d = a - 1.0 / 3, c = 1 / sqrt(9 * d), v = 1;
    double boost = alpha < 1 ? log1p(-kdst__uniform(key, stream, 0)) / alpha : 0;
    for (uint64_t i = 0; i < ATTEMPTS; i++) {
        double x = kdst__normal(key, stream, 2 + 4 * i), u = 1 - kdst__uniform(key, stream, 4 + 4 * i);
        v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v)) break;
        v = 1;
    }
    return log(d) + log(v) + boost;
}

/* Below 1e-300, where the weight has long been 0 or 1, both logarithms would be infinite. */
static double beta_variate(uint64_t key, double alpha)
{
    if (alpha < 1e-300) alpha = 1e-300;
    double difference = log_gamma_variate(key, SECOND_STREAM, alpha) - log_gamma_variate(key, FIRST_STREAM, alpha);
    return 1 / (1 + exp(difference));
}

/* Rows [top, bottom), columns [left, right); mixup takes the whole. */
typedef struct box {
    int64_t top, bottom, left, right;
    double weight; /* of what is there */
} box;

static void limits(double middle, double side, int64_t size, int64_t *begin, int64_t *end)
{
    int64_t half = (int64_t)side / 2, at = (int64_t)middle;
    *begin = at - half < 0 ? 0 : at - half;
    *end = at + half > size ? size : at + half;
}

static box draw_box(const kdst__batches *b, uint64_t key, double share)
{
    kdst__extent e = b->program.out;
    double cut = sqrt(1 - share);
    box x = {.weight = 0};
    limits(kdst__uniform(key, BOX_STREAM, 0) * (double)e.h, cut * (double)e.h, e.h, &x.top, &x.bottom);
    limits(kdst__uniform(key, BOX_STREAM, 1) * (double)e.w, cut * (double)e.w, e.w, &x.left, &x.right);
    return x;
}

/* w to + (1 - w) from; the two are apart. */
static void blend_wide(double *restrict to, const double *restrict from, int64_t count, double w)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = w * to[i] + (1 - w) * from[i];
}

static void blend_narrow(float *restrict to, const float *restrict from, int64_t count, double w)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)(w * (double)to[i] + (1 - w) * (double)from[i]);
}

static void mix_row(const kdst__batches *b, const box *x, void *to, const void *from, int64_t first)
{
    int64_t count = x->right - x->left;
    if (b->program.wide_out)
        blend_wide((double *)to + first, (const double *)from + first, count, x->weight);
    else
        blend_narrow((float *)to + first, (const float *)from + first, count, x->weight);
}

static void mix_image(const kdst__batches *b, const box *x, void *to, const void *from)
{
    kdst__extent e = b->program.out;
    for (int64_t c = 0; c < e.c; c++)
        for (int64_t y = x->top; y < x->bottom; y++)
            mix_row(b, x, to, from, (c * e.h + y) * e.w + x->left);
}

/* Follows the cycle of `first` and marks it as done by ~partner. */
static void mix_cycle(const kdst__batches *b, const box *x, char *images, int64_t first)
{
    memcpy(b->spare, images + (size_t)first * b->bytes_out, b->bytes_out);
    for (int64_t i = first, next; b->partners[i] >= 0; i = next) {
        next = b->partners[i];
        b->partners[i] = ~next;
        mix_image(
            b, x, images + (size_t)i * b->bytes_out, next == first ? b->spare : images + (size_t)next * b->bytes_out);
    }
}

double kdst__batches_mix(kdst__batches *b, int64_t batch, void *images, const int32_t *labels, int32_t *others)
{
    int64_t size = kdst__batches_get_size(b, batch);
    uint64_t key = kdst__mix(b->key, (uint64_t)batch);
    kdst__extent e = b->program.out;
    bool cuts = b->cutmix > 0 && (!(b->mixup > 0) || kdst__uniform(key, KIND_STREAM, 0) < 0.5);
    double weight = beta_variate(key, cuts ? b->cutmix : b->mixup);
    box x = {0, e.h, 0, e.w, weight};
    if (cuts) {
        x = draw_box(b, key, weight);
        weight = 1 - (double)((x.bottom - x.top) * (x.right - x.left)) / (double)(e.h * e.w);
    }
    kdst__permutation(key, PARTNER_STREAM, b->partners, size);
    for (int64_t i = 0; i < size; i++)
        others[i] = labels[b->partners[i]];
    for (int64_t i = 0; i < size; i++)
        if (b->partners[i] >= 0) mix_cycle(b, &x, images, i);
    return weight;
}
