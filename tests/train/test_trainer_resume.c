/* SPDX-License-Identifier: Apache-2.0 */
/* All options at once: resumed after any step, with any number of threads, a run ends in the same bits; checkpoints that do not fit;
 * cancelling; failing allocations.
 */
#include "options.h"

#include "failures/each_allocation.h"
#include "support/folder.h"
#include "support/run.h"

static const choice everything[] = {{"epochs", NULL, 4}, {"accumulate", NULL, 3}, {"clip_norm", NULL, 0.5}, {"clip_value", NULL, 0.25},
                                    {"average_decay", NULL, 0.75}, {"average_warmup", "corrected", 0}, {"monitor", "nll", 0},
                                    {"keep_best", NULL, 1}, {"patience", NULL, 3}, {0}};

/* 60 samples in batches of 16 make two updates an epoch. A plateau that falls at each validation, behind a warm-up. */
static kdst_status make_everything(kdst_context *ctx, setup *s)
{
    kdst_schedule *plateau = NULL, *warm = NULL;
    kdst_options *o = NULL;
    kdst_status status = make_setup(ctx, 4, s);
    TRY(retrain(s, everything));
    TRY(kdst_options_create(&o));
    TRY(kdst_options_set_int(o, "patience", 0));
    TRY(kdst_options_set_float(o, "threshold", 9));
    TRY(kdst_options_set_float(o, "gamma", 0.5));
    TRY(kdst_schedule_plateau_create(ctx, o, &plateau));
    TRY(kdst_schedule_warmup_create(plateau, 3, NULL, &warm));
    TRY(kdst_trainer_set_schedule(s->trainer, warm));
    kdst_options_release(o);
    kdst_schedule_release(warm);
    kdst_schedule_release(plateau);
    return status;
}

static uint64_t everything_bits(kdst_context *ctx, setup *s)
{
    kdst_average *average = NULL;
    uint64_t bits = fingerprint(s);
    ok(ctx, kdst_trainer_get_average(s->trainer, &average));
    ok(ctx, kdst_average_copy_to(average, s->model));
    bits = bits * 31 + fingerprint(s);
    ok(ctx, kdst_trainer_restore_best(s->trainer));
    return bits * 31 + fingerprint(s);
}

static uint64_t run_everything(int64_t threads, const char *from)
{
    kdst_context *ctx = make_context(threads);
    setup s;
    ok(ctx, make_everything(ctx, &s));
    if (from) ok(ctx, kdst_trainer_load(s.trainer, from));
    ok(ctx, kdst_trainer_run(s.trainer));
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 8);
    ck_assert_double_eq(trainer_figure(s.trainer, "learning_rate"), 0.05 / 4); /* the last epoch, after two decays */
    uint64_t bits = everything_bits(ctx, &s);
    end(ctx, &s);
    return bits;
}

START_TEST(everything_resumes)
{
    uint64_t wanted = run_everything(1, NULL);
    ck_assert(run_everything(3, NULL) == wanted);
    make_folder();
    for (int stop = 0; stop <= 8; stop++) {
        kdst_context *ctx = make_context(2);
        setup s;
        kdst_event event;
        ok(ctx, make_everything(ctx, &s));
        for (int i = 0; i < stop; i++) ok(ctx, kdst_trainer_step(s.trainer, &event));
        ok(ctx, kdst_trainer_save(s.trainer, path_of("run")));
        end(ctx, &s);
        ck_assert_msg(run_everything(1 + stop % 2, path_of("run")) == wanted, "resumed after %d steps it ends in other bits", stop);
    }
    remove_folder();
}
END_TEST

