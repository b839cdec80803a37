/* SPDX-License-Identifier: Apache-2.0 */
/* Body of kernels/conv_depthwise.c's tiles: TILE names it, EACH_PLACE(R) writes R(0) R(1) … for places of one row of the result.
 *
 * place k: bias + sum over rows r and taps t of weights[r][tap[t]] source[r][offset[t] + k step], `out` places apart in y. No include
 * guard: it is included once for each number of places.
 */
#define BEGIN(k) vec a##k = bias;
#define STEP(k) a##k += f * vload(x + (k) * step * LANES);
#define ACT(k) a##k = activated(a##k, top);
#define ADD(k) a##k += vload(y + (k) * out * LANES);
#define STORE(k) vstore(y + (k) * out * LANES, a##k);

INLINE void TILE(lines l, taps t, vec bias, int64_t at, int64_t step, int activation, int add, int64_t out, real *y)
{
    EACH_PLACE(BEGIN)
    for (int64_t r = 0; r < l.count; r++) {
        const real *from = l.source[r] + at * LANES, *w = l.weights[r];
        for (int64_t j = 0; j < t.count; j++) {
            const real *x = from + t.offset[j] * LANES;
            const vec f = vload(w + t.tap[j] * LANES);
            EACH_PLACE(STEP)
        }
    }
    if (activation) {
        const vec top = activation_top(activation);
        EACH_PLACE(ACT)
    }
    if (add) {
        EACH_PLACE(ADD)
    }
    EACH_PLACE(STORE)
}

#undef BEGIN
#undef STEP
#undef ACT
#undef ADD
#undef STORE
