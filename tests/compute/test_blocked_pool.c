/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling on blocked channels and its gradients: strides, paddings, windows that overlap or leave places out, equal elements, NaN. */
#include "blocked_arrays.h"

#include "reference/reference.h"

/* n, c, h, w, kernel, stride, padding, each of the last three [vertical, horizontal]; ceil mode */
static const int64_t shapes[][11] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 0},     {2, 3, 6, 8, 2, 2, 2, 2, 0, 0},     {1, 26, 7, 9, 3, 3, 2, 2, 1, 1},
    {2, 1, 5, 5, 5, 5, 1, 1, 0, 0},     {1, 17, 9, 7, 2, 3, 1, 2, 1, 1},    {1, 1, 3, 200, 3, 2, 1, 2, 0, 1},
    {2, 33, 8, 6, 1, 1, 3, 2, 0, 0},    {1, 1, 4, 5, 4, 4, 3, 3, 2, 2},     {1, 16, 6, 6, 3, 3, 1, 1, 1, 1},
    {1, 1, 2, 2, 4, 5, 1, 1, 2, 2},     {0, 3, 4, 4, 2, 2, 2, 2, 0, 0},     {2, 2, 3, 70, 1, 7, 1, 3, 0, 3},
    {1, 2, 20, 30, 20, 30, 1, 1, 0, 0}, {2, 40, 7, 8, 3, 3, 2, 2, 0, 0, 1}, {1, 3, 6, 5, 2, 2, 2, 2, 1, 1, 1},
    {1, 1, 5, 4, 3, 2, 4, 3, 1, 0, 1},  {1, 20, 1, 9, 1, 5, 1, 4, 0, 2, 1}, {2, 1, 3, 3, 2, 3, 5, 2, 1, 1, 1},
    {1, 9, 5, 5, 2, 2, 2, 2, 0, 0, 1},  {2, 0, 4, 4, 2, 2, 2, 2, 0, 0},     {9, 50, 14, 14, 2, 2, 2, 2, 0, 0},
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
    array *x = random_array(s->n * s->c * s->h * s->w, 1);
    for (int64_t i = 0; i < x->count; i++) {
        if (kind >= 1) set_element(x, i, floor(x->values[i] * 3) / 3);
        if (kind == 2 && i % 5 == 0) set_element(x, i, NAN);
        if (kind == 3 && i % 3) set_element(x, i, -INFINITY);
    }
    return x;
}

static array *blocked_image(const kdst__pool2d_shape *s, const array *plain)
{
    return blocked_array(s->n, s->c, s->h * s->w, plain->values);
}

/* Where the gradient goes: space or, with `add`, numbers; *slope is what it begins with. */
static array *gradient_space(const kdst__pool2d_shape *s, int add, double **slope)
{
    array *dx = random_array(s->n * s->c * s->h * s->w, 3);
    *slope = add ? values_of(dx) : numbers(dx->count);
    return add ? blocked_image(s, dx) : blocked_space(s->n, s->c, s->h * s->w);
}

