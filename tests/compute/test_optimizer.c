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

/* A tensor alone. */
static kdst__span span_of(int64_t n, const array *g, const array *w)
{
    return (kdst__span){.n = n, .dtype = dtype, .g = g->data, .w = w != NULL ? w->data : NULL, .step = 2};
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
            kdst__span span = span_of(n, g, w);
            span.rate = 0.3;
            span.weight_decay = c->weight_decay;
            span.step = c->first ? 1 : 2;
            span.state[0] = moves ? v->data : NULL;
            kdst__sgd(cp, &(kdst__sgd_rule){1, c->momentum, c->dampening, c->nesterov}, 1, &span);
            expect_within(v, want_v, v_bound, "sgd, momentum");
            expect_within(w, want_w, w_bound, "sgd");
            drop_arrays();
        }
}
END_TEST

static void adam_alone(
    const kdst__adam_rule *rule, int64_t n, double rate, double weight_decay, int64_t step, const array *g,
    const array *m, const array *v, const array *most, const array *w)
{
    kdst__span span = span_of(n, g, w);
    span.rate = rate;
    span.weight_decay = weight_decay;
    span.step = step;
    span.state[0] = m->data;
    span.state[1] = v->data;
    span.state[2] = most != NULL ? most->data : NULL;
    kdst__adam(cp, rule, 1, &span);
}

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
            double b1 = cases[t / 2].beta1, b2 = cases[t / 2].beta2, eps = cases[t / 2].eps,
                   decay = cases[t / 2].weight_decay;
            array *g = random_array(n, 1), *m = early_array(n, 2), *v = random_array(n, 3), *w = random_array(n, 4);
            double *want[3] = {numbers(n), numbers(n), numbers(n)}, *bound[3] = {numbers(n), numbers(n), numbers(n)};
            for (int64_t k = 0; k < n; k++) {
                set_element(v, k, step == 1 ? 0 : fabs(v->values[k]));
                if (step == 1) set_element(m, k, 0);
                want[0][k] = m->values[k], want[1][k] = v->values[k], want[2][k] = w->values[k];
                double d = fabs(g->values[k]) + (decoupled ? 0 : decay * fabs(w->values[k]));
                double first = b1 * fabs(m->values[k]) + (1 - b1) * d;
                reference_adam(
                    0.02, b1, b2, eps, decay, decoupled, step, g->values[k], &want[0][k], &want[1][k], NULL,
                    &want[2][k]);
                double root = sqrt(want[1][k] / (1 - pow(b2, (double)step))) + eps;
                /* d is a sum whose error may be large beside it: what that does to the second moment comes on top */
                double slip = chain_bound(unit, 2, d) * d * (1 - b2) / (want[1][k] + 1e-300);
                bound[0][k] = chain_bound(unit, 4, first);
                bound[1][k] = chain_bound(unit, 6, want[1][k]) + 2 * slip * want[1][k];
                bound[2][k] = chain_bound(unit, 2, fabs(w->values[k])) +
                    0.02 / (1 - pow(b1, (double)step)) * (bound[0][k] + chain_bound(unit, 10, first) + slip * first) /
                        root;
            }
            adam_alone(&(kdst__adam_rule){1, b1, b2, eps, decoupled}, n, 0.02, decay, step, g, m, v, NULL, w);
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
                    reference_adam(
                        0.05, 0.9, 0.999, 1e-8, 0, 0, step, slope, &first[k], &second[k], NULL, &expected[k]);
                else
                    reference_sgd(0.02, 0.9, 0, 0, 1, step == 1, slope, &first[k], &expected[k]);
            }
            kdst__span span = span_of(N, g, w);
            span.rate = 0.02;
            span.step = step;
            span.state[0] = m->data;
            if (kind)
                adam_alone(&(kdst__adam_rule){1, 0.9, 0.999, 1e-8, 0}, N, 0.05, 0, step, g, m, v, NULL, w);
            else
                kdst__sgd(cp, &(kdst__sgd_rule){1, 0.9, 0, 1}, 1, &span);
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
            want[0][k] = m->values[k], want[1][k] = v->values[k], want[2][k] = w->values[k],
            want[3][k] = most->values[k];
            double size = 0.9 * fabs(m->values[k]) + 0.1 * fabs(g->values[k]);
            reference_adam(
                0.02, 0.9, 0.5, 1e-2, 0, 0, 9, g->values[k], &want[0][k], &want[1][k], &want[3][k], &want[2][k]);
            large[k] = chain_bound(unit, 6, want[3][k]);
            bound[k] = chain_bound(unit, 2, fabs(w->values[k])) +
                chain_bound(unit, 20, 0.02 / (1 - pow(0.9, 9)) * size / (sqrt(want[3][k]) + 1e-2));
        }
        adam_alone(&(kdst__adam_rule){1, 0.9, 0.5, 1e-2, 0}, n, 0.02, 0, 9, g, m, v, most, w);
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
            double *want[4] = {numbers(n), numbers(n), numbers(n), numbers(n)}, *bound = numbers(n),
                   *second = numbers(n);
            for (int64_t k = 0; k < n; k++) {
                set_element(v, k, 2 + fabs(v->values[k]));
                want[0][k] = v->values[k], want[1][k] = mean->values[k], want[2][k] = b->values[k];
                want[3][k] = w->values[k];
                reference_rmsprop(
                    0.02, 0.9, 1e-3, 0.8, 0.1, g->values[k], &want[0][k], variant & 1 ? &want[1][k] : NULL,
                    variant & 2 ? &want[2][k] : NULL, &want[3][k]);
                double d = fabs(g->values[k]) + 0.1 * fabs(w->values[k]);
                second[k] = chain_bound(unit, 8, want[0][k]);
                bound[k] =
                    chain_bound(unit, 2, fabs(w->values[k])) + chain_bound(unit, 40, 0.02 * (d + fabs(b->values[k])));
            }
            kdst__span span = span_of(n, g, w);
            span.rate = 0.02;
            span.weight_decay = 0.1;
            span.state[0] = v->data;
            span.state[1] = variant & 1 ? mean->data : NULL;
            span.state[2] = variant & 2 ? b->data : NULL;
            kdst__rmsprop(cp, &(kdst__rmsprop_rule){1, 0.9, 1e-3, 0.8}, 1, &span);
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
        kdst__span gradient = span_of(n, x, NULL), other = span_of(n, y, NULL);
        double found = kdst__spans_squares(cp, 1, &gradient, 3);
        ck_assert_msg(fabs(found - sum) <= sum_bound(0x1p-53, (double)n, sum), "%g for %g", found, sum);
        ck_assert_double_eq(kdst__largest(cp, dtype, n, x->data), most);
        ck_assert(kdst__spans_finite(cp, 1, &gradient));
        kdst__spans_clip(cp, 1, &other, 0.25);
        expect_equal(y, clipped, "clip");
        kdst__blend(cp, dtype, n, 0.3, x->data, z->data);
        expect_within(z, blended, bound, "blend");
        if (n > 0) {
            set_element(x, n - 1, NAN);
            ck_assert(isnan(kdst__largest(cp, dtype, n, x->data)) && isnan(kdst__spans_squares(cp, 1, &gradient, 1)));
            ck_assert(!kdst__spans_finite(cp, 1, &gradient));
            set_element(x, n / 2, INFINITY);
            set_element(x, n - 1, -INFINITY);
            ck_assert(isinf(kdst__largest(cp, dtype, n, x->data)) && isinf(kdst__spans_squares(cp, 1, &gradient, 1)));
            ck_assert(!kdst__spans_finite(cp, 1, &gradient));
        }
        drop_arrays();
    }
}
END_TEST

