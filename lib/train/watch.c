/* SPDX-License-Identifier: Apache-2.0 */
/* Where numbers stopped being finite. Nothing is kept or looked at in a step that goes well: a failed one is run forward once more.
 *
 * The second run equals the first: the random streams are set back, and batch norms in training mode do not read the running
 * statistics that the first run moved. What it moves itself is put back from a copy. Whatever needs memory here and gets none only
 * makes the message shorter.
 */
#include "train/watch.h"

#include "autograd/op.h"
#include "core/format.h"
#include "nn/average.h"
#include "nn/layer.h"
#include "nn/optimizer.h"

static bool own_tensors_finite(const kdst_layer *layer, const char **out_name)
{
    for (int32_t i = 0; i < layer->tensor_count; i++) {
        *out_name = layer->tensors[i].name;
        if (!kdst__layer_is_finite(layer->tensors[i].tensor)) return false;
    }
    return true;
}

static void describe(const kdst_layer *root, const kdst_layer *found, char text[KDST__WATCH_TEXT])
{
    char path[320];
    const char *name = "";
    kdst__layer_path(root, found, path, sizeof path);
    int used = kdst__format(
        text, KDST__WATCH_TEXT, "; first not finite: %s%s(%s) output", path, path[0] ? " " : "", found->kind->name);
    if (used > 0 && used < KDST__WATCH_TEXT && !own_tensors_finite(found, &name))
        kdst__format(text + used, (size_t)(KDST__WATCH_TEXT - used), ", and its %s is not finite", name);
}

/* The run itself, with copies of everything it could move. */
static kdst_status
run_again(kdst_layer *root, kdst_tensor *x, const kdst__stream_position *from, bool evaluation, kdst_layer **out_found)
{
    const kdst__average_config copy = {0, KDST__AVERAGE_EQUAL, KDST__AVERAGE_WARMUP_NONE, KDST__AVERAGE_BUFFERS_COPY};
    kdst_context *ctx = root->base.ctx;
    kdst_average *before = NULL;
    kdst__stream_position now;
    kdst_status status = kdst__average_new("trainer_step", root, &copy, &before);
    if (status) return status;
    if (!(evaluation ? kdst__eval_push(ctx) : kdst__no_grad_push(ctx))) {
        kdst__handle_release(before);
        return KDST_STATUS_OUT_OF_MEMORY;
    }
    status = kdst_context_get_random(ctx, &now.seed, &now.stream);
    if (!status) status = kdst_context_set_random(ctx, from->seed, from->stream);
    if (!status) status = kdst__layer_run_watched(root, x, out_found);
    if (kdst_context_set_random(ctx, now.seed, now.stream) && !status) status = KDST_STATUS_INTERNAL;
    if (evaluation)
        kdst__eval_pop(ctx);
    else
        kdst__no_grad_pop(ctx);
    kdst__average_exchange(before);
    kdst__handle_release(before);
    return status;
}

const char *kdst__watch_forward(
    kdst_layer *root, kdst_tensor *x, const kdst__stream_position *from, bool evaluation, char text[KDST__WATCH_TEXT])
{
    kdst_layer *found = NULL;
    text[0] = '\0';
    if (!kdst__layer_is_finite(x))
        kdst__format(text, KDST__WATCH_TEXT, "; first not finite: the images of the batch");
    else if (run_again(root, x, from, evaluation, &found) == KDST_STATUS_OK && !found)
        kdst__format(text, KDST__WATCH_TEXT, "; the outputs of all layers are finite");
    if (found) describe(root, found, text);
    return text;
}

const char *kdst__watch_gradients(kdst_trainer *t)
{
    const kdst__layer_entry *entries = NULL;
    int64_t count = 0;
    if (kdst__layer_get_entries("trainer_step", t->model, &entries, &count)) count = 0;
    for (int64_t i = count - 1; i >= 0; i--)
        if (entries[i].tensor->requires_grad && !kdst__layer_is_finite(entries[i].tensor->grad)) return entries[i].name;
    for (int64_t i = t->optimizer->count - 1; i >= 0; i--)
        if (!kdst__layer_is_finite(kdst__optimizer_grad(&t->optimizer->entries[i])))
            return t->optimizer->entries[i].names;
    return NULL;
}
