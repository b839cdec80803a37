/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: a factor on the learning rate as a pure function of the number of the optimiser step. */
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

/** Decay by steps: gamma to the power of the milestones reached plus floor(step / every).
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

#ifdef __cplusplus
}
#endif

#endif
