/* SPDX-License-Identifier: Apache-2.0 */
/* Clipping by norm and by value: against PyTorch's numbers and the formulas; gradients of any size and not finite; bad input. */
#include "autograd/support.h"

static kdst_optimizer *optimizer(void)
{
    kdst_optimizer *made = NULL;
    expect_ok(kdst_optimizer_sgd_create(ctx, NULL, &made));
    return made;
}

/* Two tensors whose gradients are given. */
typedef struct pair {
    kdst_optimizer *optimizer;
    kdst_tensor *w[2], *grad[2];
} pair;

static pair pair_of(kdst_dtype dtype, const double first[2], double second)
{
    pair p = {.optimizer = optimizer()};
    for (int i = 0; i < 2; i++) {
        const double *values = i ? &second : first;
        int64_t count = 2 - i;
        kdst_tensor *g = from_doubles(dtype, 1, &count, values), *product = NULL, *sum = NULL;
        p.w[i] = filled(dtype, 1, &count, 1);
        expect_ok(kdst_tensor_set_requires_grad(p.w[i], 1));
        expect_ok(kdst_optimizer_add_tensor(p.optimizer, i ? "second" : "first", p.w[i]));
        expect_ok(kdst_mul(p.w[i], g, &product));
        expect_ok(kdst_sum(product, NULL, 0, 0, &sum));
        expect_ok(kdst_backward(sum, NULL, NULL));
        expect_ok(kdst_tensor_get_grad(p.w[i], &p.grad[i]));
        kdst_tensor_release(sum);
        kdst_tensor_release(product);
        kdst_tensor_release(g);
    }
    return p;
}

static void pair_free(pair *p)
{
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(p->grad[i]);
        kdst_tensor_release(p->w[i]);
    }
    kdst_optimizer_release(p->optimizer);
}

/* torch.nn.utils.clip_grad_norm_ of PyTorch 1.13. Loop: type. */
START_TEST(clip_norm)
{
    const double given[2] = {3, -4};
    pair p = pair_of(real_type(_i), given, 12);
    kdst_options *o = NULL;
    double norm = 0;
    expect_ok(kdst_optimizer_clip_norm(p.optimizer, 20, NULL, &norm));
    ck_assert_double_eq(norm, 13);
    expect_close(p.grad[0], given);
    expect_ok(kdst_optimizer_clip_norm(p.optimizer, 2, NULL, &norm));
    ck_assert_double_eq(norm, 13);
    expect_close(p.grad[0], (double[]){0.46153842603550577, -0.615384568047341});
    expect_close(p.grad[1], (double[]){1.846153704142023});
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_string(o, "norm", "inf"));
    expect_ok(kdst_optimizer_clip_norm(p.optimizer, 1, o, &norm));
    ck_assert(fabs(norm - 1.846153704142023) < 1e-6);
    expect_close(p.grad[1], (double[]){1 / (1 + 1e-6 / 1.846153704142023)});
    kdst_options_release(o);
    pair_free(&p);
}
END_TEST

/* Squares of such gradients leave the range of a double. */
START_TEST(clip_norm_of_any_size)
{
    static const double sizes[] = {1e200, 1e-200, 1e-300};
    double norm = 0;
    for (int i = 0; i < 3; i++) {
        const double given[2] = {3 * sizes[i], 4 * sizes[i]};
        pair p = pair_of(F64, given, 0);
        expect_ok(kdst_optimizer_clip_norm(p.optimizer, 1, NULL, &norm));
        ck_assert_msg(fabs(norm / sizes[i] - 5) < 1e-12, "%g", norm);
        pair_free(&p);
    }
    pair p = pair_of(F64, (double[]){0, 0}, 0);
    expect_ok(kdst_optimizer_clip_norm(p.optimizer, 1, NULL, &norm));
    ck_assert_double_eq(norm, 0);
    pair_free(&p);
}
END_TEST

START_TEST(clip_norm_not_finite)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    const double given[2] = {3, -4};
    double norm = 0;
    for (int i = 0; i < 3; i++) {
        pair p = pair_of(real_type(_i), given, bad[i]);
        kdst_options *o = NULL;
        expect_failure(
            kdst_optimizer_clip_norm(p.optimizer, 1, NULL, &norm), KDST_STATUS_STATE,
            "the gradient of \"second\" is not finite");
        expect_close(p.grad[0], given);
        expect_ok(kdst_options_create(&o));
        expect_ok(kdst_options_set_string(o, "non_finite", "keep"));
        expect_ok(kdst_optimizer_clip_norm(p.optimizer, 1, o, &norm));
        ck_assert(!isfinite(norm));
        expect_close(p.grad[0], given);
        kdst_options_release(o);
        pair_free(&p);
    }
}
END_TEST

START_TEST(clip_value)
{
    pair p = pair_of(real_type(_i), (double[]){3, -0.25}, NAN);
    expect_ok(kdst_optimizer_clip_value(p.optimizer, 0.5));
    expect_close(p.grad[0], (double[]){0.5, -0.25});
    double *second = doubles(p.grad[1]);
    ck_assert(isnan(second[0]));
    free(second);
    static const double bad[] = {0, -1, NAN};
    for (int i = 0; i < 3; i++) {
        expect_failure(kdst_optimizer_clip_value(p.optimizer, bad[i]), KDST_STATUS_INVALID_ARGUMENT, "max_value is");
        expect_failure(
            kdst_optimizer_clip_norm(p.optimizer, bad[i], NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "max_norm is");
    }
    ck_assert_int_eq(kdst_optimizer_clip_norm(NULL, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_optimizer_clip_value(NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
    pair_free(&p);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, clip_norm, 0, 2);
    tcase_add_test(tests, clip_norm_of_any_size);
    tcase_add_loop_test(tests, clip_norm_not_finite, 0, 2);
    tcase_add_loop_test(tests, clip_value, 0, 2);
}

int main(void)
{
    return run_suite("optimizer clip", build);
}
