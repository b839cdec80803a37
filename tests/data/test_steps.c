/* SPDX-License-Identifier: Apache-2.0 */
/* Every step of an augmentation against plain formulas, on images whose channels are ramps: channel 0 holds the row of each
 * pixel and channel 1 its column, so that a result tells where it was taken from.
 */
#include "support.h"

#include "support/run.h"

#include <math.h>

enum { B = 200, H = 12, W = 16, PLANE = H * W };

static kdst_augmentation *a;
static double images[B][2][H][W], made[B][2][H][W];

static void begin(void)
{
    setup();
    ok(kdst_augmentation_create(ctx, &a));
    for (int b = 0; b < B; b++)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                images[b][0][y][x] = y;
                images[b][1][y][x] = x;
            }
}

static void end(void)
{
    kdst_augmentation_release(a);
    teardown();
}

/* Images of the given number and size after the steps, from `in` to `out`. */
static void run(const double *in, int64_t n, int64_t c, double *out, int64_t want_h, int64_t want_w)
{
    const int64_t shape[] = {n, c, H, W};
    kdst_tensor *x = NULL, *y = NULL;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 4, shape, in, &x));
    ok(kdst_augmentation_run(a, x, 5, 2, 0, &y));
    ck_assert_int_eq(kdst_tensor_get_size(y, 2), want_h);
    ck_assert_int_eq(kdst_tensor_get_size(y, 3), want_w);
    ok(kdst_tensor_get_data(y, out, (size_t)(n * c * want_h * want_w) * sizeof *out));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}

static void run_ramps(void)
{
    run(&images[0][0][0][0], B, 2, &made[0][0][0][0], H, W);
}

static void with(kdst_status (*add)(kdst_augmentation *, const kdst_options *), kdst_options *o)
{
    ok(add(a, o));
    kdst_options_release(o);
}

START_TEST(test_rotation)
{
    double least = 90, most = -90, my = (H - 1) / 2.0, mx = (W - 1) / 2.0;
    int apart = 0;
    ok(kdst_augmentation_add_rotation(a, 30, NULL));
    run_ramps();
    for (int b = 0; b < B; b++) {
        /* the middle four pixels lie within the image whatever the angle; each step in x moves by (cos, sin) */
        double cosine = made[b][1][H / 2][W / 2] - made[b][1][H / 2][W / 2 - 1];
        double sine = made[b][0][H / 2][W / 2] - made[b][0][H / 2][W / 2 - 1];
        double angle = atan2(sine, cosine) * 180 / 3.14159265358979323846;
        ck_assert_double_eq_tol(cosine * cosine + sine * sine, 1, 1e-12);
        ck_assert_double_le(fabs(angle), 30 + 1e-9);
        least = angle < least ? angle : least;
        most = angle > most ? angle : most;
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double v = my + sine * (x - mx) + cosine * (y - my), u = mx + cosine * (x - mx) - sine * (y - my);
                if (v >= 0 && v <= H - 1 && u >= 0 && u <= W - 1) {
                    ck_assert_double_eq_tol(made[b][0][y][x], v, 1e-9);
                    ck_assert_double_eq_tol(made[b][1][y][x], u, 1e-9);
                } else if (v <= -1 || v >= H || u <= -1 || u >= W) {
                    ck_assert_double_eq(made[b][1][y][x], 0);
                    apart++;
                }
            }
    }
    ck_assert(least < -27 && most > 27); /* 200 uniform numbers leave a tenth of an end empty once in 10^4 */
    ck_assert_int_gt(apart, 0);
}
END_TEST

START_TEST(test_rotation_nearest)
{
    kdst_options *o = set_text(new_options(), "interpolation", "nearest");
    ok(kdst_augmentation_add_rotation(a, 180, o));
    kdst_options_release(o);
    run_ramps();
    for (int b = 0; b < B; b++)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                ck_assert(made[b][1][y][x] == rint(made[b][1][y][x]) && made[b][1][y][x] < W);
}
END_TEST

