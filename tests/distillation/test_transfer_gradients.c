/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of the losses between features, and of hints through a regressor, against central differences in float64. */
#include "support.h"

typedef struct feature_row {
    loss_create_fn create;
    const char *options;
    int64_t student_rank, student[4], teacher_rank, teacher[4];
    int labels;
} feature_row;

static const feature_row rows[] = {
    {kdst_loss_hint_create, "", 4, {3, 2, 4, 5}, 4, {3, 2, 4, 5}, 0},
    {kdst_loss_hint_create, "reduction=half_sum_batchmean", 2, {3, 7}, 2, {3, 7}, 0},
    {kdst_loss_hint_create, "reduction=sum", 3, {1, 2, 3}, 3, {1, 2, 3}, 0},
    {kdst_loss_attention_create, "", 4, {3, 2, 4, 5}, 4, {3, 4, 4, 5}, 0},
    {kdst_loss_attention_create, "", 4, {2, 3, 7, 5}, 4, {2, 1, 3, 2}, 0},
    {kdst_loss_attention_create, "", 4, {2, 3, 3, 2}, 4, {2, 1, 7, 5}, 0},
    {kdst_loss_attention_create, "", 4, {2, 2, 4, 3}, 4, {2, 2, 4, 5}, 0},
    {kdst_loss_attention_create, "mode=paper", 4, {3, 2, 2, 3}, 4, {3, 2, 2, 3}, 0},
    {kdst_loss_attention_create, "power=3", 4, {2, 2, 3, 3}, 4, {2, 3, 3, 3}, 0},
    {kdst_loss_attention_create, "power=1.5 mode=paper", 4, {1, 5, 3, 3}, 4, {1, 3, 3, 3}, 0},
    {kdst_loss_similarity_create, "", 4, {4, 2, 3, 2}, 2, {4, 5}, 0},
    {kdst_loss_similarity_create, "row_norm=l1", 2, {5, 3}, 2, {5, 4}, 0},
    {kdst_loss_similarity_create, "", 2, {1, 3}, 2, {1, 4}, 0},
    {kdst_loss_relational_create, "", 2, {5, 3}, 4, {5, 2, 2, 1}, 0},
    {kdst_loss_relational_create, "distance=25 angle=50", 2, {4, 7}, 2, {4, 2}, 0},
    {kdst_loss_relational_create, "distance=1 angle=0 reduction=sum", 2, {6, 3}, 2, {6, 3}, 0},
    {kdst_loss_relational_create, "distance=0 angle=1 reduction=sum", 2, {4, 3}, 2, {4, 3}, 0},
    {kdst_loss_relational_create, "", 2, {2, 3}, 2, {2, 3}, 0},
    {kdst_loss_mutual_create, "", 2, {3, 5}, 3, {2, 3, 5}, 1},
    {kdst_loss_mutual_create, "", 2, {3, 5}, 2, {3, 5}, 1},
    {kdst_loss_mutual_create, "target=ensemble", 2, {2, 4}, 3, {3, 2, 4}, 1},
    {kdst_loss_mutual_create, "preset=official", 2, {3, 6}, 3, {2, 3, 6}, 1},
    {kdst_loss_mutual_create, "average=0 log_eps=0.01", 2, {2, 3}, 3, {2, 2, 3}, 1},
    {kdst_loss_mutual_create, "temperature=3", 2, {3, 4}, 3, {2, 3, 4}, 1},
    {kdst_loss_mutual_create, "temperature=0.5 target=ensemble log_eps=0.01", 2, {2, 3}, 3, {2, 2, 3}, 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

typedef struct subject {
    kdst_loss *loss;
    kdst_tensor *teacher, *labels;
} subject;

static kdst_status loss_of(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const subject *s = user_data;
    ck_assert_int_eq(count, 1);
    return kdst_loss_run(s->loss, inputs[0], s->teacher, s->labels, out);
}

static kdst_tensor *labels_of(const feature_row *row)
{
    int32_t y[8];
    kdst_tensor *labels = NULL;
    if (!row->labels) return NULL;
    for (int64_t i = 0; i < row->student[0]; i++)
        y[i] = (int32_t)((i * 2 + 1) % row->student[1]);
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, row->student, y, &labels));
    return labels;
}

START_TEST(test_gradient)
{
    const feature_row *row = &rows[_i];
    kdst_tensor *student = filled(F64, row->student_rank, row->student, 3);
    subject s = {
        make_loss(ctx, row->create, row->options), filled(F64, row->teacher_rank, row->teacher, 5), labels_of(row)};
    kdst_options *options = options_of("step=1e-5 rtol=1e-6 atol=1e-8");
    double worst = INFINITY;
    expect_ok(kdst_tensor_set_requires_grad(student, 1));
    expect_ok(kdst_gradient_check(loss_of, &s, &student, 1, options, &worst));
    ck_assert_msg(worst <= 1, "row %d: off by %g of what is allowed", _i, worst);
    kdst_options_release(options);
    kdst_tensor_release(s.labels);
    kdst_tensor_release(s.teacher);
    kdst_loss_release(s.loss);
    kdst_tensor_release(student);
}
END_TEST

