/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentation stays within its image and its batch: both stand against pages that nobody may touch, on either side,
 * and every pixel of the result is written.
 */
#include "data/augment.h"

#include "support/guard.h"
#include "support/run.h"

#include <string.h>

enum { CHANNELS = 2, HEIGHT = 2, WIDEST = 40, RUNS = 24 };

static size_t pixel_bytes(const kdst__augment *a)
{
    return a->bytes ? 1 : a->wide_in ? 8 : 4;
}

/* One image, augmented by RUNS keys, at one side of its guarded memory. */
static void run(const kdst__augment *a, int before)
{
    size_t pixels = (size_t)(a->channels * a->height * a->width), size = a->wide_out ? 8 : 4;
    guarded image_pages, batch_pages;
    char *image = guard_make(&image_pages, pixels * pixel_bytes(a), before);
    char *batch = guard_make(&batch_pages, pixels * size, before);
    const char unwritten[8] = {-1, -1, -1, -1, -1, -1, -1, -1}; /* a NaN of either type, which no pixel becomes */
    for (uint64_t key = 0; key < RUNS; key++) {
        memset(batch, -1, pixels * size);
        kdst__augment_run(a, key, 5, image, batch);
        size_t i = 0;
        while (i < pixels && memcmp(batch + i * size, unwritten, size))
            i++;
        ck_assert_msg(i == pixels, "pixel %zu of width %d", i, (int)a->width);
    }
    guard_free(&batch_pages);
    guard_free(&image_pages);
}

/* Every width around the eight pixels of a load, paddings below and above the width, each pixel and batch type. */
START_TEST(test_bounds)
{
    static const int64_t paddings[] = {0, 1, 3, 45};
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    for (int64_t width = 1; width <= WIDEST; width++)
        for (int padding = 0; padding < 4; padding++)
            for (int flip = 0; flip < 2; flip++) {
                kdst__augment a,
                    settings = {
                        .channels = CHANNELS,
                        .period = CHANNELS,
                        .unit = 255,
                        .height = HEIGHT,
                        .width = width,
                        .crop = {.kind = KDST__STEP_CROP, .padding = paddings[padding]},
                        .flip = {.kind = KDST__STEP_FLIP, .probability = flip * 0.5},
                        .bytes = _i / 2 == 0,
                        .wide_in = _i / 2 == 2,
                        .wide_out = _i % 2};
                ck_assert(kdst__augment_create(memory, settings, NULL, 0, NULL, 0, &a));
                run(&a, 0);
                run(&a, 1);
                kdst__augment_destroy(memory, &a);
            }
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    kdst__memory_destroy(memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data augment bounds");
    TCase *all = tcase_create("bounds");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_bounds, 0, 6);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
