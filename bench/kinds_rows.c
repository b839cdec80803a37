/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels on matrices and rows: products, softmax, losses with their gradients, updates. Bytes as in kinds_images.c. */
#include "bench.h"

static double array_bytes(int64_t count, kdst_dtype dtype)
{
    return (double)count * (double)kdst_dtype_get_size(dtype);
}

/* ---- products: [m, k] times [k, n] ---- */

static kdst_status set_up_product(bench *b)
{
    const int64_t *s = b->c->shape, left[2] = {s[0], s[2]}, right[2] = {s[2], s[1]};
    b->flops = 2 * (double)s[0] * (double)s[1] * (double)s[2];
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, 2, left, &b->x);
    return status ? status : bench_make_tensor(b->ctx, b->c->dtype, 2, right, &b->weight);
}

static kdst_status run_product(bench *b)
{
    kdst_tensor *y = NULL;
    kdst_status status = kdst_matmul(b->x, b->weight, &y);
    bench_replace(&b->y, y);
    return status;
}

/* ---- softmax of rows ---- */

static kdst_status set_up_softmax(bench *b)
{
    b->bytes = 2 * array_bytes(b->c->shape[0] * b->c->shape[1], b->c->dtype);
    return bench_make_tensor(b->ctx, b->c->dtype, 2, b->c->shape, &b->x);
}

static kdst_status run_softmax(bench *b)
{
    kdst_tensor *y = NULL;
    kdst_status status = kdst_softmax(b->x, -1, &y);
    bench_replace(&b->y, y);
    return status;
}

/* ---- a loss of logits: value and gradient ---- */

static kdst_status set_up_loss(bench *b)
{
    const bench_case *c = b->c;
    kdst_status status = bench_make_tensor(b->ctx, c->dtype, 2, c->shape, &b->x);
    if (!status) status = bench_make_labels(b->ctx, c->shape[0], c->shape[1], &b->labels);
    if (!status) status = kdst_tensor_create(b->ctx, c->dtype, 2, c->shape, &b->dy);
    if (!status) status = c->loss(b->ctx, NULL, &b->loss);
    if (!status && kdst_loss_needs_teacher(b->loss))
        status = bench_make_tensor(b->ctx, c->dtype, 2, c->shape, &b->teacher);
    if (!status) b->bytes = (b->teacher ? 3 : 2) * array_bytes(c->shape[0] * c->shape[1], c->dtype);
    return status;
}

static kdst_status run_loss(bench *b)
{
    double value;
    return kdst_loss_compute(b->loss, b->x, b->teacher, b->labels, &value, b->dy);
}

/* ---- updates of a network's parameters, from gradients that are there ---- */

static kdst_status make_gradients(bench *b)
{
    kdst_tensor *y = NULL, *sum = NULL;
    kdst_status status = kdst_layer_run(b->model, b->x, &y);
    if (!status) status = kdst_sum(y, NULL, 0, 0, &sum);
    if (!status) status = kdst_backward(sum, NULL, NULL);
    kdst_tensor_release(sum);
    kdst_tensor_release(y);
    return status;
}

static int64_t count_parameters(kdst_layer *layer, kdst_status *status)
{
    int64_t total = 0, count = kdst_layer_get_state_count(layer);
    for (int64_t i = 0; i < count && !*status; i++) {
        kdst_tensor *tensor = NULL;
        int32_t is_parameter = 0;
        *status = kdst_layer_get_state(layer, i, NULL, &tensor, &is_parameter);
        if (!*status && is_parameter) total += kdst_tensor_get_count(tensor);
    }
    return total;
}

static kdst_status make_optimizer(bench *b)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_float(options, "learning_rate", 1e-6);
    if (!status && b->c->optimizer == kdst_optimizer_sgd_create)
        status = kdst_options_set_float(options, "momentum", 0.9);
    if (!status) status = kdst_options_set_float(options, "weight_decay", 5e-4);
    if (!status) status = b->c->optimizer(b->ctx, options, &b->optimizer);
    if (!status) status = kdst_optimizer_add_layer(b->optimizer, b->model);
    kdst_options_release(options);
    return status;
}

static kdst_status set_up_update(bench *b)
{
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, b->c->rank, b->c->shape, &b->x);
    if (!status) status = kdst_model_create(b->ctx, b->c->model, NULL, &b->model);
    if (!status) status = make_optimizer(b);
    if (!status) status = make_gradients(b);
    if (status) return status;
    /* Weight and momentum are read and written, the gradient is read; Adam has two moments. */
    int arrays = b->c->optimizer == kdst_optimizer_sgd_create ? 5 : 7;
    b->bytes = arrays * array_bytes(count_parameters(b->model, &status), b->c->dtype);
    return status;
}

static kdst_status run_update(bench *b)
{
    return kdst_optimizer_run(b->optimizer);
}

/* The norm of all gradients, which are not too long. */
static kdst_status set_up_clip(bench *b)
{
    kdst_status status = set_up_update(b);
    if (!status) status = kdst_optimizer_clip_norm(b->optimizer, 0.5, NULL, NULL);
    if (!status) b->bytes = array_bytes(count_parameters(b->model, &status), b->c->dtype);
    return status;
}

static kdst_status run_clip(bench *b)
{
    return kdst_optimizer_clip_norm(b->optimizer, 1, NULL, NULL);
}

const bench_kind bench_product = {set_up_product, NULL, run_product};
const bench_kind bench_softmax = {set_up_softmax, NULL, run_softmax};
const bench_kind bench_loss = {set_up_loss, NULL, run_loss};
const bench_kind bench_update = {set_up_update, NULL, run_update};
const bench_kind bench_clip = {set_up_clip, NULL, run_clip};
