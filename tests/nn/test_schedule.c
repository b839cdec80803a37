/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: factors at every step against PyTorch's numbers and the formulas, warm-up, bad input. */
#include "autograd/support.h"

static void expect_factor(kdst_schedule *schedule, int64_t step, double expected)
{
    double factor = -1;
    expect_ok(kdst_schedule_get_factor(schedule, step, &factor));
    ck_assert_msg(fabs(factor - expected) <= 1e-15, "step %d gives %.17g, expected %.17g", (int)step, factor, expected);
}

START_TEST(constant)
{
    kdst_schedule *s = NULL;
    expect_ok(kdst_schedule_constant_create(ctx, &s));
    expect_factor(s, 0, 1);
    expect_factor(s, INT64_MAX, 1);
    expect_failure(kdst_schedule_get_factor(s, -1, &(double){0}), KDST_STATUS_INVALID_ARGUMENT, "step is -1");
    expect_failure(kdst_schedule_get_factor(s, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    kdst_schedule_release(s);
}
END_TEST

START_TEST(steps)
{
    kdst_schedule *s = NULL;
    kdst_options *options = options_ints("milestones", (int64_t[]){3, 5}, 2);
    expect_ok(kdst_options_set_float(options, "gamma", 0.2));
    expect_ok(kdst_schedule_step_create(ctx, options, &s));
    for (int i = 0; i < 8; i++)
        expect_factor(s, i, i < 3 ? 1 : i < 5 ? 0.2 : 0.2 * 0.2);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_int(options, "warmup", 4));
    expect_ok(kdst_schedule_step_create(ctx, options, &s));
    for (int i = 0; i < 8; i++)
        expect_factor(s, i, (i < 4 ? (i + 1) / 4.0 : 1) * (i < 3 ? 1 : i < 5 ? 0.2 : 0.2 * 0.2));
    kdst_schedule_release(s);
    kdst_options_release(options);

    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "every", 10));
    expect_ok(kdst_options_set_int(options, "warmup", 5));
    expect_ok(kdst_options_set_float(options, "warmup_start", 0.5));
    expect_ok(kdst_schedule_step_create(ctx, options, &s));
    static const double warmup[] = {0.6, 0.7, 0.8, 0.9, 1};
    for (int i = 0; i < 30; i++)
        expect_factor(s, i, i < 5 ? warmup[i] : i < 10 ? 1 : i < 20 ? 0.1 : 0.01);
    kdst_schedule_release(s);
    kdst_options_release(options);
}
END_TEST

START_TEST(cosine)
{
    /* torch.optim.lr_scheduler.CosineAnnealingLR, T_max 10, eta_min a tenth of the rate. */
    static const double torch[] = {1, 0.9779754323328191, 0.9140576474687263, 0.8145033635316129, 0.6890576474687263, 0.55,
                                   0.41094235253127376, 0.2854966364683872, 0.18594235253127372, 0.12202456766718092, 0.1};
    kdst_schedule *s = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "minimum", 0.1));
    expect_ok(kdst_schedule_cosine_create(ctx, 10, options, &s));
    for (int i = 0; i <= 10; i++)
        expect_factor(s, i, torch[i]);
    expect_factor(s, 1000, 0.1);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_int(options, "warmup", 4));
    expect_ok(kdst_schedule_cosine_create(ctx, 14, options, &s));
    for (int i = 0; i < 4; i++)
        expect_factor(s, i, (i + 1) / 4.0);
    for (int i = 0; i <= 10; i++)
        expect_factor(s, i + 4, torch[i]);
    kdst_schedule_release(s);
    kdst_options_release(options);
}
END_TEST

START_TEST(bad_input)
{
    kdst_schedule *s = NULL;
    kdst_options *options = options_ints("milestones", (int64_t[]){5, 5}, 2);
    expect_failure(kdst_schedule_step_create(ctx, options, &s), KDST_STATUS_INVALID_ARGUMENT, "milestones must rise, 5 follows 5");
    kdst_options_release(options);
    options = options_ints("milestones", (int64_t[]){0}, 1);
    expect_failure(kdst_schedule_step_create(ctx, options, &s), KDST_STATUS_INVALID_ARGUMENT, "milestones");
    kdst_options_release(options);
    options = options_ints("mile_stones", (int64_t[]){1}, 1);
    expect_failure(kdst_schedule_step_create(ctx, options, &s), KDST_STATUS_INVALID_ARGUMENT, "milestones");
    kdst_options_release(options);
    expect_failure(kdst_schedule_cosine_create(ctx, 0, NULL, &s), KDST_STATUS_INVALID_ARGUMENT, "total is 0");
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "warmup", 10));
    expect_failure(kdst_schedule_cosine_create(ctx, 10, options, &s), KDST_STATUS_INVALID_ARGUMENT, "warmup is 10, allowed is less than total, 10");
    kdst_options_release(options);
    ck_assert_ptr_null(s);
    expect_failure(kdst_schedule_constant_create(ctx, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_schedule_constant_create(NULL, &s), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, constant);
    tcase_add_test(tests, steps);
    tcase_add_test(tests, cosine);
    tcase_add_test(tests, bad_input);
}

int main(void)
{
    return run_suite("schedule", build);
}
