/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer: it learns, steps and runs alike, gives the same bits with any number of threads, and refuses what is wrong. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

START_TEST(learns)
{
    kdst_context *ctx = make_context(2);
    setup s;
    ck_assert_msg(make_setup(ctx, 8, &s) == 0, "%s", kdst_context_message(ctx));
    ck_assert_msg(kdst_trainer_run(s.trainer) == 0, "%s", kdst_context_message(ctx));
    ck_assert_double_eq(trainer_figure(s.trainer, "epoch"), 8);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 8 * 4);
    ck_assert_double_ge(trainer_figure(s.trainer, "accuracy"), 0.8);
    ck_assert_double_ge(trainer_figure(s.trainer, "best_accuracy"), trainer_figure(s.trainer, "accuracy"));
    kdst_tensor *history = NULL;
    ck_assert_int_eq(kdst_trainer_get_history(s.trainer, &history), 0);
    ck_assert_int_eq(kdst_tensor_get_size(history, 0), 8);
    double rows[8][6];
    ck_assert_int_eq(kdst_tensor_get_data(history, rows, sizeof rows), 0);
    ck_assert_double_lt(rows[7][0], rows[0][0]);
    ck_assert_double_eq(rows[7][2], trainer_figure(s.trainer, "accuracy"));
    kdst_tensor_release(history);
    ck_assert_int_eq(kdst_layer_get_training(s.model), 1);
    free_setup(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(stepping_is_running)
{
    uint64_t bits[2];
    for (int stepped = 0; stepped < 2; stepped++) {
        kdst_context *ctx = make_context(1);
        setup s;
        kdst_event event = 0;
        int epochs = 0, steps = 0;
        ck_assert_int_eq(make_setup(ctx, 3, &s), 0);
        if (!stepped) ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
        while (stepped && event != KDST_EVENT_FINISHED) {
            ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
            epochs += event == KDST_EVENT_EPOCH;
            steps += event != KDST_EVENT_FINISHED;
        }
        if (stepped) {
            ck_assert_int_eq(epochs, 3);
            ck_assert_int_eq(steps, 12);
        }
        bits[stepped] = fingerprint(&s);
        free_setup(&s);
        kdst_context_release(ctx);
    }
    ck_assert(bits[0] == bits[1]);
}
END_TEST

START_TEST(any_number_of_threads)
{
    static const int64_t threads[] = {1, 2, 3, 7};
    uint64_t first = 0;
    for (int i = 0; i < 4; i++) {
        kdst_context *ctx = make_context(threads[i]);
        setup s;
        ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
        ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
        uint64_t bits = fingerprint(&s);
        if (!i) first = bits;
        ck_assert_msg(bits == first, "%lld threads give other bits than 1", (long long)threads[i]);
        free_setup(&s);
        kdst_context_release(ctx);
    }
}
END_TEST

/* ---- teacher ---- */

START_TEST(teacher_is_left_alone)
{
    kdst_context *ctx = make_context(1);
    setup s, t;
    kdst_loss *kd = NULL;
    ck_assert_int_eq(make_setup(ctx, 1, &t), 0);
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(kdst_loss_kd_create(ctx, NULL, &kd), 0);
    kdst_trainer *trainer = NULL;
    kdst_event event;
    ck_assert_int_eq(kdst_trainer_create(s.model, kd, s.optimizer, s.loader, NULL, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_step(trainer, &event), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "needs a teacher"));
    ck_assert_int_eq(kdst_trainer_set_teacher(trainer, s.model), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_set_teacher(trainer, t.model), 0);
    uint64_t before = fingerprint(&t), student = fingerprint(&s);
    ck_assert_msg(kdst_trainer_run(trainer) == 0, "%s", kdst_context_message(ctx));
    ck_assert(fingerprint(&t) == before);
    ck_assert(fingerprint(&s) != student);
    ck_assert_int_eq(kdst_layer_get_training(t.model), 1);
    kdst_trainer_release(trainer);
    kdst_loss_release(kd);
    free_setup(&s);
    free_setup(&t);
    kdst_context_release(ctx);
}
END_TEST

/* ---- stopping ---- */

static kdst_status stop_at_three(void *user_data, kdst_trainer *trainer, kdst_event event)
{
    int *seen = user_data;
    double step = 0;
    (void)event;
    ck_assert_int_eq(kdst_trainer_get(trainer, "step", &step), 0);
    ck_assert_double_eq(step, ++*seen);
    return *seen == 3 ? KDST_STATUS_NOT_FOUND : KDST_STATUS_OK;
}

static void count_destroy(void *user_data) { ++*(int *)user_data; }

START_TEST(progress_stops)
{
    kdst_context *ctx = make_context(1);
    setup s;
    int seen = 0, destroyed = 0;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_trainer_set_progress(s.trainer, stop_at_three, &seen, NULL), 0);
    ck_assert_int_eq(kdst_trainer_run(s.trainer), KDST_STATUS_NOT_FOUND);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 3);
    ck_assert_int_eq(kdst_trainer_set_progress(s.trainer, NULL, &destroyed, count_destroy), 0);
    ck_assert_int_eq(kdst_trainer_set_progress(NULL, NULL, &destroyed, count_destroy), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(destroyed, 1);
    ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
    free_setup(&s);
    ck_assert_int_eq(destroyed, 2);
    kdst_context_release(ctx);
}
END_TEST

