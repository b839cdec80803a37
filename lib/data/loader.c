/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders: how they are made, and a position in an epoch.
 *
 * What a batch holds is in batches.c, which samples in sampler.c, what happens to an image in program.c, mixing in
 * mixing.c, the thread that works ahead in prefetch.c. loader_next.c gives the batches.
 */
#include "data/loader.h"

#include "core/options.h"
#include "core/threads.h"
#include "data/augmentation.h"

#include <math.h>
#include <string.h>

typedef struct config {
    int64_t shuffle, seed, drop_last, crop_padding, flip, prefetch;
    int64_t mean_count, deviation_count;
    double mean[KDST__MAX_LIST], deviation[KDST__MAX_LIST];
    double mixup, cutmix;
    int64_t steps;
    double rate, threshold, tau;
    int32_t dtype, sampler, encoding, latency, time;
} config;

static const kdst__option options_table[] = {
    KDST__INT(config, shuffle, 0, 0, 1, "1: another order in each epoch"),
    KDST__CHOICE(
        config, sampler, "auto", "auto|sequential|shuffle|balanced",
        "samples of an epoch; auto: as shuffle says; balanced: each class equally often"),
    KDST__INT(config, seed, 0, 0, INFINITY, "seed of order and augmentation"),
    KDST__INT(config, drop_last, 0, 0, 1, "1: leave a smaller last batch out"),
    KDST__INT(config, crop_padding, 0, 0, 1024, "crop from the image padded with so many black pixels on each side"),
    KDST__INT(config, flip, 0, 0, 1, "1: mirror left and right with probability 1/2"),
    KDST__FLOATS_UPTO(
        config, mean, KDST__MAX_LIST, -INFINITY, INFINITY, "subtracted, one per channel or one for all; none: 0"),
    /* as KDST__FLOATS_UPTO, but 0 excluded */
    {"deviation", KDST_OPTION_FLOATS, 0, 0, INFINITY, 1, "", "", -KDST__MAX_LIST, offsetof(config, deviation),
     offsetof(config, deviation_count), "divided by, one per channel or one for all; none: 1"},
    KDST__FLOAT(config, mixup, 0, 0, 1000, "parameter of mixup's beta distribution; 0: none"),
    KDST__FLOAT(config, cutmix, 0, 0, 1000, "parameter of cutmix's beta distribution; 0: none"),
    KDST__INT(config, prefetch, 2, 0, 64, "batches prepared ahead by a thread; 0: none, and no thread"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "element type of the batches"),
    KDST__CHOICE(
        config, encoding, "none", "none|static|poisson|latency", "images become input over time (kdst/encoding.h)"),
    KDST__INT(config, steps, 5, 1, 1000000, "T of an encoding"),
    KDST__FLOAT(config, rate, 1, 0, 1, "of poisson: spikes a step where a pixel is 1"),
    KDST__CHOICE(config, latency, "linear", "linear|logarithmic", "rule of latency"),
    KDST__FLOAT_BELOW(config, threshold, 0.01, 0, 1, "of latency: what is not above it never fires"),
    KDST__FLOAT(
        config, tau, 0, 0, INFINITY, "of latency, logarithmic: time constant in steps; 0: so that the steps are used"),
    KDST__CHOICE(config, time, "first", "first|second", "axis of time, before or behind that of the batch"),
};
const kdst__schema kdst__schema_loader = {"loader", options_table, KDST__COUNT(options_table), NULL, 0};

static void destroy(void *object)
{
    kdst_loader *l = object;
    kdst__memory *memory = kdst__context_memory(l->base.ctx);
    kdst__prefetch_destroy(l->prefetch);
    kdst__batches_destroy(memory, &l->batches);
    kdst__handle_release(l->dataset);
}

static const kdst__class class = {"loader", destroy};

/* ---- making ---- */

/* What a loader is made of. */
typedef struct parts {
    const char *function;
    kdst_dataset *dataset;
    kdst_augmentation *augmentation; /* nullable */
    const double *weights;           /* [N], nullable */
    int64_t batch;
} parts;

static kdst_status check(const parts *p, const config *c)
{
    kdst_context *ctx = p->dataset->base.ctx;
    if (p->batch < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: batch is %lld, allowed is 1 or more", p->function,
            (long long)p->batch);
    if (c->drop_last && p->batch > p->dataset->count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: batch is %lld, %lld samples make no whole one for drop_last",
            p->function, (long long)p->batch, (long long)p->dataset->count);
    if (c->encoding && p->dataset->steps)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "%s: an encoding is for single images, the data set has %lld steps a sample", p->function,
            (long long)p->dataset->steps);
    if ((c->mixup > 0 || c->cutmix > 0) && (c->encoding || (p->dataset->steps && !c->time)))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "%s: mixup and cutmix are for single images and for sequences with time second", p->function);
    if (p->weights && c->sampler)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: sampler is given beside weights, which are a sampler", p->function);
    return KDST_STATUS_OK;
}

