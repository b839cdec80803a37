/* SPDX-License-Identifier: Apache-2.0 */
/* Plateau: the factor falls when a figure has stopped improving, as PyTorch's ReduceLROnPlateau.
 *
 * A value is better than best b when it is above b (1 + threshold) (accuracy, relative), below b (1 - threshold) (nll, relative), above
 * b + threshold or below b - threshold (absolute). After more than `patience` values in a row that are not, the factor is multiplied
 * by gamma, down to `minimum`, and the next `cooldown` values are not counted.
 */
#include "nn/schedule.h"

typedef struct config {
    int32_t figure, threshold_mode;
    double gamma, threshold, minimum;
    int64_t patience, cooldown;
} config;

enum { RELATIVE, ABSOLUTE };
enum { FACTOR, BEST, BAD, COOLING }; /* state; BEST is NaN before the first value */

typedef struct plateau {
    kdst_schedule base;
    config config;
    double state[KDST__SCHEDULE_STATE];
} plateau;

static const kdst__option options[] = {
    KDST__CHOICE(
        config, figure, "accuracy", "accuracy|nll", "validation figure that is watched; nll is better when lower"),
    KDST__FLOAT_BELOW(config, gamma, 0.1, 0, 1, "factor of one decay"),
    KDST__INT(config, patience, 10, 0, 1000000, "values without improvement that are borne"),
    KDST__FLOAT(config, threshold, 1e-4, 0, INFINITY, "least improvement"),
    KDST__CHOICE(config, threshold_mode, "relative", "relative|absolute", "how the threshold counts"),
    KDST__INT(config, cooldown, 0, 0, 1000000, "values after a decay that do not count"),
    KDST__FLOAT(config, minimum, 0, 0, 1, "least factor"),
};
const kdst__schema kdst__schema_schedule_plateau = {"schedule.plateau", options, KDST__COUNT(options), NULL, 0};

static double factor(const kdst_schedule *schedule, int64_t step)
{
    (void)step;
    return ((const plateau *)schedule)->state[FACTOR];
}

static bool better(const config *c, double value, double best)
{
    double up = c->figure == KDST__FIGURE_ACCURACY ? 1 : -1;
    if (isnan(best)) return true;
    double gap = c->threshold_mode == RELATIVE ? c->threshold * best : c->threshold;
    return up * value > up * best + gap;
}

static void observe(kdst_schedule *schedule, double value)
{
    plateau *self = (plateau *)schedule;
    const config *c = &self->config;
    double *s = self->state;
    if (better(c, value, s[BEST])) {
        s[BEST] = value;
        s[BAD] = 0;
    } else {
        s[BAD]++;
    }
    if (s[COOLING] > 0) {
        s[COOLING]--;
        s[BAD] = 0;
    }
    if (s[BAD] <= (double)c->patience) return;
    s[FACTOR] = fmax(c->minimum, s[FACTOR] * c->gamma);
    s[COOLING] = (double)c->cooldown;
    s[BAD] = 0;
}

static double *state(kdst_schedule *schedule)
{
    return ((plateau *)schedule)->state;
}

static bool is_count(double value)
{
    return value >= 0 && value <= 1000001 && value == floor(value);
}

static bool state_fits(const double *s)
{
    return s[FACTOR] >= 0 && s[FACTOR] <= 1 && is_count(s[BAD]) && is_count(s[COOLING]);
}

static const kdst__schedule_kind kind = {
    .name = "schedule_plateau",
    .bytes = sizeof(plateau),
    .factor = factor,
    .observe = observe,
    .state_count = KDST__SCHEDULE_STATE,
    .state = state,
    .state_fits = state_fits};

kdst_status kdst_schedule_plateau_create(kdst_context *ctx, const kdst_options *given, kdst_schedule **out)
{
    config config;
    kdst_status status = kdst__schedule_begin(ctx, kind.name, out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, kind.name, &kdst__schema_schedule_plateau, given, &config);
    if (status == KDST_STATUS_OK) status = kdst__schedule_new(ctx, &kind, out);
    if (status != KDST_STATUS_OK) return status;
    plateau *self = (plateau *)*out;
    self->config = config;
    self->base.figure = config.figure;
    self->state[FACTOR] = 1;
    self->state[BEST] = NAN;
    return KDST_STATUS_OK;
}
