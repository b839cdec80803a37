/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution on blocked channels: all three passes on inputs of all kinds, odd sizes, tails, threads, no memory. */
#include "blocked_arrays.h"
#include "conv_shapes.h"

#include "compute/conv_winograd.h"
#include "reference/reference.h"

/* Of the largest input times the largest sum of absolute weights, on any input; of the largest result, on random ones. The
 * transforms enlarge roundings some ten times. */
#define ANY 3e-5
#define RANDOM 1e-4

typedef struct shape {
    int64_t n, c, h, w, o, k, padding[2], stride;
} shape;

static const shape shapes[] = {
    {1, 16, 16, 16, 16, 3, {1, 1}, 1},
    {5, 16, 16, 16, 16, 3, {1, 1}, 1},
    {2, 26, 13, 17, 52, 3, {1, 1}, 1},
    {4, 103, 7, 7, 26, 3, {1, 1}, 1},
    {4, 17, 5, 9, 33, 3, {1, 1}, 1},
    {2, 20, 14, 11, 18, 3, {0, 0}, 1},
    {2, 18, 9, 10, 20, 3, {2, 2}, 1},
    {2, 16, 12, 13, 19, 3, {0, 2}, 1},
    {17, 16, 4, 4, 40, 3, {1, 1}, 1},
    {2, 52, 24, 21, 26, 3, {1, 1}, 1},
    {2, 80, 13, 10, 83, 3, {1, 1}, 1},
    {3, 16, 30, 18, 16, 3, {1, 0}, 1},
    {1, 16, 8, 8, 16, 5, {2, 2}, 1},
    {2, 26, 7, 9, 17, 5, {2, 2}, 1},
    {2, 20, 10, 9, 33, 5, {0, 0}, 1},
    {1, 17, 9, 9, 16, 5, {4, 4}, 1},
    {1, 16, 10, 11, 20, 5, {1, 3}, 1},
    {4, 33, 14, 13, 50, 5, {2, 2}, 1},
    {2, 70, 8, 6, 81, 5, {2, 2}, 1},
    /* whole tiles, rests of a tile, images of one tile, each padding, few and many tiles and channels */
    {1, 16, 32, 32, 16, 3, {1, 1}, 2},
    {2, 26, 31, 32, 52, 3, {1, 1}, 2},
    {3, 17, 33, 30, 33, 3, {1, 1}, 2},
    {16, 70, 8, 8, 26, 3, {1, 1}, 2},
    {17, 20, 7, 7, 18, 3, {1, 1}, 2},
    {4, 18, 17, 24, 20, 3, {0, 0}, 2},
    {4, 18, 14, 21, 20, 3, {2, 2}, 2},
    {5, 16, 15, 14, 19, 3, {0, 2}, 2},
    {4, 16, 13, 15, 19, 3, {2, 1}, 2},
    {4, 33, 16, 17, 40, 3, {1, 0}, 2},
    {2, 40, 48, 46, 26, 3, {1, 1}, 2},
    {5, 80, 16, 16, 83, 3, {1, 1}, 2},
    {4, 16, 64, 15, 50, 3, {1, 1}, 2},
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
        .kh = s->k,
        .kw = s->k,
        .groups = 1,
        .stride = {s->stride, s->stride},
        .padding = {s->padding[0], s->padding[1]},
        .dilation = {1, 1}});
}

/* ---- inputs ---- */

enum { RANDOM_ONES, OFFSET, ALTERNATING, ONE_HOT, DENORMAL, KINDS };

/* Plain numbers [n, c, h, w] of a kind. */
static array *input(int kind, int64_t n, int64_t c, int64_t h, int64_t w, int seed)
{
    array *x = random_array(n * c * h * w, seed);
    for (int64_t i = 0; i < x->count; i++) {
        const double v = x->values[i], sign = (i / w % h + i % w + i / (h * w)) % 2 ? -1 : 1;
        if (kind == OFFSET) set_element(x, i, 100 + v);
        if (kind == ALTERNATING) set_element(x, i, sign);
        if (kind == ONE_HOT) set_element(x, i, i == x->count / 2 + w / 2);
        if (kind == DENORMAL) set_element(x, i, v * 1e-38);
    }
    return x;
}

