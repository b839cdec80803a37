/* SPDX-License-Identifier: Apache-2.0 */
/* Samples grouped by class, in memory proportional to the samples whatever the labels are. */
#ifndef KDST_DATA_GROUPING_H
#define KDST_DATA_GROUPING_H

#include <stdint.h>

/* Stable sort of `items` [count] by keys[item] >= 0; `spare` [count] is scratch. */
void kdst__grouping_sort(int64_t *items, int64_t *spare, const int64_t *keys, int64_t count);
/* Sorts `items` [count] (numbers of samples) stably by label and writes where each group begins, and `count` behind the
 * last: begin [count + 1]. `spare` and `keys` [count] are scratch. Returns the number of groups. */
int64_t kdst__grouping_make(
    int64_t *items, const int32_t *labels, int64_t count, int64_t *spare, int64_t *keys, int64_t *begin);

#endif
