/* SPDX-License-Identifier: Apache-2.0 */
/* The micro-kernels of BLIS, asked for and called; blocking, packing and memory are ours.
 *
 * BLIS 0.9 does not know every processor and then answers `generic`: reference kernels in C, a fifth of the speed. bli_init comes first:
 * with the BLIS_ARCH_TYPE variable set, asking for the architecture before aborts.
 */
#include "compute/gemm.h"

#include "compute/state.h"

#include <blis.h>

#include <stdio.h>
#include <string.h>

typedef void (*tile_f32)(
    dim_t m, dim_t n, dim_t k, float *alpha, float *a, float *b, float *beta, float *c, inc_t rs, inc_t cs, auxinfo_t *,
    cntx_t *);
typedef void (*tile_f64)(
    dim_t m, dim_t n, dim_t k, double *alpha, double *a, double *b, double *beta, double *c, inc_t rs, inc_t cs,
    auxinfo_t *, cntx_t *);

int32_t kdst__gemm_blis_plan(int32_t dtype, kdst__gemm_plan *plan)
{
    num_t type = dtype == KDST__F32 ? BLIS_FLOAT : BLIS_DOUBLE;
    bli_init();
    arch_t arch = bli_arch_query_id();
    if (arch == BLIS_ARCH_GENERIC) return 0;
    cntx_t *context = bli_gks_query_cntx();
    plan->mr = plan->flat = bli_cntx_get_blksz_def_dt(type, BLIS_MR, context);
    plan->nr = bli_cntx_get_blksz_def_dt(type, BLIS_NR, context);
    plan->pack_mr = bli_cntx_get_blksz_max_dt(type, BLIS_MR, context);
    plan->pack_nr = bli_cntx_get_blksz_max_dt(type, BLIS_NR, context);
    plan->mc = bli_cntx_get_blksz_def_dt(type, BLIS_MC, context);
    plan->kc = bli_cntx_get_blksz_def_dt(type, BLIS_KC, context);
    plan->rows = bli_cntx_l3_nat_ukr_prefers_rows_dt(type, BLIS_GEMM_UKR, context);
    /* ISO C has no conversion from void * to a function pointer */
    void *kernel = bli_cntx_get_l3_nat_ukr_dt(type, BLIS_GEMM_UKR, context);
    memcpy(&plan->blis, &kernel, sizeof kernel);
    plan->blis_context = context;
    if (plan->mr < 1 || plan->nr < 1 || plan->pack_mr * plan->pack_nr > KDST__MAX_TILE || plan->kc < 1) return 0;
    snprintf(plan->name, sizeof plan->name, "blis %s %dx%d %s", bli_arch_string(arch), (int)plan->mr, (int)plan->nr,
        dtype == KDST__F32 ? "f32" : "f64");
    return 1;
}

void kdst__gemm_blis_tile(
    const kdst__gemm_plan *plan, int32_t dtype, int64_t k, const void *a, const void *b, int32_t accumulate, void *c,
    int64_t rs, int64_t cs)
{
    auxinfo_t info;
    memset(&info, 0, sizeof info);
    bli_auxinfo_set_next_a((void *)(uintptr_t)a, &info);
    bli_auxinfo_set_next_b((void *)(uintptr_t)b, &info);
    if (dtype == KDST__F32) {
        float one = 1, beta = accumulate ? 1.0f : 0.0f;
        ((tile_f32)plan->blis)(plan->mr, plan->nr, k, &one, (float *)(uintptr_t)a, (float *)(uintptr_t)b, &beta, c, rs,
            cs, &info, plan->blis_context);
    } else {
        double one = 1, beta = accumulate;
        ((tile_f64)plan->blis)(plan->mr, plan->nr, k, &one, (double *)(uintptr_t)a, (double *)(uintptr_t)b, &beta, c, rs,
            cs, &info, plan->blis_context);
    }
}
