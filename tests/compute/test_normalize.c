/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors divided by their length, and back: rows and columns, vectors below eps with either gradient; threads. */
#include "reference/reference.h"
#include "support.h"

/* Every third vector is shorter than eps, and one of those is 0. */
static array *vectors(int64_t outer, int64_t n, int64_t inner, double eps)
{
    array *x = early_array(outer * n * inner, 1);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t v = i / (n * inner) * inner + i % inner;
        if (v % 3 == 1) set_element(x, i, v == 4 ? 0 : x->values[i] * eps / (2 * sqrt((double)n)));
    }
    return x;
}

static void check(int64_t outer, int64_t n, int64_t inner, int32_t null_gradient)
{
    const double eps = 0.01;
    char what[96];
    int64_t count = outer * inner;
    array *x = vectors(outer, n, inner, eps), *y = filled_array(x->count, NAN), *dy = random_array(x->count, 2);
    array *dx = random_array(x->count, 3);
    double *expected = numbers(x->count), *bound = numbers(x->count), *lengths = numbers(count), *got = numbers(count);
    double *slope = values_of(dx), *size = numbers(x->count);
    snprintf(
        what, sizeof what, "[%lld, %lld, %lld], below eps %d", (long long)outer, (long long)n, (long long)inner,
        null_gradient);
    reference_normalize(outer, n, inner, eps, x->values, expected, lengths);
    kdst__normalize(cp, dtype, outer, n, inner, eps, x->data, y->data, got);
    for (int64_t v = 0; v < count && n; v++)
        ck_assert_msg(
            fabs(got[v] - lengths[v]) <= sum_bound(0x1p-53, (double)n + 1, lengths[v]),
            "%s: length %lld is %.17g, not %.17g", what, (long long)v, got[v], lengths[v]);
    for (int64_t i = 0; i < x->count; i++)
        bound[i] = chain_bound(unit, 1, fabs(expected[i])) + sum_bound(0x1p-53, (double)n + 2, fabs(expected[i]));
    expect_within(y, expected, bound, what);
    for (int64_t i = 0; i < x->count; i++)
        size[i] = fabs(slope[i]);
    reference_normalize_backward(outer, n, inner, eps, null_gradient, values_of(y), dy->values, got, slope, size);
    for (int64_t i = 0; i < x->count; i++)
        size[i] = chain_bound(unit, 1, fabs(slope[i])) + sum_bound(0x1p-53, (double)n + 6, size[i]);
    kdst__normalize_backward(cp, dtype, outer, n, inner, eps, null_gradient, y->data, dy->data, got, dx->data);
    expect_within(dx, slope, size, what);
    drop_arrays();
}

START_TEST(all_sizes)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int i = 0; i < SIZES; i++)
        for (int32_t null_gradient = 0; null_gradient < 2; null_gradient++) {
            check(sizes[i] > 500 ? 2 : 7, sizes[i], 1, null_gradient);
            check(1, 3, sizes[i], null_gradient);
            check(2, sizes[i] > 500 ? 70 : sizes[i], 5, null_gradient);
            check(sizes[i], 4, 2, null_gradient);
            check(0, sizes[i], 3, null_gradient);
        }
    check(3, 20, 131, 1); /* more than a block of columns */
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    static const int64_t shapes[][3] = {{5000, 9, 1}, {3, 20, 700}, {40, 1000, 1}};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int which = 0; which < 3; which++) {
        const int64_t *s = shapes[which], count = s[0] * s[2];
        array *x = vectors(s[0], s[1], s[2], 0.01), *dy = random_array(x->count, 2), *first[2] = {NULL};
        double *lengths[3];
        for (int t = 0; t < 3; t++) {
            array *out[2] = {filled_array(x->count, 0), filled_array(x->count, 0.1)};
            lengths[t] = numbers(count);
            kdst__normalize(all[t], dtype, s[0], s[1], s[2], 0.01, x->data, out[0]->data, lengths[t]);
            kdst__normalize_backward(
                all[t], dtype, s[0], s[1], s[2], 0.01, 1, out[0]->data, dy->data, lengths[t], out[1]->data);
            ck_assert(!memcmp(lengths[t], lengths[0], (size_t)count * sizeof(double)));
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
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("normalize", build);
}
