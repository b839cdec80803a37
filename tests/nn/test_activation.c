/* SPDX-License-Identifier: Apache-2.0 */
/* Activation layers by name: each against the operation it stands for, its options, bad input, failing allocations. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

typedef kdst_status (*run_fn)(kdst_tensor *x, kdst_tensor **out);

static kdst_status leaky_relu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_leaky_relu(x, 0.01, out);
}
static kdst_status leaky_relu_half(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_leaky_relu(x, 0.5, out);
}
static kdst_status elu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_elu(x, 1, out);
}
static kdst_status elu_half(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_elu(x, 0.5, out);
}
static kdst_status softplus(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_softplus(x, NULL, out);
}
static kdst_status softplus_with(kdst_tensor *x, const char *name, double value, kdst_tensor **out)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, name, value));
    kdst_status status = kdst_softplus(x, options, out);
    kdst_options_release(options);
    return status;
}
static kdst_status softplus_sharp(kdst_tensor *x, kdst_tensor **out)
{
    return softplus_with(x, "beta", 0.5, out);
}
static kdst_status softplus_soon(kdst_tensor *x, kdst_tensor **out)
{
    return softplus_with(x, "threshold", 0.5, out);
}
static kdst_status gelu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_gelu(x, NULL, out);
}
static kdst_status gelu_tanh(kdst_tensor *x, kdst_tensor **out)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "approximate", "tanh"));
    kdst_status status = kdst_gelu(x, options, out);
    kdst_options_release(options);
    return status;
}
static kdst_status softmax(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_softmax(x, -1, out);
}
static kdst_status softmax_first(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_softmax(x, 0, out);
}
static kdst_status log_softmax(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_log_softmax(x, -1, out);
}
static kdst_status log_softmax_first(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_log_softmax(x, 0, out);
}
static kdst_status identity(kdst_tensor *x, kdst_tensor **out)
{
    return kdst_mul_scalar(x, 1, out);
}

/* A kind, an option as text, and the operation it stands for. */
static const struct {
    const char *kind, *option, *value;
    run_fn run;
} rows[] = {
    {"relu", NULL, NULL, kdst_relu},
    {"relu6", NULL, NULL, kdst_relu6},
    {"leaky_relu", NULL, NULL, leaky_relu},
    {"leaky_relu", "slope", "0.5", leaky_relu_half},
    {"elu", NULL, NULL, elu},
    {"elu", "alpha", "0.5", elu_half},
    {"sigmoid", NULL, NULL, kdst_sigmoid},
    {"log_sigmoid", NULL, NULL, kdst_log_sigmoid},
    {"tanh", NULL, NULL, kdst_tanh},
    {"softplus", NULL, NULL, softplus},
    {"softplus", "beta", "0.5", softplus_sharp},
    {"softplus", "threshold", "0.5", softplus_soon},
    {"silu", NULL, NULL, kdst_silu},
    {"gelu", NULL, NULL, gelu},
    {"gelu", "approximate", "tanh", gelu_tanh},
    {"softmax", NULL, NULL, softmax},
    {"softmax", "axis", "0", softmax_first},
    {"log_softmax", NULL, NULL, log_softmax},
    {"log_softmax", "axis", "0", log_softmax_first},
    {"identity", NULL, NULL, identity},
};
#define ROWS ((int)(sizeof rows / sizeof *rows))

static kdst_status set(kdst_options *options, const char *name, const char *value)
{
    if (strcmp(name, "axis") == 0) return kdst_options_set_int(options, name, atoi(value));
    if (strcmp(name, "approximate") == 0) return kdst_options_set_string(options, name, value);
    return kdst_options_set_float(options, name, atof(value));
}

static kdst_status create(kdst_context *in, int row, kdst_layer **out)
{
    kdst_options *options = NULL;
    if (rows[row].option == NULL) return kdst_layer_activation_create(in, rows[row].kind, out);
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = set(options, rows[row].option, rows[row].value);
    if (status == KDST_STATUS_OK) status = kdst_layer_activation_create_with_options(in, rows[row].kind, options, out);
    kdst_options_release(options);
    return status;
}

START_TEST(stands_for_its_operation)
{
    for (int type = 0; type < 2; type++) {
        kdst_layer *layer = NULL;
        kdst_tensor *x = filled(real_type(type), SHAPE(3, 5), 1), *scaled = NULL, *y = NULL, *expected = NULL;
        expect_ok(kdst_mul_scalar(x, 8, &scaled));
        expect_ok(create(ctx, _i, &layer));
        ck_assert_int_eq(kdst_layer_get_state_count(layer), 0);
        expect_ok(kdst_layer_run(layer, scaled, &y));
        expect_ok(rows[_i].run(scaled, &expected));
        double *got = doubles(y), *wanted = doubles(expected);
        ck_assert_mem_eq(got, wanted, 15 * sizeof *got);
        free(got);
        free(wanted);
        kdst_layer_release(layer);
        kdst_tensor *all[] = {x, scaled, y, expected};
        for (int i = 0; i < 4; i++)
            kdst_tensor_release(all[i]);
    }
}
END_TEST

START_TEST(bad_input)
{
    kdst_options *options = NULL;
    kdst_layer *layer = (kdst_layer *)(void *)&options;
    expect_failure(
        kdst_layer_activation_create(ctx, "rellu", &layer), KDST_STATUS_INVALID_ARGUMENT,
        "activation: kind is \"rellu\", allowed are relu, relu6");
    ck_assert_ptr_null(layer);
    expect_failure(kdst_layer_activation_create(ctx, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT, "kind is NULL");
    expect_failure(kdst_layer_activation_create(ctx, "relu", NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_layer_activation_create(NULL, "relu", &layer), KDST_STATUS_INVALID_ARGUMENT);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "slope", 0.5));
    expect_failure(
        kdst_layer_activation_create_with_options(ctx, "relu", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "activation: slope is given, and relu has no such option");
    ck_assert_ptr_null(layer);
    expect_failure(
        kdst_layer_activation_create_with_options(ctx, "softplus", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "softplus has no such option");
    kdst_options_release(options);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "beta", -1));
    expect_failure(
        kdst_layer_activation_create_with_options(ctx, "softplus", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "activation: beta is -1");
    kdst_options_release(options);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "axis", 2));
    expect_ok(kdst_layer_activation_create_with_options(ctx, "softmax", options, &layer));
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *y = x;
    expect_failure(kdst_layer_run(layer, x, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
    ck_assert_ptr_null(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

static kdst_status create_and_run(kdst_context *in, void *arg)
{
    kdst_layer *layer = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    kdst_status status = create(in, *(int *)arg, &layer);
    if (status == KDST_STATUS_OK) status = kdst_tensor_create(in, KDST_DTYPE_FLOAT32, 2, (int64_t[]){2, 3}, &x);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_requires_grad(x, 1);
    if (status == KDST_STATUS_OK) status = kdst_layer_run(layer, x, &y);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    return status;
}

START_TEST(failing_allocations)
{
    int row = _i;
    ck_assert_int_ge(each_allocation_fails(NULL, create_and_run, &row), 4);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, stands_for_its_operation, 0, ROWS);
    tcase_add_test(tests, bad_input);
    tcase_add_loop_test(tests, failing_allocations, 0, ROWS);
}

int main(void)
{
    return run_suite("activation", build);
}
