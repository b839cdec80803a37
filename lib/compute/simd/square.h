/* SPDX-License-Identifier: Apache-2.0 */
/* LANES vectors of LANES reals, transposed in registers.
 *
 * A round interleaves vector i of the first half with vector i of the second one, which rotates the bits of (row, column) by one: after
 * log2(LANES) rounds rows are columns. All loops have constant bounds, and both compilers keep what they unroll in registers.
 */
#ifndef KDST_COMPUTE_SIMD_SQUARE_H
#define KDST_COMPUTE_SIMD_SQUARE_H

#include "compute/simd/interleave.h"

#define KDST__SQUARE (KDST__VECTOR_BYTES * 8 / KDST_REAL)

static inline __attribute__((always_inline)) void square_round(const vec from[KDST__SQUARE], vec to[KDST__SQUARE])
{
#pragma GCC unroll 8
    for (int i = 0; i < KDST__SQUARE / 2; i++) {
        to[2 * i] = vlow(from[i], from[i + KDST__SQUARE / 2]);
        to[2 * i + 1] = vhigh(from[i], from[i + KDST__SQUARE / 2]);
    }
}

static inline __attribute__((always_inline)) void square_transpose(vec rows[KDST__SQUARE])
{
    vec other[KDST__SQUARE];
    square_round(rows, other);
#if KDST__SQUARE == 16
    square_round(other, rows);
    square_round(rows, other);
    square_round(other, rows);
#elif KDST__SQUARE == 8
    square_round(other, rows);
    square_round(rows, other);
#  pragma GCC unroll 8
    for (int i = 0; i < KDST__SQUARE; i++)
        rows[i] = other[i];
#elif KDST__SQUARE == 4
    square_round(other, rows);
#else
    rows[0] = other[0];
    rows[1] = other[1];
#endif
}

#endif
