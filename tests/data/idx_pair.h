/* SPDX-License-Identifier: Apache-2.0 */
/* A correct pair of IDX files in memory, for tests to spoil, and loading it as it stands. */
#ifndef KDST_TESTS_DATA_IDX_PAIR_H
#define KDST_TESTS_DATA_IDX_PAIR_H

#include "support.h"

enum { N = 5, H = 3, W = 4, ROOM = 65536 };

/* A file in memory. */
typedef struct bytes {
    uint8_t data[ROOM];
    size_t size;
} bytes;

static bytes images, labels; /* a correct pair: [5, 3, 4] and [5] */

static inline void put_header(bytes *b, uint8_t type, int axes, const uint32_t *sizes)
{
    const uint8_t magic[] = {0, 0, type, (uint8_t)axes};
    memcpy(b->data, magic, 4);
    for (int i = 0; i < axes; i++)
        for (int k = 0; k < 4; k++)
            b->data[4 + 4 * i + k] = (uint8_t)(sizes[i] >> (24 - 8 * k));
    b->size = 4 + 4 * (size_t)axes;
}

static inline void put_noise(bytes *b, size_t count, uint32_t below)
{
    uint32_t state = 3;
    for (size_t i = 0; i < count; i++)
        b->data[b->size++] = (uint8_t)(next_random(&state) % below);
}

static inline void set_up(void)
{
    setup();
    put_header(&images, 8, 3, (const uint32_t[]){N, H, W});
    put_noise(&images, N * H * W, 256);
    put_header(&labels, 8, 1, (const uint32_t[]){N});
    put_noise(&labels, N, 10);
    labels.data[8] = 9;
}

/* Loads the pair as it stands in memory. */
static inline kdst_status load(const kdst_options *o, kdst_dataset **out)
{
    char x[PATH_BYTES], y[PATH_BYTES];
    write_file("images", images.data, images.size);
    write_file("labels", labels.data, labels.size);
    return kdst_dataset_load_idx(ctx, path_of("images", x), path_of("labels", y), o, out);
}

/* What was read equals what stands in memory, behind the headers. */
static inline void check_content(kdst_dataset *d, const int64_t *shape, int64_t count)
{
    kdst_tensor *x = NULL, *y = NULL;
    size_t size;
    ok(kdst_dataset_get_images(d, &x));
    ok(kdst_dataset_get_labels(d, &y));
    ck_assert_int_eq(kdst_tensor_get_dtype(x), KDST_DTYPE_UINT8);
    ck_assert_int_eq(kdst_tensor_get_dtype(y), KDST_DTYPE_INT32);
    ck_assert_int_eq(kdst_dataset_get_count(d), count);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kdst_tensor_get_size(x, i + 1), shape[i]);
    uint8_t *pixels = copy_of(x, &size);
    ck_assert_mem_eq(pixels, images.data + images.size - size, size);
    int32_t *numbers = copy_of(y, NULL);
    for (int64_t i = 0; i < count; i++)
        ck_assert_int_eq(numbers[i], labels.data[8 + i]);
    free(numbers);
    free(pixels);
}

#endif
