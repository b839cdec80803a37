/* SPDX-License-Identifier: Apache-2.0 */
/* Plain references of the kernels, in double, written from the formulas and not from the kernels.
 *
 * One source a stem. Shapes and names are those of lib/compute/compute.h. Where a result is a sum, `size` gets the sum of the
 * absolute values of its terms, which is what its error is measured by; it may be NULL.
 */
#ifndef KDST_TESTS_REFERENCE_H
#define KDST_TESTS_REFERENCE_H

#include "compute/class_loss.h"
#include "compute/compute.h"
#include "compute/plasticity.h"
#include "compute/soft_loss.h"

/* gemm.c: c += a b; size[i] for the element c[i]. */
void reference_gemm(
    int64_t m, int64_t n, int64_t k, const double *a, int64_t rs_a, int64_t cs_a, const double *b, int64_t rs_b,
    int64_t cs_b, double *c, int64_t rs_c, int64_t cs_c, double *size);

/* conv2d.c: each adds. */
void reference_conv2d_forward(
    const kdst__conv2d_shape *s, const double *x, const double *w, const double *bias, double *y, double *size);
void reference_conv2d_backward_data(
    const kdst__conv2d_shape *s, const double *w, const double *dy, double *dx, double *size);
void reference_conv2d_backward_weights(
    const kdst__conv2d_shape *s, const double *x, const double *dy, double *dw, double *dw_size, double *db,
    double *db_size);

/* pool.c */
void reference_max_pool2d(const kdst__pool2d_shape *s, const double *x, double *y, int32_t *argmax);
void reference_max_pool2d_backward(const kdst__pool2d_shape *s, const double *dy, const double *x, double *dx);
void reference_avg_pool2d(const kdst__pool2d_shape *s, const double *x, double *y, double *size);
void reference_avg_pool2d_backward(const kdst__pool2d_shape *s, const double *dy, double *dx, double *size);

/* batch_norm.c */
void reference_batch_norm_statistics(int64_t n, int64_t c, int64_t s, const double *x, double *mean, double *var);
void reference_batch_norm_normalise(
    int64_t n, int64_t c, int64_t s, const double *x, const double *mean, const double *inverse, const double *gamma,
    const double *beta, double *y);
void reference_batch_norm_backward(
    int64_t n, int64_t c, int64_t s, int32_t training, const double *x, const double *dy, const double *mean,
    const double *inverse, const double *gamma, double *dx, double *dgamma, double *dbeta);

/* row_norm.c: y is set, the gradients are added to. */
void reference_row_norm(
    int64_t rows, int64_t period, int64_t k, int64_t s, const double *x, const double *mean, const double *inverse,
    const double *gamma, const double *beta, double *y);
void reference_row_norm_backward(
    int64_t rows, int64_t period, int64_t k, int64_t s, const double *x, const double *dy, const double *mean,
    const double *inverse, const double *gamma, double *dx, double *size, double *dgamma, double *dgamma_size,
    double *dbeta, double *dbeta_size);

/* upsample.c: adds to `to`. */
void reference_upsample2d(const kdst__upsample_shape *s, int32_t backward, const double *from, double *to, double *size);

/* softmax.c: along the middle axis of [outer, n, inner]. */
void reference_softmax(int64_t outer, int64_t n, int64_t inner, const double *x, double *y);
void reference_log_softmax(int64_t outer, int64_t n, int64_t inner, const double *x, double *y);
void reference_softmax_backward(
    int64_t outer, int64_t n, int64_t inner, const double *y, const double *dy, double *dx, double *size);
void reference_log_softmax_backward(
    int64_t outer, int64_t n, int64_t inner, const double *y, const double *dy, double *dx, double *size);

/* reduce.c */
double reference_sum(int64_t n, const double *x, double *size);
double reference_dot(int64_t n, const double *x, const double *y, double *size);

/* fold.c: one column of KDST__FOLD_…; backward adds. */
double reference_fold(int32_t op, double p, int64_t n, int64_t step, const double *x);
void reference_fold_backward(int32_t op, double p, int64_t n, int64_t step, const double *x, double dy, double *dx);

