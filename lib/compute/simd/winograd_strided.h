/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms of 3 x 3 convolution of stride 2 by phases, each on vectors. In one dimension
 *
 *     y[i] = w0 x[2i] + w2 x[2i + 2]  +  w1 x[2i + 1]
 *
 * is a filter of two taps and stride 1 on the even places, F(4, 2) on the points 0, a, -a, b and infinity (Winograd 1980, Toom and
 * Cook's construction), and one tap on the odd ones, which is multiplied as it is: nine products for four results, where the
 * definition has twelve, and 81 for 144 in both dimensions. The gradient of the source has the same two halves,
 *
 *     dx[2i] = w2 dy[i - 1] + w0 dy[i]        dx[2i + 1] = w1 dy[i],
 *
 * here side by side instead of added up. So a row of points is the five of F(4, 2) and four plain places, and the plain ones have the
 * same weights: u has six rows and columns, the last for w1.
 *
 * a = 3/4 and b = 3/2: 1 % of what is allowed for the error, and B^T and A^T are exact in float.
 */
#ifndef KDST_COMPUTE_SIMD_WINOGRAD_STRIDED_H
#define KDST_COMPUTE_SIMD_WINOGRAD_STRIDED_H

#include "compute/simd/winograd.h"

#define SIDE 9
#define A1 0.75
#define A2 (A1 * A1)
#define B1 1.5
/* 1 / prod_{l != k} (p_k - p_l) */
#define PART_ZERO REAL(1 / (A2 * B1))
#define PART_PLUS REAL(1 / (2 * A2 * (A1 - B1)))
#define PART_MINUS REAL(1 / (-2 * A2 * (A1 + B1)))
#define PART_FAR REAL(1 / (B1 * (B1 * B1 - A2)))

/* Vectors at the five points. */
typedef struct five {
    vec zero, plus, minus, far, infinite;
} five;

ALWAYS void store_five(five s, int64_t apart, real *out)
{
    *(vec *)out = s.zero;
    *(vec *)(out + apart) = s.plus;
    *(vec *)(out + 2 * apart) = s.minus;
    *(vec *)(out + 3 * apart) = s.far;
    *(vec *)(out + 4 * apart) = s.infinite;
}

/* ---- source, B^T: 9 x 9 places (every = 2) or 5 x 5 (every = 1) ---- */

ALWAYS vec less_far(vec d, vec before)
{
    return d - REAL(B1) * before;
}

/* Places 0 … 4 of the two-tap filter. */
ALWAYS five to_five(vec d0, vec d1, vec d2, vec d3, vec d4)
{
    vec e0 = less_far(d1, d0), e1 = less_far(d2, d1), e2 = less_far(d3, d2), e3 = less_far(d4, d3);
    return (five){e2 - REAL(A2) * e0, e2 + REAL(A1) * e1, e2 - REAL(A1) * e1, d3 - REAL(A2) * d1, e3 - REAL(A2) * e1};
}

/* One row of points: those of the filter, and the places as they are from number `plain` on. */
ALWAYS void store_row(int every, int plain, const vec *s, int64_t apart, real *out)
{
    store_five(to_five(s[0], s[every], s[2 * every], s[3 * every], s[4 * every]), apart, out);
    for (int k = 0; k < 4; k++)
        *(vec *)(out + (5 + k) * apart) = s[plain + k * every];
}

/* A vector of a column, `row` floats from place to place of the filter. */
ALWAYS vec place(const real *d, int64_t row, int place)
{
    return vload(d + place * row);
}

/* Without putting anything aside but a row. `plain` as above, by dimension; `down` goes from row to row of the image. */
ALWAYS void
strided_source(int every, int64_t plain_row, int plain, const real *d, int64_t down, int64_t apart, real *out)
{
    const int64_t row = every * down, line = SIDE * apart;
    const int width = 4 * every + 1;
    vec s[9], t[9];
    for (int j = 0; j < width; j++)
        s[j] = less_far(place(d + j * LANES, row, 3), place(d + j * LANES, row, 2)) -
            REAL(A2) * less_far(place(d + j * LANES, row, 1), place(d + j * LANES, row, 0));
    store_row(every, plain, s, apart, out);
    for (int j = 0; j < width; j++) {
        vec e1 = less_far(place(d + j * LANES, row, 2), place(d + j * LANES, row, 1));
        vec e2 = less_far(place(d + j * LANES, row, 3), place(d + j * LANES, row, 2));
        s[j] = e2 + REAL(A1) * e1;
        t[j] = e2 - REAL(A1) * e1;
    }
    store_row(every, plain, s, apart, out + line);
    store_row(every, plain, t, apart, out + 2 * line);
    for (int j = 0; j < width; j++)
        s[j] = place(d + j * LANES, row, 3) - REAL(A2) * place(d + j * LANES, row, 1);
    store_row(every, plain, s, apart, out + 3 * line);
    for (int j = 0; j < width; j++)
        s[j] = less_far(place(d + j * LANES, row, 4), place(d + j * LANES, row, 3)) -
            REAL(A2) * less_far(place(d + j * LANES, row, 2), place(d + j * LANES, row, 1));
    store_row(every, plain, s, apart, out + 4 * line);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < width; j++)
            s[j] = vload(d + plain_row * down + i * row + j * LANES);
        store_row(every, plain, s, apart, out + (5 + i) * line);
    }
}

