/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions along the middle axis and their gradients; places in order. */
#include "reference/reference.h"
#include "support.h"

static const char *const names[] = {"max", "min", "variance", "std", "logsumexp", "norm"};

/* Sums are taken in double: what is left is the rounding of the result, of the terms, and in the backward pass of y. */
static void check(int32_t op, double p, int64_t outer, int64_t n, int64_t inner, int seed)
{
    char what[96];
    const int64_t columns = outer * inner;
    array *x = seed % 2 ? early_array(columns * n, seed) : random_array(columns * n, seed);
    array *y = filled_array(columns, NAN), *dy = random_array(columns, 5), *dx = early_array(columns * n, 6);
    if (seed == 2) /* few values, so that there are ties, and shifted */
        for (int64_t i = 0; i < x->count; i++)
            set_element(x, i, 8 + floor(x->values[i] * 3));
    double *expected = numbers(columns), *bound = numbers(columns), *total = values_of(dx),
           *slope_bound = numbers(x->count);
    for (int64_t i = 0; i < x->count; i++)
        slope_bound[i] = fabs(total[i]);
    for (int64_t c = 0; c < columns; c++) {
        int64_t first = c / inner * n * inner + c % inner;
        expected[c] = reference_fold(op, p, n, inner, x->values + first);
        bound[c] = op < KDST__FOLD_VARIANCE ? 0
                                            : chain_bound(unit, 2 * EXP_UNITS + 4, fabs(expected[c]) + 1) +
                chain_bound(0x1p-53, 4 * (double)n, fabs(expected[c]));
        if (dtype == KDST__F64) bound[c] += chain_bound(0x1p-53, (double)n, 8 * (seed == 2) + fabs(expected[c]));
        reference_fold_backward(op, p, n, inner, x->values + first, dy->values[c], total + first);
        for (int64_t i = 0; i < n; i++)
            slope_bound[first + i * inner] += fabs(dy->values[c]) * (3 + 16 * (seed == 2 && dtype == KDST__F64));
    }
    for (int64_t i = 0; i < x->count; i++)
        slope_bound[i] = chain_bound(unit, 2 * EXP_UNITS + 8, slope_bound[i]) +
            (dtype == KDST__F64 ? chain_bound(unit, (double)n, slope_bound[i]) : 0);
    snprintf(what, sizeof what, "%s, [%lld, %lld, %lld]", names[op], (long long)outer, (long long)n, (long long)inner);
    kdst__fold(cp, dtype, op, p, outer, n, inner, x->data, y->data);
    expect_within(y, expected, bound, what);
    kdst__fold_backward(cp, dtype, op, p, outer, n, inner, x->data, y->data, dy->data, dx->data);
    expect_within(dx, total, slope_bound, what);
    drop_arrays();
}

START_TEST(shapes)
{
    begin(_i);
    static const int64_t lengths[] = {1, 2, 15, 16, 17, 33, 600}, inners[] = {1, 2, 63, 64, 65, 130};
    for (int32_t op = 0; op <= KDST__FOLD_NORM; op++)
        for (int l = 0; l < 7; l++)
            for (int k = 0; k < 6; k++)
                for (int seed = 1; seed <= 2; seed++) {
                    if (lengths[l] == 600 && inners[k] > 2) continue;
                    int64_t outer = k % 2 ? 3 : 1;
                    check(op, 0, outer, lengths[l], inners[k], seed);
                    if (lengths[l] > 1) check(op, 1, outer, lengths[l], inners[k], seed);
                }
    for (int32_t op = 0; op <= KDST__FOLD_NORM; op++)
        check(op, 1, 800, 50, 1, 1); /* several pieces */
}
END_TEST

START_TEST(nothing)
{
    begin(_i);
    for (int32_t op = 0; op <= KDST__FOLD_NORM; op++) {
        array *y = filled_array(3, 7);
        kdst__fold(cp, dtype, op, 0, 0, 5, 3, NULL, y->data);
        kdst__fold(cp, dtype, op, 0, 2, 5, 0, NULL, y->data);
        expect_equal(y, (double[]){7, 7, 7}, "no columns");
        if (op < KDST__FOLD_LOGSUMEXP) continue;
        kdst__fold(cp, dtype, op, 0, 1, 0, 3, y->data, y->data);
        const double value = op == KDST__FOLD_LOGSUMEXP ? -INFINITY : 0;
        expect_equal(y, (double[]){value, value, value}, "no rows");
        drop_arrays();
    }
}
END_TEST

