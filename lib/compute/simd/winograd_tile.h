/* SPDX-License-Identifier: Apache-2.0 */
/* Body of a product at one point, for kernels/winograd.c: TILE names it, EACH_ROW(R) writes R(0) R(1) … for its
 * tiles, WIDE is 1 for two blocks of results and 0 for one.
 *
 * m[r][i][:] = sum_c v[c / B][i][c mod B] u[c][r][:]. Every accumulator is a variable of its own, since clang 14 keeps arrays of
 * vectors in memory. No include guard: it is included once for each shape.
 */
#if WIDE
#  define ZERO(i) vec l##i = {0}, r##i = {0};
#  define STEP(i) { const vec a = vsplat(v[i * LANES + k]); l##i += a * left; r##i += a * right; }
#  define STORE(i) *(vec *)(m + i * LANES) = l##i; *(vec *)(m + (block + i) * LANES) = r##i;
#else
#  define ZERO(i) vec l##i = {0};
#  define STEP(i) l##i += v[i * LANES + k] * left;
#  define STORE(i) *(vec *)(m + i * LANES) = l##i;
#endif

static void TILE(int64_t c, int64_t hold, int64_t block, const real *v, const real *u, real *m)
{
    EACH_ROW(ZERO)
    for (; c > 0; c -= LANES, v += hold * LANES) {
        const int64_t count = c < LANES ? c : LANES;
        for (int64_t k = 0; k < count; k++, u += (1 + WIDE) * LANES) {
            const vec left = *(const vec *)u;
#if WIDE
            const vec right = *(const vec *)(u + LANES);
#endif
            __builtin_prefetch(u + 16 * LANES);
            EACH_ROW(STEP)
        }
    }
    EACH_ROW(STORE)
    (void)block;
}

#undef ZERO
#undef STEP
#undef STORE
