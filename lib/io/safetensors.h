/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a safetensors file: 8 bytes with the length of a header, the header in JSON, the tensors' bytes without
 * gaps.
 *
 *     {"__metadata__":{"key":"text"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
 */
#ifndef KDST_IO_SAFETENSORS_H
#define KDST_IO_SAFETENSORS_H

#include "io/element.h"
#include "io/state.h"

#define KDST__SAFETENSORS_LONGEST 100000000 /* bytes of a header, the limit of the format's own readers */

/* One tensor of a header; its name is that of the same position in the state. */
typedef struct kdst__safetensors_entry {
    kdst__element element;
    int64_t rank, shape[KDST__MAX_RANK];
    int64_t begin, end; /* in the data */
} kdst__safetensors_entry;

typedef struct kdst__safetensors_header {
    const char *function; /* begins messages */
    kdst__memory *memory;
    char *text;
    size_t bytes;
    kdst__safetensors_entry *entries;
    int64_t count, capacity;
    int64_t *order; /* positions by rising `begin` */
    bool has_checksum;
    uint32_t checksum;
} kdst__safetensors_header;

/* Reads the header into a struct that is zero but for `function` and `memory`, puts the names (without tensors) and the
 * texts into an empty state, and checks all of it: types, shapes, and offsets that cover the data once. */
kdst_status kdst__safetensors_read_header(kdst__source *source, kdst_state *state, kdst__safetensors_header *out);
/* Its last step: fills `order`; every byte of the data belongs to one tensor, and the file holds them all. */
kdst_status
kdst__safetensors_check_offsets(kdst__source *source, const kdst_state *state, kdst__safetensors_header *header);
void kdst__safetensors_free_header(kdst__safetensors_header *header);

#endif
