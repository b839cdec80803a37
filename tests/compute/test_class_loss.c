/* SPDX-License-Identifier: Apache-2.0 */
/* Negative log-likelihood of labels: rows, sums and gradients; options; rows beside each other; threads. */
#include "reference/reference.h"
#include "support.h"

enum { MOST = 70000, MOST_CLASSES = 2000 };
static int32_t labels[MOST];
static double weight[MOST_CLASSES];

/* bits: 1 weights, 2 ignored rows, 4 smoothing */
static kdst__class_loss problem(int64_t outer, int64_t k, int64_t inner, int bits)
{
    kdst__class_loss c = {
        .outer = outer, .k = k, .inner = inner, .labels = labels, .ignore_index = -100, .weight_sum = (double)k};
    ck_assert(outer * inner <= MOST && k <= MOST_CLASSES);
    for (int64_t r = 0; r < outer * inner; r++)
        labels[r] = (bits & 2) && r % 3 == 1 ? -100 : (int32_t)(r * r % k);
    if (bits & 4) c.smoothing = 0.3;
    if (!(bits & 1)) return c;
    c.weight = weight;
    c.weight_sum = 0;
    for (int64_t i = 0; i < k; i++)
        c.weight_sum += weight[i] = 0.25 + 0.5 * (double)(i % 5);
    return c;
}

/* Log-probabilities and probabilities of the type. */
static void distributions(int64_t outer, int64_t k, int64_t inner, array **l, array **p)
{
    double *wide = numbers(outer * k * inner);
    *p = random_array(outer * k * inner, 1);
    *l = early_array(outer * k * inner, 1);
    reference_log_softmax(outer, k, inner, (*p)->values, wide);
    for (int64_t i = 0; i < outer * k * inner; i++) {
        set_element(*l, i, wide[i]);
        set_element(*p, i, exp(wide[i]));
    }
}

static void check_values(const kdst__class_loss *c, const array *l, const char *what)
{
    int64_t count = c->outer * c->inner;
    array *rows = filled_array(count, NAN);
    double *expected = numbers(count), *size = numbers(count), total, sum = 0, sum_size = 0, got, got_total;
    reference_class_loss(c, l->values, expected, size, &total);
    for (int64_t r = 0; r < count; r++) {
        sum += expected[r];
        sum_size += size[r];
        size[r] = chain_bound(unit, 1, fabs(expected[r])) + sum_bound(0x1p-53, (double)c->k + 4, size[r]);
    }
    for (int with_rows = 0; with_rows < 2; with_rows++) {
        kdst__class_loss_value(cp, dtype, c, l->data, with_rows ? rows->data : NULL, &got, &got_total);
        ck_assert_msg(
            fabs(got - sum) <= sum_bound(0x1p-53, (double)(count + c->k) + 4, sum_size),
            "%s: the sum is %.17g, not %.17g", what, got, sum);
        ck_assert_msg(
            fabs(got_total - total) <= sum_bound(0x1p-53, (double)count, total), "%s: the weights are %.17g, not %.17g",
            what, got_total, total);
    }
    expect_within(rows, expected, size, what);
}

static void check(int64_t outer, int64_t k, int64_t inner, int bits)
{
    char what[96];
    snprintf(
        what, sizeof what, "[%lld, %lld, %lld], options %d", (long long)outer, (long long)k, (long long)inner, bits);
    const kdst__class_loss c = problem(outer, k, inner, bits);
    array *l, *p, *dy = random_array(outer * inner, 3);
    distributions(outer, k, inner, &l, &p);
    check_values(&c, l, what);
    for (int with_dy = 0; with_dy < 2; with_dy++) {
        array *dz = random_array(l->count, 4), *dl = random_array(l->count, 5);
        double *slope = values_of(dz), *size = numbers(l->count), *of_l = values_of(dl), *near = numbers(l->count);
        const double *g = with_dy ? dy->values : NULL;
        for (int64_t i = 0; i < l->count; i++)
            size[i] = fabs(slope[i]);
        reference_class_loss_softmax_backward(&c, p->values, 0.7, g, slope, size);
        for (int64_t i = 0; i < l->count; i++)
            /* two roundings of the element: the label's part is added on its own */
            size[i] = chain_bound(unit, 2, size[i]) + sum_bound(0x1p-53, (double)k + 6, size[i] + 1);
        kdst__class_loss_softmax_backward(cp, dtype, &c, p->data, 0.7, with_dy ? dy->data : NULL, dz->data);
        expect_within(dz, slope, size, what);
        if (bits & 4) continue;
        reference_class_loss_backward(&c, 0.7, g, of_l);
        for (int64_t i = 0; i < l->count; i++)
            near[i] = chain_bound(unit, 1, fabs(of_l[i])) + chain_bound(0x1p-53, 4, 3);
        kdst__class_loss_backward(cp, dtype, &c, 0.7, with_dy ? dy->data : NULL, dl->data);
        expect_within(dl, of_l, near, what);
    }
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
    static const int64_t shapes[][3] = {{900, 40, 1}, {2, 10, 3000}, {60000, 3, 1}};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int which = 0; which < 6; which++) {
        const int64_t *s = shapes[which % 3];
        const kdst__class_loss c = problem(s[0], s[1], s[2], which < 3 ? 3 : 7);
        array *l, *p, *first[3] = {NULL};
        double sums[2] = {0};
        distributions(s[0], s[1], s[2], &l, &p);
        for (int t = 0; t < 3; t++) {
            array *out[3] = {filled_array(s[0] * s[2], 0), filled_array(l->count, 0.1), filled_array(l->count, 0.1)};
            double own[2];
            kdst__class_loss_value(all[t], dtype, &c, l->data, out[0]->data, &own[0], &own[1]);
            kdst__class_loss_softmax_backward(all[t], dtype, &c, p->data, 0.7, NULL, out[1]->data);
            kdst__class_loss_backward(all[t], dtype, &c, 0.7, NULL, out[2]->data);
            if (!t) memcpy(sums, own, sizeof sums);
            ck_assert_msg(!memcmp(own, sums, sizeof sums), "the sums have other bits");
            for (int i = 0; i < 3; i++) {
                if (t) expect_same_bits(out[i], first[i], "other threads");
                if (!t) first[i] = out[i];
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
    return run_compute_suite("class_loss", build);
}
