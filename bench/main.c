/* SPDX-License-Identifier: Apache-2.0 */
/* kdst-bench: one binary over the list in cases.def.
 *
 *     build/bench/kdst-bench --case gemm_1024 --threads 1 --runs 20 --json
 *
 * Each case is warmed up, then timed --runs times; median and minimum are given. With --json there is one object a line on standard
 * output and nothing else; everything meant for people goes to standard error. An unknown case ends with status 2.
 */
#include "peak.h"

#include <kdst/kdst.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 3, MAX_RUNS = 100000 };

typedef struct bench_case {
    const char *name, *model; /* model NULL: a product */
    int64_t size;             /* product: side; step: image side */
    kdst_dtype dtype;
    int64_t channels, batch;
    bool infers;
} bench_case;

static const bench_case cases[] = {
#define PRODUCT(name, size, dtype) {#name, NULL, size, dtype, 0, 0, false},
#define STEP(name, model, channels, side, batch) {#name, model, side, KDST_DTYPE_FLOAT32, channels, batch, false},
#define INFER(name, model, channels, side, batch) {#name, model, side, KDST_DTYPE_FLOAT32, channels, batch, true},
#include "cases.def"
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct bench {
    kdst_context *ctx;
    kdst_tensor *a, *b;          /* product */
    kdst_tensor *images, *labels; /* step */
    kdst_layer *model;
    kdst_optimizer *optimizer;
    kdst_frozen *frozen; /* inference */
} bench;

static int fail(kdst_context *ctx, const char *what)
{
    fprintf(stderr, "kdst-bench: %s: %s\n", what, kdst_context_message(ctx));
    return 1;
}

/* ---- one repetition ---- */

static kdst_status run_product(bench *b)
{
    kdst_tensor *c = NULL;
    kdst_status status = kdst_matmul(b->a, b->b, &c);
    kdst_tensor_release(c);
    return status;
}

static kdst_status run_step(bench *b)
{
    kdst_tensor *logits = NULL, *loss = NULL;
    kdst_status status = kdst_optimizer_clear_grads(b->optimizer);
    if (!status) status = kdst_layer_run(b->model, b->images, &logits);
    if (!status) status = kdst_cross_entropy(logits, b->labels, &loss);
    if (!status) status = kdst_backward(loss, NULL, NULL);
    if (!status) status = kdst_optimizer_run(b->optimizer);
    kdst_tensor_release(loss);
    kdst_tensor_release(logits);
    return status;
}

static kdst_status run_inference(bench *b)
{
    kdst_tensor *logits = NULL;
    kdst_status status = kdst_frozen_run(b->frozen, b->images, &logits);
    kdst_tensor_release(logits);
    return status;
}

/* ---- setting up ---- */

static kdst_status make_tensor(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out)
{
    kdst_status status = kdst_tensor_create(ctx, dtype, rank, shape, out);
    return status ? status : kdst_tensor_set_normal(*out, 0, 1);
}

static kdst_status set_up_product(bench *b, const bench_case *c)
{
    const int64_t shape[] = {c->size, c->size};
    kdst_status status = make_tensor(b->ctx, c->dtype, 2, shape, &b->a);
    return status ? status : make_tensor(b->ctx, c->dtype, 2, shape, &b->b);
}

static kdst_status set_up_step(bench *b, const bench_case *c)
{
    const int64_t shape[] = {c->batch, c->channels, c->size, c->size};
    int32_t labels[1024];
    kdst_options *model = NULL, *sgd = NULL;
    for (int64_t i = 0; i < c->batch; i++) labels[i] = (int32_t)(i % 10);
    kdst_status status = make_tensor(b->ctx, c->dtype, 4, shape, &b->images);
    if (!status) status = kdst_tensor_create_from(b->ctx, KDST_DTYPE_INT32, 1, &c->batch, labels, &b->labels);
    if (!status) status = kdst_options_create(&model);
    if (!status) status = kdst_options_set_int(model, "channels", c->channels);
    if (!status) status = kdst_options_set_int(model, "image_size", c->size);
    if (!status) status = kdst_model_create(b->ctx, c->model, model, &b->model);
    if (!status) status = kdst_options_create(&sgd);
    if (!status) status = kdst_options_set_float(sgd, "learning_rate", 1e-3);
    if (!status) status = kdst_options_set_float(sgd, "momentum", 0.9);
    if (!status) status = kdst_options_set_float(sgd, "weight_decay", 5e-4);
    if (!status) status = kdst_optimizer_sgd_create(b->ctx, sgd, &b->optimizer);
    if (!status) status = kdst_optimizer_add_layer(b->optimizer, b->model);
    kdst_options_release(model);
    kdst_options_release(sgd);
    return status;
}

static kdst_status set_up_inference(bench *b, const bench_case *c)
{
    const int64_t rank = 4, shape[] = {c->batch, c->channels, c->size, c->size};
    kdst_status status = make_tensor(b->ctx, c->dtype, rank, shape, &b->images);
    if (!status) status = kdst_model_create(b->ctx, c->model, NULL, &b->model);
    return status ? status : kdst_frozen_create(b->model, 1, NULL, &rank, shape, NULL, &b->frozen);
}

static void tear_down(bench *b)
{
    kdst_frozen_release(b->frozen);
    kdst_optimizer_release(b->optimizer);
    kdst_layer_release(b->model);
    kdst_tensor_release(b->labels);
    kdst_tensor_release(b->images);
    kdst_tensor_release(b->b);
    kdst_tensor_release(b->a);
    kdst_context_release(b->ctx);
}

static int make_context(const char *level, int64_t threads, kdst_context **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status && threads) status = kdst_options_set_int(options, "threads", threads);
    if (!status && level) status = kdst_options_set_string(options, "level", level);
    if (!status) status = kdst_context_create(options, out);
    if (status) fprintf(stderr, "kdst-bench: %s\n", kdst_options_message(options));
    kdst_options_release(options);
    return status != KDST_STATUS_OK;
}

