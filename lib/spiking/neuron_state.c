/* SPDX-License-Identifier: Apache-2.0 */
/* Neurons step by step: the membrane m and the synapse q = a of each, which kdst_neuron_run begins with at 0. */
#include "spiking/neuron.h"

struct kdst_neuron_state {
    kdst__handle base;
    kdst_neuron *neuron;
    kdst_tensor *membrane, *psc;
};

static void destroy(void *object)
{
    kdst_neuron_state *state = object;
    kdst_tensor_release(state->psc);
    kdst_tensor_release(state->membrane);
    kdst_neuron_release(state->neuron);
}

static const kdst__class class = {"neuron_state", destroy};

kdst_status kdst_neuron_state_create(
    kdst_neuron *neuron, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_neuron_state **out)
{
    static const char function[] = "neuron_state_create";
    if (out) *out = NULL;
    if (!neuron) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = neuron->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    if (!shape && rank > 0) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: shape is NULL", function);
    if (!kdst__dtype_is_float(dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: dtype is %s, expected float32 or float64", function,
            kdst_dtype_get_name(dtype));
    kdst_neuron_state *state = kdst__handle_create(ctx, &class, sizeof *state);
    if (!state) return KDST_STATUS_OUT_OF_MEMORY;
    kdst_neuron_retain(state->neuron = neuron);
    kdst_status status = kdst__tensor_new(ctx, function, dtype, rank, shape, true, &state->membrane);
    if (!status) status = kdst__tensor_new(ctx, function, dtype, rank, shape, true, &state->psc);
    if (status)
        kdst__handle_release(state);
    else
        *out = state;
    return status;
}

void kdst_neuron_state_retain(kdst_neuron_state *state)
{
    kdst__handle_retain(state);
}

void kdst_neuron_state_release(kdst_neuron_state *state)
{
    kdst__handle_release(state);
}

/* x is one number for each neuron. */
static kdst_status check(const kdst_neuron_state *state, const char *function, const char *name, const kdst_tensor *x)
{
    kdst_context *ctx = state->base.ctx;
    char have[KDST__SHAPE_TEXT], want[KDST__SHAPE_TEXT];
    kdst_status status = kdst__neuron_check(ctx, function, name, x);
    if (status) return status;
    if (x->dtype != state->psc->dtype)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: %s is %s, the state is %s", function, name, kdst_dtype_get_name(x->dtype),
            kdst_dtype_get_name(state->psc->dtype));
    if (!kdst__tensor_same_shape(x, state->psc))
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: %s is %s, the state is %s", function, name,
            kdst__shape_text(x->rank, x->shape, have), kdst__shape_text(state->psc->rank, state->psc->shape, want));
    return kdst__tensor_need_data(function, x);
}

kdst_status
kdst_neuron_state_step(kdst_neuron_state *state, kdst_tensor *current, kdst_tensor **out_spikes, kdst_tensor **out_psc)
{
    kdst_tensor **const out[] = {out_spikes, out_psc};
    kdst_tensor *x = NULL;
    for (int i = 0; i < 2; i++)
        if (out[i]) *out[i] = NULL;
    if (!state) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    kdst_status status = check(state, "neuron_state_step", "current", current);
    if (!status) status = kdst__tensor_to_contiguous("neuron_state_step", current, &x);
    if (!status) status = kdst__neuron_results("neuron_state_step", x, out, 2);
    if (!status)
        kdst__lif_forward(
            kdst__tensor_compute(x), x->dtype, &state->neuron->lif, 1, kdst__tensor_count(x), NULL,
            kdst__tensor_data(x), kdst__tensor_data(state->membrane), kdst__tensor_data(state->psc),
            out_psc ? kdst__tensor_data(*out_psc) : NULL, out_spikes ? kdst__tensor_data(*out_spikes) : NULL, NULL,
            NULL);
    kdst_tensor_release(x);
    return status;
}

kdst_status kdst_neuron_state_reset(kdst_neuron_state *state)
{
    if (!state) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    kdst_tensor *const parts[] = {state->membrane, state->psc};
    for (int i = 0; i < 2; i++)
        kdst__fill(
            kdst__tensor_compute(parts[i]), parts[i]->dtype, kdst__tensor_count(parts[i]), 0,
            kdst__tensor_data(parts[i]));
    return KDST_STATUS_OK;
}

kdst_status kdst_neuron_state_get(kdst_neuron_state *state, kdst_tensor **out_membrane, kdst_tensor **out_psc)
{
    static const char function[] = "neuron_state_get";
    if (out_membrane) *out_membrane = NULL;
    if (out_psc) *out_psc = NULL;
    if (!state) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    if (!out_membrane || !out_psc)
        return kdst__fail(state->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    kdst_tensor **const out[] = {out_membrane, out_psc};
    kdst_status status = kdst__neuron_results(function, state->psc, out, 2);
    if (status) return status;
    status = kdst__tensor_assign(function, *out_membrane, state->membrane);
    return status ? status : kdst__tensor_assign(function, *out_psc, state->psc);
}

static kdst_status check_finite(const kdst_neuron_state *state, const char *name, const kdst_tensor *x)
{
    if (kdst__all_finite(kdst__tensor_compute(x), x->dtype, kdst__tensor_count(x), kdst__tensor_data(x)))
        return KDST_STATUS_OK;
    return kdst__fail(
        state->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "neuron_state_set: %s has a number that is not finite", name);
}

kdst_status kdst_neuron_state_set(kdst_neuron_state *state, kdst_tensor *membrane, kdst_tensor *psc)
{
    static const char function[] = "neuron_state_set";
    kdst_tensor *m = NULL, *a = NULL;
    if (!state) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    kdst_status status = check(state, function, "membrane", membrane);
    if (!status) status = check(state, function, "psc", psc);
    if (!status) status = kdst__tensor_to_contiguous(function, membrane, &m);
    if (!status) status = kdst__tensor_to_contiguous(function, psc, &a);
    if (!status) status = check_finite(state, "membrane", m);
    if (!status) status = check_finite(state, "psc", a);
    if (!status) status = kdst__tensor_assign(function, state->membrane, m);
    if (!status) status = kdst__tensor_assign(function, state->psc, a);
    kdst_tensor_release(a);
    kdst_tensor_release(m);
    return status;
}
