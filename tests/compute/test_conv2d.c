/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and its two gradients: strides, paddings, dilations, groups, odd and degenerate shapes, threads, no memory. */
#include "reference/reference.h"
#include "conv_shapes.h"
#include "support.h"

/* [vertical, horizontal] where there are two */
typedef struct shape {
    int64_t n, c, h, w, o, kh, kw, stride[2], padding[2], dilation[2], groups;
} shape;

#define ONE                                                                                                            \
  {                                                                                                                    \
    1, 1                                                                                                               \
  }
#define NONE                                                                                                           \
  {                                                                                                                    \
    0, 0                                                                                                               \
  }

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, ONE, NONE, ONE, 1},
    {2, 3, 5, 7, 4, 3, 3, ONE, ONE, ONE, 1},
    {3, 2, 8, 6, 5, 1, 1, ONE, NONE, ONE, 1},
    {2, 3, 9, 8, 4, 1, 1, {2, 2}, NONE, ONE, 1},
    {2, 2, 7, 9, 3, 3, 3, {2, 2}, ONE, ONE, 1},
    {1, 3, 10, 11, 2, 5, 5, ONE, {2, 2}, ONE, 1},
    {2, 1, 6, 13, 3, 2, 4, {1, 3}, {0, 1}, ONE, 1},
    {1, 2, 13, 6, 3, 1, 7, {3, 1}, {0, 3}, ONE, 1},
    {2, 2, 4, 4, 3, 4, 4, ONE, NONE, ONE, 1},      /* the kernel fills the image */
    {1, 2, 3, 3, 2, 3, 3, ONE, {4, 5}, ONE, 1},    /* windows wholly in the padding */
    {1, 1, 2, 2, 2, 5, 5, {3, 2}, {3, 4}, ONE, 1}, /* a kernel larger than the image */
    {2, 2, 9, 10, 3, 3, 3, ONE, {2, 2}, {2, 2}, 1},
    {1, 2, 11, 12, 2, 3, 2, {2, 3}, {1, 2}, {3, 2}, 1},
    {2, 2, 5, 5, 2, 1, 1, {4, 4}, NONE, ONE, 1}, /* most of the input is not read */
    {1, 2, 6, 6, 2, 2, 2, {3, 3}, NONE, ONE, 1},
    {1, 17, 5, 6, 33, 3, 3, ONE, ONE, ONE, 1},  /* more channels than a tile */
    {2, 70, 6, 5, 9, 3, 3, ONE, ONE, ONE, 1},   /* a sum beyond the block */
    {6, 3, 20, 21, 16, 3, 3, ONE, ONE, ONE, 1}, /* the gradient of the weights is cut along its sum */
    {4, 5, 1, 30, 7, 1, 3, {1, 2}, {0, 1}, ONE, 1},
    {2, 3, 5, 2, 4, 3, 3, ONE, {4, 4}, {4, 4}, 1}, /* taps of the outer columns meet padding alone */
    {2, 2, 1, 1, 3, 3, 3, ONE, ONE, ONE, 1},       /* all taps but one */
    {1, 2, 2, 5, 3, 1, 2, {3, 1}, {4, 0}, ONE, 1}, /* all of them */
    {2, 3, 3, 7, 4, 3, 2, {2, 3}, {3, 1}, {3, 1}, 1},
    {2, 4, 5, 7, 6, 3, 3, ONE, ONE, ONE, 2},
    {2, 6, 9, 8, 9, 3, 3, {2, 2}, ONE, ONE, 3},
    {1, 8, 6, 7, 4, 3, 2, {1, 2}, {2, 1}, {2, 1}, 4},
    {3, 34, 6, 5, 34, 1, 1, ONE, NONE, ONE, 2},
    {2, 18, 5, 4, 36, 3, 3, ONE, ONE, ONE, 9},     /* more groups than are cut along the sum */
    {6, 6, 20, 21, 8, 3, 3, ONE, ONE, ONE, 2},     /* a long sum, groups one after the other */
    {2, 6, 1, 2, 6, 3, 3, ONE, {2, 2}, {2, 2}, 3}, /* groups and missing taps */
    {2, 3, 8, 8, 3, 3, 3, ONE, ONE, ONE, 3},       /* depthwise from here on */
    {150, 2, 2, 2, 2, 3, 3, ONE, ONE, ONE, 2},     /* several blocks of images */
    {3, 5, 7, 6, 5, 3, 3, {2, 2}, ONE, ONE, 5},
    {2, 3, 2, 2, 3, 3, 3, {2, 2}, ONE, ONE, 3},
    {2, 2, 34, 33, 2, 3, 3, {2, 2}, ONE, ONE, 2},
    {2, 2, 70, 68, 2, 3, 3, ONE, ONE, ONE, 2}, /* a plane beyond the block */
    {2, 3, 6, 5, 9, 3, 3, ONE, ONE, ONE, 3},   /* three results for each channel */
    {2, 2, 9, 8, 4, 5, 2, {2, 1}, {2, 0}, ONE, 2},
    {1, 2, 9, 11, 2, 3, 3, {3, 4}, {2, 1}, {2, 1}, 2},
    {2, 2, 5, 6, 2, 1, 1, ONE, NONE, ONE, 2},
    {2, 2, 5, 6, 2, 1, 1, {3, 2}, {1, 2}, ONE, 2}, /* most of the input is not read, some windows see nothing */
    {2, 2, 1, 1, 2, 3, 3, ONE, ONE, ONE, 2},
    {1, 2, 4, 3, 2, 3, 3, ONE, {7, 7}, {7, 7}, 2},
    {1, 2, 3, 3, 2, 2, 2, ONE, {4, 4}, ONE, 2},   /* windows wholly in the padding */
    {1, 2, 20, 20, 2, 3, 3, {9, 9}, ONE, ONE, 2}, /* far apart */
    {1, 2, 1, 30, 2, 1, 3, {1, 2}, {0, 1}, ONE, 2},
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

