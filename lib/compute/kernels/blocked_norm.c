/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norm on blocked channels: images [begin, end) of one block of [N, ceil(C / B), S, B]. A vector holds B channels, nothing is
 * summed across lanes.
 *
 * Statistics: one pass over runs of some hundred places. Sums of d and d^2 of d = x - pivot, the mean of all that came before (of the
 * first run its own mean), are made in `real`, give mean and squared deviation of the run, and are merged in double (Chan,
 * Golub, LeVeque 1979). What the pivot misses the run's mean by is deviation too, so no digits are lost that the result has.
 * Backward: sums over short runs in `real`, added up in double.
 */
#include "compute/simd/activation.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#define WIDTH (KDST__VECTOR_BYTES / sizeof(real))
#define RUN 128    /* places whose moments are summed at once */
#define SUM_RUN 64 /* and products */
#define TILE 8     /* blocks whose neighbouring planes are normalised in turn */

/* Planes of a block, `apart` from each other. A run is a part of one plane, or some whole ones. */
typedef struct run {
    int64_t planes, places;
} run;

static run run_at(int64_t s, int64_t longest, int64_t at, int64_t planes_left)
{
    if (s > longest) return (run){1, s - at < longest ? s - at : longest};
    int64_t planes = s > 0 ? longest / s : 1;
    return (run){planes < planes_left ? planes : planes_left, s};
}

/* ---- statistics ---- */

INLINE void sum_run(run r, int64_t apart, const real *x, vec pivot, vec *sum, vec *squares)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, q0 = {0}, q1 = {0}, q2 = {0}, q3 = {0};
    for (int64_t plane = 0; plane < r.planes; plane++) {
        const real *from = x + plane * apart;
        int64_t i = 0;
        for (; i + 4 <= r.places; i += 4, from += 4 * LANES) {
            vec a = vload(from) - pivot, b = vload(from + LANES) - pivot;
            vec c = vload(from + 2 * LANES) - pivot, d = vload(from + 3 * LANES) - pivot;
            s0 += a, s1 += b, s2 += c, s3 += d;
            q0 += a * a, q1 += b * b, q2 += c * c, q3 += d * d;
        }
        for (; i < r.places; i++, from += LANES) {
            vec a = vload(from) - pivot;
            s0 += a;
            q0 += a * a;
        }
    }
    *sum = (s0 + s1) + (s2 + s3);
    *squares = (q0 + q1) + (q2 + q3);
}

/* Mean and squared deviation of one lane whose numbers are too large for `real`. */
static void exact_run(run r, int64_t apart, const real *x, double *mean, double *squares)
{
    double sum = 0, rest = 0;
    for (int64_t i = 0; i < r.planes * r.places; i++)
        sum += (double)x[i / r.places * apart + i % r.places * LANES];
    *mean = sum / (double)(r.planes * r.places);
    for (int64_t i = 0; i < r.planes * r.places; i++) {
        double d = (double)x[i / r.places * apart + i % r.places * LANES] - *mean;
        rest += d * d;
    }
    *squares = rest;
}

/* `before` values with these moments, then one run. */
static void add_run(run r, int64_t apart, const real *x, double before, double *mean, double *squares)
{
    const double count = (double)(r.planes * r.places), share = count / (before + count), both = before * share;
    real pivot[WIDTH], sum[WIDTH], square[WIDTH];
    double run_mean[WIDTH], run_squares[WIDTH];
    vec s, q;
    if (before > 0)
        for (int64_t k = 0; k < LANES; k++)
            pivot[k] = (real)mean[k];
    else {
        sum_run(r, apart, x, (vec){0}, &s, &q);
        vstore(pivot, s / (real)count);
    }
    for (int64_t k = 0; k < LANES; k++)
        pivot[k] = isfinite(pivot[k]) ? pivot[k] : 0;
    sum_run(r, apart, x, vload(pivot), &s, &q);
    vstore(sum, s);
    vstore(square, q);
    for (int64_t k = 0; k < LANES; k++) {
        double rest = (double)sum[k] / count;
        run_mean[k] = (double)pivot[k] + rest;
        run_squares[k] = (double)square[k] - (double)sum[k] * rest;
    }
    for (int64_t k = 0; k < LANES; k++)
        if (!isfinite(square[k]) && mean[k] == mean[k]) exact_run(r, apart, x + k, &run_mean[k], &run_squares[k]);
    for (int64_t k = 0; k < LANES; k++) {
        double delta = run_mean[k] - mean[k];
        mean[k] += delta * share;
        squares[k] += run_squares[k] + delta * delta * both;
    }
}

