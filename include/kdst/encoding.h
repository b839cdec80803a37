/* SPDX-License-Identifier: Apache-2.0 */
/* Codes: numbers as input of a spiking network over time, [...] to [T, ...]. Loaders encode images by the options encoding and steps
 * (kdst/loader.h).
 */
#ifndef KDST_ENCODING_H
#define KDST_ENCODING_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The numbers themselves at every step; differentiable.
 *
 *  @param      x      float32 or float64 [...], fewer than 8 axes
 *  @param      steps  T, at least 1
 *  @param[out] out    new [T, ...], a view of x with no memory of its own; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, steps), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_encoding_static(kdst_tensor *x, int64_t steps, kdst_tensor **out);

/** Rate code: at every step a spike with probability rate x, independent of all others (Heeger 2000); no gradient.
 *
 *  The spikes are drawn from the context's next random stream, the same for any number of threads.
 *
 *  @param      x        float32 or float64 [...] in [0, 1], fewer than 8 axes
 *  @param      steps    T, at least 1
 *  @param      options  nullable; schema "encoding.poisson": rate [0,1] = 1, spikes a step where x is 1
 *  @param[out] out      new, 0 or 1 of x's type [T, ...]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, steps, option, an element beyond [0, 1] or NaN), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_encoding_poisson(kdst_tensor *x, int64_t steps, const kdst_options *options, kdst_tensor **out);

/** Time to the first spike: one spike for each x above the threshold, the earlier the larger x (Thorpe, Delorme and Van Rullen 2001); no
 *  gradient.
 *
 *  At the step nearest to, halves up, rule "linear": (T - 1) (1 - x); "logarithmic": tau ln(x / (x - threshold)), when a membrane
 *  tau dv/dt = x - v reaches the threshold from 0 (Gerstner and Kistler 2002, 4.1), and none where that is after step T - 1.
 *
 *  @param      x        float32 or float64 [...] in [0, 1], fewer than 8 axes
 *  @param      steps    T, at least 1
 *  @param      options  nullable; schema "encoding.latency": rule "linear" | "logarithmic" = "linear", threshold [0,1) = 0.01 (what is not
 *                       above it never fires; logarithmic: above 0), tau [0,inf) = 0 in steps (0: (T - 1) / ln(1 + 255 threshold), by which
 *                       one of 255 grey levels above the threshold is the last to fire)
 *  @param[out] out      new, 0 or 1 of x's type [T, ...]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, steps, option, an element beyond [0, 1] or NaN), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_encoding_latency(kdst_tensor *x, int64_t steps, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
