/* SPDX-License-Identifier: Apache-2.0 */
/* Life of kdst__compute: pool, level, tables and plans. */
#include "compute/state.h"

#include "core/cpu.h"

kdst_status kdst__compute_create(
    kdst__memory *memory, int32_t threads, int32_t level, int32_t exact, kdst__compute **out)
{
    *out = NULL;
    kdst__compute *cp = kdst__alloc_zero(memory, sizeof *cp);
    if (!cp) return KDST_STATUS_OUT_OF_MEMORY;
    int32_t best = kdst__select_best();
    cp->memory = memory;
    cp->threads = threads > 0 ? threads : kdst__cpu_count();
    cp->level = level >= 0 ? level : best;
    cp->exact = exact;
    if (!kdst__select_kernels(cp->level, &cp->f32, &cp->f64, &cp->blocked)) {
        kdst__compute_destroy(cp);
        return KDST_STATUS_UNSUPPORTED;
    }
    cp->lanes = cp->blocked->lanes;
    kdst_status status = kdst__pool_create(memory, cp->threads, &cp->pool);
    if (status) {
        kdst__compute_destroy(cp);
        return status;
    }
    kdst__gemm_plan_all(cp, cp->level == best);
    *out = cp;
    return KDST_STATUS_OK;
}

void kdst__compute_destroy(kdst__compute *cp)
{
    if (!cp) return;
    kdst__pool_destroy(cp->pool);
    kdst__free(cp->memory, cp, sizeof *cp);
}

kdst__memory *kdst__compute_memory(const kdst__compute *cp)
{
    return cp->memory;
}

kdst__pool *kdst__compute_pool(const kdst__compute *cp)
{
    return cp->pool;
}

int32_t kdst__compute_threads(const kdst__compute *cp)
{
    return cp->threads;
}

int32_t kdst__compute_level(const kdst__compute *cp)
{
    return cp->level;
}

const char *kdst__compute_level_name(const kdst__compute *cp)
{
    return kdst__level_name(cp->level);
}

const char *kdst__compute_gemm_name(const kdst__compute *cp, int32_t dtype)
{
    return cp->plans[dtype - 1].name;
}
