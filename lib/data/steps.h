/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an augmentation: what one does to an image [C, H, W] of doubles.
 *
 * Steps are plain values, run on plain memory and allocate nothing, so a loader's thread may run them. What is drawn is a
 * pure function of (key of seed and epoch, number of the sample, stream of the step).
 */
#ifndef KDST_DATA_STEPS_H
#define KDST_DATA_STEPS_H

#include "core/options.h"

#include <stdbool.h>

enum {
    KDST__STEP_CROP,
    KDST__STEP_FLIP,
    KDST__STEP_ROTATION,
    KDST__STEP_RESIZED_CROP,
    KDST__STEP_ERASING,
    KDST__STEP_CUTOUT,
    KDST__STEP_JITTER,
    KDST__STEP_NORMALIZE
};

/* One struct for all kinds: options are parsed into it, each kind reads its own. */
typedef struct kdst__step {
    int32_t kind;
    uint64_t stream;       /* of its random numbers */
    int64_t height, width; /* crops: of the result, 0 as the image */
    int64_t padding;       /* crop */
    int32_t axis;          /* flip: 1 vertical */
    int32_t interpolation; /* rotation: 1 nearest */
    double probability;    /* flip, erasing */
    double degrees;        /* rotation */
    int64_t scale_count, ratio_count;
    double scale[2], ratio[2]; /* resized crop, erasing: lower and upper */
    double value;              /* erasing, cutout */
    int64_t size;              /* cutout */
    double brightness, contrast;
    int64_t clamp, period; /* jitter; period: channels of one image of a sequence */
    int64_t mean_count, deviation_count;
    double mean[KDST__MAX_LIST], deviation[KDST__MAX_LIST]; /* normalize */
} kdst__step;

/* Shape of an image. */
typedef struct kdst__extent {
    int64_t c, h, w;
} kdst__extent;

/* The random numbers of one sample in one epoch. */
typedef struct kdst__draw {
    uint64_t key;
    int64_t sample;
} kdst__draw;

/* Shape of the result, or false: the crop is larger than the padded image. */
bool kdst__step_extent(const kdst__step *step, kdst__extent in, kdst__extent *out);
/* Where a crop begins in the padded image. */
void kdst__step_place(const kdst__step *step, kdst__draw draw, kdst__extent in, int64_t *out_top, int64_t *out_left);
bool kdst__step_mirrors(const kdst__step *step, kdst__draw draw);
/* in of extent `in`, out of the extent that kdst__step_extent gives; they do not overlap. */
void kdst__step_run(const kdst__step *step, kdst__draw draw, kdst__extent extent, const double *in, double *out);

#endif
