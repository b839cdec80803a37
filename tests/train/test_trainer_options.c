/* SPDX-License-Identifier: Apache-2.0 */
/* What the trainer does to gradients and weights by option: accumulation, clipping, averages; and what it refuses. */
#include "options.h"

#include "support/run.h"

/* ---- accumulation ---- */

enum { WEIGHTS = SIDE * SIDE * CLASSES };

/* A linear net, so that a batch is the sum of its samples; weights after two epochs of 60 samples, and the last loss. */
static void train_linear(int64_t size, int64_t accumulate, double weights[WEIGHTS], double *loss, double *steps)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_layer *net = NULL, *child = NULL;
    kdst_options *o = NULL;
    kdst_trainer *trainer = NULL;
    kdst_loader *loader = NULL;
    kdst_optimizer *adam = NULL;
    ok(ctx, make_setup(ctx, 2, &s));
    ok(ctx, kdst_layer_sequential_create(ctx, &net));
    ok(ctx, kdst_layer_flatten_create(ctx, &child));
    ok(ctx, add(net, "flat", 0, child));
    ok(ctx, kdst_layer_linear_create(ctx, SIDE * SIDE, CLASSES, NULL, &child));
    ok(ctx, add(net, "fc", 0, child));
    ok(ctx, kdst_optimizer_adam_create(ctx, NULL, &adam));
    ok(ctx, kdst_optimizer_add_layer(adam, net));
    ok(ctx, kdst_options_create(&o));
    ok(ctx, kdst_options_set_int(o, "shuffle", 1));
    ok(ctx, kdst_loader_create(s.data, size, o, &loader));
    kdst_options_release(o);
    ok(ctx, kdst_options_create(&o));
    ok(ctx, kdst_options_set_int(o, "epochs", 2));
    ok(ctx, kdst_options_set_int(o, "accumulate", accumulate));
    ok(ctx, kdst_trainer_create(net, s.loss, adam, loader, o, &trainer));
    ok(ctx, kdst_trainer_run(trainer));
    values_of(net, "fc.weight", weights, WEIGHTS);
    *loss = trainer_figure(trainer, "epoch_loss");
    *steps = trainer_figure(trainer, "step");
    ck_assert_double_eq(trainer_figure(trainer, "steps_per_epoch"), *steps / 2);
    ck_assert_double_eq(trainer_figure(trainer, "samples"), SAMPLES);
    kdst_options_release(o);
    kdst_trainer_release(trainer);
    kdst_loader_release(loader);
    kdst_optimizer_release(adam);
    kdst_layer_release(net);
    end(ctx, &s);
}

/* Loop: small batches and how many make the large one; the last group of an epoch is short in batches, or has a short one. */
START_TEST(accumulation_is_a_large_batch)
{
    static const struct {
        int64_t size, accumulate;
    } cases[] = {{5, 3}, {8, 2}, {7, 3}, {16, 100}};
    static double small[WEIGHTS], large[WEIGHTS];
    double loss[2], steps[2];
    int64_t whole = cases[_i].size * cases[_i].accumulate;
    train_linear(cases[_i].size, cases[_i].accumulate, small, &loss[0], &steps[0]);
    train_linear(whole > SAMPLES ? SAMPLES : whole, 1, large, &loss[1], &steps[1]);
    ck_assert_double_eq(steps[0], steps[1]);
    ck_assert(fabs(loss[0] - loss[1]) < 1e-5);
    for (int i = 0; i < WEIGHTS; i++)
        ck_assert_msg(fabs(small[i] - large[i]) < 2e-5, "weight %d is %g, with the large batch %g", i, small[i], large[i]);
}
END_TEST

/* ---- clipping ---- */