static void check_largest(const kdst__pool2d_shape *s, int kind)
{
    const int64_t outputs = s->n * s->c * s->p * s->q, inputs = s->n * s->c * s->h * s->w;
    array *x = image(s, kind), *x_b = blocked_image(s, x), *dy = random_array(outputs, 2);
    array *y = blocked_space(s->n, s->c, s->p * s->q), *alone = blocked_space(s->n, s->c, s->p * s->q);
    array *dy_b = blocked_array(s->n, s->c, s->p * s->q, dy->values), *place = blocked_space(s->n, s->c, s->p * s->q);
    double *expected = numbers(outputs), *none = numbers(outputs), *bound = numbers(inputs), *slope;
    int32_t *best = malloc((size_t)(outputs + 1) * sizeof *best), *argmax = place->data; /* as wide, between guards */
    reference_max_pool2d(s, x->values, expected, best);
    kdst__blocked_max_pool2d(cp, s, x_b->data, y->data, argmax);
    kdst__blocked_max_pool2d(cp, s, x_b->data, alone->data, NULL);
    expect_blocked(y, s->n, s->c, s->p * s->q, expected, none, "max");
    expect_blocked(alone, s->n, s->c, s->p * s->q, expected, none, "max without positions");
    for (int64_t i = 0; i < outputs; i++) {
        int32_t got = argmax[blocked_place(s->c, s->p * s->q, i)];
        ck_assert_msg(
            got == best[i] || (kind == 2 && isnan(expected[i])), "position %d is %d, expected %d", (int)i, got,
            best[i]);
    }
    for (int64_t i = 0; i < inputs; i++) /* a handful of windows may meet in an element */
        bound[i] = sum_bound(unit, (double)(s->kh * s->kw + 1), (double)(s->kh * s->kw) + 1);
    for (int add = 0; add < 2 && kind != 2; add++) {
        array *dx = gradient_space(s, add, &slope);
        reference_max_pool2d_backward(s, dy->values, x->values, slope);
        kdst__blocked_max_pool2d_backward(cp, s, dy_b->data, argmax, add, dx->data);
        expect_blocked(dx, s->n, s->c, s->h * s->w, slope, bound, "max, backward");
    }
    free(best);
    drop_arrays();
}

START_TEST(largest_elements)
{
    begin_blocked(_i % blocked_configurations());
    kdst__pool2d_shape s = whole(shapes[_i / blocked_configurations()]);
    for (int kind = 0; kind < 4; kind++)
        check_largest(&s, kind);
}
END_TEST

static void check_means(const kdst__pool2d_shape *s, int kind, int add)
{
    const int64_t outputs = s->n * s->c * s->p * s->q, inputs = s->n * s->c * s->h * s->w;
    array *x = image(s, kind), *x_b = blocked_image(s, x), *y = blocked_space(s->n, s->c, s->p * s->q);
    array *dy = random_array(outputs, 2), *dy_b = blocked_array(s->n, s->c, s->p * s->q, dy->values);
    double *expected = numbers(outputs), *size = numbers(outputs), *slope_size = numbers(inputs), *slope;
    double terms = (double)(s->adaptive ? s->h * s->w + s->p * s->q : s->kh * s->kw) + 2;
    reference_avg_pool2d(s, x->values, expected, size);
    kdst__blocked_avg_pool2d(cp, s, x_b->data, y->data);
    for (int64_t i = 0; i < outputs; i++) /* runs of 64 are summed, then in double */
        size[i] = chain_bound(unit, 3, fabs(expected[i])) + sum_bound(unit, terms < 64 ? terms : 64, size[i]);
    expect_blocked(y, s->n, s->c, s->p * s->q, expected, size, "mean");
    array *dx = gradient_space(s, add, &slope);
    for (int64_t i = 0; i < inputs; i++)
        slope_size[i] = fabs(slope[i]);
    reference_avg_pool2d_backward(s, dy->values, slope, slope_size);
    kdst__blocked_avg_pool2d_backward(cp, s, dy_b->data, add, dx->data);
    for (int64_t i = 0; i < inputs; i++)
        slope_size[i] = sum_bound(unit, terms, slope_size[i]);
    expect_blocked(dx, s->n, s->c, s->h * s->w, slope, slope_size, "mean, backward");
    drop_arrays();
}

START_TEST(means)
{
    begin_blocked(_i % blocked_configurations());
    kdst__pool2d_shape s = whole(shapes[_i / blocked_configurations()]);
    for (int kind = 0; kind < 8; kind++) {
        s.count_include_pad = kind / 2 % 2;
        check_means(&s, kind % 2, kind / 4);
    }
}
END_TEST

/* n, c, h, w, p, q: windows that divide the image, overlap, repeat it, are the whole of it, or are none */
static const int64_t adaptive[][6] = {
    {2, 3, 8, 6, 4, 2}, {1, 20, 7, 5, 3, 4}, {2, 1, 3, 2, 7, 5}, {1, 33, 5, 9, 1, 1},  {1, 1, 1, 1, 1, 1},
    {2, 2, 6, 6, 6, 6}, {1, 2, 4, 4, 0, 3},  {0, 2, 4, 4, 2, 2}, {1, 10, 27, 6, 6, 6}, {1, 1, 1, 70, 2, 33}};
