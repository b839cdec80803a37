/* SPDX-License-Identifier: Apache-2.0 */
/* Products with one factor read in place: numbers of rows and columns around a tile, blocks of k, all layouts, bias and relu at
 * the end, rows a page apart, threads, no memory. */
#include "compute/gemm.h"

#include "reference/reference.h"
#include "support.h"

enum { BY_ROWS, BY_COLUMNS, ROWS_APART, SPREAD, LAYOUTS };
enum { PLAIN, ADDED, BIAS, RELU, BIAS_RELU, TAILS };

typedef struct matrix {
    array *a;
    int64_t rs, cs;
} matrix;

static matrix make(int64_t rows, int64_t columns, int layout, int seed)
{
    matrix x = {
        .rs = layout == BY_COLUMNS ? 1
            : layout == BY_ROWS    ? columns
            : layout == ROWS_APART ? columns + 3
                                   : 2 * columns + 1};
    x.cs = layout == BY_COLUMNS ? rows : layout == SPREAD ? 2 : 1;
    int64_t count = (rows - 1) * x.rs + (columns - 1) * x.cs + 1;
    x.a = seed % 2 ? early_array(count, seed) : random_array(count, seed);
    return x;
}

static int taken(
    kdst__compute *with, int64_t m, int64_t n, int64_t k, const matrix *a, const matrix *b, const kdst__tail *tail,
    int32_t accumulate, matrix *c)
{
    kdst_status status = KDST_STATUS_OK;
    const kdst__product product = {
        .dtype = dtype,
        .accumulate = accumulate,
        .m = m,
        .n = n,
        .k = k,
        .a = {.kind = KDST__STRIDED, .data = a->a->data, .si = a->rs, .sp = a->cs},
        .b = {.kind = KDST__STRIDED, .data = b->a->data, .si = b->cs, .sp = b->rs},
        .c = c->a->data,
        .rs = c->rs,
        .i = 1,
        .j = n,
        .js = c->cs,
    };
    int is = kdst__gemm_skinny(with, &product, tail, &status);
    ck_assert_int_eq(status, KDST_STATUS_OK);
    return is;
}

/* What lies between the elements of C must stay, what was in them must not matter without accumulation. */
static void check(int64_t m, int64_t n, int64_t k, int la, int lb, int lc, int tail)
{
    char what[128];
    int seed = (int)(m + 3 * n + 7 * k + la + lb + lc + tail);
    matrix a = make(m, k, la, seed), b = make(k, n, lb, seed + 1), c = make(m, n, lc, seed + 2);
    array *bias = seed % 2 ? random_array(n, seed + 3) : early_array(n, seed + 3);
    const kdst__tail of = {tail == BIAS || tail == BIAS_RELU ? bias->data : NULL, tail == RELU || tail == BIAS_RELU};
    double *expected = values_of(c.a), *size = numbers(c.a->count);
    for (int64_t i = 0; i < m && tail != ADDED; i++)
        for (int64_t j = 0; j < n; j++) {
            expected[i * c.rs + j * c.cs] = of.bias ? bias->values[j] : 0;
            set_element(c.a, i * c.rs + j * c.cs, NAN);
        }
    reference_gemm(m, n, k, a.a->values, a.rs, a.cs, b.a->values, b.rs, b.cs, expected, c.rs, c.cs, size);
    for (int64_t i = 0; i < c.a->count; i++)
        size[i] = sum_bound(unit, (double)k + 1, size[i]);
    for (int64_t i = 0; i < m && of.relu; i++)
        for (int64_t j = 0; j < n; j++)
            expected[i * c.rs + j * c.cs] = fmax(expected[i * c.rs + j * c.cs], 0);
    ck_assert(taken(cp, m, n, k, &a, &b, &of, tail == ADDED, &c) || cp->plans[dtype - 1].blis);
    snprintf(
        what, sizeof what, "%lld x %lld x %lld, layouts %d %d %d, tail %d", (long long)m, (long long)n, (long long)k,
        la, lb, lc, tail);
    expect_within(c.a, expected, size, what);
    drop_arrays();
}

