/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine can do, measured once a process: what kernels are held against. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

/* Fused multiply-adds of one core: best of several short runs over every instruction set this CPU has, in GFLOP/s;
 * element size 4 or 8 bytes. */
double measure_peak(int element_bytes);

/* Memory that is in no cache, of so many threads together: the better of an update in place and a sum, in GB/s; 0
 * where there is no memory for it. */
double measure_bandwidth(int threads);

double bench_seconds(void);

#endif
