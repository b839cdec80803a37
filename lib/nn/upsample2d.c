/* SPDX-License-Identifier: Apache-2.0 */
/* upsample2d: an image in another size (kdst_upsample2d), without parameters. */
#include "nn/layer.h"

typedef struct upsample2d {
    kdst_layer base;
    kdst__upsample2d_attrs attrs;
} upsample2d;

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst__upsample2d_run(x, &((upsample2d *)layer)->attrs, out);
}

static const kdst__layer_kind kind = {.name = "upsample2d", .bytes = sizeof(upsample2d), .run = run};

kdst_status kdst_layer_upsample2d_create(kdst_context *ctx, const kdst_options *given, kdst_layer **out)
{
    kdst__upsample2d_attrs attrs;
    kdst_status status = kdst__layer_begin(ctx, "upsample2d", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "upsample2d", &kdst__schema_upsample2d, given, &attrs);
    if (status == KDST_STATUS_OK) status = kdst__upsample2d_check(ctx, &attrs);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &kind, out);
    if (status == KDST_STATUS_OK) ((upsample2d *)*out)->attrs = attrs;
    return status;
}