void KDST__KERNEL(blocked_statistics)(
    int64_t blocks, int64_t s, int64_t block, int64_t begin, int64_t end, const real *x, double *mean, double *squares)
{
    const int64_t apart = blocks * s * LANES;
    double count = 0;
    for (int64_t k = 0; k < LANES; k++)
        mean[k] = squares[k] = 0;
    for (int64_t n = begin, at = 0; n < end && s > 0;) {
        run r = run_at(s, RUN, at, end - n);
        add_run(r, apart, x + n * apart + (block * s + at) * LANES, count, mean, squares);
        count += (double)(r.planes * r.places);
        at += r.places;
        if (at == s) at = 0, n += r.planes;
    }
}

/* ---- normalisation ---- */

/* y = (x - m) factor + shift, in lanes; see kernels/batch_norm.c. */
typedef struct line {
    vec m, factor, shift;
} line;

static line
line_of(int64_t c, int64_t block, const double *mean, const double *inverse, const real *gamma, const real *beta)
{
    real m[WIDTH] = {0}, factor[WIDTH] = {0}, shift[WIDTH] = {0};
    for (int64_t k = 0, i = block * LANES; k < LANES && i < c; k++, i++) {
        m[k] = (real)mean[i];
        factor[k] = (real)(inverse[i] * (gamma ? (double)gamma[i] : 1.0));
        shift[k] = (real)(((double)m[k] - mean[i]) * (double)factor[k] + (beta ? (double)beta[i] : 0));
    }
    return (line){vload(m), vload(factor), vload(shift)};
}

INLINE void normalise_plane(int64_t s, line l, const real *x, const real *addend, int bounded, vec top, real *y)
{
    for (int64_t i = 0; i < s * LANES; i += LANES) {
        vec v = (vload(x + i) - l.m) * l.factor + l.shift;
        if (addend) v += vload(addend + i);
        vstore(y + i, bounded ? activated(v, top) : v);
    }
}

void KDST__KERNEL(blocked_normalise)(
    int64_t c, int64_t s, int64_t block, int64_t last, int64_t begin, int64_t end, const real *x, const double *mean,
    const double *inverse, const real *gamma, const real *beta, const real *addend, int32_t activation, real *y)
{
    const vec top = activation_top(activation);
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (; block < last; block += TILE) {
        int64_t count = last - block < TILE ? last - block : TILE;
        line lines[TILE];
        for (int64_t b = 0; b < count; b++)
            lines[b] = line_of(c, block + b, mean, inverse, gamma, beta);
        for (int64_t n = begin; n < end; n++)
            for (int64_t b = 0; b < count; b++) {
                int64_t at = (n * blocks + block + b) * s * LANES;
                if (addend && activation)
                    normalise_plane(s, lines[b], x + at, addend + at, 1, top, y + at);
                else if (addend)
                    normalise_plane(s, lines[b], x + at, addend + at, 0, top, y + at);
                else if (activation)
                    normalise_plane(s, lines[b], x + at, NULL, 1, top, y + at);
                else
                    normalise_plane(s, lines[b], x + at, NULL, 0, top, y + at);
            }
    }
}

/* ---- backward ---- */

/* What is known of y: nothing is to be masked, it is there, or it is computed from x as above. */
enum { ALL, GIVEN, AGAIN };

static int mask_of(const kdst__blocked_norm_gradient *g)
{
    return !g->activation ? ALL : g->y ? GIVEN : AGAIN;
}

/* g of one place */
INLINE vec masked(int mask, ivec ends, const real *dy, const real *y, vec x, line l)
{
    vec g = vload(dy);
    if (mask == ALL) return g;
    vec v = vload(y);
    if (mask == AGAIN) v = (x - l.m) * l.factor + l.shift;
    return activation_slope(g, v, ends);
}

