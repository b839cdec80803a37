/* SPDX-License-Identifier: Apache-2.0 */
/* Training on mixed batches: loss, accuracy and the update of a linear model by plain formulas, for several losses; the same
 * for any number of threads; the n-th allocation failing.
 */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { D = SIDE * SIDE, STEPS = 12 };

/* A loader that mixes, and one step's worth of a linear model with SGD. */
typedef struct linear {
    kdst_dataset *data;
    kdst_loader *loader, *same;
    kdst_layer *net;
    kdst_loss *loss;
    kdst_optimizer *optimizer;
    kdst_trainer *trainer;
} linear;

static kdst_status make_linear(kdst_context *ctx, int lsr, linear *s)
{
    kdst_options *o = NULL, *rate = NULL, *epochs = NULL;
    kdst_layer *child = NULL;
    memset(s, 0, sizeof *s);
    kdst_status status = kdst_options_create(&o);
    TRY(kdst_options_create(&rate));
    TRY(kdst_options_create(&epochs));
    TRY(kdst_options_set_float(o, "mixup", 1));
    TRY(kdst_options_set_float(o, "cutmix", 1));
    TRY(kdst_options_set_int(o, "shuffle", 1));
    TRY(kdst_options_set_float(rate, "learning_rate", 0.1));
    TRY(kdst_options_set_int(epochs, "epochs", 4));
    TRY(kdst_context_set_seed(ctx, 3));
    TRY(make_data(ctx, SAMPLES, 1, &s->data));
    TRY(kdst_loader_create(s->data, BATCH, o, &s->loader));
    TRY(kdst_loader_create(s->data, BATCH, o, &s->same));
    TRY(kdst_layer_sequential_create(ctx, &s->net));
    TRY(kdst_layer_flatten_create(ctx, &child));
    TRY(kdst_layer_add(s->net, "flat", child));
    kdst_layer_release(child);
    child = NULL;
    TRY(kdst_layer_linear_create(ctx, D, CLASSES, NULL, &child));
    TRY(kdst_layer_add(s->net, "fc", child));
    kdst_layer_release(child);
    TRY(lsr ? kdst_loss_lsr_create(ctx, NULL, &s->loss) : kdst_loss_cross_entropy_create(ctx, NULL, &s->loss));
    TRY(kdst_optimizer_sgd_create(ctx, rate, &s->optimizer));
    TRY(kdst_optimizer_add_layer(s->optimizer, s->net));
    TRY(kdst_trainer_create(s->net, s->loss, s->optimizer, s->loader, epochs, &s->trainer));
    kdst_options_release(epochs);
    kdst_options_release(rate);
    kdst_options_release(o);
    return status;
}

static void free_linear(linear *s)
{
    kdst_trainer_release(s->trainer);
    kdst_optimizer_release(s->optimizer);
    kdst_loss_release(s->loss);
    kdst_layer_release(s->net);
    kdst_loader_release(s->same);
    kdst_loader_release(s->loader);
    kdst_dataset_release(s->data);
}

static void read_data(kdst_tensor *t, void *out, size_t bytes)
{
    ck_assert_int_eq(kdst_tensor_get_data(t, out, bytes), 0);
}

static void read_weights(linear *s, float w[CLASSES][D], float bias[CLASSES])
{
    const char *name = NULL;
    kdst_tensor *t = NULL;
    for (int64_t i = 0; i < 2; i++) {
        ck_assert_int_eq(kdst_layer_get_state(s->net, i, &name, &t, NULL), 0);
        if (strstr(name, "weight"))
            read_data(t, w, CLASSES * D * sizeof(float));
        else
            read_data(t, bias, CLASSES * sizeof(float));
    }
}

