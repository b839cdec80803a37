/* SPDX-License-Identifier: Apache-2.0 */
/* What the batches of an epoch hold: every sample once, in an order of the epoch's own. */
#include "epochs.h"

#include "support/run.h"

/* Each sample once; other orders in other epochs and with other seeds; the same again for the same. */
START_TEST(test_order)
{
    static float all[2 * EPOCHS][WHOLE], again[WHOLE];
    kdst_dataset *d = make_data(ctx);
    for (int s = 0; s < 2; s++) {
        kdst_loader *l = new_loader(d, N, set_int(set_int(new_options(), "shuffle", 1), "seed", s));
        for (int e = 0; e < EPOCHS; e++) {
            int seen[N] = {0};
            ok(kdst_loader_set_epoch(l, e));
            ck_assert_int_eq(take_epoch(ctx, l, all[s * EPOCHS + e]), N);
            for (int i = 0; i < N; i++)
                seen[(int)all[s * EPOCHS + e][i]]++;
            for (int i = 0; i < N; i++)
                ck_assert_int_eq(seen[i], 1);
            ok(kdst_loader_set_epoch(l, e));
            ck_assert_int_eq(take_epoch(ctx, l, again), N);
            ck_assert_mem_eq(again, all[s * EPOCHS + e], sizeof again);
        }
        kdst_loader_release(l);
    }
    for (int a = 0; a < 2 * EPOCHS; a++)
        for (int b = 0; b < a; b++)
            ck_assert(memcmp(all[a], all[b], N * sizeof(float)));
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_unshuffled)
{
    static float all[WHOLE];
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, N, NULL);
    for (int e = 0; e < EPOCHS; e++) {
        ok(kdst_loader_set_epoch(l, e));
        ck_assert_int_eq(take_epoch(ctx, l, all), N);
        for (int i = 0; i < N; i++)
            ck_assert_float_eq(all[i], (float)i);
    }
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST

/* The first samples of the shuffled order are uniform: no class of samples is favoured. */
START_TEST(test_order_is_uniform)
{
    enum { RUNS = 53 * 60 };
    static float all[WHOLE];
    int first[N] = {0};
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, 1, set_int(set_int(new_options(), "shuffle", 1), "prefetch", 1));
    for (int e = 0; e < RUNS; e++) {
        float *at = all;
        ok(kdst_loader_set_epoch(l, e));
        take(ctx, l, &at);
        first[(int)all[0]]++;
    }
    /* chi-squared of 52 degrees of freedom is above 115 once in a million */
    double chi = 0;
    for (int i = 0; i < N; i++)
        chi += (first[i] - 60.0) * (first[i] - 60.0) / 60;
    ck_assert_msg(chi < 115, "chi-squared is %g", chi);
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST

/* Sizes 1, b - 1, b, b + 1, 2b + 1 around the data set, with and without the last one. */
START_TEST(test_sizes)
{
    static const int64_t sizes[] = {1, 2, 26, 27, 52, 53, 54, 1000, INT64_MAX};
    static float all[WHOLE];
    kdst_dataset *d = make_data(ctx);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int drop = 0; drop < 2; drop++) {
            int64_t size = sizes[s], batches = drop ? N / size : size > N ? 1 : (N - 1) / size + 1;
            if (!batches) continue;
            kdst_loader *l = new_loader(d, size, set_int(set_int(new_options(), "drop_last", drop), "prefetch", _i));
            ck_assert_int_eq(kdst_loader_get_batches(l), batches);
            float *at = all;
            for (int64_t b = 0; b < batches; b++) {
                ck_assert_int_eq(kdst_loader_get_position(l), b);
                int64_t left = N - b * size;
                ck_assert_int_eq(take(ctx, l, &at), left < size ? left : size);
            }
            for (int again = 0; again < 3; again++) {
                ck_assert_int_eq(kdst_loader_get_position(l), batches);
                ck_assert_int_eq(take(ctx, l, &at), 0);
            }
            kdst_loader_release(l);
        }
    kdst_dataset_release(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data batches");
    TCase *all = tcase_create("batches");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, test_order);
    tcase_add_test(all, test_unshuffled);
    tcase_add_test(all, test_order_is_uniform);
    tcase_add_loop_test(all, test_sizes, 0, 4);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
