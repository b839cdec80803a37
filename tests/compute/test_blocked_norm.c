/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norm on blocked channels: statistics of drifting, huge and broken numbers, the fused normalisation, and its gradients. */
#include "blocked_arrays.h"

#include "reference/reference.h"

typedef struct shape {
    int64_t n, c, s;
} shape;

/* Channels around vectors, places around runs, few and many images, and some that are cut into groups and bands. */
static const shape shapes[] = {{1, 1, 1},   {2, 5, 3},    {3, 16, 4},    {2, 26, 7},   {5, 17, 16},  {2, 103, 9},
                               {1, 4, 130}, {2, 33, 129}, {1, 2, 64},    {300, 4, 1},  {70, 130, 1}, {0, 3, 4},
                               {3, 5, 0},   {9, 40, 500}, {40, 20, 200}, {3, 260, 33}, {3, 0, 4},    {20, 20, 2000}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int64_t count_of(const shape *d)
{
    return d->n * d->c * d->s;
}

/* kind: 0 no mean, 1 means up to 3, 2 to 10^4, 3 one that grows with the image */
static array *image(const shape *d, int kind, int seed)
{
    array *x = random_array(count_of(d), seed);
    for (int64_t i = 0; i < x->count; i++) {
        double channel = (1 + (double)(i / d->s % d->c) / (double)d->c) / 2;
        double offset = kind == 1 ? 3 : kind == 2 ? 1e4 : kind == 3 ? 300 * (double)(i / (d->c * d->s)) : 0;
        set_element(x, i, x->values[i] + offset * channel);
    }
    return x;
}

static void expect_moments(const shape *d, const array *x, const double *got_mean, const double *got_var)
{
    const double run = 128, m = (double)d->n * (double)d->s;
    double *mean = numbers(d->c), *var = numbers(d->c);
    reference_batch_norm_statistics(d->n, d->c, d->s, x->values, mean, var);
    for (int64_t c = 0; c < d->c; c++) {
        /* d = x - pivot: the pivot is the mean of what came before, which the deviation of all bounds, or of the first run */
        double wide = 2 * sqrt(var[c]) + sum_bound(unit, 3, fabs(mean[c])) * sqrt(run);
        double near = sum_bound(unit, run, wide) + chain_bound(0x1p-53, m, fabs(mean[c]));
        double far = sum_bound(unit, run, wide * wide) + 2 * wide * near + chain_bound(0x1p-53, m, var[c]);
        ck_assert_msg(
            fabs(got_mean[c] - mean[c]) <= near, "mean %d is %.17g, expected %.17g within %g", (int)c, got_mean[c],
            mean[c], near);
        ck_assert_msg(
            fabs(got_var[c] - var[c]) <= far && got_var[c] >= 0, "variance %d is %.17g, expected %.17g within %g",
            (int)c, got_var[c], var[c], far);
    }
}

START_TEST(statistics)
{
    begin_blocked(_i % blocked_configurations());
    const shape *d = &shapes[_i / blocked_configurations()];
    for (int kind = 0; kind < 4; kind++) {
        array *x = image(d, kind, kind + 1), *blocked = blocked_array(d->n, d->c, d->s, x->values);
        double *mean = numbers(d->c), *var = numbers(d->c);
        kdst__blocked_statistics(cp, d->n, d->c, d->s, blocked->data, mean, var);
        expect_moments(d, x, mean, var);
        drop_arrays();
    }
}
END_TEST

/* Squares beyond the range of a float, infinity and NaN, each in a channel of its own beside usual ones. */
START_TEST(statistics_of_unusual_numbers)
{
    begin_blocked(_i);
    for (int64_t s = 1; s < 3000; s = 3 * s + 2) {
        const shape d = {4, 21, s};
        array *x = image(&d, 1, 1);
        double *mean = numbers(d.c), *var = numbers(d.c), *true_mean = numbers(d.c), *true_var = numbers(d.c);
        for (int64_t i = 0; i < x->count; i++)
            if (i / s % d.c == 2) set_element(x, i, x->values[i] * 3e37);
        array *usual = array_of(x->count, x->values);
        set_element(x, (d.c + 1) * s, NAN);
        set_element(x, (2 * d.c + 3) * s, INFINITY);
        array *blocked = blocked_array(d.n, d.c, s, x->values);
        kdst__blocked_statistics(cp, d.n, d.c, s, blocked->data, mean, var);
        ck_assert(isnan(mean[1]) && isnan(var[1]) && !isfinite(mean[3]) && isnan(var[3]));
        reference_batch_norm_statistics(d.n, d.c, s, usual->values, true_mean, true_var);
        for (int64_t c = 0; c < d.c; c++) {
            if (c == 1 || c == 3) continue;
            ck_assert_double_le(
                fabs(mean[c] - true_mean[c]), sum_bound(unit, 128, fabs(true_mean[c]) + sqrt(true_var[c])));
            ck_assert_double_le(fabs(var[c] - true_var[c]), sum_bound(unit, 256, true_var[c]));
        }
        drop_arrays();
    }
}
END_TEST

static double *inverses(const shape *d, const array *x, double *mean)
{
    double *inverse = numbers(d->c);
    reference_batch_norm_statistics(d->n, d->c, d->s, x->values, mean, inverse);
    for (int64_t c = 0; c < d->c; c++)
        inverse[c] = 1 / sqrt(inverse[c] + 1e-3);
    return inverse;
}

/* what: bits 1 gamma, 2 beta, 4 addend, 8 an activation, 16 relu6 instead of relu; place: 0 y is new, 1 it is x, 2 the addend */
static void check_normalise(const shape *d, int kind, int what, int place)
{
    array *x = image(d, kind, kind + 1), *gamma = random_array(d->c, 5), *beta = random_array(d->c, 6);
    array *addend = random_array(x->count, 7), *blocked = blocked_array(d->n, d->c, d->s, x->values);
    array *added = blocked_array(d->n, d->c, d->s, addend->values);
    array *y = place == 0 ? blocked_space(d->n, d->c, d->s) : place == 1 ? blocked : added;
    double *mean = numbers(d->c), *inverse = inverses(d, x, mean), *expected = numbers(x->count),
           *bound = numbers(x->count);
    const double *g = what & 1 ? gamma->values : NULL, *b = what & 2 ? beta->values : NULL;
    for (int64_t i = 0; i < d->c && what & 16; i++)
        set_element(gamma, i, 8 * gamma->values[i]);
    if (what & 8 && x->count > 3) {
        set_element(x, 2, NAN);
        set_element(blocked, blocked_place(d->c, d->s, 2), NAN);
    }
    reference_batch_norm_normalise(d->n, d->c, d->s, x->values, mean, inverse, g, b, expected);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t c = i / d->s % d->c;
        double factor = inverse[c] * (g ? fabs(g[c]) : 1), more = what & 4 ? addend->values[i] : 0;
        /* x - mean, twice rounded, the factor, the shift and two sums; the mean rounds where x does */
        bound[i] = chain_bound(
            unit, 6,
            fabs(x->values[i] - mean[c]) * factor + (b ? fabs(b[c]) : 0) + fabs(more) + unit * fabs(mean[c]) * factor);
        expected[i] += more;
        if (what & 8 && expected[i] < 0) expected[i] = 0;
        if (what & 16 && expected[i] > 6) expected[i] = 6;
    }
    kdst__blocked_normalise(
        cp, d->n, d->c, d->s, blocked->data, mean, inverse, g ? gamma->data : NULL, b ? beta->data : NULL,
        what & 4 ? added->data : NULL,
        what & 16      ? KDST__FUSED_RELU6
            : what & 8 ? KDST__FUSED_RELU
                       : KDST__FUSED_NONE,
        y->data);
    expect_blocked(y, d->n, d->c, d->s, expected, bound, "normalise");
    drop_arrays();
}

