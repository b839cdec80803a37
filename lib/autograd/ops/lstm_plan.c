/* SPDX-License-Identifier: Apache-2.0 */
/* The packing of sequences (see lstm_plan.h): counting sorts, so that it costs one pass over the rows. */
#include "autograd/ops/lstm_plan.h"

#include "core/memory.h"

#include <inttypes.h>
#include <string.h>

static kdst_status check(kdst_context *ctx, int64_t t, int64_t n, const int32_t *lengths)
{
    if (t > INT32_MAX / (n > 0 ? n : 1))
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "lstm: %" PRId64 " steps of %" PRId64 " sequences, allowed are %d rows in all", t,
            n, INT32_MAX);
    for (int64_t i = 0; lengths != NULL && i < n; i++)
        if (lengths[i] < 1 || lengths[i] > t)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT,
                "lstm: length of sequence %" PRId64 " is %" PRId32 ", allowed is 1 to %" PRId64, i, lengths[i], t);
    return KDST_STATUS_OK;
}

/* Fills batch [steps]: how many sequences have more than s steps. */
static void count_batches(int64_t t, int64_t n, const int32_t *lengths, kdst__lstm_plan *plan)
{
    memset(plan->batch, 0, (size_t)t * sizeof *plan->batch);
    for (int64_t i = 0; i < n; i++)
        plan->batch[(lengths == NULL ? t : lengths[i]) - 1]++;
    for (int64_t s = t - 2; s >= 0; s--)
        plan->batch[s] += plan->batch[s + 1];
    plan->steps = plan->rows = 0;
    for (int64_t s = 0; s < t && plan->batch[s] > 0; s++) {
        plan->rows += plan->batch[s];
        plan->steps++;
    }
}

/* Puts the sequences into `order`, longer ones first, equal ones as they are. A sequence of `length` steps comes behind the batch[length]
 * that are longer. `next` [steps] is scratch. */
static void sort(int64_t n, const int32_t *lengths, kdst__lstm_plan *plan, int64_t *next)
{
    for (int64_t s = 0; s < plan->steps; s++)
        next[s] = s + 1 < plan->steps ? plan->batch[s + 1] : 0;
    for (int64_t i = 0; i < n; i++)
        plan->order[next[(lengths == NULL ? plan->steps : lengths[i]) - 1]++] = (int32_t)i;
}

/* Fills source and last. */
static void number_rows(int64_t n, const int32_t *lengths, bool reverse, kdst__lstm_plan *plan)
{
    int64_t row = 0;
    for (int64_t s = 0; s < plan->steps; s++)
        for (int64_t i = 0; i < plan->batch[s]; i++, row++) {
            int64_t sequence = plan->order[i], length = lengths == NULL ? plan->steps : lengths[sequence];
            plan->source[row] = (int32_t)((reverse ? length - 1 - s : s) * n + sequence);
            if (s == length - 1) plan->last[sequence] = (int32_t)row;
        }
}

kdst_status kdst__lstm_plan_make(
    kdst_context *ctx, int64_t t, int64_t n, const int32_t *lengths, bool reverse, kdst__lstm_plan *out)
{
    *out = (kdst__lstm_plan){.sequences = n};
    kdst_status status = check(ctx, t, n, lengths);
    if (status != KDST_STATUS_OK) return status;
    /* t and n t are within int32, so sizes cannot overflow */
    out->bytes = (size_t)t * 2 * sizeof(int64_t) + (size_t)(2 * n + n * t) * sizeof(int32_t);
    char *memory = out->memory = kdst__alloc(kdst__context_memory(ctx), out->bytes);
    if (memory == NULL) return kdst__fail_memory(ctx, "lstm");
    out->batch = out->memory;
    out->last = (int32_t *)(out->batch + 2 * t);
    out->order = out->last + n;
    out->source = out->order + n;
    count_batches(t, n, lengths, out);
    sort(n, lengths, out, out->batch + t);
    number_rows(n, lengths, reverse, out);
    if (!reverse && out->rows == t * n) out->source = NULL;
    return KDST_STATUS_OK;
}

void kdst__lstm_plan_free(kdst_context *ctx, kdst__lstm_plan *plan)
{
    kdst__free(kdst__context_memory(ctx), plan->memory, plan->bytes);
}