/* Tensors of many sizes: none, batch norms', one that is cut in several places. */
enum { SPANS = 6, ARRAYS = 5 };
static const int64_t span_sizes[SPANS] = {64, 1, 100003, 0, 40016, 50021};

/* Gradient, weights and three states of every tensor: the same numbers for each call. */
static void make_spans(array *of[SPANS][ARRAYS], kdst__span spans[SPANS])
{
    for (int t = 0; t < SPANS; t++) {
        int64_t n = span_sizes[t];
        for (int a = 0; a < ARRAYS; a++) {
            of[t][a] = t % 2 ? early_array(n, 10 * t + a) : random_array(n, 10 * t + a);
            for (int64_t k = 0; k < n; k++)
                if (a > 1) set_element(of[t][a], k, 2 + fabs(of[t][a]->values[k]));
        }
        spans[t] = span_of(n, of[t][0], of[t][1]);
        spans[t].rate = 0.01 * (t + 1);
        spans[t].weight_decay = t % 3 * 0.01;
        spans[t].step = t < 3 ? 7 : t;
        for (int s = 0; s < 3; s++)
            spans[t].state[s] = of[t][2 + s]->data;
    }
}

static void run_rule(kdst__compute *with, int rule, double scale, int64_t count, kdst__span *spans)
{
    if (rule == 0) kdst__sgd(with, &(kdst__sgd_rule){scale, 0.9, 0.1, 0}, count, spans);
    if (rule == 1) kdst__adam(with, &(kdst__adam_rule){scale, 0.9, 0.99, 1e-3, 0}, count, spans);
    if (rule == 2) kdst__adam(with, &(kdst__adam_rule){scale, 0.9, 0.99, 1e-3, 1}, count, spans);
    if (rule == 3) kdst__rmsprop(with, &(kdst__rmsprop_rule){scale, 0.9, 1e-3, 0.8}, count, spans);
    if (rule == 4) kdst__spans_scale(with, count, spans, scale);
    if (rule == 5) kdst__spans_clip(with, count, spans, scale);
}

