/* SPDX-License-Identifier: Apache-2.0 */
/* The updates of SGD and Adam, one step from any state, and many steps in a row. */
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
    for (size_t t = 0; t < sizeof cases / sizeof *cases; t++)
        for (int i = 0; i < SIZES + MORE; i++) {
            int64_t n = size_at(i), step = cases[t].step;
            double b1 = cases[t].beta1, b2 = cases[t].beta2, eps = cases[t].eps, decay = cases[t].weight_decay;
            array *g = random_array(n, 1), *m = early_array(n, 2), *v = random_array(n, 3), *w = random_array(n, 4);
            double *want[3] = {numbers(n), numbers(n), numbers(n)}, *bound[3] = {numbers(n), numbers(n), numbers(n)};
            for (int64_t k = 0; k < n; k++) {
                set_element(v, k, step == 1 ? 0 : fabs(v->values[k]));
                if (step == 1) set_element(m, k, 0);
                want[0][k] = m->values[k], want[1][k] = v->values[k], want[2][k] = w->values[k];
                double d = fabs(g->values[k]) + decay * fabs(w->values[k]);
                double first = b1 * fabs(m->values[k]) + (1 - b1) * d;
                reference_adam(0.02, b1, b2, eps, decay, step, g->values[k], &want[0][k], &want[1][k], &want[2][k]);
                double root = sqrt(want[1][k] / (1 - pow(b2, (double)step))) + eps;
                /* d is a sum whose error may be large beside it: what that does to the second moment comes on top */
                double slip = chain_bound(unit, 2, d) * d * (1 - b2) / (want[1][k] + 1e-300);
                bound[0][k] = chain_bound(unit, 4, first);
                bound[1][k] = chain_bound(unit, 6, want[1][k]) + 2 * slip * want[1][k];
                bound[2][k] = chain_bound(unit, 2, fabs(w->values[k])) +
                    0.02 / (1 - pow(b1, (double)step)) * (bound[0][k] + chain_bound(unit, 10, first) + slip * first) /
                        root;
            }
            kdst__adam(cp, dtype, n, 0.02, b1, b2, eps, decay, step, g->data, m->data, v->data, w->data);
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
                    reference_adam(0.05, 0.9, 0.999, 1e-8, 0, step, slope, &first[k], &second[k], &expected[k]);
                else
                    reference_sgd(0.02, 0.9, 0, 0, 1, step == 1, slope, &first[k], &expected[k]);
            }
            if (kind)
                kdst__adam(cp, dtype, N, 0.05, 0.9, 0.999, 1e-8, 0, step, g->data, m->data, v->data, w->data);
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

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, sgd, 0, configurations());
    tcase_add_loop_test(tests, adam, 0, configurations());
    tcase_add_loop_test(tests, many_steps, 0, configurations());
}

int main(void)
{
    return run_compute_suite("optimizer", build);
}
