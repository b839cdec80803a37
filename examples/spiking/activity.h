/* SPDX-License-Identifier: Apache-2.0 */
/* What the neurons of a network do: firing rates on test images, and the spikes of one image. */
#ifndef SPIKING_ACTIVITY_H
#define SPIKING_ACTIVITY_H

#include "run.h"

/* Spikes of the layers for one image. */
typedef struct raster {
    int layers;
    char names[MAX_LAYERS][64];
    int64_t steps, neurons[MAX_LAYERS];
    uint8_t *spikes[MAX_LAYERS]; /* [steps, neurons] */
    int64_t label;
    double *output;              /* [classes]: the currents summed over time */
} raster;

/* Fills the layers of the record from test images, at most the first 1000. */
bool measure_activity(experiment *e, kdst_neuron *neuron, kdst_layer *model, run_record *out);

/* The spikes for one test image, by its number. */
bool record_raster(experiment *e, kdst_neuron *neuron, kdst_layer *model, int64_t sample, raster *out);
void raster_free(raster *r);

#endif
