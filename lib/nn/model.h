/* SPDX-License-Identifier: Apache-2.0 */
/* The language in which networks are written down: tables of rows that one small builder makes layers from.
 *
 * A program is an array of rows closed by {END}. While it is read the builder knows the shape that the next layer gets, so
 * rows give output sizes only. A row begins with one of the macros below and may go on with designators:
 *
 *     {CONV("conv2", ROW_WIDTH, 3, ROW_STRIDE, 1), .groups = 8, .multiple = 8}
 *
 * Numbers. Positive ones stand for themselves, the symbols for what the caller, the stage or the model's arguments say. A
 * width is out * times / over; hidden widths are then multiplied by the option `width` and rounded up, to a multiple
 * of `multiple` where groups or halves ask for it. "Nominal" is a width before that factor: ROW_INPUT and fractions are taken of nominal widths.
 *
 * Names. "official|pytorch"; a name that is "" adds no level. Rows without parameters need none.
 */
#ifndef KDST_NN_MODEL_H
#define KDST_NN_MODEL_H

#include "nn/layer.h"

#include <kdst/model.h>

#define KDST__MODEL_ARGS 8

/* In place of a number. */
enum {
    ROW_CLASSES = -1,  /* the option `classes`; not multiplied */
    ROW_WIDTH = -2,    /* of the stage */
    ROW_STRIDE = -3,   /* of the stage in its first unit, 1 in the others */
    ROW_CHANNELS = -4, /* what the row gets; alone it is taken as it is, multiplied or divided it is the nominal number */
    ROW_INPUT = -5,    /* nominal channels that the stage's unit gets */
    ROW_ARG = -16      /* see ARG */
};
/* Argument i of the innermost row with arguments, or of the model. */
#define ARG(i) (ROW_ARG - (i))

typedef enum kdst__model_op {
    ROW_END,
    ROW_CONV,          /* name, out, kernel, stride, padding; dilation, groups, bias */
    ROW_BATCH_NORM,    /* name; odd_eps: eps is the number of channels unless the option `eps` is "clean" */
    ROW_RELU,         /*  */
    ROW_RELU6,        /*  */
    ROW_MAX_POOL,     /* kernel, stride, padding; ceil */
    ROW_AVG_POOL,     /* kernel, stride, padding */
    ROW_FIXED_POOL,   /* kernel: means of that many windows in each direction, whatever the map's size */
    ROW_GLOBAL_POOL,  /* mean over the map; the rest is flat */
    ROW_FLATTEN,      /*  */
    ROW_LINEAR,       /* name, out; with bias */
    ROW_DROPOUT,      /* rate */
    ROW_HALF,         /* second: the second half of the channels, else the first */
    ROW_SHUFFLE,      /* groups: channel shuffle */
    ROW_ZERO_PAD,     /* out, stride: the parameter-free shortcut, option A */
    ROW_GROUP,        /* name, body; args, numbered (children are named by position): a sequential; without a body the identity */
    ROW_REPEAT,       /* out, count, body: the body's rows `count` times at this level, out is their ROW_WIDTH */
    ROW_CONCAT,       /* name, body; args, reversed (the last row's output comes first): each row of the body gets the input */
    ROW_STAGE,        /* name, out, stride, count, body; args, each: `count` units of width `out`, the first has the stride; `each`
                         names a unit, counted from 0 in the place of '#', from 1 in the place of '@' */
    ROW_RESIDUAL,     /* name (of the shortcut), body, shortcut: body + x; + shortcut where stride or channels change, body
                         alone where there is none; linear: no relu on the sum */
    ROW_WHEN_CHANGED, /* body, otherwise: body where a unit of width `out` changes stride or channels, else otherwise */
    ROW_SEGMENTS      /* body, shortcut: stages of residual blocks, body's rows, with the shortcut kept apart: see segments.c */
} kdst__model_op;

typedef struct kdst__model_row {
    kdst__model_op op;
    const char *name, *each;
    int32_t out, times, over, multiple; /* 0: 1 */
    int32_t kernel, stride, padding, dilation, groups, bias, ceil;
    int32_t count, second, numbered, linear, reversed, odd_eps;
    int32_t when; /* a symbol: the row is left out where it is 0 */
    double rate;
    int32_t args[KDST__MODEL_ARGS]; /* of the body; none: those of the row */
    const struct kdst__model_row *body;
    union {
        const struct kdst__model_row *shortcut, *otherwise;
    };
} kdst__model_row;

