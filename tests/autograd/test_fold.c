/* SPDX-License-Identifier: Apache-2.0 */
/* max, min, variance, std, logsumexp, norm, argmax, argmin and top_k through the public API. */
#include "support.h"

#include "failures/each_allocation.h"

typedef kdst_status (*fold_fn)(kdst_tensor *, const int64_t *, int64_t, int32_t, kdst_tensor **);

static kdst_status variance(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst_variance(x, axes, count, keep, 1, out);
}
static kdst_status deviation(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst_std(x, axes, count, keep, 0, out);
}

static const fold_fn folds[] = {kdst_max, kdst_min, variance, deviation, kdst_logsumexp, kdst_norm};
enum { FOLDS = 6 };

/* The elements of a group, folded. */
static double naive(int fold, int64_t n, const double *v)
{
    double best = v[0], sum = 0, squares = 0, e = 0, spread = 0;
    for (int64_t i = 0; i < n; i++) {
        best = fold == 1 ? fmin(best, v[i]) : fmax(best, v[i]);
        sum += v[i];
        squares += v[i] * v[i];
        e += exp(v[i]);
    }
    for (int64_t i = 0; i < n; i++)
        spread += pow(v[i] - sum / (double)n, 2);
    const double all[] = {best, best, spread / ((double)n - 1), sqrt(spread / (double)n), log(e), sqrt(squares)};
    return all[fold];
}

/* One subset of the axes of a rank-4 tensor. */
static void check(int fold, const int64_t *s, kdst_dtype dtype, int subset, int keep, int views)
{
    kdst_tensor *x = filled(dtype, 4, s, 1), *y = NULL;
    int64_t axes[4], out[4], count = 0, rank = 0, stride[4], outer = 1, n = 1;
    if (views) x = scattered(x);
    for (int i = 3; i >= 0; i--) {
        stride[i] = subset >> i & 1 ? 0 : outer;
        outer *= subset >> i & 1 ? 1 : s[i];
        n *= subset >> i & 1 ? s[i] : 1;
    }
    for (int i = 0; i < 4; i++) {
        if (subset >> i & 1) axes[count++] = i % 2 ? i - 4 : i;
        if (!(subset >> i & 1) || keep) out[rank++] = subset >> i & 1 ? 1 : s[i];
    }
    if (fold == 2 && n == 1) {
        kdst_tensor_release(x);
        return;
    }
    double *v = doubles(x), *groups = calloc((size_t)(outer * n) + 1, 8), *expected = calloc((size_t)outer + 1, 8);
    int64_t *filled_to = calloc((size_t)outer + 1, 8);
    for (int64_t i = 0; i < outer * n; i++) {
        int64_t g = i / (s[1] * s[2] * s[3]) * stride[0] + i / (s[2] * s[3]) % s[1] * stride[1] +
            i / s[3] % s[2] * stride[2] + i % s[3] * stride[3];
        groups[g * n + filled_to[g]++] = v[i];
    }
    for (int64_t g = 0; g < outer; g++)
        expected[g] = naive(fold, n, groups + g * n);
    expect_ok(folds[fold](x, axes, count, keep, &y));
    expect_shape(y, rank, out);
    ck_assert_int_eq(kdst_tensor_get_dtype(y), dtype);
    expect_close(y, expected);
    free(filled_to);
    free(expected);
    free(groups);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}

START_TEST(test_definition)
{
    static const int64_t shapes[][4] = {{2, 3, 4, 5}, {1, 17, 1, 8}, {9, 1, 33, 2}, {1, 1, 1, 1}};
    for (int fold = 0; fold < FOLDS; fold++)
        for (int s = 0; s < 4; s++)
            for (int subset = 1; subset < 16; subset++)
                for (int keep = 0; keep < 2; keep++)
                    for (int views = 0; views < 2; views++)
                        check(fold, shapes[s], real_type(_i), subset, keep, views);
}
END_TEST

