/* SPDX-License-Identifier: Apache-2.0 */
/* Making tensors, on memory of the library's own and on somebody else's, and asking about them. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

static const kdst_dtype dtypes[] = {F32, F64, KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};

static void count_call(void *user_data)
{
    ++*(int *)user_data;
}

START_TEST(element_types)
{
    static const int64_t sizes[] = {4, 8, 4, 1, 1};
    static const char *const names[] = {"float32", "float64", "int32", "uint8", "bool"};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(kdst_dtype_get_size(dtypes[i]), sizes[i]);
        ck_assert_str_eq(kdst_dtype_get_name(dtypes[i]), names[i]);
    }
    for (kdst_dtype other = -1; other < 10; other += other == 0 ? 6 : 1) {
        ck_assert_int_eq(kdst_dtype_get_size(other), 0);
        ck_assert_str_eq(kdst_dtype_get_name(other), "unknown");
    }
}
END_TEST

/* The second round takes memory that the first one has written to. */
START_TEST(new_tensors_are_zero_and_row_major)
{
    unsigned char bytes[3 * 4 * 5 * 8];
    for (int round = 0; round < 2; round++) {
        kdst_tensor *t = NULL;
        expect_ok(kdst_tensor_create(ctx, dtypes[_i], SHAPE(3, 4, 5), &t));
        int64_t size = 60 * kdst_dtype_get_size(dtypes[_i]);
        expect_ok(kdst_tensor_get_data(t, bytes, size));
        for (int64_t i = 0; i < size; i++)
            ck_assert_int_eq(bytes[i], 0);
        ck_assert_int_eq(kdst_tensor_get_dtype(t), dtypes[_i]);
        ck_assert_ptr_eq(kdst_tensor_get_context(t), ctx);
        ck_assert_int_eq(kdst_tensor_get_count(t), 60);
        static const int64_t strides[] = {20, 5, 1};
        expect_shape(t, 3, (int64_t[]){3, 4, 5});
        for (int axis = 0; axis < 3; axis++) {
            ck_assert_int_eq(kdst_tensor_get_stride(t, axis), strides[axis]);
            ck_assert_int_eq(kdst_tensor_get_stride(t, axis - 3), strides[axis]);
            ck_assert_int_eq(kdst_tensor_get_size(t, axis - 3), axis + 3);
        }
        memset(bytes, 1, (size_t)size);
        expect_ok(kdst_tensor_set_data(t, bytes, size));
        kdst_tensor_release(t);
    }
}
END_TEST

START_TEST(scalars_empty_and_deep_tensors)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create(ctx, F32, 0, NULL, &t));
    ck_assert_int_eq(kdst_tensor_get_rank(t), 0);
    ck_assert_int_eq(kdst_tensor_get_count(t), 1);
    ck_assert_int_eq(kdst_tensor_get_size(t, 0), -1);
    ck_assert_int_eq(kdst_tensor_get_size(t, -1), -1);
    ck_assert_int_eq(kdst_tensor_get_stride(t, 0), 0);
    kdst_tensor_release(t);
    expect_ok(kdst_tensor_create(ctx, F64, SHAPE(2, 0, 3), &t));
    ck_assert_int_eq(kdst_tensor_get_count(t), 0);
    char nothing = 7;
    expect_ok(kdst_tensor_get_data(t, &nothing, 0));
    expect_ok(kdst_tensor_set_data(t, &nothing, 0));
    expect_ok(kdst_tensor_set_value(t, 2));
    ck_assert_int_eq(nothing, 7);
    kdst_tensor_release(t);
    expect_ok(kdst_tensor_create(ctx, KDST_DTYPE_UINT8, SHAPE(1, 2, 1, 2, 1, 2, 1, 2), &t));
    ck_assert_int_eq(kdst_tensor_get_rank(t), 8);
    ck_assert_int_eq(kdst_tensor_get_count(t), 16);
    ck_assert_int_eq(kdst_tensor_get_stride(t, -8), 16);
    ck_assert_int_eq(kdst_tensor_get_size(t, 8), -1);
    ck_assert_int_eq(kdst_tensor_get_size(t, -9), -1);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(questions_about_nothing)
{
    kdst_tensor_retain(NULL);
    kdst_tensor_release(NULL);
    ck_assert_ptr_null(kdst_tensor_get_context(NULL));
    ck_assert_int_eq(kdst_tensor_get_dtype(NULL), 0);
    ck_assert_int_eq(kdst_tensor_get_rank(NULL), -1);
    ck_assert_int_eq(kdst_tensor_get_size(NULL, 0), -1);
    ck_assert_int_eq(kdst_tensor_get_stride(NULL, 0), 0);
    ck_assert_int_eq(kdst_tensor_get_count(NULL), -1);
}
END_TEST

START_TEST(references)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create(ctx, F32, SHAPE(2), &t));
    kdst_tensor_retain(t);
    kdst_tensor_release(t);
    ck_assert_int_eq(kdst_context_live_count(ctx), 1);
    expect_ok(kdst_tensor_set_value(t, 3));
    kdst_tensor_release(t);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
}
END_TEST

