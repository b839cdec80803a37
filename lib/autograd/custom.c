/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the caller's own, by callbacks, on the same tape as all others. */
#include "autograd/graph.h"
#include "autograd/record.h"

#include <string.h>

struct kdst_operation {
    kdst__handle base;
    char *name;
    kdst_forward_fn forward;
    kdst_backward_fn backward;
    kdst_shape_fn shape; /* nullable: cannot be traced */
    void *user_data;
    kdst_destroy_fn destroy;
};

typedef struct attrs {
    kdst_operation *operation;
} attrs;

static void attrs_retain(void *a)
{
    kdst__handle_retain(((attrs *)a)->operation);
}
static void attrs_release(void *a)
{
    kdst__handle_release(((attrs *)a)->operation);
}

static const char *label(const void *a)
{
    return ((const attrs *)a)->operation->name;
}

/* Asked while shapes alone are recorded; otherwise forward makes the result, whatever its shape. */
static kdst_status shape(kdst__call *call)
{
    kdst_operation *operation = ((attrs *)call->attrs)->operation;
    kdst__scopes before;
    int64_t rank = 0;
    if (!kdst__tracing(call->ctx)) return KDST_STATUS_OK;
    if (!operation->shape)
        return kdst__fail(
            call->ctx, KDST_STATUS_UNSUPPORTED, "%s: has no shape rule for a trace; see operation_set_shape",
            operation->name);
    if (!kdst__scopes_enter(call->ctx, false, &before)) return kdst__fail_memory(call->ctx, operation->name);
    kdst_status status =
        operation->shape(operation->user_data, call->inputs, call->count, &call->dtype, &rank, call->shape);
    kdst__scopes_leave(call->ctx, &before);
    if (status) return kdst__fail_callback(call->ctx, status, operation->name);
    if (rank < 0 || rank > KDST__MAX_RANK)
        return kdst__fail(
            call->ctx, KDST_STATUS_CALLBACK, "%s: the shape rule gave rank %lld, allowed is 0 to %d", operation->name,
            (long long)rank, KDST__MAX_RANK);
    call->rank = (int32_t)rank;
    return KDST_STATUS_OK;
}

/* Why what forward returned cannot be the result; NULL when it can. */
static const char *refusal(const kdst__call *call, const kdst_tensor *out)
{
    if (!out) return "no tensor";
    if (out->base.ctx != call->ctx) return "a tensor of another context";
    if (out->node) return "a recorded tensor";
    return out->requires_grad ? "a leaf that requires a gradient" : NULL;
}

static kdst_status forward(kdst__call *call)
{
    kdst_operation *operation = ((attrs *)call->attrs)->operation;
    kdst__scopes before;
    kdst_tensor *out = NULL;
    if (!kdst__scopes_enter(call->ctx, false, &before)) return kdst__fail_memory(call->ctx, operation->name);
    kdst_status status = operation->forward(operation->user_data, call->inputs, call->count, &out);
    kdst__scopes_leave(call->ctx, &before);
    for (int32_t i = 0; i < call->count; i++)
        if (out && out == call->inputs[i]) { /* borrowed: not ours to release */
            if (status) return kdst__fail_callback(call->ctx, status, operation->name);
            return kdst__fail(call->ctx, KDST_STATUS_CALLBACK, "%s: forward returned its input %d", operation->name, i);
        }
    const char *wrong = refusal(call, out);
    if (status || wrong) kdst__handle_release(out);
    if (status) return kdst__fail_callback(call->ctx, status, operation->name);
    if (wrong) return kdst__fail(call->ctx, KDST_STATUS_CALLBACK, "%s: forward returned %s", operation->name, wrong);
    call->out = out;
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    kdst_operation *operation = ((attrs *)call->attrs)->operation;
    kdst__scopes before;
    if (!kdst__scopes_enter(call->ctx, false, &before)) return kdst__fail_memory(call->ctx, operation->name);
    kdst_status status =
        operation->backward(operation->user_data, call->inputs, call->count, call->out, call->d_out, call->d_inputs);
    kdst__scopes_leave(call->ctx, &before);
    return status ? kdst__fail_callback(call->ctx, status, operation->name) : KDST_STATUS_OK;
}

