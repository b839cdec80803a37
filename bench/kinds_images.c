/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels on images: convolution, batch normalisation, pooling, each forward or backward alone.
 *
 * x is the result of an operation, not a tensor filled from outside: it has the layout in which a network's own layers
 * hand images on. A backward case records the forward pass again before each repetition, outside of the time; what it
 * differentiates is what requires a gradient, so that the two gradients of a convolution are timed apart. Its gradient
 * comes out of the mean of each channel and goes into a leaf, which has it in plain layout; both take time that the
 * kernel has no part in, and that is measured by itself and taken off.
 *
 * Operations are counted as the definition has them, two for each multiply-add, whatever the algorithm: one with fewer
 * multiplications may pass the peak. Bytes are those of the arrays that have to be read and written.
 */
#include "bench.h"

#include "peak.h"

#include <math.h>

enum { NORM_READS = 2, NORM_BACKWARD_READS = 4 }; /* statistics first, then values: each array twice */

/* ---- inputs ---- */

/* x [N, C, H, W] out of a 1x1 convolution, about normal; the 3 channels or 1 of a stem come from outside as they are. */
static kdst_status mix_images(bench *b)
{
    kdst_tensor *x = b->outside;
    if (!b->mix) kdst_tensor_retain(x);
    kdst_status status = b->mix ? kdst_conv2d(b->outside, b->mix, NULL, NULL, &x) : KDST_STATUS_OK;
    bench_replace(&b->x, status ? NULL : x);
    return status;
}

static kdst_status make_images(bench *b)
{
    const int64_t *shape = b->c->shape, square[4] = {shape[1], shape[1], 1, 1};
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, 4, shape, &b->outside);
    if (!status && shape[1] > 3) {
        status = kdst_tensor_create(b->ctx, b->c->dtype, 4, square, &b->mix);
        if (!status) status = kdst_tensor_set_normal(b->mix, 0, 1 / sqrt((double)shape[1]));
    }
    return status ? status : mix_images(b);
}

static double image_bytes(kdst_tensor *t)
{
    return (double)kdst_tensor_get_count(t) * (double)kdst_dtype_get_size(kdst_tensor_get_dtype(t));
}

/* ---- what surrounds a kernel in a backward pass ---- */

enum { CALIBRATIONS = 7 }; /* the shortest counts: never too much is taken off */

/* Seconds that it takes to make *place plain, which `make` sets anew each time. */
static kdst_status time_plain(bench *b, kdst_status (*make)(bench *), kdst_tensor **place, double *out)
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < CALIBRATIONS && !status; i++) {
        void *data;
        status = make(b);
        double start = bench_seconds();
        if (!status) status = kdst_tensor_map(*place, KDST_MAP_READ, &data);
        *out = fmin(*out, bench_seconds() - start);
        if (!status) status = kdst_tensor_unmap(*place);
    }
    return status;
}

/* Seconds of the backward pass of the means alone, up to the plain gradient of a leaf y. */
static kdst_status time_means(bench *b, kdst_status (*forward)(bench *), double *out)
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < CALIBRATIONS && !status; i++) {
        kdst_tensor *means = NULL;
        status = forward(b);
        if (!status) status = kdst_tensor_set_requires_grad(b->y, 1);
        if (!status) status = kdst_global_avg_pool2d(b->y, &means);
        double start = bench_seconds();
        if (!status) status = kdst_backward(means, b->dy, NULL);
        *out = fmin(*out, bench_seconds() - start);
        kdst_tensor_release(means);
    }
    return status;
}

/* Marks what the case differentiates, after measuring what surrounds it. */
static kdst_status require_gradients(bench *b, kdst_status (*forward)(bench *))
{
    double means = INFINITY, plain_y = INFINITY, plain_x = INFINITY;
    kdst_status status = forward(b);
    const int64_t shape[2] = {b->c->shape[0], kdst_tensor_get_size(b->y, 1)};
    if (!status) status = bench_make_tensor(b->ctx, b->c->dtype, 2, shape, &b->dy);
    if (!status) status = time_means(b, forward, &means);
    if (!status) status = time_plain(b, forward, &b->y, &plain_y);
    if (!status && b->c->differentiates_x) status = time_plain(b, mix_images, &b->x, &plain_x);
    if (!status) status = mix_images(b);
    if (status) return status;
    b->surroundings = fmax(means - plain_y, 0) + (b->c->differentiates_x ? plain_x : 0);
    if (b->c->differentiates_x) status = kdst_tensor_set_requires_grad(b->x, 1);
    if (!status && b->c->differentiates_weight) status = kdst_tensor_set_requires_grad(b->weight, 1);
    return status;
}

/* Before each repetition: gradients are forgotten, the forward pass is recorded. */
static kdst_status record(bench *b, kdst_status (*forward)(bench *))
{
    kdst_tensor *means = NULL;
    kdst_status status = kdst_tensor_clear_grad(b->x);
    if (!status && b->weight) status = kdst_tensor_clear_grad(b->weight);
    if (!status && b->bias) status = kdst_tensor_clear_grad(b->bias);
    if (!status) status = forward(b);
    if (!status) status = kdst_global_avg_pool2d(b->y, &means);
    bench_replace(&b->means, means);
    return status;
}

