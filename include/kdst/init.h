/* SPDX-License-Identifier: Apache-2.0 */
/* Initialisers: fill a weight with the distributions that networks start from.
 *
 * Layers initialise themselves when they are made; this is for tensors of your own and for other choices.
 */
#ifndef KDST_INIT_H
#define KDST_INIT_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Fills a tensor by a named rule, from the next random stream of its context.
 *
 *  With fan_in = product of shape[1:] and fan_out = shape[0] * product of shape[2:], fan the one chosen by mode, and gain sqrt(2) for
 *  "relu", sqrt(2 / (1 + slope^2)) for "leaky_relu", 1 for "linear":
 *  "pytorch" uniform in +-1/sqrt(fan_in) (the framework's default of linear and conv2d), "kaiming_uniform" uniform in
 *  +-gain sqrt(3/fan), "kaiming_normal" normal with deviation gain/sqrt(fan) (He et al. 2015), "normal" deviation std,
 *  "truncated_normal" the same without what lies beyond cut deviations, "uniform" in +-bound, "zeros", "ones".
 *
 *  @param tensor   float32 or float64; rank 2 or more where a fan is needed
 *  @param kind     one of the names above
 *  @param options  nullable; schema "init": mode "fan_in" | "fan_out", nonlinearity "relu" | "linear" | "leaky_relu",
 *                  slope (-inf,inf) = 0.01, std [0,inf) = 1, bound [0,inf) = 1, cut [0.1,inf) = 2
 *  @status INVALID_ARGUMENT (NULL, unknown kind, option), DTYPE (not floating point), SHAPE (rank below 2 where a fan is needed)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_init(kdst_tensor *tensor, const char *kind, const kdst_options *options);

#ifdef __cplusplus
}
#endif

#endif
