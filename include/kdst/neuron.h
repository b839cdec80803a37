/* SPDX-License-Identifier: Apache-2.0 */
/* Spiking neurons: discrete leaky integrate-and-fire neurons and their synapses, step by step or over whole sequences.
 *
 * Time is the first axis: [T, N, ...]. What passes from neuron to neuron is the postsynaptic current (PSC) a, not the spikes s (Zhang and
 * Li, Temporal Spike Sequence Learning via Backpropagation for Deep Spiking Neural Networks, NeurIPS 2020).
 */
#ifndef KDST_NEURON_H
#define KDST_NEURON_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What neurons of a kind have in common: constants and the rule of their gradient. */
typedef struct kdst_neuron kdst_neuron;

/** Membranes and synapses of some neurons between two steps. */
typedef struct kdst_neuron_state kdst_neuron_state;

/** A kind of leaky integrate-and-fire neuron.
 *
 *  From m = a[-1] = 0, at each step t, for the current I:
 *  u[t] = m + (I[t] - m / tau_m), the membrane; s[t] = 1 if u[t] > threshold, else 0; then m = 0 after a spike (reset "hard") or
 *  u[t] - threshold (reset "soft"), and u[t] without one; a[t] = a[t-1] + (s[t] - a[t-1]) / tau_s (Zhang and Li 2020, eq. 4 to 6). A
 *  tau_s of 1 makes a the spikes themselves.
 *
 *  The gradient, with F[t] = sum_{k >= t} (1 - 1/tau_s)^(k-t) / tau_s dL/da[k] and d[t] = I[t] - m / tau_m:
 *  rule "tssl-bp": at a spike D[t] = h (F[t] + u[t] D[t+1] / tau_m), h = min(slope_bound, max(0, 1 / d[t])), else
 *  D[t] = (1 - 1/tau_m) D[t+1]. dL/dI[t] is D[t]; where a[t] is below quiet / tau_s it is F[t] times the slope of a sigmoid of width
 *  quiet_width at the threshold (silent_surrogate 1).
 *  rule "surrogate": backpropagation through time with ds/du = slope(u - threshold), see kdst_spike_slope, and a reset that is constant
 *  (detach_reset 1) or differentiated.
 *
 *  @param      ctx      the context; retained by the neuron
 *  @param      options  nullable; schema "neuron": tau_m [1,inf) = 5 and tau_s [1,inf) = 3, in steps; leak 0 | 1 = 1 (0: the membrane
 *                       keeps all, whatever tau_m); threshold (0,inf) = 1; fires "above" | "from" = "above" (from: u = threshold fires,
 *                       too); reset "hard" | "soft" = "hard"; rule "tssl-bp" | "surrogate" = "tssl-bp"; slope_bound (0,inf) = 8,
 *                       silent_surrogate 0 | 1 = 1, quiet [0,inf) = 0.25 and quiet_width (0,inf) = 0.2 for tssl-bp; surrogate = "sigmoid",
 *                       steepness [0,inf) = 0 (0: the function's own) and detach_reset 0 | 1 = 1 for surrogate
 *  @param[out] out      new; released with kdst_neuron_release
 *  @status INVALID_ARGUMENT (NULL, option; tssl-bp with a soft reset, for which it is not defined), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_neuron_create(kdst_context *ctx, const kdst_options *options, kdst_neuron **out);

/** Adds a reference.
 *
 *  @param neuron  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_neuron_retain(kdst_neuron *neuron);

/** Drops a reference; the last one frees.
 *
 *  @param neuron  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_neuron_release(kdst_neuron *neuron);

/** Switches the surrogate of quiet neurons on or off, for those who want it in the first epochs alone. What has been recorded before
 *  keeps what it was recorded with.
 *
 *  @param neuron  the neuron
 *  @param on      0 or 1
 *  @status INVALID_ARGUMENT (NULL, on)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neuron_set_silent_surrogate(kdst_neuron *neuron, int32_t on);

/** The postsynaptic currents of a whole sequence; differentiable by the neuron's rule. Each neuron begins at rest.
 *
 *  The gradient of the spikes is no function's derivative, so kdst_gradient_check does not apply.
 *
 *  @param      neuron   the kind
 *  @param      current  float32 or float64 [T, ...], T at least 1
 *  @param[out] out      new, the PSC [T, ...]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neuron_run(kdst_neuron *neuron, kdst_tensor *current, kdst_tensor **out);

/** The same for an input that is constant over time and passes the synapse first: `response` is what a layer without bias makes of that input
 *  itself. The same numbers as kdst_synapse over its T copies, the layer on each, and kdst_neuron_run, up to rounding, with a Tth of the
 *  layer's work.
 *
 *  @param      neuron    the kind; its tau_s is the input synapse's, too
 *  @param      response  float32 or float64 [...], at least one axis less than a tensor may have
 *  @param      steps     T, at least 1
 *  @param[out] out       new, the PSC [T, ...]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, steps, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_neuron_run_static(kdst_neuron *neuron, kdst_tensor *response, int64_t steps, kdst_tensor **out);

/** What happens inside of the neurons over a sequence; no gradient. Every result is nullable.
 *
 *  @param      neuron         the kind
 *  @param      current        float32 or float64 [T, ...], T at least 1
 *  @param[out] out_membrane   nullable; new, u before the reset [T, ...]; released with kdst_tensor_release
 *  @param[out] out_increment  nullable; new, d [T, ...]; released with kdst_tensor_release
 *  @param[out] out_spikes     nullable; new, 0 or 1, of the current's type [T, ...]; released with kdst_tensor_release
 *  @param[out] out_psc        nullable; new, a [T, ...]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neuron_observe(
    kdst_neuron *neuron, kdst_tensor *current, kdst_tensor **out_membrane, kdst_tensor **out_increment,
    kdst_tensor **out_spikes, kdst_tensor **out_psc);

/* ---- step by step ---- */

