/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of losses and virtual teachers fails once: nothing leaks, outputs and gradients stay. */
#include "support.h"

#include "failures/each_allocation.h"

/* Views, so that the direct way copies all of its inputs and its gradient. */
static kdst_tensor *transposed(kdst_context *in, int seed, kdst_status *status)
{
    double values[12];
    kdst_tensor *t = NULL, *view = NULL;
    for (int i = 0; i < 12; i++)
        values[i] = number(i, seed);
    if (!*status) *status = kdst_tensor_create_from(in, F64, SHAPE(4, 3), values, &t);
    if (!*status) *status = kdst_transpose(t, 0, 1, &view);
    kdst_tensor_release(t);
    return view;
}

static kdst_status use_loss(kdst_context *in, const loss_row *row, int recorded)
{
    static const int32_t labels[] = {0, 1, 3, 2, 2, 1};
    kdst_status status = KDST_STATUS_OK;
    kdst_tensor *s = transposed(in, 1, &status), *t = transposed(in, 2, &status), *grad = transposed(in, 3, &status);
    kdst_tensor *all = NULL, *y = NULL, *value = NULL;
    kdst_options *options = options_of(row->options);
    kdst_loss *loss = NULL;
    double direct = 17;
    if (!status) status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, SHAPE(6), labels, &all);
    if (!status) status = kdst_slice(all, 0, 0, 6, 2, &y);
    if (!status) status = row->create(in, options, &loss);
    ck_assert(!status == !!loss);
    if (!status && recorded) {
        status = kdst_tensor_set_requires_grad(s, 1);
        if (!status) status = kdst_loss_run(loss, s, t, y, &value);
        ck_assert(!status == !!value);
        if (!status) status = kdst_backward(value, NULL, NULL);
    } else if (!status) {
        double before[12], after[12];
        ck_assert_int_eq(kdst_tensor_get_data(grad, before, sizeof before), KDST_STATUS_OK);
        status = kdst_loss_compute(loss, s, t, y, &direct, grad);
        ck_assert_int_eq(kdst_tensor_get_data(grad, after, sizeof after), KDST_STATUS_OK);
        ck_assert(!status == !!memcmp(before, after, sizeof before));
        ck_assert(!status == (direct != 17));
        /* the assertions must not lose the message of the failure */
        if (status) status = kdst_loss_compute(loss, s, t, y, &direct, grad);
    }
    kdst_loss_release(loss);
    kdst_options_release(options);
    kdst_tensor_release(value);
    kdst_tensor_release(y);
    kdst_tensor_release(all);
    kdst_tensor_release(grad);
    kdst_tensor_release(t);
    kdst_tensor_release(s);
    return status;
}

static kdst_status recorded_loss(kdst_context *in, void *arg)
{
    return use_loss(in, arg, 1);
}

static kdst_status direct_loss(kdst_context *in, void *arg)
{
    return use_loss(in, arg, 0);
}

START_TEST(test_losses)
{
    loss_row row = loss_rows[_i];
    ck_assert_int_gt(each_allocation_fails(NULL, recorded_loss, &row), 3);
    ck_assert_int_gt(each_allocation_fails(NULL, direct_loss, &row), 3);
}
END_TEST

static kdst_status teacher(kdst_context *in, void *arg)
{
    static const int32_t labels[] = {1, 0, 2};
    kdst_tensor *y = NULL, *p = (kdst_tensor *)in;
    (void)arg;
    kdst_status status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, SHAPE(3), labels, &y);
    if (!status)
        status = kdst_virtual_teacher_create(in, y, 5, NULL, &p);
    else
        p = NULL;
    ck_assert(!status == !!p);
    kdst_tensor_release(p);
    kdst_tensor_release(y);
    return status;
}

START_TEST(test_virtual_teacher)
{
    ck_assert_int_gt(each_allocation_fails(NULL, teacher, NULL), 2);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_losses, 0, loss_row_count);
    tcase_add_test(tests, test_virtual_teacher);
}

int main(void)
{
    return run_suite("loss allocations", build);
}
