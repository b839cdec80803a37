/* SPDX-License-Identifier: Apache-2.0 */
/* Body of a micro-kernel whose first factor is read where it lies, for kernels/gemm_rows.c: ROWS rows, EACH_ROW(R) writes
 * R(i, q, d) for each of them, i = 4 q + d; names are made by WIDE(n) and SLIM(n).
 *
 * c[i, j] = start[i] + sum_p a[i ai + p ap] b[p W + j] + from[i ldf + j], then max(c, 0) with `relu`; W = 2 LANES, or LANES in
 * the slim one. A row is addressed from one of four pointers, which move along p: that many the compilers keep in registers. No
 * include guard: it is included once for each number of rows.
 */
#define ADDRESS(q, d) (a##q + (d) * ai)
#define ZERO(i, q, d) vec l##i = vsplat(start[i]), r##i = l##i;
#define STEP(i, q, d) { vec x = vsplat(*ADDRESS(q, d)); l##i += x * left; r##i += x * right; }
#define ADD(i, q, d) l##i += vload(from + i * ldf); r##i += vload(from + i * ldf + LANES);
#define CUT(i, q, d) l##i = vselect((ivec)(l##i <= 0), zero, l##i); r##i = vselect((ivec)(r##i <= 0), zero, r##i);
#define STORE(i, q, d) vstore(c + i * ldc, l##i); vstore(c + i * ldc + LANES, r##i);
#define SLIM_ZERO(i, q, d) vec l##i = vsplat(start[i]);
#define SLIM_STEP(i, q, d) l##i += vsplat(*ADDRESS(q, d)) * left;
#define SLIM_ADD(i, q, d) l##i += vload(from + i * ldf);
#define SLIM_CUT(i, q, d) l##i = vselect((ivec)(l##i <= 0), zero, l##i);
#define SLIM_STORE(i, q, d) vstore(c + i * ldc, l##i);
#define OPEN \
    const real *a0 = t->a, *b = t->b, *start = t->start, *from = t->from; \
    const int64_t ai = t->ai, ap = t->ap, ldf = t->ldf, ldc = t->ldc; \
    const real *a1 = a0 + 4 * ai, *a2 = a0 + 8 * ai, *a3 = a0 + 12 * ai; \
    real *c = t->c; \
    const vec zero = {0}; \
    (void)a1, (void)a2, (void)a3;

static void WIDE(ROWS)(const kdst__rows_tile *t)
{
    OPEN
    EACH_ROW(ZERO)
    for (int64_t p = t->k; p > 0; p--, b += 2 * LANES, a0 += ap, a1 += ap, a2 += ap, a3 += ap) {
        vec left = *(const vec *)b, right = *(const vec *)(b + LANES);
        EACH_ROW(STEP)
    }
    if (from) {
        EACH_ROW(ADD)
    }
    if (t->relu) {
        EACH_ROW(CUT)
    }
    EACH_ROW(STORE)
}

static void SLIM(ROWS)(const kdst__rows_tile *t)
{
    OPEN
    EACH_ROW(SLIM_ZERO)
    for (int64_t p = t->k; p > 0; p--, b += LANES, a0 += ap, a1 += ap, a2 += ap, a3 += ap) {
        vec left = *(const vec *)b;
        EACH_ROW(SLIM_STEP)
    }
    if (from) {
        EACH_ROW(SLIM_ADD)
    }
    if (t->relu) {
        EACH_ROW(SLIM_CUT)
    }
    EACH_ROW(SLIM_STORE)
}

#undef ADDRESS
#undef ZERO
#undef STEP
#undef ADD
#undef CUT
#undef STORE
#undef SLIM_ZERO
#undef SLIM_STEP
#undef SLIM_ADD
#undef SLIM_CUT
#undef SLIM_STORE
#undef OPEN
#undef ROWS
#undef EACH_ROW
