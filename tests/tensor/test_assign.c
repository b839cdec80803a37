/* SPDX-License-Identifier: Apache-2.0 */
/* Copying elements between tensors: every pair of types, strides, views that overlap. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

#define I32 KDST_DTYPE_INT32
#define U8 KDST_DTYPE_UINT8
#define BOOL KDST_DTYPE_BOOL

/* A value in one type and what it is in each, float32 first: truncation towards zero, saturation, comparison with 0. */
typedef struct conversion {
    kdst_dtype from;
    double value, as[5];
} conversion;

#define FAR 16777217.0 /* 2^24 + 1, which float32 rounds to 2^24 */

static const conversion conversions[] = {
    {F64, 0, {0, 0, 0, 0, 0}},
    {F64, -0.0, {-0.0, -0.0, 0, 0, 0}},
    {F64, 0.1, {0.1f, 0.1, 0, 0, 1}},
    {F64, 1e-300, {0, 1e-300, 0, 0, 1}},
    {F64, 2.999, {2.999f, 2.999, 2, 2, 1}},
    {F64, -2.999, {-2.999f, -2.999, -2, 0, 1}},
    {F64, 255.99, {255.99f, 255.99, 255, 255, 1}},
    {F64, 256, {256, 256, 256, 255, 1}},
    {F64, FAR, {16777216, FAR, 16777217, 255, 1}},
    {F64, 2147483647.9, {2147483648.0, 2147483647.9, 2147483647, 255, 1}},
    {F64, 1e300, {INFINITY, 1e300, 2147483647, 255, 1}},
    {F64, -2147483648.9, {-2147483648.0, -2147483648.9, -2147483648.0, 0, 1}},
    {F64, -1e10, {-1e10, -1e10, -2147483648.0, 0, 1}},
    {F64, INFINITY, {INFINITY, INFINITY, 2147483647, 255, 1}},
    {F64, -INFINITY, {-INFINITY, -INFINITY, -2147483648.0, 0, 1}},
    {F64, NAN, {NAN, NAN, 0, 0, 1}},
    {F32, -1.5, {-1.5, -1.5, -1, 0, 1}},
    {F32, 0.1f, {0.1f, 0.1f, 0, 0, 1}},
    {F32, 3e9f, {3e9f, 3e9f, 2147483647, 255, 1}},
    {F32, NAN, {NAN, NAN, 0, 0, 1}},
    {I32, 2147483647, {2147483648.0, 2147483647, 2147483647, 255, 1}},
    {I32, -2147483648.0, {-2147483648.0, -2147483648.0, -2147483648.0, 0, 1}},
    {I32, FAR, {16777216, FAR, FAR, 255, 1}},
    {I32, -1, {-1, -1, -1, 0, 1}},
    {I32, 256, {256, 256, 256, 255, 1}},
    {U8, 0, {0, 0, 0, 0, 0}},
    {U8, 255, {255, 255, 255, 255, 1}},
    {BOOL, 0, {0, 0, 0, 0, 0}},
    {BOOL, 1, {1, 1, 1, 1, 1}},
};
enum { CONVERSIONS = sizeof conversions / sizeof *conversions };

static kdst_tensor *one(kdst_dtype dtype, double value)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create(ctx, dtype, SHAPE(1), &t));
    expect_ok(kdst_tensor_set_value(t, value));
    return t;
}

START_TEST(every_conversion)
{
    const conversion *c = &conversions[_i];
    kdst_tensor *from = one(c->from, c->value);
    for (kdst_dtype to = F32; to <= BOOL; to++) {
        kdst_tensor *set = one(to, 1), *copy = NULL;
        double got[2];
        expect_ok(kdst_tensor_set(set, from));
        expect_ok(kdst_tensor_copy(from, to, &copy));
        ck_assert_int_eq(kdst_tensor_get_dtype(copy), to);
        expect_ok(kdst_tensor_get_value(set, &got[0]));
        expect_ok(kdst_tensor_get_value(copy, &got[1]));
        for (int i = 0; i < 2; i++)
            ck_assert_msg(
                isnan(c->as[to - 1]) ? isnan(got[i])
                                     : got[i] == c->as[to - 1] && !signbit(got[i]) == !signbit(c->as[to - 1]),
                "%s %.17g to %s gives %.17g, expected %.17g", kdst_dtype_get_name(c->from), c->value,
                kdst_dtype_get_name(to), got[i], c->as[to - 1]);
        kdst_tensor_release(copy);
        kdst_tensor_release(set);
    }
    kdst_tensor_release(from);
}
END_TEST

