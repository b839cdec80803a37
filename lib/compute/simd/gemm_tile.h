/* SPDX-License-Identifier: Apache-2.0 */
/* Body of a micro-kernel, for kernels/gemm.c: TILE names it, ROWS rows, EACH_ROW(R) writes R(0) R(1) … for them.
 *
 * c[i, j] (+)= sum_p a[p ROWS + i] b[p 2 LANES + j]. Every accumulator is a variable of its own, since clang 14 keeps arrays of
 * vectors in memory. No include guard: it is included once for each shape.
 */
#define ZERO(i) vec l##i = {0}, r##i = {0};
#define STEP(i) l##i += a[i] * left; r##i += a[i] * right;
#define PREFETCH(i) __builtin_prefetch(c + i * ldc, 1); __builtin_prefetch(c + i * ldc + 2 * LANES - 1, 1);
#define ADD(i) l##i += vload(c + i * ldc); r##i += vload(c + i * ldc + LANES);
#define STORE(i) vstore(c + i * ldc, l##i); vstore(c + i * ldc + LANES, r##i);

void KDST__KERNEL(TILE)(int64_t k, const real *a, const real *b, int32_t accumulate, real *c, int64_t ldc)
{
    EACH_ROW(ZERO)
    EACH_ROW(PREFETCH)
    for (int64_t p = 0; p < k; p++, a += ROWS, b += 2 * LANES) {
        vec left = *(const vec *)b, right = *(const vec *)(b + LANES);
        __builtin_prefetch(b + 16 * LANES);
        EACH_ROW(STEP)
    }
    if (accumulate) {
        EACH_ROW(ADD)
    }
    EACH_ROW(STORE)
}

#undef ZERO
#undef STEP
#undef PREFETCH
#undef ADD
#undef STORE
