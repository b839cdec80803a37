/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's figures and bits against a loop written out by hand on the same public API.
 *
 * 60 samples make batches of 16, 16, 16 and 12: means over an epoch weight each batch by its samples.
 */
#include "support.h"

#include "support/run.h"

#include <math.h>

enum { EPOCHS = 3, STEPS = 4, COLUMNS = 6 };

/* Sums over one epoch. */
typedef struct sums {
    double loss, samples, hits, rate;
} sums;

/* Rows whose largest logit, the first of equals, is that of the label. */
static double count_hits(kdst_tensor *logits, kdst_tensor *labels)
{
    float z[BATCH * CLASSES];
    int32_t y[BATCH];
    int64_t n = kdst_tensor_get_size(logits, 0);
    double hits = 0;
    ck_assert_int_eq(kdst_tensor_get_data(logits, z, n * CLASSES * (int64_t)sizeof *z), 0);
    ck_assert_int_eq(kdst_tensor_get_data(labels, y, n * (int64_t)sizeof *y), 0);
    for (int64_t b = 0; b < n; b++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (z[b * CLASSES + k] > z[b * CLASSES + best]) best = k;
        hits += best == y[b];
    }
    return hits;
}

static void step_by_hand(setup *s, int64_t step, sums *sum)
{
    kdst_tensor *x = NULL, *y = NULL, *logits = NULL, *loss = NULL;
    double value = 0, factor = 0;
    ck_assert_int_eq(kdst_loader_next(s->loader, &x, &y), 0);
    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(kdst_optimizer_clear_grads(s->optimizer), 0);
    ck_assert_int_eq(kdst_layer_run(s->model, x, &logits), 0);
    ck_assert_int_eq(kdst_loss_run(s->loss, logits, NULL, y, &loss), 0);
    ck_assert_int_eq(kdst_backward(loss, NULL, NULL), 0);
    ck_assert_int_eq(kdst_tensor_get_value(loss, &value), 0);
    ck_assert_int_eq(kdst_schedule_get_factor(s->schedule, step, &factor), 0);
    sum->rate = 0.05 * factor;
    ck_assert_int_eq(kdst_optimizer_set_learning_rate(s->optimizer, sum->rate), 0);
    ck_assert_int_eq(kdst_optimizer_run(s->optimizer), 0);
    double n = (double)kdst_tensor_get_size(x, 0);
    sum->loss += value * n;
    sum->samples += n;
    sum->hits += count_hits(logits, y);
    kdst_tensor_release(loss);
    kdst_tensor_release(logits);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}

/* One epoch and its validation; the row that the trainer's history should have. */
static void epoch_by_hand(kdst_context *ctx, setup *s, int64_t epoch, double row[COLUMNS])
{
    static const char *const keys[] = {"accuracy", "nll", "ece"};
    sums sum = {0};
    kdst_metrics *metrics = NULL;
    ck_assert_int_eq(kdst_loader_set_epoch(s->loader, epoch), 0);
    for (int64_t i = 0; i < STEPS; i++)
        step_by_hand(s, epoch * STEPS + i, &sum);
    ck_assert_double_eq(sum.samples, SAMPLES);
    ck_assert_int_eq(kdst_metrics_create(ctx, CLASSES, NULL, &metrics), 0);
    ck_assert_int_eq(kdst_metrics_add_loader(metrics, s->model, s->validation), 0);
    row[0] = sum.loss / sum.samples;
    row[1] = sum.hits / sum.samples;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kdst_metrics_get(metrics, keys[i], &row[2 + i]), 0);
    row[5] = sum.rate;
    kdst_metrics_release(metrics);
}

static void expect_history(kdst_trainer *trainer, int64_t epochs, const double *rows)
{
    kdst_tensor *history = NULL;
    double have[EPOCHS * COLUMNS];
    ck_assert_int_eq(kdst_trainer_get_history(trainer, &history), 0);
    ck_assert_int_eq(kdst_tensor_get_size(history, 0), epochs);
    ck_assert_int_eq(kdst_tensor_get_data(history, have, epochs * COLUMNS * (int64_t)sizeof *have), 0);
    for (int64_t i = 0; i < epochs * COLUMNS; i++)
        ck_assert_msg(
            have[i] == rows[i], "epoch %d, column %d is %.17g, by hand %.17g", (int)(i / COLUMNS), (int)(i % COLUMNS),
            have[i], rows[i]);
    kdst_tensor_release(history);
}

