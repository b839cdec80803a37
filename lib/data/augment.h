/* SPDX-License-Identifier: Apache-2.0 */
/* One stored image into reals, in one pass: crop, mirror, normalise. The first stage of a program (program.h).
 *
 * Works on plain memory and allocates nothing, so a loader's thread may run it. What happens to an image is decided by
 * (key of seed and epoch, number of the sample) alone.
 */
#ifndef KDST_DATA_AUGMENT_H
#define KDST_DATA_AUGMENT_H

#include "core/memory.h"
#include "data/steps.h"

typedef struct kdst__augment {
    int64_t channels, height, width;
    int64_t
        period;  /* channels of one image: of a sequence, whose images lie one behind another, fewer than `channels` */
    double unit; /* of bytes: the one that stands for 1 */
    kdst__step crop;          /* to the image's own size; padding 0: no crop */
    kdst__step flip;          /* across; probability 0: none */
    bool bytes;               /* pixels are uint8; else reals */
    bool wide_in;             /* reals: float64, else float32 */
    bool wide_out;            /* batches are float64, else float32 */
    double *mean, *deviation; /* [period] */
    double *black;            /* [period], the value of 0 */
    void *table;              /* bytes: [period, 256] of the batch's type, the value of each byte */
    void *block;              /* holds the four */
    size_t block_bytes;
} kdst__augment;

/* Fills the tables; `settings` has everything but the pointers. means, deviations: 0 values (then 0 and 1), 1 for all
 * channels, or one for each of an image. False when there is no memory. */
bool kdst__augment_create(
    kdst__memory *memory, kdst__augment settings, const double *mean, int64_t means, const double *deviation,
    int64_t deviations, kdst__augment *out);
void kdst__augment_destroy(kdst__memory *memory, kdst__augment *augment);

/* `in` and `out` are [C, H, W]. */
void kdst__augment_run(const kdst__augment *augment, uint64_t key, int64_t sample, const void *in, void *out);

#endif
