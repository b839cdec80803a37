/* SPDX-License-Identifier: Apache-2.0 */
/* Initialisers from the inside: the rules by number, for layers. */
#ifndef KDST_NN_INIT_H
#define KDST_NN_INIT_H

#include "core/options.h"
#include "tensor/tensor.h"

#include <kdst/init.h>

/* In the order of KDST__INIT_KINDS. */
enum {
    KDST__INIT_PYTORCH,
    KDST__INIT_KAIMING_UNIFORM,
    KDST__INIT_KAIMING_NORMAL,
    KDST__INIT_NORMAL,
    KDST__INIT_UNIFORM,
    KDST__INIT_ZEROS,
    KDST__INIT_ONES,
    KDST__INIT_TRUNCATED_NORMAL,
    KDST__INIT_COUNT
};
#define KDST__INIT_KINDS "pytorch|kaiming_uniform|kaiming_normal|normal|uniform|zeros|ones|truncated_normal"

enum { KDST__INIT_FAN_IN, KDST__INIT_FAN_OUT };
enum { KDST__INIT_RELU, KDST__INIT_LINEAR, KDST__INIT_LEAKY_RELU };

typedef struct kdst__init_config {
    int32_t mode, nonlinearity;
    double slope, std, bound, cut;
} kdst__init_config;

kdst_status kdst__init_run(kdst_tensor *tensor, int32_t kind, const kdst__init_config *config);

extern const kdst__schema kdst__schema_init;

#endif
