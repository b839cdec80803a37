/* SPDX-License-Identifier: Apache-2.0 */
/* Mixup and cutmix: every pixel, both labels and the weight by their formulas; the distribution of weights; the same for any
 * way of loading. Image i of class i is constant with value i + 1.
 */
#include "support.h"

#include "support/run.h"

#include <math.h>

enum { N = 23, BATCH = 8, H = 10, W = 14, PLANE = H * W };

static kdst_dataset *make(kdst_context *c)
{
    static double pixels[N][2][PLANE];
    int32_t labels[N];
    const int64_t shape[] = {N, 2, H, W};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    for (int i = 0; i < N; i++) {
        labels[i] = i;
        for (int k = 0; k < 2 * PLANE; k++)
            pixels[i][k / PLANE][k % PLANE] = i + 1;
    }
    ok(kdst_tensor_create_from(c, KDST_DTYPE_FLOAT64, 4, shape, pixels, &x));
    ok(kdst_tensor_create_from(c, KDST_DTYPE_INT32, 1, shape, labels, &y));
    ok(kdst_dataset_create(c, x, y, 0, &d));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return d;
}

static kdst_options *options_of(double mixup, double cutmix, int64_t prefetch)
{
    kdst_options *o = set_int(set_int(new_options(), "shuffle", 1), "prefetch", prefetch);
    ck_assert_int_eq(kdst_options_set_float(o, "mixup", mixup), 0);
    ck_assert_int_eq(kdst_options_set_float(o, "cutmix", cutmix), 0);
    return set_text(o, "dtype", "float64");
}

/* The share of pixels of the partner in a cutmix image, whose box must be full; -1 when it is no such image. */
static double box_share(const double *image, double own, double other)
{
    int count = 0, top = H, bottom = 0, left = W, right = 0;
    for (int i = 0; i < PLANE; i++) {
        if (image[i] == own) continue;
        if (image[i] != other) return -1;
        count++;
        top = i / W < top ? i / W : top;
        bottom = i / W >= bottom ? i / W + 1 : bottom;
        left = i % W < left ? i % W : left;
        right = i % W >= right ? i % W + 1 : right;
    }
    if (count) ck_assert_int_eq(count, (bottom - top) * (right - left));
    return (double)count / PLANE;
}

static void check_batch(kdst_tensor *x, kdst_tensor *y, kdst_tensor *z, double weight, int mixes, int cuts, int *cut)
{
    double *pixels = copy_of(x, NULL);
    int32_t *a = copy_of(y, NULL), *b = copy_of(z, NULL);
    int64_t n = kdst_tensor_get_size(x, 0);
    int used[N] = {0};
    *cut = 0;
    ck_assert(weight >= 0 && weight <= 1);
    for (int64_t i = 0; i < n; i++) {
        const double *image = pixels + 2 * PLANE * i;
        double share = box_share(image, a[i] + 1, b[i] + 1), mixed = weight * (a[i] + 1) + (1 - weight) * (b[i] + 1);
        used[a[i]]++;
        used[b[i]]--;
        ck_assert_mem_eq(image, image + PLANE, PLANE * sizeof *image);
        if (a[i] == b[i]) continue;
        int is_cut = cuts && fabs(share - (1 - weight)) < 1e-12;
        *cut |= is_cut;
        ck_assert(is_cut || mixes);
        for (int k = 0; k < PLANE && !is_cut; k++)
            ck_assert_double_eq_tol(image[k], mixed, 1e-12);
    }
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(used[i], 0); /* partners are a permutation of the batch */
    free(b);
    free(a);
    free(pixels);
}

