/* SPDX-License-Identifier: Apache-2.0 */
/* Operations by callbacks: what a callback may return, what it may do to the context, who ends its user data. */
#include "support.h"

#include "failures/each_allocation.h"

/* y = x^2; what the callbacks do besides is the test's. */
typedef struct square {
    kdst_status (*before_forward)(struct square *s, kdst_tensor *x, kdst_tensor **out);
    kdst_status (*before_backward)(struct square *s);
    kdst_tensor *y; /* borrowed: what the test differentiates */
    kdst_tensor *kept;
    int forwards, backwards, destroyed;
} square;

static kdst_status forward(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    square *s = user_data;
    ck_assert_int_eq(count, 1);
    s->forwards++;
    kdst_status status = s->before_forward ? s->before_forward(s, inputs[0], out) : KDST_STATUS_OK;
    return status || s->before_forward ? status : kdst_mul(inputs[0], inputs[0], out);
}

static kdst_status backward(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs)
{
    square *s = user_data;
    kdst_tensor *twice = NULL, *product = NULL, *sum = NULL;
    (void)count, (void)y;
    s->backwards++;
    kdst_status status = s->before_backward ? s->before_backward(s) : KDST_STATUS_OK;
    if (!status) status = kdst_add(inputs[0], inputs[0], &twice);
    if (!status) status = kdst_mul(twice, dy, &product);
    if (!status) status = kdst_add(d_inputs[0], product, &sum);
    if (!status) status = kdst_tensor_set(d_inputs[0], sum);
    kdst_tensor_release(sum);
    kdst_tensor_release(product);
    kdst_tensor_release(twice);
    return status;
}

static void destroy(void *user_data)
{
    ((square *)user_data)->destroyed++;
}

static kdst_operation *operation_of(square *s)
{
    kdst_operation *operation = NULL;
    expect_ok(kdst_operation_create(ctx, "square", forward, backward, s, destroy, &operation));
    return operation;
}

static kdst_tensor *leaf(double value)
{
    kdst_tensor *x = from_doubles(F64, 0, NULL, &value);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    return x;
}

static void expect_value(kdst_tensor *t, double expected)
{
    double value = NAN;
    expect_ok(kdst_tensor_get_value(t, &value));
    ck_assert_double_eq(value, expected);
}

/* ---- what it computes, and its life ---- */

START_TEST(value_and_gradient)
{
    square s = {0};
    kdst_operation *operation = operation_of(&s);
    kdst_tensor *x = leaf(3), *y = NULL, *grad;
    expect_ok(kdst_operation_run(operation, &x, 1, &y));
    kdst_operation_release(operation); /* the record holds it */
    ck_assert_int_eq(s.destroyed, 0);
    expect_value(y, 9);
    expect_ok(kdst_backward(y, NULL, NULL));
    grad = grad_of(x);
    expect_value(grad, 6);
    kdst_tensor_release(grad);
    kdst_tensor_release(y);
    ck_assert_int_eq(s.destroyed, 1);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(without_backward_nothing_is_recorded)
{
    square s = {0};
    kdst_operation *operation = NULL;
    kdst_tensor *x = leaf(3), *y = NULL;
    expect_ok(kdst_operation_create(ctx, "square", forward, NULL, &s, destroy, &operation));
    expect_ok(kdst_operation_run(operation, &x, 1, &y));
    expect_value(y, 9);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 0);
    expect_failure(kdst_backward(y, NULL, NULL), KDST_STATUS_STATE, "not recorded");
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
    ck_assert_int_eq(s.destroyed, 1);
}
END_TEST