/* ---- weights, G and its transposed ---- */

ALWAYS five weights_five(vec first, vec last)
{
    return (five){
        PART_ZERO * first, PART_PLUS * (first + REAL(A1) * last), PART_MINUS * (first - REAL(A1) * last),
        PART_FAR * (first + REAL(B1) * last), last};
}

/* 3 x 3 taps to 6 x 6 points. */
ALWAYS void strided_weights(const vec *w, int64_t apart, real *out)
{
    vec half[POINTS * 3];
    for (int j = 0; j < 3; j++) {
        five s = weights_five(w[j], w[6 + j]);
        half[j] = s.zero;
        half[3 + j] = s.plus;
        half[6 + j] = s.minus;
        half[9 + j] = s.far;
        half[12 + j] = s.infinite;
        half[15 + j] = w[3 + j];
    }
    for (int i = 0; i < POINTS; i++) {
        const vec *h = half + i * 3;
        real *to = out + i * POINTS * apart;
        store_five(weights_five(h[0], h[2]), apart, to);
        *(vec *)(to + 5 * apart) = h[1];
    }
}

ALWAYS void taps_of_six(const vec *m, int64_t apart, vec *out, int64_t out_apart)
{
    const vec zero = PART_ZERO * m[0], plus = PART_PLUS * m[apart], minus = PART_MINUS * m[2 * apart];
    const vec far = PART_FAR * m[3 * apart];
    out[0] = zero + (plus + minus) + far;
    out[out_apart] = m[5 * apart];
    out[2 * out_apart] = REAL(A1) * (plus - minus) + REAL(B1) * far + m[4 * apart];
}

/* 6 x 6 points to 3 x 3 taps. */
ALWAYS void strided_taps(const vec *m, vec *out)
{
    vec half[3 * POINTS];
    for (int j = 0; j < POINTS; j++)
        taps_of_six(m + j, POINTS, half + j, POINTS);
    for (int i = 0; i < 3; i++)
        taps_of_six(half + i * POINTS, 1, out + i * 3, 1);
}

/* ---- results, A^T and its transposed ---- */

typedef struct four {
    vec at[4];
} four;

/* Coefficients of F(4, 2). */
ALWAYS four from_five(five m)
{
    vec sum = m.plus + m.minus, difference = m.plus - m.minus;
    return (four){
        {m.zero + sum + m.far, REAL(A1) * difference + REAL(B1) * m.far, REAL(A2) * sum + REAL(B1 * B1) * m.far,
         REAL(A1 * A2) * difference + (REAL(B1 * B1 * B1) * m.far + m.infinite)}};
}