/* A step of plain SGD moves the weights by rate times the clipped norm. */
START_TEST(clipped_steps)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    double before[4][500], after[500], moved = 0;
    static const char *const names[] = {"fc1.weight", "bn.weight", "fc2.weight", "fc2.bias"};
    static const int64_t counts[] = {432, 12, 36, 3};
    ok(ctx, make_setup(ctx, 2, &s));
    kdst_optimizer_release(s.optimizer);
    kdst_options *o = NULL;
    ok(ctx, kdst_options_create(&o));
    ok(ctx, kdst_options_set_float(o, "learning_rate", 0.5));
    ok(ctx, kdst_optimizer_sgd_create(ctx, o, &s.optimizer));
    kdst_options_release(o);
    ok(ctx, kdst_optimizer_add_group(s.optimizer, s.model, "fc1.weight|bn.weight|fc2.*", NULL, NULL));
    ok(ctx, retrain(&s, (choice[]){{"epochs", NULL, 2}, {"clip_norm", NULL, 0.015625}, {0}}));
    for (int i = 0; i < 4; i++)
        values_of(s.model, names[i], before[i], counts[i]);
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    for (int i = 0; i < 4; i++) {
        values_of(s.model, names[i], after, counts[i]);
        for (int64_t k = 0; k < counts[i]; k++)
            moved += (after[k] - before[i][k]) * (after[k] - before[i][k]);
    }
    ck_assert(trainer_figure(s.trainer, "gradient_norm") > 0.015625);
    ck_assert_msg(fabs(sqrt(moved) - 0.5 * 0.015625) < 1e-5, "moved by %g", sqrt(moved));
    ok(ctx, retrain(&s, (choice[]){{"epochs", NULL, 2}, {"clip_value", NULL, 0.0009765625}, {0}}));
    values_of(s.model, "fc2.weight", before[0], 36);
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    values_of(s.model, "fc2.weight", after, 36);
    int at_bound = 0;
    for (int k = 0; k < 36; k++) {
        double step = fabs(after[k] - before[0][k]);
        ck_assert(step < 0.5 * 0.0009765625 + 1e-7);
        at_bound += step > 0.5 * 0.0009765625 - 1e-7;
    }
    ck_assert_int_gt(at_bound, 10);
    ck_assert(isnan(trainer_figure(s.trainer, "gradient_norm")));
    end(ctx, &s);
}
END_TEST

/* ---- averages ---- */

/* The trainer's average is one that is updated by hand after each step; it is what is validated. Loop: whether it is. */
START_TEST(averages)
{
    kdst_context *ctx;
    setup s, other;
    kdst_average *mine = NULL, *its = NULL;
    kdst_options *o = NULL;
    kdst_event event = 0;
    const char *name = NULL;
    begin(&ctx, &s, 2, (choice[]){{"epochs", NULL, 3}, {"average_decay", NULL, 0.75}, {"average_from", NULL, 1}, {"average_validate", NULL, _i}, {0}});
    ok(ctx, make_setup(ctx, 1, &other));
    ok(ctx, kdst_options_create(&o));
    ok(ctx, kdst_options_set_float(o, "decay", 0.75));
    ok(ctx, kdst_trainer_get_average(s.trainer, &its));
    while (event != KDST_EVENT_FINISHED) {
        double done = trainer_figure(s.trainer, "epoch");
        ok(ctx, kdst_trainer_step(s.trainer, &event));
        if (event == KDST_EVENT_FINISHED) break;
        if (done < 1) {
            kdst_average_release(mine);
            ok(ctx, kdst_average_create(s.model, o, &mine));
        } else {
            ok(ctx, kdst_average_update(mine));
        }
        for (int64_t i = 0; i < kdst_average_get_state_count(its); i++) {
            float a[500], b[500];
            kdst_tensor *one = NULL, *two = NULL;
            ok(ctx, kdst_average_get_state(its, i, &name, &one));
            ok(ctx, kdst_average_get_state(mine, i, &name, &two));
            int64_t bytes = kdst_tensor_get_count(one) * 4;
            ok(ctx, kdst_tensor_get_data(one, a, bytes));
            ok(ctx, kdst_tensor_get_data(two, b, bytes));
            ck_assert_msg(!memcmp(a, b, (size_t)bytes), "%s of the average has other bits", name);
        }
        if (event != KDST_EVENT_EPOCH) continue;
        ok(ctx, kdst_average_copy_to(its, other.model));
        ck_assert_double_eq(trainer_figure(s.trainer, "nll"), nll_of(ctx, _i ? other.model : s.model, s.validation));
        if (done >= 1) ck_assert(nll_of(ctx, other.model, s.validation) != nll_of(ctx, s.model, s.validation));
    }
    ok(ctx, retrain(&s, (choice[]){{"average_decay", NULL, 0.5}, {0}}));
    ok(ctx, kdst_trainer_get_average(s.trainer, &its));
    ok(ctx, kdst_average_apply(its));
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the model holds its average"));
    ok(ctx, kdst_average_restore(its));
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    kdst_average_release(mine);
    kdst_options_release(o);
    free_setup(&other);
    end(ctx, &s);
}
END_TEST

