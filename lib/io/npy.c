/* SPDX-License-Identifier: Apache-2.0 */
/* npy files (NumPy enhancement proposal 1): magic, version, length, a Python dictionary as text, the elements.
 *
 * Column-major elements are read in pieces and put to their row-major places, so a large file needs no second copy.
 */
#include "io/npy_header.h"

#include "core/options.h"
#include "io/serial.h"

#include <kdst/npy.h>

#include <stdio.h>
#include <string.h>

typedef struct config {
    int32_t dtype;
} config;

static const kdst__option options_table[] = {
    KDST__CHOICE(config, dtype, "native", "native|float32|float64|int32|uint8|bool", "element type of the tensor"),
};
const kdst__schema kdst__schema_npy_load = {"npy.load", options_table, KDST__COUNT(options_table), NULL, 0};

/* ---- reading ---- */

/* Number of axes that have more than one element. */
static int long_axes(const kdst_tensor *t)
{
    int count = 0;
    for (int32_t i = 0; i < t->rank; i++)
        count += t->shape[i] > 1;
    return count;
}

static kdst_status read_column_major(kdst__source *source, kdst__element_run *run, kdst_tensor *t)
{
    double chunk[1024]; /* aligned for every type */
    size_t size = (size_t)kdst_dtype_get_size(t->dtype);
    uint64_t most = sizeof chunk / size, count = (uint64_t)kdst__tensor_count(t);
    int64_t index[KDST__MAX_RANK] = {0};
    char *at = kdst__tensor_data(t);
    for (run->first = 0; run->first < count;) {
        uint64_t n = count - run->first < most ? count - run->first : most;
        kdst_status status = kdst__element_read(source, run, chunk, n);
        if (status != KDST_STATUS_OK) return status;
        for (uint64_t i = 0; i < n; i++) {
            memcpy(at, (const char *)chunk + i * size, size);
            for (int32_t axis = 0; axis < t->rank; axis++) {
                at += t->stride[axis] * (int64_t)size;
                if (++index[axis] < t->shape[axis]) break;
                at -= t->stride[axis] * t->shape[axis] * (int64_t)size;
                index[axis] = 0;
            }
        }
        run->first += n;
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__npy_read_tensor(
    kdst_context *ctx, const char *function, kdst__source *source, kdst_dtype dtype, kdst_tensor **out)
{
    kdst__npy_header header;
    kdst_status status = kdst__npy_read_header(source, &header);
    uint64_t count;
    if (status == KDST_STATUS_OK) status = kdst__element_count(source, "the array", header.rank, header.shape, &count);
    if (status == KDST_STATUS_OK)
        status = kdst__source_can_have(source, "its data", count * kdst__element_size(header.element));
    if (status != KDST_STATUS_OK) return status;
    dtype = dtype != 0 ? dtype : kdst__element_native(header.element);
    status = kdst__tensor_new(ctx, function, dtype, header.rank, header.shape, false, out);
    if (status != KDST_STATUS_OK) return status;
    kdst__element_run run = {header.element, header.big_endian, dtype, "its data", 0, NULL};
    if (header.column_major && long_axes(*out) > 1)
        status = read_column_major(source, &run, *out);
    else
        status = kdst__element_read(source, &run, kdst__tensor_data(*out), count);
    if (status == KDST_STATUS_OK) status = kdst__source_expect_end(source);
    return status;
}

kdst_status kdst__npy_parse(kdst_context *ctx, const char *function, const kdst_options *options, kdst_dtype *out)
{
    static const kdst_dtype dtypes[] = {
        0, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64, KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};
    config c = {0};
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_npy_load, options, &c);
    *out = dtypes[c.dtype];
    return status;
}

kdst_status kdst_npy_load(kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out)
{
    kdst__source *source = NULL;
    kdst_tensor *tensor = NULL;
    kdst_dtype dtype;
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (path == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "npy_load: %s is NULL", path == NULL ? "path" : "out");
    kdst_status status = kdst__npy_parse(ctx, "npy_load", options, &dtype);
    if (status == KDST_STATUS_OK) status = kdst__source_open(ctx, "npy_load", path, &source);
    if (status == KDST_STATUS_OK) status = kdst__npy_read_tensor(ctx, "npy_load", source, dtype, &tensor);
    kdst__source_close(source);
    if (status == KDST_STATUS_OK)
        *out = tensor;
    else
        kdst__handle_release(tensor);
    return status;
}

/* ---- writing ---- */

static kdst_status write_tensor(kdst__sink *sink, const kdst_tensor *tensor)
{
    char header[KDST__NPY_WRITTEN];
    kdst__serial serial;
    const void *data;
    size_t bytes = kdst__npy_write_header(tensor, header);
    kdst_status status = kdst__sink_write(sink, header, bytes);
    kdst__serial_start(&serial, tensor);
    while (status == KDST_STATUS_OK && kdst__serial_next(&serial, &data, &bytes))
        status = kdst__sink_write(sink, data, bytes);
    return status;
}

kdst_status kdst_npy_save(kdst_tensor *tensor, const char *path)
{
    if (tensor == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = tensor->base.ctx;
    kdst__sink *sink;
    kdst__enter(ctx);
    if (path == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "npy_save: path is NULL");
    kdst_status status = kdst__tensor_need_data("npy_save", tensor);
    if (status == KDST_STATUS_OK) status = kdst__sink_open(ctx, "npy_save", path, &sink);
    if (status != KDST_STATUS_OK) return status;
    status = write_tensor(sink, tensor);
    if (status == KDST_STATUS_OK) return kdst__sink_commit(sink);
    kdst__sink_abandon(sink);
    return status;
}