START_TEST(test_formula)
{
    int mixes = _i != 1, cuts = _i != 0, cut_batches = 0, batches = 0;
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL;
    kdst_options *o = options_of(mixes ? 0.8 : 0, cuts ? 1.2 : 0, 2);
    ok(kdst_loader_create(d, BATCH, o, &l));
    ck_assert_int_eq(kdst_loader_get_mixes(l), 1);
    for (int e = 0; e < 40; e++) {
        ok(kdst_loader_set_epoch(l, e));
        for (;;) {
            kdst_tensor *x = NULL, *y = NULL, *z = NULL;
            double weight;
            int cut;
            ok(kdst_loader_next_mixed(l, &x, &y, &z, &weight));
            if (!x) {
                ck_assert(!y && !z && weight == 1);
                break;
            }
            check_batch(x, y, z, weight, mixes, cuts, &cut);
            batches++;
            cut_batches += cut;
            kdst_tensor_release(z);
            kdst_tensor_release(y);
            kdst_tensor_release(x);
        }
    }
    ck_assert_int_eq(batches, 120);
    if (_i == 2) ck_assert(cut_batches > 30 && cut_batches < 85); /* half of 120 */
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* Mean 1/2 and variance 1 / (4 (2 alpha + 1)) of Beta(alpha, alpha), and the uniform distribution for alpha = 1. */
START_TEST(test_weights)
{
    static const double alphas[] = {0.05, 0.2, 1, 3, 20};
    enum { DRAWS = 4000 };
    double alpha = alphas[_i], sum = 0, squares = 0, variance = 1 / (4 * (2 * alpha + 1));
    int tenths[10] = {0};
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL;
    kdst_options *o = options_of(alpha, 0, 0);
    ok(kdst_loader_create(d, 1, o, &l));
    for (int i = 0; i < DRAWS; i++) {
        kdst_tensor *x = NULL, *y = NULL, *z = NULL;
        double weight;
        ok(kdst_loader_set_epoch(l, i));
        ok(kdst_loader_next_mixed(l, &x, &y, &z, &weight));
        sum += weight;
        squares += (weight - 0.5) * (weight - 0.5);
        tenths[weight < 1 ? (int)(weight * 10) : 9]++;
        kdst_tensor_release(z);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    ck_assert_double_eq_tol(sum / DRAWS, 0.5, 5 * sqrt(variance / DRAWS));
    ck_assert_double_eq_tol(squares / DRAWS / variance, 1, 0.13);
    for (int k = 0; k < 10 && alpha == 1; k++)
        ck_assert(tenths[k] > 300 && tenths[k] < 500);
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* Any threads and prefetching, and a position in the middle: the same batches. */
START_TEST(test_same_bits)
{
    static double wanted[2][3][BATCH * 2 * PLANE], weights[2][3];
    for (int round = 0; round < 6; round++) {
        kdst_context *c = new_context(1 + round % 3);
        kdst_dataset *d = make(c);
        kdst_loader *l = NULL;
        kdst_options *o = options_of(0.5, 0.5, round / 2);
        ck_assert_int_eq(kdst_loader_create(d, BATCH, o, &l), 0);
        for (int e = 0; e < 2; e++)
            for (int b = 0; b < 3; b++) {
                kdst_tensor *x = NULL, *y = NULL, *z = NULL;
                double weight;
                if (round % 2 || !b) {
                    ck_assert_int_eq(kdst_loader_set_epoch(l, e), 0);
                    ck_assert_int_eq(kdst_loader_set_position(l, b), 0);
                }
                ck_assert_int_eq(kdst_loader_next_mixed(l, &x, &y, &z, &weight), 0);
                size_t bytes;
                double *got = copy_of(x, &bytes);
                if (round) {
                    ck_assert_mem_eq(got, wanted[e][b], bytes);
                    ck_assert_double_eq(weight, weights[e][b]);
                }
                memcpy(wanted[e][b], got, bytes);
                weights[e][b] = weight;
                free(got);
                kdst_tensor_release(z);
                kdst_tensor_release(y);
                kdst_tensor_release(x);
            }
        kdst_options_release(o);
        kdst_loader_release(l);
        kdst_dataset_release(d);
        kdst_context_release(c);
    }
}
END_TEST

/* Parameters so small that their logarithms overflow: one image of each pair alone; a box is cut at the borders. */
START_TEST(test_smallest)
{
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL, *z = NULL;
    double weight = 0;
    kdst_options *o = options_of(_i == 0 ? 1e-310 : 0, _i == 0 ? 0 : 1e-310, 1);
    ok(kdst_loader_create(d, BATCH, o, &l));
    ok(kdst_loader_next_mixed(l, &x, &y, &z, &weight));
    ck_assert_msg(weight == 0 || weight == 1 || (_i == 1 && weight > 0 && weight < 1), "weight is %g", weight);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_plain_and_refused)
{
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL, *plain = NULL;
    kdst_tensor *x = (kdst_tensor *)d, *y = x, *z = x;
    double weight = 0;
    kdst_options *o = options_of(1, 0, 1);
    ok(kdst_loader_create(d, BATCH, o, &l));
    ok(kdst_loader_create(d, BATCH, NULL, &plain));
    refused(kdst_loader_next(l, &x, &y), KDST_STATUS_STATE, "loader_next_mixed");
    ck_assert(!x && !y);
    refused(kdst_loader_next_mixed(l, &x, &y, NULL, &weight), KDST_STATUS_INVALID_ARGUMENT, "out_others is NULL");
    refused(kdst_loader_next_mixed(l, &x, &y, &z, NULL), KDST_STATUS_INVALID_ARGUMENT, "out_weight is NULL");
    ck_assert_int_eq(kdst_loader_next_mixed(NULL, &x, &y, &z, &weight), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert(!x && !y && !z);
    ck_assert_int_eq(kdst_loader_get_mixes(plain), 0);
    ck_assert_int_eq(kdst_loader_get_mixes(NULL), 0);
    ok(kdst_loader_next_mixed(plain, &x, &y, &z, &weight));
    int32_t *a = copy_of(y, NULL), *b = copy_of(z, NULL);
    ck_assert_mem_eq(a, b, BATCH * sizeof *a);
    ck_assert_double_eq(weight, 1);
    free(b);
    free(a);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(plain);
    kdst_loader_release(l);
    l = NULL;
    ck_assert_int_eq(kdst_options_set_float(o, "mixup", -1), 0);
    refused(kdst_loader_create(d, BATCH, o, &l), KDST_STATUS_INVALID_ARGUMENT, "mixup is -1");
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data mixing");
    TCase *all = tcase_create("mixing");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, test_formula, 0, 3);
    tcase_add_loop_test(all, test_weights, 0, 5);
    tcase_add_test(all, test_same_bits);
    tcase_add_loop_test(all, test_smallest, 0, 2);
    tcase_add_test(all, test_plain_and_refused);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
