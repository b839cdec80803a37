/* SPDX-License-Identifier: Apache-2.0 */
/* sum and mean over any axes against loops; accuracy of long sums; empty tensors; bad input. */
#include "support.h"

/* All subsets of the axes of a rank-4 tensor, kept and dropped. */
static void check(const int64_t *s, kdst_dtype dtype, int subset, int keep, int views)
{
    kdst_tensor *x = filled(dtype, 4, s, 1), *sum = NULL, *mean = NULL;
    int64_t axes[4], out[4], count = 0, rank = 0, stride[4], outer = 1;
    if (views) x = scattered(x);
    for (int i = 3; i >= 0; i--) {
        stride[i] = subset >> i & 1 ? 0 : outer;
        outer *= subset >> i & 1 ? 1 : s[i];
    }
    for (int i = 0; i < 4; i++) {
        if (subset >> i & 1) axes[count++] = i % 2 ? i - 4 : i;
        if (!(subset >> i & 1) || keep) out[rank++] = subset >> i & 1 ? 1 : s[i];
    }
    double *v = doubles(x), *expected = calloc((size_t)outer + 1, 8);
    int64_t total = kdst_tensor_get_count(x);
    for (int64_t i = 0; i < total; i++)
        expected
            [i / (s[1] * s[2] * s[3]) * stride[0] + i / (s[2] * s[3]) % s[1] * stride[1] + i / s[3] % s[2] * stride[2] +
             i % s[3] * stride[3]] += v[i];
    expect_ok(kdst_sum(x, axes, count, keep, &sum));
    expect_ok(kdst_mean(x, axes, count, keep, &mean));
    expect_shape(sum, rank, out);
    expect_shape(mean, rank, out);
    expect_close(sum, expected);
    for (int64_t i = 0; i < outer; i++)
        expected[i] *= (double)outer / (double)total;
    expect_close(mean, expected);
    free(v);
    free(expected);
    kdst_tensor *all[] = {x, sum, mean};
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(all[i]);
}

START_TEST(test_definition)
{
    static const int64_t shapes[][4] = {{2, 3, 4, 5}, {1, 17, 1, 8}, {9, 1, 33, 2}, {1, 1, 1, 1}};
    for (int s = 0; s < 4; s++)
        for (int subset = 1; subset < 16; subset++)
            for (int keep = 0; keep < 2; keep++)
                for (int views = 0; views < 2; views++)
                    check(shapes[s], real_type(_i), subset, keep, views);
}
END_TEST

START_TEST(test_all_axes)
{
    kdst_tensor *x = from_doubles(F64, SHAPE(2, 2), (double[]){1, 2, 3, 5}), *y = NULL;
    expect_ok(kdst_sum(x, NULL, 0, 0, &y));
    ck_assert_int_eq(kdst_tensor_get_rank(y), 0);
    expect_close(y, (double[]){11});
    kdst_tensor_release(y);
    expect_ok(kdst_mean(x, NULL, 0, 1, &y));
    expect_shape(y, SHAPE(1, 1));
    expect_close(y, (double[]){2.75});
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* 4 million times 0.1 in float32: a running sum would be off by more than a percent. */
START_TEST(test_long_sums_stay_accurate)
{
    int64_t n = 1 << 22;
    kdst_tensor *x = NULL, *y = NULL;
    double value = 0;
    expect_ok(kdst_tensor_create(ctx, F32, 1, &n, &x));
    expect_ok(kdst_tensor_set_value(x, 0.1));
    expect_ok(kdst_sum(x, NULL, 0, 0, &y));
    expect_ok(kdst_tensor_get_value(y, &value));
    ck_assert_double_eq_tol(value / (double)n, 0.1, 1e-6);
    kdst_tensor_release(y);
    expect_ok(kdst_mean(x, NULL, 0, 0, &y));
    expect_ok(kdst_tensor_get_value(y, &value));
    ck_assert_double_eq_tol(value, 0.1, 1e-6);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_empty)
{
    kdst_tensor *x = filled(F32, SHAPE(0, 3), 1), *y = NULL;
    expect_ok(kdst_sum(x, (int64_t[]){0}, 1, 0, &y));
    expect_close(y, (double[]){0, 0, 0});
    kdst_tensor_release(y);
    expect_ok(kdst_sum(x, (int64_t[]){1}, 1, 0, &y));
    expect_shape(y, SHAPE(0));
    kdst_tensor_release(y);
    expect_failure(kdst_mean(x, NULL, 0, 0, &y), KDST_STATUS_SHAPE, "[0, 3]");
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *labels = from_labels(1, (int32_t[]){1}), *y = x;
    kdst_status (*functions[])(kdst_tensor *, const int64_t *, int64_t, int32_t, kdst_tensor **) = {
        kdst_sum, kdst_mean};
    for (int i = 0; i < 2; i++) {
        expect_failure(functions[i](x, (int64_t[]){2}, 1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
        ck_assert_ptr_null(y);
        expect_failure(functions[i](x, (int64_t[]){1, -1}, 2, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "twice");
        expect_failure(functions[i](x, NULL, 1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
        expect_failure(functions[i](x, NULL, -1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "count");
        expect_failure(functions[i](x, (int64_t[]){0, 1, 0}, 3, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "twice");
        expect_failure(functions[i](x, NULL, 0, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "keep");
        expect_failure(functions[i](labels, NULL, 0, 0, &y), KDST_STATUS_DTYPE, "int32");
        ck_assert_int_eq(functions[i](NULL, NULL, 0, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    }
    kdst_tensor_release(x);
    kdst_tensor_release(labels);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, 2);
    tcase_add_test(tests, test_all_axes);
    tcase_add_test(tests, test_long_sums_stay_accurate);
    tcase_add_test(tests, test_empty);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("reduce", build);
}
