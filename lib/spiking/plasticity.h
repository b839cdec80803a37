/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of local learning share: spike trains of any type as numbers of the weight's, what neurons remember, the bounds. */
#ifndef KDST_SPIKING_PLASTICITY_H
#define KDST_SPIKING_PLASTICITY_H

#include "compute/plasticity.h"
#include "core/options.h"
#include "tensor/tensor.h"

#include <kdst/plasticity.h>

enum { KDST__BATCH_SUM, KDST__BATCH_MEAN };

/* Options of every rule. */
typedef struct kdst__weight_bounds {
    double w_min, w_max;
    int32_t bounds, batch;
} kdst__weight_bounds;

#define KDST__WEIGHT_BOUND(type, part, member, value, help)                                                            \
  {                                                                                                                    \
#    member, KDST_OPTION_FLOAT, value, -INFINITY, INFINITY, 0, "", #    value, 1, offsetof(type, part.member), 0, help \
  }
#define KDST__WEIGHT_CHOICE(type, part, member, value, choices, help)                                                  \
  {                                                                                                                    \
#    member, KDST_OPTION_CHOICE, 0, 0, 0, 0, choices, value, 1, offsetof(type, part.member), 0, help                   \
  }
#define KDST__WEIGHT_BOUNDS(type, part)                                                                                \
  KDST__WEIGHT_CHOICE(type, part, bounds, "hard", "none|hard|soft", "soft: changes shrink towards the bounds"),        \
      KDST__WEIGHT_BOUND(type, part, w_min, 0, "least weight, with bounds"),                                           \
      KDST__WEIGHT_BOUND(type, part, w_max, 1, "largest weight, with bounds"),                                         \
      KDST__WEIGHT_CHOICE(type, part, batch, "sum", "sum|mean", "of the samples' changes")

/* INVALID_ARGUMENT unless w_min < w_max. */
kdst_status kdst__weight_bounds_check(kdst_context *ctx, const char *function, const kdst__weight_bounds *bounds);

/* Two checked trains and their weight: the spikes are contiguous and of the weight's type. */
typedef struct kdst__train {
    kdst_tensor *given;             /* the caller's weight, not retained */
    kdst_tensor *pre, *post, *work; /* work: the weight, or a contiguous copy */
    int64_t steps, samples, m, n;
    int32_t rank; /* of what neurons remember: 1, or 2 with a batch */
} kdst__train;

/* `sequence`: there is a time axis. Closed with kdst__train_close, also after a failure. */
kdst_status kdst__train_open(
    kdst_context *ctx, const char *function, bool sequence, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight,
    kdst__train *out);
void kdst__train_close(kdst__train *train);
/* Gives the new weights to the caller's tensor. */
kdst_status kdst__train_keep(const char *function, const kdst__train *train);

/* What the neurons remember: trace 0 belongs to those in front, the others to those behind. */
enum { KDST__TRACES = 3 };
typedef struct kdst__traces {
    kdst_tensor *trace[KDST__TRACES];
} kdst__traces;

/* Makes `count` traces of 0 for a train where there are none (*out_new then), or checks that those there are fit it. */
kdst_status kdst__traces_fit(
    kdst_context *ctx, const char *function, kdst__traces *traces, int count, const kdst__train *train, bool *out_new);
void kdst__traces_drop(kdst__traces *traces);
/* New copies into out [count]; out[i] not NULL. STATE without traces. */
kdst_status kdst__traces_get(
    kdst_context *ctx, const char *function, const kdst__traces *traces, int count, kdst_tensor **const out[]);
/* Replaces them by copies of given [count], all of whose numbers lie in [0, most[i]]. */
kdst_status kdst__traces_set(
    kdst_context *ctx, const char *function, kdst__traces *traces, int count, const char *const names[],
    kdst_tensor *const given[], const double most[]);

#endif
