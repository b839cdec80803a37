/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints into a small trainer: a refused one changes nothing, with an accepted one training goes on. */
#include "target.h"
#include "train/support.h"

enum { EPOCHS = 3 };

static setup run;
static int64_t handles; /* of a run after a step */

/* FNV-1a over the bytes of everything that is trained. */
static uint64_t bits_of(setup *s)
{
    uint64_t hash = 1469598103934665603u;
    int64_t layers = kdst_layer_get_state_count(s->model), all = layers + kdst_optimizer_get_state_count(s->optimizer);
    for (int64_t i = 0; i < all; i++) {
        kdst_tensor *t = NULL;
        void *data = NULL;
        const char *name;
        kdst_status status = i < layers ? kdst_layer_get_state(s->model, i, &name, &t, NULL)
                                        : kdst_optimizer_get_state(s->optimizer, i - layers, &name, &t);
        fuzz_promise(!status && !kdst_tensor_map(t, KDST_MAP_READ, &data), "a tensor of the run");
        int64_t bytes = kdst_tensor_get_count(t) * kdst_dtype_get_size(kdst_tensor_get_dtype(t));
        for (int64_t b = 0; b < bytes; b++)
            hash = (hash ^ ((unsigned char *)data)[b]) * 1099511628211u;
        fuzz_promise(!kdst_tensor_unmap(t), "the end of a mapping");
    }
    return hash;
}

static double steps_of(setup *s)
{
    double value = -1;
    fuzz_promise(!kdst_trainer_get(s->trainer, "step", &value), "the number of steps");
    return value;
}

/* After a step, so that gradients and the optimiser's state are there. */
static void make_run(void)
{
    kdst_event event;
    if (run.trainer) return;
    fuzz_promise(!make_setup(fuzz_context(), EPOCHS, &run), "a trainer");
    fuzz_promise(!kdst_trainer_step(run.trainer, &event), "a first step");
    handles = kdst_context_live_count(fuzz_context());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    kdst_context *ctx = fuzz_context();
    const char *path = fuzz_file(0, data, bytes);
    make_run();
    uint64_t before = bits_of(&run);
    double step = steps_of(&run);
    kdst_status status = kdst_trainer_load(run.trainer, path);
    fuzz_check_status(status);
    if (status) {
        fuzz_promise(bits_of(&run) == before, "a refused checkpoint changes no tensor");
        fuzz_promise(steps_of(&run) == step, "a refused checkpoint does not move the run");
    } else {
        kdst_event event;
        status = kdst_trainer_step(run.trainer, &event);
        fuzz_promise(status != KDST_STATUS_INTERNAL, "a step after an accepted checkpoint");
    }
    fuzz_promise(kdst_context_live_count(ctx) <= handles, "nothing left"); /* a failed step lets gradients go */
    return 0;
}

/* The header ends behind its last two braces and the spaces after them. */
void fuzz_repair(uint8_t *data, size_t bytes)
{
    size_t end = 8;
    for (size_t i = 8; i + 1 < bytes; i++)
        if (data[i] == '}' && data[i + 1] == '}') end = i + 2;
    while (end < bytes && data[end] == ' ')
        end++;
    for (size_t i = 0; i < 8 && i < bytes; i++)
        data[i] = (uint8_t)((uint64_t)(end - 8) >> 8 * i);
}

int fuzz_write_valid(const char *path)
{
    kdst_event event;
    make_run();
    for (int i = 0; i < 5; i++)
        fuzz_promise(!kdst_trainer_step(run.trainer, &event), "a step");
    return !kdst_trainer_save(run.trainer, path);
}
