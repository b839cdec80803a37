/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics from the inside: metrics.c adds batches up, metrics_get.c reads, and the trainer uses both. */
#ifndef KDST_TRAIN_METRICS_H
#define KDST_TRAIN_METRICS_H

#include "autograd/op.h"

#include <kdst/metrics.h>

/* What is counted of one class: its labels, its predictions, and those of them that are right. */
typedef struct kdst__class_counts {
    int64_t labels, predictions, hits;
} kdst__class_counts;

struct kdst_metrics {
    kdst__handle base;
    int64_t classes, bins, top;
    int32_t pairs; /* option confusion */
    int64_t count, hits, top5_hits, top_hits;
    double nll, brier;
    kdst__class_counts *of_class; /* [K] */
    int64_t *confusion;           /* [K, K], or NULL */
    int64_t *bin_count;           /* [bins] */
    double *confidence;           /* [bins] sums */
    int64_t *bin_hits;            /* [bins] */
};

/* Adds one epoch of a loader, from its first batch, in eval mode and without recording. `widens`: metrics without a sample take
 * the number of the model's outputs where that is larger than their own. */
kdst_status kdst__metrics_add_loader(
    const char *function, kdst_metrics *metrics, kdst_layer *model, kdst_loader *loader, bool widens);

/* What a class is chosen by: logits [B, K] themselves, or the sums over time of a spiking network's output [T, B, K]; not recorded. */
kdst_status kdst__metrics_scores(kdst_tensor *output, kdst_tensor **out);

/* How many rows of contiguous logits [B, K] have their largest element (the first of equal ones) at the label. */
int64_t kdst__metrics_count_hits(kdst_tensor *logits, kdst_tensor *labels);

#endif
