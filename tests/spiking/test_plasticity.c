/* SPDX-License-Identifier: Apache-2.0 */
/* Local learning: STDP against sums over pairs of spikes, SRDP against its steps; pairs, layers, batches, types, trains, traces. */
#include "../autograd/support.h"
#include "given.h"

#include <stdbool.h>

enum { STEPS = 40, PRE = 7, POST = 5, BATCH = 3 };

static bool fires(int64_t t, int64_t s, int64_t i, int seed)
{
    return number(((t * BATCH + s) * 16 + i) * 7 + 3, seed) > 0.5;
}

/* Spikes [T, N, count] of a type, or of step t alone [N, count]; samples 0: no batch axis. */
static kdst_tensor *spikes(kdst_dtype dtype, int64_t t, int64_t samples, int64_t count, int seed)
{
    const int64_t steps = t < 0 ? STEPS : 1, rows = samples ? samples : 1;
    double *values = calloc((size_t)(steps * rows * count), sizeof *values);
    int64_t shape[3], rank = 0;
    kdst_tensor *wide, *out = NULL;
    for (int64_t k = 0; k < steps * rows * count; k++)
        values[k] = fires(t < 0 ? k / (rows * count) : t, k / count % rows, k % count, seed);
    if (t < 0) shape[rank++] = STEPS;
    if (samples) shape[rank++] = samples;
    shape[rank++] = count;
    wide = from_doubles(F64, rank, shape, values);
    expect_ok(kdst_tensor_copy(wide, dtype, &out));
    kdst_tensor_release(wide);
    free(values);
    return out;
}

static kdst_stdp *stdp_of(const char *text)
{
    kdst_options *options = given(text);
    kdst_stdp *stdp = NULL;
    expect_ok(kdst_stdp_create(ctx, options, &stdp));
    kdst_options_release(options);
    return stdp;
}

static kdst_srdp *srdp_of(const char *text)
{
    kdst_options *options = given(text);
    kdst_srdp *srdp = NULL;
    expect_ok(kdst_srdp_create(ctx, options, &srdp));
    kdst_options_release(options);
    return srdp;
}

static void expect_near(kdst_tensor *got, const double *want, int64_t count, double tolerance)
{
    double *values = doubles(got);
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(
            fabs(values[i] - want[i]) <= tolerance, "element %lld is %.17g, not %.17g", (long long)i, values[i],
            want[i]);
    free(values);
}

static void expect_equal(kdst_tensor *got, kdst_tensor *want)
{
    double *values = doubles(want);
    int64_t count = 1;
    for (int64_t i = 0; i < kdst_tensor_get_rank(want); i++)
        count *= kdst_tensor_get_size(want, i);
    ck_assert_int_eq(kdst_tensor_get_rank(got), kdst_tensor_get_rank(want));
    expect_near(got, values, count, 0);
    free(values);
}

/* ---- pairs of spikes ---- */

/* All pairs of a synapse, or each spike with the last strictly earlier one of the other side. */
static double pair_sum(kdst_stdp *stdp, int64_t s, int64_t i, int64_t j, bool nearest)
{
    double sum = 0, change;
    for (int64_t t = 0; t < STEPS; t++)
        for (int way = 0; way < 2; way++) {
            if (way ? !fires(t, s, j, 1) : !fires(t, s, i, 2)) continue;
            for (int64_t e = t - 1; e >= 0; e--) {
                if (way ? !fires(e, s, i, 2) : !fires(e, s, j, 1)) continue;
                expect_ok(kdst_stdp_get_window(stdp, way ? e - t : t - e, &change));
                sum += change;
                if (nearest) break;
            }
        }
    return sum;
}

static const struct {
    const char *options;
    bool nearest;
} pairings[] = {
    {"bounds=none", false},
    {"bounds=none pairing=nearest preset=bi-poo", true},
    {"bounds=none decay=linear tau_plus=3 tau_minus=7.5", false},
};

START_TEST(test_pairs)
{
    for (int which = 0; which < 3; which++) {
        kdst_stdp *stdp = stdp_of(pairings[which].options);
        kdst_tensor *pre = spikes(KDST_DTYPE_UINT8, -1, BATCH, PRE, 1),
                    *post = spikes(KDST_DTYPE_BOOL, -1, BATCH, POST, 2);
        kdst_tensor *w = filled(real_type(_i), SHAPE(POST, PRE), 3);
        double *expected = doubles(w);
        for (int64_t k = 0; k < POST * PRE; k++)
            for (int64_t s = 0; s < BATCH; s++)
                expected[k] += pair_sum(stdp, s, k / PRE, k % PRE, pairings[which].nearest);
        expect_ok(kdst_stdp_run(stdp, pre, post, w));
        expect_near(w, expected, POST * PRE, _i ? 1e-13 * BATCH * STEPS : 1e-6 * BATCH * STEPS);
        free(expected);
        kdst_tensor_release(w);
        kdst_tensor_release(post);
        kdst_tensor_release(pre);
        kdst_stdp_release(stdp);
    }
}
END_TEST

