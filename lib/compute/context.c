/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a context its compute state (core/context.h says when) and tells what was chosen. */
#include "compute/compute.h"
#include "core/context.h"
#include "core/cpu.h"

#include <stdio.h>

static void destroy(kdst_context *ctx, void *value)
{
    (void)ctx;
    kdst__compute_destroy(value);
}

kdst_status kdst__compute_attach(kdst_context *ctx)
{
    const kdst__context_config *config = kdst__context_config_get(ctx);
    kdst__compute *cp;
    kdst_status status = kdst__compute_create(
        kdst__context_memory(ctx), (int32_t)config->threads, config->level, (int32_t)config->exact_convolution, &cp);
    if (status == KDST_STATUS_UNSUPPORTED)
        return kdst__fail(ctx, status, "context: level is %s, this machine and build go up to %s",
            kdst__level_name(config->level), kdst__level_name(kdst__cpu_level()));
    if (status == KDST_STATUS_IO)
        return kdst__fail(ctx, KDST_STATUS_OUT_OF_MEMORY, "context: the system refuses one of %d threads",
            (int)(config->threads > 0 ? config->threads : kdst__cpu_count()));
    if (status != KDST_STATUS_OK) return kdst__fail_memory(ctx, "context");
    char text[128];
    kdst__slot_set(ctx, KDST__SLOT_COMPUTE, cp, destroy);
    snprintf(text, sizeof text, "%d", (int)kdst__compute_threads(cp));
    kdst__context_set_info(ctx, "threads", text);
    kdst__context_set_info(ctx, "level", kdst__compute_level_name(cp));
    snprintf(text, sizeof text, "%s, %s", kdst__compute_gemm_name(cp, 1), kdst__compute_gemm_name(cp, 2));
    kdst__context_set_info(ctx, "gemm", text);
    kdst__log(ctx, KDST_SEVERITY_INFO, "context: %d threads, level %s, products by %s",
        (int)kdst__compute_threads(cp), kdst__compute_level_name(cp), text);
    return KDST_STATUS_OK;
}
