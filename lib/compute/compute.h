/* SPDX-License-Identifier: Apache-2.0 */
/* Computing on raw buffers: the only interface of this folder to those above it.
 *
 * `dtype` is a KDST_DTYPE value, 1 = float32 or 2 = float64, and says what the untyped buffers hold. Buffers are contiguous
 * and row-major unless strides are given; strides count elements. Sizes may be 0. Inputs are not checked: shapes are the
 * caller's duty. What is called backward ADDS to its dx; a NULL dx is not wanted and skipped.
 *
 * Every function cuts its work by the shape alone and sums partial results in piece order, so the bits do not depend on the number of
 * threads. Functions that need scratch memory return OK or OUT_OF_MEMORY; then the outputs are untouched or, where the text
 * says so, incomplete.
 */
#ifndef KDST_COMPUTE_COMPUTE_H
#define KDST_COMPUTE_COMPUTE_H

#include "core/memory.h"
#include "core/threads.h"

#include <kdst/status.h>

#include <stdint.h>

typedef struct kdst__compute kdst__compute;

/* ---- life ---- */

/* threads: 0 = one per core this process may use. level: a kdst__level (core/cpu.h), -1 = the best of this machine; a level the machine
 * or the build lacks gives UNSUPPORTED; a thread that the system refuses IO. exact: 1 = no algorithm that trades accuracy for speed. */
kdst_status kdst__compute_create(
    kdst__memory *memory, int32_t threads, int32_t level, int32_t exact, kdst__compute **out);
void kdst__compute_destroy(kdst__compute *cp); /* nullable */

kdst__memory *kdst__compute_memory(const kdst__compute *cp);
kdst__pool *kdst__compute_pool(const kdst__compute *cp);
int32_t kdst__compute_threads(const kdst__compute *cp);
int32_t kdst__compute_level(const kdst__compute *cp);
const char *kdst__compute_level_name(const kdst__compute *cp);
/* Which kernels multiply matrices: "blis zen3 6x16 f32", "kdst avx512 14x32 f32". */
const char *kdst__compute_gemm_name(const kdst__compute *cp, int32_t dtype);

/* Piece functions over [0, n) in steps that depend on n alone: begin and end of the piece's part. `grain` is the least number of
 * elements worth a piece. For operations above that have a loop of their own. */
int64_t kdst__pieces(int64_t n, int64_t grain);
void kdst__piece_range(int64_t n, int64_t pieces, int64_t piece, int64_t *begin, int64_t *end);

/* ---- products ---- */

/* C = A B, or C += A B with `accumulate`; A [m, k], B [k, n], C [m, n] at any strides (a transposed matrix has its strides exchanged).
 * C must not overlap A or B. On failure C is untouched. */
kdst_status kdst__gemm(
    kdst__compute *cp, int32_t dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t rs_a, int64_t cs_a,
    const void *b, int64_t rs_b, int64_t cs_b, int32_t accumulate, void *c, int64_t rs_c, int64_t cs_c);

/* `batch` such products: the operands and C of each lie so many elements behind those of the one before. C's must not overlap, a step of 0
 * in A or B repeats it. On failure C is incomplete. */
kdst_status kdst__gemm_batch(
    kdst__compute *cp, int32_t dtype, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a, int64_t rs_a, int64_t cs_a,
    int64_t a_step, const void *b, int64_t rs_b, int64_t cs_b, int64_t b_step, int32_t accumulate, void *c, int64_t rs_c,
    int64_t cs_c, int64_t c_step);

/* y = x W^T + bias, then max(y, 0) with `relu` (NaN stays); x [N, I], W [O, I], bias [O] or NULL, y [N, O]. On failure y is
 * incomplete. */
kdst_status kdst__linear_forward(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t i, int64_t o, const void *x, const void *w, const void *bias,
    int32_t relu, void *y);

/* Where gradients go, NULL: not wanted. add_…: 1 adds, 0 writes whatever was there. */
typedef struct kdst__linear_gradients {
    void *x, *w, *bias;
    int32_t add_x, add_w, add_bias;
} kdst__linear_gradients;

/* The gradients of that. y: what came out, with `relu`; NULL without. On failure they are incomplete. */
kdst_status kdst__linear_backward(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t i, int64_t o, const void *x, const void *w, const void *y,
    const void *dy, const kdst__linear_gradients *d);