/* The options' crop and mirror, the augmentation, the options' normalisation. */
static int64_t list_steps(const parts *p, const config *c, kdst__step *out)
{
    int64_t count = 0;
    if (c->crop_padding) out[count++] = (kdst__step){.kind = KDST__STEP_CROP, .padding = c->crop_padding};
    if (c->flip) out[count++] = (kdst__step){.kind = KDST__STEP_FLIP, .probability = 0.5};
    for (int64_t i = 0; p->augmentation && i < p->augmentation->count; i++)
        out[count++] = p->augmentation->steps[i];
    if (!c->mean_count && !c->deviation_count) return count;
    kdst__step *s = &out[count++];
    *s = (kdst__step){.kind = KDST__STEP_NORMALIZE, .mean_count = c->mean_count, .deviation_count = c->deviation_count};
    memcpy(s->mean, c->mean, sizeof s->mean);
    memcpy(s->deviation, c->deviation, sizeof s->deviation);
    return count;
}

static kdst_status make_program(kdst_loader *l, const parts *p, const config *c)
{
    const kdst_dataset *d = l->dataset;
    kdst_context *ctx = l->base.ctx;
    kdst__pixels pixels = {
        {kdst__dataset_frames(d) * d->shape[0], d->shape[1], d->shape[2]}, d->dtype, l->dtype, d->shape[0], d->unit};
    size_t bytes = (size_t)(3 + (p->augmentation ? p->augmentation->count : 0)) * sizeof(kdst__step);
    kdst__step *steps = kdst__alloc(kdst__context_memory(ctx), bytes);
    if (!steps) return kdst__fail_memory(ctx, p->function);
    kdst_status status =
        kdst__program_create(ctx, p->function, pixels, steps, list_steps(p, c, steps), &l->batches.program);
    kdst__free(kdst__context_memory(ctx), steps, bytes);
    return status;
}

static int32_t sampler_of(const parts *p, const config *c)
{
    if (p->weights) return KDST__SAMPLER_WEIGHTED;
    if (c->sampler) return c->sampler - 1;
    return c->shuffle ? KDST__SAMPLER_SHUFFLE : KDST__SAMPLER_SEQUENTIAL;
}

/* How samples lie in time. */
static kdst_status set_up_time(kdst_loader *l, const parts *p, const config *c)
{
    kdst__batches *b = &l->batches;
    b->encode = (kdst__encode){c->encoding, c->latency, c->steps, c->rate, c->threshold, c->tau};
    b->steps = c->encoding ? c->steps : l->dataset->steps;
    b->time_first = !c->time;
    return kdst__encode_set_up(l->base.ctx, p->function, &b->encode);
}

/* Everything of `l` that takes memory but the program. */
static kdst_status set_up(kdst_loader *l, const parts *p, const config *c)
{
    kdst_dataset *d = l->dataset;
    kdst__memory *memory = kdst__context_memory(l->base.ctx);
    kdst__batches *b = &l->batches;
    kdst__extent e = b->program.out;
    bool anywhere = !d->source || d->source->anywhere;
    b->dataset = d;
    b->labels = kdst__tensor_data(d->labels);
    b->samples = d->count;
    b->size = p->batch < d->count ? p->batch : d->count;
    b->count = c->drop_last ? d->count / b->size : (d->count - 1) / b->size + 1;
    b->bytes_in = kdst__dataset_image_bytes(d);
    size_t made = (size_t)(e.c * e.h * e.w * kdst_dtype_get_size(l->dtype));
    if (kdst__mul_overflows(made, (size_t)(b->encode.kind ? b->steps : 1), &b->bytes_out))
        return KDST_STATUS_OUT_OF_MEMORY;
    b->seed = (uint64_t)c->seed;
    b->epoch = -1;
    b->mixup = c->mixup;
    b->cutmix = c->cutmix;
    if (!kdst__sampler_create(memory, sampler_of(p, c), d->count, b->labels, p->weights, &b->sampler))
        return KDST_STATUS_OUT_OF_MEMORY;
    int64_t depth = !anywhere ? 0 : c->prefetch < b->count ? c->prefetch : b->count;
    int64_t workers = depth || !anywhere ? 1 : kdst__pool_threads(kdst__compute_pool(kdst__tensor_compute(d->labels)));
    if (!kdst__batches_create(memory, b, workers)) return KDST_STATUS_OUT_OF_MEMORY;
    return depth ? kdst__prefetch_create(memory, b, depth, &l->prefetch) : KDST_STATUS_OK;
}

