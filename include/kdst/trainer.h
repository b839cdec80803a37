/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer: a training loop over a model, a loss, an optimiser and a loader, with validation and checkpoints.
 *
 * It may be run as a whole or stepped; a teacher makes it distillation. It can clip gradients, accumulate them over batches, average the
 * weights, keep the best ones and stop early. A checkpoint holds everything that decides what
 * comes next: a run that was killed and resumed ends in the same bits.
 */
#ifndef KDST_TRAINER_H
#define KDST_TRAINER_H

#include <kdst/average.h>
#include <kdst/loss.h>
#include <kdst/metrics.h>
#include <kdst/optimizer.h>
#include <kdst/schedule.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A training run. */
typedef struct kdst_trainer kdst_trainer;

/** What a step of a trainer did. */
typedef int32_t kdst_event;

enum {
    KDST_EVENT_STEP = 1,    /**< one update of the parameters */
    KDST_EVENT_EPOCH = 2,   /**< one update, and with it an epoch ended and was validated */
    KDST_EVENT_FINISHED = 3 /**< nothing: every epoch is done, or the run was stopped early */
};

/** Called after each step; anything but OK stops the run with that status.
 *
 *  It may read, save, load and release the trainer, which lives until it returns, but not step it. */
typedef kdst_status (*kdst_progress_fn)(void *user_data, kdst_trainer *trainer, kdst_event event);

