/* SPDX-License-Identifier: Apache-2.0 */
/* Chosen samples of a data set, and single images. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

enum { N = 9, PIXELS = 2 * 3 * 4 };

START_TEST(test_chosen)
{
    static const kdst_dtype types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};
    static const int64_t samples[] = {8, 0, 0, 3};
    kdst_dataset *d = make_noise(ctx, types[_i], N, 2, 3, 4, 5), *part = NULL;
    size_t size = PIXELS * (size_t)kdst_dtype_get_size(types[_i]);
    kdst_tensor *x = NULL, *y = NULL, *whole = NULL, *one = NULL;
    ok(kdst_dataset_create_subset(d, samples, 4, &part));
    ck_assert_int_eq(kdst_dataset_get_count(part), 4);
    ck_assert_int_eq(kdst_dataset_get_classes(part), 5);
    ok(kdst_dataset_get_images(d, &whole));
    ok(kdst_dataset_get_images(part, &x));
    ok(kdst_dataset_get_labels(part, &y));
    char *all = copy_of(whole, NULL), *got = copy_of(x, NULL);
    int32_t *labels = copy_of(y, NULL);
    for (int i = 0; i < 4; i++) {
        ck_assert_mem_eq(got + i * size, all + samples[i] * size, size);
        ck_assert_int_eq(labels[i], samples[i] % 5);
        ok(kdst_dataset_get_image(part, i, &one));
        ck_assert(kdst_tensor_get_rank(one) == 3 && kdst_tensor_get_dtype(one) == types[_i]);
        char *image = copy_of(one, NULL);
        ck_assert_mem_eq(image, got + i * size, size);
        free(image);
        kdst_tensor_release(one);
    }
    free(labels);
    free(got);
    free(all);
    kdst_dataset_release(part);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_refused)
{
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, N, 2, 3, 4, 5), *part = d;
    kdst_tensor *one = (kdst_tensor *)d;
    const int64_t wrong[] = {0, N}, below[] = {-1};
    refused(
        kdst_dataset_create_subset(d, wrong, 2, &part), KDST_STATUS_INVALID_ARGUMENT,
        "sample 1 of the list is 9, allowed is 0 to 8");
    ck_assert_ptr_null(part);
    refused(kdst_dataset_create_subset(d, below, 1, &part), KDST_STATUS_INVALID_ARGUMENT, "is -1");
    refused(kdst_dataset_create_subset(d, wrong, 0, &part), KDST_STATUS_INVALID_ARGUMENT, "count is 0");
    refused(kdst_dataset_create_subset(d, NULL, 1, &part), KDST_STATUS_INVALID_ARGUMENT, "samples is NULL");
    refused(kdst_dataset_create_subset(d, wrong, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_dataset_create_subset(NULL, wrong, 1, &part), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_get_image(d, N, &one), KDST_STATUS_INVALID_ARGUMENT, "sample is 9, allowed is 0 to 8");
    ck_assert_ptr_null(one);
    refused(kdst_dataset_get_image(d, -1, &one), KDST_STATUS_INVALID_ARGUMENT, "sample is -1");
    refused(kdst_dataset_get_image(d, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_dataset_get_image(NULL, 0, &one), KDST_STATUS_INVALID_ARGUMENT);
    kdst_dataset_release(d);
}
END_TEST

static kdst_status choose(kdst_context *c, void *arg)
{
    const int64_t shape[] = {3, 1, 2, 2}, samples[] = {2, 2, 1};
    kdst_tensor *x = NULL, *y = NULL, *one = NULL;
    kdst_dataset *d = NULL, *part = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_UINT8, 4, shape, &x);
    if (!status) status = kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &y);
    if (!status) status = kdst_dataset_create(c, x, y, 0, &d);
    if (!status) status = kdst_dataset_create_subset(d, samples, 3, &part);
    if (!status) status = kdst_dataset_get_image(part, 1, &one);
    kdst_tensor_release(one);
    kdst_dataset_release(part);
    kdst_dataset_release(d);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_allocations)
{
    ck_assert_int_ge(each_allocation_fails(NULL, choose, NULL), 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data parts");
    TCase *all = tcase_create("parts");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, test_chosen, 0, 3);
    tcase_add_test(all, test_refused);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
