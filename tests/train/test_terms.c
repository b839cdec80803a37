/* SPDX-License-Identifier: Apache-2.0 */
/* Terms between features in a trainer: the loss by hand, regressors in training and in checkpoints, bad input, the n-th allocation. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <unistd.h>

/* The common set-up with a teacher, and a hint at fc1, where both have 12 features, through a linear regressor. */
typedef struct hinted {
    setup s;
    kdst_layer *teacher, *regressor;
    kdst_loss *hint;
} hinted;

static kdst_status make_hinted(kdst_context *ctx, double weight, hinted *h)
{
    kdst_layer *at = NULL, *from = NULL;
    memset(h, 0, sizeof *h);
    kdst_status status = make_setup(ctx, 3, &h->s);
    TRY(make_net(ctx, &h->teacher));
    TRY(kdst_layer_linear_create(ctx, 12, 12, NULL, &h->regressor));
    TRY(kdst_optimizer_add_layer(h->s.optimizer, h->regressor));
    TRY(kdst_loss_hint_create(ctx, NULL, &h->hint));
    TRY(kdst_trainer_set_teacher(h->s.trainer, h->teacher));
    TRY(kdst_layer_find_child(h->s.model, "fc1", &at));
    TRY(kdst_layer_find_child(h->teacher, "fc1", &from));
    TRY(kdst_trainer_add_term(h->s.trainer, h->hint, weight, at, from, h->regressor));
    return status;
}

static void free_hinted(hinted *h)
{
    free_setup(&h->s);
    kdst_loss_release(h->hint);
    kdst_layer_release(h->regressor);
    kdst_layer_release(h->teacher);
}

/* Loss of the first step with a term of this weight. */
static double first_loss(double weight, hinted *h, kdst_context *ctx)
{
    kdst_event event;
    ck_assert_int_eq(make_hinted(ctx, weight, h), 0);
    ck_assert_int_eq(kdst_trainer_step(h->s.trainer, &event), 0);
    return trainer_figure(h->s.trainer, "loss");
}

