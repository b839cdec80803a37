/* SPDX-License-Identifier: Apache-2.0 */
/* The table of one level and type. */
#include "compute/kernels.h"

#include "compute/select.h"

#define KERNEL(result, name, arguments) .name = KDST__KERNEL(name),
#if KDST_REAL == 32
const kdst__kernels_f32 KDST__KERNEL(table) = {
#else
const kdst__kernels_f64 KDST__KERNEL(table) = {
#endif
#include "compute/kernels.def"
};
