/* SPDX-License-Identifier: Apache-2.0 */
/* Images of any size to squares of one size. */
#ifndef KDST_DATA_RESIZE_H
#define KDST_DATA_RESIZE_H

#include "io/image.h"

/* The shorter side becomes `size`, and the middle of the longer one is kept; out [C, size, size]. False when there is no
 * memory. */
bool kdst__resize(kdst__memory *memory, const kdst__image *image, int64_t size, uint8_t *out);
/* Interleaved to planes: out [C, H, W]. */
void kdst__resize_planes(const kdst__image *image, uint8_t *out);

#endif
