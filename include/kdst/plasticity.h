/* SPDX-License-Identifier: Apache-2.0 */
/* Local learning: weights that change by what the neurons on both sides of a synapse do, without a loss or a gradient.
 *
 * n neurons in front of the synapses (pre), m behind them (post), weights [m, n]. A single pair is n = m = 1. Time is the first axis of a
 * train. Spikes are 0 or 1, of type uint8, bool, float32 or float64. What each neuron remembers, its trace or its rate, is kept by the
 * rule from call to call, in the weight's type, for each sample of a batch on its own.
 */
#ifndef KDST_PLASTICITY_H
#define KDST_PLASTICITY_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Spike-timing dependent plasticity: the rule and the traces of its neurons. */
typedef struct kdst_stdp kdst_stdp;

/** Spike-rate dependent plasticity: the rule, the rates of its neurons and their thresholds. */
typedef struct kdst_srdp kdst_srdp;

/* ---- spike timing ---- */

/** Pair-based STDP (Song, Miller and Abbott 2000; Bi and Poo 1998; Morrison, Diesmann and Gerstner 2008).
 *
 *  A pair of spikes with lag = t_post - t_pre changes its weight by a_plus exp(-lag / tau_plus) where lag > 0, by
 *  -a_minus exp(lag / tau_minus) where lag < 0, and not where lag = 0. By traces, at each step:
 *  1. x <- d_plus x, y <- d_minus y, with d = exp(-1 / tau), or 1 - 1 / tau (decay "linear");
 *  2. dw_ij = a_plus post_i x_j - a_minus y_i pre_j;
 *  3. x <- x + pre, y <- y + post (pairing "all"), or x = 1 where pre fires, y = 1 where post fires ("nearest": each spike with the
 *  last earlier one of the other side);
 *  4. w <- w + dw, then to [w_min, w_max] (bounds "hard"); with "soft" a_plus is times (w_max - w), a_minus times (w - w_min).
 *  coincident 1 does 3 before 2, as most public code: a coincident pair then counts a_plus - a_minus.
 *
 *  @param      ctx      the context; retained by the rule
 *  @param      options  nullable; schema "stdp": a_plus (-inf,inf) = 0.005, a_minus = 0.00525, tau_plus (0,inf) = 20, tau_minus = 20, in
 *                       steps; decay "exp" | "linear" = "exp" (linear: a tau of 1 or more); pairing "all" | "nearest" = "all"; coincident
 *                       0 | 1 = 0; bounds "none" | "hard" | "soft" = "hard", w_min = 0, w_max = 1; batch "sum" | "mean" = "sum" (of the
 *                       samples' dw); preset "none" | "song" (the defaults) | "bi-poo" (a_plus 0.777, a_minus 0.273, tau_plus 16.8,
 *                       tau_minus 33.7)
 *  @param[out] out      new; released with kdst_stdp_release
 *  @status INVALID_ARGUMENT (NULL, option; w_min not below w_max; decay linear with a tau below 1), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stdp_create(kdst_context *ctx, const kdst_options *options, kdst_stdp **out);

/** Adds a reference.
 *
 *  @param stdp  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_stdp_retain(kdst_stdp *stdp);

/** Drops a reference; the last one frees.
 *
 *  @param stdp  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_stdp_release(kdst_stdp *stdp);

/** One step: the weights and the traces move on. No gradient.
 *
 *  @param stdp    the rule; without traces, as after creation and reset, it begins with 0 for these sizes and this type
 *  @param pre     spikes [n] or [N, n]
 *  @param post    spikes [m] or [N, m]
 *  @param weight  float32 or float64 [m, n]; changed in place
 *  @status INVALID_ARGUMENT (NULL, another context, a spike that is neither 0 nor 1), SHAPE (these sizes, or the traces are of others), DTYPE
 *          (spikes, weight, or the traces are of another type), OUT_OF_MEMORY; weights and traces are then as they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_stdp_step(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);

/** The steps of whole trains, one after the other.
 *
 *  @param stdp    the rule, as kdst_stdp_step
 *  @param pre     spikes [T, n] or [T, N, n], T at least 1
 *  @param post    spikes [T, m] or [T, N, m]
 *  @param weight  float32 or float64 [m, n]; changed in place
 *  @status INVALID_ARGUMENT (NULL, another context, a spike that is neither 0 nor 1), SHAPE, DTYPE, OUT_OF_MEMORY; weights and traces are then
 *          as they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_stdp_run(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);

/** The learning window: what one pair of spikes alone does to its weight, soft bounds apart.
 *
 *  @param      stdp  the rule
 *  @param      lag   t_post - t_pre in steps
 *  @param[out] out   the change
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stdp_get_window(kdst_stdp *stdp, int64_t lag, double *out);

/** Copies of the traces, to be looked at, kept or saved (kdst_state_set, kdst_state_save).
 *
 *  @param      stdp      the rule
 *  @param[out] out_pre   new, x [n] or [N, n]; released with kdst_tensor_release
 *  @param[out] out_post  new, y [m] or [N, m]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), STATE (there are none yet), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_stdp_get_traces(kdst_stdp *stdp, kdst_tensor **out_pre, kdst_tensor **out_post);

/** Takes traces over from kdst_stdp_get_traces or a file; those that are there are replaced.
 *
 *  @param stdp  the rule
 *  @param pre   copied; float32 or float64 [n] or [N, n], finite, not negative, with pairing nearest at most 1
 *  @param post  copied; of the same type, [m] or [N, m], likewise
 *  @status INVALID_ARGUMENT (NULL, another context, a number out of range), SHAPE, DTYPE, OUT_OF_MEMORY; the traces are then as they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stdp_set_traces(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post);

/** Forgets the traces. The next step may be of other sizes.
 *
 *  @param stdp  the rule
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stdp_reset(kdst_stdp *stdp);

/* ---- spike rate ---- */

