/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping, copying in and out, single values. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

/* A transposed view of 0 … 5 in caller's memory: [3, 2]. */
static double memory[6];

static kdst_tensor *turned(void)
{
    kdst_tensor *t = NULL;
    for (int i = 0; i < 6; i++)
        memory[i] = i;
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(3, 2), (int64_t[]){1, 3}, memory, NULL, NULL, &t));
    return t;
}

static void expect_memory(const double *expected)
{
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(memory[i], expected[i]);
}

START_TEST(contiguous_memory_is_mapped_in_place)
{
    float data[4] = {1, 2, 3, 4};
    kdst_tensor *t = NULL;
    void *mapped = NULL;
    expect_ok(kdst_tensor_create_foreign(ctx, F32, SHAPE(4), NULL, data, NULL, NULL, &t));
    expect_ok(kdst_tensor_map(t, _i + 1, &mapped));
    ck_assert_ptr_eq(mapped, data);
    expect_ok(kdst_tensor_unmap(t));
    kdst_tensor_release(t);
}
END_TEST

START_TEST(views_are_mapped_through_a_copy)
{
    kdst_tensor *t = turned();
    double *mapped = NULL;
    expect_ok(kdst_tensor_map(t, _i + 1, (void **)&mapped));
    if ((_i + 1) & KDST_MAP_READ)
        for (int i = 0; i < 6; i++)
            ck_assert_double_eq(mapped[i], i / 2 + i % 2 * 3);
    for (int i = 0; i < 6; i++)
        mapped[i] = 10 + i;
    expect_memory((double[]){0, 1, 2, 3, 4, 5});
    expect_ok(kdst_tensor_unmap(t));
    if ((_i + 1) & KDST_MAP_WRITE)
        expect_memory((double[]){10, 12, 14, 11, 13, 15});
    else
        expect_memory((double[]){0, 1, 2, 3, 4, 5});
    kdst_tensor_release(t);
}
END_TEST

START_TEST(mapping_once_at_a_time)
{
    kdst_tensor *t = _i ? turned() : filled(F32, SHAPE(2, 2), 1);
    void *first = NULL, *second = &first;
    expect_failure(kdst_tensor_unmap(t), KDST_STATUS_STATE, "not mapped");
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, &first));
    expect_failure(kdst_tensor_map(t, KDST_MAP_READ, &second), KDST_STATUS_STATE, "mapped already");
    ck_assert_ptr_null(second);
    expect_ok(kdst_tensor_unmap(t));
    expect_failure(kdst_tensor_unmap(t), KDST_STATUS_STATE, "not mapped");
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, &first));
    kdst_tensor_release(t); /* a mapping dies with its tensor */
    int64_t now = 0;
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    expect_ok(kdst_context_get_memory(ctx, &now, NULL));
    kdst_tensor *again = _i ? turned() : filled(F32, SHAPE(2, 2), 1);
    kdst_tensor_release(again);
    int64_t later = 0;
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    expect_ok(kdst_context_get_memory(ctx, &later, NULL));
    ck_assert_int_eq(now, later);
}
END_TEST

