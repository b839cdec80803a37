/* SPDX-License-Identifier: Apache-2.0 */
/* batch_norm against the definition in both modes, PyTorch's running statistics, bad input. */
#include "support.h"

static const int64_t shapes[][4] = {{7, 5, 1, 1},  {2, 17, 1, 1},  {3, 2, 3, 5},
                                    {1, 16, 4, 4}, {64, 33, 2, 2}, {5, 1, 9, 7}};
#define SHAPES ((int)(sizeof shapes / sizeof *shapes))

typedef struct moments {
    double mean[64], var[64];
    int64_t per_channel;
} moments;

static moments moments_of(const double *x, const int64_t *s)
{
    moments m = {.per_channel = s[0] * s[2] * s[3]};
    int64_t plane = s[2] * s[3], count = s[0] * s[1] * plane;
    for (int64_t i = 0; i < count; i++)
        m.mean[i / plane % s[1]] += x[i] / (double)m.per_channel;
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i / plane % s[1];
        m.var[c] += (x[i] - m.mean[c]) * (x[i] - m.mean[c]) / (double)m.per_channel;
    }
    return m;
}

static kdst_options *options_of(int training)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "training", training));
    expect_ok(kdst_options_set_float(options, "momentum", 0.3));
    expect_ok(kdst_options_set_float(options, "eps", 1e-3));
    return options;
}

static void check(const int64_t *s, kdst_dtype dtype, int training, int views)
{
    int64_t c = s[1], plane = s[2] * s[3], rank = plane == 1 ? 2 : 4;
    kdst_tensor *x = filled(dtype, rank, s, 1), *gamma = filled(dtype, 1, &c, 2), *beta = filled(dtype, 1, &c, 3),
                *y = NULL;
    double start[64], expected_mean[64], expected_var[64];
    for (int i = 0; i < 64; i++)
        start[i] = 0.5 + 0.01 * i;
    kdst_tensor *mean = from_doubles(dtype, 1, &c, start), *var = from_doubles(dtype, 1, &c, start);
    kdst_options *options = options_of(training);
    if (views) x = scattered(x);
    double *vx = doubles(x), *vg = doubles(gamma), *vb = doubles(beta), *vs = doubles(mean);
    int64_t count = kdst_tensor_get_count(x);
    double *expected = malloc((size_t)count * 8);
    moments m = moments_of(vx, s);
    for (int64_t i = 0; i < count; i++) {
        int64_t k = i / plane % c;
        double mu = training ? m.mean[k] : vs[k], v = training ? m.var[k] : vs[k];
        expected[i] = (vx[i] - mu) / sqrt(v + 1e-3) * vg[k] + vb[k];
    }
    for (int64_t k = 0; k < c; k++) {
        double unbiased = m.var[k] * (double)m.per_channel / (double)(m.per_channel - 1);
        expected_mean[k] = training ? 0.7 * vs[k] + 0.3 * m.mean[k] : vs[k];
        expected_var[k] = training ? 0.7 * vs[k] + 0.3 * unbiased : vs[k];
    }
    expect_ok(kdst_batch_norm(x, gamma, beta, mean, var, options, &y));
    expect_shape(y, rank, s);
    expect_close(y, expected);
    expect_close(mean, expected_mean);
    expect_close(var, expected_var);
    double *arrays[] = {vx, vg, vb, vs, expected};
    for (int i = 0; i < 5; i++)
        free(arrays[i]);
    kdst_tensor *all[] = {x, gamma, beta, mean, var, y};
    for (int i = 0; i < 6; i++)
        kdst_tensor_release(all[i]);
    kdst_options_release(options);
}

START_TEST(test_definition)
{
    for (int type = 0; type < 2; type++)
        for (int training = 0; training < 2; training++)
            for (int views = 0; views < 2; views++)
                check(shapes[_i], real_type(type), training, views);
}
END_TEST

/* A large mean must not swallow the variance. */
START_TEST(test_large_mean)
{
    double values[64];
    for (int i = 0; i < 64; i++)
        values[i] = 4096 + number(i, 1);
    kdst_tensor *x = from_doubles(F32, SHAPE(64, 1), values), *y = NULL;
    double *v = doubles(x), expected[64];
    moments m = moments_of(v, (int64_t[]){64, 1, 1, 1});
    for (int i = 0; i < 64; i++)
        expected[i] = (v[i] - m.mean[0]) / sqrt(m.var[0] + 1e-5);
    expect_ok(kdst_batch_norm(x, NULL, NULL, NULL, NULL, NULL, &y));
    double *got = doubles(y);
    for (int i = 0; i < 64; i++)
        ck_assert_double_eq_tol(got[i], expected[i], 2e-6); /* half a unit of x in the last place would be 2.4e-4 */
    free(got);
    free(v);
    kdst_tensor_release(x);
    kdst_tensor_release(y);
}
END_TEST

