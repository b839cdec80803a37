/* SPDX-License-Identifier: Apache-2.0 */
/* normalize and cosine_similarity against their formulas, null vectors with both gradients, bad input. */
#include "support.h"

#include "failures/each_allocation.h"

static void release_all(kdst_tensor **all, int count)
{
    for (int i = 0; i < count; i++)
        kdst_tensor_release(all[i]);
}

START_TEST(test_definition)
{
    static const int64_t shapes[][3] = {{1, 1, 1},   {5, 7, 1}, {3, 17, 2}, {2, 3, 300},
                                        {33, 64, 1}, {2, 0, 3}, {0, 3, 2}};
    for (int s = 0; s < 7; s++)
        for (int views = 0; views < 2; views++) {
            const int64_t *shape = shapes[s];
            kdst_tensor *x = filled(real_type(_i), 3, shape, 1), *y = NULL;
            if (views) x = scattered(x);
            double *v = doubles(x), *expected = malloc((size_t)(shape[0] * shape[1] * shape[2]) * 8 + 8);
            for (int64_t r = 0; r < shape[0] * shape[2]; r++) {
                int64_t first = r / shape[2] * shape[1] * shape[2] + r % shape[2];
                long double sum = 0;
                for (int64_t k = 0; k < shape[1]; k++)
                    sum += (long double)v[first + k * shape[2]] * v[first + k * shape[2]];
                for (int64_t k = 0; k < shape[1]; k++)
                    expected[first + k * shape[2]] = (double)(v[first + k * shape[2]] / sqrtl(sum));
            }
            expect_ok(kdst_normalize(x, views ? -2 : 1, NULL, &y));
            expect_shape(y, 3, shape);
            expect_close(y, expected);
            free(v);
            free(expected);
            release_all((kdst_tensor *[]){x, y}, 2);
        }
}
END_TEST

/* Row 0 is null, row 1 shorter than eps; _i: type, and whether the gradient below eps is PyTorch's. */
START_TEST(test_short_vectors)
{
    int scaled = _i / 2;
    kdst_tensor *x = from_doubles(real_type(_i % 2), SHAPE(3, 2), (double[]){0, 0, 0.3, 0.4, 3, 4}), *y = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "eps", 2));
    if (scaled) expect_ok(kdst_options_set_string(options, "null_gradient", "scaled"));
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_normalize(x, 1, options, &y));
    expect_close(y, (double[]){0, 0, 0.15, 0.2, 0.6, 0.8});
    kdst_tensor *dy = from_doubles(real_type(_i % 2), SHAPE(3, 2), (double[]){1, -2, 3, 4, 1, 0});
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    if (scaled)
        expect_close(dx, (double[]){0.5, -1, 1.5, 2, 0.64 / 5, -0.48 / 5});
    else
        expect_close(dx, (double[]){0, 0, 0, 0, 0.64 / 5, -0.48 / 5});
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, y, dy, dx}, 4);
}
END_TEST

/* Squares that float32 does not hold. */
START_TEST(test_large_and_small)
{
    kdst_tensor *x = from_doubles(F32, SHAPE(2, 2), (double[]){3e25, -4e25, 3e-9, 4e-9}), *y = NULL;
    expect_ok(kdst_normalize(x, 1, NULL, &y));
    expect_close(y, (double[]){0.6, -0.8, 0.6, 0.8});
    release_all((kdst_tensor *[]){x, y}, 2);
}
END_TEST

/* All pairs of rows by broadcasting; a null row has cosine 0 with all. */
START_TEST(test_cosine)
{
    double va[] = {1, 2, 3, 0, 0, 0, -1, 0.5, 2}, vb[] = {2, -1, 1, 1, 2, 3};
    kdst_tensor *a = from_doubles(real_type(_i), SHAPE(3, 1, 3), va), *b = from_doubles(real_type(_i), SHAPE(2, 3), vb);
    kdst_tensor *y = NULL, *same = NULL;
    double expected[6];
    for (int i = 0; i < 6; i++) {
        const double *p = va + i / 2 * 3, *q = vb + i % 2 * 3;
        double dot = p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
        double size = sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) * sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2]);
        expected[i] = size > 0 ? dot / size : 0;
    }
    expect_ok(kdst_cosine_similarity(a, b, -1, NULL, &y));
    expect_shape(y, SHAPE(3, 2));
    expect_close(y, expected);
    expect_ok(kdst_cosine_similarity(a, b, 2, NULL, &same));
    expect_close(same, expected);
    release_all((kdst_tensor *[]){a, b, y, same}, 4);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *b = filled(F32, SHAPE(2, 1), 2), *row = filled(F32, SHAPE(3), 3);
    kdst_tensor *wide = filled(F64, SHAPE(2, 3), 4), *scalar = filled(F32, 0, NULL, 5), *y = x;
    kdst_tensor *labels = from_labels(3, (int32_t[]){1, 2, 3});
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "eps", 0));
    expect_failure(kdst_normalize(x, 2, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "normalize: axis is 2");
    ck_assert_ptr_null(y);
    expect_failure(kdst_normalize(scalar, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "rank 0");
    expect_failure(kdst_normalize(labels, 0, NULL, &y), KDST_STATUS_DTYPE, "int32");
    expect_failure(kdst_normalize(x, 0, options, &y), KDST_STATUS_INVALID_ARGUMENT, "eps is 0");
    expect_failure(kdst_normalize(x, 0, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_normalize(NULL, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    y = x;
    expect_failure(
        kdst_cosine_similarity(x, b, 1, NULL, &y), KDST_STATUS_SHAPE,
        "cosine_similarity: a is [2, 3], b is [2, 1]: expected the same size along axis 1");
    ck_assert_ptr_null(y);
    expect_failure(kdst_cosine_similarity(x, row, 0, NULL, &y), KDST_STATUS_SHAPE, "along axis 0");
    expect_failure(kdst_cosine_similarity(x, x, 2, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 2");
    expect_failure(kdst_cosine_similarity(x, x, -3, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is -3");
    expect_failure(kdst_cosine_similarity(x, wide, 1, NULL, &y), KDST_STATUS_DTYPE, "a is float32, b is float64");
    expect_failure(kdst_cosine_similarity(x, NULL, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "b is NULL");
    expect_failure(kdst_cosine_similarity(x, x, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_cosine_similarity(x, x, 1, options, &y), KDST_STATUS_INVALID_ARGUMENT, "eps is 0");
    ck_assert_int_eq(kdst_cosine_similarity(NULL, x, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, b, row, wide, scalar, labels}, 6);
}
END_TEST

static kdst_status angle(kdst_context *in, void *arg)
{
    kdst_tensor *a = NULL, *b = NULL, *y = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(in, F32, 2, (int64_t[]){3, 4}, &a);
    if (status == KDST_STATUS_OK) status = kdst_tensor_create(in, F32, 1, (int64_t[]){4}, &b);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_requires_grad(a, 1);
    if (status == KDST_STATUS_OK) status = kdst_cosine_similarity(a, b, 1, NULL, &y);
    kdst_tensor_release(y);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    return status;
}

START_TEST(test_each_allocation)
{
    ck_assert_int_gt(each_allocation_fails(NULL, angle, NULL), 10);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, 2);
    tcase_add_loop_test(tests, test_short_vectors, 0, 4);
    tcase_add_test(tests, test_large_and_small);
    tcase_add_loop_test(tests, test_cosine, 0, 2);
    tcase_add_test(tests, test_bad_input);
    tcase_add_test(tests, test_each_allocation);
}

int main(void)
{
    return run_suite("normalize", build);
}
