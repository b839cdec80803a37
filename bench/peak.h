/* SPDX-License-Identifier: Apache-2.0 */
/* Measured fused-multiply-add peak of one core: what a product of matrices is held against. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

/* Best of several short runs over every instruction set this CPU has, in GFLOP/s; element size 4 or 8 bytes. */
double measure_peak(int element_bytes);

double bench_seconds(void);

#endif
