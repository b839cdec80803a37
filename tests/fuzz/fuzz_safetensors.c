/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors files as states, and into a layer. */
#include "target.h"

#include <string.h>

/* Every name leads to its tensor, every key to its text. */
static void walk(kdst_state *state)
{
    for (int64_t i = 0; i < kdst_state_get_count(state); i++) {
        const char *name;
        kdst_tensor *tensor, *same;
        fuzz_promise(!kdst_state_get_at(state, i, &name, &tensor) && tensor, "a tensor at each position");
        fuzz_promise(!kdst_state_get(state, name, &same) && same == tensor, "a tensor for each name");
        fuzz_promise(strlen(name) > 0 && strlen(name) < 512, "the length of a name");
        /* setting checks that the name is UTF-8 */
        fuzz_promise(!kdst_state_set(state, name, tensor), "a name that may be set");
    }
    for (int64_t i = 0; i < kdst_state_get_text_count(state); i++) {
        const char *key, *text, *same;
        fuzz_promise(!kdst_state_get_text_at(state, i, &key, &text), "a text at each position");
        fuzz_promise(!kdst_state_get_text(state, key, &same) && same == text, "a text for each key");
        fuzz_promise(!kdst_state_set_text(state, key, same), "a text that may be set");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static kdst_layer *layer;
    kdst_context *ctx = fuzz_context();
    kdst_options *options = NULL;
    kdst_state *state = NULL;
    const char *path = fuzz_file(0, data, bytes);
    if (!layer) fuzz_promise(!kdst_layer_linear_create(ctx, 2, 1, NULL, &layer), "a layer");
    int64_t live = kdst_context_live_count(ctx);
    kdst_status status = kdst_state_load(ctx, path, &state);
    fuzz_check_status(status);
    fuzz_promise(!status == !!state, "a state with success alone");
    if (state) walk(state);
    kdst_state_release(state);
    fuzz_promise(!kdst_options_create(&options) && !kdst_options_set_int(options, "strict", 0), "options");
    status = kdst_layer_load(layer, path, options);
    fuzz_check_status(status);
    fuzz_accepted -= !status;
    kdst_options_release(options);
    fuzz_promise(kdst_context_live_count(ctx) == live, "nothing left");
    return 0;
}

/* The header ends behind its last brace and the spaces after it. */
void fuzz_repair(uint8_t *data, size_t bytes)
{
    size_t end = 8;
    for (size_t i = 8; i < bytes; i++)
        if (data[i] == '}') end = i + 1;
    while (end < bytes && data[end] == ' ')
        end++;
    for (size_t i = 0; i < 8 && i < bytes; i++)
        data[i] = (uint8_t)((uint64_t)(end - 8) >> 8 * i);
}
