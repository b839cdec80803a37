/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number and their derivatives, over their whole domain and at its ends.
 *
 * Values: FORWARD roundings, the exponential and logarithm being good to 2 units each, times how much the function magnifies
 * a rounding of what it computes on the way. Derivatives: the same of their terms, read from x or from the rounded result.
 */
#include "reference/reference.h"
#include "support.h"

#define FORWARD 8
#define BACKWARD 16

/* A function, its numbers, and where it is tried. */
static const struct function {
    const char *name;
    int32_t op;
    double p, q, low, high;
} functions[] = {
    {"exp", KDST__UNARY_EXP, 0, 0, -80, 80},
    {"log", KDST__UNARY_LOG, 0, 0, 1e-3, 50},
    {"log, next to 1", KDST__UNARY_LOG, 0, 0, 0.98, 1.02},
    {"log, large", KDST__UNARY_LOG, 0, 0, 1e30, 1e38},
    {"log, small", KDST__UNARY_LOG, 0, 0, 1e-42, 1e-37},
    {"sqrt", KDST__UNARY_SQRT, 0, 0, 0.01, 50},
    {"abs", KDST__UNARY_ABS, 0, 0, -3, 3},
    {"sign", KDST__UNARY_SIGN, 0, 0, -3, 3},
    {"neg", KDST__UNARY_NEG, 0, 0, -3, 3},
    {"square", KDST__UNARY_SQUARE, 0, 0, -30, 30},
    {"reciprocal", KDST__UNARY_RECIPROCAL, 0, 0, 0.1, 30},
    {"add", KDST__UNARY_ADD, 1.25, 0, -3, 3},
    {"mul", KDST__UNARY_MUL, -1.25, 0, -3, 3},
    {"pow 2.5", KDST__UNARY_POW, 2.5, 0, 0, 8},
    {"pow 2", KDST__UNARY_POW, 2, 0, -8, 8},
    {"pow 3", KDST__UNARY_POW, 3, 0, -8, 8},
    {"pow 0.5", KDST__UNARY_POW, 0.5, 0, 0.125, 8},
    {"pow -1", KDST__UNARY_POW, -1, 0, 0.125, 8},
    {"pow -1.5", KDST__UNARY_POW, -1.5, 0, 0.125, 8},
    {"pow 0", KDST__UNARY_POW, 0, 0, -1, 1},
    {"pow 1", KDST__UNARY_POW, 1, 0, -1, 1},
    {"clamp", KDST__UNARY_CLAMP, -0.5, 0.75, -2, 2},
    {"clamp above", KDST__UNARY_CLAMP, -INFINITY, 0.75, -2, 2},
    {"clamp below", KDST__UNARY_CLAMP, -0.5, INFINITY, -2, 2},
    {"sigmoid", KDST__UNARY_SIGMOID, 0, 0, -20, 20},
    {"log_sigmoid", KDST__UNARY_LOG_SIGMOID, 0, 0, -60, 60},
    {"log_sigmoid, middle", KDST__UNARY_LOG_SIGMOID, 0, 0, -2, 2},
    {"tanh", KDST__UNARY_TANH, 0, 0, -4, 4},
    {"tanh, next to 0", KDST__UNARY_TANH, 0, 0, -1e-3, 1e-3},
    {"softplus", KDST__UNARY_SOFTPLUS, 1, 20, -40, 40},
    {"softplus, sharp", KDST__UNARY_SOFTPLUS, 4, 2, -3, 3},
    {"leaky_relu", KDST__UNARY_LEAKY_RELU, 0.125, 0, -3, 3},
    {"relu6", KDST__UNARY_RELU6, 0, 0, -3, 9},
    {"silu", KDST__UNARY_SILU, 0, 0, -20, 20},
    {"gelu", KDST__UNARY_GELU, 0, 0, -5, 5},
    {"gelu, tanh", KDST__UNARY_GELU_TANH, 0, 0, -4, 4},
    {"elu", KDST__UNARY_ELU, 1, 0, -50, 20},
    {"elu, next to 0", KDST__UNARY_ELU, 0.75, 0, -1e-3, 1e-3},
};
#define FUNCTIONS ((int)(sizeof functions / sizeof *functions))