/* The first factor of a product in panels, to be used many times: weights of inference. Read-only, also for other threads; products whose
 * blocks are of another shape do without. */
typedef struct kdst__panels {
    int32_t dtype;
    int64_t m, k, width, stored, depth; /* of A, of a panel, of a block of k */
    void *data; /* NULL: none */
    size_t bytes;
} kdst__panels;

typedef struct kdst__conv2d_shape {
    int64_t n, c, h, w;                          /* input [N, C, H, W] */
    int64_t o, kh, kw;                           /* weight [O, C / groups, KH, KW] */
    int64_t p, q;                                /* output [N, O, P, Q] */
    int64_t stride[2], padding[2], dilation[2];  /* [vertical, horizontal] */
    int64_t groups;                              /* divides C and O */
} kdst__conv2d_shape;

/* y = x * w + bias, or y += with `accumulate`; bias [O] nullable. */
kdst_status kdst__conv2d_forward(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *shape, const void *x, const void *w, const void *bias,
    int32_t accumulate, void *y);
/* The same with weights that were packed for shapes like this one; `panels` without data is as good as none. */
kdst_status kdst__conv2d_forward_packed(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *shape, const void *x, const void *w,
    const kdst__panels *panels, const void *bias, int32_t accumulate, void *y);
/* Packs weights, from `memory`; leaves data NULL where a convolution of this shape does not use panels. */
kdst_status kdst__conv2d_pack(
    kdst__compute *cp, kdst__memory *memory, int32_t dtype, const kdst__conv2d_shape *shape, const void *w,
    kdst__panels *out);
kdst_status kdst__conv2d_backward_data(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *shape, const void *w, const void *dy, void *dx);
/* dw += …, db[o] += sum dy[:, o]; either may be NULL. */
kdst_status kdst__conv2d_backward_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *shape, const void *x, const void *dy, void *dw, void *db);

/* ---- elementwise ---- */

/* What convolutions and batch norms do to a result in the same pass: nothing, max(y, 0), min(max(y, 0), 6). NaN stays NaN. */
enum { KDST__FUSED_NONE, KDST__FUSED_RELU, KDST__FUSED_RELU6 };

/* y = act(y) */
void kdst__activate(kdst__compute *cp, int32_t dtype, int32_t activation, int64_t n, void *y);
/* g = dy where act rises, which y = act(x) tells: relu not y <= 0, relu6 0 < y < 6; with none dy. g may be dy. */
void kdst__activation_mask(
    kdst__compute *cp, int32_t dtype, int32_t activation, int64_t n, const void *y, const void *dy, void *g);

void kdst__fill(kdst__compute *cp, int32_t dtype, int64_t n, double value, void *y);
void kdst__scale(kdst__compute *cp, int32_t dtype, int64_t n, double alpha, void *y);                          /* y *= alpha */
void kdst__add_into(kdst__compute *cp, int32_t dtype, int64_t n, double alpha, const void *x, void *y);        /* y += alpha x */
void kdst__relu(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, void *y);                          /* NaN stays */
void kdst__relu_backward(kdst__compute *cp, int32_t dtype, int64_t n, const void *y, const void *dy, void *dx); /* dx += dy unless y <= 0 */
void kdst__relu_mask(kdst__compute *cp, int32_t dtype, int64_t n, const void *y, const void *dy, void *g); /* g = dy unless y <= 0; may be dy */
void kdst__copy(kdst__compute *cp, int32_t dtype, int64_t n, double alpha, const void *x, void *y);             /* y = alpha x */
/* y = x * mask * scale; mask holds 0 or 1. */
void kdst__mask(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, const uint8_t *mask, double scale, void *y);
/* dx += dy * mask * scale */
void kdst__mask_backward(
    kdst__compute *cp, int32_t dtype, int64_t n, const void *dy, const uint8_t *mask, double scale, void *dx);

