/* SPDX-License-Identifier: Apache-2.0 */
/* What every experiment driver begins and ends with: context, folder of the results with its log, Ctrl-C, seeds. */
#ifndef COMMON_SETUP_H
#define COMMON_SETUP_H

#include "options.h"

#include <kdst/kdst.h>

#include <stdint.h>
#include <stdio.h>

enum { MAX_SEEDS = 16, VERSION_TEXTS = 9 };

/* Says on standard error what failed, with the library's message. Returns false. */
bool explain_status(const char *program, kdst_context *ctx, const char *what, kdst_status status);

/* threads 0: one for each core; exact: no Winograd convolution. */
bool create_context(const char *program, int64_t threads, bool exact, kdst_context **out);

/* Names and texts for "made_by" of options_write. */
void get_versions(kdst_context *ctx, const char *out[VERSION_TEXTS]);

/* Makes the folder and opens log.jsonl in it; NULL (explained). */
FILE *open_log(const char *program, const char *folder, bool append);
/* Also tells whether the log was written to its end; explained when not. log is nullable. */
bool close_log(const char *program, const char *folder, FILE *log);

/* Until release_interrupts, Ctrl-C and SIGTERM cancel what the context does. */
void catch_interrupts(kdst_context *ctx);
void release_interrupts(void);

/* Loss, accuracy … of a trainer; NaN where there is none. */
double trainer_figure(kdst_trainer *trainer, const char *key);

typedef struct seed_list {
    uint64_t values[MAX_SEEDS];
    int count;
} seed_list;

/* "1,2,3"; false (explained). */
bool seeds_set(const option_table *t, seed_list *out, const char *text);
bool seeds_get(const seed_list *s, int index, char *out, size_t size);

#endif
