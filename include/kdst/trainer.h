/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer: a training loop over a model, a loss, an optimiser and a loader, with validation and checkpoints.
 *
 * It may be run as a whole or stepped; a teacher makes it distillation. A checkpoint holds everything that decides what
 * comes next: a run that was killed and resumed ends in the same bits.
 */
#ifndef KDST_TRAINER_H
#define KDST_TRAINER_H

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
    KDST_EVENT_FINISHED = 3 /**< nothing: every epoch is done */
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
 *  @param      options    nullable; schema "trainer": epochs [1,1000000] = 1, bins [1,1000] = 15 (of the validation's calibration)
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
 *  @status INVALID_ARGUMENT (NULL, another context, fewer classes than the training data)
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

/** Makes one update of the parameters, and validates when it ended an epoch.
 *
 *  When the loss or a gradient is not finite nothing is updated.
 *
 *  @param      trainer    the trainer
 *  @param[out] out_event  what was done
 *  @status INVALID_ARGUMENT (NULL, label out of range, logit not finite), STATE (loss or gradient not finite; the loss needs a teacher and
 *          there is none; the optimiser has no tensors; called by the progress function), SHAPE and DTYPE (model, teacher and data do
 *          not fit), CANCELLED, OUT_OF_MEMORY, CALLBACK (or whatever a callback of the caller's returned)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_step(kdst_trainer *trainer, kdst_event *out_event);

/** Steps until every epoch is done.
 *
 *  @param trainer  the trainer
 *  @status INVALID_ARGUMENT, STATE, SHAPE, DTYPE, CANCELLED, OUT_OF_MEMORY, CALLBACK: as kdst_trainer_step
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_run(kdst_trainer *trainer);

/** One figure of the run.
 *
 *  @param      trainer  the trainer
 *  @param      key      "epoch" (epochs done), "epochs", "step" (updates made), "steps_per_epoch", "samples" (seen in this epoch),
 *                       "samples_per_epoch", "learning_rate" (of the last step), "loss" (of the last step), "epoch_loss",
 *                       "epoch_accuracy" (training, means over the epoch so far, or over the last one at its end),
 *                       "accuracy", "nll", "ece" (validation after the last epoch), "best_accuracy", "best_epoch" (from 1)
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

/** Writes a checkpoint: parameters, buffers, optimiser, position, random streams, history (a safetensors file).
 *
 *  The file appears whole or not at all; an older one of that name is replaced only by a complete one.
 *
 *  @param trainer  the trainer
 *  @param path     UTF-8
 *  @status INVALID_ARGUMENT (NULL), IO, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trainer_save(kdst_trainer *trainer, const char *path);

/** Continues from a checkpoint of a trainer that was made the same way. Nothing changes when it fails.
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
