/* SPDX-License-Identifier: Apache-2.0 */
/* concat, stack, index_select, gather, one_hot: values, gradients of lists of any length, every element type, views, bad input. */
#include "support.h"

#include "failures/each_allocation.h"

static kdst_tensor *range(kdst_dtype dtype, int64_t rank, const int64_t *shape, double first)
{
    double values[200];
    int64_t count = 1;
    for (int64_t i = 0; i < rank; i++)
        count *= shape[i];
    for (int64_t i = 0; i < count; i++)
        values[i] = dtype == KDST_DTYPE_BOOL ? (double)((int64_t)(first + (double)i) % 3 == 0) : first + (double)i;
    return from_doubles(dtype, rank, shape, values);
}

static void release_all(kdst_tensor **all, int count)
{
    for (int i = 0; i < count; i++)
        kdst_tensor_release(all[i]);
}

/* Against the definition, along each axis; _i is the element type. */
START_TEST(test_concat_values)
{
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    static const int64_t sizes[][3] = {{2, 3, 4}, {1, 3, 4}, {5, 3, 4}};
    for (int axis = 0; axis < 3; axis++) {
        kdst_tensor *x[3], *y = NULL;
        double *v[3], expected[96];
        int64_t total = 8, shape[3] = {3, 3, 3};
        for (int t = 0; t < 3; t++) {
            shape[axis] = sizes[t][0];
            x[t] = range(dtype, 3, shape, 40 * t);
            v[t] = doubles(x[t]);
            if (t == 1) x[t] = scattered(x[t]);
        }
        shape[axis] = total;
        expect_ok(kdst_concat(x, 3, axis - (axis == 1 ? 3 : 0), &y));
        expect_shape(y, 3, shape);
        for (int64_t i = 0; i < 9 * total; i++) {
            int64_t at[3] = {i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]}, own[3] = {3, 3, 3};
            int t = at[axis] < 2 ? 0 : at[axis] < 3 ? 1 : 2;
            at[axis] -= t == 0 ? 0 : t == 1 ? 2 : 3;
            own[axis] = sizes[t][0];
            expected[i] = v[t][(at[0] * own[1] + at[1]) * own[2] + at[2]];
        }
        expect_close(y, expected);
        for (int t = 0; t < 3; t++)
            free(v[t]);
        release_all(x, 3);
        kdst_tensor_release(y);
    }
}
END_TEST

START_TEST(test_stack_values)
{
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    for (int axis = -3; axis < 3; axis++) {
        kdst_tensor *x[3], *y = NULL;
        double *v[3], expected[18];
        int64_t place = axis < 0 ? axis + 3 : axis, shape[3] = {2, 3, 3};
        for (int t = 0; t < 3; t++) {
            x[t] = range(dtype, SHAPE(2, 3), 10 * t);
            v[t] = doubles(x[t]);
        }
        x[2] = scattered(x[2]);
        if (place == 0) shape[0] = 3, shape[1] = 2;
        expect_ok(kdst_stack(x, 3, axis, &y));
        expect_shape(y, 3, shape);
        for (int64_t i = 0; i < 18; i++) {
            int64_t at[3] = {i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]};
            int64_t t = at[place], row = at[place == 0 ? 1 : 0], column = at[place == 2 ? 1 : 2];
            expected[i] = v[t][row * 3 + column];
        }
        expect_close(y, expected);
        for (int t = 0; t < 3; t++)
            free(v[t]);
        release_all(x, 3);
        kdst_tensor_release(y);
    }
}
END_TEST

/* Many more tensors than other operations have inputs: value, and each its part of the gradient. */
START_TEST(test_many)
{
    enum { MANY = 1000 };
    kdst_tensor *x[MANY], *y = NULL, *z = NULL, *both[2];
    double *expected = malloc(MANY * 2 * sizeof *expected);
    for (int i = 0; i < MANY; i++) {
        double values[] = {i, -i};
        x[i] = from_doubles(F64, SHAPE(2), values);
        if (i % 3 != 1) expect_ok(kdst_tensor_set_requires_grad(x[i], 1));
        memcpy(expected + 2 * i, values, sizeof values);
    }
    expect_ok(kdst_concat(x, MANY, 0, &y));
    expect_shape(y, SHAPE(2 * MANY));
    expect_close(y, expected);
    expect_ok(kdst_stack(x, MANY, 0, &z));
    expect_shape(z, SHAPE(MANY, 2));
    expect_close(z, expected);
    expect_ok(kdst_reshape(z, SHAPE(2 * MANY), &both[0]));
    both[1] = y;
    kdst_tensor *product = NULL, *dy = filled(F64, SHAPE(2 * MANY), 7);
    expect_ok(kdst_mul(both[0], both[1], &product));
    expect_ok(kdst_backward(product, dy, NULL));
    double *seed = doubles(dy);
    for (int i = 0; i < MANY; i++) { /* of x^2 */
        if (i % 3 == 1) continue;
        kdst_tensor *dx = grad_of(x[i]);
        expect_close(dx, (double[]){2 * i * seed[2 * i], -2 * i * seed[2 * i + 1]});
        kdst_tensor_release(dx);
    }
    free(seed);
    free(expected);
    release_all(x, MANY);
    kdst_tensor *all[] = {y, z, both[0], product, dy};
    release_all(all, 5);
}
END_TEST

