/* SPDX-License-Identifier: Apache-2.0 */
/* Identities between the losses, and conversions between the official form and the equations'. */
#include "support.h"

static double value_of(loss_create_fn create, const char *options, loss_batch *batch, loss_result *keep)
{
    kdst_loss *loss = make_loss(ctx, create, options);
    loss_result r = run_loss(loss, batch);
    double value = r.value;
    if (keep)
        *keep = r;
    else
        result_free(&r);
    kdst_loss_release(loss);
    return value;
}

/* Values and gradients of two losses agree, the values up to a constant. */
static void expect_equal_losses(
    loss_create_fn create_a, const char *a, loss_create_fn create_b, const char *b, double constant, loss_batch *batch)
{
    loss_result x, y;
    double value = value_of(create_a, a, batch, &x), other = value_of(create_b, b, batch, &y) + constant, largest = 0;
    ck_assert_msg(
        fabs(value - other) <= 1e-14 * (fabs(value) + fabs(constant)), "%s is %.17g, %s %.17g", a, value, b, other);
    for (int64_t i = 0; i < batch->b * batch->k; i++)
        largest = fmax(largest, fabs(x.grad[i]));
    for (int64_t i = 0; i < batch->b * batch->k; i++)
        ck_assert_msg(fabs(x.grad[i] - y.grad[i]) <= 1e-14 * largest, "gradients of %s and %s differ", a, b);
    result_free(&x);
    result_free(&y);
}

/* (1 - a) CE + a KL(u || p) = H((1 - a) e_y + a u, p) - a log K: KD from a teacher that knows nothing is smoothing. */
START_TEST(test_uniform_teacher_is_smoothing)
{
    loss_batch batch = batch_of(ctx, F64, 5, 7, 3, 2);
    expect_ok(kdst_tensor_set_value(batch.teacher, 0.75));
    expect_equal_losses(
        kdst_loss_kd_create, "alpha=0.3 temperature=1", kdst_loss_lsr_create, "epsilon=0.3", -0.3 * log(7), &batch);
    batch_free(&batch);
}
END_TEST

/* At T = 1: (1 - a) CE + a KL(q || p) = H((1 - a) e_y + a q, p) - a H(q), H from plain distributions. */
START_TEST(test_kd_is_cross_entropy_to_a_mixture)
{
    loss_batch batch = batch_of(ctx, F64, 4, 6, 3, 5);
    long double p[6], log_p[6], q[6], log_q[6], want = 0;
    for (int64_t b = 0; b < 4; b++) {
        reference_soften(6, batch.s + 6 * b, 1, p, log_p);
        reference_soften(6, batch.t + 6 * b, 1, q, log_q);
        for (int64_t i = 0; i < 6; i++) {
            long double mixed = 0.6L * (i == batch.y[b]) + 0.4L * q[i];
            want += (-mixed * log_p[i] + 0.4L * q[i] * log_q[i]) / 4;
        }
    }
    expect_near(
        value_of(kdst_loss_kd_create, "alpha=0.4 temperature=1", &batch, NULL), (double)want, LOSS_TOLERANCE, "kd");
    batch_free(&batch);
}
END_TEST

START_TEST(test_gradient_rows_sum_to_zero)
{
    static const int64_t shapes[][2] = {{3, 2}, {4, 9}, {2, 100}};
    const loss_row *row = &loss_rows[_i];
    for (int i = 0; i < 3; i++) {
        loss_batch batch = batch_of(ctx, F64, shapes[i][0], shapes[i][1], 5, i);
        loss_result r;
        value_of(row->create, row->options, &batch, &r);
        for (int64_t b = 0; b < batch.b; b++) {
            double sum = 0, size = 0;
            for (int64_t k = 0; k < batch.k; k++) {
                sum += r.grad[b * batch.k + k];
                size += fabs(r.grad[b * batch.k + k]);
            }
            ck_assert_msg(fabs(sum) <= 1e-14 * size, "%s: a row sums to %g of %g", row->name, sum, size);
        }
        result_free(&r);
        batch_free(&batch);
    }
}
END_TEST

/* A teacher that is the student teaches nothing: exactly 0, at any temperature, in either type. */
START_TEST(test_own_teacher)
{
    static const char *const temperatures[] = {"0.1", "0.7", "1", "4", "20", "1000", "1e6"};
    for (int i = 0; i < 7; i++)
        for (int type = 0; type < 2; type++) {
            char options[64];
            loss_batch batch = batch_of(ctx, real_type(type), 5, 9, 8, i);
            loss_result r;
            snprintf(options, sizeof options, "alpha=1 temperature=%s", temperatures[i]);
            expect_ok(kdst_tensor_set(batch.teacher, batch.student));
            ck_assert_double_eq(value_of(kdst_loss_kd_create, options, &batch, &r), 0);
            for (int64_t k = 0; k < 45; k++)
                ck_assert(r.grad[k] == 0 && r.recorded_grad[k] == 0);
            result_free(&r);
            batch_free(&batch);
        }
}
END_TEST

