/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops of a product: packing operands, running tiles, writing what is not a whole tile in place. */
#include "compute/state.h"

void kdst__product_pack(
    const kdst__product_run_t *r, const kdst__operand *x, int64_t tile, int64_t panel, int64_t begin, int64_t end,
    int64_t p0, int64_t k, void *out)
{
    int32_t dtype = r->p.dtype;
    for (int64_t i = begin; i < end; i += tile, out = kdst__at(dtype, out, panel * k)) {
        int64_t count = kdst__least(tile, end - i);
        if (x->kind == KDST__WINDOWS) {
            KDST__CALL(r->cp, dtype, pack_windows, x->windows, p0, k, i, count, panel, x->data, out);
        } else if (x->kind == KDST__WINDOWS_TRANSPOSED) {
            KDST__CALL(r->cp, dtype, pack_windows_transposed, x->windows, p0, k, i, count, panel, x->data, out);
        } else {
            for (int64_t p = p0, run; p < p0 + k; p += run) {
                int64_t group = x->group ? p / x->group : 0, at = x->group ? p % x->group : p;
                run = x->group ? kdst__least(x->group - at, p0 + k - p) : k;
                const void *from = kdst__at(dtype, x->data, i * x->si + group * x->sg + at * x->sp);
                void *to = kdst__at(dtype, out, (p - p0) * panel);
                KDST__CALL(r->cp, dtype, pack_strided, count, panel, run, from, x->si, x->sp, to);
            }
        }
    }
}

static int64_t column_offset(const kdst__product *p, int64_t column)
{
    int64_t j = column % p->j, i = column / p->j;
    return i / p->i * p->gs + i % p->i * p->is + j * p->js;
}

/* Whether `count` columns from `column` on lie js apart. */
static int32_t column_run(const kdst__product *p, int64_t column, int64_t count)
{
    int64_t j = column % p->j;
    if (j + count <= p->j) return 1;
    int64_t i = column / p->j % p->i;
    return p->is == p->j * p->js && (i * p->j + j) + count <= p->i * p->j;
}

/* One tile, c with strides: `rs` between rows of A, `cs` between columns of B. */
static void run_tile(
    const kdst__product_run_t *r, int64_t k, const void *a, const void *b, int32_t accumulate, void *c, int64_t rs,
    int64_t cs)
{
    if (r->swapped) {
        const void *kept = a;
        a = b;
        b = kept;
        int64_t stride = rs;
        rs = cs;
        cs = stride;
    }
    if (r->plan->blis)
        kdst__gemm_blis_tile(r->plan, r->p.dtype, k, a, b, accumulate, c, rs, cs);
    else if (r->flat)
        KDST__CALL(r->cp, r->p.dtype, gemm_tile_flat, k, a, b, accumulate, c, rs);
    else
        KDST__CALL(r->cp, r->p.dtype, gemm_tile, k, a, b, accumulate, c, rs);
}

/* The tile goes to a buffer and from there to C, element by element. */
static void run_part(
    const kdst__product_run_t *r, int64_t k, const void *a, const void *b, int32_t accumulate, int64_t i, int64_t rows,
    int64_t j, int64_t columns)
{
    _Alignas(64) double buffer[KDST__MAX_TILE];
    const kdst__product *p = &r->p;
    /* contiguous in the direction that the micro-kernel likes */
    int32_t by_rows = r->plan->rows != r->swapped;
    int64_t rs = by_rows ? r->wb : 1, cs = by_rows ? 1 : r->wa;
    run_tile(r, k, a, b, 0, buffer, rs, cs);
    for (int64_t column = 0; column < columns; column++) {
        int64_t at = column_offset(p, j + column) + i * p->rs;
        for (int64_t row = 0; row < rows; row++) {
            int64_t from = row * rs + column * cs, to = at + row * p->rs;
            if (p->dtype == KDST__F32) {
                float *c = p->c, value = ((const float *)(const void *)buffer)[from];
                c[to] = accumulate ? c[to] + value : value;
            } else {
                double *c = p->c;
                c[to] = accumulate ? c[to] + buffer[from] : buffer[from];
            }
        }
    }
}

void kdst__product_tiles(
    const kdst__product_run_t *r, int64_t k, const void *a, const void *b, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
    int32_t accumulate)
{
    const kdst__product *p = &r->p;
    int64_t block = kdst__divide_up(r->plan->mc, r->wa) * r->wa;
    for (int64_t top = i0; top < i1; top += block) {
        int64_t bottom = kdst__least(top + block, i1);
        for (int64_t j = j0; j < j1; j += r->wb) {
            int64_t columns = kdst__least(r->wb, j1 - j);
            int32_t whole = r->direct && columns == r->wb && column_run(p, j, columns);
            const void *panel_b = kdst__at(p->dtype, b, (j - j0) / r->wb * r->pb * k);
            void *c = kdst__at(p->dtype, p->c, column_offset(p, j));
            for (int64_t i = top; i < bottom; i += r->wa) {
                int64_t rows = kdst__least(r->wa, i1 - i);
                const void *panel_a = kdst__at(p->dtype, a, (i - i0) / r->wa * r->pa * k);
                if (whole && rows == r->wa)
                    run_tile(r, k, panel_a, panel_b, accumulate, kdst__at(p->dtype, c, i * p->rs), p->rs, p->js);
                else
                    run_part(r, k, panel_a, panel_b, accumulate, i, rows, j, columns);
            }
        }
    }
}
