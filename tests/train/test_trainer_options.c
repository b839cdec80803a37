/* SPDX-License-Identifier: Apache-2.0 */
/* What the trainer does by option: accumulation, clipping, averages, early stopping, best weights, a plateau; all of it resumed. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/folder.h"
#include "support/run.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

typedef struct choice {
    const char *key, *text; /* text NULL: the number */
    double number;
} choice;

/* Another trainer on the same parts; options until a NULL key. */
static kdst_status retrain(setup *s, const choice *choices)
{
    kdst_options *o = NULL;
    kdst_trainer_release(s->trainer);
    s->trainer = NULL;
    kdst_status status = kdst_options_create(&o);
    for (; choices->key; choices++) {
        if (choices->text) TRY(kdst_options_set_string(o, choices->key, choices->text));
        else if (choices->number == floor(choices->number)) TRY(kdst_options_set_int(o, choices->key, (int64_t)choices->number));
        else TRY(kdst_options_set_float(o, choices->key, choices->number));
    }
    TRY(kdst_trainer_create(s->model, s->loss, s->optimizer, s->loader, o, &s->trainer));
    TRY(kdst_trainer_set_validation(s->trainer, s->validation));
    kdst_options_release(o);
    return status;
}

static void ok(kdst_context *ctx, kdst_status status)
{
    ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
}

static void begin(kdst_context **ctx, setup *s, int64_t epochs, const choice *choices)
{
    *ctx = make_context(2);
    ok(*ctx, make_setup(*ctx, epochs, s));
    ok(*ctx, retrain(s, choices));
}

static void end(kdst_context *ctx, setup *s)
{
    free_setup(s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

static void values_of(kdst_layer *layer, const char *name, double *out, int64_t count)
{
    kdst_tensor *t = NULL, *wide = NULL;
    ck_assert_int_eq(kdst_layer_find(layer, name, &t), 0);
    ck_assert_int_eq(kdst_tensor_get_count(t), count);
    ck_assert_int_eq(kdst_tensor_copy(t, KDST_DTYPE_FLOAT64, &wide), 0);
    ck_assert_int_eq(kdst_tensor_get_data(wide, out, count * 8), 0);
    kdst_tensor_release(wide);
}

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

static double nll_of(kdst_context *ctx, kdst_layer *model, kdst_loader *loader)
{
    kdst_metrics *metrics = NULL;
    double value = NAN;
    ok(ctx, kdst_metrics_create(ctx, CLASSES, NULL, &metrics));
    ok(ctx, kdst_metrics_add_loader(metrics, model, loader));
    ok(ctx, kdst_metrics_get(metrics, "nll", &value));
    kdst_metrics_release(metrics);
    return value;
}

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

/* ---- stopping, best weights ---- */

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

/* ---- everything at once ---- */

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
    Suite *suite = suite_create("trainer options");
    TCase *tests = tcase_create("options");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, accumulation_is_a_large_batch, 0, 4);
    tcase_add_test(tests, clipped_steps);
    tcase_add_loop_test(tests, averages, 0, 2);
    tcase_add_test(tests, average_after_a_failed_validation);
    tcase_add_test(tests, patience);
    tcase_add_test(tests, min_delta);
    tcase_add_loop_test(tests, best_weights, 0, 2);
    tcase_add_test(tests, best_file_that_fails);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, everything_resumes);
    tcase_add_test(tests, checkpoints_refused);
    tcase_add_test(tests, cancelled_within_an_update);
    tcase_add_test(tests, each_allocation_of_everything);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