START_TEST(normalisation)
{
    begin_blocked(_i % blocked_configurations());
    const shape *d = &shapes[_i / blocked_configurations()];
    for (int what = 0; what < 32; what += what == 15 ? 9 : 1) /* an activation is one of them */
        for (int place = 0; place < (what & 4 ? 3 : 2); place++)
            check_normalise(d, what % 3, what, place);
}
END_TEST

/* ---- gradients ---- */

enum {
    TRAINING = 1,
    MASK = 2,
    ADD_DX = 4,
    NO_GAMMA = 8,
    ADDEND = 16,     /* d_addend is wanted, */
    ADD_ADDEND = 32, /* added to, */
    PLACE = 64,      /* or, without either of the additions, it or dx is dy itself */
    SIX = 128        /* the mask is that of relu6 */
};

/* What errors are measured by: the same sums of absolute values. */
static void gradient_sizes(
    const shape *d, int training, const array *x, const double *g, const double *mean, const double *inverse,
    const double *gamma, double *dx, double *dgamma, double *dbeta)
{
    double m = (double)d->n * (double)d->s, *sum = numbers(d->c), *product = numbers(d->c);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t c = i / d->s % d->c;
        sum[c] += fabs(g[i]);
        product[c] += fabs(g[i]) * (fabs(x->values[i] - mean[c]) + unit * fabs(mean[c])) * inverse[c];
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t c = i / d->s % d->c;
        double factor = inverse[c] * (gamma ? fabs(gamma[c]) : 1);
        double xhat = (fabs(x->values[i] - mean[c]) + unit * fabs(mean[c])) * inverse[c];
        dx[i] = fabs(dx[i]) + factor * (fabs(g[i]) + (training ? sum[c] / m + xhat * product[c] / m : 0));
    }
    for (int64_t c = 0; c < d->c; c++) {
        dgamma[c] = fabs(dgamma[c]) + product[c];
        dbeta[c] = fabs(dbeta[c]) + sum[c];
    }
}