/** Neurons at rest, for a caller that has one step at a time.
 *
 *  @param      neuron  the kind; retained
 *  @param      dtype   KDST_DTYPE_FLOAT32 or KDST_DTYPE_FLOAT64
 *  @param      rank    number of axes
 *  @param      shape   [rank], of the neurons
 *  @param[out] out     new; released with kdst_neuron_state_release
 *  @status INVALID_ARGUMENT (NULL, rank), SHAPE (sizes), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neuron_state_create(
    kdst_neuron *neuron, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_neuron_state **out);

/** Adds a reference.
 *
 *  @param state  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_neuron_state_retain(kdst_neuron_state *state);

/** Drops a reference; the last one frees.
 *
 *  @param state  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_neuron_state_release(kdst_neuron_state *state);

/** One step: the state moves on. As many steps give the same bits as kdst_neuron_run over all of them. No gradient.
 *
 *  @param      state       the neurons
 *  @param      current     of the state's type and shape
 *  @param[out] out_spikes  nullable; new, 0 or 1; released with kdst_tensor_release
 *  @param[out] out_psc     nullable; new, a; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY; the state is then as it was
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neuron_state_step(
    kdst_neuron_state *state, kdst_tensor *current, kdst_tensor **out_spikes, kdst_tensor **out_psc);

/** Puts all neurons at rest.
 *
 *  @param state  the neurons
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_neuron_state_reset(kdst_neuron_state *state);

/** Copies of the state, to be kept or saved (kdst_state_set, kdst_state_save).
 *
 *  @param      state         the neurons
 *  @param[out] out_membrane  new, m after the reset; released with kdst_tensor_release
 *  @param[out] out_psc       new, a; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_neuron_state_get(kdst_neuron_state *state, kdst_tensor **out_membrane, kdst_tensor **out_psc);

/** Takes a state over from kdst_neuron_state_get or a file.
 *
 *  @param state     the neurons
 *  @param membrane  copied; of the state's type and shape, finite
 *  @param psc       copied; of the state's type and shape, finite
 *  @status INVALID_ARGUMENT (NULL, another context, a number that is not finite), SHAPE, DTYPE, OUT_OF_MEMORY; the state is then as it was
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_neuron_state_set(kdst_neuron_state *state, kdst_tensor *membrane, kdst_tensor *psc);

/* ---- parts ---- */

/** A spike train, or any input, as postsynaptic current (Zhang and Li 2020, eq. 3); differentiable.
 *
 *  q[t] = q[t-1] - q[t-1] / tau_s + x[t], from q[-1] = 0; out[t] = q[t] / tau_s.
 *
 *  @param      x        float32 or float64 [T, ...], T at least 1
 *  @param      options  nullable; schema "synapse": tau_s [1,inf) = 3, in steps; gain 0 | 1 = 1 (0: out is q)
 *  @param[out] out      new [T, ...]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_synapse(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/** The slope ds/dx that stands for the derivative of a spike at x = u - threshold; no gradient.
 *
 *  With k the steepness and sig(x) = 1 / (1 + exp(-x)):
 *  sigmoid k sig(kx) (1 - sig(kx)), k = 4; fast_sigmoid 1 / (1 + k|x|)^2, k = 25 (Zenke and Ganguli 2018); soft_sign
 *  k/2 / (1 + k|x|)^2, k = 2; superspike k / (1 + |x|)^2, k = 1, which scales the height; arctan k/2 / (1 + (pi k x / 2)^2), k = 2;
 *  triangle max(0, k - k^2 |x|), k = 1; rectangle k where |x| < 1/(2k), k = 1 (Wu et al. 2018); two_sided_exponential k/2 exp(-k|x|),
 *  k = 1; erf k / sqrt(pi) exp(-k^2 x^2), k = 2. The area under it is 1 but for fast_sigmoid (2/k) and superspike (2k).
 *
 *  @param      x        float32 or float64, any shape
 *  @param      options  nullable; schema "spike_slope": surrogate = "sigmoid", steepness [0,inf) = 0 (0: the function's own)
 *  @param[out] out      new, of x's shape; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_spike_slope(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
