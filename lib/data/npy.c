/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of npy files: images [N, H, W], [N, C, H, W] or [N, H, W, C], and labels [N]. lib/io reads the files. */
#include "data/npy.h"

#include "core/options.h"

#include <kdst/npy.h>

typedef struct config {
    int64_t classes;
    int32_t layout;
} config;

enum { NHWC = 1 };

static const kdst__option options_table[] = {
    KDST__CHOICE(config, layout, "nchw", "nchw|nhwc", "axes of images of rank 4"),
    KDST__INT(config, classes, 0, 0, 1000000, "number of classes; 0: the largest label + 1"),
};
const kdst__schema kdst__schema_dataset_npy = {"dataset.npy", options_table, KDST__COUNT(options_table), NULL, 0};

/* `t`, or a copy of another type. */
static kdst_status to_type(const char *function, kdst_tensor *t, kdst_dtype dtype, kdst_tensor **out)
{
    if (t->dtype == dtype) {
        kdst__handle_retain(*out = t);
        return KDST_STATUS_OK;
    }
    kdst_status status = kdst__tensor_new(t->base.ctx, function, dtype, t->rank, t->shape, false, out);
    return status ? status : kdst__tensor_assign(function, *out, t);
}

/* The same pixels as [N, C, H, W]. */
static kdst_status arrange(const char *function, kdst_tensor *t, bool nhwc, kdst_tensor **out)
{
    const int64_t *size = t->shape, *stride = t->stride;
    int32_t c = nhwc ? 3 : 1, h = nhwc ? 1 : 2;
    if (t->rank == 3) {
        const int64_t shape[] = {size[0], 1, size[1], size[2]}, step[] = {stride[0], 0, stride[1], stride[2]};
        return kdst__tensor_view(function, t, 4, shape, step, t->offset, out);
    }
    if (t->rank != 4) {
        char text[KDST__SHAPE_TEXT];
        return kdst__fail(
            t->base.ctx, KDST_STATUS_SHAPE, "%s: images are %s, expected 3 or 4 axes", function,
            kdst__shape_text(t->rank, t->shape, text));
    }
    const int64_t shape[] = {size[0], size[c], size[h], size[h + 1]};
    const int64_t step[] = {stride[0], stride[c], stride[h], stride[h + 1]};
    return kdst__tensor_view(function, t, 4, shape, step, t->offset, out);
}

kdst_status kdst__dataset_from_arrays(
    const char *function, kdst_tensor *images, kdst_tensor *labels, bool nhwc, int64_t classes, kdst_dataset **out)
{
    kdst_tensor *typed = NULL, *x = NULL, *y = NULL;
    kdst_dtype dtype = images->dtype == KDST_DTYPE_UINT8 ? KDST_DTYPE_UINT8 : KDST_DTYPE_FLOAT32;
    *out = NULL;
    if (labels->dtype != KDST_DTYPE_INT32 && labels->dtype != KDST_DTYPE_UINT8)
        return kdst__fail(
            labels->base.ctx, KDST_STATUS_DTYPE, "%s: labels are %s, expected integers", function,
            kdst_dtype_get_name(labels->dtype));
    kdst_status status = to_type(function, labels, KDST_DTYPE_INT32, &y);
    if (!status) status = to_type(function, images, dtype, &typed);
    if (!status) status = arrange(function, typed, nhwc, &x);
    if (!status) status = kdst__dataset_new(images->base.ctx, function, x, y, classes, out);
    kdst__handle_release(x);
    kdst__handle_release(typed);
    kdst__handle_release(y);
    return status;
}

kdst_status kdst_dataset_load_npy(
    kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out)
{
    static const char function[] = "dataset_load_npy";
    config c;
    kdst_tensor *x = NULL, *y = NULL;
    kdst_status status = kdst__dataset_begin(ctx, function, images, labels, out);
    if (status) return status;
    status = kdst__options_parse(ctx, function, &kdst__schema_dataset_npy, options, &c);
    if (!status) status = kdst_npy_load(ctx, labels, NULL, &y);
    if (!status) status = kdst_npy_load(ctx, images, NULL, &x);
    if (!status) status = kdst__dataset_from_arrays(function, x, y, c.layout == NHWC, c.classes, out);
    kdst__handle_release(y);
    kdst__handle_release(x);
    return status;
}
