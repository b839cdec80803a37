/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of CIFAR-10 and CIFAR-100 in the binary version (Krizhevsky, "Learning multiple layers of features", 2009).
 *
 * A record is one label byte (CIFAR-10) or the coarse and the fine label (CIFAR-100), then 3 x 32 x 32 pixels. There is
 * no header, so the files are read twice: once to count their records, once into memory of just that size.
 */
#include "data/dataset.h"

#include "core/options.h"
#include "io/file.h"

enum { PIXELS = 3 * 32 * 32, MAX_LABELS = 2 };

typedef struct config {
    int32_t kind;
} config;

static const kdst__option options_table[] = {
    KDST__CHOICE(
        config, kind, "cifar10", "cifar10|cifar100|cifar100_coarse",
        "records of the files; coarse: the 20 superclasses"),
};
const kdst__schema kdst__schema_dataset_cifar = {"dataset.cifar", options_table, KDST__COUNT(options_table), NULL, 0};

static const char function[] = "dataset_load_cifar";

/* A kind of records: its label bytes, the classes of each, and which one counts. */
typedef struct kind {
    int32_t labels, used;
    int32_t classes[MAX_LABELS];
} kind;

static const kind kinds[] = {{1, 0, {10}}, {2, 1, {20, 100}}, {2, 0, {20, 100}}};

/* ---- first reading ---- */

static kdst_status count_records(kdst__source *file, const kind *k, int64_t *count)
{
    uint8_t record[MAX_LABELS + PIXELS];
    size_t whole = (size_t)(k->labels + PIXELS), got = whole;
    int64_t records = 0;
    while (got == whole) {
        kdst_status status = kdst__source_read_some(file, record, whole, &got);
        if (status) return status;
        records += got == whole;
    }
    if (got)
        return kdst__source_fail(
            file, KDST_STATUS_FORMAT, "the file ends after %zu of %zu bytes of record %lld", got, whole,
            (long long)records);
    if (!records) return kdst__source_fail(file, KDST_STATUS_FORMAT, "the file is empty");
    *count = records;
    return KDST_STATUS_OK;
}

/* ---- second reading ---- */

static kdst_status read_record(kdst__source *file, const kind *k, int64_t number, uint8_t *pixels, int32_t *label)
{
    uint8_t bytes[MAX_LABELS];
    kdst_status status = kdst__source_read(file, "a record", bytes, (size_t)k->labels);
    for (int32_t i = 0; i < k->labels && !status; i++)
        if (bytes[i] >= k->classes[i])
            status = kdst__source_fail(
                file, KDST_STATUS_FORMAT, "label %d of record %lld, allowed are 0 to %d", bytes[i], (long long)number,
                k->classes[i] - 1);
    if (status) return status;
    *label = bytes[k->used];
    return kdst__source_read(file, "a record", pixels, PIXELS);
}

static kdst_status read_records(kdst__source *file, const kind *k, int64_t count, uint8_t *pixels, int32_t *labels)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count && !status; i++)
        status = read_record(file, k, i, pixels + i * PIXELS, labels + i);
    return status ? status : kdst__source_expect_end(file);
}

/* ---- both ---- */

static kdst_status count_file(kdst_context *ctx, const char *path, const kind *k, int64_t *count)
{
    kdst__source *file = NULL;
    kdst_status status = kdst__source_open(ctx, function, path, &file);
    if (!status) status = count_records(file, k, count);
    kdst__source_close(file);
    return status;
}

static kdst_status
read_file(kdst_context *ctx, const char *path, const kind *k, int64_t count, uint8_t *pixels, int32_t *labels)
{
    kdst__source *file = NULL;
    kdst_status status = kdst__source_open(ctx, function, path, &file);
    if (!status) status = read_records(file, k, count, pixels, labels);
    kdst__source_close(file);
    return status;
}

/* `records` [count]: how many each file has. */
static kdst_status
load(kdst_context *ctx, const char *const *paths, int64_t count, const kind *k, int64_t *records, kdst_dataset **out)
{
    kdst_tensor *images = NULL, *labels = NULL;
    int64_t shape[4] = {0, 3, 32, 32};
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count && !status; i++) {
        status = count_file(ctx, paths[i], k, &records[i]);
        shape[0] += records[i];
    }
    if (!status) status = kdst__tensor_new(ctx, function, KDST_DTYPE_UINT8, 4, shape, false, &images);
    if (!status) status = kdst__tensor_new(ctx, function, KDST_DTYPE_INT32, 1, shape, false, &labels);
    uint8_t *x = status ? NULL : kdst__tensor_data(images);
    int32_t *y = status ? NULL : kdst__tensor_data(labels);
    for (int64_t i = 0; i < count && !status; i++) {
        status = read_file(ctx, paths[i], k, records[i], x, y);
        x += records[i] * PIXELS;
        y += records[i];
    }
    if (!status) status = kdst__dataset_new(ctx, function, images, labels, k->classes[k->used], out);
    kdst__handle_release(labels);
    kdst__handle_release(images);
    return status;
}

static kdst_status check_paths(kdst_context *ctx, const char *const *paths, int64_t count)
{
    if (count < 1 || count > INT32_MAX)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %lld, allowed is 1 to %d", function, (long long)count,
            INT32_MAX);
    for (int64_t i = 0; i < count; i++)
        if (!paths[i])
            return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: path %lld is NULL", function, (long long)i);
    return KDST_STATUS_OK;
}

kdst_status kdst_dataset_load_cifar(
    kdst_context *ctx, const char *const *paths, int64_t count, const kdst_options *options, kdst_dataset **out)
{
    config c;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!paths || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, paths ? "out" : "paths");
    kdst_status status = check_paths(ctx, paths, count);
    if (!status) status = kdst__options_parse(ctx, function, &kdst__schema_dataset_cifar, options, &c);
    if (status) return status;
    kdst__memory *memory = kdst__context_memory(ctx);
    size_t bytes = (size_t)count * sizeof(int64_t);
    int64_t *records = kdst__alloc_zero(memory, bytes);
    if (!records) return kdst__fail_memory(ctx, function);
    status = load(ctx, paths, count, &kinds[c.kind], records, out);
    kdst__free(memory, records, bytes);
    return status;
}
