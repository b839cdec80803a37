/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of tensors (see storage.h). */
#include "tensor/storage.h"

kdst__storage *kdst__storage_create(kdst__memory *memory, size_t bytes, bool zero)
{
    kdst__storage *s = kdst__alloc_zero(memory, sizeof *s);
    if (!s) return NULL;
    s->data = zero ? kdst__alloc_zero(memory, bytes) : kdst__alloc(memory, bytes);
    if (!s->data) {
        kdst__free(memory, s, sizeof *s);
        return NULL;
    }
    atomic_init(&s->references, 1);
    s->memory = memory;
    s->bytes = bytes;
    return s;
}

kdst__storage *kdst__storage_create_shape(kdst__memory *memory)
{
    kdst__storage *s = kdst__storage_wrap(memory, NULL, NULL, NULL);
    if (s) s->shape_only = true;
    return s;
}

kdst__storage *kdst__storage_wrap(kdst__memory *memory, void *data, void *user_data, kdst_destroy_fn destroy)
{
    kdst__storage *s = kdst__alloc_zero(memory, sizeof *s);
    if (!s) return NULL;
    atomic_init(&s->references, 1);
    s->memory = memory;
    s->data = data;
    s->foreign = true;
    s->user_data = user_data;
    s->destroy = destroy;
    return s;
}

void kdst__storage_retain(kdst__storage *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
}

void kdst__storage_release(kdst__storage *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1) return;
    if (!s->foreign)
        kdst__free(s->memory, s->data, s->bytes);
    else if (s->destroy)
        s->destroy(s->user_data);
    kdst__free(s->memory, s, sizeof *s);
}