/* A failed validation gives the model its own weights back. */
START_TEST(average_after_a_failed_validation)
{
    kdst_context *ctx;
    setup s;
    kdst_event event = 0;
    begin(&ctx, &s, 1, (choice[]){{"average_kind", "equal", 0}, {0}});
    for (int i = 0; i < 3; i++) ok(ctx, kdst_trainer_step(s.trainer, &event));
    kdst_tensor *var = NULL;
    double before[432], after[432];
    ok(ctx, kdst_layer_find(s.model, "bn.running_var", &var));
    ok(ctx, kdst_tensor_set_value(var, NAN)); /* the update does not read it */
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "logit"));
    ck_assert_double_eq(trainer_figure(s.trainer, "epoch"), 0);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 4);
    values_of(s.model, "fc1.weight", before, 432);
    kdst_average *average = NULL;
    ok(ctx, kdst_trainer_get_average(s.trainer, &average));
    ok(ctx, kdst_average_copy_to(average, s.model));
    values_of(s.model, "fc1.weight", after, 432);
    ck_assert(memcmp(before, after, sizeof before));
    end(ctx, &s);
}
END_TEST

START_TEST(refused)
{
    kdst_context *ctx;
    setup s;
    kdst_event event = 0;
    kdst_average *average = NULL;
    kdst_schedule *plateau = NULL;
    begin(&ctx, &s, 3, (choice[]){{0}});
    ck_assert_int_eq(kdst_trainer_restore_best(s.trainer), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "nothing was kept"));
    ck_assert_int_eq(kdst_trainer_set_best_path(s.trainer, ""), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_get_average(s.trainer, &average), KDST_STATUS_NOT_FOUND);
    ck_assert_ptr_null(average);
    ck_assert_int_eq(kdst_trainer_get_average(s.trainer, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_set_best_path(NULL, "x"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_restore_best(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_get_average(NULL, &average), KDST_STATUS_INVALID_ARGUMENT);
    ok(ctx, kdst_trainer_set_best_path(s.trainer, "never-written"));
    ck_assert_int_eq(kdst_trainer_restore_best(s.trainer), KDST_STATUS_NOT_FOUND);
    ok(ctx, kdst_schedule_plateau_create(ctx, NULL, &plateau));
    static const choice needy[][2] = {{{"patience", NULL, 1}, {0}}, {{"keep_best", NULL, 1}, {0}}, {{0}}, {{0}}};
    static const char *const whom[] = {"patience needs a validation", "keep_best needs", "the best file needs", "the schedule needs"};
    for (int i = 0; i < 4; i++) {
        ok(ctx, retrain(&s, needy[i]));
        if (i == 2) ok(ctx, kdst_trainer_set_best_path(s.trainer, "never-written"));
        if (i == 3) ok(ctx, kdst_trainer_set_schedule(s.trainer, plateau));
        ok(ctx, kdst_trainer_set_validation(s.trainer, NULL));
        ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_STATE);
        ck_assert_msg(strstr(kdst_context_message(ctx), whom[i]), "%s", kdst_context_message(ctx));
    }
    static const choice bad[][2] = {{{"accumulate", NULL, 0}, {0}}, {{"clip_norm", NULL, -1}, {0}}, {{"average_decay", NULL, 1}, {0}},
                                    {{"monitor", "loss", 0}, {0}}, {{"patience", NULL, -1}, {0}}};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(retrain(&s, bad[i]), KDST_STATUS_INVALID_ARGUMENT);
        ck_assert_msg(strstr(kdst_context_message(ctx), bad[i][0].key), "%s", kdst_context_message(ctx));
    }
    kdst_schedule_release(plateau);
    end(ctx, &s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trainer options");
    TCase *tests = tcase_create("options");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, accumulation_is_a_large_batch, 0, 4);
    tcase_add_test(tests, clipped_steps);
    tcase_add_loop_test(tests, averages, 0, 2);
    tcase_add_test(tests, average_after_a_failed_validation);
    tcase_add_test(tests, refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
