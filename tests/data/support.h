/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of lib/data share: a context, a folder for the files they write, data sets of noise. */
#ifndef KDST_TESTS_DATA_SUPPORT_H
#define KDST_TESTS_DATA_SUPPORT_H

#include <kdst/kdst.h>

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if KDST_HAVE_ZLIB
#  include <zlib.h>
#endif

enum { PATH_BYTES = 512 };

static kdst_context *ctx;
static char folder[256];

static inline kdst_context *new_context(int64_t threads)
{
    kdst_options *o = NULL;
    kdst_context *made = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", threads), 0);
    if (getenv("KDST_TEST_LEVEL")) ck_assert_int_eq(kdst_options_set_string(o, "level", getenv("KDST_TEST_LEVEL")), 0);
    ck_assert_msg(kdst_context_create(o, &made) == 0, "%s", kdst_options_message(o));
    kdst_options_release(o);
    return made;
}

static inline void setup(void)
{
    ctx = new_context(2);
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/kdst-data-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline const char *path_of(const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return path;
}

/* Every test has released its handles by now. */
static inline void teardown(void)
{
    char path[PATH_BYTES];
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') unlink(path_of(e->d_name, path));
    closedir(d);
    rmdir(folder);
}

/* ---- statuses ---- */

#define ok(call) ck_assert_msg((call) == KDST_STATUS_OK, "%s: %s", #call, kdst_context_message(ctx))

/* The call failed so, with a message that has `text` in it. */
#define refused(call, expected, text)                                                                                  \
  do {                                                                                                                 \
    kdst_status refused_status = (call);                                                                               \
    ck_assert_msg(                                                                                                     \
        refused_status == (expected) && strstr(kdst_context_message(ctx), text), "%s: %s, \"%s\"", #call,              \
        kdst_status_name(refused_status), kdst_context_message(ctx));                                                  \
  } while (0)

/* ---- files ---- */

static inline void write_file(const char *name, const void *data, size_t bytes)
{
    char path[PATH_BYTES];
    FILE *f = fopen(path_of(name, path), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, bytes, f), bytes);
    ck_assert_int_eq(fclose(f), 0);
}

/* Compresses into memory of the caller's; returns the bytes. */
#if KDST_HAVE_ZLIB
static inline size_t compress_gzip(const void *data, size_t bytes, void *out, size_t room)
{
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)bytes;
    z.next_out = out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t used = room - z.avail_out;
    deflateEnd(&z);
    return used;
}

static inline void write_gzip(const char *name, const void *data, size_t bytes)
{
    size_t room = bytes + 1024;
    void *out = malloc(room);
    write_file(name, out, compress_gzip(data, bytes, out, room));
    free(out);
}
#endif

/* ---- tensors and data sets ---- */

static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Elements of a tensor, copied; free() them. */
static inline void *copy_of(kdst_tensor *t, size_t *out_bytes)
{
    void *data = NULL;
    size_t bytes = (size_t)(kdst_tensor_get_count(t) * kdst_dtype_get_size(kdst_tensor_get_dtype(t)));
    void *copy = malloc(bytes + 1);
    ok(kdst_tensor_map(t, KDST_MAP_READ, &data));
    memcpy(copy, data, bytes);
    ok(kdst_tensor_unmap(t));
    if (out_bytes) *out_bytes = bytes;
    return copy;
}

/* Images of noise in any pixel type (reals in [-2, 2)), label i of sample i modulo `classes`. */
static inline kdst_dataset *make_noise(
    kdst_context *c, kdst_dtype dtype, int64_t n, int64_t channels, int64_t height, int64_t width, int64_t classes)
{
    int64_t count = n * channels * height * width;
    const int64_t shape[] = {n, channels, height, width};
    uint32_t state = (uint32_t)(17 + count);
    char *pixels = malloc((size_t)count * 8);
    int32_t *labels = malloc((size_t)n * sizeof *labels);
    for (int64_t i = 0; i < count; i++) {
        uint32_t r = next_random(&state);
        if (dtype == KDST_DTYPE_UINT8)
            ((uint8_t *)pixels)[i] = (uint8_t)(r >> 16);
        else if (dtype == KDST_DTYPE_FLOAT32)
            ((float *)pixels)[i] = (float)r / (1 << 22) - 2;
        else
            ((double *)pixels)[i] = (double)r / (1 << 22) - 2;
    }
    for (int64_t i = 0; i < n; i++)
        labels[i] = (int32_t)(i % classes);
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *made = NULL;
    ck_assert_int_eq(kdst_tensor_create_from(c, dtype, 4, shape, pixels, &x), 0);
    ck_assert_int_eq(kdst_tensor_create_from(c, KDST_DTYPE_INT32, 1, shape, labels, &y), 0);
    ck_assert_msg(kdst_dataset_create(c, x, y, classes, &made) == 0, "%s", kdst_context_message(c));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    free(labels);
    free(pixels);
    return made;
}

/* ---- options ---- */

static inline kdst_options *new_options(void)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    return o;
}

static inline kdst_options *set_int(kdst_options *o, const char *name, int64_t value)
{
    ck_assert_int_eq(kdst_options_set_int(o, name, value), 0);
    return o;
}

static inline kdst_options *set_text(kdst_options *o, const char *name, const char *value)
{
    ck_assert_int_eq(kdst_options_set_string(o, name, value), 0);
    return o;
}

static inline kdst_options *set_reals(kdst_options *o, const char *name, const double *values, int64_t count)
{
    ck_assert_int_eq(kdst_options_set_floats(o, name, values, count), 0);
    return o;
}

#endif
