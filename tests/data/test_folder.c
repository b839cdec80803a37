/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of images: what each kind of PNG and JPEG becomes, classes and order, the cache, images that cannot be read. */
#include "tree.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { W = 13, H = 9 };

static int level(int x, int y, int c)
{
    return (19 * x + 7 * y + 50 * c) % 256;
}

static int grey_of(const int rgb[3])
{
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000;
}

/* What each file of the corpus shows. */
static void pixel_of(const char *name, int x, int y, int rgb[3])
{
    int depth = 0;
    if (sscanf(name, "valid-grey%d.png", &depth) == 1 && depth <= 4) {
        rgb[0] = rgb[1] = rgb[2] = (x + 2 * y) % (1 << depth) * 255 / ((1 << depth) - 1);
    } else if (strstr(name, "valid-grey")) {
        rgb[0] = rgb[1] = rgb[2] = level(x, y, 0);
    } else if (!strcmp(name, "valid-palette8.png")) {
        int i = level(x, y, 0);
        rgb[0] = i, rgb[1] = 255 - i, rgb[2] = 3 * i % 256;
    } else if (!strcmp(name, "valid-palette4.png")) {
        int i = (x + y) % 16;
        rgb[0] = 16 * i, rgb[1] = 255 - i, rgb[2] = i;
    } else {
        for (int c = 0; c < 3; c++)
            rgb[c] = level(x, y, c);
    }
}

static const char *const pngs[] = {
    "valid-grey1.png",      "valid-grey2.png",       "valid-grey4.png",        "valid-grey8.png",    "valid-grey16.png",
    "valid-colour8.png",    "valid-colour16.png",    "valid-palette8.png",     "valid-palette4.png", "valid-alpha8.png",
    "valid-interlaced.png", "valid-transparent.png", "valid-grey-alpha16.png",
};
enum { PNGS = sizeof pngs / sizeof *pngs };

static kdst_status load(kdst_options *o, kdst_dataset **out)
{
    kdst_status status = kdst_dataset_load_folder(ctx, folder, o, out);
    kdst_options_release(o);
    return status;
}

START_TEST(test_png)
{
    add_class("a");
    add_image("a/image.png", pngs[_i]);
    for (int channels = 1; channels <= 3; channels += 2) {
        kdst_dataset *d = NULL;
        kdst_tensor *t = NULL;
        int64_t shape[3];
        ok(load(set_int(new_options(), "channels", channels), &d));
        ok(kdst_dataset_get_shape(d, shape));
        ck_assert(shape[0] == channels && shape[1] == H && shape[2] == W);
        ok(kdst_dataset_get_image(d, 0, &t));
        uint8_t *got = copy_of(t, NULL);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int rgb[3];
                pixel_of(pngs[_i], x, y, rgb);
                for (int c = 0; c < channels; c++)
                    ck_assert_int_eq(got[(c * H + y) * W + x], channels == 1 ? grey_of(rgb) : rgb[c]);
            }
        free(got);
        kdst_tensor_release(t);
        kdst_dataset_release(d);
    }
}
END_TEST

/* A ramp, up to what the compression loses. */
START_TEST(test_jpeg)
{
    static const char *const jpegs[] = {
        "valid-colour.jpg", "valid-halved.jpg", "valid-progressive.jpg", "valid-grey.jpg"};
    static const int tolerance[] = {6, 14, 6, 4};
    kdst_dataset *d = NULL;
    kdst_tensor *t = NULL;
    double worst = 0;
    add_class("a");
    add_image("a/image.JPEG", jpegs[_i]);
    ok(load(NULL, &d));
    ok(kdst_dataset_get_image(d, 0, &t));
    ck_assert(kdst_tensor_get_size(t, 1) == 24 && kdst_tensor_get_size(t, 2) == 40);
    uint8_t *got = copy_of(t, NULL);
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 40; x++) {
            const int rgb[] = {6 * x, 10 * y, 255 - 6 * x};
            for (int c = 0; c < 3; c++) {
                double want = _i == 3 ? grey_of(rgb) : rgb[c];
                worst = fmax(worst, fabs(got[(c * 24 + y) * 40 + x] - want));
            }
        }
    ck_assert_msg(worst <= tolerance[_i], "%g levels apart", worst);
    free(got);
    kdst_tensor_release(t);
    kdst_dataset_release(d);
}
END_TEST

