/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy of distributions against its formula in long double and PyTorch's values, every option; bad input. */
#include "support.h"

enum { MEAN, SUM, NONE };
static const char *const reductions[] = {"mean", "sum", "none"};

static kdst_options *reduced(int reduction)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "reduction", reductions[reduction]));
    return options;
}

static void release_all(kdst_tensor **all, int count)
{
    for (int i = 0; i < count; i++)
        kdst_tensor_release(all[i]);
}

static double *log_softmax(kdst_tensor *x, int64_t axis)
{
    kdst_tensor *wide = NULL, *logs = NULL;
    expect_ok(kdst_tensor_copy(x, F64, &wide));
    expect_ok(kdst_log_softmax(wide, axis, &logs));
    double *v = doubles(logs);
    release_all((kdst_tensor *[]){wide, logs}, 2);
    return v;
}

/* -sum_k w_k ((1 - e) t_k + e / K) l_k for each row. */
static void check_soft(kdst_dtype dtype, int64_t rank, const int64_t *shape, int options_bits)
{
    int64_t axis = rank > 1, row_shape[4], own = 0, outer = 1, inner = 1, k = shape[axis];
    for (int64_t i = 0; i < rank; i++) {
        if (i == axis) continue;
        *(i < axis ? &outer : &inner) *= shape[i];
        row_shape[own++] = shape[i];
    }
    kdst_tensor *x = filled(dtype, rank, shape, 1), *t = filled(dtype, rank, shape, 2), *y = NULL;
    kdst_tensor *w = options_bits & 1 ? filled(dtype, SHAPE(k), 3) : NULL;
    double *logs = log_softmax(x, axis), *target = doubles(t), *weight = w ? doubles(w) : NULL,
           e = options_bits & 2 ? 0.3 : 0;
    double *expected = malloc((size_t)(outer * inner) * sizeof *expected);
    long double sum = 0;
    for (int64_t r = 0; r < outer * inner; r++) {
        long double row = 0;
        for (int64_t c = 0; c < k; c++) {
            int64_t at = (r / inner * k + c) * inner + r % inner;
            row -= (weight ? weight[c] : 1) * ((1 - e) * target[at] + e / (double)k) * (long double)logs[at];
        }
        expected[r] = (double)row;
        sum += row;
    }
    for (int reduction = NONE; reduction >= MEAN; reduction--) {
        kdst_options *options = reduced(reduction);
        if (e > 0) expect_ok(kdst_options_set_float(options, "label_smoothing", e));
        if (reduction != NONE) expected[0] = (double)(reduction == MEAN ? sum / (double)(outer * inner) : sum);
        expect_ok(kdst_cross_entropy_soft(x, t, w, options, &y));
        expect_shape(y, reduction == NONE ? own : 0, row_shape);
        expect_close(y, expected);
        kdst_tensor_release(y);
        kdst_options_release(options);
    }
    free(expected);
    free(logs);
    free(target);
    free(weight);
    release_all((kdst_tensor *[]){x, t, w}, 3);
}

START_TEST(test_soft)
{
    for (int bits = 0; bits < 4; bits++) {
        check_soft(real_type(_i), SHAPE(7, 10), bits);
        check_soft(real_type(_i), SHAPE(1, 1), bits);
        check_soft(real_type(_i), SHAPE(129, 100), bits);
        check_soft(real_type(_i), SHAPE(5), bits);
        check_soft(real_type(_i), SHAPE(3, 5, 4), bits);
        check_soft(real_type(_i), SHAPE(2, 7, 17, 19), bits);
    }
}
END_TEST

