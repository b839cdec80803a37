/* SPDX-License-Identifier: Apache-2.0 */
/* How cost grows: GFLOP/s of a 3x3 convolution and of a training step of a residual network, by batch and by channels.
 *
 * Operations are counted as the definition has them: two for each multiply-add of the convolutions and products, three
 * times that for a step (forward and two gradients). A flat line means that cost grows as the work does.
 */
#include "bench.h"

#include "chart.h"
#include "peak.h"

#include <stdio.h>
#include <stdlib.h>

enum { POINTS_MAX = 16, LINES = 4 };

/* One line: a case at every size. */
typedef struct line_plan {
    const char *name;
    bench_case c;
} line_plan;

typedef struct sweep {
    const char *title, *x_label, *key;
    int64_t first, last; /* doubling */
    bool by_channels;
    line_plan lines[LINES];
} sweep;

#define CONVOLUTION(batch, channels, side, ...)                                                                        \
  .dtype = KDST_DTYPE_FLOAT32, .rank = 4, .shape = {batch, channels, side, side}, .out = channels, .window = 3,        \
  .stride = 1, .padding = 1, .dilation = 1, .groups = 1, __VA_ARGS__
#define STEP(batch, ...)                                                                                               \
  .name = "step", .kind = &bench_step, .dtype = KDST_DTYPE_FLOAT32, .rank = 4, .shape = {batch, 3, 32, 32}, __VA_ARGS__
#define CONVOLUTIONS(batch, channels, side)                                                                            \
  {"3x3 convolution, forward", {CONVOLUTION(batch, channels, side, .name = "forward", .kind = &bench_convolution)}},   \
      {"gradient of its input",                                                                                        \
       {CONVOLUTION(                                                                                                   \
           batch, channels, side, .name = "data", .kind = &bench_convolution_backward, .differentiates_x = true)}},    \
  {                                                                                                                    \
    "gradient of its weights",                                                                                         \
    {                                                                                                                  \
      CONVOLUTION(                                                                                                     \
          batch, channels, side, .name = "weights", .kind = &bench_convolution_backward,                               \
          .differentiates_weight = true)                                                                               \
    }                                                                                                                  \
  }

static const sweep sweeps[] = {
    {"64 channels, 32x32; step of resnet20",
     "batch",
     "batch",
     1,
     256,
     false,
     {CONVOLUTIONS(1, 64, 32), {"step of a residual network", {STEP(1, .make = make_resnet20)}}}},
    {"batch 16, 16x16; step of two residual blocks",
     "channels",
     "channels",
     16,
     512,
     true,
     {CONVOLUTIONS(16, 16, 16), {"step of a residual network", {STEP(4, .make = make_two_blocks, .out = 16)}}}},
};
enum { SWEEPS = sizeof sweeps / sizeof *sweeps };

/* Multiply-adds of a network forward, from its trace. */
static kdst_status count_macs(bench *b, double *out)
{
    kdst_trace *trace = NULL;
    kdst_status status = kdst_trace_create(b->model, 1, NULL, &b->c->rank, b->c->shape, NULL, &trace);
    int64_t count = kdst_trace_get_op_count(trace);
    for (int64_t i = 0; i < count && !status; i++) {
        int64_t macs = 0;
        status = kdst_trace_get_macs(trace, i, &macs);
        *out += (double)macs;
    }
    kdst_trace_release(trace);
    return status;
}

static int measure_rate(bench *b, const bench_settings *s)
{
    bench_times t;
    double macs = 0;
    kdst_status status = b->model ? count_macs(b, &macs) : KDST_STATUS_OK;
    if (!status) status = bench_repeat(b, 1, s, &t);
    if (status) return fprintf(stderr, "kdst-bench: %s: %s\n", b->c->name, kdst_context_message(b->ctx)), 1;
    *s->rate = (b->model ? 6 * macs : b->flops) / t.median * 1e-9;
    return 0;
}

static bench_case at_size(const sweep *w, int line, int64_t size)
{
    bench_case c = w->lines[line].c;
    if (!w->by_channels)
        c.shape[0] = size;
    else
        c.out = size;
    if (w->by_channels && !c.make) c.shape[1] = size;
    return c;
}

static int run_sweep(const sweep *w, bench_settings *s, double *x, double (*y)[POINTS_MAX], int *count)
{
    int result = 0;
    *count = 0;
    for (int64_t size = w->first; size <= w->last; size *= 2)
        x[(*count)++] = (double)size;
    for (int i = 0; i < LINES; i++)
        for (int j = 0; j < *count && !result; j++) {
            bench_case c = at_size(w, i, (int64_t)x[j]);
            s->rate = &y[i][j];
            result = bench_run_case(&c, s, measure_rate);
            if (!result)
                printf(
                    "{\"sweep\":\"%s\",\"line\":\"%s\",\"size\":%g,\"gflops\":%.2f}\n", w->key, c.name, x[j], y[i][j]);
            fflush(stdout);
        }
    return result;
}

/* Peak of as many cores as the context has threads. */
static int find_limit(const bench_settings *s, double *out, char *name, size_t size)
{
    kdst_context *ctx = NULL;
    if (bench_make_context(s, &ctx)) return 1;
    const char *threads = kdst_context_get_info(ctx, "threads");
    *out = measure_peak(4) * strtod(threads, NULL);
    snprintf(name, size, "peak of %s core%s", threads, threads[0] == '1' && !threads[1] ? "" : "s");
    kdst_context_release(ctx);
    return 0;
}

int bench_scaling(const char *path, const bench_settings *settings)
{
    bench_settings s = *settings;
    double x[SWEEPS][POINTS_MAX], y[SWEEPS][LINES][POINTS_MAX], limit = 0;
    chart_line lines[SWEEPS][LINES];
    chart_panel panels[SWEEPS];
    char limit_name[64];
    int result = find_limit(&s, &limit, limit_name, sizeof limit_name);
    if (s.seconds <= 0) s.seconds = 0.3;
    for (int w = 0; w < SWEEPS && !result; w++) {
        int count;
        result = run_sweep(&sweeps[w], &s, x[w], y[w], &count);
        for (int i = 0; i < LINES; i++)
            lines[w][i] = (chart_line){sweeps[w].lines[i].name, x[w], y[w][i], count};
        panels[w] = (chart_panel){sweeps[w].title, sweeps[w].x_label, lines[w], LINES};
    }
    return result ? result : chart_write(path, "libkdst: how cost grows", "GFLOP/s", panels, SWEEPS, limit, limit_name);
}
