/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the micro-kernels of kernels/conv_direct.c: VECTORS is 1, 2 or 3, SUM and WEIGHTS name them, EACH_POINT(M) writes
 * M(0) M(1) … for a tile's points.
 *
 * A tile is points x VECTORS accumulators, each a variable of its own, since clang 14 keeps arrays of vectors in memory. For each
 * number of x, broadcast, there are VECTORS products. No include guard: it is included once for each shape.
 */
#if VECTORS == 3
#  define EACH_VECTOR(M, p) M(p, 0) M(p, 1) M(p, 2)
#elif VECTORS == 2
#  define EACH_VECTOR(M, p) M(p, 0) M(p, 1)
#else
#  define EACH_VECTOR(M, p) M(p, 0)
#endif

#define BEGIN(p, r) vec a##p##_##r = vload(from##p + (r) * step);
#define BEGIN_POINT(p)                                                                                                 \
  const real *from##p = run->add ? run->y + t->place[p] : start;                                                       \
  EACH_VECTOR(BEGIN, p)
#define POINT(p) const real *x##p = at[p] >= 0 ? x + at[p] : zeros;
#define LOAD(p, r) vec w##r = *(const vec *)(w + (r) * LANES);
#define STEP(p, r) a##p##_##r += v##p * w##r;
#define STEP_POINT(p)                                                                                                  \
  vec v##p = vsplat(x##p[c]);                                                                                          \
  EACH_VECTOR(STEP, p)
#define ACT(p, r) a##p##_##r = activated(a##p##_##r, top);
#define ACT_POINT(p) EACH_VECTOR(ACT, p)
#define ADDEND(p, r) a##p##_##r += vload(run->addend + t->place[p] + (r) * d->y_block);
#define ADDEND_POINT(p) EACH_VECTOR(ADDEND, p)
#define STORE(p, r) vstore(run->y + t->place[p] + (r) * d->y_block, (vec)((ivec)a##p##_##r & mask##r));
#define STORE_POINT(p) EACH_VECTOR(STORE, p)
#define MASK(p, r) const ivec mask##r = lanes_of(r == VECTORS - 1 ? run->valid : LANES);

static void SUM(const kdst__direct *d, const kdst__direct_run *run, const tile *t)
{
    const real *start = run->bias ? run->bias : nothing;
    const int64_t step = run->add ? d->y_block : run->bias ? LANES : 0;
    EACH_POINT(BEGIN_POINT)
    for (int64_t b = run->first; b < run->last; b++) {
        const real *x = run->x + b * d->x_block;
        const int64_t left = d->c - b * d->depth, count = left < d->depth ? left : d->depth;
        const real *block = run->w + b * d->depth * d->taps * VECTORS * LANES;
        for (int64_t k = 0; k < t->count; k++) {
            const int64_t *at = t->list + k * (POINTS + 1);
            const real *w = block + at[POINTS] * count * VECTORS * LANES;
            EACH_POINT(POINT)
            for (int64_t c = 0; c < count; c++, w += VECTORS * LANES) {
                EACH_VECTOR(LOAD, 0)
                EACH_POINT(STEP_POINT)
            }
        }
    }
    if (run->addend) {
        EACH_POINT(ADDEND_POINT)
    }
    if (run->activation) {
        const vec top = activation_top(run->activation);
        EACH_POINT(ACT_POINT)
    }
    EACH_VECTOR(MASK, 0)
    EACH_POINT(STORE_POINT)
}

#define SUMS(p, r) vec a##p##_##r = vload(d->sums + ((p) * VECTORS + (r)) * LANES);
#define SUMS_POINT(p) EACH_VECTOR(SUMS, p)
#define TAKE(p, r) vec w##r = vload(y + (r) * d->dy_block);
#define MEET(p)                                                                                                        \
  vec v##p = vsplat(x[p]);                                                                                             \
  EACH_VECTOR(STEP, p)
#define KEEP(p, r) vstore(d->sums + ((p) * VECTORS + (r)) * LANES, a##p##_##r);
#define KEEP_POINT(p) EACH_VECTOR(KEEP, p)

static void WEIGHTS(const kdst__direct_weights *d)
{
    EACH_POINT(SUMS_POINT)
    for (int64_t n = d->first; n < d->last; n++)
        for (int64_t i = d->i0; i < d->i1; i++) {
            const real *x = d->x + n * d->x_image + i * d->x_row + d->j0 * d->x_column;
            const real *y = d->dy + n * d->dy_image + i * d->dy_row + d->j0 * LANES;
            const real *end = y + (d->j1 - d->j0) * LANES;
            for (; y != end; y += LANES, x += d->x_column) {
                EACH_VECTOR(TAKE, 0)
                EACH_POINT(MEET)
            }
        }
    EACH_POINT(KEEP_POINT)
}

#undef EACH_VECTOR
#undef BEGIN
#undef BEGIN_POINT
#undef POINT
#undef LOAD
#undef STEP
#undef STEP_POINT
#undef ACT
#undef ACT_POINT
#undef ADDEND
#undef ADDEND_POINT
#undef STORE
#undef STORE_POINT
#undef MASK
#undef SUMS
#undef SUMS_POINT
#undef TAKE
#undef MEET
#undef KEEP
#undef KEEP_POINT
