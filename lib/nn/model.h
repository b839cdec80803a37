/* SPDX-License-Identifier: Apache-2.0 */
/* The language in which networks are written down: a table of rows that one small function builds layers from.
 *
 * A program is an array of rows closed by ROW_END. While it is read the builder knows the shape that the next layer gets, so
 * rows give output sizes only. A row's name may have two forms, "official|pytorch". Positive widths are hidden widths and are
 * multiplied by the option `width`; the symbols below stand for what the caller or the surrounding stage sets.
 */
#ifndef KDST_NN_MODEL_H
#define KDST_NN_MODEL_H

#include "nn/layer.h"

#include <kdst/model.h>

/* In place of an output size or a stride. */
enum { ROW_CLASSES = -1, ROW_WIDTH = -2, ROW_STRIDE = -3 };

typedef enum kdst__model_op {
    ROW_END,
    ROW_CONV,        /* name, out, kernel, stride, padding, bias */
    ROW_BATCH_NORM,  /* name */
    ROW_RELU,        /*  */
    ROW_MAX_POOL,    /* kernel, stride, padding */
    ROW_GLOBAL_POOL, /* mean over the map; the rest is flat */
    ROW_FLATTEN,     /*  */
    ROW_LINEAR,      /* name, out; with bias */
    ROW_STAGE, /* name, out, stride, count, body: `count` blocks "0", "1", … of width out; the first has the stride */
    ROW_RESIDUAL, /* name (of the shortcut), body, shortcut: relu(body + x), or + shortcut where the shape changes */
    ROW_ZERO_PAD  /* out, stride: the parameter-free shortcut, option A */
} kdst__model_op;

typedef struct kdst__model_row {
    kdst__model_op op;
    const char *name;
    int32_t out, kernel, stride, padding, bias, count;
    const struct kdst__model_row *body, *shortcut;
} kdst__model_row;

typedef struct kdst__model {
    const char *name, *help;
    int32_t channels, image_size; /* of its own data set */
    int32_t conv_init;            /* KDST__INIT_*, fan_in */
    const kdst__model_row *rows;
} kdst__model;

extern const kdst__model kdst__models[];
extern const int64_t kdst__model_number;
extern const kdst__schema kdst__schema_model;

#endif
