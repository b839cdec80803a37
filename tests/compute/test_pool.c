/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling and means of rows, with their gradients: strides, paddings, equal elements, NaN. */
#include "reference/reference.h"
#include "support.h"

/* n, c, h, w, kernel, stride, padding, each of the last three [vertical, horizontal]; ceil mode */
static const int64_t shapes[][11] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 0},     {2, 3, 6, 8, 2, 2, 2, 2, 0, 0},    {1, 2, 7, 9, 3, 3, 2, 2, 1, 1},
    {2, 1, 5, 5, 5, 5, 1, 1, 0, 0},     {1, 2, 9, 7, 2, 3, 1, 2, 1, 1},    {1, 1, 3, 200, 3, 2, 1, 2, 0, 1},
    {2, 2, 8, 6, 1, 1, 3, 2, 0, 0},     {1, 1, 4, 5, 4, 4, 3, 3, 2, 2},    {1, 3, 6, 6, 3, 3, 1, 1, 1, 1},
    {1, 1, 2, 2, 4, 5, 1, 1, 2, 2},     {0, 3, 4, 4, 2, 2, 2, 2, 0, 0},    {2, 2, 3, 70, 1, 7, 1, 3, 0, 3},
    {1, 1, 80, 90, 80, 90, 1, 1, 0, 0}, {2, 2, 7, 8, 3, 3, 2, 2, 0, 0, 1}, {1, 3, 6, 5, 2, 2, 2, 2, 1, 1, 1},
    {1, 1, 5, 4, 3, 2, 4, 3, 1, 0, 1},  {1, 2, 1, 9, 1, 5, 1, 4, 0, 2, 1}, {2, 1, 3, 3, 2, 3, 5, 2, 1, 1, 1},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Windows along an axis: the last one begins before the image ends. */
static int64_t windows(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t ceil_mode)
{
    int64_t count = 1;
    while (ceil_mode ? (count - 1) * stride + kernel < size + 2 * padding && count * stride < size + padding
                     : count * stride + kernel <= size + 2 * padding)
        count++;
    return count;
}

static kdst__pool2d_shape whole(const int64_t *d)
{
    return (kdst__pool2d_shape){
        .n = d[0],
        .c = d[1],
        .h = d[2],
        .w = d[3],
        .kh = d[4],
        .kw = d[5],
        .stride = {d[6], d[7]},
        .padding = {d[8], d[9]},
        .count_include_pad = 1,
        .p = windows(d[2], d[4], d[6], d[8], d[10]),
        .q = windows(d[3], d[5], d[7], d[9], d[10])};
}

/* Images in which many neighbours are equal, some with -infinity or NaN. */
static array *image(const kdst__pool2d_shape *s, int kind)
{
    array *x = kind % 2 ? early_array(s->n * s->c * s->h * s->w, 1) : random_array(s->n * s->c * s->h * s->w, 1);
    for (int64_t i = 0; i < x->count; i++) {
        if (kind >= 1) set_element(x, i, floor(x->values[i] * 3) / 3);
        if (kind == 2 && i % 5 == 0) set_element(x, i, NAN);
        if (kind == 3 && i % 3) set_element(x, i, -INFINITY);
    }
    return x;
}

START_TEST(largest_elements)
{
    begin(_i % configurations());
    kdst__pool2d_shape s = whole(shapes[_i / configurations()]);
    int64_t outputs = s.n * s.c * s.p * s.q;
    for (int kind = 0; kind < 4; kind++) {
        array *x = image(&s, kind), *y = filled_array(outputs, NAN), *alone = filled_array(outputs, NAN);
        array *dy = random_array(outputs, 2), *dx = random_array(x->count, 3);
        double *expected = numbers(outputs), *slope = values_of(dx), *bound = numbers(x->count);
        int32_t *argmax = malloc((size_t)(outputs + 1) * sizeof *argmax),
                *best = malloc((size_t)(outputs + 1) * sizeof *best);
        reference_max_pool2d(&s, x->values, expected, best);
        kdst__max_pool2d(cp, dtype, &s, x->data, y->data, argmax);
        kdst__max_pool2d(cp, dtype, &s, x->data, alone->data, NULL);
        expect_equal(y, expected, "max");
        expect_equal(alone, expected, "max without positions");
        for (int64_t i = 0; i < outputs; i++)
            ck_assert_msg(
                argmax[i] == best[i] || (kind == 2 && isnan(expected[i])), "position %d is %d, expected %d", (int)i,
                argmax[i], best[i]);
        for (int64_t i = 0; i < x->count; i++) /* a handful of windows may meet in an element */
            bound[i] = sum_bound(unit, (double)(s.kh * s.kw + 1), (double)(s.kh * s.kw) + 1);
        if (kind != 2) {
            reference_max_pool2d_backward(&s, dy->values, x->values, slope);
            kdst__max_pool2d_backward(cp, dtype, &s, dy->data, argmax, dx->data);
            expect_within(dx, slope, bound, "max, backward");
        }
        free(best);
        free(argmax);
        drop_arrays();
    }
}
END_TEST

