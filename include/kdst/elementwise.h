/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that work element by element.
 *
 * They take tensors of one context and one floating-point type (float32 or float64), make a new tensor and are recorded
 * when an input requires a gradient. NaN stays NaN. Names and defaults are PyTorch's.
 */
#ifndef KDST_ELEMENTWISE_H
#define KDST_ELEMENTWISE_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- arithmetic; shapes are broadcast as in NumPy ---- */

/** a + b, element by element.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_add(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** a - b, element by element.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_sub(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** a * b, element by element.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_mul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** a / b, element by element.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_div(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** The smaller of a and b, element by element; NaN when either is NaN.
 *
 *  The gradient goes to the smaller one; where they are equal, half to each.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_minimum(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** The larger of a and b, element by element; NaN when either is NaN.
 *
 *  The gradient goes to the larger one; where they are equal, half to each.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_maximum(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** a to the power of b, element by element.
 *
 *  NaN where a is below 0 and b not whole. kdst_pow takes a number as exponent.
 *
 *  @param      a    any shape
 *  @param      b    any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_pow_tensor(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/* ---- with a number ---- */

/** x + value, element by element.
 *
 *  @param      x      any shape
 *  @param      value  a number
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_add_scalar(kdst_tensor *x, double value, kdst_tensor **out);

/** value * x, element by element.
 *
 *  @param      x      any shape
 *  @param      value  a number
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_mul_scalar(kdst_tensor *x, double value, kdst_tensor **out);

/** x to the power of a number, element by element.
 *
 *  NaN where x is below 0 and the exponent not whole. The gradient is exponent * x^(exponent - 1), and 0 for exponent 0.
 *
 *  @param      x         any shape
 *  @param      exponent  a number; 2, 0.5 and -1 are computed as product, root and quotient
 *  @param[out] out       new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_pow(kdst_tensor *x, double exponent, kdst_tensor **out);

/** min(max(x, min), max), element by element; the gradient passes where min <= x <= max.
 *
 *  @param      x    any shape
 *  @param      min  lower end; -infinity for none
 *  @param      max  upper end, at least min; infinity for none
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, min above max or NaN), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_clamp(kdst_tensor *x, double min, double max, kdst_tensor **out);

/* ---- truth values: bool tensors, without gradient; shapes are broadcast as in NumPy ---- */

/** Whether a = b, element by element; false when either is NaN.
 *
 *  @param      a    any shape and type
 *  @param      b    of the same type, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a != b, element by element; true when either is NaN.
 *
 *  @param      a    any shape and type
 *  @param      b    of the same type, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_not_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a < b, element by element; false when either is NaN.
 *
 *  @param      a    any shape and type
 *  @param      b    of the same type, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_less(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a <= b, element by element; false when either is NaN.
 *
 *  @param      a    any shape and type
 *  @param      b    of the same type, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_less_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a > b, element by element; false when either is NaN.
 *
 *  @param      a    any shape and type
 *  @param      b    of the same type, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_greater(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a >= b, element by element; false when either is NaN.
 *
 *  @param      a    any shape and type
 *  @param      b    of the same type, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_greater_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a and b are both true, element by element.
 *
 *  @param      a    bool, any shape
 *  @param      b    bool, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_logical_and(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether a or b or both are true, element by element.
 *
 *  @param      a    bool, any shape
 *  @param      b    bool, any shape that broadcasts with a
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_logical_or(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Whether x is false, element by element.
 *
 *  @param      x    bool, any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_logical_not(kdst_tensor *x, kdst_tensor **out);

/** Whether x is neither NaN nor infinite, element by element.
 *
 *  @param      x    any shape and type
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_is_finite(kdst_tensor *x, kdst_tensor **out);

/** a where a condition holds, b elsewhere.
 *
 *  The gradient goes to the side that is chosen; what the other holds, NaN too, does not matter.
 *
 *  @param      condition  bool, any shape
 *  @param      a          any shape that broadcasts with the others, any type
 *  @param      b          of the same type, any shape that broadcasts with the others
 *  @param[out] out        new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE (cannot be broadcast), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_where(kdst_tensor *condition, kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/* ---- functions of one number ---- */

/** e^x, element by element.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_exp(kdst_tensor *x, kdst_tensor **out);

/** Natural logarithm of x, element by element; -infinity at 0, NaN below.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_log(kdst_tensor *x, kdst_tensor **out);

/** Square root of x, element by element; NaN below 0.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_sqrt(kdst_tensor *x, kdst_tensor **out);

/** |x|, element by element; the gradient at 0 is 0.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_abs(kdst_tensor *x, kdst_tensor **out);

/** -1, 0 or 1 as x is negative, zero (or NaN) or positive; the gradient is 0 everywhere.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_sign(kdst_tensor *x, kdst_tensor **out);

/** -x, element by element.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neg(kdst_tensor *x, kdst_tensor **out);

/** x * x, element by element.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_square(kdst_tensor *x, kdst_tensor **out);

/** 1 / x, element by element.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_reciprocal(kdst_tensor *x, kdst_tensor **out);

/* ---- activations ---- */

/** max(x, 0); the gradient at 0 is 0.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_relu(kdst_tensor *x, kdst_tensor **out);

/** min(max(x, 0), 6) (Howard et al. 2017); the gradient at 0 and at 6 is 0.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_relu6(kdst_tensor *x, kdst_tensor **out);

/** x where x > 0, else slope * x (Maas et al. 2013); the gradient at 0 is slope.
 *
 *  @param      x      any shape
 *  @param      slope  factor of negative x; PyTorch takes 0.01
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_leaky_relu(kdst_tensor *x, double slope, kdst_tensor **out);

/** x where x > 0, else alpha * (e^x - 1) (Clevert et al. 2016); the gradient at 0 is alpha.
 *
 *  @param      x      any shape
 *  @param      alpha  the limit is -alpha; PyTorch takes 1
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_elu(kdst_tensor *x, double alpha, kdst_tensor **out);

/** Logistic function 1 / (1 + e^-x), element by element.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_sigmoid(kdst_tensor *x, kdst_tensor **out);

/** Logarithm of the logistic function, -log(1 + e^-x), without overflow or cancellation.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_log_sigmoid(kdst_tensor *x, kdst_tensor **out);

/** Hyperbolic tangent of x, element by element.
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tanh(kdst_tensor *x, kdst_tensor **out);

/** Smooth form of max(x, 0): log(1 + e^(beta x)) / beta, and x itself where beta x is above a threshold.
 *
 *  @param      x        any shape
 *  @param      options  nullable; schema "softplus": beta (0,inf) = 1, threshold = 20
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_softplus(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/** x / (1 + e^-x), also called swish (Ramachandran et al. 2017).
 *
 *  @param      x    any shape
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_silu(kdst_tensor *x, kdst_tensor **out);

/** x Phi(x) with the normal distribution function Phi (Hendrycks and Gimpel 2016).
 *
 *  @param      x        any shape
 *  @param      options  nullable; schema "gelu": approximate "none" (Phi by the error function) | "tanh"
 *                       (1/2 + 1/2 tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for Phi)
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_gelu(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
