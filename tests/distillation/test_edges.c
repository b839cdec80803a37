/* SPDX-License-Identifier: Apache-2.0 */
/* Edges: alpha 0 and 1, far logits, temperatures from cold to the quadratic limit, nearly no loss, one class. */
#include "support.h"

/* With alpha 0 the KL is left out: the cross-entropy to the bit, whatever the teacher says. */
START_TEST(test_alpha_zero)
{
    static const struct {
        loss_create_fn create;
        const char *options;
    } none[] = {
        {kdst_loss_kd_create, "alpha=0 temperature=1e6"},
        {kdst_loss_tfkd_self_create, "alpha=0 multiplier=1e9"},
        {kdst_loss_tfkd_reg_create, "alpha=0"},
        {kdst_loss_tfkd_reg_create, "alpha=0 virtual_logits=logprob soften_student=1"},
    };
    for (int i = 0; i < 4; i++) {
        loss_batch batch = batch_of(ctx, real_type(_i), 5, 9, 30, i);
        kdst_loss *ce = make_loss(ctx, kdst_loss_cross_entropy_create, "");
        kdst_loss *loss = make_loss(ctx, none[i].create, none[i].options);
        loss_result a = run_loss(ce, &batch), b = run_loss(loss, &batch);
        expect_same(&a, &b, 45);
        result_free(&a);
        result_free(&b);
        kdst_loss_release(ce);
        kdst_loss_release(loss);
        batch_free(&batch);
    }
}
END_TEST

/* With alpha 1 there is no cross-entropy: KD does not depend on the labels. */
START_TEST(test_alpha_one)
{
    static const int32_t labels[] = {4, 0, 8, 1, 2};
    loss_batch batch = batch_of(ctx, real_type(_i), 5, 9, 3, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "alpha=1 temperature=3");
    loss_result a = run_loss(loss, &batch);
    expect_ok(kdst_tensor_set_data(batch.labels, labels, sizeof labels));
    loss_result b = run_loss(loss, &batch);
    expect_same(&a, &b, 45);
    result_free(&a);
    result_free(&b);
    kdst_loss_release(loss);
    batch_free(&batch);
}
END_TEST

/* Logits of 80 and of 1e4: exponents of that size are rounded before they are raised, a unit of 1e4 is 2e-12. */
START_TEST(test_far_logits)
{
    const loss_row *row = &loss_rows[_i];
    for (int type = 0; type < 2; type++)
        for (int size = 0; size < 2; size++) {
            double z = size ? 1e4 : 80;
            const double s[] = {z, -z, 0, -z, -z, z, z, z / 2, -z, 3, 2, 1};
            const double t[] = {-z, z, 1, z, -z, 0, z, -z, z, -z, -z, z};
            const int32_t y[] = {1, 2, 0, 1};
            loss_batch batch = batch_from(real_type(type), 4, 3, s, t, y);
            expect_formula(row, &batch, size ? 1e-11 : 1e-13);
            batch_free(&batch);
        }
}
END_TEST

/* KL of temperatures where it is anything but small, by the formula. */
START_TEST(test_temperatures)
{
    static const double temperatures[] = {0.1, 0.25, 1, 3, 10, 40, 100};
    for (int i = 0; i < 7; i++) {
        char options[64];
        double t = temperatures[i];
        loss_row row = {"kd", kdst_loss_kd_create, options, {.kind = REFERENCE_KD, .alpha = 1, .temperature = t}};
        row.reference.multiplier = row.reference.t_squared = 1;
        snprintf(options, sizeof options, "alpha=1 temperature=%.17g", t);
        loss_batch batch = batch_of(ctx, real_type(_i), 3, 17, 3, i);
        expect_formula(&row, &batch, LOSS_TOLERANCE);
        batch_free(&batch);
    }
}
END_TEST

/* T^2 KL of one row at a high temperature by its cumulants: with d = (s - t) / T, log E_q e^(d - E d) is
 * k2/2 + k3/6 + k4/24 + ..., and the terms fall by |d| each. grad [k] = T (p - q) to the same order. */
