/* SPDX-License-Identifier: Apache-2.0 */
/* A training step of a spiking network as the official code of TSSL-BP makes it (Zhang and Li 2020): a static input over five steps,
 * kernel loss, gradients clipped to a norm of 1, AdamW. `model` is the architecture in the notation of the paper.
 */
#include "bench.h"

#include <string.h>

static kdst_status make_network(bench *b)
{
    const bench_case *c = b->c;
    kdst_neuron *neuron = NULL;
    kdst_options *o = NULL;
    kdst_status status = kdst_neuron_create(b->ctx, NULL, &neuron);
    if (!status) status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "channels", c->shape[1]);
    if (!status) status = kdst_options_set_int(o, "image_size", c->shape[2]);
    if (!status) status = kdst_options_set_int(o, "padding", c->padding);
    if (!status) status = kdst_spiking_network_create(b->ctx, c->model, neuron, o, &b->model);
    kdst_options_release(o);
    kdst_neuron_release(neuron);
    return status;
}

static kdst_status set_up(bench *b)
{
    kdst_options *adamw = NULL;
    kdst_status status = bench_make_tensor(b->ctx, b->c->dtype, b->c->rank, b->c->shape, &b->x);
    if (!status) status = bench_make_labels(b->ctx, b->c->shape[0], 10, &b->labels);
    if (!status) status = make_network(b);
    if (!status) status = kdst_loss_spike_kernel_create(b->ctx, NULL, &b->loss);
    if (!status) status = kdst_options_create(&adamw);
    if (!status) status = kdst_options_set_float(adamw, "learning_rate", 5e-4);
    if (!status) status = kdst_options_set_float(adamw, "weight_decay", 0.01);
    if (!status) status = kdst_optimizer_adamw_create(b->ctx, adamw, &b->optimizer);
    if (!status) status = kdst_optimizer_add_layer(b->optimizer, b->model);
    kdst_options_release(adamw);
    return status;
}

static kdst_status run(bench *b)
{
    kdst_tensor *psc = NULL, *loss = NULL;
    kdst_status status = kdst_optimizer_clear_grads(b->optimizer);
    if (!status) status = kdst_layer_run(b->model, b->x, &psc);
    if (!status) status = kdst_loss_run(b->loss, psc, NULL, b->labels, &loss);
    if (!status) status = kdst_backward(loss, NULL, NULL);
    if (!status) status = kdst_optimizer_clip_norm(b->optimizer, 1, NULL, NULL);
    if (!status) status = kdst_optimizer_run(b->optimizer);
    kdst_tensor_release(loss);
    kdst_tensor_release(psc);
    return status;
}

const bench_kind bench_spiking_step = {set_up, NULL, run};
