/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of images by class: <folder>/<class>/<image>.
 *
 * Only names are read at first; an image is read and decoded when it is asked for, on whatever thread asks. With a cache its
 * pixels stay: a sample's state goes from EMPTY to BUSY to READY, and who finds it BUSY decodes for itself.
 */
#include "data/classes.h"

#include "core/options.h"
#include "data/resize.h"
#include "io/text.h"

#include <stdatomic.h>
#include <string.h>

typedef struct config {
    int64_t image_size, channels, cache;
} config;

static const kdst__option options_table[] = {
    KDST__INT(
        config, image_size, 0, 0, 4096, "the shorter side becomes so long, the middle is kept; 0: all have one size"),
    KDST__INT(config, channels, 3, 1, 3, "1 grey, 3 colours"),
    KDST__INT(config, cache, 0, 0, 1, "1: decoded images stay in memory"),
};
const kdst__schema kdst__schema_dataset_folder = {"dataset.folder", options_table, KDST__COUNT(options_table), NULL, 0};

static const char function[] = "dataset_load_folder";

enum { EMPTY, BUSY, READY };

/* A kind of images. */
typedef struct folder {
    kdst__images images;
    kdst__listing files; /* paths */
    int64_t size;        /* option image_size */
    int64_t shape[3];    /* 0: not known yet */
    uint8_t *cache;      /* [files, shape], or NULL */
    _Atomic uint8_t *states;
    size_t cache_bytes;
} folder;

static void destroy(void *object)
{
    folder *f = object;
    kdst__memory *memory = kdst__context_memory(f->images.base.ctx);
    kdst__free(memory, f->cache, f->cache_bytes);
    kdst__free(memory, f->states, (size_t)f->files.count);
    kdst__listing_destroy(memory, &f->files);
}

static const kdst__class class = {"folder of images", destroy};

/* ---- one image ---- */

static size_t image_bytes(const folder *f)
{
    return (size_t)(f->shape[0] * f->shape[1] * f->shape[2]);
}

static kdst_status
put(folder *f, kdst__memory *memory, const char *path, const kdst__image *image, uint8_t *out, kdst__failure *failure)
{
    if (f->size && kdst__resize(memory, image, f->size, out)) return KDST_STATUS_OK;
    if (f->size) return kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    char shown[KDST__SHOWN_TEXT];
    if (image->height != f->shape[1] || image->width != f->shape[2])
        return kdst__failure_set(
            failure, KDST_STATUS_SHAPE, "%s: has %lld x %lld pixels, the first image %lld x %lld; option image_size",
            kdst__text_shown(path, shown), (long long)image->height, (long long)image->width, (long long)f->shape[1],
            (long long)f->shape[2]);
    kdst__resize_planes(image, out);
    return KDST_STATUS_OK;
}

static kdst_status decode(folder *f, int64_t sample, uint8_t *out, kdst__failure *failure)
{
    kdst__memory *memory = kdst__context_memory(f->images.base.ctx);
    kdst__image image;
    const char *path = f->files.names[sample];
    kdst_status status = kdst__image_read(memory, path, f->shape[0], &image, failure);
    if (status) return status;
    status = put(f, memory, path, &image, out, failure);
    kdst__image_destroy(memory, &image);
    return status;
}

static kdst_status fetch(kdst__images *images, int64_t sample, void *pixels, kdst__failure *failure)
{
    folder *f = (folder *)images;
    size_t bytes = image_bytes(f);
    uint8_t found = EMPTY;
    if (!f->cache) return decode(f, sample, pixels, failure);
    uint8_t *own = f->cache + (size_t)sample * bytes;
    if (!atomic_compare_exchange_strong_explicit(
            &f->states[sample], &found, BUSY, memory_order_acquire, memory_order_acquire)) {
        if (found == BUSY) return decode(f, sample, pixels, failure);
        memcpy(pixels, own, bytes);
        return KDST_STATUS_OK;
    }
    kdst_status status = decode(f, sample, own, failure);
    if (!status) memcpy(pixels, own, bytes);
    atomic_store_explicit(&f->states[sample], status ? EMPTY : READY, memory_order_release);
    return status;
}

/* ---- the folder ---- */

/* The first image decides the shape when no size is given. */
static kdst_status set_up(folder *f, const config *c, kdst__failure *failure)
{
    kdst__memory *memory = kdst__context_memory(f->images.base.ctx);
    kdst__image first;
    f->size = f->shape[1] = f->shape[2] = c->image_size;
    f->shape[0] = c->channels;
    if (!c->image_size) {
        kdst_status status = kdst__image_read(memory, f->files.names[0], c->channels, &first, failure);
        if (status) return status;
        f->shape[1] = first.height;
        f->shape[2] = first.width;
        kdst__image_destroy(memory, &first);
    }
    if (!c->cache) return KDST_STATUS_OK;
    f->states = kdst__alloc_zero(memory, (size_t)f->files.count);
    if (f->states && !kdst__mul_overflows((size_t)f->files.count, image_bytes(f), &f->cache_bytes))
        f->cache = kdst__alloc(memory, f->cache_bytes);
    return f->cache ? KDST_STATUS_OK : kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
}

static kdst_status make(kdst_context *ctx, kdst__classes *classes, const config *c, kdst_dataset **out)
{
    kdst__failure failure = {0};
    folder *f = kdst__handle_create(ctx, &class, sizeof *f);
    if (!f) return kdst__fail_memory(ctx, function);
    f->images.fetch = fetch;
    f->images.anywhere = true;
    f->files = classes->files;
    classes->files = (kdst__listing){0};
    kdst_status status = set_up(f, c, &failure);
    if (status)
        kdst__dataset_report(ctx, function, &failure);
    else
        status = kdst__classes_make(function, classes, &f->images, KDST_DTYPE_UINT8, f->shape, out);
    kdst__handle_release(f);
    return status;
}

kdst_status
kdst_dataset_load_folder(kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out)
{
    static const char *const ends_in[] = {".png", ".jpg", ".jpeg", NULL};
    config c;
    kdst__failure failure = {0};
    kdst__classes classes;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!path || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, path ? "out" : "path");
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_dataset_folder, options, &c);
    if (status) return status;
    if (c.channels == 2)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: channels is 2, allowed is 1 or 3", function);
    status = kdst__classes_read(kdst__context_memory(ctx), path, ends_in, "image", &classes, &failure);
    if (status)
        kdst__dataset_report(ctx, function, &failure);
    else
        status = make(ctx, &classes, &c, out);
    kdst__classes_destroy(kdst__context_memory(ctx), &classes);
    return status;
}
