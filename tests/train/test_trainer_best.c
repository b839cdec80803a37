/* SPDX-License-Identifier: Apache-2.0 */
/* Early stopping and the best weights, in memory and in a file that may fail. */
#include "options.h"

#include "support/folder.h"
#include "support/run.h"

#include <signal.h>
#include <sys/resource.h>

/* Rate 0: the first epoch is the best for ever. */
static void freeze_rate(kdst_context *ctx, setup *s)
{
    kdst_schedule *zero = NULL;
    kdst_options *o = NULL;
    ok(ctx, kdst_options_create(&o));
    ok(ctx, kdst_options_set_float(o, "start", 0));
    ok(ctx, kdst_schedule_polynomial_create(ctx, 1, o, &zero));
    ok(ctx, kdst_trainer_set_schedule(s->trainer, zero));
    kdst_schedule_release(zero);
    kdst_options_release(o);
    /* and no statistics that move */
    ok(ctx, kdst_layer_set_statistics_fixed_matching(s->model, "bn", 1, NULL));
}

START_TEST(patience)
{
    kdst_context *ctx;
    setup s;
    kdst_event event = 0;
    kdst_tensor *history = NULL;
    begin(&ctx, &s, 9, (choice[]){{"epochs", NULL, 9}, {"patience", NULL, 2}, {"monitor", "nll", 0}, {0}});
    freeze_rate(ctx, &s);
    ck_assert_double_eq(trainer_figure(s.trainer, "stopped"), 0);
    ok(ctx, kdst_trainer_run(s.trainer));
    ck_assert_double_eq(trainer_figure(s.trainer, "epoch"), 3);
    ck_assert_double_eq(trainer_figure(s.trainer, "stopped"), 1);
    ck_assert_double_eq(trainer_figure(s.trainer, "waiting"), 2);
    ck_assert_double_eq(trainer_figure(s.trainer, "monitor_epoch"), 1);
    ck_assert_double_eq(trainer_figure(s.trainer, "monitor_best"), trainer_figure(s.trainer, "nll"));
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    ck_assert_int_eq(event, KDST_EVENT_FINISHED);
    ok(ctx, kdst_trainer_get_history(s.trainer, &history));
    ck_assert_int_eq(kdst_tensor_get_size(history, 0), 3);
    ck_assert_int_eq(kdst_tensor_get_size(history, 1), 6);
    kdst_tensor_release(history);
    /* more patience goes on from the checkpoint */
    make_folder();
    ok(ctx, kdst_trainer_save(s.trainer, path_of("run")));
    ok(ctx, kdst_optimizer_set_learning_rate(s.optimizer, 0.05));
    ok(ctx, retrain(&s, (choice[]){{"epochs", NULL, 9}, {"patience", NULL, 4}, {"monitor", "nll", 0}, {0}}));
    freeze_rate(ctx, &s);
    ok(ctx, kdst_trainer_load(s.trainer, path_of("run")));
    ck_assert_double_eq(trainer_figure(s.trainer, "stopped"), 0);
    ok(ctx, kdst_trainer_run(s.trainer));
    ck_assert_double_eq(trainer_figure(s.trainer, "epoch"), 5);
    remove_folder();
    end(ctx, &s);
}
END_TEST

/* Less than min_delta is no improvement: after the first epoch none is. */
START_TEST(min_delta)
{
    kdst_context *ctx;
    setup s;
    begin(&ctx, &s, 6, (choice[]){{"epochs", NULL, 6}, {"patience", NULL, 3}, {"min_delta", NULL, 1}, {0}});
    ok(ctx, kdst_trainer_run(s.trainer));
    ck_assert_double_eq(trainer_figure(s.trainer, "epoch"), 4);
    ck_assert_double_eq(trainer_figure(s.trainer, "monitor_epoch"), 1);
    ck_assert(trainer_figure(s.trainer, "best_accuracy") > trainer_figure(s.trainer, "monitor_best"));
    end(ctx, &s);
}
END_TEST

/* What was kept gives the best figure again, from memory and from the file. Loop: with an average. */
START_TEST(best_weights)
{
    kdst_context *ctx;
    setup s;
    begin(&ctx, &s, 6, (choice[]){{"epochs", NULL, 6}, {"keep_best", NULL, 1}, {"monitor", "nll", 0}, {"average_decay", NULL, _i * 0.5}, {0}});
    make_folder();
    ok(ctx, kdst_trainer_set_best_path(s.trainer, path_of("best")));
    ok(ctx, kdst_optimizer_set_learning_rate(s.optimizer, 5)); /* the trainer has read the old one */
    kdst_event event = 0;
    while (event != KDST_EVENT_FINISHED) {
        ok(ctx, kdst_trainer_step(s.trainer, &event));
        if (trainer_figure(s.trainer, "epoch") == 4 && event == KDST_EVENT_EPOCH) {
            /* what comes now is worse */
            kdst_tensor *bias = NULL;
            ok(ctx, kdst_layer_find(s.model, "fc2.bias", &bias));
            ok(ctx, kdst_tensor_set_data(bias, (float[]){90, -90, 0}, 12));
        }
    }
    double best = trainer_figure(s.trainer, "monitor_best");
    ck_assert(trainer_figure(s.trainer, "monitor_epoch") <= 4);
    ck_assert(nll_of(ctx, s.model, s.validation) > best);
    ok(ctx, kdst_trainer_restore_best(s.trainer));
    ck_assert_double_eq(nll_of(ctx, s.model, s.validation), best);
    kdst_layer *copy = NULL;
    ok(ctx, make_net(ctx, &copy));
    ok(ctx, kdst_layer_load(copy, path_of("best"), NULL));
    ck_assert_double_eq(nll_of(ctx, copy, s.validation), best);
    kdst_layer_release(copy);
    remove_folder();
    end(ctx, &s);
}
END_TEST

/* A file that cannot be written: the epoch is not noted, the old file is whole, and the next step makes up for it. */
START_TEST(best_file_that_fails)
{
    kdst_context *ctx;
    setup s;
    kdst_event event = 0;
    size_t bytes = 0;
    struct rlimit old, small;
    begin(&ctx, &s, 3, (choice[]){{"epochs", NULL, 3}, {"monitor", "nll", 0}, {0}});
    make_folder();
    ok(ctx, kdst_trainer_set_best_path(s.trainer, path_of("best")));
    while (event != KDST_EVENT_EPOCH) ok(ctx, kdst_trainer_step(s.trainer, &event));
    unsigned char *data = read_file(path_of("best"), &bytes);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){64, old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 3; i++) ok(ctx, kdst_trainer_step(s.trainer, &event));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_IO);
        ck_assert_double_eq(trainer_figure(s.trainer, "epoch"), 1);
        ck_assert_double_eq(trainer_figure(s.trainer, "step"), 8);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    file_is(path_of("best"), data, bytes);
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    ck_assert_int_eq(event, KDST_EVENT_EPOCH);
    ck_assert_double_eq(trainer_figure(s.trainer, "monitor_epoch"), 2);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 8);
    ck_assert_int_eq(count_files(), 1);
    double best = nll_of(ctx, s.model, s.validation);
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    ok(ctx, kdst_trainer_restore_best(s.trainer)); /* from the file */
    ck_assert_double_eq(nll_of(ctx, s.model, s.validation), best);
    free(data);
    remove_folder();
    end(ctx, &s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trainer best");
    TCase *tests = tcase_create("best");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, patience);
    tcase_add_test(tests, min_delta);
    tcase_add_loop_test(tests, best_weights, 0, 2);
    tcase_add_test(tests, best_file_that_fails);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
