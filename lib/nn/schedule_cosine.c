/* SPDX-License-Identifier: Apache-2.0 */
/* Cosine: m + (1 - m)(1 + cos(pi t)) / 2, t = (s - warmup) / (total - warmup) (Loshchilov and Hutter, SGDR, ICLR 2017); its own
 * warm-up rises linearly, (s + 1) / warmup.
 */
#include "nn/schedule.h"

#include <inttypes.h>

typedef struct config {
    int64_t warmup;
    double minimum;
} config;

typedef struct cosine {
    kdst_schedule base;
    config config;
    int64_t total;
} cosine;

static const kdst__option options[] = {
    KDST__INT(config, warmup, 0, 0, KDST__SCHEDULE_MOST, "steps of linear warm-up, below total"),
    KDST__FLOAT(config, minimum, 0, 0, 1, "factor at the end"),
};
const kdst__schema kdst__schema_schedule_cosine = {"schedule.cosine", options, KDST__COUNT(options), NULL, 0};

static double factor(const kdst_schedule *schedule, int64_t step)
{
    const cosine *self = (const cosine *)schedule;
    const config *c = &self->config;
    const double pi = 3.14159265358979323846;
    if (step < c->warmup) return (double)(step + 1) / (double)c->warmup;
    if (step >= self->total) return c->minimum;
    double t = (double)(step - c->warmup) / (double)(self->total - c->warmup);
    return c->minimum + (1 - c->minimum) * (1 + cos(pi * t)) / 2;
}

static const kdst__schedule_kind kind = {.name = "schedule_cosine", .bytes = sizeof(cosine), .factor = factor};

kdst_status
kdst_schedule_cosine_create(kdst_context *ctx, int64_t total, const kdst_options *given, kdst_schedule **out)
{
    config config;
    kdst_status status = kdst__schedule_begin(ctx, kind.name, out);
    if (status == KDST_STATUS_OK) status = kdst__schedule_check_total(ctx, kind.name, total);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, kind.name, &kdst__schema_schedule_cosine, given, &config);
    if (status == KDST_STATUS_OK && config.warmup >= total)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "schedule_cosine: warmup is %" PRId64 ", allowed is less than total, %" PRId64, config.warmup, total);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &kind, out);
    if (status != KDST_STATUS_OK) return status;
    ((cosine *)*out)->config = config;
    ((cosine *)*out)->total = total;
    return KDST_STATUS_OK;
}
