/* SPDX-License-Identifier: Apache-2.0 */
/* What every optimiser has: its tensors, their state, the step. The formulas are in sgd.c, adam.c and rmsprop.c.
 *
 * A step first looks at every gradient and makes every missing state tensor; only then does it write, and writing cannot fail.
 * State is kept for each tensor with a counter of its own, so that a tensor without a gradient in some step
 * is treated as PyTorch does: as if that step had not been.
 */
#include "nn/optimizer.h"

#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

static void empty_entry(kdst__memory *memory, kdst__optimizer_entry *entry)
{
    for (int32_t s = 0; s < KDST__OPTIMIZER_SLOTS; s++)
        kdst_tensor_release(entry->slots[s]);
    kdst_tensor_release(entry->tensor);
    kdst__free(memory, entry->names, entry->name_bytes);
}

static void destroy(void *object)
{
    kdst_optimizer *optimizer = object;
    kdst__memory *memory = kdst__context_memory(optimizer->base.ctx);
    for (int64_t i = 0; i < optimizer->count; i++)
        empty_entry(memory, &optimizer->entries[i]);
    kdst__free(memory, optimizer->entries, (size_t)optimizer->capacity * sizeof *optimizer->entries);
    kdst__free(memory, optimizer->spans, (size_t)optimizer->span_capacity * sizeof *optimizer->spans);
}

static const kdst__class class = {"optimizer", destroy};

kdst_status kdst__optimizer_begin(kdst_context *ctx, const char *function, kdst_optimizer **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    return KDST_STATUS_OK;
}

kdst_status kdst__optimizer_new(kdst_context *ctx, const kdst__optimizer_kind *kind, kdst_optimizer **out)
{
    *out = kdst__handle_create(ctx, &class, kind->bytes);
    if (*out == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    (*out)->kind = kind;
    return KDST_STATUS_OK;
}

void kdst_optimizer_retain(kdst_optimizer *optimizer)
{
    kdst__handle_retain(optimizer);
}

void kdst_optimizer_release(kdst_optimizer *optimizer)
{
    kdst__handle_release(optimizer);
}

/* ---- tensors ---- */

static kdst_status check_tensor(kdst_optimizer *optimizer, const char *function, const char *name, kdst_tensor *tensor)
{
    kdst_context *ctx = optimizer->base.ctx;
    if (name[0] == '\0') return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: name is empty", function);
    if (tensor->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: \"%.255s\" belongs to another context", function, name);
    if (!kdst__dtype_is_float(tensor->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: \"%.255s\" is %s, allowed are float32 and float64", function, name,
            kdst_dtype_get_name(tensor->dtype));
    if (tensor->node != NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "%s: \"%.255s\" is the result of a recorded operation; only leaves get a gradient", function, name);
    if (!kdst__tensor_contiguous(tensor))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: \"%.255s\" is not contiguous", function, name);
    for (int64_t i = 0; i < optimizer->count; i++) {
        const kdst__optimizer_entry *other = &optimizer->entries[i];
        if (other->tensor == tensor || strcmp(other->names, name) == 0)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: \"%.255s\" was added before, as \"%.255s\"", function, name,
                other->names);
    }
    return KDST_STATUS_OK;
}

/* The names of an entry, in one block. */
static bool
make_names(const kdst_optimizer *optimizer, const char *prefix, const char *own, kdst__optimizer_entry *entry)
{
    size_t before = strlen(prefix), length = before + strlen(own), bytes = length + 1;
    for (int32_t s = 0; s < optimizer->slot_count; s++)
        bytes += length + strlen(optimizer->slot_suffix[s]) + 2;
    char *at = kdst__alloc(kdst__context_memory(optimizer->base.ctx), bytes);
    if (at == NULL) return false;
    entry->names = at;
    entry->name_bytes = bytes;
    const char *name = at;
    memcpy(at, prefix, before);
    strcpy(at + before, own);
    at += length + 1;
    for (int32_t s = 0; s < optimizer->slot_count; s++) {
        entry->slot_names[s] = at;
        memcpy(at, name, length);
        at[length] = '.';
        strcpy(at + length + 1, optimizer->slot_suffix[s]);
        at += strlen(at) + 1;
    }
    return true;
}