/* ---- timing and output ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_record(bench *b, const bench_case *c, const double *sorted, int64_t runs, bool json)
{
    double median = runs % 2 ? sorted[runs / 2] : (sorted[runs / 2 - 1] + sorted[runs / 2]) / 2;
    const char *threads = kdst_context_get_info(b->ctx, "threads"), *level = kdst_context_get_info(b->ctx, "level");
    char extra[128] = "";
    if (!c->model) {
        double n = (double)c->size, gflops = 2 * n * n * n / median * 1e-6;
        double share = gflops / (measure_peak((int)kdst_dtype_get_size(c->dtype)) * strtod(threads, NULL));
        snprintf(extra, sizeof extra, json ? ",\"gflops\":%.2f,\"peak_share\":%.4f" : "  %.1f GFLOP/s, %.3f of the peak", gflops, share);
    }
    if (json)
        printf("{\"case\":\"%s\",\"threads\":%s,\"level\":\"%s\",\"median_ms\":%.4f,\"min_ms\":%.4f,\"runs\":%lld%s}\n", c->name, threads, level,
               median, sorted[0], (long long)runs, extra);
    else
        printf("%-16s %s threads  %-8s  median %9.3f ms  min %9.3f ms  %lld runs%s\n", c->name, threads, level, median, sorted[0],
               (long long)runs, extra);
    fflush(stdout);
}

static int run_case(const bench_case *c, const char *level, int64_t threads, int64_t runs, bool json)
{
    bench b = {0};
    double *times = malloc((size_t)runs * sizeof *times);
    int result = !times || make_context(level, threads, &b.ctx);
    kdst_status status = KDST_STATUS_OK;
    if (!result) status = !c->model ? set_up_product(&b, c) : c->infers ? set_up_inference(&b, c) : set_up_step(&b, c);
    for (int64_t i = -WARM_UP; i < runs && !result && !status; i++) {
        double start = bench_seconds();
        status = !c->model ? run_product(&b) : c->infers ? run_inference(&b) : run_step(&b);
        if (i >= 0) times[i] = 1e3 * (bench_seconds() - start);
    }
    if (!result && status) result = fail(b.ctx, c->name);
    if (!result) {
        qsort(times, (size_t)runs, sizeof *times, by_value);
        print_record(&b, c, times, runs, json);
    }
    free(times);
    tear_down(&b);
    return result;
}

/* ---- command line ---- */

static const char help_text[] =
    "usage: kdst-bench [--case NAME] [--level auto|baseline|avx2|avx512] [--threads N] [--runs N] [--json] [--list]\n"
    "Without --case every case is run. --runs is the number of timed repetitions after warm-up (default 20).\n";

static int parse_count(const char *name, const char *text, int64_t high, int64_t *out)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || value < 1 || value > high) {
        fprintf(stderr, "kdst-bench: --%s is \"%s\", expected 1 to %lld\n", name, text, (long long)high);
        return 2;
    }
    *out = value;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"case", 1, 0, 'c'}, {"level", 1, 0, 'l'}, {"threads", 1, 0, 't'}, {"runs", 1, 0, 'r'},
                                            {"json", 0, 0, 'j'}, {"list", 0, 0, 'L'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
    const char *wanted = NULL, *level = NULL;
    int64_t threads = 0, runs = 20;
    bool json = false, found = false;
    int option, result = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c': wanted = optarg; break;
        case 'l': level = optarg; break;
        case 't': if (parse_count("threads", optarg, 1024, &threads)) return 2; break;
        case 'r': if (parse_count("runs", optarg, MAX_RUNS, &runs)) return 2; break;
        case 'j': json = true; break;
        case 'L': for (int i = 0; i < CASES; i++) puts(cases[i].name); return 0;
        case 'h': fputs(help_text, stdout); return 0;
        default: fputs(help_text, stderr); return 2;
        }
    }
    if (optind < argc) return fprintf(stderr, "kdst-bench: unexpected argument \"%s\"\n%s", argv[optind], help_text), 2;
    for (int i = 0; i < CASES && !result; i++) {
        if (wanted && strcmp(wanted, cases[i].name)) continue;
        found = true;
        result = run_case(&cases[i], level, threads, runs, json);
    }
    if (!found) return fprintf(stderr, "kdst-bench: no case \"%s\"; --list names them\n", wanted), 2;
    return result;
}
