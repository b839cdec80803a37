/* SPDX-License-Identifier: Apache-2.0 */
/* segments: residual blocks in segments, whose projections are kept apart from the blocks (the backbone of Sun, Panda, Feris,
 * Saenko: AdaShare, 2020).
 *
 * Child 0, "blocks", has one child for each segment, with a block for each child; child 1, "ds", one projection for each segment; a
 * projection without children is the identity. For every block: x' = relu(r + block(x)), r = projection(x) in a segment's
 * first block, else x.
 */
#include "nn/layer.h"

static kdst_status run_block(kdst_layer *block, kdst_layer *projection, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor *straight = NULL, *around = NULL, *sum = NULL;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_status status = kdst__layer_run(block, x, &straight);
    if (status == KDST_STATUS_OK && projection != NULL) {
        status = kdst__layer_run(projection, x, &around);
    } else if (status == KDST_STATUS_OK) {
        kdst_tensor_retain(x);
        around = x;
    }
    if (status == KDST_STATUS_OK && !kdst__tensor_same_shape(straight, around))
        status = kdst__fail(
            block->base.ctx, KDST_STATUS_SHAPE, "segments: the block gives %s, what goes around it is %s",
            kdst__shape_text(straight->rank, straight->shape, a), kdst__shape_text(around->rank, around->shape, b));
    if (status == KDST_STATUS_OK) status = kdst_add(around, straight, &sum);
    if (status == KDST_STATUS_OK) status = kdst_relu(sum, out);
    kdst_tensor_release(sum);
    kdst_tensor_release(around);
    kdst_tensor_release(straight);
    return status;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const kdst_layer *blocks = layer->children[0], *projections = layer->children[1];
    kdst_tensor_retain(x);
    for (int64_t s = 0; s < blocks->child_count; s++) {
        const kdst_layer *segment = blocks->children[s];
        for (int64_t i = 0; i < segment->child_count; i++) {
            kdst_tensor *next = NULL;
            kdst_status status = run_block(segment->children[i], i == 0 ? projections->children[s] : NULL, x, &next);
            kdst_tensor_release(x);
            if (status != KDST_STATUS_OK) return status;
            x = next;
        }
    }
    *out = x;
    return KDST_STATUS_OK;
}

static const kdst__layer_kind kind = {.name = "segments", .bytes = sizeof(kdst_layer), .run = run};

kdst_status kdst__layer_segments_new(kdst_context *ctx, kdst_layer *blocks, kdst_layer *projections, kdst_layer **out)
{
    kdst_layer *layer;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("segments", layer, "blocks", blocks);
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("segments", layer, "ds", projections);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}
