/* SPDX-License-Identifier: Apache-2.0 */
/* Crop, mirror and normalisation against plain formulas.
 *
 * Images are noise, so that one place of the crop and one mirror alone explain a result: they are searched for, and
 * every pixel must then be what the formula says. How often each place comes is counted over many samples.
 */
#include "support.h"

#include "support/run.h"

#include <math.h>

static const kdst_dtype pixel_types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};
static const kdst_dtype batch_types[] = {KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};

/* [channels, height, width] of one image and how it may be moved. */
typedef struct geometry {
    int64_t c, h, w, padding, flip;
} geometry;

static const geometry geometries[] = {
    {1, 1, 1, 0, 0}, {3, 5, 7, 0, 0}, {3, 5, 7, 0, 1}, {1, 7, 5, 2, 0},   {2, 4, 9, 1, 1}, {1, 1, 8, 3, 1},
    {5, 8, 1, 2, 1}, {1, 3, 3, 5, 1}, {1, 2, 2, 9, 0}, {3, 32, 32, 4, 1}, {1, 1, 6, 0, 1},
};
enum { GEOMETRIES = sizeof geometries / sizeof *geometries, SAMPLES = 24 };

static const double means[] = {0.25, -1, 0.5, 0, 3}, deviations[] = {0.5, 2, 0.3, 1, 1e-3};

static double value(const void *data, kdst_dtype dtype, int64_t i)
{
    if (dtype == KDST_DTYPE_UINT8) return ((const uint8_t *)data)[i] / 255.0;
    return dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

/* Pixel (c, y, x) of the result when the crop begins at (i, j) of the padded image. */
static double expected(
    const geometry *g, const void *image, kdst_dtype dtype, int64_t i, int64_t j, int64_t mirror, int64_t c, int64_t y,
    int64_t x)
{
    int64_t from_y = y + i - g->padding, from_x = (mirror ? g->w - 1 - x : x) + j - g->padding;
    int inside = from_y >= 0 && from_y < g->h && from_x >= 0 && from_x < g->w;
    double pixel = inside ? value(image, dtype, (c * g->h + from_y) * g->w + from_x) : 0;
    return (pixel - means[c]) / deviations[c];
}

static int explains(
    const geometry *g, const void *image, kdst_dtype dtype, int64_t i, int64_t j, int64_t mirror, const void *out,
    kdst_dtype out_dtype)
{
    for (int64_t c = 0; c < g->c; c++)
        for (int64_t y = 0; y < g->h; y++)
            for (int64_t x = 0; x < g->w; x++) {
                double want = expected(g, image, dtype, i, j, mirror, c, y, x);
                if (out_dtype == KDST_DTYPE_FLOAT32) want = (float)want;
                if (value(out, out_dtype, (c * g->h + y) * g->w + x) != want) return 0;
            }
    return 1;
}

/* Whether some place and mirror explain the image, bit for bit; the first one found. */
static int find_place(
    const geometry *g, const void *image, kdst_dtype dtype, const void *out, kdst_dtype out_dtype, int64_t place[3])
{
    for (place[2] = 0; place[2] <= g->flip; place[2]++)
        for (place[0] = 0; place[0] <= 2 * g->padding; place[0]++)
            for (place[1] = 0; place[1] <= 2 * g->padding; place[1]++)
                if (explains(g, image, dtype, place[0], place[1], place[2], out, out_dtype)) return 1;
    return 0;
}

static kdst_options *options_of(const geometry *g, kdst_dtype out_dtype)
{
    kdst_options *o = set_int(set_int(new_options(), "crop_padding", g->padding), "flip", g->flip);
    set_text(o, "dtype", out_dtype == KDST_DTYPE_FLOAT32 ? "float32" : "float64");
    return set_reals(set_reals(o, "mean", means, g->c), "deviation", deviations, g->c);
}

START_TEST(test_formula)
{
    const geometry *g = &geometries[_i];
    int64_t pixels = g->c * g->h * g->w;
    for (int in = 0; in < 3; in++)
        for (int out = 0; out < 2; out++) {
            kdst_dataset *d = make_noise(ctx, pixel_types[in], SAMPLES, g->c, g->h, g->w, 2);
            kdst_options *o = options_of(g, batch_types[out]);
            kdst_loader *l = NULL;
            kdst_tensor *all = NULL, *x = NULL, *y = NULL;
            ok(kdst_loader_create(d, SAMPLES, o, &l));
            ok(kdst_loader_next(l, &x, &y));
            ok(kdst_dataset_get_images(d, &all));
            ck_assert_int_eq(kdst_tensor_get_dtype(x), batch_types[out]);
            char *source = copy_of(all, NULL), *made = copy_of(x, NULL);
            for (int64_t n = 0; n < SAMPLES; n++) {
                int64_t place[3];
                ck_assert_msg(
                    find_place(
                        g, source + n * pixels * kdst_dtype_get_size(pixel_types[in]), pixel_types[in],
                        made + n * pixels * kdst_dtype_get_size(batch_types[out]), batch_types[out], place),
                    "sample %lld of %s to %s", (long long)n, kdst_dtype_get_name(pixel_types[in]),
                    kdst_dtype_get_name(batch_types[out]));
            }
            free(made);
            free(source);
            kdst_tensor_release(y);
            kdst_tensor_release(x);
            kdst_loader_release(l);
            kdst_options_release(o);
            kdst_dataset_release(d);
        }
}
END_TEST

/* Every byte's value, without and with mean and deviation, one for all channels. */
START_TEST(test_bytes)
{
    uint8_t pixels[2 * 256];
    int32_t label = 0;
    const int64_t shape[] = {1, 2, 16, 16};
    for (int i = 0; i < 512; i++)
        pixels[i] = (uint8_t)i;
    for (int given = 0; given < 2; given++) {
        kdst_options *o = set_text(new_options(), "dtype", "float64");
        kdst_tensor *images = NULL, *labels = NULL, *x = NULL, *y = NULL;
        kdst_dataset *d = NULL;
        kdst_loader *l = NULL;
        if (given) set_reals(set_reals(o, "mean", means, 1), "deviation", deviations, 1);
        ok(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 4, shape, pixels, &images));
        ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, &label, &labels));
        ok(kdst_dataset_create(ctx, images, labels, 1, &d));
        ok(kdst_loader_create(d, 1, o, &l));
        ok(kdst_loader_next(l, &x, &y));
        double *made = copy_of(x, NULL);
        for (int i = 0; i < 512; i++)
            ck_assert_double_eq(made[i], given ? (i % 256 / 255.0 - means[0]) / deviations[0] : i % 256 / 255.0);
        free(made);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        kdst_loader_release(l);
        kdst_dataset_release(d);
        kdst_tensor_release(labels);
        kdst_tensor_release(images);
        kdst_options_release(o);
    }
}
END_TEST

