/* SPDX-License-Identifier: Apache-2.0 */
/* softmax, log_softmax and cross_entropy against their formulas; huge logits; bad labels and logits. */
#include "support.h"

static const int64_t shapes[][3] = {{1, 1, 1},   {5, 7, 1},    {3, 17, 2}, {2, 15, 4},
                                    {33, 16, 1}, {1, 1000, 1}, {4, 1, 5},  {0, 3, 2}};
#define SHAPES ((int)(sizeof shapes / sizeof *shapes))

/* Along the middle axis, in long double. */
static void naive(const double *x, const int64_t *s, double *soft, double *logs)
{
    for (int64_t r = 0; r < s[0] * s[2]; r++) {
        int64_t first = r / s[2] * s[1] * s[2] + r % s[2];
        double top = -INFINITY;
        long double sum = 0;
        for (int64_t k = 0; k < s[1]; k++)
            top = fmax(top, x[first + k * s[2]]);
        for (int64_t k = 0; k < s[1]; k++)
            sum += expl(x[first + k * s[2]] - top);
        for (int64_t k = 0; k < s[1]; k++) {
            long double log_p = x[first + k * s[2]] - top - logl(sum);
            logs[first + k * s[2]] = (double)log_p;
            soft[first + k * s[2]] = (double)expl(log_p);
        }
    }
}

START_TEST(test_definition)
{
    for (int s = 0; s < SHAPES; s++) {
        for (int views = 0; views < 2; views++) {
            kdst_tensor *x = filled(real_type(_i), 3, shapes[s], 1), *soft = NULL, *logs = NULL;
            if (views) x = scattered(x);
            size_t bytes = (size_t)kdst_tensor_get_count(x) * 8 + 8;
            double *v = doubles(x), *expected_soft = malloc(bytes), *expected_logs = malloc(bytes);
            naive(v, shapes[s], expected_soft, expected_logs);
            expect_ok(kdst_softmax(x, 1, &soft));
            expect_ok(kdst_log_softmax(x, -2, &logs));
            expect_shape(soft, 3, shapes[s]);
            expect_close(soft, expected_soft);
            expect_close(logs, expected_logs);
            free(v);
            free(expected_soft);
            free(expected_logs);
            kdst_tensor *all[] = {x, soft, logs};
            for (int i = 0; i < 3; i++)
                kdst_tensor_release(all[i]);
        }
    }
}
END_TEST

