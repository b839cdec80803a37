/* SPDX-License-Identifier: Apache-2.0 */
/* Packing of operands into panels: out[p width + i] is element (i, p), i < count; zeros fill up to `width`.
 *
 * strided: any matrix. windows: the windows of an image (kernels.h), panels along positions (forward) or along
 * (channel, tap) rows (gradient of the weights). The image is never unfolded in memory.
 */
#include "compute/simd/vector.h"

#include <string.h>

typedef real quad __attribute__((vector_size(4 * sizeof(real)), may_alias, aligned(sizeof(real))));

static void clear_rest(int64_t count, int64_t width, int64_t k, real *out)
{
    if (count == width) return;
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = count; i < width; i++)
            out[p * width + i] = 0;
}

/* Four columns that are contiguous in p, four p at a time: a 4 x 4 transposition in registers. */
static void pack_four(int64_t width, int64_t k, const real *x, int64_t si, real *out)
{
    int64_t p = 0;
    for (; p + 4 <= k; p += 4, out += 4 * width) {
        quad a = *(const quad *)(x + p), b = *(const quad *)(x + si + p);
        quad c = *(const quad *)(x + 2 * si + p), d = *(const quad *)(x + 3 * si + p);
        quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        *(quad *)out = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *(quad *)(out + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        ab = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        *(quad *)(out + 2 * width) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *(quad *)(out + 3 * width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    }
    for (; p < k; p++, out += width)
        for (int64_t i = 0; i < 4; i++)
            out[i] = x[i * si + p];
}

/* Rows that are contiguous in i. */
static void pack_rows(int64_t count, int64_t width, int64_t k, const real *x, int64_t sk, real *out)
{
    if (count == 2 * LANES)
        for (int64_t p = 0; p < k; p++, x += sk, out += width) {
            vstore(out, vload(x));
            vstore(out + LANES, vload(x + LANES));
        }
    else
        for (int64_t p = 0; p < k; p++, x += sk, out += width)
            for (int64_t i = 0; i < count; i++)
                out[i] = x[i];
}

void KDST__KERNEL(pack_strided)(int64_t count, int64_t width, int64_t k, const real *x, int64_t si, int64_t sk, real *out)
{
    clear_rest(count, width, k, out);
    if (si == 1) {
        pack_rows(count, width, k, x, sk, out);
        return;
    }
    int64_t i = 0;
    if (sk == 1)
        for (; i + 4 <= count; i += 4)
            pack_four(width, k, x + i * si, si, out + i);
    for (; i < count; i++)
        for (int64_t p = 0; p < k; p++)
            out[p * width + i] = x[i * si + p * sk];
}

/* Positions j, j + 1, … of one row of windows that begin left of the image, inside, and right of it. */
static void clip(int64_t size, int64_t step, int64_t at, int64_t count, int64_t *begin, int64_t *end)
{
    *begin = at >= 0 ? 0 : (-at + step - 1) / step;
    *end = at >= size ? 0 : (size - 1 - at) / step + 1;
    if (*begin > count) *begin = count;
    if (*end > count) *end = count;
    if (*end < *begin) *end = *begin;
}

static void pack_run(int64_t count, int64_t step, int64_t size, int64_t at, const real *row, real *out)
{
    int64_t begin, end;
    clip(size, step, at, count, &begin, &end);
    for (int64_t i = 0; i < begin; i++)
        out[i] = 0;
    if (step == 1)
        for (int64_t i = begin; i < end; i++)
            out[i] = row[at + i];
    else
        for (int64_t i = begin; i < end; i++)
            out[i] = row[at + i * step];
    for (int64_t i = end; i < count; i++)
        out[i] = 0;
}

void KDST__KERNEL(pack_windows)(
    const kdst__windows *w, int64_t k0, int64_t k, int64_t j0, int64_t count, int64_t width, const real *x, real *out)
{
    clear_rest(count, width, k, out);
    for (int64_t column = 0; column < count;) {
        int64_t position = j0 + column, j = position % w->j, i = position / w->j % w->i, n = position / w->j / w->i;
        int64_t run = w->j - j < count - column ? w->j - j : count - column;
        int64_t channel = k0 / w->taps, tap = k0 % w->taps;
        const real *image = x + (n * w->c + channel) * w->h * w->w;
        real *to = out + column;
        for (int64_t p = 0; p < k; p++, to += width) {
            int64_t h = i * w->step[0] + w->dh[tap];
            if (h >= 0 && h < w->h)
                pack_run(run, w->step[1], w->w, j * w->step[1] + w->dw[tap], image + h * w->w, to);
            else
                for (int64_t z = 0; z < run; z++)
                    to[z] = 0;
            if (++tap == w->taps) {
                tap = 0;
                image += w->h * w->w;
            }
        }
        column += run;
    }
}

/* Panel of rows (channel, tap) j0 …, over positions k0 …. */
void KDST__KERNEL(pack_windows_transposed)(
    const kdst__windows *w, int64_t k0, int64_t k, int64_t j0, int64_t count, int64_t width, const real *x, real *out)
{
    clear_rest(count, width, k, out);
    for (int64_t done = 0; done < k;) {
        int64_t position = k0 + done, j = position % w->j, i = position / w->j % w->i, n = position / w->j / w->i;
        int64_t run = w->j - j < k - done ? w->j - j : k - done;
        real *to = out + done * width;
        for (int64_t column = 0; column < count; column++) {
            int64_t tap = (j0 + column) % w->taps, channel = (j0 + column) / w->taps, begin = 0, end = 0;
            int64_t h = i * w->step[0] + w->dh[tap], at = j * w->step[1] + w->dw[tap];
            if (h >= 0 && h < w->h) clip(w->w, w->step[1], at, run, &begin, &end);
            const real *row = x + ((n * w->c + channel) * w->h + h) * w->w + at;
            for (int64_t p = 0; p < begin; p++)
                to[p * width + column] = 0;
            for (int64_t p = begin; p < end; p++)
                to[p * width + column] = row[p * w->step[1]];
            for (int64_t p = end; p < run; p++)
                to[p * width + column] = 0;
        }
        done += run;
    }
}
