/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling on blocked channels: planes [begin, end) of [N ceil(C / B), H, W, B]; rules as in kernels/pool.c.
 *
 * A window is walked with one vector a place, so nothing crosses lanes. Backward: where windows do not overlap, each place gets its
 * part from one window alone and is written, not added to; what no window covers is cleared before.
 */
#include "compute/simd/vector.h"

#define INLINE static inline __attribute__((always_inline))
#define WIDTH (KDST__VECTOR_BYTES / sizeof(real))
#define RUN 64 /* places summed in `real`; more of them in double */

/* Part of the image inside a window */
typedef struct frame {
    int64_t top, left, rows, columns;
} frame;

/* First row (axis 0) or column of window i, and how many; *divisor: how many a mean counts. */
static int64_t window(const kdst__pool2d_shape *s, int axis, int64_t i, int64_t *count, int64_t *divisor)
{
    int64_t size = axis ? s->w : s->h, number = axis ? s->q : s->p, kernel = axis ? s->kw : s->kh;
    if (s->adaptive) {
        int64_t begin = i * size / number;
        *count = *divisor = ((i + 1) * size + number - 1) / number - begin;
        return begin;
    }
    int64_t start = i * s->stride[axis] - s->padding[axis];
    int64_t begin = start < 0 ? 0 : start, end = start + kernel < size ? start + kernel : size;
    int64_t room = size + s->padding[axis] - start;
    *count = end - begin;
    *divisor = !s->count_include_pad ? end - begin : kernel < room ? kernel : room;
    return begin;
}

/* Squares of 2 and 3 are worth a loop of their own, with constants in what is inlined. */
INLINE int is_square(frame f, int64_t k)
{
    return f.rows == k && f.columns == k;
}

/* ---- max ---- */

INLINE void max_window(int64_t w, frame f, int64_t rows, int64_t columns, const real *x, real *y, int32_t *argmax)
{
    const int64_t first = f.top * w + f.left;
    vec best = vload(x + first * LANES);
    ivec at = (integer)first - (ivec){0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t place = first + i * w + j;
            vec v = vload(x + place * LANES);
            ivec take = ~(ivec)(v <= best) & (ivec)(best == best);
            best = vselect(take, v, best);
            at = (take & ((integer)place - (ivec){0})) | (~take & at);
        }
    vstore(y, best);
    if (argmax) vstore((real *)argmax, (vec)at);
}

INLINE void max_any(int64_t w, frame f, const real *x, real *y, int32_t *argmax)
{
    if (is_square(f, 2))
        max_window(w, f, 2, 2, x, y, argmax);
    else if (is_square(f, 3))
        max_window(w, f, 3, 3, x, y, argmax);
    else
        max_window(w, f, f.rows, f.columns, x, y, argmax);
}

void KDST__KERNEL(blocked_max_pool2d)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *x, real *y, int32_t *argmax)
{
    x += begin * s->h * s->w * LANES;
    int64_t to = begin * s->p * s->q * LANES, unused;
    for (int64_t plane = begin; plane < end; plane++, x += s->h * s->w * LANES)
        for (int64_t p = 0; p < s->p; p++) {
            frame f;
            f.top = window(s, 0, p, &f.rows, &unused);
            for (int64_t q = 0; q < s->q; q++, to += LANES) {
                f.left = window(s, 1, q, &f.columns, &unused);
                max_any(s->w, f, x, y + to, argmax ? argmax + to : NULL);
            }
        }
}

/* Whether no place belongs to two windows, and whether each belongs to one. */
static int are_apart(const kdst__pool2d_shape *s)
{
    return !s->adaptive && s->stride[0] >= s->kh && s->stride[1] >= s->kw;
}

static int covers(const kdst__pool2d_shape *s)
{
    return are_apart(s) && s->stride[0] == s->kh && s->stride[1] == s->kw && s->p * s->kh - s->padding[0] >= s->h &&
        s->q * s->kw - s->padding[1] >= s->w;
}

static void clear(int64_t n, real *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0;
}

INLINE void put(vec v, int add, real *to)
{
    if (add) v += vload(to);
    vstore(to, v);
}

INLINE void max_back(int64_t w, frame f, int64_t rows, int64_t columns, int add, vec dy, ivec at, real *dx)
{
    const int64_t first = f.top * w + f.left;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t place = first + i * w + j;
            put(vselect(at == (integer)place - (ivec){0}, dy, (vec){0}), add, dx + place * LANES);
        }
}

INLINE void max_back_any(int64_t w, frame f, int add, vec dy, ivec at, real *dx)
{
    if (is_square(f, 2))
        max_back(w, f, 2, 2, add, dy, at, dx);
    else if (is_square(f, 3))
        max_back(w, f, 3, 3, add, dy, at, dx);
    else
        max_back(w, f, f.rows, f.columns, add, dy, at, dx);
}

/* Lane by lane, where windows are larger than a vector. */
static void max_scatter(int64_t count, const real *dy, const int32_t *argmax, real *dx)
{
    for (int64_t i = 0; i < count * LANES; i++)
        dx[argmax[i] * LANES + i % LANES] += dy[i];
}

static void max_plane(const kdst__pool2d_shape *s, int add, const real *dy, const int32_t *argmax, real *dx)
{
    int64_t unused;
    for (int64_t p = 0; p < s->p; p++) {
        frame f;
        f.top = window(s, 0, p, &f.rows, &unused);
        for (int64_t q = 0; q < s->q; q++, dy += LANES, argmax += LANES) {
            f.left = window(s, 1, q, &f.columns, &unused);
            const vec g = vload(dy);
            const ivec at = (ivec)vload((const real *)argmax);
            if (add)
                max_back_any(s->w, f, 1, g, at, dx);
            else
                max_back_any(s->w, f, 0, g, at, dx);
        }
    }
}

