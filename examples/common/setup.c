/* SPDX-License-Identifier: Apache-2.0 */
/* Context, log, interrupts and seeds of the experiment drivers (see setup.h). */
#include "setup.h"

#include "files.h"

#include <math.h>
#include <signal.h>
#include <string.h>

bool explain_status(const char *program, kdst_context *ctx, const char *what, kdst_status status)
{
    const char *message = kdst_context_message(ctx);
    fprintf(stderr, "%s: %s: %s\n", program, what, *message ? message : kdst_status_name(status));
    return false;
}

bool create_context(const char *program, int64_t threads, bool exact, kdst_context **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status && threads) status = kdst_options_set_int(options, "threads", threads);
    if (!status) status = kdst_options_set_int(options, "exact_convolution", exact);
    if (!status) status = kdst_context_create(options, out);
    if (status)
        fprintf(
            stderr, "%s: no context: %s\n", program, options ? kdst_options_message(options) : kdst_status_name(status));
    kdst_options_release(options);
    return status == KDST_STATUS_OK;
}

void get_versions(kdst_context *ctx, const char *out[VERSION_TEXTS])
{
    const char *const texts[VERSION_TEXTS] = {
        "libkdst", kdst_version(), "compiler", kdst_build_info("compiler"), "level", kdst_context_get_info(ctx, "level"),
        "gemm", kdst_context_get_info(ctx, "gemm"), NULL};
    memcpy(out, texts, sizeof texts);
}

FILE *open_log(const char *program, const char *folder, bool append)
{
    char path[4096];
    if (!make_folder(program, folder) || !join_path(path, sizeof path, folder, "log.jsonl")) return NULL;
    FILE *log = fopen(path, append ? "a" : "w");
    if (!log) fprintf(stderr, "%s: cannot write %s\n", program, path);
    return log;
}

bool close_log(const char *program, const char *folder, FILE *log)
{
    bool failed = log && ferror(log);
    failed = (log && fclose(log)) || failed;
    if (failed) fprintf(stderr, "%s: log.jsonl in %s could not be written to its end\n", program, folder);
    return !failed;
}

/* ---- interrupts ---- */

static kdst_context *interrupted; /* the context that Ctrl-C cancels */

static void on_interrupt(int number)
{
    (void)number;
    kdst_context_cancel(interrupted);
}

void catch_interrupts(kdst_context *ctx)
{
    interrupted = ctx;
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
}

void release_interrupts(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

double trainer_figure(kdst_trainer *trainer, const char *key)
{
    double value = NAN;
    return kdst_trainer_get(trainer, key, &value) ? NAN : value;
}

/* ---- seeds ---- */

bool seeds_set(const option_table *t, seed_list *out, const char *text)
{
    char item[32];
    int more;
    out->count = 0;
    while ((more = option_item(t, "seeds", &text, item, sizeof item)) > 0) {
        int64_t seed;
        if (out->count == MAX_SEEDS) {
            fprintf(stderr, "%s: --seeds has more than %d entries\n", t->program, MAX_SEEDS);
            return false;
        }
        if (!option_whole(t, "seeds", item, 0, (double)INT64_MAX, &seed)) return false;
        out->values[out->count++] = (uint64_t)seed;
    }
    return more == 0;
}

bool seeds_get(const seed_list *s, int index, char *out, size_t size)
{
    if (index < s->count) snprintf(out, size, "%llu", (unsigned long long)s->values[index]);
    return index < s->count;
}
