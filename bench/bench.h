/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kdst-bench share: a case, what is made for it, its kinds, its record. */
#ifndef BENCH_H
#define BENCH_H

#include <kdst/kdst.h>

#include <stdbool.h>

typedef struct bench bench;
typedef struct bench_case bench_case;

typedef kdst_status (*make_layer_fn)(kdst_context *ctx, const bench_case *c, kdst_layer **out);
typedef kdst_status (*make_loss_fn)(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
typedef kdst_status (*make_optimizer_fn)(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);

/* How a case is made and run. Times are those of `run` alone. */
typedef struct bench_kind {
    kdst_status (*set_up)(bench *b);
    kdst_status (*prepare)(bench *b); /* nullable: before each repetition */
    kdst_status (*run)(bench *b);
} bench_kind;

/* A row of cases.def. */
struct bench_case {
    const char *name;
    const bench_kind *kind;
    kdst_dtype dtype;
    int64_t rank, shape[4]; /* of the input; product: m, n, k */
    const char *model;      /* a network of the zoo; nullable */
    make_layer_fn make;     /* a network or layer of the bench; nullable */
    make_loss_fn loss;
    make_optimizer_fn optimizer;
    int64_t out, window, stride, padding, dilation, groups; /* convolution, pooling */
    bool differentiates_x, differentiates_weight;           /* what a backward case computes */
};

/* What is made for a case; all of it is released by bench_tear_down. */
struct bench {
    const bench_case *c;
    kdst_context *ctx;
    kdst_tensor *outside, *mix, *x, *weight, *bias, *y, *means, *dy, *labels, *teacher;
    kdst_layer *model;
    kdst_optimizer *optimizer;
    kdst_frozen *frozen;
    kdst_loss *loss;
    kdst_options *options;
    double flops, bytes; /* of one repetition; 0: not a kernel */
    double surroundings; /* seconds of a repetition that are taken off its time */
};

typedef struct bench_settings {
    const char *level; /* nullable */
    int64_t threads;   /* 0: one per core */
    bool exact;        /* no Winograd */
    int64_t runs;
    double seconds; /* above 0: runs for so long instead */
    bool json;
    const char *onnx; /* nullable: file to be written */
    double *rate;     /* scaling: where GFLOP/s go */
} bench_settings;

enum { BENCH_MIN_RUNS = 3, BENCH_MAX_RUNS = 100000 };

/* kinds_*.c */
extern const bench_kind bench_step, bench_inference, bench_layer, bench_spiking_step;
extern const bench_kind bench_product, bench_convolution, bench_convolution_backward, bench_norm, bench_norm_backward,
    bench_pool, bench_pool_backward, bench_softmax, bench_loss, bench_update, bench_clip;

/* nets.c: networks that a user would build from the public layers. */
kdst_status make_lenet(kdst_context *ctx, const bench_case *c, kdst_layer **out);
kdst_status make_resnet20(kdst_context *ctx, const bench_case *c, kdst_layer **out);
kdst_status make_resnet18(kdst_context *ctx, const bench_case *c, kdst_layer **out);
/* Two residual blocks of c->out channels behind a stem. */
kdst_status make_two_blocks(kdst_context *ctx, const bench_case *c, kdst_layer **out);
kdst_status make_depthwise(kdst_context *ctx, const bench_case *c, kdst_layer **out);
kdst_status make_lstm(kdst_context *ctx, const bench_case *c, kdst_layer **out);

/* setup.c */
int bench_make_context(const bench_settings *s, kdst_context **out);
kdst_status
bench_make_tensor(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status bench_make_labels(kdst_context *ctx, int64_t count, int64_t classes, kdst_tensor **out);
void bench_replace(kdst_tensor **place, kdst_tensor *tensor);
void bench_tear_down(bench *b);

/* One case from start to end; what `measure` prints goes to standard output. Returns an exit status. */
int bench_run_case(const bench_case *c, const bench_settings *s, int (*measure)(bench *, const bench_settings *));

/* timing.c */
typedef struct bench_times {
    double median, smallest; /* seconds */
    int64_t runs;
} bench_times;

kdst_status bench_repeat(bench *b, int64_t warm_up, const bench_settings *s, bench_times *out);
int bench_print_times(bench *b, const bench_settings *s);
/* memory.c: growth of the resident high-water mark over three repetitions, in a process of its own. */
int bench_print_memory(const bench_case *c, const bench_settings *s);

/* scaling.c */
int bench_scaling(const char *path, const bench_settings *s);

#endif
