/* SPDX-License-Identifier: Apache-2.0 */
/* matmul: products of matrices, of many at once where the operands have more axes.
 *
 * y[l, m, n] = sum_k a[l, m, k] b[l, k, n];  da[l] += dy[l] b[l]^T, db[l] += a[l]^T dy[l].
 * a [.., M, K], b [.., K, N], y [.., M, N]; the axes in front are broadcast, and gradients are summed where an operand
 * was. An operand of rank 1 is a row on the left, a column on the right, and its axis M or N is left out of y. K = 0 gives
 * zeros. Operands may have any strides. Axes in front that operands and result run through alike are one; a matrix that is
 * the same along them is multiplied once with all the others' rows or columns.
 */
#include "autograd/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A tensor as matrices: `axis[i]` is its stride along leading axis i of the result, 0 where it is broadcast. */
typedef struct matrices {
    void *data;
    int64_t rs, cs;
    int64_t axis[KDST__MAX_RANK];
} matrices;

typedef struct geometry {
    int64_t m, n, k;
    int32_t axes; /* leading ones */
    int64_t shape[KDST__MAX_RANK];
} geometry;

static int32_t leading(const kdst_tensor *t)
{
    return t->rank > 2 ? t->rank - 2 : 0;
}

/* Size of leading axis i of `axes`; t's own are the last ones. */
static int64_t leading_size(const kdst_tensor *t, int32_t axes, int32_t i)
{
    int32_t own = i - (axes - leading(t));
    return own < 0 ? 1 : t->shape[own];
}

static kdst_status refuse(kdst__call *call, const char *why)
{
    const kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    char of_a[KDST__SHAPE_TEXT], of_b[KDST__SHAPE_TEXT];
    return kdst__fail(
        call->ctx, KDST_STATUS_SHAPE, "matmul: a is %s, b is %s: %s", kdst__shape_text(a->rank, a->shape, of_a),
        kdst__shape_text(b->rank, b->shape, of_b), why);
}

static kdst_status read_geometry(kdst__call *call, const kdst_tensor *a, const kdst_tensor *b, geometry *g)
{
    char text[96];
    if (a->rank == 0 || b->rank == 0) return refuse(call, "both must have rank 1 or more");
    g->m = a->rank > 1 ? a->shape[a->rank - 2] : 1;
    g->k = a->shape[a->rank - 1];
    g->n = b->rank > 1 ? b->shape[b->rank - 1] : 1;
    int64_t inner = b->shape[b->rank > 1 ? b->rank - 2 : 0];
    snprintf(text, sizeof text, "inner sizes %" PRId64 " and %" PRId64 " differ", g->k, inner);
    if (g->k != inner) return refuse(call, text);
    g->axes = leading(a) > leading(b) ? leading(a) : leading(b);
    for (int32_t i = 0; i < g->axes; i++) {
        int64_t na = leading_size(a, g->axes, i), nb = leading_size(b, g->axes, i);
        snprintf(text, sizeof text, "sizes %" PRId64 " and %" PRId64 " in front cannot be broadcast", na, nb);
        if (na != nb && na != 1 && nb != 1) return refuse(call, text);
        g->shape[i] = na == 1 ? nb : na;
    }
    return KDST_STATUS_OK;
}

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    geometry g;
    kdst_status status = read_geometry(call, a, b, &g);
    if (status != KDST_STATUS_OK) return status;
    memcpy(call->shape, g.shape, (size_t)g.axes * sizeof *g.shape);
    call->rank = g.axes;
    if (a->rank > 1) call->shape[call->rank++] = g.m;
    if (b->rank > 1) call->shape[call->rank++] = g.n;
    return KDST_STATUS_OK;
}

/* `row`, `column`: which axes of t are the matrix's, -1 where t has none. */
static matrices matrices_of(const kdst_tensor *t, const geometry *g, int32_t row, int32_t column)
{
    matrices x = {.data = kdst__tensor_data(t), .rs = row < 0 ? 0 : t->stride[row]};
    int32_t own = t->rank - (row >= 0) - (column >= 0);
    x.cs = column < 0 ? 0 : t->stride[column];
    for (int32_t i = 0; i < g->axes; i++) {
        int32_t at = i - (g->axes - own);
        x.axis[i] = at < 0 || t->shape[at] == 1 ? 0 : t->stride[at];
    }
    return x;
}

static matrices left(const kdst_tensor *a, const geometry *g)
{
    return matrices_of(a, g, a->rank - 2, a->rank - 1);
}

static matrices right(const kdst_tensor *b, const geometry *g)
{
    return b->rank == 1 ? matrices_of(b, g, 0, -1) : matrices_of(b, g, b->rank - 2, b->rank - 1);
}

static matrices product(const kdst_tensor *y, const geometry *g, bool rows, bool columns)
{
    int32_t column = columns ? y->rank - 1 : -1, row = rows ? y->rank - 1 - columns : -1;
    return matrices_of(y, g, row, column);
}

static matrices transposed(matrices x)
{
    int64_t rs = x.rs;
    x.rs = x.cs;
    x.cs = rs;
    return x;
}

/* Drops axes of size 1 and joins neighbours that all three run through without a gap. */
static void join_axes(geometry *g, matrices *a, matrices *b, matrices *c)
{
    matrices *all[] = {a, b, c};
    int32_t count = 0;
    for (int32_t i = 0; i < g->axes; i++) {
        if (g->shape[i] == 1) continue;
        bool joined = count > 0;
        for (int s = 0; s < 3 && joined; s++)
            joined = all[s]->axis[count - 1] == all[s]->axis[i] * g->shape[i];
        if (!joined) count++;
        g->shape[count - 1] = joined ? g->shape[count - 1] * g->shape[i] : g->shape[i];
        for (int s = 0; s < 3; s++)
            all[s]->axis[count - 1] = all[s]->axis[i];
    }
    g->axes = count;
}

