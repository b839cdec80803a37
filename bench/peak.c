/* SPDX-License-Identifier: Apache-2.0 */
/* FMA peak of one core: 12 independent chains of multiply-adds in registers, for each vector width the CPU has.
 *
 * 12 chains cover a latency of 4 or 5 cycles on two units and fit 16 registers. The chains are named variables and the
 * result is stored, so that nothing is left out; multiplier and addend keep the values in range.
 */
#include "peak.h"

#include <time.h>

enum { ROUNDS = 200000, REPEATS = 12 };

double bench_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A vector register, by the name the architecture's constraint has. */
#if defined(__x86_64__)
#  define KEEP_REGISTER(v) "+v"(v)
#else
#  define KEEP_REGISTER(v) "+w"(v)
#endif

#define CHAINS(DO) DO(a) DO(b) DO(c) DO(d) DO(e) DO(f) DO(g) DO(h) DO(i) DO(j) DO(k) DO(l)
#define DECLARE(name)                                                                                                  \
  vector name = one;                                                                                                   \
  __asm__ volatile("" : KEEP_REGISTER(name));
#define ADVANCE(name) name = name * factor + one;
#define ADD(name) total += name;

/* One function per element type and width; the body is the same. The empty assembly hides the operands from the
 * optimiser. */
#define LOOP(function, type, width, isa)                                                                               \
  isa static double function(volatile type *sink)                                                                      \
  {                                                                                                                    \
    typedef type real;                                                                                                 \
    typedef type vector __attribute__((vector_size(width), aligned(sizeof(type))));                                    \
    vector one = (vector){0} + (real)1e-3, factor = (vector){0} + (real)0.999, total = one * 0;                        \
    __asm__ volatile("" : KEEP_REGISTER(one), KEEP_REGISTER(factor));                                                  \
    CHAINS(DECLARE)                                                                                                    \
    double start = bench_seconds();                                                                                    \
    for (int round = 0; round < ROUNDS; round++) {                                                                     \
      CHAINS(ADVANCE)                                                                                                  \
    }                                                                                                                  \
    double seconds = bench_seconds() - start;                                                                          \
    CHAINS(ADD)                                                                                                        \
    for (unsigned z = 0; z < width / sizeof(type); z++)                                                                \
      *sink += total[z];                                                                                               \
    return 2.0 * 12 * (width / sizeof(type)) * ROUNDS / seconds * 1e-9;                                                \
  }

#if defined(__x86_64__)
LOOP(loop_sse_f32, float, 16, )
LOOP(loop_sse_f64, double, 16, )
LOOP(loop_avx2_f32, float, 32, __attribute__((target("avx2,fma"))))
LOOP(loop_avx2_f64, double, 32, __attribute__((target("avx2,fma"))))
LOOP(loop_avx512_f32, float, 64, __attribute__((target("avx512f,fma"))))
LOOP(loop_avx512_f64, double, 64, __attribute__((target("avx512f,fma"))))

static double run_once(int element_bytes)
{
    static volatile float sink32;
    static volatile double sink64;
    double best = 0, now;
    int single = element_bytes == 4;
    now = single ? loop_sse_f32(&sink32) : loop_sse_f64(&sink64);
    if (now > best) best = now;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        now = single ? loop_avx2_f32(&sink32) : loop_avx2_f64(&sink64);
        if (now > best) best = now;
    }
    if (__builtin_cpu_supports("avx512f")) {
        now = single ? loop_avx512_f32(&sink32) : loop_avx512_f64(&sink64);
        if (now > best) best = now;
    }
    return best;
}
#else
LOOP(loop_f32, float, 16, )
LOOP(loop_f64, double, 16, )

static double run_once(int element_bytes)
{
    static volatile float sink32;
    static volatile double sink64;
    return element_bytes == 4 ? loop_f32(&sink32) : loop_f64(&sink64);
}
#endif

double measure_peak(int element_bytes)
{
    static double known[2]; /* by element size */
    double *best = &known[element_bytes == 8];
    if (*best > 0) return *best;
    for (int i = 0; i < REPEATS; i++) {
        double now = run_once(element_bytes);
        if (now > *best) *best = now;
    }
    return *best;
}
