/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics from the inside: what the trainer shares with the public functions. */
#ifndef KDST_TRAIN_METRICS_H
#define KDST_TRAIN_METRICS_H

#include "autograd/op.h"

#include <kdst/metrics.h>

/* Adds one epoch of a loader, from its first batch, in eval mode and without recording. `widens`: metrics without a sample take
 * the number of the model's outputs where that is larger than their own. */
kdst_status kdst__metrics_add_loader(
    const char *function, kdst_metrics *metrics, kdst_layer *model, kdst_loader *loader, bool widens);

/* How many rows of contiguous logits [B, K] have their largest element (the first of equal ones) at the label. */
int64_t kdst__metrics_count_hits(kdst_tensor *logits, kdst_tensor *labels);

#endif
