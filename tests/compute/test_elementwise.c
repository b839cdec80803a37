/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operations on whole buffers, in place too. Single operations are rounded correctly, so their results are
 * exact; where a product may be fused with a sum two roundings are allowed.
 */
#include "reference/reference.h"
#include "support.h"

enum { MORE = 2 };

static int64_t size_at(int i)
{
    static const int64_t more[MORE] = {16384, 40001};
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    return i < SIZES ? sizes[i] : more[i - SIZES];
}

static double rounded(double value)
{
    return dtype == KDST__F32 ? (double)(float)value : value;
}

START_TEST(fill_scale_and_add)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *x = early_array(n, 1), *y = random_array(n, 2);
        double *expected = values_of(y), *bound = numbers(n), alpha = rounded(-1.7);
        for (int64_t k = 0; k < n; k++) {
            expected[k] += alpha * x->values[k];
            bound[k] = chain_bound(unit, 2, fabs(y->values[k]) + fabs(alpha * x->values[k]));
        }
        kdst__add_into(cp, dtype, n, -1.7, x->data, y->data);
        expect_within(y, expected, bound, "add_into");
        for (int64_t k = 0; k < n; k++)
            expected[k] = rounded(x->values[k] * alpha);
        kdst__scale(cp, dtype, n, -1.7, x->data);
        expect_equal(x, expected, "scale");
        for (int64_t k = 0; k < n; k++)
            expected[k] = alpha;
        kdst__fill(cp, dtype, n, -1.7, x->data);
        expect_equal(x, expected, "fill");
        drop_arrays();
    }
}
END_TEST

/* In place, with the mask into memory of its own and into that of dy. */
static void check_activation(int32_t activation, int64_t n)
{
    array *x = random_array(n, 1), *dy = early_array(n, 2), *g = filled_array(n, 7);
    double *expected = numbers(n), *slope = numbers(n);
    for (int64_t k = 0; k < n; k++) {
        const double v = k % 7 == 3 ? NAN : k % 5 == 0 ? (k % 2 ? 0 : 6) : 16 * x->values[k];
        set_element(x, k, v);
        expected[k] = activation != KDST__FUSED_NONE && v < 0 ? 0 : activation == KDST__FUSED_RELU6 && v > 6 ? 6 : v;
        const int open =
            activation == KDST__FUSED_NONE || (activation == KDST__FUSED_RELU ? !(v <= 0) : v > 0 && v < 6);
        slope[k] = open ? dy->values[k] : 0;
    }
    kdst__activate(cp, dtype, activation, n, x->data);
    expect_equal(x, expected, "activation");
    kdst__activation_mask(cp, dtype, activation, n, x->data, dy->data, g->data);
    expect_equal(g, slope, "mask of an activation");
    kdst__activation_mask(cp, dtype, activation, n, x->data, dy->data, dy->data);
    expect_equal(dy, slope, "mask of an activation in place");
}

START_TEST(relu)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *x = random_array(n, 1), *y = filled_array(n, 7), *dy = early_array(n, 2), *dx = random_array(n, 3);
        double *expected = numbers(n), *slope = values_of(dx);
        for (int64_t k = 0; k < n; k++) {
            if (k % 5 == 0) set_element(x, k, k % 2 ? 0 : -0.0);
            if (k % 7 == 3) set_element(x, k, NAN);
            if (k % 11 == 4) set_element(x, k, k % 2 ? INFINITY : -INFINITY);
            expected[k] = reference_relu(x->values[k]);
            if (!(expected[k] <= 0)) slope[k] = rounded(slope[k] + dy->values[k]);
        }
        kdst__relu(cp, dtype, n, x->data, y->data);
        expect_equal(y, expected, "relu");
        kdst__relu_backward(cp, dtype, n, y->data, dy->data, dx->data);
        expect_equal(dx, slope, "relu, backward");
        kdst__relu(cp, dtype, n, x->data, x->data);
        expect_equal(x, expected, "relu in place");
        check_activation(KDST__FUSED_NONE, n);
        check_activation(KDST__FUSED_RELU, n);
        check_activation(KDST__FUSED_RELU6, n);
        drop_arrays();
    }
}
END_TEST

