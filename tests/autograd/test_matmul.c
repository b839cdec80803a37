/* SPDX-License-Identifier: Apache-2.0 */
/* matmul and linear against three loops, on views, with empty sides, bad input. */
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
    expect_failure(
        kdst_matmul(a, b, &y), KDST_STATUS_SHAPE, "matmul: a is [2, 3], b is [4, 5]: inner sizes 3 and 4 differ");
    ck_assert_ptr_null(y);
    expect_failure(kdst_matmul(a, v, &y), KDST_STATUS_SHAPE, "rank 2");
    expect_failure(kdst_matmul(a, wide, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_matmul(a, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_linear(a, b, NULL, &y), KDST_STATUS_SHAPE, "linear: x is [2, 3], weight is [4, 5]");
    expect_failure(kdst_linear(v, w, NULL, &y), KDST_STATUS_SHAPE, "rank 2");
    expect_failure(kdst_linear(a, w, v, &y), KDST_STATUS_SHAPE, "bias is [3], weight is [7, 3]: expected [7]");
    expect_failure(kdst_linear(a, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_linear(NULL, w, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {a, b, v, wide, w};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_matmul, 0, 2);
    tcase_add_loop_test(tests, test_linear, 0, 2);
    tcase_add_test(tests, test_no_inner_size_gives_bias);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("matmul", build);
}
