/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentations: the list of steps, and the options of each kind. What steps do is in steps.c, how they are put together
 * in program.c.
 */
#include "data/augmentation.h"

#include "core/random.h"
#include "data/program.h"

#include <string.h>

#define REAL_PAIR(name, low, high, open, help)                                                                         \
  {                                                                                                                    \
#    name, KDST_OPTION_FLOATS, 0, low, high, open, "", "", -2, offsetof(kdst__step, name),                             \
        offsetof(kdst__step, name##_count), help                                                                       \
  }

#define SIZES                                                                                                          \
  KDST__INT(kdst__step, height, 0, 0, 65536, "of the result; 0: as the image"),                                        \
      KDST__INT(kdst__step, width, 0, 0, 65536, "of the result; 0: as the image")

static const kdst__option crop_table[] = {
    KDST__INT(kdst__step, padding, 0, 0, 1024, "zeros on each side"),
    SIZES,
};
const kdst__schema kdst__schema_augmentation_crop = {"augmentation.crop", crop_table, KDST__COUNT(crop_table), NULL, 0};

static const kdst__option flip_table[] = {
    KDST__CHOICE(kdst__step, axis, "horizontal", "horizontal|vertical", "horizontal: left and right change places"),
    KDST__FLOAT(kdst__step, probability, 0.5, 0, 1, "that an image is mirrored"),
};
const kdst__schema kdst__schema_augmentation_flip = {"augmentation.flip", flip_table, KDST__COUNT(flip_table), NULL, 0};

static const kdst__option rotation_table[] = {
    KDST__CHOICE(kdst__step, interpolation, "bilinear", "bilinear|nearest", "of what lies between pixels"),
};
const kdst__schema kdst__schema_augmentation_rotation = {
    "augmentation.rotation", rotation_table, KDST__COUNT(rotation_table), NULL, 0};

static const kdst__option resized_crop_table[] = {
    SIZES,
    REAL_PAIR(scale, 0, 1, 1, "lower and upper share of the area; none: 0.08 1"),
    REAL_PAIR(ratio, 0, INFINITY, 1, "lower and upper width / height; none: 3/4 4/3"),
};
const kdst__schema kdst__schema_augmentation_resized_crop = {
    "augmentation.resized_crop", resized_crop_table, KDST__COUNT(resized_crop_table), NULL, 0};

static const kdst__option erasing_table[] = {
    KDST__FLOAT(kdst__step, probability, 0.5, 0, 1, "that a part of an image is erased"),
    REAL_PAIR(scale, 0, 1, 1, "lower and upper share of the area; none: 0.02 0.33"),
    REAL_PAIR(ratio, 0, INFINITY, 1, "lower and upper height / width; none: 0.3 3.3"),
    KDST__FLOAT(kdst__step, value, 0, -INFINITY, INFINITY, "of the part"),
};
const kdst__schema kdst__schema_augmentation_erasing = {
    "augmentation.erasing", erasing_table, KDST__COUNT(erasing_table), NULL, 0};

static const kdst__option cutout_table[] = {
    KDST__FLOAT(kdst__step, value, 0, -INFINITY, INFINITY, "of the square"),
};
const kdst__schema kdst__schema_augmentation_cutout = {
    "augmentation.cutout", cutout_table, KDST__COUNT(cutout_table), NULL, 0};

static const kdst__option jitter_table[] = {
    KDST__FLOAT(kdst__step, brightness, 0, 0, 1000, "range of the factor around 1"),
    KDST__FLOAT(kdst__step, contrast, 0, 0, 1000, "range of the factor around 1"),
    KDST__INT(kdst__step, clamp, 1, 0, 1, "1: results are kept in [0, 1]"),
};
const kdst__schema kdst__schema_augmentation_jitter = {
    "augmentation.jitter", jitter_table, KDST__COUNT(jitter_table), NULL, 0};

static const kdst__option normalize_table[] = {
    KDST__FLOATS_UPTO(
        kdst__step, mean, KDST__MAX_LIST, -INFINITY, INFINITY, "subtracted, one per channel or one for all; none: 0"),
    /* as KDST__FLOATS_UPTO, but 0 excluded */
    {"deviation", KDST_OPTION_FLOATS, 0, 0, INFINITY, 1, "", "", -KDST__MAX_LIST, offsetof(kdst__step, deviation),
     offsetof(kdst__step, deviation_count), "divided by, one per channel or one for all; none: 1"},
};
const kdst__schema kdst__schema_augmentation_normalize = {
    "augmentation.normalize", normalize_table, KDST__COUNT(normalize_table), NULL, 0};

/* ---- life ---- */

static void destroy(void *object)
{
    kdst_augmentation *a = object;
    kdst__free(kdst__context_memory(a->base.ctx), a->steps, (size_t)a->room * sizeof *a->steps);
}

static const kdst__class class = {"augmentation", destroy};

kdst_status kdst_augmentation_create(kdst_context *ctx, kdst_augmentation **out)
{
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "augmentation_create: out is NULL");
    *out = kdst__handle_create(ctx, &class, sizeof **out);
    return *out ? KDST_STATUS_OK : kdst__fail_memory(ctx, "augmentation_create");
}