static double largest(int64_t count, const double *x)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* Largest sum of absolute values over the channels of [n, c, s]; of the weights [o, c, s], c summed as well or o. */
static double largest_sum(int64_t n, int64_t c, int64_t s, const double *x, int by_first)
{
    double most = 0;
    for (int64_t kept = 0; kept < (by_first ? n : c); kept++) {
        double sum = 0;
        for (int64_t i = 0; i < (by_first ? c : n); i++)
            for (int64_t k = 0; k < s; k++)
                sum += fabs(x[((by_first ? kept : i) * c + (by_first ? i : kept)) * s + k]);
        most = fmax(most, sum);
    }
    return most;
}

/* The same bound for each element. */
static double *error_bounds(int kind, int64_t count, const double *expected, double scale)
{
    double *bound = numbers(count), within = ANY * scale;
    if (kind == RANDOM_ONES) within = fmin(within, RANDOM * largest(count, expected));
    for (int64_t i = 0; i < count; i++)
        bound[i] = within;
    return bound;
}

/* ---- passes ---- */

static void check_forward(const kdst__conv2d_shape *s, int kind)
{
    array *x = input(kind, s->n, s->c, s->h, s->w, 1), *w = random_array(w_count(s), 2);
    array *blocked = blocked_array(s->n, s->c, s->h * s->w, x->values), *y = blocked_space(s->n, s->o, s->p * s->q);
    const int64_t count = s->n * s->o * s->p * s->q;
    double *expected = numbers(count);
    reference_conv2d_forward(s, x->values, w->values, NULL, expected, NULL);
    double scale = largest(x->count, x->values) * largest_sum(s->o, s->c, s->kh * s->kw, w->values, 1);
    double *bound = error_bounds(kind, count, expected, scale);
    ck_assert_int_eq(kdst__conv_winograd_forward(cp, s, 0, blocked->data, w->data, NULL, y->data), KDST_STATUS_OK);
    expect_blocked(y, s->n, s->o, s->p * s->q, expected, bound, "forward");
    array *again = blocked_space(s->n, s->o, s->p * s->q);
    ck_assert_int_eq(kdst__conv_winograd_forward(cp, s, 1, x->data, w->data, NULL, again->data), KDST_STATUS_OK);
    expect_same_bits(again, y, "from a plain image");
    drop_arrays();
}

static void check_backward_data(const kdst__conv2d_shape *s, int kind, int add)
{
    array *dy = input(kind, s->n, s->o, s->p, s->q, 3), *w = random_array(w_count(s), 2);
    array *blocked = blocked_array(s->n, s->o, s->p * s->q, dy->values);
    array *before = random_array(s->n * s->c * s->h * s->w, 4);
    array *dx = add ? blocked_array(s->n, s->c, s->h * s->w, before->values) : blocked_space(s->n, s->c, s->h * s->w);
    double *expected = numbers(before->count), scale = largest(dy->count, dy->values);
    reference_conv2d_backward_data(s, w->values, dy->values, expected, NULL);
    double *bound =
        error_bounds(kind, before->count, expected, scale * largest_sum(s->o, s->c, s->kh * s->kw, w->values, 0));
    for (int64_t i = 0; add && i < before->count; i++) {
        expected[i] += before->values[i];
        bound[i] += sum_bound(unit, 1, fabs(expected[i]));
    }
    ck_assert_int_eq(kdst__conv_winograd_backward_data(cp, s, w->data, blocked->data, add, dx->data), KDST_STATUS_OK);
    expect_blocked(dx, s->n, s->c, s->h * s->w, expected, bound, "backward, data");
    drop_arrays();
}

