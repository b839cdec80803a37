/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are not finite: the message names where they began, and looking for it leaves no trace. */
#include "support.h"

#include "support/run.h"

#include <math.h>

static kdst_tensor *find(kdst_layer *layer, const char *name)
{
    kdst_tensor *t = NULL;
    ck_assert_int_eq(kdst_layer_find(layer, name, &t), 0);
    return t;
}

/* Loop: what is planted in which tensor, and which layer is told. */
static const struct {
    const char *tensor;
    double value;
    const char *message;
} planted[] = {
    {"fc1.weight", NAN, "; first not finite: fc1 (linear) output, and its weight is not finite"},
    {"fc1.bias", INFINITY, "; first not finite: fc1 (linear) output, and its bias is not finite"},
    {"bn.weight", NAN, "; first not finite: bn (batch_norm) output, and its weight is not finite"},
    {"bn.bias", INFINITY, "; first not finite: bn (batch_norm) output, and its bias is not finite"},
    {"fc2.weight", NAN, "; first not finite: fc2 (linear) output, and its weight is not finite"},
    {"fc2.bias", INFINITY, "; first not finite: fc2 (linear) output, and its bias is not finite"},
};
enum { PLANTED = sizeof planted / sizeof *planted };

START_TEST(names_the_layer)
{
    kdst_context *ctx = make_context(2);
    setup s;
    kdst_event event;
    uint64_t seed, stream, later;
    double tracked = 0;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_tensor_set_value(find(s.model, planted[_i].tensor), planted[_i].value), 0);
    ck_assert_int_eq(kdst_context_get_random(ctx, &seed, &stream), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_STATE);
    const char *message = kdst_context_message(ctx);
    ck_assert_msg(strstr(message, " at step 1; "), "%s", message);
    ck_assert_msg(strstr(message, planted[_i].message), "%s", message);
    /* the batch ran once, as far as anybody can tell */
    ck_assert_int_eq(kdst_context_get_random(ctx, &seed, &later), 0);
    ck_assert_uint_eq(later, stream + 1);
    ck_assert_int_eq(kdst_tensor_get_value(find(s.model, "bn.num_batches_tracked"), &tracked), 0);
    ck_assert_double_eq(tracked, 2);
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 1);
    ck_assert_int_eq(kdst_layer_get_training(s.model), 1);
    free_setup(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

/* Running statistics after a failed step and the look are those of one forward pass, bit for bit. */
START_TEST(leaves_no_trace)
{
    float mean[2][12], var[2][12];
    for (int looked = 0; looked < 2; looked++) {
        kdst_context *ctx = make_context(1);
        setup s;
        kdst_event event;
        kdst_tensor *x = NULL, *y = NULL, *out = NULL;
        ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
        ck_assert_int_eq(kdst_tensor_set_value(find(s.model, "fc2.weight"), NAN), 0);
        if (looked) {
            ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_STATE);
        } else {
            ck_assert_int_eq(kdst_loader_set_epoch(s.loader, 0), 0);
            ck_assert_int_eq(kdst_loader_next(s.loader, &x, &y), 0);
            ck_assert_int_eq(kdst_layer_run(s.model, x, &out), 0);
        }
        ck_assert_int_eq(kdst_tensor_get_data(find(s.model, "bn.running_mean"), mean[looked], sizeof mean[0]), 0);
        ck_assert_int_eq(kdst_tensor_get_data(find(s.model, "bn.running_var"), var[looked], sizeof var[0]), 0);
        kdst_tensor_release(out);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        free_setup(&s);
        kdst_context_release(ctx);
    }
    ck_assert_mem_eq(mean[0], mean[1], sizeof mean[0]);
    ck_assert_mem_eq(var[0], var[1], sizeof var[0]);
    ck_assert(mean[0][0] != 0);
}
END_TEST

/* A layer deep in the tree has its whole path; hooks are not called by the look. */
static kdst_status count_calls(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)layer, (void)index, (void)output, (void)out;
    ++*(int *)user_data;
    return KDST_STATUS_OK;
}

