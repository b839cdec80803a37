/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of tensors: reference-counted memory, the context's own or somebody else's. */
#ifndef KDST_TENSOR_STORAGE_H
#define KDST_TENSOR_STORAGE_H

#include "tensor/tensor.h"

/* New memory of `bytes` (0 is fine); NULL when there is none. */
kdst__storage *kdst__storage_create(kdst__memory *memory, size_t bytes, bool zero);
/* Without elements, for tensors of which only the shape counts. */
kdst__storage *kdst__storage_create_shape(kdst__memory *memory);
/* Memory of the caller's; destroy(user_data) runs with the last reference. NULL when memory runs out: then destroy has not run. */
kdst__storage *kdst__storage_wrap(kdst__memory *memory, void *data, void *user_data, kdst_destroy_fn destroy);
void kdst__storage_retain(kdst__storage *storage);
void kdst__storage_release(kdst__storage *storage); /* nullable */

/* New tensor handle on a storage it retains; row-major strides unless `stride` is given. */
kdst_status kdst__tensor_on(
    kdst_context *ctx, const char *function, kdst__storage *storage, kdst_dtype dtype, int64_t rank,
    const int64_t *shape, const int64_t *stride, int64_t offset, kdst_tensor **out);
/* Strides of somebody else's memory: row-major unless given, and where nothing lies along an axis (size 0 or 1). SHAPE when
 * the elements lie too far apart for their distances to be computed. */
kdst_status kdst__tensor_foreign_strides(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape,
    const int64_t *stride, int64_t out[KDST__MAX_RANK]);
/* Checks type, rank and sizes; the bytes of all elements. */
kdst_status kdst__tensor_check(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, size_t *out_bytes);

#endif
