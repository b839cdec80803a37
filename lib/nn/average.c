/* SPDX-License-Identifier: Apache-2.0 */
/* average: a <- a + (1 - d_t)(w - a) over the tensors of a layer (EMA), or their plain mean (SWA: Izmailov et al., Averaging weights
 * leads to wider optima and better generalization, UAI 2018). include/kdst/average.h has d_t.
 *
 * An average retains the layer's tensors and has one of its own for each, so that an update and an exchange need no memory.
 */
#include "nn/average.h"

#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

typedef struct entry {
    const char *name; /* in `names` */
    kdst_tensor *tensor, *average;
    bool averaged; /* else copied */
} entry;

struct kdst_average {
    kdst__handle base;
    kdst_layer *layer;
    kdst__average_config config;
    int64_t updates;
    bool applied;
    int64_t count;
    entry *entries; /* [count] */
    char *names;
    size_t name_bytes;
};

static const kdst__option options[] = {
    KDST__FLOAT_BELOW(kdst__average_config, decay, 0.999, 0, 1, "weight of the old average"),
    KDST__CHOICE(
        kdst__average_config, kind, "exponential", "exponential|equal", "equal: the plain mean of all updates"),
    KDST__CHOICE(kdst__average_config, warmup, "none", "none|ramp|corrected", "smaller decay at first"),
    KDST__CHOICE(kdst__average_config, buffers, "copy", "copy|average", "what happens to running statistics"),
};
const kdst__schema kdst__schema_average = {"average", options, KDST__COUNT(options), NULL, 0};

static void destroy(void *object)
{
    kdst_average *a = object;
    kdst__memory *memory = kdst__context_memory(a->base.ctx);
    for (int64_t i = 0; a->entries != NULL && i < a->count; i++) {
        kdst_tensor_release(a->entries[i].tensor);
        kdst_tensor_release(a->entries[i].average);
    }
    kdst__free(memory, a->entries, (size_t)a->count * sizeof *a->entries);
    kdst__free(memory, a->names, a->name_bytes);
    kdst__handle_release(a->layer);
}

static const kdst__class class = {"average", destroy};

static kdst_status fill(kdst_average *a, const char *function, const kdst__layer_entry *from)
{
    char *name = a->names;
    for (int64_t i = 0; i < a->count; i++) {
        entry *e = &a->entries[i];
        strcpy(name, from[i].name);
        e->name = name;
        name += strlen(name) + 1;
        kdst__handle_retain(e->tensor = from[i].tensor);
        e->averaged = kdst__dtype_is_float(e->tensor->dtype) &&
            (from[i].is_parameter || a->config.buffers == KDST__AVERAGE_BUFFERS_AVERAGE);
        kdst_status status = kdst__tensor_new_like(function, e->tensor, false, &e->average);
        if (status == KDST_STATUS_OK) status = kdst__tensor_assign(function, e->average, e->tensor);
        if (status != KDST_STATUS_OK) return status;
    }
    return KDST_STATUS_OK;
}