/* All at once are the bits of one after the other, for any number of threads, also where an update scales: as after kdst__spans_scale. */
START_TEST(many_tensors)
{
    begin(_i);
    array *one[SPANS][ARRAYS], *all[SPANS][ARRAYS];
    kdst__span ones[SPANS], alls[SPANS];
    kdst__compute *states[] = {NULL, with_threads(1), with_threads(2), cp};
    for (int32_t threads = 1; threads <= 3; threads++)
        for (int rule = 0; rule < 6; rule++) {
            double scale = rule == 5 || threads == 2 ? 0.37 : 1;
            make_spans(one, ones);
            for (int t = 0; t < SPANS; t++) {
                if (rule < 4) kdst__spans_scale(cp, 1, &ones[t], scale);
                run_rule(cp, rule, rule < 4 ? 1 : scale, 1, &ones[t]);
            }
            make_spans(all, alls);
            run_rule(states[threads], rule, scale, SPANS, alls);
            for (int t = 0; t < SPANS; t++)
                for (int a = 0; a < ARRAYS; a++)
                    expect_same_bits(all[t][a], one[t][a], "many tensors");
            drop_arrays();
        }
}
END_TEST

/* Every element counts once, wherever the cuts are: in the sum, and in the look for what is not finite. */
START_TEST(many_gradients)
{
    begin(_i);
    array *of[SPANS][ARRAYS];
    kdst__span spans[SPANS];
    double sum = 0, count = 0;
    make_spans(of, spans);
    for (int t = 0; t < SPANS; t++)
        for (int64_t k = 0; k < span_sizes[t]; k++, count++)
            sum += of[t][0]->values[k] * of[t][0]->values[k];
    double one = kdst__spans_squares(with_threads(1), SPANS, spans, 1);
    ck_assert_msg(fabs(one - sum) <= sum_bound(0x1p-53, count, sum), "%g for %g", one, sum);
    for (int32_t threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        double found = kdst__spans_squares(with_threads(threads), SPANS, spans, 1);
        ck_assert_msg(!memcmp(&found, &one, sizeof one), "%d threads", (int)threads);
    }
    ck_assert(kdst__spans_finite(cp, SPANS, spans));
    for (int t = 0; t < SPANS; t++)
        for (int64_t i = 0; i < 9 && i < span_sizes[t]; i++) {
            int64_t k = i == 8 ? span_sizes[t] - 1 : i * (span_sizes[t] / 9);
            double was = of[t][0]->values[k];
            set_element(of[t][0], k, i % 2 ? NAN : INFINITY);
            ck_assert_msg(!kdst__spans_finite(cp, SPANS, spans), "element %d of tensor %d is missed", (int)k, t);
            set_element(of[t][0], k, was);
        }
    ck_assert(kdst__spans_finite(cp, SPANS, spans) && kdst__spans_finite(cp, 0, NULL));
    ck_assert_double_eq(kdst__spans_squares(cp, 0, NULL, 1), 0);
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
    tcase_add_loop_test(tests, many_tensors, 0, configurations());
    tcase_add_loop_test(tests, many_gradients, 0, configurations());
}

int main(void)
{
    return run_compute_suite("optimizer", build);
}
