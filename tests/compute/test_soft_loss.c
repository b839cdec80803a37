/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy of distributions: rows, their sum, both gradients; options; rows beside each other; threads. */
#include "reference/reference.h"
#include "support.h"

enum { MOST_CLASSES = 2000 };
static double weight[MOST_CLASSES];

/* bits: 1 weights, 2 smoothing */
static kdst__soft_loss problem(int64_t outer, int64_t k, int64_t inner, int bits)
{
    ck_assert_int_le(k, MOST_CLASSES);
    for (int64_t i = 0; i < k; i++)
        weight[i] = 0.25 + 0.5 * (double)(i % 5);
    return (kdst__soft_loss){outer, k, inner, bits & 1 ? weight : NULL, bits & 2 ? 0.3 : 0};
}

/* Log-probabilities and probabilities of the type. */
static void distributions(const kdst__soft_loss *c, array **l, array **p)
{
    int64_t count = c->outer * c->k * c->inner;
    double *wide = numbers(count);
    *p = random_array(count, 1);
    *l = early_array(count, 1);
    reference_log_softmax(c->outer, c->k, c->inner, (*p)->values, wide);
    for (int64_t i = 0; i < count; i++) {
        set_element(*l, i, wide[i]);
        set_element(*p, i, exp(wide[i]));
    }
}

static void check(int64_t outer, int64_t k, int64_t inner, int bits)
{
    const kdst__soft_loss c = problem(outer, k, inner, bits);
    int64_t count = outer * k * inner, rows = outer * inner;
    char what[96];
    array *l, *p, *t = random_array(count, 2), *y = filled_array(rows, NAN), *g = random_array(rows, 3);
    array *dz = random_array(count, 4), *dt = random_array(count, 5);
    double *expected = numbers(rows), *size = numbers(rows), *of_z = values_of(dz), *of_t = values_of(dt),
           *near_z = numbers(count), *near_t = numbers(count), sum = 0, sum_size = 0;
    snprintf(
        what, sizeof what, "[%lld, %lld, %lld], options %d", (long long)outer, (long long)k, (long long)inner, bits);
    distributions(&c, &l, &p);
    reference_soft_loss(&c, t->values, l->values, expected, size);
    for (int64_t r = 0; r < rows; r++) {
        sum += expected[r];
        sum_size += size[r];
        size[r] = chain_bound(unit, 1, fabs(expected[r])) + sum_bound(0x1p-53, (double)k + 4, size[r]);
    }
    for (int with_rows = 0; with_rows < 2; with_rows++) {
        double got = kdst__soft_loss_value(cp, dtype, &c, t->data, l->data, with_rows ? y->data : NULL);
        ck_assert_msg(
            fabs(got - sum) <= sum_bound(0x1p-53, (double)(rows + k) + 4, sum_size), "%s: the sum is %.17g, not %.17g",
            what, got, sum);
    }
    expect_within(y, expected, size, what);
    for (int64_t i = 0; i < count; i++)
        near_z[i] = fabs(of_z[i]);
    const double *dy = bits & 4 ? g->values : NULL;
    reference_soft_loss_backward(&c, t->values, l->values, p->values, 0.7, dy, of_z, near_z, of_t);
    for (int64_t i = 0; i < count; i++) {
        near_z[i] = chain_bound(unit, 1, fabs(of_z[i])) + sum_bound(0x1p-53, (double)k + 8, near_z[i] + 1);
        near_t[i] = chain_bound(unit, 1, fabs(of_t[i])) + chain_bound(0x1p-53, 8, 1 + fabs(3 * l->values[i]));
    }
    kdst__soft_loss_backward(
        cp, dtype, &c, t->data, l->data, p->data, 0.7, bits & 4 ? g->data : NULL, dz->data, dt->data);
    expect_within(dz, of_z, near_z, what);
    expect_within(dt, of_t, near_t, what);
    drop_arrays();
}

START_TEST(all_sizes)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int bits = 0; bits < 8; bits++) {
        for (int i = 1; i < SIZES; i++) {
            check(sizes[i] > 500 ? 1 : 5, sizes[i], 1, bits);
            check(2, 3, sizes[i], bits);
            check(sizes[i], 4, 2, bits);
        }
        check(0, 3, 1, bits);
        check(3, 4, 0, bits);
        check(1, 1, 1, bits);
        check(2, 7, 300, bits); /* more than a block of columns */
    }
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    static const int64_t shapes[][3] = {{900, 40, 1}, {2, 10, 3000}, {20000, 3, 1}};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int which = 0; which < 3; which++) {
        const kdst__soft_loss c = problem(shapes[which][0], shapes[which][1], shapes[which][2], 3);
        array *l, *p, *t = random_array(c.outer * c.k * c.inner, 2), *first[3] = {NULL};
        double sum = 0;
        distributions(&c, &l, &p);
        for (int n = 0; n < 3; n++) {
            array *out[3] = {
                filled_array(c.outer * c.inner, 0), filled_array(l->count, 0.1), filled_array(l->count, 0.1)};
            double own = kdst__soft_loss_value(all[n], dtype, &c, t->data, l->data, out[0]->data);
            kdst__soft_loss_backward(
                all[n], dtype, &c, t->data, l->data, p->data, 0.7, NULL, out[1]->data, out[2]->data);
            if (!n) sum = own;
            ck_assert_msg(!memcmp(&own, &sum, sizeof sum), "the sum has other bits: %.17g, %.17g", own, sum);
            for (int i = 0; i < 3; i++) {
                if (n) expect_same_bits(out[i], first[i], "other threads");
                if (!n) first[i] = out[i];
            }
        }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_sizes, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
}

int main(void)
{
    return run_compute_suite("soft_loss", build);
}
