/* SPDX-License-Identifier: Apache-2.0 */
/* Neurons from the inside: what the layers made of them ask. */
#ifndef KDST_SPIKING_NEURON_H
#define KDST_SPIKING_NEURON_H

#include "autograd/ops.h"

#include <kdst/neuron.h>

struct kdst_neuron {
    kdst__handle base;
    kdst__lif lif;
};

/* k of a slope when none was given. */
double kdst__slope_steepness(int32_t slope, double steepness);

/* New tensors of x's type and shape for the results that are wanted (out[i] not NULL); all or none. */
kdst_status kdst__neuron_results(const char *function, const kdst_tensor *x, kdst_tensor **const out[], int count);

/* A float32 or float64 tensor with elements, of this context. */
kdst_status kdst__neuron_check(kdst_context *ctx, const char *function, const char *name, const kdst_tensor *x);

#endif
