/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number through the public API: values of views and empty tensors, gradients at kinks, bad input. */
#include "support.h"

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}
static double signum(double x)
{
    return (x > 0) - (x < 0);
}
static double negative(double x)
{
    return -x;
}
static double squared(double x)
{
    return x * x;
}
static double inverse(double x)
{
    return 1 / x;
}
static double log_logistic(double x)
{
    return -log1p(exp(-x));
}
static double relu(double x)
{
    return fmax(x, 0);
}
static double relu6(double x)
{
    return fmin(fmax(x, 0), 6);
}
static double silu(double x)
{
    return x * logistic(x);
}
static double more(double x)
{
    return x + 2.5;
}
static double times(double x)
{
    return x * -1.5;
}
static double cubed(double x)
{
    return x * x * x;
}
static double clamped(double x)
{
    return fmin(fmax(x, -0.5), 1.25);
}
static double leaky(double x)
{
    return x > 0 ? x : 0.25 * x;
}
static double elu(double x)
{
    return x > 0 ? x : 0.5 * expm1(x);
}
static double softplus(double x)
{
    return log1p(exp(x));
}
static double softplus_sharp(double x)
{
    return 4 * x > 2 ? x : log1p(exp(4 * x)) / 4;
}
static double gelu(double x)
{
    return x * (1 + erf(x / sqrt(2))) / 2;
}
static double gelu_tanh(double x)
{
    return x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x))) / 2;
}

static kdst_status run_more(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_add_scalar(x, 2.5, out);
}
static kdst_status run_times(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_mul_scalar(x, -1.5, out);
}
static kdst_status run_cubed(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_pow(x, 3, out);
}
static kdst_status run_clamped(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_clamp(x, -0.5, 1.25, out);
}
static kdst_status run_leaky(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_leaky_relu(x, 0.25, out);
}
static kdst_status run_elu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_elu(x, 0.5, out);
}
static kdst_status run_softplus(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_softplus(x, NULL, out);
}
static kdst_status run_softplus_sharp(kdst_tensor *x, kdst_tensor **out)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "beta", 4));
    expect_ok(kdst_options_set_float(options, "threshold", 2));
    kdst_status status = kdst_softplus(x, options, out);
    kdst_options_release(options);
    return status;
}
static kdst_status run_gelu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_gelu(x, NULL, out);
}
static kdst_status run_gelu_tanh(kdst_tensor *x, kdst_tensor **out)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "approximate", "tanh"));
    kdst_status status = kdst_gelu(x, options, out);
    kdst_options_release(options);
    return status;
}

/* A function, its formula, and the factor and offset that bring [-1, 1] into its domain. */
static const struct row {
    kdst_status (*fn)(kdst_tensor *, kdst_tensor **);
    double (*formula)(double);
    double factor, offset;
} rows[] = {
    {kdst_exp, exp, 3, 0},          {kdst_log, log, 1, 1.5},
    {kdst_sqrt, sqrt, 1, 1.5},      {kdst_abs, fabs, 3, 0},
    {kdst_sign, signum, 3, 0},      {kdst_neg, negative, 3, 0},
    {kdst_square, squared, 3, 0},   {kdst_reciprocal, inverse, 1, 2},
    {kdst_sigmoid, logistic, 5, 0}, {kdst_log_sigmoid, log_logistic, 5, 0},
    {kdst_tanh, tanh, 3, 0},        {kdst_relu, relu, 3, 0},
    {kdst_relu6, relu6, 5, 3},      {kdst_silu, silu, 5, 0},
    {run_more, more, 3, 0},         {run_times, times, 3, 0},
    {run_cubed, cubed, 2, 0},       {run_clamped, clamped, 3, 0},
    {run_leaky, leaky, 3, 0},       {run_elu, elu, 3, 0},
    {run_softplus, softplus, 3, 0}, {run_softplus_sharp, softplus_sharp, 3, 0},
    {run_gelu, gelu, 3, 0},         {run_gelu_tanh, gelu_tanh, 3, 0},
};
#define ROWS ((int)(sizeof rows / sizeof *rows))

static void check_values(const struct row *row, kdst_dtype dtype, int views)
{
    double values[3 * 5 * 7], expected[3 * 5 * 7];
    for (int i = 0; i < 3 * 5 * 7; i++) {
        values[i] = row->factor * number(i, 3) + row->offset;
        expected[i] = row->formula(dtype == F32 ? (float)values[i] : values[i]);
    }
    kdst_tensor *x = from_doubles(dtype, SHAPE(3, 5, 7), values), *y = NULL;
    if (views) x = scattered(x);
    expect_ok(row->fn(x, &y));
    expect_shape(y, SHAPE(3, 5, 7));
    ck_assert_int_eq(kdst_tensor_get_dtype(y), dtype);
    expect_close(y, expected);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}

START_TEST(test_formulas)
{
    for (int row = 0; row < ROWS; row++)
        for (int views = 0; views < 2; views++)
            check_values(&rows[row], real_type(_i), views);
}
END_TEST

