/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of files by class (see classes.h). */
#include "data/classes.h"

#include "io/text.h"

static kdst_status out_of_memory(kdst__failure *failure)
{
    return kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
}

/* Adds the files of a class. */
static kdst_status read_class(
    kdst__memory *memory, const char *path, const char *const *ends_in, const char *what, kdst__listing *files,
    kdst__failure *failure)
{
    kdst__listing within = {0};
    char shown[KDST__SHOWN_TEXT];
    kdst_status status = kdst__listing_read(memory, path, ends_in, &within, failure);
    if (!status && !within.count)
        status = kdst__failure_set(failure, KDST_STATUS_FORMAT, "%s: has no %s", kdst__text_shown(path, shown), what);
    for (int64_t i = 0; i < within.count && !status; i++)
        if (!kdst__listing_add(memory, files, path, within.names[i])) status = out_of_memory(failure);
    kdst__listing_destroy(memory, &within);
    return status;
}

kdst_status kdst__classes_read(
    kdst__memory *memory, const char *path, const char *const *ends_in, const char *what, kdst__classes *out,
    kdst__failure *failure)
{
    char shown[KDST__SHOWN_TEXT];
    kdst__classes c = {0};
    kdst_status status = kdst__listing_read(memory, path, NULL, &c.names, failure);
    c.count = c.names.count;
    if (!status && !c.count)
        status = kdst__failure_set(
            failure, KDST_STATUS_FORMAT, "%s: has no folder of a class", kdst__text_shown(path, shown));
    if (!status && !(c.ends = kdst__alloc(memory, (size_t)c.count * sizeof *c.ends))) status = out_of_memory(failure);
    for (int64_t k = 0; k < c.count && !status; k++) {
        kdst__listing joined = {0};
        if (!kdst__listing_add(memory, &joined, path, c.names.names[k])) status = out_of_memory(failure);
        if (!status) status = read_class(memory, joined.names[0], ends_in, what, &c.files, failure);
        kdst__listing_destroy(memory, &joined);
        c.ends[k] = c.files.count;
    }
    *out = c;
    return status;
}

void kdst__classes_destroy(kdst__memory *memory, kdst__classes *c)
{
    kdst__free(memory, c->ends, (size_t)c->count * sizeof *c->ends);
    kdst__listing_destroy(memory, &c->names);
    kdst__listing_destroy(memory, &c->files);
}

static kdst_status make_labels(kdst_context *ctx, const char *function, const kdst__classes *c, kdst_tensor **out)
{
    kdst_status status = kdst__tensor_new(ctx, function, KDST_DTYPE_INT32, 1, &c->ends[c->count - 1], false, out);
    if (status) return status;
    int32_t *labels = kdst__tensor_data(*out), k = 0;
    for (int64_t i = 0; i < c->ends[c->count - 1]; i++) {
        while (i == c->ends[k])
            k++;
        labels[i] = k;
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__classes_make(
    const char *function, kdst__classes *c, kdst__images *source, kdst_dtype dtype, const int64_t shape[3],
    kdst_dataset **out)
{
    kdst_context *ctx = source->base.ctx;
    kdst_tensor *labels = NULL;
    kdst_status status = make_labels(ctx, function, c, &labels);
    kdst__names *names = status ? NULL : kdst__names_new(ctx, &c->names);
    if (!status && !names) status = kdst__fail_memory(ctx, function);
    if (!status) status = kdst__dataset_new_source(function, source, NULL, labels, c->count, dtype, shape, out);
    if (!status) kdst__handle_retain((*out)->names = names);
    kdst__handle_release(names);
    kdst__handle_release(labels);
    return status;
}
