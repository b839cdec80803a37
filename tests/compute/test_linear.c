/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layers: values and gradients with and without bias and relu, written or added; threads; no memory. */
#include "reference/reference.h"
#include "support.h"

enum { NO_BIAS, WITH_BIAS, WITH_RELU };

static void check_forward(int64_t n, int64_t i, int64_t o, int kind)
{
    array *x = early_array(n * i, 1), *w = random_array(o * i, 2), *bias = random_array(o, 3),
          *y = filled_array(n * o, NAN);
    double *expected = numbers(n * o), *bound = numbers(n * o);
    for (int64_t k = 0; k < n * o; k++)
        expected[k] = kind == NO_BIAS ? 0 : bias->values[k % o];
    reference_gemm(n, o, i, x->values, i, 1, w->values, 1, i, expected, o, 1, bound);
    for (int64_t k = 0; k < n * o; k++) {
        bound[k] = sum_bound(unit, (double)i + 1, bound[k]);
        if (kind == WITH_RELU) expected[k] = fmax(expected[k], 0);
    }
    ck_assert_int_eq(
        kdst__linear_forward(
            cp, dtype, n, i, o, x->data, w->data, kind == NO_BIAS ? NULL : bias->data, kind == WITH_RELU, y->data),
        KDST_STATUS_OK);
    expect_within(y, expected, bound, "linear");
    drop_arrays();
}

START_TEST(forward)
{
    begin(_i);
    const int64_t batches[] = {0, 1, 3, 4, 17, 40}, sizes[] = {0, 1, lanes + 1, 3 * lanes, 70};
    for (int b = 0; b < 6; b++)
        for (int j = 0; j < 5; j++)
            for (int k = 0; k < 5; k++)
                for (int kind = 0; kind < 3; kind++)
                    check_forward(batches[b], sizes[j], sizes[k], kind);
    check_forward(40, 130, 1000, WITH_RELU);
    check_forward(300, 1200, 1100, WITH_RELU); /* too large for one packed factor */
}
END_TEST

static void expect_sum(array *made, const double *expected, const double *size, double terms, const char *what)
{
    double *bound = numbers(made->count);
    for (int64_t k = 0; k < made->count; k++)
        bound[k] = sum_bound(unit, terms, size[k]);
    expect_within(made, expected, bound, what);
}

static void check_backward(int64_t n, int64_t i, int64_t o, int relu, int32_t add)
{
    array *x = random_array(n * i, 1), *w = random_array(o * i, 2), *y = random_array(n * o, 3),
          *dy = early_array(n * o, 4);
    array *dx = add ? random_array(n * i, 5) : filled_array(n * i, NAN);
    array *dw = add ? random_array(o * i, 6) : filled_array(o * i, NAN);
    array *db = add ? random_array(o, 7) : filled_array(o, NAN);
    double *ex = add ? values_of(dx) : numbers(n * i), *ew = add ? values_of(dw) : numbers(o * i);
    double *eb = add ? values_of(db) : numbers(o), *sx = numbers(n * i), *sw = numbers(o * i), *sb = numbers(o);
    double *g = values_of(dy), *ones = numbers(n);
    for (int64_t k = 0; k < n * o && relu; k++)
        if (y->values[k] <= 0) g[k] = 0;
    for (int64_t k = 0; k < n; k++)
        ones[k] = 1;
    reference_gemm(n, i, o, g, o, 1, w->values, i, 1, ex, i, 1, sx);
    reference_gemm(o, i, n, g, 1, o, x->values, i, 1, ew, i, 1, sw);
    reference_gemm(1, o, n, ones, 0, 1, g, o, 1, eb, 0, 1, sb);
    const kdst__linear_gradients d = {dx->data, dw->data, db->data, add, add, add};
    ck_assert_int_eq(
        kdst__linear_backward(cp, dtype, n, i, o, x->data, w->data, relu ? y->data : NULL, dy->data, &d),
        KDST_STATUS_OK);
    expect_sum(dx, ex, sx, (double)o, "dx");
    expect_sum(dw, ew, sw, (double)n, "dweight");
    expect_sum(db, eb, sb, (double)n, "dbias");
    drop_arrays();
}

