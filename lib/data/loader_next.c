/* SPDX-License-Identifier: Apache-2.0 */
/* The next batch of a loader.
 *
 * It is taken from the thread that works ahead; without one, the context's threads fill it when it is asked for, in pieces of a
 * fixed number of images. Images that only the calling thread may get are got by it alone.
 */
#include "data/loader.h"

#include "core/threads.h"

#include <string.h>

enum { PIECE = 16 };

/* One batch that is handed out. */
typedef struct batch {
    kdst_tensor *images, *labels, *others; /* others: NULL where they are not asked for */
    double weight;
} batch;

typedef struct filling {
    const kdst__batches *batches;
    int64_t batch, size;
    void *images;
    int32_t *labels;
    _Atomic bool failed;
} filling;

static void fill_piece(void *arg, int64_t piece, int32_t worker)
{
    filling *f = arg;
    kdst__failure failure;
    int64_t begin = piece * PIECE, end = begin + PIECE < f->size ? begin + PIECE : f->size;
    if (kdst__batches_fill(f->batches, f->batch, begin, end, worker, f->images, f->labels, &failure)) f->failed = true;
}

/* After a failure among several threads the batch is filled once more by one, so that the first failure is told. */
static kdst_status fill_now(kdst_loader *l, const char *function, batch *b)
{
    const kdst_dataset *d = l->dataset;
    int64_t size = b->labels->shape[0];
    filling f = {&l->batches, l->position, size, kdst__tensor_data(b->images), kdst__tensor_data(b->labels), false};
    bool alone = d->source && !d->source->anywhere;
    kdst__failure failure = {0};
    kdst__batches_set_epoch(&l->batches, l->epoch);
    if (!alone)
        kdst__pool_run(kdst__compute_pool(kdst__tensor_compute(b->images)), (size + PIECE - 1) / PIECE, fill_piece, &f);
    l->busy = alone;
    if ((alone || f.failed) && kdst__batches_fill(&l->batches, l->position, 0, size, 0, f.images, f.labels, &failure)) {
        l->busy = false;
        return kdst__dataset_report(l->base.ctx, function, &failure);
    }
    l->busy = false;
    if (kdst__batches_mixes(&l->batches))
        b->weight = kdst__batches_mix(&l->batches, l->position, f.images, f.labels, kdst__tensor_data(b->others));
    return KDST_STATUS_OK;
}

/* A whole batch changes hands with its buffer, a smaller one is copied. */
static kdst_status take_prepared(kdst_loader *l, const char *function, batch *b)
{
    int64_t size = b->labels->shape[0];
    kdst__prepared *p = kdst__prefetch_wait(l->prefetch);
    if (p->failure.status) {
        kdst_status status = kdst__dataset_report(l->base.ctx, function, &p->failure);
        kdst__prefetch_retry(l->prefetch);
        return status;
    }
    memcpy(kdst__tensor_data(b->labels), p->labels, (size_t)size * sizeof *p->labels);
    if (kdst__batches_mixes(&l->batches))
        memcpy(kdst__tensor_data(b->others), p->labels + l->batches.size, (size_t)size * sizeof *p->labels);
    b->weight = p->weight;
    if (size == l->batches.size) {
        void *fresh = b->images->storage->data;
        b->images->storage->data = p->images;
        p->images = fresh;
    } else {
        memcpy(kdst__tensor_data(b->images), p->images, (size_t)size * l->batches.bytes_out);
    }
    kdst__prefetch_advance(l->prefetch);
    return KDST_STATUS_OK;
}

static kdst_status make(kdst_loader *l, const char *function, bool two, batch *b)
{
    kdst_context *ctx = l->base.ctx;
    kdst__extent e = l->batches.program.out;
    int64_t size = kdst__batches_get_size(&l->batches, l->position), steps = l->batches.steps;
    int64_t single[] = {size, e.c, e.h, e.w}, over_time[] = {size, steps, l->dataset->shape[0], e.h, e.w};
    if (l->batches.time_first) {
        over_time[0] = steps;
        over_time[1] = size;
    }
    kdst_status status =
        kdst__tensor_new(ctx, function, l->dtype, steps ? 5 : 4, steps ? over_time : single, false, &b->images);
    if (!status) status = kdst__tensor_new(ctx, function, KDST_DTYPE_INT32, 1, &size, false, &b->labels);
    if (!status && two) status = kdst__tensor_new(ctx, function, KDST_DTYPE_INT32, 1, &size, false, &b->others);
    if (!status) status = l->prefetch ? take_prepared(l, function, b) : fill_now(l, function, b);
    if (!status && two && !kdst__batches_mixes(&l->batches))
        memcpy(kdst__tensor_data(b->others), kdst__tensor_data(b->labels), (size_t)size * sizeof(int32_t));
    return status;
}

/* The batch, or nothing at the end of the epoch. */
static kdst_status next(kdst_loader *l, const char *function, bool two, batch *b)
{
    *b = (batch){.weight = 1};
    if (l->busy)
        return kdst__fail(
            l->base.ctx, KDST_STATUS_STATE, "%s: called by the function that gives the loader its images", function);
    if (l->position == l->batches.count) return KDST_STATUS_OK;
    kdst__handle_retain(l); /* a callback may drop the caller's last reference */
    kdst_status status = make(l, function, two, b);
    if (!status) l->position++;
    kdst__handle_release(l);
    if (!status) return status;
    kdst__handle_release(b->images);
    kdst__handle_release(b->labels);
    kdst__handle_release(b->others);
    return status;
}

kdst_status kdst_loader_next(kdst_loader *l, kdst_tensor **out_images, kdst_tensor **out_labels)
{
    batch b;
    if (out_images) *out_images = NULL;
    if (out_labels) *out_labels = NULL;
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = l->base.ctx;
    kdst__enter(ctx);
    if (!out_images || !out_labels)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_next: %s is NULL", out_images ? "out_labels" : "out_images");
    if (kdst__batches_mixes(&l->batches))
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "loader_next: the loader mixes images, which gives two labels: loader_next_mixed");
    kdst_status status = next(l, "loader_next", false, &b);
    if (status) return status;
    *out_images = b.images;
    *out_labels = b.labels;
    return KDST_STATUS_OK;
}

kdst_status kdst_loader_next_mixed(
    kdst_loader *l, kdst_tensor **out_images, kdst_tensor **out_labels, kdst_tensor **out_others, double *out_weight)
{
    batch b;
    if (out_images) *out_images = NULL;
    if (out_labels) *out_labels = NULL;
    if (out_others) *out_others = NULL;
    if (out_weight) *out_weight = 1;
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = l->base.ctx;
    kdst__enter(ctx);
    if (!out_images || !out_labels || !out_others || !out_weight)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_next_mixed: %s is NULL",
            !out_images       ? "out_images"
                : !out_labels ? "out_labels"
                : !out_others ? "out_others"
                              : "out_weight");
    kdst_status status = next(l, "loader_next_mixed", true, &b);
    if (status) return status;
    *out_images = b.images;
    *out_labels = b.labels;
    *out_others = b.others;
    *out_weight = b.weight;
    return KDST_STATUS_OK;
}
