/* SPDX-License-Identifier: Apache-2.0 */
/* One step of an LSTM behind its matrix products, rows of H elements; gates [rows, 4H] in the order i, f, g, o.
 *
 * forward: i, f, o = sigmoid, g = tanh (in place); c = f c' + i g; h = o tanh(c). c' NULL: 0.
 * backward: dh = carry_h + dh; dc = carry_c + dh o (1 - tanh(c)^2); carry_c = dc f, and the gradients in front of
 * the four functions.
 */
#include "compute/simd/sigmoid.h"

#define INLINE static inline __attribute__((always_inline))

/* The n <= LANES elements at p; whole vectors as such. */
INLINE vec take(const real *p, int64_t n)
{
    return n == LANES ? vload(p) : vload_part(p, n, 0);
}
INLINE void put(real *p, vec v, int64_t n)
{
    if (n == LANES)
        vstore(p, v);
    else
        vstore_part(p, v, n);
}

INLINE void forward_lanes(int64_t n, int64_t h, const real *before, real *gates, real *c, real *y)
{
    vec i = vsigmoid(take(gates, n)), f = vsigmoid(take(gates + h, n));
    vec g = vtanh(take(gates + 2 * h, n)), o = vsigmoid(take(gates + 3 * h, n));
    vec state = before ? f * take(before, n) + i * g : i * g;
    put(gates, i, n);
    put(gates + h, f, n);
    put(gates + 2 * h, g, n);
    put(gates + 3 * h, o, n);
    put(c, state, n);
    put(y, o * vtanh(state), n);
}

void KDST__KERNEL(lstm_forward)(int64_t rows, int64_t h, const real *before, real *gates, real *c, real *y)
{
    for (int64_t r = 0; r < rows; r++, gates += 4 * h, c += h, y += h) {
        int64_t k = 0;
        for (; k + LANES <= h; k += LANES)
            forward_lanes(LANES, h, before ? before + k : 0, gates + k, c + k, y + k);
        if (k < h) forward_lanes(h - k, h, before ? before + k : 0, gates + k, c + k, y + k);
        if (before) before += h;
    }
}

INLINE void backward_lanes(
    int64_t n, int64_t h, const real *before, const real *gates, const real *c, const real *dh, const real *carry_h,
    real *carry_c, real *dgates)
{
    vec i = take(gates, n), f = take(gates + h, n), g = take(gates + 2 * h, n), o = take(gates + 3 * h, n);
    vec t = vtanh(take(c, n)), dy = take(dh, n) + take(carry_h, n);
    vec dc = take(carry_c, n) + dy * o * (1 - t * t), old = before ? take(before, n) : vsplat(0);
    put(dgates, dc * g * i * (1 - i), n);
    put(dgates + h, dc * old * f * (1 - f), n);
    put(dgates + 2 * h, dc * i * (1 - g * g), n);
    put(dgates + 3 * h, dy * t * o * (1 - o), n);
    put(carry_c, dc * f, n);
}

void KDST__KERNEL(lstm_backward)(
    int64_t rows, int64_t h, const real *before, const real *gates, const real *c, const real *dh, const real *carry_h,
    real *carry_c, real *dgates)
{
    for (int64_t r = 0; r < rows; r++, gates += 4 * h, c += h, dh += h, carry_h += h, carry_c += h, dgates += 4 * h) {
        int64_t k = 0;
        for (; k + LANES <= h; k += LANES)
            backward_lanes(
                LANES, h, before ? before + k : 0, gates + k, c + k, dh + k, carry_h + k, carry_c + k, dgates + k);
        if (k < h)
            backward_lanes(
                h - k, h, before ? before + k : 0, gates + k, c + k, dh + k, carry_h + k, carry_c + k, dgates + k);
        if (before) before += h;
    }
}
