/* SPDX-License-Identifier: Apache-2.0 */
/* The pass over the gates of one LSTM step: widths around a vector, with and without a state in front, extreme values. */
#include "reference/reference.h"
#include "support.h"

/* Sigmoid and tanh are some exponentials and quotients each; all values here are of size 1 or below. */
#define ROUNDINGS 40

static double bound_of(double value)
{
    return chain_bound(unit, ROUNDINGS, 1 + fabs(value));
}

START_TEST(forward)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int s = 0; s < SIZES; s++)
        for (int with = 0; with < 2; with++) {
            int64_t rows = 3, h = sizes[s], count = rows * h;
            array *gates = early_array(4 * count, 1), *before = random_array(count, 2);
            array *c = filled_array(count, NAN), *y = filled_array(count, NAN);
            for (int64_t i = 0; i < gates->count; i++)
                set_element(gates, i, 8 * gates->values[i]);
            double *want_gates = values_of(gates), *want_c = numbers(count), *want_y = numbers(count);
            double *bounds = numbers(4 * count);
            for (int64_t i = 0; i < count; i++) {
                double *a = want_gates + i / h * 4 * h + i % h, own[4] = {a[0], a[h], a[2 * h], a[3 * h]};
                reference_lstm_forward(with ? before->values[i] : 0, own, &want_c[i], &want_y[i]);
                for (int k = 0; k < 4; k++)
                    a[k * h] = own[k];
            }
            for (int64_t i = 0; i < 4 * count; i++)
                bounds[i] = bound_of(2);
            KDST__CALL(cp, dtype, lstm_forward, rows, h, with ? before->data : NULL, gates->data, c->data, y->data);
            expect_within(gates, want_gates, bounds, "gates");
            expect_within(c, want_c, bounds, "c");
            expect_within(y, want_y, bounds, "h");
            drop_arrays();
        }
}
END_TEST

/* Gates far out are 0 or 1 and never NaN; NaN stays NaN. */
START_TEST(extremes)
{
    begin(_i);
    static const double values[][4] = {
        {1e30, -1e30, 1e30, 1e30}, {-INFINITY, INFINITY, -INFINITY, 0}, {0, 0, 1e-12, 0}, {NAN, 0, 0, 0}};
    for (size_t s = 0; s < sizeof values / sizeof *values; s++) {
        double own[4], c, h, bounds[4], before = 0.5;
        array *gates = array_of(4, values[s]), *state = array_of(1, &before);
        array *got_c = filled_array(1, 7), *got_h = filled_array(1, 7);
        for (int k = 0; k < 4; k++) {
            own[k] = gates->values[k];
            bounds[k] = bound_of(1);
        }
        reference_lstm_forward(before, own, &c, &h);
        KDST__CALL(cp, dtype, lstm_forward, 1, 1, state->data, gates->data, got_c->data, got_h->data);
        /* a small g keeps its digits: tanh(x) is x there */
        if (values[s][2] == 1e-12) bounds[2] = chain_bound(unit, ROUNDINGS, 1e-12);
        expect_within(gates, own, bounds, "gates");
        expect_within(got_c, &c, bounds, "c");
        expect_within(got_h, &h, bounds, "h");
        drop_arrays();
    }
}
END_TEST

START_TEST(backward)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int s = 0; s < SIZES; s++)
        for (int with = 0; with < 2; with++) {
            int64_t rows = 3, h = sizes[s], count = rows * h;
            array *gates = random_array(4 * count, 1), *before = early_array(count, 2), *c = random_array(count, 3);
            array *dh = random_array(count, 4), *carry_h = random_array(count, 5), *carry_c = early_array(count, 6);
            array *dgates = filled_array(4 * count, NAN);
            for (int64_t i = 0; i < gates->count; i++) /* g in [-1, 1], the others in [0, 1] */
                if (i / (h ? h : 1) % 4 != 2) set_element(gates, i, fabs(gates->values[i]));
            double *want = numbers(4 * count), *want_c = values_of(carry_c), *bounds = numbers(4 * count);
            for (int64_t i = 0; i < count; i++) {
                int64_t at = i / h * 4 * h + i % h;
                const double *g = gates->values + at, own[4] = {g[0], g[h], g[2 * h], g[3 * h]};
                double da[4];
                reference_lstm_backward(
                    with ? before->values[i] : 0, own, c->values[i], dh->values[i] + carry_h->values[i], &want_c[i],
                    da);
                for (int k = 0; k < 4; k++)
                    want[at + k * h] = da[k];
            }
            for (int64_t i = 0; i < 4 * count; i++)
                bounds[i] = bound_of(4);
            KDST__CALL(
                cp, dtype, lstm_backward, rows, h, with ? before->data : NULL, gates->data, c->data, dh->data,
                carry_h->data, carry_c->data, dgates->data);
            expect_within(dgates, want, bounds, "dgates");
            expect_within(carry_c, want_c, bounds, "carry_c");
            drop_arrays();
        }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, forward, 0, configurations());
    tcase_add_loop_test(tests, extremes, 0, configurations());
    tcase_add_loop_test(tests, backward, 0, configurations());
}

int main(void)
{
    return run_compute_suite("lstm", build);
}
