/* SPDX-License-Identifier: Apache-2.0 */
/* Attention transfer (Zagoruyko and Komodakis, ICLR 2017).
 *
 * q[n, x] = mean_c |f[n, c, x]|^p over the H W positions x of a map f [N, C, H, W]; Q = unit(q) for each sample.
 * code   L = mean over N H W of (Q_s - Q_t)^2;     g = dL/dQ_s = 2 (Q_s - Q_t) / (N H W)
 * paper  L = (1/N) sum_n |Q_s - Q_t|;              g = unit(Q_s - Q_t) / N
 * dq = (g - Q_s <Q_s, g>) / |q_s|, df = dq p |f|^(p-1) sign(f) / C. Of maps of two sizes the larger is first averaged over adaptive
 * windows. A map of zeros stays zero and gets no gradient, where public code divides by 1e-12.
 */
#include "distillation/features.h"

#include <kdst/transfer.h>

#include <string.h>

enum { CODE, PAPER };

static const kdst__option options[] = {
    KDST__FLOAT(kdst__feature_settings, power, 2, 1, 16, "p: features count by |f|^p"),
    KDST__CHOICE(
        kdst__feature_settings, mode, "code", "code|paper",
        "mean square of the maps' difference, or its length averaged over the batch"),
};
const kdst__schema kdst__schema_loss_attention = {"loss.attention", options, KDST__COUNT(options), NULL, 0};

/* ---- one sample ---- */

/* |v|^p sign(v)^odd: `slope` gives p |v|^(p-1) sign(v). */
static double powered(double v, double p)
{
    return p == 2 ? v * v : pow(fabs(v), p);
}

static double slope(double v, double p)
{
    return p == 2 ? 2 * v : p * pow(fabs(v), p - 1) * (v > 0 ? 1 : v < 0 ? -1 : 0);
}

/* Adaptive window i of n over a size: [begin, end). */
static int64_t window(int64_t i, int64_t n, int64_t size, int64_t *end)
{
    *end = ((i + 1) * size + n - 1) / n;
    return i * size / n;
}

/* y [C, h, w] = means of x [C, H, W], or with `back` x += means' gradients y. */
static void pool(int64_t c, const int64_t from[2], const int64_t to[2], double *x, double *y, bool back)
{
    for (int64_t k = 0; k < c; k++, x += from[0] * from[1])
        for (int64_t i = 0; i < to[0]; i++)
            for (int64_t j = 0; j < to[1]; j++, y++) {
                int64_t bottom, right, top = window(i, to[0], from[0], &bottom),
                                       left = window(j, to[1], from[1], &right);
                double by = 1 / (double)((bottom - top) * (right - left)), sum = 0;
                for (int64_t a = top; a < bottom; a++)
                    for (int64_t b = left; b < right; b++) {
                        if (back)
                            x[a * from[1] + b] += *y * by;
                        else
                            sum += x[a * from[1] + b];
                    }
                if (!back) *y = sum * by;
            }
}

/* q [size] of a map f [C, size]. */
static void attend(int64_t c, int64_t size, double p, const double *f, double *q)
{
    memset(q, 0, (size_t)size * sizeof *q);
    for (int64_t k = 0; k < c; k++)
        for (int64_t x = 0; x < size; x++)
            q[x] += powered(f[k * size + x], p);
    for (int64_t x = 0; x < size; x++)
        q[x] /= (double)c;
}

/* ---- the pass ---- */

typedef struct job {
    const kdst__feature_settings *settings;
    const kdst__features *s, *t;
    int64_t n, cs, ct, from_s[2], from_t[2], to[2], size, scratch_size;
    double *scratch; /* [threads, scratch_size] */
    double *values;  /* [n] */
    double *grad;
} job;

static int64_t area(const int64_t side[2])
{
    return side[0] * side[1];
}

/* The features of sample n at the common size: as they are, or averaged into `buffer`. */
static const double *
at_size(const job *j, const kdst__features *f, int64_t c, const int64_t from[2], int64_t n, double *buffer)
{
    const double *x = f->x + n * c * area(from);
    if (area(from) == j->size) return x;
    pool(c, from, j->to, (double *)x, buffer, false);
    return buffer;
}

/* Loss of a sample; d [size]: its gradient for Q_s. */
static double compare(const job *j, const double *qs, const double *qt, double *d)
{
    double sum = 0, n = (double)j->n;
    for (int64_t x = 0; x < j->size; x++) {
        d[x] = qs[x] - qt[x];
        sum += d[x] * d[x];
    }
    double length = sqrt(sum), count = n * (double)j->size;
    double by = j->settings->mode == CODE ? 2 / count : length > 0 ? 1 / (length * n) : 0;
    for (int64_t x = 0; x < j->size; x++)
        d[x] *= by;
    return j->settings->mode == CODE ? sum / count : length / n;
}

