/* SPDX-License-Identifier: Apache-2.0 */
/* Element types: sizes and names. */
#include "tensor/tensor.h"

int64_t kdst_dtype_get_size(kdst_dtype dtype)
{
    switch (dtype) {
    case KDST_DTYPE_FLOAT64:
        return 8;
    case KDST_DTYPE_FLOAT32:
    case KDST_DTYPE_INT32:
        return 4;
    case KDST_DTYPE_UINT8:
    case KDST_DTYPE_BOOL:
        return 1;
    default:
        return 0;
    }
}

const char *kdst_dtype_get_name(kdst_dtype dtype)
{
    switch (dtype) {
    case KDST_DTYPE_FLOAT32:
        return "float32";
    case KDST_DTYPE_FLOAT64:
        return "float64";
    case KDST_DTYPE_INT32:
        return "int32";
    case KDST_DTYPE_UINT8:
        return "uint8";
    case KDST_DTYPE_BOOL:
        return "bool";
    default:
        return "unknown";
    }
}
