/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of a tensor of any strides as files hold them, row-major and little-endian, piece by piece: no second
 * copy of a tensor.
 */
#ifndef KDST_IO_SERIAL_H
#define KDST_IO_SERIAL_H

#include "tensor/tensor.h"

typedef struct kdst__serial {
    const kdst_tensor *tensor;
    int64_t left; /* elements not given yet */
    int64_t index[KDST__MAX_RANK];
    const char *at; /* the next element, where the tensor cannot be given whole */
    char buffer[8192];
} kdst__serial;

void kdst__serial_start(kdst__serial *serial, const kdst_tensor *tensor);
/* The next bytes, valid until the next call; false at the end. */
bool kdst__serial_next(kdst__serial *serial, const void **out, size_t *out_bytes);

#endif