/* The gradient of sum y. */
static void expect_slopes(fold_fn fn, kdst_dtype dtype, int n, const double *x, const double *slopes)
{
    kdst_tensor *t = from_doubles(dtype, 1, (int64_t[]){n}, x), *y = NULL;
    expect_ok(kdst_tensor_set_requires_grad(t, 1));
    expect_ok(fn(t, NULL, 0, 0, &y));
    expect_ok(kdst_backward(y, NULL, NULL));
    kdst_tensor *dx = grad_of(t);
    double *got = doubles(dx);
    for (int i = 0; i < n; i++)
        ck_assert_msg(
            isnan(slopes[i]) ? isnan(got[i]) : fabs(got[i] - slopes[i]) <= 1e-6, "element %d is %g, expected %g", i,
            got[i], slopes[i]);
    free(got);
    kdst_tensor_release(dx);
    kdst_tensor_release(y);
    kdst_tensor_release(t);
}

START_TEST(test_ties_and_zeros)
{
    kdst_dtype dtype = real_type(_i);
    expect_slopes(kdst_max, dtype, 4, (double[]){3, 1, 3, 2}, (double[]){0.5, 0, 0.5, 0});
    expect_slopes(kdst_min, dtype, 5, (double[]){3, 0, -0.0, 0, 2}, (double[]){0, 1 / 3., 1 / 3., 1 / 3., 0});
    expect_slopes(kdst_max, dtype, 2, (double[]){NAN, 1}, (double[]){NAN, NAN});
    expect_slopes(kdst_norm, dtype, 2, (double[]){0, 0}, (double[]){0, 0});
    expect_slopes(kdst_norm, dtype, 2, (double[]){3, -4}, (double[]){0.6, -0.8});
    expect_slopes(deviation, dtype, 2, (double[]){5, 5}, (double[]){0, 0});
    expect_slopes(kdst_logsumexp, dtype, 2, (double[]){8, 8}, (double[]){0.5, 0.5});
    kdst_tensor *large = from_doubles(dtype, SHAPE(2), (double[]){1000, 1000}), *y = NULL;
    expect_ok(kdst_logsumexp(large, NULL, 0, 0, &y));
    expect_close(y, (double[]){1000 + log(2)});
    kdst_tensor_release(y);
    kdst_tensor_release(large);
}
END_TEST

/* The gradient of logsumexp is a distribution, however large the elements are beside their differences. */
START_TEST(test_shifted_logsumexp)
{
    static const double shifts[] = {0, 4096, 1 << 20, -(1 << 20)};
    for (int i = 0; i < 8; i++) {
        double values[24], expected[24];
        for (int k = 0; k < 24; k++)
            values[k] = shifts[i % 4] + (k * 7 % 12) / 4.0;
        for (int k = 0; k < 24; k++) {
            double sum = 0;
            for (int j = 0; j < 12; j++)
                sum += exp(values[i < 4 ? k / 12 * 12 + j : j * 2 + k % 2] - values[k]);
            expected[k] = 1 / sum;
        }
        const int64_t shape[] = {i < 4 ? 2 : 12, i < 4 ? 12 : 2}, axis = i < 4;
        kdst_tensor *x = from_doubles(F32, 2, shape, values), *y = NULL,
                    *dy = from_doubles(F32, 1, (int64_t[]){2}, (double[]){1, 1});
        expect_ok(kdst_tensor_set_requires_grad(x, 1));
        expect_ok(kdst_logsumexp(x, &axis, 1, 0, &y));
        expect_ok(kdst_backward(y, dy, NULL));
        kdst_tensor *dx = grad_of(x);
        double *got = doubles(dx);
        for (int k = 0; k < 24; k++)
            ck_assert_double_eq_tol(got[k], expected[k], 1e-7);
        free(got);
        kdst_tensor *all[] = {x, y, dy, dx};
        for (int k = 0; k < 4; k++)
            kdst_tensor_release(all[k]);
    }
}
END_TEST

