/* SPDX-License-Identifier: Apache-2.0 */
/* Deep mutual learning (Zhang et al., CVPR 2018): the training step of M networks that teach each other.
 *
 * simultaneous (public code): all forward passes, then each network's loss against the others' predictions, then all updates.
 * alternating (the paper's algorithm): a network is updated before the next one's loss is taken, and its predictions on the batch are made
 * anew, by one more forward pass in training mode.
 */
#include "nn/layer.h"
#include "nn/loss.h"

#include <kdst/optimizer.h>
#include <kdst/transfer.h>

#include <inttypes.h>

typedef struct peer {
    kdst_layer *model;
    kdst_optimizer *optimizer;
    kdst_tensor *logits; /* during a step: the latest prediction */
    double loss;
} peer;

struct kdst_peers {
    kdst__handle base;
    kdst_loss *loss;
    int32_t alternating;
    int64_t count, capacity;
    peer *peers;
};

typedef struct config {
    int32_t schedule;
} config;

static const kdst__option options[] = {
    KDST__CHOICE(
        config, schedule, "simultaneous", "simultaneous|alternating",
        "all networks are updated together, or one after the other with fresh predictions"),
};
const kdst__schema kdst__schema_peers = {"peers", options, KDST__COUNT(options), NULL, 0};

static void destroy(void *object)
{
    kdst_peers *p = object;
    for (int64_t i = 0; i < p->count; i++) {
        kdst__handle_release(p->peers[i].logits);
        kdst_optimizer_release(p->peers[i].optimizer);
        kdst_layer_release(p->peers[i].model);
    }
    kdst__free(kdst__context_memory(p->base.ctx), p->peers, (size_t)p->capacity * sizeof *p->peers);
    kdst_loss_release(p->loss);
}

static const kdst__class class = {"peers", destroy};

