/* SPDX-License-Identifier: Apache-2.0 */
/* Each loss against its formula, its presets, and its gradient on the tape. */
#include "support.h"

static const int64_t shapes[][2] = {{1, 2}, {2, 3}, {5, 7}, {3, 8}, {4, 9}, {33, 10}, {6, 100}, {2, 1000}};
#define SHAPES ((int)(sizeof shapes / sizeof *shapes))

/* Row of the table by half the loop index, type by its last bit. */
START_TEST(test_formula)
{
    const loss_row *row = &loss_rows[_i / 2];
    for (int i = 0; i < SHAPES; i++)
        for (int scale = 1; scale <= 10; scale += 3) {
            loss_batch batch = batch_of(ctx, real_type(_i % 2), shapes[i][0], shapes[i][1], scale, 3 * i + 1);
            expect_formula(row, &batch, LOSS_TOLERANCE);
            batch_free(&batch);
        }
}
END_TEST

/* Options that must give the same loss, to the bit. */
static const struct {
    loss_create_fn create;
    const char *with, *without;
} alike[] = {
    {kdst_loss_kd_create, "preset=none", ""},
    {kdst_loss_kd_create, "", "alpha=0.5 temperature=4 reduction=batchmean t_squared=1"},
    {kdst_loss_kd_create, "preset=paper alpha=0.7", "alpha=0.7 reduction=batchmean t_squared=0"},
    {kdst_loss_kd_create, "preset=official temperature=20", "temperature=20 reduction=elementmean t_squared=1"},
    {kdst_loss_kd_create, "preset=official t_squared=0", "reduction=elementmean t_squared=0"},
    {kdst_loss_kd_create, "t_squared=0 preset=official", "reduction=elementmean t_squared=0"},
    {kdst_loss_kd_create, "preset=paper reduction=elementmean", "reduction=elementmean t_squared=0"},
    {kdst_loss_tfkd_self_create, "", "alpha=0.5 temperature=4 multiplier=1 reduction=batchmean t_squared=1"},
    {kdst_loss_tfkd_self_create, "preset=paper", "reduction=batchmean t_squared=0"},
    {kdst_loss_tfkd_self_create, "preset=official multiplier=50", "multiplier=50 reduction=elementmean t_squared=1"},
    {kdst_loss_tfkd_self_create, "preset=official reduction=batchmean", "reduction=batchmean t_squared=1"},
    {kdst_loss_lsr_create, "", "epsilon=0.1 smoothing=uniform"},
    {kdst_loss_lsr_create, "preset=paper", "smoothing=uniform"},
    {kdst_loss_lsr_create, "preset=official epsilon=0.2", "smoothing=others epsilon=0.2"},
    {kdst_loss_lsr_create, "preset=official smoothing=uniform", "smoothing=uniform"},
    {kdst_loss_tfkd_reg_create, "",
     "alpha=0.1 temperature=20 correct_prob=0.99 multiplier=1 reduction=batchmean t_squared=0 soften_student=0 "
     "virtual_logits=prob"},
    {kdst_loss_tfkd_reg_create, "preset=paper", "reduction=batchmean soften_student=1 t_squared=0"},
    {kdst_loss_tfkd_reg_create, "preset=official", "reduction=elementmean soften_student=0 t_squared=0"},
    {kdst_loss_tfkd_reg_create, "preset=paper soften_student=0 t_squared=1", "soften_student=0 t_squared=1"},
    {kdst_loss_tfkd_reg_create, "preset=official virtual_logits=logprob",
     "reduction=elementmean virtual_logits=logprob"},
};

static void compare_options(loss_create_fn create, const char *a, const char *b, bool same)
{
    loss_batch batch = batch_of(ctx, F64, 5, 7, 3, 11);
    kdst_loss *one = make_loss(ctx, create, a), *other = make_loss(ctx, create, b);
    loss_result x = run_loss(one, &batch), y = run_loss(other, &batch);
    if (same)
        expect_same(&x, &y, 35);
    else
        ck_assert_msg(x.value != y.value, "\"%s\" and \"%s\" give the same", a, b);
    result_free(&x);
    result_free(&y);
    kdst_loss_release(one);
    kdst_loss_release(other);
    batch_free(&batch);
}

START_TEST(test_presets)
{
    compare_options(alike[_i].create, alike[_i].with, alike[_i].without, true);
}
END_TEST

/* The presets are no empty words. */
START_TEST(test_presets_differ)
{
    compare_options(kdst_loss_kd_create, "preset=paper", "preset=official", false);
    compare_options(kdst_loss_kd_create, "preset=paper", "", false);
    compare_options(kdst_loss_tfkd_self_create, "preset=paper", "preset=official", false);
    compare_options(kdst_loss_tfkd_reg_create, "preset=paper", "preset=official", false);
    compare_options(kdst_loss_tfkd_reg_create, "preset=paper", "", false);
    compare_options(kdst_loss_lsr_create, "preset=paper", "preset=official", false);
}
END_TEST

