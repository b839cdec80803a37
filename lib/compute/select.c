/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by level (see select.h). The build passes KDST_HAVE_X86_LEVELS = 1 when all x86 levels are compiled in. */
#include "compute/select.h"

#include "core/cpu.h"

#include <stddef.h>

static const struct {
    const kdst__kernels_f32 *f32;
    const kdst__kernels_f64 *f64;
    const kdst__kernels_blocked *blocked;
} tables[KDST__LEVELS] = {
    [KDST__LEVEL_BASELINE] = {&kdst__kernel_table_baseline_f32, &kdst__kernel_table_baseline_f64, &kdst__kernel_table_blocked_baseline_f32},
#if KDST_HAVE_X86_LEVELS
    [KDST__LEVEL_AVX2] = {&kdst__kernel_table_avx2_f32, &kdst__kernel_table_avx2_f64, &kdst__kernel_table_blocked_avx2_f32},
    [KDST__LEVEL_AVX512] = {&kdst__kernel_table_avx512_f32, &kdst__kernel_table_avx512_f64, &kdst__kernel_table_blocked_avx512_f32},
#endif
};

int32_t kdst__select_kernels(
    int32_t level, const kdst__kernels_f32 **out_f32, const kdst__kernels_f64 **out_f64,
    const kdst__kernels_blocked **out_blocked)
{
    if (level < 0 || level > kdst__cpu_level() || tables[level].f32 == NULL) return 0;
    *out_f32 = tables[level].f32;
    *out_f64 = tables[level].f64;
    *out_blocked = tables[level].blocked;
    return 1;
}

int32_t kdst__select_best(void)
{
    int32_t level = kdst__cpu_level();
    while (level > KDST__LEVEL_BASELINE && tables[level].f32 == NULL)
        level--;
    return level;
}
