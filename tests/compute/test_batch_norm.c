/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norm: statistics, normalisation and gradients, also where the mean is large beside the deviation. */
#include "reference/reference.h"
#include "support.h"

typedef struct shape {
    int64_t n, c, s;
} shape;

static const shape shapes[] = {
    {1, 1, 2},    {2, 1, 1},   {3, 5, 1},   {2, 70, 1},  {7, 130, 1}, {1, 3, 4},    {2, 3, 15},
    {3, 2, 16},   {1, 4, 17},  {2, 2, 33},  {2, 67, 9},  {1, 2, 64},  {1, 1, 1023}, {2, 2, 1025},
    {1, 1, 2100}, {3, 129, 7}, {64, 3, 49}, {300, 4, 1}, {0, 3, 4},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* The kernels sum runs of at most 1024 elements in the element type, and those in double. */
static double run_terms(const shape *d)
{
    double all = (double)d->n * (double)d->s;
    return all < 1024 ? all : 1024;
}

/* Each channel has a mean of its own, up to `offset`. */
static array *image(const shape *d, double offset, int seed)
{
    array *x = seed % 2 ? early_array(d->n * d->c * d->s, seed) : random_array(d->n * d->c * d->s, seed);
    for (int64_t i = 0; i < x->count; i++)
        set_element(x, i, x->values[i] + offset * (1 + (double)(i / d->s % d->c) / (double)d->c) / 2);
    return x;
}

static double offset_of(int kind)
{
    return kind == 0 ? 0 : kind == 1 ? 3 : dtype == KDST__F32 ? 1e4 : 1e10;
}

START_TEST(statistics)
{
    begin(_i % configurations());
    const shape *d = &shapes[_i / configurations()];
    double m = (double)d->n * (double)d->s;
    for (int kind = 0; kind < 3; kind++) {
        array *x = image(d, offset_of(kind), kind);
        double *mean = numbers(d->c), *var = numbers(d->c), *mean_got = numbers(d->c), *var_got = numbers(d->c);
        reference_batch_norm_statistics(d->n, d->c, d->s, x->values, mean, var);
        kdst__batch_norm_statistics(cp, dtype, d->n, d->c, d->s, x->data, mean_got, var_got);
        for (int64_t c = 0; c < d->c && m > 0; c++) {
            double deviation = sqrt(var[c]);
            /* sums of d = x - pivot, whose size is the deviation and the pivot's own error */
            double pivot = sum_bound(unit, 3, fabs(mean[c])) * sqrt(run_terms(d));
            double near = sum_bound(unit, run_terms(d), deviation + pivot) + chain_bound(0x1p-53, m, fabs(mean[c]));
            double wide = sum_bound(unit, run_terms(d), (deviation + pivot) * (deviation + pivot)) +
                2 * deviation * near + chain_bound(0x1p-53, m, var[c]);
            ck_assert_msg(
                fabs(mean_got[c] - mean[c]) <= near, "kind %d: mean %d is %.17g, expected %.17g within %g", kind,
                (int)c, mean_got[c], mean[c], near);
            ck_assert_msg(
                fabs(var_got[c] - var[c]) <= wide && var_got[c] >= 0,
                "kind %d: variance %d is %.17g, expected %.17g within %g", kind, (int)c, var_got[c], var[c], wide);
        }
        drop_arrays();
    }
}
END_TEST

START_TEST(statistics_of_constants_and_nan)
{
    begin(_i);
    for (int64_t s = 1; s < 3000; s = 3 * s + 2) {
        const shape d = {4, 3, s};
        array *x = filled_array(4 * 3 * s, 0.1);
        double mean[3], var[3];
        set_element(x, s, NAN); /* of channel 1 */
        kdst__batch_norm_statistics(cp, dtype, d.n, d.c, d.s, x->data, mean, var);
        ck_assert(isnan(mean[1]) && isnan(var[1]));
        for (int c = 0; c < 3; c += 2) {
            ck_assert_double_le(fabs(mean[c] - x->values[0]), sum_bound(unit, 4, 0.1));
            ck_assert_double_le(var[c], pow(sum_bound(unit, run_terms(&d), 0.1), 2));
        }
        drop_arrays();
    }
}
END_TEST

START_TEST(normalisation)
{
    begin(_i % configurations());
    const shape *d = &shapes[_i / configurations()];
    for (int kind = 0; kind < 3; kind++)
        for (int affine = 0; affine < 4; affine++) {
            array *x = image(d, offset_of(kind), kind), *y = filled_array(x->count, NAN);
            array *gamma = random_array(d->c, 5), *beta = random_array(d->c, 6);
            double *mean = numbers(d->c), *inverse = numbers(d->c), *expected = numbers(x->count),
                   *bound = numbers(x->count);
            const double *g = affine & 1 ? gamma->values : NULL, *b = affine & 2 ? beta->values : NULL;
            reference_batch_norm_statistics(d->n, d->c, d->s, x->values, mean, inverse);
            for (int64_t c = 0; c < d->c; c++)
                inverse[c] = 1 / sqrt(inverse[c] + 1e-3);
            reference_batch_norm_normalise(d->n, d->c, d->s, x->values, mean, inverse, g, b, expected);
            for (int64_t i = 0; i < x->count; i++) {
                int64_t c = i / d->s % d->c;
                double factor = inverse[c] * (g ? fabs(g[c]) : 1);
                /* x - mean, twice rounded, the factor, the shift and their sum; the mean rounds where x does */
                bound[i] = chain_bound(
                    unit, 5,
                    fabs(x->values[i] - mean[c]) * factor + (b ? fabs(b[c]) : 0) + unit * fabs(mean[c]) * factor);
            }
            kdst__batch_norm_normalise(
                cp, dtype, d->n, d->c, d->s, x->data, mean, inverse, g ? gamma->data : NULL, b ? beta->data : NULL,
                y->data);
            expect_within(y, expected, bound, "normalise");
            drop_arrays();
        }
}
END_TEST

/* What the gradients' errors are measured by: the same sums of absolute values. */
static void gradient_sizes(
    const shape *d, int32_t training, const array *x, const array *dy, const double *mean, const double *inverse,
    const double *gamma, double *dx, double *dgamma, double *dbeta)
{
    double m = (double)d->n * (double)d->s;
    double *sum = numbers(d->c), *product = numbers(d->c);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t c = i / d->s % d->c;
        sum[c] += fabs(dy->values[i]);
        /* x - mean is off by the rounding of the mean */
        product[c] += fabs(dy->values[i]) * (fabs(x->values[i] - mean[c]) + unit * fabs(mean[c])) * inverse[c];
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t c = i / d->s % d->c;
        double factor = inverse[c] * (gamma ? fabs(gamma[c]) : 1);
        double xhat = (fabs(x->values[i] - mean[c]) + unit * fabs(mean[c])) * inverse[c];
        dx[i] += factor * (fabs(dy->values[i]) + (training ? sum[c] / m + xhat * product[c] / m : 0));
    }
    for (int64_t c = 0; c < d->c; c++) {
        dgamma[c] += product[c];
        dbeta[c] += sum[c];
    }
}

