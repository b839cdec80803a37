/* SPDX-License-Identifier: Apache-2.0 */
/* IDX files that are refused: cut anywhere, other types and sizes than expected, false claims, pairs that disagree. */
#include "idx_pair.h"

#include "support/run.h"

/* Each file cut at each byte, and one byte too long. */
START_TEST(test_wrong_length)
{
    bytes *files[] = {&images, &labels};
    for (int f = 0; f < 2; f++) {
        size_t whole = files[f]->size;
        for (size_t size = 0; size <= whole + 1; size++) {
            kdst_dataset *d = (kdst_dataset *)&d;
            if (size == whole) continue;
            files[f]->size = size;
            refused(load(NULL, &d), KDST_STATUS_FORMAT, f ? "/labels: " : "/images: ");
            ck_assert_ptr_null(d);
        }
        files[f]->size = whole;
    }
}
END_TEST

START_TEST(test_wrong_magic)
{
    static const uint8_t types[] = {0x09, 0x0b, 0x0c, 0x0d, 0x0e};
    bytes *files[] = {&images, &labels};
    for (int f = 0; f < 2; f++) {
        kdst_dataset *d = NULL;
        for (int byte = 0; byte < 3; byte++) {
            uint8_t old = files[f]->data[byte];
            files[f]->data[byte] = 1;
            refused(load(NULL, &d), KDST_STATUS_FORMAT, "no IDX file");
            files[f]->data[byte] = old;
        }
        for (size_t i = 0; i < sizeof types; i++) {
            files[f]->data[2] = types[i];
            refused(load(NULL, &d), KDST_STATUS_UNSUPPORTED, "only unsigned bytes");
        }
        files[f]->data[2] = 8;
        ck_assert_ptr_null(d);
    }
}
END_TEST

START_TEST(test_wrong_axes)
{
    kdst_dataset *d = NULL;
    for (uint8_t axes = 0; axes < 7; axes++) {
        images.data[3] = axes;
        if (axes == 3) continue;
        refused(load(NULL, &d), KDST_STATUS_FORMAT, axes > 4 ? "axes, at most 4 are expected" : "/images: ");
    }
    images.data[3] = 3;
    for (uint8_t axes = 0; axes < 7; axes++) {
        labels.data[3] = axes;
        if (axes == 1) continue;
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "/labels: ");
    }
    put_header(&labels, 8, 2, (const uint32_t[]){N, 1});
    put_noise(&labels, N, 10);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "the file has 2 axes, labels have 1");
    put_header(&images, 8, 2, (const uint32_t[]){N, W});
    put_noise(&images, N * W, 256);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "the file has 2 axes, images have 3 or 4");
}
END_TEST

/* Nothing is allocated on the word of a header. */
START_TEST(test_claims)
{
    static const uint32_t claims[][4] = {
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {N, 1 << 16, 1 << 16, 1 << 16},
        {N, 1u << 31, 1u << 31, 4}, /* 0 in 64 bits */
        {N, 1, 1 << 15, 1 << 15},
        {N, 2, H, W},
    };
    kdst_dataset *d = NULL;
    int64_t now, before, after;
    ok(load(NULL, &d));
    kdst_dataset_release(d);
    ok(kdst_context_get_memory(ctx, &now, &before));
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        put_header(&images, 8, 4, claims[i]);
        put_noise(&images, N * H * W, 256);
        put_header(&labels, 8, 1, claims[i]);
        put_noise(&labels, N, 10);
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "bytes");
        ck_assert_ptr_null(d);
    }
    ok(kdst_context_get_memory(ctx, &now, &after));
    ck_assert_int_le(after, before + 4096);
}
END_TEST

START_TEST(test_zero_sizes)
{
    kdst_dataset *d = NULL;
    for (int axis = 0; axis < 3; axis++) {
        uint32_t sizes[] = {N, H, W};
        sizes[axis] = 0;
        put_header(&images, 8, 3, sizes);
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "is 0");
    }
    put_header(&images, 8, 3, (const uint32_t[]){0, H, W});
    put_header(&labels, 8, 1, (const uint32_t[]){0});
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "the size of axis 0 is 0");
}
END_TEST

START_TEST(test_disagree)
{
    kdst_dataset *d = NULL;
    put_header(&labels, 8, 1, (const uint32_t[]){N + 1});
    put_noise(&labels, N + 1, 10);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "6 labels for 5 images");
    put_header(&labels, 8, 1, (const uint32_t[]){N - 1});
    put_noise(&labels, N - 1, 10);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "4 labels for 5 images");
}
END_TEST

START_TEST(test_label_range)
{
    kdst_dataset *d = NULL;
    kdst_options *o = set_int(new_options(), "classes", 9);
    refused(load(o, &d), KDST_STATUS_INVALID_ARGUMENT, "the label of sample 0 is 9, allowed are 0 to 8");
    ck_assert_ptr_null(d);
    set_int(o, "classes", 65537);
    refused(load(o, &d), KDST_STATUS_INVALID_ARGUMENT, "classes is 65537");
    kdst_options_release(o);
}
END_TEST

START_TEST(test_arguments)
{
    char x[PATH_BYTES], none[PATH_BYTES];
    kdst_dataset *d = NULL;
    write_file("images", images.data, images.size);
    path_of("images", x);
    path_of("none", none);
    ck_assert_int_eq(kdst_dataset_load_idx(NULL, x, x, NULL, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_load_idx(ctx, NULL, x, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "images is NULL");
    refused(kdst_dataset_load_idx(ctx, x, NULL, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "labels is NULL");
    refused(kdst_dataset_load_idx(ctx, x, x, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(kdst_dataset_load_idx(ctx, none, x, NULL, &d), KDST_STATUS_NOT_FOUND, "none");
    refused(kdst_dataset_load_idx(ctx, x, none, NULL, &d), KDST_STATUS_NOT_FOUND, "none");
    refused(kdst_dataset_load_idx(ctx, folder, x, NULL, &d), KDST_STATUS_IO, folder);
    kdst_options *o = set_int(new_options(), "clases", 3);
    refused(kdst_dataset_load_idx(ctx, x, x, o, &d), KDST_STATUS_INVALID_ARGUMENT, "classes");
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data idx refused");
    TCase *all = tcase_create("refused");
    tcase_add_checked_fixture(all, set_up, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_wrong_length);
    tcase_add_test(all, test_wrong_magic);
    tcase_add_test(all, test_wrong_axes);
    tcase_add_test(all, test_claims);
    tcase_add_test(all, test_zero_sizes);
    tcase_add_test(all, test_disagree);
    tcase_add_test(all, test_label_range);
    tcase_add_test(all, test_arguments);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
