/* SPDX-License-Identifier: Apache-2.0 */
/* Results of convolutions lie in blocked channels, and nobody can tell: small networks in float32 agree with the same in float64, which
 * are never blocked, whatever is done to the tensors in between. */
#include "support.h"

#define LEAVES 5   /* x, three weights, one vector */
#define BOUND 5e-5 /* of the largest element: float32 sums of a few hundred terms */

typedef struct net {
    kdst_tensor *x, *a, *b, *c,
        *v;                /* x [2, 26, 6, 5], a [52, 26, 3, 3], b [26, 52, 3, 3], c [33, 78, 1, 1], v [1, 52, 1, 1] */
    kdst_tensor *kept[12]; /* what a network makes in between */
    int count;
} net;

static kdst_tensor *keep(net *n, kdst_status status, kdst_tensor *made)
{
    expect_ok(status);
    ck_assert_int_lt(n->count, 12);
    return n->kept[n->count++] = made;
}

static kdst_tensor *conv(net *n, kdst_tensor *x, kdst_tensor *w, int64_t padding, int64_t stride)
{
    kdst_options *options = options_ints("padding", (int64_t[]){padding, padding}, 2);
    kdst_tensor *y;
    expect_ok(kdst_options_set_ints(options, "stride", (int64_t[]){stride, stride}, 2));
    kdst_status status = kdst_conv2d(x, w, NULL, options, &y);
    kdst_options_release(options);
    return keep(n, status, y);
}

#define ONE(fn, ...)                                                                                                   \
  do {                                                                                                                 \
    kdst_tensor *made_;                                                                                                \
    kdst_status status_ = fn(__VA_ARGS__, &made_);                                                                     \
    y = keep(n, status_, made_);                                                                                       \
  } while (0)

static kdst_tensor *chain(net *n)
{
    kdst_tensor *y = conv(n, n->x, n->a, 1, 1);
    ONE(kdst_relu, y);
    ONE(kdst_max_pool2d, y, NULL);
    return conv(n, y, n->b, 1, 1);
}

static kdst_tensor *strided(net *n)
{
    kdst_tensor *y = conv(n, n->x, n->a, 1, 2);
    ONE(kdst_silu, y);
    return conv(n, y, n->b, 2, 1);
}

/* conv, batch norm, conv, batch norm with the sum of the image and a ReLU */
static kdst_tensor *residual(net *n)
{
    kdst_options *relu = NULL;
    expect_ok(kdst_options_create(&relu));
    expect_ok(kdst_options_set_string(relu, "activation", "relu"));
    kdst_tensor *y = conv(n, n->x, n->a, 1, 1);
    ONE(kdst_batch_norm, y, NULL, NULL, NULL, NULL, relu);
    y = conv(n, y, n->b, 1, 1);
    ONE(kdst_batch_norm_add, y, NULL, NULL, NULL, NULL, n->x, relu);
    kdst_options_release(relu);
    return y;
}

/* A batch norm whose own input is added to it, in training and in evaluation. */
static kdst_tensor *onto_itself(net *n)
{
    kdst_options *relu = NULL;
    kdst_tensor *y = conv(n, n->x, n->a, 1, 1), *mean = NULL, *var = NULL;
    expect_ok(kdst_options_create(&relu));
    ONE(kdst_batch_norm_add, y, NULL, NULL, NULL, NULL, y, relu);
    expect_ok(kdst_options_set_int(relu, "training", 0));
    expect_ok(kdst_options_set_string(relu, "activation", "relu"));
    kdst_status status = kdst_tensor_create(ctx, kdst_tensor_get_dtype(y), 1, (int64_t[]){52}, &mean);
    keep(n, status, mean);
    status = kdst_tensor_create(ctx, kdst_tensor_get_dtype(y), 1, (int64_t[]){52}, &var);
    keep(n, status, var);
    expect_ok(kdst_tensor_set_value(var, 2));
    ONE(kdst_batch_norm_add, y, NULL, NULL, mean, var, y, relu);
    kdst_options_release(relu);
    return y;
}

/* 26 and 52 channels side by side */
static kdst_tensor *joined(net *n)
{
    kdst_tensor *first = conv(n, n->x, n->a, 1, 1), *second = conv(n, first, n->b, 1, 1), *y;
    ONE(kdst_concat, ((kdst_tensor *[]){second, first}), 2, 1);
    return conv(n, y, n->c, 0, 1);
}

/* 26 channels interleaved, and parts of them that begin in the middle of a block */
static kdst_tensor *shuffled(net *n)
{
    kdst_tensor *wide = conv(n, n->x, n->a, 1, 1), *low, *high, *y;
    ONE(kdst_channel_shuffle, wide, 2);
    wide = y;
    ONE(kdst_channel_slice, wide, 0, 9);
    low = y;
    ONE(kdst_channel_slice, wide, 9, kdst_tensor_get_size(wide, 1) - 9);
    high = y;
    ONE(kdst_concat, ((kdst_tensor *[]){high, low}), 2, 1);
    return conv(n, y, n->b, 1, 1);
}

