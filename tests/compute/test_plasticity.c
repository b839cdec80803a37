/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of local learning against the formula: every kind of bounds, sizes around a vector, batches, silent rows; threads. */
#include "compute/plasticity.h"

#include "reference/reference.h"
#include "support.h"

/* Mostly zeros, as spikes are; `silent`: all of them. */
static array *sparse(int64_t count, int seed, int silent)
{
    array *x = early_array(count, seed);
    for (int64_t i = 0; i < count; i++)
        if (silent || i % 3 != seed % 3) set_element(x, i, 0);
    return x;
}

static void check(const kdst__plasticity *p, int64_t samples, int64_t m, int64_t n, int silent)
{
    char what[96];
    array *up_post = sparse(samples * m, 1, silent), *up_pre = random_array(samples * n, 2);
    array *down_post = sparse(samples * m, 3, silent), *down_pre = random_array(samples * n, 4);
    array *w = random_array(m * n, 5);
    double *expected = values_of(w), *bound = numbers(m * n);
    snprintf(
        what, sizeof what, "bounds %d, %lld samples, [%lld, %lld]", p->bounds, (long long)samples, (long long)m,
        (long long)n);
    reference_plasticity(
        p, samples, m, n, up_post->values, up_pre->values, down_post->values, down_pre->values, expected, bound);
    for (int64_t i = 0; i < m * n; i++)
        bound[i] = sum_bound(unit, 2 * (double)samples + 4, bound[i]);
    kdst__plasticity_step(
        cp, dtype, p, samples, m, n, up_post->data, up_pre->data, down_post->data, down_pre->data, w->data);
    expect_within(w, expected, bound, what);
    drop_arrays();
}

START_TEST(all_sizes)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int32_t bounds = KDST__BOUNDS_NONE; bounds <= KDST__BOUNDS_SOFT; bounds++) {
        const kdst__plasticity p = {0.3, 0.2, bounds, -0.5, 0.75};
        for (int i = 0; i < SIZES; i++)
            for (int silent = 0; silent < 2; silent++) {
                check(&p, 1, 5, sizes[i], silent);
                check(&p, 3, sizes[i] > 100 ? 2 : sizes[i], 7, silent);
            }
        check(&p, 0, 4, 9, 0);
        check(&p, 17, 3, 40, 0);
    }
}
END_TEST

/* A row without factors keeps its bits, whatever they are. */
START_TEST(silent_rows_stay)
{
    begin(_i);
    const kdst__plasticity p = {0.3, 0.2, KDST__BOUNDS_NONE, 0, 1};
    array *none = filled_array(4, 0), *pre = random_array(20, 1), *w = filled_array(80, INFINITY);
    double *before = values_of(w);
    kdst__plasticity_step(cp, dtype, &p, 1, 4, 20, none->data, pre->data, none->data, pre->data, w->data);
    expect_equal(w, before, "silent");
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    const kdst__plasticity p = {0.3, 0.2, KDST__BOUNDS_SOFT, -1, 1};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    array *up = sparse(2 * 300, 1, 0), *down = sparse(2 * 300, 3, 0), *pre = random_array(2 * 131, 2), *first = NULL;
    for (int t = 0; t < 3; t++) {
        array *w = random_array(300 * 131, 5);
        kdst__plasticity_step(all[t], dtype, &p, 2, 300, 131, up->data, pre->data, down->data, pre->data, w->data);
        if (t) expect_same_bits(w, first, "other threads");
        if (!t) first = w;
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_sizes, 0, configurations());
    tcase_add_loop_test(tests, silent_rows_stay, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("plasticity", build);
}
