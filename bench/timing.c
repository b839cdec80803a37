/* SPDX-License-Identifier: Apache-2.0 */
/* Repetitions, their median, and the record of a case. */
#include "bench.h"

#include "peak.h"

#include <stdio.h>
#include <stdlib.h>

enum { WARM_UP = 3 };
#define SHORTEST 1e-9

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static kdst_status run_once(bench *b, double *out_seconds)
{
    const bench_kind *kind = b->c->kind;
    kdst_status status = kind->prepare ? kind->prepare(b) : KDST_STATUS_OK;
    double start = bench_seconds();
    if (!status) status = kind->run(b);
    *out_seconds = bench_seconds() - start - b->surroundings;
    if (*out_seconds < SHORTEST) *out_seconds = SHORTEST;
    return status;
}

/* Either s->runs repetitions, or as many as begin within s->seconds, but BENCH_MIN_RUNS of them. */
static bool goes_on(const bench_settings *s, int64_t done, double since)
{
    if (s->seconds <= 0) return done < s->runs;
    return done < BENCH_MIN_RUNS || (done < BENCH_MAX_RUNS && bench_seconds() - since < s->seconds);
}

kdst_status bench_repeat(bench *b, int64_t warm_up, const bench_settings *s, bench_times *out)
{
    int64_t capacity = s->seconds > 0 ? BENCH_MAX_RUNS : s->runs, done = 0;
    double *times = malloc((size_t)capacity * sizeof *times), unused;
    kdst_status status = times ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < warm_up && !status; i++)
        status = run_once(b, &unused);
    for (double since = bench_seconds(); !status && goes_on(s, done, since); done++)
        status = run_once(b, &times[done]);
    if (!status) {
        qsort(times, (size_t)done, sizeof *times, by_value);
        *out = (bench_times){(times[done / 2] + times[(done - 1) / 2]) / 2, times[0], done};
    }
    free(times);
    return status;
}

/* Of kernels: their share of what the machine can do with as many threads. */
static void describe_rates(const bench *b, double threads, double seconds, bool json, char *out, size_t size)
{
    int n = 0;
    out[0] = '\0';
    if (b->flops > 0) {
        double rate = b->flops / seconds * 1e-9,
               share = rate / (measure_peak((int)kdst_dtype_get_size(b->c->dtype)) * threads);
        n = snprintf(
            out, size, json ? ",\"gflops\":%.2f,\"peak_share\":%.4f" : "  %.1f GFLOP/s, %.3f of the peak", rate, share);
    }
    if (b->bytes > 0) {
        double rate = b->bytes / seconds * 1e-9, share = rate / measure_bandwidth((int)threads);
        snprintf(
            out + n, size - (size_t)n,
            json ? ",\"gbs\":%.2f,\"bandwidth_share\":%.4f" : "  %.1f GB/s, %.3f of the memory's", rate, share);
    }
}

int bench_print_times(bench *b, const bench_settings *s)
{
    bench_times t;
    char rates[160];
    if (bench_repeat(b, WARM_UP, s, &t))
        return fprintf(stderr, "kdst-bench: %s: %s\n", b->c->name, kdst_context_message(b->ctx)), 1;
    const char *threads = kdst_context_get_info(b->ctx, "threads"), *level = kdst_context_get_info(b->ctx, "level");
    describe_rates(b, strtod(threads, NULL), t.median, s->json, rates, sizeof rates);
    printf(
        s->json
            ? "{\"case\":\"%s\",\"threads\":%s,\"level\":\"%s\",\"median_ms\":%.4f,\"min_ms\":%.4f,\"runs\":%lld%s}\n"
            : "%-32s %s threads  %-8s  median %9.3f ms  min %9.3f ms  %lld runs%s\n",
        b->c->name, threads, level, 1e3 * t.median, 1e3 * t.smallest, (long long)t.runs, rates);
    fflush(stdout);
    return 0;
}