START_TEST(test_value)
{
    kdst_context *ctx = make_context(2);
    hinted with, without;
    kdst_tensor *x = NULL, *y = NULL, *flat = NULL, *s = NULL, *r = NULL, *t = NULL, *value = NULL;
    kdst_layer *at = NULL, *from = NULL;
    kdst_loader *same = NULL;
    double hint = 0;
    double plain = first_loss(0, &without, ctx);
    free_hinted(&without);
    ck_assert_int_eq(make_hinted(ctx, 3, &with), 0);
    ck_assert_int_eq(make_loader(with.s.data, 1, &same), 0);
    ck_assert_int_eq(kdst_loader_next(same, &x, &y), 0);
    ck_assert_int_eq(kdst_layer_find_child(with.s.model, "fc1", &at), 0);
    ck_assert_int_eq(kdst_layer_find_child(with.teacher, "fc1", &from), 0);
    ck_assert_int_eq(kdst_reshape(x, 2, (int64_t[]){-1, SIDE * SIDE}, &flat), 0);
    ck_assert_int_eq(kdst_layer_run(at, flat, &s), 0);
    ck_assert_int_eq(kdst_layer_run(with.regressor, s, &r), 0);
    ck_assert_int_eq(kdst_layer_run(from, flat, &t), 0);
    ck_assert_int_eq(kdst_loss_run(with.hint, r, t, NULL, &value), 0);
    ck_assert_int_eq(kdst_tensor_get_value(value, &hint), 0);
    kdst_event event;
    ck_assert_int_eq(kdst_trainer_step(with.s.trainer, &event), 0);
    ck_assert(hint > 0.01);
    ck_assert_double_eq_tol(trainer_figure(with.s.trainer, "loss"), plain + 3 * hint, 1e-5);
    kdst_tensor_release(value);
    kdst_tensor_release(t);
    kdst_tensor_release(r);
    kdst_tensor_release(s);
    kdst_tensor_release(flat);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(same);
    free_hinted(&with);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

static void weights_of(kdst_layer *regressor, float out[144])
{
    kdst_tensor *weight = NULL;
    ck_assert_int_eq(kdst_layer_find(regressor, "weight", &weight), 0);
    ck_assert_int_eq(kdst_tensor_get_data(weight, out, 144 * sizeof *out), 0);
}

static void path_of(char path[64])
{
    snprintf(path, 64, "/tmp/kdst-terms-%ld.safetensors", (long)getpid());
}

/* A run that is saved within an epoch and goes on elsewhere ends in the same bits, the regressor too. */
START_TEST(test_resume)
{
    kdst_context *ctx = make_context(2), *other = make_context(1);
    hinted a, b;
    char path[64];
    float first[144], start[144], last[144];
    kdst_event event;
    path_of(path);
    ck_assert_int_eq(make_hinted(ctx, 3, &a), 0);
    weights_of(a.regressor, start);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(kdst_trainer_step(a.s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_save(a.s.trainer, path), 0);
    ck_assert_int_eq(kdst_trainer_run(a.s.trainer), 0);
    ck_assert_int_eq(make_hinted(other, 3, &b), 0);
    ck_assert_msg(kdst_trainer_load(b.s.trainer, path) == 0, "%s", kdst_context_message(other));
    ck_assert_int_eq(kdst_trainer_run(b.s.trainer), 0);
    ck_assert_int_eq((int64_t)fingerprint(&a.s), (int64_t)fingerprint(&b.s));
    weights_of(a.regressor, first);
    weights_of(b.regressor, last);
    ck_assert_mem_eq(first, last, sizeof first);
    ck_assert_mem_ne(first, start, sizeof first);
    remove(path);
    free_hinted(&b);
    free_hinted(&a);
    kdst_context_release(other);
    kdst_context_release(ctx);
}
END_TEST

/* A checkpoint without the regressor, or with another one, changes nothing. */
START_TEST(test_foreign_checkpoints)
{
    kdst_context *ctx = make_context(1);
    hinted h;
    kdst_state *state = NULL, *other = NULL;
    kdst_tensor *wrong = NULL;
    char path[64];
    path_of(path);
    ck_assert_int_eq(make_hinted(ctx, 3, &h), 0);
    ck_assert_int_eq(kdst_trainer_save(h.s.trainer, path), 0);
    ck_assert_int_eq(kdst_state_load(ctx, path, &state), 0);
    ck_assert_int_eq(kdst_tensor_create(ctx, KDST_DTYPE_FLOAT32, 2, (int64_t[]){12, 11}, &wrong), 0);
    ck_assert_int_eq(kdst_state_set(state, "term0.weight", wrong), 0);
    ck_assert_int_eq(kdst_state_save(state, path), 0);
    uint64_t before = fingerprint(&h.s);
    ck_assert_int_eq(kdst_trainer_load(h.s.trainer, path), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(
        strstr(kdst_context_message(ctx), "term0.weight is float32 [12, 11], the regressor has float32 [12, 12]"));
    hinted plain = {0};
    ck_assert_int_eq(make_setup(ctx, 3, &plain.s), 0);
    ck_assert_int_eq(kdst_optimizer_add_tensor(plain.s.optimizer, "weight", wrong), 0);
    ck_assert_int_eq(kdst_trainer_save(plain.s.trainer, path), 0);
    ck_assert_int_eq(kdst_state_load(ctx, path, &other), 0);
    kdst_tensor *momentum = NULL;
    const char *name = NULL;
    for (int64_t i = 0; i < kdst_optimizer_get_state_count(h.s.optimizer); i++) { /* all but the term is there */
        char full[128];
        ck_assert_int_eq(kdst_optimizer_get_state(h.s.optimizer, i, &name, &momentum), 0);
        snprintf(full, sizeof full, "optimizer.%s", name);
        ck_assert_int_eq(kdst_state_set(other, full, momentum), 0);
    }
    ck_assert_int_eq(kdst_state_save(other, path), 0);
    ck_assert_int_eq(kdst_trainer_load(h.s.trainer, path), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the checkpoint has no term0.weight"));
    ck_assert_int_eq((int64_t)fingerprint(&h.s), (int64_t)before);
    remove(path);
    free_setup(&plain.s);
    kdst_state_release(other);
    kdst_state_release(state);
    kdst_tensor_release(wrong);
    free_hinted(&h);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_context *ctx = make_context(1), *far = make_context(1);
    hinted h;
    kdst_layer *elsewhere = NULL;
    kdst_loss *plain = NULL;
    ck_assert_int_eq(make_hinted(ctx, 1, &h), 0);
    ck_assert_int_eq(kdst_layer_flatten_create(far, &elsewhere), 0);
    ck_assert_int_eq(kdst_loss_cross_entropy_create(ctx, NULL, &plain), 0);
    const struct {
        kdst_loss *loss;
        double weight;
        kdst_layer *student, *teacher, *regressor;
        const char *text;
    } cases[] = {
        {NULL, 1, h.s.model, h.teacher, NULL, "loss is NULL"},
        {h.hint, 1, NULL, h.teacher, NULL, "student is NULL"},
        {h.hint, 1, h.s.model, NULL, NULL, "teacher is NULL"},
        {h.hint, 1, h.s.model, elsewhere, NULL, "teacher belongs to another context"},
        {h.hint, 1, h.s.model, h.teacher, elsewhere, "regressor belongs to another context"},
        {plain, 1, h.s.model, h.teacher, NULL, "the loss cross_entropy compares nothing with a teacher"},
        {h.hint, 1.0 / 0.0, h.s.model, h.teacher, NULL, "weight is inf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(
            kdst_trainer_add_term(
                h.s.trainer, cases[i].loss, cases[i].weight, cases[i].student, cases[i].teacher, cases[i].regressor),
            KDST_STATUS_INVALID_ARGUMENT);
        ck_assert_msg(strstr(kdst_context_message(ctx), cases[i].text), "%s", kdst_context_message(ctx));
    }
    ck_assert_int_eq(kdst_trainer_add_term(NULL, h.hint, 1, h.s.model, h.teacher, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_event event;
    ck_assert_int_eq(kdst_trainer_add_term(h.s.trainer, h.hint, 1, h.teacher, h.regressor, NULL), 0);
    ck_assert_int_ne(kdst_trainer_step(h.s.trainer, &event), 0); /* the regressor is no part of the teacher */
    ck_assert_int_eq(kdst_trainer_set_teacher(h.s.trainer, NULL), 0);
    ck_assert_int_eq(kdst_trainer_step(h.s.trainer, &event), KDST_STATUS_STATE);
    ck_assert_str_eq(
        kdst_context_message(ctx), "trainer_step: term 0, hint, needs a teacher; set one with trainer_set_teacher");
    kdst_loss_release(plain);
    kdst_layer_release(elsewhere);
    free_hinted(&h);
    kdst_context_release(far);
    kdst_context_release(ctx);
}
END_TEST

static kdst_status two_steps(kdst_context *ctx, void *arg)
{
    hinted h;
    kdst_event event;
    (void)arg;
    kdst_status status = make_hinted(ctx, 3, &h);
    TRY(kdst_trainer_step(h.s.trainer, &event));
    TRY(kdst_trainer_step(h.s.trainer, &event));
    free_hinted(&h);
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
    Suite *suite = suite_create("train terms");
    TCase *all = tcase_create("terms");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_value);
    tcase_add_test(all, test_resume);
    tcase_add_test(all, test_foreign_checkpoints);
    tcase_add_test(all, test_bad_input);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