/* Counts places over an epoch: all 25 and both mirrors are equally likely, independent of each other and of the sample
 * before. */
START_TEST(test_distribution)
{
    enum { MANY = 10000, PLACES = 25 };
    const geometry g = {1, 6, 6, 2, 1};
    int counts[2][PLACES] = {{0}}, repeated = 0;
    int64_t before = -1;
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, MANY, 1, 6, 6, 2);
    kdst_options *o = options_of(&g, KDST_DTYPE_FLOAT32);
    kdst_loader *l = NULL;
    kdst_tensor *all = NULL, *x = NULL, *y = NULL;
    ok(kdst_loader_create(d, MANY, o, &l));
    ok(kdst_loader_next(l, &x, &y));
    ok(kdst_dataset_get_images(d, &all));
    uint8_t *source = copy_of(all, NULL);
    float *made = copy_of(x, NULL);
    for (int64_t n = 0; n < MANY; n++) {
        int64_t place[3];
        ck_assert(find_place(&g, source + n * 36, KDST_DTYPE_UINT8, made + n * 36, KDST_DTYPE_FLOAT32, place));
        counts[place[2]][place[0] * 5 + place[1]]++;
        int64_t number = (place[2] * 5 + place[0]) * 5 + place[1];
        repeated += number == before;
        before = number;
    }
    /* chi-squared of 49 degrees of freedom is above 111 once in a million */
    double chi = 0, share = (double)MANY / (2 * PLACES);
    for (int k = 0; k < 2 * PLACES; k++)
        chi += pow(counts[k / PLACES][k % PLACES] - share, 2) / share;
    ck_assert_msg(chi < 111, "chi-squared is %g", chi);
    /* 200 are expected, with a deviation of 14 */
    ck_assert_msg(repeated > 130 && repeated < 270, "%d places are the one before", repeated);
    free(made);
    free(source);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* Sample `n` of an epoch, wherever the order puts it: labels are the numbers of the samples. */
static void read_epoch(kdst_dataset *d, const kdst_options *o, int64_t epoch, float *out, int64_t pixels)
{
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    ok(kdst_loader_create(d, 7, o, &l));
    ok(kdst_loader_set_epoch(l, epoch));
    for (ok(kdst_loader_next(l, &x, &y)); x; ok(kdst_loader_next(l, &x, &y))) {
        float *made = copy_of(x, NULL);
        int32_t *numbers = copy_of(y, NULL);
        for (int64_t i = 0; i < kdst_tensor_get_size(x, 0); i++)
            memcpy(out + numbers[i] * pixels, made + i * pixels, (size_t)pixels * sizeof *out);
        free(numbers);
        free(made);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    kdst_loader_release(l);
}

/* What happens to a sample depends on seed, epoch and its number, not on where the order puts it. */
START_TEST(test_key)
{
    enum { PIXELS = 3 * 8 * 8 };
    static float base[SAMPLES * PIXELS], other[SAMPLES * PIXELS];
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, SAMPLES, 3, 8, 8, SAMPLES);
    kdst_options *o = set_int(set_int(set_int(new_options(), "crop_padding", 4), "flip", 1), "seed", 9);
    read_epoch(d, o, 3, base, PIXELS);
    read_epoch(d, set_int(o, "shuffle", 1), 3, other, PIXELS);
    ck_assert_mem_eq(base, other, sizeof base);
    for (int change = 0; change < 2; change++) {
        int same = 0;
        read_epoch(d, set_int(o, "seed", change ? 10 : 9), change ? 3 : 4, other, PIXELS);
        for (int i = 0; i < SAMPLES; i++)
            same += !memcmp(base + i * PIXELS, other + i * PIXELS, PIXELS * sizeof *base);
        ck_assert_int_le(same, 2); /* one of 162 places by chance */
    }
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data augment");
    TCase *all = tcase_create("augment");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_formula, 0, GEOMETRIES);
    tcase_add_test(all, test_bytes);
    tcase_add_test(all, test_distribution);
    tcase_add_test(all, test_key);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
