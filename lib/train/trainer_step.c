/* SPDX-License-Identifier: Apache-2.0 */
/* One update: batches, forward, loss, backward, clipping, the optimiser's step, the moving average.
 *
 * In order, for each of `accumulate` batches: next batch -> teacher logits (eval, not recorded) -> student logits -> loss -> backward; then
 * clipping by value, by norm -> learning rate of the step -> update -> weights clamped -> average. Whatever fails before the update leaves parameters and
 * position as they were, but for the running statistics of batch norms and the batches that were taken.
 *
 * Accumulation: with batches of n_1 … n_k samples the gradient is sum_i n_i g_i / sum_i n_i, the one of a batch of them all, whatever
 * the n_i are; so the last group of an epoch may be short in batches and samples.
 */
#include "train/trainer.h"

#include "autograd/op.h"
#include "nn/average.h"
#include "nn/layer.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/metrics.h"
#include "train/mixed_loss.h"
#include "train/recompute.h"
#include "train/watch.h"

#include <math.h>

/* What the batches of one update add up to. */
typedef struct group {
    int64_t batches, samples, hits;
    double loss_sum; /* loss times samples */
} group;

/* A batch of the loader; `others` and `weight` are the second labels and the share of the first ones where it mixes. */
typedef struct batch {
    kdst_tensor *x, *y, *others;
    double weight;
} batch;

static void batch_release(batch *b)
{
    kdst__handle_release(b->others);
    kdst__handle_release(b->y);
    kdst__handle_release(b->x);
}

/* Logits of the teacher: eval mode, nothing recorded. */
static kdst_status run_teacher(kdst_trainer *t, kdst_tensor *x, kdst_tensor **out)
{
    if (!t->teacher) {
        if (t->terms.count > 0)
            return kdst__fail(
                t->base.ctx, KDST_STATUS_STATE,
                "trainer_step: term 0, %s, needs a teacher; set one with trainer_set_teacher",
                kdst_loss_get_name(t->terms.all[0].loss));
        if (!kdst_loss_needs_teacher(t->loss)) return KDST_STATUS_OK;
        return kdst__fail(
            t->base.ctx, KDST_STATUS_STATE,
            "trainer_step: the loss %s needs a teacher; set one with trainer_set_teacher", kdst_loss_get_name(t->loss));
    }
    if (!kdst__eval_push(t->base.ctx)) return kdst__fail_memory(t->base.ctx, "trainer_step");
    kdst_status status = kdst_layer_run(t->teacher, x, out);
    kdst__eval_pop(t->base.ctx);
    return status;
}

/* The tensors of one batch's forward pass. */
typedef struct pass {
    kdst_tensor *guide, *logits, *loss;
    kdst__stream_position streams; /* before the model ran */
    double value;
} pass;

static void pass_release(pass *p)
{
    kdst__handle_release(p->loss);
    kdst__handle_release(p->logits);
    kdst__handle_release(p->guide);
}

/* After a loss that failed or is not finite: says so, and where it began, when it is a matter of numbers. */
static kdst_status explain(kdst_trainer *t, const batch *b, const pass *p, kdst_status status)
{
    kdst_context *ctx = t->base.ctx;
    char text[KDST__WATCH_TEXT];
    const char *what = NULL;
    bool teacher = false;
    if (!status)
        what = "loss";
    else if (status != KDST_STATUS_INVALID_ARGUMENT || !p->logits)
        return status;
    else if (!kdst__layer_is_finite(p->logits))
        what = "model's output";
    else if (!kdst__layer_is_finite(p->guide))
        what = "teacher's output";
    if (!what) return status; /* a label out of range, say */
    teacher = kdst__layer_is_finite(p->logits) && p->guide && !kdst__layer_is_finite(p->guide);
    kdst__watch_forward(teacher ? t->teacher : t->model, b->x, &p->streams, teacher, text);
    if (status)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "trainer_step: the %s is not finite at step %lld%s%s", what, (long long)t->at.step,
            text, teacher ? " of the teacher" : "");
    return kdst__fail(
        ctx, KDST_STATUS_STATE, "trainer_step: the loss is %s at step %lld%s%s",
        isnan(p->value)    ? "nan"
            : p->value > 0 ? "inf"
                           : "-inf",
        (long long)t->at.step, text, teacher ? " of the teacher" : "");
}

static kdst_status forward(kdst_trainer *t, const batch *b, pass *p)
{
    kdst_status status = run_teacher(t, b->x, &p->guide);
    if (!status) status = kdst_layer_set_training(t->model, 1);
    if (!status) status = kdst_context_get_random(t->base.ctx, &p->streams.seed, &p->streams.stream);
    if (!status) status = kdst_layer_run(t->model, b->x, &p->logits);
    if (!status) status = kdst__mixed_loss(t->loss, p->logits, p->guide, b->y, b->others, b->weight, &p->loss);
    if (!status) status = kdst__terms_apply(&t->terms, &p->loss);
    if (!status) status = kdst_tensor_get_value(p->loss, &p->value);
    return status || !isfinite(p->value) ? explain(t, b, p, status) : status;
}

/* Gradients of `weight` times the loss; weight 1 needs no tensor. */
static kdst_status backward(kdst_tensor *loss, double weight)
{
    kdst_tensor *d = NULL;
    if (weight == 1) return kdst_backward(loss, NULL, NULL);
    kdst_status status = kdst__tensor_new_like("trainer_step", loss, false, &d);
    if (!status) status = kdst_tensor_set_value(d, weight);
    if (!status) status = kdst_backward(loss, d, NULL);
    kdst__handle_release(d);
    return status;
}