void KDST__KERNEL(blocked_max_pool2d_backward)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *dy, const int32_t *argmax, int32_t add,
    real *dx)
{
    const int64_t from = s->h * s->w * LANES, to = s->p * s->q * LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        if (!add && !covers(s)) clear(from, dx + plane * from);
        if (s->kh * s->kw > LANES)
            max_scatter(s->p * s->q, dy + plane * to, argmax + plane * to, dx + plane * from);
        else
            max_plane(s, add || !are_apart(s), dy + plane * to, argmax + plane * to, dx + plane * from);
    }
}

/* ---- means ---- */

INLINE vec sum_window(int64_t w, frame f, int64_t rows, int64_t columns, const real *x)
{
    vec sum = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            sum += vload(x + ((f.top + i) * w + f.left + j) * LANES);
    return sum;
}

INLINE vec sum_any(int64_t w, frame f, const real *x)
{
    if (is_square(f, 2)) return sum_window(w, f, 2, 2, x);
    if (is_square(f, 3)) return sum_window(w, f, 3, 3, x);
    return sum_window(w, f, f.rows, f.columns, x);
}

/* sums += lanes of n places */
static void add_run(int64_t n, const real *x, double sums[WIDTH])
{
    real lane[WIDTH];
    vec a = {0}, b = {0};
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        a += vload(x + i * LANES);
        b += vload(x + (i + 1) * LANES);
    }
    if (i < n) a += vload(x + i * LANES);
    vstore(lane, a + b);
    for (int64_t k = 0; k < LANES; k++)
        sums[k] += (double)lane[k];
}

static vec mean_of(double divisor, const double sums[WIDTH])
{
    real lane[WIDTH];
    for (int64_t k = 0; k < LANES; k++)
        lane[k] = (real)(sums[k] / divisor);
    return vload(lane);
}

static vec large_mean(int64_t w, frame f, double divisor, const real *x)
{
    double sums[WIDTH] = {0};
    for (int64_t i = 0; i < f.rows; i++)
        for (int64_t j = 0; j < f.columns; j += RUN)
            add_run(f.columns - j < RUN ? f.columns - j : RUN, x + ((f.top + i) * w + f.left + j) * LANES, sums);
    return mean_of(divisor, sums);
}

void KDST__KERNEL(blocked_avg_pool2d)(const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *x, real *y)
{
    y += begin * s->p * s->q * LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        const real *from = x + plane * s->h * s->w * LANES;
        for (int64_t p = 0; p < s->p; p++) {
            frame f;
            int64_t rows, columns;
            f.top = window(s, 0, p, &f.rows, &rows);
            for (int64_t q = 0; q < s->q; q++, y += LANES) {
                f.left = window(s, 1, q, &f.columns, &columns);
                if (f.rows * f.columns > RUN) {
                    vstore(y, large_mean(s->w, f, (double)rows * (double)columns, from));
                    continue;
                }
                vstore(y, sum_any(s->w, f, from) / (real)(rows * columns));
            }
        }
    }
}

INLINE void spread(int64_t w, frame f, int64_t rows, int64_t columns, int add, vec value, real *dx)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            put(value, add, dx + ((f.top + i) * w + f.left + j) * LANES);
}

INLINE void spread_any(int64_t w, frame f, int add, vec value, real *dx)
{
    if (is_square(f, 2))
        spread(w, f, 2, 2, add, value, dx);
    else if (is_square(f, 3))
        spread(w, f, 3, 3, add, value, dx);
    else
        spread(w, f, f.rows, f.columns, add, value, dx);
}

static void avg_plane(const kdst__pool2d_shape *s, int add, const real *dy, real *dx)
{
    for (int64_t p = 0; p < s->p; p++) {
        frame f;
        int64_t rows, columns;
        f.top = window(s, 0, p, &f.rows, &rows);
        for (int64_t q = 0; q < s->q; q++, dy += LANES) {
            f.left = window(s, 1, q, &f.columns, &columns);
            const vec value = vload(dy) / (real)(rows * columns);
            if (add)
                spread_any(s->w, f, 1, value, dx);
            else
                spread_any(s->w, f, 0, value, dx);
        }
    }
}

void KDST__KERNEL(blocked_avg_pool2d_backward)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *dy, int32_t add, real *dx)
{
    const int64_t from = s->h * s->w * LANES, to = s->p * s->q * LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        if (!add && !covers(s)) clear(from, dx + plane * from);
        avg_plane(s, add || !are_apart(s), dy + plane * to, dx + plane * from);
    }
}

/* ---- of whole planes: y [N, C] is plain ---- */

void KDST__KERNEL(blocked_mean)(int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        double sums[WIDTH] = {0};
        const int64_t first = plane % blocks * LANES;
        for (int64_t i = 0; i < s; i += RUN)
            add_run(s - i < RUN ? s - i : RUN, x + (plane * s + i) * LANES, sums);
        vstore_part(y + plane / blocks * c + first, mean_of((double)s, sums), c - first < LANES ? c - first : LANES);
    }
}

void KDST__KERNEL(blocked_mean_backward)(
    int64_t c, int64_t s, int64_t begin, int64_t end, const real *dy, int32_t add, real *dx)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        const int64_t first = plane % blocks * LANES;
        const real *from = dy + plane / blocks * c + first;
        const vec value = (c - first < LANES ? vload_part(from, c - first, 0) : vload(from)) / (real)s;
        real *to = dx + plane * s * LANES;
        for (int64_t i = 0; i < s * LANES; i += LANES)
            put(value, add, to + i);
    }
}
