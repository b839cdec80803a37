/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass: which gradients arrive where, how often a record serves, what a failure leaves. */
#include "support.h"

#include "failures/each_allocation.h"

static kdst_tensor *leaf(kdst_dtype dtype, int64_t rank, const int64_t *shape, const double *values)
{
    kdst_tensor *t = from_doubles(dtype, rank, shape, values);
    expect_ok(kdst_tensor_set_requires_grad(t, 1));
    return t;
}

static kdst_options *retain(int64_t value)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "retain", value));
    return options;
}

static void expect_grad(kdst_tensor *t, const double *expected)
{
    kdst_tensor *grad = grad_of(t);
    expect_close(grad, expected);
    kdst_tensor_release(grad);
}

/* y = (a b + a) a: a is met on three ways. */
START_TEST(gradients_of_several_ways_add_up)
{
    kdst_dtype dtype = real_type(_i);
    kdst_tensor *a = leaf(dtype, SHAPE(2), (double[]){2, -3}), *b = leaf(dtype, SHAPE(2), (double[]){5, 7});
    kdst_tensor *ab = NULL, *sum = NULL, *y = NULL, *dy = from_doubles(dtype, SHAPE(2), (double[]){1, 10});
    expect_ok(kdst_mul(a, b, &ab));
    expect_ok(kdst_add(ab, a, &sum));
    expect_ok(kdst_mul(sum, a, &y));
    expect_ok(kdst_backward(y, dy, NULL));
    expect_grad(a, (double[]){2 * 2 * 5 + 2 * 2, 10 * (2 * -3 * 7 + 2 * -3)});
    expect_grad(b, (double[]){4, 90});
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    kdst_tensor_release(sum);
    kdst_tensor_release(ab);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
}
END_TEST

