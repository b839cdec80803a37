/* SPDX-License-Identifier: Apache-2.0 */
/* Images and labels of one npz file. lib/io reads it. */
#include "data/npy.h"

#include "core/options.h"

#include <kdst/npz.h>

typedef struct config {
    const char *images, *labels;
    int64_t classes;
    int32_t layout;
} config;

enum { NHWC = 1 };

static const kdst__option options_table[] = {
    KDST__STRING(config, images, "images", "name of the member with the images"),
    KDST__STRING(config, labels, "labels", "name of the member with the labels"),
    KDST__CHOICE(config, layout, "nchw", "nchw|nhwc", "axes of images of rank 4"),
    KDST__INT(config, classes, 0, 0, 1000000, "number of classes; 0: the largest label + 1"),
};
const kdst__schema kdst__schema_dataset_npz = {"dataset.npz", options_table, KDST__COUNT(options_table), NULL, 0};

kdst_status kdst_dataset_load_npz(kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out)
{
    static const char function[] = "dataset_load_npz";
    config c;
    kdst_npz *npz = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!path || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, path ? "out" : "path");
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_dataset_npz, options, &c);
    if (!status) status = kdst_npz_open(ctx, path, &npz);
    if (!status) status = kdst_npz_load(npz, c.labels, NULL, &y);
    if (!status) status = kdst_npz_load(npz, c.images, NULL, &x);
    if (!status) status = kdst__dataset_from_arrays(function, x, y, c.layout == NHWC, c.classes, out);
    kdst__handle_release(y);
    kdst__handle_release(x);
    kdst__handle_release(npz);
    return status;
}
