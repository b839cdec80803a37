/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution on blocked channels: strides, paddings, dilations, odd channels, tails, gradients, threads, no memory. */
#include "blocked_arrays.h"
#include "conv_shapes.h"

#include "compute/conv_depthwise.h"
#include "reference/reference.h"

/* [vertical, horizontal] where there are two */
typedef struct shape {
    int64_t n, c, h, w, kh, kw, stride[2], padding[2], dilation[2];
} shape;

static const shape shapes[] = {
    {2, 16, 4, 4, 3, 3, {1, 1}, {1, 1}, {1, 1}},    {3, 26, 5, 7, 3, 3, {1, 1}, {1, 1}, {1, 1}},
    {2, 9, 7, 9, 3, 3, {2, 2}, {1, 1}, {1, 1}},     {1, 33, 8, 6, 3, 3, {2, 2}, {1, 1}, {1, 1}},
    {1, 8, 10, 11, 5, 5, {1, 1}, {2, 2}, {1, 1}},   {2, 17, 6, 13, 2, 4, {1, 3}, {0, 1}, {1, 1}},
    {1, 8, 13, 6, 1, 7, {3, 1}, {0, 3}, {1, 1}},    {2, 20, 9, 10, 3, 3, {1, 1}, {2, 2}, {2, 2}},
    {1, 16, 11, 12, 3, 2, {2, 3}, {1, 2}, {3, 2}},  {2, 12, 5, 5, 1, 1, {1, 1}, {0, 0}, {1, 1}},
    {2, 12, 5, 6, 1, 1, {3, 2}, {0, 0}, {1, 1}}, /* most of the image is not read */
    {1, 8, 6, 6, 2, 2, {3, 3}, {0, 0}, {1, 1}},     {2, 8, 1, 1, 3, 3, {1, 1}, {1, 1}, {1, 1}},
    {2, 8, 2, 2, 3, 3, {2, 2}, {1, 1}, {1, 1}},     {1, 8, 2, 3, 5, 5, {1, 1}, {4, 3}, {1, 1}},
    {1, 9, 7, 8, 2, 2, {2, 2}, {3, 3}, {3, 3}}, /* phases whose taps are not in order */
    {1, 9, 9, 8, 3, 3, {2, 4}, {5, 2}, {3, 1}},     {2, 8, 20, 20, 3, 3, {9, 9}, {1, 1}, {1, 1}},
    {1, 8, 1, 600, 1, 3, {1, 1}, {0, 1}, {1, 1}}, /* rows longer than a run */
    {1, 8, 3, 300, 3, 3, {1, 1}, {1, 1}, {1, 1}},   {1, 10, 70, 3, 64, 2, {1, 1}, {5, 1}, {1, 1}},
    {40, 40, 16, 15, 3, 3, {1, 1}, {1, 1}, {1, 1}}, {40, 40, 16, 15, 3, 3, {2, 2}, {1, 1}, {1, 1}},
    {1, 1100, 3, 3, 3, 3, {1, 1}, {1, 1}, {1, 1}},  {0, 16, 4, 4, 3, 3, {1, 1}, {1, 1}, {1, 1}},
    {2, 16, 6, 5, 7, 3, {1, 2}, {3, 1}, {1, 1}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static kdst__conv2d_shape whole(const shape *s)
{
    return with_result((kdst__conv2d_shape){
        .n = s->n,
        .c = s->c,
        .h = s->h,
        .w = s->w,
        .o = s->c,
        .kh = s->kh,
        .kw = s->kw,
        .groups = s->c,
        .stride = {s->stride[0], s->stride[1]},
        .padding = {s->padding[0], s->padding[1]},
        .dilation = {s->dilation[0], s->dilation[1]}});
}

/* The statistics are those of what has been written. */
static void expect_statistics(const kdst__conv2d_shape *s, const array *y, const double *mean, const double *var)
{
    double *plain = numbers(y_count(s)), *true_mean = numbers(s->c), *true_var = numbers(s->c);
    for (int64_t i = 0; i < y_count(s); i++)
        plain[i] = element(y, blocked_place(s->c, s->p * s->q, i));
    reference_batch_norm_statistics(s->n, s->c, s->p * s->q, plain, true_mean, true_var);
    for (int64_t c = 0; c < s->c; c++) {
        ck_assert_double_le(fabs(mean[c] - true_mean[c]), sum_bound(unit, 128, fabs(true_mean[c]) + sqrt(true_var[c])));
        ck_assert_double_le(fabs(var[c] - true_var[c]), sum_bound(unit, 256, true_var[c]));
    }
}

/* what: bits 1 bias, 2 relu, 4 x is plain, 8 statistics, or relu6 with 2 */
static void check_forward(const kdst__conv2d_shape *s, int what)
{
    array *x = random_array(x_count(s), 1), *w = random_array(w_count(s), 2), *bias = random_array(s->c, 3);
    array *x_b = what & 4 ? x : blocked_array(s->n, s->c, s->h * s->w, x->values);
    array *y = blocked_space(s->n, s->c, s->p * s->q);
    double *expected = numbers(y_count(s)), *size = numbers(y_count(s)), *mean = numbers(s->c), *var = numbers(s->c);
    const int statistics = (what & 10) == 8;
    const kdst__conv_tail tail = {
        .bias = what & 1 ? bias->data : NULL,
        .activation = (const int32_t[]){0, KDST__FUSED_RELU, 0, KDST__FUSED_RELU6}[(what >> 1 & 1) + (what >> 2 & 2)],
        .mean = statistics ? mean : NULL,
        .var = statistics ? var : NULL};
    for (int64_t i = 0; i < w->count && tail.activation == KDST__FUSED_RELU6; i++)
        set_element(w, i, 32 * w->values[i]);
    reference_conv2d_forward(s, x->values, w->values, what & 1 ? bias->values : NULL, expected, size);
    for (int64_t i = 0; i < y_count(s) && what & 2; i++)
        expected[i] = expected[i] < 0 ? 0 : expected[i] > 6 && what & 8 ? 6 : expected[i];
    ck_assert_int_eq(
        kdst__conv_depthwise_forward(cp, s, what & 4 ? 1 : 0, x_b->data, w->data, what ? &tail : NULL, y->data),
        KDST_STATUS_OK);
    expect_blocked(
        y, s->n, s->c, s->p * s->q, expected, bounds(size, y_count(s), (double)(s->kh * s->kw + 1)), "forward");
    if (statistics) expect_statistics(s, y, mean, var);
    drop_arrays();
}

static void check_backward_data(const kdst__conv2d_shape *s, int add)
{
    array *w = random_array(w_count(s), 2), *dy = random_array(y_count(s), 4), *dx = random_array(x_count(s), 5);
    array *dy_b = blocked_array(s->n, s->c, s->p * s->q, dy->values);
    array *dx_b = add ? blocked_array(s->n, s->c, s->h * s->w, dx->values) : blocked_space(s->n, s->c, s->h * s->w);
    double *expected = add ? values_of(dx) : numbers(dx->count), *size = numbers(dx->count);
    for (int64_t i = 0; i < dx->count; i++)
        size[i] = fabs(expected[i]);
    reference_conv2d_backward_data(s, w->values, dy->values, expected, size);
    ck_assert_int_eq(kdst__conv_depthwise_backward_data(cp, s, w->data, dy_b->data, add, dx_b->data), KDST_STATUS_OK);
    expect_blocked(
        dx_b, s->n, s->c, s->h * s->w, expected, bounds(size, dx->count, (double)(s->kh * s->kw + 1)),
        "backward, data");
    drop_arrays();
}

static void check_backward_weights(const kdst__conv2d_shape *s, int plain)
{
    array *x = random_array(x_count(s), 1), *dy = random_array(y_count(s), 4), *dw = random_array(w_count(s), 6);
    array *x_b = plain ? x : blocked_array(s->n, s->c, s->h * s->w, x->values);
    array *dy_b = blocked_array(s->n, s->c, s->p * s->q, dy->values);
    double *expected = values_of(dw), *size = numbers(dw->count), terms = (double)(s->n * s->p * s->q);
    for (int64_t i = 0; i < dw->count; i++)
        size[i] = fabs(expected[i]);
    reference_conv2d_backward_weights(s, x->values, dy->values, expected, size, NULL, NULL);
    ck_assert_int_eq(
        kdst__conv_depthwise_backward_weights(cp, s, plain, x_b->data, dy_b->data, dw->data), KDST_STATUS_OK);
    expect_within(dw, expected, bounds(size, dw->count, terms < 256 ? terms : 256), "backward, weights");
    drop_arrays();
}

START_TEST(shapes_of_all_kinds)
{
    begin_blocked(_i % blocked_configurations());
    kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    ck_assert(kdst__conv_depthwise_fits(cp, &s));
    for (int what = 0; what < 12; what++)
        check_forward(&s, what);
    for (int i = 0; i < 2; i++) {
        check_backward_data(&s, i);
        check_backward_weights(&s, i);
    }
}
END_TEST

/* What it leaves to others. */
START_TEST(shapes_that_do_not_fit)
{
    begin_blocked(_i);
    const kdst__conv2d_shape good = whole(&shapes[0]);
    kdst__conv2d_shape s = good;
    s.groups = 8;
    ck_assert(!kdst__conv_depthwise_fits(cp, &s));
    s = good;
    s.o = 2 * s.c;
    ck_assert(!kdst__conv_depthwise_fits(cp, &s));
    s = good;
    s.c = s.o = s.groups = 1;
    ck_assert(!kdst__conv_depthwise_fits(cp, &s));
    s = good;
    s.kh = 65;
    s.padding[0] = 64;
    ck_assert(!kdst__conv_depthwise_fits(cp, &s));
    s = good;
    s.padding[1] = 3; /* windows wholly in the padding */
    ck_assert(!kdst__conv_depthwise_fits(cp, &s));
    ck_assert(kdst__conv_depthwise_fits(cp, &good));
    ck_assert(kdst__conv_blocked_fits(cp, &good));
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin_blocked(_i);
    kdst__compute *all[4] = {cp, with_threads(1), with_threads(2), with_threads(7)};
    for (int i = 0; i < SHAPES; i++) {
        if (shapes[i].n < 40) continue;
        kdst__conv2d_shape s = whole(&shapes[i]);
        array *x = random_array(blocked_size(s.n, s.c, s.h * s.w), 1), *w = random_array(w_count(&s), 2);
        array *dy = random_array(blocked_size(s.n, s.c, s.p * s.q), 3), *first[3] = {NULL};
        double *moments[4];
        for (int t = 0; t < 4; t++) {
            double *mean = moments[t] = numbers(2 * s.c);
            const kdst__conv_tail tail = {.mean = mean, .var = mean + s.c};
            array *out[3] = {
                blocked_space(s.n, s.c, s.p * s.q), blocked_space(s.n, s.c, s.h * s.w), filled_array(w_count(&s), 0)};
            kdst_status status = kdst__conv_depthwise_forward(all[t], &s, 0, x->data, w->data, &tail, out[0]->data);
            if (!status) status = kdst__conv_depthwise_backward_data(all[t], &s, w->data, dy->data, 0, out[1]->data);
            if (!status) status = kdst__conv_depthwise_backward_weights(all[t], &s, 0, x->data, dy->data, out[2]->data);
            ck_assert_int_eq(status, KDST_STATUS_OK);
            ck_assert(!memcmp(mean, moments[0], (size_t)(2 * s.c) * sizeof *mean));
            for (int k = 0; k < 3; k++) {
                if (t == 0) first[k] = out[k];
                expect_same_bits(out[k], first[k], "threads");
            }
        }
        drop_arrays();
    }
}
END_TEST

/* Memory that runs out at any point gives OUT_OF_MEMORY and is all given back. */
START_TEST(no_memory)
{
    begin_blocked(_i);
    kdst__memory *memory = kdst__compute_memory(cp);
    const size_t used = kdst__memory_used(memory);
    int refused = 0;
    kdst__conv2d_shape s = whole(&shapes[1]);
    array *x = random_array(x_count(&s), 1), *w = random_array(w_count(&s), 2);
    array *y = blocked_space(s.n, s.c, s.p * s.q), *dx = blocked_space(s.n, s.c, s.h * s.w);
    for (int64_t i = 0; i < y->count; i++)
        set_element(y, i, 0);
    for (int what = 0; what < 3; what++)
        for (size_t step = 64;; step += 512) {
            kdst__memory_trim(memory);
            kdst__memory_set_limit(memory, used + step);
            kdst_status status = what == 0 ? kdst__conv_depthwise_forward(cp, &s, 1, x->data, w->data, NULL, y->data)
                : what == 1                ? kdst__conv_depthwise_backward_data(cp, &s, w->data, y->data, 0, dx->data)
                            : kdst__conv_depthwise_backward_weights(cp, &s, 1, x->data, y->data, w->data);
            ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_OUT_OF_MEMORY);
            ck_assert_uint_eq(kdst__memory_used(memory), used);
            if (!status) break;
            refused++;
        }
    ck_assert_int_ge(refused, 6);
}
END_TEST

/* A frame whose bytes are more than a size can say. */
START_TEST(frame_without_end)
{
    begin_blocked(_i);
    const int64_t far = INT64_C(1) << 60;
    const kdst__conv2d_shape s = {
        .n = 1,
        .c = 16,
        .h = 1,
        .w = 1,
        .o = 16,
        .kh = 1,
        .kw = 2,
        .p = 1,
        .q = 2,
        .stride = {1, far},
        .padding = {0, far},
        .dilation = {1, far},
        .groups = 16};
    array *x = filled_array(16, 1), *w = filled_array(32, 1), *y = filled_array(32, 7);
    double *before = values_of(y);
    ck_assert(kdst__conv_depthwise_fits(cp, &s));
    ck_assert_int_eq(
        kdst__conv_depthwise_forward(cp, &s, 0, x->data, w->data, NULL, y->data), KDST_STATUS_OUT_OF_MEMORY);
    expect_equal(y, before, "after a refusal");
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, shapes_of_all_kinds, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, shapes_that_do_not_fit, 0, blocked_configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, blocked_configurations());
    tcase_add_loop_test(tests, no_memory, 0, blocked_configurations());
    tcase_add_loop_test(tests, frame_without_end, 0, blocked_configurations());
}

int main(void)
{
    return run_compute_suite("conv_depthwise", build);
}