/* By how much a rounding inside grows: exponents of e^-x are rounded to |x| u, and so does that of x^p. */
static double growth(const struct function *f, double x)
{
    switch (f->op) {
    case KDST__UNARY_SIGMOID:
    case KDST__UNARY_LOG_SIGMOID:
    case KDST__UNARY_SILU:
    case KDST__UNARY_ELU:
        return 1 + fabs(x) / 8;
    case KDST__UNARY_SOFTPLUS:
        return 1 + fabs(f->p * x) / 8;
    case KDST__UNARY_GELU:
        return 1 + x * x; /* erfc(z) magnifies by 2 z^2 and more */
    case KDST__UNARY_GELU_TANH:
        return 1 + fabs(x) + fabs(x * x * x) / 4;
    default:
        return 1;
    }
}

/* What the terms of the derivative sum to, in absolute value. */
static double slope_size(const struct function *f, double x)
{
    double slope = fabs(reference_unary_slope(f->op, x, f->p, f->q));
    switch (f->op) {
    case KDST__UNARY_SIGMOID:
    case KDST__UNARY_TANH:
    case KDST__UNARY_SILU:
    case KDST__UNARY_GELU:
    case KDST__UNARY_GELU_TANH:
        return slope + 1; /* 1 - y and the like cancel */
    default:
        return slope;
    }
}

/* Whether the derivative is written in y (compute.h). */
static int reads_result(int32_t op)
{
    static const int32_t those[] = {KDST__UNARY_EXP,     KDST__UNARY_SQRT, KDST__UNARY_RECIPROCAL,
                                    KDST__UNARY_SIGMOID, KDST__UNARY_TANH, KDST__UNARY_RELU6};
    for (size_t i = 0; i < sizeof those / sizeof *those; i++)
        if (those[i] == op) return 1;
    return 0;
}

static double smallest(void)
{
    return dtype == KDST__F32 ? 0x1p-149 : 0x1p-1074;
}

static void check(const struct function *f, int64_t n, int early)
{
    char what[64];
    array *x = early ? early_array(n, 1) : random_array(n, 1), *y = filled_array(n, NAN), *dy = random_array(n, 2);
    array *dx = early_array(n, 3);
    double *expected = numbers(n), *bound = numbers(n), *total = values_of(dx), *slope_bound = numbers(n);
    for (int64_t i = 0; i < n; i++) {
        set_element(x, i, f->low + (f->high - f->low) * (x->values[i] + 1) / 2);
        double v = x->values[i], slope = reference_unary_slope(f->op, v, f->p, f->q);
        expected[i] = reference_unary(f->op, v, f->p, f->q);
        bound[i] = chain_bound(unit, FORWARD * growth(f, v), fabs(expected[i])) + smallest();
        slope_bound[i] =
            chain_bound(unit, BACKWARD * growth(f, v), fabs(total[i]) + fabs(dy->values[i]) * slope_size(f, v));
        total[i] += dy->values[i] * slope;
        if (dtype == KDST__F32) total[i] = isinf((float)total[i]) ? (float)total[i] : total[i];
    }
    snprintf(what, sizeof what, "%s, %d", f->name, (int)n);
    kdst__unary(cp, dtype, f->op, n, f->p, f->q, x->data, y->data);
    expect_within(y, expected, bound, what);
    kdst__unary_backward(cp, dtype, f->op, n, f->p, f->q, reads_result(f->op) ? y->data : x->data, dy->data, dx->data);
    snprintf(what, sizeof what, "%s, backward, %d", f->name, (int)n);
    expect_within(dx, total, slope_bound, what);
    kdst__unary(cp, dtype, f->op, n, f->p, f->q, x->data, x->data);
    expect_same_bits(x, y, "in place");
    drop_arrays();
}

START_TEST(values_and_slopes)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int i = 0; i < SIZES; i++)
            check(&functions[f], sizes[i], i % 2);
        check(&functions[f], 40001, 0);
    }
}
END_TEST