kdst_status
kdst__average_new(const char *function, kdst_layer *layer, const kdst__average_config *config, kdst_average **out)
{
    kdst_context *ctx = layer->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    const kdst__layer_entry *from = NULL;
    int64_t count = 0;
    *out = NULL;
    kdst_status status = kdst__layer_get_entries(function, layer, &from, &count);
    if (status != KDST_STATUS_OK) return status;
    kdst_average *a = kdst__handle_create(ctx, &class, sizeof *a);
    if (a == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    a->config = *config;
    a->count = count;
    a->name_bytes = layer->entry_name_bytes;
    a->entries = kdst__alloc_zero(memory, (size_t)count * sizeof *a->entries);
    a->names = kdst__alloc(memory, a->name_bytes);
    kdst__handle_retain(a->layer = layer);
    status = a->entries != NULL && a->names != NULL ? fill(a, function, from) : kdst__fail_memory(ctx, function);
    if (status != KDST_STATUS_OK)
        kdst__handle_release(a);
    else
        *out = a;
    return status;
}

kdst_status kdst_average_create(kdst_layer *layer, const kdst_options *given, kdst_average **out)
{
    kdst__average_config config;
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "average_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "average_create", &kdst__schema_average, given, &config);
    return status == KDST_STATUS_OK ? kdst__average_new("average_create", layer, &config, out) : status;
}

void kdst_average_retain(kdst_average *average)
{
    kdst__handle_retain(average);
}

void kdst_average_release(kdst_average *average)
{
    kdst__handle_release(average);
}

/* Beginning of the functions below: the layer must hold the average, or its own weights. */
static kdst_status begin(kdst_average *a, const char *function, bool applied)
{
    kdst__enter(a->base.ctx);
    if (a->applied == applied) return KDST_STATUS_OK;
    return kdst__fail(
        a->base.ctx, KDST_STATUS_STATE, "%s: the layer holds %s", function,
        a->applied ? "the average; average_restore comes first" : "its own weights; average_apply comes first");
}

/* ---- update and exchange ---- */

/* 1 - d_t */
static double share_of(const kdst__average_config *c, int64_t t)
{
    double n = (double)t;
    if (c->kind == KDST__AVERAGE_EQUAL) return 1 / n;
    if (c->warmup == KDST__AVERAGE_WARMUP_RAMP) return 1 - fmin(c->decay, (1 + n) / (10 + n));
    /* (1 - d (1 - d^(t-1)) / (1 - d^t)) = (1 - d) / (1 - d^t) */
    if (c->warmup == KDST__AVERAGE_WARMUP_CORRECTED) return (1 - c->decay) / (1 - pow(c->decay, n));
    return 1 - c->decay;
}

static void copy_into_average(const entry *e)
{
    kdst_tensor *to = e->average;
    size_t bytes = (size_t)(kdst__tensor_count(to) * kdst_dtype_get_size(to->dtype));
    if (bytes > 0) memcpy(kdst__tensor_data(to), kdst__tensor_data(e->tensor), bytes);
    kdst__tensor_touch(to);
}

void kdst__average_take(kdst_average *a)
{
    for (int64_t i = 0; i < a->count; i++)
        copy_into_average(&a->entries[i]);
    a->updates = 0;
}

kdst_status kdst_average_update(kdst_average *a)
{
    if (a == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = begin(a, "average_update", false);
    if (status != KDST_STATUS_OK) return status;
    a->updates += a->updates < INT64_MAX;
    double share = share_of(&a->config, a->updates);
    for (int64_t i = 0; i < a->count; i++) {
        const entry *e = &a->entries[i];
        kdst_tensor *to = e->average;
        if (!e->averaged || share >= 1) { /* exactly the weights */
            copy_into_average(e);
            continue;
        }
        kdst__blend(
            kdst__tensor_compute(to), to->dtype, kdst__tensor_count(to), share, kdst__tensor_data(e->tensor),
            kdst__tensor_data(to));
        kdst__tensor_touch(to);
    }
    return KDST_STATUS_OK;
}

static void exchange(kdst_tensor *one, kdst_tensor *other)
{
    unsigned char room[4096], *x = kdst__tensor_data(one), *y = kdst__tensor_data(other);
    size_t left = (size_t)(kdst__tensor_count(one) * kdst_dtype_get_size(one->dtype));
    while (left > 0) {
        size_t part = left < sizeof room ? left : sizeof room;
        memcpy(room, x, part);
        memcpy(x, y, part);
        memcpy(y, room, part);
        x += part;
        y += part;
        left -= part;
    }
    kdst__tensor_touch(one);
    kdst__tensor_touch(other);
}

bool kdst__average_applied(const kdst_average *a)
{
    return a != NULL && a->applied;
}

void kdst__average_exchange(kdst_average *a)
{
    for (int64_t i = 0; i < a->count; i++)
        exchange(a->entries[i].tensor, a->entries[i].average);
    a->applied = !a->applied;
}

static kdst_status exchange_all(kdst_average *a, const char *function, bool applied)
{
    if (a == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = begin(a, function, applied);
    if (status == KDST_STATUS_OK) kdst__average_exchange(a);
    return status;
}

kdst_status kdst_average_apply(kdst_average *average)
{
    return exchange_all(average, "average_apply", false);
}

kdst_status kdst_average_restore(kdst_average *average)
{
    return exchange_all(average, "average_restore", true);
}

/* ---- reading ---- */

static const kdst__layer_entry *lookup(const kdst__layer_entry *entries, int64_t count, const char *name)
{
    for (int64_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0) return &entries[i];
    return NULL;
}

static kdst_status check_target(kdst_average *a, const kdst__layer_entry *to, int64_t count)
{
    char want[KDST__SHAPE_TEXT], have[KDST__SHAPE_TEXT];
    kdst_context *ctx = a->base.ctx;
    if (count != a->count)
        return kdst__fail(
            ctx, KDST_STATUS_NOT_FOUND, "average_copy_to: the layer has %" PRId64 " tensors, the average %" PRId64,
            count, a->count);
    for (int64_t i = 0; i < a->count; i++) {
        const kdst_tensor *from = a->entries[i].average;
        const kdst__layer_entry *other = lookup(to, count, a->entries[i].name);
        if (other == NULL)
            return kdst__fail(
                ctx, KDST_STATUS_NOT_FOUND, "average_copy_to: the layer has no \"%.255s\"", a->entries[i].name);
        if (!kdst__tensor_same_shape(from, other->tensor))
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "average_copy_to: \"%.255s\" is %s in the average, %s in the layer",
                a->entries[i].name, kdst__shape_text(from->rank, from->shape, have),
                kdst__shape_text(other->tensor->rank, other->tensor->shape, want));
    }
    return KDST_STATUS_OK;
}

kdst_status kdst_average_copy_to(kdst_average *a, kdst_layer *layer)
{
    if (a == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    const kdst__layer_entry *to = NULL;
    int64_t count = 0;
    kdst_status status = begin(a, "average_copy_to", false);
    if (status != KDST_STATUS_OK) return status;
    if (layer == NULL) return kdst__fail(a->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "average_copy_to: layer is NULL");
    if (layer->base.ctx != a->base.ctx) kdst__enter(layer->base.ctx);
    if (kdst__layer_get_entries("average_copy_to", layer, &to, &count) != KDST_STATUS_OK)
        return kdst__fail_memory(a->base.ctx, "average_copy_to");
    status = check_target(a, to, count);
    for (int64_t i = 0; i < a->count && status == KDST_STATUS_OK; i++)
        status = kdst__tensor_assign(
            "average_copy_to", lookup(to, count, a->entries[i].name)->tensor, a->entries[i].average);
    return status;
}

int64_t kdst_average_get_state_count(const kdst_average *average)
{
    return average == NULL ? 0 : average->count;
}

kdst_status kdst_average_get_state(kdst_average *a, int64_t index, const char **out_name, kdst_tensor **out)
{
    if (out_name != NULL) *out_name = NULL;
    if (out != NULL) *out = NULL;
    if (a == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = begin(a, "average_get_state", false);
    if (status != KDST_STATUS_OK) return status;
    if (index < 0 || index >= a->count)
        return kdst__fail(
            a->base.ctx, KDST_STATUS_NOT_FOUND,
            "average_get_state: index is %" PRId64 ", the average has %" PRId64 " tensors", index, a->count);
    if (out_name != NULL) *out_name = a->entries[index].name;
    if (out != NULL) *out = a->entries[index].average;
    return KDST_STATUS_OK;
}

int64_t kdst_average_get_updates(const kdst_average *average)
{
    return average == NULL ? 0 : average->updates;
}

kdst_status kdst_average_set_updates(kdst_average *a, int64_t updates)
{
    if (a == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    if (updates < 0)
        return kdst__fail(
            a->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "average_set_updates: updates is %" PRId64 ", allowed is 0 and more", updates);
    a->updates = updates;
    return KDST_STATUS_OK;
}
