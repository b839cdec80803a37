/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of a tensor for a file (see serial.h). A contiguous tensor is one piece of its own memory; bool is rewritten
 * as 0 and 1.
 */
#include "io/serial.h"

#include "io/element.h"

#include <string.h>

static bool is_plain(const kdst_tensor *t)
{
    return kdst__tensor_contiguous(t) && t->dtype != KDST_DTYPE_BOOL &&
        (!KDST__HOST_BIG_ENDIAN || kdst_dtype_get_size(t->dtype) == 1);
}

void kdst__serial_start(kdst__serial *serial, const kdst_tensor *tensor)
{
    serial->tensor = tensor;
    serial->left = kdst__tensor_count(tensor);
    serial->at = serial->left > 0 ? kdst__tensor_data(tensor) : NULL;
    memset(serial->index, 0, sizeof serial->index);
}

/* Moves `at` to the next element in row-major order. */
static void advance(kdst__serial *serial, int64_t size)
{
    const kdst_tensor *t = serial->tensor;
    for (int32_t axis = t->rank - 1; axis >= 0; axis--) {
        serial->at += t->stride[axis] * size;
        if (++serial->index[axis] < t->shape[axis]) return;
        serial->at -= t->stride[axis] * size * t->shape[axis];
        serial->index[axis] = 0;
    }
}

static void write_element(const kdst_tensor *t, const char *at, char *out, size_t size)
{
    if (t->dtype == KDST_DTYPE_BOOL)
        *out = *at != 0;
    else if (!KDST__HOST_BIG_ENDIAN)
        memcpy(out, at, size);
    else
        for (size_t i = 0; i < size; i++)
            out[i] = at[size - 1 - i];
}

bool kdst__serial_next(kdst__serial *serial, const void **out, size_t *out_bytes)
{
    const kdst_tensor *t = serial->tensor;
    size_t size = (size_t)kdst_dtype_get_size(t->dtype), bytes = 0;
    if (serial->left == 0) return false;
    if (is_plain(t)) {
        *out = serial->at;
        *out_bytes = (size_t)serial->left * size;
        serial->left = 0;
        return true;
    }
    for (; serial->left > 0 && bytes < sizeof serial->buffer; serial->left--, bytes += size) {
        write_element(t, serial->at, serial->buffer + bytes, size);
        advance(serial, (int64_t)size);
    }
    *out = serial->buffer;
    *out_bytes = bytes;
    return true;
}
