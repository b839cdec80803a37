/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler targets by default: SSE2 on x86-64, NEON on AArch64. */
#ifndef KDST_COMPUTE_SIMD_BASELINE_H
#define KDST_COMPUTE_SIMD_BASELINE_H

#define KDST__VECTOR_BYTES 16

#endif