START_TEST(test_no_rotation)
{
    ok(kdst_augmentation_add_rotation(a, 0, NULL));
    run_ramps();
    ck_assert_mem_eq(made, images, sizeof made);
}
END_TEST

/* The part a result came from: begin and size of one axis, from two neighbours in its middle. */
static void axis_of(double first, double second, int at, int n, double *begin, double *size)
{
    *size = (second - first) * n;
    *begin = first - ((at + 0.5) * *size / n - 0.5);
}

START_TEST(test_resized_crop)
{
    enum { OH = 24, OW = 40 };
    static double out[B][2][OH][OW];
    static const double scale[] = {0.2, 0.6}, ratio[] = {0.5, 2};
    kdst_options *o = set_int(set_int(new_options(), "height", OH), "width", OW);
    with(kdst_augmentation_add_resized_crop, set_reals(set_reals(o, "scale", scale, 2), "ratio", ratio, 2));
    run(&images[0][0][0][0], B, 2, &out[0][0][0][0], OH, OW);
    double least = 1, most = 0;
    for (int b = 0; b < B; b++) {
        double top, left, h, w;
        axis_of(out[b][0][OH / 2][OW / 2], out[b][0][OH / 2 + 1][OW / 2], OH / 2, OH, &top, &h);
        axis_of(out[b][1][OH / 2][OW / 2], out[b][1][OH / 2][OW / 2 + 1], OW / 2, OW, &left, &w);
        double values[] = {top, left, h, w};
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol(values[i], rint(values[i]), 1e-9);
        double share = h * w / (H * W);
        ck_assert(top > -1e-9 && left > -1e-9 && top + h < H + 1e-9 && left + w < W + 1e-9);
        ck_assert(share > 0.2 * 0.8 && share < 0.6 * 1.2); /* whole pixels */
        ck_assert(w / h > 0.5 * 0.75 && w / h < 2 * 1.35);
        least = share < least ? share : least;
        most = share > most ? share : most;
        for (int y = 0; y < OH; y++)
            for (int x = 0; x < OW; x++) {
                double v = fmin(fmax((y + 0.5) * h / OH - 0.5, 0), h - 1),
                       u = fmin(fmax((x + 0.5) * w / OW - 0.5, 0), w - 1);
                ck_assert_double_eq_tol(out[b][0][y][x], top + v, 1e-9);
                ck_assert_double_eq_tol(out[b][1][y][x], left + u, 1e-9);
            }
    }
    ck_assert(least < 0.28 && most > 0.5);
}
END_TEST

/* The part of channel 0 that has `value` must be a full rectangle [top, bottom) x [left, right); 0 when it is empty. */
static int find_box(double image[2][H][W], double value, int box[4])
{
    int count = 0;
    box[0] = H, box[1] = 0, box[2] = W, box[3] = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            ck_assert((image[0][y][x] == value) == (image[1][y][x] == value));
            if (image[0][y][x] != value) continue;
            count++;
            box[0] = y < box[0] ? y : box[0];
            box[1] = y >= box[1] ? y + 1 : box[1];
            box[2] = x < box[2] ? x : box[2];
            box[3] = x >= box[3] ? x + 1 : box[3];
        }
    if (count) ck_assert_int_eq(count, (box[1] - box[0]) * (box[3] - box[2]));
    return count;
}

static kdst_options *set_real(kdst_options *o, const char *name, double value)
{
    ck_assert_int_eq(kdst_options_set_float(o, name, value), 0);
    return o;
}

