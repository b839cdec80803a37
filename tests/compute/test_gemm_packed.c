/* SPDX-License-Identifier: Apache-2.0 */
/* Products with one packed factor: rows, columns and depth around tiles and blocks, both layouts of B, threads, no memory. */
#include "compute/gemm.h"

#include "reference/reference.h"
#include "support.h"

/* B is packed for up to `most` rows and multiplied with m of them; rows of A lie `gap` elements further apart than they need. */
static void check(int64_t most, int64_t m, int64_t n, int64_t k, int by_columns, int64_t gap, int32_t accumulate)
{
    char what[128];
    int64_t rs = k + gap, rs_b = by_columns ? 1 : n, cs_b = by_columns ? k : 1;
    array *a = early_array(m > 0 && k > 0 ? (m - 1) * rs + k : 0, 1), *b = random_array(k * n, 2),
          *c = random_array(m * n, 3);
    double *expected = values_of(c), *size = numbers(m * n);
    for (int64_t i = 0; i < m * n && !accumulate; i++) {
        expected[i] = 0;
        set_element(c, i, NAN);
    }
    reference_gemm(m, n, k, a->values, rs, 1, b->values, rs_b, cs_b, expected, n, 1, size);
    for (int64_t i = 0; i < m * n; i++)
        size[i] = sum_bound(unit, (double)k, size[i]);
    kdst__packed packed;
    ck_assert_int_eq(kdst__gemm_pack(cp, dtype, most, n, k, b->data, rs_b, cs_b, &packed), KDST_STATUS_OK);
    ck_assert_int_eq(kdst__gemm_packed(cp, &packed, m, a->data, rs, accumulate, c->data), KDST_STATUS_OK);
    kdst__gemm_unpack(cp, &packed);
    snprintf(
        what, sizeof what, "%lld x %lld x %lld of %lld, B %d, accumulate %d", (long long)m, (long long)n, (long long)k,
        (long long)most, by_columns, accumulate);
    expect_within(c, expected, size, what);
    drop_arrays();
}

START_TEST(sizes)
{
    begin(_i);
    const kdst__gemm_plan *plan = &cp->plans[dtype - 1];
    int64_t r = plan->mr, f = plan->flat, w = plan->nr;
    const int64_t m[] = {0, 1, 3, 4, r - 1, r, r + 1, 2 * r + 1, f + 1, w + 1}, n[] = {0, 1, w - 1, w, 2 * w + 1};
    const int64_t k[] = {0, 1, 3, 9};
    for (size_t i = 0; i < sizeof m / sizeof *m; i++)
        for (size_t j = 0; j < sizeof n / sizeof *n; j++)
            for (size_t p = 0; p < sizeof k / sizeof *k; p++)
                for (int way = 0; way < 4; way++)
                    check(m[i] + (way == 3) * 50, m[i], n[j], k[p], way & 1, way & 2, way >> 1);
}
END_TEST

START_TEST(beyond_the_blocks)
{
    begin(_i);
    const kdst__gemm_plan *plan = &cp->plans[dtype - 1];
    check(100, plan->mc + 5, 2 * plan->nr + 3, 2 * plan->kc + 7, 1, 0, 1);
    check(100, 9, 40 * plan->nr + 1, plan->kc + 1, 0, 3, 0);
    check(100, 30, 2 * plan->nr, plan->kc, 1, 0, 0);
}
END_TEST

/* One packed factor serves products of different heights, and threads do not matter. */
START_TEST(heights_and_threads)
{
    begin(_i);
    enum { N = 300, K = 77, MOST = 40 };
    kdst__compute *one = with_threads(1);
    array *a = random_array(MOST * K, 1), *b = random_array(K * N, 2);
    kdst__packed packed, other;
    ck_assert_int_eq(kdst__gemm_pack(cp, dtype, MOST, N, K, b->data, 1, K, &packed), KDST_STATUS_OK);
    ck_assert_int_eq(kdst__gemm_pack(one, dtype, MOST, N, K, b->data, 1, K, &other), KDST_STATUS_OK);
    for (int64_t m = MOST; m > 0; m -= 7) {
        array *x = filled_array(m * N, NAN), *y = filled_array(m * N, NAN);
        double *expected = numbers(m * N), *size = numbers(m * N);
        reference_gemm(m, N, K, a->values, K, 1, b->values, 1, K, expected, N, 1, size);
        for (int64_t i = 0; i < m * N; i++)
            size[i] = sum_bound(unit, K, size[i]);
        ck_assert_int_eq(kdst__gemm_packed(cp, &packed, m, a->data, K, 0, x->data), KDST_STATUS_OK);
        ck_assert_int_eq(kdst__gemm_packed(one, &other, m, a->data, K, 0, y->data), KDST_STATUS_OK);
        expect_within(x, expected, size, "heights");
        expect_same_bits(x, y, "threads");
        drop_arrays_but(2);
    }
    kdst__gemm_unpack(one, &other);
    kdst__gemm_unpack(cp, &packed);
}
END_TEST

START_TEST(no_memory)
{
    begin(_i);
    array *a = random_array(50 * 60, 1), *b = random_array(60 * 70, 2), *c = random_array(50 * 70, 3);
    double *before = values_of(c);
    kdst__packed packed;
    ck_assert_int_eq(kdst__gemm_pack(cp, dtype, 50, 70, 60, b->data, 70, 1, &packed), KDST_STATUS_OK);
    kdst__memory_trim(cp->memory);
    kdst__memory_set_limit(cp->memory, kdst__memory_used(cp->memory) + 1);
    ck_assert_int_eq(kdst__gemm_packed(cp, &packed, 50, a->data, 60, 1, c->data), KDST_STATUS_OUT_OF_MEMORY);
    expect_equal(c, before, "untouched");
    kdst__packed refused;
    ck_assert_int_eq(kdst__gemm_pack(cp, dtype, 50, 70, 60, b->data, 70, 1, &refused), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_ptr_null(refused.panels);
    kdst__memory_set_limit(cp->memory, 0);
    kdst__gemm_unpack(cp, &packed);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, sizes, 0, configurations());
    tcase_add_loop_test(tests, beyond_the_blocks, 0, configurations());
    tcase_add_loop_test(tests, heights_and_threads, 0, configurations());
    tcase_add_loop_test(tests, no_memory, 0, configurations());
}

int main(void)
{
    return run_compute_suite("gemm_packed", build);
}
