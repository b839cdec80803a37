/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules that only fall, at step s:
 *
 * step: gamma^k, k the milestones <= s plus floor(s / every), with a warm-up of its own;
 * exponential: gamma^floor(s / every), at least minimum;
 * polynomial: end + (start - end)(1 - s / total)^power, linear with power 1.
 */
#include "nn/schedule.h"

#include <float.h>
#include <inttypes.h>

#define MOST KDST__SCHEDULE_MOST

/* ---- step ---- */

typedef struct step_config {
    int64_t milestones[KDST__MAX_LIST], milestones_count, every, warmup;
    double gamma, warmup_start;
} step_config;

typedef struct step {
    kdst_schedule base;
    step_config config;
} step;

static const kdst__option step_options[] = {
    KDST__INTS_UPTO(step_config, milestones, KDST__MAX_LIST, 1, MOST, "rising step numbers, each multiplies by gamma"),
    KDST__INT(step_config, every, 0, 0, MOST, "multiply by gamma every so many steps; 0: never"),
    KDST__FLOAT(step_config, gamma, 0.1, 0, INFINITY, "factor of one decay"),
    KDST__INT(step_config, warmup, 0, 0, MOST, "steps of linear warm-up"),
    KDST__FLOAT(step_config, warmup_start, 0, 0, 1, "factor that the warm-up starts from"),
};
const kdst__schema kdst__schema_schedule_step = {"schedule.step", step_options, KDST__COUNT(step_options), NULL, 0};

static double step_factor(const kdst_schedule *schedule, int64_t number)
{
    const step_config *c = &((const step *)schedule)->config;
    int64_t decays = c->every > 0 ? number / c->every : 0;
    for (int64_t i = 0; i < c->milestones_count; i++)
        decays += c->milestones[i] <= number;
    double factor = decays > 0 ? pow(c->gamma, (double)decays) : 1;
    if (number < c->warmup)
        factor *= c->warmup_start + (1 - c->warmup_start) * ((double)(number + 1) / (double)c->warmup);
    return factor;
}

static const kdst__schedule_kind step_kind = {.name = "schedule_step", .bytes = sizeof(step), .factor = step_factor};

kdst_status kdst_schedule_step_create(kdst_context *ctx, const kdst_options *given, kdst_schedule **out)
{
    step_config config;
    kdst_status status = kdst__schedule_begin(ctx, step_kind.name, out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, step_kind.name, &kdst__schema_schedule_step, given, &config);
    for (int64_t i = 1; status == KDST_STATUS_OK && i < config.milestones_count; i++)
        if (config.milestones[i] <= config.milestones[i - 1])
            status = kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "schedule_step: milestones must rise, %" PRId64 " follows %" PRId64,
                config.milestones[i], config.milestones[i - 1]);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &step_kind, out);
    if (status == KDST_STATUS_OK) ((step *)*out)->config = config;
    return status;
}

/* ---- exponential ---- */

typedef struct exponential_config {
    double gamma, minimum;
    int64_t every;
} exponential_config;

typedef struct exponential {
    kdst_schedule base;
    exponential_config config;
} exponential;

static const kdst__option exponential_options[] = {
    KDST__FLOAT(exponential_config, gamma, 0.95, 0, 1, "factor of one decay"),
    KDST__INT(exponential_config, every, 1, 1, MOST, "steps between decays, such as those of an epoch"),
    KDST__FLOAT(exponential_config, minimum, 0, 0, 1, "least factor"),
};
const kdst__schema kdst__schema_schedule_exponential = {
    "schedule.exponential", exponential_options, KDST__COUNT(exponential_options), NULL, 0};

static double exponential_factor(const kdst_schedule *schedule, int64_t number)
{
    const exponential_config *c = &((const exponential *)schedule)->config;
    return fmax(c->minimum, pow(c->gamma, (double)(number / c->every)));
}

static const kdst__schedule_kind exponential_kind = {
    .name = "schedule_exponential", .bytes = sizeof(exponential), .factor = exponential_factor};

kdst_status kdst_schedule_exponential_create(kdst_context *ctx, const kdst_options *given, kdst_schedule **out)
{
    exponential_config config;
    kdst_status status = kdst__schedule_begin(ctx, exponential_kind.name, out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, exponential_kind.name, &kdst__schema_schedule_exponential, given, &config);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &exponential_kind, out);
    if (status == KDST_STATUS_OK) ((exponential *)*out)->config = config;
    return status;
}

/* ---- polynomial ---- */

typedef struct polynomial_config {
    double power, start, end;
} polynomial_config;

typedef struct polynomial {
    kdst_schedule base;
    polynomial_config config;
    int64_t total;
} polynomial;

static const kdst__option polynomial_options[] = {
    KDST__FLOAT_ABOVE(polynomial_config, power, 1, 0, DBL_MAX, "1: linear"),
    KDST__FLOAT(polynomial_config, start, 1, 0, 1, "factor at step 0"),
    KDST__FLOAT(polynomial_config, end, 0, 0, 1, "factor from step `total` on"),
};
const kdst__schema kdst__schema_schedule_polynomial = {
    "schedule.polynomial", polynomial_options, KDST__COUNT(polynomial_options), NULL, 0};

static double polynomial_factor(const kdst_schedule *schedule, int64_t number)
{
    const polynomial *self = (const polynomial *)schedule;
    const polynomial_config *c = &self->config;
    if (number >= self->total) return c->end;
    return c->end + (c->start - c->end) * pow(1 - (double)number / (double)self->total, c->power);
}

static const kdst__schedule_kind polynomial_kind = {
    .name = "schedule_polynomial", .bytes = sizeof(polynomial), .factor = polynomial_factor};

kdst_status
kdst_schedule_polynomial_create(kdst_context *ctx, int64_t total, const kdst_options *given, kdst_schedule **out)
{
    polynomial_config config;
    kdst_status status = kdst__schedule_begin(ctx, polynomial_kind.name, out);
    if (status == KDST_STATUS_OK) status = kdst__schedule_check_total(ctx, polynomial_kind.name, total);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, polynomial_kind.name, &kdst__schema_schedule_polynomial, given, &config);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &polynomial_kind, out);
    if (status != KDST_STATUS_OK) return status;
    ((polynomial *)*out)->config = config;
    ((polynomial *)*out)->total = total;
    return KDST_STATUS_OK;
}
