/* SPDX-License-Identifier: Apache-2.0 */
/* What operations with an index tensor share. */
#ifndef KDST_AUTOGRAD_INDICES_H
#define KDST_AUTOGRAD_INDICES_H

#include "autograd/op.h"

/* Shape rule: DTYPE unless the tensor is int32. */
kdst_status kdst__indices_type(kdst__call *call, const kdst_tensor *indices);
/* Forward: INVALID_ARGUMENT with position and value unless every index is in [0, size); indices contiguous. */
kdst_status kdst__indices_check(kdst__call *call, const kdst_tensor *indices, int64_t size);
/* The tensor as [outer, size of the axis, inner]. */
void kdst__around_axis(const kdst_tensor *t, int64_t axis, int64_t *outer, int64_t *inner);

#endif
