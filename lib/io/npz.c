/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of npz files: members of a zip archive (zip.h) that are npy files (npy.c). */
#include "io/npy_header.h"
#include "io/text.h"
#include "io/zip.h"

#include <kdst/npz.h>

#include <string.h>

struct kdst_npz {
    kdst__handle base;
    char *path;
    size_t path_bytes;
    kdst__zip zip;
};

static void destroy(void *object)
{
    kdst_npz *npz = object;
    kdst__memory *memory = kdst__context_memory(npz->base.ctx);
    kdst__zip_destroy(memory, &npz->zip);
    kdst__free(memory, npz->path, npz->path_bytes);
}

static const kdst__class class = {"npz", destroy};

/* Length of a name without ".npy". */
static size_t stem_of(const char *name)
{
    size_t bytes = strlen(name);
    return bytes > 4 && !strcmp(name + bytes - 4, ".npy") ? bytes - 4 : bytes;
}

kdst_status kdst_npz_open(kdst_context *ctx, const char *path, kdst_npz **out)
{
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!path || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "npz_open: %s is NULL", path ? "out" : "path");
    kdst_npz *npz = kdst__handle_create(ctx, &class, sizeof *npz);
    if (!npz) return kdst__fail_memory(ctx, "npz_open");
    npz->path_bytes = strlen(path) + 1;
    npz->path = kdst__alloc(kdst__context_memory(ctx), npz->path_bytes);
    if (npz->path) memcpy(npz->path, path, npz->path_bytes);
    kdst_status status =
        npz->path ? kdst__zip_read(ctx, "npz_open", npz->path, &npz->zip) : kdst__fail_memory(ctx, "npz_open");
    if (status) {
        kdst__handle_release(npz);
        return status;
    }
    for (int64_t i = 0; i < npz->zip.count; i++) {
        char *name = (char *)(uintptr_t)npz->zip.members[i].name; /* in `names`, which is ours */
        name[stem_of(name)] = '\0';
    }
    *out = npz;
    return KDST_STATUS_OK;
}

void kdst_npz_retain(kdst_npz *npz)
{
    kdst__handle_retain(npz);
}

void kdst_npz_release(kdst_npz *npz)
{
    kdst__handle_release(npz);
}

int64_t kdst_npz_get_count(const kdst_npz *npz)
{
    return npz ? npz->zip.count : 0;
}

const char *kdst_npz_get_name(const kdst_npz *npz, int64_t member)
{
    return npz && member >= 0 && member < npz->zip.count ? npz->zip.members[member].name : NULL;
}

/* The last member of that name, or -1. */
static int64_t find(const kdst_npz *npz, const char *name)
{
    size_t bytes = stem_of(name);
    for (int64_t i = npz->zip.count; i-- > 0;) {
        const char *have = npz->zip.members[i].name;
        if (strlen(have) == bytes && !memcmp(have, name, bytes)) return i;
    }
    return -1;
}

kdst_status kdst_npz_load(kdst_npz *npz, const char *name, const kdst_options *options, kdst_tensor **out)
{
    char shown[KDST__SHOWN_TEXT], where[KDST__SHOWN_TEXT];
    kdst__source *source = NULL;
    kdst_tensor *tensor = NULL;
    kdst__part part;
    kdst_dtype dtype;
    if (out) *out = NULL;
    if (!npz) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = npz->base.ctx;
    kdst__enter(ctx);
    if (!name || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "npz_load: %s is NULL", name ? "out" : "name");
    kdst_status status = kdst__npy_parse(ctx, "npz_load", options, &dtype);
    if (status) return status;
    int64_t member = find(npz, name);
    if (member < 0)
        return kdst__fail(
            ctx, KDST_STATUS_NOT_FOUND, "npz_load: %s: no member \"%s\" among %lld", kdst__text_shown(npz->path, where),
            kdst__text_shown(name, shown), (long long)npz->zip.count);
    status = kdst__zip_find(ctx, "npz_load", npz->path, &npz->zip, member, &part);
    if (!status) status = kdst__source_open_part(ctx, "npz_load", npz->path, &part, &source);
    if (!status) status = kdst__npy_read_tensor(ctx, "npz_load", source, dtype, &tensor);
    kdst__source_close(source);
    if (status)
        kdst__handle_release(tensor);
    else
        *out = tensor;
    return status;
}