START_TEST(test_empty)
{
    kdst_tensor *x = filled(F32, SHAPE(0, 3), 1), *y = NULL;
    for (int fold = 0; fold < FOLDS; fold++) {
        if (fold < 4) {
            y = x;
            expect_failure(folds[fold](x, (int64_t[]){0}, 1, 0, &y), KDST_STATUS_SHAPE, "x is [0, 3]");
            ck_assert_ptr_null(y);
        } else {
            const double value = fold == 4 ? -INFINITY : 0;
            expect_ok(folds[fold](x, (int64_t[]){0}, 1, 0, &y));
            double *got = doubles(y);
            ck_assert(got[0] == value && got[1] == value && got[2] == value);
            free(got);
            kdst_tensor_release(y);
        }
        expect_ok(folds[fold](x, (int64_t[]){1}, 1, 0, &y));
        expect_shape(y, SHAPE(0));
        kdst_tensor_release(y);
    }
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_input)
{
    const fold_fn fn = folds[_i];
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *labels = from_labels(2, (int32_t[]){1, 2}), *y = x;
    expect_failure(fn(x, (int64_t[]){2}, 1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
    ck_assert_ptr_null(y);
    expect_failure(fn(x, (int64_t[]){1, -1}, 2, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "twice");
    expect_failure(fn(x, NULL, 1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(fn(x, NULL, -1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "count");
    expect_failure(fn(x, NULL, 0, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "keep");
    expect_failure(fn(x, NULL, 0, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(fn(labels, NULL, 0, 0, &y), KDST_STATUS_DTYPE, "int32");
    ck_assert_int_eq(fn(NULL, NULL, 0, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(labels);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_corrections)
{
    kdst_tensor *x = from_doubles(F64, SHAPE(4), (double[]){1, 2, 3, 6}), *y = x;
    for (int64_t correction = 0; correction < 4; correction++) {
        expect_ok(kdst_variance(x, NULL, 0, 0, correction, &y));
        expect_close(y, (double[]){14 / (double)(4 - correction)});
        kdst_tensor_release(y);
    }
    y = x;
    expect_failure(
        kdst_variance(x, NULL, 0, 0, 4, &y), KDST_STATUS_SHAPE,
        "variance: x is [4]: 4 elements with a correction of 4");
    ck_assert_ptr_null(y);
    expect_failure(kdst_std(x, NULL, 0, 0, -1, &y), KDST_STATUS_INVALID_ARGUMENT, "std: correction is -1");
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_places)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(2, 4), (double[]){1, 3, 3, NAN, 2, 0, 2, 0}), *values = NULL,
                *places = NULL;
    x = scattered(x);
    expect_ok(kdst_argmax(x, -1, &places));
    ck_assert_int_eq(kdst_tensor_get_dtype(places), KDST_DTYPE_INT32);
    expect_shape(places, SHAPE(2));
    expect_close(places, (double[]){3, 0});
    kdst_tensor_release(places);
    expect_ok(kdst_argmin(x, 1, &places));
    expect_close(places, (double[]){3, 1});
    kdst_tensor_release(places);
    expect_ok(kdst_argmin(x, 0, &places));
    expect_close(places, (double[]){0, 1, 1, 0});
    kdst_tensor_release(places);
    expect_ok(kdst_top_k(x, 3, 1, 1, &values, &places));
    expect_shape(values, SHAPE(2, 3));
    expect_close(places, (double[]){3, 1, 2, 0, 2, 1});
    kdst_tensor_release(values);
    kdst_tensor_release(places);
    expect_ok(kdst_top_k(x, 4, 1, 0, NULL, &places));
    expect_close(places, (double[]){0, 1, 2, 3, 1, 3, 0, 2});
    kdst_tensor_release(places);
    expect_ok(kdst_top_k(x, 1, 0, 0, &values, NULL));
    expect_shape(values, SHAPE(1, 4));
    expect_close(values, (double[]){1, 0, 2, 0});
    kdst_tensor_release(values);
    expect_ok(kdst_top_k(x, 0, 0, 0, &values, &places));
    expect_shape(places, SHAPE(0, 4));
    kdst_tensor_release(values);
    kdst_tensor_release(places);
    expect_ok(kdst_top_k(x, 2, 1, 0, NULL, NULL));
    kdst_tensor_release(x);
    /* nothing of very many rows, at once */
    x = filled(F32, SHAPE(INT64_C(1) << 40, 0), 1);
    expect_ok(kdst_top_k(x, 0, 1, 1, &values, &places));
    expect_shape(places, SHAPE(INT64_C(1) << 40, 0));
    kdst_tensor_release(values);
    kdst_tensor_release(places);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_places)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *none = filled(F32, SHAPE(2, 0), 1),
                *scalar = filled(F32, 0, NULL, 1);
    kdst_tensor *labels = from_labels(2, (int32_t[]){1, 2}), *values = x, *places = x;
    expect_failure(kdst_argmax(x, 2, &places), KDST_STATUS_INVALID_ARGUMENT, "argmax: axis is 2");
    ck_assert_ptr_null(places);
    expect_failure(kdst_argmin(none, 1, &places), KDST_STATUS_SHAPE, "argmin: x is [2, 0]: axis 1 is empty");
    expect_failure(kdst_argmin(scalar, 0, &places), KDST_STATUS_INVALID_ARGUMENT, "axis");
    expect_failure(kdst_argmax(labels, 0, &places), KDST_STATUS_DTYPE, "int32");
    expect_failure(kdst_argmax(x, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_argmax(NULL, 0, &places), KDST_STATUS_INVALID_ARGUMENT);
    places = x;
    expect_failure(
        kdst_top_k(x, 4, 1, 1, &values, &places), KDST_STATUS_INVALID_ARGUMENT,
        "top_k: k is 4, allowed is 0 to 3, the size of axis 1");
    ck_assert_ptr_null(places);
    ck_assert_ptr_null(values);
    expect_failure(kdst_top_k(x, -1, 1, 1, &values, &places), KDST_STATUS_INVALID_ARGUMENT, "k is -1");
    expect_failure(kdst_top_k(x, 1, 1, 2, &values, &places), KDST_STATUS_INVALID_ARGUMENT, "largest is 2");
    expect_failure(kdst_top_k(x, 1, -3, 1, &values, &places), KDST_STATUS_INVALID_ARGUMENT, "axis");
    ck_assert_int_eq(kdst_top_k(NULL, 1, 1, 1, &values, &places), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {x, none, scalar, labels};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static kdst_status find_places(kdst_context *in, void *arg)
{
    kdst_tensor *x = NULL, *turned = NULL, *y = NULL, *values = NULL, *places = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(in, F32, 2, (int64_t[]){4, 3}, &x);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_requires_grad(x, 1);
    if (status == KDST_STATUS_OK) status = kdst_transpose(x, 0, 1, &turned);
    if (status == KDST_STATUS_OK) status = kdst_argmax(turned, 0, &y);
    if (status == KDST_STATUS_OK) status = kdst_top_k(turned, 2, 1, 1, &values, &places);
    if (status != KDST_STATUS_OK) ck_assert(values == NULL && places == NULL);
    kdst_tensor *all[] = {x, turned, y, values, places};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
    return status;
}

START_TEST(test_failing_allocations)
{
    ck_assert_int_ge(each_allocation_fails(NULL, find_places, NULL), 8);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, 2);
    tcase_add_loop_test(tests, test_ties_and_zeros, 0, 2);
    tcase_add_test(tests, test_shifted_logsumexp);
    tcase_add_test(tests, test_empty);
    tcase_add_loop_test(tests, test_bad_input, 0, FOLDS);
    tcase_add_test(tests, test_corrections);
    tcase_add_loop_test(tests, test_places, 0, 2);
    tcase_add_test(tests, test_bad_places);
    tcase_add_test(tests, test_failing_allocations);
}

int main(void)
{
    return run_suite("fold", build);
}
