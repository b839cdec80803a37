/* SPDX-License-Identifier: Apache-2.0 */
/* Averages from the inside: what the trainer asks of them. */
#ifndef KDST_NN_AVERAGE_H
#define KDST_NN_AVERAGE_H

#include "core/options.h"

#include <kdst/average.h>

#include <stdbool.h>

enum { KDST__AVERAGE_EXPONENTIAL, KDST__AVERAGE_EQUAL };
enum { KDST__AVERAGE_WARMUP_NONE, KDST__AVERAGE_WARMUP_RAMP, KDST__AVERAGE_WARMUP_CORRECTED };
enum { KDST__AVERAGE_BUFFERS_COPY, KDST__AVERAGE_BUFFERS_AVERAGE };

typedef struct kdst__average_config {
    double decay;
    int32_t kind, warmup, buffers;
} kdst__average_config;

kdst_status
kdst__average_new(const char *function, kdst_layer *layer, const kdst__average_config *config, kdst_average **out);

extern const kdst__schema kdst__schema_average;

#endif
