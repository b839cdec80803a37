/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: factors at every step against PyTorch's numbers and the formulas, warm-up, bad input. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

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
    static const double torch[] = {
        1,    0.9779754323328191,  0.9140576474687263, 0.8145033635316129,  0.6890576474687263,
        0.55, 0.41094235253127376, 0.2854966364683872, 0.18594235253127372, 0.12202456766718092,
        0.1};
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
    expect_failure(
        kdst_schedule_step_create(ctx, options, &s), KDST_STATUS_INVALID_ARGUMENT, "milestones must rise, 5 follows 5");
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
    expect_failure(
        kdst_schedule_cosine_create(ctx, 10, options, &s), KDST_STATUS_INVALID_ARGUMENT,
        "warmup is 10, allowed is less than total, 10");
    kdst_options_release(options);
    ck_assert_ptr_null(s);
    expect_failure(kdst_schedule_constant_create(ctx, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_schedule_constant_create(NULL, &s), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

/* torch.optim.lr_scheduler of PyTorch 1.13 with a rate of 1. */
START_TEST(one_cycle)
{
    static const double cos_up[] = {
        0.040000000000000036,
        0.52,
        1.0,
        0.9504846320134737,
        0.8117456539497631,
        0.6112620219362893,
        0.38874197806371075,
        0.18825834605023697,
        0.049519367986526286,
        4e-06};
    static const double linear[] = {
        0.1,
        0.33684210526315783,
        0.5736842105263157,
        0.8105263157894735,
        0.9722777777777779,
        0.8336666666666668,
        0.6950555555555556,
        0.5564444444444445,
        0.4178333333333334,
        0.27922222222222226,
        0.14061111111111113,
        0.0020000000000000018};
    static const double three[] = {
        0.040000000000000036, 0.28, 0.7599999999999999, 1.0, 0.76, 0.2800000000000001, 0.04, 0.030001000000000003,
        0.010003000000000007, 4e-06};
    kdst_schedule *s = NULL;
    kdst_options *o = NULL;
    expect_ok(kdst_schedule_one_cycle_create(ctx, 10, NULL, &s));
    for (int i = 0; i < 10; i++)
        expect_factor(s, i, cos_up[i]);
    expect_factor(s, 1000, 4e-06);
    kdst_schedule_release(s);
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "pct_start", 0.4));
    expect_ok(kdst_options_set_int(o, "three_phase", 1));
    expect_ok(kdst_schedule_one_cycle_create(ctx, 10, o, &s));
    for (int i = 0; i < 10; i++)
        expect_factor(s, i, three[i]);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_int(o, "three_phase", 0));
    expect_ok(kdst_options_set_float(o, "div_factor", 10));
    expect_ok(kdst_options_set_float(o, "final_div_factor", 50));
    expect_ok(kdst_options_set_string(o, "anneal", "linear"));
    expect_ok(kdst_schedule_one_cycle_create(ctx, 12, o, &s));
    for (int i = 0; i < 12; i++)
        expect_factor(s, i, linear[i]);
    kdst_schedule_release(s);
    /* so few steps that the rise has none: at its end at once */
    expect_ok(kdst_schedule_one_cycle_create(ctx, 2, o, &s));
    expect_factor(s, 0, 1);
    expect_factor(s, 1, 1. / 500);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_int(o, "three_phase", 1));
    expect_ok(kdst_options_set_float(o, "pct_start", 0.6));
    expect_failure(kdst_schedule_one_cycle_create(ctx, 9, o, &s), KDST_STATUS_INVALID_ARGUMENT, "pct_start is 0.6");
    expect_failure(kdst_schedule_one_cycle_create(ctx, 0, NULL, &s), KDST_STATUS_INVALID_ARGUMENT, "total is 0");
    expect_ok(kdst_options_set_float(o, "pct_start", 1));
    expect_failure(kdst_schedule_one_cycle_create(ctx, 9, o, &s), KDST_STATUS_INVALID_ARGUMENT, "pct_start");
    ck_assert_ptr_null(s);
    kdst_options_release(o);
}
END_TEST