static kdst_status make(const parts *p, const kdst_options *options, kdst_loader **out)
{
    config c;
    kdst_context *ctx = p->dataset->base.ctx;
    kdst_status status = kdst__options_parse(ctx, p->function, &kdst__schema_loader, options, &c);
    if (!status) status = check(p, &c);
    if (status) return status;
    kdst_loader *l = kdst__handle_create(ctx, &class, sizeof *l);
    if (!l) return kdst__fail_memory(ctx, p->function);
    kdst__handle_retain(l->dataset = p->dataset);
    l->dtype = c.dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    status = set_up_time(l, p, &c);
    if (!status) status = make_program(l, p, &c);
    if (!status) {
        status = set_up(l, p, &c);
        if (status == KDST_STATUS_IO)
            status = kdst__fail(
                ctx, KDST_STATUS_OUT_OF_MEMORY,
                "%s: the system refuses a thread for prefetch %lld; prefetch 0 needs none", p->function,
                (long long)c.prefetch);
        else if (status)
            status = kdst__fail_memory(ctx, p->function);
    }
    if (status)
        kdst__handle_release(l);
    else
        *out = l;
    return status;
}

kdst_status kdst_loader_create(kdst_dataset *d, int64_t batch, const kdst_options *options, kdst_loader **out)
{
    if (out) *out = NULL;
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(d->base.ctx);
    if (!out) return kdst__fail(d->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_create: out is NULL");
    return make(&(parts){"loader_create", d, NULL, NULL, batch}, options, out);
}

/* ---- with an augmentation and weights ---- */

static kdst_status check_weights(const char *function, const kdst_dataset *d, const kdst_tensor *w)
{
    kdst_context *ctx = d->base.ctx;
    char text[KDST__SHAPE_TEXT];
    if (w->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: weights belong to another context", function);
    if (w->dtype != KDST_DTYPE_FLOAT64)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: weights are %s, expected float64", function, kdst_dtype_get_name(w->dtype));
    if (w->rank != 1 || w->shape[0] != d->count)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: weights are %s, expected [%lld]", function,
            kdst__shape_text(w->rank, w->shape, text), (long long)d->count);
    const double *x = kdst__tensor_data(w);
    double sum = 0;
    for (int64_t i = 0; i < d->count; i++) {
        if (!(x[i * w->stride[0]] >= 0 && isfinite(x[i * w->stride[0]])))
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: weight %lld is %g, allowed is [0, inf)", function, (long long)i,
                x[i * w->stride[0]]);
        sum += x[i * w->stride[0]];
    }
    if (sum > 0 && isfinite(sum)) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the weights add up to %g, allowed is (0, inf)", function, sum);
}

kdst_status kdst_loader_create_with(
    kdst_dataset *d, int64_t batch, kdst_augmentation *augmentation, kdst_tensor *weights, const kdst_options *options,
    kdst_loader **out)
{
    static const char function[] = "loader_create_with";
    kdst_tensor *w = NULL;
    if (out) *out = NULL;
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    if (augmentation && augmentation->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: augmentation belongs to another context", function);
    kdst_status status = weights ? check_weights(function, d, weights) : KDST_STATUS_OK;
    if (!status && weights) status = kdst__tensor_to_contiguous(function, weights, &w);
    if (!status)
        status = make(&(parts){function, d, augmentation, w ? kdst__tensor_data(w) : NULL, batch}, options, out);
    kdst__handle_release(w);
    return status;
}

void kdst_loader_retain(kdst_loader *loader)
{
    kdst__handle_retain(loader);
}

void kdst_loader_release(kdst_loader *loader)
{
    kdst__handle_release(loader);
}

/* ---- position ---- */

static void move(kdst_loader *l, int64_t epoch, int64_t position)
{
    l->epoch = epoch;
    l->position = position;
    if (l->prefetch) kdst__prefetch_seek(l->prefetch, epoch, position);
}

static kdst_status fail_busy(kdst_loader *l, const char *function)
{
    return kdst__fail(
        l->base.ctx, KDST_STATUS_STATE, "%s: called by the function that gives the loader its images", function);
}

kdst_status kdst_loader_set_epoch(kdst_loader *l, int64_t epoch)
{
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(l->base.ctx);
    if (l->busy) return fail_busy(l, "loader_set_epoch");
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
    if (l->busy) return fail_busy(l, "loader_set_position");
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

int32_t kdst_loader_get_mixes(const kdst_loader *loader)
{
    return loader && kdst__batches_mixes(&loader->batches);
}

kdst_status kdst_loader_get_shape(kdst_loader *l, int64_t *out)
{
    if (!l) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(l->base.ctx);
    if (!out) return kdst__fail(l->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "loader_get_shape: out is NULL");
    kdst__extent e = l->batches.program.out;
    out[0] = l->dataset->shape[0];
    out[1] = e.h;
    out[2] = e.w;
    return KDST_STATUS_OK;
}
