/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011).
 *
 * A number is a pure function of (seed, stream, index): nothing runs on, so any thread may compute any part, and the result does
 * not depend on their number. seed is the 64-bit key; the counter is (index, stream).
 */
#ifndef KDST_CORE_RANDOM_H
#define KDST_CORE_RANDOM_H

#include <stdint.h>

/* Four 32-bit words of block `index`. */
void kdst__philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* 53-bit uniform in [0, 1), number `index` of the stream (two numbers a block). */
double kdst__uniform(uint64_t seed, uint64_t stream, uint64_t index);
/* Standard normal, number `index` of the stream (Box-Muller on one block's two uniforms; two normals a block). */
double kdst__normal(uint64_t seed, uint64_t stream, uint64_t index);
/* The same, numbers `first` to first + count - 1. */
void kdst__uniforms(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, double *out);
void kdst__normals(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, double *out);
/* Uniform whole number in [0, n), n >= 1, without bias (Lemire's method on successive words of sub-stream `index`). */
uint64_t kdst__below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n);
/* Fisher-Yates permutation of 0 … n-1. */
void kdst__permutation(uint64_t seed, uint64_t stream, int64_t *out, int64_t n);
/* Derives an independent seed from several numbers (for keys such as seed, epoch, sample). */
uint64_t kdst__mix(uint64_t a, uint64_t b);

#endif