static double *sum_bounds(double *size, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        size[i] = sum_bound(unit, 64 + 6, size[i]);
    return size;
}

/* y of a relu6: about half of it 0, some of it 6, some NaN */
static array *result_of_activation(int64_t count)
{
    array *y = random_array(count, 11);
    for (int64_t i = 0; i < count; i++)
        set_element(y, i, i % 13 == 5 ? NAN : i % 3 == 1 ? 6 : y->values[i] < 0 ? 0 : y->values[i]);
    return y;
}

/* wanted: bits 1 dx, 2 dgamma, 4 dbeta */
static void check_gradients(const shape *d, int what, int wanted)
{
    const int64_t count = count_of(d);
    const int add_dx = what & ADD_DX ? 1 : 0, takes_addend = what & ADDEND ? 1 : 0;
    const int add_addend = takes_addend && what & ADD_ADDEND;
    array *x = image(d, what % 3, what), *dy = random_array(count, 4), *y = result_of_activation(count);
    array *gamma = random_array(d->c, 5), *dx = random_array(count, 7), *dgamma = random_array(d->c, 8);
    array *dbeta = random_array(d->c, 9), *d_addend = random_array(count, 10);
    array *x_b = blocked_array(d->n, d->c, d->s, x->values), *dy_b = blocked_array(d->n, d->c, d->s, dy->values);
    array *y_b = blocked_array(d->n, d->c, d->s, y->values);
    array *dx_b = add_dx ? blocked_array(d->n, d->c, d->s, dx->values) : blocked_space(d->n, d->c, d->s);
    array *addend_b = add_addend ? blocked_array(d->n, d->c, d->s, d_addend->values) : blocked_space(d->n, d->c, d->s);
    if (what & PLACE && takes_addend && !add_addend)
        addend_b = dy_b;
    else if (what & PLACE && !add_dx)
        dx_b = dy_b;
    double *mean = numbers(d->c), *inverse = inverses(d, x, mean), *g = numbers(count), *addend_bound = numbers(count);
    double *want[3] = {add_dx ? values_of(dx) : numbers(count), values_of(dgamma), values_of(dbeta)};
    double *size[3] = {add_dx ? values_of(dx) : numbers(count), values_of(dgamma), values_of(dbeta)};
    double *addend_want = add_addend ? values_of(d_addend) : numbers(count);
    const double *factor = what & NO_GAMMA ? NULL : gamma->values;
    for (int64_t i = 0; i < count; i++) {
        const double v = y->values[i];
        const int passes = what & SIX ? v > 0 && v < 6 : !(v <= 0);
        g[i] = what & MASK && !passes ? 0 : dy->values[i];
        addend_want[i] += g[i];
        addend_bound[i] = add_addend ? chain_bound(unit, 1, fabs(addend_want[i])) : 0;
    }
    reference_batch_norm_backward(
        d->n, d->c, d->s, what & TRAINING, x->values, g, mean, inverse, factor, want[0], wanted & 2 ? want[1] : NULL,
        wanted & 4 ? want[2] : NULL);
    gradient_sizes(d, what & TRAINING, x, g, mean, inverse, factor, size[0], size[1], size[2]);
    const kdst__blocked_norm_gradient all = {
        .n = d->n,
        .c = d->c,
        .s = d->s,
        .training = what & TRAINING,
        .x = x_b->data,
        .dy = dy_b->data,
        .activation = !(what & MASK) ? KDST__FUSED_NONE
            : what & SIX             ? KDST__FUSED_RELU6
                                     : KDST__FUSED_RELU,
        .y = what & MASK ? y_b->data : NULL,
        .mean = mean,
        .inverse = inverse,
        .gamma = factor ? gamma->data : NULL,
        .add_dx = add_dx,
        .add_addend = add_addend ? 1 : 0,
        .dx = wanted & 1 ? dx_b->data : NULL,
        .d_addend = takes_addend ? addend_b->data : NULL,
        .dgamma = wanted & 2 ? dgamma->data : NULL,
        .dbeta = wanted & 4 ? dbeta->data : NULL};
    ck_assert_int_eq(kdst__blocked_normalise_backward(cp, &all), KDST_STATUS_OK);
    if (wanted & 1) expect_blocked(dx_b, d->n, d->c, d->s, want[0], sum_bounds(size[0], count), "dx");
    if (takes_addend) expect_blocked(addend_b, d->n, d->c, d->s, addend_want, addend_bound, "d_addend");
    expect_within(dgamma, want[1], sum_bounds(size[1], d->c), "dgamma");
    expect_within(dbeta, want[2], sum_bounds(size[2], d->c), "dbeta");
    drop_arrays();
}