START_TEST(test_huge_logits)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(2, 3), (double[]){1e4, 0, -1e4, -1e30, -1e30, -1e30}), *y = NULL;
    expect_ok(kdst_softmax(x, 1, &y));
    expect_close(y, (double[]){1, 0, 0, 1. / 3, 1. / 3, 1. / 3});
    kdst_tensor_release(y);
    expect_ok(kdst_log_softmax(x, 1, &y));
    expect_close(y, (double[]){0, -1e4, -2e4, -log(3), -log(3), -log(3)});
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_axis)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *scalar = filled(F32, 0, NULL, 2),
                *labels = from_labels(1, (int32_t[]){1});
    kdst_tensor *y = x;
    kdst_status (*functions[])(kdst_tensor *, int64_t, kdst_tensor **) = {kdst_softmax, kdst_log_softmax};
    for (int i = 0; i < 2; i++) {
        expect_failure(functions[i](x, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
        ck_assert_ptr_null(y);
        expect_failure(functions[i](x, -3, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
        expect_failure(functions[i](scalar, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
        expect_failure(functions[i](labels, 0, &y), KDST_STATUS_DTYPE, "int32");
        ck_assert_int_eq(functions[i](NULL, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    }
    kdst_tensor_release(x);
    kdst_tensor_release(scalar);
    kdst_tensor_release(labels);
}
END_TEST

/* Value and gradient (softmax - one-hot) / N. */
START_TEST(test_cross_entropy)
{
    static const int64_t sizes[][2] = {{1, 1}, {7, 10}, {33, 17}, {3, 1}, {129, 100}, {2, 1000}};
    for (int s = 0; s < 6; s++) {
        int64_t n = sizes[s][0], k = sizes[s][1], cube[] = {n, k, 1};
        kdst_tensor *x = filled(real_type(_i), SHAPE(n, k), 1), *loss = NULL;
        int32_t labels[200];
        double expected = 0, *v = doubles(x), *soft = malloc((size_t)(n * k) * 8), *logs = malloc((size_t)(n * k) * 8);
        naive(v, cube, soft, logs);
        for (int64_t i = 0; i < n; i++) {
            labels[i] = (int32_t)((i * 13 + 5) % k);
            expected -= logs[i * k + labels[i]] / (double)n;
            soft[i * k + labels[i]] -= 1;
        }
        for (int64_t i = 0; i < n * k; i++)
            soft[i] /= (double)n;
        kdst_tensor *y = from_labels(n, labels);
        expect_ok(kdst_tensor_set_requires_grad(x, 1));
        expect_ok(kdst_cross_entropy(x, y, &loss));
        ck_assert_int_eq(kdst_tensor_get_rank(loss), 0);
        expect_close(loss, &expected);
        expect_ok(kdst_backward(loss, NULL, NULL));
        kdst_tensor *dx = grad_of(x);
        expect_close(dx, soft);
        free(v);
        free(soft);
        free(logs);
        kdst_tensor *all[] = {x, y, loss, dx};
        for (int i = 0; i < 4; i++)
            kdst_tensor_release(all[i]);
    }
}
END_TEST

START_TEST(test_cross_entropy_extremes)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(2, 2), (double[]){80, -80, -80, 80}), *loss = NULL;
    kdst_tensor *right = from_labels(2, (int32_t[]){0, 1}), *wrong = from_labels(2, (int32_t[]){1, 0});
    expect_ok(kdst_cross_entropy(x, right, &loss));
    expect_close(loss, (double[]){0});
    kdst_tensor_release(loss);
    expect_ok(kdst_cross_entropy(x, wrong, &loss));
    expect_close(loss, (double[]){160});
    kdst_tensor *all[] = {x, right, wrong, loss};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_cross_entropy_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(4, 10), 1), *empty = filled(F32, SHAPE(0, 10), 2),
                *flat = filled(F32, SHAPE(4), 3), *y = x;
    kdst_tensor *low = from_labels(4, (int32_t[]){0, -1, 2, 3}), *high = from_labels(4, (int32_t[]){0, 1, 2, 10});
    kdst_tensor *few = from_labels(3, (int32_t[]){0, 1, 2}), *none = from_labels(0, (int32_t[]){0});
    kdst_tensor *good = from_labels(4, (int32_t[]){9, 0, 1, 2}), *nan = NULL, *typed = NULL,
                *no_class = filled(F32, SHAPE(4, 0), 4);
    expect_ok(kdst_tensor_copy(x, 0, &nan));
    float values[40];
    expect_ok(kdst_tensor_get_data(nan, values, sizeof values));
    values[27] = NAN;
    expect_ok(kdst_tensor_set_data(nan, values, sizeof values));
    expect_ok(kdst_tensor_copy(good, F32, &typed));
    expect_failure(
        kdst_cross_entropy(x, low, &y), KDST_STATUS_INVALID_ARGUMENT,
        "cross_entropy: label -1 at row 1, allowed is 0 to 9");
    ck_assert_ptr_null(y);
    expect_failure(
        kdst_cross_entropy(x, high, &y), KDST_STATUS_INVALID_ARGUMENT,
        "cross_entropy: label 10 at row 3, allowed is 0 to 9");
    expect_failure(kdst_cross_entropy(nan, good, &y), KDST_STATUS_INVALID_ARGUMENT, "row 2");
    values[27] = INFINITY;
    expect_ok(kdst_tensor_set_data(nan, values, sizeof values));
    expect_failure(kdst_cross_entropy(nan, good, &y), KDST_STATUS_INVALID_ARGUMENT, "row 2");
    expect_failure(kdst_cross_entropy(x, few, &y), KDST_STATUS_SHAPE, "[4, 10]");
    expect_failure(kdst_cross_entropy(empty, none, &y), KDST_STATUS_SHAPE, "empty");
    expect_failure(kdst_cross_entropy(no_class, good, &y), KDST_STATUS_SHAPE, "[4, 0]");
    expect_failure(kdst_cross_entropy(flat, good, &y), KDST_STATUS_SHAPE, "[4]");
    expect_failure(kdst_cross_entropy(x, typed, &y), KDST_STATUS_DTYPE, "float32");
    expect_failure(kdst_cross_entropy(x, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_cross_entropy(NULL, good, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {x, empty, flat, low, high, few, none, good, nan, typed, no_class};
    for (int i = 0; i < 11; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, 2);
    tcase_add_loop_test(tests, test_huge_logits, 0, 2);
    tcase_add_test(tests, test_bad_axis);
    tcase_add_loop_test(tests, test_cross_entropy, 0, 2);
    tcase_add_loop_test(tests, test_cross_entropy_extremes, 0, 2);
    tcase_add_test(tests, test_cross_entropy_bad_input);
}

int main(void)
{
    return run_suite("softmax", build);
}
