/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a state from a safetensors file: the header is checked as a whole, then each tensor is read straight into its
 * memory.
 */
#include "io/safetensors.h"

#include "io/text.h"

#include <string.h>

static kdst_status
read_tensors(kdst__source *source, const char *function, kdst_state *state, const kdst__safetensors_header *header)
{
    kdst__crc32 crc;
    kdst__crc32_start(&crc);
    for (int64_t i = 0; i < header->count; i++) {
        const kdst__safetensors_entry *entry = &header->entries[header->order[i]];
        kdst__name *named = &state->tensors.entries[header->order[i]];
        char shown[KDST__SHOWN_TEXT];
        kdst_dtype dtype = kdst__element_native(entry->element);
        kdst_tensor *tensor;
        kdst_status status =
            kdst__tensor_new(state->base.ctx, function, dtype, entry->rank, entry->shape, false, &tensor);
        if (status != KDST_STATUS_OK) return status;
        named->value = tensor;
        kdst__element_run run = {
            entry->element, false, dtype, kdst__text_shown(named->name, shown), 0, header->has_checksum ? &crc : NULL};
        status = kdst__element_read(source, &run, kdst__tensor_data(tensor), (uint64_t)kdst__tensor_count(tensor));
        if (status != KDST_STATUS_OK) return status;
    }
    if (header->has_checksum && kdst__crc32_value(&crc) != header->checksum)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "the data are damaged: their checksum is %08x, the header says %08x",
            (unsigned)kdst__crc32_value(&crc), (unsigned)header->checksum);
    return kdst__source_expect_end(source);
}

kdst_status kdst__state_read(kdst_context *ctx, const char *function, const char *path, kdst_state **out)
{
    kdst__safetensors_header header;
    kdst__source *source = NULL;
    kdst_state *state = NULL;
    *out = NULL;
    memset(&header, 0, sizeof header);
    header.function = function;
    header.memory = kdst__context_memory(ctx);
    /* A header's length may look like the beginning of gzip data. */
    kdst_status status = kdst__source_open_plain(ctx, function, path, &source);
    if (status == KDST_STATUS_OK) status = kdst__state_new(ctx, function, &state);
    if (status == KDST_STATUS_OK) status = kdst__safetensors_read_header(source, state, &header);
    if (status == KDST_STATUS_OK) status = read_tensors(source, function, state, &header);
    kdst__safetensors_free_header(&header);
    kdst__source_close(source);
    if (status == KDST_STATUS_OK)
        *out = state;
    else
        kdst__handle_release(state);
    return status;
}

kdst_status kdst_state_load(kdst_context *ctx, const char *path, kdst_state **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (path == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "state_load: %s is NULL", path == NULL ? "path" : "out");
    return kdst__state_read(ctx, "state_load", path, out);
}