/* strided.c: y[…] = or += over an index of `rank` axes. */
void reference_binary_strided(
    int32_t op, int32_t rank, const int64_t *shape, const double *a, const int64_t *a_stride, const double *b,
    const int64_t *b_stride, int32_t accumulate, double *y, const int64_t *y_stride);
void reference_copy_strided(
    int32_t rank, const int64_t *shape, double alpha, const double *x, const int64_t *x_stride, int32_t accumulate,
    double *y, const int64_t *y_stride);
void reference_sum_strided(
    int32_t rank, const int64_t *shape, double alpha, const double *x, const int64_t *x_stride, int32_t accumulate,
    double *y, const int64_t *y_stride, double *size);

/* elementwise.c */
double reference_binary(int32_t op, double a, double b);
double reference_relu(double x);

/* unary.c: one element of KDST__UNARY_…, and the derivative at x */
double reference_unary(int32_t op, double x, double p, double q);
double reference_unary_slope(int32_t op, double x, double p, double q);

/* lstm.c: one element; a: i, f, g, o. Forward puts the functions' values there, backward gets those. */
void reference_lstm_forward(double before, double a[4], double *c, double *h);
void reference_lstm_backward(
    double before, const double a[4], double c, double dh, double *carry_c, double da[4]);

/* optimizer.c: one element. */
void reference_sgd(
    double rate, double momentum, double dampening, double weight_decay, int32_t nesterov, int32_t first, double g,
    double *v, double *w);
void reference_adam(
    double rate, double beta1, double beta2, double eps, double weight_decay, int32_t decoupled, int64_t step, double g,
    double *m, double *v, double *most /* NULL: no amsgrad */, double *w);
void reference_rmsprop(
    double rate, double alpha, double eps, double momentum, double weight_decay, double g, double *v,
    double *mean /* NULL: not centered */, double *b /* NULL: no momentum */, double *w);

/* rows.c: rows named by a list; `terms` adds up the sizes of what is added. */
void reference_rows_select(
    int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices, const double *x, double *y);
void reference_rows_add(
    int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices, const double *dy, double *dx,
    double *terms);
void reference_rows_place(
    int64_t n, int64_t inner, const int32_t *indices, const double *x, int32_t accumulate, double *y);

/* gather.c */
void reference_gather(const kdst__gather_shape *s, const int32_t *indices, const double *x, double *y);
void reference_gather_backward(
    const kdst__gather_shape *s, const int32_t *indices, const double *dy, double *dx, double *size);

/* pair_loss.c: one pair of KDST__L1 …, and the derivative by x or by t */
double reference_pair_loss(int32_t kind, double p, double x, double t, double w, double v);
double reference_pair_loss_slope(int32_t kind, double p, double x, double t, double w, double v, int32_t of_target);

/* class_loss.c: rows and the sizes of their sums are set, gradients are added to. */
void reference_class_loss(const kdst__class_loss *c, const double *l, double *rows, double *size, double *total);
void reference_class_loss_backward(const kdst__class_loss *c, double scale, const double *dy, double *dl);
void reference_class_loss_softmax_backward(
    const kdst__class_loss *c, const double *p, double scale, const double *dy, double *dz, double *size);

/* soft_loss.c: rows and the sizes of their sums are set, gradients are added to. */
void reference_soft_loss(const kdst__soft_loss *c, const double *t, const double *l, double *rows, double *size);
void reference_soft_loss_backward(
    const kdst__soft_loss *c, const double *t, const double *l, const double *p, double scale, const double *dy,
    double *dz, double *size, double *dt);

/* normalize.c: backward adds. */
void reference_normalize(
    int64_t outer, int64_t n, int64_t inner, double eps, const double *x, double *y, double *lengths);
void reference_normalize_backward(
    int64_t outer, int64_t n, int64_t inner, double eps, int32_t null_gradient, const double *y, const double *dy,
    const double *lengths, double *dx, double *size);

/* plasticity.c: size[i]: absolute values of what is summed up. */
void reference_plasticity(
    const kdst__plasticity *p, int64_t samples, int64_t m, int64_t n, const double *up_post,
    const double *up_pre, const double *down_post, const double *down_pre, double *w, double *size);

#endif
