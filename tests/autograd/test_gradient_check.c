/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient check itself: right gradients pass, wrong ones do not, and everything is put back. */
#include "support.h"

#include "failures/each_allocation.h"

/* y = factor x^2 b by an operation whose backward pass says `claimed` instead of `factor`. */
typedef struct claim {
    double factor, claimed;
} claim;

static kdst_status scaled(kdst_tensor *t, double factor, kdst_tensor **out)
{
    kdst_tensor *f = NULL;
    kdst_status status = kdst_tensor_create(kdst_tensor_get_context(t), kdst_tensor_get_dtype(t), 0, NULL, &f);
    if (!status) status = kdst_tensor_set_value(f, factor);
    if (!status) status = kdst_mul(t, f, out);
    kdst_tensor_release(f);
    return status;
}

static kdst_status forward(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *square = NULL;
    (void)count;
    kdst_status status = kdst_mul(inputs[0], inputs[0], &square);
    if (!status) status = scaled(square, ((claim *)user_data)->factor, out);
    kdst_tensor_release(square);
    return status;
}

static kdst_status backward(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs)
{
    kdst_tensor *slope = NULL, *product = NULL, *sum = NULL;
    (void)count, (void)y;
    kdst_status status = scaled(inputs[0], 2 * ((claim *)user_data)->claimed, &slope);
    if (!status) status = kdst_mul(slope, dy, &product);
    if (!status) status = kdst_add(d_inputs[0], product, &sum);
    if (!status) status = kdst_tensor_set(d_inputs[0], sum);
    kdst_tensor_release(sum);
    kdst_tensor_release(product);
    kdst_tensor_release(slope);
    return status;
}

/* inputs: x, and b where there are two. */
static kdst_status function(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_operation *operation = NULL;
    kdst_tensor *y = NULL;
    kdst_status status = kdst_operation_create(
        kdst_tensor_get_context(inputs[0]), "claim", forward, backward, user_data, NULL, &operation);
    if (!status) status = kdst_operation_run(operation, inputs, 1, &y);
    if (!status && count > 1)
        status = kdst_mul(y, inputs[1], out);
    else if (!status)
        *out = y, y = NULL;
    kdst_tensor_release(y);
    kdst_operation_release(operation);
    return status;
}

static kdst_options *number_option(const char *name, double value)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(
        !strcmp(name, "elements") || !strcmp(name, "seed") ? kdst_options_set_int(options, name, (int64_t)value)
                                                           : kdst_options_set_float(options, name, value));
    return options;
}

START_TEST(right_and_wrong_gradients)
{
    static const claim claims[] = {{3, 3}, {3, 3.001}, {3, -3}, {0, 0}, {0, 1e-3}, {1, 0}, {1, NAN}, {1e6, 1e6}};
    static const int right[] = {1, 0, 0, 1, 0, 0, 0, 1};
    claim c = claims[_i];
    kdst_tensor *x = filled(F64, SHAPE(3, 2), 1), *b = filled(F64, SHAPE(2), 2), *both[] = {x, b};
    double *before = doubles(x), worst = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_gradient_check(function, &c, &x, 1, NULL, &worst));
    ck_assert_msg(right[_i] ? worst >= 0 && worst <= 1 : worst > 1, "%g claimed as %g: %g", c.factor, c.claimed, worst);
    expect_ok(kdst_gradient_check(function, &c, both, 2, NULL, &worst)); /* b is left alone */
    ck_assert(right[_i] ? worst >= 0 && worst <= 1 : worst > 1);
    double *after = doubles(x);
    ck_assert_mem_eq(before, after, 6 * sizeof *after);
    free(after);
    free(before);
    kdst_tensor_release(b);
    kdst_tensor_release(x);
}
END_TEST

/* A gradient that was there before is there afterwards, and the check's own is not added to it. */
START_TEST(gradients_are_put_back)
{
    claim c = {2, 2};
    kdst_tensor *x = filled(F64, SHAPE(4), 1), *dy = filled(F64, SHAPE(4), 2), *grad = NULL;
    double *expected = doubles(dy), worst = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    if (_i) expect_ok(kdst_backward(x, dy, NULL));
    expect_ok(kdst_gradient_check(function, &c, &x, 1, NULL, &worst));
    if (_i) {
        grad = grad_of(x);
        expect_close(grad, expected);
    } else {
        expect_failure(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND, "no gradient");
    }
    free(expected);
    kdst_tensor_release(grad);
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
}
END_TEST