START_TEST(masks)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *x = random_array(n, 1), *y = filled_array(n, NAN), *dx = random_array(n, 2);
        uint8_t *mask = malloc((size_t)n + 1);
        double *expected = numbers(n), *slope = values_of(dx), *bound = numbers(n), scale = rounded(1 / 0.7);
        for (int64_t k = 0; k < n; k++) {
            mask[k] = x->values[k] > 0.2 || k % 3 == 0;
            expected[k] = mask[k] ? rounded(x->values[k] * scale) : 0;
            bound[k] = chain_bound(unit, 2, fabs(slope[k]) + fabs(expected[k]));
            slope[k] += mask[k] ? x->values[k] * scale : 0;
        }
        kdst__mask(cp, dtype, n, x->data, mask, 1 / 0.7, y->data);
        expect_equal(y, expected, "mask");
        kdst__mask_backward(cp, dtype, n, x->data, mask, 1 / 0.7, dx->data);
        expect_within(dx, slope, bound, "mask, backward");
        free(mask);
        drop_arrays();
    }
}
END_TEST

static void check_binary(int64_t n, int32_t op, int32_t accumulate, int target)
{
    char what[64];
    array *a = random_array(n, 1), *b = early_array(n, 2), *y = random_array(n, 3);
    array *to = target == 1 ? a : target == 2 ? b : y;
    double *expected = numbers(n), *bound = numbers(n);
    for (int64_t k = 0; k < n; k++) {
        double value = rounded(reference_binary(op, a->values[k], b->values[k])), old = to->values[k];
        expected[k] = accumulate ? old + reference_binary(op, a->values[k], b->values[k]) : value;
        bound[k] = accumulate ? chain_bound(unit, 2, fabs(old) + fabs(value)) : 0;
    }
    kdst__binary(cp, dtype, op, n, a->data, b->data, accumulate, to->data);
    snprintf(what, sizeof what, "operation %d, accumulate %d, into %d", op, accumulate, target);
    expect_within(to, expected, bound, what);
    drop_arrays();
}

START_TEST(binary)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++)
        for (int32_t op = KDST__ADD; op <= KDST__GATE; op++)
            for (int32_t accumulate = 0; accumulate < 2; accumulate++)
                for (int target = 0; target < 3; target++)
                    check_binary(size_at(i), op, accumulate, target);
}
END_TEST

START_TEST(binary_of_special_numbers)
{
    begin(_i);
    static const double values[] = {0, -0.0, 1, -2, INFINITY, -INFINITY, NAN};
    for (int32_t op = KDST__ADD; op <= KDST__GATE; op++) {
        array *a = filled_array(49, 0), *b = filled_array(49, 0), *y = filled_array(49, 5);
        double *expected = numbers(49);
        for (int k = 0; k < 49; k++) {
            set_element(a, k, values[k / 7]);
            set_element(b, k, values[k % 7]);
            expected[k] = reference_binary(op, values[k / 7], values[k % 7]);
        }
        kdst__binary(cp, dtype, op, 49, a->data, b->data, 0, y->data);
        expect_equal(y, expected, "special numbers");
    }
}
END_TEST

/* Powers and their derivatives: libm's error of a unit or two, and the products around it. */
START_TEST(powers)
{
    begin(_i);
    for (int i = 0; i < SIZES; i++)
        for (int32_t op = KDST__POW; op <= KDST__POW_EXPONENT; op++)
            for (int32_t accumulate = 0; accumulate < 2; accumulate++) {
                int64_t n = size_at(i);
                array *a = random_array(n, 1), *b = early_array(n, 2), *y = random_array(n, 3);
                double *expected = values_of(y), *bound = numbers(n);
                for (int64_t k = 0; k < n; k++) {
                    set_element(a, k, k % 7 == 3 ? 0 : 2 + a->values[k]);
                    set_element(b, k, k % 5 == 1 ? 0 : k % 5 == 2 ? 1 : 3 * b->values[k]);
                    double value = reference_binary(op, a->values[k], b->values[k]);
                    bound[k] = chain_bound(unit, 8, fabs(value) + fabs(expected[k]));
                    expected[k] = accumulate ? expected[k] + value : value;
                }
                kdst__binary(cp, dtype, op, n, a->data, b->data, accumulate, y->data);
                expect_within(y, expected, bound, "powers");
                drop_arrays();
            }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, powers, 0, configurations());
    tcase_add_loop_test(tests, fill_scale_and_add, 0, configurations());
    tcase_add_loop_test(tests, relu, 0, configurations());
    tcase_add_loop_test(tests, masks, 0, configurations());
    tcase_add_loop_test(tests, binary, 0, configurations());
    tcase_add_loop_test(tests, binary_of_special_numbers, 0, configurations());
}

int main(void)
{
    return run_compute_suite("elementwise", build);
}
