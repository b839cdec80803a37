/* SPDX-License-Identifier: Apache-2.0 */
/* Initialisers: bounds and moments of each distribution in both types, and bad input. */
#include "autograd/support.h"

enum { O = 64, I = 50, K = 9, COUNT = O * I * K };

typedef struct rule {
    const char *kind, *mode, *nonlinearity;
    double slope, bound, deviation; /* bound 0: normal */
} rule;

static const rule rules[] = {
    {"pytorch", NULL, NULL, 0, 1 / 21.213203435596427, 0},
    {"kaiming_uniform", NULL, NULL, 0, 1.4142135623730951 * 0.08164965809277260, 0},
    {"kaiming_uniform", "fan_out", "linear", 0, 0.07216878364870323, 0},
    {"kaiming_normal", NULL, NULL, 0, 0, 0.06666666666666667},
    {"kaiming_normal", "fan_out", NULL, 0, 0, 0.05892556509887896},
    {"kaiming_normal", "fan_in", "leaky_relu", 2.0, 0, 0.6324555320336759 / 21.213203435596427},
    {"normal", NULL, NULL, 0, 0, 0.3},
    {"uniform", NULL, NULL, 0, 0.7, 0},
    {"truncated_normal", NULL, NULL, 0, 0, 0.3 * 0.87962566103423978}, /* of a normal number between +-2 */
};

START_TEST(distributions)
{
    const rule *r = &rules[_i / 2];
    kdst_options *options = NULL;
    kdst_tensor *t = NULL;
    expect_ok(kdst_options_create(&options));
    if (r->mode != NULL)
        expect_ok(kdst_options_set_string(options, "mode", r->mode));
    if (r->nonlinearity != NULL)
        expect_ok(kdst_options_set_string(options, "nonlinearity", r->nonlinearity));
    if (r->slope != 0)
        expect_ok(kdst_options_set_float(options, "slope", r->slope));
    expect_ok(kdst_options_set_float(options, "std", 0.3));
    expect_ok(kdst_options_set_float(options, "bound", 0.7));
    expect_ok(kdst_tensor_create(ctx, real_type(_i % 2), SHAPE(O, I, 3, 3), &t));
    expect_ok(kdst_tensor_init(t, r->kind, options));
    double *v = doubles(t), sum = 0, squares = 0, largest = 0;
    for (int i = 0; i < COUNT; i++) {
        sum += v[i];
        squares += v[i] * v[i];
        largest = fmax(largest, fabs(v[i]));
    }
    double deviation = r->bound > 0 ? r->bound / sqrt(3) : r->deviation;
    /* The error of the mean is deviation / 170, of the deviation 1 / 240; five of them are allowed. */
    ck_assert_double_lt(fabs(sum / COUNT), 5 * deviation / 170);
    ck_assert_double_lt(fabs(sqrt(squares / COUNT) / deviation - 1), 5.0 / 240);
    if (r->bound > 0) {
        ck_assert_double_le(largest, r->bound * (1 + 1e-6));
        ck_assert_double_gt(largest, r->bound * 0.998);
    } else if (strcmp(r->kind, "truncated_normal") == 0) {
        ck_assert_double_le(largest, 0.6 * (1 + 1e-6));
        ck_assert_double_gt(largest, 0.6 * 0.998);
    } else {
        ck_assert_double_gt(largest, 3.5 * deviation);
    }
    free(v);
    kdst_tensor_release(t);
    kdst_options_release(options);
}
END_TEST

START_TEST(constants)
{
    kdst_tensor *t = filled(real_type(_i), SHAPE(2), 1);
    expect_ok(kdst_tensor_init(t, "ones", NULL));
    expect_close(t, (double[]){1, 1});
    expect_ok(kdst_tensor_init(t, "zeros", NULL));
    expect_close(t, (double[]){0, 0});
    kdst_tensor_release(t);
}
END_TEST

START_TEST(bad_input)
{
    kdst_tensor *t = filled(F64, SHAPE(3), 1), *labels = from_labels(1, (int32_t[]){0}), *empty = filled(F64, SHAPE(0, 0), 1);
    kdst_options *options = NULL;
    double *before = doubles(t);
    expect_failure(kdst_tensor_init(t, "xavier", NULL), KDST_STATUS_INVALID_ARGUMENT, "tensor_init: kind is \"xavier\", allowed are pytorch|");
    expect_failure(kdst_tensor_init(t, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "kind is NULL");
    expect_failure(kdst_tensor_init(t, "pytorch", NULL), KDST_STATUS_SHAPE, "tensor has rank 1, \"pytorch\" needs 2 or more");
    expect_failure(kdst_tensor_init(labels, "zeros", NULL), KDST_STATUS_DTYPE, "tensor is int32");
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "std", -1));
    expect_failure(kdst_tensor_init(t, "normal", options), KDST_STATUS_INVALID_ARGUMENT, "std");
    ck_assert_int_eq(kdst_tensor_init(NULL, "zeros", NULL), KDST_STATUS_INVALID_ARGUMENT);
    expect_close(t, before);
    expect_ok(kdst_tensor_init(empty, "pytorch", NULL));
    free(before);
    kdst_options_release(options);
    kdst_tensor_release(empty);
    kdst_tensor_release(labels);
    kdst_tensor_release(t);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, distributions, 0, 2 * (int)(sizeof rules / sizeof *rules));
    tcase_add_loop_test(tests, constants, 0, 2);
    tcase_add_test(tests, bad_input);
}

int main(void)
{
    return run_suite("init", build);
}