/* What the function below tries, and what it was told. */
typedef struct attempt {
    kdst_status step, set;
    int calls, destroyed, destroyed_inside, release;
} attempt;

static void end_attempt(void *user_data) { ((attempt *)user_data)->destroyed++; }

static kdst_status attempt_all(void *user_data, kdst_trainer *trainer, kdst_event event)
{
    attempt *a = user_data;
    kdst_event inner = event;
    a->calls++;
    a->step = kdst_trainer_step(trainer, &inner);
    ck_assert_int_eq(inner, 0);
    a->set = kdst_trainer_set_progress(trainer, NULL, NULL, NULL);
    if (a->release) kdst_trainer_release(trainer);
    a->destroyed_inside = a->destroyed;
    return a->calls == 2 ? KDST_STATUS_CANCELLED : KDST_STATUS_OK;
}

START_TEST(progress_is_not_reentered)
{
    kdst_context *ctx = make_context(1);
    setup s;
    attempt a = {0};
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_trainer_set_progress(s.trainer, attempt_all, &a, end_attempt), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(a.step, KDST_STATUS_STATE);
    ck_assert_int_eq(a.set, KDST_STATUS_STATE);
    ck_assert_int_eq(a.destroyed, 0);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 1);
    /* outside of the function both work as ever, after a failure too */
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_CANCELLED);
    ck_assert_int_eq(kdst_trainer_set_progress(s.trainer, NULL, NULL, NULL), 0);
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* The last reference goes inside the function: in a step, and in a run. */
START_TEST(progress_releases_the_trainer)
{
    kdst_context *ctx = make_context(1);
    setup s;
    attempt a = {.release = 1, .calls = 1};
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_trainer_set_progress(s.trainer, attempt_all, &a, end_attempt), 0);
    ck_assert_int_eq(_i ? kdst_trainer_run(s.trainer) : kdst_trainer_step(s.trainer, &event), KDST_STATUS_CANCELLED);
    ck_assert_int_eq(a.destroyed_inside, 0);
    ck_assert_int_eq(a.destroyed, 1);
    s.trainer = NULL;
    free_setup(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

/* A scope without recording that the function leaves open ends with it, and it cannot end the caller's. */
static kdst_status leave_a_scope_open(void *user_data, kdst_trainer *trainer, kdst_event event)
{
    kdst_context *ctx = user_data;
    (void)trainer, (void)event;
    ck_assert_int_eq(kdst_no_grad_end(ctx), KDST_STATUS_STATE);
    return kdst_no_grad_begin(ctx);
}

START_TEST(progress_has_scopes_of_its_own)
{
    kdst_context *ctx = make_context(1);
    setup s;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_trainer_set_progress(s.trainer, leave_a_scope_open, ctx, NULL), 0);
    ck_assert_msg(kdst_trainer_run(s.trainer) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_no_grad_end(ctx), KDST_STATUS_STATE);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* Metrics are those of a whole validation or none: not after another one was set, failed, or the trainer was loaded. */
START_TEST(metrics_of_the_last_validation)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_metrics *metrics = NULL;
    kdst_event event = 0;
    double count = 0;
    ck_assert_int_eq(make_setup(ctx, 3, &s), 0);
    ck_assert_int_eq(kdst_trainer_get_metrics(s.trainer, &metrics), KDST_STATUS_NOT_FOUND);
    while (event != KDST_EVENT_EPOCH) ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_get_metrics(s.trainer, &metrics), 0);
    ck_assert_int_eq(kdst_metrics_get(metrics, "count", &count), 0);
    ck_assert_double_eq(count, 30);
    ck_assert_int_eq(kdst_trainer_set_validation(s.trainer, s.validation), 0);
    ck_assert_int_eq(kdst_trainer_get_metrics(s.trainer, &metrics), KDST_STATUS_NOT_FOUND);
    ck_assert_ptr_null(metrics);
    for (event = 0; event != KDST_EVENT_EPOCH;) ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_get_metrics(s.trainer, &metrics), 0);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* A network of ten outputs on data of three classes, as a part of a larger set may have. */
