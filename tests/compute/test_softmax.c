/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, its logarithm and their gradients along the middle axis; the vector exponential they share. */
#include "reference/reference.h"
#include "support.h"

/* Half the smallest subnormal number is an error that no relative bound covers. */
static double tiny(void)
{
    return dtype == KDST__F32 ? 0x1p-149 : 0x1p-1074;
}

START_TEST(exponential)
{
    begin(_i);
    double low = dtype == KDST__F32 ? -105 : -747, high = dtype == KDST__F32 ? 89.5 : 710.5;
    enum { N = 20011 };
    array *x = filled_array(N, 0), *y = filled_array(N, NAN);
    double *expected = numbers(N), *bound = numbers(N),
           most = dtype == KDST__F32 ? 3.4028235677973366e38 : 1.7976931348623157e308;
    for (int64_t i = 0; i < N; i++) {
        set_element(x, i, low + (high - low) * (double)i / (N - 1));
        expected[i] = exp(x->values[i]);
        if (expected[i] > most) expected[i] = INFINITY;
        bound[i] = EXP_UNITS * 2 * unit * expected[i] + tiny();
    }
    KDST__CALL(cp, dtype, exp, N, x->data, y->data);
    for (int64_t i = 0; i < N; i++) /* next to overflow either side of it is right */
        if (fabs(expected[i] - most) < most * 1e-5) expected[i] = element(y, i);
    expect_within(y, expected, bound, "exp");
    const double special[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1e30, -1e30, 1, -1};
    const double results[] = {1, 1, INFINITY, 0, NAN, INFINITY, 0, 2.718281828459045, 0.36787944117144233};
    for (int64_t n = 1; n <= 9; n++) {
        double near[9];
        array *sx = array_of(n, special), *sy = filled_array(n, -1);
        for (int64_t i = 0; i < n; i++)
            near[i] = isfinite(results[i]) ? EXP_UNITS * 2 * unit * results[i] : 0;
        KDST__CALL(cp, dtype, exp, n, sx->data, sy->data);
        expect_within(sy, results, near, "exp of special numbers");
    }
}
END_TEST

/* Rows of numbers spread over `scale`, some of them -infinity. */
static array *logits(int64_t outer, int64_t n, int64_t inner, double scale, int seed)
{
    array *x = seed % 2 ? early_array(outer * n * inner, seed) : random_array(outer * n * inner, seed);
    for (int64_t i = 0; i < x->count; i++) {
        set_element(x, i, x->values[i] * scale);
        if (seed == 3 && n > 2 && i / inner % n && i % 3 == 0) set_element(x, i, -INFINITY);
    }
    return x;
}

/* Relative error of y = e / sum e: x - max is rounded, and in the exponent that is |x - max| u; the sum has n terms. */
static double relative(double x, double largest, double n)
{
    return chain_bound(unit, 2 * EXP_UNITS + 4, 1) + sum_bound(unit, n, 1) +
        2 * unit * (isfinite(x) ? largest - x : 0) + 2 * unit * fabs(largest);
}

static void check_forward(int64_t outer, int64_t n, int64_t inner, double scale, int seed)
{
    char what[96];
    array *x = logits(outer, n, inner, scale, seed), *y = filled_array(x->count, NAN), *l = filled_array(x->count, NAN);
    double *p = numbers(x->count), *q = numbers(x->count), *p_bound = numbers(x->count), *q_bound = numbers(x->count);
    reference_softmax(outer, n, inner, x->values, p);
    reference_log_softmax(outer, n, inner, x->values, q);
    for (int64_t i = 0; i < x->count; i++) {
        double r = relative(x->values[i], scale, (double)n);
        p_bound[i] = p[i] * r + 2 * tiny();
        q_bound[i] = chain_bound(unit, 3, isfinite(q[i]) ? fabs(q[i]) + fabs(x->values[i]) : 0) + r;
    }
    snprintf(what, sizeof what, "[%lld, %lld, %lld] over %g", (long long)outer, (long long)n, (long long)inner, scale);
    kdst__softmax(cp, dtype, outer, n, inner, x->data, y->data);
    expect_within(y, p, p_bound, what);
    kdst__log_softmax(cp, dtype, outer, n, inner, x->data, l->data);
    expect_within(l, q, q_bound, what);
    drop_arrays();
}

