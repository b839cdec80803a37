/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets from arrays as NumPy keeps them, whatever file they come from. */
#ifndef KDST_DATA_NPY_H
#define KDST_DATA_NPY_H

#include "data/dataset.h"

/* images [N, H, W], [N, C, H, W] or (nhwc) [N, H, W, C] of any type; labels [N] integers. */
kdst_status kdst__dataset_from_arrays(
    const char *function, kdst_tensor *images, kdst_tensor *labels, bool nhwc, int64_t classes, kdst_dataset **out);

#endif
