/* SPDX-License-Identifier: Apache-2.0 */
/* Each place of the result is a sum over all elements of the image, each with a weight of its row and its column:
 *
 *     bilinear  max(0, 1 - |source(p) - h|), source(p) held between the first and the last row
 *     nearest   1 where h is the whole part of p H / P (or of p / factor)
 *
 * and the gradient adds by the same weights. `backward`: from is dy, to is dx.
 */
#include "reference/reference.h"

#include <math.h>

static double weight(const kdst__upsample_shape *s, int axis, int64_t p, int64_t h)
{
    int64_t size = axis ? s->w : s->h, count = axis ? s->q : s->p;
    double ratio = s->factor[axis] > 0 ? 1 / s->factor[axis] : (double)size / (double)count;
    if (!s->bilinear) return fmin(floor((double)p * ratio), (double)(size - 1)) == (double)h;
    double at = s->align_corners ? (count == 1 ? 0 : (double)p * (double)(size - 1) / (double)(count - 1))
        : size == count          ? (double)p
                                 : ((double)p + 0.5) * ratio - 0.5;
    at = fmin(fmax(at, 0), (double)(size - 1));
    return fmax(0, 1 - fabs(at - (double)h));
}

void reference_upsample2d(const kdst__upsample_shape *s, int32_t backward, const double *from, double *to, double *size)
{
    for (int64_t plane = 0; plane < s->planes; plane++)
        for (int64_t y = 0; y < s->p * s->q; y++)
            for (int64_t x = 0; x < s->h * s->w; x++) {
                double factor = weight(s, 0, y / s->q, x / s->w) * weight(s, 1, y % s->q, x % s->w);
                int64_t at_y = plane * s->p * s->q + y, at_x = plane * s->h * s->w + x;
                to[backward ? at_x : at_y] += factor * from[backward ? at_y : at_x];
                size[backward ? at_x : at_y] += fabs(factor * from[backward ? at_y : at_x]);
            }
}