/* Sums are taken in the same order, so nothing may differ. */
START_TEST(as_by_hand)
{
    kdst_context *ctx = make_context(1), *other = make_context(1);
    setup s, hand;
    double rows[EPOCHS * COLUMNS];
    kdst_event event = 0;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    ck_assert_int_eq(make_setup(other, EPOCHS, &hand), 0);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        double *row = rows + epoch * COLUMNS;
        epoch_by_hand(other, &hand, epoch, row);
        for (int i = 0; i < STEPS; i++)
            ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
        ck_assert_int_eq(event, KDST_EVENT_EPOCH);
        ck_assert_msg(fingerprint(&s) == fingerprint(&hand), "epoch %d ends in other bits", (int)epoch);
        expect_history(s.trainer, epoch + 1, rows);
        ck_assert_double_eq(trainer_figure(s.trainer, "epoch_loss"), row[0]);
        ck_assert_double_eq(trainer_figure(s.trainer, "epoch_accuracy"), row[1]);
        ck_assert_double_eq(trainer_figure(s.trainer, "accuracy"), row[2]);
        ck_assert_double_eq(trainer_figure(s.trainer, "nll"), row[3]);
        ck_assert_double_eq(trainer_figure(s.trainer, "ece"), row[4]);
        ck_assert_double_eq(trainer_figure(s.trainer, "learning_rate"), row[5]);
    }
    ck_assert_double_ne(rows[5], rows[COLUMNS + 5]);
    free_setup(&hand);
    free_setup(&s);
    kdst_context_release(other);
    kdst_context_release(ctx);
}
END_TEST

static kdst_layer *linear_net(kdst_context *ctx)
{
    kdst_layer *net = NULL, *child = NULL;
    ck_assert_int_eq(kdst_layer_sequential_create(ctx, &net), 0);
    ck_assert_int_eq(kdst_layer_flatten_create(ctx, &child), 0);
    ck_assert_int_eq(add(net, "flat", KDST_STATUS_OK, child), 0);
    ck_assert_int_eq(kdst_layer_linear_create(ctx, SIDE * SIDE, CLASSES, NULL, &child), 0);
    ck_assert_int_eq(add(net, "fc", KDST_STATUS_OK, child), 0);
    return net;
}

static kdst_options *option(const char *key, int64_t value)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, key, value), 0);
    return o;
}

/* At learning rate 0 a net without running statistics stays as good as it was: the first of equal epochs is best. */
START_TEST(the_best_is_the_first)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_optimizer *still = NULL;
    kdst_trainer *trainer = NULL;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    kdst_layer *net = linear_net(ctx);
    kdst_options *o = option("learning_rate", 0);
    ck_assert_int_eq(kdst_optimizer_sgd_create(ctx, o, &still), 0);
    ck_assert_int_eq(kdst_optimizer_add_layer(still, net), 0);
    kdst_options_release(o);
    o = option("epochs", EPOCHS);
    ck_assert_int_eq(kdst_trainer_create(net, s.loss, still, s.loader, o, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_set_validation(trainer, s.validation), 0);
    ck_assert(isnan(trainer_figure(trainer, "best_epoch")));
    ck_assert_int_eq(kdst_trainer_run(trainer), 0);
    ck_assert_double_eq(trainer_figure(trainer, "best_epoch"), 1);
    ck_assert_double_eq(trainer_figure(trainer, "best_accuracy"), trainer_figure(trainer, "accuracy"));
    kdst_trainer_release(trainer);
    kdst_options_release(o);
    kdst_optimizer_release(still);
    kdst_layer_release(net);
    free_setup(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trainer figures");
    TCase *figures = tcase_create("figures");
    tcase_add_test(figures, as_by_hand);
    tcase_add_test(figures, the_best_is_the_first);
    suite_add_tcase(suite, figures);
    return run_suite(suite);
}
