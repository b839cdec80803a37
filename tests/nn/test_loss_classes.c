/* SPDX-License-Identifier: Apache-2.0 */
/* The loss handle cross_entropy with class weights, an ignored label and smoothing: on and off the tape it is what the operation
 * kdst_cross_entropy_loss gives, which has tests of its own against the formula; bad input, failing allocations.
 */
#include "autograd/support.h"

#include "failures/each_allocation.h"

enum { B = 37, K = 11 };

static const double weights[K] = {0.5, 1, 2, 0, 1, 1, 0.25, 3, 1, 1, 1};

/* bits: 1 weights, 2 a label that is ignored, 4 smoothing. */
static kdst_options *options_of(int bits, int is_handle)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    if (is_handle && (bits & 1)) expect_ok(kdst_options_set_floats(options, "class_weights", weights, K));
    if (bits & 2) expect_ok(kdst_options_set_int(options, "ignore_index", 255));
    if (bits & 4) expect_ok(kdst_options_set_float(options, "label_smoothing", 0.2));
    return options;
}

static kdst_tensor *labels_of(int bits)
{
    int32_t values[B];
    for (int i = 0; i < B; i++)
        values[i] = (bits & 2) && i % 4 == 1 ? 255 : i * i % K;
    return from_labels(B, values);
}

static double value_of(kdst_tensor *t)
{
    double *v = doubles(t), value = v[0];
    free(v);
    return value;
}

START_TEST(test_agrees_with_the_operation)
{
    double tolerance = _i % 2 ? TOLERANCE64 : TOLERANCE32;
    int bits = _i / 2;
    kdst_dtype dtype = real_type(_i % 2);
    kdst_tensor *x = filled(dtype, SHAPE(B, K), 1), *labels = labels_of(bits), *w = NULL, *y = NULL, *grad = NULL;
    kdst_options *of_handle = options_of(bits, 1), *of_operation = options_of(bits, 0);
    kdst_loss *loss = NULL;
    if (bits & 1) w = from_doubles(dtype, SHAPE(K), weights);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_cross_entropy_loss(x, labels, w, of_operation, &y));
    double expected = value_of(y), value = NAN;
    expect_ok(kdst_backward(y, NULL, NULL));
    kdst_tensor *dx = grad_of(x);
    double *slope = doubles(dx);
    kdst_tensor_release(dx);
    kdst_tensor_release(y);
    expect_ok(kdst_tensor_clear_grad(x));
    expect_ok(kdst_loss_cross_entropy_create(ctx, of_handle, &loss));
    ck_assert_str_eq(kdst_loss_get_name(loss), "cross_entropy");
    expect_ok(kdst_loss_run(loss, x, NULL, labels, &y));
    ck_assert_double_le(fabs(value_of(y) - expected), tolerance * fmax(1, expected));
    expect_ok(kdst_tensor_create(ctx, dtype, SHAPE(B, K), &grad));
    expect_ok(kdst_tensor_set_value(grad, 7)); /* overwritten */
    expect_ok(kdst_loss_compute(loss, x, NULL, labels, &value, grad));
    ck_assert_double_le(fabs(value - expected), tolerance * fmax(1, expected));
    expect_close(grad, slope);
    kdst_loss_release(loss); /* the record holds it */
    expect_ok(kdst_backward(y, NULL, NULL));
    dx = grad_of(x);
    expect_close(dx, slope);
    free(slope);
    kdst_options_release(of_handle);
    kdst_options_release(of_operation);
    kdst_tensor *all[] = {x, labels, w, y, grad, dx};
    for (int i = 0; i < 6; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_all_ignored)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *labels = from_labels(2, (int32_t[]){-100, -100}), *grad = NULL;
    kdst_loss *loss = NULL;
    double value = 0;
    expect_ok(kdst_loss_cross_entropy_create(ctx, NULL, &loss));
    expect_ok(kdst_tensor_create(ctx, F32, SHAPE(2, 3), &grad));
    expect_ok(kdst_loss_compute(loss, x, NULL, labels, &value, grad));
    ck_assert(isnan(value));
    expect_close(grad, (double[]){0, 0, 0, 0, 0, 0});
    kdst_loss_release(loss);
    kdst_tensor_release(x);
    kdst_tensor_release(labels);
    kdst_tensor_release(grad);
}
END_TEST

static void refuse(const char *name, double value, const char *text)
{
    kdst_options *options = NULL;
    kdst_loss *loss = (kdst_loss *)ctx; /* anything but NULL */
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, name, value));
    expect_failure(kdst_loss_cross_entropy_create(ctx, options, &loss), KDST_STATUS_INVALID_ARGUMENT, text);
    ck_assert_ptr_null(loss);
    kdst_options_release(options);
}

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *labels = from_labels(2, (int32_t[]){0, -1}), *y = x;
    kdst_options *options = options_of(3, 1);
    kdst_loss *weighted = NULL, *plain = NULL;
    expect_ok(kdst_loss_cross_entropy_create(ctx, options, &weighted));
    expect_ok(kdst_loss_cross_entropy_create(ctx, NULL, &plain));
    expect_failure(
        kdst_loss_run(weighted, x, NULL, labels, &y), KDST_STATUS_SHAPE,
        "cross_entropy: class_weights has 11 elements, student logits are [2, 3]");
    ck_assert_ptr_null(y);
    expect_failure(
        kdst_loss_run(plain, x, NULL, labels, &y), KDST_STATUS_INVALID_ARGUMENT,
        "cross_entropy: label -1 at row 1, allowed is 0 to 2");
    refuse("label_smoothing", 1.5, "cross_entropy: label_smoothing is 1.5");
    refuse("class_weights", -1, "cross_entropy: class_weights");
    refuse("ignore_index", 1e10, "cross_entropy: ignore_index");
    kdst_options_release(options);
    kdst_loss_release(weighted);
    kdst_loss_release(plain);
    kdst_tensor_release(x);
    kdst_tensor_release(labels);
}
END_TEST

static kdst_status step(kdst_context *in, void *arg)
{
    kdst_tensor *x = NULL, *labels = NULL, *y = NULL;
    kdst_loss *loss = NULL;
    kdst_status status = kdst_tensor_create(in, F32, 2, (int64_t[]){2, K}, &x);
    if (status == KDST_STATUS_OK) status = kdst_tensor_create(in, KDST_DTYPE_INT32, 1, (int64_t[]){2}, &labels);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_requires_grad(x, 1);
    if (status == KDST_STATUS_OK) status = kdst_loss_cross_entropy_create(in, arg, &loss);
    if (status == KDST_STATUS_OK) status = kdst_loss_run(loss, x, NULL, labels, &y);
    if (status == KDST_STATUS_OK) status = kdst_backward(y, NULL, NULL);
    kdst_tensor_release(y);
    kdst_loss_release(loss);
    kdst_tensor_release(labels);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_each_allocation)
{
    kdst_options *options = options_of(7, 1);
    ck_assert_int_gt(each_allocation_fails(NULL, step, options), 10);
    kdst_options_release(options);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_agrees_with_the_operation, 0, 16);
    tcase_add_test(tests, test_all_ignored);
    tcase_add_test(tests, test_bad_input);
    tcase_add_test(tests, test_each_allocation);
}

int main(void)
{
    return run_suite("loss_classes", build);
}
