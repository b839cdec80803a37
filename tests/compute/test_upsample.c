/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling and its gradient: larger, smaller, the same, factors, aligned corners, no memory. */
#include "reference/reference.h"
#include "support.h"

/* planes, H, W, P, Q; sizes whose ratios have no place next to a whole number but on it */
static const int64_t shapes[][5] = {{1, 1, 1, 1, 1}, {3, 2, 3, 4, 6},  {2, 5, 7, 3, 2},
                                    {2, 4, 4, 4, 4}, {1, 3, 1, 6, 5},  {0, 2, 2, 3, 3},
                                    {2, 4, 8, 1, 1}, {1, 2, 5, 9, 35}, {4, 1, 1, 3, 70}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void check(kdst__upsample_shape s)
{
    array *x = early_array(s.planes * s.h * s.w, 1), *y = filled_array(s.planes * s.p * s.q, NAN);
    array *dy = random_array(y->count, 2), *dx = random_array(x->count, 3);
    double *expected = numbers(y->count), *size = numbers(y->count), *slope = values_of(dx),
           *slope_size = numbers(x->count);
    reference_upsample2d(&s, 0, x->values, expected, size);
    ck_assert_int_eq(kdst__upsample2d(cp, dtype, &s, x->data, y->data), KDST_STATUS_OK);
    for (int64_t i = 0; i < y->count; i++)
        size[i] = s.bilinear ? chain_bound(unit, 6, size[i] + 1) : 0;
    expect_within(y, expected, size, "resampled");
    for (int64_t i = 0; i < x->count; i++)
        slope_size[i] = fabs(slope[i]);
    reference_upsample2d(&s, 1, dy->values, slope, slope_size);
    ck_assert_int_eq(kdst__upsample2d_backward(cp, dtype, &s, dy->data, dx->data), KDST_STATUS_OK);
    for (int64_t i = 0; i < x->count; i++)
        slope_size[i] = sum_bound(unit, (double)(s.p * s.q) + 6, slope_size[i] + 1);
    expect_within(dx, slope, slope_size, "resampled, backward");
    drop_arrays();
}

START_TEST(all_shapes)
{
    begin(_i % configurations());
    const int64_t *d = shapes[_i / configurations()];
    kdst__upsample_shape s = {.planes = d[0], .h = d[1], .w = d[2], .p = d[3], .q = d[4]};
    check(s);
    s.bilinear = 1;
    check(s);
    s.align_corners = 1;
    check(s);
}
END_TEST

START_TEST(factors)
{
    begin(_i);
    for (int bilinear = 0; bilinear < 2; bilinear++) {
        check((kdst__upsample_shape){2, 4, 5, 10, 12, bilinear, 0, {2.5, 2.5}});
        check((kdst__upsample_shape){1, 3, 7, 3, 4, bilinear, 0, {1.3, 0.7}});
    }
}
END_TEST

START_TEST(no_memory)
{
    begin(_i);
    kdst__memory *memory = kdst__compute_memory(cp);
    const kdst__upsample_shape s = {1, 2, 2, 3, 3, 1, 0, {0, 0}};
    array *x = random_array(4, 1), *y = filled_array(9, 7);
    double *before = values_of(y);
    kdst__memory_trim(memory);
    kdst__memory_set_limit(memory, kdst__memory_used(memory) + 1);
    ck_assert_int_eq(kdst__upsample2d(cp, dtype, &s, x->data, y->data), KDST_STATUS_OUT_OF_MEMORY);
    kdst__memory_set_limit(memory, 0);
    expect_equal(y, before, "after a refusal");
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_shapes, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, factors, 0, configurations());
    tcase_add_loop_test(tests, no_memory, 0, configurations());
}

int main(void)
{
    return run_compute_suite("upsample", build);
}