START_TEST(bad_mappings)
{
    static const kdst_map_mode modes[] = {0, -1, 4, 7};
    kdst_tensor *t = turned();
    void *mapped = &mapped;
    for (int i = 0; i < 4; i++) {
        expect_failure(kdst_tensor_map(t, modes[i], &mapped), KDST_STATUS_INVALID_ARGUMENT, "mode is");
        ck_assert_ptr_null(mapped);
    }
    expect_failure(kdst_tensor_map(t, KDST_MAP_READ, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    mapped = &mapped;
    ck_assert_int_eq(kdst_tensor_map(NULL, KDST_MAP_READ, &mapped), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(mapped);
    ck_assert_int_eq(kdst_tensor_unmap(NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(t);
}
END_TEST

/* Unmapping on the way out of a failure leaves the message to be read. */
START_TEST(unmap_keeps_the_message)
{
    kdst_tensor *t = turned();
    void *mapped = NULL;
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, &mapped));
    expect_failure(kdst_tensor_set_uniform(t, 1, 0), KDST_STATUS_INVALID_ARGUMENT, "low is 1, high 0");
    ck_assert_int_eq(kdst_tensor_unmap(t), KDST_STATUS_OK);
    ck_assert_str_eq(kdst_context_message(ctx), "tensor_set_uniform: low is 1, high 0");
    expect_failure(kdst_tensor_unmap(t), KDST_STATUS_STATE, "not mapped");
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, &mapped));
    ck_assert_str_eq(kdst_context_message(ctx), "");
    expect_ok(kdst_tensor_unmap(t));
    kdst_tensor_release(t);
}
END_TEST

START_TEST(data_in_and_out)
{
    kdst_tensor *t = turned();
    double out[7] = {-1, -1, -1, -1, -1, -1, -1}, in[6] = {10, 11, 12, 13, 14, 15};
    expect_ok(kdst_tensor_get_data(t, out, 48));
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(out[i], i / 2 + i % 2 * 3);
    ck_assert_double_eq(out[6], -1);
    expect_ok(kdst_tensor_set_data(t, in, 48));
    expect_memory((double[]){10, 12, 14, 11, 13, 15});
    static const int64_t wrong[] = {0, 6, 47, 49, -48, INT64_MIN, INT64_MAX};
    for (int i = 0; i < 7; i++) {
        expect_failure(kdst_tensor_get_data(t, out, wrong[i]), KDST_STATUS_INVALID_ARGUMENT, "the tensor has 48");
        expect_failure(kdst_tensor_set_data(t, in, wrong[i]), KDST_STATUS_INVALID_ARGUMENT, "the tensor has 48");
    }
    expect_failure(kdst_tensor_get_data(t, NULL, 48), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_tensor_set_data(t, NULL, 48), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_tensor_get_data(NULL, out, 48), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_tensor_set_data(NULL, in, 48), KDST_STATUS_INVALID_ARGUMENT);
    expect_memory((double[]){10, 12, 14, 11, 13, 15});
    kdst_tensor_release(t);
}
END_TEST

START_TEST(single_values)
{
    static const kdst_dtype dtypes[] = {F32, F64, KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};
    static const double values[] = {-0.5, 1e300, -2147483648.0, 255, 1};
    kdst_tensor *t = NULL, *two = filled(F32, SHAPE(2), 1), *none = filled(F32, SHAPE(0), 1);
    double value = 3;
    expect_ok(kdst_tensor_create(ctx, dtypes[_i], _i % 2, (int64_t[]){1}, &t));
    expect_ok(kdst_tensor_set_value(t, values[_i]));
    expect_ok(kdst_tensor_get_value(t, &value));
    ck_assert_double_eq(value, values[_i]);
    expect_failure(kdst_tensor_get_value(t, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_tensor_get_value(two, &value), KDST_STATUS_SHAPE, "the tensor is [2]");
    expect_failure(kdst_tensor_get_value(none, &value), KDST_STATUS_SHAPE, "the tensor is [0]");
    ck_assert_int_eq(kdst_tensor_get_value(NULL, &value), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_double_eq(value, values[_i]);
    kdst_tensor_release(none);
    kdst_tensor_release(two);
    kdst_tensor_release(t);
}
END_TEST

/* Without elements strides do not matter, and mapping takes nothing that could be left. */
START_TEST(empty_views)
{
    kdst_tensor *t = filled(F32, SHAPE(4, 3), 1), *across = NULL, *none = NULL;
    int64_t before = 0, after = 0;
    void *mapped = NULL;
    expect_ok(kdst_transpose(t, 0, 1, &across));
    expect_ok(kdst_slice(across, 0, 1, 1, 1, &none));
    expect_shape(none, SHAPE(0, 4));
    expect_ok(kdst_context_get_memory(ctx, &before, NULL));
    for (int32_t mode = KDST_MAP_READ; mode <= KDST_MAP_READ_WRITE; mode++) {
        expect_ok(kdst_tensor_map(none, mode, &mapped));
        ck_assert_ptr_nonnull(mapped);
        expect_ok(kdst_tensor_unmap(none));
    }
    expect_ok(kdst_context_get_memory(ctx, &after, NULL));
    ck_assert_int_eq(before, after);
    expect_ok(kdst_tensor_get_data(none, NULL, 0)); /* an empty array of the caller's may have no address */
    expect_ok(kdst_tensor_set_data(none, NULL, 0));
    expect_failure(kdst_tensor_get_data(none, NULL, 4), KDST_STATUS_INVALID_ARGUMENT, "bytes is 4, the tensor has 0");
    kdst_tensor_release(none);
    kdst_tensor_release(across);
    kdst_tensor_release(t);
}
END_TEST

/* A mapping that has begun can always be ended: only map allocates. */
static kdst_status map_view(kdst_context *in, void *arg)
{
    double data[6] = {0, 1, 2, 3, 4, 5}, *mapped = arg;
    kdst_tensor *t = NULL;
    kdst_status status = kdst_tensor_create_foreign(in, F64, SHAPE(3, 2), (int64_t[]){1, 3}, data, NULL, NULL, &t);
    if (!status) {
        status = kdst_tensor_map(t, KDST_MAP_READ_WRITE, (void **)&mapped);
        ck_assert((status == KDST_STATUS_OK) == (mapped != NULL));
    }
    if (!status) {
        mapped[1] = 7;
        ck_assert_int_eq(kdst_tensor_unmap(t), KDST_STATUS_OK);
        ck_assert_double_eq(data[3], 7);
        ck_assert_int_eq(kdst_tensor_set_data(t, (double[6]){0}, 48), KDST_STATUS_OK);
        ck_assert_double_eq(data[3], 0);
    } else if (t) {
        char message[1024];
        strcpy(message, kdst_context_message(in));
        ck_assert_int_eq(kdst_tensor_unmap(t), KDST_STATUS_STATE);
        ck_assert_int_eq(kdst_context_set_message(in, message), KDST_STATUS_OK);
    }
    kdst_tensor_release(t);
    return status;
}

START_TEST(each_allocation_of_a_mapping)
{
    double unused = 0;
    ck_assert_int_ge(each_allocation_fails(NULL, map_view, &unused), 3);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, contiguous_memory_is_mapped_in_place, 0, 3);
    tcase_add_loop_test(tests, views_are_mapped_through_a_copy, 0, 3);
    tcase_add_loop_test(tests, mapping_once_at_a_time, 0, 2);
    tcase_add_test(tests, bad_mappings);
    tcase_add_test(tests, unmap_keeps_the_message);
    tcase_add_test(tests, data_in_and_out);
    tcase_add_loop_test(tests, single_values, 0, 5);
    tcase_add_test(tests, empty_views);
    tcase_add_test(tests, each_allocation_of_a_mapping);
}

int main(void)
{
    return run_suite("map", build);
}
