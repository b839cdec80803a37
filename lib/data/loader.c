/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders: a position in an epoch, and the batch that stands there.
 *
 * What a batch holds is in batches.c, what happens to an image in augment.c, the thread that works ahead in prefetch.c.
 * Without one, the context's threads fill a batch when it is asked for, in pieces of a fixed number of images.
 */
#include "data/prefetch.h"

#include "core/options.h"

#include <kdst/loader.h>

#include <string.h>

enum { PIECE = 16 };

typedef struct config {
    int64_t shuffle, seed, drop_last, crop_padding, flip, prefetch;
    int64_t mean_count, deviation_count;
    double mean[KDST__MAX_LIST], deviation[KDST__MAX_LIST];
    int32_t dtype;
} config;

static const kdst__option options_table[] = {
    KDST__INT(config, shuffle, 0, 0, 1, "1: another order in each epoch"),
    KDST__INT(config, seed, 0, 0, INFINITY, "seed of order and augmentation"),
    KDST__INT(config, drop_last, 0, 0, 1, "1: leave a smaller last batch out"),
    KDST__INT(config, crop_padding, 0, 0, 1024, "crop from the image padded with so many black pixels on each side"),
    KDST__INT(config, flip, 0, 0, 1, "1: mirror left and right with probability 1/2"),
    KDST__FLOATS_UPTO(
        config, mean, KDST__MAX_LIST, -INFINITY, INFINITY, "subtracted, one per channel or one for all; none: 0"),
    /* as KDST__FLOATS_UPTO, but 0 excluded */
    {"deviation", KDST_OPTION_FLOATS, 0, 0, INFINITY, 1, "", "", -KDST__MAX_LIST, offsetof(config, deviation),
     offsetof(config, deviation_count), "divided by, one per channel or one for all; none: 1"},
    KDST__INT(config, prefetch, 2, 0, 64, "batches prepared ahead by a thread; 0: none, and no thread"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "element type of the batches"),
};
const kdst__schema kdst__schema_loader = {"loader", options_table, KDST__COUNT(options_table), NULL, 0};

struct kdst_loader {
    kdst__handle base;
    kdst_dataset *dataset;
    kdst__batches batches;
    kdst__prefetch *prefetch; /* NULL: none */
    kdst_dtype dtype;
    int64_t epoch, position;
};

static void destroy(void *object)
{
    kdst_loader *l = object;
    kdst__memory *memory = kdst__context_memory(l->base.ctx);
    kdst__prefetch_destroy(l->prefetch);
    kdst__free(memory, l->batches.order, (size_t)l->batches.samples * sizeof(int64_t));
    kdst__augment_destroy(memory, &l->batches.augment);
    kdst__handle_release(l->dataset);
}

static const kdst__class class = {"loader", destroy};

/* ---- making ---- */

static kdst_status check_count(kdst_context *ctx, const char *name, int64_t count, int64_t channels)
{
    if (count <= 1 || count == channels) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT,
        "loader_create: %s has %lld values, expected is 1 or one for each of %lld channels", name, (long long)count,
        (long long)channels);
}

static kdst_status check(const kdst_dataset *d, int64_t batch, const config *c)
{
    kdst_context *ctx = d->base.ctx;
    int64_t channels = d->images->shape[1];
    if (batch < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_create: batch is %lld, allowed is 1 or more", (long long)batch);
    if (c->drop_last && batch > d->count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "loader_create: batch is %lld, %lld samples make no whole one for drop_last", (long long)batch,
            (long long)d->count);
    kdst_status status = check_count(ctx, "mean", c->mean_count, channels);
    return status ? status : check_count(ctx, "deviation", c->deviation_count, channels);
}

static kdst__augment augment_settings(const kdst_dataset *d, const config *c)
{
    const kdst_tensor *x = d->images;
    return (kdst__augment){
        .channels = x->shape[1],
        .height = x->shape[2],
        .width = x->shape[3],
        .padding = c->crop_padding,
        .flip = c->flip == 1,
        .bytes = x->dtype == KDST_DTYPE_UINT8,
        .wide_in = x->dtype == KDST_DTYPE_FLOAT64,
        .wide_out = c->dtype == 1,
    };
}

/* Everything of `l` that takes memory. */
static bool set_up(kdst_loader *l, int64_t batch, const config *c)
{
    kdst_dataset *d = l->dataset;
    kdst__memory *memory = kdst__context_memory(l->base.ctx);
    kdst__batches *b = &l->batches;
    size_t pixels = (size_t)(kdst__tensor_count(d->images) / d->count);
    b->images = kdst__tensor_data(d->images);
    b->labels = kdst__tensor_data(d->labels);
    b->samples = d->count;
    b->size = batch < d->count ? batch : d->count;
    b->count = c->drop_last ? d->count / b->size : (d->count - 1) / b->size + 1;
    b->bytes_in = pixels * (size_t)kdst_dtype_get_size(d->images->dtype);
    b->bytes_out = pixels * (size_t)kdst_dtype_get_size(l->dtype);
    b->seed = (uint64_t)c->seed;
    b->epoch = -1;
    if (!kdst__augment_create(
            memory, augment_settings(d, c), c->mean, c->mean_count, c->deviation, c->deviation_count, &b->augment))
        return false;
    if (c->shuffle && !(b->order = kdst__alloc(memory, (size_t)d->count * sizeof(int64_t)))) return false;
    int64_t depth = c->prefetch < b->count ? c->prefetch : b->count;
    return !depth || !kdst__prefetch_create(memory, b, depth, &l->prefetch);
}

kdst_status kdst_loader_create(kdst_dataset *d, int64_t batch, const kdst_options *options, kdst_loader **out)
{
    config c;
    if (out) *out = NULL;
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "loader_create", &kdst__schema_loader, options, &c);
    if (!status) status = check(d, batch, &c);
    if (status) return status;
    kdst_loader *l = kdst__handle_create(ctx, &class, sizeof *l);
    if (!l) return kdst__fail_memory(ctx, "loader_create");
    kdst__handle_retain(l->dataset = d);
    l->dtype = c.dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    if (!set_up(l, batch, &c)) {
        kdst__handle_release(l);
        return kdst__fail(ctx, KDST_STATUS_OUT_OF_MEMORY, "loader_create: out of memory or threads");
    }
    *out = l;
    return KDST_STATUS_OK;
}