/* Operations that know nothing of blocks, on the result and on a part of it, beside one that does. */
static kdst_tensor *mixed(net *n)
{
    kdst_tensor *wide = conv(n, n->x, n->a, 1, 1), *sigmoid, *y;
    ONE(kdst_sigmoid, wide);
    sigmoid = y;
    ONE(kdst_mul, sigmoid, wide);
    ONE(kdst_mul, y, n->v);
    y = conv(n, y, n->b, 1, 1);
    kdst_tensor *other = y;
    ONE(kdst_slice, wide, 1, 7, 33, 1);
    ONE(kdst_add, y, other);
    return y;
}

static kdst_tensor *twice(net *n)
{
    kdst_tensor *y = conv(n, n->x, n->a, 1, 1);
    ONE(kdst_add, y, y);
    ONE(kdst_mul, y, y);
    ONE(kdst_sub, y, n->kept[0]);
    return y;
}

static kdst_tensor *pooled(net *n)
{
    kdst_tensor *y = conv(n, n->x, n->a, 1, 1), *wide = y;
    ONE(kdst_avg_pool2d, wide, NULL);
    ONE(kdst_adaptive_avg_pool2d, y, 2, 3);
    ONE(kdst_pad, y, 1, 3, 4);
    ONE(kdst_global_avg_pool2d, y);
    return y;
}

/* A caller reads results, and takes one apart, before the others are computed. */
static kdst_tensor *looked_at(net *n)
{
    kdst_tensor *y = conv(n, n->x, n->a, 1, 1), *wide = y;
    void *data;
    expect_ok(kdst_tensor_map(y, KDST_MAP_READ, &data));
    ONE(kdst_relu, wide);
    y = conv(n, y, n->b, 1, 1);
    expect_ok(kdst_tensor_unmap(wide));
    free(doubles(n->kept[1]));
    ONE(kdst_reshape, y, 3, ((int64_t[]){2, 13, 60}));
    return y;
}

typedef kdst_tensor *(*net_fn)(net *);
/* Images counted by two axes: views that keep the layout, and operations on five axes, of which most do not. */
static kdst_tensor *unfolded(net *n)
{
    kdst_tensor *image = conv(n, n->x, n->a, 1, 1), *series, *y;
    ONE(kdst_reshape, image, 5, ((int64_t[]){1, 2, 52, 6, 5}));
    series = y;
    ONE(kdst_relu, series);
    ONE(kdst_mul_scalar, y, 1.5);
    ONE(kdst_concat, ((kdst_tensor *[]){y, series}), 2, 1);
    ONE(kdst_reshape, y, 4, ((int64_t[]){4, 52, 6, 5}));
    return conv(n, y, n->b, 1, 1);
}

/* The same, read by an operation of another shape in between, and another view of it afterwards. */
static kdst_tensor *unfolded_and_read(net *n)
{
    kdst_tensor *image = conv(n, n->x, n->a, 1, 1), *series, *sum, *y;
    ONE(kdst_reshape, image, 6, ((int64_t[]){2, 1, 1, 52, 6, 5}));
    series = y;
    ONE(kdst_sum, series, ((int64_t[]){0}), 1, 1);
    sum = y;
    ONE(kdst_add, series, sum);
    ONE(kdst_reshape, y, 4, ((int64_t[]){2, 52, 5, 6}));
    return conv(n, y, n->b, 1, 1);
}

static const net_fn nets[] = {chain, strided, residual, onto_itself, joined,   shuffled,
                              mixed, twice,   pooled,   looked_at,   unfolded, unfolded_and_read};
enum { NETS = sizeof nets / sizeof *nets };

static void begin(net *n, kdst_dtype dtype)
{
    *n = (net){
        .x = filled(dtype, SHAPE(2, 26, 6, 5), 1),
        .a = filled(dtype, SHAPE(52, 26, 3, 3), 2),
        .b = filled(dtype, SHAPE(26, 52, 3, 3), 3),
        .c = filled(dtype, SHAPE(33, 78, 1, 1), 4),
        .v = filled(dtype, SHAPE(1, 52, 1, 1), 5)};
    kdst_tensor *leaves[] = {n->x, n->a, n->b, n->c, n->v};
    for (int i = 0; i < LEAVES; i++)
        expect_ok(kdst_tensor_set_requires_grad(leaves[i], 1));
}

static void finish(net *n)
{
    kdst_tensor *leaves[] = {n->x, n->a, n->b, n->c, n->v};
    for (int i = 0; i < LEAVES; i++)
        kdst_tensor_release(leaves[i]);
    while (n->count > 0)
        kdst_tensor_release(n->kept[--n->count]);
}

