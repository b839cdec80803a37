/* SPDX-License-Identifier: Apache-2.0 */
/* Timing a few steps and describing a network (see estimate.h). */
#include "estimate.h"

#include "progress.h"

#include <math.h>
#include <stdlib.h>

enum { TIMED_STEPS = 3 };

bool time_steps(const char *program, kdst_context *ctx, const char *name, kdst_trainer *trainer, double *out_seconds)
{
    kdst_event event = 0;
    *out_seconds = INFINITY;
    for (int i = 0; i <= TIMED_STEPS && event != KDST_EVENT_EPOCH; i++) {
        double begun = seconds_now();
        kdst_status status = kdst_trainer_step(trainer, &event);
        if (status) return explain_status(program, ctx, name, status);
        double taken = seconds_now() - begun;
        /* the first fills caches and the last of an epoch validates: they count only when there is no other */
        bool plain = i && event != KDST_EVENT_EPOCH;
        if (plain || (event == KDST_EVENT_EPOCH && !isfinite(*out_seconds))) *out_seconds = fmin(*out_seconds, taken);
    }
    return true;
}

void print_time(double seconds)
{
    if (seconds < 120)
        printf("%.0f s", ceil(seconds));
    else if (seconds < 7200)
        printf("%.0f min", ceil(seconds / 60));
    else
        printf("%.1f h", seconds / 3600);
}

bool print_summary(const char *program, kdst_context *ctx, kdst_layer *model, int64_t rank, const int64_t *shape)
{
    kdst_trace *trace = NULL;
    int64_t needed = 0;
    kdst_status status = kdst_trace_create(model, 1, NULL, &rank, shape, NULL, &trace);
    if (!status) status = kdst_trace_get_summary(trace, NULL, 0, &needed);
    char *text = status ? NULL : malloc((size_t)needed + 1);
    if (!status) status = text ? kdst_trace_get_summary(trace, text, needed, NULL) : KDST_STATUS_OUT_OF_MEMORY;
    if (!status) printf("%s\n", text);
    free(text);
    kdst_trace_release(trace);
    return status == KDST_STATUS_OK || explain_status(program, ctx, "summary", status);
}