static void add_sizes(double *size, const array *a)
{
    for (int64_t i = 0; i < a->count; i++)
        size[i] += fabs(a->values[i]);
}

static void check_forward(const kdst__conv2d_shape *s, int biased)
{
    array *x = biased ? early_array(x_count(s), 1) : random_array(x_count(s), 1), *w = random_array(w_count(s), 2);
    array *bias = random_array(s->o, 3), *y = filled_array(y_count(s), NAN);
    double *expected = numbers(y->count), *size = numbers(y->count);
    reference_conv2d_forward(s, x->values, w->values, biased ? bias->values : NULL, expected, size);
    ck_assert_int_eq(
        kdst__conv2d_forward(cp, dtype, s, x->data, w->data, biased ? bias->data : NULL, 0, y->data), KDST_STATUS_OK);
    expect_within(y, expected, bounds(size, y->count, (double)(s->c * s->kh * s->kw + 1)), "forward");
    drop_arrays();
}

/* The result added to what is there. */
static void check_accumulated(const kdst__conv2d_shape *s)
{
    array *x = random_array(x_count(s), 1), *w = random_array(w_count(s), 2), *b = random_array(s->o, 3);
    array *y = random_array(y_count(s), 4);
    double *expected = values_of(y), *size = numbers(y->count);
    for (int64_t i = 0; i < y->count; i++)
        size[i] = fabs(expected[i]);
    reference_conv2d_forward(s, x->values, w->values, b->values, expected, size);
    ck_assert_int_eq(kdst__conv2d_forward(cp, dtype, s, x->data, w->data, b->data, 1, y->data), KDST_STATUS_OK);
    expect_within(y, expected, bounds(size, y->count, (double)(s->c * s->kh * s->kw + 2)), "forward, added");
    drop_arrays();
}

static void check_backward_data(const kdst__conv2d_shape *s)
{
    array *w = random_array(w_count(s), 2), *dy = early_array(y_count(s), 4), *dx = random_array(x_count(s), 5);
    double *expected = values_of(dx), *size = numbers(dx->count);
    add_sizes(size, dx);
    reference_conv2d_backward_data(s, w->values, dy->values, expected, size);
    ck_assert_int_eq(kdst__conv2d_backward_data(cp, dtype, s, w->data, dy->data, dx->data), KDST_STATUS_OK);
    expect_within(dx, expected, bounds(size, dx->count, (double)(s->o * s->kh * s->kw + 1)), "backward, data");
    drop_arrays();
}

/* wanted: 1 the weights, 2 the bias, 3 both */
static void check_backward_weights(const kdst__conv2d_shape *s, int wanted)
{
    array *x = random_array(x_count(s), 1), *dy = random_array(y_count(s), 4);
    array *dw = random_array(w_count(s), 6), *db = random_array(s->o, 7);
    double *dw_expected = values_of(dw), *db_expected = values_of(db), *dw_size = numbers(dw->count);
    double *db_size = numbers(db->count), terms = (double)(s->n * s->p * s->q + 1);
    add_sizes(dw_size, dw);
    add_sizes(db_size, db);
    if (wanted & 1) reference_conv2d_backward_weights(s, x->values, dy->values, dw_expected, dw_size, NULL, NULL);
    if (wanted & 2) {
        double *unused = numbers(dw->count);
        reference_conv2d_backward_weights(s, x->values, dy->values, unused, NULL, db_expected, db_size);
    }
    ck_assert_int_eq(
        kdst__conv2d_backward_weights(
            cp, dtype, s, x->data, dy->data, wanted & 1 ? dw->data : NULL, wanted & 2 ? db->data : NULL),
        KDST_STATUS_OK);
    expect_within(dw, dw_expected, bounds(dw_size, dw->count, terms), "backward, weights");
    expect_within(db, db_expected, bounds(db_size, db->count, terms), "backward, bias");
    drop_arrays();
}

START_TEST(shapes_of_all_kinds)
{
    begin(_i % configurations());
    kdst__conv2d_shape s = whole(&shapes[_i / configurations()]);
    for (int biased = 0; biased < 2; biased++)
        check_forward(&s, biased);
    check_accumulated(&s);
    check_backward_data(&s);
    for (int wanted = 1; wanted <= 3; wanted++)
        check_backward_weights(&s, wanted);
}
END_TEST

