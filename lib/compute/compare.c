/* SPDX-License-Identifier: Apache-2.0 */
/* Truth values on contiguous buffers: comparisons, logic, choices by a mask. Parts of the range, one a piece. */
#include "compute/state.h"

#define GRAIN 16384

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, op;
    int64_t n, pieces, bytes, sm, sa, sb;
    const uint8_t *mask;
    const void *a, *b;
    void *y;
    void (*part)(const struct job *j, int64_t begin, int64_t n);
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    j->part(j, begin, end - begin);
}

static void run(job j)
{
    j.pieces = kdst__pieces(j.n, GRAIN);
    kdst__pool_run(j.cp->pool, j.pieces, piece_fn, &j);
}

static void compare_part(const job *j, int64_t begin, int64_t n)
{
    const void *a = kdst__at(j->dtype, j->a, begin * j->sa), *b = kdst__at(j->dtype, j->b, begin * j->sb);
    KDST__CALL(j->cp, j->dtype, compare, j->op, n, a, j->sa, b, j->sb, (uint8_t *)j->y + begin);
}

static void finite_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, is_finite, n, kdst__at(j->dtype, j->a, begin), (uint8_t *)j->y + begin);
}

static void logical_part(const job *j, int64_t begin, int64_t n)
{
    const uint8_t *a = (const uint8_t *)j->a + begin * j->sa, *b = (const uint8_t *)j->b + begin * j->sb;
    uint8_t *y = (uint8_t *)j->y + begin;
    if (j->op == KDST__AND)
        for (int64_t i = 0; i < n; i++)
            y[i] = (a[i * j->sa] != 0) & (b[i * j->sb] != 0);
    else if (j->op == KDST__OR)
        for (int64_t i = 0; i < n; i++)
            y[i] = (a[i * j->sa] | b[i * j->sb]) != 0;
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i * j->sa] == 0;
}

/* Elements are moved as whole numbers of their size. */
static void choose_part(const job *j, int64_t begin, int64_t n)
{
    const uint8_t *mask = j->mask + begin * j->sm;
    if (j->bytes == 4) {
        const uint32_t *a = (const uint32_t *)j->a + begin * j->sa, *b = (const uint32_t *)j->b + begin * j->sb;
        for (int64_t i = 0; i < n; i++)
            ((uint32_t *)j->y)[begin + i] = mask[i * j->sm] ? a[i * j->sa] : b[i * j->sb];
    } else if (j->bytes == 8) {
        const uint64_t *a = (const uint64_t *)j->a + begin * j->sa, *b = (const uint64_t *)j->b + begin * j->sb;
        for (int64_t i = 0; i < n; i++)
            ((uint64_t *)j->y)[begin + i] = mask[i * j->sm] ? a[i * j->sa] : b[i * j->sb];
    } else {
        const uint8_t *a = (const uint8_t *)j->a + begin * j->sa, *b = (const uint8_t *)j->b + begin * j->sb;
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)j->y)[begin + i] = mask[i * j->sm] ? a[i * j->sa] : b[i * j->sb];
    }
}

void kdst__compare(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, const void *a, int64_t sa, const void *b, int64_t sb,
    uint8_t *y)
{
    run((job){
        .cp = cp, .dtype = dtype, .op = op, .n = n, .a = a, .sa = sa, .b = b, .sb = sb, .y = y, .part = compare_part});
}

void kdst__is_finite(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, uint8_t *y)
{
    run((job){.cp = cp, .dtype = dtype, .n = n, .a = x, .y = y, .part = finite_part});
}

void kdst__logical(
    kdst__compute *cp, int32_t op, int64_t n, const uint8_t *a, int64_t sa, const uint8_t *b, int64_t sb, uint8_t *y)
{
    run((job){.cp = cp, .op = op, .n = n, .a = a, .sa = sa, .b = b, .sb = sb, .y = y, .part = logical_part});
}

void kdst__choose(
    kdst__compute *cp, int64_t bytes, int64_t n, const uint8_t *mask, int64_t sm, const void *a, int64_t sa,
    const void *b, int64_t sb, void *y)
{
    run((job){
        .cp = cp,
        .bytes = bytes,
        .n = n,
        .mask = mask,
        .sm = sm,
        .a = a,
        .sa = sa,
        .b = b,
        .sb = sb,
        .y = y,
        .part = choose_part});
}
