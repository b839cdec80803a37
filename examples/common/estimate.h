/* SPDX-License-Identifier: Apache-2.0 */
/* What a run will take, for --dry-run of the experiment drivers: a few real steps are timed. */
#ifndef COMMON_ESTIMATE_H
#define COMMON_ESTIMATE_H

#include "setup.h"

/* Shortest time of a step, after one that fills caches. */
bool time_steps(const char *program, kdst_context *ctx, const char *name, kdst_trainer *trainer, double *out_seconds);

/* "35 s", "12 min", "3.4 h" on standard output. */
void print_time(double seconds);

/* Layers, shapes of their results, parameters and multiply-adds for one input of this shape. */
bool print_summary(const char *program, kdst_context *ctx, kdst_layer *model, int64_t rank, const int64_t *shape);

#endif
