/* SPDX-License-Identifier: Apache-2.0 */
/* The updates of SGD, Adam, AdamW and RMSprop, one step from any state, and many steps in a row. */
#include "reference/reference.h"
#include "support.h"

enum { MORE = 2 };

static int64_t size_at(int i)
{
    static const int64_t more[MORE] = {16384, 40001};
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    return i < SIZES ? sizes[i] : more[i - SIZES];
}

typedef struct sgd_case {
    double momentum, dampening, weight_decay;
    int32_t nesterov, first;
} sgd_case;

static const sgd_case sgd_cases[] = {
    {0, 0, 0, 0, 0},        {0, 0, 0.01, 0, 0},   {0.9, 0, 0, 0, 1}, {0.9, 0, 0, 0, 0}, {0.9, 0.5, 0.01, 0, 0},
    {0.9, 0.5, 0.01, 0, 1}, {0.9, 0, 0.01, 1, 0}, {0.9, 0, 0, 1, 1}, {0.5, 1, 0, 0, 0},
};

START_TEST(sgd)
{
    begin(_i);
    for (size_t t = 0; t < sizeof sgd_cases / sizeof *sgd_cases; t++)
        for (int i = 0; i < SIZES + MORE; i++) {
            const sgd_case *c = &sgd_cases[t];
            int64_t n = size_at(i);
            array *g = early_array(n, 1), *v = random_array(n, 2), *w = random_array(n, 3);
            double *want_v = values_of(v), *want_w = values_of(w), *v_bound = numbers(n), *w_bound = numbers(n);
            int moves = c->momentum > 0;
            for (int64_t k = 0; k < n; k++) {
                double size = fabs(g->values[k]) + c->weight_decay * fabs(w->values[k]) + fabs(v->values[k]);
                v_bound[k] = moves ? chain_bound(unit, 5, size) : 0;
                w_bound[k] = chain_bound(unit, 8, fabs(w->values[k]) + 0.3 * 2 * size);
                reference_sgd(
                    0.3, c->momentum, c->dampening, c->weight_decay, c->nesterov, c->first, g->values[k],
                    moves ? &want_v[k] : NULL, &want_w[k]);
                if (c->first) set_element(v, k, NAN); /* must not be read */
            }
            kdst__sgd(
                cp, dtype, n, 0.3, c->momentum, c->dampening, c->weight_decay, c->nesterov, c->first, g->data,
                moves ? v->data : NULL, w->data);
            expect_within(v, want_v, v_bound, "sgd, momentum");
            expect_within(w, want_w, w_bound, "sgd");
            drop_arrays();
        }
}
END_TEST

START_TEST(adam)
{
    begin(_i);
    static const struct {
        double beta1, beta2, eps, weight_decay;
        int64_t step;
    } cases[] = {
        {0.9, 0.999, 1e-8, 0, 1}, {0.9, 0.999, 1e-8, 0.01, 7}, {0, 0.5, 1e-3, 0, 1}, {0.8, 0.9, 0.1, 0.1, 100000}};
    for (size_t t = 0; t < 2 * (sizeof cases / sizeof *cases); t++)
        for (int i = 0; i < SIZES + MORE; i++) {
            int32_t decoupled = t % 2;
            int64_t n = size_at(i), step = cases[t / 2].step;
            double b1 = cases[t / 2].beta1, b2 = cases[t / 2].beta2, eps = cases[t / 2].eps, decay = cases[t / 2].weight_decay;
            array *g = random_array(n, 1), *m = early_array(n, 2), *v = random_array(n, 3), *w = random_array(n, 4);
            double *want[3] = {numbers(n), numbers(n), numbers(n)}, *bound[3] = {numbers(n), numbers(n), numbers(n)};
            for (int64_t k = 0; k < n; k++) {
                set_element(v, k, step == 1 ? 0 : fabs(v->values[k]));
                if (step == 1) set_element(m, k, 0);
                want[0][k] = m->values[k], want[1][k] = v->values[k], want[2][k] = w->values[k];
                double d = fabs(g->values[k]) + (decoupled ? 0 : decay * fabs(w->values[k]));
                double first = b1 * fabs(m->values[k]) + (1 - b1) * d;
                reference_adam(
                    0.02, b1, b2, eps, decay, decoupled, step, g->values[k], &want[0][k], &want[1][k], NULL, &want[2][k]);
                double root = sqrt(want[1][k] / (1 - pow(b2, (double)step))) + eps;
                /* d is a sum whose error may be large beside it: what that does to the second moment comes on top */
                double slip = chain_bound(unit, 2, d) * d * (1 - b2) / (want[1][k] + 1e-300);
                bound[0][k] = chain_bound(unit, 4, first);
                bound[1][k] = chain_bound(unit, 6, want[1][k]) + 2 * slip * want[1][k];
                bound[2][k] = chain_bound(unit, 2, fabs(w->values[k])) +
                    0.02 / (1 - pow(b1, (double)step)) * (bound[0][k] + chain_bound(unit, 10, first) + slip * first) /
                        root;
            }
            (decoupled ? kdst__adamw : kdst__adam)(
                cp, dtype, n, 0.02, b1, b2, eps, decay, step, g->data, m->data, v->data, NULL, w->data);
            expect_within(m, want[0], bound[0], "adam, first moment");
            expect_within(v, want[1], bound[1], "adam, second moment");
            expect_within(w, want[2], bound[2], "adam");
            drop_arrays();
        }
}
END_TEST

