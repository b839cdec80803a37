/* SPDX-License-Identifier: Apache-2.0 */
/* What one finished run left behind: its figures, in memory and as result.json. */
#ifndef DISTILL_RECORD_H
#define DISTILL_RECORD_H

#include "../common/training.h"


typedef struct run_record {
    char name[128];         /* "kd-mlp-seed1": also the folder */
    char net[64];           /* the model that was trained */
    char teacher[128];      /* name of the run that taught, "" none */
    char fingerprint[2048]; /* what decided the numbers */
    int variant;
    uint64_t seed;
    double teacher_accuracy; /* NaN without a teacher */
    double seconds;
    int64_t epochs;
    double *history;        /* [epochs, COLUMNS] */
    double best_accuracy;
    int64_t best_epoch;     /* from 1 */
    int64_t classes, bins;
    int64_t *confusion;     /* [classes, classes]: rows are labels */
    double *reliability;    /* [bins, 3]: samples, mean confidence, accuracy */
} run_record;

/* Figure of the last epoch. */
double record_last(const run_record *r, int column);

bool record_write(const run_record *r, const char *path);
/* false (explained) when the file is missing, broken, or not of this kind. */
bool record_read(run_record *r, const char *path);
void record_free(run_record *r);

#endif