kdst_status kdst_peers_create(kdst_context *ctx, kdst_loss *loss, const kdst_options *given, kdst_peers **out)
{
    config c;
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (loss == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_create: %s is NULL", loss == NULL ? "loss" : "out");
    if (loss->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_create: loss belongs to another context");
    if (!kdst_loss_needs_teacher(loss))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_create: the loss %s reads no peers' logits, mutual does",
            loss->config.name);
    kdst_status status = kdst__options_parse(ctx, "peers_create", &kdst__schema_peers, given, &c);
    if (status != KDST_STATUS_OK) return status;
    kdst_peers *p = kdst__handle_create(ctx, &class, sizeof *p);
    if (p == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    p->alternating = c.schedule;
    kdst__handle_retain(p->loss = loss);
    *out = p;
    return KDST_STATUS_OK;
}

void kdst_peers_retain(kdst_peers *peers)
{
    kdst__handle_retain(peers);
}

void kdst_peers_release(kdst_peers *peers)
{
    kdst__handle_release(peers);
}

int64_t kdst_peers_get_count(const kdst_peers *peers)
{
    return peers == NULL ? 0 : peers->count;
}

kdst_status kdst_peers_add(kdst_peers *p, kdst_layer *model, kdst_optimizer *optimizer)
{
    if (p == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = p->base.ctx;
    kdst__enter(ctx);
    if (model == NULL || optimizer == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_add: %s is NULL", model == NULL ? "model" : "optimizer");
    if (model->base.ctx != ctx || ((kdst__handle *)optimizer)->ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_add: %s belongs to another context",
            model->base.ctx != ctx ? "model" : "optimizer");
    for (int64_t i = 0; i < p->count; i++)
        if (p->peers[i].model == model || p->peers[i].optimizer == optimizer)
            return kdst__fail(
                ctx, KDST_STATUS_STATE, "peers_add: %s is peer %" PRId64 " already",
                p->peers[i].model == model ? "model" : "optimizer", i);
    if (p->count == p->capacity) {
        int64_t capacity = p->capacity == 0 ? 4 : 2 * p->capacity;
        peer *grown = kdst__realloc(
            kdst__context_memory(ctx), p->peers, (size_t)p->capacity * sizeof *grown, (size_t)capacity * sizeof *grown);
        if (grown == NULL) return kdst__fail_memory(ctx, "peers_add");
        p->peers = grown;
        p->capacity = capacity;
    }
    kdst__handle_retain(model);
    kdst__handle_retain(optimizer);
    p->peers[p->count++] = (peer){.model = model, .optimizer = optimizer};
    return KDST_STATUS_OK;
}

/* ---- a step ---- */

/* The latest predictions of all peers but i, as constants [M - 1, B, K]. */
static kdst_status others(const kdst_peers *p, int64_t i, kdst_tensor **out)
{
    kdst_tensor *own = p->peers[i].logits, *all = NULL, *slot = NULL;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (own->rank != 2)
        return kdst__fail(
            p->base.ctx, KDST_STATUS_SHAPE, "peers_step: peer %" PRId64 " gives %s, expected logits [B, K]", i,
            kdst__shape_text(own->rank, own->shape, a));
    const int64_t shape[] = {p->count - 1, own->shape[0], own->shape[1]}, size = shape[1] * shape[2];
    kdst_status status = kdst__tensor_new(p->base.ctx, "peers_step", own->dtype, 3, shape, false, &all);
    for (int64_t j = 0, at = 0; j < p->count && status == KDST_STATUS_OK; j++) {
        kdst_tensor *z = p->peers[j].logits;
        if (j == i) continue;
        if (!kdst__tensor_same_shape(z, own))
            status = kdst__fail(
                p->base.ctx, KDST_STATUS_SHAPE, "peers_step: peer %" PRId64 " gives %s, peer %" PRId64 " %s", j,
                kdst__shape_text(z->rank, z->shape, a), i, kdst__shape_text(own->rank, own->shape, b));
        if (status == KDST_STATUS_OK)
            status = kdst__tensor_view("peers_step", all, 2, shape + 1, all->stride + 1, at++ * size, &slot);
        if (status == KDST_STATUS_OK) status = kdst__tensor_assign("peers_step", slot, z);
        kdst_tensor_release(slot);
        slot = NULL;
    }
    if (status != KDST_STATUS_OK) {
        kdst_tensor_release(all);
        return status;
    }
    *out = all;
    return KDST_STATUS_OK;
}

/* Loss of peer i and its gradients. */
static kdst_status learn(kdst_peers *p, int64_t i, kdst_tensor *labels)
{
    kdst_tensor *guides = NULL, *loss = NULL;
    kdst_status status = others(p, i, &guides);
    if (status == KDST_STATUS_OK) status = kdst_loss_run(p->loss, p->peers[i].logits, guides, labels, &loss);
    if (status == KDST_STATUS_OK) status = kdst_tensor_get_value(loss, &p->peers[i].loss);
    if (status == KDST_STATUS_OK && !isfinite(p->peers[i].loss))
        status = kdst__fail(
            p->base.ctx, KDST_STATUS_STATE, "peers_step: the loss of peer %" PRId64 " is %g", i, p->peers[i].loss);
    if (status == KDST_STATUS_OK) status = kdst_backward(loss, NULL, NULL);
    kdst_tensor_release(loss);
    kdst_tensor_release(guides);
    return status;
}

static kdst_status predict(kdst_peers *p, int64_t i, kdst_tensor *x)
{
    kdst_tensor *logits = NULL;
    kdst_status status = kdst_layer_run(p->peers[i].model, x, &logits);
    if (status != KDST_STATUS_OK) return status;
    kdst_tensor_release(p->peers[i].logits);
    p->peers[i].logits = logits;
    return KDST_STATUS_OK;
}

/* Predictions of an updated peer for those after it; nothing is recorded. */
static kdst_status predict_again(kdst_peers *p, int64_t i, kdst_tensor *x)
{
    if (i + 1 == p->count) return KDST_STATUS_OK;
    if (!kdst__no_grad_push(p->base.ctx)) return kdst__fail_memory(p->base.ctx, "peers_step");
    kdst_status status = predict(p, i, x);
    kdst__no_grad_pop(p->base.ctx);
    return status;
}

static kdst_status step(kdst_peers *p, kdst_tensor *x, kdst_tensor *labels)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < p->count && status == KDST_STATUS_OK; i++) {
        status = kdst_optimizer_clear_grads(p->peers[i].optimizer);
        if (status == KDST_STATUS_OK) status = kdst_layer_set_training(p->peers[i].model, 1);
        if (status == KDST_STATUS_OK) status = predict(p, i, x);
    }
    for (int64_t i = 0; i < p->count && status == KDST_STATUS_OK; i++) {
        status = learn(p, i, labels);
        if (status == KDST_STATUS_OK && p->alternating) status = kdst_optimizer_run(p->peers[i].optimizer);
        if (status == KDST_STATUS_OK && p->alternating) status = predict_again(p, i, x);
    }
    for (int64_t i = 0; i < p->count && status == KDST_STATUS_OK && !p->alternating; i++)
        status = kdst_optimizer_run(p->peers[i].optimizer);
    return status;
}

kdst_status kdst_peers_step(kdst_peers *p, kdst_tensor *x, kdst_tensor *labels, double *out_losses, int64_t capacity)
{
    if (p == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = p->base.ctx;
    kdst__enter(ctx);
    if (x == NULL || labels == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_step: %s NULL", x == NULL ? "x is" : "labels are");
    if (p->count < 2)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "peers_step: there are %" PRId64 " peers, at least 2 are needed", p->count);
    if (out_losses != NULL && capacity < p->count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "peers_step: capacity is %" PRId64 ", there are %" PRId64 " peers",
            capacity, p->count);
    kdst__handle_retain(p); /* a callback of a model may release it */
    kdst_status status = step(p, x, labels);
    for (int64_t i = 0; i < p->count; i++) {
        if (status == KDST_STATUS_OK && out_losses != NULL) out_losses[i] = p->peers[i].loss;
        kdst_tensor_release(p->peers[i].logits);
        p->peers[i].logits = NULL;
    }
    kdst__handle_release(p);
    return status;
}
