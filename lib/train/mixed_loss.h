/* SPDX-License-Identifier: Apache-2.0 */
/* The loss of a batch whose images are mixed of two. */
#ifndef KDST_TRAIN_MIXED_LOSS_H
#define KDST_TRAIN_MIXED_LOSS_H

#include <kdst/loss.h>

/* weight loss(labels) + (1 - weight) loss(others), recorded; any loss. With weight 1, or `others` NULL, loss(labels). */
kdst_status kdst__mixed_loss(
    kdst_loss *loss, kdst_tensor *logits, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor *others, double weight,
    kdst_tensor **out);

#endif
