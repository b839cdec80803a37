/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules from the inside: what a kind provides. */
#ifndef KDST_NN_SCHEDULE_H
#define KDST_NN_SCHEDULE_H

#include "core/context.h"
#include "core/options.h"

#include <kdst/schedule.h>

#define KDST__SCHEDULE_STATE 4                 /* most numbers of a kind's state */
#define KDST__SCHEDULE_MOST 9007199254740992.0 /* step numbers stay exact in a double */

typedef struct kdst__schedule_kind {
    const char *name; /* "schedule_plateau" */
    size_t bytes;     /* of the kind's struct, which begins with kdst_schedule */
    double (*factor)(const kdst_schedule *schedule, int64_t step); /* step >= 0 */
    /* Of schedules that watch a figure; else all NULL and 0. */
    void (*observe)(kdst_schedule *schedule, double value);
    int32_t state_count;
    double *(*state)(kdst_schedule *schedule); /* [state_count] */
    bool (*state_fits)(const double *state);   /* could it be one? */
} kdst__schedule_kind;

struct kdst_schedule {
    kdst__handle base;
    const kdst__schedule_kind *kind;
    kdst_schedule *inner; /* of a warm-up: retained */
    int32_t figure;       /* which figure a watching one wants, a KDST__FIGURE */
};

enum { KDST__FIGURE_ACCURACY, KDST__FIGURE_NLL };

/* Beginning of every creator: checks ctx and out, empties *out. */
kdst_status kdst__schedule_begin(kdst_context *ctx, const char *function, kdst_schedule **out);
kdst_status kdst__schedule_new(kdst_context *ctx, const kdst__schedule_kind *kind, kdst_schedule **out);
/* INVALID_ARGUMENT unless total is 1 to the largest step number. */
kdst_status kdst__schedule_check_total(kdst_context *ctx, const char *function, int64_t total);
/* The schedule itself, or the watching one inside its warm-up; NULL: none watches. */
kdst_schedule *kdst__schedule_watcher(kdst_schedule *schedule);

extern const kdst__schema kdst__schema_schedule_step, kdst__schema_schedule_cosine, kdst__schema_schedule_exponential,
    kdst__schema_schedule_polynomial, kdst__schema_schedule_one_cycle, kdst__schema_schedule_plateau,
    kdst__schema_schedule_warmup;

#endif