/* Functions of one number: y = f(x; p, q), and what their derivative reads. */
enum {
    KDST__UNARY_EXP = 1,       /* e^x;                              y */
    KDST__UNARY_LOG,           /* ln x;                             x */
    KDST__UNARY_SQRT,          /* sqrt x;                           y */
    KDST__UNARY_ABS,           /* |x|, derivative 0 at 0;           x */
    KDST__UNARY_SIGN,          /* -1, 0 (NaN too) or 1;             nothing */
    KDST__UNARY_NEG,           /* -x;                               nothing */
    KDST__UNARY_SQUARE,        /* x^2;                              x */
    KDST__UNARY_RECIPROCAL,    /* 1 / x;                            y */
    KDST__UNARY_ADD,           /* x + p;                            nothing */
    KDST__UNARY_MUL,           /* p x;                              nothing */
    KDST__UNARY_POW,           /* x^p;                              x */
    KDST__UNARY_CLAMP,         /* min(max(x, p), q);                x, 1 at both ends */
    KDST__UNARY_SIGMOID,       /* 1 / (1 + e^-x);                   y */
    KDST__UNARY_LOG_SIGMOID,   /* -ln(1 + e^-x);                    x */
    KDST__UNARY_TANH,          /* tanh x;                           y */
    KDST__UNARY_SOFTPLUS,      /* ln(1 + e^(p x)) / p, x where p x > q;  x */
    KDST__UNARY_LEAKY_RELU,    /* x where x > 0, else p x;          x */
    KDST__UNARY_RELU6,         /* min(max(x, 0), 6);                y, 0 at both ends */
    KDST__UNARY_SILU,          /* x / (1 + e^-x);                   x */
    KDST__UNARY_GELU,          /* x Phi(x), Phi the normal distribution function;  x */
    KDST__UNARY_GELU_TANH,     /* x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3);  x */
    KDST__UNARY_ELU,           /* x where x > 0, else p (e^x - 1);  x */
    KDST__UNARY_END
};

void kdst__unary(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, double p, double q, const void *x, void *y);
/* dx += dy f'; t is x or y, as the list says (any buffer [n] where it reads nothing). */
void kdst__unary_backward(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, double p, double q, const void *t, const void *dy,
    void *dx);

enum { KDST__ADD, KDST__SUB, KDST__MUL, KDST__DIV,
    KDST__MIN, KDST__MAX,             /* NaN when either is */
    KDST__MIN_SHARE, KDST__MAX_SHARE, /* derivative of the minimum and of the maximum by a: 1, 0, or 1/2 where a = b; 1 for NaN */
    KDST__GATE,                       /* a b, and 0 where b is, whatever a is */
    KDST__POW,                        /* a^b */
    KDST__POW_BASE,                   /* its derivative by a: b a^(b - 1), 0 where b is */
    KDST__POW_EXPONENT                /* its derivative by b: a^b ln a, 0 where a is and b >= 0 */
};

/* y = a op b, or y += a op b with `accumulate`; all [n]. y may be a or b. */
void kdst__binary(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, const void *a, const void *b, int32_t accumulate, void *y);
/* The same over `rank` <= 8 axes with any strides, 0 where an operand is broadcast. y's strides address each element once. */
void kdst__binary_strided(
    kdst__compute *cp, int32_t dtype, int32_t op, int32_t rank, const int64_t *shape, const void *a, const int64_t *a_stride,
    const void *b, const int64_t *b_stride, int32_t accumulate, void *y, const int64_t *y_stride);
/* y = alpha x, or y += alpha x, over strides; x may be broadcast. */
void kdst__copy_strided(
    kdst__compute *cp, int32_t dtype, int32_t rank, const int64_t *shape, double alpha, const void *x, const int64_t *x_stride,
    int32_t accumulate, void *y, const int64_t *y_stride);

/* ---- truth values, a byte each ---- */

enum { KDST__EQUAL, KDST__NOT_EQUAL, KDST__LESS, KDST__LESS_EQUAL, KDST__GREATER, KDST__GREATER_EQUAL };
enum { KDST__AND, KDST__OR, KDST__NOT /* of a */ };

/* y[i] = a[i sa] op b[i sb]; steps 0 or 1. All but KDST__NOT_EQUAL are false for NaN. */
void kdst__compare(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, const void *a, int64_t sa, const void *b, int64_t sb, uint8_t *y);
void kdst__is_finite(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, uint8_t *y);
void kdst__logical(kdst__compute *cp, int32_t op, int64_t n, const uint8_t *a, int64_t sa, const uint8_t *b, int64_t sb, uint8_t *y);
/* y[i] = mask[i sm] ? a[i sa] : b[i sb]; elements of `bytes` each. */
void kdst__choose(
    kdst__compute *cp, int64_t bytes, int64_t n, const uint8_t *mask, int64_t sm, const void *a, int64_t sa, const void *b,
    int64_t sb, void *y);

