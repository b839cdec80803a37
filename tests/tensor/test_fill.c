/* SPDX-License-Identifier: Apache-2.0 */
/* Filling with one value and with random numbers. */
#include "autograd/support.h"

#define I32 KDST_DTYPE_INT32
#define U8 KDST_DTYPE_UINT8
#define BOOL KDST_DTYPE_BOOL

START_TEST(one_value)
{
    static const struct {
        kdst_dtype dtype;
        double value, expected;
    } good[] = {
        {F32, 0.1, 0.1f},
        {F32, -INFINITY, -INFINITY},
        {F64, 0.1, 0.1},
        {F64, 1e-320, 1e-320},
        {I32, -2147483648.0, -2147483648.0},
        {I32, 2147483647, 2147483647},
        {I32, -0.0, 0},
        {U8, 0, 0},
        {U8, 255, 255},
        {BOOL, 0, 0},
        {BOOL, 1, 1},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        kdst_tensor *t = NULL;
        expect_ok(kdst_tensor_create(ctx, good[i].dtype, SHAPE(3, 5), &t));
        expect_ok(kdst_tensor_set_value(t, good[i].value));
        double *values = doubles(t);
        for (int j = 0; j < 15; j++)
            ck_assert_double_eq(values[j], good[i].expected);
        free(values);
        kdst_tensor_release(t);
    }
}
END_TEST