static void *at(kdst_dtype dtype, const matrices *x, int64_t offset)
{
    return (char *)x->data + offset * kdst_dtype_get_size(dtype);
}

/* c (+)= a b for the products along the last leading axis; the others are at `offset`. */
static kdst_status run_axis(
    kdst__compute *cp, kdst_dtype dtype, const geometry *g, const matrices *a, const matrices *b, const matrices *c,
    int32_t accumulate, const int64_t offset[3])
{
    int64_t m = g->m, n = g->n, k = g->k, count = g->axes > 0 ? g->shape[g->axes - 1] : 1;
    int64_t sa = g->axes > 0 ? a->axis[g->axes - 1] : 0, sb = g->axes > 0 ? b->axis[g->axes - 1] : 0;
    int64_t sc = g->axes > 0 ? c->axis[g->axes - 1] : 0;
    void *from_a = at(dtype, a, offset[0]), *from_b = at(dtype, b, offset[1]), *to = at(dtype, c, offset[2]);
    bool summed = count > 1 && sc == 0;
    if (summed && (k == 1 || (sa == a->cs * k && sb == b->rs * k))) { /* one sum over both */
        return kdst__gemm(
            cp, dtype, m, n, k * count, from_a, a->rs, k == 1 ? sa : a->cs, from_b, k == 1 ? sb : b->rs, b->cs, 1, to,
            c->rs, c->cs);
    }
    if (summed) {
        kdst_status status = KDST_STATUS_OK;
        for (int64_t i = 0; i < count && status == KDST_STATUS_OK; i++)
            status = kdst__gemm(
                cp, dtype, m, n, k, at(dtype, a, offset[0] + i * sa), a->rs, a->cs, at(dtype, b, offset[1] + i * sb),
                b->rs, b->cs, 1, to, c->rs, c->cs);
        return status;
    }
    if (count > 1 && sb == 0 && (m == 1 || (sa == a->rs * m && sc == c->rs * m)))
        return kdst__gemm(
            cp, dtype, m * count, n, k, from_a, m == 1 ? sa : a->rs, a->cs, from_b, b->rs, b->cs, accumulate, to,
            m == 1 ? sc : c->rs, c->cs);
    if (count > 1 && sa == 0 && (n == 1 || (sb == b->cs * n && sc == c->cs * n)))
        return kdst__gemm(
            cp, dtype, m, n * count, k, from_a, a->rs, a->cs, from_b, b->rs, n == 1 ? sb : b->cs, accumulate, to, c->rs,
            n == 1 ? sc : c->cs);
    return kdst__gemm_batch(
        cp, dtype, count, m, n, k, from_a, a->rs, a->cs, sa, from_b, b->rs, b->cs, sb, accumulate, to, c->rs, c->cs,
        sc);
}

/* c (+)= a b; where c is broadcast the products are added up, in order. */
static kdst_status
multiply(kdst__call *call, kdst_dtype dtype, geometry g, matrices a, matrices b, matrices c, int32_t accumulate)
{
    kdst__compute *cp = kdst__slot_get(call->ctx, KDST__SLOT_COMPUTE);
    int64_t total = 1;
    join_axes(&g, &a, &b, &c);
    for (int32_t i = 0; i < g.axes; i++) {
        if (g.shape[i] == 0) return KDST_STATUS_OK;
        if (i + 1 < g.axes) total *= g.shape[i];
    }
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < total && status == KDST_STATUS_OK; i++) {
        int64_t offset[3] = {0}, rest = i;
        for (int32_t axis = g.axes - 2; axis >= 0; rest /= g.shape[axis], axis--) {
            int64_t position = rest % g.shape[axis];
            offset[0] += position * a.axis[axis];
            offset[1] += position * b.axis[axis];
            offset[2] += position * c.axis[axis];
        }
        status = run_axis(cp, dtype, &g, &a, &b, &c, accumulate, offset);
    }
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "matmul");
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1], *y = call->out;
    geometry g;
    kdst_status status = read_geometry(call, a, b, &g);
    if (status != KDST_STATUS_OK) return status;
    return multiply(call, y->dtype, g, left(a, &g), right(b, &g), product(y, &g, a->rank > 1, b->rank > 1), 0);
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1], *dy = call->d_out;
    kdst_tensor *da = call->d_inputs[0], *db = call->d_inputs[1];
    geometry g;
    kdst_status status = read_geometry(call, a, b, &g);
    if (status != KDST_STATUS_OK) return status;
    const matrices of_dy = product(dy, &g, a->rank > 1, b->rank > 1);
    geometry of_a = g, of_b = g;
    of_a.n = g.k, of_a.k = g.n;
    of_b.m = g.k, of_b.k = g.m;
    if (da != NULL) status = multiply(call, dy->dtype, of_a, of_dy, transposed(right(b, &g)), left(da, &g), 1);
    if (status == KDST_STATUS_OK && db != NULL)
        status = multiply(call, dy->dtype, of_b, transposed(left(a, &g)), of_dy, right(db, &g), 1);
    return status;
}

const kdst__op kdst__op_matmul = {
    .name = "matmul",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 3,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_matmul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {a, b};
    return kdst__op_run(&kdst__op_matmul, inputs, 2, NULL, out);
}