/* Fifty steps on a bowl: the states follow the reference's own. */
START_TEST(many_steps)
{
    begin(_i);
    enum { N = 100, STEPS = 50 };
    for (int kind = 0; kind < 2; kind++) {
        array *w = random_array(N, 1), *g = filled_array(N, 0), *m = filled_array(N, 0), *v = filled_array(N, 0);
        double *expected = values_of(w), *first = numbers(N), *second = numbers(N), *bound = numbers(N);
        for (int64_t step = 1; step <= STEPS; step++) {
            for (int64_t k = 0; k < N; k++) {
                double slope = 2 * (expected[k] - 0.5);
                set_element(g, k, 2 * (element(w, k) - 0.5));
                if (kind)
                    reference_adam(0.05, 0.9, 0.999, 1e-8, 0, 0, step, slope, &first[k], &second[k], NULL, &expected[k]);
                else
                    reference_sgd(0.02, 0.9, 0, 0, 1, step == 1, slope, &first[k], &expected[k]);
            }
            if (kind)
                kdst__adam(cp, dtype, N, 0.05, 0.9, 0.999, 1e-8, 0, step, g->data, m->data, v->data, NULL, w->data);
            else
                kdst__sgd(cp, dtype, N, 0.02, 0.9, 0, 0, 1, step == 1, g->data, m->data, w->data);
        }
        for (int64_t k = 0; k < N; k++) /* a step's ten roundings, carried on by the steps that follow */
            bound[k] = chain_bound(unit, 10 * STEPS, 1.5);
        expect_within(w, expected, bound, kind ? "adam, 50 steps" : "sgd, 50 steps");
        drop_arrays();
    }
}
END_TEST

/* amsgrad: w moves by the largest second moment, old or new. Coefficients away from 0, so that the sum of errors is simple. */
START_TEST(amsgrad)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *g = early_array(n, 1), *m = random_array(n, 2), *v = random_array(n, 3), *most = random_array(n, 5);
        array *w = random_array(n, 4);
        double *want[4] = {numbers(n), numbers(n), numbers(n), numbers(n)}, *bound = numbers(n), *large = numbers(n);
        for (int64_t k = 0; k < n; k++) {
            set_element(v, k, fabs(v->values[k]));
            set_element(most, k, fabs(most->values[k]));
            want[0][k] = m->values[k], want[1][k] = v->values[k], want[2][k] = w->values[k], want[3][k] = most->values[k];
            double size = 0.9 * fabs(m->values[k]) + 0.1 * fabs(g->values[k]);
            reference_adam(
                0.02, 0.9, 0.5, 1e-2, 0, 0, 9, g->values[k], &want[0][k], &want[1][k], &want[3][k], &want[2][k]);
            large[k] = chain_bound(unit, 6, want[3][k]);
            bound[k] = chain_bound(unit, 2, fabs(w->values[k])) +
                chain_bound(unit, 20, 0.02 / (1 - pow(0.9, 9)) * size / (sqrt(want[3][k]) + 1e-2));
        }
        kdst__adam(cp, dtype, n, 0.02, 0.9, 0.5, 1e-2, 0, 9, g->data, m->data, v->data, most->data, w->data);
        expect_within(most, want[3], large, "amsgrad, largest moment");
        expect_within(w, want[2], bound, "amsgrad");
        drop_arrays();
    }
}
END_TEST

