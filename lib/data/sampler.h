/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples an epoch takes, and in which order. Everything is a pure function of a key. */
#ifndef KDST_DATA_SAMPLER_H
#define KDST_DATA_SAMPLER_H

#include "core/memory.h"

#include <stdbool.h>
#include <stdint.h>

enum { KDST__SAMPLER_SEQUENTIAL, KDST__SAMPLER_SHUFFLE, KDST__SAMPLER_BALANCED, KDST__SAMPLER_WEIGHTED };

typedef struct kdst__sampler {
    int32_t kind;
    int64_t samples;
    int64_t *order;         /* [samples], of the epoch; NULL when sequential */
    int64_t *items, *begin; /* balanced: samples grouped by class; where each group begins [groups + 1] */
    int64_t groups;
    int64_t *spare, *chosen; /* balanced: scratch [samples] each */
    double *sums;            /* weighted: running sums of the weights */
    void *block;             /* holds all */
    size_t bytes;
} kdst__sampler;

/* labels [samples] for a balanced, weights [samples] for a weighted one (>= 0, one above 0, their sum finite): read here
 * only. False when there is no memory. */
bool kdst__sampler_create(
    kdst__memory *memory, int32_t kind, int64_t samples, const int32_t *labels, const double *weights,
    kdst__sampler *out);
void kdst__sampler_destroy(kdst__memory *memory, kdst__sampler *sampler);
/* Makes the order of an epoch; allocates nothing. */
void kdst__sampler_run(kdst__sampler *sampler, uint64_t key);

#endif
