/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the spiking driver: the command line as one struct. */
#ifndef SPIKING_SETTINGS_H
#define SPIKING_SETTINGS_H

#include "../common/setup.h"

/* What is trained, in the order of the report. */
enum { RULE_TSSL_BP, RULE_SURROGATE, RULES };
extern const char *const rule_names[RULES + 1]; /* "tssl-bp" … as on the command line; closed by NULL */
extern const char *const rule_titles[RULES];    /* "TSSL-BP" … as in the report */

enum { MAX_CONVOLUTIONS = 64 };

typedef struct settings {
    char data[OPTION_TEXT_SIZE], out[OPTION_TEXT_SIZE], title[OPTION_TEXT_SIZE], note[OPTION_TEXT_SIZE];
    /* data */
    char wanted_data[64]; /* what a configuration needs and --data has to name; "" the default will do */
    const char *normalization; /* official | data */
    int64_t train_count, test_count, holdout, crop_padding;
    bool flip;
    /* network */
    char architecture[OPTION_TEXT_SIZE];
    int64_t steps;
    int64_t padding[MAX_CONVOLUTIONS]; /* one for all convolutions, or one for each */
    int padding_count;
    double weight_scale, linear_scale, pooling_factor, dropout;
    const char *dropout_unit;
    /* neuron and rule */
    bool rules[RULES];
    double tau_m, tau_s, threshold, slope_bound, steepness;
    char silent_text[OPTION_TEXT_SIZE]; /* always | off | epochs */
    int64_t silent_epochs;              /* that, as a number: INT64_MAX for always */
    const char *surrogate;
    bool reset_gradient;
    /* training */
    const char *loss, *filters; /* kernel | count | softmax; twice | once */
    double desired, undesired, learning_rate, weight_decay, clip_norm;
    int64_t epochs, batch;
    seed_list seeds;
    /* how */
    int64_t threads, sample, checkpoint_seconds;
    bool exact, resume, report_only, dry_run, quiet;
} settings;

/* Fills s from the command line. Returns 0 to go on, 1 after --help, 2 after an error that was explained on standard error. */
int settings_parse(int argc, char **argv, settings *s);

/* The settings of one of the official network files (configs.c); false when there is none of the name. */
bool settings_configure(void *settings, const char *name);

/* Writes config.json into the folder of the results: the same options, to be run again with --config. */
bool settings_write(const settings *s, const char *const *info);

/* What decides the numbers of a run, as one line: a finished run is reused only when it is the same. */
void settings_fingerprint(const settings *s, int rule, char *out, size_t size);

#endif