/* Variant bit 0: centered, bit 1: momentum. The mean square stands well above the mean's square, so nothing cancels. */
START_TEST(rmsprop)
{
    begin(_i);
    for (int variant = 0; variant < 4; variant++)
        for (int i = 0; i < SIZES + MORE; i++) {
            int64_t n = size_at(i);
            array *g = early_array(n, 1), *v = random_array(n, 2), *mean = random_array(n, 3), *b = random_array(n, 4);
            array *w = random_array(n, 5);
            double *want[4] = {numbers(n), numbers(n), numbers(n), numbers(n)}, *bound = numbers(n), *second = numbers(n);
            for (int64_t k = 0; k < n; k++) {
                set_element(v, k, 2 + fabs(v->values[k]));
                want[0][k] = v->values[k], want[1][k] = mean->values[k], want[2][k] = b->values[k];
                want[3][k] = w->values[k];
                reference_rmsprop(
                    0.02, 0.9, 1e-3, 0.8, 0.1, g->values[k], &want[0][k], variant & 1 ? &want[1][k] : NULL,
                    variant & 2 ? &want[2][k] : NULL, &want[3][k]);
                double d = fabs(g->values[k]) + 0.1 * fabs(w->values[k]);
                second[k] = chain_bound(unit, 8, want[0][k]);
                bound[k] = chain_bound(unit, 2, fabs(w->values[k])) + chain_bound(unit, 40, 0.02 * (d + fabs(b->values[k])));
            }
            kdst__rmsprop(
                cp, dtype, n, 0.02, 0.9, 1e-3, 0.8, 0.1, g->data, v->data, variant & 1 ? mean->data : NULL,
                variant & 2 ? b->data : NULL, w->data);
            expect_within(v, want[0], second, "rmsprop, mean square");
            expect_within(w, want[3], bound, "rmsprop");
            drop_arrays();
        }
}
END_TEST

/* Norms of gradients, clipping and averages: all in one pass over the elements. */
START_TEST(gradients_and_averages)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *x = early_array(n, 1), *y = random_array(n, 2), *z = random_array(n, 3);
        double sum = 0, most = 0, *clipped = numbers(n), *blended = numbers(n), *bound = numbers(n);
        for (int64_t k = 0; k < n; k++) {
            sum += 9 * x->values[k] * x->values[k];
            most = fmax(most, fabs(x->values[k]));
            clipped[k] = fmax(-0.25, fmin(0.25, y->values[k]));
            blended[k] = z->values[k] + 0.3 * (x->values[k] - z->values[k]);
            bound[k] = chain_bound(unit, 4, fabs(z->values[k]) + fabs(x->values[k]));
        }
        double found = kdst__squares(cp, dtype, n, 3, x->data);
        ck_assert_msg(fabs(found - sum) <= sum_bound(0x1p-53, (double)n, sum), "%g for %g", found, sum);
        ck_assert_double_eq(kdst__largest(cp, dtype, n, x->data), most);
        kdst__clip(cp, dtype, n, 0.25, y->data);
        expect_equal(y, clipped, "clip");
        kdst__blend(cp, dtype, n, 0.3, x->data, z->data);
        expect_within(z, blended, bound, "blend");
        if (n > 0) {
            set_element(x, n - 1, NAN);
            ck_assert(isnan(kdst__largest(cp, dtype, n, x->data)) && isnan(kdst__squares(cp, dtype, n, 1, x->data)));
            set_element(x, n / 2, INFINITY);
            set_element(x, n - 1, -INFINITY);
            ck_assert(isinf(kdst__largest(cp, dtype, n, x->data)) && isinf(kdst__squares(cp, dtype, n, 1, x->data)));
        }
        drop_arrays();
    }
}
END_TEST

/* Same bits for any number of threads: several pieces of the sum. */
START_TEST(norm_with_threads)
{
    begin(_i);
    enum { N = 200001 };
    array *x = random_array(N, 1);
    double one = kdst__squares(with_threads(1), dtype, N, 1, x->data);
    for (int32_t threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        double found = kdst__squares(with_threads(threads), dtype, N, 1, x->data);
        ck_assert_msg(!memcmp(&found, &one, sizeof one), "%d threads", (int)threads);
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, sgd, 0, configurations());
    tcase_add_loop_test(tests, adam, 0, configurations());
    tcase_add_loop_test(tests, many_steps, 0, configurations());
    tcase_add_loop_test(tests, amsgrad, 0, configurations());
    tcase_add_loop_test(tests, rmsprop, 0, configurations());
    tcase_add_loop_test(tests, gradients_and_averages, 0, configurations());
    tcase_add_loop_test(tests, norm_with_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("optimizer", build);
}
