/* SPDX-License-Identifier: Apache-2.0 */
/* Dense products: sizes around the tile and the blocks, all layouts, long sums, threads, no memory. */
#include "reference/reference.h"
#include "support.h"

typedef struct matrix {
    array *a;
    int64_t rows, columns, rs, cs;
} matrix;

enum { BY_ROWS, BY_COLUMNS, ROWS_APART, SPREAD, LAYOUTS };

static matrix make(int64_t rows, int64_t columns, int layout, int seed)
{
    matrix x = {.rows = rows, .columns = columns};
    x.rs = layout == BY_COLUMNS ? 1
        : layout == BY_ROWS     ? columns
        : layout == ROWS_APART  ? columns + 3
                                : 2 * columns + 1;
    x.cs = layout == BY_COLUMNS ? rows : layout == SPREAD ? 2 : 1;
    int64_t count = rows && columns ? (rows - 1) * x.rs + (columns - 1) * x.cs + 1 : 0;
    x.a = seed % 2 ? early_array(count, seed) : random_array(count, seed);
    return x;
}

/* Without accumulation what was in C must not matter; what lies between its elements must stay. */
static void spoil(matrix *c)
{
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->columns; j++)
            set_element(c->a, i * c->rs + j * c->cs, NAN);
}

static void run(kdst__compute *with, const matrix *a, const matrix *b, int32_t accumulate, matrix *c)
{
    ck_assert_int_eq(
        kdst__gemm(
            with, dtype, c->rows, c->columns, a->columns, a->a->data, a->rs, a->cs, b->a->data, b->rs, b->cs,
            accumulate, c->a->data, c->rs, c->cs),
        KDST_STATUS_OK);
}

static void check(int64_t m, int64_t n, int64_t k, int la, int lb, int lc, int32_t accumulate)
{
    char what[128];
    int seed = (int)(m + 3 * n + 7 * k + la + lb + lc);
    matrix a = make(m, k, la, seed), b = make(k, n, lb, seed + 1), c = make(m, n, lc, seed + 2);
    double *expected = values_of(c.a), *size = numbers(c.a->count);
    for (int64_t i = 0; i < m && !accumulate; i++)
        for (int64_t j = 0; j < n; j++)
            expected[i * c.rs + j * c.cs] = 0;
    if (!accumulate) spoil(&c);
    reference_gemm(m, n, k, a.a->values, a.rs, a.cs, b.a->values, b.rs, b.cs, expected, c.rs, c.cs, size);
    for (int64_t i = 0; i < c.a->count; i++)
        size[i] = sum_bound(unit, (double)k, size[i]);
    run(cp, &a, &b, accumulate, &c);
    snprintf(
        what, sizeof what, "%lld x %lld x %lld, layouts %d %d %d, accumulate %d", (long long)m, (long long)n,
        (long long)k, la, lb, lc, accumulate);
    expect_within(c.a, expected, size, what);
    drop_arrays();
}

START_TEST(sizes_around_the_tile)
{
    begin(_i);
    const kdst__gemm_plan *plan = &cp->plans[dtype - 1];
    int64_t r = plan->mr, f = plan->flat, c = plan->nr;
    const int64_t m[] = {0, 1, 2, 3, 4, r - 1, r, r + 1, 2 * r + 1, f + 1, 2 * f};
    const int64_t n[] = {0, 1, 3, 4, c - 1, c, c + 1, 2 * c + 1};
    const int64_t k[] = {0, 1, 2, 3, 4, 9};
    for (size_t i = 0; i < sizeof m / sizeof *m; i++)
        for (size_t j = 0; j < sizeof n / sizeof *n; j++)
            for (size_t p = 0; p < sizeof k / sizeof *k; p++)
                for (int32_t accumulate = 0; accumulate < 2; accumulate++) {
                    check(m[i], n[j], k[p], BY_ROWS, BY_ROWS, BY_ROWS, accumulate);
                    check(n[j], m[i], k[p], BY_ROWS, BY_COLUMNS, BY_COLUMNS, accumulate);
                }
}
END_TEST

START_TEST(all_layouts)
{
    begin(_i);
    const kdst__gemm_plan *plan = &cp->plans[dtype - 1];
    const int64_t shapes[][3] = {
        {5, 7, 9}, {2 * plan->mr + 3, 2 * plan->nr + 5, 11}, {2 * plan->nr + 5, plan->mr + 1, 6}, {2, 37, 19}};
    for (int s = 0; s < 4; s++)
        for (int layout = 0; layout < LAYOUTS * LAYOUTS * LAYOUTS; layout++)
            for (int32_t accumulate = 0; accumulate < 2; accumulate++)
                check(
                    shapes[s][0], shapes[s][1], shapes[s][2], layout % LAYOUTS, layout / LAYOUTS % LAYOUTS,
                    layout / LAYOUTS / LAYOUTS, accumulate);
}
END_TEST