/* With one-hot targets it is the loss of the labels; values of PyTorch 1.13 for F.cross_entropy with probabilities. */
START_TEST(test_soft_values)
{
    const double z[] = {0.5, -1, 2, 1, 0.25, -0.5}, t[] = {0.2, 0.3, 0.5, 0.6, 0.4, 0}, w[] = {0.5, 1, 2};
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(2, 3), z), *p = from_doubles(real_type(_i), SHAPE(2, 3), t);
    kdst_tensor *weight = from_doubles(real_type(_i), SHAPE(3), w), *y = NULL, *hard = NULL, *labels_loss = NULL;
    kdst_tensor *labels = from_labels(2, (int32_t[]){2, 0}), *dx = NULL, *dp = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "label_smoothing", 0.1));
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_tensor_set_requires_grad(p, 1));
    expect_ok(kdst_cross_entropy_soft(x, p, weight, options, &y));
    expect_close(y, (double[]){1.09571355357166});
    expect_ok(kdst_backward(y, NULL, NULL));
    dx = grad_of(x);
    dp = grad_of(p);
    expect_close(
        dx,
        (double[]){
            0.0673248865897253, -0.12474417873201, 0.0574192921422849, 0.0768577944318767, -0.0926557427000581,
            0.0157979482681814});
    expect_close(
        dp,
        (double[]){
            0.39179504174786, 1.45859008349572, 0.217180166991441, 0.118794542367445, 0.57508908473489,
            1.82517816946978});
    release_all((kdst_tensor *[]){y, dx, dp, p}, 4);
    p = from_doubles(real_type(_i), SHAPE(2, 3), (double[]){0, 0, 1, 1, 0, 0});
    expect_ok(kdst_cross_entropy_soft(x, p, NULL, options, &hard));
    expect_ok(kdst_cross_entropy_loss(x, labels, NULL, options, &labels_loss));
    double *value = doubles(labels_loss);
    expect_close(hard, value);
    free(value);
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, p, weight, hard, labels, labels_loss}, 6);
}
END_TEST

/* A class that is impossible and not wanted makes the value NaN, and no gradient of the logits; weights have none. */
START_TEST(test_unusual_rows)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 3), (double[]){1, -INFINITY, 1}), *y = NULL, *grad = NULL;
    kdst_tensor *t = from_doubles(real_type(_i), SHAPE(1, 3), (double[]){0.5, 0, 0.5});
    kdst_tensor *w = from_doubles(real_type(_i), SHAPE(3), (double[]){1, 1, 1});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_tensor_set_requires_grad(w, 1));
    expect_ok(kdst_cross_entropy_soft(x, t, w, NULL, &y));
    double *value = doubles(y);
    ck_assert(isnan(value[0]));
    free(value);
    expect_ok(kdst_backward(y, NULL, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){0, 0, 0});
    ck_assert_int_ne(kdst_tensor_get_grad(w, &grad), KDST_STATUS_OK);
    release_all((kdst_tensor *[]){x, t, w, y, dx}, 5);
}
END_TEST

START_TEST(test_bad_soft)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *t = filled(F32, SHAPE(2, 4), 2), *w = filled(F32, SHAPE(2), 3),
                *y = x;
    kdst_tensor *wide = filled(F64, SHAPE(2, 3), 4), *none = filled(F32, SHAPE(0, 3), 5),
                *scalar = filled(F32, 0, NULL, 6);
    kdst_tensor *no_class = filled(F32, SHAPE(2, 0), 7), *labels = from_labels(2, (int32_t[]){0, 1});
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "label_smoothing", 1.5));
    expect_failure(
        kdst_cross_entropy_soft(x, t, NULL, NULL, &y), KDST_STATUS_SHAPE,
        "cross_entropy_soft: logits are [2, 3], targets are [2, 4]: expected [N, K, ..] for both");
    ck_assert_ptr_null(y);
    expect_failure(
        kdst_cross_entropy_soft(x, x, w, NULL, &y), KDST_STATUS_SHAPE,
        "weight is [2], logits are [2, 3]: expected [3]");
    expect_failure(kdst_cross_entropy_soft(scalar, scalar, NULL, NULL, &y), KDST_STATUS_SHAPE, "logits are []");
    expect_failure(kdst_cross_entropy_soft(x, wide, NULL, NULL, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_cross_entropy_soft(x, labels, NULL, NULL, &y), KDST_STATUS_DTYPE, "int32");
    expect_failure(kdst_cross_entropy_soft(none, none, NULL, NULL, &y), KDST_STATUS_SHAPE, "nothing has no mean");
    expect_failure(kdst_cross_entropy_soft(no_class, no_class, NULL, NULL, &y), KDST_STATUS_SHAPE, "no classes");
    expect_failure(kdst_cross_entropy_soft(x, NULL, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "input 1 is NULL");
    expect_failure(
        kdst_cross_entropy_soft(x, x, NULL, options, &y), KDST_STATUS_INVALID_ARGUMENT, "label_smoothing is 1.5");
    expect_failure(kdst_cross_entropy_soft(x, x, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_cross_entropy_soft(NULL, x, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, t, w, wide, none, scalar, no_class, labels}, 8);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_soft, 0, 2);
    tcase_add_loop_test(tests, test_soft_values, 0, 2);
    tcase_add_loop_test(tests, test_unusual_rows, 0, 2);
    tcase_add_test(tests, test_bad_soft);
}

int main(void)
{
    return run_suite("soft_loss", build);
}
