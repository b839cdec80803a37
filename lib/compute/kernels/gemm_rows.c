/* SPDX-License-Identifier: Apache-2.0 */
/* Micro-kernels of skinny products (gemm_skinny.c): 1 to MOST rows by two vectors or one, A read where it lies, B from a packed
 * panel (simd/gemm_rows.h). With a kernel for each number of rows no row of a tile is empty.
 *
 * MOST rows of two vectors fill 28 of 32 registers with AVX-512, 12 of 16 with AVX2, 8 otherwise.
 */
#include "compute/simd/transpose.h"

#define ROWS_1(R) R(0, 0, 0)
#define ROWS_2(R) ROWS_1(R) R(1, 0, 1)
#define ROWS_3(R) ROWS_2(R) R(2, 0, 2)
#define ROWS_4(R) ROWS_3(R) R(3, 0, 3)
#define ROWS_5(R) ROWS_4(R) R(4, 1, 0)
#define ROWS_6(R) ROWS_5(R) R(5, 1, 1)
#define ROWS_7(R) ROWS_6(R) R(6, 1, 2)
#define ROWS_8(R) ROWS_7(R) R(7, 1, 3)
#define ROWS_9(R) ROWS_8(R) R(8, 2, 0)
#define ROWS_10(R) ROWS_9(R) R(9, 2, 1)
#define ROWS_11(R) ROWS_10(R) R(10, 2, 2)
#define ROWS_12(R) ROWS_11(R) R(11, 2, 3)
#define ROWS_13(R) ROWS_12(R) R(12, 3, 0)
#define ROWS_14(R) ROWS_13(R) R(13, 3, 1)

#define PASTE(a, b) a##b
#define WIDE(n) PASTE(wide_, n)
#define SLIM(n) PASTE(slim_, n)

#define ROWS 1
#define EACH_ROW ROWS_1
#include "compute/simd/gemm_rows.h"
#define ROWS 2
#define EACH_ROW ROWS_2
#include "compute/simd/gemm_rows.h"
#define ROWS 3
#define EACH_ROW ROWS_3
#include "compute/simd/gemm_rows.h"
#define ROWS 4
#define EACH_ROW ROWS_4
#include "compute/simd/gemm_rows.h"
#if KDST__VECTOR_BYTES >= 32
#  define ROWS 5
#  define EACH_ROW ROWS_5
#  include "compute/simd/gemm_rows.h"
#  define ROWS 6
#  define EACH_ROW ROWS_6
#  include "compute/simd/gemm_rows.h"
#endif
#if KDST__VECTOR_BYTES == 64
#  define ROWS 7
#  define EACH_ROW ROWS_7
#  include "compute/simd/gemm_rows.h"
#  define ROWS 8
#  define EACH_ROW ROWS_8
#  include "compute/simd/gemm_rows.h"
#  define ROWS 9
#  define EACH_ROW ROWS_9
#  include "compute/simd/gemm_rows.h"
#  define ROWS 10
#  define EACH_ROW ROWS_10
#  include "compute/simd/gemm_rows.h"
#  define ROWS 11
#  define EACH_ROW ROWS_11
#  include "compute/simd/gemm_rows.h"
#  define ROWS 12
#  define EACH_ROW ROWS_12
#  include "compute/simd/gemm_rows.h"
#  define ROWS 13
#  define EACH_ROW ROWS_13
#  include "compute/simd/gemm_rows.h"
#  define ROWS 14
#  define EACH_ROW ROWS_14
#  include "compute/simd/gemm_rows.h"
#endif

typedef void (*tile_fn)(const kdst__rows_tile *);

#if KDST__VECTOR_BYTES == 64
static const tile_fn wide[] = {wide_1, wide_2, wide_3, wide_4, wide_5, wide_6, wide_7,
    wide_8, wide_9, wide_10, wide_11, wide_12, wide_13, wide_14};
static const tile_fn slim[] = {slim_1, slim_2, slim_3, slim_4, slim_5, slim_6, slim_7,
    slim_8, slim_9, slim_10, slim_11, slim_12, slim_13, slim_14};
#elif KDST__VECTOR_BYTES == 32
static const tile_fn wide[] = {wide_1, wide_2, wide_3, wide_4, wide_5, wide_6};
static const tile_fn slim[] = {slim_1, slim_2, slim_3, slim_4, slim_5, slim_6};
#else
static const tile_fn wide[] = {wide_1, wide_2, wide_3, wide_4};
static const tile_fn slim[] = {slim_1, slim_2, slim_3, slim_4};
#endif

void KDST__KERNEL(gemm_rows_sizes)(int64_t *most, int64_t *lanes, int64_t *depth)
{
    *most = sizeof wide / sizeof *wide;
    *lanes = LANES;
    *depth = KDST_REAL == 32 ? 512 : 256;
}

void KDST__KERNEL(gemm_rows)(int64_t rows, int32_t vectors, const kdst__rows_tile *tile)
{
    if (vectors == 2)
        wide[rows - 1](tile);
    else
        slim[rows - 1](tile);
}

/* c[j ldc + i] = t[i ldt + j], or +=; i < rows, j < columns */
void KDST__KERNEL(transpose_out)(
    int64_t rows, int64_t columns, const real *t, int64_t ldt, int32_t accumulate, real *c, int64_t ldc)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4, t += 4 * ldt, c += 4)
        transpose_four_add(t, t + ldt, t + 2 * ldt, t + 3 * ldt, columns, ldc, accumulate, c);
    for (; i < rows; i++, t += ldt, c++)
        for (int64_t j = 0; j < columns; j++)
            c[j * ldc] = accumulate ? c[j * ldc] + t[j] : t[j];
}
