/* SPDX-License-Identifier: Apache-2.0 */
/* See recompute.h. The batch that failed has left gradients as they were, but may have moved running statistics and random streams. */
#include "train/recompute.h"

#include "nn/layer.h"

static kdst_status make_copies(kdst_trainer *t, const kdst__layer_entry *entries, int64_t count)
{
    kdst_context *ctx = t->base.ctx;
    kdst_status status = KDST_STATUS_OK;
    t->noted = kdst__alloc_zero(kdst__context_memory(ctx), (size_t)count * sizeof *t->noted);
    if (!t->noted) return kdst__fail_memory(ctx, "trainer_step");
    t->noted_count = count;
    for (int64_t i = 0; i < count && !status; i++)
        if (!entries[i].is_parameter)
            status = kdst__tensor_new_like("trainer_step", entries[i].tensor, false, &t->noted[i]);
    if (status) kdst__recompute_release(t);
    return status;
}

/* Between the buffers and their copies, either way. */
static kdst_status copy(kdst_trainer *t, bool back)
{
    const kdst__layer_entry *entries = NULL;
    int64_t count = 0;
    kdst_status status = kdst__layer_get_entries("trainer_step", t->model, &entries, &count);
    if (!status && !back && t->noted_count != count) { /* the first time, or the model has grown */
        kdst__recompute_release(t);
        status = make_copies(t, entries, count);
    }
    for (int64_t i = 0; i < count && !status; i++) {
        kdst_tensor *tensor = entries[i].tensor;
        if (!entries[i].is_parameter)
            status = kdst__tensor_assign("trainer_step", back ? tensor : t->noted[i], back ? t->noted[i] : tensor);
    }
    return status;
}

kdst_status kdst__recompute_note(kdst_trainer *t, kdst__stream_position *out_streams)
{
    kdst_status status = kdst_context_get_random(t->base.ctx, &out_streams->seed, &out_streams->stream);
    return status || t->config.recompute == KDST__RECOMPUTE_NONE ? status : copy(t, false);
}

bool kdst__recompute_more(kdst_trainer *t, const kdst__stream_position *streams)
{
    if (t->config.recompute == KDST__RECOMPUTE_NONE || !t->noted || copy(t, true)) return false;
    if (!kdst__layer_recompute_more(t->model)) return false;
    kdst__context_set_stream(t->base.ctx, streams->seed, streams->stream);
    kdst__log(
        t->base.ctx, KDST_SEVERITY_INFO, "trainer_step: out of memory at step %lld; the model's blocks are recomputed",
        (long long)t->at.step);
    return true;
}

void kdst__recompute_release(kdst_trainer *t)
{
    for (int64_t i = 0; i < t->noted_count; i++)
        kdst__handle_release(t->noted[i]);
    kdst__free(kdst__context_memory(t->base.ctx), t->noted, (size_t)t->noted_count * sizeof *t->noted);
    t->noted = NULL;
    t->noted_count = 0;
}
