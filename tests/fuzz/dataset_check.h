/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of the data set readers share: files in memory, and what must hold after any input.
 *
 * Claims of a header are bounded by the context's memory limit, so OUT_OF_MEMORY is an answer like FORMAT.
 */
#ifndef KDST_TESTS_FUZZ_DATASET_CHECK_H
#define KDST_TESTS_FUZZ_DATASET_CHECK_H

#include <kdst/kdst.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMORY_PATH = 64 };

/* One context for all inputs. */
static inline kdst_context *fuzz_context(void)
{
    static kdst_context *ctx;
    kdst_options *options = NULL;
    if (ctx) return ctx;
    if (kdst_options_create(&options) || kdst_options_set_int(options, "threads", 1) ||
        kdst_options_set_int(options, "memory_limit", 64 << 20) || kdst_context_create(options, &ctx))
        abort();
    kdst_options_release(options);
    return ctx;
}

/* A file that lives as long as its number is open; `path` leads to it. */
static inline int memory_file(const uint8_t *data, size_t size, char path[MEMORY_PATH])
{
    int file = memfd_create("input", MFD_CLOEXEC);
    if (file < 0) abort();
    for (size_t at = 0; at < size;) {
        ssize_t n = write(file, data + at, size - at);
        if (n <= 0) abort();
        at += (size_t)n;
    }
    snprintf(path, MEMORY_PATH, "/proc/self/fd/%d", file);
    return file;
}

/* Every pixel and label is looked at, so that a sanitizer sees what was never written. */
static inline void check_content(kdst_dataset *d)
{
    double mean[3 * 64], deviation[3 * 64];
    int64_t shape[3], classes = kdst_dataset_get_classes(d), count = kdst_dataset_get_count(d);
    kdst_tensor *labels = NULL;
    void *data = NULL;
    if (kdst_dataset_get_shape(d, shape) || kdst_dataset_get_labels(d, &labels)) abort();
    if (count < 1 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1) abort();
    if (kdst_tensor_get_count(labels) != count || kdst_tensor_map(labels, KDST_MAP_READ, &data)) abort();
    for (int64_t i = 0; i < count; i++)
        if (((int32_t *)data)[i] < 0 || ((int32_t *)data)[i] >= classes) abort();
    if (kdst_tensor_unmap(labels)) abort();
    if (shape[0] <= 3 * 64 && kdst_dataset_get_statistics(d, mean, deviation, shape[0])) abort();
}

static inline void check_dataset(kdst_context *ctx, kdst_status status, kdst_dataset *d)
{
    if (!status != !!d) abort();
    if (status && !*kdst_context_message(ctx)) abort();
    if (d) check_content(d);
    kdst_dataset_release(d);
    if (kdst_context_live_count(ctx)) abort();
}

#endif