/* Running statistics that are a view are written through it, and only there. */
START_TEST(test_statistics_in_a_view)
{
    kdst_tensor *x = filled(F64, SHAPE(5, 2), 1), *store = from_doubles(F64, SHAPE(4), (double[]){0, 9, 0, 9}),
                *y = NULL;
    kdst_tensor *mean = NULL, *var = from_doubles(F64, SHAPE(2), (double[]){1, 1});
    expect_ok(kdst_slice(store, 0, 0, 4, 2, &mean));
    double *vx = doubles(x);
    moments m = moments_of(vx, (int64_t[]){5, 2, 1, 1});
    expect_ok(kdst_batch_norm(x, NULL, NULL, mean, var, NULL, &y));
    expect_close(store, (double[]){0.1 * m.mean[0], 9, 0.1 * m.mean[1], 9});
    free(vx);
    kdst_tensor *all[] = {x, store, mean, var, y};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_second_forward_before_backward)
{
    kdst_tensor *x = filled(F64, SHAPE(5, 2), 1), *y = NULL, *z = NULL, *dy = filled(F64, SHAPE(5, 2), 2);
    kdst_tensor *mean = filled(F64, SHAPE(2), 3), *var = from_doubles(F64, SHAPE(2), (double[]){1, 2});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_batch_norm(x, NULL, NULL, mean, var, NULL, &y));
    expect_ok(kdst_batch_norm(x, NULL, NULL, mean, var, NULL, &z));
    expect_ok(kdst_backward(y, dy, NULL));
    expect_ok(kdst_backward(z, dy, NULL));
    kdst_tensor *all[] = {x, y, z, dy, mean, var};
    for (int i = 0; i < 6; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(4, 3), 1), *one = filled(F32, SHAPE(1, 3), 2), *gamma = filled(F32, SHAPE(2), 3),
                *y = x;
    kdst_tensor *wide = filled(F64, SHAPE(3), 4), *five = filled(F32, SHAPE(2, 3, 4, 1, 2), 5),
                *mean = filled(F32, SHAPE(3), 6);
    kdst_tensor *empty = filled(F32, SHAPE(0, 3), 7), *pixel = filled(F32, SHAPE(1, 3, 1, 1), 8);
    kdst_options *evaluation = options_of(0), *unknown = options_ints("trainning", (int64_t[]){1}, 1), *eps = NULL;
    expect_ok(kdst_options_create(&eps));
    expect_ok(kdst_options_set_float(eps, "eps", 0));
    double *before = doubles(mean);
    expect_failure(kdst_batch_norm(one, NULL, NULL, mean, NULL, NULL, &y), KDST_STATUS_SHAPE, "more than 1 value");
    ck_assert_ptr_null(y);
    expect_failure(kdst_batch_norm(pixel, NULL, NULL, NULL, NULL, NULL, &y), KDST_STATUS_SHAPE, "more than 1 value");
    expect_failure(kdst_batch_norm(empty, NULL, NULL, mean, NULL, NULL, &y), KDST_STATUS_SHAPE, "more than 1 value");
    expect_failure(kdst_batch_norm(x, gamma, NULL, NULL, NULL, NULL, &y), KDST_STATUS_SHAPE, "gamma is [2]");
    expect_failure(kdst_batch_norm(x, NULL, wide, mean, NULL, NULL, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_batch_norm(five, NULL, NULL, NULL, NULL, NULL, &y), KDST_STATUS_SHAPE, "[2, 3, 4, 1, 2]");
    expect_failure(
        kdst_batch_norm(x, NULL, NULL, NULL, mean, evaluation, &y), KDST_STATUS_INVALID_ARGUMENT, "running_mean");
    expect_failure(kdst_batch_norm(x, NULL, NULL, NULL, NULL, unknown, &y), KDST_STATUS_INVALID_ARGUMENT, "training");
    expect_failure(kdst_batch_norm(x, NULL, NULL, NULL, NULL, eps, &y), KDST_STATUS_INVALID_ARGUMENT, "eps");
    ck_assert_int_eq(kdst_batch_norm(NULL, NULL, NULL, NULL, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_batch_norm(x, NULL, NULL, mean, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_close(mean, before);
    free(before);
    kdst_options *all_options[] = {evaluation, unknown, eps};
    for (int i = 0; i < 3; i++)
        kdst_options_release(all_options[i]);
    kdst_tensor *all[] = {x, one, gamma, wide, five, mean, empty, pixel};
    for (int i = 0; i < 8; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, SHAPES);
    tcase_add_test(tests, test_large_mean);
    tcase_add_test(tests, test_statistics_in_a_view);
    tcase_add_test(tests, test_second_forward_before_backward);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("batch_norm", build);
}