static void sample(void *arg, int64_t n, int32_t worker)
{
    job *j = arg;
    int64_t size = j->size;
    double *qs = j->scratch + worker * j->scratch_size, *qt = qs + size, *d = qt + size;
    double *fs = d + size, *ft = fs + j->cs * size, p = j->settings->power;
    const double *s = at_size(j, j->s, j->cs, j->from_s, n, fs);
    attend(j->cs, size, p, s, qs);
    attend(j->ct, size, p, at_size(j, j->t, j->ct, j->from_t, n, ft), qt);
    double length = kdst__unit(size, qs, qs);
    kdst__unit(size, qt, qt);
    j->values[n] = compare(j, qs, qt, d);
    if (j->grad == NULL) return;
    kdst__unit_backward(size, qs, length, d, d);
    bool pooled = area(j->from_s) != size;
    double *df = j->grad + n * j->cs * area(j->from_s), *to = pooled ? fs : df;
    for (int64_t i = 0; i < j->cs * size; i++)
        to[i] = d[i % size] * slope(s[i], p) / (double)j->cs;
    if (!pooled) return;
    memset(df, 0, (size_t)(j->cs * area(j->from_s)) * sizeof *df);
    pool(j->cs, j->from_s, j->to, df, fs, true);
}

static kdst_status pass(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *s, const kdst__features *t,
    const int32_t *labels, double *value, double *grad)
{
    (void)labels;
    kdst__memory *memory = kdst__compute_memory(cp);
    job j = {
        .settings = settings, .s = s, .t = t, .n = s->shape[0], .cs = s->shape[1], .ct = t->shape[1], .grad = grad};
    for (int i = 0; i < 2; i++) {
        j.from_s[i] = s->shape[2 + i];
        j.from_t[i] = t->shape[2 + i];
        j.to[i] = j.from_s[i] < j.from_t[i] ? j.from_s[i] : j.from_t[i];
    }
    j.size = area(j.to);
    j.scratch_size = (3 + j.cs + j.ct) * j.size;
    size_t bytes = (size_t)(j.scratch_size * kdst__compute_threads(cp)) * sizeof(double);
    size_t value_bytes = (size_t)j.n * sizeof(double);
    kdst_status status = KDST_STATUS_OUT_OF_MEMORY;
    j.scratch = kdst__alloc(memory, bytes);
    j.values = kdst__alloc(memory, value_bytes);
    if (j.scratch != NULL && j.values != NULL) {
        kdst__pool_run(kdst__compute_pool(cp), j.n, sample, &j);
        *value = 0;
        for (int64_t n = 0; n < j.n; n++)
            *value += j.values[n];
        status = KDST_STATUS_OK;
    }
    kdst__free(memory, j.values, value_bytes);
    kdst__free(memory, j.scratch, bytes);
    return status;
}

/* One map is at least as large as the other on both sides. */
static kdst_status check(
    const char *name, const kdst__feature_settings *settings, const kdst_tensor *s, const kdst_tensor *t)
{
    (void)settings;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    bool maps = s->rank == 4 && t->rank == 4 && s->shape[0] == t->shape[0] && kdst__tensor_count(t) > 0;
    if (maps && (s->shape[2] - t->shape[2]) * (s->shape[3] - t->shape[3]) >= 0) return KDST_STATUS_OK;
    return kdst__fail(
        s->base.ctx, KDST_STATUS_SHAPE, "%s: the student's features are %s, the teacher's %s: expected %s", name,
        kdst__shape_text(s->rank, s->shape, a), kdst__shape_text(t->rank, t->shape, b),
        maps ? "one map to be the larger both ways" : "[N, C, H, W] of as many samples");
}

static const kdst__feature_loss attention = {.name = "attention", .check = check, .pass = pass};

kdst_status kdst_loss_attention_create(kdst_context *ctx, const kdst_options *given, kdst_loss **out)
{
    return kdst__feature_loss_create(ctx, &attention, &kdst__schema_loss_attention, given, out);
}

/* ---- the map itself ---- */

kdst_status kdst_attention_map(kdst_tensor *x, double power, kdst_tensor **out)
{
    kdst__shown shown;
    kdst_status status = kdst__shown_begin("attention_map", x, 4, out, &shown);
    if (status == KDST_STATUS_OK && !(power >= 1 && power <= 16))
        status = kdst__fail(
            x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "attention_map: power is %g, allowed is [1, 16]", power);
    if (status == KDST_STATUS_OK) {
        const int64_t c = x->shape[1], size = x->shape[2] * x->shape[3], shape[] = {x->shape[0], size};
        status = kdst__shown_make("attention_map", 2, shape, &shown);
        for (int64_t n = 0; n < x->shape[0] && status == KDST_STATUS_OK; n++) {
            attend(c, size, power, shown.x + n * c * size, shown.y + n * size);
            kdst__unit(size, shown.y + n * size, shown.y + n * size);
        }
    }
    kdst__shown_end(&shown, status, out);
    return status;
}
