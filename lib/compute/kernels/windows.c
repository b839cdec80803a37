/* SPDX-License-Identifier: Apache-2.0 */
/* Packing of image windows (kernels.h) into panels, the image never unfolded in memory.
 *
 * forward: a panel holds `count` positions side by side, one row for each (channel, tap). Positions of one output row lie together in the
 * image, so a row of the panel is a few runs, the same ones for every (channel, tap) but for an offset. Runs are copied by
 * whole vectors, which write into the next run before it is copied; only the last row of a panel is copied exactly.
 * transposed (gradient of the weights): a panel holds `count` rows (channel, tap) side by side, one row for each position.
 */
#include "compute/simd/transpose.h"

#define WIDEST 64 /* positions that are packed at once */

typedef struct run {
    int64_t from, column, count;
} run;

/* Runs of the positions j0 … j0 + count - 1; neighbours in the image are joined. */
static int64_t find_runs(const kdst__windows *w, int64_t j0, int64_t count, run *out)
{
    int64_t runs = 0, j = j0 % w->j, i = j0 / w->j % w->i, n = j0 / w->j / w->i;
    for (int64_t column = 0; column < count; j = 0) {
        int64_t length = w->j - j < count - column ? w->j - j : count - column;
        int64_t from = n * w->c * w->h * w->w + i * w->step[0] * w->w + j * w->step[1];
        if (runs && w->step[1] == 1 && out[runs - 1].from + out[runs - 1].count == from)
            out[runs - 1].count += length;
        else
            out[runs++] = (run){from, column, length};
        column += length;
        if (++i == w->i) i = 0, n++;
    }
    return runs;
}

static void copy_exactly(int64_t runs, const run *r, int64_t step, const real *x, real *out)
{
    for (int64_t s = 0; s < runs; s++)
        for (int64_t z = 0; z < r[s].count; z++)
            out[r[s].column + z] = x[r[s].from + z * step];
}

/* Rows of the panel from (channel, tap) number k0 on; `whole`: vectors may run over the ends of runs. */
static void pack_rows(
    const kdst__windows *w, int64_t k0, int64_t k, int64_t runs, const run *r, int whole, int64_t width, const real *x,
    real *out)
{
    int64_t tap = k0 % w->taps;
    const real *plane = x + k0 / w->taps * w->h * w->w;
    for (int64_t p = 0; p < k; p++, out += width) {
        const real *at = plane + w->offset[tap];
        if (whole && p + 1 < k)
            for (int64_t s = 0; s < runs; s++)
                for (int64_t z = 0; z < r[s].count; z += LANES)
                    vstore(out + r[s].column + z, vload(at + r[s].from + z));
        else
            copy_exactly(runs, r, w->step[1], at, out);
        if (++tap == w->taps) tap = 0, plane += w->h * w->w;
    }
}

void KDST__KERNEL(pack_windows)(
    const kdst__windows *w, int64_t k0, int64_t k, int64_t j0, int64_t count, int64_t width, const real *x, real *out)
{
    run runs[WIDEST];
    int64_t furthest = 0, last = (k0 + k - 1) / w->taps;
    for (int64_t t = 0; t < w->taps; t++)
        furthest = w->offset[t] > furthest ? w->offset[t] : furthest;
    for (int64_t done = 0; done < count; done += WIDEST) {
        int64_t here = count - done < WIDEST ? count - done : WIDEST;
        int64_t n = find_runs(w, j0 + done, here, runs), end = runs[n - 1].from + runs[n - 1].count + LANES;
        int whole = w->step[1] == 1 && here == count && last * w->h * w->w + furthest + end <= w->total;
        pack_rows(w, k0, k, n, runs, whole, width, x, out + done);
    }
    for (int64_t p = 0; p < k && count < width; p++)
        for (int64_t i = count; i < width; i++)
            out[p * width + i] = 0;
}

/* One run of positions: `columns` columns from (channel, tap) number j0 on. */
static void pack_columns(
    const kdst__windows *w, int64_t positions, int64_t j0, int64_t columns, int64_t width, const real *x, real *out)
{
    const real *row[4];
    for (int64_t column = 0, part; column < columns; column += part) {
        part = columns - column < 4 ? columns - column : 4;
        for (int64_t i = 0; i < part; i++)
            row[i] = x + (j0 + column + i) / w->taps * w->h * w->w + w->offset[(j0 + column + i) % w->taps];
        if (part == 4 && w->step[1] == 1)
            transpose_four(row[0], row[1], row[2], row[3], positions, width, out + column);
        else
            for (int64_t i = 0; i < part; i++)
                for (int64_t p = 0; p < positions; p++)
                    out[p * width + column + i] = row[i][p * w->step[1]];
    }
}

void KDST__KERNEL(pack_windows_transposed)(
    const kdst__windows *w, int64_t k0, int64_t k, int64_t j0, int64_t count, int64_t width, const real *x, real *out)
{
    int64_t j = k0 % w->j, i = k0 / w->j % w->i, n = k0 / w->j / w->i;
    for (int64_t done = 0; done < k; j = 0) {
        int64_t positions = w->j - j < k - done ? w->j - j : k - done;
        const real *from = x + n * w->c * w->h * w->w + i * w->step[0] * w->w + j * w->step[1];
        pack_columns(w, positions, j0, count, width, from, out + done * width);
        done += positions;
        if (++i == w->i) i = 0, n++;
    }
    for (int64_t p = 0; p < k && count < width; p++)
        for (int64_t z = count; z < width; z++)
            out[p * width + z] = 0;
}
