/* SPDX-License-Identifier: Apache-2.0 */
/* Which micro-kernel multiplies: that of BLIS where it has one for this machine, else ours.
 *
 * Ours also run when a level below the machine's is forced: those of BLIS follow the machine. The baseline has no better
 * than BLIS' reference, but ours have known shapes.
 */
#include "compute/state.h"

#include "core/cpu.h"

#include <stdio.h>

static void own_plan(const kdst__compute *cp, int32_t dtype, kdst__gemm_plan *plan)
{
    *plan = (kdst__gemm_plan){.rows = 1};
    KDST__CALL(cp, dtype, gemm_sizes, &plan->mr, &plan->flat, &plan->nr, &plan->mc, &plan->kc);
    plan->pack_mr = plan->mr;
    plan->pack_nr = plan->nr;
    snprintf(plan->name, sizeof plan->name, "kdst %s %dx%d %s", kdst__level_name(cp->level), (int)plan->mr,
        (int)plan->nr, dtype == KDST__F32 ? "f32" : "f64");
}

void kdst__gemm_plan_all(kdst__compute *cp, int32_t best)
{
    for (int32_t dtype = KDST__F32; dtype <= KDST__F64; dtype++) {
        kdst__gemm_plan *plan = &cp->plans[dtype - 1];
        if (!best || !kdst__gemm_blis_plan(dtype, plan)) own_plan(cp, dtype, plan);
    }
}