START_TEST(names_a_path)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    kdst_layer *outer = NULL, *middle = NULL;
    kdst_trainer *trainer = NULL;
    int calls = 0;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_layer_sequential_create(ctx, &middle), 0);
    ck_assert_int_eq(kdst_layer_sequential_create(ctx, &outer), 0);
    ck_assert_int_eq(kdst_layer_add(middle, NULL, s.model), 0);
    ck_assert_int_eq(kdst_layer_add(outer, "layer2", middle), 0);
    ck_assert_int_eq(kdst_layer_add_hook(outer, count_calls, &calls, NULL, NULL), 0);
    ck_assert_int_eq(kdst_trainer_create(outer, s.loss, s.optimizer, s.loader, NULL, &trainer), 0);
    ck_assert_int_eq(kdst_tensor_set_value(find(s.model, "bn.weight"), NAN), 0);
    ck_assert_int_eq(kdst_trainer_step(trainer, &event), KDST_STATUS_STATE);
    ck_assert_msg(
        strstr(kdst_context_message(ctx), "; first not finite: layer2.0.bn (batch_norm) output"), "%s", kdst_context_message(ctx));
    ck_assert_int_eq(calls, 1);
    kdst_trainer_release(trainer);
    kdst_layer_release(middle);
    kdst_layer_release(outer);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* The forward pass is finite, the way back leaves float32 at the batch norm: fc1's bias is the first behind it. */
START_TEST(names_the_gradient)
{
    float weights[12 * 36], rows[3 * 12];
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    kdst_tensor *fc1 = find(s.model, "fc1.weight"), *fc2 = find(s.model, "fc2.weight");
    ck_assert_int_eq(kdst_tensor_get_data(fc1, weights, sizeof weights), 0);
    for (int i = 0; i < 12 * 36; i++) weights[i] *= 1e-3f;
    for (int i = 0; i < 36; i++) rows[i] = (float)(i / 12 - 1) * 2e19f;
    ck_assert_int_eq(kdst_tensor_set_data(fc1, weights, sizeof weights), 0);
    ck_assert_int_eq(kdst_tensor_set_data(fc2, rows, sizeof rows), 0);
    ck_assert_int_eq(kdst_tensor_set_value(find(s.model, "bn.weight"), 1e19), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), KDST_STATUS_STATE);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_step: a gradient is not finite at step 0; first on the way back: \"fc1.bias\"");
    ck_assert_double_eq(trainer_figure(s.trainer, "step"), 0);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(names_the_teacher)
{
    kdst_context *ctx = make_context(1);
    setup s, t;
    kdst_event event;
    kdst_loss *kd = NULL;
    kdst_trainer *trainer = NULL;
    ck_assert_int_eq(make_setup(ctx, 1, &t), 0);
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(kdst_loss_kd_create(ctx, NULL, &kd), 0);
    ck_assert_int_eq(kdst_trainer_create(s.model, kd, s.optimizer, s.loader, NULL, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_set_teacher(trainer, t.model), 0);
    ck_assert_int_eq(kdst_tensor_set_value(find(t.model, "bn.running_mean"), NAN), 0);
    ck_assert_int_eq(kdst_trainer_step(trainer, &event), KDST_STATUS_STATE);
    ck_assert_msg(
        strstr(kdst_context_message(ctx), "; first not finite: bn (batch_norm) output, and its running_mean is not finite of the teacher"),
        "%s", kdst_context_message(ctx));
    kdst_trainer_release(trainer);
    kdst_loss_release(kd);
    free_setup(&s);
    free_setup(&t);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

/* A wrong label is not a matter of numbers. */
START_TEST(other_failures_keep_their_message)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    kdst_layer *narrow = NULL, *child = NULL;
    kdst_optimizer *adam = NULL;
    kdst_trainer *trainer = NULL;
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(kdst_layer_sequential_create(ctx, &narrow), 0);
    ck_assert_int_eq(kdst_layer_flatten_create(ctx, &child), 0);
    ck_assert_int_eq(add(narrow, NULL, 0, child), 0);
    ck_assert_int_eq(kdst_layer_linear_create(ctx, SIDE * SIDE, 2, NULL, &child), 0);
    ck_assert_int_eq(add(narrow, NULL, 0, child), 0);
    ck_assert_int_eq(kdst_optimizer_adam_create(ctx, NULL, &adam), 0);
    ck_assert_int_eq(kdst_optimizer_add_layer(adam, narrow), 0);
    ck_assert_int_eq(kdst_trainer_create(narrow, s.loss, adam, s.loader, NULL, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_step(trainer, &event), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_msg(strstr(kdst_context_message(ctx), "label"), "%s", kdst_context_message(ctx));
    kdst_trainer_release(trainer);
    kdst_optimizer_release(adam);
    kdst_layer_release(narrow);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tests = tcase_create("watch");
    tcase_add_loop_test(tests, names_the_layer, 0, PLANTED);
    tcase_add_test(tests, leaves_no_trace);
    tcase_add_test(tests, names_a_path);
    tcase_add_test(tests, names_the_gradient);
    tcase_add_test(tests, names_the_teacher);
    tcase_add_test(tests, other_failures_keep_their_message);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