START_TEST(test_erasing)
{
    int erased = 0, box[4];
    with(kdst_augmentation_add_erasing, set_real(set_real(new_options(), "value", -7), "probability", 0.25));
    run_ramps();
    for (int b = 0; b < B; b++) {
        int count = find_box(made[b], -7, box);
        if (!count) {
            ck_assert_mem_eq(made[b], images[b], sizeof made[b]);
            continue;
        }
        double ratio = (double)(box[1] - box[0]) / (box[3] - box[2]);
        erased++;
        ck_assert(count >= 2 && count <= 0.33 * PLANE * 1.3);
        ck_assert(ratio > 0.3 * 0.6 && ratio < 3.3 * 1.6);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                if (made[b][1][y][x] != -7) ck_assert_double_eq(made[b][1][y][x], x);
    }
    ck_assert(erased > 20 && erased < 85); /* 50 with a deviation of 6 */
}
END_TEST

START_TEST(test_cutout)
{
    int whole = 0, box[4];
    kdst_options *o = set_real(new_options(), "value", -1);
    ok(kdst_augmentation_add_cutout(a, 5, o));
    kdst_options_release(o);
    run_ramps();
    for (int b = 0; b < B; b++) {
        ck_assert_int_ge(find_box(made[b], -1, box), 9); /* in a corner 3 of 5 are left */
        int h = box[1] - box[0], w = box[3] - box[2];
        ck_assert(h == 5 || (h < 5 && (box[0] == 0 || box[1] == H)));
        ck_assert(w == 5 || (w < 5 && (box[2] == 0 || box[3] == W)));
        whole += h == 5 && w == 5;
    }
    ck_assert(whole > 60 && whole < 160); /* (8/12) (12/16) of 200 */
}
END_TEST

START_TEST(test_jitter)
{
    double least = 2, most = 0;
    with(kdst_augmentation_add_jitter, set_int(set_real(new_options(), "brightness", 0.4), "clamp", 0));
    run_ramps();
    for (int b = 0; b < B; b++) {
        double f = made[b][1][0][1];
        least = f < least ? f : least;
        most = f > most ? f : most;
        for (int i = 0; i < 2 * PLANE; i++)
            ck_assert_double_eq_tol((&made[b][0][0][0])[i], f * (&images[b][0][0][0])[i], 1e-12);
    }
    ck_assert(least >= 0.6 && least < 0.65 && most <= 1.4 && most > 1.35);
}
END_TEST

/* Contrast keeps the mean grey value, of three channels the weighted one, and scales the distance from it. */
START_TEST(test_contrast)
{
    enum { N = 20 };
    static double in[N][3][H][W], out[N][3][H][W];
    static const double grey[] = {0.299, 0.587, 0.114};
    uint32_t state = 3;
    for (int i = 0; i < N * 3 * PLANE; i++)
        (&in[0][0][0][0])[i] = next_random(&state) / 16777216.0;
    with(kdst_augmentation_add_jitter, set_int(set_real(new_options(), "contrast", 0.5), "clamp", 0));
    run(&in[0][0][0][0], N, 3, &out[0][0][0][0], H, W);
    for (int n = 0; n < N; n++) {
        double mean = 0, after = 0, f = (out[n][0][0][0] - out[n][0][0][1]) / (in[n][0][0][0] - in[n][0][0][1]);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < PLANE; i++) {
                mean += grey[c] * (&in[n][c][0][0])[i] / PLANE;
                after += grey[c] * (&out[n][c][0][0])[i] / PLANE;
            }
        ck_assert_double_eq_tol(after, mean, 1e-12);
        ck_assert(f >= 0.5 && f <= 1.5);
        for (int i = 0; i < 3 * PLANE; i++)
            ck_assert_double_eq_tol((&out[n][0][0][0])[i] - mean, f * ((&in[n][0][0][0])[i] - mean), 1e-9);
    }
}
END_TEST

START_TEST(test_clamp)
{
    with(kdst_augmentation_add_jitter, set_real(set_real(new_options(), "brightness", 0.9), "contrast", 0.9));
    run_ramps();
    for (int i = 0; i < B * 2 * PLANE; i++)
        ck_assert((&made[0][0][0][0])[i] >= 0 && (&made[0][0][0][0])[i] <= 1);
}
END_TEST