static void check_means(const kdst__pool2d_shape *s, int kind)
{
    int64_t outputs = s->n * s->c * s->p * s->q;
    array *x = image(s, kind), *y = filled_array(outputs, NAN), *dy = random_array(outputs, 2);
    array *dx = random_array(x->count, 3);
    double *expected = numbers(outputs), *size = numbers(outputs), *slope = values_of(dx),
           *slope_size = numbers(x->count);
    double terms = (double)(s->adaptive ? s->h * s->w + s->p * s->q : s->kh * s->kw) + 2;
    reference_avg_pool2d(s, x->values, expected, size);
    kdst__avg_pool2d(cp, dtype, s, x->data, y->data);
    for (int64_t i = 0; i < outputs; i++)
        size[i] = chain_bound(unit, 3, fabs(expected[i])) + sum_bound(0x1p-53, terms, size[i]); /* summed in double */
    expect_within(y, expected, size, "mean");
    for (int64_t i = 0; i < x->count; i++)
        slope_size[i] = fabs(slope[i]);
    reference_avg_pool2d_backward(s, dy->values, slope, slope_size);
    kdst__avg_pool2d_backward(cp, dtype, s, dy->data, dx->data);
    for (int64_t i = 0; i < x->count; i++)
        slope_size[i] = sum_bound(unit, terms, slope_size[i]);
    expect_within(dx, slope, slope_size, "mean, backward");
    drop_arrays();
}

START_TEST(means)
{
    begin(_i % configurations());
    kdst__pool2d_shape s = whole(shapes[_i / configurations()]);
    for (int kind = 0; kind < 4; kind++) {
        s.count_include_pad = kind / 2;
        check_means(&s, kind % 2);
    }
}
END_TEST

/* n, c, h, w, p, q: windows that divide the image, overlap, repeat it, are the whole of it, or are none */
static const int64_t adaptive[][6] = {{2, 3, 8, 6, 4, 2},  {1, 2, 7, 5, 3, 4},  {2, 1, 3, 2, 7, 5}, {1, 3, 5, 9, 1, 1},
                                      {1, 1, 1, 1, 1, 1},  {2, 2, 6, 6, 6, 6},  {1, 2, 4, 4, 0, 3}, {0, 2, 4, 4, 2, 2},
                                      {1, 1, 27, 6, 6, 6}, {1, 1, 1, 70, 2, 33}};
enum { ADAPTIVE = sizeof adaptive / sizeof *adaptive };

START_TEST(adaptive_means)
{
    begin(_i % configurations());
    const int64_t *d = adaptive[_i / configurations()];
    const kdst__pool2d_shape s = {.n = d[0], .c = d[1], .h = d[2], .w = d[3], .p = d[4], .q = d[5], .adaptive = 1};
    for (int kind = 0; kind < 2; kind++)
        check_means(&s, kind);
}
END_TEST

START_TEST(means_of_rows)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int i = 1; i < SIZES; i++)
        for (int64_t rows = 0; rows <= 5; rows += 5) {
            int64_t s = sizes[i];
            array *x = random_array(rows * s, 1), *y = filled_array(rows, NAN), *dy = random_array(rows, 2);
            array *dx = random_array(rows * s, 3);
            double *expected = numbers(rows), *bound = numbers(rows), *slope = values_of(dx), *near = numbers(rows * s);
            for (int64_t r = 0; r < rows; r++) {
                expected[r] = reference_sum(s, x->values + r * s, &bound[r]) / (double)s;
                bound[r] = sum_bound(unit, (double)s + 1, bound[r] / (double)s);
                for (int64_t j = 0; j < s; j++) {
                    near[r * s + j] = chain_bound(unit, 3, fabs(slope[r * s + j]) + fabs(dy->values[r] / (double)s));
                    slope[r * s + j] += dy->values[r] / (double)s;
                }
            }
            kdst__row_mean(cp, dtype, rows, s, x->data, y->data);
            expect_within(y, expected, bound, "row mean");
            kdst__row_mean_backward(cp, dtype, rows, s, dy->data, dx->data);
            expect_within(dx, slope, near, "row mean, backward");
            drop_arrays();
        }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, largest_elements, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, means, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, adaptive_means, 0, ADAPTIVE * configurations());
    tcase_add_loop_test(tests, means_of_rows, 0, configurations());
}

int main(void)
{
    return run_compute_suite("pool", build);
}