/* Either operand may be of a kind. */
static void check_backward_weights(const kdst__conv2d_shape *s, int x_kind, int dy_kind)
{
    array *x = input(x_kind, s->n, s->c, s->h, s->w, 1), *dy = input(dy_kind, s->n, s->o, s->p, s->q, 3);
    array *blocked_x = blocked_array(s->n, s->c, s->h * s->w, x->values);
    array *blocked_dy = blocked_array(s->n, s->o, s->p * s->q, dy->values);
    const int denormal = x_kind == DENORMAL || dy_kind == DENORMAL;
    array *dw = denormal ? filled_array(w_count(s), 0) : random_array(w_count(s), 5);
    double *expected = numbers(dw->count), scale = largest(x->count, x->values);
    reference_conv2d_backward_weights(s, x->values, dy->values, expected, NULL, NULL, NULL);
    double *bound = error_bounds(
        x_kind + dy_kind, dw->count, expected, scale * largest_sum(s->n, s->o, s->p * s->q, dy->values, 0));
    for (int64_t i = 0; i < dw->count; i++) {
        expected[i] += dw->values[i];
        bound[i] += denormal ? 0 : sum_bound(unit, 1, fabs(expected[i]));
    }
    ck_assert_int_eq(
        kdst__conv_winograd_backward_weights(cp, s, 0, blocked_x->data, blocked_dy->data, dw->data), KDST_STATUS_OK);
    expect_within(dw, expected, bound, "backward, weights");
    drop_arrays();
}

START_TEST(inputs_of_all_kinds)
{
    begin_blocked(_i % blocked_configurations());
    kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    ck_assert_int_eq(kdst__conv_winograd_fits(cp, &s), 1);
    for (int kind = 0; kind < KINDS; kind++) {
        check_forward(&s, kind);
        check_backward_data(&s, kind, 0);
        check_backward_weights(&s, kind, RANDOM_ONES);
        if (kind) check_backward_weights(&s, RANDOM_ONES, kind);
    }
    check_backward_data(&s, RANDOM_ONES, 1);
}
END_TEST

/* More tiles than are transformed at once for many channels. */
START_TEST(weights_in_several_rounds)
{
    begin_blocked(_i);
    const shape large[] = {{4, 16, 32, 30, 344, 3, {1, 1}, 1}, {2, 16, 64, 59, 344, 3, {1, 1}, 2}};
    for (int i = 0; i < 2; i++) {
        kdst__conv2d_shape s = whole(&large[i]);
        check_backward_weights(&s, RANDOM_ONES, RANDOM_ONES);
    }
}
END_TEST

/* ---- what is done to results ---- */

START_TEST(tails)
{
    begin_blocked(_i % blocked_configurations());
    kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    const int64_t plane = s.p * s.q, count = s.n * s.o * plane;
    array *x = random_array(s.n * s.c * s.h * s.w, 1), *w = random_array(w_count(&s), 2), *bias = random_array(s.o, 3);
    array *blocked = blocked_array(s.n, s.c, s.h * s.w, x->values), *y = blocked_space(s.n, s.o, plane);
    for (int64_t i = 0; i < s.o; i++)
        set_element(bias, i, bias->values[i] + 20);
    double *expected = numbers(count), *mean = numbers(s.o), *var = numbers(s.o), *got_mean = numbers(s.o),
           *got_var = numbers(s.o);
    reference_conv2d_forward(&s, x->values, w->values, bias->values, expected, NULL);
    const double scale = largest(x->count, x->values) * largest_sum(s.o, s.c, s.kh * s.kw, w->values, 1);
    double *bound = error_bounds(OFFSET, count, expected, scale + 20);
    const kdst__conv_tail measured = {bias->data, 0, got_mean, got_var, NULL},
                          cut = {bias->data, KDST__FUSED_RELU6, NULL, NULL, NULL};
    ck_assert_int_eq(
        kdst__conv_winograd_forward(cp, &s, 0, blocked->data, w->data, &measured, y->data), KDST_STATUS_OK);
    expect_blocked(y, s.n, s.o, plane, expected, bound, "with bias");
    double *made = numbers(count);
    for (int64_t i = 0; i < count; i++)
        made[i] = element(y, blocked_place(s.o, plane, i));
    reference_batch_norm_statistics(s.n, s.o, plane, made, mean, var);
    for (int64_t o = 0; o < s.o; o++) {
        /* sums over a tile are single, of distances from a result that is as good as any */
        const double wide = 10 * sqrt(var[o]), terms = 16;
        ck_assert_double_le(fabs(got_mean[o] - mean[o]), sum_bound(unit, terms, wide));
        ck_assert_double_le(fabs(got_var[o] - var[o]), sum_bound(unit, terms, wide * wide));
    }
    array *positive = blocked_space(s.n, s.o, plane);
    for (int64_t i = 0; i < s.o; i++)
        set_element(bias, i, bias->values[i] - 20 + (i % 2 ? 6 : 0));
    double *small = numbers(count);
    reference_conv2d_forward(&s, x->values, w->values, bias->values, small, NULL);
    for (int64_t i = 0; i < count; i++)
        small[i] = fmin(fmax(small[i], 0), 6);
    ck_assert_int_eq(
        kdst__conv_winograd_forward(cp, &s, 0, blocked->data, w->data, &cut, positive->data), KDST_STATUS_OK);
    expect_blocked(positive, s.n, s.o, plane, small, bound, "with relu6");
}
END_TEST