void kdst_augmentation_retain(kdst_augmentation *augmentation)
{
    kdst__handle_retain(augmentation);
}

void kdst_augmentation_release(kdst_augmentation *augmentation)
{
    kdst__handle_release(augmentation);
}

int64_t kdst_augmentation_get_count(const kdst_augmentation *augmentation)
{
    return augmentation ? augmentation->count : 0;
}

/* ---- adding ---- */

static kdst_status make_room(kdst_augmentation *a, const char *function)
{
    if (a->count == KDST__MAX_STEPS)
        return kdst__fail(
            a->base.ctx, KDST_STATUS_STATE, "%s: the augmentation has %d steps, which is the most", function,
            KDST__MAX_STEPS);
    if (a->count < a->room) return KDST_STATUS_OK;
    int64_t room = a->room ? 2 * a->room : 4;
    kdst__step *steps = kdst__realloc(
        kdst__context_memory(a->base.ctx), a->steps, (size_t)a->room * sizeof *steps, (size_t)room * sizeof *steps);
    if (!steps) return kdst__fail_memory(a->base.ctx, function);
    a->steps = steps;
    a->room = room;
    return KDST_STATUS_OK;
}

/* `low`, `high` where none are given. */
static kdst_status check_pair(
    kdst_context *ctx, const char *function, const char *name, int64_t count, double *pair, double low, double high)
{
    if (!count) {
        pair[0] = low;
        pair[1] = high;
    }
    if (count == 1)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s has 1 value, expected are 2", function, name);
    if (pair[0] <= pair[1]) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is %g %g, the lower one comes first", function, name, pair[0],
        pair[1]);
}

/* `s` has what is no option; `standards` are the lower and upper scale and ratio where a kind has them. */
static kdst_status
add(kdst_augmentation *a, const char *function, const kdst__schema *schema, const kdst_options *options, kdst__step s,
    const double *standards)
{
    kdst_context *ctx = a->base.ctx;
    kdst_status status = kdst__options_parse(ctx, function, schema, options, &s);
    if (!status && standards)
        status = check_pair(ctx, function, "scale", s.scale_count, s.scale, standards[0], standards[1]);
    if (!status && standards)
        status = check_pair(ctx, function, "ratio", s.ratio_count, s.ratio, standards[2], standards[3]);
    if (!status) status = make_room(a, function);
    if (status) return status;
    s.stream = (uint64_t)a->count + 1; /* 0 belongs to the loader's own crop and mirror */
    a->steps[a->count++] = s;
    return KDST_STATUS_OK;
}

kdst_status kdst_augmentation_add_crop(kdst_augmentation *a, const kdst_options *options)
{
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    return add(
        a, "augmentation_add_crop", &kdst__schema_augmentation_crop, options, (kdst__step){.kind = KDST__STEP_CROP},
        NULL);
}

kdst_status kdst_augmentation_add_flip(kdst_augmentation *a, const kdst_options *options)
{
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    return add(
        a, "augmentation_add_flip", &kdst__schema_augmentation_flip, options, (kdst__step){.kind = KDST__STEP_FLIP},
        NULL);
}

kdst_status kdst_augmentation_add_rotation(kdst_augmentation *a, double degrees, const kdst_options *options)
{
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    if (!(degrees >= 0 && degrees <= 180))
        return kdst__fail(
            a->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "augmentation_add_rotation: degrees is %g, allowed is [0, 180]",
            degrees);
    return add(
        a, "augmentation_add_rotation", &kdst__schema_augmentation_rotation, options,
        (kdst__step){.kind = KDST__STEP_ROTATION, .degrees = degrees}, NULL);
}

kdst_status kdst_augmentation_add_resized_crop(kdst_augmentation *a, const kdst_options *options)
{
    static const double standards[] = {0.08, 1, 3.0 / 4, 4.0 / 3};
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    return add(
        a, "augmentation_add_resized_crop", &kdst__schema_augmentation_resized_crop, options,
        (kdst__step){.kind = KDST__STEP_RESIZED_CROP}, standards);
}

kdst_status kdst_augmentation_add_erasing(kdst_augmentation *a, const kdst_options *options)
{
    static const double standards[] = {0.02, 0.33, 0.3, 3.3};
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    return add(
        a, "augmentation_add_erasing", &kdst__schema_augmentation_erasing, options,
        (kdst__step){.kind = KDST__STEP_ERASING}, standards);
}