/* conv(y, w) with y as above. */
static kdst_status windows(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *y = NULL;
    kdst_options *options = options_ints("padding", (int64_t[]){1, 1}, 2);
    kdst_status status = function(user_data, inputs, 1, &y);
    (void)count;
    if (!status) status = kdst_conv2d(y, inputs[1], NULL, options, out);
    kdst_tensor_release(y);
    kdst_options_release(options);
    return status;
}

/* The standard step and tolerances bear the rounding of sums as a network has them, and still see an error of 1e-4. */
START_TEST(standard_options)
{
    claim c = {1, _i ? 1.0001 : 1};
    kdst_tensor *x = filled(F64, SHAPE(4, 8, 16, 16), 1), *w = filled(F64, SHAPE(8, 8, 3, 3), 2), *both[] = {x, w};
    kdst_options *few = number_option("elements", 100);
    double worst = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_gradient_check(windows, &c, both, 2, few, &worst));
    ck_assert_msg(_i ? worst > 1 : worst <= 1, "worst is %g", worst);
    kdst_options_release(few);
    kdst_tensor_release(w);
    kdst_tensor_release(x);
}
END_TEST

/* Wider tolerances let a small error pass; fewer elements are those of the input. */
START_TEST(options)
{
    claim c = {1, 1.0001}, exact = {1, 1};
    kdst_tensor *x = filled(F64, SHAPE(50), 1);
    double worst = -1, all = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    kdst_options *wide = number_option("rtol", 1e-3), *few = number_option("elements", 7),
                 *step = number_option("step", 0.1);
    expect_ok(kdst_gradient_check(function, &c, &x, 1, NULL, &all));
    ck_assert_double_gt(all, 1);
    expect_ok(kdst_gradient_check(function, &c, &x, 1, wide, &worst));
    ck_assert_double_le(worst, 1);
    expect_ok(kdst_gradient_check(function, &c, &x, 1, few, &worst));
    ck_assert(worst > 1 && worst <= all);
    expect_ok(kdst_gradient_check(function, &exact, &x, 1, step, &worst));
    ck_assert_double_le(worst, 1); /* central differences of a square are exact at any step */
    static const char *const names[] = {"step", "step", "rtol", "atol", "seed", "elements"};
    static const double wrong[] = {0, 1.5, -1, -1, -1, -1};
    for (int i = 0; i < 6; i++) {
        kdst_options *bad = number_option(names[i], wrong[i]);
        expect_failure(kdst_gradient_check(function, &c, &x, 1, bad, &worst), KDST_STATUS_INVALID_ARGUMENT, names[i]);
        ck_assert(isinf(worst));
        kdst_options_release(bad);
    }
    kdst_options_release(step);
    kdst_options_release(few);
    kdst_options_release(wide);
    kdst_tensor_release(x);
}
END_TEST

/* Every run of a random function draws the same numbers. */
static kdst_status dropped(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_dropout(inputs[0], 0.5, out);
}

START_TEST(random_functions)
{
    kdst_tensor *x = filled(F64, SHAPE(40), 1);
    double worst = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_gradient_check(dropped, NULL, &x, 1, NULL, &worst));
    ck_assert(worst >= 0 && worst <= 1);
    kdst_tensor_release(x);
}
END_TEST

static kdst_status fails(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    int *calls = user_data;
    (void)count;
    if (++*calls < 4) return kdst_relu(inputs[0], out);
    return KDST_STATUS_FORMAT;
}

static kdst_status makes_nothing(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)inputs, (void)count, (void)out;
    return KDST_STATUS_OK;
}

static kdst_status cuts_off(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_detach(inputs[0], out);
}

/* Gives back an input, retained when *user_data says so; then fails with that status where it is one. */
typedef struct giver {
    int64_t input;
    int retained;
    kdst_status status;
} giver;

