/* SPDX-License-Identifier: Apache-2.0 */
/* Truth values: comparisons, is_finite, logic and choices, on whole buffers and against a single operand. */
#include "support.h"

enum { MORE = 2 };

static int64_t size_at(int i)
{
    static const int64_t more[MORE] = {16384, 40001};
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    return i < SIZES ? sizes[i] : more[i - SIZES];
}

static int relation(int32_t op, double a, double b)
{
    switch (op) {
    case KDST__EQUAL:
        return a == b;
    case KDST__NOT_EQUAL:
        return !(a == b);
    case KDST__LESS:
        return a < b;
    case KDST__LESS_EQUAL:
        return a < b || a == b;
    case KDST__GREATER:
        return a > b;
    default:
        return a > b || a == b;
    }
}

/* Bytes between a pair of sentinels. */
static uint8_t *bytes(int64_t n)
{
    uint8_t *y = malloc((size_t)n + 2);
    ck_assert_ptr_nonnull(y);
    memset(y, 7, (size_t)n + 2);
    return y + 1;
}

static void free_bytes(uint8_t *y, int64_t n)
{
    ck_assert_int_eq(y[-1], 7);
    ck_assert_int_eq(y[n], 7);
    free(y - 1);
}

static array *mixed(int64_t n, int seed)
{
    static const double special[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN};
    array *a = random_array(n, seed);
    for (int64_t k = 0; k < n; k++)
        if ((k + seed) % 3 != 0) set_element(a, k, special[(k * (seed + 2) + k / 7) % 7]);
    return a;
}

START_TEST(comparisons)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++)
        for (int32_t op = KDST__EQUAL; op <= KDST__GREATER_EQUAL; op++)
            for (int steps = 0; steps < 4; steps++) {
                int64_t n = size_at(i), sa = steps & 1, sb = steps >> 1;
                array *a = mixed(sa ? n : 1, 1), *b = mixed(sb ? n : 1, 2);
                uint8_t *y = bytes(n);
                kdst__compare(cp, dtype, op, n, a->data, sa, b->data, sb, y);
                for (int64_t k = 0; k < n; k++) {
                    double va = a->values[k * sa], vb = b->values[k * sb];
                    if (y[k] != relation(op, va, vb)) ck_abort_msg("operation %d of %g and %g is %d", op, va, vb, y[k]);
                }
                free_bytes(y, n);
                drop_arrays();
            }
}
END_TEST

START_TEST(finite_numbers)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *x = mixed(n, 1);
        uint8_t *y = bytes(n);
        kdst__is_finite(cp, dtype, n, x->data, y);
        for (int64_t k = 0; k < n; k++)
            if (y[k] != (isfinite(x->values[k]) != 0)) ck_abort_msg("is_finite(%g) is %d", x->values[k], y[k]);
        free_bytes(y, n);
        drop_arrays();
    }
}
END_TEST

START_TEST(logic)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++)
        for (int steps = 0; steps < 4; steps++) {
            int64_t n = size_at(i), sa = steps & 1, sb = steps >> 1;
            uint8_t *a = bytes(n + 1), *b = bytes(n + 1), *y = bytes(n);
            for (int64_t k = 0; k <= n; k++) {
                a[k] = k % 2 != 0;
                b[k] = k % 3 != 0;
            }
            for (int32_t op = KDST__AND; op <= KDST__NOT; op++) {
                kdst__logical(cp, op, n, a, sa, b, sb, y);
                for (int64_t k = 0; k < n; k++) {
                    int p = a[k * sa], q = b[k * sb],
                        expected = op == KDST__AND ? p && q
                        : op == KDST__OR           ? p || q
                                                   : !p;
                    if (y[k] != expected) ck_abort_msg("operation %d of %d and %d is %d", op, p, q, y[k]);
                }
            }
            free_bytes(a, n + 1);
            free_bytes(b, n + 1);
            free_bytes(y, n);
        }
}
END_TEST

START_TEST(choices)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++)
        for (int steps = 0; steps < 8; steps++) {
            int64_t n = size_at(i), sm = steps & 1, sa = steps >> 1 & 1, sb = steps >> 2,
                    size = dtype == KDST__F32 ? 4 : 8;
            array *a = random_array(sa ? n : 1, 1), *b = early_array(sb ? n : 1, 2), *y = filled_array(n, NAN);
            uint8_t *mask = bytes(n + 1), *z = bytes(n);
            double *expected = numbers(n);
            for (int64_t k = 0; k <= n; k++)
                mask[k] = k % 3 == 1;
            for (int64_t k = 0; k < n; k++)
                expected[k] = mask[k * sm] ? a->values[k * sa] : b->values[k * sb];
            kdst__choose(cp, size, n, mask, sm, a->data, sa, b->data, sb, y->data);
            expect_equal(y, expected, "choose");
            kdst__choose(cp, 1, n, mask, sm, (uint8_t[]){4}, 0, (uint8_t[]){5}, 0, z);
            for (int64_t k = 0; k < n; k++)
                if (z[k] != (mask[k * sm] ? 4 : 5)) ck_abort_msg("byte %d is %d", (int)k, z[k]);
            free_bytes(mask, n + 1);
            free_bytes(z, n);
            drop_arrays();
        }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, comparisons, 0, configurations());
    tcase_add_loop_test(tests, finite_numbers, 0, configurations());
    tcase_add_loop_test(tests, logic, 0, configurations());
    tcase_add_loop_test(tests, choices, 0, configurations());
}

int main(void)
{
    return run_compute_suite("compare", build);
}
