/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 F, BW, DQ, VL: 32 registers of 64 bytes. */
#ifndef KDST_COMPUTE_SIMD_AVX512_H
#define KDST_COMPUTE_SIMD_AVX512_H

#define KDST__VECTOR_BYTES 64

#endif