/* What create, create_from and create_foreign refuse alike. */
typedef struct refusal {
    kdst_dtype dtype;
    int64_t rank, shape[9];
    kdst_status status;
    const char *text;
} refusal;

static const refusal refusals[] = {
    {0, 1, {2}, KDST_STATUS_DTYPE, "dtype is 0"},
    {6, 1, {2}, KDST_STATUS_DTYPE, "dtype is 6"},
    {F32, -1, {2}, KDST_STATUS_SHAPE, "rank is -1"},
    {F32, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, KDST_STATUS_SHAPE, "rank is 9"},
    {F32, 2, {2, -3}, KDST_STATUS_SHAPE, "axis 1 is -3"},
    {F32, 2, {INT64_MAX, 2}, KDST_STATUS_SHAPE, "too large"},
    {F64, 1, {INT64_MAX / 8}, KDST_STATUS_SHAPE, "too large"},
    {F32, 3, {INT64_C(1) << 40, 0, INT64_C(1) << 40}, KDST_STATUS_SHAPE, "too large"},
};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(bad_shapes_and_types)
{
    const refusal *r = &refusals[_i];
    kdst_tensor *t = (kdst_tensor *)&t;
    double data = 0;
    int destroyed = 0;
    expect_failure(kdst_tensor_create(ctx, r->dtype, r->rank, r->shape, &t), r->status, r->text);
    ck_assert_ptr_null(t);
    t = (kdst_tensor *)&t;
    expect_failure(kdst_tensor_create_from(ctx, r->dtype, r->rank, r->shape, &data, &t), r->status, r->text);
    ck_assert_ptr_null(t);
    t = (kdst_tensor *)&t;
    expect_failure(
        kdst_tensor_create_foreign(ctx, r->dtype, r->rank, r->shape, NULL, &data, &destroyed, count_call, &t),
        r->status, r->text);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(destroyed, 1);
}
END_TEST