START_TEST(exponential)
{
    kdst_schedule *s = NULL;
    kdst_options *o = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "gamma", 0.8));
    expect_ok(kdst_schedule_exponential_create(ctx, o, &s));
    static const double torch[] = {1.0, 0.8, 0.6400000000000001, 0.5120000000000001, 0.40960000000000013};
    for (int i = 0; i < 5; i++)
        expect_factor(s, i, torch[i]);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_int(o, "every", 3));
    expect_ok(kdst_options_set_float(o, "minimum", 0.6));
    expect_ok(kdst_schedule_exponential_create(ctx, o, &s));
    for (int i = 0; i < 30; i++)
        expect_factor(s, i, i < 3 ? 1 : i < 6 ? 0.8 : i < 9 ? 0.8 * 0.8 : 0.6);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_int(o, "every", 0));
    expect_failure(kdst_schedule_exponential_create(ctx, o, &s), KDST_STATUS_INVALID_ARGUMENT, "every");
    kdst_options_release(o);
}
END_TEST

START_TEST(polynomial)
{
    static const double squared[] = {1.0, 0.6400000000000001, 0.36, 0.16000000000000003, 0.03999999999999999, 0.0, 0.0};
    static const double linear[] = {0.5, 0.4, 0.30000000000000004, 0.2, 0.1, 0.1};
    kdst_schedule *s = NULL;
    kdst_options *o = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "power", 2));
    expect_ok(kdst_schedule_polynomial_create(ctx, 5, o, &s));
    for (int i = 0; i < 7; i++)
        expect_factor(s, i, squared[i]);
    kdst_schedule_release(s);
    expect_ok(kdst_options_set_float(o, "power", 1));
    expect_ok(kdst_options_set_float(o, "start", 0.5));
    expect_ok(kdst_options_set_float(o, "end", 0.1));
    expect_ok(kdst_schedule_polynomial_create(ctx, 4, o, &s));
    for (int i = 0; i < 6; i++)
        expect_factor(s, i, linear[i]);
    kdst_schedule_release(s);
    expect_failure(kdst_schedule_polynomial_create(ctx, -1, o, &s), KDST_STATUS_INVALID_ARGUMENT, "total is -1");
    expect_ok(kdst_options_set_float(o, "power", 0));
    expect_failure(kdst_schedule_polynomial_create(ctx, 4, o, &s), KDST_STATUS_INVALID_ARGUMENT, "power");
    kdst_options_release(o);
}
END_TEST

/* torch.optim.lr_scheduler.MultiStepLR. */
START_TEST(milestones_as_pytorch)
{
    static const double torch[] = {1.0, 1.0, 0.3, 0.3, 0.3, 0.09, 0.09, 0.09};
    kdst_schedule *s = NULL;
    kdst_options *o = options_ints("milestones", (int64_t[]){2, 5}, 2);
    expect_ok(kdst_options_set_float(o, "gamma", 0.3));
    expect_ok(kdst_schedule_step_create(ctx, o, &s));
    for (int i = 0; i < 8; i++)
        expect_factor(s, i, torch[i]);
    kdst_schedule_release(s);
    kdst_options_release(o);
}
END_TEST