START_TEST(backward)
{
    begin(_i);
    const int64_t batches[] = {0, 1, 5, 33}, sizes[] = {1, lanes + 1, 70};
    for (int b = 0; b < 4; b++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++)
                for (int kind = 0; kind < 4; kind++)
                    check_backward(batches[b], sizes[j], sizes[k], kind & 1, kind >> 1);
    check_backward(64, 300, 700, 1, 0);
}
END_TEST

START_TEST(only_what_is_wanted)
{
    begin(_i);
    array *x = random_array(6 * 5, 1), *w = random_array(7 * 5, 2), *dy = random_array(6 * 7, 3),
          *dw = filled_array(7 * 5, NAN);
    const kdst__linear_gradients nothing = {0}, some = {.w = dw->data};
    ck_assert_int_eq(
        kdst__linear_backward(cp, dtype, 6, 5, 7, x->data, w->data, NULL, dy->data, &nothing), KDST_STATUS_OK);
    ck_assert_int_eq(
        kdst__linear_backward(cp, dtype, 6, 5, 7, x->data, w->data, NULL, dy->data, &some), KDST_STATUS_OK);
    for (int64_t k = 0; k < 7 * 5; k++)
        ck_assert(isfinite(element(dw, k)));
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    enum { N = 70, I = 300, O = 190 };
    begin(_i);
    static const int32_t threads[] = {1, 2, 7};
    array *x = random_array(N * I, 1), *w = random_array(O * I, 2), *bias = random_array(O, 3),
          *dy = random_array(N * O, 4);
    for (int t = 0; t < 3; t++) {
        kdst__compute *other = with_threads(threads[t]), *both[] = {cp, other};
        array *y[2], *dx[2], *dw[2], *db[2];
        for (int s = 0; s < 2; s++) {
            y[s] = filled_array(N * O, NAN), dx[s] = filled_array(N * I, NAN);
            dw[s] = filled_array(O * I, NAN), db[s] = filled_array(O, NAN);
            const kdst__linear_gradients d = {.x = dx[s]->data, .w = dw[s]->data, .bias = db[s]->data};
            ck_assert_int_eq(
                kdst__linear_forward(both[s], dtype, N, I, O, x->data, w->data, bias->data, 1, y[s]->data),
                KDST_STATUS_OK);
            ck_assert_int_eq(
                kdst__linear_backward(both[s], dtype, N, I, O, x->data, w->data, y[s]->data, dy->data, &d),
                KDST_STATUS_OK);
        }
        expect_same_bits(y[0], y[1], "y");
        expect_same_bits(dx[0], dx[1], "dx");
        expect_same_bits(dw[0], dw[1], "dweight");
        expect_same_bits(db[0], db[1], "dbias");
        drop_arrays_but(4);
    }
}
END_TEST

START_TEST(no_memory)
{
    begin(_i);
    array *x = random_array(20 * 50, 1), *w = random_array(30 * 50, 2), *y = random_array(20 * 30, 3);
    const kdst__linear_gradients d = {.w = random_array(30 * 50, 4)->data};
    kdst__memory_trim(cp->memory);
    kdst__memory_set_limit(cp->memory, kdst__memory_used(cp->memory) + 1);
    ck_assert_int_eq(
        kdst__linear_forward(cp, dtype, 20, 50, 30, x->data, w->data, NULL, 0, y->data), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_int_eq(
        kdst__linear_backward(cp, dtype, 20, 50, 30, x->data, w->data, y->data, y->data, &d),
        KDST_STATUS_OUT_OF_MEMORY);
    kdst__memory_set_limit(cp->memory, 0);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, forward, 0, configurations());
    tcase_add_loop_test(tests, backward, 0, configurations());
    tcase_add_loop_test(tests, only_what_is_wanted, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
    tcase_add_loop_test(tests, no_memory, 0, configurations());
}

int main(void)
{
    return run_compute_suite("linear", build);
}
