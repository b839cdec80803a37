/* SPDX-License-Identifier: Apache-2.0 */
/* Cases that are a whole network or layer: a training step, an inference, a layer with its gradients. */
#include "bench.h"

enum { CLASSES = 10 };

static kdst_status make_model(bench *b)
{
    const bench_case *c = b->c;
    kdst_options *options = NULL;
    if (c->make) return c->make(b->ctx, c, &b->model);
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_int(options, "channels", c->shape[1]);
    if (!status) status = kdst_options_set_int(options, "image_size", c->shape[2]);
    if (!status) status = kdst_options_set_int(options, "classes", CLASSES);
    if (!status) status = kdst_model_create(b->ctx, c->model, options, &b->model);
    kdst_options_release(options);
    return status;
}

/* ---- a training step ---- */

static kdst_status set_up_step(bench *b)
{
    kdst_options *sgd = NULL;
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, b->c->rank, b->c->shape, &b->x);
    if (!status) status = bench_make_labels(b->ctx, b->c->shape[0], CLASSES, &b->labels);
    if (!status) status = make_model(b);
    if (!status) status = kdst_options_create(&sgd);
    if (!status) status = kdst_options_set_float(sgd, "learning_rate", 1e-3);
    if (!status) status = kdst_options_set_float(sgd, "momentum", 0.9);
    if (!status) status = kdst_options_set_float(sgd, "weight_decay", 5e-4);
    if (!status) status = kdst_optimizer_sgd_create(b->ctx, sgd, &b->optimizer);
    if (!status) status = kdst_optimizer_add_layer(b->optimizer, b->model);
    kdst_options_release(sgd);
    return status;
}

static kdst_status run_step(bench *b)
{
    kdst_tensor *logits = NULL, *loss = NULL;
    kdst_status status = kdst_optimizer_clear_grads(b->optimizer);
    if (!status) status = kdst_layer_run(b->model, b->x, &logits);
    if (!status) status = kdst_cross_entropy(logits, b->labels, &loss);
    if (!status) status = kdst_backward(loss, NULL, NULL);
    if (!status) status = kdst_optimizer_run(b->optimizer);
    kdst_tensor_release(loss);
    kdst_tensor_release(logits);
    return status;
}

/* ---- an inference ---- */

static kdst_status set_up_inference(bench *b)
{
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, b->c->rank, b->c->shape, &b->x);
    if (!status) status = make_model(b);
    return status ? status : kdst_frozen_create(b->model, 1, NULL, &b->c->rank, b->c->shape, NULL, &b->frozen);
}

static kdst_status run_inference(bench *b)
{
    kdst_tensor *logits = NULL;
    kdst_status status = kdst_frozen_run(b->frozen, b->x, &logits);
    kdst_tensor_release(logits);
    return status;
}

/* ---- a layer forward, the sum of what comes out, and the gradients of input and parameters ---- */

static kdst_status set_up_layer(bench *b)
{
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, b->c->rank, b->c->shape, &b->x);
    if (!status) status = kdst_tensor_set_requires_grad(b->x, 1);
    return status ? status : b->c->make(b->ctx, b->c, &b->model);
}

static kdst_status run_layer(bench *b)
{
    kdst_tensor *y = NULL, *sum = NULL;
    kdst_status status = kdst_layer_clear_grads(b->model);
    if (!status) status = kdst_tensor_clear_grad(b->x);
    if (!status) status = kdst_layer_run(b->model, b->x, &y);
    if (!status) status = kdst_sum(y, NULL, 0, 0, &sum);
    if (!status) status = kdst_backward(sum, NULL, NULL);
    kdst_tensor_release(sum);
    kdst_tensor_release(y);
    return status;
}

const bench_kind bench_step = {set_up_step, NULL, run_step};
const bench_kind bench_inference = {set_up_inference, NULL, run_inference};
const bench_kind bench_layer = {set_up_layer, NULL, run_layer};
