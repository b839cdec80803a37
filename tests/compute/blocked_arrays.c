/* SPDX-License-Identifier: Apache-2.0 */
/* See blocked_arrays.h. */
#include "blocked_arrays.h"

int blocked_configurations(void)
{
    return configurations() / 2;
}

void begin_blocked(int number)
{
    begin(2 * number);
    ck_assert_int_eq(kdst__blocked_width(cp), lanes);
}

int64_t blocked_place(int64_t c, int64_t s, int64_t i)
{
    int64_t image = i / (c * s), channel = i / s % c, blocks = (c + lanes - 1) / lanes;
    return ((image * blocks + channel / lanes) * s + i % s) * lanes + channel % lanes;
}

int64_t blocked_size(int64_t n, int64_t c, int64_t s)
{
    int64_t size = n * ((c + lanes - 1) / lanes * lanes) * s;
    ck_assert_int_eq(kdst__blocked_count(cp, n, c, s), size);
    return size;
}

array *blocked_array(int64_t n, int64_t c, int64_t s, const double *plain)
{
    array *a = filled_array(blocked_size(n, c, s), 0);
    for (int64_t i = 0; i < n * c * s; i++)
        set_element(a, blocked_place(c, s, i), plain[i]);
    return a;
}

array *blocked_space(int64_t n, int64_t c, int64_t s)
{
    return filled_array(blocked_size(n, c, s), NAN);
}

void expect_blocked(
    const array *a, int64_t n, int64_t c, int64_t s, const double *expected, const double *bound, const char *what)
{
    double *placed = numbers(a->count), *within = numbers(a->count);
    ck_assert_int_eq(a->count, blocked_size(n, c, s));
    for (int64_t i = 0; i < n * c * s; i++) {
        placed[blocked_place(c, s, i)] = expected[i];
        within[blocked_place(c, s, i)] = bound[i];
    }
    expect_within(a, placed, within, what);
}