const kdst__op kdst__op_custom = {
    .name = "operation",
    .min_inputs = 1,
    .max_inputs = KDST__MAX_INPUTS,
    .any_dtype = true,
    .makes_out = true,
    .attr_bytes = sizeof(attrs),
    .retain_attrs = attrs_retain,
    .release_attrs = attrs_release,
    .label = label,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = (1u << KDST__MAX_INPUTS) - 1,
    .keep_out = true,
    KDST__DOMAIN(-2, 2),
};

/* The same without backward: nothing is recorded. */
static const kdst__op forward_only = {
    .name = "operation",
    .min_inputs = 1,
    .max_inputs = KDST__MAX_INPUTS,
    .any_dtype = true,
    .makes_out = true,
    .attr_bytes = sizeof(attrs),
    .retain_attrs = attrs_retain,
    .release_attrs = attrs_release,
    .label = label,
    .shape = shape,
    .forward = forward,
    .no_backward = "the caller gave none",
    KDST__DOMAIN(-2, 2),
};

static void operation_destroy(void *object)
{
    kdst_operation *operation = object;
    if (operation->name)
        kdst__free(kdst__context_memory(operation->base.ctx), operation->name, strlen(operation->name) + 1);
    if (operation->destroy) operation->destroy(operation->user_data);
}

static const kdst__class operation_class = {"operation", operation_destroy};

kdst_status kdst_operation_create(
    kdst_context *ctx, const char *name, kdst_forward_fn forward_fn, kdst_backward_fn backward_fn, void *user_data,
    kdst_destroy_fn destroy, kdst_operation **out)
{
    kdst_status status = KDST_STATUS_INVALID_ARGUMENT;
    kdst_operation *operation = NULL;
    if (out) *out = NULL;
    if (!ctx) goto fail;
    kdst__enter(ctx);
    if (!name || !forward_fn || !out) {
        status = kdst__fail(
            ctx, status, "operation_create: %s is NULL",
            !name             ? "name"
                : !forward_fn ? "forward"
                              : "out");
        goto fail;
    }
    operation = kdst__handle_create(ctx, &operation_class, sizeof *operation);
    char *copy = operation ? kdst__alloc(kdst__context_memory(ctx), strlen(name) + 1) : NULL;
    if (!copy) {
        status = kdst__fail_memory(ctx, "operation_create");
        goto fail;
    }
    operation->name = strcpy(copy, name);
    operation->forward = forward_fn;
    operation->backward = backward_fn;
    operation->user_data = user_data;
    operation->destroy = destroy;
    *out = operation;
    return KDST_STATUS_OK;
fail:
    kdst__handle_release(operation); /* its destroy is not set yet, so the caller's runs once: here */
    if (destroy) destroy(user_data);
    return status;
}

void kdst_operation_retain(kdst_operation *operation)
{
    kdst__handle_retain(operation);
}
void kdst_operation_release(kdst_operation *operation)
{
    kdst__handle_release(operation);
}

kdst_status kdst_operation_set_shape(kdst_operation *operation, kdst_shape_fn shape_fn)
{
    if (!operation) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(operation->base.ctx);
    operation->shape = shape_fn;
    return KDST_STATUS_OK;
}

kdst_status kdst_operation_run(kdst_operation *operation, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *held[KDST__MAX_INPUTS];
    if (out) *out = NULL;
    if (!operation) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = operation->base.ctx;
    kdst__enter(ctx);
    if (!inputs) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: inputs is NULL", operation->name);
    if (count < 1 || count > KDST__MAX_INPUTS)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %lld, allowed is 1 to %d", operation->name,
            (long long)count, KDST__MAX_INPUTS);
    for (int64_t i = 0; i < count; i++)
        if (!inputs[i] || inputs[i]->base.ctx != ctx)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: input %lld %s", operation->name, (long long)i,
                inputs[i] ? "belongs to another context" : "is NULL");
    /* forward may release what the caller gave */
    kdst__handle_retain(operation);
    for (int64_t i = 0; i < count; i++)
        kdst__handle_retain(held[i] = inputs[i]);
    const attrs a = {operation};
    kdst_status status =
        kdst__op_run(operation->backward ? &kdst__op_custom : &forward_only, held, (int32_t)count, &a, out);
    for (int64_t i = 0; i < count; i++)
        kdst__handle_release(held[i]);
    kdst__handle_release(operation);
    return status;
}