/* Records are met in falling order: a chain that forks at each step has 2^40 ways and 40 records. */
START_TEST(each_record_is_met_once)
{
    kdst_tensor *x = leaf(F64, 0, NULL, (double[]){1}), *y = x;
    kdst_tensor_retain(x);
    for (int i = 0; i < 40; i++) {
        kdst_tensor *next = NULL;
        expect_ok(kdst_add(y, y, &next));
        kdst_tensor_release(y);
        y = next;
    }
    expect_ok(kdst_backward(y, NULL, NULL));
    expect_grad(x, (double[]){1099511627776.0});
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* Neither the pass nor the release of a long chain needs the stack. */
START_TEST(long_chains)
{
    kdst_tensor *x = leaf(F64, 0, NULL, (double[]){1}), *one = from_doubles(F64, 0, NULL, (double[]){1}), *y = x;
    kdst_tensor_retain(x);
    for (int i = 0; i < 100000; i++) {
        kdst_tensor *next = NULL;
        kdst_status status = kdst_add(y, one, &next);
        if (status) expect_ok(status);
        kdst_tensor_release(y);
        y = next;
    }
    expect_ok(kdst_backward(y, NULL, NULL));
    expect_grad(x, (double[]){1});
    kdst_tensor_release(y);
    kdst_tensor_release(one);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(passes_add_until_cleared)
{
    kdst_tensor *x = leaf(F32, SHAPE(2), (double[]){3, 4}), *y = NULL,
                *ones = from_doubles(F32, SHAPE(2), (double[]){1, 1});
    for (int pass = 1; pass <= 3; pass++) {
        expect_ok(kdst_mul(x, x, &y));
        expect_ok(kdst_backward(y, ones, NULL));
        kdst_tensor_release(y);
        expect_grad(x, (double[]){6.0 * pass, 8.0 * pass});
    }
    expect_ok(kdst_tensor_clear_grad(x));
    kdst_tensor *grad = (kdst_tensor *)&grad;
    expect_failure(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND, "no gradient yet");
    ck_assert_ptr_null(grad);
    kdst_tensor_release(ones);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(a_record_serves_once_or_is_retained)
{
    kdst_options *kept = retain(1), *dropped = retain(0);
    kdst_tensor *x = leaf(F64, 0, NULL, (double[]){3}), *y = NULL, *z = NULL;
    expect_ok(kdst_mul(x, x, &y));
    expect_ok(kdst_mul(y, x, &z));
    expect_ok(kdst_backward(z, NULL, kept));
    expect_grad(x, (double[]){27});
    expect_ok(kdst_backward(z, NULL, dropped));
    expect_grad(x, (double[]){54});
    expect_failure(kdst_backward(z, NULL, NULL), KDST_STATUS_STATE, "the record of mul is used up");
    expect_failure(kdst_backward(y, NULL, NULL), KDST_STATUS_STATE, "used up");
    expect_grad(x, (double[]){54});
    kdst_tensor_release(z);
    expect_ok(kdst_add(y, x, &z)); /* a new record on one that is used up */
    expect_failure(kdst_backward(z, NULL, NULL), KDST_STATUS_STATE, "used up");
    expect_grad(x, (double[]){54});
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_options_release(dropped);
    kdst_options_release(kept);
}
END_TEST

START_TEST(a_leaf_is_its_own_result)
{
    kdst_tensor *x = leaf(F64, SHAPE(2), (double[]){3, 4}), *dy = from_doubles(F64, SHAPE(2), (double[]){-1, 2});
    expect_ok(kdst_backward(x, dy, NULL));
    expect_ok(kdst_backward(x, dy, NULL));
    expect_grad(x, (double[]){-2, 4});
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(only_what_asks_gets_a_gradient)
{
    kdst_tensor *a = leaf(F64, SHAPE(2), (double[]){2, 3}), *b = from_doubles(F64, SHAPE(2), (double[]){5, 7});
    kdst_tensor *y = NULL, *cut = NULL, *z = NULL, *ones = from_doubles(F64, SHAPE(2), (double[]){1, 1}), *grad = NULL;
    expect_ok(kdst_mul(a, b, &y));
    expect_ok(kdst_detach(y, &cut));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(cut), 0);
    expect_ok(kdst_mul(cut, y, &z));
    expect_ok(kdst_backward(z, ones, NULL));
    expect_grad(a, (double[]){5 * 10, 7 * 21});
    expect_failure(kdst_tensor_get_grad(b, &grad), KDST_STATUS_NOT_FOUND, "no gradient");
    expect_failure(kdst_tensor_get_grad(y, &grad), KDST_STATUS_NOT_FOUND, "no gradient");
    expect_failure(kdst_backward(b, ones, NULL), KDST_STATUS_STATE, "not recorded");
    expect_failure(kdst_backward(cut, ones, NULL), KDST_STATUS_STATE, "not recorded");
    kdst_tensor_release(z);
    kdst_tensor_release(cut);
    kdst_tensor_release(y);
    kdst_tensor_release(ones);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
}
END_TEST

/* A leaf that stops asking between recording and the pass gets nothing. */
START_TEST(a_leaf_may_stop_asking)
{
    kdst_tensor *a = leaf(F64, 0, NULL, (double[]){2}), *b = leaf(F64, 0, NULL, (double[]){5}), *y = NULL, *grad = NULL;
    expect_ok(kdst_mul(a, b, &y));
    expect_ok(kdst_tensor_set_requires_grad(a, 0));
    expect_ok(kdst_backward(y, NULL, NULL));
    expect_grad(b, (double[]){2});
    expect_failure(kdst_tensor_get_grad(a, &grad), KDST_STATUS_NOT_FOUND, "no gradient");
    kdst_tensor_release(y);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
}
END_TEST

START_TEST(scopes_without_recording)
{
    kdst_tensor *x = leaf(F64, 0, NULL, (double[]){3}), *y = NULL;
    expect_failure(kdst_no_grad_end(ctx), KDST_STATUS_STATE, "no scope is open");
    expect_ok(kdst_no_grad_begin(ctx));
    expect_ok(kdst_no_grad_begin(ctx));
    expect_ok(kdst_no_grad_end(ctx));
    expect_ok(kdst_mul(x, x, &y));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 0);
    expect_failure(kdst_backward(y, NULL, NULL), KDST_STATUS_STATE, "not recorded");
    kdst_tensor_release(y);
    expect_ok(kdst_no_grad_end(ctx));
    expect_failure(kdst_no_grad_end(ctx), KDST_STATUS_STATE, "no scope is open");
    expect_ok(kdst_mul(x, x, &y));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    /* ended on the way out of a failure, the message is still there to be read */
    expect_ok(kdst_no_grad_begin(ctx));
    expect_failure(kdst_softmax(x, 0, &(kdst_tensor *){NULL}), KDST_STATUS_INVALID_ARGUMENT, "axis is 0");
    ck_assert_int_eq(kdst_no_grad_end(ctx), KDST_STATUS_OK);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "axis is 0"));
    ck_assert_int_eq(kdst_no_grad_begin(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_no_grad_end(NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* Memory that is mapped for writing may have changed already: the pass is refused before and after unmap. */
START_TEST(mapped_for_writing)
{
    kdst_tensor *x = leaf(F64, SHAPE(2), (double[]){2, 3}), *square = NULL, *y = NULL, *grad = NULL;
    void *memory = NULL;
    expect_ok(kdst_mul(x, x, &square));
    expect_ok(kdst_sum(square, NULL, 0, 0, &y));
    expect_ok(kdst_tensor_map(x, _i ? KDST_MAP_WRITE : KDST_MAP_READ, &memory));
    ck_assert_int_eq(kdst_backward(y, NULL, NULL), _i ? KDST_STATUS_STATE : KDST_STATUS_OK);
    expect_ok(kdst_tensor_unmap(x));
    ck_assert_int_eq(kdst_backward(y, NULL, NULL), KDST_STATUS_STATE);
    ck_assert_int_eq(kdst_tensor_get_grad(x, &grad), _i ? KDST_STATUS_NOT_FOUND : KDST_STATUS_OK);
    kdst_tensor_release(grad);
    kdst_tensor_release(y);
    kdst_tensor_release(square);
    kdst_tensor_release(x);
}
END_TEST

/* y, x, the operation and the context: all of the caller's references go inside the callback. */
typedef struct last_references {
    kdst_context *ctx;
    kdst_operation *operation;
    kdst_tensor *x, *y;
    int destroyed;
} last_references;

static kdst_status makes_sum(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_sum(inputs[0], NULL, 0, 0, out);
}

static kdst_status releases_everything(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs)
{
    last_references *r = user_data;
    (void)inputs, (void)count, (void)y, (void)dy;
    kdst_tensor_release(r->x);
    kdst_tensor_release(r->y);
    kdst_operation_release(r->operation);
    kdst_context_release(r->ctx);
    ck_assert_int_eq(r->destroyed, 0);
    return kdst_tensor_set_value(d_inputs[0], 1);
}

static void note_end(void *user_data)
{
    ((last_references *)user_data)->destroyed++;
}

START_TEST(last_references_go_inside)
{
    last_references r = {.ctx = context_with_threads(1)};
    r.x = filled_in(r.ctx, F64, SHAPE(3), 1);
    ck_assert_int_eq(kdst_tensor_set_requires_grad(r.x, 1), 0);
    ck_assert_int_eq(
        kdst_operation_create(r.ctx, "last", makes_sum, releases_everything, &r, note_end, &r.operation), 0);
    ck_assert_int_eq(kdst_operation_run(r.operation, &r.x, 1, &r.y), 0);
    ck_assert_int_eq(kdst_backward(r.y, NULL, NULL), 0);
    ck_assert_int_eq(r.destroyed, 1);
}
END_TEST

START_TEST(bad_arguments)
{
    kdst_context *other = context_with_threads(1);
    kdst_options *wrong = retain(1);
    kdst_tensor *x = leaf(F64, SHAPE(2, 3), (double[6]){1}), *y = NULL;
    kdst_tensor *narrow = filled(F32, SHAPE(2, 3), 1), *turned = filled(F64, SHAPE(3, 2), 1);
    kdst_tensor *foreign = filled_in(other, F64, SHAPE(2, 3), 1), *grad = NULL;
    expect_ok(kdst_mul(x, x, &y));
    expect_failure(kdst_backward(y, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "y is [2, 3], so dy is needed");
    expect_failure(kdst_backward(y, narrow, NULL), KDST_STATUS_DTYPE, "dy is float32, y is float64");
    expect_failure(kdst_backward(y, turned, NULL), KDST_STATUS_SHAPE, "dy is [3, 2], y is [2, 3]");
    expect_failure(kdst_backward(y, foreign, NULL), KDST_STATUS_INVALID_ARGUMENT, "another context");
    expect_ok(kdst_options_set_int(wrong, "retain", 2));
    expect_failure(kdst_backward(y, turned, wrong), KDST_STATUS_INVALID_ARGUMENT, "retain is 2");
    ck_assert_int_eq(kdst_backward(NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND, "no gradient");
    kdst_tensor_release(foreign);
    kdst_tensor_release(turned);
    kdst_tensor_release(narrow);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_options_release(wrong);
    kdst_context_release(other);
}
END_TEST

START_TEST(dy_may_be_a_view)
{
    kdst_tensor *x = leaf(F64, SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6}), *y = NULL;
    kdst_tensor *dy = scattered(from_doubles(F64, SHAPE(2, 3), (double[]){1, 10, 100, 2, 20, 200}));
    expect_ok(kdst_mul(x, x, &y));
    expect_ok(kdst_backward(y, dy, NULL));
    expect_grad(x, (double[]){2, 40, 600, 16, 200, 2400});
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* x has a gradient before; a pass that fails leaves it as it was, and the record for another try. */
static kdst_status pass(kdst_context *in, void *arg)
{
    static const double values[] = {1, 2, 3, 4, 5, 6};
    kdst_tensor *x = NULL, *turned = NULL, *product = NULL, *y = NULL, *grad = NULL;
    double before[6], after[6];
    (void)arg;
    kdst_status status = kdst_tensor_create_from(in, F64, SHAPE(2, 3), values, &x);
    if (!status) status = kdst_tensor_set_requires_grad(x, 1);
    if (!status) status = kdst_transpose(x, 0, 1, &turned);
    if (!status) status = kdst_matmul(x, turned, &product);
    if (!status) status = kdst_sum(product, NULL, 0, 0, &y);
    if (!status) status = kdst_backward(x, x, NULL);
    if (!status) status = kdst_tensor_get_grad(x, &grad);
    if (!status) status = kdst_tensor_get_data(grad, before, sizeof before);
    if (!status) {
        status = kdst_backward(y, NULL, NULL);
        ck_assert_int_eq(kdst_tensor_get_data(grad, after, sizeof after) && !status, 0);
        if (status)
            ck_assert_mem_eq(before, after, sizeof after);
        else
            ck_assert_double_eq(after[0], 1 + 2 * (1 + 4));
        if (status) ck_assert_int_eq(kdst_context_set_message(in, "backward: out of memory"), KDST_STATUS_OK);
    }
    kdst_tensor_release(grad);
    kdst_tensor_release(y);
    kdst_tensor_release(product);
    kdst_tensor_release(turned);
    kdst_tensor_release(x);
    return status;
}

START_TEST(each_allocation_of_a_pass)
{
    ck_assert_int_ge(each_allocation_fails(NULL, pass, NULL), 15);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, gradients_of_several_ways_add_up, 0, 2);
    tcase_add_test(tests, each_record_is_met_once);
    tcase_add_test(tests, long_chains);
    tcase_add_test(tests, passes_add_until_cleared);
    tcase_add_test(tests, a_record_serves_once_or_is_retained);
    tcase_add_test(tests, a_leaf_is_its_own_result);
    tcase_add_test(tests, only_what_asks_gets_a_gradient);
    tcase_add_test(tests, a_leaf_may_stop_asking);
    tcase_add_test(tests, scopes_without_recording);
    tcase_add_loop_test(tests, mapped_for_writing, 0, 2);
    tcase_add_test(tests, last_references_go_inside);
    tcase_add_test(tests, bad_arguments);
    tcase_add_test(tests, dy_may_be_a_view);
    tcase_add_test(tests, each_allocation_of_a_pass);
}

int main(void)
{
    return run_suite("tape", build);
}
