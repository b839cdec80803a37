/* SPDX-License-Identifier: Apache-2.0 */
/* The data in examples/data: 1,600 and 400 images, 160 and 40 of each class, none of them empty. */
#include "support.h"

#include "support/run.h"

static void check_part(const char *part, int per_class)
{
    char images[PATH_BYTES], labels[PATH_BYTES];
    int64_t shape[3];
    double mean, deviation;
    int seen[10] = {0};
    kdst_dataset *d = NULL;
    kdst_tensor *y = NULL;
    snprintf(images, sizeof images, "%s/../examples/data/%s-images-idx3-ubyte.gz", KDST_TEST_SOURCE_DIR, part);
    snprintf(labels, sizeof labels, "%s/../examples/data/%s-labels-idx1-ubyte.gz", KDST_TEST_SOURCE_DIR, part);
    ok(kdst_dataset_load_idx(ctx, images, labels, NULL, &d));
    ck_assert_int_eq(kdst_dataset_get_count(d), 10 * per_class);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 10);
    ok(kdst_dataset_get_shape(d, shape));
    ck_assert(shape[0] == 1 && shape[1] == 28 && shape[2] == 28);
    ok(kdst_dataset_get_labels(d, &y));
    int32_t *numbers = copy_of(y, NULL);
    for (int i = 0; i < 10 * per_class; i++)
        seen[numbers[i]]++;
    for (int k = 0; k < 10; k++)
        ck_assert_int_eq(seen[k], per_class);
    free(numbers);
    /* the whole set has 0.286 and 0.353 */
    ok(kdst_dataset_get_statistics(d, &mean, &deviation, 1));
    ck_assert_double_eq_tol(mean, 0.286, 0.01);
    ck_assert_double_eq_tol(deviation, 0.353, 0.01);
    kdst_dataset_release(d);
}

START_TEST(test_parts)
{
    check_part("train", 160);
    check_part("t10k", 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data subset");
    TCase *all = tcase_create("subset");
    tcase_add_checked_fixture(all, setup, teardown);
#if KDST_HAVE_ZLIB
    tcase_add_test(all, test_parts);
#endif
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