/* Steps run in their order: what cutout sets is normalised after it and not before. */
START_TEST(test_order)
{
    kdst_options *o = set_real(new_options(), "value", 0.5);
    for (int normalized_first = 0; normalized_first < 2; normalized_first++) {
        kdst_augmentation_release(a);
        ok(kdst_augmentation_create(ctx, &a));
        kdst_options *n =
            set_reals(set_reals(new_options(), "mean", (const double[]){2, 4}, 2), "deviation", (const double[]){8}, 1);
        if (normalized_first) ok(kdst_augmentation_add_normalize(a, n));
        ok(kdst_augmentation_add_cutout(a, 4, o));
        if (!normalized_first) ok(kdst_augmentation_add_normalize(a, n));
        kdst_options_release(n);
        ck_assert_int_eq(kdst_augmentation_get_count(a), 2);
        run_ramps();
        int found = 0;
        for (int b = 0; b < B; b++)
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    double cut0 = normalized_first ? 0.5 : (0.5 - 2) / 8, cut1 = normalized_first ? 0.5 : (0.5 - 4) / 8;
                    int plain = made[b][0][y][x] == (y - 2) / 8.0 && made[b][1][y][x] == (x - 4) / 8.0;
                    int cut = made[b][0][y][x] == cut0 && made[b][1][y][x] == cut1;
                    ck_assert(plain || cut);
                    found += cut;
                }
        ck_assert_int_gt(found, B * 4);
    }
    kdst_options_release(o);
}
END_TEST

/* A crop to another size and both mirrors, in any order, by coordinates. */
START_TEST(test_crop_size)
{
    enum { OH = 9, OW = 20 };
    static double out[B][2][OH][OW];
    int places = 0, down = 0, across = 0;
    with(kdst_augmentation_add_flip, set_real(set_text(new_options(), "axis", "vertical"), "probability", 0.5));
    with(kdst_augmentation_add_crop, set_int(set_int(set_int(new_options(), "padding", 3), "height", OH), "width", OW));
    with(kdst_augmentation_add_flip, new_options());
    for (int i = 0; i < B * 2 * PLANE; i++)
        (&images[0][0][0][0])[i] += 1; /* 0 is padding */
    run(&images[0][0][0][0], B, 2, &out[0][0][0][0], OH, OW);
    for (int b = 0; b < B; b++) {
        /* the middle of the result is never padding */
        double y0 = out[b][0][OH / 2][OW / 2], y1 = out[b][0][OH / 2 + 1][OW / 2], x0 = out[b][1][OH / 2][OW / 2],
               x1 = out[b][1][OH / 2][OW / 2 + 1];
        double dy = y1 - y0, dx = x1 - x0;
        ck_assert(fabs(dy) == 1 && fabs(dx) == 1);
        for (int y = 0; y < OH; y++)
            for (int x = 0; x < OW; x++) {
                double v = y0 + dy * (y - OH / 2), u = x0 + dx * (x - OW / 2);
                int inside = v >= 1 && v <= H && u >= 1 && u <= W;
                ck_assert_double_eq(out[b][0][y][x], inside ? v : 0);
                ck_assert_double_eq(out[b][1][y][x], inside ? u : 0);
            }
        down += dy < 0;
        across += dx < 0;
        places |= 1 << (int)(x0 - dx * (OW / 2) + 3);
    }
    ck_assert(down > 65 && down < 135 && across > 65 && across < 135);
    ck_assert_int_gt(__builtin_popcount((unsigned)places), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data steps");
    TCase *all = tcase_create("steps");
    tcase_add_checked_fixture(all, begin, end);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_rotation);
    tcase_add_test(all, test_rotation_nearest);
    tcase_add_test(all, test_no_rotation);
    tcase_add_test(all, test_resized_crop);
    tcase_add_test(all, test_erasing);
    tcase_add_test(all, test_cutout);
    tcase_add_test(all, test_jitter);
    tcase_add_test(all, test_contrast);
    tcase_add_test(all, test_clamp);
    tcase_add_test(all, test_order);
    tcase_add_test(all, test_crop_size);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
