/* SPDX-License-Identifier: Apache-2.0 */
/* layer_norm and group_norm against their definition; views, degenerate sizes, eps, NaN; bad input. Gradients: tests/gradients. */
#include "support.h"

/* Rows of n values, each with the factor and level of its channel. */
static void expect_normalised(
    kdst_tensor *y, const double *x, int64_t rows, int64_t n, int64_t period, int64_t channel, const double *gamma,
    const double *beta, double eps)
{
    double *expected = calloc((size_t)(rows * n) + 1, sizeof *expected);
    for (int64_t row = 0; row < rows; row++) {
        const double *from = x + row * n;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < n; i++)
            mean += from[i] / (double)n;
        for (int64_t i = 0; i < n; i++)
            var += pow(from[i] - mean, 2) / (double)n;
        for (int64_t i = 0; i < n; i++) {
            int64_t c = row % period * (n / channel) + i / channel;
            expected[row * n + i] = (from[i] - mean) / sqrt(var + eps) * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
        }
    }
    expect_close(y, expected);
    free(expected);
}

static kdst_options *with_eps(double eps)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "eps", eps));
    return options;
}

START_TEST(test_layer_norm)
{
    kdst_tensor *x = filled(real_type(_i), SHAPE(3, 2, 4, 5), 1), *g = filled(real_type(_i), SHAPE(4, 5), 2);
    kdst_tensor *b = filled(real_type(_i), SHAPE(4, 5), 3), *y = NULL;
    kdst_options *options = with_eps(0.1);
    double *vx = doubles(x), *vg = doubles(g), *vb = doubles(b);
    expect_ok(kdst_layer_norm(x, g, b, 2, options, &y));
    expect_shape(y, SHAPE(3, 2, 4, 5));
    expect_normalised(y, vx, 6, 20, 1, 1, vg, vb, 0.1);
    kdst_tensor_release(y);
    expect_ok(kdst_layer_norm(x, NULL, NULL, 4, options, &y));
    expect_normalised(y, vx, 1, 120, 1, 1, NULL, NULL, 0.1);
    kdst_tensor_release(y);
    x = scattered(x);
    expect_ok(kdst_layer_norm(x, NULL, b, 2, options, &y));
    expect_normalised(y, vx, 6, 20, 1, 1, NULL, vb, 0.1);
    double *arrays[] = {vx, vg, vb};
    for (int i = 0; i < 3; i++)
        free(arrays[i]);
    kdst_tensor *all[] = {x, g, b, y};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
    kdst_options_release(options);
}
END_TEST