/* The equation of a resized pixel, in double and over both axes at once. */
static double resized(int size, int i, int j, int channel)
{
    double scale = (double)H / size, s = scale > 1 ? scale : 1, sum = 0, weights = 0;
    int whole = size * W / H, skipped = (whole - size) / 2;
    double scale_x = (double)W / whole, sx = scale_x > 1 ? scale_x : 1;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double wy = fmax(0, 1 - fabs(y + 0.5 - (i + 0.5) * scale) / s);
            double wx = fmax(0, 1 - fabs(x + 0.5 - (j + skipped + 0.5) * scale_x) / sx);
            sum += wy * wx * level(x, y, channel);
            weights += wy * wx;
        }
    return sum / weights;
}

START_TEST(test_resize)
{
    static const int sizes[] = {1, 2, 4, 5, 8, 9, 10, 18, 33};
    int size = sizes[_i];
    kdst_dataset *d = NULL;
    kdst_tensor *t = NULL;
    add_class("a");
    add_image("a/image.png", "valid-colour8.png");
    ok(load(set_int(new_options(), "image_size", size), &d));
    ok(kdst_dataset_get_image(d, 0, &t));
    ck_assert(
        kdst_tensor_get_size(t, 0) == 3 && kdst_tensor_get_size(t, 1) == size && kdst_tensor_get_size(t, 2) == size);
    uint8_t *got = copy_of(t, NULL);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < size; i++)
            for (int j = 0; j < size; j++)
                ck_assert_double_eq_tol(got[(c * size + i) * size + j], resized(size, i, j, c), 0.501);
    free(got);
    kdst_tensor_release(t);
    kdst_dataset_release(d);
}
END_TEST

/* Classes and files by their bytes; what is hidden, no image or nested is left out; links are followed. */
static void make_tree(void)
{
    char path[PATH_BYTES], to[PATH_BYTES];
    add_class("b");
    add_class("B");
    add_class("a10");
    add_class("a9");
    add_class(".hidden");
    add_class("a9/nested.png");
    add_image("b/2.png", "valid-colour8.png");
    add_image("b/10.PNG", "valid-alpha8.png");
    add_image("B/x.png", "valid-grey8.png");
    add_image("a10/x.png", "valid-palette8.png");
    add_image("a9/.hidden.png", "valid-grey8.png");
    add_image("a9/notes.txt", "valid-grey8.png");
    add_image("a9/z.png", "valid-grey16.png");
    add_image("loose.png", "valid-grey16.png");
    ck_assert_int_eq(symlink(path_of("b/2.png", path), path_of("a9/link.png", to)), 0);
    ck_assert_int_eq(symlink(path_of("nowhere.png", path), path_of("a9/dead.png", to)), 0);
}

START_TEST(test_classes)
{
    static const char *const classes[] = {"B", "a10", "a9", "b"};
    static const int32_t labels[] = {0, 1, 2, 2, 3, 3};
    static const char *const files[] = {"valid-grey8.png",  "valid-palette8.png", "valid-colour8.png",
                                        "valid-grey16.png", "valid-alpha8.png",   "valid-colour8.png"};
    kdst_dataset *d = NULL, *first = NULL, *second = NULL;
    kdst_tensor *y = NULL, *t = NULL;
    make_tree();
    ok(load(NULL, &d));
    ck_assert(kdst_dataset_get_count(d) == 6 && kdst_dataset_get_classes(d) == 4);
    for (int k = 0; k < 4; k++)
        ck_assert_str_eq(kdst_dataset_get_class_name(d, k), classes[k]);
    ck_assert(
        !kdst_dataset_get_class_name(d, 4) && !kdst_dataset_get_class_name(d, -1) &&
        !kdst_dataset_get_class_name(NULL, 0));
    ok(kdst_dataset_get_labels(d, &y));
    int32_t *got = copy_of(y, NULL);
    ck_assert_mem_eq(got, labels, sizeof labels);
    free(got);
    for (int i = 0; i < 6; i++) {
        int rgb[3];
        ok(kdst_dataset_get_image(d, i, &t));
        uint8_t *pixels = copy_of(t, NULL);
        pixel_of(files[i], 3, 5, rgb);
        for (int c = 0; c < 3; c++)
            ck_assert_int_eq(pixels[(c * H + 5) * W + 3], rgb[c]);
        free(pixels);
        kdst_tensor_release(t);
    }
    ok(kdst_dataset_create_split(d, 3, 1, &first, &second));
    ck_assert(kdst_dataset_get_count(first) == 3 && kdst_dataset_get_count(second) == 3);
    kdst_dataset_release(d);
    ck_assert_str_eq(kdst_dataset_get_class_name(second, 2), "a9");
    ok(kdst_dataset_get_image(second, 2, &t));
    kdst_tensor_release(t);
    refused(kdst_dataset_get_images(first, &t), KDST_STATUS_UNSUPPORTED, "get them one by one");
    kdst_dataset_release(first);
    kdst_dataset_release(second);
}
END_TEST

