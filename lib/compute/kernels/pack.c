/* SPDX-License-Identifier: Apache-2.0 */
/* Packing of a matrix of any strides into panels: out[p width + i] is element (i, p), i < count; zeros fill up to `width`. */
#include "compute/simd/transpose.h"

static void clear_rest(int64_t count, int64_t width, int64_t k, real *out)
{
    if (count == width) return;
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = count; i < width; i++)
            out[p * width + i] = 0;
}

/* Rows that are contiguous in i; the last four overlap those before. */
static void pack_rows(int64_t count, int64_t width, int64_t k, const real *x, int64_t sk, real *out)
{
    if (count == 2 * LANES)
        for (int64_t p = 0; p < k; p++, x += sk, out += width) {
            vstore(out, vload(x));
            vstore(out + LANES, vload(x + LANES));
        }
    else if (count >= 4)
        for (int64_t p = 0; p < k; p++, x += sk, out += width) {
            for (int64_t i = 0; i + 4 < count; i += 4)
                *(quad *)(out + i) = *(const quad *)(x + i);
            *(quad *)(out + count - 4) = *(const quad *)(x + count - 4);
        }
    else
        for (int64_t p = 0; p < k; p++, x += sk, out += width)
            for (int64_t i = 0; i < count; i++)
                out[i] = x[i];
}

/* LANES rows that are contiguous in p. */
static void pack_lanes(int64_t width, int64_t k, const real *x, int64_t si, real *out)
{
    int64_t p = 0;
    for (; p + LANES <= k; p += LANES)
        transpose_square(x + p, si, width, out + p * width);
    for (int64_t i = 0; i + 4 <= LANES && p < k; i += 4)
        transpose_four(
            x + i * si + p, x + (i + 1) * si + p, x + (i + 2) * si + p, x + (i + 3) * si + p, k - p, width,
            out + p * width + i);
    for (int64_t i = LANES & ~(int64_t)3; i < LANES; i++)
        for (int64_t q = p; q < k; q++)
            out[q * width + i] = x[i * si + q];
}

void KDST__KERNEL(pack_strided)(
    int64_t count, int64_t width, int64_t k, const real *x, int64_t si, int64_t sk, real *out)
{
    clear_rest(count, width, k, out);
    if (si == 1) {
        pack_rows(count, width, k, x, sk, out);
        return;
    }
    int64_t i = 0;
    if (sk == 1) {
        for (; i + LANES <= count; i += LANES)
            pack_lanes(width, k, x + i * si, si, out + i);
        for (; i + 4 <= count; i += 4)
            transpose_four(x + i * si, x + (i + 1) * si, x + (i + 2) * si, x + (i + 3) * si, k, width, out + i);
    }
    for (; i < count; i++)
        for (int64_t p = 0; p < k; p++)
            out[p * width + i] = x[i * si + p * sk];
}