/* Zeros of both signs, infinities, NaN, and numbers at the ends of the type. */
START_TEST(special_numbers)
{
    begin(_i);
    double most = dtype == KDST__F32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
    const double special[] = {0, -0.0, INFINITY, -INFINITY, NAN, most, -most, 1, -1, 6, smallest(), -smallest()};
    enum { N = sizeof special / sizeof *special };
    for (int f = 0; f < FUNCTIONS; f++)
        for (int64_t n = 1; n <= N; n++) {
            array *x = array_of(n, special), *y = filled_array(n, -7);
            double *expected = numbers(n), *bound = numbers(n);
            int32_t op = functions[f].op;
            for (int64_t i = 0; i < n; i++) {
                expected[i] = reference_unary(op, x->values[i], functions[f].p, functions[f].q);
                if (dtype == KDST__F32) expected[i] = (float)expected[i];
                bound[i] = chain_bound(unit, FORWARD, fabs(expected[i])) + 2 * smallest();
                /* -inf * 0: the formulas give NaN there, as elsewhere */
                int product = op == KDST__UNARY_SILU || op == KDST__UNARY_GELU || op == KDST__UNARY_GELU_TANH;
                if (product && x->values[i] == -INFINITY) expected[i] = NAN;
            }
            kdst__unary(cp, dtype, op, n, functions[f].p, functions[f].q, x->data, y->data);
            expect_within(y, expected, bound, functions[f].name);
            drop_arrays();
        }
}
END_TEST

/* Slopes that are 0 stay 0 when dy is infinite; at the ends of pieces the gradient is what the header says. */
START_TEST(slopes_at_kinks)
{
    begin(_i);
    static const struct {
        int32_t op;
        double p, q, x, slope;
    } cases[] = {
        {KDST__UNARY_ABS, 0, 0, 0, 0},         {KDST__UNARY_ABS, 0, 0, -0.0, 0},
        {KDST__UNARY_SIGN, 0, 0, 2, 0},        {KDST__UNARY_RELU6, 0, 0, 0, 0},
        {KDST__UNARY_RELU6, 0, 0, 6, 0},       {KDST__UNARY_RELU6, 0, 0, 7, 0},
        {KDST__UNARY_RELU6, 0, 0, 5.875, 1},   {KDST__UNARY_CLAMP, -1, 2, -1, 1},
        {KDST__UNARY_CLAMP, -1, 2, 2, 1},      {KDST__UNARY_CLAMP, -1, 2, 2.125, 0},
        {KDST__UNARY_CLAMP, -1, 2, -1.125, 0}, {KDST__UNARY_LEAKY_RELU, 0.25, 0, 0, 0.25},
        {KDST__UNARY_ELU, 0.5, 0, 0, 0.5},     {KDST__UNARY_SOFTPLUS, 1, 2, 2.125, 1},
        {KDST__UNARY_POW, 0, 0, 0, 0},         {KDST__UNARY_POW, 1, 0, 0, 1},
        {KDST__UNARY_POW, 2, 0, 0, 0},         {KDST__UNARY_POW, 3, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int64_t n = 1; n <= lanes; n += lanes - 1) {
            array *x = filled_array(n, cases[i].x), *y = filled_array(n, 0), *dy = filled_array(n, 3);
            array *dx = filled_array(n, 1);
            int chosen = cases[i].slope == 0 && cases[i].op != KDST__UNARY_POW;
            for (int64_t k = 0; k < n && chosen; k++)
                set_element(dy, k, INFINITY);
            double *expected = numbers(n);
            for (int64_t k = 0; k < n; k++)
                expected[k] = 1 + (chosen ? 0 : 3 * cases[i].slope);
            int32_t op = cases[i].op;
            kdst__unary(cp, dtype, op, n, cases[i].p, cases[i].q, x->data, y->data);
            kdst__unary_backward(
                cp, dtype, op, n, cases[i].p, cases[i].q, reads_result(op) ? y->data : x->data, dy->data, dx->data);
            expect_equal(dx, expected, "kink");
            drop_arrays();
        }
}
END_TEST

START_TEST(the_same_bits_for_any_number_of_threads)
{
    begin(_i);
    enum { N = 50021 };
    static const int32_t threads[] = {1, 2, 7};
    for (int f = 0; f < FUNCTIONS; f++) {
        array *x = random_array(N, 1), *y = filled_array(N, 0), *z = filled_array(N, 0);
        kdst__unary(cp, dtype, functions[f].op, N, functions[f].p, functions[f].q, x->data, y->data);
        for (int t = 0; t < 3; t++) {
            static kdst__compute *other[3];
            if (f == 0) other[t] = with_threads(threads[t]);
            kdst__unary(other[t], dtype, functions[f].op, N, functions[f].p, functions[f].q, x->data, z->data);
            expect_same_bits(y, z, functions[f].name);
        }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, values_and_slopes, 0, configurations());
    tcase_add_loop_test(tests, special_numbers, 0, configurations());
    tcase_add_loop_test(tests, slopes_at_kinks, 0, configurations());
    tcase_add_loop_test(tests, the_same_bits_for_any_number_of_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("unary", build);
}
