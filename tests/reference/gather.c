/* SPDX-License-Identifier: Apache-2.0 */
/* Elements by an index each: y[.., j, ..] = x[.., i[.., j, ..], ..], and back dx[.., i[.., j, ..], ..] += dy[.., j, ..]. */
#include "reference/reference.h"

#include <math.h>

/* Where in x the element is that belongs to y's element `at`. */
static int64_t place(const kdst__gather_shape *s, const int32_t *indices, int64_t at)
{
    int64_t position[8], rest = at, offset = 0;
    for (int32_t i = s->rank - 1; i >= 0; rest /= s->y[i], i--)
        position[i] = rest % s->y[i];
    position[s->axis] = indices[at];
    for (int32_t i = 0; i < s->rank; i++)
        offset = offset * s->x[i] + position[i];
    return offset;
}

static int64_t count_of(const kdst__gather_shape *s)
{
    int64_t count = 1;
    for (int32_t i = 0; i < s->rank; i++)
        count *= s->y[i];
    return count;
}

void reference_gather(const kdst__gather_shape *s, const int32_t *indices, const double *x, double *y)
{
    for (int64_t i = 0; i < count_of(s); i++)
        y[i] = x[place(s, indices, i)];
}

void reference_gather_backward(
    const kdst__gather_shape *s, const int32_t *indices, const double *dy, double *dx, double *size)
{
    for (int64_t i = 0; i < count_of(s); i++) {
        dx[place(s, indices, i)] += dy[i];
        size[place(s, indices, i)] += fabs(dy[i]);
    }
}
