/* SPDX-License-Identifier: Apache-2.0 */
/* Where logits and gradients may live: views of any strides, the caller's memory, the student's own; and equal bits for
 * any number of threads. */
#include "support.h"

/* Logits that are a transposed view, labels that are every second of a longer list: the same bits as the plain ones. */
START_TEST(test_views)
{
    const loss_row *row = &loss_rows[_i];
    for (int type = 0; type < 2; type++) {
        loss_batch plain = batch_of(ctx, real_type(type), 6, 9, 4, 3),
                   views = batch_of(ctx, real_type(type), 6, 9, 4, 3);
        const int32_t sparse[] = {plain.y[0], -1, plain.y[1], -1, plain.y[2], -1,
                                  plain.y[3], -1, plain.y[4], -1, plain.y[5], -1};
        kdst_tensor *longer = from_labels(12, sparse);
        kdst_loss *loss = make_loss(ctx, row->create, row->options);
        views.student = scattered(views.student);
        views.teacher = scattered(views.teacher);
        kdst_tensor_release(views.labels);
        expect_ok(kdst_slice(longer, 0, 0, 12, 2, &views.labels));
        ck_assert_int_ne(kdst_tensor_get_stride(views.student, -1), 1);
        loss_result a = run_loss(loss, &plain), b = run_loss(loss, &views);
        expect_same(&a, &b, 54);
        result_free(&a);
        result_free(&b);
        kdst_loss_release(loss);
        kdst_tensor_release(longer);
        batch_free(&plain);
        batch_free(&views);
    }
}
END_TEST

/* A gradient that is a view of something larger: what lies between stays. */
START_TEST(test_gradient_view)
{
    loss_batch batch = batch_of(ctx, real_type(_i), 3, 4, 2, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "");
    loss_result r = run_loss(loss, &batch);
    kdst_tensor *whole = NULL, *part = NULL;
    expect_ok(kdst_tensor_create(ctx, real_type(_i), SHAPE(3, 9), &whole));
    expect_ok(kdst_tensor_set_value(whole, 5));
    expect_ok(kdst_slice(whole, 1, 1, 9, 2, &part));
    expect_ok(kdst_loss_compute(loss, batch.student, batch.teacher, batch.labels, NULL, part));
    double *values = doubles(whole);
    for (int b = 0; b < 3; b++)
        for (int k = 0; k < 9; k++)
            ck_assert_double_eq(values[9 * b + k], k % 2 ? r.grad[4 * b + k / 2] : 5);
    free(values);
    kdst_tensor_release(part);
    kdst_tensor_release(whole);
    kdst_loss_release(loss);
    result_free(&r);
    batch_free(&batch);
}
END_TEST

static void count_destroy(void *user_data)
{
    ++*(int *)user_data;
}

/* The caller's buffers, the teacher's rows two apart and backwards, the labels one for all rows (stride 0). */
START_TEST(test_foreign_memory)
{
    double s[12], t[24], g[12], want = 0;
    float narrow[12];
    int32_t y[3] = {2, 2, 2};
    int destroyed = 0;
    kdst_tensor *student = NULL, *teacher = NULL, *labels = NULL, *grad = NULL;
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "temperature=2");
    for (int i = 0; i < 12; i++) {
        s[i] = 2 * number(i, 1);
        narrow[i] = (float)s[i];
    }
    for (int i = 0; i < 24; i++)
        t[i] = 2 * number(i, 2);
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(3, 4), NULL, s, &destroyed, count_destroy, &student));
    expect_ok(kdst_tensor_create_foreign(
        ctx, F64, SHAPE(3, 4), (int64_t[]){8, -2}, t + 7, &destroyed, count_destroy, &teacher));
    expect_ok(kdst_tensor_create_foreign(
        ctx, KDST_DTYPE_INT32, SHAPE(3), (int64_t[]){0}, y, &destroyed, count_destroy, &labels));
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(3, 4), NULL, g, &destroyed, count_destroy, &grad));
    double value, t_plain[12];
    expect_ok(kdst_loss_compute(loss, student, teacher, labels, &value, grad));
    for (int i = 0; i < 12; i++)
        t_plain[i] = t[7 + i / 4 * 8 - i % 4 * 2];
    loss_batch batch = batch_from(F64, 3, 4, s, t_plain, y);
    loss_result r = run_loss(loss, &batch);
    ck_assert_double_eq(value, r.value);
    ck_assert(!memcmp(g, r.grad, sizeof g)); /* written in place */
    /* what the caller changes is what the next call reads */
    s[5] += 1;
    expect_ok(kdst_loss_compute(loss, student, teacher, labels, &want, NULL));
    ck_assert_double_ne(want, value);
    kdst_tensor_release(student);
    expect_ok(kdst_tensor_create_foreign(ctx, F32, SHAPE(3, 4), NULL, narrow, &destroyed, count_destroy, &student));
    expect_failure(
        kdst_loss_compute(loss, student, teacher, labels, NULL, NULL), KDST_STATUS_DTYPE, "teacher logits float64");
    kdst_tensor_release(student);
    kdst_tensor_release(teacher);
    kdst_tensor_release(labels);
    kdst_tensor_release(grad);
    ck_assert_int_eq(destroyed, 5);
    result_free(&r);
    batch_free(&batch);
    kdst_loss_release(loss);
}
END_TEST