START_TEST(test_about)
{
    static const struct {
        loss_create_fn create;
        const char *name;
        int32_t teacher;
    } about[] = {
        {kdst_loss_cross_entropy_create, "cross_entropy", 0},
        {kdst_loss_kd_create, "kd", 1},
        {kdst_loss_lsr_create, "lsr", 0},
        {kdst_loss_tfkd_self_create, "tfkd_self", 1},
        {kdst_loss_tfkd_reg_create, "tfkd_reg", 0},
    };
    for (int i = 0; i < 5; i++) {
        kdst_loss *loss = make_loss(ctx, about[i].create, "");
        ck_assert_str_eq(kdst_loss_get_name(loss), about[i].name);
        ck_assert_int_eq(kdst_loss_needs_teacher(loss), about[i].teacher);
        kdst_loss_retain(loss);
        kdst_loss_release(loss);
        ck_assert_str_eq(kdst_loss_get_name(loss), about[i].name);
        kdst_loss_release(loss);
    }
    ck_assert_str_eq(kdst_loss_get_name(NULL), "");
    ck_assert_int_eq(kdst_loss_needs_teacher(NULL), 0);
    kdst_loss_retain(NULL);
    kdst_loss_release(NULL);
}
END_TEST

/* A scaled and added loss: the gradient is the factor times the loss's own, added up over the uses; none flows to the
 * teacher. */
START_TEST(test_on_the_tape)
{
    loss_batch batch = batch_of(ctx, F64, 4, 5, 2, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "alpha=0.8");
    loss_result r = run_loss(loss, &batch);
    kdst_tensor *a = NULL, *b = NULL, *sum = NULL, *dy = NULL, *grad = NULL;
    expect_ok(kdst_tensor_set_requires_grad(batch.teacher, 1));
    expect_ok(kdst_tensor_clear_grad(batch.student));
    expect_ok(kdst_loss_run(loss, batch.student, batch.teacher, batch.labels, &a));
    expect_ok(kdst_loss_run(loss, batch.student, batch.teacher, batch.labels, &b));
    kdst_loss_release(loss);
    expect_ok(kdst_add(a, b, &sum));
    expect_ok(kdst_tensor_create(ctx, F64, 0, NULL, &dy));
    expect_ok(kdst_tensor_set_value(dy, -1.5));
    expect_ok(kdst_backward(sum, dy, NULL));
    grad = grad_of(batch.student);
    for (int64_t i = 0; i < 20; i++)
        r.grad[i] *= -3;
    expect_close(grad, r.grad);
    kdst_tensor_release(grad);
    expect_failure(kdst_tensor_get_grad(batch.teacher, &grad), KDST_STATUS_NOT_FOUND, "no gradient");
    kdst_tensor_release(a);
    kdst_tensor_release(b);
    kdst_tensor_release(sum);
    kdst_tensor_release(dy);
    result_free(&r);
    batch_free(&batch);
}
END_TEST

/* Without a gradient to be computed nothing is recorded, and the value is the same; the direct outputs are optional. */
START_TEST(test_without_gradient)
{
    loss_batch batch = batch_of(ctx, F64, 4, 5, 2, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "");
    kdst_tensor *value = NULL, *grad = NULL;
    double direct, recorded;
    expect_ok(kdst_loss_compute(loss, batch.student, batch.teacher, batch.labels, &direct, NULL));
    expect_ok(kdst_tensor_copy(batch.student, 0, &grad));
    expect_ok(kdst_loss_compute(loss, batch.student, batch.teacher, batch.labels, NULL, grad));
    expect_ok(kdst_loss_run(loss, batch.student, batch.teacher, batch.labels, &value));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(value), 0);
    expect_ok(kdst_tensor_get_value(value, &recorded));
    ck_assert_double_eq(direct, recorded);
    expect_failure(kdst_backward(value, NULL, NULL), KDST_STATUS_STATE, "");
    kdst_tensor_release(value);
    kdst_tensor_release(grad);
    kdst_loss_release(loss);
    batch_free(&batch);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_formula, 0, 2 * loss_row_count);
    tcase_add_loop_test(tests, test_presets, 0, (int)(sizeof alike / sizeof *alike));
    tcase_add_test(tests, test_presets_differ);
    tcase_add_test(tests, test_about);
    tcase_add_test(tests, test_on_the_tape);
    tcase_add_test(tests, test_without_gradient);
}

int main(void)
{
    return run_suite("losses", build);
}