/* Element i of a tensor counts in row-major order, whatever the layouts: five kinds of them on either side. */
static kdst_tensor *laid_out(kdst_dtype dtype, int kind, const double *values)
{
    static const int64_t shape[] = {3, 1, 4, 2};
    kdst_tensor *t = NULL, *wide = NULL, *part = NULL;
    expect_ok(kdst_tensor_create(ctx, dtype, 4, kind == 2 ? (int64_t[]){3, 1, 8, 2} : shape, &wide));
    switch (kind) {
    case 1: /* last two axes exchanged in memory */
        kdst_tensor_release(wide);
        expect_ok(kdst_tensor_create(ctx, dtype, SHAPE(3, 1, 2, 4), &wide));
        expect_ok(kdst_transpose(wide, 2, 3, &t));
        break;
    case 2: /* every second of 8 */
        expect_ok(kdst_slice(wide, 2, 1, 8, 2, &t));
        break;
    case 3: /* first and last axis exchanged */
        kdst_tensor_release(wide);
        expect_ok(kdst_tensor_create(ctx, dtype, SHAPE(2, 1, 4, 3), &wide));
        expect_ok(kdst_transpose(wide, 0, 3, &t));
        break;
    case 4: /* a part of a larger one */
        kdst_tensor_release(wide);
        expect_ok(kdst_tensor_create(ctx, dtype, SHAPE(5, 1, 4, 3), &wide));
        expect_ok(kdst_slice(wide, 0, 1, 4, 1, &part));
        expect_ok(kdst_slice(part, 3, 1, 3, 1, &t));
        break;
    default:
        kdst_tensor_retain(t = wide);
    }
    if (values != NULL) {
        kdst_tensor *plain = from_doubles(dtype, 4, shape, values);
        double bytes[24];
        int64_t size = 24 * kdst_dtype_get_size(dtype);
        expect_ok(kdst_tensor_get_data(plain, bytes, size));
        expect_ok(kdst_tensor_set_data(t, bytes, size));
        kdst_tensor_release(plain);
    }
    kdst_tensor_release(part);
    kdst_tensor_release(wide);
    return t;
}

START_TEST(every_layout)
{
    double values[24];
    kdst_dtype types[][2] = {{F32, F32}, {F64, F32}, {U8, U8}, {U8, F64}, {I32, U8}};
    for (int i = 0; i < 24; i++)
        values[i] = 3 * i + 1;
    for (int from = 0; from < 5; from++)
        for (int pair = 0; pair < 5; pair++) {
            kdst_tensor *x = laid_out(types[pair][0], from, values), *y = laid_out(types[pair][1], _i, NULL),
                        *copy = NULL;
            expect_close(x, values);
            expect_ok(kdst_tensor_set(y, x));
            expect_close(y, values);
            expect_ok(kdst_tensor_copy(x, types[pair][1], &copy));
            expect_close(copy, values);
            ck_assert_int_eq(kdst_tensor_get_stride(copy, 0), 8);
            kdst_tensor_release(copy);
            kdst_tensor_release(y);
            kdst_tensor_release(x);
        }
}
END_TEST

/* What lies between the elements of a view keeps its value. */
START_TEST(gaps_are_left_alone)
{
    kdst_tensor *t = filled(F64, SHAPE(3, 4), 5), *odd = NULL, *ones = NULL;
    double *before = doubles(t), *after;
    expect_ok(kdst_slice(t, 1, 1, 4, 2, &odd));
    expect_ok(kdst_tensor_create(ctx, U8, SHAPE(3, 2), &ones));
    expect_ok(kdst_tensor_set_value(ones, 1));
    expect_ok(kdst_tensor_set(odd, ones));
    after = doubles(t);
    for (int i = 0; i < 12; i++)
        ck_assert_double_eq(after[i], i % 2 ? 1 : before[i]);
    free(after);
    free(before);
    kdst_tensor_release(ones);
    kdst_tensor_release(odd);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(overlapping_views)
{
    double line[10], square[9];
    kdst_tensor *t = NULL, *head = NULL, *tail = NULL, *s = NULL, *turned = NULL;
    for (int i = 0; i < 10; i++)
        line[i] = i;
    for (int i = 0; i < 9; i++)
        square[i] = i;
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(10), NULL, line, NULL, NULL, &t));
    expect_ok(kdst_slice(t, 0, 0, 9, 1, &head));
    expect_ok(kdst_slice(t, 0, 1, 10, 1, &tail));
    expect_ok(kdst_tensor_set(tail, head));
    for (int i = 0; i < 10; i++)
        ck_assert_double_eq(line[i], i == 0 ? 0 : i - 1);
    expect_ok(kdst_tensor_set(head, tail));
    for (int i = 0; i < 10; i++)
        ck_assert_double_eq(line[i], i < 9 ? i : 8);
    expect_ok(kdst_tensor_set(t, t));
    ck_assert_double_eq(line[3], 3);
    expect_ok(kdst_tensor_create_foreign(ctx, F64, SHAPE(3, 3), NULL, square, NULL, NULL, &s));
    expect_ok(kdst_transpose(s, 0, 1, &turned));
    expect_ok(kdst_tensor_set(s, turned));
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq(square[i], i % 3 * 3 + i / 3);
    kdst_tensor_release(turned);
    kdst_tensor_release(s);
    kdst_tensor_release(tail);
    kdst_tensor_release(head);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(copies_share_nothing_and_are_not_recorded)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 2), 1), *y = NULL, *copy = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_mul(x, x, &y));
    expect_ok(kdst_tensor_copy(y, 0, &copy));
    ck_assert_int_eq(kdst_tensor_get_dtype(copy), F32);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(copy), 0);
    double *before = doubles(y), *after;
    expect_ok(kdst_tensor_set_value(copy, 9));
    after = doubles(y);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(after[i], before[i]);
    free(after);
    free(before);
    kdst_tensor_release(copy);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(empty_and_scalar)
{
    kdst_tensor *none = filled(F32, SHAPE(0, 3), 1), *other = filled(F64, SHAPE(0, 3), 1), *copy = NULL;
    expect_ok(kdst_tensor_set(none, other));
    expect_ok(kdst_tensor_copy(none, U8, &copy));
    expect_shape(copy, SHAPE(0, 3));
    kdst_tensor_release(copy);
    kdst_tensor_release(other);
    kdst_tensor_release(none);
    kdst_tensor *a = filled(F64, 0, NULL, 3), *b = filled(F32, 0, NULL, 4);
    expect_ok(kdst_tensor_set(b, a));
    expect_close(b, (double[]){number(0, 3)});
    kdst_tensor_release(b);
    kdst_tensor_release(a);
}
END_TEST

