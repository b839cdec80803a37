/* SPDX-License-Identifier: Apache-2.0 */
/* matmul and linear against three loops, on views, with broadcast axes in front and empty sides, bad input. */
#include "support.h"

static const int64_t sizes[][3] = {{1, 1, 1},    {2, 3, 5},    {7, 8, 9}, {15, 16, 17}, {33, 31, 1},
                                   {1, 129, 65}, {64, 64, 64}, {3, 0, 4}, {0, 3, 4},    {5, 7, 0}};
#define SIZES ((int)(sizeof sizes / sizeof *sizes))

/* [M, N] = a [M, K] b, b[k, n] at k * bk + n * bn */
static double *naive(const double *a, const double *b, int64_t m, int64_t k, int64_t n, int64_t bk, int64_t bn)
{
    double *y = calloc((size_t)(m * n) + 1, sizeof *y);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t l = 0; l < k; l++)
                y[i * n + j] += a[i * k + l] * b[l * bk + j * bn];
    return y;
}

START_TEST(test_matmul)
{
    for (int s = 0; s < SIZES; s++) {
        for (int views = 0; views < 4; views++) {
            int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
            kdst_tensor *a = filled(real_type(_i), SHAPE(m, k), 1), *b = filled(real_type(_i), SHAPE(k, n), 2),
                        *y = NULL;
            if (views & 1) a = scattered(a);
            if (views & 2) b = scattered(b);
            double *va = doubles(a), *vb = doubles(b), *expected = naive(va, vb, m, k, n, n, 1);
            expect_ok(kdst_matmul(a, b, &y));
            expect_shape(y, SHAPE(m, n));
            expect_close(y, expected);
            free(va);
            free(vb);
            free(expected);
            kdst_tensor_release(a);
            kdst_tensor_release(b);
            kdst_tensor_release(y);
        }
    }
}
END_TEST

/* Shapes as PyTorch's matmul takes them. */
static const struct batched {
    int64_t ra, a[5], rb, b[5];
} batches[] = {
    {3, {4, 3, 5}, 3, {4, 5, 2}},          /* one product each */
    {3, {4, 3, 5}, 2, {5, 2}},             /* the right one shared */
    {2, {3, 5}, 3, {4, 5, 2}},             /* the left one shared */
    {4, {2, 1, 3, 5}, 4, {1, 6, 5, 7}},    /* both stretched */
    {4, {2, 6, 3, 5}, 3, {6, 5, 7}},       /* and put in front */
    {5, {2, 3, 2, 4, 5}, 4, {3, 1, 5, 6}}, /* in the middle */
    {3, {33, 1, 17}, 3, {33, 17, 1}},      /* dot products */
    {3, {3, 40, 33}, 3, {3, 33, 65}},      /* more than a tile */
    {1, {5}, 1, {5}},                      /* rank 1 */
    {1, {5}, 2, {5, 3}},
    {2, {3, 5}, 1, {5}},
    {1, {5}, 4, {2, 3, 5, 4}},
    {4, {2, 3, 4, 5}, 1, {5}},
    {3, {0, 3, 5}, 3, {1, 5, 2}}, /* nothing */
    {3, {2, 0, 5}, 3, {2, 5, 2}},
    {3, {2, 3, 0}, 3, {2, 0, 4}},
};
#define BATCHES ((int)(sizeof batches / sizeof *batches))

/* Element offset of the matrices that product `l` of y reads in an operand of that shape. */
static int64_t matrix_at(int64_t l, const int64_t *front, int64_t axes, const int64_t *shape, int64_t rank)
{
    int64_t own = rank > 2 ? rank - 2 : 0, offset = 0, step = rank > 1 ? shape[rank - 1] * shape[rank - 2] : shape[0];
    for (int64_t i = axes - 1; i >= 0; l /= front[i], i--) {
        int64_t at = i - (axes - own);
        if (at < 0) continue;
        offset += shape[at] == 1 ? 0 : l % front[i] * step;
        step *= shape[at];
    }
    return offset;
}

/* y of the batched product, and the gradients of sum r y; all by definition. */
static void naive_batched(
    const struct batched *c, const int64_t *front, int64_t axes, const double *a, const double *b, const double *r,
    double *y, double *da, double *db)
{
    int64_t m = c->ra > 1 ? c->a[c->ra - 2] : 1, k = c->a[c->ra - 1], n = c->rb > 1 ? c->b[c->rb - 1] : 1, count = 1;
    for (int64_t i = 0; i < axes; i++)
        count *= front[i];
    for (int64_t l = 0; l < count; l++) {
        int64_t at_a = matrix_at(l, front, axes, c->a, c->ra), at_b = matrix_at(l, front, axes, c->b, c->rb);
        for (int64_t i = 0; i < m * n; i++)
            for (int64_t p = 0; p < k; p++) {
                int64_t in_a = at_a + i / n * k + p, in_b = at_b + p * n + i % n;
                y[l * m * n + i] += a[in_a] * b[in_b];
                da[in_a] += r[l * m * n + i] * b[in_b];
                db[in_b] += r[l * m * n + i] * a[in_a];
            }
    }
}