/* ---- reductions ---- */

/* *out = sum x; *out = sum x y. */
kdst_status kdst__sum(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, double *out);
kdst_status kdst__dot(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, const void *y, double *out);
/* y = alpha sum x, or y += alpha sum x, over the axes of `shape` where y_stride is 0 (size 1 or not): sums over axes, and the backward of
 * broadcasting. x any strides. */
kdst_status kdst__sum_strided(
    kdst__compute *cp, int32_t dtype, int32_t rank, const int64_t *shape, double alpha, const void *x, const int64_t *x_stride,
    int32_t accumulate, void *y, const int64_t *y_stride);
/* Along the middle axis of x [outer, n, inner], y [outer, inner]; the formulas are in kernels/fold.c. p: what is taken from n. */
enum { KDST__FOLD_MAX, KDST__FOLD_MIN, KDST__FOLD_VARIANCE, KDST__FOLD_STD, KDST__FOLD_LOGSUMEXP, KDST__FOLD_NORM };
void kdst__fold(
    kdst__compute *cp, int32_t dtype, int32_t op, double p, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);
void kdst__fold_backward(
    kdst__compute *cp, int32_t dtype, int32_t op, double p, int64_t outer, int64_t n, int64_t inner, const void *x,
    const void *y, const void *dy, void *dx);
/* indices [outer, k, inner]: the places in [0, n) of the k <= n first elements, in order: largest ones, or smallest; NaN in front of
 * all others or behind them; of equal ones the lower place is first. n < 2^31. */
void kdst__rank(
    kdst__compute *cp, int32_t dtype, int32_t largest, int32_t nan_first, int64_t outer, int64_t n, int64_t k, int64_t inner,
    const void *x, int32_t *indices);
/* 1 when every element is finite. */
int32_t kdst__all_finite(kdst__compute *cp, int32_t dtype, int64_t n, const void *x);

/* ---- rows by a list: i [n] in [0, size), x and dx [outer, size, inner], y and dy [outer, n, inner] ---- */

/* y[o, j, :] = x[o, i_j, :]; elements of `bytes` each. */
void kdst__rows_select(
    kdst__compute *cp, int64_t bytes, int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices,
    const void *x, void *y);
/* dx[o, k, :] += sum over the j with i_j = k of dy[o, j, :] */
kdst_status kdst__rows_add(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices,
    const void *dy, void *dx);
/* y[i_j, :] = x[j, :], or +=; x [n, inner], no i_j twice, other rows of y are left alone. */
void kdst__rows_place(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t inner, const int32_t *indices, const void *x, int32_t accumulate,
    void *y);

/* ---- elements by an index each ---- */

typedef struct kdst__gather_shape {
    int32_t rank, axis;   /* rank >= 1 */
    int64_t x[8], y[8];   /* y is no longer than x but along the axis */
} kdst__gather_shape;

/* y[.., j, ..] = x[.., i[.., j, ..], ..] along the axis; i has y's shape, elements of `bytes` each. */
void kdst__gather(
    kdst__compute *cp, int64_t bytes, const kdst__gather_shape *shape, const int32_t *indices, const void *x, void *y);
/* dx[.., i[.., j, ..], ..] += dy[.., j, ..] */
void kdst__gather_backward(
    kdst__compute *cp, int32_t dtype, const kdst__gather_shape *shape, const int32_t *indices, const void *dy, void *dx);

/* ---- softmax along the middle axis of [outer, n, inner] ---- */

void kdst__softmax(kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);
void kdst__log_softmax(kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);
/* dx += y (dy - sum y dy) */
void kdst__softmax_backward(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *y, const void *dy, void *dx);
/* dx += dy - exp(y) sum dy */
void kdst__log_softmax_backward(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *y, const void *dy, void *dx);
/* Sum over the rows of logits x [rows, n] of -log softmax(x)[label]; g [rows, n], nullable: softmax(x) - [i = label], its gradient. Labels
 * in [0, n), n > 0. */
double kdst__cross_entropy(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t n, const void *x, const int32_t *labels, void *g);

/* ---- losses of pairs, term by term (kernels/pair_loss.c has the equations) ---- */