START_TEST(bad_arguments)
{
    kdst_context *other = context_with_threads(1);
    kdst_tensor *a = filled(F32, SHAPE(2, 3), 1), *b = filled(F32, SHAPE(3, 2), 2), *copy = (kdst_tensor *)&copy;
    kdst_tensor *c = filled_in(other, F32, SHAPE(2, 3), 1);
    double *before = doubles(a), *after;
    expect_failure(kdst_tensor_set(a, b), KDST_STATUS_SHAPE, "the source is [3, 2], the destination [2, 3]");
    expect_failure(kdst_tensor_set(a, NULL), KDST_STATUS_INVALID_ARGUMENT, "source is NULL");
    expect_failure(kdst_tensor_set(a, c), KDST_STATUS_INVALID_ARGUMENT, "another context");
    ck_assert_int_eq(kdst_tensor_set(NULL, a), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_tensor_copy(a, 6, &copy), KDST_STATUS_DTYPE, "dtype is 6");
    ck_assert_ptr_null(copy);
    expect_failure(kdst_tensor_copy(a, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    copy = (kdst_tensor *)&copy;
    ck_assert_int_eq(kdst_tensor_copy(NULL, 0, &copy), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(copy);
    after = doubles(a);
    ck_assert_mem_eq(before, after, 6 * sizeof *after);
    free(after);
    free(before);
    kdst_tensor_release(c);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_context_release(other);
}
END_TEST

/* Overlapping views are copied through memory of their own: without it the destination stays as it was. */
static kdst_status shift(kdst_context *in, void *arg)
{
    double line[4] = {0, 1, 2, 3};
    kdst_tensor *t = NULL, *head = NULL, *tail = NULL, *copy = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create_foreign(in, F64, SHAPE(4), NULL, line, NULL, NULL, &t);
    if (!status) status = kdst_slice(t, 0, 0, 3, 1, &head);
    if (!status) status = kdst_slice(t, 0, 1, 4, 1, &tail);
    if (!status) {
        status = kdst_tensor_set(tail, head);
        ck_assert_double_eq(line[1], status ? 1 : 0);
        ck_assert_double_eq(line[3], status ? 3 : 2);
    }
    if (!status) status = kdst_tensor_copy(head, F32, &copy);
    kdst_tensor_release(copy);
    kdst_tensor_release(tail);
    kdst_tensor_release(head);
    kdst_tensor_release(t);
    return status;
}

START_TEST(each_allocation_of_a_copy)
{
    ck_assert_int_ge(each_allocation_fails(NULL, shift, NULL), 5);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, every_conversion, 0, CONVERSIONS);
    tcase_add_loop_test(tests, every_layout, 0, 5);
    tcase_add_test(tests, gaps_are_left_alone);
    tcase_add_test(tests, overlapping_views);
    tcase_add_test(tests, copies_share_nothing_and_are_not_recorded);
    tcase_add_test(tests, empty_and_scalar);
    tcase_add_test(tests, bad_arguments);
    tcase_add_test(tests, each_allocation_of_a_copy);
}

int main(void)
{
    return run_suite("assign", build);
}
