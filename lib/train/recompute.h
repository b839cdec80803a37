/* SPDX-License-Identifier: Apache-2.0 */
/* A trainer's way out of a step that does not fit into memory: the model's blocks are recomputed, and the step is made again. */
#ifndef KDST_TRAIN_RECOMPUTE_H
#define KDST_TRAIN_RECOMPUTE_H

#include "train/trainer.h"
#include "train/watch.h"

/* In front of a batch, when the option asks for it: copies of the buffers that the model moves. */
kdst_status kdst__recompute_note(kdst_trainer *t, kdst__stream_position *out_streams);
/* After a batch that ran out of memory: puts buffers and streams back and recomputes more. False: there is nothing more to be recomputed. */
bool kdst__recompute_more(kdst_trainer *t, const kdst__stream_position *streams);
/* Part of a trainer's destruction. */
void kdst__recompute_release(kdst_trainer *t);

#endif