/* -log softmax and its gradient for the target distribution q. */
static double cross_entropy(const double z[CLASSES], const double q[CLASSES], double dz[CLASSES])
{
    double sum = 0, value = 0;
    for (int k = 0; k < CLASSES; k++)
        sum += exp(z[k]);
    for (int k = 0; k < CLASSES; k++) {
        value -= q[k] * (z[k] - log(sum));
        dz[k] = exp(z[k]) / sum - q[k];
    }
    return value;
}

START_TEST(test_formula)
{
    kdst_context *ctx = make_context(2);
    linear s;
    double smoothing = _i ? 0.1 : 0;
    int small_weights = 0;
    ck_assert_msg(make_linear(ctx, _i, &s) == 0, "%s", kdst_context_message(ctx));
    for (int step = 0; step < STEPS; step++) {
        float x[BATCH][D], w[CLASSES][D], bias[CLASSES], after[CLASSES][D], bias_after[CLASSES];
        int32_t a[BATCH], b[BATCH];
        double weight, loss = 0, dw[CLASSES][D] = {{0}}, db[CLASSES] = {0};
        int64_t hits = 0;
        kdst_tensor *images = NULL, *labels = NULL, *others = NULL;
        kdst_event event;
        ck_assert_int_eq(kdst_loader_set_epoch(s.same, step / 4), 0);
        ck_assert_int_eq(kdst_loader_set_position(s.same, step % 4), 0);
        ck_assert_int_eq(kdst_loader_next_mixed(s.same, &images, &labels, &others, &weight), 0);
        int64_t n = kdst_tensor_get_size(images, 0);
        read_data(images, x, (size_t)n * sizeof x[0]);
        read_data(labels, a, (size_t)n * sizeof a[0]);
        read_data(others, b, (size_t)n * sizeof b[0]);
        read_weights(&s, w, bias);
        for (int64_t i = 0; i < n; i++) {
            double z[CLASSES], q[CLASSES], dz[CLASSES];
            int best = 0;
            for (int k = 0; k < CLASSES; k++) {
                z[k] = bias[k];
                for (int j = 0; j < D; j++)
                    z[k] += (double)w[k][j] * x[i][j];
                if (z[k] > z[best]) best = k;
                q[k] = smoothing / CLASSES + (1 - smoothing) * (weight * (a[i] == k) + (1 - weight) * (b[i] == k));
            }
            loss += cross_entropy(z, q, dz) / (double)n;
            hits += best == (weight < 0.5 ? b[i] : a[i]);
            for (int k = 0; k < CLASSES; k++) {
                db[k] += dz[k] / (double)n;
                for (int j = 0; j < D; j++)
                    dw[k][j] += dz[k] * x[i][j] / (double)n;
            }
        }
        small_weights += weight < 0.5;
        ck_assert_msg(kdst_trainer_step(s.trainer, &event) == 0, "%s", kdst_context_message(ctx));
        if (_i == 0) ck_assert_double_eq_tol(trainer_figure(s.trainer, "loss"), loss, 1e-6);
        if (step % 4 == 0)
            ck_assert_double_eq_tol(trainer_figure(s.trainer, "epoch_accuracy"), (double)hits / (double)n, 1e-12);
        read_weights(&s, after, bias_after);
        for (int k = 0; k < CLASSES && _i == 0; k++) {
            ck_assert_double_eq_tol(bias_after[k], bias[k] - 0.1 * db[k], 1e-6);
            for (int j = 0; j < D; j++)
                ck_assert_double_eq_tol(after[k][j], w[k][j] - 0.1 * dw[k][j], 1e-6);
        }
        kdst_tensor_release(others);
        kdst_tensor_release(labels);
        kdst_tensor_release(images);
    }
    ck_assert(small_weights > 0 && small_weights < STEPS);
    free_linear(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

/* Any loss: w of its value on the first labels and 1 - w of that on the others, before the step. */
START_TEST(test_any_loss)
{
    kdst_context *ctx = make_context(1);
    linear s;
    ck_assert_int_eq(make_linear(ctx, 1, &s), 0);
    kdst_tensor *x = NULL, *y = NULL, *z = NULL, *logits = NULL, *first = NULL, *second = NULL;
    double weight, a, b;
    kdst_event event;
    ck_assert_int_eq(kdst_loader_next_mixed(s.same, &x, &y, &z, &weight), 0);
    ck_assert_int_eq(kdst_layer_run(s.net, x, &logits), 0);
    ck_assert_int_eq(kdst_loss_run(s.loss, logits, NULL, y, &first), 0);
    ck_assert_int_eq(kdst_loss_run(s.loss, logits, NULL, z, &second), 0);
    ck_assert_int_eq(kdst_tensor_get_value(first, &a), 0);
    ck_assert_int_eq(kdst_tensor_get_value(second, &b), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_double_ne(a, b);
    ck_assert_double_eq_tol(trainer_figure(s.trainer, "loss"), weight * a + (1 - weight) * b, 1e-6);
    kdst_tensor_release(second);
    kdst_tensor_release(first);
    kdst_tensor_release(logits);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    free_linear(&s);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(test_threads)
{
    float w[2][CLASSES][D], bias[2][CLASSES];
    for (int round = 0; round < 2; round++) {
        kdst_context *ctx = make_context(1 + 2 * round);
        linear s;
        ck_assert_int_eq(make_linear(ctx, 0, &s), 0);
        ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
        read_weights(&s, w[round], bias[round]);
        free_linear(&s);
        kdst_context_release(ctx);
    }
    ck_assert_mem_eq(w[0], w[1], sizeof w[0]);
    ck_assert_mem_eq(bias[0], bias[1], sizeof bias[0]);
}
END_TEST

/* Interrupted in the middle of an epoch and resumed from the file: the same bits. */
START_TEST(test_resumed)
{
    char path[] = "/tmp/kdst-mixed-XXXXXX";
    float w[2][CLASSES][D], bias[2][CLASSES];
    kdst_event event;
    linear s;
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
    for (int round = 0; round < 2; round++) {
        kdst_context *ctx = make_context(1);
        ck_assert_int_eq(make_linear(ctx, 0, &s), 0);
        for (int step = 0; round && step < 6; step++)
            ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
        if (round) {
            ck_assert_msg(kdst_trainer_save(s.trainer, path) == 0, "%s", kdst_context_message(ctx));
            free_linear(&s);
            ck_assert_int_eq(make_linear(ctx, 0, &s), 0);
            ck_assert_msg(kdst_trainer_load(s.trainer, path) == 0, "%s", kdst_context_message(ctx));
        }
        ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
        read_weights(&s, w[round], bias[round]);
        free_linear(&s);
        kdst_context_release(ctx);
    }
    unlink(path);
    ck_assert_mem_eq(w[0], w[1], sizeof w[0]);
    ck_assert_mem_eq(bias[0], bias[1], sizeof bias[0]);
}
END_TEST

START_TEST(test_validation)
{
    kdst_context *ctx = make_context(1);
    linear s;
    ck_assert_int_eq(make_linear(ctx, 0, &s), 0);
    ck_assert_int_eq(kdst_trainer_set_validation(s.trainer, s.same), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the loader mixes images"));
    free_linear(&s);
    kdst_context_release(ctx);
}
END_TEST

static kdst_status two_steps(kdst_context *ctx, void *arg)
{
    linear s;
    kdst_event event;
    (void)arg;
    kdst_status status = make_linear(ctx, 0, &s);
    TRY(kdst_trainer_step(s.trainer, &event));
    TRY(kdst_trainer_step(s.trainer, &event));
    free_linear(&s);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_ge(each_allocation_fails(o, two_steps, NULL), 20);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train mixed loss");
    TCase *all = tcase_create("mixed");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_formula, 0, 2);
    tcase_add_test(all, test_any_loss);
    tcase_add_test(all, test_threads);
    tcase_add_test(all, test_resumed);
    tcase_add_test(all, test_validation);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
