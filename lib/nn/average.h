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

/* These neither fail nor touch the message. Exchanges the average and the layer's weights; makes the average a copy of the weights, without
 * an update. */
void kdst__average_exchange(kdst_average *average);
void kdst__average_take(kdst_average *average);
bool kdst__average_applied(const kdst_average *average); /* NULL: no */

extern const kdst__schema kdst__schema_average;

#endif