/* Checkpoints of a trainer with other options, and made-up ones: nothing changes. */
START_TEST(checkpoints_refused)
{
    static const struct {
        const char *key, *text, *message;
    } forged[] = {{"kdst.accumulate", "2", "accumulates 2 batches, the trainer 3"}, {"kdst.waiting", "-1", "impossible"},
                  {"kdst.waiting", "9", "impossible"}, {"kdst.monitor_epoch", "7", "impossible"}, {"kdst.average_updates", "-3", "impossible"},
                  {"kdst.schedule", "0", "0 numbers of the schedule's state"}, {"kdst.schedule.0", "7ff8000000000000", "impossible"},
                  {"kdst.schedule.2", "bff0000000000000", "impossible"}, {"kdst.batch", "1", "impossible"}};
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    kdst_state *state = NULL;
    make_folder();
    ok(ctx, make_everything(ctx, &s));
    for (int i = 0; i < 3; i++) ok(ctx, kdst_trainer_step(s.trainer, &event));
    ok(ctx, kdst_trainer_save(s.trainer, path_of("run")));
    uint64_t before = fingerprint(&s);
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        ok(ctx, kdst_state_load(ctx, path_of("run"), &state));
        ok(ctx, kdst_state_set_text(state, forged[i].key, forged[i].text));
        ok(ctx, kdst_state_save(state, path_of("forged")));
        kdst_state_release(state);
        ck_assert_int_ne(kdst_trainer_load(s.trainer, path_of("forged")), 0);
        ck_assert_msg(strstr(kdst_context_message(ctx), forged[i].message), "%s: %s", forged[i].key, kdst_context_message(ctx));
        ck_assert(fingerprint(&s) == before);
    }
    end(ctx, &s);
    /* one that kept neither average nor best weights */
    ctx = make_context(1);
    ok(ctx, make_setup(ctx, 4, &s));
    ok(ctx, retrain(&s, (choice[]){{"epochs", NULL, 4}, {0}}));
    for (int i = 0; i < 5; i++) ok(ctx, kdst_trainer_step(s.trainer, &event));
    ok(ctx, kdst_trainer_save(s.trainer, path_of("plain")));
    ok(ctx, kdst_optimizer_set_learning_rate(s.optimizer, 0.05));
    ok(ctx, retrain(&s, (choice[]){{"epochs", NULL, 4}, {"average_decay", NULL, 0.5}, {0}}));
    ck_assert_int_eq(kdst_trainer_load(s.trainer, path_of("plain")), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the checkpoint has no average.fc1.weight"));
    ok(ctx, kdst_optimizer_set_learning_rate(s.optimizer, 0.05));
    ok(ctx, retrain(&s, (choice[]){{"epochs", NULL, 4}, {"keep_best", NULL, 1}, {0}}));
    ck_assert_int_eq(kdst_trainer_load(s.trainer, path_of("plain")), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the checkpoint has no best.fc1.weight"));
    remove_folder();
    end(ctx, &s);
}
END_TEST

/* Between the batches of one update. */
static kdst_status cancel_now(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer, (void)x, (void)index, (void)out;
    kdst_context_cancel(user_data);
    return KDST_STATUS_OK;
}

START_TEST(cancelled_within_an_update)
{
    kdst_context *ctx;
    setup s;
    kdst_event event;
    kdst_hook *hook = NULL;
    begin(&ctx, &s, 3, everything);
    ok(ctx, kdst_layer_add_hook(s.model, cancel_now, ctx, NULL, &hook));
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_CANCELLED);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 0);
    ok(ctx, kdst_hook_remove(hook));
    kdst_hook_release(hook);
    ok(ctx, kdst_trainer_step(s.trainer, &event));
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 1);
    end(ctx, &s);
}
END_TEST

static kdst_status step_everything(kdst_context *ctx, void *arg)
{
    setup s;
    kdst_event event;
    (void)arg;
    kdst_status status = make_everything(ctx, &s);
    TRY(kdst_trainer_set_best_path(s.trainer, path_of("best")));
    for (int i = 0; i < 2; i++) TRY(kdst_trainer_step(s.trainer, &event));
    TRY(kdst_trainer_save(s.trainer, path_of("run")));
    TRY(kdst_trainer_load(s.trainer, path_of("run")));
    TRY(kdst_trainer_restore_best(s.trainer));
    free_setup(&s);
    return status;
}

START_TEST(each_allocation_of_everything)
{
    make_folder();
    ck_assert_int_gt(each_allocation_fails(NULL, step_everything, NULL), 60);
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trainer resume");
    TCase *tests = tcase_create("resume");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, everything_resumes);
    tcase_add_test(tests, checkpoints_refused);
    tcase_add_test(tests, cancelled_within_an_update);
    tcase_add_test(tests, each_allocation_of_everything);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
