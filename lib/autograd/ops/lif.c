/* SPDX-License-Identifier: Apache-2.0 */
/* lif: postsynaptic currents of leaky integrate-and-fire neurons over time (Zhang and Li 2020, equations 4 to 6).
 *
 * Along the first axis of the current I [T, ...], for every neuron on its own, from m = a[-1] = 0:
 *     u[t] = m + (I[t] - m / tau_m);  s[t] = [u[t] > V];  m = u[t] (1 - s[t]);  a[t] = a[t-1] + (s[t] - a[t-1]) / tau_s
 * The result is a. With `steps` the current is [...], the response of a layer to a constant input x, and stands for the steps
 * I[t] = c[t] I of that input behind a synapse: c[t] = sum_{k <= t} (1 - 1/tau_s)^k / tau_s.
 *
 * The derivative of s is no function: backward follows the neuron's rule (compute/kernels/lif.c).
 */
#include "autograd/ops.h"

#include <inttypes.h>

#define SHOWN(name, member, value, help)                                                                               \
  {                                                                                                                    \
    name, KDST_OPTION_FLOAT, value, -INFINITY, INFINITY, 0, "", #value, 1, offsetof(kdst__lif_attrs, lif.member), 0,   \
        help                                                                                                           \
  }
static const kdst__option shown[] = {
    SHOWN("threshold", threshold, 1, "V"),
    SHOWN("leak", leak, 0.2, "1 / tau_m"),
    SHOWN("decay", decay, 0.2, "1 / tau_s"),
    KDST__INT(kdst__lif_attrs, steps, 0, 0, INFINITY, "of a constant input; 0: the current has a time axis"),
};
static const kdst__schema attr_schema = {"lif", shown, KDST__COUNT(shown), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const kdst__lif_attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    const int32_t more = a->steps > 0;
    char text[KDST__SHAPE_TEXT];
    if (!more && (x->rank < 1 || x->shape[0] < 1))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "lif: current is %s, expected [T, ...] with at least one step",
            kdst__shape_text(x->rank, x->shape, text));
    if (x->rank + more > KDST__MAX_RANK)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "lif: current is %s, with a time axis that is more than %d axes",
            kdst__shape_text(x->rank, x->shape, text), KDST__MAX_RANK);
    call->rank = x->rank + more;
    call->shape[0] = more ? a->steps : x->shape[0];
    for (int32_t i = 1; i < call->rank; i++)
        call->shape[i] = x->shape[i - more];
    return KDST_STATUS_OK;
}

/* c[t] of a constant input, or NULL where there is a current for each step. */
static kdst_status make_gain(const kdst__call *call, double **out)
{
    const kdst__lif_attrs *a = call->attrs;
    *out = NULL;
    if (a->steps == 0) return KDST_STATUS_OK;
    *out = kdst__alloc(kdst__context_memory(call->ctx), (size_t)a->steps * sizeof **out);
    if (*out == NULL) return kdst__fail_memory(call->ctx, "lif");
    double q = 0;
    for (int64_t t = 0; t < a->steps; t++) {
        q = q - a->lif.decay * q + 1;
        (*out)[t] = a->lif.decay * q;
    }
    return KDST_STATUS_OK;
}

static void free_gain(const kdst__call *call, double *gain)
{
    const kdst__lif_attrs *a = call->attrs;
    kdst__free(kdst__context_memory(call->ctx), gain, gain ? (size_t)a->steps * sizeof *gain : 0);
}

/* Of one step; in blocked channels with the zeros behind the last one, which stay at rest. */
static int64_t neurons(const kdst_tensor *psc)
{
    return kdst__tensor_room(psc) / psc->shape[0];
}

static kdst_status forward(kdst__call *call)
{
    const kdst__lif_attrs *a = call->attrs;
    kdst_tensor *y = call->out;
    double *gain;
    kdst_status status = make_gain(call, &gain);
    if (status != KDST_STATUS_OK) return status;
    kdst__lif_forward(
        kdst__tensor_compute(y), y->dtype, &a->lif, y->shape[0], neurons(y), gain, kdst__tensor_data(call->inputs[0]),
        NULL, NULL, kdst__tensor_data(y), NULL, NULL, NULL);
    free_gain(call, gain);
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const kdst__lif_attrs *a = call->attrs;
    const kdst_tensor *dy = call->d_out;
    kdst_tensor *dx = call->d_inputs[0];
    double *gain;
    if (dx == NULL) return KDST_STATUS_OK;
    kdst_status status = make_gain(call, &gain);
    if (status != KDST_STATUS_OK) return status;
    status = kdst__lif_backward(
        kdst__tensor_compute(dx), dx->dtype, &a->lif, dy->shape[0], neurons(dy), gain,
        kdst__tensor_data(call->inputs[0]), kdst__tensor_data(dy), kdst__tensor_data(dx));
    free_gain(call, gain);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "lif");
}

const kdst__op kdst__op_lif = {
    .name = "lif",
    .input_names = {"current"},
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(kdst__lif_attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .blocked_inputs = 1,
    .folds = true,
    .keep_inputs = 1,
    .surrogate = true,
    KDST__DOMAIN(-1, 2)};

kdst_status kdst__lif_run(kdst_tensor *current, const kdst__lif_attrs *attrs, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_lif, &current, 1, attrs, out);
}
