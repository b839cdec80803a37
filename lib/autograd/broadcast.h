/* SPDX-License-Identifier: Apache-2.0 */
/* What operations on several tensors of different shapes share; shapes are broadcast as in NumPy. */
#ifndef KDST_AUTOGRAD_BROADCAST_H
#define KDST_AUTOGRAD_BROADCAST_H

#include "autograd/op.h"

/* Strides of t as seen from the broadcast shape of `rank` axes: 0 where it is stretched. */
void kdst__broadcast_strides(const kdst_tensor *t, int32_t rank, int64_t stride[KDST__MAX_RANK]);

/* y = a op b, y having the broadcast shape; a and b of any strides. */
void kdst__broadcast_binary(int32_t op, const kdst_tensor *a, const kdst_tensor *b, kdst_tensor *y);
/* The same as the forward pass of an operation. */
kdst_status kdst__broadcast_forward(kdst__call *call, int32_t op);

/* d += alpha g, or d = alpha g without `add`, summed where d is stretched; g has the result's shape and may then be d itself. */
kdst_status kdst__broadcast_add(const char *name, kdst_tensor *d, const kdst_tensor *g, double alpha, bool add);
/* d += g op other, summed where d is stretched; `scratch` of g's shape is made when first needed. */
kdst_status kdst__broadcast_combine(
    const char *name, kdst_tensor *d, const kdst_tensor *g, int32_t op, const kdst_tensor *other, kdst_tensor **scratch);

/* An operand for loops over contiguous memory: element i is data[i step], step 0 for a single one. */
typedef struct kdst__operand {
    kdst_tensor *tensor; /* released by the caller */
    const void *data;
    int64_t step;
} kdst__operand;

/* t in the broadcast shape and in another element type: itself where that can be, else a copy. */
kdst_status kdst__broadcast_operand(
    const char *name, kdst_tensor *t, kdst_dtype dtype, int32_t rank, const int64_t *shape, kdst__operand *out);

/* Shape rule: the broadcast shape of inputs [first, count). */
kdst_status kdst__op_broadcast_from(kdst__call *call, int32_t first);

#endif