static kdst_status run_backward(bench *b)
{
    return kdst_backward(b->means, b->dy, NULL);
}

/* ---- convolution ---- */

static kdst_status run_convolution(bench *b)
{
    kdst_tensor *y = NULL;
    kdst_status status = kdst_conv2d(b->x, b->weight, NULL, b->options, &y);
    bench_replace(&b->y, y);
    return status;
}

static kdst_status set_up_convolution(bench *b)
{
    const bench_case *c = b->c;
    int64_t taps = c->shape[1] / c->groups * c->window * c->window;
    const int64_t shape[4] = {c->out, c->shape[1] / c->groups, c->window, c->window};
    kdst_status status = make_images(b);
    if (!status) status = kdst_tensor_create(b->ctx, c->dtype, 4, shape, &b->weight);
    if (!status) status = kdst_tensor_set_normal(b->weight, 0, 1 / sqrt((double)taps));
    if (!status) status = kdst_options_create(&b->options);
    if (!status) status = kdst_options_set_int(b->options, "stride", c->stride);
    if (!status) status = kdst_options_set_int(b->options, "padding", c->padding);
    if (!status) status = kdst_options_set_int(b->options, "dilation", c->dilation);
    if (!status) status = kdst_options_set_int(b->options, "groups", c->groups);
    if (!status) status = run_convolution(b);
    if (status) return status;
    b->flops = 2 * (double)kdst_tensor_get_count(b->y) * (double)taps;
    /* Depthwise, there is too little to compute: memory sets the limit. */
    if (c->groups > 1 && c->groups == c->shape[1]) b->bytes = image_bytes(b->x) + image_bytes(b->y);
    return KDST_STATUS_OK;
}

static kdst_status set_up_convolution_backward(bench *b)
{
    kdst_status status = set_up_convolution(b);
    return status ? status : require_gradients(b, run_convolution);
}

static kdst_status record_convolution(bench *b)
{
    return record(b, run_convolution);
}

/* ---- batch normalisation, in training ---- */

static kdst_status run_norm(bench *b)
{
    kdst_tensor *y = NULL;
    kdst_status status = kdst_batch_norm(b->x, b->weight, b->bias, NULL, NULL, NULL, &y);
    bench_replace(&b->y, y);
    return status;
}

static kdst_status set_up_norm(bench *b)
{
    kdst_status status = make_images(b);
    if (!status) status = bench_make_tensor(b->ctx, b->c->dtype, 1, &b->c->shape[1], &b->weight);
    if (!status) status = bench_make_tensor(b->ctx, b->c->dtype, 1, &b->c->shape[1], &b->bias);
    if (!status) b->bytes = (NORM_READS + 1) * image_bytes(b->x);
    return status;
}

static kdst_status set_up_norm_backward(bench *b)
{
    kdst_status status = set_up_norm(b);
    if (!status) status = require_gradients(b, run_norm);
    if (!status) status = kdst_tensor_set_requires_grad(b->bias, 1);
    if (!status) b->bytes = (NORM_BACKWARD_READS + 1) * image_bytes(b->x);
    return status;
}

static kdst_status record_norm(bench *b)
{
    return record(b, run_norm);
}

/* ---- pooling: largest of each window ---- */

static kdst_status run_pool(bench *b)
{
    kdst_tensor *y = NULL;
    kdst_status status = kdst_max_pool2d(b->x, b->options, &y);
    bench_replace(&b->y, y);
    return status;
}

static kdst_status set_up_pool(bench *b)
{
    kdst_status status = make_images(b);
    if (!status) status = kdst_options_create(&b->options);
    if (!status) status = kdst_options_set_int(b->options, "kernel", b->c->window);
    if (!status) status = kdst_options_set_int(b->options, "stride", b->c->stride);
    if (!status) status = kdst_options_set_int(b->options, "padding", b->c->padding);
    if (!status) status = run_pool(b);
    if (!status) b->bytes = image_bytes(b->x) + image_bytes(b->y);
    return status;
}

static kdst_status set_up_pool_backward(bench *b)
{
    kdst_status status = set_up_pool(b);
    return status ? status : require_gradients(b, run_pool);
}

static kdst_status record_pool(bench *b)
{
    return record(b, run_pool);
}

const bench_kind bench_convolution = {set_up_convolution, NULL, run_convolution};
const bench_kind bench_convolution_backward = {set_up_convolution_backward, record_convolution, run_backward};
const bench_kind bench_norm = {set_up_norm, NULL, run_norm};
const bench_kind bench_norm_backward = {set_up_norm_backward, record_norm, run_backward};
const bench_kind bench_pool = {set_up_pool, NULL, run_pool};
const bench_kind bench_pool_backward = {set_up_pool_backward, record_pool, run_backward};
