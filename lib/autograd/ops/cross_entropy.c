/* SPDX-License-Identifier: Apache-2.0 */
/* cross_entropy: mean negative log-likelihood of labels under the softmax of logits.
 *
 * l = (1/N) sum_n (lse(z_n) - z_n[y_n]), lse(z) = max z + log sum exp(z - max z);
 * dz[n, k] += dl (softmax(z_n)[k] - [k = y_n]) / N. The bracket is saved when recording.
 * logits [N, K], labels int32 [N], l scalar. With K = 1 value and gradient are 0.
 */
#include "autograd/ops.h"

#include <inttypes.h>

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *logits = call->inputs[0], *labels = call->inputs[1];
    char of_logits[KDST__SHAPE_TEXT], of_labels[KDST__SHAPE_TEXT];
    kdst__shape_text(logits->rank, logits->shape, of_logits);
    kdst__shape_text(labels->rank, labels->shape, of_labels);
    if (logits->rank != 2 || labels->rank != 1 || logits->shape[0] != labels->shape[0])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "cross_entropy: logits is %s, labels is %s: expected [N, K] and [N]",
            of_logits, of_labels);
    if (logits->shape[0] == 0 || logits->shape[1] == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "cross_entropy: logits is %s: the %s", of_logits,
            logits->shape[0] == 0 ? "batch is empty" : "rows are empty");
    call->rank = 0;
    return KDST_STATUS_OK;
}

static double value_at(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static kdst_status check_values(kdst__call *call)
{
    const kdst_tensor *logits = call->inputs[0];
    const int32_t *labels = kdst__tensor_data(call->inputs[1]);
    int64_t n = logits->shape[0], k = logits->shape[1];
    for (int64_t row = 0; row < n; row++)
        if (labels[row] < 0 || labels[row] >= k)
            return kdst__fail(
                call->ctx, KDST_STATUS_INVALID_ARGUMENT,
                "cross_entropy: label %d at row %" PRId64 ", allowed is 0 to %" PRId64, labels[row], row, k - 1);
    if (kdst__all_finite(kdst__tensor_compute(logits), logits->dtype, n * k, kdst__tensor_data(logits)))
        return KDST_STATUS_OK;
    int64_t i = 0;
    while (isfinite(value_at(logits, i)))
        i++;
    return kdst__fail(
        call->ctx, KDST_STATUS_INVALID_ARGUMENT, "cross_entropy: logit of class %" PRId64 " at row %" PRId64 " is %g",
        i % k, i / k, value_at(logits, i));
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *logits = call->inputs[0];
    kdst__compute *cp = kdst__tensor_compute(logits);
    int64_t n = logits->shape[0], k = logits->shape[1];
    kdst_status status = check_values(call);
    if (status == KDST_STATUS_OK && call->recording)
        status = kdst__tensor_new_like("cross_entropy", logits, false, &call->saved[0]);
    if (status != KDST_STATUS_OK) return status;
    double sum = kdst__cross_entropy(
        cp, logits->dtype, n, k, kdst__tensor_data(logits), kdst__tensor_data(call->inputs[1]),
        call->recording ? kdst__tensor_data(call->saved[0]) : NULL);
    kdst__fill(cp, call->out->dtype, 1, sum / (double)n, kdst__tensor_data(call->out));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dlogits = call->d_inputs[0];
    if (dlogits == NULL) return KDST_STATUS_OK;
    double scale = value_at(call->d_out, 0) / (double)dlogits->shape[0];
    const int64_t count = kdst__tensor_count(dlogits), step = 1;
    kdst__copy_strided(
        kdst__tensor_compute(dlogits), dlogits->dtype, 1, &count, scale, kdst__tensor_data(call->saved[0]), &step,
        !(call->fresh & 1), kdst__tensor_data(dlogits), &step);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_cross_entropy = {
    .name = "cross_entropy",
    .input_names = {"logits", "labels"},
    .min_inputs = 2,
    .max_inputs = 2,
    .int_inputs = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .writes = 1,
    KDST__DOMAIN(-3, 3)};

kdst_status kdst_cross_entropy(kdst_tensor *logits, kdst_tensor *labels, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {logits, labels};
    return kdst__op_run(&kdst__op_cross_entropy, inputs, 2, NULL, out);
}
