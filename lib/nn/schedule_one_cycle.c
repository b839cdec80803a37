/* SPDX-License-Identifier: Apache-2.0 */
/* One cycle (Smith and Topin, Super-convergence, 2019), as PyTorch's OneCycleLR without its cycle of the momentum.
 *
 * The base rate is the highest one. With i = 1 / div_factor and f = i / final_div_factor the factor goes from i to 1 up to step
 * pct_start total - 1 and down to f at step total - 1; with three_phase it is back at i at step 2 pct_start total - 2 before it goes
 * to f. Between two points it is linear or half a cosine. The points may lie between steps, as PyTorch's do.
 */
#include "nn/schedule.h"

#include <float.h>
#include <inttypes.h>

typedef struct config {
    double pct_start, div_factor, final_div_factor;
    int32_t anneal;
    int64_t three_phase;
} config;

enum { ANNEAL_COSINE, ANNEAL_LINEAR };

typedef struct point {
    double step, factor;
} point;

typedef struct one_cycle {
    kdst_schedule base;
    int32_t anneal;
    int32_t count;
    point points[4];
} one_cycle;

static const kdst__option options[] = {
    KDST__FLOAT_OPEN(config, pct_start, 0.3, 0, 1, "share of the steps in which the rate rises"),
    KDST__FLOAT(config, div_factor, 25, 1, DBL_MAX, "highest rate / first rate"),
    KDST__FLOAT(config, final_div_factor, 1e4, 1, DBL_MAX, "first rate / last rate"),
    KDST__CHOICE(config, anneal, "cos", "cos|linear", "way between two points"),
    KDST__INT(config, three_phase, 0, 0, 1, "1: down as it came up, then to the last rate"),
};
const kdst__schema kdst__schema_schedule_one_cycle = {"schedule.one_cycle", options, KDST__COUNT(options), NULL, 0};

static double factor(const kdst_schedule *schedule, int64_t step)
{
    const one_cycle *c = (const one_cycle *)schedule;
    const double pi = 3.14159265358979323846, s = (double)step;
    int32_t i = 1;
    if (s >= c->points[c->count - 1].step) return c->points[c->count - 1].factor;
    while (i + 1 < c->count && s > c->points[i].step)
        i++;
    const point *a = &c->points[i - 1], *b = &c->points[i];
    double t = b->step > a->step ? (s - a->step) / (b->step - a->step) : 1;
    if (t > 1) t = 1;
    if (c->anneal == ANNEAL_LINEAR) return a->factor + (b->factor - a->factor) * t;
    return b->factor + (a->factor - b->factor) / 2 * (1 + cos(pi * t));
}

static const kdst__schedule_kind kind = {.name = "schedule_one_cycle", .bytes = sizeof(one_cycle), .factor = factor};

static void set_points(one_cycle *self, const config *c, int64_t total)
{
    double n = (double)total, first = 1 / c->div_factor, last = first / c->final_div_factor;
    self->anneal = c->anneal;
    self->points[self->count++] = (point){0, first};
    self->points[self->count++] = (point){fmax(0, c->pct_start * n - 1), 1};
    if (c->three_phase) self->points[self->count++] = (point){fmax(0, 2 * c->pct_start * n - 2), first};
    self->points[self->count++] = (point){n - 1, last};
}

kdst_status
kdst_schedule_one_cycle_create(kdst_context *ctx, int64_t total, const kdst_options *given, kdst_schedule **out)
{
    config config;
    kdst_status status = kdst__schedule_begin(ctx, kind.name, out);
    if (status == KDST_STATUS_OK) status = kdst__schedule_check_total(ctx, kind.name, total);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, kind.name, &kdst__schema_schedule_one_cycle, given, &config);
    if (status == KDST_STATUS_OK && config.three_phase && config.pct_start > 0.5)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "schedule_one_cycle: pct_start is %g, with three_phase allowed is up to 0.5", config.pct_start);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &kind, out);
    if (status == KDST_STATUS_OK) set_points((one_cycle *)*out, &config, total);
    return status;
}