/* Weights transformed beforehand give the same bits, for any number of images, and are left aside where they do not belong. */
START_TEST(packed_weights)
{
    begin_blocked(_i % blocked_configurations());
    kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]), other;
    const int64_t plane = s.p * s.q;
    kdst__memory *memory = kdst__compute_memory(cp);
    array *w = random_array(w_count(&s), 2), *x = random_array((s.n + 3) * s.c * s.h * s.w, 1);
    array *blocked = blocked_array(s.n + 3, s.c, s.h * s.w, x->values), *bias = random_array(s.o, 3);
    const kdst__conv_tail tail = {bias->data, 1, NULL, NULL, NULL};
    kdst__conv_packed *packed = NULL;
    ck_assert_int_eq(kdst__conv_blocked_pack(cp, memory, &s, w->data, &packed), KDST_STATUS_OK);
    ck_assert_ptr_nonnull(packed);
    ck_assert_uint_ge(kdst__conv_packed_bytes(packed), 36 * sizeof(float) * (size_t)(s.c * s.o));
    for (int more = 0; more < 4; more += 3) {
        s.n += more;
        array *y = blocked_space(s.n, s.o, plane), *plain = blocked_space(s.n, s.o, plane);
        ck_assert_int_eq(
            kdst__conv_blocked_forward(cp, &s, 0, blocked->data, w->data, &tail, plain->data), KDST_STATUS_OK);
        ck_assert_int_eq(
            kdst__conv_blocked_forward_packed(cp, &s, 0, blocked->data, w->data, packed, &tail, y->data),
            KDST_STATUS_OK);
        expect_same_bits(y, plain, "packed");
        array *seven = blocked_space(s.n, s.o, plane);
        ck_assert_int_eq(
            kdst__conv_blocked_forward_packed(
                with_threads(7), &s, 0, blocked->data, w->data, packed, &tail, seven->data),
            KDST_STATUS_OK);
        expect_same_bits(seven, plain, "packed, threads");
    }
    for (int what = 0; what < 2; what++) {
        other = s;
        if (what)
            other.stride[0] = other.stride[1] = 3 - s.stride[0];
        else
            other.o--;
        other = with_result(other);
        const int64_t places = other.p * other.q;
        array *y = blocked_space(other.n, other.o, places), *plain = blocked_space(other.n, other.o, places);
        ck_assert_int_eq(
            kdst__conv_blocked_forward(cp, &other, 0, blocked->data, w->data, NULL, plain->data), KDST_STATUS_OK);
        ck_assert_int_eq(
            kdst__conv_blocked_forward_packed(cp, &other, 0, blocked->data, w->data, packed, NULL, y->data),
            KDST_STATUS_OK);
        expect_same_bits(y, plain, "packed for another shape");
    }
    kdst__conv_packed_destroy(packed);
}
END_TEST

