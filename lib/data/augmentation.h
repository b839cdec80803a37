/* SPDX-License-Identifier: Apache-2.0 */
/* An augmentation from the inside: a list of steps. */
#ifndef KDST_DATA_AUGMENTATION_H
#define KDST_DATA_AUGMENTATION_H

#include "data/steps.h"
#include "tensor/tensor.h"

#include <kdst/augmentation.h>

enum { KDST__MAX_STEPS = 64 };

struct kdst_augmentation {
    kdst__handle base;
    kdst__step *steps; /* [count], memory for `room` */
    int64_t count, room;
};

#endif
