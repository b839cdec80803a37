/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: what every kind has, the factor 1, and warm-up around another schedule. The formulas of the kinds are in
 * schedule_decay.c, schedule_cosine.c, schedule_one_cycle.c and schedule_plateau.c.
 *
 * Warm-up: steps 0 to N - 1 multiply the inner schedule's factor by start + (1 - start) (s + 1) / N; with shift the inner one
 * sees s - N, and 0 during the warm-up.
 */
#include "nn/schedule.h"

#include <inttypes.h>

/* ---- life ---- */

static void destroy(void *object)
{
    kdst__handle_release(((kdst_schedule *)object)->inner);
}

static const kdst__class class = {"schedule", destroy};

kdst_status kdst__schedule_begin(kdst_context *ctx, const char *function, kdst_schedule **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    return KDST_STATUS_OK;
}

kdst_status kdst__schedule_new(kdst_context *ctx, const kdst__schedule_kind *kind, kdst_schedule **out)
{
    *out = kdst__handle_create(ctx, &class, kind->bytes);
    if (*out == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    (*out)->kind = kind;
    return KDST_STATUS_OK;
}

kdst_status kdst__schedule_check_total(kdst_context *ctx, const char *function, int64_t total)
{
    if (total >= 1) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: total is %" PRId64 ", allowed is 1 and more", function, total);
}

void kdst_schedule_retain(kdst_schedule *schedule)
{
    kdst__handle_retain(schedule);
}

void kdst_schedule_release(kdst_schedule *schedule)
{
    kdst__handle_release(schedule);
}

/* ---- constant ---- */

static double constant_factor(const kdst_schedule *schedule, int64_t step)
{
    (void)schedule, (void)step;
    return 1;
}

static const kdst__schedule_kind constant_kind = {
    .name = "schedule_constant", .bytes = sizeof(kdst_schedule), .factor = constant_factor};

kdst_status kdst_schedule_constant_create(kdst_context *ctx, kdst_schedule **out)
{
    kdst_status status = kdst__schedule_begin(ctx, constant_kind.name, out);
    return status == KDST_STATUS_OK ? kdst__schedule_new(ctx, &constant_kind, out) : status;
}

/* ---- warm-up ---- */

typedef struct warmup_config {
    double start;
    int64_t shift;
} warmup_config;

typedef struct warmup {
    kdst_schedule base;
    warmup_config config;
    int64_t steps;
} warmup;

static const kdst__option warmup_options[] = {
    KDST__FLOAT(warmup_config, start, 0, 0, 1, "factor that the warm-up starts from"),
    KDST__INT(warmup_config, shift, 0, 0, 1, "1: the schedule begins after the warm-up; 0: with it"),
};
const kdst__schema kdst__schema_schedule_warmup = {
    "schedule.warmup", warmup_options, KDST__COUNT(warmup_options), NULL, 0};

static double warmup_factor(const kdst_schedule *schedule, int64_t step)
{
    const warmup *w = (const warmup *)schedule;
    const kdst_schedule *inner = schedule->inner;
    bool warming = step < w->steps;
    int64_t seen = !w->config.shift ? step : warming ? 0 : step - w->steps;
    double factor = inner->kind->factor(inner, seen);
    if (!warming) return factor;
    return factor * (w->config.start + (1 - w->config.start) * ((double)(step + 1) / (double)w->steps));
}

static const kdst__schedule_kind warmup_kind = {
    .name = "schedule_warmup", .bytes = sizeof(warmup), .factor = warmup_factor};

kdst_status
kdst_schedule_warmup_create(kdst_schedule *schedule, int64_t steps, const kdst_options *given, kdst_schedule **out)
{
    warmup_config config;
    if (out != NULL) *out = NULL;
    if (schedule == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = schedule->base.ctx;
    kdst_status status = kdst__schedule_begin(ctx, warmup_kind.name, out);
    if (status == KDST_STATUS_OK && (steps < 0 || (double)steps > KDST__SCHEDULE_MOST))
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: steps is %" PRId64 ", allowed is 0 to %.0f", warmup_kind.name,
            steps, KDST__SCHEDULE_MOST);
    if (status == KDST_STATUS_OK && schedule->inner != NULL)
        status =
            kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the schedule is a warm-up itself", warmup_kind.name);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, warmup_kind.name, &kdst__schema_schedule_warmup, given, &config);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &warmup_kind, out);
    if (status != KDST_STATUS_OK) return status;
    ((warmup *)*out)->config = config;
    ((warmup *)*out)->steps = steps;
    kdst__handle_retain((*out)->inner = schedule);
    return KDST_STATUS_OK;
}

/* ---- use ---- */

kdst_status kdst_schedule_get_factor(kdst_schedule *schedule, int64_t step, double *out)
{
    if (schedule == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = schedule->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_get_factor: out is NULL");
    if (step < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_get_factor: step is %" PRId64 ", allowed is 0 and more", step);
    *out = schedule->kind->factor(schedule, step);
    return KDST_STATUS_OK;
}

kdst_schedule *kdst__schedule_watcher(kdst_schedule *schedule)
{
    if (schedule != NULL && schedule->inner != NULL) schedule = schedule->inner;
    return schedule != NULL && schedule->kind->observe != NULL ? schedule : NULL;
}

kdst_status kdst_schedule_observe(kdst_schedule *schedule, double value)
{
    if (schedule == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = schedule->base.ctx;
    kdst__enter(ctx);
    if (isnan(value)) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_observe: value is nan");
    kdst_schedule *watcher = kdst__schedule_watcher(schedule);
    if (watcher != NULL) watcher->kind->observe(watcher, value);
    return KDST_STATUS_OK;
}

int64_t kdst_schedule_get_state_count(const kdst_schedule *schedule)
{
    const kdst_schedule *watcher = kdst__schedule_watcher((kdst_schedule *)(uintptr_t)schedule);
    return watcher != NULL ? watcher->kind->state_count : 0;
}

kdst_status kdst_schedule_get_state(kdst_schedule *schedule, int64_t count, double *out)
{
    if (schedule == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = schedule->base.ctx;
    kdst__enter(ctx);
    int64_t wanted = kdst_schedule_get_state_count(schedule);
    if (count != wanted || (out == NULL && count > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "schedule_get_state: room for %" PRId64 " numbers, the state has %" PRId64, out == NULL ? 0 : count,
            wanted);
    kdst_schedule *watcher = kdst__schedule_watcher(schedule);
    for (int64_t i = 0; i < count; i++)
        out[i] = watcher->kind->state(watcher)[i];
    return KDST_STATUS_OK;
}

kdst_status kdst_schedule_set_state(kdst_schedule *schedule, int64_t count, const double *state)
{
    if (schedule == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = schedule->base.ctx;
    kdst__enter(ctx);
    int64_t wanted = kdst_schedule_get_state_count(schedule);
    if (count != wanted || (state == NULL && count > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_set_state: %" PRId64 " numbers, the state has %" PRId64,
            state == NULL ? 0 : count, wanted);
    kdst_schedule *watcher = kdst__schedule_watcher(schedule);
    if (watcher != NULL && !watcher->kind->state_fits(state))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_set_state: %g, %g, %g, %g are no state of a plateau", state[0],
            state[1], state[2], state[3]);
    for (int64_t i = 0; i < count; i++)
        watcher->kind->state(watcher)[i] = state[i];
    return KDST_STATUS_OK;
}