enum { KDST__L1 = 1, KDST__MSE, KDST__HUBER, KDST__SMOOTH_L1, KDST__BCE, KDST__KL, KDST__KL_LOG };

typedef struct kdst__pair_loss_data {
    int32_t kind, dtype;
    double parameter;     /* HUBER's delta, SMOOTH_L1's beta */
    int64_t n;
    const void *x, *t;    /* [n] */
    const void *w, *v;    /* [n], nullable: weights, and BCE's of t = 1 */
} kdst__pair_loss_data;

/* The terms into y [n]; y NULL: their sum, in double. */
double kdst__pair_loss(kdst__compute *cp, const kdst__pair_loss_data *data, void *y);
/* Adds scale dy times the derivatives; dy [n], NULL: 1; dx and dt [n] may be NULL. */
void kdst__pair_loss_backward(
    kdst__compute *cp, const kdst__pair_loss_data *data, double scale, const void *dy, void *dx, void *dt);

/* ---- vectors along the middle axis of [outer, n, inner]; lengths [outer, inner], in double ---- */

/* y = x / max(|x|, eps), and the lengths |x| */
void kdst__normalize(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, double eps, const void *x, void *y,
    double *lengths);
/* dx += (dy - y <y, dy>) / |x|; below eps dy / eps with `null_gradient`, nothing without */
void kdst__normalize_backward(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, double eps, int32_t null_gradient,
    const void *y, const void *dy, const double *lengths, void *dx);

/* ---- batch norm over [N, C, S], S = H W or 1; gamma, beta [C] of dtype, nullable ---- */

/* mean[c] and biased variance var[c] over n and s, in double whatever dtype is. */
void kdst__batch_norm_statistics(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t c, int64_t s, const void *x, double *mean, double *var);
/* y = gamma (x - mean) inverse + beta */
void kdst__batch_norm_normalise(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t c, int64_t s, const void *x, const double *mean,
    const double *inverse, const void *gamma, const void *beta, void *y);
/* training: dx += gamma inverse (dy - mean(dy) - xhat mean(dy xhat)), else dx += gamma inverse dy;
 * dgamma += sum dy xhat, dbeta += sum dy. dx, dgamma and dbeta may be NULL. */
void kdst__batch_norm_backward(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t c, int64_t s, int32_t training, const void *x, const void *dy,
    const double *mean, const double *inverse, const void *gamma, void *dx, void *dgamma, void *dbeta);

/* ---- layer norm and group norm: rows [R, K S]; row r has parameters (r mod period) K + k, k < K, nullable ---- */

/* y = xhat gamma + beta, xhat = (x - mean[r]) inverse[r]; statistics are kdst__batch_norm_statistics of [1, R, K S]. */
void kdst__row_norm(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t period, int64_t k, int64_t s, const void *x, const double *mean,
    const double *inverse, const void *gamma, const void *beta, void *y);
/* With g = dy gamma: dx += inverse (g - mean(g) - xhat mean(g xhat)); dgamma += sum dy xhat, dbeta += sum dy; each may be NULL. */
void kdst__row_norm_backward(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t period, int64_t k, int64_t s, const void *x, const void *dy,
    const double *mean, const double *inverse, const void *gamma, void *dx, void *dgamma, void *dbeta);

/* ---- resampling ---- */

typedef struct kdst__upsample_shape {
    int64_t planes, h, w, p, q; /* [planes, H, W] to [planes, P, Q], none of the sides 0 */
    int32_t bilinear, align_corners;
    double factor[2]; /* P / H and Q / W as they were asked for; 0: not */
} kdst__upsample_shape;

kdst_status kdst__upsample2d(kdst__compute *cp, int32_t dtype, const kdst__upsample_shape *shape, const void *x, void *y);
kdst_status kdst__upsample2d_backward(
    kdst__compute *cp, int32_t dtype, const kdst__upsample_shape *shape, const void *dy, void *dx);

/* ---- pooling ---- */

typedef struct kdst__pool2d_shape {
    int64_t n, c, h, w, kh, kw, p, q; /* [N, C, H, W] to [N, C, P, Q] */
    int64_t stride[2], padding[2];    /* [vertical, horizontal] */
    int32_t count_include_pad;        /* means: divide by what of the window lies inside of image and padding, else image */
    int32_t adaptive;                 /* means: window i of P is rows floor(i H / P) … ceil((i + 1) H / P) - 1; KH … are unused */
} kdst__pool2d_shape;