static double cumulants(int64_t k, const double *s, const double *t, double temperature, double *grad)
{
    long double q[64], log_q[64], mean = 0, m2 = 0, m3 = 0, m4 = 0;
    reference_soften(k, t, temperature, q, log_q);
    for (int64_t i = 0; i < k; i++)
        mean += q[i] * ((long double)s[i] - t[i]);
    for (int64_t i = 0; i < k; i++) {
        long double d = ((long double)s[i] - t[i] - mean) / temperature;
        m2 += q[i] * d * d;
        m3 += q[i] * d * d * d;
        m4 += q[i] * d * d * d * d;
    }
    long double kl = m2 / 2 + m3 / 6 + (m4 - 3 * m2 * m2) / 24;
    for (int64_t i = 0; i < k; i++) {
        long double x = ((long double)s[i] - t[i] - mean) / temperature - kl;
        grad[i] = (double)(temperature * q[i] * (x + x * x / 2 + x * x * x / 6));
    }
    return (double)(kl * temperature * temperature);
}

/* High temperatures, where sums of q (log q - log p) have no digits left: to 2e-15 in the value, whatever the type,
 * since float32 logits are exact doubles. The fifth cumulant is below 1e-16 of the value from T = 1e5 on. */
START_TEST(test_high_temperatures)
{
    static const double temperatures[] = {1e5, 1e6, 1e7, 1e8};
    for (int i = 0; i < 4; i++) {
        char options[64];
        double grad[17], largest = 0;
        loss_batch batch = batch_of(ctx, real_type(_i), 1, 17, 1, i);
        snprintf(options, sizeof options, "alpha=1 temperature=%g", temperatures[i]);
        kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, options);
        loss_result r = run_loss(loss, &batch);
        double want = cumulants(17, batch.s, batch.t, temperatures[i], grad);
        expect_near(r.value, want, 2e-15, options);
        expect_near(r.recorded_value, want, _i ? 2e-15 : ROUNDED_TOLERANCE, options);
        for (int k = 0; k < 17; k++)
            largest = fmax(largest, fabs(grad[k]));
        for (int k = 0; k < 17; k++)
            ck_assert_msg(
                fabs(r.grad[k] - grad[k]) <= (_i ? 4e-15 : ROUNDED_TOLERANCE) * largest,
                "T = %g: gradient %d is %.17g, expected %.17g", temperatures[i], k, r.grad[k], grad[k]);
        result_free(&r);
        kdst_loss_release(loss);
        batch_free(&batch);
    }
}
END_TEST

/* T to infinity: T^2 KL tends to sum_k (s~ - t~)^2 / (2 K), rows centred, and its gradient to (s~ - t~) / (B K). */
START_TEST(test_quadratic_limit)
{
    loss_batch batch = batch_of(ctx, real_type(_i), 3, 11, 5, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "alpha=1 temperature=1e6");
    loss_result r = run_loss(loss, &batch);
    double want = 0;
    for (int b = 0; b < 3; b++) {
        double mean = 0;
        for (int k = 0; k < 11; k++)
            mean += (batch.s[b * 11 + k] - batch.t[b * 11 + k]) / 11;
        for (int k = 0; k < 11; k++) {
            double gap = batch.s[b * 11 + k] - batch.t[b * 11 + k] - mean;
            want += gap * gap / (2 * 11 * 3);
            /* the next term is |s - t| / T of this one */
            ck_assert_double_eq_tol(r.grad[b * 11 + k], gap / 33, 2e-5 / 33 * 10);
        }
    }
    expect_near(r.value, want, 2e-5, "kd");
    result_free(&r);
    kdst_loss_release(loss);
    batch_free(&batch);
}
END_TEST

/* Whatever the temperature, the result is finite. */
START_TEST(test_extreme_temperatures)
{
    static const char *const options[] = {
        "alpha=0.5 temperature=1e-200", "alpha=0.5 temperature=1e-6", "alpha=0.5 temperature=1e99",
        "alpha=1 temperature=1e50"};
    for (int i = 0; i < 4; i++) {
        loss_batch batch = batch_of(ctx, real_type(_i), 2, 5, 10, i);
        for (int kind = 0; kind < 2; kind++) {
            char text[96];
            snprintf(text, sizeof text, "%s%s", options[i], kind ? " soften_student=1 t_squared=1" : "");
            kdst_loss *loss = make_loss(ctx, kind ? kdst_loss_tfkd_reg_create : kdst_loss_kd_create, text);
            loss_result r = run_loss(loss, &batch);
            ck_assert_msg(isfinite(r.value) && r.value >= 0, "%s: %g", text, r.value);
            for (int k = 0; k < 10; k++)
                ck_assert_msg(isfinite(r.grad[k]), "%s: gradient %g", text, r.grad[k]);
            result_free(&r);
            kdst_loss_release(loss);
        }
        batch_free(&batch);
    }
}
END_TEST