#define END .op = ROW_END
#define CONV(name_, out_, kernel_, stride_, padding_) \
    .op = ROW_CONV, .name = name_, .out = out_, .kernel = kernel_, .stride = stride_, .padding = padding_
#define NORM(name_) .op = ROW_BATCH_NORM, .name = name_
#define RELU .op = ROW_RELU
#define RELU6 .op = ROW_RELU6
#define MAX_POOL(kernel_, stride_, padding_) \
    .op = ROW_MAX_POOL, .kernel = kernel_, .stride = stride_, .padding = padding_
#define AVG_POOL(kernel_, stride_) .op = ROW_AVG_POOL, .kernel = kernel_, .stride = stride_
#define FIXED_POOL(side) .op = ROW_FIXED_POOL, .kernel = side
#define GLOBAL_POOL .op = ROW_GLOBAL_POOL
#define FLATTEN .op = ROW_FLATTEN
#define LINEAR(name_, out_) .op = ROW_LINEAR, .name = name_, .out = out_
#define DROPOUT(rate_) .op = ROW_DROPOUT, .rate = rate_
#define HALF(second_) .op = ROW_HALF, .second = second_
#define SHUFFLE(groups_) .op = ROW_SHUFFLE, .groups = groups_
#define ZERO_PAD(out_, stride_) .op = ROW_ZERO_PAD, .out = out_, .stride = stride_
#define GROUP(name_, body_) .op = ROW_GROUP, .name = name_, .body = body_
#define REPEAT(out_, count_, body_) .op = ROW_REPEAT, .out = out_, .count = count_, .body = body_
#define CONCAT(name_, body_) .op = ROW_CONCAT, .name = name_, .body = body_
#define STAGE(name_, out_, stride_, count_, body_) \
    .op = ROW_STAGE, .name = name_, .out = out_, .stride = stride_, .count = count_, .body = body_
#define RESIDUAL(name_, body_, shortcut_) .op = ROW_RESIDUAL, .name = name_, .body = body_, .shortcut = shortcut_
#define WHEN_CHANGED(body_, otherwise_) \
    .op = ROW_WHEN_CHANGED, .out = ROW_WIDTH, .body = body_, .otherwise = otherwise_
#define SEGMENTS(body_, shortcut_) .op = ROW_SEGMENTS, .body = body_, .shortcut = shortcut_

/* Initial weights of one kind of layer: KDST__INIT_*, KDST__INIT_FAN_*, std of the normal ones; init_bias 1: zero. */
typedef struct kdst__model_init {
    int32_t init, mode, bias;
    double std;
} kdst__model_init;

typedef struct kdst__model {
    const char *name, *help;
    int32_t channels, image_size; /* of its own data set */
    const kdst__model_row *rows;
    kdst__model_init conv, linear;
    double eps; /* of batch norm; 0: 1e-5 */
    int32_t args[KDST__MODEL_ARGS];
    const int32_t (*ratios)[KDST__MODEL_ARGS]; /* NULL, or arguments for each choice of the option `ratio` */
    /* Instead of rows: a network that is no chain on one image, with options and checks of its own; *out is NULL. */
    kdst_status (*create)(
        kdst_context *ctx, const struct kdst__model *model, const kdst_options *given, kdst_layer **out);
} kdst__model;

typedef struct kdst__model_config {
    int64_t classes, channels, image_size;
    double width, dropout;
    int32_t dtype, names, eps, ratio;
} kdst__model_config;

/* Layers of `rows`, for an input of config's size. */
kdst_status kdst__model_build(
    kdst_context *ctx, const kdst__model *model, const kdst__model_config *config, kdst_layer **out);

/* The first row of a kind in the model's programs (to know which options it has), or NULL. */
const kdst__model_row *kdst__model_find(const kdst__model_row *rows, bool (*wanted)(const kdst__model_row *row));

extern const kdst__model kdst__models[];
extern const int64_t kdst__model_number;
extern const kdst__schema kdst__schema_model;

#endif
