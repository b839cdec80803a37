/* SPDX-License-Identifier: Apache-2.0 */
/* From numbers to spikes over time (see encode.c). On plain memory, on any thread. */
#ifndef KDST_DATA_ENCODE_H
#define KDST_DATA_ENCODE_H

#include "core/options.h"

#include <stdbool.h>

enum { KDST__ENCODE_NONE, KDST__ENCODE_STATIC, KDST__ENCODE_POISSON, KDST__ENCODE_LATENCY };
enum { KDST__LATENCY_LINEAR, KDST__LATENCY_LOGARITHMIC };

typedef struct kdst__encode {
    int32_t kind, rule; /* rule: latency */
    int64_t steps;
    double rate;           /* poisson: of 1, in spikes a step */
    double threshold, tau; /* latency; tau 0: kdst__encode_set_up chooses it */
} kdst__encode;

/* Elements [begin, end) of x [count] over time; begin is a multiple of 4. */
typedef struct kdst__encode_part {
    const void *x;
    void *out;      /* element i of step t is number t * stride + i */
    int64_t stride; /* >= count */
    int64_t count, begin, end;
    bool wide;             /* both float64, else float32 */
    uint64_t seed, stream; /* of the random numbers */
} kdst__encode_part;

/* Checks what the options alone do not, and completes it: INVALID_ARGUMENT. */
kdst_status kdst__encode_set_up(kdst_context *ctx, const char *function, kdst__encode *encode);
/* Index of the first element that the code does not take, or `count`. */
int64_t kdst__encode_find_bad(const kdst__encode *encode, const void *x, bool wide, int64_t count);
void kdst__encode_run(const kdst__encode *encode, const kdst__encode_part *part);

#endif
