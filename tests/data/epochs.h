/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders over 53 samples of noise, and reading what they give into plain memory. */
#ifndef KDST_TESTS_DATA_EPOCHS_H
#define KDST_TESTS_DATA_EPOCHS_H

#include "support.h"

enum { N = 53, BATCH = 8, PIXELS = 3 * 6 * 5, EPOCHS = 3, WHOLE = N * (PIXELS + 1) };

/* The label of each sample is its number. */
static inline kdst_dataset *make_data(kdst_context *c)
{
    return make_noise(c, KDST_DTYPE_UINT8, N, 3, 6, 5, N);
}

static inline kdst_options *augmented(int64_t prefetch)
{
    kdst_options *o = set_int(set_int(new_options(), "shuffle", 1), "seed", 77);
    return set_int(set_int(set_int(o, "crop_padding", 2), "flip", 1), "prefetch", prefetch);
}

static inline kdst_loader *new_loader(kdst_dataset *d, int64_t batch, kdst_options *o)
{
    kdst_loader *l = NULL;
    ok(kdst_loader_create(d, batch, o, &l));
    kdst_options_release(o);
    return l;
}

/* Appends the next batch to *at: labels as floats, then pixels. Returns its samples, 0 at the end. */
static inline int64_t take(kdst_context *c, kdst_loader *l, float **at)
{
    kdst_tensor *x = NULL, *y = NULL;
    void *data = NULL;
    ck_assert_msg(kdst_loader_next(l, &x, &y) == 0, "%s", kdst_context_message(c));
    ck_assert(!x == !y);
    if (!x) return 0;
    int64_t n = kdst_tensor_get_size(x, 0), count = kdst_tensor_get_count(x);
    ck_assert_int_eq(kdst_tensor_get_count(y), n);
    ck_assert_int_eq(kdst_tensor_map(y, KDST_MAP_READ, &data), 0);
    for (int64_t i = 0; i < n; i++)
        *(*at)++ = (float)((int32_t *)data)[i];
    ck_assert_int_eq(kdst_tensor_unmap(y), 0);
    ck_assert_int_eq(kdst_tensor_map(x, KDST_MAP_READ, &data), 0);
    memcpy(*at, data, (size_t)count * sizeof(float));
    *at += count;
    ck_assert_int_eq(kdst_tensor_unmap(x), 0);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return n;
}

/* What is left of the epoch, from the present position on. */
static inline int64_t take_epoch(kdst_context *c, kdst_loader *l, float *out)
{
    int64_t n, total = 0;
    while ((n = take(c, l, &out)))
        total += n;
    return total;
}

#endif
