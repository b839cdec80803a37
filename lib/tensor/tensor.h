/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors from the inside: storage, strides, and what the tape keeps in them. */
#ifndef KDST_TENSOR_TENSOR_H
#define KDST_TENSOR_TENSOR_H

#include "compute/compute.h"
#include "core/context.h"

#include <kdst/tensor.h>

#define KDST__MAX_RANK 8

/* Memory shared by tensors. `version` counts writes, so that a backward pass notices that what it saved has changed. */
typedef struct kdst__storage {
    _Atomic int64_t references;
    kdst__memory *memory;
    void *data;
    size_t bytes;
    void *user_data; /* foreign memory: destroy(user_data) instead of freeing data */
    kdst_destroy_fn destroy;
    bool foreign;
    bool shape_only; /* no elements, data is NULL: of a trace */
    bool blocked;    /* float32 in blocked channels, see below */
    int64_t n, c, s; /* of blocked storage: images, channels, places */
    uint64_t version;
} kdst__storage;

struct kdst__node; /* autograd: the record that made a tensor; a handle, so kdst__handle_release frees it */

struct kdst_tensor {
    kdst__handle base;
    kdst__storage *storage;
    kdst_dtype dtype;
    int32_t rank;
    int64_t shape[KDST__MAX_RANK];
    int64_t stride[KDST__MAX_RANK]; /* in elements */
    int64_t offset;                 /* in elements */
    bool requires_grad;             /* a leaf that wants a gradient, or a recorded result */
    kdst_tensor *grad;              /* leaf: owned, or NULL */
    kdst_tensor *pass_grad;         /* leaf, during a backward pass: what the pass has added up */
    struct kdst__node *node;        /* result: retained handle of the record, or NULL */
    void *mapped;                   /* while mapped: what the caller got */
    int32_t map_mode;
    size_t mapped_bytes; /* > 0: `mapped` is a row-major copy */
    kdst_tensor *moments;     /* result of a convolution, or NULL: float64 [2, C], mean and biased variance of each channel */
    uint64_t moments_version; /* of the storage that they are of */
};

/* Address of element 0. */
static inline void *kdst__tensor_data(const kdst_tensor *t)
{
    return (char *)t->storage->data + t->offset * kdst_dtype_get_size(t->dtype);
}

/* ---- blocked channels (compute/blocked.h) ----
 *
 * A result of rank 4, or of more where all axes but the last three count images, may lie in blocked channels; its shape and strides are
 * those of a plain tensor all the same. Whoever reads elements
 * makes it plain first, unless he knows both layouts: kdst__tensor_need_data does that for public functions, kdst__op_run for
 * operations without blocked inputs. A tensor becomes plain in place, for all tensors on its storage, and
 * never blocked again, so memory that has been handed out stays where it is.
 */
static inline bool kdst__tensor_blocked(const kdst_tensor *t)
{
    return t->storage->blocked;
}
/* New tensor in blocked channels, not cleared: float32, rank 4 or more, some elements. */
kdst_status kdst__tensor_new_blocked(
    kdst_context *ctx, const char *function, int32_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status kdst__tensor_make_plain(const char *function, const kdst_tensor *t);
/* New reference to t when it is blocked, else a blocked copy (no record). */
kdst_status kdst__tensor_to_blocked(const char *function, kdst_tensor *t, kdst_tensor **out);
/* Numbers in memory: the elements, and of a blocked tensor the zeros behind the last channel too. */
int64_t kdst__tensor_room(const kdst_tensor *t);

int64_t kdst__tensor_count(const kdst_tensor *t);
bool kdst__tensor_contiguous(const kdst_tensor *t); /* row-major without gaps (axes of size 1 do not matter) */
bool kdst__tensor_same_shape(const kdst_tensor *a, const kdst_tensor *b);
static inline bool kdst__dtype_is_float(kdst_dtype dtype)
{
    return dtype == KDST_DTYPE_FLOAT32 || dtype == KDST_DTYPE_FLOAT64;
}

/* New contiguous tensor; `zero` clears it. Checks dtype, rank and sizes; `function` begins messages. */
kdst_status kdst__tensor_new(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, bool zero,
    kdst_tensor **out);
static inline kdst_status
kdst__tensor_new_like(const char *function, const kdst_tensor *t, bool zero, kdst_tensor **out)
{
    return kdst__tensor_new(t->base.ctx, function, t->dtype, t->rank, t->shape, zero, out);
}
/* New view on the storage of t; no record, no gradient. */
kdst_status kdst__tensor_view(
    const char *function, kdst_tensor *t, int64_t rank, const int64_t *shape, const int64_t *stride, int64_t offset,
    kdst_tensor **out);
/* New reference to t when it is contiguous, else a contiguous copy (no record). */
kdst_status kdst__tensor_to_contiguous(const char *function, kdst_tensor *t, kdst_tensor **out);
/* Row-major strides of a shape; an axis of size 0 counts as 1. */
void kdst__row_major(int64_t rank, const int64_t *shape, int64_t stride[KDST__MAX_RANK]);
/* Where the elements of a shape lie, from element 0 on; strides in elements. */
typedef struct kdst__layout {
    kdst_dtype dtype;
    void *data;
    const int64_t *stride;
} kdst__layout;
static inline kdst__layout kdst__tensor_layout(const kdst_tensor *t)
{
    return (kdst__layout){t->dtype, kdst__tensor_data(t), t->stride};
}
/* Copies elements, converting the type, between layouts that do not overlap. */
void kdst__layout_copy(int32_t rank, const int64_t *shape, kdst__layout to, kdst__layout from);
/* The same from tensor to tensor, which may be views of one storage; checks the shapes. */
kdst_status kdst__tensor_assign(const char *function, kdst_tensor *destination, kdst_tensor *source);
/* Normal numbers of mean 0 that end at +-cut deviations, cut of 0.1 or more: those beyond are drawn anew. */
kdst_status kdst__tensor_set_truncated(kdst_tensor *tensor, double deviation, double cut);
/* Axis in [0, rank) from one that may count from the end; INVALID_ARGUMENT with a message. */
kdst_status kdst__tensor_axis(const char *function, const kdst_tensor *t, int64_t axis, int64_t *out);
/* "[2, 3, 4]" into a buffer, for messages. */
#define KDST__SHAPE_TEXT 128
const char *kdst__shape_text(int64_t rank, const int64_t *shape, char text[KDST__SHAPE_TEXT]);
/* STATE for a tensor of a trace, which has a shape but no elements; a blocked tensor becomes plain. Asked by every public function that
 * reads or writes elements. */
kdst_status kdst__tensor_need_data(const char *function, const kdst_tensor *t);
/* Marks the storage as written to. */
static inline void kdst__tensor_touch(kdst_tensor *t)
{
    t->storage->version++;
}

static inline kdst__compute *kdst__tensor_compute(const kdst_tensor *t)
{
    return kdst__slot_get(t->base.ctx, KDST__SLOT_COMPUTE);
}
static inline kdst__memory *kdst__tensor_memory(const kdst_tensor *t)
{
    return kdst__context_memory(t->base.ctx);
}

#endif
