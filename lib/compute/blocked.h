/* SPDX-License-Identifier: Apache-2.0 */
/* Computing on activations in blocked channels, float32 alone: the interface for those above this folder.
 *
 * x [N, C, S], S = H W, lies in memory as [N, ceil(C / B), S, B]: B channels, a vector of the context's level, of one place side by
 * side. Lanes behind channel C are 0 and stay so: each function here writes them. There is no halo: what a kernel reads beyond
 * the image it takes to be 0. Parameters (weights, biases, gamma) and their gradients are plain.
 *
 * `add`: 1 = the result is added to what is there, 0 = it replaces what is there. Gradients of parameters are always added.
 * Otherwise all of compute.h's rules hold: work cut by the shape alone, the same bits for any number of threads.
 */
#ifndef KDST_COMPUTE_BLOCKED_H
#define KDST_COMPUTE_BLOCKED_H

#include "compute/compute.h"

/* B, and floats that x [N, C, S] takes. */
int64_t kdst__blocked_width(const kdst__compute *cp);
int64_t kdst__blocked_count(const kdst__compute *cp, int64_t n, int64_t c, int64_t s);

/* From plain [N, C, S] to blocked and back. x and y do not overlap. */
void kdst__blocked_from_plain(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *y);
void kdst__blocked_to_plain(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *y);

/* ---- convolution ---- */

/* What is done to a result while it is in the cache. */
typedef struct kdst__conv_tail {
    const float *bias;  /* [O], nullable: added first */
    int32_t activation; /* KDST__FUSED_…, last */
    double *mean, *var; /* [O], both or none: mean and biased variance over N, P, Q of what is written; no activation or addend then */
    const float *addend; /* as y lies, not y itself, nullable: added before the activation */
} kdst__conv_tail;

/* Whether convolutions of this shape are to give blocked results: 1 where that pays. */
int32_t kdst__conv_blocked_fits(const kdst__compute *cp, const kdst__conv2d_shape *s);
/* y = x * w, blocked. x_plain: 1 = x is [N, C, H, W] (an image in front of the first layer). tail is nullable. */
kdst_status kdst__conv_blocked_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w, const kdst__conv_tail *tail,
    float *y);
/* Weights as the algorithm of a shape wants them, made once for inference. Read-only, also for other threads and for contexts of the same
 * level; shapes that differ in N, H and W alone may share them, and do without where their algorithm is another. */
typedef struct kdst__conv_packed kdst__conv_packed;
/* From `memory`; *out NULL: the algorithm of this shape wants none. */
kdst_status kdst__conv_blocked_pack(
    kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, kdst__conv_packed **out);
size_t kdst__conv_packed_bytes(const kdst__conv_packed *packed); /* NULL: 0 */
void kdst__conv_packed_destroy(kdst__conv_packed *packed);       /* nullable */
/* packed is nullable; of the same w. */
kdst_status kdst__conv_blocked_forward_packed(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_packed *packed, const kdst__conv_tail *tail, float *y);
/* dx, blocked, from dy, blocked. On failure dx is incomplete. */
kdst_status kdst__conv_blocked_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx);
/* dw [O, C / groups, KH, KW] += …, db [O] += sum dy; either may be NULL. */
kdst_status kdst__conv_blocked_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw, float *db);

/* sums [C] += sum of x over n and s */
void kdst__blocked_sum(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *sums);

/* ---- batch norm ---- */

/* mean [C] and biased variance [C] over n and s. */
void kdst__blocked_statistics(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, double *mean, double *var);
/* y = act(gamma (x - mean) inverse + beta + addend), act of `activation`, KDST__FUSED_…; gamma, beta [C], addend nullable. y may
 * be x or addend. */
void kdst__blocked_normalise(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, const double *mean, const double *inverse,
    const float *gamma, const float *beta, const float *addend, int32_t activation, float *y);

typedef struct kdst__blocked_norm_gradient {
    int64_t n, c, s;
    int32_t training;            /* 1: mean and inverse are of x itself */
    const float *x, *dy;
    int32_t activation;          /* dy counts only where it rises: relu not y <= 0, relu6 0 < y < 6 */
    const float *y;              /* nullable: y = gamma (x - mean) inverse + beta, without an addend, is computed again */
    const double *mean, *inverse; /* [C] */
    const float *gamma, *beta;   /* [C], nullable; beta is for the mask alone */
    int32_t add_dx, add_addend;  /* see `add` above */
    float *dx, *d_addend;        /* nullable; may be dy itself, when not added to */
    float *dgamma, *dbeta;       /* [C], nullable, added to */
} kdst__blocked_norm_gradient;

/* g = dy act'(y); d_addend = g; dbeta += sum g, dgamma += sum g xhat;
 * dx = gamma inverse (g - mean(g) - xhat mean(g xhat)) in training, else gamma inverse g. */
kdst_status kdst__blocked_normalise_backward(kdst__compute *cp, const kdst__blocked_norm_gradient *g);

/* ---- pooling: sizes as in compute.h, `shape` is that of the plain tensors ---- */

/* argmax lies as y does. */
void kdst__blocked_max_pool2d(kdst__compute *cp, const kdst__pool2d_shape *shape, const float *x, float *y, int32_t *argmax);
void kdst__blocked_max_pool2d_backward(
    kdst__compute *cp, const kdst__pool2d_shape *shape, const float *dy, const int32_t *argmax, int32_t add, float *dx);
void kdst__blocked_avg_pool2d(kdst__compute *cp, const kdst__pool2d_shape *shape, const float *x, float *y);
void kdst__blocked_avg_pool2d_backward(
    kdst__compute *cp, const kdst__pool2d_shape *shape, const float *dy, int32_t add, float *dx);
/* y [N, C] plain: mean over S; dx (+)= dy / S. */
void kdst__blocked_mean(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *y);
void kdst__blocked_mean_backward(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *dy, int32_t add, float *dx);

/* ---- channels ---- */

/* Channels [from, from + count) of x [N, C, S] become, or are added to, channels [to, to + count) of y [N, D, S], any offsets; other
 * channels of y stay, but for its lanes behind D, which stay 0. */
void kdst__blocked_move_channels(
    kdst__compute *cp, int64_t n, int64_t s, int64_t c, int64_t from, int64_t count, const float *x, int64_t d, int64_t to,
    int32_t add, float *y);
/* y[n, i, :] (+)= x[n, place[i], :] of [N, C, S]; place [C] is a permutation. */
void kdst__blocked_permute_channels(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const int32_t *place, const float *x, int32_t add, float *y);

#endif