static kdst_status gives_back(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const giver *g = user_data;
    (void)count;
    *out = inputs[g->input];
    if (g->retained) kdst_tensor_retain(*out);
    return g->status;
}

START_TEST(inputs_given_back)
{
    kdst_tensor *x = filled(F64, SHAPE(4), 1), *c = filled(F64, SHAPE(2), 2), *inputs[] = {c, x};
    double worst = 0;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_failure(
        kdst_gradient_check(gives_back, &(giver){1, 0, KDST_STATUS_OK}, inputs, 2, NULL, &worst), KDST_STATUS_CALLBACK,
        "gradient_check: the function gave back input 1 without a new reference");
    ck_assert(isinf(worst));
    expect_failure(
        kdst_gradient_check(gives_back, &(giver){0, 0, KDST_STATUS_OK}, inputs, 2, NULL, &worst), KDST_STATUS_CALLBACK,
        "input 0");
    expect_failure(
        kdst_gradient_check(gives_back, &(giver){1, 0, KDST_STATUS_FORMAT}, inputs, 2, NULL, &worst),
        KDST_STATUS_FORMAT, "the callback returned FORMAT");
    expect_failure(
        kdst_gradient_check(gives_back, &(giver){1, 1, KDST_STATUS_FORMAT}, inputs, 2, NULL, &worst),
        KDST_STATUS_FORMAT, "the callback returned FORMAT");
    ck_assert_int_eq(kdst_tensor_get_count(x), 4);
    expect_ok(kdst_gradient_check(gives_back, &(giver){1, 1, KDST_STATUS_OK}, inputs, 2, NULL, &worst));
    ck_assert(worst >= 0 && worst <= 1); /* the identity */
    kdst_tensor_release(c);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(functions_that_fail)
{
    kdst_tensor *x = filled(F64, SHAPE(4), 1);
    double *before = doubles(x), worst = 0;
    int calls = 0;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_failure(
        kdst_gradient_check(fails, &calls, &x, 1, NULL, &worst), KDST_STATUS_FORMAT, "the callback returned FORMAT");
    ck_assert(isinf(worst));
    expect_failure(
        kdst_gradient_check(makes_nothing, NULL, &x, 1, NULL, &worst), KDST_STATUS_CALLBACK,
        "no floating-point tensor");
    expect_failure(kdst_gradient_check(cuts_off, NULL, &x, 1, NULL, &worst), KDST_STATUS_STATE, "not recorded");
    double *after = doubles(x);
    ck_assert_mem_eq(before, after, 4 * sizeof *after);
    free(after);
    free(before);
    kdst_tensor_release(x);
}
END_TEST

/* Leaves a scope open, once it has seen that the caller's cannot be ended. */
static kdst_status leaves_a_scope_open(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    kdst_status status = kdst_mul(inputs[0], inputs[0], out);
    expect_failure(kdst_no_grad_end(ctx), KDST_STATUS_STATE, "no scope is open");
    expect_ok(kdst_no_grad_begin(ctx));
    return status;
}

START_TEST(scopes_end_with_the_function)
{
    kdst_tensor *x = filled(F64, SHAPE(3), 1), *y = NULL;
    double worst = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_gradient_check(leaves_a_scope_open, NULL, &x, 1, NULL, &worst));
    ck_assert(worst >= 0 && worst <= 1);
    expect_failure(kdst_no_grad_end(ctx), KDST_STATUS_STATE, "no scope is open");
    expect_ok(kdst_relu(x, &y));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    kdst_tensor_release(y);
    expect_ok(kdst_no_grad_begin(ctx));
    expect_failure(
        kdst_gradient_check(leaves_a_scope_open, NULL, &x, 1, NULL, &worst), KDST_STATUS_STATE, "not recorded");
    expect_ok(kdst_no_grad_end(ctx));
    kdst_tensor_release(x);
}
END_TEST

/* What a finaliser does that runs inside the function. */
static kdst_status releases_its_input(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor **x = user_data;
    (void)count;
    kdst_tensor_release(*x);
    *x = NULL;
    return kdst_mul(inputs[0], inputs[0], out);
}