START_TEST(no_memory_to_pack)
{
    begin_blocked(_i);
    kdst__memory *memory = kdst__compute_memory(cp);
    const size_t used = kdst__memory_used(memory);
    kdst__conv2d_shape s = whole(&shapes[2]), nothing = s;
    array *w = random_array(w_count(&s), 2);
    kdst__conv_packed *packed = NULL;
    for (size_t step = 64;; step *= 2) {
        kdst__memory_trim(memory);
        kdst__memory_set_limit(memory, used + step);
        const kdst_status status = kdst__conv_blocked_pack(cp, memory, &s, w->data, &packed);
        if (!status) break;
        ck_assert_int_eq(status, KDST_STATUS_OUT_OF_MEMORY);
        ck_assert_ptr_null(packed);
        ck_assert_uint_eq(kdst__memory_used(memory), used);
        ck_assert_uint_lt(step, 1 << 24);
    }
    kdst__conv_packed_destroy(packed);
    nothing.n = 0;
    ck_assert_int_eq(kdst__conv_blocked_pack(cp, memory, &nothing, w->data, &packed), KDST_STATUS_OK);
    ck_assert_ptr_null(packed);
    kdst__conv_packed_destroy(packed);
    ck_assert_uint_eq(kdst__memory_used(memory), used);
}
END_TEST

/* A NaN or an infinity spoils the results that depend on it, at most their tiles, and no lane behind the channels. */
static void check_spread(int64_t stride, double value)
{
    const shape usual = {8, 20, 16, 16, 18, 3, {1, 1}, stride};
    kdst__conv2d_shape s = whole(&usual);
    const int64_t q = s.q, plane = s.p * q, blocks = (s.o + lanes - 1) / lanes;
    ck_assert_int_eq(kdst__conv_winograd_fits(cp, &s), 1);
    array *w = random_array(w_count(&s), 2), *x = random_array(x_count(&s), 1), *y = blocked_space(s.n, s.o, plane);
    set_element(x, (3 * 16 + 9) * 16 + 10, value); /* image 0, row 9, column 10 */
    array *blocked = blocked_array(s.n, s.c, 256, x->values);
    ck_assert_int_eq(kdst__conv_winograd_forward(cp, &s, 0, blocked->data, w->data, NULL, y->data), KDST_STATUS_OK);
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t block = i / (plane * lanes), row = i / lanes % plane / q, column = i / lanes % q;
        if (block % blocks * lanes + i % lanes >= s.o)
            ck_assert_double_eq(element(y, i), 0);
        else if (block / blocks == 0 && labs(row * stride - 9) <= 1 && labs(column * stride - 10) <= 1)
            ck_assert(!isfinite(element(y, i)));
        else if (block / blocks || row < 4 || column < 4)
            ck_assert(isfinite(element(y, i)));
    }
    drop_arrays();
}

START_TEST(unusual_numbers)
{
    begin_blocked(_i);
    for (int64_t stride = 1; stride <= 2; stride++) {
        check_spread(stride, (double)NAN);
        check_spread(stride, (double)INFINITY);
    }
}
END_TEST

/* ---- threads and memory ---- */

START_TEST(same_bits_with_any_threads)
{
    begin_blocked(_i % blocked_configurations());
    kdst__compute *all[4] = {cp, with_threads(1), with_threads(2), with_threads(7)};
    kdst__conv2d_shape s = whole(&shapes[_i / blocked_configurations()]);
    const int64_t inside = s.h * s.w, plane = s.p * s.q;
    array *first[3] = {NULL}, *w = random_array(w_count(&s), 2);
    array *x = blocked_array(s.n, s.c, inside, random_array(s.n * s.c * inside, 1)->values);
    array *dy = blocked_array(s.n, s.o, plane, random_array(s.n * s.o * plane, 3)->values);
    double *mean[4], *var[4];
    for (int t = 0; t < 4; t++) {
        array *out[3] = {blocked_space(s.n, s.o, plane), blocked_space(s.n, s.c, inside), filled_array(w_count(&s), 0)};
        mean[t] = numbers(s.o);
        var[t] = numbers(s.o);
        const kdst__conv_tail tail = {NULL, 0, mean[t], var[t], NULL};
        kdst_status status = kdst__conv_winograd_forward(all[t], &s, 0, x->data, w->data, &tail, out[0]->data);
        if (!status) status = kdst__conv_winograd_backward_data(all[t], &s, w->data, dy->data, 0, out[1]->data);
        if (!status) status = kdst__conv_winograd_backward_weights(all[t], &s, 0, x->data, dy->data, out[2]->data);
        ck_assert_int_eq(status, KDST_STATUS_OK);
        for (int k = 0; k < 3; k++) {
            if (t == 0) first[k] = out[k];
            expect_same_bits(out[k], first[k], "threads");
        }
        ck_assert(!memcmp(mean[t], mean[0], (size_t)s.o * sizeof(double)));
        ck_assert(!memcmp(var[t], var[0], (size_t)s.o * sizeof(double)));
    }
}
END_TEST