START_TEST(gradients)
{
    begin(_i % configurations());
    const shape *d = &shapes[_i / configurations()];
    for (int kind = 0; kind < 12; kind++) {
        int32_t training = kind % 2;
        array *x = image(d, offset_of(kind / 2 % 3), kind), *dy = random_array(x->count, 4);
        array *gamma = random_array(d->c, 5), *dx = random_array(x->count, 7), *dgamma = random_array(d->c, 8);
        array *dbeta = random_array(d->c, 9);
        const double *g = kind % 4 < 2 ? gamma->values : NULL;
        int all = kind < 6; /* else the gradients of the parameters alone, then that of x alone */
        double *mean = numbers(d->c), *inverse = numbers(d->c),
               *want[3] = {values_of(dx), values_of(dgamma), values_of(dbeta)};
        double *size[3] = {values_of(dx), values_of(dgamma), values_of(dbeta)};
        reference_batch_norm_statistics(d->n, d->c, d->s, x->values, mean, inverse);
        for (int64_t c = 0; c < d->c; c++)
            inverse[c] = 1 / sqrt(inverse[c] + 1e-3);
        int take_x = all || kind % 2, take_parameters = all || !take_x;
        reference_batch_norm_backward(
            d->n, d->c, d->s, training, x->values, dy->values, mean, inverse, g, take_x ? want[0] : NULL,
            take_parameters ? want[1] : NULL, take_parameters ? want[2] : NULL);
        for (int k = 0; k < 3; k++)
            for (int64_t i = 0; i < (k ? d->c : x->count); i++)
                size[k][i] = fabs(size[k][i]);
        gradient_sizes(d, training, x, dy, mean, inverse, g, size[0], size[1], size[2]);
        for (int k = 0; k < 3; k++)
            for (int64_t i = 0; i < (k ? d->c : x->count); i++)
                size[k][i] = sum_bound(unit, run_terms(d) + 6, size[k][i]);
        kdst__batch_norm_backward(
            cp, dtype, d->n, d->c, d->s, training, x->data, dy->data, mean, inverse, g ? gamma->data : NULL,
            take_x ? dx->data : NULL, take_parameters ? dgamma->data : NULL, take_parameters ? dbeta->data : NULL);
        expect_within(dx, want[0], size[0], "dx");
        expect_within(dgamma, want[1], size[1], "dgamma");
        expect_within(dbeta, want[2], size[2], "dbeta");
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, statistics, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, statistics_of_constants_and_nan, 0, configurations());
    tcase_add_loop_test(tests, normalisation, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, gradients, 0, SHAPES * configurations());
}

int main(void)
{
    return run_compute_suite("batch_norm", build);
}
