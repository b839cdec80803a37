/* SPDX-License-Identifier: Apache-2.0 */
/* Elements by an index each: every axis, results shorter than the input, indices that repeat, bytes, threads. */
#include "reference/reference.h"
#include "support.h"

enum { MOST = 400000 };
static int32_t places[MOST];

static int64_t product(int32_t rank, const int64_t *sizes)
{
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++)
        count *= sizes[i];
    return count;
}

/* Some of one column name the same element. */
static void fill_places(const kdst__gather_shape *s)
{
    ck_assert_int_le(product(s->rank, s->y), MOST);
    for (int64_t i = 0; i < product(s->rank, s->y); i++)
        places[i] = (int32_t)(i * i % 1009 % s->x[s->axis]);
}

static void check(kdst__gather_shape s)
{
    char what[96];
    array *x = random_array(product(s.rank, s.x), 1), *y = filled_array(product(s.rank, s.y), NAN);
    array *dy = early_array(y->count, 2), *dx = random_array(x->count, 3);
    double *expected = numbers(y->count), *slope = values_of(dx), *bound = numbers(x->count);
    snprintf(
        what, sizeof what, "axis %d of %d, %lld from %lld", s.axis, s.rank, (long long)y->count, (long long)x->count);
    fill_places(&s);
    reference_gather(&s, places, x->values, expected);
    kdst__gather(cp, (int64_t)kdst__size_of(dtype), &s, places, x->data, y->data);
    expect_equal(y, expected, what);
    for (int64_t i = 0; i < x->count; i++)
        bound[i] = fabs(slope[i]);
    reference_gather_backward(&s, places, dy->values, slope, bound);
    for (int64_t i = 0; i < x->count; i++)
        bound[i] = sum_bound(unit, (double)s.y[s.axis] + 1, bound[i]);
    kdst__gather_backward(cp, dtype, &s, places, dy->data, dx->data);
    expect_within(dx, slope, bound, what);
    drop_arrays();
}

START_TEST(all_sizes)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int i = 0; i < SIZES; i++) {
        int64_t w = sizes[i];
        check((kdst__gather_shape){1, 0, {w + 1}, {w}});
        check((kdst__gather_shape){1, 0, {3}, {w}});
        check((kdst__gather_shape){2, 0, {4, w}, {6, w}});
        check((kdst__gather_shape){2, 1, {3, w + 1}, {3, 5}});
        check((kdst__gather_shape){2, 0, {4, w + 2}, {3, w}});   /* shorter behind the axis */
        check((kdst__gather_shape){3, 1, {3, 5, w}, {2, 4, w}}); /* and before it */
        check((kdst__gather_shape){4, 1, {2, 3, 4, w + 1}, {2, 7, 3, w}});
        check((kdst__gather_shape){4, 3, {2, 3, 2, w + 1}, {1, 2, 2, w}});
    }
}
END_TEST

START_TEST(bytes)
{
    begin(_i);
    const kdst__gather_shape s = {2, 1, {3, 5}, {2, 4}};
    uint8_t x[15], y[8];
    fill_places(&s);
    for (int i = 0; i < 15; i++)
        x[i] = (uint8_t)(11 * i);
    kdst__gather(cp, 1, &s, places, x, y);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(y[i], x[i / 4 * 5 + places[i]]);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    static const kdst__gather_shape shapes[] = {
        {3, 1, {40, 9, 70}, {40, 90, 70}}, {2, 0, {7, 3000}, {100, 3000}}, {2, 1, {300, 50}, {300, 900}}};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int which = 0; which < 3; which++) {
        const kdst__gather_shape *s = &shapes[which];
        array *x = random_array(product(s->rank, s->x), 1), *dy = random_array(product(s->rank, s->y), 2);
        array *first[2] = {NULL};
        fill_places(s);
        for (int t = 0; t < 3; t++) {
            array *out[2] = {filled_array(dy->count, 0), filled_array(x->count, 0.1)};
            kdst__gather(all[t], (int64_t)kdst__size_of(dtype), s, places, x->data, out[0]->data);
            kdst__gather_backward(all[t], dtype, s, places, dy->data, out[1]->data);
            for (int i = 0; i < 2; i++) {
                if (t) expect_same_bits(out[i], first[i], "other threads");
                if (!t) first[i] = out[i];
            }
        }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_sizes, 0, configurations());
    tcase_add_loop_test(tests, bytes, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("gather", build);
}