/* All batches of two epochs, for every way of loading; bit by bit the same, and the statistics those of the pixels. */
START_TEST(test_loading)
{
    enum { N = 6, BYTES = N * 3 * 8 * 8 };
    static float wanted[2][BYTES];
    make_tree();
    for (int round = 0; round < 8; round++) {
        kdst_context *c = new_context(1 + round % 2 * 2);
        kdst_options *o = set_int(set_int(new_options(), "image_size", 8), "cache", round / 4);
        kdst_options *p =
            set_int(set_int(set_int(new_options(), "shuffle", 1), "flip", 1), "prefetch", round / 2 % 2 * 2);
        kdst_dataset *d = NULL;
        kdst_loader *l = NULL;
        double mean[3], deviation[3];
        ck_assert_int_eq(kdst_dataset_load_folder(c, folder, o, &d), 0);
        ck_assert_int_eq(kdst_loader_create(d, 4, p, &l), 0);
        for (int e = 0; e < 2; e++) {
            size_t at = 0;
            ck_assert_int_eq(kdst_loader_set_epoch(l, e), 0);
            for (;;) {
                kdst_tensor *x = NULL, *y = NULL;
                size_t bytes;
                ck_assert_int_eq(kdst_loader_next(l, &x, &y), 0);
                if (!x) break;
                float *got = copy_of(x, &bytes);
                if (round) ck_assert_mem_eq(got, (char *)wanted[e] + at, bytes);
                memcpy((char *)wanted[e] + at, got, bytes);
                at += bytes;
                free(got);
                kdst_tensor_release(y);
                kdst_tensor_release(x);
            }
            ck_assert_uint_eq(at, sizeof wanted[e]);
        }
        ck_assert_int_eq(kdst_dataset_get_statistics(d, mean, deviation, 3), 0);
        double sum = 0;
        for (int i = 0; i < BYTES; i++)
            sum += wanted[0][i];
        ck_assert_double_eq_tol((mean[0] + mean[1] + mean[2]) / 3, sum / BYTES, 1e-6);
        kdst_loader_release(l);
        kdst_dataset_release(d);
        kdst_options_release(p);
        kdst_options_release(o);
        ck_assert_int_eq(kdst_context_live_count(c), 0);
        kdst_context_release(c);
    }
}
END_TEST

static const struct {
    const char *file;
    kdst_status status;
    const char *text;
} bads[] = {
    {"bad-cut.png", KDST_STATUS_FORMAT, "the file ends too early"},
    {"bad-signature.png", KDST_STATUS_FORMAT, "is neither PNG nor JPEG"},
    {"bad-checksum.png", KDST_STATUS_FORMAT, "the PNG data are corrupt"},
    {"bad-zero.png", KDST_STATUS_FORMAT, "the PNG data are corrupt"},
    {"bad-wide.png", KDST_STATUS_FORMAT, "the PNG data are corrupt"},
    {"bad-pixels.png", KDST_STATUS_FORMAT, "has 16384 x 16384 pixels"},
    {"bad-no-palette.png", KDST_STATUS_FORMAT, "the PNG data are corrupt"},
    {"bad-deflate.png", KDST_STATUS_FORMAT, "the PNG data are corrupt"},
    {"bad-few-rows.png", KDST_STATUS_FORMAT, "the PNG data are corrupt"},
    {"bad-empty.png", KDST_STATUS_FORMAT, "is neither PNG nor JPEG"},
    {"bad-cut.jpg", KDST_STATUS_FORMAT, "the JPEG data are corrupt"},
    {"bad-header.jpg", KDST_STATUS_FORMAT, "the JPEG data are corrupt"},
    {"bad-pixels.jpg", KDST_STATUS_FORMAT, "pixels"},
    {"bad-printing.jpg", KDST_STATUS_UNSUPPORTED, "printing colours"},
    {"valid-colour.jpg", KDST_STATUS_SHAPE, "has 24 x 40 pixels, the first image 9 x 13"},
};
enum { BADS = sizeof bads / sizeof *bads };

