/* SPDX-License-Identifier: Apache-2.0 */
/* Discrete leaky integrate-and-fire neurons and their synapses on raw buffers [T, n]; lib/autograd/ops/lif.c has the equations. */
#ifndef KDST_COMPUTE_LIF_H
#define KDST_COMPUTE_LIF_H

#include "compute/compute.h"

enum { KDST__RULE_TSSL_BP, KDST__RULE_SURROGATE };

/* Slopes ds/dx of x = u - V, in the order of the option "surrogate". */
enum {
    KDST__SLOPE_SIGMOID,
    KDST__SLOPE_FAST_SIGMOID,
    KDST__SLOPE_SOFT_SIGN,
    KDST__SLOPE_SUPERSPIKE,
    KDST__SLOPE_ARCTAN,
    KDST__SLOPE_TRIANGLE,
    KDST__SLOPE_RECTANGLE,
    KDST__SLOPE_TWO_SIDED_EXPONENTIAL,
    KDST__SLOPE_ERF,
    KDST__SLOPES
};
#define KDST__SLOPE_NAMES \
    "sigmoid|fast_sigmoid|soft_sign|superspike|arctan|triangle|rectangle|two_sided_exponential|erf"

typedef struct kdst__lif {
    double leak;      /* 1 / tau_m, 0: none */
    double decay;     /* 1 / tau_s */
    double threshold; /* V */
    int32_t or_equal; /* u = V fires */
    int32_t soft;     /* a spike takes V off, instead of all */
    /* backward */
    int32_t rule;
    int32_t silent;             /* TSSL-BP: a quiet synapse gets a sigmoid's slope */
    double bound, width, quiet; /* TSSL-BP: of 1 / d; of that sigmoid; the PSC that is quiet below */
    int32_t slope, detached;    /* surrogate: function; the reset is constant */
    double steepness;           /* k */
} kdst__lif;

/* Steps of `n` neurons. current [steps, n], or [n] times gain[t] at step t (gain not NULL). m, q [n]: the states, nullable: from 0. psc [steps,
 * n], and, nullable, spikes (0 or 1), membrane u, increment d. */
void kdst__lif_forward(
    kdst__compute *cp, int32_t dtype, const kdst__lif *p, int64_t steps, int64_t n, const double *gain,
    const void *current, void *m, void *q, void *psc, void *spikes, void *membrane, void *increment);

/* dcurrent += the gradient by the rule, of runs that began with states of 0. */
kdst_status kdst__lif_backward(
    kdst__compute *cp, int32_t dtype, const kdst__lif *p, int64_t steps, int64_t n, const double *gain,
    const void *current, const void *dpsc, void *dcurrent);

/* The synapse: q = q - decay q + x, a = scale q; q [n] nullable: from 0. Backward: dx += scale sum_{k >= t} (1 - decay)^(k - t) da[k]. */
void kdst__synapse_forward(
    kdst__compute *cp, int32_t dtype, double decay, double scale, int64_t steps, int64_t n, const void *x, void *q, void *a);
void kdst__synapse_backward(
    kdst__compute *cp, int32_t dtype, double decay, double scale, int64_t steps, int64_t n, const void *da, void *dx);

/* y[i] = slope(x[i]) */
void kdst__spike_slope(
    kdst__compute *cp, int32_t dtype, int32_t slope, double steepness, int64_t n, const void *x, void *y);

#endif
