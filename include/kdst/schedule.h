/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: a factor on the learning rate as a function of the number of the optimiser step, which is counted by updates and not by
 * epochs. All are pure functions of it but the plateau, which watches a figure and has a state. */
#ifndef KDST_SCHEDULE_H
#define KDST_SCHEDULE_H

#include <kdst/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A schedule of the learning rate. */
typedef struct kdst_schedule kdst_schedule;

/** The factor 1 for ever.
 *
 *  @param      ctx  the context; retained by the schedule
 *  @param[out] out  new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_constant_create(kdst_context *ctx, kdst_schedule **out);

/** Decay by steps, at milestones or regularly: gamma to the power of the milestones reached plus floor(step / every).
 *
 *  During the first `warmup` steps the result is multiplied by warmup_start + (1 - warmup_start) * (step + 1) / warmup.
 *
 *  @param      ctx      the context; retained by the schedule
 *  @param      options  nullable; schema "schedule.step": milestones (rising step numbers >= 1, up to 64) = none, every [0,inf) = 0 (never),
 *                       gamma [0,inf) = 0.1, warmup [0,inf) = 0, warmup_start [0,1] = 0
 *  @param[out] out      new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, option, milestones not rising), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_step_create(
    kdst_context *ctx, const kdst_options *options, kdst_schedule **out);

/** Half a cosine from 1 down to `minimum`, which it keeps from step `total` on (Loshchilov and Hutter 2017).
 *
 *  First the factor rises over `warmup` steps as (step + 1) / warmup; then, with t = (step - warmup) / (total - warmup), it is
 *  minimum + (1 - minimum) * (1 + cos(pi t)) / 2.
 *
 *  @param      ctx      the context; retained by the schedule
 *  @param      total    number of steps, at least 1
 *  @param      options  nullable; schema "schedule.cosine": minimum [0,1] = 0, warmup [0,total) = 0
 *  @param[out] out      new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, total or option out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_cosine_create(
    kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);

/** Exponential decay: max(minimum, gamma to the power of floor(step / every)).
 *
 *  @param      ctx      the context; retained by the schedule
 *  @param      options  nullable; schema "schedule.exponential": gamma [0,1] = 0.95, every [1,inf) = 1 (steps between decays: those of an
 *                       epoch for a decay by epochs), minimum [0,1] = 0
 *  @param[out] out      new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_exponential_create(
    kdst_context *ctx, const kdst_options *options, kdst_schedule **out);

/** Polynomial decay, linear by default: end + (start - end) * (1 - step / total)^power, and `end` from step `total` on.
 *
 *  @param      ctx      the context; retained by the schedule
 *  @param      total    number of steps, at least 1
 *  @param      options  nullable; schema "schedule.polynomial": power (0,inf) = 1, start [0,1] = 1, end [0,1] = 0
 *  @param[out] out      new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, total or option out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_polynomial_create(
    kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);

/** One cycle: up to the base rate, which is the highest, and down to almost nothing (Smith and Topin 2019), as PyTorch's OneCycleLR.
 *
 *  From 1 / div_factor at step 0 to 1 at step pct_start * total - 1, then down to 1 / (div_factor * final_div_factor) at step total - 1,
 *  which it keeps. With three_phase it first goes back to 1 / div_factor, at step 2 * pct_start * total - 2. The momentum stays as it is.
 *
 *  @param      ctx      the context; retained by the schedule
 *  @param      total    number of steps, at least 1
 *  @param      options  nullable; schema "schedule.one_cycle": pct_start (0,1) = 0.3 (up to 0.5 with three_phase), div_factor [1,inf) = 25,
 *                       final_div_factor [1,inf) = 1e4, anneal "cos" | "linear" = "cos", three_phase 0 | 1 = 0
 *  @param[out] out      new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, total or option out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_one_cycle_create(
    kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);

/** Decay when a figure has stopped improving, as PyTorch's ReduceLROnPlateau: its factor depends on what kdst_schedule_observe was told, not
 *  on the step.
 *
 *  A value is better when it passes the best one by the threshold: best * (1 + threshold) for an accuracy, best * (1 - threshold) for a
 *  negative log-likelihood, or best + threshold and best - threshold with threshold_mode "absolute". After more than `patience` values
 *  in a row that are not better the factor is multiplied by gamma. A trainer tells it the figure of each validation and keeps its state
 *  in checkpoints.
 *
 *  @param      ctx      the context; retained by the schedule
 *  @param      options  nullable; schema "schedule.plateau": figure "accuracy" | "nll" = "accuracy", gamma [0,1) = 0.1,
 *                       patience [0,1000000] = 10, threshold [0,inf) = 1e-4, threshold_mode "relative" | "absolute" = "relative",
 *                       cooldown [0,1000000] = 0 (values after a decay that do not count), minimum [0,1] = 0 (least factor)
 *  @param[out] out      new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_plateau_create(
    kdst_context *ctx, const kdst_options *options, kdst_schedule **out);

/** Linear warm-up in front of any other schedule.
 *
 *  During the first `steps` steps the other's factor is multiplied by start + (1 - start) * (step + 1) / steps. With shift 1 the other one
 *  begins behind the warm-up: it is asked for step - steps, and for 0 before.
 *
 *  @param      schedule  the other one, no warm-up itself; retained
 *  @param      steps     at least 0
 *  @param      options   nullable; schema "schedule.warmup": start [0,1] = 0, shift 0 | 1 = 0
 *  @param[out] out       new; released with kdst_schedule_release
 *  @status INVALID_ARGUMENT (NULL, steps, option, the schedule is a warm-up), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_warmup_create(
    kdst_schedule *schedule, int64_t steps, const kdst_options *options, kdst_schedule **out);

/** Adds a reference.
 *
 *  @param schedule  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_schedule_retain(kdst_schedule *schedule);

/** Drops a reference; the last one frees.
 *
 *  @param schedule  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_schedule_release(kdst_schedule *schedule);

/** Factor on the base learning rate for one optimiser step.
 *
 *  @param      schedule  the schedule
 *  @param      step      number of the step, from 0
 *  @param[out] out       the factor
 *  @status INVALID_ARGUMENT (NULL, step negative)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_get_factor(kdst_schedule *schedule, int64_t step, double *out);

/** Tells a schedule that watches a figure the figure's new value, once for each validation; others ignore it.
 *
 *  @param schedule  the schedule, or a warm-up around it
 *  @param value     not NaN
 *  @status INVALID_ARGUMENT (NULL, NaN)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_observe(kdst_schedule *schedule, double value);

/** How many numbers the state of a schedule has.
 *
 *  @param schedule  nullable
 *  @return          4 for a plateau and a warm-up around one, 0 for the others and for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_schedule_get_state_count(const kdst_schedule *schedule);

/** The state, for whoever keeps checkpoints without a trainer: the factor, the best value, values without improvement, values that do
 *  not count.
 *
 *  @param      schedule  the schedule
 *  @param      count     as kdst_schedule_get_state_count says
 *  @param[out] out       [count]; nullable when count is 0
 *  @status INVALID_ARGUMENT (NULL, count)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_get_state(kdst_schedule *schedule, int64_t count, double *out);

/** Sets the state to one that kdst_schedule_get_state gave.
 *
 *  @param schedule  the schedule
 *  @param count     as kdst_schedule_get_state_count says
 *  @param state     [count]; nullable when count is 0; copied
 *  @status INVALID_ARGUMENT (NULL, count, no such state: nothing is changed)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_schedule_set_state(
    kdst_schedule *schedule, int64_t count, const double *state);

#ifdef __cplusplus
}
#endif

#endif
