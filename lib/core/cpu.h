/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction-set levels: what this machine has. Kernels are built once per level and chosen when a context is made. */
#ifndef KDST_CORE_CPU_H
#define KDST_CORE_CPU_H

#include <stddef.h>
#include <stdint.h>

typedef enum kdst__level {
    KDST__LEVEL_BASELINE = 0, /* what the compiler targets by default */
    KDST__LEVEL_AVX2 = 1,     /* AVX2 and FMA */
    KDST__LEVEL_AVX512 = 2,   /* F, BW, DQ, VL */
    KDST__LEVELS
} kdst__level;

/* The highest level this machine runs. */
int32_t kdst__cpu_level(void);
/* "baseline", "avx2", "avx512"; NULL for a number that is none. */
const char *kdst__level_name(int32_t level);
/* Cores this process may use, at least 1. */
int32_t kdst__cpu_count(void);

#endif
