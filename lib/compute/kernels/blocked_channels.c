/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of blocked tensors that move: by an offset, which is concatenation and slices, and by a permutation.
 *
 * By an offset: a block of the result has lanes of one block of x, or of two neighbouring ones. A load that begins in the middle of a
 * place's vector shifts its lanes to where they belong; what else it brings is masked away. Permuted, a block of the result has
 * lanes of several blocks; each of them is permuted in a register for its part.
 */
#include "compute/simd/permute.h"

#define INLINE static inline __attribute__((always_inline))
#define WIDTH (KDST__VECTOR_BYTES / sizeof(real))

/* Lanes [begin, end) */
static ivec lanes_between(int64_t begin, int64_t end)
{
    integer lane[WIDTH];
    for (int64_t k = 0; k < LANES; k++)
        lane[k] = k >= begin && k < end ? -1 : 0;
    return (ivec)vload((const real *)lane);
}

/* What a block of the result is made of, the same for each place. */
typedef struct part {
    const real *low,
        *high; /* plane whose lanes from `shift` on come first, plane whose first lanes follow; one may be NULL */
    const real *first, *last; /* nothing of x lies before and from here on */
    int64_t shift;
    ivec of_low, taken, kept; /* kept: lanes of y that stay */
} part;

/* Lanes at p, of which some may lie outside of x: those are 0. */
static vec load_inside(const part *t, const real *p)
{
    real lane[WIDTH];
    for (int64_t k = 0; k < LANES; k++)
        lane[k] = p + k >= t->first && p + k < t->last ? p[k] : 0;
    return vload(lane);
}

static vec shifted(const part *t, const real *p)
{
    return p >= t->first && t->last - p >= LANES ? vload(p) : load_inside(t, p);
}

INLINE void move_plane(const part *t, int64_t s, int has_low, int has_high, int add, int whole, real *y)
{
    const ivec of_low = t->of_low, taken = t->taken, kept = t->kept;
    for (int64_t i = 0; i < s; i++, y += LANES) {
        vec v = {0};
        if (has_low) v = shifted(t, t->low + i * LANES + t->shift);
        if (has_high) {
            vec high = shifted(t, t->high + (i - 1) * LANES + t->shift);
            v = has_low ? vselect(of_low, v, high) : high;
        }
        if (!whole) v = (vec)(taken & (ivec)v);
        if (add)
            v += vload(y);
        else if (!whole)
            v = (vec)((ivec)v | (kept & (ivec)vload(y)));
        vstore(y, v);
    }
}

INLINE void move_some(const part *t, int64_t s, int add, int whole, real *y)
{
    if (t->low && t->high)
        move_plane(t, s, 1, 1, add, whole, y);
    else if (t->low)
        move_plane(t, s, 1, 0, add, whole, y);
    else
        move_plane(t, s, 0, 1, add, whole, y);
}

static void move_block(const part *t, int64_t s, int add, int whole, real *y)
{
    if (add && whole)
        move_some(t, s, 1, 1, y);
    else if (add)
        move_some(t, s, 1, 0, y);
    else if (whole)
        move_some(t, s, 0, 1, y);
    else
        move_some(t, s, 0, 0, y);
}

/* Planes [begin, end): those of the blocks that channels [to, to + count) touch, image after image. */
void KDST__KERNEL(blocked_move_channels)(
    int64_t n, int64_t s, int64_t c, int64_t from, int64_t count, const real *x, int64_t d, int64_t to, int32_t add,
    int64_t begin, int64_t end, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES, results = (d + LANES - 1) / LANES;
    const int64_t first = to / LANES, touched = (to + count - 1) / LANES - first + 1;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit / touched, block = first + unit % touched, lane = block * LANES;
        const int64_t lower = to > lane ? to - lane : 0, upper = to + count < lane + LANES ? to + count - lane : LANES;
        /* lane k is channel source + k of x: B is added lest one be negative */
        const int64_t source = lane - to + from + LANES, shift = source % LANES, low = source / LANES - 1;
        const real *planes = x + image * blocks * s * LANES;
        part t = {.first = x, .last = x + n * blocks * s * LANES, .shift = shift};
        t.low = lower < LANES - shift ? planes + low * s * LANES : NULL;
        t.high = upper > LANES - shift ? planes + (low + 1) * s * LANES : NULL;
        t.of_low = lanes_between(0, LANES - shift);
        t.taken = lanes_between(lower, upper);
        t.kept = ~t.taken & lanes_between(0, d - lane);
        move_block(&t, s, add, lower == 0 && upper == LANES, y + (image * results + block) * s * LANES);
    }
}

/* ---- permutation ---- */

/* The lanes of a block of the result that come from one block of x */
typedef struct source {
    int64_t block;
    ivec at, taken;
} source;

/* Sources of a block, at most one a lane. */
static int64_t find_sources(int64_t c, int64_t block, const int32_t *place, source *sources)
{
    int64_t count = 0;
    for (int64_t k = 0; k < LANES && block * LANES + k < c; k++) {
        const int64_t from = place[block * LANES + k];
        int64_t i = 0;
        while (i < count && sources[i].block != from / LANES)
            i++;
        if (i == count) sources[count++] = (source){.block = from / LANES};
        sources[i].at[k] = (integer)(from % LANES);
        sources[i].taken[k] = -1;
    }
    return count;
}

/* Places i … i + 3 of the lanes that one source gives */
#define TAKE(v, j) v = (vec)((ivec)v | (taken & (ivec)vpermute(vload(from + (j)*LANES), at)))

INLINE void put(vec v, int add, real *to)
{
    if (add) v += vload(to);
    vstore(to, v);
}

INLINE void permute_plane(int64_t count, const source *sources, int64_t s, const real *x, int add, real *y)
{
    int64_t i = 0;
    for (; i + 4 <= s; i += 4, y += 4 * LANES) {
        vec a = {0}, b = {0}, c = {0}, d = {0};
        for (int64_t k = 0; k < count; k++) {
            const real *from = x + (sources[k].block * s + i) * LANES;
            const ivec at = sources[k].at, taken = sources[k].taken;
            TAKE(a, 0);
            TAKE(b, 1);
            TAKE(c, 2);
            TAKE(d, 3);
        }
        put(a, add, y);
        put(b, add, y + LANES);
        put(c, add, y + 2 * LANES);
        put(d, add, y + 3 * LANES);
    }
    for (; i < s; i++, y += LANES) {
        vec a = {0};
        for (int64_t k = 0; k < count; k++) {
            const real *from = x + (sources[k].block * s + i) * LANES;
            const ivec at = sources[k].at, taken = sources[k].taken;
            TAKE(a, 0);
        }
        put(a, add, y);
    }
}

/* Blocks [block, last) of images [begin, end). */
void KDST__KERNEL(blocked_permute_channels)(
    int64_t c, int64_t s, int64_t block, int64_t last, int64_t begin, int64_t end, const int32_t *place, const real *x,
    int32_t add, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (; block < last; block++) {
        source sources[WIDTH];
        const int64_t count = find_sources(c, block, place, sources);
        for (int64_t n = begin; n < end; n++) {
            const real *from = x + n * blocks * s * LANES;
            real *to = y + (n * blocks + block) * s * LANES;
            if (add)
                permute_plane(count, sources, s, from, 1, to);
            else
                permute_plane(count, sources, s, from, 0, to);
        }
    }
}