/* Loss, its gradients, and how many of the batch are right: of a mixed one, have the label with the larger share. */
static kdst_status learn_once(kdst_trainer *t, const batch *b, bool weighted, group *g)
{
    pass p = {.value = NAN};
    int64_t n = kdst_tensor_get_size(b->x, 0);
    kdst_tensor *scores = NULL;
    kdst_status status = forward(t, b, &p);
    if (!status) status = backward(p.loss, weighted ? (double)n : 1);
    if (!status) status = kdst__metrics_scores(p.logits, &scores);
    if (!status) {
        g->hits += kdst__metrics_count_hits(scores, b->weight < 0.5 ? b->others : b->y);
        g->samples += n;
        g->loss_sum += p.value * (double)n;
    }
    kdst__handle_release(scores);
    pass_release(&p);
    return status;
}

static kdst_status learn(kdst_trainer *t, const batch *b, bool weighted, group *g)
{
    kdst__stream_position streams;
    kdst_status status = kdst__recompute_note(t, &streams);
    if (!status) status = learn_once(t, b, weighted, g);
    while (status == KDST_STATUS_OUT_OF_MEMORY && kdst__recompute_more(t, &streams))
        status = learn_once(t, b, weighted, g);
    return status;
}

/* Batch number `number` of the running epoch. */
static kdst_status next_batch(kdst_trainer *t, int64_t number, batch *b)
{
    kdst_status status = KDST_STATUS_OK;
    /* a new epoch, a step that failed after it took its batch, a checkpoint, or another user of the loader */
    if (kdst_loader_get_epoch(t->loader) != t->at.epoch || kdst_loader_get_position(t->loader) != number) {
        status = kdst_loader_set_epoch(t->loader, t->at.epoch);
        if (!status) status = kdst_loader_set_position(t->loader, number);
    }
    if (!status && kdst_loader_get_mixes(t->loader))
        status = kdst_loader_next_mixed(t->loader, &b->x, &b->y, &b->others, &b->weight);
    else if (!status)
        status = kdst_loader_next(t->loader, &b->x, &b->y);
    if (!status && !b->x)
        status = kdst__fail(
            t->base.ctx, KDST_STATUS_STATE, "trainer_step: the loader ended after %lld of %lld batches",
            (long long)number, (long long)kdst_loader_get_batches(t->loader));
    return status;
}

/* The gradients of all batches of the group. */
static kdst_status learn_group(kdst_trainer *t, group *g)
{
    kdst_status status = kdst_optimizer_clear_grads(t->optimizer);
    for (int64_t i = 0; i < g->batches && !status; i++) {
        batch b = {.weight = 1};
        if (i > 0) status = kdst__check_cancelled(t->base.ctx, "trainer_step");
        if (!status) status = next_batch(t, t->at.batch + i, &b);
        if (!status) status = learn(t, &b, g->batches > 1, g);
        batch_release(&b);
    }
    if (status || g->batches == 1) return status;
    kdst__optimizer_scale(t->optimizer, 1 / (double)g->samples);
    return KDST_STATUS_OK;
}

static kdst_status rate_of(kdst_trainer *t, double *out)
{
    double factor = 1;
    kdst_status status = t->schedule ? kdst_schedule_get_factor(t->schedule, t->at.step, &factor) : KDST_STATUS_OK;
    *out = t->base_rate * factor;
    return status;
}

/* Clips and updates; a gradient that is not finite is told by name. */
static kdst_status update(kdst_trainer *t, double *out_rate, double *out_norm)
{
    kdst_status status = rate_of(t, out_rate);
    *out_norm = NAN;
    if (!status && t->config.clip_value > 0) status = kdst_optimizer_clip_value(t->optimizer, t->config.clip_value);
    if (!status) status = kdst_optimizer_set_learning_rate(t->optimizer, *out_rate);
    if (!status) status = kdst__optimizer_step(t->optimizer, t->config.clip_norm, out_norm);
    if (!status && t->config.weight_bound > 0)
        status = kdst_optimizer_clamp(t->optimizer, -t->config.weight_bound, t->config.weight_bound);
    if (status != KDST_STATUS_STATE) return status;
    const char *name = kdst__watch_gradients(t);
    if (!name) return status;
    return kdst__fail(
        t->base.ctx, KDST_STATUS_STATE,
        "trainer_step: a gradient is not finite at step %lld; first on the way back: \"%.255s\"", (long long)t->at.step,
        name);
}

static void advance(kdst_trainer *t, const group *g, double rate)
{
    kdst__run_position *at = &t->at;
    if (at->batch == 0) {
        at->samples = at->hits = 0;
        at->loss_sum = 0;
    }
    at->step++;
    at->batch += g->batches;
    at->samples += g->samples;
    at->hits += g->hits;
    at->loss_sum += g->loss_sum;
    at->loss = g->loss_sum / (double)g->samples;
    at->learning_rate = rate;
    at->epoch_loss = at->loss_sum / (double)at->samples;
    at->epoch_accuracy = (double)at->hits / (double)at->samples;
}

kdst_status kdst__trainer_update(kdst_trainer *t)
{
    int64_t left = kdst_loader_get_batches(t->loader) - t->at.batch;
    group g = {.batches = t->config.accumulate < left ? t->config.accumulate : left};
    double rate = 0, norm = NAN;
    kdst_status status = learn_group(t, &g);
    if (!status) status = update(t, &rate, &norm);
    if (status) return status;
    if (t->average && t->at.epoch < t->config.average_from)
        kdst__average_take(t->average);
    else if (t->average)
        status = kdst_average_update(t->average);
    t->gradient_norm = norm;
    advance(t, &g, rate);
    return status;
}
