/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 and FMA: 16 registers of 32 bytes. */
#ifndef KDST_COMPUTE_SIMD_AVX2_H
#define KDST_COMPUTE_SIMD_AVX2_H

#define KDST__VECTOR_BYTES 32

#endif
