/* SPDX-License-Identifier: Apache-2.0 */
/* parallel: its children side by side on one input, their outputs joined by concatenation along an axis or added.
 *
 * An empty sequential among the children is the input itself: with it concatenation is a dense layer (Huang, Liu, van der Maaten,
 * Weinberger 2017). `reversed` puts the last child's output first, for networks whose parameters come in another order than
 * their outputs.
 */
#include "nn/layer.h"

#include <kdst/indexing.h>

typedef struct parallel {
    kdst_layer base;
    kdst__parallel_config config;
} parallel;

static const kdst__option options[] = {
    KDST__CHOICE(kdst__parallel_config, join, "concat", "concat|sum", "how the outputs become one"),
    KDST__INT(kdst__parallel_config, axis, 1, -8, 7, "concat: axis along which they are put"),
    KDST__INT(kdst__parallel_config, reversed, 0, 0, 1, "1: the last child's output comes first"),
};
const kdst__schema kdst__schema_layer_parallel = {"layer.parallel", options, KDST__COUNT(options), NULL, 0};

static kdst_status add_all(kdst_tensor *const *parts, int64_t count, kdst_tensor **out)
{
    kdst_tensor *sum = parts[0];
    kdst_tensor_retain(sum);
    for (int64_t i = 1; i < count; i++) {
        kdst_tensor *next = NULL;
        kdst_status status = kdst_add(sum, parts[i], &next);
        kdst_tensor_release(sum);
        if (status != KDST_STATUS_OK) return status;
        sum = next;
    }
    *out = sum;
    return KDST_STATUS_OK;
}

static kdst_status check_shapes(kdst_layer *layer, kdst_tensor *const *parts, int64_t count)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    for (int64_t i = 1; i < count; i++)
        if (!kdst__tensor_same_shape(parts[0], parts[i]))
            return kdst__fail(
                layer->base.ctx, KDST_STATUS_SHAPE, "parallel: one child gives %s, another %s",
                kdst__shape_text(parts[0]->rank, parts[0]->shape, a),
                kdst__shape_text(parts[i]->rank, parts[i]->shape, b));
    return KDST_STATUS_OK;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const kdst__parallel_config *config = &((const parallel *)layer)->config;
    kdst_context *ctx = layer->base.ctx;
    const int64_t count = layer->child_count;
    int64_t done = 0;
    if (count == 0) return kdst__fail(ctx, KDST_STATUS_STATE, "parallel: there are no children to run");
    kdst_tensor **parts = kdst__alloc(kdst__context_memory(ctx), (size_t)count * sizeof *parts);
    if (parts == NULL) return kdst__fail_memory(ctx, "parallel");
    kdst_status status = KDST_STATUS_OK;
    for (; done < count && status == KDST_STATUS_OK; done++)
        status = kdst__layer_run(layer->children[done], x, &parts[config->reversed ? count - 1 - done : done]);
    if (status != KDST_STATUS_OK) done--; /* the last one gave nothing */
    if (status == KDST_STATUS_OK && config->join == 0) {
        status = kdst_concat(parts, count, config->axis, out);
    } else if (status == KDST_STATUS_OK) {
        status = check_shapes(layer, parts, count);
        if (status == KDST_STATUS_OK) status = add_all(parts, count, out);
    }
    for (int64_t i = 0; i < done; i++)
        kdst_tensor_release(parts[config->reversed ? count - 1 - i : i]);
    kdst__free(kdst__context_memory(ctx), parts, (size_t)count * sizeof *parts);
    return status;
}

static const kdst__layer_kind kind = {.name = "parallel", .bytes = sizeof(parallel), .run = run, .open = true};

kdst_status kdst__layer_parallel_new(kdst_context *ctx, const kdst__parallel_config *config, kdst_layer **out)
{
    kdst_status status = kdst__layer_new(ctx, &kind, out);
    if (status == KDST_STATUS_OK) ((parallel *)*out)->config = *config;
    return status;
}

kdst_status kdst_layer_parallel_create(kdst_context *ctx, const kdst_options *given, kdst_layer **out)
{
    kdst__parallel_config config;
    kdst_status status = kdst__layer_begin(ctx, "parallel", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "parallel", &kdst__schema_layer_parallel, given, &config);
    return status == KDST_STATUS_OK ? kdst__layer_parallel_new(ctx, &config, out) : status;
}