/* Memory that runs out at any point gives OUT_OF_MEMORY and is all given back. */
static void check_no_memory(const shape *small)
{
    kdst__memory *memory = kdst__compute_memory(cp);
    const size_t used = kdst__memory_used(memory);
    kdst__conv2d_shape s = whole(small);
    array *x = blocked_array(s.n, s.c, s.h * s.w, random_array(x_count(&s), 1)->values);
    array *w = random_array(w_count(&s), 2), *dw = filled_array(w_count(&s), 0);
    array *y = blocked_space(s.n, s.o, s.p * s.q);
    for (int what = 0; what < 5; what++) {
        int refused = 0;
        for (size_t step = 64;; step += 4096) {
            kdst__memory_trim(memory);
            kdst__memory_set_limit(memory, used + step);
            kdst_status status = what < 2 ? kdst__conv_winograd_forward(cp, &s, what, x->data, w->data, NULL, y->data)
                : what == 2               ? kdst__conv_winograd_backward_data(cp, &s, w->data, y->data, 0, x->data)
                            : kdst__conv_winograd_backward_weights(cp, &s, what - 3, x->data, y->data, dw->data);
            ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_OUT_OF_MEMORY);
            ck_assert_uint_eq(kdst__memory_used(memory), used);
            if (!status) break;
            refused++;
        }
        ck_assert_int_ge(refused, 6);
    }
    kdst__memory_set_limit(memory, 0);
    drop_arrays();
}

START_TEST(no_memory)
{
    begin_blocked(_i);
    const shape small[] = {{1, 16, 16, 16, 16, 3, {1, 1}, 1}, {1, 16, 32, 32, 16, 3, {1, 1}, 2}};
    for (int i = 0; i < 2; i++)
        check_no_memory(&small[i]);
}
END_TEST

/* ---- the choice ---- */

START_TEST(shapes_that_do_not_fit)
{
    begin_blocked(0);
    const kdst__conv2d_shape good = whole(&shapes[2]);
    kdst__conv2d_shape each[10];
    for (int i = 0; i < 10; i++)
        each[i] = good;
    each[0].stride[1] = 2;
    each[1].dilation[0] = 2;
    each[2].groups = 2;
    each[3].kw = 5;
    each[4].padding[0] = 3;
    each[5].n = 0;
    each[6].c = 3;
    each[7].p = each[7].q = 3;
    each[8].stride[0] = each[8].stride[1] = 3;
    each[9].kh = each[9].kw = 5;
    each[9].stride[0] = each[9].stride[1] = 2;
    ck_assert_int_eq(kdst__conv_winograd_fits(cp, &good), 1);
    for (int i = 0; i < 10; i++)
        ck_assert_msg(!kdst__conv_winograd_fits(cp, &each[i]), "shape %d fits", i);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, inputs_of_all_kinds, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, weights_in_several_rounds, 0, blocked_configurations());
    tcase_add_loop_test(tests, tails, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, packed_weights, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, no_memory_to_pack, 0, blocked_configurations());
    tcase_add_loop_test(tests, unusual_numbers, 0, blocked_configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, SHAPES * blocked_configurations());
    tcase_add_loop_test(tests, no_memory, 0, blocked_configurations());
    tcase_add_test(tests, shapes_that_do_not_fit);
}

int main(void)
{
    return run_compute_suite("conv_winograd", build);
}