/* Values told one after the other, and the factor after each, as torch's ReduceLROnPlateau. Loop: case. */
START_TEST(plateau)
{
    static const struct {
        const char *figure, *mode;
        double gamma, threshold, minimum;
        int64_t patience, cooldown, count;
        double values[14], factors[14];
    } cases[] = {
        {"accuracy",
         "relative",
         0.5,
         1e-4,
         0.1,
         1,
         1,
         14,
         {.1, .2, .2, .2, .2, .2, .3, .3, .3, .3, .3, .3, .3, .3},
         {1, 1, 1, .5, .5, .5, .5, .5, .25, .25, .25, .125, .125, .125}},
        {"nll",
         "absolute",
         0.1,
         0.01,
         0,
         2,
         0,
         11,
         {1, .9, .8999, .95, .9, .9, .9, .5, .5, .5, .5},
         {1, 1, 1, 1, .1, .1, .1, .1, .1, .1, .010000000000000002}},
        {"nll",
         "relative",
         0.1,
         1e-4,
         0,
         2,
         0,
         11,
         {1, .9, .8999, .95, .9, .9, .9, .5, .5, .5, .5},
         {1, 1, 1, 1, 1, .1, .1, .1, .1, .1, .010000000000000002}},
    };
    kdst_schedule *s = NULL, *copy = NULL, *warm = NULL;
    kdst_options *o = NULL;
    double state[4];
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_string(o, "figure", cases[_i].figure));
    expect_ok(kdst_options_set_string(o, "threshold_mode", cases[_i].mode));
    expect_ok(kdst_options_set_float(o, "gamma", cases[_i].gamma));
    expect_ok(kdst_options_set_float(o, "threshold", cases[_i].threshold));
    expect_ok(kdst_options_set_float(o, "minimum", cases[_i].minimum));
    expect_ok(kdst_options_set_int(o, "patience", cases[_i].patience));
    expect_ok(kdst_options_set_int(o, "cooldown", cases[_i].cooldown));
    expect_ok(kdst_schedule_plateau_create(ctx, o, &s));
    expect_ok(kdst_schedule_plateau_create(ctx, o, &copy));
    expect_ok(kdst_schedule_warmup_create(copy, 4, NULL, &warm));
    ck_assert_int_eq(kdst_schedule_get_state_count(warm), 4);
    for (int i = 0; i < cases[_i].count; i++) {
        expect_factor(s, 3, i ? cases[_i].factors[i - 1] : 1);
        expect_ok(kdst_schedule_observe(s, cases[_i].values[i]));
        expect_factor(s, 0, cases[_i].factors[i]);
        /* what a resumed run does, through a warm-up */
        expect_ok(kdst_schedule_observe(warm, cases[_i].values[i]));
        expect_factor(warm, 0, cases[_i].factors[i] / 4);
        expect_factor(warm, 4, cases[_i].factors[i]);
        expect_ok(kdst_schedule_get_state(s, 4, state));
        expect_ok(kdst_schedule_set_state(warm, 4, state));
    }
    expect_failure(kdst_schedule_observe(s, NAN), KDST_STATUS_INVALID_ARGUMENT, "value is nan");
    expect_failure(kdst_schedule_get_state(s, 3, state), KDST_STATUS_INVALID_ARGUMENT, "room for 3 numbers");
    expect_failure(kdst_schedule_set_state(s, 4, NULL), KDST_STATUS_INVALID_ARGUMENT, "0 numbers");
    static const double bad[][4] = {{2, 0, 0, 0}, {NAN, 0, 0, 0}, {1, 0, -1, 0}, {1, 0, 0.5, 0}, {1, 0, 0, 1e9}};
    for (int i = 0; i < 5; i++)
        expect_failure(kdst_schedule_set_state(s, 4, bad[i]), KDST_STATUS_INVALID_ARGUMENT, "no state of a plateau");
    kdst_schedule_release(warm);
    kdst_schedule_release(copy);
    kdst_schedule_release(s);
    kdst_options_release(o);
}
END_TEST