START_TEST(nothing_to_do)
{
    begin(_i);
    shape none = shapes[1];
    none.n = 0;
    kdst__conv2d_shape s = whole(&none);
    check_forward(&s, 1);
    check_backward_data(&s);
    check_backward_weights(&s, 3);
    none = shapes[1];
    none.c = 0; /* no channel: the result is the bias */
    s = whole(&none);
    check_forward(&s, 1);
    check_forward(&s, 0);
    check_backward_data(&s);
    check_backward_weights(&s, 3);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    static const int32_t threads[] = {1, 2, 7};
    kdst__compute *all[4] = {cp, with_threads(threads[0]), with_threads(threads[1]), with_threads(threads[2])};
    static const shape large[] = {
        {5, 16, 20, 19, 32, 3, 3, ONE, ONE, ONE, 1},  {5, 16, 20, 19, 24, 3, 3, {2, 2}, ONE, ONE, 1},
        {9, 24, 13, 12, 40, 1, 1, ONE, NONE, ONE, 1}, {5, 16, 20, 19, 32, 3, 3, ONE, ONE, ONE, 4},
        {5, 32, 14, 13, 32, 3, 3, ONE, ONE, ONE, 16}, {70, 32, 14, 13, 32, 3, 3, {2, 2}, ONE, ONE, 32}};
    for (int i = 0; i < 6; i++) {
        kdst__conv2d_shape s = whole(&large[i]);
        array *x = random_array(x_count(&s), 1), *w = random_array(w_count(&s), 2), *b = random_array(s.o, 3);
        array *dy = random_array(y_count(&s), 4), *first[4] = {NULL};
        for (int t = 0; t < 4; t++) {
            array *out[4] = {
                filled_array(y_count(&s), 0), filled_array(x_count(&s), 0), filled_array(w_count(&s), 0),
                filled_array(s.o, 0)};
            kdst_status status = kdst__conv2d_forward(all[t], dtype, &s, x->data, w->data, b->data, 0, out[0]->data);
            if (!status) status = kdst__conv2d_backward_data(all[t], dtype, &s, w->data, dy->data, out[1]->data);
            if (!status)
                status =
                    kdst__conv2d_backward_weights(all[t], dtype, &s, x->data, dy->data, out[2]->data, out[3]->data);
            ck_assert_int_eq(status, KDST_STATUS_OK);
            for (int k = 0; k < 4; k++) {
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
    static const shape each[] = {
        {2, 2, 7, 9, 3, 3, 3, {2, 2}, ONE, ONE, 1},
        {2, 6, 1, 2, 6, 3, 3, ONE, {2, 2}, {2, 2}, 3},
        {2, 3, 7, 9, 6, 3, 3, {2, 2}, ONE, ONE, 3}};
    begin(_i % configurations());
    kdst__memory *memory = kdst__compute_memory(cp);
    size_t used = kdst__memory_used(memory);
    int refused = 0;
    kdst__conv2d_shape s = whole(&each[_i / configurations()]);
    array *x = random_array(x_count(&s), 1), *w = random_array(w_count(&s), 2), *y = random_array(y_count(&s), 3);
    for (int what = 0; what < 3; what++)
        for (size_t step = 64;; step += 512) {
            kdst__memory_trim(memory);
            kdst__memory_set_limit(memory, used + step);
            kdst_status status = what == 0 ? kdst__conv2d_forward(cp, dtype, &s, x->data, w->data, NULL, 0, y->data)
                : what == 1                ? kdst__conv2d_backward_data(cp, dtype, &s, w->data, y->data, x->data)
                            : kdst__conv2d_backward_weights(cp, dtype, &s, x->data, y->data, w->data, NULL);
            ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_OUT_OF_MEMORY);
            ck_assert_uint_eq(kdst__memory_used(memory), used);
            if (!status) break;
            refused++;
        }
    ck_assert_int_ge(refused, 6);
}
END_TEST

/* A padding so wide that the bytes of the padded image are more than a size can say. */
START_TEST(padding_without_end)
{
    begin(_i);
    const shape wide = {1, 3000000, 1, 1, 1, 1, 1, {1000000, 1000000}, {1000000, 1000000}, ONE, 1};
    kdst__conv2d_shape s = whole(&wide);
    array *x = filled_array(s.c, 1), *w = filled_array(s.c, 1), *y = filled_array(9, 7);
    double *before = values_of(y);
    ck_assert_int_eq(
        kdst__conv2d_forward(cp, dtype, &s, x->data, w->data, NULL, 0, y->data), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_int_eq(
        kdst__conv2d_backward_weights(cp, dtype, &s, x->data, y->data, w->data, NULL), KDST_STATUS_OUT_OF_MEMORY);
    expect_equal(y, before, "after a refusal");
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, shapes_of_all_kinds, 0, SHAPES * configurations());
    tcase_add_loop_test(tests, nothing_to_do, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
    tcase_add_loop_test(tests, no_memory, 0, 3 * configurations());
    tcase_add_loop_test(tests, padding_without_end, 0, configurations());
}

int main(void)
{
    return run_compute_suite("conv2d", build);
}