START_TEST(values_that_do_not_fit)
{
    static const struct {
        kdst_dtype dtype;
        double value;
    } bad[] = {
        {I32, 0.5},  {I32, 2147483648.0}, {I32, -2147483649.0},
        {I32, NAN},  {I32, INFINITY},     {U8, -1},
        {U8, 256},   {U8, 1.5},           {U8, NAN},
        {BOOL, 2},   {BOOL, -1},          {BOOL, 0.5},
        {BOOL, NAN},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kdst_tensor *t = NULL;
        expect_ok(kdst_tensor_create(ctx, bad[i].dtype, SHAPE(2), &t));
        expect_ok(kdst_tensor_set_value(t, 1));
        expect_failure(kdst_tensor_set_value(t, bad[i].value), KDST_STATUS_INVALID_ARGUMENT, "cannot hold");
        expect_close(t, (double[]){1, 1});
        kdst_tensor_release(t);
    }
    ck_assert_int_eq(kdst_tensor_set_value(NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(gaps_are_left_alone)
{
    double data[24];
    kdst_tensor *t = NULL;
    for (int i = 0; i < 24; i++)
        data[i] = -1;
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(3, 1, 2), (int64_t[]){-7, 99, 3}, data + 16, NULL, NULL, &t));
    expect_ok(kdst_tensor_set_value(t, 4));
    for (int i = 0; i < 24; i++) {
        int written = i == 16 || i == 19 || i == 9 || i == 12 || i == 2 || i == 5;
        ck_assert_msg(data[i] == (written ? 4 : -1), "element %d is %g", i, data[i]);
    }
    kdst_tensor_release(t);
}
END_TEST

static void fill(kdst_tensor *t, int normal)
{
    expect_ok(normal ? kdst_tensor_set_normal(t, 0, 1) : kdst_tensor_set_uniform(t, -1, 1));
}

/* Element i is number i of the stream: for every layout, and in float32 the same number rounded. */
START_TEST(random_numbers_by_position)
{
    kdst_tensor *plain = NULL, *narrow = NULL, *wide = NULL, *part = NULL, *turned = NULL;
    expect_ok(kdst_tensor_create(ctx, F64, SHAPE(4, 3, 5), &plain));
    expect_ok(kdst_tensor_create(ctx, F32, SHAPE(4, 3, 5), &narrow));
    expect_ok(kdst_tensor_create(ctx, F64, SHAPE(5, 6, 4), &wide));
    expect_ok(kdst_slice(wide, 1, 1, 6, 2, &part));
    expect_ok(kdst_transpose(part, 0, 2, &turned));
    kdst_tensor *all[] = {plain, narrow, turned};
    double *values[3];
    for (int i = 0; i < 3; i++) {
        expect_ok(kdst_context_set_seed(ctx, 42));
        fill(all[i], _i);
        values[i] = doubles(all[i]);
    }
    for (int i = 0; i < 60; i++) {
        ck_assert_double_eq(values[1][i], (float)values[0][i]);
        ck_assert_double_eq(values[2][i], values[0][i]);
    }
    for (int i = 0; i < 3; i++)
        free(values[i]);
    kdst_tensor_release(turned);
    kdst_tensor_release(part);
    kdst_tensor_release(wide);
    kdst_tensor_release(narrow);
    kdst_tensor_release(plain);
}
END_TEST

/* Many numbers, cut into pieces: the same for any number of threads, and those of a view that is filled one by one. */
START_TEST(random_numbers_in_pieces)
{
    enum { ROWS = 41, COLUMNS = 2501, COUNT = ROWS * COLUMNS };
    kdst_context *one = context_with_threads(1), *three = context_with_threads(3), *contexts[] = {one, three, three};
    kdst_tensor *all[3] = {NULL}, *wide = NULL;
    double *values[3];
    expect_ok(kdst_tensor_create(one, real_type(_i % 2), SHAPE(ROWS, COLUMNS), &all[0]));
    expect_ok(kdst_tensor_create(three, real_type(_i % 2), SHAPE(ROWS, COLUMNS), &all[1]));
    expect_ok(kdst_tensor_create(three, real_type(_i % 2), SHAPE(ROWS, 2 * COLUMNS), &wide));
    expect_ok(kdst_slice(wide, 1, 1, 2 * COLUMNS, 2, &all[2]));
    for (int i = 0; i < 3; i++) {
        expect_ok(kdst_context_set_seed(contexts[i], 42));
        fill(all[i], _i / 2);
        values[i] = doubles(all[i]);
    }
    ck_assert_mem_eq(values[0], values[1], COUNT * sizeof(double));
    ck_assert_mem_eq(values[0], values[2], COUNT * sizeof(double));
    for (int i = 0; i < 3; i++) {
        free(values[i]);
        kdst_tensor_release(all[i]);
    }
    kdst_tensor_release(wide);
    kdst_context_release(three);
    kdst_context_release(one);
}
END_TEST

/* Each fill takes the next stream; the seed and the number of the stream bring it back. */
START_TEST(streams)
{
    kdst_tensor *t = NULL;
    double *values[4];
    uint64_t seed = 0, stream = 0;
    expect_ok(kdst_tensor_create(ctx, F64, SHAPE(50), &t));
    expect_ok(kdst_context_set_seed(ctx, 5));
    for (int i = 0; i < 4; i++) {
        if (i == 2) expect_ok(kdst_context_set_random(ctx, 5, 1));
        if (i == 3) expect_ok(kdst_context_set_seed(ctx, 6));
        fill(t, _i);
        values[i] = doubles(t);
    }
    expect_ok(kdst_context_get_random(ctx, &seed, &stream));
    ck_assert_uint_eq(seed, 6);
    ck_assert_uint_eq(stream, 1);
    ck_assert_mem_eq(values[1], values[2], 50 * sizeof(double));
    for (int i = 0; i < 50; i++) {
        ck_assert_double_ne(values[0][i], values[1][i]);
        ck_assert_double_ne(values[0][i], values[3][i]);
    }
    for (int i = 0; i < 4; i++)
        free(values[i]);
    kdst_tensor_release(t);
}
END_TEST

/* Moments of 40,000 numbers: five standard errors of mean and variance. */
START_TEST(distributions)
{
    enum { N = 40000 };
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create(ctx, _i % 2 ? F32 : F64, SHAPE(N), &t));
    expect_ok(kdst_context_set_seed(ctx, 11));
    int normal = _i / 2;
    expect_ok(normal ? kdst_tensor_set_normal(t, 3, 0.5) : kdst_tensor_set_uniform(t, -2, 4));
    double *values = doubles(t), mean = 0, variance = 0, true_mean = normal ? 3 : 1, true_variance = normal ? 0.25 : 3;
    double kurtosis = normal ? 3 : 1.8;
    for (int i = 0; i < N; i++) {
        mean += values[i] / N;
        variance += (values[i] - true_mean) * (values[i] - true_mean) / N;
        if (!normal) ck_assert(values[i] >= -2 && values[i] <= 4);
    }
    ck_assert_double_le(fabs(mean - true_mean), 5 * sqrt(true_variance / N));
    ck_assert_double_le(fabs(variance - true_variance), 5 * true_variance * sqrt((kurtosis - 1) / N));
    free(values);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(degenerate_distributions)
{
    kdst_tensor *t = filled(F64, SHAPE(3), 1);
    expect_ok(kdst_tensor_set_uniform(t, 2, 2));
    expect_close(t, (double[]){2, 2, 2});
    expect_ok(kdst_tensor_set_uniform(t, 1, 1 + 0x1p-52)); /* nothing lies between them */
    double *values = doubles(t);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(values[i], 1);
    free(values);
    expect_ok(kdst_tensor_set_normal(t, -1, 0));
    expect_close(t, (double[]){-1, -1, -1});
    kdst_tensor_release(t);
}
END_TEST

START_TEST(bad_distributions)
{
    kdst_tensor *t = filled(F32, SHAPE(3), 1), *whole = NULL;
    double *before = doubles(t), *after;
    uint64_t stream = 0;
    expect_ok(kdst_context_set_seed(ctx, 1));
    expect_ok(kdst_tensor_create(ctx, I32, SHAPE(3), &whole));
    expect_failure(kdst_tensor_set_uniform(t, 1, 0), KDST_STATUS_INVALID_ARGUMENT, "low is 1, high 0");
    expect_failure(kdst_tensor_set_uniform(t, NAN, 0), KDST_STATUS_INVALID_ARGUMENT, "low is nan");
    expect_failure(kdst_tensor_set_uniform(t, 0, INFINITY), KDST_STATUS_INVALID_ARGUMENT, "high inf");
    expect_failure(kdst_tensor_set_uniform(t, -1e308, 1e308), KDST_STATUS_INVALID_ARGUMENT, "low is -1e+308");
    expect_failure(kdst_tensor_set_uniform(whole, 0, 1), KDST_STATUS_DTYPE, "the tensor is int32");
    expect_failure(kdst_tensor_set_normal(t, 0, -1), KDST_STATUS_INVALID_ARGUMENT, "deviation -1");
    expect_failure(kdst_tensor_set_normal(t, INFINITY, 1), KDST_STATUS_INVALID_ARGUMENT, "mean is inf");
    expect_failure(kdst_tensor_set_normal(t, 0, NAN), KDST_STATUS_INVALID_ARGUMENT, "deviation nan");
    expect_failure(kdst_tensor_set_normal(whole, 0, 1), KDST_STATUS_DTYPE, "the tensor is int32");
    ck_assert_int_eq(kdst_tensor_set_uniform(NULL, 0, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_tensor_set_normal(NULL, 0, 1), KDST_STATUS_INVALID_ARGUMENT);
    expect_ok(kdst_context_get_random(ctx, NULL, &stream));
    ck_assert_uint_eq(stream, 0); /* a refused fill takes no stream */
    after = doubles(t);
    ck_assert_mem_eq(before, after, 3 * sizeof *after);
    free(after);
    free(before);
    kdst_tensor_release(whole);
    kdst_tensor_release(t);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, one_value);
    tcase_add_test(tests, values_that_do_not_fit);
    tcase_add_test(tests, gaps_are_left_alone);
    tcase_add_loop_test(tests, random_numbers_in_pieces, 0, 4);
    tcase_add_loop_test(tests, random_numbers_by_position, 0, 2);
    tcase_add_loop_test(tests, streams, 0, 2);
    tcase_add_loop_test(tests, distributions, 0, 4);
    tcase_add_test(tests, degenerate_distributions);
    tcase_add_test(tests, bad_distributions);
}

int main(void)
{
    return run_suite("fill", build);
}