START_TEST(last_references_go_inside)
{
    kdst_tensor *x = filled(F64, SHAPE(3), 1), *inputs[1] = {x};
    int64_t before = kdst_context_live_count(ctx);
    double worst = -1;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_gradient_check(releases_its_input, &x, inputs, 1, NULL, &worst));
    ck_assert(worst >= 0 && worst <= 1);
    ck_assert_int_eq(kdst_context_live_count(ctx), before - 1);
}
END_TEST

START_TEST(bad_arguments)
{
    claim c = {1, 1};
    kdst_context *other = context_with_threads(1);
    kdst_tensor *x = filled(F64, SHAPE(2, 3), 1), *y = NULL, *view = NULL, *far = filled_in(other, F64, SHAPE(2), 1);
    kdst_tensor *nine[9] = {x, x, x, x, x, x, x, x, x}, *pair[2] = {x, NULL};
    double worst = 0;
    expect_failure(kdst_gradient_check(function, &c, &x, 1, NULL, &worst), KDST_STATUS_STATE, "no input requires");
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_failure(
        kdst_gradient_check(function, &c, nine, 9, NULL, &worst), KDST_STATUS_INVALID_ARGUMENT, "count is 9");
    expect_failure(
        kdst_gradient_check(function, &c, pair, 2, NULL, &worst), KDST_STATUS_INVALID_ARGUMENT, "input 1 is NULL");
    pair[1] = far;
    expect_failure(
        kdst_gradient_check(function, &c, pair, 2, NULL, &worst), KDST_STATUS_INVALID_ARGUMENT, "another context");
    expect_failure(
        kdst_gradient_check(NULL, &c, &x, 1, NULL, &worst), KDST_STATUS_INVALID_ARGUMENT, "function is NULL");
    expect_failure(
        kdst_gradient_check(function, &c, &x, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out_worst is NULL");
    ck_assert_int_eq(kdst_gradient_check(function, &c, NULL, 1, NULL, &worst), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_gradient_check(function, &c, &x, 0, NULL, &worst), KDST_STATUS_INVALID_ARGUMENT);
    expect_ok(kdst_relu(x, &y));
    expect_failure(kdst_gradient_check(function, &c, &y, 1, NULL, &worst), KDST_STATUS_STATE, "is no leaf");
    view = scattered(filled(F64, SHAPE(2, 3), 1));
    expect_ok(kdst_tensor_set_requires_grad(view, 1));
    expect_failure(kdst_gradient_check(function, &c, &view, 1, NULL, &worst), KDST_STATUS_STATE, "is not contiguous");
    kdst_tensor_release(view);
    kdst_tensor_release(y);
    kdst_tensor_release(far);
    kdst_tensor_release(x);
    kdst_context_release(other);
}
END_TEST

static kdst_status check(kdst_context *in, void *arg)
{
    static const double values[] = {0.5, -2};
    kdst_tensor *x = NULL;
    double worst = 0, now[2];
    kdst_status status = kdst_tensor_create_from(in, F64, SHAPE(2), values, &x);
    if (!status) status = kdst_tensor_set_requires_grad(x, 1);
    if (!status) {
        status = kdst_gradient_check(function, arg, &x, 1, NULL, &worst);
        ck_assert(status ? isinf(worst) : worst <= 1);
        if (!status) status = kdst_tensor_get_data(x, now, sizeof now);
        if (!status) ck_assert_mem_eq(now, values, sizeof now);
    }
    kdst_tensor_release(x);
    return status;
}

START_TEST(each_allocation_of_a_check)
{
    claim c = {2, 2};
    ck_assert_int_ge(each_allocation_fails(NULL, check, &c), 20);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, right_and_wrong_gradients, 0, 8);
    tcase_add_loop_test(tests, gradients_are_put_back, 0, 2);
    tcase_add_loop_test(tests, standard_options, 0, 2);
    tcase_add_test(tests, options);
    tcase_add_test(tests, random_functions);
    tcase_add_test(tests, inputs_given_back);
    tcase_add_test(tests, functions_that_fail);
    tcase_add_test(tests, scopes_end_with_the_function);
    tcase_add_test(tests, last_references_go_inside);
    tcase_add_test(tests, bad_arguments);
    tcase_add_test(tests, each_allocation_of_a_check);
}

int main(void)
{
    return run_suite("gradient_check", build);
}
