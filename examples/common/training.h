/* SPDX-License-Identifier: Apache-2.0 */
/* One training run of an experiment driver: its folder, going on where it was interrupted, the loop with progress, log and checkpoints.
 *
 * A run's folder has settings.txt (what decides its numbers), checkpoint.safetensors while it is under way, and at its end
 * model.safetensors and result.json. A run goes on from a checkpoint only with the same settings.
 */
#ifndef COMMON_TRAINING_H
#define COMMON_TRAINING_H

#include "setup.h"

typedef struct run_files {
    char folder[4096], checkpoint[4096], settings[4096], result[4096], weights[4096];
} run_files;

/* Paths of a run below the folder of the results; makes its folder. */
bool make_run_files(const char *program, const char *out, const char *name, run_files *files);

/* Columns of a history row. */
enum { COL_LOSS, COL_TRAIN_ACCURACY, COL_ACCURACY, COL_NLL, COL_ECE, COL_RATE, COLUMNS };

typedef struct training {
    const char *program;
    kdst_context *ctx;
    const char *name; /* of the run */
    const run_files *files;
    kdst_trainer *trainer;
    FILE *log;
    double checkpoint_seconds;
    bool quiet;
    bool (*before_step)(void *user_data); /* nullable; false (explained) ends the run */
    void *user_data;
} training;

/* Goes on from the checkpoint of a run with the same settings when `resume`; else the run starts anew and notes its settings. */
bool training_resume(const training *t, const char *settings, bool resume);

/* Steps until all epochs are done. Cancelled, it writes a checkpoint and returns false. */
bool training_run(const training *t, double *out_seconds);

/* malloc'ed [epochs, COLUMNS]; NULL (explained). */
double *training_history(const training *t, int64_t *out_epochs);

/* Metrics of the last validation, to be released; a run that was killed after its last checkpoint is validated again. */
bool training_metrics(
    const training *t, kdst_layer *model, kdst_loader *test, int64_t classes, kdst_metrics **out);

/* Elements of a tensor into memory of so many bytes; false when out is NULL or does not fit. */
bool copy_tensor(kdst_tensor *tensor, void *out, int64_t bytes);

/* The confusion matrix, malloc'ed [classes, classes]; NULL (explained). */
int64_t *copy_confusion(const char *program, kdst_context *ctx, kdst_metrics *metrics, int64_t classes);

#endif