void kdst_loader_retain(kdst_loader *loader)
{
    kdst__handle_retain(loader);
}

void kdst_loader_release(kdst_loader *loader)
{
    kdst__handle_release(loader);
}

/* ---- batches ---- */

typedef struct filling {
    const kdst__batches *batches;
    int64_t batch, size;
    void *images;
    int32_t *labels;
} filling;

static void fill_piece(void *arg, int64_t piece, int32_t worker)
{
    const filling *f = arg;
    int64_t end = (piece + 1) * PIECE;
    (void)worker;
    kdst__batches_fill(f->batches, f->batch, piece * PIECE, end < f->size ? end : f->size, f->images, f->labels);
}

static void fill_now(kdst_loader *l, kdst_tensor *images, kdst_tensor *labels)
{
    int64_t size = labels->shape[0];
    filling f = {&l->batches, l->position, size, kdst__tensor_data(images), kdst__tensor_data(labels)};
    kdst__batches_set_epoch(&l->batches, l->epoch);
    kdst__pool_run(kdst__compute_pool(kdst__tensor_compute(images)), (size + PIECE - 1) / PIECE, fill_piece, &f);
}

/* A whole batch changes hands with its buffer, a smaller one is copied. */
static void take_prepared(kdst_loader *l, kdst_tensor *images, kdst_tensor *labels)
{
    void **buffer;
    int32_t *numbers;
    int64_t size = labels->shape[0];
    kdst__prefetch_wait(l->prefetch, &buffer, &numbers);
    memcpy(kdst__tensor_data(labels), numbers, (size_t)size * sizeof *numbers);
    if (size == l->batches.size) {
        void *fresh = images->storage->data;
        images->storage->data = *buffer;
        *buffer = fresh;
    } else {
        memcpy(kdst__tensor_data(images), *buffer, (size_t)size * l->batches.bytes_out);
    }
    kdst__prefetch_advance(l->prefetch);
}

kdst_status kdst_loader_next(kdst_loader *l, kdst_tensor **out_images, kdst_tensor **out_labels)
{
    kdst_tensor *images = NULL, *labels = NULL;
    if (out_images) *out_images = NULL;
    if (out_labels) *out_labels = NULL;
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = l->base.ctx;
    kdst__enter(ctx);
    if (!out_images || !out_labels)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_next: %s is NULL", out_images ? "out_labels" : "out_images");
    if (l->position == l->batches.count) return KDST_STATUS_OK;
    const int64_t *image = l->dataset->images->shape;
    int64_t shape[] = {kdst__batches_get_size(&l->batches, l->position), image[1], image[2], image[3]};
    kdst_status status = kdst__tensor_new(ctx, "loader_next", l->dtype, 4, shape, false, &images);
    if (!status) status = kdst__tensor_new(ctx, "loader_next", KDST_DTYPE_INT32, 1, shape, false, &labels);
    if (status) {
        kdst__handle_release(images);
        return status;
    }
    if (l->prefetch)
        take_prepared(l, images, labels);
    else
        fill_now(l, images, labels);
    l->position++;
    *out_images = images;
    *out_labels = labels;
    return KDST_STATUS_OK;
}

/* ---- position ---- */

static void move(kdst_loader *l, int64_t epoch, int64_t position)
{
    l->epoch = epoch;
    l->position = position;
    if (l->prefetch) kdst__prefetch_seek(l->prefetch, epoch, position);
}

kdst_status kdst_loader_set_epoch(kdst_loader *l, int64_t epoch)
{
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(l->base.ctx);
    if (epoch < 0)
        return kdst__fail(
            l->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_set_epoch: epoch is %lld, allowed is 0 or more",
            (long long)epoch);
    move(l, epoch, 0);
    return KDST_STATUS_OK;
}

kdst_status kdst_loader_set_position(kdst_loader *l, int64_t batch)
{
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(l->base.ctx);
    if (batch < 0 || batch > l->batches.count)
        return kdst__fail(
            l->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_set_position: batch is %lld, allowed is 0 to %lld",
            (long long)batch, (long long)l->batches.count);
    move(l, l->epoch, batch);
    return KDST_STATUS_OK;
}

int64_t kdst_loader_get_epoch(const kdst_loader *loader)
{
    return loader ? loader->epoch : 0;
}

int64_t kdst_loader_get_position(const kdst_loader *loader)
{
    return loader ? loader->position : 0;
}

int64_t kdst_loader_get_batches(const kdst_loader *loader)
{
    return loader ? loader->batches.count : 0;
}

kdst_dataset *kdst_loader_get_dataset(const kdst_loader *loader)
{
    return loader ? loader->dataset : NULL;
}
