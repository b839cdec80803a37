/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resizing with a triangle as wide as what a result pixel covers, so that nothing flickers when an image becomes
 * smaller; columns first, then rows, in float, rounded once.
 *
 *     scale = in / out,  s = max(scale, 1),  middle = (i + 1/2) scale
 *     result i = sum_k w_k x_k / sum_k w_k,  w_k = max(0, 1 - |k + 1/2 - middle| / s)
 */
#include "data/resize.h"

#include <math.h>

/* Which pixels of an axis each result pixel is made of. */
typedef struct axis {
    int64_t count, most;   /* result pixels; longest list of weights */
    int64_t *first, *taps; /* [count] */
    float *weights;        /* [count, most] */
    size_t bytes;
    void *block;
} axis;

static void fill(axis *a, int64_t in, double scale, int64_t skipped)
{
    double s = scale > 1 ? scale : 1;
    for (int64_t i = 0; i < a->count; i++) {
        double middle = ((double)(i + skipped) + 0.5) * scale, sum = 0;
        int64_t begin = (int64_t)ceil(middle - s - 0.5), end = (int64_t)floor(middle + s - 0.5) + 1;
        if (begin < 0) begin = 0;
        if (end > in) end = in;
        if (begin > in - 1) begin = in - 1;
        if (end <= begin) end = begin + 1;
        a->first[i] = begin;
        a->taps[i] = end - begin;
        float *w = a->weights + i * a->most;
        for (int64_t k = begin; k < end; k++) {
            double distance = fabs((double)k + 0.5 - middle) / s;
            w[k - begin] = (float)(distance < 1 ? 1 - distance : 0);
            sum += w[k - begin];
        }
        for (int64_t k = 0; k < end - begin; k++)
            w[k] = sum > 0 ? (float)(w[k] / sum) : k == 0;
    }
}

/* `skipped` pixels of `whole` are left out on the near side, `count` are made. */
static bool axis_create(kdst__memory *memory, int64_t in, int64_t whole, int64_t skipped, int64_t count, axis *a)
{
    double scale = (double)in / (double)whole;
    *a = (axis){.count = count, .most = (int64_t)(2 * (scale > 1 ? scale : 1)) + 3};
    a->bytes = (size_t)count * (2 * sizeof(int64_t) + (size_t)a->most * sizeof(float));
    a->block = kdst__alloc(memory, a->bytes);
    if (!a->block) return false;
    a->first = a->block;
    a->taps = a->first + count;
    a->weights = (float *)(a->taps + count);
    fill(a, in, scale, skipped);
    return true;
}

/* Row of pixels [W, C] to [count, C]. */
static void run_columns(const axis *a, const uint8_t *row, int64_t channels, float *out)
{
    for (int64_t i = 0; i < a->count; i++)
        for (int64_t c = 0; c < channels; c++) {
            float sum = 0;
            for (int64_t k = 0; k < a->taps[i]; k++)
                sum += a->weights[i * a->most + k] * (float)row[(a->first[i] + k) * channels + c];
            out[i * channels + c] = sum;
        }
}

/* Rows [H, count, C] to planes [C, size, size]. */
static void run_rows(const axis *a, const float *rows, int64_t size, int64_t channels, uint8_t *out)
{
    for (int64_t i = 0; i < size; i++)
        for (int64_t x = 0; x < size * channels; x++) {
            float sum = 0;
            for (int64_t k = 0; k < a->taps[i]; k++)
                sum += a->weights[i * a->most + k] * rows[(a->first[i] + k) * size * channels + x];
            float v = sum + 0.5f;
            out[(x % channels * size + i) * size + x / channels] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

bool kdst__resize(kdst__memory *memory, const kdst__image *image, int64_t size, uint8_t *out)
{
    int64_t h = image->height, w = image->width, shorter = h < w ? h : w, channels = image->channels;
    int64_t whole_h = h == shorter ? size : size * h / shorter, whole_w = w == shorter ? size : size * w / shorter;
    size_t bytes = (size_t)(h * size * channels) * sizeof(float);
    axis x = {0}, y = {0};
    float *rows = kdst__alloc(memory, bytes);
    bool made = rows && axis_create(memory, w, whole_w, (whole_w - size) / 2, size, &x) &&
        axis_create(memory, h, whole_h, (whole_h - size) / 2, size, &y);
    for (int64_t i = 0; i < h && made; i++)
        run_columns(&x, image->pixels + i * w * channels, channels, rows + i * size * channels);
    if (made) run_rows(&y, rows, size, channels, out);
    kdst__free(memory, y.block, y.bytes);
    kdst__free(memory, x.block, x.bytes);
    kdst__free(memory, rows, bytes);
    return made;
}

void kdst__resize_planes(const kdst__image *image, uint8_t *out)
{
    int64_t plane = image->height * image->width;
    for (int64_t i = 0; i < plane; i++)
        for (int64_t c = 0; c < image->channels; c++)
            out[c * plane + i] = image->pixels[i * image->channels + c];
}
