/* SPDX-License-Identifier: Apache-2.0 */
/* Micro-kernels of matrix products: a tile of C, held in registers, from packed panels of A and B (simd/gemm_tile.h).
 *
 * Rows of two vectors each: 14 of them fill 28 of 32 registers with AVX-512, 6 fill 12 of 16 with AVX2, 4 otherwise. The
 * flat tile has 8 or 4: enough chains to hide the latency of a multiply-add, and less waste where C has 16 or 32 rows.
 */
#include "compute/simd/vector.h"

#define ROWS_4(R) R(0) R(1) R(2) R(3)
#define ROWS_6(R) ROWS_4(R) R(4) R(5)
#define ROWS_8(R) ROWS_6(R) R(6) R(7)
#define ROWS_14(R) ROWS_8(R) R(8) R(9) R(10) R(11) R(12) R(13)

#if KDST__VECTOR_BYTES == 64
#  define TALL 14
#  define FLAT 8
#  define EACH_TALL ROWS_14
#  define EACH_FLAT ROWS_8
#elif KDST__VECTOR_BYTES == 32
#  define TALL 6
#  define FLAT 4
#  define EACH_TALL ROWS_6
#  define EACH_FLAT ROWS_4
#else
#  define TALL 4
#  define FLAT 4
#  define EACH_TALL ROWS_4
#  define EACH_FLAT ROWS_4
#endif

/* mc and kc: a block of A [mc, kc] and a panel of B [kc, nr] stay in the second and first cache. */
void KDST__KERNEL(gemm_sizes)(int64_t *mr, int64_t *flat, int64_t *nr, int64_t *mc, int64_t *kc)
{
    *mr = TALL;
    *flat = FLAT;
    *nr = 2 * LANES;
    *kc = KDST__VECTOR_BYTES == 64 ? 384 : 256;
    *mc = TALL * (KDST_REAL == 32 ? 24 : 12);
}

#define TILE gemm_tile
#define ROWS TALL
#define EACH_ROW EACH_TALL
#include "compute/simd/gemm_tile.h"
#undef TILE
#undef ROWS
#undef EACH_ROW

#define TILE gemm_tile_flat
#define ROWS FLAT
#define EACH_ROW EACH_FLAT
#include "compute/simd/gemm_tile.h"
