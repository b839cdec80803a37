/* SPDX-License-Identifier: Apache-2.0 */
/* From a list of steps to what runs on every image (see program.h). */
#include "data/program.h"

#include <string.h>

/* Where the first pass ends: at most one crop to the same size, one mirror, one normalisation. */
typedef struct leading {
    const kdst__step *crop, *flip, *normalize;
    int64_t count;
} leading;

static leading find_leading(kdst__extent e, const kdst__step *steps, int64_t count)
{
    leading l = {0};
    const kdst__step *s = steps, *end = steps + count;
    bool same = s < end && (!s->height || s->height == e.h) && (!s->width || s->width == e.w);
    if (s < end && s->kind == KDST__STEP_CROP && same) l.crop = s++;
    if (s < end && s->kind == KDST__STEP_FLIP && !s->axis) l.flip = s++;
    if (s < end && s->kind == KDST__STEP_NORMALIZE) l.normalize = s++;
    l.count = s - steps;
    return l;
}

static kdst_status
check_values(kdst_context *ctx, const char *function, const char *name, int64_t values, int64_t channels)
{
    if (values <= 1 || values == channels) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s has %lld values, expected is 1 or one for each of %lld channels",
        function, name, (long long)values, (long long)channels);
}

/* Follows the shapes; *largest are the elements of the largest image. */
static kdst_status check_steps(
    kdst_context *ctx, const char *function, int64_t period, kdst__extent *e, const kdst__step *steps, int64_t count,
    size_t *largest)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count && !status; i++) {
        kdst__extent to;
        size_t area;
        if (!kdst__step_extent(&steps[i], *e, &to))
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "%s: a crop to %lld x %lld of an image of %lld x %lld with padding %lld",
                function, (long long)to.h, (long long)to.w, (long long)e->h, (long long)e->w,
                (long long)steps[i].padding);
        if (steps[i].kind == KDST__STEP_NORMALIZE) {
            status = check_values(ctx, function, "mean", steps[i].mean_count, period);
            if (!status) status = check_values(ctx, function, "deviation", steps[i].deviation_count, period);
        }
        if (kdst__mul_overflows((size_t)to.h, (size_t)to.w, &area) || kdst__mul_overflows(area, (size_t)to.c, &area) ||
            area > SIZE_MAX / 64)
            return kdst__fail_memory(ctx, function);
        if (area > *largest) *largest = area;
        *e = to;
    }
    return status;
}

static bool set_up(kdst__memory *memory, kdst__pixels p, leading l, kdst__program *out)
{
    const kdst__step *n = l.normalize;
    kdst__augment settings = {
        .channels = p.extent.c,
        .height = p.extent.h,
        .width = p.extent.w,
        .period = p.period,
        .unit = p.unit,
        .bytes = p.in == KDST_DTYPE_UINT8,
        .wide_in = p.in == KDST_DTYPE_FLOAT64,
        .wide_out = out->wide_out || out->count};
    if (l.crop) settings.crop = *l.crop;
    if (l.flip) settings.flip = *l.flip;
    return kdst__augment_create(
        memory, settings, n ? n->mean : NULL, n ? n->mean_count : 0, n ? n->deviation : NULL,
        n ? n->deviation_count : 0, &out->first);
}

kdst_status kdst__program_create(
    kdst_context *ctx, const char *function, kdst__pixels pixels, const kdst__step *steps, int64_t count,
    kdst__program *out)
{
    kdst__memory *memory = kdst__context_memory(ctx);
    leading l = find_leading(pixels.extent, steps, count);
    kdst__program p = {.in = pixels.extent, .out = pixels.extent, .wide_out = pixels.out == KDST_DTYPE_FLOAT64};
    size_t largest = (size_t)(pixels.extent.c * pixels.extent.h * pixels.extent.w);
    *out = p;
    kdst_status status = check_steps(ctx, function, pixels.period, &p.out, steps, count, &largest);
    if (status) return status;
    p.count = count - l.count;
    if (p.count) {
        p.buffer = largest;
        p.scratch = 2 * largest * sizeof(double);
        p.steps = kdst__alloc(memory, (size_t)p.count * sizeof *p.steps);
        if (!p.steps) return kdst__fail_memory(ctx, function);
        memcpy(p.steps, steps + l.count, (size_t)p.count * sizeof *p.steps);
        for (int64_t i = 0; i < p.count; i++)
            p.steps[i].period = pixels.period;
    }
    bool made = set_up(memory, pixels, l, &p);
    *out = p;
    return made ? KDST_STATUS_OK : kdst__fail_memory(ctx, function);
}

void kdst__program_destroy(kdst__memory *memory, kdst__program *program)
{
    kdst__augment_destroy(memory, &program->first);
    kdst__free(memory, program->steps, (size_t)program->count * sizeof *program->steps);
}

static void put(const kdst__program *p, const double *from, void *out)
{
    int64_t n = p->out.c * p->out.h * p->out.w;
    if (p->wide_out)
        memcpy(out, from, (size_t)n * sizeof *from);
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)out)[i] = (float)from[i];
}

void kdst__program_run(const kdst__program *p, kdst__draw draw, const void *in, void *out, double *scratch)
{
    if (!p->count) {
        kdst__augment_run(&p->first, draw.key, draw.sample, in, out);
        return;
    }
    double *from = scratch, *to = scratch + p->buffer;
    kdst__extent e = p->in;
    kdst__augment_run(&p->first, draw.key, draw.sample, in, from);
    for (int64_t i = 0; i < p->count; i++) {
        double *made = to;
        kdst__step_run(&p->steps[i], draw, e, from, to);
        kdst__step_extent(&p->steps[i], e, &e);
        to = from;
        from = made;
    }
    put(p, from, out);
}