kdst_status kdst_augmentation_add_cutout(kdst_augmentation *a, int64_t size, const kdst_options *options)
{
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    if (size < 1 || size > 65536)
        return kdst__fail(
            a->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "augmentation_add_cutout: size is %lld, allowed is 1 to 65536",
            (long long)size);
    return add(
        a, "augmentation_add_cutout", &kdst__schema_augmentation_cutout, options,
        (kdst__step){.kind = KDST__STEP_CUTOUT, .size = size}, NULL);
}

kdst_status kdst_augmentation_add_jitter(kdst_augmentation *a, const kdst_options *options)
{
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    return add(
        a, "augmentation_add_jitter", &kdst__schema_augmentation_jitter, options,
        (kdst__step){.kind = KDST__STEP_JITTER}, NULL);
}

kdst_status kdst_augmentation_add_normalize(kdst_augmentation *a, const kdst_options *options)
{
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(a->base.ctx);
    return add(
        a, "augmentation_add_normalize", &kdst__schema_augmentation_normalize, options,
        (kdst__step){.kind = KDST__STEP_NORMALIZE}, NULL);
}

/* ---- running ---- */

static kdst_status
check_run(kdst_augmentation *a, const kdst_tensor *images, int64_t epoch, int64_t first, kdst_tensor **out)
{
    static const char function[] = "augmentation_run";
    kdst_context *ctx = a->base.ctx;
    char text[KDST__SHAPE_TEXT];
    if (!images || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, images ? "out" : "images");
    if (images->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: images belong to another context", function);
    if (images->dtype != KDST_DTYPE_UINT8 && !kdst__dtype_is_float(images->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: images are %s, expected uint8, float32 or float64", function,
            kdst_dtype_get_name(images->dtype));
    if (images->rank != 4 || !kdst__tensor_count(images))
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: images are %s, expected [B, C, H, W] with pixels", function,
            kdst__shape_text(images->rank, images->shape, text));
    if (epoch < 0 || first < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: epoch is %lld and first %lld, allowed is 0 or more", function,
            (long long)epoch, (long long)first);
    if (first > INT64_MAX - images->shape[0])
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: first is %lld, allowed with %lld images is at most %lld", function,
            (long long)first, (long long)images->shape[0], (long long)(INT64_MAX - images->shape[0]));
    return KDST_STATUS_OK;
}

static void run_all(const kdst__program *p, kdst__draw draw, const kdst_tensor *x, kdst_tensor *y, double *scratch)
{
    size_t in = (size_t)(p->in.c * p->in.h * p->in.w * kdst_dtype_get_size(x->dtype));
    size_t out = (size_t)(p->out.c * p->out.h * p->out.w * kdst_dtype_get_size(y->dtype));
    for (int64_t i = 0; i < x->shape[0]; i++, draw.sample++)
        kdst__program_run(
            p, draw, (const char *)kdst__tensor_data(x) + (size_t)i * in,
            (char *)kdst__tensor_data(y) + (size_t)i * out, scratch);
}

kdst_status kdst_augmentation_run(
    kdst_augmentation *a, kdst_tensor *images, uint64_t seed, int64_t epoch, int64_t first, kdst_tensor **out)
{
    static const char function[] = "augmentation_run";
    kdst__program p = {0};
    kdst_tensor *x = NULL, *y = NULL;
    double *scratch = NULL;
    if (out) *out = NULL;
    if (!a) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = a->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    kdst__enter(ctx);
    kdst_status status = check_run(a, images, epoch, first, out);
    if (status) return status;
    const int64_t *size = images->shape;
    kdst__pixels pixels = {
        {size[1], size[2], size[3]},
        images->dtype,
        images->dtype == KDST_DTYPE_FLOAT64 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32,
        size[1],
        255};
    status = kdst__program_create(ctx, function, pixels, a->steps, a->count, &p);
    const int64_t shape[] = {size[0], p.out.c, p.out.h, p.out.w};
    if (!status) status = kdst__tensor_to_contiguous(function, images, &x);
    if (!status) status = kdst__tensor_new(ctx, function, pixels.out, 4, shape, false, &y);
    if (!status && p.scratch && !(scratch = kdst__alloc(memory, p.scratch))) status = kdst__fail_memory(ctx, function);
    if (!status) run_all(&p, (kdst__draw){kdst__mix(seed, (uint64_t)epoch), first}, x, y, scratch);
    kdst__free(memory, scratch, p.scratch);
    kdst__handle_release(x);
    kdst__program_destroy(memory, &p);
    if (status)
        kdst__handle_release(y);
    else
        *out = y;
    return status;
}
