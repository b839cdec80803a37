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

enum { PRODUCT_CASE, LAYER_CASE, STEP_CASE, INFER_CASE };

typedef kdst_status (*make_layer_fn)(kdst_context *ctx, const int64_t *shape, kdst_layer **out);

typedef struct bench_case {
    const char *name;
    int kind;
    kdst_dtype dtype;
    const char *model;  /* step, inference */
    make_layer_fn make; /* layer */
    int64_t rank, shape[4]; /* of the input; product: of both operands */
} bench_case;

static kdst_status make_depthwise(kdst_context *ctx, const int64_t *shape, kdst_layer **out);
static kdst_status make_lstm(kdst_context *ctx, const int64_t *shape, kdst_layer **out);

#define SIZES(...) {__VA_ARGS__}
static const bench_case cases[] = {
#define PRODUCT(name, size, dtype) {#name, PRODUCT_CASE, dtype, NULL, NULL, 2, {size, size}},
#define LAYER(name, make, rank, shape) {#name, LAYER_CASE, KDST_DTYPE_FLOAT32, NULL, make, rank, SIZES shape},
#define STEP(name, model, channels, side, batch) {#name, STEP_CASE, KDST_DTYPE_FLOAT32, model, NULL, 4, {batch, channels, side, side}},
#define INFER(name, model, channels, side, batch) {#name, INFER_CASE, KDST_DTYPE_FLOAT32, model, NULL, 4, {batch, channels, side, side}},
#include "cases.def"
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct bench {
    kdst_context *ctx;
    kdst_tensor *a, *b;          /* product */
    kdst_tensor *images, *labels; /* of a model or layer */
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

static kdst_status run_layer(bench *b)
{
    kdst_tensor *y = NULL, *sum = NULL;
    kdst_status status = kdst_layer_clear_grads(b->model);
    if (!status) status = kdst_tensor_clear_grad(b->images);
    if (!status) status = kdst_layer_run(b->model, b->images, &y);
    if (!status) status = kdst_sum(y, NULL, 0, 0, &sum);
    if (!status) status = kdst_backward(sum, NULL, NULL);
    kdst_tensor_release(sum);
    kdst_tensor_release(y);
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
    kdst_status status = make_tensor(b->ctx, c->dtype, 2, c->shape, &b->a);
    return status ? status : make_tensor(b->ctx, c->dtype, 2, c->shape, &b->b);
}

/* 3x3, a kernel for each channel of [N, C, H, W]. */
static kdst_status make_depthwise(kdst_context *ctx, const int64_t *shape, kdst_layer **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "padding", 1);
    if (!status) status = kdst_options_set_int(o, "groups", shape[1]);
    if (!status) status = kdst_layer_conv2d_create(ctx, shape[1], shape[1], o, out);
    kdst_options_release(o);
    return status;
}

/* One direction, as wide as the input [T, N, D]. */
static kdst_status make_lstm(kdst_context *ctx, const int64_t *shape, kdst_layer **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_string(o, "result", "sequence");
    if (!status) status = kdst_layer_lstm_create(ctx, shape[2], shape[2], o, out);
    kdst_options_release(o);
    return status;
}

static kdst_status set_up_layer(bench *b, const bench_case *c)
{
    kdst_status status = make_tensor(b->ctx, c->dtype, c->rank, c->shape, &b->images);
    if (!status) status = kdst_tensor_set_requires_grad(b->images, 1);
    return status ? status : c->make(b->ctx, c->shape, &b->model);
}

static kdst_status set_up_step(bench *b, const bench_case *c)
{
    int32_t labels[1024];
    kdst_options *model = NULL, *sgd = NULL;
    for (int64_t i = 0; i < c->shape[0]; i++) labels[i] = (int32_t)(i % 10);
    kdst_status status = make_tensor(b->ctx, c->dtype, 4, c->shape, &b->images);
    if (!status) status = kdst_tensor_create_from(b->ctx, KDST_DTYPE_INT32, 1, c->shape, labels, &b->labels);
    if (!status) status = kdst_options_create(&model);
    if (!status) status = kdst_options_set_int(model, "channels", c->shape[1]);
    if (!status) status = kdst_options_set_int(model, "image_size", c->shape[2]);
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
    kdst_status status = make_tensor(b->ctx, c->dtype, c->rank, c->shape, &b->images);
    if (!status) status = kdst_model_create(b->ctx, c->model, NULL, &b->model);
    return status ? status : kdst_frozen_create(b->model, 1, NULL, &c->rank, c->shape, NULL, &b->frozen);
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
    if (c->kind == PRODUCT_CASE) {
        double n = (double)c->shape[0], gflops = 2 * n * n * n / median * 1e-6;
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

/* By kind of case. */
static kdst_status (*const set_ups[])(bench *, const bench_case *) = {set_up_product, set_up_layer, set_up_step, set_up_inference};
static kdst_status (*const runs_of[])(bench *) = {run_product, run_layer, run_step, run_inference};

static int run_case(const bench_case *c, const char *level, int64_t threads, int64_t runs, bool json)
{
    bench b = {0};
    double *times = malloc((size_t)runs * sizeof *times);
    int result = !times || make_context(level, threads, &b.ctx);
    kdst_status status = KDST_STATUS_OK;
    if (!result) status = set_ups[c->kind](&b, c);
    for (int64_t i = -WARM_UP; i < runs && !result && !status; i++) {
        double start = bench_seconds();
        status = runs_of[c->kind](&b);
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