START_TEST(refused_creations_end_the_user_data)
{
    square s = {0};
    kdst_operation *operation = (kdst_operation *)&s;
    ck_assert_int_eq(
        kdst_operation_create(NULL, "square", forward, backward, &s, destroy, &operation),
        KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(operation);
    expect_failure(
        kdst_operation_create(ctx, NULL, forward, backward, &s, destroy, &operation), KDST_STATUS_INVALID_ARGUMENT,
        "name is NULL");
    expect_failure(
        kdst_operation_create(ctx, "square", NULL, backward, &s, destroy, &operation), KDST_STATUS_INVALID_ARGUMENT,
        "forward is NULL");
    expect_failure(
        kdst_operation_create(ctx, "square", forward, backward, &s, destroy, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "out is NULL");
    ck_assert_int_eq(s.destroyed, 4);
}
END_TEST

START_TEST(bad_inputs)
{
    square s = {0};
    kdst_operation *operation = operation_of(&s);
    kdst_context *other = context_with_threads(1);
    kdst_tensor *x = leaf(3), *nine[9] = {x, x, x, x, x, x, x, x, x}, *holes[2] = {x, NULL}, *y = x;
    kdst_tensor *stranger = filled_in(other, F64, 0, NULL, 1);
    const char *count = "count is";
    expect_failure(kdst_operation_run(operation, nine, 9, &y), KDST_STATUS_INVALID_ARGUMENT, count);
    expect_failure(kdst_operation_run(operation, nine, 0, &y), KDST_STATUS_INVALID_ARGUMENT, count);
    expect_failure(kdst_operation_run(operation, nine, INT64_MIN, &y), KDST_STATUS_INVALID_ARGUMENT, count);
    expect_failure(kdst_operation_run(operation, NULL, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "inputs is NULL");
    expect_failure(kdst_operation_run(operation, holes, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "input 1 is NULL");
    expect_failure(kdst_operation_run(operation, &stranger, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "another context");
    expect_failure(kdst_operation_run(operation, &x, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_operation_run(NULL, &x, 1, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(y);
    ck_assert_int_eq(s.forwards, 0);
    kdst_tensor_release(stranger);
    kdst_context_release(other);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
}
END_TEST

/* ---- what forward may return ---- */

static kdst_status returns_nothing(square *s, kdst_tensor *x, kdst_tensor **out)
{
    (void)s, (void)x;
    *out = NULL;
    return KDST_STATUS_OK;
}
static kdst_status returns_its_input(square *s, kdst_tensor *x, kdst_tensor **out)
{
    (void)s;
    *out = x; /* borrowed, and must stay the caller's */
    return KDST_STATUS_OK;
}
static kdst_status returns_what_it_keeps(square *s, kdst_tensor *x, kdst_tensor **out)
{
    (void)x;
    kdst_tensor_retain(*out = s->kept);
    return KDST_STATUS_OK;
}
static kdst_status fails(square *s, kdst_tensor *x, kdst_tensor **out)
{
    kdst_status status = kdst_mul(x, x, out); /* released for the callback */
    (void)s;
    return status ? status : KDST_STATUS_FORMAT;
}
static kdst_status fails_with_a_message(square *s, kdst_tensor *x, kdst_tensor **out)
{
    kdst_status status = kdst_context_set_message(ctx, "square: tired");
    (void)s, (void)x, (void)out;
    return status ? status : KDST_STATUS_CANCELLED;
}
static kdst_status fails_with_no_status(square *s, kdst_tensor *x, kdst_tensor **out)
{
    (void)s, (void)x, (void)out;
    return -7;
}

static const struct {
    kdst_status (*forward)(square *s, kdst_tensor *x, kdst_tensor **out);
    kdst_status status;
    const char *message;
} returned[] = {
    {returns_nothing, KDST_STATUS_CALLBACK, "square: forward returned no tensor"},
    {returns_its_input, KDST_STATUS_CALLBACK, "square: forward returned its input 0"},
    {returns_what_it_keeps, KDST_STATUS_CALLBACK, "square: forward returned a leaf that requires a gradient"},
    {fails, KDST_STATUS_FORMAT, "square: the callback returned FORMAT"},
    {fails_with_a_message, KDST_STATUS_CANCELLED, "square: tired"},
    {fails_with_no_status, KDST_STATUS_CALLBACK, "square: the callback returned -7, which is no status"},
};
enum { RETURNED = sizeof returned / sizeof *returned };

START_TEST(refused_results)
{
    square s = {.before_forward = returned[_i].forward, .kept = leaf(1)};
    kdst_operation *operation = operation_of(&s);
    kdst_tensor *x = filled(F64, 0, NULL, 1), *y = x;
    if (returned[_i].forward == returns_its_input) expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_failure(kdst_operation_run(operation, &x, 1, &y), returned[_i].status, returned[_i].message);
    ck_assert_ptr_null(y);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(s.kept), 1);
    kdst_tensor_release(s.kept);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
}
END_TEST

/* A recorded tensor, and one of another context. */
START_TEST(refused_owners)
{
    kdst_context *other = context_with_threads(1);
    kdst_tensor *x = leaf(2), *y = NULL;
    square s = {.before_forward = returns_what_it_keeps};
    kdst_operation *operation = operation_of(&s);
    if (_i)
        s.kept = filled_in(other, F64, 0, NULL, 1);
    else
        expect_ok(kdst_mul(x, x, &s.kept));
    expect_failure(
        kdst_operation_run(operation, &x, 1, &y), KDST_STATUS_CALLBACK,
        _i ? "a tensor of another context" : "a recorded tensor");
    ck_assert_ptr_null(y);
    kdst_tensor_release(s.kept);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
    kdst_context_release(other);
}
END_TEST

/* ---- what callbacks may do to the context ---- */

static kdst_status begins_a_scope(square *s)
{
    (void)s;
    return kdst_no_grad_begin(ctx);
}
static kdst_status ends_a_scope(square *s)
{
    (void)s;
    return kdst_no_grad_end(ctx);
}
static kdst_status scopes_in_forward(square *s, kdst_tensor *x, kdst_tensor **out)
{
    kdst_status status = s->before_backward(s);
    return status ? status : kdst_mul(x, x, out);
}

/* Scopes that a callback leaves open end with it. */
START_TEST(scopes_end_with_the_callback)
{
    square s = {.before_forward = scopes_in_forward, .before_backward = begins_a_scope};
    kdst_operation *operation = operation_of(&s);
    kdst_tensor *x = leaf(3), *y = NULL, *after = NULL;
    expect_ok(kdst_operation_run(operation, &x, 1, &y));
    expect_ok(kdst_backward(y, NULL, NULL));
    ck_assert_int_eq(s.forwards + s.backwards, 2);
    expect_ok(kdst_mul(x, x, &after));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(after), 1);
    expect_failure(kdst_no_grad_end(ctx), KDST_STATUS_STATE, "no scope is open");
    kdst_tensor_release(after);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
}
END_TEST

/* Neither the library's own scope nor the caller's is a callback's to end. */
START_TEST(scopes_around_a_callback_stay)
{
    square s = {.before_forward = scopes_in_forward, .before_backward = ends_a_scope};
    kdst_operation *operation = operation_of(&s);
    kdst_tensor *x = leaf(3), *y = NULL;
    if (_i) expect_ok(kdst_no_grad_begin(ctx));
    expect_failure(kdst_operation_run(operation, &x, 1, &y), KDST_STATUS_STATE, "no scope is open");
    if (_i) expect_ok(kdst_no_grad_end(ctx));
    s.before_forward = NULL;
    expect_ok(kdst_operation_run(operation, &x, 1, &y));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    expect_failure(kdst_backward(y, NULL, NULL), KDST_STATUS_STATE, "no scope is open");
    s.before_backward = NULL;
    expect_ok(kdst_backward(y, NULL, NULL));
    expect_failure(kdst_no_grad_end(ctx), KDST_STATUS_STATE, "no scope is open");
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
}
END_TEST

static kdst_status backward_again(square *s)
{
    return kdst_backward(s->y, NULL, NULL);
}
static kdst_status ignores_its_failure(square *s)
{
    expect_failure(kdst_backward(s->y, NULL, NULL), KDST_STATUS_STATE, "a pass is running");
    return KDST_STATUS_OK;
}

/* The pass inside would take the gradients of the one around it. */
START_TEST(a_pass_within_a_pass_is_refused)
{
    square s = {.before_backward = _i ? ignores_its_failure : backward_again};
    kdst_operation *operation = operation_of(&s);
    kdst_tensor *x = leaf(3), *h = NULL, *grad = NULL;
    expect_ok(kdst_operation_run(operation, &x, 1, &h));
    expect_ok(kdst_mul(h, h, &s.y)); /* x^4 */
    if (_i) {
        expect_ok(kdst_backward(s.y, NULL, NULL));
        grad = grad_of(x);
        expect_value(grad, 108);
    } else {
        kdst_options *retain = NULL;
        expect_ok(kdst_options_create(&retain));
        expect_ok(kdst_options_set_int(retain, "retain", 1));
        expect_failure(kdst_backward(s.y, NULL, retain), KDST_STATUS_STATE, "a pass is running");
        ck_assert_int_eq(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND);
        expect_failure(kdst_backward(s.y, NULL, NULL), KDST_STATUS_STATE, "a pass is running");
        s.before_backward = NULL;
        /* nothing is stuck; but what the second one had come through is given back */
        expect_failure(kdst_backward(s.y, NULL, NULL), KDST_STATUS_STATE, "used up");
        ck_assert_int_eq(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND);
        kdst_options_release(retain);
    }
    kdst_tensor_release(grad);
    kdst_tensor_release(s.y);
    kdst_tensor_release(h);
    kdst_tensor_release(x);
    kdst_operation_release(operation);
}
END_TEST

/* ---- memory ---- */

static kdst_status make_and_run(kdst_context *in, void *arg)
{
    square *s = arg, before = *s;
    const double three = 3;
    kdst_operation *operation = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    kdst_status status = kdst_tensor_create_from(in, F64, 0, NULL, &three, &x);
    if (!status) status = kdst_tensor_set_requires_grad(x, 1);
    if (!status) {
        status = kdst_operation_create(in, "square", forward, backward, s, destroy, &operation);
        ck_assert_int_eq(s->destroyed - before.destroyed, status != 0);
    }
    if (!status) status = kdst_operation_run(operation, &x, 1, &y);
    if (!status) status = kdst_backward(y, NULL, NULL);
    kdst_operation_release(operation);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

/* ---- releases by the callback ---- */

typedef struct last_references {
    kdst_operation *operation;
    kdst_tensor *x;
    int destroyed;
} last_references;

static kdst_status release_all(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    last_references *r = user_data;
    (void)count;
    kdst_operation_release(r->operation);
    kdst_tensor_release(r->x);
    ck_assert_int_eq(r->destroyed, 0);
    return kdst_mul(inputs[0], inputs[0], out);
}

static void end_references(void *user_data)
{
    ((last_references *)user_data)->destroyed++;
}

/* What a finaliser does that runs inside the callback. */
START_TEST(last_references_go_inside)
{
    last_references r = {.x = leaf(3)};
    kdst_tensor *y = NULL;
    double value = 0;
    expect_ok(kdst_operation_create(ctx, "once", release_all, _i ? backward : NULL, &r, end_references, &r.operation));
    expect_ok(kdst_operation_run(r.operation, &r.x, 1, &y));
    ck_assert_int_eq(r.destroyed, _i ? 0 : 1); /* the record of y keeps it */
    expect_ok(kdst_tensor_get_value(y, &value));
    ck_assert_double_eq(value, 9);
    kdst_tensor_release(y);
    ck_assert_int_eq(r.destroyed, 1);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
}
END_TEST

START_TEST(each_allocation_of_an_operation)
{
    square s = {0};
    ck_assert_int_ge(each_allocation_fails(NULL, make_and_run, &s), 15);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, value_and_gradient);
    tcase_add_test(tests, without_backward_nothing_is_recorded);
    tcase_add_test(tests, refused_creations_end_the_user_data);
    tcase_add_test(tests, bad_inputs);
    tcase_add_loop_test(tests, refused_results, 0, RETURNED);
    tcase_add_loop_test(tests, refused_owners, 0, 2);
    tcase_add_test(tests, scopes_end_with_the_callback);
    tcase_add_loop_test(tests, scopes_around_a_callback_stay, 0, 2);
    tcase_add_loop_test(tests, a_pass_within_a_pass_is_refused, 0, 2);
    tcase_add_loop_test(tests, last_references_go_inside, 0, 2);
    tcase_add_test(tests, each_allocation_of_an_operation);
}

int main(void)
{
    return run_suite("custom", build);
}