/** Makes a trainer.
 *
 *  @param      model      makes logits [B, K] from images; retained
 *  @param      loss       retained
 *  @param      optimizer  holds the parameters to update; retained. Its learning rate is the base rate of the schedule: it is read
 *                         here, and set for each step, so that a second trainer on the same optimiser begins where the first ended
 *  @param      loader     training data; retained. One that mixes gives the loss weight * loss(labels) + (1 - weight) * loss(others), and
 *                         the accuracy of training counts the label with the larger share
 *  @param      options    nullable; schema "trainer": epochs [1,1000000] = 1, bins [1,1000] = 15 (of the validation's calibration);
 *                         accumulate [1,1000000] = 1: batches that make one update, whose gradient is that of a batch of them all, also
 *                         where the last ones of an epoch are fewer or smaller (batch norms see each batch for itself);
 *                         clip_value and clip_norm [0,inf) = 0 (not clipped), in this order, as kdst_optimizer_clip_value and
 *                         kdst_optimizer_clip_norm; weight_bound [0,inf) = 0 (not clamped): every parameter into [-weight_bound,
 *                         weight_bound] after each step, as kdst_optimizer_clamp;
 *                         average_decay [0,1) = 0 (no average), average_kind "exponential" | "equal" = "exponential" (equal: an
 *                         average also with decay 0), average_warmup "none" | "ramp" | "corrected" = "none", average_from [0,1000000]
 *                         = 0 (epochs before it begins): an average as kdst_average_create makes, of the weights after each update;
 *                         average_validate 0 | 1 = 1: it is what is validated and kept as the best;
 *                         monitor "accuracy" | "nll" = "accuracy": the validation's figure that decides, and min_delta [0,inf) = 0, by
 *                         more than which it must improve; patience [0,1000000] = 0 (never): epochs in a row without improvement
 *                         after which the run is finished; keep_best 0 | 1 = 0: keeps a copy of the best weights in memory and in
 *                         checkpoints, for kdst_trainer_restore_best;
 *                         recompute "none" | "auto" = "none": auto makes a batch that ran out of memory again with the model's blocks
 *                         recomputed (kdst_layer_set_recompute), which they then stay; and if that is not enough, the sequentials in it
 *  @param[out] out        new; released with kdst_trainer_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_create(
    kdst_layer *model, kdst_loss *loss, kdst_optimizer *optimizer, kdst_loader *loader, const kdst_options *options,
    kdst_trainer **out);

/** Adds a reference.
 *
 *  @param trainer  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_trainer_retain(kdst_trainer *trainer);

/** Drops a reference; the last one frees.
 *
 *  @param trainer  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_trainer_release(kdst_trainer *trainer);

/** Sets the teacher: run in eval mode and without recording on the batch the student sees.
 *
 *  @param trainer  the trainer
 *  @param teacher  nullable: none; retained
 *  @status INVALID_ARGUMENT (NULL, another context)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_set_teacher(kdst_trainer *trainer, kdst_layer *teacher);

/** Adds a term between features to the loss of each step (transfer.h).
 *
 *  The loss becomes loss(logits) + weight * term(regressor(output of `student`), output of `teacher`). Both layers keep their outputs from
 *  now on (kdst_layer_keep_output). Checkpoints hold the regressor.
 *
 *  @param trainer    the trainer; its teacher is the network that `teacher` is part of
 *  @param loss       of features, such as kdst_loss_attention_create; retained
 *  @param weight     finite
 *  @param student    a layer of the model; retained
 *  @param teacher    a layer of the teacher; retained
 *  @param regressor  nullable: none; retained. Add it to the optimiser for it to be trained
 *  @status INVALID_ARGUMENT (NULL, another context, a loss without teacher, weight), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_add_term(
    kdst_trainer *trainer, kdst_loss *loss, double weight, kdst_layer *student, kdst_layer *teacher, kdst_layer *regressor);

/** Sets the schedule of the learning rate: base rate times its factor for the number of the step.
 *
 *  A plateau is told the figure of each validation, and its state is kept in checkpoints.
 *
 *  @param trainer   the trainer
 *  @param schedule  nullable: constant; retained
 *  @status INVALID_ARGUMENT (NULL, another context)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_set_schedule(kdst_trainer *trainer, kdst_schedule *schedule);

/** Sets the data that the model is validated on after each epoch.
 *
 *  The metrics are over the classes of the training data, or over the model's outputs where those are more.
 *
 *  @param trainer  the trainer
 *  @param loader   nullable: none; retained
 *  @status INVALID_ARGUMENT (NULL, another context, fewer classes than the training data, a loader that mixes)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_set_validation(kdst_trainer *trainer, kdst_loader *loader);

/** Sets a function that is called after each step, on the thread that runs the trainer.
 *
 *  @param trainer    the trainer
 *  @param progress   nullable: none
 *  @param user_data  its first argument, nullable; retained until destroy runs
 *  @param destroy    nullable; runs once when the registration ends, also when this call fails
 *  @status INVALID_ARGUMENT (NULL), STATE (called by the progress function itself)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_set_progress(
    kdst_trainer *trainer, kdst_progress_fn progress, void *user_data, kdst_destroy_fn destroy);

/** Sets the file that the best weights go to, whenever the monitored figure has improved: parameters and buffers, as kdst_layer_save.
 *
 *  The file appears whole or not at all. When it cannot be written the step fails, the file of before is still there, and the next step
 *  validates and writes again.
 *
 *  @param trainer  the trainer
 *  @param path     nullable: none; UTF-8, not empty; copied
 *  @status INVALID_ARGUMENT (NULL, empty), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_set_best_path(kdst_trainer *trainer, const char *path);

/** Puts the best weights into the model: those that keep_best kept, else those of the best file.
 *
 *  @param trainer  the trainer
 *  @status INVALID_ARGUMENT (NULL), STATE (nothing is kept), NOT_FOUND (no epoch was validated yet; the file is gone), IO, FORMAT, SHAPE,
 *          OUT_OF_MEMORY; nothing changes when it fails
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_restore_best(kdst_trainer *trainer);

/** Makes one update of the parameters, and validates when it ended an epoch.
 *
 *  When the loss or a gradient is not finite nothing is updated. The message names the first layer whose output is not finite, found by a
 *  second run of the same batch without hooks, or the first parameter on the way back whose gradient is not:
 *  "trainer_step: the loss is nan at step 17; first not finite: layer2.0.bn1 (batch_norm) output".
 *
 *  @param      trainer    the trainer
 *  @param[out] out_event  what was done
 *  @status INVALID_ARGUMENT (NULL, label out of range), STATE (loss, logits or gradient not finite; the loss or a term needs a teacher and there is none; an
 *          option or the schedule needs a validation and there is none; the optimiser has no tensors; the model holds the average;
 *          called by the progress function), IO (the best file), SHAPE and DTYPE (model, teacher and data do
 *          not fit), CANCELLED, OUT_OF_MEMORY, CALLBACK (or whatever a callback of the caller's returned), and what an image's file
 *          gives (kdst_loader_next): NOT_FOUND, IO, FORMAT, UNSUPPORTED
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_step(kdst_trainer *trainer, kdst_event *out_event);

/** Steps until every epoch is done, or the run is stopped by patience.
 *
 *  @param trainer  the trainer
 *  @status INVALID_ARGUMENT, STATE, IO, SHAPE, DTYPE, CANCELLED, OUT_OF_MEMORY, CALLBACK, NOT_FOUND, FORMAT, UNSUPPORTED: as
 *          kdst_trainer_step
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_run(kdst_trainer *trainer);

/** One figure of the run.
 *
 *  @param      trainer  the trainer
 *  @param      key      "epoch" (epochs done), "epochs", "step" (updates made), "steps_per_epoch", "samples" (seen in this epoch),
 *                       "samples_per_epoch", "learning_rate" (of the last step), "loss" (of the last step), "epoch_loss",
 *                       "epoch_accuracy" (training, means over the epoch so far, or over the last one at its end),
 *                       "accuracy", "nll", "ece" (validation after the last epoch), "best_accuracy", "best_epoch" (from 1),
 *                       "gradient_norm" (of the last step before clip_norm; NaN after loading), "monitor_best" and "monitor_epoch" (the
 *                       monitored figure where it last improved), "waiting" (epochs since then), "stopped" (1: by patience)
 *  @param[out] out      the value; NaN where there is none yet
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (unknown key)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_get(kdst_trainer *trainer, const char *key, double *out);

/** One row for each epoch done.
 *
 *  @param      trainer  the trainer
 *  @param[out] out      new; float64 [epochs done, 6]: training loss, training accuracy, validation accuracy, nll, ece, learning rate;
 *                       NaN where there is no validation; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_get_history(kdst_trainer *trainer, kdst_tensor **out);

/** Metrics of the last validation.
 *
 *  @param      trainer  the trainer
 *  @param[out] out      borrowed until the next epoch ends, another validation is set or the trainer is released
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (no whole validation yet: not since it was set, failed or was loaded)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_get_metrics(kdst_trainer *trainer, kdst_metrics **out);

/** The moving average of the weights.
 *
 *  kdst_average_copy_to gives a network with them; whoever applies it restores it before the next step.
 *
 *  @param      trainer  the trainer
 *  @param[out] out      borrowed until the trainer is released
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (the trainer makes none)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_get_average(kdst_trainer *trainer, kdst_average **out);

/** Writes a checkpoint: parameters, buffers, optimiser, schedule, average, best weights, position, random streams, history (a safetensors
 *  file).
 *
 *  The file appears whole or not at all; an older one of that name is replaced only by a complete one.
 *
 *  @param trainer  the trainer
 *  @param path     UTF-8
 *  @status INVALID_ARGUMENT (NULL), IO, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_save(kdst_trainer *trainer, const char *path);

/** Continues from a checkpoint of a trainer that was made the same way; patience and the number of epochs may be others. Nothing changes
 *  when it fails.
 *
 *  @param trainer  the trainer
 *  @param path     UTF-8
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND, IO, FORMAT (not a checkpoint, truncated, corrupt), STATE (of another model, optimiser or
 *          data), SHAPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_load(kdst_trainer *trainer, const char *path);

#ifdef __cplusplus
}
#endif

#endif