ALWAYS four from_memory(const real *m, int64_t apart)
{
    return from_five((five){
        *(const vec *)m, *(const vec *)(m + apart), *(const vec *)(m + 2 * apart), *(const vec *)(m + 3 * apart),
        *(const vec *)(m + 4 * apart)});
}

/* 9 x 9 products to 4 x 4 results, where both halves are added. */
ALWAYS void strided_results(const real *m, int64_t apart, vec *out)
{
    vec half[4 * SIDE];
    for (int j = 0; j < SIDE; j++) {
        four y = from_memory(m + j * apart, SIDE * apart);
        for (int i = 0; i < 4; i++)
            half[i * SIDE + j] = y.at[i] + *(const vec *)(m + ((5 + i) * SIDE + j) * apart);
    }
    for (int i = 0; i < 4; i++) {
        const vec *h = half + i * SIDE;
        four y = from_five((five){h[0], h[1], h[2], h[3], h[4]});
        for (int j = 0; j < 4; j++)
            out[i * 4 + j] = y.at[j] + h[5 + j];
    }
}

/* To 8 x 8 results by turns from one half and the other. */
ALWAYS void spread_results(const int64_t *odd_first, const real *m, int64_t apart, vec *out)
{
    vec half[4 * SIDE];
    for (int j = 0; j < SIDE; j++) {
        four y = from_memory(m + j * apart, SIDE * apart);
        for (int i = 0; i < 4; i++)
            half[i * SIDE + j] = y.at[i];
    }
    for (int i = 0; i < 4; i++) {
        const vec *h = half + i * SIDE;
        vec *even = out + (2 * i + odd_first[0]) * 8, *odd = out + (2 * i + 1 - odd_first[0]) * 8;
        four y = from_five((five){h[0], h[1], h[2], h[3], h[4]});
        four z = from_memory(m + (5 + i) * SIDE * apart, apart);
        for (int j = 0; j < 4; j++) {
            even[2 * j + odd_first[1]] = y.at[j];
            even[2 * j + 1 - odd_first[1]] = h[5 + j];
            odd[2 * j + odd_first[1]] = z.at[j];
            odd[2 * j + 1 - odd_first[1]] = *(const vec *)(m + ((5 + i) * SIDE + 5 + j) * apart);
        }
    }
}

ALWAYS five values_at_five(vec g0, vec g1, vec g2, vec g3)
{
    vec even = g0 + REAL(A2) * g2, odd = g1 + REAL(A2) * g3;
    vec far = g0 + REAL(B1) * (g1 + REAL(B1) * (g2 + REAL(B1) * g3));
    return (five){g0, even + REAL(A1) * odd, even - REAL(A1) * odd, far, g3};
}

ALWAYS void store_targets(const vec *g, int64_t apart, real *out)
{
    store_five(values_at_five(g[0], g[1], g[2], g[3]), apart, out);
    for (int k = 0; k < 4; k++)
        *(vec *)(out + (5 + k) * apart) = g[k];
}

/* 4 x 4 gradients of results to 9 x 9 points. */
ALWAYS void strided_targets(const vec *g, int64_t apart, real *out)
{
    vec half[5 * 4];
    for (int j = 0; j < 4; j++) {
        five s = values_at_five(g[j], g[4 + j], g[8 + j], g[12 + j]);
        half[j] = s.zero;
        half[4 + j] = s.plus;
        half[8 + j] = s.minus;
        half[12 + j] = s.far;
        half[16 + j] = s.infinite;
    }
    for (int i = 0; i < 5; i++)
        store_targets(half + i * 4, apart, out + i * SIDE * apart);
    for (int i = 0; i < 4; i++)
        store_targets(g + i * 4, apart, out + (5 + i) * SIDE * apart);
}

#endif