static void check_backward(int64_t outer, int64_t n, int64_t inner)
{
    char what[96];
    int64_t count = outer * n * inner;
    array *x = logits(outer, n, inner, 2, 1), *p = random_array(count, 1), *q = random_array(count, 1);
    array *dy = early_array(count, 5), *dx = random_array(count, 6), *dl = random_array(count, 6);
    double *wide = numbers(count), *want = values_of(dx), *want_l = values_of(dl), *size = numbers(count),
           *size_l = numbers(count);
    reference_softmax(outer, n, inner, x->values, wide);
    for (int64_t i = 0; i < count; i++)
        set_element(p, i, wide[i]);
    reference_log_softmax(outer, n, inner, x->values, wide);
    for (int64_t i = 0; i < count; i++)
        set_element(q, i, wide[i]);
    reference_softmax_backward(outer, n, inner, p->values, dy->values, want, size);
    reference_log_softmax_backward(outer, n, inner, q->values, dy->values, want_l, size_l);
    for (int64_t i = 0; i < count; i++) {
        size[i] = sum_bound(unit, (double)n + 4, size[i]);
        size_l[i] = sum_bound(unit, (double)n + 2 * EXP_UNITS + 4, size_l[i]);
    }
    snprintf(what, sizeof what, "backward, [%lld, %lld, %lld]", (long long)outer, (long long)n, (long long)inner);
    kdst__softmax_backward(cp, dtype, outer, n, inner, p->data, dy->data, dx->data);
    expect_within(dx, want, size, what);
    kdst__log_softmax_backward(cp, dtype, outer, n, inner, q->data, dy->data, dl->data);
    expect_within(dl, want_l, size_l, what);
    drop_arrays();
}

START_TEST(shapes)
{
    begin(_i);
    int64_t sizes[SIZES];
    const int64_t inners[] = {0, 1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes + 3};
    sizes_around(lanes, sizes);
    for (int i = 0; i < SIZES; i++)
        for (int k = 0; k < 7; k++)
            for (int64_t outer = 0; outer <= 3; outer += outer == 1 ? 2 : 1) {
                if (sizes[i] > 500 && inners[k] > 2) continue;
                for (int seed = 1; seed <= 3; seed++)
                    check_forward(outer, sizes[i], inners[k], seed == 1 ? 1 : 30, seed);
                check_backward(outer, sizes[i], inners[k]);
            }
    check_forward(900, 10, 1, 5, 1); /* several pieces */
    check_backward(900, 10, 1);
    check_forward(7, 1000, 1, 1e4, 2);
}
END_TEST

/* Rows [n] of each kind against the formula's value, side by side with rows that are as usual. */
START_TEST(special_rows)
{
    begin(_i);
    for (int64_t n = 1; n <= 2 * lanes + 3; n++)
        for (int kind = 0; kind < 5; kind++) {
            array *x = logits(3, n, 1, 1, 1), *y = filled_array(3 * n, 7), *l = filled_array(3 * n, 7);
            for (int64_t i = 0; i < n; i++) {
                double value = kind == 0 ? -INFINITY : kind == 1 ? 4 : x->values[n + i];
                if (kind == 2 && i == n / 2) value = NAN;
                if (kind == 3 && i == n - 1) value = INFINITY;
                if (kind == 4) value = i == n / 3 ? 1e30 : -1e30;
                set_element(x, n + i, value);
            }
            kdst__softmax(cp, dtype, 3, n, 1, x->data, y->data);
            kdst__log_softmax(cp, dtype, 3, n, 1, x->data, l->data);
            for (int64_t i = 0; i < 3 * n; i++) {
                double p = element(y, i), q = element(l, i), share = 1 / (double)n;
                if (i / n != 1)
                    ck_assert_msg(p > 0 && p <= 1 && q <= 0, "kind %d: a neighbour is %g, %g", kind, p, q);
                else if (kind == 1)
                    ck_assert(fabs(p - share) <= sum_bound(unit, (double)n, share) && fabs(q - log(share)) <= 1e-5);
                else if (kind == 4)
                    ck_assert_msg(p == (i - n == n / 3) && (p == 1 ? q == 0 : q < -1e30), "row of one: %g, %g", p, q);
                else
                    ck_assert_msg(
                        isnan(p) && isnan(q), "kind %d of %d: element %d is %g, %g", kind, (int)n, (int)i, p, q);
            }
            drop_arrays();
        }
}
END_TEST