/* 0: BLIS multiplies at the baseline, so that there is nothing to test. */
static int begun(int number, int64_t *most, int64_t *depth)
{
    int64_t width;
    begin(number);
    KDST__CALL(cp, dtype, gemm_rows_sizes, most, &width, depth);
    ck_assert_int_eq(width, lanes);
    return !cp->plans[dtype - 1].blis || cp->level > 0;
}

START_TEST(sizes_around_the_tile)
{
    int64_t most, depth, w = 0;
    if (!begun(_i, &most, &depth)) return;
    w = lanes;
    const int64_t columns[] = {1,     w - 1 ? w - 1 : 3, w,     w + 1,     2 * w - 1,
                               2 * w, 2 * w + 1,         3 * w, 3 * w + 1, 4 * w + 1};
    for (int64_t rows = 1; rows <= 2 * most + 1; rows++)
        for (size_t j = 0; j < sizeof columns / sizeof *columns; j++)
            for (int tail = 0; tail < TAILS; tail++) {
                int64_t k = 1 + (rows + (int64_t)j + tail) % 9;
                check(rows, columns[j], k, BY_ROWS, BY_ROWS, BY_ROWS, tail);
                check(columns[j], rows, k, BY_ROWS, BY_COLUMNS, BY_ROWS, tail);
            }
}
END_TEST

START_TEST(all_layouts)
{
    int64_t most, depth;
    if (!begun(_i, &most, &depth)) return;
    const int64_t shapes[][3] = {
        {5, 7, 9}, {2 * most + 3, 4 * lanes + 5, 35}, {4 * lanes + 5, most + 1, 18}, {2, 37, 19}};
    for (int s = 0; s < 4; s++)
        for (int layout = 0; layout < LAYOUTS * LAYOUTS * LAYOUTS; layout++)
            for (int tail = 0; tail < TAILS; tail++)
                if (layout % LAYOUTS != SPREAD || layout / LAYOUTS % LAYOUTS != SPREAD)
                    check(
                        shapes[s][0], shapes[s][1], shapes[s][2], layout % LAYOUTS, layout / LAYOUTS % LAYOUTS,
                        layout / LAYOUTS / LAYOUTS, tail);
}
END_TEST

START_TEST(blocks_of_the_sum)
{
    int64_t most, depth;
    if (!begun(_i, &most, &depth)) return;
    const int64_t sums[] = {depth - 1, depth, depth + 1, 2 * depth + 3};
    for (int i = 0; i < 4; i++)
        for (int tail = 0; tail < TAILS; tail++) {
            check(most + 3, 2 * lanes + 1, sums[i], BY_ROWS, BY_COLUMNS, BY_ROWS, tail);
            check(2 * lanes + 1, most + 3, sums[i], BY_ROWS, BY_COLUMNS, BY_ROWS, tail);
            check(most + 3, 2 * lanes + 1, sums[i], BY_COLUMNS, BY_ROWS, BY_ROWS, tail);
            check(most + 3, 3 * lanes, sums[i], BY_COLUMNS, BY_ROWS, SPREAD, tail);
        }
}
END_TEST

/* Rows and columns of A that would share lines of the cache are copied. */
START_TEST(rows_a_page_apart)
{
    int64_t most, depth;
    if (!begun(_i, &most, &depth)) return;
    int64_t k = 4096 / (int64_t)kdst__size_of(dtype);
    for (int tail = 0; tail < TAILS; tail++) {
        check(9, 2 * lanes + 3, k, BY_ROWS, BY_ROWS, BY_ROWS, tail);
        check(2 * lanes + 3, 25, k, BY_ROWS, BY_COLUMNS, BY_ROWS, tail);
        check(k, 4 * lanes + 3, 20, BY_COLUMNS, BY_ROWS, BY_ROWS, tail);
    }
}
END_TEST