static void agree(kdst_tensor *t, kdst_tensor *expected, const char *what)
{
    ck_assert_int_eq(kdst_tensor_get_count(t), kdst_tensor_get_count(expected));
    double *a = doubles(t), *b = doubles(expected), largest = 0;
    for (int64_t i = 0; i < kdst_tensor_get_count(t); i++)
        largest = fmax(largest, fabs(b[i]));
    for (int64_t i = 0; i < kdst_tensor_get_count(t); i++)
        ck_assert_msg(fabs(a[i] - b[i]) <= BOUND * largest, "%s: element %d is %g, not %g", what, (int)i, a[i], b[i]);
    free(a);
    free(b);
}

/* Gradients of y with weights that differ from element to element. */
static void run_backward(kdst_tensor *y, kdst_dtype dtype, int64_t passes)
{
    int64_t shape[4], rank = kdst_tensor_get_rank(y);
    for (int64_t i = 0; i < rank; i++)
        shape[i] = kdst_tensor_get_size(y, i);
    kdst_tensor *dy = filled(dtype, rank, shape, 6);
    for (int64_t i = 0; i < passes; i++) {
        kdst_options *options = NULL;
        expect_ok(kdst_options_create(&options));
        expect_ok(kdst_options_set_int(options, "retain", i + 1 < passes));
        expect_ok(kdst_backward(y, dy, options));
        kdst_options_release(options);
    }
    kdst_tensor_release(dy);
}

static void compare(net_fn fn, int64_t passes)
{
    static const char *const names[LEAVES] = {"dx", "da", "db", "dc", "dv"};
    net one, two;
    begin(&one, F32);
    begin(&two, F64);
    kdst_tensor *y = fn(&one), *expected = fn(&two);
    run_backward(y, F32, passes);
    run_backward(expected, F64, passes);
    agree(y, expected, "y");
    kdst_tensor *leaves[] = {one.x, one.a, one.b, one.c, one.v}, *others[] = {two.x, two.a, two.b, two.c, two.v};
    for (int i = 0; i < LEAVES; i++) {
        kdst_tensor *grad = NULL, *other = NULL;
        kdst_status status = kdst_tensor_get_grad(leaves[i], &grad);
        ck_assert_int_eq(status, kdst_tensor_get_grad(others[i], &other));
        if (status == KDST_STATUS_OK) agree(grad, other, names[i]);
        kdst_tensor_release(grad);
        kdst_tensor_release(other);
    }
    finish(&one);
    finish(&two);
}

START_TEST(test_agrees)
{
    compare(nets[_i], 1);
}
END_TEST

START_TEST(test_two_passes)
{
    compare(nets[_i], 2);
}
END_TEST

/* Copies, single values and views of a result are those of a plain tensor. */
START_TEST(test_reading)
{
    net n;
    begin(&n, F32);
    kdst_tensor *y = conv(&n, n.x, n.a, 1, 1), *z = conv(&n, n.x, n.a, 1, 1), *copy, *view, *one;
    expect_ok(kdst_tensor_copy(y, 0, &copy));
    expect_ok(kdst_detach(z, &view));
    kdst_tensor_release(z); /* the view holds what it needs */
    n.kept[1] = NULL;
    double *a = doubles(copy), *b = doubles(view), value;
    for (int64_t i = 0; i < kdst_tensor_get_count(copy); i++)
        ck_assert(a[i] == b[i]);
    kdst_tensor *part = y;
    for (int64_t axis = 0; axis < 4; axis++) {
        static const int64_t at[4] = {1, 51, 5, 2};
        expect_ok(kdst_slice(part, axis, at[axis], at[axis] + 1, 1, &one));
        part = keep(&n, KDST_STATUS_OK, one);
    }
    expect_ok(kdst_tensor_get_value(part, &value));
    ck_assert(value == a[((1 * 52 + 51) * 6 + 5) * 5 + 2]);
    ck_assert_int_eq(kdst_tensor_get_stride(y, 1), 30);
    free(a);
    free(b);
    kdst_tensor_release(copy);
    kdst_tensor_release(view);
    finish(&n);
}
END_TEST

/* Who writes to a result that a record reads is told so. */
START_TEST(test_writing)
{
    net n;
    begin(&n, F32);
    kdst_tensor *y = conv(&n, n.x, n.a, 1, 1), *z;
    expect_ok(kdst_relu(y, &z));
    keep(&n, KDST_STATUS_OK, z);
    kdst_tensor *w = conv(&n, z, n.b, 1, 1), *sum;
    expect_ok(kdst_sum(w, NULL, 0, 0, &sum));
    expect_ok(kdst_tensor_set_value(z, 1));
    expect_failure(kdst_backward(sum, NULL, NULL), KDST_STATUS_STATE, "was written to after it was recorded");
    kdst_tensor_release(sum);
    finish(&n);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_agrees, 0, NETS);
    tcase_add_loop_test(tests, test_two_passes, 0, NETS);
    tcase_add_test(tests, test_reading);
    tcase_add_test(tests, test_writing);
}

int main(void)
{
    return run_suite("layout", build);
}