enum { ADAPTIVE = sizeof adaptive / sizeof *adaptive };

START_TEST(adaptive_means)
{
    begin_blocked(_i % blocked_configurations());
    const int64_t *d = adaptive[_i / blocked_configurations()];
    const kdst__pool2d_shape s = {.n = d[0], .c = d[1], .h = d[2], .w = d[3], .p = d[4], .q = d[5], .adaptive = 1};
    for (int kind = 0; kind < 4; kind++)
        check_means(&s, kind % 2, kind / 2);
}
END_TEST

/* y [N, C] is plain: means of whole planes. */
START_TEST(means_of_planes)
{
    begin_blocked(_i);
    static const int64_t channels[] = {0, 1, 3, 16, 26, 33, 130}, places[] = {1, 4, 49, 63, 65, 200, 1000};
    for (int i = 0; i < 7 * 7; i++) {
        const int64_t n = 3, c = channels[i % 7], s = places[i / 7];
        array *x = random_array(n * c * s, 1), *x_b = blocked_array(n, c, s, x->values), *y = filled_array(n * c, NAN);
        array *dy = random_array(n * c, 2), *before = random_array(n * c * s, 3);
        double *expected = numbers(n * c), *bound = numbers(n * c), *slope = numbers(n * c * s),
               *near = numbers(n * c * s);
        for (int64_t r = 0; r < n * c; r++) {
            expected[r] = reference_sum(s, x->values + r * s, &bound[r]) / (double)s;
            bound[r] = sum_bound(unit, (double)(s < 64 ? s : 64) + 1, bound[r] / (double)s);
        }
        kdst__blocked_mean(cp, n, c, s, x_b->data, y->data);
        expect_within(y, expected, bound, "mean of planes");
        for (int add = 0; add < 2; add++) {
            array *dx = add ? blocked_array(n, c, s, before->values) : blocked_space(n, c, s);
            for (int64_t k = 0; k < n * c * s; k++) {
                double was = add ? before->values[k] : 0, term = dy->values[k / s] / (double)s;
                slope[k] = was + term;
                near[k] = chain_bound(unit, 2, fabs(was) + fabs(term));
            }
            kdst__blocked_mean_backward(cp, n, c, s, dy->data, add, dx->data);
            expect_blocked(dx, n, c, s, slope, near, "mean of planes, backward");
        }
        drop_arrays();
    }
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin_blocked(_i);
    kdst__compute *all[4] = {cp, with_threads(1), with_threads(2), with_threads(7)};
    kdst__pool2d_shape s = whole(shapes[SHAPES - 1]);
    array *x = random_array(blocked_size(s.n, s.c, s.h * s.w), 1),
          *dy = random_array(blocked_size(s.n, s.c, s.p * s.q), 2);
    array *first[5] = {NULL};
    for (int t = 0; t < 4; t++) {
        array *y = blocked_space(s.n, s.c, s.p * s.q), *mean = blocked_space(s.n, s.c, s.p * s.q);
        array *at = blocked_space(s.n, s.c, s.p * s.q), *dx = blocked_space(s.n, s.c, s.h * s.w);
        array *of_mean = blocked_space(s.n, s.c, s.h * s.w), *out[5] = {y, mean, at, dx, of_mean};
        kdst__blocked_max_pool2d(all[t], &s, x->data, y->data, at->data);
        kdst__blocked_max_pool2d_backward(all[t], &s, dy->data, at->data, 0, dx->data);
        kdst__blocked_avg_pool2d(all[t], &s, x->data, mean->data);
        kdst__blocked_avg_pool2d_backward(all[t], &s, dy->data, 0, of_mean->data);
        for (int k = 0; k < 5; k++) {
            if (t == 0) first[k] = out[k];
            expect_same_bits(out[k], first[k], "threads");
        }
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, largest_elements, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, means, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, adaptive_means, 0, ADAPTIVE * blocked_configurations());
    tcase_add_loop_test(tests, means_of_planes, 0, blocked_configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, blocked_configurations());
}

int main(void)
{
    return run_compute_suite("blocked_pool", build);
}