/* Value and gradient of float32, recorded and direct, beside float64 on the same numbers. */
START_TEST(test_both_types_and_ways)
{
    const feature_row *row = &rows[_i];
    kdst_loss *loss = make_loss(ctx, row->create, row->options);
    kdst_tensor *narrow = filled(F32, row->student_rank, row->student, 3), *wide = NULL, *labels = labels_of(row);
    kdst_tensor *t32 = filled(F32, row->teacher_rank, row->teacher, 5), *t64 = NULL, *grads[3] = {NULL}, *value = NULL;
    double direct[2], recorded = NAN;
    expect_ok(kdst_tensor_copy(narrow, F64, &wide));
    expect_ok(kdst_tensor_copy(t32, F64, &t64));
    expect_ok(kdst_tensor_copy(narrow, 0, &grads[0]));
    expect_ok(kdst_tensor_copy(wide, 0, &grads[1]));
    expect_ok(kdst_loss_compute(loss, narrow, t32, labels, &direct[0], grads[0]));
    expect_ok(kdst_loss_compute(loss, wide, t64, labels, &direct[1], grads[1]));
    expect_near(direct[0], direct[1], 1e-15, "value of float32");
    expect_ok(kdst_tensor_set_requires_grad(narrow, 1));
    expect_ok(kdst_loss_run(loss, narrow, t32, labels, &value));
    expect_ok(kdst_tensor_get_value(value, &recorded));
    expect_near(recorded, direct[1], ROUNDED_TOLERANCE, "recorded value of float32");
    expect_ok(kdst_backward(value, NULL, NULL));
    expect_ok(kdst_tensor_get_grad(narrow, &grads[2]));
    double *a = doubles(grads[0]), *b = doubles(grads[1]), *c = doubles(grads[2]);
    for (int64_t i = 0; i < kdst_tensor_get_count(narrow); i++) {
        ck_assert_double_eq(a[i], (double)(float)b[i]);
        ck_assert_double_eq(c[i], a[i]);
    }
    free(c);
    free(b);
    free(a);
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(grads[i]);
    kdst_tensor_release(value);
    kdst_tensor_release(t64);
    kdst_tensor_release(t32);
    kdst_tensor_release(labels);
    kdst_tensor_release(wide);
    kdst_tensor_release(narrow);
    kdst_loss_release(loss);
}
END_TEST

/* ---- a hint behind a regressor: gradients of features and of every parameter ---- */

typedef struct regressed {
    kdst_layer *layer;
    kdst_loss *loss;
    kdst_tensor *teacher;
} regressed;

static kdst_status hint_of(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const regressed *r = user_data;
    kdst_tensor *y = NULL;
    (void)count;
    kdst_status status = kdst_layer_run(r->layer, inputs[0], &y);
    if (!status) status = kdst_loss_run(r->loss, y, r->teacher, NULL, out);
    kdst_tensor_release(y);
    return status;
}

START_TEST(test_regressor)
{
    static const int64_t sizes[][2][3] = {
        {{2, 4, 4}, {3, 4, 4}},
        {{2, 6, 4}, {3, 3, 2}},
        {{2, 2, 3}, {3, 4, 6}},
        {{3, 6, 7}, {2, 4, 4}},
        {{2, 6, 5}, {3, 3, 3}}};
    static const int64_t kernels[][2] = {{1, 1}, {3, 3}, {4, 4}, {3, 4}, {3, 3}};
    regressed r = {NULL, make_loss(ctx, kdst_loss_hint_create, ""), NULL};
    kdst_options *o = options_of("dtype=float64 relu=0"), *check = options_of("step=1e-5 rtol=1e-6 atol=1e-8");
    kdst_tensor *inputs[5] = {NULL};
    double worst = INFINITY;
    const int64_t *s = sizes[_i][0], *t = sizes[_i][1];
    expect_ok(kdst_context_set_seed(ctx, 3));
    expect_ok(kdst_layer_regressor_create(ctx, s, t, o, &r.layer));
    ck_assert_int_eq(kdst_layer_get_state_count(r.layer), 7);
    inputs[0] = filled(F64, SHAPE(3, s[0], s[1], s[2]), 4);
    r.teacher = filled(F64, SHAPE(3, t[0], t[1], t[2]), 6);
    expect_ok(kdst_tensor_set_requires_grad(inputs[0], 1));
    static const char *const names[] = {"conv.weight", "conv.bias", "bn.weight", "bn.bias"};
    for (int i = 0; i < 4; i++)
        expect_ok(kdst_layer_find(r.layer, names[i], &inputs[1 + i]));
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(kdst_tensor_get_size(inputs[1], 2 + i), kernels[_i][i]);
    expect_ok(kdst_gradient_check(hint_of, &r, inputs, 5, check, &worst));
    ck_assert_msg(worst <= 1, "sizes %d: off by %g of what is allowed", _i, worst);
    kdst_options_release(check);
    kdst_options_release(o);
    kdst_tensor_release(r.teacher);
    kdst_tensor_release(inputs[0]);
    kdst_layer_release(r.layer);
    kdst_loss_release(r.loss);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_gradient, 0, ROWS);
    tcase_add_loop_test(tests, test_both_types_and_ways, 0, ROWS);
    tcase_add_loop_test(tests, test_regressor, 0, 5);
}

int main(void)
{
    return run_suite("transfer gradients", build);
}
