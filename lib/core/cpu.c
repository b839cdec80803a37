/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction-set levels of this machine (see cpu.h). Built without instruction-set flags: it must run everywhere. */
#include "core/cpu.h"

#include <sched.h>
#include <unistd.h>

int32_t kdst__cpu_level(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return KDST__LEVEL_BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return KDST__LEVEL_AVX2;
    return KDST__LEVEL_AVX512;
#else
    return KDST__LEVEL_BASELINE;
#endif
}

const char *kdst__level_name(int32_t level)
{
    static const char *const names[KDST__LEVELS] = {"baseline", "avx2", "avx512"};
    return level >= 0 && level < KDST__LEVELS ? names[level] : NULL;
}

int32_t kdst__cpu_count(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0) return count;
    }
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int32_t)online : 1;
}