/* The error stays that of a block of 512 elements: added up one by one, sums of so many would lose 4 digits of 7. */
START_TEST(long_rows)
{
    begin(_i);
    enum { N = 300000 };
    for (int64_t inner = 1; inner <= 2; inner++) {
        array *x = filled_array(N * inner, -2.3), *y = filled_array(x->count, NAN), *l = filled_array(x->count, NAN);
        double *p = numbers(x->count), *q = numbers(x->count), *p_bound = numbers(x->count),
               *q_bound = numbers(x->count);
        double terms = 512 / (inner == 1 ? (double)lanes : 1) + 2 * EXP_UNITS + 4;
        set_element(x, N / 2, 0); /* the others are 0.1 of it: each sum is rounded to the same side for a long time */
        set_element(x, x->count - 1, 0);
        reference_softmax(1, N, inner, x->values, p);
        reference_log_softmax(1, N, inner, x->values, q);
        for (int64_t i = 0; i < x->count; i++) {
            p_bound[i] = sum_bound(unit, terms, p[i]) / 2 + chain_bound(0x1p-53, N, p[i]);
            q_bound[i] = p_bound[i] / p[i] + chain_bound(unit, 3, fabs(q[i]));
        }
        kdst__softmax(cp, dtype, 1, N, inner, x->data, y->data);
        expect_within(y, p, p_bound, "softmax of a long row");
        kdst__log_softmax(cp, dtype, 1, N, inner, x->data, l->data);
        expect_within(l, q, q_bound, "log_softmax of a long row");
        drop_arrays();
    }
}
END_TEST

/* Loss and gradient of rows, against the logarithm; the gradient may be left out; threads do not matter. */
static void check_cross_entropy(int64_t n, int64_t k, double scale)
{
    array *x = logits(n, k, 1, scale, 2), *g = filled_array(n * k, NAN), *other = filled_array(n * k, NAN);
    double *l = numbers(n * k), *expected = numbers(n * k), *bound = numbers(n * k), loss = 0, error = 0;
    int32_t *labels = calloc((size_t)n + 1, sizeof *labels);
    reference_log_softmax(n, k, 1, x->values, l);
    for (int64_t r = 0; r < n; r++) {
        labels[r] = (int32_t)((7 * r + 3) % k);
        loss -= l[r * k + labels[r]];
        error += relative(x->values[r * k + labels[r]], scale, (double)k) + 1e-12 * fabs(l[r * k + labels[r]]);
    }
    for (int64_t i = 0; i < n * k; i++) {
        int is = i % k == labels[i / k];
        expected[i] = exp(l[i]) - is;
        bound[i] = exp(l[i]) * relative(x->values[i], scale, (double)k) + 2 * tiny() + is * unit;
    }
    double sum = kdst__cross_entropy(cp, dtype, n, k, x->data, labels, g->data);
    expect_within(g, expected, bound, "gradient of cross entropy");
    ck_assert_msg(fabs(sum - loss) <= error, "%lld x %lld: %.17g, expected %.17g", (long long)n, (long long)k, sum, loss);
    ck_assert(kdst__cross_entropy(cp, dtype, n, k, x->data, labels, NULL) == sum);
    ck_assert(kdst__cross_entropy(with_threads(1), dtype, n, k, x->data, labels, other->data) == sum);
    expect_same_bits(g, other, "threads");
    free(labels);
    drop_arrays();
}

START_TEST(cross_entropy)
{
    begin(_i);
    check_cross_entropy(0, 5, 3);
    check_cross_entropy(3, 1, 3);
    check_cross_entropy(128, 10, 3);
    check_cross_entropy(130, 100, 20);
    check_cross_entropy(9, 2 * lanes + 1, 80);
    check_cross_entropy(2, 1100, 5);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, cross_entropy, 0, configurations());
    tcase_add_loop_test(tests, long_rows, 0, configurations());
    tcase_add_loop_test(tests, exponential, 0, configurations());
    tcase_add_loop_test(tests, shapes, 0, configurations());
    tcase_add_loop_test(tests, special_rows, 0, configurations());
}

int main(void)
{
    return run_compute_suite("softmax", build);
}
