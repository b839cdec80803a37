/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and deviation of the channels against the formula in long double. */
#include "support.h"

#include "support/run.h"

#include <math.h>

static const kdst_dtype pixel_types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};

/* Sums of 2,310 doubles of size 1 are right to 2,310 rounding errors at worst, and to some tens in fact. */
#define TOLERANCE 1e-13

static double pixel(const void *data, kdst_dtype dtype, int64_t i)
{
    if (dtype == KDST_DTYPE_UINT8) return ((const uint8_t *)data)[i] / 255.0;
    return dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

START_TEST(test_formula)
{
    enum { N = 22, C = 3, PLANE = 7 * 15 };
    kdst_dataset *d = make_noise(ctx, pixel_types[_i], N, C, 7, 15, 2);
    kdst_tensor *x = NULL;
    double mean[C], deviation[C];
    ok(kdst_dataset_get_statistics(d, mean, deviation, C));
    ok(kdst_dataset_get_images(d, &x));
    void *data = copy_of(x, NULL);
    for (int c = 0; c < C; c++) {
        long double sum = 0, squares = 0, n = N * PLANE;
        for (int i = 0; i < N; i++)
            for (int k = 0; k < PLANE; k++)
                sum += pixel(data, pixel_types[_i], (i * C + c) * PLANE + k);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < PLANE; k++) {
                long double off = pixel(data, pixel_types[_i], (i * C + c) * PLANE + k) - sum / n;
                squares += off * off;
            }
        ck_assert_double_eq_tol(mean[c], (double)(sum / n), TOLERANCE);
        ck_assert_double_eq_tol(deviation[c], (double)sqrtl(squares / n), TOLERANCE);
    }
    free(data);
    kdst_dataset_release(d);
}
END_TEST

/* A data set of `n` pixels, one a sample and channel. */
static kdst_dataset *of_pixels(kdst_dtype dtype, int64_t n, int64_t channels, const void *pixels)
{
    const int64_t shape[] = {n, channels, 1, 1};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    ok(kdst_tensor_create_from(ctx, dtype, 4, shape, pixels, &x));
    ok(kdst_tensor_create(ctx, KDST_DTYPE_INT32, 1, shape, &y));
    ok(kdst_dataset_create(ctx, x, y, 0, &d));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return d;
}

/* Constants have deviation 0 exactly; black and white in equal shares have mean and deviation 1/2. */
START_TEST(test_exact)
{
    const uint8_t bytes[] = {7, 0, 7, 255, 7, 255, 7, 0};
    double mean[2], deviation[2];
    kdst_dataset *d = of_pixels(KDST_DTYPE_UINT8, 4, 2, bytes);
    ok(kdst_dataset_get_statistics(d, mean, deviation, 2));
    ck_assert_double_eq(mean[0], 7 / 255.0);
    ck_assert_double_eq(deviation[0], 0);
    ck_assert_double_eq(mean[1], 0.5);
    ck_assert_double_eq(deviation[1], 0.5);
    kdst_dataset_release(d);
    /* far from zero a one-pass formula would lose every digit */
    const double far[] = {1e9 - 1, 1e9 + 1};
    d = of_pixels(KDST_DTYPE_FLOAT64, 2, 1, far);
    ok(kdst_dataset_get_statistics(d, mean, deviation, 1));
    ck_assert_double_eq(mean[0], 1e9);
    ck_assert_double_eq(deviation[0], 1);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_arguments)
{
    double mean[3], deviation[3];
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, 2, 3, 2, 2, 2);
    ck_assert_int_eq(kdst_dataset_get_statistics(NULL, mean, deviation, 3), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_get_statistics(d, NULL, deviation, 3), KDST_STATUS_INVALID_ARGUMENT, "out_mean is NULL");
    refused(kdst_dataset_get_statistics(d, mean, NULL, 3), KDST_STATUS_INVALID_ARGUMENT, "out_deviation is NULL");
    refused(kdst_dataset_get_statistics(d, mean, deviation, 1), KDST_STATUS_SHAPE, "channels is 1, the images have 3");
    kdst_context_cancel(ctx); /* all images of a folder may take long */
    refused(kdst_dataset_get_statistics(d, mean, deviation, 3), KDST_STATUS_CANCELLED, "dataset_get_statistics: cancelled");
    ok(kdst_dataset_get_statistics(d, mean, deviation, 3));
    kdst_dataset_release(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data statistics");
    TCase *all = tcase_create("statistics");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, test_formula, 0, 3);
    tcase_add_test(all, test_exact);
    tcase_add_test(all, test_arguments);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