/* Beyond the blocks of rows, of columns and of the sum, alone and together. */
START_TEST(sizes_beyond_the_blocks)
{
    begin(_i);
    const kdst__gemm_plan *plan = &cp->plans[dtype - 1];
    int64_t mc = plan->mc, kc = plan->kc, nr = plan->nr;
    const int64_t shapes[][3] = {
        {mc + 1, nr + 1, 3},
        {2 * mc + 5, 2 * mc + 9, 2},
        {7, 9, kc + 1},
        {plan->mr + 1, nr + 1, 2 * kc + 3},
        {33, 10000 / kc + 700, kc - 1},
        {mc + 1, 40, kc + 2},
        {40, mc + 1, kc + 2},
        {300, 310, 65}};
    for (int s = 0; s < 8; s++) {
        check(shapes[s][0], shapes[s][1], shapes[s][2], BY_ROWS, BY_ROWS, BY_ROWS, 0);
        check(shapes[s][0], shapes[s][1], shapes[s][2], BY_COLUMNS, BY_COLUMNS, BY_COLUMNS, 1);
        check(shapes[s][0], shapes[s][1], shapes[s][2], ROWS_APART, SPREAD, SPREAD, s % 2);
    }
}
END_TEST

/* Small results of long sums are cut along the sum. */
START_TEST(long_sums)
{
    begin(_i);
    int64_t k = 9 * cp->plans[dtype - 1].kc + 5;
    for (int layout = 0; layout < LAYOUTS * LAYOUTS; layout++)
        check(9, 13, k, layout % LAYOUTS, layout / LAYOUTS, (layout + 1) % LAYOUTS, layout % 2);
    check(70, 75, k, BY_COLUMNS, BY_ROWS, BY_ROWS, 1);
    check(70, 75, k, BY_ROWS, BY_COLUMNS, BY_COLUMNS, 0);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    int64_t kc = cp->plans[dtype - 1].kc;
    const int64_t shapes[][3] = {{200, 310, 130}, {33, 900, 2 * kc + 1}, {30, 41, 17 * kc + 3}, {2, 3000, 700}};
    static const int32_t threads[] = {1, 2, 7};
    kdst__compute *others[3];
    for (int t = 0; t < 3; t++)
        others[t] = with_threads(threads[t]);
    for (int s = 0; s < 4; s++) {
        matrix a = make(shapes[s][0], shapes[s][2], BY_ROWS, 2), b = make(shapes[s][2], shapes[s][1], BY_ROWS, 4);
        matrix c = make(shapes[s][0], shapes[s][1], BY_ROWS, 6);
        run(cp, &a, &b, 0, &c);
        for (int t = 0; t < 3; t++) {
            matrix other = make(shapes[s][0], shapes[s][1], BY_ROWS, 6);
            run(others[t], &a, &b, 0, &other);
            expect_same_bits(c.a, other.a, "threads");
        }
        drop_arrays();
    }
}
END_TEST

/* Every scratch allocation refused in turn: the result is as it was. */
START_TEST(no_memory_leaves_the_result)
{
    begin(_i);
    int64_t k = _i % 4 < 2 ? 30 : 9 * cp->plans[dtype - 1].kc;
    matrix a = make(20, k, BY_ROWS, 2), b = make(k, 30, BY_ROWS, 4), c = make(20, 30, BY_ROWS, 6);
    double *before = values_of(c.a);
    kdst__memory *memory = kdst__compute_memory(cp);
    size_t used = kdst__memory_used(memory), step = 64;
    int refused = 0;
    for (kdst_status status = KDST_STATUS_OUT_OF_MEMORY; status; step *= 2) {
        kdst__memory_trim(memory);
        kdst__memory_set_limit(memory, used + step);
        status =
            kdst__gemm(cp, dtype, 20, 30, k, a.a->data, a.rs, a.cs, b.a->data, b.rs, b.cs, 1, c.a->data, c.rs, c.cs);
        ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_OUT_OF_MEMORY);
        ck_assert_uint_eq(kdst__memory_used(memory), used);
        if (!status) break;
        refused++;
        expect_equal(c.a, before, "after a refusal");
    }
    ck_assert_int_ge(refused, 2);
}
END_TEST

/* With KDST_TEST_BLIS set BLIS takes this processor for one it knows, and its micro-kernels must run. */
START_TEST(micro_kernel)
{
    begin(_i);
    const char *name = kdst__compute_gemm_name(cp, dtype);
    ck_assert_msg(strstr(name, dtype == KDST__F32 ? "f32" : "f64") != NULL, "the kernels are %s", name);
    int best = kdst__compute_level(cp) == kdst__select_best();
    if (!best) ck_assert_msg(!strncmp(name, "kdst ", 5), "the kernels are %s", name);
    if (best && getenv("KDST_TEST_BLIS")) ck_assert_msg(!strncmp(name, "blis ", 5), "the kernels are %s", name);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, micro_kernel, 0, configurations());
    tcase_add_loop_test(tests, sizes_around_the_tile, 0, configurations());
    tcase_add_loop_test(tests, all_layouts, 0, configurations());
    tcase_add_loop_test(tests, sizes_beyond_the_blocks, 0, configurations());
    tcase_add_loop_test(tests, long_sums, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
    tcase_add_loop_test(tests, no_memory_leaves_the_result, 0, configurations());
}

int main(void)
{
    return run_compute_suite("gemm", build);
}
