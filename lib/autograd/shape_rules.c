/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules that several operations share. */
#include "autograd/broadcast.h"

#include <string.h>

kdst_status kdst__op_need_rank(kdst__call *call, int32_t input, int32_t rank, const char *what)
{
    const kdst_tensor *t = call->inputs[input];
    char text[KDST__SHAPE_TEXT];
    if (!t || t->rank == rank) return KDST_STATUS_OK;
    return kdst__fail(
        call->ctx, KDST_STATUS_SHAPE, "%s: %s is %s, expected rank %d", call->op->name, what,
        kdst__shape_text(t->rank, t->shape, text), rank);
}

kdst_status kdst__op_same_as_input(kdst__call *call)
{
    call->rank = call->inputs[0]->rank;
    memcpy(call->shape, call->inputs[0]->shape, sizeof call->shape);
    return KDST_STATUS_OK;
}

kdst_status kdst__op_broadcast_from(kdst__call *call, int32_t first)
{
    char ta[KDST__SHAPE_TEXT], tb[KDST__SHAPE_TEXT];
    call->rank = call->inputs[first]->rank;
    memcpy(call->shape, call->inputs[first]->shape, sizeof call->shape);
    for (int32_t k = first + 1; k < call->count; k++) {
        const kdst_tensor *b = call->inputs[k];
        int64_t shape[KDST__MAX_RANK] = {0};
        const int32_t rank = call->rank > b->rank ? call->rank : b->rank;
        for (int32_t i = 1; i <= rank; i++) {
            int64_t na = i <= call->rank ? call->shape[call->rank - i] : 1,
                    nb = i <= b->rank ? b->shape[b->rank - i] : 1;
            if (na != nb && na != 1 && nb != 1)
                return kdst__fail(
                    call->ctx, KDST_STATUS_SHAPE, "%s: %s and %s cannot be broadcast", call->op->name,
                    kdst__shape_text(call->rank, call->shape, ta), kdst__shape_text(b->rank, b->shape, tb));
            shape[rank - i] = na == 1 ? nb : na;
        }
        call->rank = rank;
        memcpy(call->shape, shape, sizeof shape);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__op_broadcast(kdst__call *call)
{
    return kdst__op_broadcast_from(call, 0);
}
