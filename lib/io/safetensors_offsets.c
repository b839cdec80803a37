/* SPDX-License-Identifier: Apache-2.0 */
/* The offsets of a safetensors file: sorted, each tensor must begin where the one before it ends, so that nothing
 * overlaps and nothing is left out. Empty tensors may stand at any border.
 */
#include "io/safetensors.h"

#include "io/text.h"

static bool before(const kdst__safetensors_header *h, int64_t a, int64_t b)
{
    const kdst__safetensors_entry *x = &h->entries[a], *y = &h->entries[b];
    return x->begin != y->begin ? x->begin < y->begin : x->end < y->end;
}

/* Heap sort of `order`: in place, no worst case. */
static void sort(kdst__safetensors_header *h)
{
    int64_t *order = h->order;
    for (int64_t start = h->count / 2, end = h->count; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            int64_t largest = order[0];
            order[0] = order[--end];
            order[end] = largest;
        }
        int64_t moved = order[start], at = start;
        for (int64_t child; (child = 2 * at + 1) < end; at = child) {
            if (child + 1 < end && before(h, order[child], order[child + 1])) child++;
            if (!before(h, moved, order[child])) break;
            order[at] = order[child];
        }
        order[at] = moved;
    }
}

kdst_status kdst__safetensors_check_offsets(kdst__source *source, const kdst_state *state, kdst__safetensors_header *h)
{
    int64_t reached = 0;
    h->order = kdst__alloc(h->memory, (size_t)h->count * sizeof *h->order);
    if (h->order == NULL) return kdst__fail_memory(state->base.ctx, h->function);
    for (int64_t i = 0; i < h->count; i++)
        h->order[i] = i;
    sort(h);
    for (int64_t i = 0; i < h->count; i++) {
        const kdst__safetensors_entry *entry = &h->entries[h->order[i]];
        char shown[KDST__SHOWN_TEXT];
        if (entry->begin != reached)
            return kdst__source_fail(
                source, KDST_STATUS_FORMAT, "\"%s\" begins at byte %lld of the data, where %lld is expected",
                kdst__text_shown(state->tensors.entries[h->order[i]].name, shown), (long long)entry->begin,
                (long long)reached);
        reached = entry->end;
    }
    return kdst__source_can_have(source, "the data", (uint64_t)reached);
}