/* One tensor may come more than once, and is a leaf and a result. */
START_TEST(test_the_same_twice)
{
    kdst_tensor *x = from_doubles(F64, SHAPE(2), (double[]){1, 2}), *twice = NULL, *y = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_mul(x, x, &twice));
    kdst_tensor *list[] = {x, twice, x};
    expect_ok(kdst_concat(list, 3, 0, &y));
    kdst_tensor *dy = from_doubles(F64, SHAPE(6), (double[]){1, 10, 100, 1000, 5, 6});
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){1 + 200 + 5, 10 + 4000 + 6});
    kdst_tensor *all[] = {x, twice, y, dy, dx};
    release_all(all, 5);
}
END_TEST

START_TEST(test_empty)
{
    kdst_tensor *none = filled(F32, SHAPE(0, 3), 1), *some = filled(F32, SHAPE(2, 3), 2), *y = NULL;
    kdst_tensor *list[] = {none, some, none}, *indices = from_labels(0, (int32_t[]){0});
    double *v = doubles(some);
    expect_ok(kdst_concat(list, 3, 0, &y));
    expect_shape(y, SHAPE(2, 3));
    expect_close(y, v);
    kdst_tensor_release(y);
    list[1] = none;
    expect_ok(kdst_concat(list, 3, 0, &y));
    expect_shape(y, SHAPE(0, 3));
    kdst_tensor_release(y);
    expect_ok(kdst_stack(list, 3, 2, &y));
    expect_shape(y, SHAPE(0, 3, 3));
    kdst_tensor_release(y);
    expect_ok(kdst_index_select(some, 0, indices, &y));
    expect_shape(y, SHAPE(0, 3));
    kdst_tensor_release(y);
    expect_ok(kdst_index_select(none, 0, indices, &y));
    expect_shape(y, SHAPE(0, 3));
    kdst_tensor_release(y);
    free(v);
    kdst_tensor *all[] = {none, some, indices};
    release_all(all, 3);
}
END_TEST

