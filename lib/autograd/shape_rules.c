/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules that several operations share. */
#include "autograd/op.h"

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

kdst_status kdst__op_broadcast(kdst__call *call)
{
    const kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    char ta[KDST__SHAPE_TEXT], tb[KDST__SHAPE_TEXT];
    call->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int32_t i = 1; i <= call->rank; i++) {
        int64_t na = i <= a->rank ? a->shape[a->rank - i] : 1, nb = i <= b->rank ? b->shape[b->rank - i] : 1;
        if (na != nb && na != 1 && nb != 1)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE, "%s: %s and %s cannot be broadcast", call->op->name,
                kdst__shape_text(a->rank, a->shape, ta), kdst__shape_text(b->rank, b->shape, tb));
        call->shape[call->rank - i] = na == 1 ? nb : na;
    }
    return KDST_STATUS_OK;
}
