/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of pairs: terms, sums and derivatives of each kind, also weighted; equal pairs, targets of 0; threads. */
#include "reference/reference.h"
#include "support.h"

static const struct kind {
    int32_t kind;
    double parameter;
} kinds[] = {{KDST__L1, 0},        {KDST__MSE, 0}, {KDST__HUBER, 0.5}, {KDST__HUBER, 10}, {KDST__SMOOTH_L1, 0.5},
             {KDST__SMOOTH_L1, 0}, {KDST__BCE, 0}, {KDST__KL, 0},      {KDST__KL_LOG, 0}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Inputs to 4; targets are probabilities, some of them 0 or 1, or as they come; some pairs are equal. */
static void pairs(int64_t n, int32_t kind, array **x, array **t)
{
    *x = random_array(n, 1);
    *t = early_array(n, 2);
    for (int64_t i = 0; i < n; i++) {
        set_element(*x, i, 4 * (*x)->values[i]);
        if (kind == KDST__KL || kind == KDST__BCE) set_element(*t, i, 0.5 + 0.5 * (*t)->values[i]);
        if (i % 7 == 3) set_element(*t, i, 0);
        if (i % 7 == 5) set_element(*t, i, 1);
        if (i % 11 == 4 && kind < KDST__BCE) set_element(*t, i, (*x)->values[i]);
    }
}

/* All is computed in double, in some dozen roundings of numbers below 16, and then rounded to the type. */
static double bound_of(double expected, double weight)
{
    return chain_bound(unit, 1, fabs(expected)) + chain_bound(0x1p-53, 12, 16 * (1 + weight));
}

static void check(const struct kind *k, int64_t n, int weighted)
{
    array *x, *t, *w = random_array(n, 3), *v = random_array(n, 4), *dy = random_array(n, 5);
    array *y = filled_array(n, NAN), *dx = random_array(n, 6), *dt = random_array(n, 7);
    double *terms = numbers(n), *bound = numbers(n), *of_x = values_of(dx), *of_t = values_of(dt), *near_x = numbers(n),
           *near_t = numbers(n), sum = 0, sum_size = 0;
    char what[64];
    snprintf(what, sizeof what, "kind %d of %lld, weights %d", k->kind, (long long)n, weighted);
    pairs(n, k->kind, &x, &t);
    for (int64_t i = 0; i < n; i++) {
        double wi = weighted & 1 ? w->values[i] : 1, vi = weighted & 2 ? v->values[i] : 1;
        double g = weighted & 4 ? 0.3 * dy->values[i] : 0.3;
        terms[i] = reference_pair_loss(k->kind, k->parameter, x->values[i], t->values[i], wi, vi);
        bound[i] = bound_of(terms[i], 1);
        sum += terms[i];
        sum_size += fabs(terms[i]);
        of_x[i] += g * reference_pair_loss_slope(k->kind, k->parameter, x->values[i], t->values[i], wi, vi, 0);
        of_t[i] += g * reference_pair_loss_slope(k->kind, k->parameter, x->values[i], t->values[i], wi, vi, 1);
        near_x[i] = bound_of(of_x[i], fabs(g));
        near_t[i] = bound_of(of_t[i], fabs(g));
    }
    const kdst__pair_loss_data d = {k->kind,
                                    dtype,
                                    k->parameter,
                                    n,
                                    x->data,
                                    t->data,
                                    weighted & 1 ? w->data : NULL,
                                    weighted & 2 ? v->data : NULL};
    kdst__pair_loss(cp, &d, y->data);
    expect_within(y, terms, bound, what);
    double got = kdst__pair_loss(cp, &d, NULL);
    ck_assert_msg(
        fabs(got - sum) <= sum_bound(0x1p-53, (double)n + 12, sum_size + 16 * (double)n),
        "%s: the sum is %.17g, not %.17g", what, got, sum);
    double *none = values_of(dt);
    const void *g = weighted & 4 ? dy->data : NULL;
    kdst__pair_loss_backward(cp, &d, 0.3, g, dx->data, NULL);
    expect_within(dx, of_x, near_x, what);
    expect_equal(dt, none, what);
    kdst__pair_loss_backward(cp, &d, 0.3, g, NULL, dt->data);
    expect_within(dt, of_t, near_t, what);
    drop_arrays();
}

START_TEST(all_kinds)
{
    begin(_i % configurations());
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int i = 0; i < SIZES; i++)
        for (int weighted = 0; weighted < 8; weighted++)
            check(&kinds[_i / configurations()], sizes[i], weighted);
    check(&kinds[_i / configurations()], 20000, 0); /* several pieces */
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    enum { N = 70001 };
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int k = 0; k < KINDS; k++) {
        array *x, *t, *first[3] = {NULL};
        double sum = 0;
        pairs(N, kinds[k].kind, &x, &t);
        const kdst__pair_loss_data d = {kinds[k].kind, dtype, kinds[k].parameter, N, x->data, t->data, NULL, NULL};
        for (int i = 0; i < 3; i++) {
            array *out[3] = {filled_array(N, 0), filled_array(N, 0.1), filled_array(N, 0.1)};
            double own = kdst__pair_loss(all[i], &d, NULL);
            kdst__pair_loss(all[i], &d, out[0]->data);
            kdst__pair_loss_backward(all[i], &d, 0.7, NULL, out[1]->data, out[2]->data);
            if (!i) sum = own;
            ck_assert_msg(!memcmp(&own, &sum, sizeof sum), "the sum has other bits: %.17g, %.17g", own, sum);
            for (int a = 0; a < 3; a++) {
                if (i) expect_same_bits(out[a], first[a], "other threads");
                if (!i) first[a] = out[a];
            }
        }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_kinds, 0, KINDS * configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("pair_loss", build);
}
