/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of mixed batches (Zhang et al. 2018; Yun et al. 2019).
 *
 *     value = w loss(logits, labels) + (1 - w) loss(logits, others)
 *
 * Both terms and their sum are recorded, so the gradient is mixed in the same way, whatever the loss is. What does not
 * depend on labels, as the teacher's part of a distillation loss, stays as it is, since the weights add up to 1.
 */
#include "train/mixed_loss.h"

#include "tensor/tensor.h"

#include <kdst/ops.h>

/* factor * x, x a single number. */
static kdst_status scaled(kdst_tensor *x, double factor, kdst_tensor **out)
{
    kdst_tensor *f = NULL;
    kdst_status status = kdst__tensor_new_like("trainer_step", x, false, &f);
    if (!status) status = kdst_tensor_set_value(f, factor);
    if (!status) status = kdst_mul(x, f, out);
    kdst__handle_release(f);
    return status;
}

kdst_status kdst__mixed_loss(
    kdst_loss *loss, kdst_tensor *logits, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor *others, double weight,
    kdst_tensor **out)
{
    kdst_tensor *first = NULL, *second = NULL, *a = NULL, *b = NULL;
    if (!others || weight == 1) return kdst_loss_run(loss, logits, teacher, labels, out);
    *out = NULL;
    kdst_status status = kdst_loss_run(loss, logits, teacher, labels, &first);
    if (!status) status = kdst_loss_run(loss, logits, teacher, others, &second);
    if (!status) status = scaled(first, weight, &a);
    if (!status) status = scaled(second, 1 - weight, &b);
    if (!status) status = kdst_add(a, b, out);
    kdst__handle_release(b);
    kdst__handle_release(a);
    kdst__handle_release(second);
    kdst__handle_release(first);
    return status;
}