/* Two spikes of a single pair of neurons do what the window says, in whichever way they are fed; 0 at a lag of 0 unless it counts. */
START_TEST(test_window)
{
    static const char *const rules[] = {
        "bounds=none", "bounds=none coincident=1", "bounds=none decay=linear tau_plus=1"};
    for (int which = 0; which < 3; which++)
        for (int64_t lag = -9; lag <= 9; lag++) {
            kdst_stdp *stdp = stdp_of(rules[which]);
            kdst_tensor *w = from_doubles(F64, SHAPE(1, 1), (double[]){0});
            double change = NAN;
            for (int64_t t = 0; t < 20; t++) {
                kdst_tensor *pre = from_doubles(F64, SHAPE(1), (double[]){t == 9});
                kdst_tensor *post = from_doubles(F32, SHAPE(1), (double[]){t == 9 + lag});
                expect_ok(kdst_stdp_step(stdp, pre, post, w));
                kdst_tensor_release(post);
                kdst_tensor_release(pre);
            }
            expect_ok(kdst_stdp_get_window(stdp, lag, &change));
            expect_near(w, &change, 1, 1e-15);
            if (!lag) ck_assert(which == 1 ? fabs(change - (0.005 - 0.00525)) < 1e-15 : change == 0);
            kdst_tensor_release(w);
            kdst_stdp_release(stdp);
        }
    kdst_stdp *stdp = stdp_of("preset=bi-poo");
    double change;
    expect_ok(kdst_stdp_get_window(stdp, 10, &change));
    ck_assert(fabs(change - 0.777 * exp(-10 / 16.8)) < 1e-15);
    expect_ok(kdst_stdp_get_window(stdp, -10, &change));
    ck_assert(fabs(change + 0.273 * exp(-10 / 33.7)) < 1e-15);
    kdst_stdp_release(stdp);
}
END_TEST

/* ---- bounds and batches ---- */

/* dw of one step with x = y = 1: a_plus for a spike behind, -a_minus for one in front. */
START_TEST(test_bounds)
{
    static const struct {
        const char *options;
        double start, up, down;
    } rows[] = {
        {"bounds=none a_plus=0.5 a_minus=0.25", 0.8, 1.3, 0.55},
        {"bounds=hard a_plus=0.5 a_minus=0.25", 0.8, 1, 0.55},
        {"bounds=hard a_plus=0.5 a_minus=0.25 w_min=0.7", 0.8, 1, 0.7},
        {"bounds=soft a_plus=0.5 a_minus=0.25", 0.8, 0.9, 0.6},
        {"bounds=soft a_plus=0.5 a_minus=0.25 w_min=-1 w_max=3", 0.8, 1.9, 0.35},
        {"bounds=soft a_plus=9.0 a_minus=0.25", 0.8, 1, 0.6},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int up = 0; up < 2; up++) {
            char text[160];
            snprintf(text, sizeof text, "%s coincident=1", rows[r].options);
            kdst_stdp *stdp = stdp_of(text);
            kdst_tensor *w = from_doubles(F64, SHAPE(1, 1), &rows[r].start);
            /* the other side's trace is 1 as if it had fired in a step that decays by nothing */
            kdst_tensor *one = from_doubles(F64, SHAPE(1), (double[]){exp(1 / 20.0)}),
                        *none = from_doubles(F64, SHAPE(1), (double[]){0}),
                        *spike = from_doubles(F64, SHAPE(1), (double[]){1});
            expect_ok(kdst_stdp_set_traces(stdp, up ? one : none, up ? none : one));
            expect_ok(kdst_stdp_step(stdp, up ? none : spike, up ? spike : none, w));
            expect_near(w, up ? &rows[r].up : &rows[r].down, 1, 1e-14);
            kdst_tensor_release(spike);
            kdst_tensor_release(none);
            kdst_tensor_release(one);
            kdst_tensor_release(w);
            kdst_stdp_release(stdp);
        }
}
END_TEST