/* A loss of nearly nothing keeps its digits: CE = log1p(e^-60) and p_y - 1 = -1 / (1 + e^60). */
START_TEST(test_nearly_no_cross_entropy)
{
    const double s[] = {60, 0, -700, 1000, 1000, 1000};
    const int32_t y[] = {0, 2};
    loss_batch batch = batch_from(real_type(_i), 1, 3, s, NULL, y);
    kdst_loss *loss = make_loss(ctx, kdst_loss_cross_entropy_create, "");
    loss_result r = run_loss(loss, &batch);
    expect_near(r.value, exp(-60), 2e-15, "value");
    expect_near(r.grad[0], -exp(-60), _i ? 2e-15 : ROUNDED_TOLERANCE, "gradient of the label");
    expect_near(r.grad[1], exp(-60), _i ? 2e-15 : ROUNDED_TOLERANCE, "gradient of the other class");
    result_free(&r);
    batch_free(&batch);
    kdst_loss_release(loss);
}
END_TEST

/* A class that the teacher holds for all but impossible and the student for e^45 times as likely: KL is of the size of
 * q e^45, far below the logits. The formula in long double has six digits of it. */
START_TEST(test_tiny_divergence_of_far_classes)
{
    const double t[] = {0, -70, -1, -80}, s[] = {0, -25, -1, -80};
    const int32_t y[] = {0};
    const loss_row row = {
        "kd",
        kdst_loss_kd_create,
        "alpha=1 temperature=1",
        {.kind = REFERENCE_KD, .alpha = 1, .temperature = 1, .multiplier = 1}};
    loss_batch batch = batch_from(real_type(_i), 1, 4, s, t, y);
    expect_formula(&row, &batch, 1e-6);
    batch_free(&batch);
}
END_TEST

/* One class: nothing to learn. Losses that spread over the other classes are not defined. */
START_TEST(test_one_class)
{
    static const int32_t zeros[3] = {0};
    for (int i = 0; i < loss_row_count; i++) {
        const loss_row *row = &loss_rows[i];
        const double s[] = {-7, 1000, 0.5}, t[] = {1, 2, 3};
        loss_batch batch = batch_from(real_type(_i), 3, 1, s, t, zeros);
        kdst_loss *loss = make_loss(ctx, row->create, row->options);
        if (row->reference.kind == REFERENCE_REG || row->reference.others) {
            double value = -1;
            kdst_tensor *out = batch.labels;
            expect_failure(
                kdst_loss_compute(loss, batch.student, batch.teacher, batch.labels, &value, NULL),
                KDST_STATUS_INVALID_ARGUMENT, "1 class");
            ck_assert_double_eq(value, -1);
            expect_failure(
                kdst_loss_run(loss, batch.student, batch.teacher, batch.labels, &out), KDST_STATUS_INVALID_ARGUMENT,
                "1 class");
            ck_assert_ptr_null(out);
        } else {
            loss_result r = run_loss(loss, &batch);
            ck_assert_msg(r.value == 0 && r.recorded_value == 0, "%s: the value is %g", row->name, r.value);
            for (int k = 0; k < 3; k++)
                ck_assert_msg(r.grad[k] == 0 && r.recorded_grad[k] == 0, "%s: gradient %g", row->name, r.grad[k]);
            result_free(&r);
        }
        kdst_loss_release(loss);
        batch_free(&batch);
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_alpha_zero, 0, 2);
    tcase_add_loop_test(tests, test_alpha_one, 0, 2);
    tcase_add_loop_test(tests, test_far_logits, 0, loss_row_count);
    tcase_add_loop_test(tests, test_temperatures, 0, 2);
    tcase_add_loop_test(tests, test_high_temperatures, 0, 2);
    tcase_add_loop_test(tests, test_quadratic_limit, 0, 2);
    tcase_add_loop_test(tests, test_extreme_temperatures, 0, 2);
    tcase_add_loop_test(tests, test_nearly_no_cross_entropy, 0, 2);
    tcase_add_loop_test(tests, test_tiny_divergence_of_far_classes, 0, 2);
    tcase_add_loop_test(tests, test_one_class, 0, 2);
}

int main(void)
{
    return run_suite("edges", build);
}