START_TEST(test_empty)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 0), 1), *y = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(rows[_i].fn(x, &y));
    expect_shape(y, SHAPE(2, 0));
    kdst_tensor *dy = filled(F32, SHAPE(2, 0), 1);
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *labels = from_labels(2, (int32_t[]){1, 2}), *x = filled(F32, SHAPE(2), 1), *y = x;
    expect_failure(rows[_i].fn(labels, &y), KDST_STATUS_DTYPE, "int32");
    ck_assert_ptr_null(y);
    expect_failure(rows[_i].fn(x, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    y = x;
    ck_assert_int_eq(rows[_i].fn(NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(y);
    kdst_tensor_release(x);
    kdst_tensor_release(labels);
}
END_TEST

START_TEST(test_numbers_out_of_range)
{
    kdst_tensor *x = filled(F32, SHAPE(2), 1), *y = x;
    expect_failure(kdst_clamp(x, 1, 0.5, &y), KDST_STATUS_INVALID_ARGUMENT, "clamp: min is 1, max is 0.5");
    ck_assert_ptr_null(y);
    expect_failure(kdst_clamp(x, NAN, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "clamp: min is nan");
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "beta", 0));
    y = x;
    expect_failure(kdst_softplus(x, options, &y), KDST_STATUS_INVALID_ARGUMENT, "softplus: beta is 0");
    ck_assert_ptr_null(y);
    expect_failure(kdst_gelu(x, options, &y), KDST_STATUS_INVALID_ARGUMENT, "beta");
    kdst_options_release(options);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "approximate", "erf"));
    y = x;
    expect_failure(kdst_gelu(x, options, &y), KDST_STATUS_INVALID_ARGUMENT, "gelu: approximate is \"erf\"");
    ck_assert_ptr_null(y);
    kdst_options_release(options);
    kdst_tensor_release(x);
}
END_TEST

/* The gradient of sum y at x. */
static void
expect_slopes(kdst_status (*fn)(kdst_tensor *, kdst_tensor **), kdst_dtype dtype, const double *x, const double *slopes)
{
    kdst_tensor *t = from_doubles(dtype, SHAPE(4), x), *y = NULL;
    kdst_tensor *dy = from_doubles(dtype, SHAPE(4), (double[]){1, 1, 1, 1});
    expect_ok(kdst_tensor_set_requires_grad(t, 1));
    expect_ok(fn(t, &y));
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(t);
    double *got = doubles(dx);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(got[i] == slopes[i], "slope at %g is %g, expected %g", x[i], got[i], slopes[i]);
    free(got);
    kdst_tensor *all[] = {t, y, dy, dx};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}

START_TEST(test_slopes_at_kinks)
{
    kdst_dtype dtype = real_type(_i);
    expect_slopes(kdst_relu, dtype, (double[]){0, -0.0, NAN, 1}, (double[]){0, 0, 1, 1});
    expect_slopes(kdst_relu6, dtype, (double[]){0, 6, 3, NAN}, (double[]){0, 0, 1, 0});
    expect_slopes(kdst_abs, dtype, (double[]){0, -0.0, -2, 2}, (double[]){0, 0, -1, 1});
    expect_slopes(kdst_sign, dtype, (double[]){0, 1, -1, NAN}, (double[]){0, 0, 0, 0});
    expect_slopes(run_clamped, dtype, (double[]){-0.5, 1.25, -0.75, NAN}, (double[]){1, 1, 0, 0});
    expect_slopes(run_leaky, dtype, (double[]){0, -1, 1, NAN}, (double[]){0.25, 0.25, 1, 0.25});
    expect_slopes(kdst_sqrt, dtype, (double[]){0, 1, 4, INFINITY}, (double[]){INFINITY, 0.5, 0.25, 0});
}
END_TEST

/* Where the function is flat or a line its slope is 0 or 1, though x^2 may overflow. */
START_TEST(test_slopes_far_out)
{
    kdst_dtype dtype = real_type(_i);
    const double most = dtype == F32 ? 3e38 : 1e308, x[] = {-most, most, -most / 1e15, most / 1e15};
    const double steps[] = {0, 1, 0, 1}, falling[] = {1, 0, 1, 0};
    expect_slopes(kdst_silu, dtype, x, steps);
    expect_slopes(run_gelu_tanh, dtype, x, steps);
    expect_slopes(kdst_log_sigmoid, dtype, x, falling);
    expect_slopes(kdst_sigmoid, dtype, x, (double[]){0, 0, 0, 0});
    expect_slopes(kdst_tanh, dtype, x, (double[]){0, 0, 0, 0});
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_formulas, 0, 2);
    tcase_add_loop_test(tests, test_empty, 0, ROWS);
    tcase_add_loop_test(tests, test_bad_input, 0, ROWS);
    tcase_add_test(tests, test_numbers_out_of_range);
    tcase_add_loop_test(tests, test_slopes_at_kinks, 0, 2);
    tcase_add_loop_test(tests, test_slopes_far_out, 0, 2);
}

int main(void)
{
    return run_suite("unary", build);
}