/* In front of every kind, with it and before it. */
START_TEST(warmup_of_every_kind)
{
    kdst_schedule *all[7] = {NULL};
    kdst_options *shifted = NULL;
    expect_ok(kdst_options_create(&shifted));
    expect_ok(kdst_options_set_int(shifted, "shift", 1));
    expect_ok(kdst_options_set_float(shifted, "start", 0.2));
    expect_ok(kdst_schedule_constant_create(ctx, &all[0]));
    expect_ok(kdst_schedule_step_create(ctx, NULL, &all[1]));
    expect_ok(kdst_schedule_cosine_create(ctx, 20, NULL, &all[2]));
    expect_ok(kdst_schedule_exponential_create(ctx, NULL, &all[3]));
    expect_ok(kdst_schedule_polynomial_create(ctx, 20, NULL, &all[4]));
    expect_ok(kdst_schedule_one_cycle_create(ctx, 20, NULL, &all[5]));
    expect_ok(kdst_schedule_plateau_create(ctx, NULL, &all[6]));
    for (int i = 0; i < 7; i++) {
        kdst_schedule *with = NULL, *before = NULL, *twice = NULL;
        expect_ok(kdst_schedule_warmup_create(all[i], 5, NULL, &with));
        expect_ok(kdst_schedule_warmup_create(all[i], 5, shifted, &before));
        expect_failure(
            kdst_schedule_warmup_create(with, 5, NULL, &twice), KDST_STATUS_INVALID_ARGUMENT, "warm-up itself");
        expect_failure(
            kdst_schedule_warmup_create(all[i], -1, NULL, &twice), KDST_STATUS_INVALID_ARGUMENT, "steps is -1");
        if (i < 6) ck_assert_int_eq(kdst_schedule_get_state_count(with), 0);
        if (i < 6) expect_ok(kdst_schedule_set_state(all[i], 0, NULL));
        for (int64_t step = 0; step < 30; step++) {
            double plain = 0, first = 0, late = 0, rise = (double)(step + 1) / 5;
            expect_ok(kdst_schedule_get_factor(all[i], step, &plain));
            expect_ok(kdst_schedule_get_factor(all[i], 0, &first));
            expect_ok(kdst_schedule_get_factor(all[i], step < 5 ? 0 : step - 5, &late));
            expect_factor(with, step, step < 5 ? plain * rise : plain);
            expect_factor(before, step, step < 5 ? first * (0.2 + 0.8 * rise) : late);
        }
        kdst_schedule_release(all[i]); /* the warm-ups hold it */
        expect_factor(with, 0, i == 5 ? 0.04 / 5 : 0.2);
        kdst_schedule_release(before);
        kdst_schedule_release(with);
    }
    kdst_options_release(shifted);
}
END_TEST

static kdst_status make_all(kdst_context *in, void *arg)
{
    kdst_schedule *s = NULL, *warm = NULL;
    kdst_status status = KDST_STATUS_OK;
    (void)arg;
    for (int i = 0; i < 5 && !status; i++) {
        status = i == 0 ? kdst_schedule_exponential_create(in, NULL, &s)
            : i == 1    ? kdst_schedule_polynomial_create(in, 9, NULL, &s)
            : i == 2    ? kdst_schedule_one_cycle_create(in, 9, NULL, &s)
            : i == 3    ? kdst_schedule_plateau_create(in, NULL, &s)
                        : kdst_schedule_cosine_create(in, 9, NULL, &s);
        if (!status) status = kdst_schedule_warmup_create(s, 3, NULL, &warm);
        kdst_schedule_release(s);
        kdst_schedule_release(warm);
        s = warm = NULL;
    }
    return status;
}

START_TEST(failing_allocations)
{
    ck_assert_int_gt(each_allocation_fails(NULL, make_all, NULL), 5);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, one_cycle);
    tcase_add_test(tests, exponential);
    tcase_add_test(tests, polynomial);
    tcase_add_test(tests, milestones_as_pytorch);
    tcase_add_loop_test(tests, plateau, 0, 3);
    tcase_add_test(tests, warmup_of_every_kind);
    tcase_add_test(tests, failing_allocations);
    tcase_add_test(tests, constant);
    tcase_add_test(tests, steps);
    tcase_add_test(tests, cosine);
    tcase_add_test(tests, bad_input);
}

int main(void)
{
    return run_suite("schedule", build);
}
