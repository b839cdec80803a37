/* SPDX-License-Identifier: Apache-2.0 */
/* Codes: the formulas one by one, the frequencies of spikes, and what is refused. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { COUNT = 10007, T = 40 };

/* k / 1000 and numbers around the borders, [COUNT] of either type. */
static kdst_tensor *make_values(kdst_context *c, kdst_dtype dtype, double *values)
{
    static const double special[] = {0, 1, 0.5, 0.01, 0.1, 0x1p-32, 1 - 0x1p-24};
    const int64_t count = COUNT;
    static double wide[COUNT];
    static float narrow[COUNT];
    kdst_tensor *t = NULL;
    for (int i = 0; i < COUNT; i++) {
        narrow[i] = (float)(i % 1003 < 7 ? special[i % 1003] : i % 1001 / 1000.0);
        wide[i] = values[i] = narrow[i];
    }
    const void *data = dtype == KDST_DTYPE_FLOAT32 ? (const void *)narrow : wide;
    ck_assert_int_eq(kdst_tensor_create_from(c, dtype, 1, &count, data, &t), 0);
    return t;
}

static double element(const void *data, kdst_dtype dtype, int64_t i)
{
    return dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static const kdst_dtype dtypes[] = {KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};

static kdst_options *set_real(kdst_options *o, const char *name, double value)
{
    ck_assert_int_eq(kdst_options_set_float(o, name, value), 0);
    return o;
}

/* ---- static ---- */

/* T times the same, with a gradient that is the sum over time. */
START_TEST(test_static)
{
    kdst_tensor *x = NULL, *y = NULL, *sum = NULL, *grad = NULL;
    const float values[] = {-3, 0.5f, 7};
    const int64_t shape[] = {3, 1};
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT32, 2, shape, values, &x));
    ok(kdst_tensor_set_requires_grad(x, 1));
    ok(kdst_encoding_static(x, 4, &y));
    ck_assert(kdst_tensor_get_rank(y) == 3 && kdst_tensor_get_size(y, 0) == 4 && kdst_tensor_get_size(y, 1) == 3);
    float *got = copy_of(y, NULL);
    for (int i = 0; i < 12; i++)
        ck_assert_float_eq(got[i], values[i % 3]);
    free(got);
    ok(kdst_sum(y, NULL, 0, 0, &sum));
    ok(kdst_backward(sum, NULL, NULL));
    ok(kdst_tensor_get_grad(x, &grad));
    got = copy_of(grad, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq(got[i], 4);
    free(got);
    kdst_tensor_release(grad);
    kdst_tensor_release(sum);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* ---- poisson ---- */

/* Spikes are 0 or 1; of each value as many as the binomial distribution lets one expect, at each step others. */
START_TEST(test_frequencies)
{
    static double values[COUNT];
    const double rates[] = {1, 0.25, 0};
    for (int k = 0; k < 6; k++) {
        kdst_dtype dtype = dtypes[k % 2];
        int64_t wrong = 0;
        double rate = rates[k / 2], expected = 0, variance = 0, seen = 0, repeated = 0, pairs = 0, spread = 0;
        kdst_tensor *x = make_values(ctx, dtype, values), *y = NULL;
        kdst_options *o = set_real(new_options(), "rate", rate);
        ok(kdst_encoding_poisson(x, T, o, &y));
        ck_assert(
            kdst_tensor_get_rank(y) == 2 && kdst_tensor_get_size(y, 0) == T && kdst_tensor_get_size(y, 1) == COUNT);
        ck_assert_int_eq(kdst_tensor_get_dtype(y), dtype);
        void *got = copy_of(y, NULL);
        for (int64_t i = 0; i < COUNT; i++) {
            double p = rate * values[i];
            for (int64_t t = 0; t < T; t++) {
                double s = element(got, dtype, t * COUNT + i);
                wrong += (s != 0 && s != 1) || (p > 0 ? p >= 1 && s != 1 : s != 0);
                expected += p;
                variance += p * (1 - p);
                seen += s;
                if (t) repeated += s * element(got, dtype, (t - 1) * COUNT + i);
                if (t) pairs += p * p;
                if (t) spread += p * p * (1 - p * p) + 2 * p * p * p * (1 - p);
            }
        }
        ck_assert_int_eq(wrong, 0);
        ck_assert_double_le(fabs(seen - expected), 5 * sqrt(variance));
        ck_assert_double_le(fabs(repeated - pairs), 5 * sqrt(spread));
        free(got);
        kdst_options_release(o);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
}
END_TEST

/* The same bits for 1, 2, 3 and 7 threads, for both types and for a view; other ones the next time and with another seed. */
START_TEST(test_same_bits)
{
    static double values[COUNT];
    static float wanted[2][T * COUNT];
    static const int64_t threads[] = {1, 2, 3, 7};
    for (int k = 0; k < 8; k++) {
        kdst_context *c = new_context(threads[k % 4]);
        kdst_dtype dtype = dtypes[k / 4];
        kdst_tensor *x = make_values(c, dtype, values), *y = NULL, *padded = NULL, *view = NULL;
        for (int again = 0; again < 2; again++) {
            if (again) { /* every second element of twice as many */
                ck_assert_int_eq(kdst_concat((kdst_tensor *[]){x, x}, 2, 0, &padded), 0);
                const int64_t two[] = {2, COUNT};
                kdst_tensor *rows = NULL, *columns = NULL;
                ck_assert_int_eq(kdst_reshape(padded, 2, two, &rows), 0);
                ck_assert_int_eq(kdst_transpose(rows, 0, 1, &columns), 0);
                ck_assert_int_eq(kdst_slice(columns, 1, 0, 1, 1, &view), 0);
                kdst_tensor_release(columns);
                kdst_tensor_release(rows);
            }
            ck_assert_int_eq(kdst_encoding_poisson(again ? view : x, T, NULL, &y), 0);
            void *got = copy_of(y, NULL);
            int64_t same = 0;
            for (int64_t i = 0; i < T * COUNT; i++) {
                if (k == 0) wanted[again][i] = (float)element(got, dtype, i);
                same += element(got, dtype, i) == wanted[again][i];
            }
            ck_assert_int_eq(same, T * COUNT);
            free(got);
            kdst_tensor_release(y);
        }
        kdst_tensor_release(view);
        kdst_tensor_release(padded);
        kdst_tensor_release(x);
        ck_assert_int_eq(kdst_context_live_count(c), 0);
        kdst_context_release(c);
    }
    ck_assert(memcmp(wanted[0], wanted[1], sizeof wanted[0]));
    kdst_options *o = set_int(set_int(new_options(), "seed", 5), "threads", 1);
    kdst_context *c = NULL;
    kdst_tensor *y = NULL;
    ck_assert_int_eq(kdst_context_create(o, &c), 0);
    kdst_tensor *x = make_values(c, KDST_DTYPE_FLOAT32, values);
    ck_assert_int_eq(kdst_encoding_poisson(x, T, NULL, &y), 0);
    void *got = copy_of(y, NULL);
    ck_assert(memcmp(got, wanted[0], sizeof wanted[0]));
    free(got);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_context_release(c);
    kdst_options_release(o);
}
END_TEST

/* ---- latency ---- */

/* One spike at the step of the formula, none at or below the threshold. */
START_TEST(test_latency)
{
    static const struct {
        const char *rule;
        int64_t steps;
        double threshold, tau;
    } cases[] = {{"linear", T, 0.01, 0},      {"linear", 5, 0, 0},          {"linear", 1, 0.3, 0},
                 {"logarithmic", T, 0.01, 0}, {"logarithmic", 5, 0.2, 2.5}, {"logarithmic", 9, 0.5, 4},
                 {"logarithmic", 1, 0.1, 0}};
    static double values[COUNT];
    int64_t steps = cases[_i].steps, wrong = 0, silent = 0, fired = 0, used[T] = {0};
    double threshold = cases[_i].threshold, tau = cases[_i].tau;
    if (tau == 0) tau = (double)(steps - 1) / log(1 + 255 * threshold);
    kdst_options *o = set_text(new_options(), "rule", cases[_i].rule);
    set_real(set_real(o, "threshold", threshold), "tau", cases[_i].tau);
    for (int k = 0; k < 2; k++) {
        kdst_tensor *x = make_values(ctx, dtypes[k], values), *y = NULL;
        ok(kdst_encoding_latency(x, steps, o, &y));
        void *got = copy_of(y, NULL);
        for (int64_t i = 0; i < COUNT; i++) {
            double v = values[i], time = (double)(steps - 1) * (1 - v), sum = 0;
            if (cases[_i].rule[1] == 'o') time = tau * (log(v) - log(v - threshold));
            int64_t at = -1;
            for (int64_t t = 0; t < steps; t++) {
                double s = element(got, dtypes[k], t * COUNT + i);
                wrong += s != 0 && s != 1;
                sum += s;
                if (s > 0) at = t;
            }
            wrong += sum > 1;
            if (!(v > threshold) || time > (double)steps - 0.5 + 1e-9) {
                wrong += at != -1;
                silent++;
            } else if (time < (double)steps - 0.5 - 1e-9) {
                if (at < 0 || fabs((double)at - time) > 0.5 + 1e-9)
                    ck_abort_msg("x = %g: step %lld, time %g", v, (long long)at, time);
                used[at]++;
                fired++;
            }
        }
        free(got);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert(silent > 0 && fired > 0);
    if (cases[_i].tau == 0) ck_assert(used[0] > 0 && used[steps - 1] > 0);
    kdst_options_release(o);
}
END_TEST

/* Halves go up, the largest is first, one grey level above the threshold is last. */
START_TEST(test_latency_borders)
{
    const float values[] = {1, 0.875f, 0.625f, 0.5f, 0.01f + 1 / 255.f, 0};
    static const int linear[] = {0, 1, 2, 2, 4, -1}, logarithmic[] = {0, 0, 0, 0, 4, -1};
    const int64_t count = 6;
    kdst_tensor *x = NULL, *y = NULL;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT32, 1, &count, values, &x));
    for (int rule = 0; rule < 2; rule++) {
        kdst_options *o = set_text(new_options(), "rule", rule ? "logarithmic" : "linear");
        ok(kdst_encoding_latency(x, 5, o, &y));
        float *got = copy_of(y, NULL);
        for (int i = 0; i < 6; i++)
            for (int t = 0; t < 5; t++)
                ck_assert_float_eq(got[t * 6 + i], t == (rule ? logarithmic : linear)[i]);
        free(got);
        kdst_tensor_release(y);
        kdst_options_release(o);
    }
    kdst_tensor_release(x);
}
END_TEST

/* ---- refused ---- */

static kdst_status poisson(kdst_tensor *x, int64_t steps, kdst_options *o, kdst_tensor **out)
{
    kdst_status status = kdst_encoding_poisson(x, steps, o, out);
    kdst_options_release(o);
    return status;
}

static kdst_status latency(kdst_tensor *x, int64_t steps, kdst_options *o, kdst_tensor **out)
{
    kdst_status status = kdst_encoding_latency(x, steps, o, out);
    kdst_options_release(o);
    return status;
}

START_TEST(test_refused)
{
    const double bad[] = {-0.001, 1.001, NAN, INFINITY, -INFINITY, 1.5}, whole[2] = {1, 1};
    const int64_t two = 2, eight[8] = {1, 1, 1, 1, 1, 1, 1, 2}, none = 0;
    kdst_tensor *x = NULL, *y = (kdst_tensor *)ctx;
    for (int i = 0; i < 6; i++) {
        double values[] = {0.5, bad[i]};
        char text[64];
        snprintf(text, sizeof text, "element 1 is %g, allowed is [0, 1]", bad[i]);
        ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, &two, values, &x));
        refused(poisson(x, 3, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, text);
        refused(latency(x, 3, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, text);
        ck_assert_ptr_null(y);
        kdst_tensor_release(x);
    }
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, &two, whole, &x));
    refused(kdst_encoding_static(x, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "encoding_static: steps is 0");
    refused(poisson(x, -1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "encoding_poisson: steps is -1");
    refused(latency(x, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "encoding_latency: steps is 0");
    refused(kdst_encoding_static(x, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(poisson(x, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(latency(x, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_encoding_static(NULL, 1, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(poisson(NULL, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(latency(NULL, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    refused(poisson(x, 3, set_real(new_options(), "rate", 1.1), &y), KDST_STATUS_INVALID_ARGUMENT, "rate is 1.1");
    refused(latency(x, 3, set_real(new_options(), "threshold", 1), &y), KDST_STATUS_INVALID_ARGUMENT, "threshold is 1");
    refused(latency(x, 3, set_real(new_options(), "tau", -1), &y), KDST_STATUS_INVALID_ARGUMENT, "tau is -1");
    refused(latency(x, 3, set_text(new_options(), "rule", "cubic"), &y), KDST_STATUS_INVALID_ARGUMENT, "cubic");
    refused(
        latency(x, 3, set_real(set_text(new_options(), "rule", "logarithmic"), "threshold", 0), &y),
        KDST_STATUS_INVALID_ARGUMENT, "the threshold is 0");
    ck_assert_int_ne(poisson(x, INT64_MAX / 2, NULL, &y), KDST_STATUS_OK);
    ck_assert_int_ne(kdst_encoding_static(x, INT64_MAX / 2 + 5, &y), KDST_STATUS_OK);
    kdst_tensor_release(x);
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 8, eight, whole, &x));
    refused(kdst_encoding_static(x, 2, &y), KDST_STATUS_SHAPE, "x has 8 axes");
    refused(poisson(x, 2, NULL, &y), KDST_STATUS_SHAPE, "x has 8 axes");
    kdst_tensor_release(x);
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 1, &two, "\1\1", &x));
    refused(kdst_encoding_static(x, 2, &y), KDST_STATUS_DTYPE, "x is uint8");
    refused(latency(x, 2, NULL, &y), KDST_STATUS_DTYPE, "x is uint8");
    kdst_tensor_release(x);
    ok(kdst_tensor_create(ctx, KDST_DTYPE_FLOAT32, 1, &none, &x));
    ok(poisson(x, 2, NULL, &y));
    ck_assert_int_eq(kdst_tensor_get_count(y), 0);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* ---- memory ---- */

static kdst_status work(kdst_context *c, void *arg)
{
    const int64_t shape[] = {3, 2, 3, 5};
    kdst_tensor *x = NULL, *spikes = NULL, *copies = NULL;
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_FLOAT32, 4, shape, &x);
    if (!status)
        status = *(int *)arg ? kdst_encoding_latency(x, 3, NULL, &spikes) : kdst_encoding_poisson(x, 3, NULL, &spikes);
    if (!status) status = kdst_encoding_static(x, 3, &copies);
    kdst_tensor_release(copies);
    kdst_tensor_release(spikes);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, work, &_i), 3);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data encoding");
    TCase *all = tcase_create("encoding");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_static);
    tcase_add_test(all, test_frequencies);
    tcase_add_test(all, test_same_bits);
    tcase_add_loop_test(all, test_latency, 0, 7);
    tcase_add_test(all, test_latency_borders);
    tcase_add_test(all, test_refused);
    tcase_add_loop_test(all, test_allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
