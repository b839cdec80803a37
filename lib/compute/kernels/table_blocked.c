/* SPDX-License-Identifier: Apache-2.0 */
/* The table of one level's kernels on blocked channels. */
#include "compute/simd/vector.h"

#include "compute/select.h"

#define KERNEL(result, name, arguments) .name = KDST__KERNEL(name),
const kdst__kernels_blocked KDST__KERNEL(table_blocked) = {
    .lanes = LANES,
#include "compute/kernels_blocked.def"
};
