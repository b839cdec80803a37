/* SPDX-License-Identifier: Apache-2.0 */
/* Panels of products: out[p width + i] is element (i, p) of the operand for i < count, and 0 from there to the width. */
#include "support.h"

static void check_strided(int64_t count, int64_t width, int64_t k, int64_t si, int64_t sk, int before)
{
    char what[96];
    int64_t extent = count && k ? (count - 1) * si + (k - 1) * sk + 1 : 0;
    array *x = before ? early_array(extent, 1) : random_array(extent, 1), *out = filled_array(k * width, NAN);
    double *expected = numbers(k * width);
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = 0; i < count; i++)
            expected[p * width + i] = x->values[i * si + p * sk];
    KDST__CALL(cp, dtype, pack_strided, count, width, k, x->data, si, sk, out->data);
    snprintf(
        what, sizeof what, "%lld of %lld by %lld, strides %lld %lld", (long long)count, (long long)width, (long long)k,
        (long long)si, (long long)sk);
    expect_equal(out, expected, what);
    drop_arrays();
}

START_TEST(strided)
{
    begin(_i);
    const int64_t widths[] = {4, 6, 2 * lanes, 14, 8, 1}, depths[] = {0, 1, 3, 4, 5, lanes, 2 * lanes + 3};
    for (int w = 0; w < 6; w++)
        for (int d = 0; d < 7; d++)
            for (int64_t count = 0; count <= widths[w]; count += count + 6 < widths[w] ? 3 : 1) {
                int64_t k = depths[d];
                check_strided(count, widths[w], k, 1, count, 0);
                check_strided(count, widths[w], k, 1, count + 3, 1);
                check_strided(count, widths[w], k, k, 1, 1);
                check_strided(count, widths[w], k, k + 2, 1, 0);
                check_strided(count, widths[w], k, 2 * k + 1, 2, 0);
            }
}
END_TEST

/* Windows of an image: row (c, t), column (n, i, j). */
typedef struct image {
    int64_t n, kh, kw;
    kdst__windows w;
    int64_t offset[32];
    array *x;
} image;

static image make_image(int64_t n, int64_t c, int64_t h, int64_t w, int64_t kh, int64_t kw, int64_t step, int before)
{
    image m = {.n = n, .kh = kh, .kw = kw};
    m.w = (kdst__windows){
        .c = c,
        .h = h,
        .w = w,
        .taps = kh * kw,
        .i = (h - kh) / step + 1,
        .j = (w - kw) / step + 1,
        .step = {step, step},
        .total = n * c * h * w};
    for (int64_t t = 0; t < kh * kw; t++)
        m.offset[t] = t / kw * w + t % kw;
    m.x = before ? early_array(m.w.total, 2) : random_array(m.w.total, 2);
    return m;
}

/* Element (row, column) of the matrix of windows. */
static double window_element(const image *m, int64_t row, int64_t column)
{
    int64_t j = column % m->w.j, i = column / m->w.j % m->w.i, n = column / m->w.j / m->w.i;
    int64_t c = row / m->w.taps, t = row % m->w.taps;
    int64_t h = i * m->w.step[0] + t / m->kw, w = j * m->w.step[1] + t % m->kw;
    return m->x->values[((n * m->w.c + c) * m->w.h + h) * m->w.w + w];
}

/* `transposed`: panels along rows, over columns k0 …; else the other way round. What lies behind the panel is slack, which may
 * be written to, as products provide it. */
static void
check_windows(const image *m, int transposed, int64_t k0, int64_t k, int64_t j0, int64_t count, int64_t width)
{
    char what[96];
    int64_t slack = KDST__PANEL_SLACK / (int64_t)kdst__size_of(dtype);
    array *out = filled_array(k * width + slack, NAN);
    double *expected = numbers(k * width);
    kdst__windows w = m->w;
    w.offset = m->offset;
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = 0; i < count; i++)
            expected[p * width + i] =
                transposed ? window_element(m, j0 + i, k0 + p) : window_element(m, k0 + p, j0 + i);
    if (transposed)
        KDST__CALL(cp, dtype, pack_windows_transposed, &w, k0, k, j0, count, width, m->x->data, out->data);
    else
        KDST__CALL(cp, dtype, pack_windows, &w, k0, k, j0, count, width, m->x->data, out->data);
    out->count = k * width;
    snprintf(
        what, sizeof what, "%s, depth %lld + %lld, %lld + %lld of %lld", transposed ? "transposed" : "windows",
        (long long)k0, (long long)k, (long long)j0, (long long)count, (long long)width);
    expect_equal(out, expected, what);
    drop_arrays_but(1); /* the image */
}

START_TEST(windows)
{
    begin(_i);
    static const int64_t shapes[][7] = {
        /* n, c, h, w, kh, kw, step */
        {1, 1, 1, 1, 1, 1, 1},  {2, 3, 5, 7, 3, 3, 1}, {1, 2, 4, 40, 1, 5, 1}, {3, 2, 6, 6, 2, 2, 2},
        {2, 1, 9, 11, 3, 3, 3}, {1, 4, 8, 8, 1, 1, 1}, {2, 2, 7, 70, 5, 5, 1}, {4, 3, 3, 3, 3, 3, 1},
    };
    for (int s = 0; s < 8; s++)
        for (int before = 0; before < 2; before++) {
            const int64_t *d = shapes[s];
            image m = make_image(d[0], d[1], d[2], d[3], d[4], d[5], d[6], before);
            int64_t rows = m.w.c * m.w.taps, columns = m.n * m.w.i * m.w.j;
            const int64_t widths[] = {6, 14, 2 * lanes};
            for (int v = 0; v < 3; v++)
                for (int transposed = 0; transposed < 2; transposed++) {
                    int64_t wide = transposed ? rows : columns, deep = transposed ? columns : rows, width = widths[v];
                    int64_t step = wide > 200 ? wide / 7 : 1; /* every start of a panel, or some */
                    for (int64_t j0 = 0; j0 < wide; j0 += step) {
                        int64_t count = wide - j0 < width ? wide - j0 : width;
                        check_windows(&m, transposed, 0, deep, j0, count, width);
                        check_windows(&m, transposed, deep / 2, deep - deep / 2, j0, (count + 1) / 2, width);
                        check_windows(&m, transposed, deep / 3, 1, j0, count, width);
                    }
                }
            drop_arrays();
        }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, strided, 0, configurations());
    tcase_add_loop_test(tests, windows, 0, configurations());
}

int main(void)
{
    return run_compute_suite("pack", build);
}