START_TEST(more_outputs_than_classes)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_layer *wide = NULL, *child = NULL;
    kdst_optimizer *optimizer = NULL;
    kdst_trainer *trainer = NULL;
    kdst_metrics *metrics = NULL;
    kdst_tensor *confusion = NULL;
    double accuracy = NAN;
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(kdst_layer_sequential_create(ctx, &wide), 0);
    ck_assert_int_eq(kdst_layer_flatten_create(ctx, &child), 0);
    ck_assert_int_eq(add(wide, NULL, 0, child), 0);
    ck_assert_int_eq(kdst_layer_linear_create(ctx, SIDE * SIDE, 10, NULL, &child), 0);
    ck_assert_int_eq(add(wide, NULL, 0, child), 0);
    ck_assert_int_eq(kdst_optimizer_adam_create(ctx, NULL, &optimizer), 0);
    ck_assert_int_eq(kdst_optimizer_add_layer(optimizer, wide), 0);
    ck_assert_int_eq(kdst_trainer_create(wide, s.loss, optimizer, s.loader, NULL, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_set_validation(trainer, s.validation), 0);
    ck_assert_msg(kdst_trainer_run(trainer) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_trainer_get(trainer, "accuracy", &accuracy), 0);
    ck_assert(accuracy >= 0 && accuracy <= 1);
    ck_assert_int_eq(kdst_trainer_get_metrics(trainer, &metrics), 0);
    ck_assert_int_eq(kdst_metrics_get_confusion(metrics, &confusion), 0);
    ck_assert_int_eq(kdst_tensor_get_size(confusion, 0), 10);
    kdst_tensor_release(confusion);
    kdst_trainer_release(trainer);
    kdst_optimizer_release(optimizer);
    kdst_layer_release(wide);
    free_setup(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

/* Nothing would be learnt, without a word. */
START_TEST(an_optimizer_without_tensors)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_optimizer *empty = NULL;
    kdst_trainer *trainer = NULL;
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(kdst_optimizer_adam_create(ctx, NULL, &empty), 0);
    ck_assert_int_eq(kdst_trainer_create(s.model, s.loss, empty, s.loader, NULL, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_run(trainer), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the optimizer has no tensors"));
    ck_assert_int_eq(kdst_optimizer_add_layer(empty, s.model), 0); /* in time is soon enough */
    ck_assert_int_eq(kdst_trainer_run(trainer), 0);
    kdst_trainer_release(trainer);
    kdst_optimizer_release(empty);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* Who else takes batches from the loader does not change what the trainer sees. */
START_TEST(a_loader_with_two_users)
{
    uint64_t bits[2];
    for (int shared = 0; shared < 2; shared++) {
        kdst_context *ctx = make_context(1);
        setup s;
        kdst_event event = 0;
        ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
        while (event != KDST_EVENT_FINISHED) {
            kdst_tensor *x = NULL, *y = NULL;
            ck_assert_msg(kdst_trainer_step(s.trainer, &event) == 0, "%s", kdst_context_message(ctx));
            if (shared) ck_assert_int_eq(kdst_loader_next(s.loader, &x, &y), 0);
            kdst_tensor_release(x);
            kdst_tensor_release(y);
        }
        bits[shared] = fingerprint(&s);
        free_setup(&s);
        kdst_context_release(ctx);
    }
    ck_assert(bits[0] == bits[1]);
}
END_TEST

START_TEST(cancel_stops)
{
    kdst_context *ctx = make_context(1);
    setup s;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    kdst_context_cancel(ctx);
    ck_assert_int_eq(kdst_trainer_run(s.trainer), KDST_STATUS_CANCELLED);
    ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* The largest float32 logits are far enough apart for a loss without end, though every gradient is finite. */
START_TEST(infinite_loss_stops)
{
    const float far[CLASSES] = {-3e38f, -3e38f, 3e38f};
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_tensor *weight = NULL, *bias = NULL;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_layer_find(s.model, "fc2.weight", &weight), 0);
    ck_assert_int_eq(kdst_layer_find(s.model, "fc2.bias", &bias), 0);
    ck_assert_int_eq(kdst_tensor_set_value(weight, 0), 0);
    ck_assert_int_eq(kdst_tensor_set_data(bias, far, sizeof far), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_STATE);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_step: the loss is inf at step 0; the outputs of all layers are finite");
    ck_assert_int_eq(event, 0);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 0);
    float now[CLASSES];
    ck_assert_int_eq(kdst_tensor_get_data(bias, now, sizeof now), 0);
    ck_assert_mem_eq(now, far, sizeof now);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(non_finite_stops)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_tensor *weight = NULL;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_layer_find(s.model, "fc2.weight", &weight), 0);
    ck_assert_int_eq(kdst_tensor_set_value(weight, NAN), 0);
    ck_assert_int_ne(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(event, 0);
    ck_assert(*kdst_context_message(ctx));
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 0);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* ---- arguments ---- */

START_TEST(bad_arguments)
{
    kdst_context *ctx = make_context(1), *other = make_context(1);
    setup s, o;
    kdst_trainer *trainer = (kdst_trainer *)&s;
    kdst_options *options = NULL;
    double value;
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(make_setup(other, 1, &o), 0);
    ck_assert_int_eq(kdst_trainer_create(NULL, s.loss, s.optimizer, s.loader, NULL, &trainer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(trainer);
    ck_assert_int_eq(kdst_trainer_create(s.model, NULL, s.optimizer, s.loader, NULL, &trainer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_create: loss is NULL");
    ck_assert_int_eq(kdst_trainer_create(s.model, o.loss, s.optimizer, s.loader, NULL, &trainer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_create: loss belongs to another context");
    ck_assert_int_eq(kdst_options_create(&options), 0);
    ck_assert_int_eq(kdst_options_set_int(options, "epoch", 3), 0);
    ck_assert_int_eq(kdst_trainer_create(s.model, s.loss, s.optimizer, s.loader, options, &trainer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "epochs"));
    ck_assert_int_eq(kdst_trainer_set_validation(s.trainer, s.loader), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_set_schedule(s.trainer, o.schedule), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trainer_get(s.trainer, "speed", &value), KDST_STATUS_NOT_FOUND);
    ck_assert(isnan(value));
    ck_assert_str_eq(
        kdst_context_message(ctx),
        "trainer_get: no figure \"speed\"; there are epoch, epochs, step, steps_per_epoch, samples, samples_per_epoch, learning_rate, "
        "loss, epoch_loss, epoch_accuracy, accuracy, nll, ece, best_accuracy, best_epoch, gradient_norm, monitor_best, monitor_epoch, "
        "waiting, stopped");
    ck_assert_int_eq(kdst_trainer_step(s.trainer, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    free_setup(&s);
    free_setup(&o);
    kdst_context_release(ctx);
    kdst_context_release(other);
}
END_TEST

static kdst_status create_and_step(kdst_context *ctx, void *arg)
{
    setup s;
    kdst_event event;
    (void)arg;
    kdst_status status = make_setup(ctx, 1, &s);
    for (int i = 0; i < 4; i++) TRY(kdst_trainer_step(s.trainer, &event));
    free_setup(&s);
    return status;
}

START_TEST(each_allocation_of_a_step)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 2), 0);
    ck_assert_int_gt(each_allocation_fails(o, create_and_step, NULL), 30);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trainer");
    TCase *training = tcase_create("training"), *stopping = tcase_create("stopping"), *failing = tcase_create("failing");
    tcase_set_timeout(failing, 120);
    tcase_add_test(training, learns);
    tcase_add_test(training, stepping_is_running);
    tcase_add_test(training, any_number_of_threads);
    tcase_add_test(training, teacher_is_left_alone);
    tcase_add_test(stopping, progress_stops);
    tcase_add_test(stopping, progress_is_not_reentered);
    tcase_add_loop_test(stopping, progress_releases_the_trainer, 0, 2);
    tcase_add_test(stopping, progress_has_scopes_of_its_own);
    tcase_add_test(training, metrics_of_the_last_validation);
    tcase_add_test(training, more_outputs_than_classes);
    tcase_add_test(failing, an_optimizer_without_tensors);
    tcase_add_test(training, a_loader_with_two_users);
    tcase_add_test(stopping, cancel_stops);
    tcase_add_test(stopping, non_finite_stops);
    tcase_add_test(stopping, infinite_loss_stops);
    tcase_add_test(failing, bad_arguments);
    tcase_add_test(failing, each_allocation_of_a_step);
    suite_add_tcase(suite, training);
    suite_add_tcase(suite, stopping);
    suite_add_tcase(suite, failing);
    return run_suite(suite);
}