START_TEST(missing_arguments)
{
    kdst_tensor *t = (kdst_tensor *)&t;
    const int64_t shape[] = {2};
    double data[2] = {1, 2};
    int destroyed = 0;
    ck_assert_int_eq(kdst_tensor_create(NULL, F32, 1, shape, &t), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(t);
    expect_failure(kdst_tensor_create(ctx, F32, 1, shape, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_tensor_create(ctx, F32, 1, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "shape is NULL");
    ck_assert_int_eq(kdst_tensor_create_from(NULL, F64, 1, shape, data, &t), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(
        kdst_tensor_create_from(ctx, F64, 1, shape, data, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_tensor_create_from(ctx, F64, 1, shape, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "data is NULL");
    ck_assert_ptr_null(t);
    ck_assert_int_eq(
        kdst_tensor_create_foreign(NULL, F64, 1, shape, NULL, data, &destroyed, count_call, &t),
        KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(
        kdst_tensor_create_foreign(ctx, F64, 1, shape, NULL, NULL, &destroyed, count_call, &t),
        KDST_STATUS_INVALID_ARGUMENT, "data is NULL");
    expect_failure(
        kdst_tensor_create_foreign(ctx, F64, 1, shape, NULL, data, &destroyed, count_call, NULL),
        KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(
        kdst_tensor_create_foreign(ctx, F64, 1, shape, NULL, (char *)data + 4, &destroyed, count_call, &t),
        KDST_STATUS_INVALID_ARGUMENT, "not aligned to float64");
    ck_assert_ptr_null(t);
    ck_assert_int_eq(destroyed, 4);
    expect_failure(
        kdst_tensor_create_foreign(ctx, F64, 1, shape, NULL, NULL, NULL, NULL, &t), KDST_STATUS_INVALID_ARGUMENT,
        "data is NULL");
}
END_TEST

START_TEST(create_from_copies)
{
    double data[] = {1, 2, 3, 4, 5, 6};
    kdst_tensor *t = NULL, *nothing = NULL;
    expect_ok(kdst_tensor_create_from(ctx, F64, SHAPE(2, 3), data, &t));
    data[0] = 9;
    expect_close(t, (double[]){1, 2, 3, 4, 5, 6});
    expect_ok(kdst_tensor_create_from(ctx, F64, SHAPE(0, 3), NULL, &nothing));
    ck_assert_int_eq(kdst_tensor_get_count(nothing), 0);
    kdst_tensor_release(nothing);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(foreign_memory_is_shared)
{
    float data[6] = {0, 1, 2, 3, 4, 5};
    int destroyed = 0;
    kdst_tensor *t = NULL, *view = NULL;
    expect_ok(kdst_tensor_create_foreign(ctx, F32, SHAPE(2, 3), NULL, data, &destroyed, count_call, &t));
    data[4] = 40;
    expect_close(t, (double[]){0, 1, 2, 3, 40, 5});
    expect_ok(kdst_tensor_set_value(t, 7));
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq(data[i], 7);
    expect_ok(kdst_transpose(t, 0, 1, &view));
    kdst_tensor_release(t);
    ck_assert_int_eq(kdst_context_live_count(ctx), 1);
    ck_assert_int_eq(destroyed, 0); /* the view still needs it */
    kdst_tensor_release(view);
    ck_assert_int_eq(destroyed, 1);
}
END_TEST

/* shape, strides, first element of 0 … 23, and the elements in row-major order */
typedef struct layout {
    int64_t rank, shape[3], strides[3], first;
    double expected[6];
} layout;

static const layout layouts[] = {
    {2, {2, 3}, {3, 1, 0}, 0, {0, 1, 2, 3, 4, 5}},
    {2, {2, 3}, {1, 2, 0}, 0, {0, 2, 4, 1, 3, 5}},
    {2, {2, 3}, {0, 1, 0}, 4, {4, 5, 6, 4, 5, 6}},
    {2, {2, 3}, {8, 0, 0}, 1, {1, 1, 1, 9, 9, 9}},
    {2, {2, 3}, {0, 0, 0}, 23, {23, 23, 23, 23, 23, 23}},
    {1, {6}, {-2, 0, 0}, 20, {20, 18, 16, 14, 12, 10}},
    {2, {2, 3}, {-3, -1, 0}, 5, {5, 4, 3, 2, 1, 0}},
    {3, {3, 1, 2}, {4, INT64_MIN, -1}, 9, {9, 8, 13, 12, 17, 16}},
    {3, {1, 6, 1}, {INT64_MAX, 1, INT64_MAX}, 3, {3, 4, 5, 6, 7, 8}},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

START_TEST(foreign_strides)
{
    const layout *l = &layouts[_i];
    double data[24];
    kdst_tensor *t = NULL, *sum = NULL;
    for (int i = 0; i < 24; i++)
        data[i] = i;
    expect_ok(kdst_tensor_create_foreign(ctx, F64, l->rank, l->shape, l->strides, data + l->first, NULL, NULL, &t));
    expect_close(t, l->expected);
    for (int64_t axis = 0; axis < l->rank; axis++)
        if (l->shape[axis] > 1) ck_assert_int_eq(kdst_tensor_get_stride(t, axis), l->strides[axis]);
    expect_ok(kdst_add(t, t, &sum)); /* an operation sees the same elements */
    double twice[6];
    for (int i = 0; i < 6; i++)
        twice[i] = 2 * l->expected[i];
    expect_close(sum, twice);
    kdst_tensor_release(sum);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(strides_out_of_reach)
{
    static const int64_t far[][2] = {
        {INT64_MAX, 1},
        {INT64_MIN, 1},
        {INT64_MAX / 16, 1},
        {1, -(INT64_MAX / 16)},
        {INT64_MAX / 100, INT64_MAX / 100}};
    double data[6] = {0};
    int destroyed = 0;
    kdst_tensor *t = (kdst_tensor *)&t;
    expect_failure(
        kdst_tensor_create_foreign(ctx, F64, SHAPE(2, 3), far[_i], data, &destroyed, count_call, &t), KDST_STATUS_SHAPE,
        "reaches too far");
    ck_assert_ptr_null(t);
    ck_assert_int_eq(destroyed, 1);
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(2, 0), far[_i], data, &destroyed, count_call, &t));
    expect_ok(kdst_tensor_set_value(t, 1)); /* nothing to reach */
    kdst_tensor_release(t);
    ck_assert_int_eq(destroyed, 2);
}
END_TEST

static kdst_status make_all(kdst_context *in, void *arg)
{
    double data[4] = {1, 2, 3, 4};
    int destroyed = 0;
    kdst_tensor *t = NULL, *copied = NULL, *foreign = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(in, F32, SHAPE(5), &t);
    if (!status) status = kdst_tensor_create_from(in, F64, SHAPE(2, 2), data, &copied);
    if (!status) {
        status = kdst_tensor_create_foreign(in, F64, SHAPE(4), NULL, data, &destroyed, count_call, &foreign);
        ck_assert_int_eq(destroyed, status != KDST_STATUS_OK);
        ck_assert(foreign == NULL || status == KDST_STATUS_OK);
        kdst_tensor_release(foreign);
        ck_assert_int_eq(destroyed, 1);
    }
    kdst_tensor_release(copied);
    kdst_tensor_release(t);
    return status;
}

START_TEST(each_allocation_of_create)
{
    ck_assert_int_ge(each_allocation_fails(NULL, make_all, NULL), 5);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, element_types);
    tcase_add_loop_test(tests, new_tensors_are_zero_and_row_major, 0, 5);
    tcase_add_test(tests, scalars_empty_and_deep_tensors);
    tcase_add_test(tests, questions_about_nothing);
    tcase_add_test(tests, references);
    tcase_add_loop_test(tests, bad_shapes_and_types, 0, REFUSALS);
    tcase_add_test(tests, missing_arguments);
    tcase_add_test(tests, create_from_copies);
    tcase_add_test(tests, foreign_memory_is_shared);
    tcase_add_loop_test(tests, foreign_strides, 0, LAYOUTS);
    tcase_add_loop_test(tests, strides_out_of_reach, 0, 5);
    tcase_add_test(tests, each_allocation_of_create);
}

int main(void)
{
    return run_suite("tensor", build);
}
