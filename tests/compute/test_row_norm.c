/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation of rows and its gradients: parameters or none, one value a channel or many, large means, threads. */
#include "reference/reference.h"
#include "support.h"

/* rows, period, channels of a row, values of a channel */
static const int64_t shapes[][4] = {{1, 1, 1, 1},  {3, 1, 7, 1},    {5, 1, 17, 1},  {4, 1, 65, 1}, {2, 1, 300, 1},
                                    {0, 1, 5, 1},  {4, 2, 3, 1},    {6, 3, 2, 4},   {4, 1, 3, 15}, {2, 2, 1, 33},
                                    {4, 4, 2, 16}, {3, 3, 1, 1100}, {70, 1, 2, 17}, {2, 1, 1, 1}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Values around `level`, with the statistics that the operation would use. */
static array *values(int64_t rows, int64_t n, double level, double *mean, double *inverse)
{
    array *x = early_array(rows * n, 1);
    for (int64_t i = 0; i < x->count; i++)
        set_element(x, i, x->values[i] + level);
    for (int64_t row = 0; row < rows; row++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++)
            sum += x->values[row * n + i];
        mean[row] = sum / (double)n;
        for (int64_t i = 0; i < n; i++)
            squares += pow(x->values[row * n + i] - mean[row], 2);
        inverse[row] = 1 / sqrt(squares / (double)n + 0.01);
    }
    return x;
}

/* x - mean may have lost half a unit of x, which is beside the mean. */
static double lost(double level)
{
    return 4 * unit * (fabs(level) + 1);
}

static void check(const int64_t *d, double level, int with_gamma, int with_beta)
{
    int64_t rows = d[0], period = d[1], k = d[2], s = d[3], n = k * s, channels = period * k;
    double *mean = numbers(rows), *inverse = numbers(rows);
    array *x = values(rows, n, level, mean, inverse), *g = random_array(channels, 2), *b = random_array(channels, 3);
    array *y = filled_array(rows * n, NAN);
    double *expected = numbers(rows * n), *bound = numbers(rows * n);
    const double *gamma = with_gamma ? g->values : NULL, *beta = with_beta ? b->values : NULL;
    reference_row_norm(rows, period, k, s, x->values, mean, inverse, gamma, beta, expected);
    kdst__row_norm(
        cp, dtype, rows, period, k, s, x->data, mean, inverse, with_gamma ? g->data : NULL, with_beta ? b->data : NULL,
        y->data);
    for (int64_t i = 0; i < rows * n; i++)
        bound[i] = chain_bound(unit, 6, fabs(expected[i]) + 1) + lost(level) * inverse[i / n];
    expect_within(y, expected, bound, "rows");

    array *dy = random_array(rows * n, 4), *dx = random_array(rows * n, 5);
    array *dgamma = random_array(channels, 6), *dbeta = random_array(channels, 7);
    double *slope = values_of(dx), *size = numbers(rows * n);
    double *dg = values_of(dgamma), *dg_size = numbers(channels), *db = values_of(dbeta), *db_size = numbers(channels);
    for (int64_t i = 0; i < rows * n; i++)
        size[i] = fabs(slope[i]) + 1;
    for (int64_t i = 0; i < channels; i++) {
        dg_size[i] = fabs(dg[i]) + 1;
        db_size[i] = fabs(db[i]) + 1;
    }
    reference_row_norm_backward(
        rows, period, k, s, x->values, dy->values, mean, inverse, gamma, slope, size, dg, dg_size, db, db_size);
    kdst__row_norm_backward(
        cp, dtype, rows, period, k, s, x->data, dy->data, mean, inverse, with_gamma ? g->data : NULL, dx->data,
        with_gamma ? dgamma->data : NULL, with_beta ? dbeta->data : NULL);
    for (int64_t i = 0; i < rows * n; i++)
        size[i] = sum_bound(unit, (double)n + 8, size[i]) + 4 * lost(level) * pow(inverse[i / n], 2);
    expect_within(dx, slope, size, "rows, backward");
    double terms = (double)(channels ? rows / period * s : 0) + 8;
    for (int64_t i = 0; i < channels; i++) {
        dg_size[i] = sum_bound(unit, terms, dg_size[i]) + lost(level) * 10 * terms;
        db_size[i] = sum_bound(unit, terms, db_size[i]);
    }
    if (with_gamma) expect_within(dgamma, dg, dg_size, "factors, backward");
    if (with_beta) expect_within(dbeta, db, db_size, "levels, backward");
    drop_arrays();
}

START_TEST(all_shapes)
{
    begin(_i % configurations());
    for (int kind = 0; kind < 4; kind++)
        check(shapes[_i / configurations()], 0, kind % 2, kind / 2);
    check(shapes[_i / configurations()], 100, 1, 1);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    static const int64_t large[][4] = {{300, 1, 130, 1}, {64, 8, 4, 130}};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int which = 0; which < 2; which++) {
        const int64_t *d = large[which], n = d[2] * d[3], channels = d[1] * d[2];
        double *mean = numbers(d[0]), *inverse = numbers(d[0]);
        array *x = values(d[0], n, 0, mean, inverse), *g = random_array(channels, 2), *dy = random_array(d[0] * n, 3);
        array *first[4] = {NULL};
        for (int t = 0; t < 3; t++) {
            array *out[4] = {
                filled_array(d[0] * n, 0), filled_array(d[0] * n, 0), filled_array(channels, 0),
                filled_array(channels, 0)};
            kdst__row_norm(all[t], dtype, d[0], d[1], d[2], d[3], x->data, mean, inverse, g->data, NULL, out[0]->data);
            kdst__row_norm_backward(
                all[t], dtype, d[0], d[1], d[2], d[3], x->data, dy->data, mean, inverse, g->data, out[1]->data,
                out[2]->data, out[3]->data);
            for (int i = 0; i < 4; i++) {
                if (t == 0) first[i] = out[i];
                expect_same_bits(out[i], first[i], "threads");
            }
        }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_shapes, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("row_norm", build);
}
