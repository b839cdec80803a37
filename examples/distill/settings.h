/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the distillation driver: the command line as one struct. */
#ifndef DISTILL_SETTINGS_H
#define DISTILL_SETTINGS_H

#include "../common/setup.h"

#include <stdbool.h>
#include <stdint.h>

enum { MAX_LOSS_SETTINGS = 64, MAX_TAPS = 8, MAX_MEMBERS = 8, TAP_SIZE = 128 };

/* The variants of the paper, then those of the survey (docs/transfer.md), in the order of the report. */
enum {
    BASELINE, LSR, KD, REKD, DEKD, TFKD_SELF, TFKD_REG, PAPER_VARIANTS,
    HINT = PAPER_VARIANTS, ATTENTION, SIMILARITY, RELATIONAL, MUTUAL, BORN_AGAIN, ENSEMBLE, VARIANTS
};
extern const char *const variant_names[VARIANTS + 1];  /* "baseline" … as on the command line; closed by NULL */
extern const char *const variant_titles[VARIANTS]; /* "Tf-KD self" … as in the report */

/* --set kd.alpha=0.9 */
typedef struct loss_setting {
    int variant;
    char key[64], value[64];
} loss_setting;

typedef struct settings {
    char data[OPTION_TEXT_SIZE], out[OPTION_TEXT_SIZE], teacher[OPTION_TEXT_SIZE], student[OPTION_TEXT_SIZE];
    const char *optimizer, *schedule;
    bool variants[VARIANTS];
    seed_list seeds;
    int64_t epochs, teacher_epochs, batch, threads, train_count, test_count, holdout, warmup_epochs, crop_padding, cutout, patience;
    double learning_rate, teacher_rate, momentum, weight_decay, dekd_accuracy, width, teacher_width;
    double clip_norm, average_decay, mixup, cutmix;
    bool flip, no_decay_norms, exact, resume, quiet, report_only, dry_run;
    int64_t checkpoint_seconds;
    int64_t generations, teachers, peers; /* of born-again sequences, ensembles, mutual learning */
    char taps[MAX_TAPS][2][TAP_SIZE];     /* paths in student and teacher */
    int tap_count;
    loss_setting loss[MAX_LOSS_SETTINGS];
    int loss_count;
} settings;

/* Fills s from the command line. Returns 0 to go on, 1 after --help, 2 after an error that was explained on standard error. */
int settings_parse(int argc, char **argv, settings *s);

/* Writes config.json into the folder of the results: the same options, to be run again with --config. */
bool settings_write(const settings *s, const char *const *info);

/* Value of --set VARIANT.KEY=VALUE, or NULL. */
const char *settings_of(const settings *s, int variant, const char *key);
static inline bool matches_features(int variant) { return variant >= HINT && variant <= RELATIONAL; }

/* What decides the numbers of a run, as one line: a finished run is reused only when it is the same. */
void settings_fingerprint(const settings *s, int variant, bool is_teacher_net, char *out, int size);

#endif
