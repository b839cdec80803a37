/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the driver: the data they share, and one run from fresh weights to its record. Functions that return bool explain what failed
 * on standard error. */
#ifndef SPIKING_RUN_H
#define SPIKING_RUN_H

#include "../common/training.h"
#include "record.h"
#include "settings.h"

enum { TEST_BATCH = 500 };

/* What all runs share. */
typedef struct experiment {
    kdst_context *ctx;
    const settings *settings;
    kdst_dataset *train, *test;
    int64_t shape[3], classes; /* of an image [C, H, W] */
    double mean[4], deviation[4];
    FILE *log; /* log.jsonl */
} experiment;

/* One training run to be made. */
typedef struct job {
    char name[64]; /* "tssl-bp-seed1": also the folder */
    int rule;
    uint64_t seed;
} job;

/* What a run is made of. */
typedef struct parts {
    kdst_neuron *neuron;
    kdst_layer *model;
    kdst_loss *loss;
    kdst_optimizer *optimizer;
    kdst_loader *train, *test;
    kdst_trainer *trainer;
    run_files files;
} parts;

bool explain(const experiment *e, const char *what, kdst_status status);

bool experiment_open(experiment *e, const settings *s);
/* Also tells whether the log was written to its end. */
bool experiment_close(experiment *e);

/* Loader over a data set as the run sees it (training: shuffled and augmented). */
bool make_loader(experiment *e, kdst_dataset *data, bool training, uint64_t seed, int64_t batch, kdst_loader **out);

/* The neurons of a rule, and the network of them. */
bool make_network(experiment *e, int rule, kdst_neuron **out_neuron, kdst_layer **out_model);
/* All parts of a run, as it begins. */
bool make_parts(experiment *e, const job *j, parts *p);
void parts_free(parts *p);

/* Whether the options of a run are ones the library takes: said before hours are spent on the runs in front of it. */
bool check_job(experiment *e, const job *j);

/* Makes the run, or takes its record over when it is finished already. */
bool run_job(experiment *e, const job *j, run_record *out);

/* Neurons and network with the weights that a run ended with; both to be released, also on failure. */
bool load_run(experiment *e, int rule, const char *name, kdst_neuron **out_neuron, kdst_layer **out_model);

#endif