/* A NaN in a sum comes out, with relu too. */
START_TEST(nan_stays)
{
    int64_t most, depth;
    if (!begun(_i, &most, &depth)) return;
    matrix a = make(20, 6, BY_ROWS, 2), b = make(6, 50, BY_ROWS, 4), c = make(20, 50, BY_ROWS, 6);
    set_element(a.a, 7 * 6 + 3, NAN);
    ck_assert(taken(cp, 20, 50, 6, &a, &b, &(kdst__tail){.relu = 1}, 0, &c));
    for (int64_t i = 0; i < 20 * 50; i++)
        ck_assert(i / 50 == 7 ? isnan(element(c.a, i)) : element(c.a, i) >= 0);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    int64_t most, depth;
    if (!begun(_i, &most, &depth)) return;
    const int64_t shapes[][3] = {{128, 100, 196}, {10, 400, 128}, {20, 300, 200}, {100, 120, depth + 9}};
    static const int32_t threads[] = {1, 2, 7};
    for (int t = 0; t < 3; t++) {
        kdst__compute *other = with_threads(threads[t]);
        for (int s = 0; s < 4; s++)
            for (int lb = 0; lb < 2; lb++) {
                int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
                matrix a = make(m, k, BY_ROWS, 2), b = make(k, n, lb, 4);
                matrix x = make(m, n, BY_ROWS, 6), y = make(m, n, BY_ROWS, 6);
                ck_assert(taken(cp, m, n, k, &a, &b, &(kdst__tail){0}, 1, &x));
                ck_assert(taken(other, m, n, k, &a, &b, &(kdst__tail){0}, 1, &y));
                expect_same_bits(x.a, y.a, "threads");
                drop_arrays();
            }
    }
}
END_TEST

/* Neither factor fits. */
START_TEST(large_ones_are_left)
{
    begin(_i);
    kdst_status status = KDST_STATUS_OK;
    const kdst__product product = {
        .dtype = dtype,
        .m = 2000,
        .n = 2000,
        .k = 2000,
        .a = {.kind = KDST__STRIDED, .si = 2000, .sp = 1},
        .b = {.kind = KDST__STRIDED, .si = 1, .sp = 2000},
        .rs = 2000,
        .i = 1,
        .j = 2000,
        .js = 1};
    ck_assert_int_eq(kdst__gemm_skinny(cp, &product, &(kdst__tail){0}, &status), 0);
}
END_TEST

START_TEST(no_memory_leaves_the_result)
{
    int64_t most, depth;
    if (!begun(_i, &most, &depth)) return;
    matrix a = make(20, 30, BY_ROWS, 2), b = make(30, 40, BY_ROWS, 4), c = make(20, 40, BY_ROWS, 6);
    double *before = values_of(c.a);
    kdst__memory_trim(cp->memory);
    kdst__memory_set_limit(cp->memory, kdst__memory_used(cp->memory) + 1);
    ck_assert_int_eq(
        kdst__gemm(cp, dtype, 20, 40, 30, a.a->data, a.rs, a.cs, b.a->data, b.rs, b.cs, 1, c.a->data, c.rs, c.cs),
        KDST_STATUS_OUT_OF_MEMORY);
    expect_equal(c.a, before, "untouched");
    kdst__memory_set_limit(cp->memory, 0);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, sizes_around_the_tile, 0, configurations());
    tcase_add_loop_test(tests, all_layouts, 0, configurations());
    tcase_add_loop_test(tests, blocks_of_the_sum, 0, configurations());
    tcase_add_loop_test(tests, rows_a_page_apart, 0, configurations());
    tcase_add_loop_test(tests, nan_stays, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
    tcase_add_loop_test(tests, large_ones_are_left, 0, configurations());
    tcase_add_loop_test(tests, no_memory_leaves_the_result, 0, configurations());
}

int main(void)
{
    return run_compute_suite("gemm_skinny", build);
}