/* A constant on a row changes nothing. The logits are whole 1/1024ths, so the shifted ones are exact. */
START_TEST(test_shifted_rows)
{
    const loss_row *row = &loss_rows[_i];
    double s[12], t[12], far_s[12], far_t[12];
    const int32_t y[] = {0, 2, 3};
    for (int i = 0; i < 12; i++) {
        s[i] = floor(number(i, 3) * 4096) / 1024;
        t[i] = floor(number(i, 4) * 4096) / 1024;
        far_s[i] = s[i] + 65536 * (i / 4);
        far_t[i] = t[i] - 131072 * (1 - i / 4);
    }
    loss_batch near = batch_from(F64, 3, 4, s, t, y), far = batch_from(F64, 3, 4, far_s, far_t, y);
    loss_result a, b;
    expect_near(
        value_of(row->create, row->options, &far, &b), value_of(row->create, row->options, &near, &a), LOSS_TOLERANCE,
        row->name);
    for (int i = 0; i < 12; i++)
        ck_assert_msg(
            fabs(a.grad[i] - b.grad[i]) <= LOSS_TOLERANCE, "%s: gradient %d is %.17g, shifted %.17g", row->name, i,
            a.grad[i], b.grad[i]);
    result_free(&a);
    result_free(&b);
    batch_free(&near);
    batch_free(&far);
}
END_TEST

/* The mean over all elements with multiplier m is the mean over the batch with m / K. */
START_TEST(test_element_mean_is_a_multiplier)
{
    static const struct {
        int64_t k;
        const char *official, *batchmean;
    } pairs[] = {
        {10, "preset=official multiplier=20", "multiplier=2"},
        {100, "preset=official multiplier=100", "multiplier=1"},
        {64, "preset=official", "multiplier=0.015625"},
    };
    for (int i = 0; i < 3; i++) {
        loss_batch batch = batch_of(ctx, F64, 3, pairs[i].k, 4, i);
        expect_equal_losses(
            kdst_loss_tfkd_self_create, pairs[i].official, kdst_loss_tfkd_self_create, pairs[i].batchmean, 0, &batch);
        expect_equal_losses(
            kdst_loss_tfkd_reg_create, pairs[i].official, kdst_loss_tfkd_reg_create, pairs[i].batchmean, 0, &batch);
        batch_free(&batch);
    }
}
END_TEST

START_TEST(test_conversions)
{
    loss_batch batch = batch_of(ctx, F64, 3, 5, 4, 1);
    /* eps_paper = eps_code K / (K - 1) */
    expect_equal_losses(
        kdst_loss_lsr_create, "preset=paper epsilon=0.25", kdst_loss_lsr_create, "preset=official epsilon=0.2", 0,
        &batch);
    /* without a multiplier self-training is KD */
    expect_equal_losses(
        kdst_loss_tfkd_self_create, "alpha=0.9 temperature=6", kdst_loss_kd_create, "alpha=0.9 temperature=6", 0,
        &batch);
    /* the factor T^2 is a multiplier of T^2 */
    expect_equal_losses(
        kdst_loss_tfkd_self_create, "temperature=8", kdst_loss_tfkd_self_create,
        "temperature=8 t_squared=0 multiplier=64", 0, &batch);
    /* a certain teacher at a low temperature: the label alone is left, and KL is the cross-entropy */
    expect_equal_losses(
        kdst_loss_tfkd_reg_create, "alpha=1 temperature=0.02 correct_prob=1", kdst_loss_cross_entropy_create, "", 0,
        &batch);
    batch_free(&batch);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, test_uniform_teacher_is_smoothing);
    tcase_add_test(tests, test_kd_is_cross_entropy_to_a_mixture);
    tcase_add_loop_test(tests, test_gradient_rows_sum_to_zero, 0, loss_row_count);
    tcase_add_test(tests, test_own_teacher);
    tcase_add_loop_test(tests, test_shifted_rows, 0, loss_row_count);
    tcase_add_test(tests, test_element_mean_is_a_multiplier);
    tcase_add_test(tests, test_conversions);
}

int main(void)
{
    return run_suite("identities", build);
}
