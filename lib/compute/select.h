/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel tables of each level, and the choice between them. */
#ifndef KDST_COMPUTE_SELECT_H
#define KDST_COMPUTE_SELECT_H

#include "compute/kernels.h"

extern const kdst__kernels_f32 kdst__kernel_table_baseline_f32;
extern const kdst__kernels_f64 kdst__kernel_table_baseline_f64;
#if KDST_HAVE_X86_LEVELS
extern const kdst__kernels_f32 kdst__kernel_table_avx2_f32, kdst__kernel_table_avx512_f32;
extern const kdst__kernels_f64 kdst__kernel_table_avx2_f64, kdst__kernel_table_avx512_f64;
#endif
extern const kdst__kernels_blocked kdst__kernel_table_blocked_baseline_f32;
#if KDST_HAVE_X86_LEVELS
extern const kdst__kernels_blocked kdst__kernel_table_blocked_avx2_f32, kdst__kernel_table_blocked_avx512_f32;
#endif

/* Tables of a level; 0 when the build or this machine lacks it. */
int32_t kdst__select_kernels(
    int32_t level, const kdst__kernels_f32 **out_f32, const kdst__kernels_f64 **out_f64,
    const kdst__kernels_blocked **out_blocked);
/* The highest level that both the build and this machine have. */
int32_t kdst__select_best(void);

#endif