/** Rate-dependent plasticity with a sliding threshold (Bienenstock, Cooper and Munro 1982).
 *
 *  At each step, r the rates of both sides, from 0, and theta of each neuron behind, from theta0:
 *  1. r <- r + (s - r) / tau_rate;
 *  2. dw_ij = eta r_pre,j r_post,i (r_post,i - theta_i) for rules "bcm" and "fixed", eta r_pre,j r_post,i for "hebb";
 *  3. theta_i <- theta_i + (r_post,i^2 / r0 - theta_i) / tau_theta for "bcm";
 *  4. w <- w + dw, bounded as kdst_stdp_create does; with "soft" what strengthens is times (w_max - w), what weakens times (w - w_min).
 *
 *  @param      ctx      the context; retained by the rule
 *  @param      options  nullable; schema "srdp": rule "bcm" | "hebb" | "fixed" = "bcm"; eta (-inf,inf) = 0.05; tau_rate [1,inf) = 20,
 *                       tau_theta [1,inf) = 200, in steps; r0 (0,inf) = 0.1, theta0 [0,inf) = 0.1; bounds "none" | "hard" | "soft" = "hard",
 *                       w_min = 0, w_max = 1; batch "sum" | "mean" = "sum"
 *  @param[out] out      new; released with kdst_srdp_release
 *  @status INVALID_ARGUMENT (NULL, option; w_min not below w_max), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_srdp_create(kdst_context *ctx, const kdst_options *options, kdst_srdp **out);

/** Adds a reference.
 *
 *  @param srdp  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_srdp_retain(kdst_srdp *srdp);

/** Drops a reference; the last one frees.
 *
 *  @param srdp  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_srdp_release(kdst_srdp *srdp);

/** One step, as kdst_stdp_step: the weights, the rates and the thresholds move on.
 *
 *  @param srdp    the rule; after creation and reset it begins for these sizes and this type
 *  @param pre     spikes [n] or [N, n]
 *  @param post    spikes [m] or [N, m]
 *  @param weight  float32 or float64 [m, n]; changed in place
 *  @status INVALID_ARGUMENT (NULL, another context, a spike that is neither 0 nor 1), SHAPE, DTYPE, OUT_OF_MEMORY; weights and rates are then as
 *          they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_srdp_step(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);

/** The steps of whole trains, one after the other.
 *
 *  @param srdp    the rule, as kdst_srdp_step
 *  @param pre     spikes [T, n] or [T, N, n], T at least 1
 *  @param post    spikes [T, m] or [T, N, m]
 *  @param weight  float32 or float64 [m, n]; changed in place
 *  @status INVALID_ARGUMENT (NULL, another context, a spike that is neither 0 nor 1), SHAPE, DTYPE, OUT_OF_MEMORY; weights and rates are then as
 *          they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_srdp_run(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);

/** Copies of the rates and thresholds, to be looked at, kept or saved.
 *
 *  @param      srdp           the rule
 *  @param[out] out_pre        new, rates [n] or [N, n]; released with kdst_tensor_release
 *  @param[out] out_post       new, rates [m] or [N, m]; released with kdst_tensor_release
 *  @param[out] out_threshold  new, theta [m] or [N, m]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), STATE (there are none yet), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_srdp_get_rates(
    kdst_srdp *srdp, kdst_tensor **out_pre, kdst_tensor **out_post, kdst_tensor **out_threshold);

/** Takes rates and thresholds over from kdst_srdp_get_rates or a file; those that are there are replaced.
 *
 *  @param srdp       the rule
 *  @param pre        copied; float32 or float64 [n] or [N, n], each in [0, 1]
 *  @param post       copied; of the same type, [m] or [N, m], likewise
 *  @param threshold  copied; of post's type and shape, finite, not negative
 *  @status INVALID_ARGUMENT (NULL, another context, a number out of range), SHAPE, DTYPE, OUT_OF_MEMORY; the rates are then as they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_srdp_set_rates(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *threshold);

/** Forgets rates and thresholds. The next step may be of other sizes.
 *
 *  @param srdp  the rule
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_srdp_reset(kdst_srdp *srdp);

#ifdef __cplusplus
}
#endif

#endif
