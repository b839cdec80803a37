/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: the factor on the learning rate at optimiser step s, from 0.
 *
 * constant 1; step gamma^k with k the milestones <= s plus floor(s / every); cosine m + (1 - m)(1 + cos(pi t)) / 2
 * with t = (s - warmup) / (total - warmup) (Loshchilov and Hutter, SGDR, 2017). Warm-up rises linearly, m/N for m = 1 … N.
 */
#include "core/options.h"
#include "core/context.h"

#include <kdst/schedule.h>

#include <inttypes.h>

typedef struct step_config {
    int64_t milestones[KDST__MAX_LIST], milestones_count, every, warmup;
    double gamma, warmup_start;
} step_config;

typedef struct cosine_config {
    int64_t warmup;
    double minimum;
} cosine_config;

/* Step numbers stay exact in a double. */
#define MOST 9007199254740992.0

static const kdst__option step_options[] = {
    KDST__INTS_UPTO(step_config, milestones, KDST__MAX_LIST, 1, MOST, "rising step numbers, each multiplies by gamma"),
    KDST__INT(step_config, every, 0, 0, MOST, "multiply by gamma every so many steps; 0: never"),
    KDST__FLOAT(step_config, gamma, 0.1, 0, INFINITY, "factor of one decay"),
    KDST__INT(step_config, warmup, 0, 0, MOST, "steps of linear warm-up"),
    KDST__FLOAT(step_config, warmup_start, 0, 0, 1, "factor that the warm-up starts from"),
};
const kdst__schema kdst__schema_schedule_step = {"schedule.step", step_options, KDST__COUNT(step_options), NULL, 0};

static const kdst__option cosine_options[] = {
    KDST__INT(cosine_config, warmup, 0, 0, MOST, "steps of linear warm-up, below total"),
    KDST__FLOAT(cosine_config, minimum, 0, 0, 1, "factor at the end"),
};
const kdst__schema kdst__schema_schedule_cosine = {
    "schedule.cosine", cosine_options, KDST__COUNT(cosine_options), NULL, 0};

struct kdst_schedule {
    kdst__handle base;
    double (*factor)(const kdst_schedule *schedule, int64_t step);
    step_config step;
    cosine_config cosine;
    int64_t total;
};

static const kdst__class class = {"schedule", NULL};

static double constant_factor(const kdst_schedule *schedule, int64_t step)
{
    (void)schedule, (void)step;
    return 1;
}

static double step_factor(const kdst_schedule *schedule, int64_t step)
{
    const step_config *c = &schedule->step;
    int64_t decays = c->every > 0 ? step / c->every : 0;
    for (int64_t i = 0; i < c->milestones_count; i++)
        decays += c->milestones[i] <= step;
    double factor = decays > 0 ? pow(c->gamma, (double)decays) : 1;
    if (step < c->warmup) factor *= c->warmup_start + (1 - c->warmup_start) * ((double)(step + 1) / (double)c->warmup);
    return factor;
}

static double cosine_factor(const kdst_schedule *schedule, int64_t step)
{
    const cosine_config *c = &schedule->cosine;
    const double pi = 3.14159265358979323846;
    if (step < c->warmup) return (double)(step + 1) / (double)c->warmup;
    if (step >= schedule->total) return c->minimum;
    double t = (double)(step - c->warmup) / (double)(schedule->total - c->warmup);
    return c->minimum + (1 - c->minimum) * (1 + cos(pi * t)) / 2;
}

/* Beginning of every creator. */
static kdst_status begin(kdst_context *ctx, const char *function, kdst_schedule **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    return KDST_STATUS_OK;
}

static kdst_status create(kdst_context *ctx, double (*factor)(const kdst_schedule *, int64_t), kdst_schedule **out)
{
    *out = kdst__handle_create(ctx, &class, sizeof **out);
    if (*out == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    (*out)->factor = factor;
    return KDST_STATUS_OK;
}

kdst_status kdst_schedule_constant_create(kdst_context *ctx, kdst_schedule **out)
{
    kdst_status status = begin(ctx, "schedule_constant", out);
    return status == KDST_STATUS_OK ? create(ctx, constant_factor, out) : status;
}

kdst_status kdst_schedule_step_create(kdst_context *ctx, const kdst_options *given, kdst_schedule **out)
{
    step_config config;
    kdst_status status = begin(ctx, "schedule_step", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "schedule_step", &kdst__schema_schedule_step, given, &config);
    for (int64_t i = 1; status == KDST_STATUS_OK && i < config.milestones_count; i++)
        if (config.milestones[i] <= config.milestones[i - 1])
            status = kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_step: milestones must rise, %" PRId64 " follows %" PRId64,
                config.milestones[i], config.milestones[i - 1]);
    if (status == KDST_STATUS_OK) status = create(ctx, step_factor, out);
    if (status == KDST_STATUS_OK) (*out)->step = config;
    return status;
}

kdst_status
kdst_schedule_cosine_create(kdst_context *ctx, int64_t total, const kdst_options *given, kdst_schedule **out)
{
    cosine_config config;
    kdst_status status = begin(ctx, "schedule_cosine", out);
    if (status == KDST_STATUS_OK && total < 1)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_cosine: total is %" PRId64 ", allowed is 1 and more", total);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "schedule_cosine", &kdst__schema_schedule_cosine, given, &config);
    if (status == KDST_STATUS_OK && config.warmup >= total)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "schedule_cosine: warmup is %" PRId64 ", allowed is less than total, %" PRId64, config.warmup, total);
    if (status == KDST_STATUS_OK) status = create(ctx, cosine_factor, out);
    if (status == KDST_STATUS_OK) {
        (*out)->cosine = config;
        (*out)->total = total;
    }
    return status;
}

void kdst_schedule_retain(kdst_schedule *schedule)
{
    kdst__handle_retain(schedule);
}

void kdst_schedule_release(kdst_schedule *schedule)
{
    kdst__handle_release(schedule);
}

kdst_status kdst_schedule_get_factor(kdst_schedule *schedule, int64_t step, double *out)
{
    if (schedule == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = schedule->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_get_factor: out is NULL");
    if (step < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_get_factor: step is %" PRId64 ", allowed is 0 and more", step);
    *out = schedule->factor(schedule, step);
    return KDST_STATUS_OK;
}
