/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution on blocked channels: strides, paddings, dilations, groups, odd channels, plain images, what follows a result,
 * threads, no memory. */
#include "blocked_arrays.h"
#include "conv_shapes.h"

#include "compute/conv_direct.h"
#include "reference/reference.h"

typedef struct shape {
    int64_t n, c, h, w, o, kh, kw, stride[2], padding[2], dilation[2], groups;
} shape;

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 3, 5, 7, 4, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {2, 3, 9, 11, 17, 5, 5, {1, 1}, {2, 2}, {1, 1}, 1},
    {3, 1, 8, 9, 33, 5, 5, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 4, 9, 7, 5, 3, 3, {2, 2}, {1, 1}, {2, 2}, 1}, /* a stem with gaps */
    {1, 3, 12, 12, 9, 7, 7, {2, 2}, {3, 3}, {1, 1}, 1},
    {2, 26, 6, 5, 52, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {2, 52, 5, 6, 103, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {3, 103, 4, 4, 26, 3, 3, {2, 2}, {1, 1}, {1, 1}, 1},
    {2, 16, 7, 7, 32, 1, 1, {2, 2}, {0, 0}, {1, 1}, 1}, /* places that no tap reaches */
    {1, 17, 9, 8, 20, 2, 2, {3, 3}, {0, 0}, {1, 1}, 1},
    {1, 20, 13, 17, 18, 3, 3, {1, 1}, {12, 12}, {12, 12}, 1},
    {1, 8, 13, 6, 40, 1, 7, {3, 1}, {0, 3}, {1, 1}, 1},
    {1, 5, 3, 3, 6, 3, 3, {1, 1}, {4, 5}, {1, 1}, 1}, /* windows wholly in the padding */
    {1, 4, 2, 5, 3, 1, 2, {3, 1}, {4, 0}, {1, 1}, 1}, /* all of them */
    {1, 2, 2, 2, 2, 5, 5, {3, 2}, {3, 4}, {1, 1}, 1},
    {9, 18, 4, 4, 36, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1}, /* several images in a tile and in a stretch */
    {2, 32, 7, 6, 64, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2},
    {2, 48, 6, 7, 48, 3, 3, {2, 1}, {1, 1}, {1, 2}, 3},
    {1, 320, 3, 3, 50, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1}, /* a sum in several turns */
    {1, 900, 2, 2, 50, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {20, 6, 20, 19, 5, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {0, 5, 4, 4, 6, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static kdst__conv2d_shape whole(const shape *s)
{
    return with_result((kdst__conv2d_shape){
        .n = s->n,
        .c = s->c,
        .h = s->h,
        .w = s->w,
        .o = s->o,
        .kh = s->kh,
        .kw = s->kw,
        .groups = s->groups,
        .stride = {s->stride[0], s->stride[1]},
        .padding = {s->padding[0], s->padding[1]},
        .dilation = {s->dilation[0], s->dilation[1]}});
}

static array *image_of(const kdst__conv2d_shape *s, const array *x, int plain)
{
    return plain ? array_of(x->count, x->values) : blocked_array(s->n, s->c, s->h * s->w, x->values);
}

/* Weights packed beforehand give the same bits as `y`. */
static void check_packed(
    const kdst__conv2d_shape *s, int32_t x_plain, const array *x, const array *w, const kdst__conv_tail *tail,
    const array *y)
{
    float *packed = NULL;
    size_t bytes = 0;
    kdst__memory *memory = kdst__compute_memory(cp);
    array *again = blocked_space(s->n, s->o, s->p * s->q);
    ck_assert_int_eq(kdst__conv_direct_pack(cp, memory, s, w->data, &packed, &bytes), 0);
    ck_assert_int_eq(packed != NULL, s->n * s->p * s->q * s->c * s->o > 0);
    ck_assert_int_eq(kdst__conv_direct_forward_packed(cp, s, x_plain, x->data, w->data, packed, tail, again->data), 0);
    expect_same_bits(again, y, "packed");
    kdst__free(memory, packed, bytes);
}

/* what: bits 1 bias, 2 relu, 4 statistics, or relu6 with 2, 8 a plain image */
static void check_forward(const kdst__conv2d_shape *s, int what)
{
    const int64_t plane = s->p * s->q, count = s->n * s->o * plane;
    array *x = random_array(s->n * s->c * s->h * s->w, 1), *w = random_array(w_count(s), 2);
    array *bias = random_array(s->o, 3), *image = image_of(s, x, what & 8), *y = blocked_space(s->n, s->o, plane);
    double *expected = numbers(count), *size = numbers(count), *mean = numbers(s->o), *var = numbers(s->o);
    double *true_mean = numbers(s->o), *true_var = numbers(s->o);
    const kdst__conv_tail tail = {
        what & 1 ? bias->data : NULL, (const int32_t[]){0, KDST__FUSED_RELU, 0, KDST__FUSED_RELU6}[what >> 1 & 3],
        (what & 6) == 4 ? mean : NULL, (what & 6) == 4 ? var : NULL, NULL};
    for (int64_t i = 0; i < w->count && tail.activation == KDST__FUSED_RELU6; i++)
        set_element(w, i, 32 * w->values[i]);
    reference_conv2d_forward(s, x->values, w->values, what & 1 ? bias->values : NULL, expected, size);
    for (int64_t i = 0; i < count && tail.activation; i++)
        expected[i] = expected[i] < 0 ? 0 : expected[i] > 6 && what & 4 ? 6 : expected[i];
    const double terms = (double)(s->c / s->groups * s->kh * s->kw + 1);
    ck_assert_int_eq(
        kdst__conv_direct_forward(cp, s, what & 8 ? 1 : 0, image->data, w->data, what ? &tail : NULL, y->data), 0);
    expect_blocked(y, s->n, s->o, plane, expected, bounds(size, count, terms), "forward");
    check_packed(s, what & 8 ? 1 : 0, image, w, what ? &tail : NULL, y);
    if (tail.mean) { /* of what has been written */
        double *made = numbers(count);
        for (int64_t i = 0; i < count; i++)
            made[i] = element(y, blocked_place(s->o, plane, i));
        reference_batch_norm_statistics(s->n, s->o, plane, made, true_mean, true_var);
        for (int64_t i = 0; i < s->o; i++) {
            double wide = fabs(true_mean[i]) + sqrt(true_var[i]);
            ck_assert_double_le(fabs(mean[i] - true_mean[i]), sum_bound(unit, 128, wide));
            ck_assert_double_le(fabs(var[i] - true_var[i]), sum_bound(unit, 256, wide * wide));
        }
    }
    drop_arrays();
}

START_TEST(forward)
{
    begin_blocked(_i % blocked_configurations());
    const kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    for (int what = 0; what < 16; what++)
        check_forward(&s, what);
}
END_TEST

START_TEST(backward_data)
{
    begin_blocked(_i % blocked_configurations());
    const kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    for (int add = 0; add < 2; add++) {
        const int64_t count = s.n * s.c * s.h * s.w;
        array *dy = random_array(s.n * s.o * s.p * s.q, 1), *w = random_array(w_count(&s), 2);
        array *dx = random_array(count, 3), *dy_b = blocked_array(s.n, s.o, s.p * s.q, dy->values);
        array *dx_b = add ? blocked_array(s.n, s.c, s.h * s.w, dx->values) : blocked_space(s.n, s.c, s.h * s.w);
        double *expected = add ? values_of(dx) : numbers(count), *size = numbers(count);
        reference_conv2d_backward_data(&s, w->values, dy->values, expected, size);
        for (int64_t i = 0; i < count && add; i++)
            size[i] += fabs(dx->values[i]);
        ck_assert_int_eq(kdst__conv_direct_backward_data(cp, &s, w->data, dy_b->data, add, dx_b->data), 0);
        expect_blocked(
            dx_b, s.n, s.c, s.h * s.w, expected, bounds(size, count, (double)(s.o * s.kh * s.kw + 1)),
            "backward, data");
        drop_arrays();
    }
}
END_TEST

START_TEST(backward_weights)
{
    begin_blocked(_i % blocked_configurations());
    const kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    for (int plain = 0; plain < 2; plain++) {
        array *x = random_array(s.n * s.c * s.h * s.w, 1), *dy = random_array(s.n * s.o * s.p * s.q, 2);
        array *dw = random_array(w_count(&s), 3), *image = image_of(&s, x, plain);
        array *dy_b = blocked_array(s.n, s.o, s.p * s.q, dy->values);
        double *expected = values_of(dw), *size = numbers(dw->count);
        reference_conv2d_backward_weights(&s, x->values, dy->values, expected, size, NULL, NULL);
        for (int64_t i = 0; i < dw->count; i++)
            size[i] += fabs(dw->values[i]);
        ck_assert_int_eq(kdst__conv_direct_backward_weights(cp, &s, plain, image->data, dy_b->data, dw->data), 0);
        expect_within(dw, expected, bounds(size, dw->count, (double)(s.n * s.p * s.q + 20)), "backward, weights");
        drop_arrays();
    }
}
END_TEST

/* Lanes behind the last channel stay 0 whatever lies in the image. */
START_TEST(unusual_numbers)
{
    begin_blocked(_i);
    const shape small = {1, 5, 4, 4, 6, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1};
    const kdst__conv2d_shape s = whole(&small);
    array *x = filled_array(5 * 16, INFINITY), *w = filled_array(w_count(&s), 1), *y = blocked_space(1, 6, 16);
    array *x_b = blocked_array(1, 5, 16, x->values);
    double *expected = numbers(6 * 16);
    for (int64_t i = 0; i < 6 * 16; i++)
        expected[i] = INFINITY;
    ck_assert_int_eq(kdst__conv_direct_forward(cp, &s, 0, x_b->data, w->data, NULL, y->data), 0);
    expect_blocked(y, 1, 6, 16, expected, numbers(6 * 16), "infinities");
    set_element(x_b, 0, NAN);
    const kdst__conv_tail tail = {NULL, 1, NULL, NULL, NULL};
    ck_assert_int_eq(kdst__conv_direct_forward(cp, &s, 0, x_b->data, w->data, &tail, y->data), 0);
    ck_assert(isnan(element(y, 0)));
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin_blocked(_i);
    kdst__compute *all[4] = {cp, with_threads(1), with_threads(2), with_threads(7)};
    for (int i = 1; i < SHAPES; i++) {
        const kdst__conv2d_shape s = whole(&shapes[i]);
        array *x = random_array(blocked_size(s.n, s.c, s.h * s.w), 1), *w = random_array(w_count(&s), 2);
        array *first[3] = {NULL};
        double *moments[4];
        for (int t = 0; t < 4; t++) {
            array *y = blocked_space(s.n, s.o, s.p * s.q), *dx = blocked_space(s.n, s.c, s.h * s.w);
            array *dw = filled_array(w_count(&s), 0), *out[3] = {y, dx, dw};
            moments[t] = numbers(2 * s.o);
            const kdst__conv_tail tail = {NULL, 0, moments[t], moments[t] + s.o, NULL};
            ck_assert_int_eq(kdst__conv_direct_forward(all[t], &s, 0, x->data, w->data, &tail, y->data), 0);
            ck_assert_int_eq(kdst__conv_direct_backward_data(all[t], &s, w->data, y->data, 0, dx->data), 0);
            ck_assert_int_eq(kdst__conv_direct_backward_weights(all[t], &s, 0, x->data, y->data, dw->data), 0);
            ck_assert(!memcmp(moments[t], moments[0], (size_t)(2 * s.o) * sizeof(double)));
            for (int k = 0; k < 3; k++) {
                if (t == 0) first[k] = out[k];
                expect_same_bits(out[k], first[k], "threads");
            }
        }
        drop_arrays();
    }
}
END_TEST

static kdst_status
run_one(int what, const kdst__conv2d_shape *s, const array *x, const array *w, const array *y, const array *dw)
{
    double mean[64], var[64];
    const kdst__conv_tail tail = {NULL, 0, mean, var, NULL};
    if (what == 0) return kdst__conv_direct_forward(cp, s, 0, x->data, w->data, &tail, y->data);
    if (what == 1) return kdst__conv_direct_forward(cp, s, 1, x->data, w->data, &tail, y->data);
    if (what == 2) return kdst__conv_direct_backward_data(cp, s, w->data, y->data, 0, x->data);
    return kdst__conv_direct_backward_weights(cp, s, 1, x->data, y->data, dw->data);
}

/* The same bits as a sum and an activation behind it, by whatever algorithm, in all lanes. */
static void check_addend(const kdst__conv2d_shape *s)
{
    const int64_t plane = s->p * s->q, count = s->n * s->o * plane;
    array *x = random_array(s->n * s->c * s->h * s->w, 1), *w = random_array(w_count(s), 2);
    array *bias = random_array(s->o, 3), *numbers_added = random_array(count, 4);
    array *image = image_of(s, x, 0), *addend = blocked_array(s->n, s->o, plane, numbers_added->values);
    array *first = blocked_space(s->n, s->o, plane), *y = blocked_space(s->n, s->o, plane);
    kdst__conv_tail tail = {.bias = bias->data};
    ck_assert_int_eq(kdst__conv_blocked_forward(cp, s, 0, image->data, w->data, &tail, first->data), 0);
    tail.addend = addend->data;
    for (tail.activation = KDST__FUSED_NONE; tail.activation <= KDST__FUSED_RELU6; tail.activation++) {
        ck_assert_int_eq(kdst__conv_blocked_forward(cp, s, 0, image->data, w->data, &tail, y->data), 0);
        for (int64_t i = 0; i < y->count; i++) {
            const float sum = (float)element(first, i) + (float)element(addend, i);
            const float low = tail.activation && sum < 0 ? 0 : sum;
            ck_assert_float_eq((float)element(y, i), tail.activation == KDST__FUSED_RELU6 && low > 6 ? 6 : low);
        }
    }
    drop_arrays();
}

START_TEST(addend)
{
    static const int64_t cases[][6] = {/* c, o, size, kernel, stride, groups */
                                       {35, 52, 7, 3, 2, 1},
                                       {130, 52, 5, 1, 1, 1},
                                       {32, 35, 13, 3, 1, 1},
                                       {35, 35, 9, 3, 1, 35},
                                       {6, 9, 5, 3, 1, 3}};
    begin_blocked(_i % blocked_configurations());
    const int64_t *k = cases[_i / blocked_configurations()], out = (k[2] - 1) / k[4] + 1;
    const kdst__conv2d_shape s = {
        .n = 3,
        .c = k[0],
        .h = k[2],
        .w = k[2],
        .o = k[1],
        .kh = k[3],
        .kw = k[3],
        .p = out,
        .q = out,
        .stride = {k[4], k[4]},
        .padding = {k[3] / 2, k[3] / 2},
        .dilation = {1, 1},
        .groups = k[5]};
    check_addend(&s);
}
END_TEST

/* Weights packed for one image serve others, of taps that these do not meet too; without memory there are none. */
START_TEST(packed_for_other_images)
{
    begin_blocked(_i);
    kdst__conv2d_shape s = {
        .n = 1,
        .c = 20,
        .h = 1,
        .w = 1,
        .o = 35,
        .kh = 3,
        .kw = 3,
        .p = 1,
        .q = 1,
        .stride = {1, 1},
        .padding = {1, 1},
        .dilation = {1, 1},
        .groups = 1};
    kdst__memory *memory = kdst__compute_memory(cp);
    const size_t used = kdst__memory_used(memory);
    array *w = random_array(w_count(&s), 2), *numbers_of_x = random_array(3 * s.c * 30, 1);
    array *x = blocked_array(3, s.c, 30, numbers_of_x->values);
    array *y = blocked_space(3, s.o, 30), *again = blocked_space(3, s.o, 30);
    for (int large = 0; large < 2; large++) {
        float *packed = NULL;
        size_t bytes = 0;
        s.h = s.p = large ? 5 : 1, s.w = s.q = large ? 6 : 1;
        kdst__memory_trim(memory);
        kdst__memory_set_limit(memory, used + 64);
        ck_assert_int_eq(kdst__conv_direct_pack(cp, memory, &s, w->data, &packed, &bytes), KDST_STATUS_OUT_OF_MEMORY);
        ck_assert_ptr_null(packed);
        ck_assert_uint_eq(kdst__memory_used(memory), used);
        kdst__memory_set_limit(memory, 0);
        ck_assert_int_eq(kdst__conv_direct_pack(cp, memory, &s, w->data, &packed, &bytes), 0);
        for (s.h = 1; s.h <= 5; s.h += 2)
            for (s.w = 1; s.w <= 6; s.w += 5)
                for (s.n = 1; s.n <= 3; s.n += 2) {
                    s.p = s.h, s.q = s.w;
                    ck_assert_int_eq(kdst__conv_direct_forward(cp, &s, 0, x->data, w->data, NULL, y->data), 0);
                    ck_assert_int_eq(
                        kdst__conv_direct_forward_packed(cp, &s, 0, x->data, w->data, packed, NULL, again->data), 0);
                    expect_same_bits(again, y, "packed for another image");
                }
        s.n = 1;
        kdst__free(memory, packed, bytes);
    }
}
END_TEST

START_TEST(no_memory)
{
    static const shape each[] = {
        {2, 3, 7, 9, 6, 3, 3, {2, 2}, {1, 1}, {1, 1}, 1}, {2, 6, 5, 4, 20, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1}};
    begin_blocked(_i % blocked_configurations());
    kdst__memory *memory = kdst__compute_memory(cp);
    size_t used = kdst__memory_used(memory);
    const kdst__conv2d_shape s = whole(&each[_i / blocked_configurations()]);
    array *x = random_array(blocked_size(s.n, s.c, s.h * s.w), 1), *w = random_array(w_count(&s), 2);
    array *y = random_array(blocked_size(s.n, s.o, s.p * s.q), 3), *dw = random_array(w_count(&s), 4);
    double *before = values_of(dw);
    for (int what = 0; what < 4; what++) {
        int refused = 0;
        for (size_t step = 64;; step += 512) {
            kdst__memory_trim(memory);
            kdst__memory_set_limit(memory, used + step);
            kdst_status status = run_one(what, &s, x, w, y, dw);
            ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_OUT_OF_MEMORY);
            ck_assert_uint_eq(kdst__memory_used(memory), used);
            if (!status) break;
            if (what == 3) expect_equal(dw, before, "after a refusal");
            refused++;
        }
        ck_assert_int_ge(refused, 2);
    }
}
END_TEST

/* A padding so wide that a frame around the image would not fit any memory. */
START_TEST(padding_without_end)
{
    begin_blocked(_i);
    const shape wide = {1, 3, 1, 1, 5, 1, 1, {1000000, 1000000}, {1000000, 1000000}, {1, 1}, 1};
    const kdst__conv2d_shape s = whole(&wide);
    array *x = random_array(3, 1), *w = random_array(15, 2), *y = blocked_space(1, 5, 9), *dw = filled_array(15, 0);
    double *expected = numbers(45), *size = numbers(45), *gradient = numbers(15), *gradient_size = numbers(15);
    reference_conv2d_forward(&s, x->values, w->values, NULL, expected, size);
    ck_assert_int_eq(kdst__conv_direct_forward(cp, &s, 1, x->data, w->data, NULL, y->data), 0);
    expect_blocked(y, 1, 5, 9, expected, bounds(size, 45, 3), "a wide padding");
    double *dy = numbers(45);
    for (int64_t i = 0; i < 45; i++)
        dy[i] = element(y, blocked_place(5, 9, i));
    reference_conv2d_backward_weights(&s, x->values, dy, gradient, gradient_size, NULL, NULL);
    ck_assert_int_eq(kdst__conv_direct_backward_weights(cp, &s, 1, x->data, y->data, dw->data), 0);
    expect_within(dw, gradient, bounds(gradient_size, 15, 9), "a wide padding, weights");
}
END_TEST

static void build(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, forward, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, backward_data, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, backward_weights, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, unusual_numbers, 0, blocked_configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, blocked_configurations());
    tcase_add_loop_test(tests, addend, 0, 5 * blocked_configurations());
    tcase_add_loop_test(tests, packed_for_other_images, 0, blocked_configurations());
    tcase_add_loop_test(tests, no_memory, 0, 2 * blocked_configurations());
    tcase_add_loop_test(tests, padding_without_end, 0, blocked_configurations());
}

int main(void)
{
    return run_compute_suite("conv_direct", build);
}