static bool grow_spans(kdst_optimizer *optimizer, int64_t capacity)
{
    if (capacity <= optimizer->span_capacity) return true;
    kdst__span *spans = kdst__realloc(
        kdst__context_memory(optimizer->base.ctx), optimizer->spans, (size_t)optimizer->span_capacity * sizeof *spans,
        (size_t)capacity * sizeof *spans);
    if (spans == NULL) return false;
    optimizer->spans = spans;
    optimizer->span_capacity = capacity;
    return true;
}

static kdst_status grow(kdst_optimizer *optimizer, const char *function)
{
    if (optimizer->count < optimizer->capacity) return KDST_STATUS_OK;
    int64_t capacity = optimizer->capacity == 0 ? 16 : 2 * optimizer->capacity;
    if (!grow_spans(optimizer, capacity)) return kdst__fail_memory(optimizer->base.ctx, function);
    kdst__optimizer_entry *entries = kdst__realloc(
        kdst__context_memory(optimizer->base.ctx), optimizer->entries, (size_t)optimizer->capacity * sizeof *entries,
        (size_t)capacity * sizeof *entries);
    if (entries == NULL) return kdst__fail_memory(optimizer->base.ctx, function);
    optimizer->entries = entries;
    optimizer->capacity = capacity;
    return KDST_STATUS_OK;
}

kdst_status kdst__optimizer_add(
    kdst_optimizer *optimizer, const char *function, const char *prefix, const char *name, kdst_tensor *tensor,
    double rate_factor, double weight_decay)
{
    kdst__optimizer_entry entry = {.rate_factor = rate_factor, .weight_decay = weight_decay};
    if (!make_names(optimizer, prefix, name, &entry)) return kdst__fail_memory(optimizer->base.ctx, function);
    kdst_status status = check_tensor(optimizer, function, entry.names, tensor);
    if (status == KDST_STATUS_OK) status = grow(optimizer, function);
    if (status != KDST_STATUS_OK) {
        empty_entry(kdst__context_memory(optimizer->base.ctx), &entry);
        return status;
    }
    kdst_tensor_retain(tensor);
    entry.tensor = tensor;
    optimizer->entries[optimizer->count++] = entry;
    return KDST_STATUS_OK;
}

const kdst__optimizer_entry *kdst__optimizer_find(const kdst_optimizer *optimizer, const kdst_tensor *tensor)
{
    for (int64_t i = 0; i < optimizer->count; i++)
        if (optimizer->entries[i].tensor == tensor) return &optimizer->entries[i];
    return NULL;
}

void kdst__optimizer_cut(kdst_optimizer *optimizer, int64_t count)
{
    while (optimizer->count > count)
        empty_entry(kdst__context_memory(optimizer->base.ctx), &optimizer->entries[--optimizer->count]);
}

kdst_status kdst_optimizer_add_tensor(kdst_optimizer *optimizer, const char *name, kdst_tensor *tensor)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    if (name == NULL || tensor == NULL)
        return kdst__fail(
            optimizer->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "optimizer_add_tensor: %s is NULL",
            name == NULL ? "name" : "tensor");
    return kdst__optimizer_add(optimizer, "optimizer_add_tensor", "", name, tensor, 1, optimizer->weight_decay);
}

kdst_status kdst_optimizer_add_layer(kdst_optimizer *optimizer, kdst_layer *layer)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = optimizer->base.ctx;
    kdst__enter(ctx);
    if (layer == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "optimizer_add_layer: layer is NULL");
    if (layer->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "optimizer_add_layer: layer belongs to another context");
    const kdst__layer_entry *entries;
    int64_t count, before = optimizer->count;
    kdst_status status = kdst__layer_get_entries("optimizer_add_layer", layer, &entries, &count);
    for (int64_t i = 0; status == KDST_STATUS_OK && i < count; i++)
        if (entries[i].is_parameter)
            status = kdst__optimizer_add(
                optimizer, "optimizer_add_layer", "", entries[i].name, entries[i].tensor, 1, optimizer->weight_decay);
    if (status != KDST_STATUS_OK) kdst__optimizer_cut(optimizer, before);
    return status;
}

kdst_status kdst_optimizer_clear_grads(kdst_optimizer *optimizer)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < optimizer->count && status == KDST_STATUS_OK; i++)
        status = kdst_tensor_clear_grad(optimizer->entries[i].tensor);
    return status;
}

