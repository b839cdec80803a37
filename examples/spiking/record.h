/* SPDX-License-Identifier: Apache-2.0 */
/* What one finished run left behind: its figures, in memory and as result.json. */
#ifndef SPIKING_RECORD_H
#define SPIKING_RECORD_H

#include "../common/training.h"
#include "settings.h"

enum { MAX_LAYERS = 32 };

/* How active the neurons of a layer are on test images. */
typedef struct layer_activity {
    char name[64];   /* "hidden_1" */
    int64_t neurons;
    double rate;     /* spikes of a neuron and step */
    double silent;   /* share of the neurons that do not fire for an image, mean over the images */
    double dead;     /* share of the neurons that fire for no image */
} layer_activity;

typedef struct run_record {
    char name[64];          /* "tssl-bp-seed1": also the folder */
    char fingerprint[4096]; /* what decided the numbers */
    int rule;
    uint64_t seed;
    double seconds;
    int64_t epochs;
    double *history;        /* [epochs, COLUMNS] */
    double best_accuracy;
    int64_t best_epoch;     /* from 1 */
    int64_t classes;
    int64_t *confusion;     /* [classes, classes]: rows are labels */
    int64_t images;         /* that the activity was measured on */
    int layer_count;
    layer_activity layers[MAX_LAYERS];
} run_record;

/* Name and settings of a run; the figures stay empty. */
void describe_run(const settings *s, const char *name, int rule, uint64_t seed, run_record *r);

/* Figure of the last epoch. */
double record_last(const run_record *r, int column);

bool record_write(const run_record *r, const char *path);
/* false (explained) when the file is missing, broken, or not of this kind. */
bool record_read(run_record *r, const char *path);
void record_free(run_record *r);

#endif
