/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and standard deviation of each channel.
 *
 *     mean[c] = sum x / n,  deviation[c] = sqrt(sum (x - mean[c])^2 / n)  over the n = N H W pixels of the channel
 *
 * Bytes are counted by value, so their sums are whole numbers and exact; numbers are summed twice, image by image, in
 * doubles.
 */
#include "data/dataset.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide;

/* The pixels of one channel: `count` planes of `plane` elements, `step` elements apart. */
typedef struct channel {
    const void *first;
    int64_t count, plane, step;
} channel;

static void measure_bytes(channel c, double *mean, double *deviation)
{
    uint64_t seen[256] = {0}, sum = 0;
    wide squares = 0, n = (wide)c.count * (wide)c.plane;
    for (int64_t i = 0; i < c.count; i++) {
        const uint8_t *x = (const uint8_t *)c.first + i * c.step;
        for (int64_t k = 0; k < c.plane; k++)
            seen[x[k]]++;
    }
    for (uint64_t v = 0; v < 256; v++) {
        sum += v * seen[v];
        squares += (wide)(v * v) * seen[v];
    }
    *mean = (double)sum / ((double)n * 255);
    /* n^2 variance = n sum x^2 - (sum x)^2, without rounding */
    *deviation = sqrt((double)(n * squares - (wide)sum * sum)) / ((double)n * 255);
}

/* Sum of (x - shift)^power, power 1 or 2; one partial sum an image. */
static double sum_reals(channel c, kdst_dtype dtype, double shift, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < c.count; i++) {
        double part = 0;
        for (int64_t k = i * c.step; k < i * c.step + c.plane; k++) {
            double d =
                (dtype == KDST_DTYPE_FLOAT32 ? ((const float *)c.first)[k] : ((const double *)c.first)[k]) - shift;
            part += power == 1 ? d : d * d;
        }
        sum += part;
    }
    return sum;
}

static void measure_reals(channel c, kdst_dtype dtype, double *mean, double *deviation)
{
    double n = (double)c.count * (double)c.plane;
    *mean = sum_reals(c, dtype, 0, 1) / n;
    *deviation = sqrt(sum_reals(c, dtype, *mean, 2) / n);
}

kdst_status kdst_dataset_get_statistics(kdst_dataset *d, double *out_mean, double *out_deviation, int64_t channels)
{
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    const kdst_tensor *x = d->images;
    kdst__enter(ctx);
    if (!out_mean || !out_deviation)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "dataset_get_statistics: %s is NULL",
            out_mean ? "out_deviation" : "out_mean");
    if (channels != x->shape[1])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "dataset_get_statistics: channels is %lld, the images have %lld",
            (long long)channels, (long long)x->shape[1]);
    int64_t plane = x->shape[2] * x->shape[3], size = kdst_dtype_get_size(x->dtype);
    for (int64_t c = 0; c < channels; c++) {
        channel one = {(const char *)kdst__tensor_data(x) + c * plane * size, d->count, plane, channels * plane};
        if (x->dtype == KDST_DTYPE_UINT8)
            measure_bytes(one, &out_mean[c], &out_deviation[c]);
        else
            measure_reals(one, x->dtype, &out_mean[c], &out_deviation[c]);
    }
    return KDST_STATUS_OK;
}
