/* SPDX-License-Identifier: Apache-2.0 */
/* Where numbers stopped being finite, found out after a step has failed. */
#ifndef KDST_TRAIN_WATCH_H
#define KDST_TRAIN_WATCH_H

#include "train/trainer.h"

#define KDST__WATCH_TEXT 640

/* The stream position of a context without a public call. */
typedef struct kdst__stream_position {
    uint64_t seed, stream;
} kdst__stream_position;

/* Runs a layer once more on the same batch, from the same position of the random streams, and says "; first not finite: bn1 (batch_norm)
 * output", or that all outputs are finite, or "" where it cannot tell. Buffers, streams and modes are afterwards as before. */
const char *kdst__watch_forward(
    kdst_layer *root, kdst_tensor *x, const kdst__stream_position *from, bool evaluation, char text[KDST__WATCH_TEXT]);

/* The name of the parameter whose gradient is the first not finite on the way back, or NULL. */
const char *kdst__watch_gradients(kdst_trainer *t);

#endif
