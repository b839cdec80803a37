/* SPDX-License-Identifier: Apache-2.0 */
/* Layers over time from the inside. */
#ifndef KDST_SPIKING_LAYERS_H
#define KDST_SPIKING_LAYERS_H

#include "nn/layer.h"
#include "spiking/neuron.h"

#include <kdst/spiking.h>

/* x [T, N, ...] as [T N, ...], or [T N, D] with `flat`; and y [T N, ...] as [T, N, ...]. */
kdst_status kdst__time_fold(kdst_tensor *x, bool flat, kdst_tensor **out);
kdst_status kdst__time_unfold(kdst_tensor *y, int64_t steps, kdst_tensor **out);
/* SHAPE unless x is [T, N, ...]. */
kdst_status kdst__time_check(const kdst_layer *layer, const kdst_tensor *x);

#endif