START_TEST(gradients)
{
    begin_blocked(_i % blocked_configurations());
    const shape *d = &shapes[_i / blocked_configurations()];
    for (int what = _i % 7; what < 2 * SIX; what += count_of(d) > 100000 ? 23 : 7)
        check_gradients(d, what, what % 5 == 4 ? what / 5 % 8 : 7);
}
END_TEST

/* y is what normalisation gave: without it the same mask is found from x. */
START_TEST(mask_again)
{
    begin_blocked(_i % blocked_configurations());
    const shape *d = &shapes[_i / blocked_configurations()];
    const int64_t count = count_of(d);
    for (int what = 0; what < 16; what++) {
        const int32_t activation = what & 8 ? KDST__FUSED_RELU6 : KDST__FUSED_RELU;
        array *x = image(d, what % 3, what), *x_b = blocked_array(d->n, d->c, d->s, x->values);
        array *dy = random_array(count, 4), *gamma = random_array(d->c, 5), *beta = random_array(d->c, 6);
        array *dy_b = blocked_array(d->n, d->c, d->s, dy->values), *y = blocked_space(d->n, d->c, d->s);
        for (int64_t i = 0; i < d->c && what & 8; i++)
            set_element(gamma, i, 8 * gamma->values[i]);
        double *mean = numbers(d->c), *inverse = inverses(d, x, mean);
        kdst__blocked_normalise(
            cp, d->n, d->c, d->s, x_b->data, mean, inverse, what & 1 ? gamma->data : NULL, beta->data, NULL, activation,
            y->data);
        array *out[2][4];
        for (int k = 0; k < 2; k++) {
            array *dx = what & 2 ? blocked_array(d->n, d->c, d->s, dy->values) : blocked_space(d->n, d->c, d->s);
            out[k][0] = dx, out[k][1] = filled_array(d->c, 0), out[k][2] = filled_array(d->c, 0);
            out[k][3] = blocked_space(d->n, d->c, d->s);
            const kdst__blocked_norm_gradient g = {
                .n = d->n,
                .c = d->c,
                .s = d->s,
                .training = what & 4 ? 1 : 0,
                .x = x_b->data,
                .dy = dy_b->data,
                .activation = activation,
                .y = k == 0 ? y->data : NULL,
                .mean = mean,
                .inverse = inverse,
                .gamma = what & 1 ? gamma->data : NULL,
                .beta = beta->data,
                .add_dx = what & 2 ? 1 : 0,
                .dx = dx->data,
                .d_addend = out[k][3]->data,
                .dgamma = out[k][1]->data,
                .dbeta = out[k][2]->data};
            ck_assert_int_eq(kdst__blocked_normalise_backward(cp, &g), KDST_STATUS_OK);
        }
        for (int i = 0; i < 4; i++)
            expect_same_bits(out[1][i], out[0][i], "mask from x");
        drop_arrays();
    }
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin_blocked(_i);
    kdst__compute *all[4] = {cp, with_threads(1), with_threads(2), with_threads(7)};
    for (int i = 13; i < SHAPES; i++) {
        const shape *d = &shapes[i];
        array *x = image(d, 1, 1), *x_b = blocked_array(d->n, d->c, d->s, x->values), *gamma = random_array(d->c, 2);
        array *dy_b = blocked_array(d->n, d->c, d->s, x->values), *first[4] = {NULL};
        double *moments[4];
        for (int t = 0; t < 4; t++) {
            double *mean = moments[t] = numbers(2 * d->c), *var = mean + d->c;
            array *out[4] = {
                blocked_space(d->n, d->c, d->s), blocked_space(d->n, d->c, d->s), filled_array(d->c, 0),
                filled_array(d->c, 0)};
            kdst__blocked_statistics(all[t], d->n, d->c, d->s, x_b->data, mean, var);
            ck_assert(!memcmp(mean, moments[0], (size_t)(2 * d->c) * sizeof *mean));
            kdst__blocked_normalise(
                all[t], d->n, d->c, d->s, x_b->data, mean, var, gamma->data, NULL, NULL, 1, out[0]->data);
            const kdst__blocked_norm_gradient g = {
                .n = d->n,
                .c = d->c,
                .s = d->s,
                .training = 1,
                .x = x_b->data,
                .dy = dy_b->data,
                .activation = KDST__FUSED_RELU,
                .y = out[0]->data,
                .mean = mean,
                .inverse = var,
                .gamma = gamma->data,
                .dx = out[1]->data,
                .dgamma = out[2]->data,
                .dbeta = out[3]->data};
            ck_assert_int_eq(kdst__blocked_normalise_backward(all[t], &g), KDST_STATUS_OK);
            for (int k = 0; k < 4; k++) {
                if (t == 0) first[k] = out[k];
                expect_same_bits(out[k], first[k], "threads");
            }
        }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, statistics, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, statistics_of_unusual_numbers, 0, blocked_configurations());
    tcase_add_loop_test(tests, normalisation, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, gradients, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, mask_again, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, blocked_configurations());
}

int main(void)
{
    return run_compute_suite("blocked_norm", build);
}