/* ---- the step ---- */

/* Makes the entry's slots where they do not exist yet: zeros. */
static kdst_status make_slots(const kdst_optimizer *optimizer, const char *function, kdst__optimizer_entry *entry)
{
    kdst_tensor *made[KDST__OPTIMIZER_SLOTS] = {NULL};
    kdst_status status = KDST_STATUS_OK;
    if (optimizer->slot_count == 0 || entry->slots[0] != NULL) return KDST_STATUS_OK;
    for (int32_t s = 0; s < optimizer->slot_count && status == KDST_STATUS_OK; s++)
        status = s + 1 < optimizer->slot_count
            ? kdst__tensor_new_like(function, entry->tensor, true, &made[s])
            : kdst__tensor_new(optimizer->base.ctx, function, KDST_DTYPE_INT32, 0, NULL, true, &made[s]);
    for (int32_t s = 0; s < optimizer->slot_count; s++) {
        if (status == KDST_STATUS_OK)
            entry->slots[s] = made[s];
        else
            kdst_tensor_release(made[s]);
    }
    return status;
}

/* Counts the update that begins; the counter stops at the largest int32. */
static int64_t count_update(const kdst_optimizer *optimizer, const kdst__optimizer_entry *entry)
{
    if (optimizer->slot_count == 0) return 0;
    kdst_tensor *counter = entry->slots[optimizer->slot_count - 1];
    int32_t *updates = kdst__tensor_data(counter);
    *updates += *updates < INT32_MAX;
    kdst__tensor_touch(counter);
    return *updates;
}

/* The entry whose gradient is not finite, the first one. */
static const kdst__optimizer_entry *not_finite(const kdst_optimizer *optimizer)
{
    for (int64_t i = 0; i < optimizer->count; i++) {
        const kdst_tensor *grad = kdst__optimizer_grad(&optimizer->entries[i]);
        if (grad != NULL &&
            !kdst__all_finite(
                kdst__tensor_compute(grad), grad->dtype, kdst__tensor_count(grad), kdst__tensor_data(grad)))
            return &optimizer->entries[i];
    }
    return NULL;
}

/* What a step reads before it writes: every gradient is finite, since their norm is, or a look at them says so. */
static kdst_status look(kdst_optimizer *optimizer, double max_norm, double *out_norm, double *out_scale)
{
    kdst_context *ctx = optimizer->base.ctx;
    *out_scale = 1;
    if (max_norm > 0) return kdst__optimizer_measure(optimizer, "optimizer_clip_norm", max_norm, out_norm, out_scale);
    int64_t count = kdst__optimizer_spans(optimizer);
    if (kdst__spans_finite(kdst__slot_get(ctx, KDST__SLOT_COMPUTE), count, optimizer->spans)) return KDST_STATUS_OK;
    const kdst__optimizer_entry *entry = not_finite(optimizer);
    return kdst__fail(
        ctx, KDST_STATUS_STATE, "optimizer_run: \"%.255s\": gradient is not finite", entry != NULL ? entry->names : "");
}

int64_t kdst__optimizer_spans(kdst_optimizer *optimizer)
{
    int64_t count = 0;
    for (int64_t i = 0; i < optimizer->count; i++) {
        const kdst_tensor *grad = kdst__optimizer_grad(&optimizer->entries[i]);
        if (grad == NULL) continue;
        optimizer->spans[count++] =
            (kdst__span){.n = kdst__tensor_count(grad), .dtype = grad->dtype, .g = kdst__tensor_data(grad)};
    }
    return count;
}

/* The rest of what an update needs to know; counts the updates. */
static void prepare(kdst_optimizer *optimizer)
{
    kdst__span *span = optimizer->spans;
    for (int64_t i = 0; i < optimizer->count; i++) {
        const kdst__optimizer_entry *entry = &optimizer->entries[i];
        if (kdst__optimizer_grad(entry) == NULL) continue;
        span->w = kdst__tensor_data(entry->tensor);
        span->rate = optimizer->learning_rate * entry->rate_factor;
        span->weight_decay = entry->weight_decay;
        span->step = count_update(optimizer, entry);
        for (int32_t s = 0; s + 1 < optimizer->slot_count; s++)
            span->state[optimizer->slot_place[s]] = kdst__tensor_data(entry->slots[s]);
        span++;
    }
}