/* NaN and infinities at each place of a row and of a column. */
START_TEST(special_numbers)
{
    begin(_i);
    static const double special[] = {NAN, INFINITY, -INFINITY};
    for (int32_t op = 0; op <= KDST__FOLD_NORM; op++)
        for (int s = 0; s < 3; s++)
            for (int64_t n = 1; n <= 35; n += 2)
                for (int64_t at = 0; at < n; at++)
                    for (int64_t inner = 1; inner <= 2; inner++) {
                        array *x = random_array(n * inner, 1), *y = filled_array(inner, 0);
                        set_element(x, at * inner, special[s]);
                        double expected[2], bound[2];
                        for (int64_t c = 0; c < inner; c++) {
                            expected[c] = reference_fold(op, 0, n, inner, x->values + c);
                            bound[c] = 1e-4;
                        }
                        kdst__fold(cp, dtype, op, 0, 1, n, inner, x->data, y->data);
                        expect_within(y, expected, bound, names[op]);
                        drop_arrays();
                    }
    array *low = filled_array(5, -INFINITY), *y = filled_array(1, 0);
    kdst__fold(cp, dtype, KDST__FOLD_LOGSUMEXP, 0, 1, 5, 1, low->data, y->data);
    expect_equal(y, (double[]){-INFINITY}, "logsumexp of -infinity alone");
}
END_TEST

/* Sums of squares of large numbers that are close together: the mean is taken off first. */
START_TEST(variance_of_large_numbers)
{
    begin(_i);
    enum { N = 40001 };
    array *x = filled_array(N, 0), *y = filled_array(1, 0);
    for (int64_t i = 0; i < N; i++)
        set_element(x, i, 1e6 + (double)(i % 2));
    double expected = reference_fold(KDST__FOLD_VARIANCE, 1, N, 1, x->values), bound = 1e-6;
    kdst__fold(cp, dtype, KDST__FOLD_VARIANCE, 1, 1, N, 1, x->data, y->data);
    expect_within(y, &expected, &bound, "variance");
}
END_TEST

/* Whether place a comes before place b, by the words of compute.h. */
static int before(const double *x, int64_t step, int largest, int nan_first, int64_t a, int64_t b)
{
    double p = x[a * step], q = x[b * step];
    if (isnan(p) != isnan(q)) return isnan(p) ? nan_first : !nan_first;
    if (isnan(p) || p == q) return a < b;
    return largest ? p > q : p < q;
}

static void check_rank(int64_t outer, int64_t n, int64_t k, int64_t inner, int kind)
{
    array *x = random_array(outer * n * inner, 1);
    int32_t *indices = malloc((size_t)(outer * k * inner + 1) * sizeof *indices);
    for (int64_t i = 0; i < x->count && kind > 0; i++) {
        double v = floor(x->values[i] * 4);
        set_element(x, i, kind == 2 && v == 2 ? NAN : kind == 2 && v == 1 ? INFINITY : v);
    }
    for (int mode = 0; mode < 4; mode++) {
        int largest = mode & 1, nan_first = mode >> 1;
        for (int64_t i = 0; i <= outer * k * inner; i++)
            indices[i] = -7;
        kdst__rank(cp, dtype, largest, nan_first, outer, n, k, inner, x->data, indices);
        ck_assert_int_eq(indices[outer * k * inner], -7);
        for (int64_t c = 0; c < outer * inner; c++) {
            const double *column = x->values + c / inner * n * inner + c % inner;
            const int32_t *places = indices + c / inner * k * inner + c % inner;
            for (int64_t i = 0; i < k; i++) {
                /* place i of the order: exactly i others come before it */
                int64_t earlier = 0;
                ck_assert(places[i * inner] >= 0 && places[i * inner] < n);
                for (int64_t a = 0; a < n; a++)
                    earlier +=
                        a != places[i * inner] && before(column, inner, largest, nan_first, a, places[i * inner]);
                if (earlier != i)
                    ck_abort_msg("n %d, k %d: place %d has %d before it", (int)n, (int)k, (int)i, (int)earlier);
            }
        }
    }
    free(indices);
    drop_arrays();
}

START_TEST(places)
{
    begin(_i);
    static const int64_t lengths[] = {1, 2, 3, 7, 40}, inners[] = {1, 3, 70};
    for (int l = 0; l < 5; l++)
        for (int i = 0; i < 3; i++)
            for (int kind = 0; kind < 3; kind++) {
                int64_t n = lengths[l];
                for (int64_t k = 0; k <= n; k += k < 4 || k + 12 > n ? 1 : 12)
                    check_rank(2, n, k, inners[i], kind);
            }
    check_rank(500, 60, 5, 1, 1);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, shapes, 0, configurations());
    tcase_add_loop_test(tests, nothing, 0, configurations());
    tcase_add_loop_test(tests, special_numbers, 0, configurations());
    tcase_add_loop_test(tests, variance_of_large_numbers, 0, configurations());
    tcase_add_loop_test(tests, places, 0, configurations());
}

int main(void)
{
    return run_compute_suite("fold", build);
}