/* A bad image among good ones fails in its batch, with its name; so again, until it has become a good one. */
START_TEST(test_bad)
{
    make_tree();
    add_image("b/5.png", bads[_i].file);
    for (int prefetch = 0; prefetch <= 2; prefetch += 2) {
        kdst_dataset *d = NULL;
        kdst_loader *l = NULL;
        kdst_tensor *x = NULL, *y = NULL;
        kdst_options *o = set_int(new_options(), "prefetch", prefetch);
        ok(load(NULL, &d));
        ok(kdst_loader_create(d, 4, o, &l));
        ok(kdst_loader_next(l, &x, &y));
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        for (int again = 0; again < 3; again++) {
            refused(kdst_loader_next(l, &x, &y), bads[_i].status, bads[_i].text);
            ck_assert(!x && !y && strstr(kdst_context_message(ctx), "/b/5.png: "));
            ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "loader_next: "));
            ck_assert_int_eq(kdst_loader_get_position(l), 1);
        }
        refused(kdst_dataset_get_image(d, 6, &x), bads[_i].status, "dataset_get_image: ");
        add_image("b/5.png", "valid-grey8.png");
        kdst_status status = kdst_loader_next(l, &x, &y);
        if (status) status = kdst_loader_next(l, &x, &y); /* the thread had met the bad one once more */
        ok(status);
        ck_assert_int_eq(kdst_tensor_get_size(x, 0), 3);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        add_image("b/5.png", bads[_i].file);
        kdst_options_release(o);
        kdst_loader_release(l);
        kdst_dataset_release(d);
    }
}
END_TEST

START_TEST(test_refused)
{
    kdst_dataset *d = (kdst_dataset *)ctx;
    char path[PATH_BYTES];
    refused(kdst_dataset_load_folder(ctx, NULL, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    ck_assert_ptr_null(d);
    refused(kdst_dataset_load_folder(ctx, folder, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_dataset_load_folder(NULL, folder, NULL, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "has no folder of a class");
    refused(kdst_dataset_load_folder(ctx, path_of("none", path), NULL, &d), KDST_STATUS_NOT_FOUND, "none");
    refused(
        load(set_int(new_options(), "channels", 2), &d), KDST_STATUS_INVALID_ARGUMENT,
        "channels is 2, allowed is 1 or 3");
    refused(load(set_int(new_options(), "image_size", 5000), &d), KDST_STATUS_INVALID_ARGUMENT, "image_size is 5000");
    add_class("a");
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "/a: has no image");
    add_image("a/1.png", "bad-text.png");
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "/a/1.png: is neither PNG nor JPEG");
    ck_assert_ptr_null(d);
    ok(load(set_int(new_options(), "image_size", 8), &d)); /* nothing is read before it is asked for */
    kdst_dataset_release(d);
    refused(kdst_dataset_load_folder(ctx, path_of("a/1.png", path), NULL, &d), KDST_STATUS_NOT_FOUND, "1.png");
    /* names of no encoding are shown so that the message is text */
    add_class("A\xff");
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "/A?: has no image");
    add_class("A\xff/\xfe");
    refused(
        kdst_dataset_load_folder(ctx, path_of("A\xff/\xfe", path), NULL, &d), KDST_STATUS_FORMAT,
        "/A?/?: has no folder of a class");
}
END_TEST

static kdst_status work(kdst_context *c, void *arg)
{
    kdst_options *o = set_int(new_options(), "cache", *(int *)arg),
                 *p = set_int(new_options(), "prefetch", *(int *)arg);
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    double mean[3], deviation[3];
    if (*(int *)arg) set_int(o, "image_size", 4);
    kdst_status status = kdst_dataset_load_folder(c, folder, o, &d);
    if (!status) status = kdst_loader_create(d, 4, p, &l);
    for (int b = 0; b < 2 && !status; b++) {
        status = kdst_loader_next(l, &x, &y);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    if (!status) status = kdst_dataset_get_statistics(d, mean, deviation, 3);
    kdst_loader_release(l);
    kdst_dataset_release(d);
    kdst_options_release(p);
    kdst_options_release(o);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    make_tree();
    ck_assert_int_ge(each_allocation_fails(o, work, &_i), 25);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data folder");
    TCase *all = tcase_create("folder");
    tcase_add_checked_fixture(all, setup, tree_teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_png, 0, PNGS);
    tcase_add_loop_test(all, test_jpeg, 0, 4);
    tcase_add_loop_test(all, test_resize, 0, 9);
    tcase_add_test(all, test_classes);
    tcase_add_test(all, test_loading);
    tcase_add_loop_test(all, test_bad, 0, BADS);
    tcase_add_test(all, test_refused);
    tcase_add_loop_test(all, test_allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