/* What becomes of g: 0 nothing, 1 it is written, 2 it is added. */
INLINE void keep(vec g, int how, real *to)
{
    if (how == 1) vstore(to, g);
    if (how == 2) vstore(to, vload(to) + g);
}

typedef struct operands {
    const real *x, *dy, *y;
    real *kept;
    ivec ends; /* of the mask */
} operands;

/* sum g and sum g (x - m) of a run */
INLINE void products_of_run(run r, int64_t apart, operands p, int mask, int how, line l, vec *sum, vec *product)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, p0 = {0}, p1 = {0}, p2 = {0}, p3 = {0};
    for (int64_t plane = 0; plane < r.planes; plane++) {
        const real *x = p.x + plane * apart, *dy = p.dy + plane * apart;
        const real *y = mask == GIVEN ? p.y + plane * apart : x;
        real *kept = how ? p.kept + plane * apart : NULL;
        int64_t i = 0;
        for (; i + 4 <= r.places; i += 4) {
            const int64_t at = i * LANES;
            vec xa = vload(x + at), xb = vload(x + at + LANES);
            vec xc = vload(x + at + 2 * LANES), xd = vload(x + at + 3 * LANES);
            vec a = masked(mask, p.ends, dy + at, y + at, xa, l),
                b = masked(mask, p.ends, dy + at + LANES, y + at + LANES, xb, l);
            vec c = masked(mask, p.ends, dy + at + 2 * LANES, y + at + 2 * LANES, xc, l);
            vec d = masked(mask, p.ends, dy + at + 3 * LANES, y + at + 3 * LANES, xd, l);
            s0 += a, s1 += b, s2 += c, s3 += d;
            p0 += a * (xa - l.m);
            p1 += b * (xb - l.m);
            p2 += c * (xc - l.m);
            p3 += d * (xd - l.m);
            if (how) keep(a, how, kept + at), keep(b, how, kept + at + LANES);
            if (how) keep(c, how, kept + at + 2 * LANES), keep(d, how, kept + at + 3 * LANES);
        }
        for (; i < r.places; i++) {
            vec xa = vload(x + i * LANES), a = masked(mask, p.ends, dy + i * LANES, y + i * LANES, xa, l);
            s0 += a;
            p0 += a * (xa - l.m);
            if (how) keep(a, how, kept + i * LANES);
        }
    }
    *sum = (s0 + s1) + (s2 + s3);
    *product = (p0 + p1) + (p2 + p3);
}

static void choose_products(run r, int64_t apart, operands p, int mask, int how, line l, vec *sum, vec *product)
{
    if (mask == AGAIN)
        products_of_run(r, apart, p, AGAIN, how, l, sum, product);
    else if (mask == GIVEN && how == 0)
        products_of_run(r, apart, p, GIVEN, 0, l, sum, product);
    else if (mask == GIVEN && how == 1)
        products_of_run(r, apart, p, GIVEN, 1, l, sum, product);
    else if (mask == GIVEN)
        products_of_run(r, apart, p, GIVEN, 2, l, sum, product);
    else if (how == 0)
        products_of_run(r, apart, p, ALL, 0, l, sum, product);
    else if (how == 1)
        products_of_run(r, apart, p, ALL, 1, l, sum, product);
    else
        products_of_run(r, apart, p, ALL, 2, l, sum, product);
}

/* sums += lanes, through memory of its own: so compilers see that nothing overlaps. */
INLINE void add_lanes(vec v, double sums[WIDTH])
{
    real lane[WIDTH];
    vstore(lane, v);
    for (int64_t k = 0; k < LANES; k++)
        sums[k] += (double)lane[k];
}

