/* SPDX-License-Identifier: Apache-2.0 */
/* A state from the inside. */
#ifndef KDST_IO_STATE_H
#define KDST_IO_STATE_H

#include "core/context.h"
#include "io/names.h"

#include <kdst/state.h>

#define KDST__STATE_NAME 511                /* most bytes of a name or key */
#define KDST__STATE_METADATA "__metadata__" /* the texts in a safetensors file; no tensor's name */
#define KDST__STATE_CHECKSUM "kdst.crc32"   /* among them; set and checked by the file functions */

struct kdst_state {
    kdst__handle base;
    kdst__names tensors; /* kdst_tensor *, retained */
    kdst__names texts;   /* char *, owned */
};

/* The public functions under the name of their caller, without kdst__enter. */
kdst_status kdst__state_new(kdst_context *ctx, const char *function, kdst_state **out);
kdst_status kdst__state_put(kdst_state *state, const char *function, const char *name, kdst_tensor *tensor);
kdst_status kdst__state_put_text(kdst_state *state, const char *function, const char *key, const char *text);
kdst_status kdst__state_put_layer(kdst_state *state, const char *function, const char *prefix, kdst_layer *layer);
kdst_status kdst__state_write(kdst_state *state, const char *function, const char *path);
kdst_status kdst__state_read(kdst_context *ctx, const char *function, const char *path, kdst_state **out);

#endif