START_TEST(test_batched)
{
    for (int s = 0; s < BATCHES; s++) {
        for (int views = 0; views < 4; views++) {
            const struct batched *c = &batches[s];
            kdst_tensor *a = filled(real_type(_i), c->ra, c->a, 1), *b = filled(real_type(_i), c->rb, c->b, 2);
            kdst_tensor *y = NULL, *of_a = NULL, *of_b = NULL;
            int64_t axes = 0, front[5], shape[5], rank;
            for (int64_t i = 0, fa = c->ra - 2, fb = c->rb - 2, n = fa > fb ? fa : fb; i < n; i++) {
                int64_t na = i < n - fa ? 1 : c->a[i - (n - fa)], nb = i < n - fb ? 1 : c->b[i - (n - fb)];
                shape[axes] = front[axes] = na == 1 ? nb : na;
                axes++;
            }
            rank = axes;
            if (c->ra > 1) shape[rank++] = c->a[c->ra - 2];
            if (c->rb > 1) shape[rank++] = c->b[c->rb - 1];
            if ((views & 1) && c->ra > 1) a = scattered(a);
            if ((views & 2) && c->rb > 1) b = scattered(b);
            expect_ok(kdst_tensor_set_requires_grad(a, 1));
            expect_ok(kdst_tensor_set_requires_grad(b, 1));
            expect_ok(kdst_matmul(a, b, &y));
            expect_shape(y, rank, shape);
            kdst_tensor *r = filled(real_type(_i), rank, shape, 3);
            double *va = doubles(a), *vb = doubles(b), *vr = doubles(r);
            double *vy = calloc(65536, 8), *da = calloc(65536, 8), *db = calloc(65536, 8);
            naive_batched(c, front, axes, va, vb, vr, vy, da, db);
            expect_close(y, vy);
            expect_ok(kdst_backward(y, r, NULL));
            expect_close(of_a = grad_of(a), da);
            expect_close(of_b = grad_of(b), db);
            double *values[] = {va, vb, vr, vy, da, db};
            for (int i = 0; i < 6; i++)
                free(values[i]);
            kdst_tensor *all[] = {a, b, y, r, of_a, of_b};
            for (int i = 0; i < 6; i++)
                kdst_tensor_release(all[i]);
        }
    }
}
END_TEST

START_TEST(test_linear)
{
    for (int s = 0; s < SIZES; s++) {
        for (int with_bias = 0; with_bias < 2; with_bias++) {
            int64_t n = sizes[s][0], in = sizes[s][1], o = sizes[s][2];
            kdst_tensor *x = filled(real_type(_i), SHAPE(n, in), 1), *w = filled(real_type(_i), SHAPE(o, in), 2);
            kdst_tensor *b = with_bias ? filled(real_type(_i), SHAPE(o), 3) : NULL, *y = NULL;
            double *vx = doubles(x), *vw = doubles(w), *vb = with_bias ? doubles(b) : NULL;
            double *expected = naive(vx, vw, n, in, o, 1, in);
            for (int64_t i = 0; with_bias && i < n * o; i++)
                expected[i] += vb[i % o];
            expect_ok(kdst_linear(x, w, b, &y));
            expect_shape(y, SHAPE(n, o));
            expect_close(y, expected);
            free(vx);
            free(vw);
            free(vb);
            free(expected);
            kdst_tensor *all[] = {x, w, b, y};
            for (int i = 0; i < 4; i++)
                kdst_tensor_release(all[i]);
        }
    }
}
END_TEST

/* A NaN in the memory a result is written to must not survive, not even where K is 0. */
START_TEST(test_no_inner_size_gives_bias)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 0), 1), *w = filled(F32, SHAPE(3, 0), 2), *y = NULL;
    kdst_tensor *b = from_doubles(F32, SHAPE(3), (double[]){1, 2, 3});
    expect_ok(kdst_linear(x, w, b, &y));
    expect_close(y, (double[]){1, 2, 3, 1, 2, 3});
    kdst_tensor *all[] = {x, w, b, y};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *a = filled(F32, SHAPE(2, 3), 1), *b = filled(F32, SHAPE(4, 5), 2), *v = filled(F32, SHAPE(3), 3);
    kdst_tensor *wide = filled(F64, SHAPE(3, 2), 4), *w = filled(F32, SHAPE(7, 3), 5), *y = a;
    kdst_tensor *scalar = filled(F32, 0, NULL, 6), *deep = filled(F32, SHAPE(2, 3, 3), 7),
                *deeper = filled(F32, SHAPE(4, 3, 3), 8);
    expect_failure(
        kdst_matmul(a, b, &y), KDST_STATUS_SHAPE, "matmul: a is [2, 3], b is [4, 5]: inner sizes 3 and 4 differ");
    ck_assert_ptr_null(y);
    expect_failure(kdst_matmul(a, scalar, &y), KDST_STATUS_SHAPE, "both must have rank 1 or more");
    expect_failure(kdst_matmul(b, v, &y), KDST_STATUS_SHAPE, "inner sizes 5 and 3 differ");
    expect_failure(kdst_matmul(v, a, &y), KDST_STATUS_SHAPE, "a is [3], b is [2, 3]: inner sizes 3 and 2 differ");
    expect_failure(
        kdst_matmul(deep, deeper, &y), KDST_STATUS_SHAPE,
        "a is [2, 3, 3], b is [4, 3, 3]: sizes 2 and 4 in front cannot be broadcast");
    expect_failure(kdst_matmul(a, wide, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_matmul(a, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_linear(a, b, NULL, &y), KDST_STATUS_SHAPE, "linear: x is [2, 3], weight is [4, 5]");
    expect_failure(kdst_linear(v, w, NULL, &y), KDST_STATUS_SHAPE, "rank 2");
    expect_failure(kdst_linear(a, w, v, &y), KDST_STATUS_SHAPE, "bias is [3], weight is [7, 3]: expected [7]");
    expect_failure(kdst_linear(a, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_linear(NULL, w, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {a, b, v, wide, w, scalar, deep, deeper};
    for (int i = 0; i < 8; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_matmul, 0, 2);
    tcase_add_loop_test(tests, test_batched, 0, 2);
    tcase_add_loop_test(tests, test_linear, 0, 2);
    tcase_add_test(tests, test_no_inner_size_gives_bias);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("matmul", build);
}
