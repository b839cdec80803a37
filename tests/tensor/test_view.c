/* SPDX-License-Identifier: Apache-2.0 */
/* Views: several tensors on one storage, made by the shape operations. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

static kdst_tensor *counted(int64_t rank, const int64_t *shape)
{
    kdst_tensor *t = NULL;
    double values[64];
    for (int i = 0; i < 64; i++)
        values[i] = i;
    expect_ok(kdst_tensor_create_from(ctx, F64, rank, shape, values, &t));
    return t;
}

static void *address(kdst_tensor *t)
{
    void *data = NULL;
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, &data));
    expect_ok(kdst_tensor_unmap(t));
    return data;
}

START_TEST(views_share_their_storage)
{
    kdst_tensor *t = counted(SHAPE(3, 4)), *rows = NULL, *turned = NULL, *flat = NULL, *cut = NULL;
    expect_ok(kdst_slice(t, 0, 1, 3, 1, &rows));
    expect_ok(kdst_transpose(t, 0, 1, &turned));
    expect_ok(kdst_reshape(t, SHAPE(2, 6), &flat));
    expect_ok(kdst_detach(t, &cut));
    ck_assert_ptr_eq(address(rows), (double *)address(t) + 4);
    ck_assert_ptr_eq(address(flat), address(t));
    ck_assert_ptr_eq(address(cut), address(t));
    expect_close(turned, (double[]){0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    expect_ok(kdst_tensor_set_value(rows, -1));
    expect_close(t, (double[]){0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1});
    expect_close(turned, (double[]){0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1});
    expect_ok(kdst_tensor_set_value(turned, 5));
    for (int64_t i = 0; i < 12; i++)
        ck_assert_double_eq(((double *)address(flat))[i], 5);
    kdst_tensor_release(cut);
    kdst_tensor_release(flat);
    kdst_tensor_release(turned);
    kdst_tensor_release(rows);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(views_of_views)
{
    kdst_tensor *t = counted(SHAPE(4, 3, 2)), *odd = NULL, *turned = NULL, *column = NULL;
    expect_ok(kdst_slice(t, 0, 1, 4, 2, &odd));         /* [2, 3, 2]: rows 1 and 3 */
    expect_ok(kdst_transpose(odd, 0, -1, &turned));     /* [2, 3, 2] */
    expect_ok(kdst_slice(turned, 1, 2, 3, 1, &column)); /* [2, 1, 2] */
    kdst_tensor_release(turned);
    kdst_tensor_release(odd);
    kdst_tensor_release(t); /* the last view keeps the storage */
    expect_shape(column, SHAPE(2, 1, 2));
    ck_assert_int_eq(kdst_tensor_get_stride(column, 0), 1);
    ck_assert_int_eq(kdst_tensor_get_stride(column, 2), 12);
    expect_close(column, (double[]){10, 22, 11, 23});
    kdst_tensor_release(column);
}
END_TEST

/* Reshaping what is not contiguous copies; what is contiguous but for axes of size 1 does not. */
START_TEST(contiguous_or_copied)
{
    kdst_tensor *t = counted(SHAPE(3, 4)), *turned = NULL, *copied = NULL, *row = NULL, *flat = NULL;
    expect_ok(kdst_transpose(t, 0, 1, &turned));
    expect_ok(kdst_reshape(turned, SHAPE(12), &copied));
    expect_ok(kdst_tensor_set_value(copied, 0));
    expect_close(turned, (double[]){0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    expect_ok(kdst_slice(t, 0, 2, 3, 1, &row));
    expect_ok(kdst_reshape(row, SHAPE(4), &flat));
    ck_assert_ptr_eq(address(flat), (double *)address(t) + 8);
    kdst_tensor_release(flat);
    kdst_tensor_release(row);
    kdst_tensor_release(copied);
    kdst_tensor_release(turned);
    kdst_tensor_release(t);
}
END_TEST

/* A write through any view is a write to what was recorded. */
START_TEST(writes_are_noticed_by_backward)
{
    kdst_tensor *t = counted(SHAPE(2, 3)), *view = NULL, *y = NULL, *grad = NULL;
    kdst_tensor *ones = NULL;
    void *data = NULL;
    expect_ok(kdst_detach(t, &view));
    expect_ok(kdst_tensor_copy(t, 0, &ones));
    expect_ok(kdst_tensor_set_requires_grad(t, 1));
    expect_ok(kdst_mul(t, t, &y));
    switch (_i) {
    case 0:
        break;
    case 1:
        expect_ok(kdst_tensor_set_value(view, 1));
        break;
    case 2:
        expect_ok(kdst_tensor_set(view, ones));
        break;
    case 3:
        expect_ok(kdst_tensor_map(view, KDST_MAP_WRITE, &data));
        expect_ok(kdst_tensor_unmap(view));
        break;
    case 4:
        expect_ok(kdst_tensor_set_data(view, (double[6]){0}, 48));
        break;
    case 5:
        expect_ok(kdst_tensor_set_normal(view, 0, 1));
        break;
    default: /* reading is no write */
        expect_ok(kdst_tensor_map(view, KDST_MAP_READ, &data));
        expect_ok(kdst_tensor_unmap(view));
        expect_ok(kdst_tensor_get_data(view, &(double[6]){0}, 48));
    }
    if (_i == 0 || _i == 6) {
        expect_ok(kdst_backward(y, ones, NULL));
        grad = grad_of(t);
        expect_close(grad, (double[]){0, 2, 8, 18, 32, 50});
    } else {
        expect_failure(kdst_backward(y, ones, NULL), KDST_STATUS_STATE, "written to after it was recorded");
    }
    kdst_tensor_release(grad);
    kdst_tensor_release(y);
    kdst_tensor_release(ones);
    kdst_tensor_release(view);
    kdst_tensor_release(t);
}
END_TEST

static kdst_status make_views(kdst_context *in, void *arg)
{
    kdst_tensor *t = NULL, *turned = NULL, *flat = NULL, *cut = NULL, *part = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(in, F32, SHAPE(3, 4), &t);
    if (!status) status = kdst_transpose(t, 0, 1, &turned);
    if (!status) status = kdst_reshape(turned, SHAPE(12), &flat);
    if (!status) status = kdst_detach(turned, &cut);
    if (!status) status = kdst_slice(turned, 0, 0, 2, 1, &part);
    kdst_tensor_release(part);
    kdst_tensor_release(cut);
    kdst_tensor_release(flat);
    kdst_tensor_release(turned);
    kdst_tensor_release(t);
    return status;
}

START_TEST(each_allocation_of_views)
{
    ck_assert_int_ge(each_allocation_fails(NULL, make_views, NULL), 5);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, views_share_their_storage);
    tcase_add_test(tests, views_of_views);
    tcase_add_test(tests, contiguous_or_copied);
    tcase_add_loop_test(tests, writes_are_noticed_by_backward, 0, 7);
    tcase_add_test(tests, each_allocation_of_views);
}

int main(void)
{
    return run_suite("view", build);
}
