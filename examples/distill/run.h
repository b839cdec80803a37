/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the driver: the data they share, and one run from a fresh model to its record. */
#ifndef DISTILL_RUN_H
#define DISTILL_RUN_H

#include "record.h"
#include "settings.h"

#include <kdst/kdst.h>

#include <stdio.h>

/* What all runs share. */
typedef struct experiment {
    kdst_context *ctx;
    const settings *settings;
    kdst_dataset *train, *test;
    int64_t shape[3], classes;
    double mean[4], deviation[4];
    FILE *log; /* log.jsonl */
} experiment;

/* One training run to be made. */
typedef struct job {
    char name[128];
    int variant;
    bool teacher_net;   /* trains the teacher's architecture (teachers, Re-KD) */
    bool stopped;       /* De-KD's teacher: stopped by steps at a low accuracy */
    uint64_t seed;
    char teacher[128];  /* name of the run whose model teaches, "" none */
    char further[MAX_MEMBERS - 1][128]; /* ensemble: the other teachers */
    int further_count;
    int peer;           /* mutual learning: the first of the networks trains all of them */
    bool teacher_is_teacher_net;
} job;

/* Says on standard error what failed, with the library's message. Returns false. */
bool explain_failure(kdst_context *ctx, const char *what, kdst_status status);

bool experiment_open(experiment *e, const settings *s);
/* Also tells whether the log was written to its end; explained when not. */
bool experiment_close(experiment *e);

/* Model of a run, with the weights it ended with when `trained`. */
bool load_model(experiment *e, bool teacher_net, const char *run, bool trained, kdst_layer **out);

/* Whether the names and options of a run are ones the library knows: said before hours are spent on the runs in front of it. */
bool check_job(experiment *e, const job *j);

/* Makes the run, or takes its record over when it is finished already. */
bool run_job(experiment *e, const job *j, run_record *out);

/* Loader over a data set as the run sees it (training: shuffled and augmented). */
bool make_loader(experiment *e, kdst_dataset *data, bool training, uint64_t seed, kdst_loader **out);

#endif
