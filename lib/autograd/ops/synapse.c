/* SPDX-License-Identifier: Apache-2.0 */
/* synapse: a spike train, or any input, as postsynaptic current (Zhang and Li 2020, equation 3).
 *
 * Along the first axis of x [T, ...], from q[-1] = 0: q[t] = q[t-1] - q[t-1] / tau_s + x[t]; a[t] = q[t] / tau_s, or q[t] without the gain.
 * dx[t] += sum_{k >= t} (1 - 1/tau_s)^(k-t) / tau_s da[k].
 */
#include "autograd/ops.h"

#include <kdst/neuron.h>

static const kdst__option options_table[] = {
    KDST__FLOAT(kdst__synapse_attrs, tau_s, 3, 1, INFINITY, "time constant, in steps"),
    KDST__INT(kdst__synapse_attrs, gain, 1, 0, 1, "1: a spike adds 1 / tau_s to the current, 0: it adds 1"),
};
const kdst__schema kdst__schema_synapse = {"synapse", options_table, KDST__COUNT(options_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    if (x->rank < 1 || x->shape[0] < 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "synapse: x is %s, expected [T, ...] with at least one step",
            kdst__shape_text(x->rank, x->shape, text));
    return kdst__op_same_as_input(call);
}

static double scale(const kdst__synapse_attrs *a)
{
    return a->gain ? 1 / a->tau_s : 1;
}

static kdst_status forward(kdst__call *call)
{
    const kdst__synapse_attrs *a = call->attrs;
    kdst_tensor *y = call->out;
    kdst__synapse_forward(
        kdst__tensor_compute(y), y->dtype, 1 / a->tau_s, scale(a), y->shape[0], kdst__tensor_count(y) / y->shape[0],
        kdst__tensor_data(call->inputs[0]), NULL, kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const kdst__synapse_attrs *a = call->attrs;
    kdst_tensor *dx = call->d_inputs[0];
    if (dx != NULL)
        kdst__synapse_backward(
            kdst__tensor_compute(dx), dx->dtype, 1 / a->tau_s, scale(a), dx->shape[0],
            kdst__tensor_count(dx) / dx->shape[0], kdst__tensor_data(call->d_out), kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_synapse = {
    .name = "synapse",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(kdst__synapse_attrs),
    .attr_schema = &kdst__schema_synapse,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-2, 2)};

kdst_status kdst__synapse_run(kdst_tensor *x, const kdst__synapse_attrs *attrs, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_synapse, &x, 1, attrs, out);
}

kdst_status kdst_synapse(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    kdst__synapse_attrs attrs;
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(x->base.ctx);
    kdst_status status = kdst__options_parse(x->base.ctx, "synapse", &kdst__schema_synapse, options, &attrs);
    return status == KDST_STATUS_OK ? kdst__synapse_run(x, &attrs, out) : status;
}
