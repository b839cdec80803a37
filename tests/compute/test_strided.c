/* SPDX-License-Identifier: Apache-2.0 */
/* Operations over strides: broadcasting, transposed and reversed operands, sums over any set of axes. */
#include "reference/reference.h"
#include "support.h"

typedef struct shape {
    int32_t rank;
    int64_t size[8];
} shape;

static const shape shapes[] = {
    {0, {0}},
    {1, {1}},
    {1, {37}},
    {2, {3, 5}},
    {2, {1, 40}},
    {2, {40, 1}},
    {3, {2, 3, 4}},
    {3, {4, 1, 33}},
    {4, {2, 3, 4, 5}},
    {4, {3, 1, 2, 1}},
    {2, {0, 4}},
    {2, {4, 0}},
    {3, {3, 90, 70}},
    {2, {70, 260}},
    {2, {2, 17000}},
    {2, {17000, 2}},
    {5, {2, 2, 1, 3, 7}},
    {8, {2, 1, 2, 2, 1, 2, 3, 2}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* An operand: its elements by strides from `first` on, which is not 0 where a stride is negative. */
typedef struct operand {
    array *a;
    int64_t stride[8], first;
} operand;

/* kind: 0 row-major, 1 column-major, 2 with gaps, 3 backwards; axes of `zeroed` are repeated. */
static operand make(const shape *s, int kind, uint32_t zeroed, int seed)
{
    operand o = {.first = 0};
    int64_t step = kind == 2 ? 2 : 1, count = 1;
    for (int32_t i = 0; i < s->rank; i++) {
        int32_t axis = kind == 1 ? i : s->rank - 1 - i;
        int repeated = zeroed >> axis & 1;
        o.stride[axis] = repeated ? 0 : kind == 3 ? -step : step;
        if (repeated) continue;
        if (kind == 3) o.first += step * (s->size[axis] > 0 ? s->size[axis] - 1 : 0);
        step *= (s->size[axis] > 0 ? s->size[axis] : 1) + (kind == 2);
        count = step;
    }
    o.a = seed % 2 ? early_array(count, seed) : random_array(count, seed);
    return o;
}

static const void *at(const operand *o)
{
    return kdst__at(dtype, o->a->data, o->first);
}

/* The result's other elements must stay as they are. */
static void check_binary(const shape *s, int32_t op, int kinds, uint32_t zero_a, uint32_t zero_b, int32_t accumulate)
{
    char what[96];
    operand a = make(s, kinds % 4, zero_a, 1), b = make(s, kinds / 4 % 4, zero_b, 2), y = make(s, kinds / 16 % 3, 0, 4);
    double *expected = values_of(y.a), *bound = numbers(y.a->count);
    for (int64_t i = 0; i < b.a->count; i++) /* no divisor near 0 */
        set_element(b.a, i, b.a->values[i] + (b.a->values[i] < 0 ? -0.5 : 0.5));
    reference_binary_strided(
        op, s->rank, s->size, a.a->values + a.first, a.stride, b.a->values + b.first, b.stride, accumulate,
        expected + y.first, y.stride);
    for (int64_t i = 0; i < y.a->count; i++)
        bound[i] = chain_bound(unit, 2, fabs(y.a->values[i]) + fabs(expected[i]) + 2);
    kdst__binary_strided(
        cp, dtype, op, s->rank, s->size, at(&a), a.stride, at(&b), b.stride, accumulate, (void *)(uintptr_t)at(&y),
        y.stride);
    snprintf(what, sizeof what, "operation %d, kinds %d, repeated %x %x", op, kinds, zero_a, zero_b);
    expect_within(y.a, expected, bound, what);
    drop_arrays();
}

START_TEST(binary)
{
    begin(_i % configurations());
    const shape *s = &shapes[_i / configurations()];
    int large = s->rank && s->size[0] * s->size[1] > 200;
    for (int kinds = 0; kinds < 48; kinds += large || s->rank == 8 ? 13 : 1) {
        check_binary(s, kinds % 4, kinds, 0, 0, kinds % 2);
        for (int32_t axis = 0; axis < s->rank; axis++) {
            check_binary(s, (kinds + axis) % 4, kinds, 1u << axis, 0, 0);
            check_binary(s, (kinds + axis) % 4, kinds, 0, 1u << axis, 1);
            check_binary(s, axis % 4, kinds, (1u << axis) - 1, ~((1u << axis) - 1), axis % 2);
        }
        check_binary(s, 2, kinds, 0xff, 0, 0);
        check_binary(s, 3, kinds, 0, 0xff, 0);
    }
}
END_TEST

START_TEST(copies)
{
    begin(_i % configurations());
    const shape *s = &shapes[_i / configurations()];
    int large = s->rank && s->size[0] * s->size[1] > 200;
    for (int kinds = 0; kinds < 12; kinds += large ? 5 : 1)
        for (int32_t axis = -1; axis < s->rank; axis++)
            for (int32_t accumulate = 0; accumulate < 2; accumulate++) {
                operand x = make(s, kinds % 4, axis < 0 ? 0 : 1u << axis, 1), y = make(s, kinds / 4, 0, 3);
                double alpha = kinds % 2 ? 1 : -0.75, *expected = values_of(y.a), *bound = numbers(y.a->count);
                reference_copy_strided(
                    s->rank, s->size, alpha, x.a->values + x.first, x.stride, accumulate, expected + y.first, y.stride);
                for (int64_t i = 0; i < y.a->count && accumulate; i++)
                    bound[i] = chain_bound(unit, 2, 2);
                for (int64_t i = 0; i < y.a->count && !accumulate; i++)
                    if (dtype == KDST__F32) expected[i] = (double)(float)expected[i];
                kdst__copy_strided(
                    cp, dtype, s->rank, s->size, alpha, at(&x), x.stride, accumulate, (void *)(uintptr_t)at(&y),
                    y.stride);
                expect_within(y.a, expected, bound, accumulate ? "copy, added" : "copy");
                drop_arrays();
            }
}
END_TEST

static void check_sum(const shape *s, int kinds, uint32_t summed, int32_t accumulate, double alpha)
{
    char what[96];
    operand x = make(s, kinds % 4, 0, 1), y = make(s, kinds / 4 % 3, summed, 3);
    double *expected = values_of(y.a), *size = numbers(y.a->count), terms = 1;
    for (int32_t axis = 0; axis < s->rank; axis++)
        if (summed >> axis & 1) terms *= (double)s->size[axis];
    reference_sum_strided(
        s->rank, s->size, alpha, x.a->values + x.first, x.stride, accumulate, expected + y.first, y.stride,
        size + y.first);
    for (int64_t i = 0; i < y.a->count; i++)
        size[i] = sum_bound(unit, terms < 512 ? terms + 2 : 512, size[i]);
    ck_assert_int_eq(
        kdst__sum_strided(
            cp, dtype, s->rank, s->size, alpha, at(&x), x.stride, accumulate, (void *)(uintptr_t)at(&y), y.stride),
        KDST_STATUS_OK);
    snprintf(what, sizeof what, "axes %x of rank %d, kinds %d, accumulate %d", summed, s->rank, kinds, accumulate);
    expect_within(y.a, expected, size, what);
    drop_arrays();
}

START_TEST(sums)
{
    begin(_i % configurations());
    const shape *s = &shapes[_i / configurations()];
    int large = s->rank && s->size[0] * s->size[1] > 200;
    for (uint32_t summed = 0; summed < 1u << s->rank; summed++)
        for (int kinds = 0; kinds < 12; kinds += large || s->rank == 8 ? 5 : 1)
            for (int32_t accumulate = 0; accumulate < 2; accumulate++)
                check_sum(s, kinds, summed, accumulate, kinds % 2 ? 1 : -0.3125);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, binary, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, copies, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, sums, 0, SHAPES * configurations());
}

int main(void)
{
    return run_compute_suite("strided", build);
}