/* The gradient may overwrite the student's logits. */
START_TEST(test_gradient_in_place)
{
    const loss_row *row = &loss_rows[_i];
    loss_batch batch = batch_of(ctx, F64, 5, 7, 3, 1), same = batch_of(ctx, F64, 5, 7, 3, 1);
    kdst_loss *loss = make_loss(ctx, row->create, row->options);
    loss_result r = run_loss(loss, &batch);
    expect_ok(kdst_loss_compute(loss, same.student, same.teacher, same.labels, NULL, same.student));
    double *values = doubles(same.student);
    ck_assert(!memcmp(values, r.grad, 35 * sizeof *values));
    free(values);
    result_free(&r);
    kdst_loss_release(loss);
    batch_free(&batch);
    batch_free(&same);
}
END_TEST

/* A recorded loss holds what it needs: its inputs and the loss may go, or change, before the backward pass. */
START_TEST(test_record_outlives_its_inputs)
{
    loss_batch batch = batch_of(ctx, F64, 3, 4, 2, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "");
    loss_result r = run_loss(loss, &batch);
    kdst_tensor *value = NULL;
    expect_ok(kdst_tensor_clear_grad(batch.student));
    expect_ok(kdst_loss_run(loss, batch.student, batch.teacher, batch.labels, &value));
    kdst_loss_release(loss);
    expect_ok(kdst_tensor_set_value(batch.teacher, 0));
    kdst_tensor_release(batch.labels);
    batch.labels = NULL;
    expect_ok(kdst_backward(value, NULL, NULL));
    kdst_tensor *grad = grad_of(batch.student);
    double *values = doubles(grad);
    ck_assert(!memcmp(values, r.grad, 12 * sizeof *values));
    free(values);
    kdst_tensor_release(grad);
    kdst_tensor_release(value);
    result_free(&r);
    batch_free(&batch);
}
END_TEST

/* 4099 rows of 37 are cut into many pieces. */
START_TEST(test_same_bits)
{
    static const int64_t threads[] = {1, 2, 3, 7};
    const loss_row *row = &loss_rows[_i];
    for (int type = 0; type < 2; type++) {
        loss_result first = {0};
        for (int i = 0; i < 4; i++) {
            kdst_context *in = context_with_threads(threads[i]);
            loss_batch batch = batch_of(in, real_type(type), 4099, 37, 6, 1);
            kdst_loss *loss = make_loss(in, row->create, row->options);
            loss_result r = run_loss(loss, &batch);
            if (i) expect_same(&first, &r, 4099 * 37);
            if (i)
                result_free(&r);
            else
                first = r;
            kdst_loss_release(loss);
            batch_free(&batch);
            ck_assert_int_eq(kdst_context_live_count(in), 0);
            kdst_context_release(in);
        }
        result_free(&first);
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_views, 0, loss_row_count);
    tcase_add_loop_test(tests, test_gradient_view, 0, 2);
    tcase_add_test(tests, test_foreign_memory);
    tcase_add_loop_test(tests, test_gradient_in_place, 0, loss_row_count);
    tcase_add_test(tests, test_record_outlives_its_inputs);
    tcase_add_loop_test(tests, test_same_bits, 0, loss_row_count);
}

int main(void)
{
    return run_suite("inputs", build);
}