/* Largest element, the first of equals, NaN wins; argmax [N, C, P, Q] = h W + w, nullable. */
void kdst__max_pool2d(
    kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *x, void *y, int32_t *argmax);
void kdst__max_pool2d_backward(
    kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *dy, const int32_t *argmax, void *dx);
/* Sum of the window / its size. A window may end behind the padding (ceil mode), but begins inside of the image or before. */
void kdst__avg_pool2d(kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *x, void *y);
void kdst__avg_pool2d_backward(
    kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *dy, void *dx);
/* y[r] = mean x[r, :] over [rows, s]; dx[r, :] += dy[r] / s. */
void kdst__row_mean(kdst__compute *cp, int32_t dtype, int64_t rows, int64_t s, const void *x, void *y);
void kdst__row_mean_backward(kdst__compute *cp, int32_t dtype, int64_t rows, int64_t s, const void *dy, void *dx);

/* ---- gradients and optimisers: passes over many tensors, one run of the pool each ---- */

/* A tensor of such a pass. What a rule keeps is in `state`, NULL where it keeps nothing. */
typedef struct kdst__span {
    int64_t n, from; /* elements, and those of the spans in front: written by the pass */
    int32_t dtype;
    void *g, *w; /* gradient and weights */
    double rate, weight_decay;
    int64_t step; /* number of the update, from 1 */
    void *state[3];
    double size, root, decay, keep; /* Adam's own: written by the pass */
} kdst__span;

/* g *= factor; g to [-bound, bound], NaN stays. */
void kdst__spans_scale(kdst__compute *cp, int64_t count, kdst__span *spans, double factor);
void kdst__spans_clip(kdst__compute *cp, int64_t count, kdst__span *spans, double bound);
/* Elements of any memory that stands in the place of the gradients into [low, high]; NaN stays. */
void kdst__spans_clamp(kdst__compute *cp, int64_t count, kdst__span *spans, double low, double high);
/* sum (scale g)^2 in double, in the order of the pieces. */
double kdst__spans_squares(kdst__compute *cp, int64_t count, kdst__span *spans, double scale);
/* 1 when every g is finite. */
int32_t kdst__spans_finite(kdst__compute *cp, int64_t count, kdst__span *spans);

/* The updates first do g *= scale, and keep it. */

/* d = g + weight_decay w; v = d at step 1, else momentum v + (1 - dampening) d;
 * w -= rate * (d + momentum v with nesterov, v with momentum, d without). state: v; NULL: no momentum. */
typedef struct kdst__sgd_rule {
    double scale, momentum, dampening;
    int32_t nesterov;
} kdst__sgd_rule;
void kdst__sgd(kdst__compute *cp, const kdst__sgd_rule *rule, int64_t count, kdst__span *spans);
/* d = g + weight_decay w; m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2; most = max(most, v), used for v, when not NULL;
 * w -= rate / (1 - beta1^step) m / (sqrt(v) / sqrt(1 - beta2^step) + eps). state: m, v, most.
 * Decoupled: the same with d = g, after w *= 1 - rate weight_decay. */
typedef struct kdst__adam_rule {
    double scale, beta1, beta2, eps;
    int32_t decoupled;
} kdst__adam_rule;
void kdst__adam(kdst__compute *cp, const kdst__adam_rule *rule, int64_t count, kdst__span *spans);
/* d = g + weight_decay w; v = alpha v + (1 - alpha) d^2; mean = alpha mean + (1 - alpha) d, and mean^2 leaves v, when not NULL;
 * s = d / (sqrt(v) + eps); b = momentum b + s, used for s, when not NULL; w -= rate s. state: v, mean, b. */
typedef struct kdst__rmsprop_rule {
    double scale, alpha, eps, momentum;
} kdst__rmsprop_rule;
void kdst__rmsprop(kdst__compute *cp, const kdst__rmsprop_rule *rule, int64_t count, kdst__span *spans);
/* max |x|, in double; NaN where one is. */
double kdst__largest(kdst__compute *cp, int32_t dtype, int64_t n, const void *x);
/* y += share (x - y) */
void kdst__blend(kdst__compute *cp, int32_t dtype, int64_t n, double share, const void *x, void *y);

#endif