START_TEST(test_join_bad_input)
{
    kdst_tensor *a = filled(F32, SHAPE(2, 3), 1), *b = filled(F32, SHAPE(2, 4), 2), *c = filled(F32, SHAPE(3), 3);
    kdst_tensor *wide = filled(F64, SHAPE(2, 3), 4), *scalar = filled(F32, 0, NULL, 5), *y = a;
    kdst_tensor *deep = filled(F32, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 6);
    kdst_context *other = context_with_threads(1);
    kdst_tensor *foreign = filled_in(other, F32, SHAPE(2, 3), 7);
    kdst_status (*join[])(kdst_tensor *const *, int64_t, int64_t, kdst_tensor **) = {kdst_concat, kdst_stack};
    for (int i = 0; i < 2; i++) {
        kdst_tensor *list[] = {a, b};
        y = a;
        expect_failure(
            join[i](list, 2, 0, &y), KDST_STATUS_SHAPE,
            i == 0 ? "concat: tensor 1 is [2, 4], the first [2, 3]" : "stack: tensor 1 is [2, 4], the first [2, 3]");
        ck_assert_ptr_null(y);
        list[1] = c;
        expect_failure(join[i](list, 2, 0, &y), KDST_STATUS_SHAPE, "tensor 1 is [3]");
        list[1] = wide;
        expect_failure(join[i](list, 2, 0, &y), KDST_STATUS_DTYPE, "tensor 1 is float64, the first float32");
        list[1] = NULL;
        expect_failure(join[i](list, 2, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "input 1 is NULL");
        list[1] = foreign;
        expect_failure(join[i](list, 2, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "input 1 belongs to another context");
        expect_failure(join[i](list, 1, 3, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 3");
        expect_failure(join[i](list, 1, -4, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is -4");
        expect_failure(join[i](list, 1, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
        expect_failure(
            join[i](list, INT64_MAX, 0, &y), KDST_STATUS_INVALID_ARGUMENT,
            "count is 9223372036854775807, allowed is 1");
        ck_assert_int_eq(join[i](list, 0, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
        ck_assert_int_eq(join[i](NULL, 1, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
        list[0] = NULL;
        ck_assert_int_eq(join[i](list, 2, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    }
    expect_failure(kdst_concat(&scalar, 1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 0, the tensor has rank 0");
    expect_failure(kdst_stack(&deep, 1, 0, &y), KDST_STATUS_SHAPE, "rank 8, allowed is 0 to 7");
    kdst_tensor_release(foreign);
    kdst_context_release(other);
    kdst_tensor *all[] = {a, b, c, wide, scalar, deep};
    release_all(all, 6);
}
END_TEST

/* x [outer, size, inner] of every type, indices that repeat; _i is the element type. */
START_TEST(test_index_select_values)
{
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    static const int32_t indices[] = {3, 0, 3, 1, 3};
    for (int views = 0; views < 2; views++) {
        kdst_tensor *x = range(dtype, SHAPE(2, 4, 3), 1), *i = from_labels(5, indices), *y = NULL;
        double *v = doubles(x), expected[30];
        if (views) x = scattered(x);
        for (int k = 0; k < 30; k++)
            expected[k] = v[k / 15 * 12 + indices[k / 3 % 5] * 3 + k % 3];
        expect_ok(kdst_index_select(x, -2, i, &y));
        expect_shape(y, SHAPE(2, 5, 3));
        expect_close(y, expected);
        free(v);
        kdst_tensor *all[] = {x, i, y};
        release_all(all, 3);
    }
}
END_TEST

/* Gradients of places with one index are added in double: 20000 times 0.1 has the error of one rounding. */
START_TEST(test_index_select_adds_up)
{
    enum { N = 20000 };
    int32_t *indices = malloc(N * sizeof *indices);
    for (int i = 0; i < N; i++)
        indices[i] = i % 4 == 0 ? 2 : 1;
    kdst_tensor *x = filled(F32, SHAPE(4, 3), 1), *i = from_labels(N, indices), *y = NULL, *dy = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_index_select(x, 0, i, &y));
    expect_ok(kdst_tensor_copy(y, 0, &dy));
    expect_ok(kdst_tensor_set_value(dy, 0.1));
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    double *v = doubles(dx);
    for (int k = 0; k < 12; k++) {
        double count = k / 3 == 1 ? N * 3. / 4 : k / 3 == 2 ? N / 4. : 0;
        ck_assert_double_eq(v[k], (double)(float)(count * (double)0.1f));
    }
    free(v);
    free(indices);
    kdst_tensor *all[] = {x, i, y, dy, dx};
    release_all(all, 5);
}
END_TEST

START_TEST(test_index_select_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *scalar = filled(F32, 0, NULL, 2), *none = filled(F32, SHAPE(0), 3);
    kdst_tensor *low = from_labels(3, (int32_t[]){0, 1, -1}), *high = from_labels(3, (int32_t[]){0, 3, 1}), *y = x;
    kdst_tensor *good = from_labels(2, (int32_t[]){0, 1}), *square = NULL;
    expect_failure(
        kdst_index_select(x, 1, low, &y), KDST_STATUS_INVALID_ARGUMENT,
        "index_select: index -1 at position 2, allowed is 0 to 2");
    ck_assert_ptr_null(y);
    expect_failure(
        kdst_index_select(x, 1, high, &y), KDST_STATUS_INVALID_ARGUMENT,
        "index_select: index 3 at position 1, allowed is 0 to 2");
    expect_failure(kdst_index_select(none, 0, good, &y), KDST_STATUS_INVALID_ARGUMENT, "the axis has size 0");
    expect_failure(kdst_index_select(x, 2, good, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 2");
    expect_failure(kdst_index_select(scalar, 0, good, &y), KDST_STATUS_INVALID_ARGUMENT, "rank 0");
    expect_failure(kdst_index_select(x, 0, x, &y), KDST_STATUS_DTYPE, "indices are float32, expected int32");
    expect_ok(kdst_reshape(good, SHAPE(1, 2), &square));
    expect_failure(kdst_index_select(x, 0, square, &y), KDST_STATUS_SHAPE, "indices is [1, 2], expected rank 1");
    expect_failure(kdst_index_select(x, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "indices is NULL");
    expect_failure(kdst_index_select(x, 0, good, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_index_select(NULL, 0, good, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {x, scalar, none, low, high, good, square};
    release_all(all, 7);
}
END_TEST

/* x [3, 4, 5]; along each axis, the result as long along the others as x or shorter; _i is the element type. */
START_TEST(test_gather_values)
{
    static const int64_t shapes[][3] = {{4, 4, 5}, {2, 3, 5}, {7, 2, 3}, {3, 6, 5}, {3, 4, 1}, {1, 1, 9}, {0, 4, 5}};
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    static const int64_t size[] = {3, 4, 5};
    for (int axis = 0; axis < 3; axis++) {
        for (int s = 0; s < 7; s++) {
            int64_t shape[3], count = 1;
            int32_t values[200];
            double expected[200];
            for (int k = 0; k < 3; k++) {
                shape[k] = k == axis || shapes[s][k] < size[k] ? shapes[s][k] : size[k];
                count *= shape[k];
            }
            kdst_tensor *x = range(dtype, SHAPE(3, 4, 5), 1), *i = NULL, *y = NULL;
            double *v = doubles(x);
            if (s % 2) x = scattered(x);
            for (int64_t k = 0; k < count; k++) {
                int64_t at[] = {k / shape[2] / shape[1], k / shape[2] % shape[1], k % shape[2]};
                at[axis] = values[k] = (int32_t)(k * k % size[axis]);
                expected[k] = v[(at[0] * 4 + at[1]) * 5 + at[2]];
            }
            expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 3, shape, values, &i));
            if (s == 3) i = scattered(i);
            expect_ok(kdst_gather(x, axis == 2 ? -1 : axis, i, &y));
            expect_shape(y, 3, shape);
            expect_close(y, expected);
            free(v);
            kdst_tensor *all[] = {x, i, y};
            release_all(all, 3);
        }
    }
}
END_TEST

START_TEST(test_gather_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *i = NULL, *flat = from_labels(2, (int32_t[]){0, 1}), *y = x;
    int64_t shape[] = {2, 2};
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 2, shape, (int32_t[]){0, 1, 2, 0}, &i));
    expect_failure(
        kdst_gather(x, 0, i, &y), KDST_STATUS_INVALID_ARGUMENT,
        "gather: index 2 at position [1, 0], allowed is 0 to 1");
    ck_assert_ptr_null(y);
    expect_failure(kdst_gather(x, 0, flat, &y), KDST_STATUS_SHAPE, "indices are [2], x is [2, 3]");
    kdst_tensor *narrow = filled(F32, SHAPE(1, 3), 2), *none = filled(F32, SHAPE(2, 0), 3);
    expect_failure(kdst_gather(narrow, 1, i, &y), KDST_STATUS_SHAPE, "indices are [2, 2], x is [1, 3]");
    expect_failure(kdst_gather(none, 1, i, &y), KDST_STATUS_INVALID_ARGUMENT, "the axis has size 0");
    expect_failure(kdst_gather(x, 2, i, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 2");
    expect_failure(kdst_gather(x, 0, x, &y), KDST_STATUS_DTYPE, "indices are float32");
    expect_failure(kdst_gather(x, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_gather(NULL, 0, i, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {x, i, flat, narrow, none};
    release_all(all, 5);
}
END_TEST

START_TEST(test_one_hot)
{
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    kdst_tensor *labels = NULL, *y = NULL, *scalar = NULL, *none = from_labels(0, (int32_t[]){0});
    double expected[24] = {0};
    int32_t values[] = {3, 0, 1, 1, 2, 3};
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 2, (int64_t[]){2, 3}, values, &labels));
    labels = scattered(labels);
    for (int i = 0; i < 6; i++)
        expected[i * 4 + values[i]] = 1;
    expect_ok(kdst_one_hot(labels, 4, dtype, &y));
    ck_assert_int_eq(kdst_tensor_get_dtype(y), dtype);
    expect_shape(y, SHAPE(2, 3, 4));
    expect_close(y, expected);
    kdst_tensor_release(y);
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 0, NULL, values, &scalar));
    expect_ok(kdst_one_hot(scalar, 5, dtype, &y));
    expect_close(y, (double[]){0, 0, 0, 1, 0});
    kdst_tensor_release(y);
    expect_ok(kdst_one_hot(none, 5, dtype, &y));
    expect_shape(y, SHAPE(0, 5));
    kdst_tensor *all[] = {labels, y, scalar, none};
    release_all(all, 4);
}
END_TEST

START_TEST(test_one_hot_bad_input)
{
    kdst_tensor *labels = from_labels(3, (int32_t[]){0, 4, 1}), *low = from_labels(1, (int32_t[]){-2}), *deep = NULL,
                *x = filled(F32, SHAPE(2), 1), *y = x;
    expect_failure(
        kdst_one_hot(labels, 4, F32, &y), KDST_STATUS_INVALID_ARGUMENT,
        "one_hot: index 4 at position 1, allowed is 0 to 3");
    ck_assert_ptr_null(y);
    expect_failure(kdst_one_hot(low, 4, F32, &y), KDST_STATUS_INVALID_ARGUMENT, "index -2 at position 0");
    expect_failure(kdst_one_hot(labels, 0, F32, &y), KDST_STATUS_INVALID_ARGUMENT, "classes is 0");
    expect_failure(kdst_one_hot(labels, INT64_MAX, F32, &y), KDST_STATUS_SHAPE, "too large");
    expect_failure(kdst_one_hot(labels, 5, 0, &y), KDST_STATUS_DTYPE, "dtype is 0");
    expect_failure(kdst_one_hot(labels, 5, 77, &y), KDST_STATUS_DTYPE, "dtype is 77");
    expect_failure(kdst_one_hot(x, 5, F32, &y), KDST_STATUS_DTYPE, "float32");
    expect_ok(kdst_reshape(low, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), &deep));
    expect_failure(kdst_one_hot(deep, 5, F32, &y), KDST_STATUS_SHAPE, "rank 8");
    ck_assert_int_eq(kdst_one_hot(NULL, 5, F32, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {labels, low, deep, x};
    release_all(all, 4);
}
END_TEST

static kdst_status encode(kdst_context *in, void *arg)
{
    kdst_tensor *labels = NULL, *y = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(in, KDST_DTYPE_INT32, 1, (int64_t[]){3}, &labels);
    if (status == KDST_STATUS_OK) status = kdst_one_hot(labels, 4, F64, &y);
    kdst_tensor_release(y);
    kdst_tensor_release(labels);
    return status;
}

static kdst_status cut(kdst_context *in, void *arg)
{
    kdst_tensor *x = NULL, *parts[4] = {NULL};
    (void)arg;
    kdst_status status = kdst_tensor_create(in, F64, 1, (int64_t[]){9}, &x);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_requires_grad(x, 1);
    if (status == KDST_STATUS_OK) status = kdst_split(x, 0, (int64_t[]){1, 5, 2, 1}, 4, parts);
    for (int i = 0; i < 4; i++) {
        ck_assert((parts[i] == NULL) == (status != KDST_STATUS_OK));
        kdst_tensor_release(parts[i]);
    }
    kdst_tensor_release(x);
    return status;
}

/* A list too long for the arrays that most operations do with. */
static kdst_status join_twenty(kdst_context *in, void *arg)
{
    kdst_tensor *x = NULL, *list[20], *y = NULL;
    kdst_status status = kdst_tensor_create(in, F32, 1, (int64_t[]){3}, &x);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_requires_grad(x, 1);
    for (int i = 0; i < 20; i++)
        list[i] = x;
    if (status == KDST_STATUS_OK) status = *(int *)arg ? kdst_stack(list, 20, 1, &y) : kdst_concat(list, 20, 0, &y);
    if (status == KDST_STATUS_OK) status = kdst_backward(y, y, NULL);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_each_allocation)
{
    ck_assert_int_gt(each_allocation_fails(NULL, join_twenty, &_i), 10);
    ck_assert_int_gt(each_allocation_fails(NULL, encode, NULL), 5);
    ck_assert_int_gt(each_allocation_fails(NULL, cut, NULL), 8);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_concat_values, 0, 5);
    tcase_add_loop_test(tests, test_stack_values, 0, 5);
    tcase_add_test(tests, test_many);
    tcase_add_test(tests, test_the_same_twice);
    tcase_add_test(tests, test_empty);
    tcase_add_test(tests, test_join_bad_input);
    tcase_add_loop_test(tests, test_index_select_values, 0, 5);
    tcase_add_test(tests, test_index_select_adds_up);
    tcase_add_test(tests, test_index_select_bad_input);
    tcase_add_loop_test(tests, test_gather_values, 0, 5);
    tcase_add_test(tests, test_gather_bad_input);
    tcase_add_loop_test(tests, test_one_hot, 0, 5);
    tcase_add_test(tests, test_one_hot_bad_input);
    tcase_add_loop_test(tests, test_each_allocation, 0, 2);
}

int main(void)
{
    return run_suite("indexing", build);
}