/* A batch of equal samples: the sum is that many changes, the mean one. */
START_TEST(test_batch)
{
    for (int rule = 0; rule < 2; rule++) {
        double *changes[3];
        for (int way = 0; way < 3; way++) {
            kdst_tensor *one[2] = {spikes(F64, -1, 0, PRE, 1), spikes(F64, -1, 0, POST, 2)}, *side[2];
            kdst_tensor *w = from_doubles(F64, SHAPE(POST, PRE), (double[POST * PRE]){0});
            const char *text = way == 1 ? "bounds=none batch=sum" : "bounds=none batch=mean";
            for (int i = 0; i < 2; i++) {
                kdst_tensor *const copies[BATCH] = {one[i], one[i], one[i]};
                if (way)
                    expect_ok(kdst_stack(copies, BATCH, 1, &side[i]));
                else
                    kdst_tensor_retain(side[i] = one[i]);
            }
            kdst_stdp *stdp = rule ? NULL : stdp_of(text);
            kdst_srdp *srdp = rule ? srdp_of(text) : NULL;
            expect_ok(rule ? kdst_srdp_run(srdp, side[0], side[1], w) : kdst_stdp_run(stdp, side[0], side[1], w));
            changes[way] = doubles(w);
            for (int i = 0; i < 2; i++) {
                kdst_tensor_release(side[i]);
                kdst_tensor_release(one[i]);
            }
            kdst_tensor_release(w);
            kdst_srdp_release(srdp);
            kdst_stdp_release(stdp);
        }
        for (int64_t k = 0; k < POST * PRE; k++) {
            ck_assert(changes[0][k] != 0);
            ck_assert(fabs(changes[1][k] - BATCH * changes[0][k]) < 1e-14);
            ck_assert(fabs(changes[2][k] - changes[0][k]) < 1e-14);
        }
        for (int way = 0; way < 3; way++)
            free(changes[way]);
    }
}
END_TEST

/* ---- rates ---- */

static const char *const srdp_rules[] = {
    "bounds=none", "bounds=none rule=hebb eta=0.5", "bounds=none rule=fixed theta0=0.2",
    "bounds=soft eta=2.0 theta0=0.0", "bounds=hard eta=30.0"};

START_TEST(test_rates)
{
    for (int which = 0; which < 5; which++) {
        kdst_srdp *srdp = srdp_of(srdp_rules[which]);
        kdst_tensor *pre = spikes(KDST_DTYPE_UINT8, -1, BATCH, PRE, 1), *post = spikes(F32, -1, BATCH, POST, 2),
                    *out[3];
        kdst_tensor *w = filled(real_type(_i), SHAPE(POST, PRE), 3);
        double *weight = doubles(w), a[BATCH][PRE] = {{0}}, b[BATCH][POST] = {{0}}, theta[BATCH][POST];
        const double eta = (double[]){0.05, 0.5, 0.05, 2, 30}[which];
        for (int64_t k = 0; k < POST * BATCH; k++)
            theta[k / POST][k % POST] = (double[]){0.1, 0.1, 0.2, 0, 0.1}[which];
        for (int64_t t = 0; t < STEPS; t++) {
            for (int64_t s = 0; s < BATCH; s++) {
                for (int64_t j = 0; j < PRE; j++)
                    a[s][j] += (fires(t, s, j, 1) - a[s][j]) / 20;
                for (int64_t i = 0; i < POST; i++)
                    b[s][i] += (fires(t, s, i, 2) - b[s][i]) / 20;
            }
            for (int64_t k = 0; k < POST * PRE; k++) {
                double up = 0, down = 0;
                for (int64_t s = 0; s < BATCH; s++) {
                    const double r = b[s][k / PRE], f = which == 1 ? r : r * (r - theta[s][k / PRE]);
                    *(f > 0 ? &up : &down) += eta * a[s][k % PRE] * fabs(f);
                }
                weight[k] += which == 3 ? up * (1 - weight[k]) - down * weight[k] : up - down;
                if (which >= 3) weight[k] = fmin(fmax(weight[k], 0), 1);
            }
            for (int64_t k = 0; which != 1 && which != 2 && k < POST * BATCH; k++) {
                double *h = &theta[k / POST][k % POST], r = b[k / POST][k % POST];
                *h += (r * r / 0.1 - *h) / 200;
            }
        }
        expect_ok(kdst_srdp_run(srdp, pre, post, w));
        expect_near(w, weight, POST * PRE, _i ? 1e-12 : 1e-4);
        expect_ok(kdst_srdp_get_rates(srdp, &out[0], &out[1], &out[2]));
        expect_near(out[0], a[0], BATCH * PRE, _i ? 1e-14 : 1e-6);
        expect_near(out[1], b[0], BATCH * POST, _i ? 1e-14 : 1e-6);
        expect_near(out[2], theta[0], BATCH * POST, _i ? 1e-14 : 1e-6);
        for (int i = 0; i < 3; i++)
            kdst_tensor_release(out[i]);
        free(weight);
        kdst_tensor_release(w);
        kdst_tensor_release(post);
        kdst_tensor_release(pre);
        kdst_srdp_release(srdp);
    }
}
END_TEST

