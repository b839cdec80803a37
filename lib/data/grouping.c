/* SPDX-License-Identifier: Apache-2.0 */
/* Grouping by class (see grouping.h): a counting sort for each byte of the labels. */
#include "data/grouping.h"

#include <string.h>

void kdst__grouping_sort(int64_t *items, int64_t *spare, const int64_t *keys, int64_t count)
{
    int64_t all = 0;
    for (int64_t i = 0; i < count; i++)
        all |= keys[items[i]];
    for (int shift = 0; shift < 63 && all >> shift; shift += 8) {
        int64_t place[257] = {0};
        for (int64_t i = 0; i < count; i++)
            place[(keys[items[i]] >> shift & 255) + 1]++;
        for (int v = 0; v < 256; v++)
            place[v + 1] += place[v];
        for (int64_t i = 0; i < count; i++)
            spare[place[keys[items[i]] >> shift & 255]++] = items[i];
        memcpy(items, spare, (size_t)count * sizeof *items);
    }
}

int64_t
kdst__grouping_make(int64_t *items, const int32_t *labels, int64_t count, int64_t *spare, int64_t *keys, int64_t *begin)
{
    int64_t groups = 0;
    for (int64_t i = 0; i < count; i++)
        keys[i] = labels[i];
    kdst__grouping_sort(items, spare, keys, count);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || labels[items[i]] != labels[items[i - 1]]) begin[groups++] = i;
    begin[groups] = count;
    return groups;
}
