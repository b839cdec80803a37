/* SPDX-License-Identifier: Apache-2.0 */
/* Body of a sum over tiles at one point, for kernels/winograd_weights.c: TILE names it, EACH_ROW(R) writes R(0) R(1) … for its
 * channels, WIDE is 1 for two blocks of results and 0 for one.
 *
 * du[i][r][:] (+)= sum_t v[t][i] dv[r][t][:]. Every accumulator is a variable of its own, since clang 14 keeps arrays of vectors in
 * memory. No include guard: it is included once for each shape.
 */
#define WIDTH ((1 + WIDE) * LANES)
#if WIDE
#  define ZERO(i) vec l##i = {0}, r##i = {0};
#  define STEP(i) { const vec a = vsplat(v[i]); l##i += a * left; r##i += a * right; }
#  define ADD(i) l##i += *(const vec *)(du + i * WIDTH); r##i += *(const vec *)(du + i * WIDTH + LANES);
#  define STORE(i) *(vec *)(du + i * WIDTH) = l##i; *(vec *)(du + i * WIDTH + LANES) = r##i;
#else
#  define ZERO(i) vec l##i = {0};
#  define STEP(i) l##i += v[i] * left;
#  define ADD(i) l##i += *(const vec *)(du + i * WIDTH);
#  define STORE(i) *(vec *)(du + i * WIDTH) = l##i;
#endif

/* next_v and next_dv: what the next product reads, asked for meanwhile. */
static void TILE(
    int64_t tiles, int64_t hold, const real *v, const real *dv, const real *next_v, const real *next_dv,
    int32_t accumulate, real *du)
{
    EACH_ROW(ZERO)
    for (int64_t t = 0; t < tiles; t++, v += LANES, dv += LANES) {
        const vec left = *(const vec *)dv;
        __builtin_prefetch(next_v + t * LANES);
        __builtin_prefetch(next_dv + t * LANES);
#if WIDE
        __builtin_prefetch(next_dv + (hold + t) * LANES);
        const vec right = *(const vec *)(dv + hold * LANES);
#endif
        EACH_ROW(STEP)
    }
    if (accumulate) {
        EACH_ROW(ADD)
    }
    EACH_ROW(STORE)
    (void)hold;
}

#undef WIDTH
#undef ZERO
#undef STEP
#undef ADD
#undef STORE
