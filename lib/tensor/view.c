/* SPDX-License-Identifier: Apache-2.0 */
/* Views on a storage, and contiguous copies of them. */
#include "tensor/storage.h"

#include <string.h>

kdst_status kdst__tensor_view(
    const char *function, kdst_tensor *t, int64_t rank, const int64_t *shape, const int64_t *stride, int64_t offset,
    kdst_tensor **out)
{
    const size_t bytes = (size_t)rank * sizeof *shape;
    bool whole = rank == t->rank && offset == t->offset && !memcmp(shape, t->shape, bytes) &&
                 !memcmp(stride, t->stride, bytes);
    kdst_status status = whole ? KDST_STATUS_OK : kdst__tensor_make_plain(function, t);
    if (status) return status;
    return kdst__tensor_on(t->base.ctx, function, t->storage, t->dtype, rank, shape, stride, offset, out);
}

kdst_status kdst__tensor_to_contiguous(const char *function, kdst_tensor *t, kdst_tensor **out)
{
    *out = NULL;
    kdst_status status = kdst__tensor_need_data(function, t);
    if (status) return status;
    if (kdst__tensor_contiguous(t)) {
        kdst__handle_retain(*out = t);
        return KDST_STATUS_OK;
    }
    kdst_tensor *copy = NULL;
    status = kdst__tensor_new_like(function, t, false, &copy);
    if (status) return status;
    kdst__layout_copy(t->rank, t->shape, kdst__tensor_layout(copy), kdst__tensor_layout(t));
    *out = copy;
    return KDST_STATUS_OK;
}