START_TEST(test_group_norm)
{
    kdst_tensor *x = filled(real_type(_i), SHAPE(2, 6, 3, 4), 1), *g = filled(real_type(_i), SHAPE(6), 2);
    kdst_tensor *b = filled(real_type(_i), SHAPE(6), 3), *y = NULL;
    double *vx = doubles(x), *vg = doubles(g), *vb = doubles(b);
    for (int64_t groups = 1; groups <= 6; groups += groups == 3 ? 3 : 1) {
        expect_ok(kdst_group_norm(x, g, b, groups, NULL, &y));
        expect_normalised(y, vx, 2 * groups, 72 / groups, groups, 12, vg, vb, 1e-5);
        kdst_tensor_release(y);
    }
    kdst_options *huge = with_eps(64);
    expect_ok(kdst_group_norm(x, g, NULL, 2, huge, &y));
    expect_normalised(y, vx, 4, 36, 2, 12, vg, NULL, 64);
    kdst_options_release(huge);
    double *arrays[] = {vx, vg, vb};
    for (int i = 0; i < 3; i++)
        free(arrays[i]);
    kdst_tensor *all[] = {x, g, b, y};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

/* One value is its own mean, no sample has no rows, a NaN stays in its row. */
START_TEST(test_degenerate)
{
    kdst_tensor *x = filled(real_type(_i), SHAPE(3, 1), 1), *none = filled(real_type(_i), SHAPE(0, 4), 2), *y = NULL;
    kdst_tensor *broken = from_doubles(real_type(_i), SHAPE(2, 2), (double[]){NAN, 1, 3, 1});
    expect_ok(kdst_layer_norm(x, NULL, NULL, 1, NULL, &y));
    expect_close(y, (double[]){0, 0, 0});
    kdst_tensor_release(y);
    expect_ok(kdst_layer_norm(none, NULL, NULL, 1, NULL, &y));
    expect_shape(y, SHAPE(0, 4));
    kdst_tensor_release(y);
    expect_ok(kdst_group_norm(none, NULL, NULL, 2, NULL, &y));
    expect_shape(y, SHAPE(0, 4));
    kdst_tensor_release(y);
    expect_ok(kdst_layer_norm(broken, NULL, NULL, 1, NULL, &y));
    double *v = doubles(y), r = 1 / sqrt(1 + 1e-5);
    ck_assert_double_nan(v[0]);
    ck_assert_double_nan(v[1]);
    ck_assert_double_eq_tol(v[2], r, 1e-6);
    ck_assert_double_eq_tol(v[3], -r, 1e-6);
    free(v);
    kdst_tensor *all[] = {x, none, y, broken};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

typedef kdst_status (*norm_fn)(kdst_tensor *x, kdst_tensor **out);

static kdst_status by_layer(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_layer_norm(x, NULL, NULL, 2, NULL, out);
}
static kdst_status by_group(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_group_norm(x, NULL, NULL, 1, NULL, out);
}
static kdst_status by_batch(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_batch_norm(x, NULL, NULL, NULL, NULL, NULL, out);
}

/* y of x 2^k, and 2^k dx, do not depend on k while eps is small beside the variance: here squares overflow in float32. */
START_TEST(test_large_scale)
{
    static const norm_fn norms[] = {by_layer, by_group, by_batch};
    enum { N = 70 };
    double y[2][N], dx[2][N];
    for (int k = 0; k < 2; k++) {
        double values[N], scale = ldexp(1, k ? 100 : 12);
        for (int i = 0; i < N; i++)
            values[i] = scale * number(i, 1);
        kdst_tensor *x = from_doubles(F32, SHAPE(1, 1, N), values), *z = NULL, *dz = filled(F32, SHAPE(1, 1, N), 2);
        expect_ok(kdst_tensor_set_requires_grad(x, 1));
        expect_ok(norms[_i](x, &z));
        expect_ok(kdst_backward(z, dz, NULL));
        kdst_tensor *d = grad_of(x);
        double *got_y = doubles(z), *got_d = doubles(d);
        for (int i = 0; i < N; i++) {
            y[k][i] = got_y[i];
            dx[k][i] = got_d[i] * scale;
        }
        free(got_y);
        free(got_d);
        kdst_tensor *all[] = {x, z, dz, d};
        for (int i = 0; i < 4; i++)
            kdst_tensor_release(all[i]);
    }
    for (int i = 0; i < N; i++) {
        ck_assert_double_eq_tol(y[1][i], y[0][i], 1e-5);
        ck_assert_double_eq_tol(dx[1][i], dx[0][i], 1e-5);
    }
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 6, 3), 1), *six = filled(F32, SHAPE(6), 2), *y = x;
    kdst_tensor *wide = filled(F64, SHAPE(3), 3), *empty = filled(F32, SHAPE(2, 6, 0), 4),
                *line = filled(F32, SHAPE(4), 5);
    kdst_options *zero = with_eps(0);
    expect_failure(
        kdst_layer_norm(x, six, NULL, 1, NULL, &y), KDST_STATUS_SHAPE,
        "layer_norm: gamma is [6], x is [2, 6, 3]: expected [3]");
    ck_assert_ptr_null(y);
    expect_failure(kdst_layer_norm(x, NULL, six, 2, NULL, &y), KDST_STATUS_SHAPE, "expected [6, 3]");
    expect_failure(kdst_layer_norm(x, NULL, NULL, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "axes is 0");
    expect_failure(kdst_layer_norm(x, NULL, NULL, 4, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "allowed is 1 to 3");
    expect_failure(kdst_layer_norm(empty, NULL, NULL, 1, NULL, &y), KDST_STATUS_SHAPE, "nothing has no mean");
    expect_failure(kdst_layer_norm(x, wide, NULL, 1, NULL, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_layer_norm(x, NULL, NULL, 1, zero, &y), KDST_STATUS_INVALID_ARGUMENT, "eps");
    expect_failure(kdst_layer_norm(x, NULL, NULL, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_layer_norm(NULL, NULL, NULL, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(
        kdst_group_norm(x, NULL, NULL, 4, NULL, &y), KDST_STATUS_SHAPE, "6 channels cannot be cut into 4 groups");
    expect_failure(kdst_group_norm(x, NULL, NULL, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "groups is 0");
    expect_failure(kdst_group_norm(line, NULL, NULL, 1, NULL, &y), KDST_STATUS_SHAPE, "group_norm: x is [4]");
    expect_failure(kdst_group_norm(empty, NULL, NULL, 1, NULL, &y), KDST_STATUS_SHAPE, "[2, 6, 0]");
    expect_failure(kdst_group_norm(x, line, NULL, 2, NULL, &y), KDST_STATUS_SHAPE, "gamma is [4]");
    ck_assert_int_eq(kdst_group_norm(NULL, NULL, NULL, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(zero);
    kdst_tensor *all[] = {x, six, wide, empty, line};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_layer_norm, 0, 2);
    tcase_add_loop_test(tests, test_group_norm, 0, 2);
    tcase_add_loop_test(tests, test_degenerate, 0, 2);
    tcase_add_loop_test(tests, test_large_scale, 0, 3);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("row_norm", build);
}