static void touch(const kdst_optimizer *optimizer, bool scaled)
{
    for (int64_t i = 0; i < optimizer->count; i++) {
        const kdst__optimizer_entry *entry = &optimizer->entries[i];
        kdst_tensor *grad = kdst__optimizer_grad(entry);
        if (grad == NULL) continue;
        kdst__tensor_touch(entry->tensor);
        if (scaled) kdst__tensor_touch(grad);
        for (int32_t s = 0; s + 1 < optimizer->slot_count; s++)
            kdst__tensor_touch(entry->slots[s]);
    }
}

kdst_status kdst__optimizer_step(kdst_optimizer *optimizer, double max_norm, double *out_norm)
{
    double scale;
    kdst_status status = look(optimizer, max_norm, out_norm, &scale);
    for (int64_t i = 0; status == KDST_STATUS_OK && i < optimizer->count; i++) {
        kdst__optimizer_entry *entry = &optimizer->entries[i];
        if (kdst__optimizer_grad(entry) != NULL) status = make_slots(optimizer, "optimizer_run", entry);
    }
    if (status != KDST_STATUS_OK) return status;
    int64_t count = kdst__optimizer_spans(optimizer);
    prepare(optimizer);
    optimizer->kind->update(optimizer, count, optimizer->spans, scale);
    touch(optimizer, scale != 1);
    optimizer->steps += optimizer->steps < INT64_MAX;
    return KDST_STATUS_OK;
}

kdst_status kdst_optimizer_run(kdst_optimizer *optimizer)
{
    double norm;
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    return kdst__optimizer_step(optimizer, 0, &norm);
}

/* ---- settings and state ---- */

kdst_status kdst_optimizer_set_learning_rate(kdst_optimizer *optimizer, double learning_rate)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    if (!(learning_rate >= 0 && isfinite(learning_rate)))
        return kdst__fail(
            optimizer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "optimizer_set_learning_rate: learning_rate is %g, allowed is [0, inf)", learning_rate);
    optimizer->learning_rate = learning_rate;
    return KDST_STATUS_OK;
}

kdst_status kdst_optimizer_get_learning_rate(kdst_optimizer *optimizer, double *out)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    if (out == NULL)
        return kdst__fail(
            optimizer->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "optimizer_get_learning_rate: out is NULL");
    *out = optimizer->learning_rate;
    return KDST_STATUS_OK;
}

int64_t kdst_optimizer_get_state_count(const kdst_optimizer *optimizer)
{
    return optimizer == NULL ? 0 : optimizer->count * optimizer->slot_count;
}

kdst_status kdst_optimizer_get_state(kdst_optimizer *optimizer, int64_t index, const char **out_name, kdst_tensor **out)
{
    if (out_name != NULL) *out_name = NULL;
    if (out != NULL) *out = NULL;
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    int64_t count = kdst_optimizer_get_state_count(optimizer);
    if (index < 0 || index >= count)
        return kdst__fail(
            optimizer->base.ctx, KDST_STATUS_NOT_FOUND,
            "optimizer_get_state: index is %" PRId64 ", the state has %" PRId64 " tensors", index, count);
    kdst__optimizer_entry *entry = &optimizer->entries[index / optimizer->slot_count];
    kdst_status status = make_slots(optimizer, "optimizer_get_state", entry);
    if (status != KDST_STATUS_OK) return status;
    if (out_name != NULL) *out_name = entry->slot_names[index % optimizer->slot_count];
    if (out != NULL) *out = entry->slots[index % optimizer->slot_count];
    return KDST_STATUS_OK;
}

int64_t kdst_optimizer_get_steps(const kdst_optimizer *optimizer)
{
    return optimizer == NULL ? 0 : optimizer->steps;
}

kdst_status kdst_optimizer_set_steps(kdst_optimizer *optimizer, int64_t steps)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(optimizer->base.ctx);
    if (steps < 0)
        return kdst__fail(
            optimizer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "optimizer_set_steps: steps is %" PRId64 ", allowed is 0 and more", steps);
    optimizer->steps = steps;
    return KDST_STATUS_OK;
}