/* sums [2, B]: sum g and sum g (x - mean); g goes to d_addend. */
void KDST__KERNEL(blocked_norm_sums)(
    const kdst__blocked_norm_gradient *g, int64_t block, int64_t begin, int64_t end, double *sums)
{
    const int64_t s = g->s, apart = (g->c + LANES - 1) / LANES * s * LANES;
    const line l = line_of(g->c, block, g->mean, g->inverse, g->gamma, g->beta);
    const ivec ends = activation_ends(g->activation);
    real m[WIDTH];
    double sum[WIDTH] = {0}, product[WIDTH] = {0};
    for (int64_t n = begin, at = 0; n < end && s > 0;) {
        run r = run_at(s, SUM_RUN, at, end - n);
        int64_t from = n * apart + (block * s + at) * LANES;
        operands p = {
            g->x + from, g->dy + from, g->y ? g->y + from : NULL, g->d_addend ? g->d_addend + from : NULL, ends};
        vec some, products;
        choose_products(r, apart, p, mask_of(g), !g->d_addend ? 0 : g->add_addend ? 2 : 1, l, &some, &products);
        add_lanes(some, sum);
        add_lanes(products, product);
        at += r.places;
        if (at == s) at = 0, n += r.planes;
    }
    vstore(m, l.m);
    for (int64_t k = 0; k < LANES; k++) {
        double lost = block * LANES + k < g->c ? (double)m[k] - g->mean[block * LANES + k] : 0; /* by rounding it */
        sums[k] = sum[k];
        sums[LANES + k] = product[k] + lost * sum[k];
    }
}

/* dx (+)= f g - (x - m) slope - level, the last two in training alone */
INLINE void
dx_plane(int64_t s, operands p, int mask, int training, int add, line l, vec f, vec slope, vec level, real *dx)
{
    for (int64_t i = 0; i < s * LANES; i += LANES) {
        vec x = training || mask == AGAIN ? vload(p.x + i) : f;
        vec v = f * masked(mask, p.ends, p.dy + i, mask == GIVEN ? p.y + i : p.dy, x, l);
        if (training) v -= (x - l.m) * slope + level;
        if (add) v += vload(dx + i);
        vstore(dx + i, v);
    }
}

static void
choose_dx(int64_t s, operands p, int mask, int training, int add, line l, vec f, vec slope, vec level, real *dx)
{
    if (mask == GIVEN && training && !add)
        dx_plane(s, p, GIVEN, 1, 0, l, f, slope, level, dx);
    else if (mask == AGAIN && training && !add)
        dx_plane(s, p, AGAIN, 1, 0, l, f, slope, level, dx);
    else if (training && !add)
        dx_plane(s, p, ALL, 1, 0, l, f, slope, level, dx);
    else if (mask == GIVEN)
        dx_plane(s, p, GIVEN, training, add, l, f, slope, level, dx);
    else if (mask == AGAIN)
        dx_plane(s, p, AGAIN, training, add, l, f, slope, level, dx);
    else
        dx_plane(s, p, ALL, training, add, l, f, slope, level, dx);
}

void KDST__KERNEL(blocked_norm_dx)(
    const kdst__blocked_norm_gradient *g, int64_t block, int64_t begin, int64_t end, const double *sums)
{
    const int64_t s = g->s, blocks = (g->c + LANES - 1) / LANES;
    const int made = g->d_addend && !g->add_addend; /* g lies there */
    const double size = (double)g->n * (double)s;
    const line l = line_of(g->c, block, g->mean, g->inverse, g->gamma, g->beta);
    const ivec ends = activation_ends(g->activation);
    real f[WIDTH] = {0}, slope[WIDTH] = {0}, level[WIDTH] = {0};
    for (int64_t k = 0, i = block * LANES; k < LANES && i < g->c; k++, i++) {
        double r = g->inverse[i], factor = r * (g->gamma ? (double)g->gamma[i] : 1.0);
        f[k] = (real)factor;
        if (!g->training) continue;
        double steep = factor * r * r * sums[LANES + k] / size;
        slope[k] = (real)steep;
        level[k] = (real)(factor * sums[k] / size + steep * ((double)(real)g->mean[i] - g->mean[i]));
    }
    for (int64_t n = end; n-- > begin;) {
        int64_t at = (n * blocks + block) * s * LANES;
        operands p = {g->x + at, made ? g->d_addend + at : g->dy + at, g->y && !made ? g->y + at : NULL, NULL, ends};
        const int mask = made ? ALL : mask_of(g);
        choose_dx(s, p, mask, g->training, g->add_dx, l, vload(f), vload(slope), vload(level), g->dx + at);
    }
}
