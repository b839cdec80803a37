/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold after a reader of data sets has seen any input. */
#ifndef KDST_TESTS_FUZZ_DATASET_CHECK_H
#define KDST_TESTS_FUZZ_DATASET_CHECK_H

#include "target.h"

/* Every pixel and label is looked at, so that a sanitizer sees what was never written. */
static inline void check_content(kdst_dataset *d)
{
    enum { CHANNELS = 256 };
    double mean[CHANNELS], deviation[CHANNELS];
    int64_t shape[3], count = kdst_dataset_get_count(d);
    kdst_tensor *labels = NULL;
    void *data = NULL;
    fuzz_promise(!kdst_dataset_get_shape(d, shape) && !kdst_dataset_get_labels(d, &labels), "shape and labels");
    fuzz_promise(count > 0 && shape[0] > 0 && shape[1] > 0 && shape[2] > 0, "samples with pixels");
    fuzz_promise(kdst_tensor_get_count(labels) == count, "a label for each sample");
    fuzz_promise(!kdst_tensor_map(labels, KDST_MAP_READ, &data), "readable labels");
    for (int64_t i = 0; i < count; i++)
        fuzz_promise(
            ((int32_t *)data)[i] >= 0 && ((int32_t *)data)[i] < kdst_dataset_get_classes(d), "labels in their range");
    fuzz_promise(!kdst_tensor_unmap(labels), "the end of reading");
    if (shape[0] > CHANNELS) return;
    fuzz_promise(!kdst_dataset_get_statistics(d, mean, deviation, shape[0]), "statistics");
    for (int64_t c = 0; c < shape[0]; c++)
        fuzz_promise(
            mean[c] >= 0 && mean[c] <= 1 && deviation[c] >= 0 && deviation[c] <= 0.5,
            "statistics of numbers in [0, 1]");
}

static inline void check_dataset(kdst_status status, kdst_dataset *d)
{
    fuzz_check_status(status);
    fuzz_promise(!status == !!d, "a data set with success alone");
    if (d) check_content(d);
    kdst_dataset_release(d);
    fuzz_promise(!kdst_context_live_count(fuzz_context()), "nothing left");
}

#endif
