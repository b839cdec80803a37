/* SPDX-License-Identifier: Apache-2.0 */
/* Terms between features in a trainer (see terms.h). The layers keep their outputs, so the networks run as ever. */
#include "train/trainer.h"

#include "tensor/tensor.h"

#include <kdst/elementwise.h>
#include <kdst/hook.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static void term_release(kdst__term *term)
{
    kdst__handle_release(term->regressor);
    kdst__handle_release(term->teacher);
    kdst__handle_release(term->student);
    kdst__handle_release(term->loss);
}

void kdst__terms_release(kdst_context *ctx, kdst__terms *terms)
{
    for (int64_t i = 0; i < terms->count; i++)
        term_release(&terms->all[i]);
    kdst__free(kdst__context_memory(ctx), terms->all, (size_t)terms->capacity * sizeof *terms->all);
}

/* ---- adding one ---- */

static kdst_status check(kdst_context *ctx, double weight, kdst_loss *loss, kdst_layer *const layers[3])
{
    static const char *const names[] = {"student", "teacher", "regressor"};
    if (!loss) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_add_term: loss is NULL");
    for (int i = 0; i < 2; i++)
        if (!layers[i]) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_add_term: %s is NULL", names[i]);
    if (((kdst__handle *)loss)->ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_add_term: loss belongs to another context");
    for (int i = 0; i < 3; i++)
        if (layers[i] && ((kdst__handle *)layers[i])->ctx != ctx)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_add_term: %s belongs to another context", names[i]);
    if (!kdst_loss_needs_teacher(loss))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_add_term: the loss %s compares nothing with a teacher",
            kdst_loss_get_name(loss));
    if (!isfinite(weight))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_add_term: weight is %g, expected a finite number", weight);
    return KDST_STATUS_OK;
}

static bool has_room(kdst_context *ctx, kdst__terms *terms)
{
    if (terms->count < terms->capacity) return true;
    int64_t capacity = terms->capacity ? 2 * terms->capacity : 4;
    kdst__term *all = kdst__realloc(
        kdst__context_memory(ctx), terms->all, (size_t)terms->capacity * sizeof *all, (size_t)capacity * sizeof *all);
    if (!all) return false;
    terms->all = all;
    terms->capacity = capacity;
    return true;
}

kdst_status kdst_trainer_add_term(
    kdst_trainer *t, kdst_loss *loss, double weight, kdst_layer *student, kdst_layer *teacher, kdst_layer *regressor)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    kdst_status status = check(ctx, weight, loss, (kdst_layer *const[]){student, teacher, regressor});
    if (!status && !has_room(ctx, &t->terms)) status = kdst__fail_memory(ctx, "trainer_add_term");
    if (!status) status = kdst_layer_keep_output(student, 1);
    if (!status) status = kdst_layer_keep_output(teacher, 1);
    if (status) return status;
    kdst__handle_retain(loss);
    kdst__handle_retain(student);
    kdst__handle_retain(teacher);
    kdst__handle_retain(regressor);
    t->terms.all[t->terms.count++] = (kdst__term){loss, weight, student, teacher, regressor};
    return KDST_STATUS_OK;
}

/* ---- in a step ---- */

/* The kept output of a layer; a message that says which term it is missed by. */
static kdst_status output_of(kdst_layer *layer, const char *whose, int64_t index, kdst_tensor **out)
{
    kdst_status status = kdst_layer_get_output(layer, 0, out);
    if (status != KDST_STATUS_NOT_FOUND && status != KDST_STATUS_STATE) return status;
    return kdst__fail(
        ((kdst__handle *)layer)->ctx, KDST_STATUS_STATE,
        "trainer_step: term %" PRId64 ": the %s's layer (%s) has not run: it is no part of the %s", index, whose,
        kdst_layer_get_kind(layer), whose);
}

static kdst_status add(const kdst__term *term, int64_t index, kdst_tensor **loss)
{
    kdst_tensor *s = NULL, *t = NULL, *joined = NULL, *value = NULL, *weighted = NULL, *sum = NULL;
    kdst_status status = output_of(term->student, "model", index, &s);
    if (!status) status = output_of(term->teacher, "teacher", index, &t);
    if (!status && term->regressor) {
        status = kdst_layer_set_training(term->regressor, 1);
        if (!status) status = kdst_layer_run(term->regressor, s, &joined);
    }
    if (!status) status = kdst_loss_run(term->loss, joined ? joined : s, t, NULL, &value);
    if (!status) status = kdst_mul_scalar(value, term->weight, &weighted);
    if (!status) status = kdst_add(*loss, weighted, &sum);
    if (!status) {
        kdst__handle_release(*loss);
        *loss = sum;
    }
    kdst__handle_release(weighted);
    kdst__handle_release(value);
    kdst__handle_release(joined);
    kdst__handle_release(t);
    kdst__handle_release(s);
    return status;
}

kdst_status kdst__terms_apply(const kdst__terms *terms, kdst_tensor **loss)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < terms->count && !status; i++)
        status = add(&terms->all[i], i, loss);
    return status;
}

/* ---- in a checkpoint ---- */

static const char *prefix_of(int64_t index, char text[32])
{
    snprintf(text, 32, "term%" PRId64 ".", index);
    return text;
}

kdst_status kdst__terms_put(const kdst__terms *terms, kdst_state *state)
{
    char prefix[32];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < terms->count && !status; i++)
        if (terms->all[i].regressor)
            status = kdst_state_add_layer(state, prefix_of(i, prefix), terms->all[i].regressor);
    return status;
}

static kdst_status check_entry(kdst_layer *layer, int64_t index, const char *prefix, kdst_state *state)
{
    kdst_context *ctx = ((kdst__handle *)layer)->ctx;
    char full[KDST__STATE_NAME + 1], a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    const char *name;
    kdst_tensor *own, *saved;
    kdst_status status = kdst_layer_get_state(layer, index, &name, &own, NULL);
    if (status) return status;
    if (snprintf(full, sizeof full, "%s%s", prefix, name) > KDST__STATE_NAME || kdst_state_get(state, full, &saved))
        return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint has no %s%s", prefix, name);
    if (saved->dtype == own->dtype && kdst__tensor_same_shape(saved, own)) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_STATE, "trainer_load: %s is %s %s, the regressor has %s %s", full,
        kdst_dtype_get_name(saved->dtype), kdst__shape_text(saved->rank, saved->shape, a), kdst_dtype_get_name(own->dtype),
        kdst__shape_text(own->rank, own->shape, b));
}

kdst_status kdst__terms_check(const kdst__terms *terms, kdst_state *state)
{
    char prefix[32];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < terms->count && !status; i++)
        for (int64_t k = 0; k < kdst_layer_get_state_count(terms->all[i].regressor) && !status; k++)
            status = check_entry(terms->all[i].regressor, k, prefix_of(i, prefix), state);
    return status;
}

kdst_status kdst__terms_load(const kdst__terms *terms, kdst_state *state)
{
    char prefix[32];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < terms->count && !status; i++) {
        if (!terms->all[i].regressor) continue;
        kdst_options *options = NULL;
        status = kdst_options_create(&options);
        if (!status) status = kdst_options_set_string(options, "prefix", prefix_of(i, prefix));
        if (!status) status = kdst_layer_load_state(terms->all[i].regressor, state, options);
        kdst_options_release(options);
    }
    return status;
}
