/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in blocked channels: making them, making them plain, blocked copies of plain ones. */
#include "compute/blocked.h"
#include "tensor/storage.h"

/* Images: all axes but the last three. */
static int64_t images(int32_t rank, const int64_t *shape)
{
    int64_t n = 1;
    for (int32_t i = 0; i < rank - 3; i++)
        n *= shape[i];
    return n;
}

kdst_status kdst__tensor_new_blocked(
    kdst_context *ctx, const char *function, int32_t rank, const int64_t *shape, kdst_tensor **out)
{
    const int64_t *last = shape + rank - 3;
    size_t plain;
    *out = NULL;
    kdst_status status = kdst__tensor_check(ctx, function, KDST_DTYPE_FLOAT32, rank, shape, &plain);
    if (status) return status;
    if (plain > INT64_MAX / 64) return kdst__fail_memory(ctx, function); /* up to 16 channels take the place of one */
    int64_t n = images(rank, shape), s = last[1] * last[2];
    int64_t count = kdst__blocked_count(kdst__slot_get(ctx, KDST__SLOT_COMPUTE), n, last[0], s);
    kdst__storage *storage = kdst__storage_create(kdst__context_memory(ctx), (size_t)count * sizeof(float), false);
    if (!storage) return kdst__fail_memory(ctx, function);
    storage->blocked = true;
    storage->n = n;
    storage->c = last[0];
    storage->s = s;
    status = kdst__tensor_on(ctx, function, storage, KDST_DTYPE_FLOAT32, rank, shape, NULL, 0, out);
    kdst__storage_release(storage);
    return status;
}

kdst_status kdst__tensor_make_plain(const char *function, const kdst_tensor *t)
{
    kdst__storage *storage = t->storage;
    if (!storage->blocked) return KDST_STATUS_OK;
    size_t bytes = (size_t)(storage->n * storage->c * storage->s) * sizeof(float);
    float *plain = kdst__alloc(storage->memory, bytes);
    if (!plain) return kdst__fail_memory(t->base.ctx, function);
    kdst__blocked_to_plain(kdst__tensor_compute(t), storage->n, storage->c, storage->s, storage->data, plain);
    kdst__free(storage->memory, storage->data, storage->bytes);
    storage->data = plain;
    storage->bytes = bytes;
    storage->blocked = false;
    return KDST_STATUS_OK;
}

kdst_status kdst__tensor_to_blocked(const char *function, kdst_tensor *t, kdst_tensor **out)
{
    *out = NULL;
    if (kdst__tensor_blocked(t)) {
        kdst__handle_retain(*out = t);
        return KDST_STATUS_OK;
    }
    kdst_tensor *plain, *copy = NULL;
    kdst_status status = kdst__tensor_to_contiguous(function, t, &plain);
    if (status) return status;
    status = kdst__tensor_new_blocked(t->base.ctx, function, t->rank, t->shape, &copy);
    if (!status)
        kdst__blocked_from_plain(
            kdst__tensor_compute(t), copy->storage->n, copy->storage->c, copy->storage->s, kdst__tensor_data(plain),
            kdst__tensor_data(copy));
    kdst__handle_release(plain);
    *out = copy;
    return status;
}

int64_t kdst__tensor_room(const kdst_tensor *t)
{
    const kdst__storage *s = t->storage;
    return s->blocked ? kdst__blocked_count(kdst__tensor_compute(t), s->n, s->c, s->s) : kdst__tensor_count(t);
}
