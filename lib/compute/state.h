/* SPDX-License-Identifier: Apache-2.0 */
/* What kdst__compute is made of, for the sources of this folder alone. */
#ifndef KDST_COMPUTE_STATE_H
#define KDST_COMPUTE_STATE_H

#include "compute/gemm.h"
#include "compute/select.h"

struct kdst__compute {
    kdst__memory *memory;
    kdst__pool *pool;
    int32_t threads, level, exact;
    const kdst__kernels_f32 *f32;
    const kdst__kernels_f64 *f64;
    const kdst__kernels_blocked *blocked;
    int64_t lanes; /* floats of a vector: a block of channels */
    kdst__gemm_plan plans[2]; /* float32, float64 */
};

enum { KDST__F32 = 1, KDST__F64 = 2 };

/* Calls the kernel of this type: the arguments are `void *` where the kernel has `real *`. */
#define KDST__CALL(cp, dtype, name, ...) \
    ((dtype) == KDST__F32 ? (cp)->f32->name(__VA_ARGS__) : (cp)->f64->name(__VA_ARGS__))

static inline size_t kdst__size_of(int32_t dtype)
{
    return dtype == KDST__F32 ? sizeof(float) : sizeof(double);
}

/* Address of element i; NULL stays NULL. */
static inline void *kdst__at(int32_t dtype, const void *x, int64_t i)
{
    return x ? (char *)(uintptr_t)x + i * (int64_t)kdst__size_of(dtype) : NULL;
}

static inline int64_t kdst__least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t kdst__divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static inline int64_t kdst__round_up(int64_t n, int64_t to)
{
    return kdst__divide_up(n, to) * to;
}

#endif