/* ---- ways of feeding ---- */

/* Steps are trains, whatever the type of spikes and the layout of the weights; what was read in between goes on elsewhere. */
START_TEST(test_ways)
{
    static const kdst_dtype types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_BOOL, F32, F64};
    kdst_stdp *whole = stdp_of(""), *other = stdp_of("");
    kdst_srdp *rates = srdp_of(""), *other_rates = srdp_of("");
    kdst_tensor *pre = spikes(F64, -1, BATCH, PRE, 1), *post = spikes(F64, -1, BATCH, POST, 2);
    kdst_tensor *w[2] = {filled(real_type(_i), SHAPE(POST, PRE), 3), NULL}, *v[2] = {NULL, NULL};
    expect_ok(kdst_tensor_copy(w[0], 0, &v[0]));
    w[1] = scattered(filled(real_type(_i), SHAPE(POST, PRE), 3));
    v[1] = scattered(filled(real_type(_i), SHAPE(POST, PRE), 3));
    expect_ok(kdst_stdp_run(whole, pre, post, w[0]));
    expect_ok(kdst_srdp_run(rates, pre, post, v[0]));
    for (int64_t t = 0; t < STEPS; t++) {
        kdst_stdp *one = stdp_of("");
        kdst_srdp *one_rates = srdp_of("");
        kdst_tensor *x = spikes(types[t % 4], t, BATCH, PRE, 1),
                    *y = scattered(spikes(types[t / 4 % 4], t, BATCH, POST, 2));
        kdst_tensor *kept[5] = {NULL};
        if (t) {
            expect_ok(kdst_stdp_get_traces(other, &kept[0], &kept[1]));
            expect_ok(kdst_srdp_get_rates(other_rates, &kept[2], &kept[3], &kept[4]));
            expect_ok(kdst_stdp_set_traces(one, kept[0], kept[1]));
            expect_ok(kdst_srdp_set_rates(one_rates, kept[2], kept[3], kept[4]));
        }
        expect_ok(kdst_stdp_step(one, x, y, w[1]));
        expect_ok(kdst_srdp_step(one_rates, x, y, v[1]));
        kdst_stdp_release(other);
        kdst_srdp_release(other_rates);
        other = one;
        other_rates = one_rates;
        for (int i = 0; i < 5; i++)
            kdst_tensor_release(kept[i]);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    expect_equal(w[1], w[0]);
    expect_equal(v[1], v[0]);
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(v[i]);
        kdst_tensor_release(w[i]);
    }
    kdst_tensor_release(post);
    kdst_tensor_release(pre);
    kdst_srdp_release(other_rates);
    kdst_srdp_release(rates);
    kdst_stdp_release(other);
    kdst_stdp_release(whole);
}
END_TEST

/* After a reset the same again, and other sizes are welcome. */
START_TEST(test_reset)
{
    kdst_stdp *stdp = stdp_of("bounds=none");
    kdst_srdp *srdp = srdp_of("bounds=none");
    kdst_stdp_retain(stdp);
    kdst_srdp_retain(srdp);
    for (int64_t count = PRE; count < PRE + 2; count++) {
        kdst_tensor *pre = spikes(F32, -1, 0, count, 1), *post = spikes(F32, -1, 0, POST, 2), *w[4];
        for (int i = 0; i < 4; i++)
            w[i] = filled(F64, SHAPE(POST, count), 3);
        expect_ok(kdst_stdp_run(stdp, pre, post, w[0]));
        expect_ok(kdst_srdp_run(srdp, pre, post, w[1]));
        expect_ok(kdst_stdp_reset(stdp));
        expect_ok(kdst_srdp_reset(srdp));
        expect_ok(kdst_stdp_run(stdp, pre, post, w[2]));
        expect_ok(kdst_srdp_run(srdp, pre, post, w[3]));
        expect_equal(w[2], w[0]);
        expect_equal(w[3], w[1]);
        expect_ok(kdst_stdp_reset(stdp));
        expect_ok(kdst_srdp_reset(srdp));
        for (int i = 0; i < 4; i++)
            kdst_tensor_release(w[i]);
        kdst_tensor_release(post);
        kdst_tensor_release(pre);
    }
    kdst_srdp_release(srdp);
    kdst_stdp_release(stdp);
    kdst_srdp_release(srdp);
    kdst_stdp_release(stdp);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_pairs, 0, 2);
    tcase_add_test(tests, test_window);
    tcase_add_test(tests, test_bounds);
    tcase_add_test(tests, test_batch);
    tcase_add_loop_test(tests, test_rates, 0, 2);
    tcase_add_loop_test(tests, test_ways, 0, 2);
    tcase_add_test(tests, test_reset);
}

int main(void)
{
    return run_suite("plasticity", build);
}
