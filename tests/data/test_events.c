/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings of events: what they are binned to, by a reader that takes them apart bit by bit, and what is refused. */
#include "recordings.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <fcntl.h>
#include <sys/stat.h>

static const form forms[] = {
    {300, 1000, 34, 34, 0, 0}, {30, 10000, 34, 34, 0, 0}, {7, 1, 3, 5, 0, 0},        {1, 8388608, 1, 1, 1, 0},
    {64, 777, 256, 256, 1, 0}, {20, 3000, 5, 240, 0, 1},  {20, 30000, 240, 2, 1, 1}, {3, 100, 34, 34, 1, 1},
};
enum { FORMS = sizeof forms / sizeof *forms, EVENTS = 3000, BYTES = EVENTS * 5 };

static int64_t elements(const form *f)
{
    return f->steps * 2 * f->height * f->width;
}

static double element(const void *data, kdst_dtype dtype, int64_t i)
{
    if (dtype == KDST_DTYPE_UINT8) return ((const uint8_t *)data)[i];
    return dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static void check(const form *f, kdst_tensor *t, kdst_dtype dtype, const double *wanted)
{
    const int64_t shape[] = {f->steps, 2, f->height, f->width};
    ck_assert_int_eq(kdst_tensor_get_rank(t), 4);
    ck_assert_int_eq(kdst_tensor_get_dtype(t), dtype);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(kdst_tensor_get_size(t, i), shape[i]);
    void *got = copy_of(t, NULL);
    int64_t i = 0; /* one check for all of them: each costs a system call */
    while (i < elements(f) && element(got, dtype, i) == wanted[i])
        i++;
    ck_assert_int_eq(i, elements(f));
    free(got);
    kdst_tensor_release(t);
}

/* Every form, from a file and from memory, in every type. */
START_TEST(test_binning)
{
    static const kdst_dtype dtypes[] = {KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64, KDST_DTYPE_UINT8};
    static const char *const names[] = {"float32", "float64", "uint8"};
    static uint8_t data[BYTES];
    const form *f = &forms[_i];
    char path[PATH_BYTES];
    double *wanted = malloc((size_t)elements(f) * sizeof *wanted), sum = 0;
    int64_t last = f->steps * f->bin * 5 / 4;
    size_t bytes = make_recording(f, EVENTS, last < 8388607 ? last : 8388607, 3 + (uint32_t)_i, data);
    bin_naively(f, data, bytes, wanted);
    for (int64_t i = 0; i < elements(f); i++)
        sum += wanted[i];
    ck_assert_double_ge(sum, _i == 3 ? 2 : 14);
    write_file("events.bin", data, bytes);
    for (int k = 0; k < 3; k++) {
        kdst_options *o = set_text(options_of(f), "dtype", names[k]);
        kdst_tensor *t = NULL;
        ok(kdst_events_load(ctx, path_of("events.bin", path), o, &t));
        check(f, t, dtypes[k], wanted);
        ok(kdst_events_load_bytes(ctx, data, (int64_t)bytes, o, &t));
        check(f, t, dtypes[k], wanted);
        kdst_options_release(o);
    }
    free(wanted);
}
END_TEST

/* Borders of steps, both polarities, the first and the last place; 300 events at one place. */
START_TEST(test_borders)
{
    static uint8_t data[300 * 5];
    kdst_tensor *t = NULL;
    put_event(data, 0, 0, 0, 0);
    put_event(data + 5, 33, 0, 1, 999);
    put_event(data + 10, 0, 33, 0, 1000);
    put_event(data + 15, 33, 33, 1, 299999);
    put_event(data + 20, 5, 6, 0, 300000);
    put_event(data + 25, 5, 6, 1, 8388607);
    ok(kdst_events_load_bytes(ctx, data, 30, NULL, &t));
    float *x = copy_of(t, NULL), sum = 0;
    ck_assert_int_eq(kdst_tensor_get_count(t), 300 * 2 * 34 * 34);
    for (int i = 0; i < 300 * 2 * 34 * 34; i++)
        sum += x[i];
    ck_assert_float_eq(sum, 4);
    ck_assert_float_eq(x[0], 1);
    ck_assert_float_eq(x[34 * 34 + 33], 1);
    ck_assert_float_eq(x[2 * 34 * 34 + 33 * 34], 1);
    ck_assert_float_eq(x[300 * 2 * 34 * 34 - 1], 1);
    free(x);
    kdst_tensor_release(t);
    for (int i = 0; i < 300; i++)
        put_event(data + 5 * i, 1, 2, 1, (uint64_t)i);
    kdst_options *o = set_int(new_options(), "count", 1);
    ok(kdst_events_load_bytes(ctx, data, sizeof data, o, &t));
    x = copy_of(t, NULL);
    ck_assert_float_eq(x[34 * 34 + 2 * 34 + 1], 255);
    free(x);
    kdst_tensor_release(t);
    kdst_options_release(o);
}
END_TEST

/* ---- refused ---- */

static kdst_status load(const uint8_t *data, int64_t bytes, kdst_options *o, kdst_tensor **out)
{
    kdst_status status = kdst_events_load_bytes(ctx, data, bytes, o, out);
    kdst_options_release(o);
    return status;
}

START_TEST(test_refused_events)
{
    uint8_t data[15];
    kdst_tensor *t = (kdst_tensor *)ctx;
    put_event(data, 1, 2, 0, 500);
    put_event(data + 5, 33, 33, 1, 500);
    put_event(data + 10, 3, 4, 1, 499);
    for (int64_t bytes = 1; bytes < 10; bytes++)
        if (bytes != 5) refused(load(data, bytes, NULL, &t), KDST_STATUS_FORMAT, "events of 5 bytes and");
    refused(load(data, 13, NULL, &t), KDST_STATUS_FORMAT, "has 13 bytes, which is 2 events of 5 bytes and 3 more");
    ck_assert_ptr_null(t);
    refused(load(data, 15, NULL, &t), KDST_STATUS_FORMAT, "event 2 is at 499 us, one before it at 500 us");
    refused(load(data, 0, NULL, &t), KDST_STATUS_FORMAT, "has no event");
    refused(load(NULL, 0, NULL, &t), KDST_STATUS_FORMAT, "has no event");
    refused(
        load(data, 10, set_int(new_options(), "width", 33), &t), KDST_STATUS_FORMAT,
        "event 1 is at x = 33, y = 33, the sensor has 33 columns and 34 rows");
    refused(
        load(data, 10, set_int(new_options(), "height", 33), &t), KDST_STATUS_FORMAT,
        "event 1 is at x = 33, y = 33, the sensor has 34 columns and 33 rows");
    /* what lies past the last step is looked at, too */
    put_event(data + 5, 34, 0, 1, 400000);
    refused(load(data, 10, NULL, &t), KDST_STATUS_FORMAT, "event 1 is at x = 34, y = 0");
    put_event(data + 5, 0, 240, 1, 400000);
    refused(load(data, 10, NULL, &t), KDST_STATUS_FORMAT, "rows; option overflow");
    ok(load(data, 10, set_int(new_options(), "overflow", 1), &t));
    kdst_tensor_release(t);
    refused(load(data + 5, 5, set_int(new_options(), "overflow", 1), &t), KDST_STATUS_FORMAT, "has no event");
    put_event(data + 10, 0, 0, 1, 0); /* 8192 with the overflow */
    ok(load(data, 15, set_int(new_options(), "overflow", 1), &t));
    kdst_tensor_release(t);
}
END_TEST

START_TEST(test_refused_calls)
{
    uint8_t data[5] = {0};
    char path[PATH_BYTES];
    kdst_tensor *t = (kdst_tensor *)ctx;
    refused(kdst_events_load(ctx, NULL, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "events_load: path is NULL");
    ck_assert_ptr_null(t);
    refused(kdst_events_load(ctx, folder, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_events_load(NULL, folder, NULL, &t), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_events_load(ctx, folder, NULL, &t), KDST_STATUS_IO, "is no regular file");
    refused(kdst_events_load(ctx, path_of("none.bin", path), NULL, &t), KDST_STATUS_NOT_FOUND, "none.bin: ");
    refused(load(NULL, 5, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "data is NULL");
    refused(load(data, -1, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "bytes is -1");
    refused(kdst_events_load_bytes(ctx, data, 5, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_events_load_bytes(NULL, data, 5, NULL, &t), KDST_STATUS_INVALID_ARGUMENT);
    static const char *const names[] = {"steps", "bin", "height", "width", "count", "overflow"};
    static const int64_t low[] = {1, 1, 1, 1, 0, 0}, high[] = {1000000, 8388608, 256, 256, 1, 1};
    for (int i = 0; i < 6; i++) {
        refused(
            load(data, 5, set_int(new_options(), names[i], low[i] - 1), &t), KDST_STATUS_INVALID_ARGUMENT, names[i]);
        refused(
            load(data, 5, set_int(new_options(), names[i], high[i] + 1), &t), KDST_STATUS_INVALID_ARGUMENT, names[i]);
    }
    refused(
        load(data, 5, set_int(set_int(new_options(), "overflow", 1), "height", 241), &t), KDST_STATUS_INVALID_ARGUMENT,
        "height is 241, row 240 exists");
    refused(load(data, 5, set_text(new_options(), "format", "csv"), &t), KDST_STATUS_INVALID_ARGUMENT, "format");
    refused(load(data, 5, set_int(new_options(), "step", 3), &t), KDST_STATUS_INVALID_ARGUMENT, "steps");
}
END_TEST

/* A file that is too large is not read, an empty one has nothing. */
START_TEST(test_refused_files)
{
    char path[PATH_BYTES];
    kdst_tensor *t = NULL;
    write_file("large.bin", "", 0);
    refused(kdst_events_load(ctx, path_of("large.bin", path), NULL, &t), KDST_STATUS_FORMAT, "large.bin: has no event");
    ck_assert_int_eq(truncate(path, ((off_t)1 << 28) + 5), 0);
    refused(kdst_events_load(ctx, path, NULL, &t), KDST_STATUS_FORMAT, "has 268435461 bytes, allowed are 268435456");
    /* a sample that no memory holds */
    uint8_t data[5] = {0};
    kdst_options *o = set_int(set_int(set_int(new_options(), "steps", 1000000), "height", 256), "width", 256);
    kdst_options *limited = set_int(set_int(new_options(), "threads", 1), "memory_limit", 1 << 20);
    kdst_context *small = NULL;
    ck_assert_int_eq(kdst_context_create(limited, &small), 0);
    ck_assert_int_eq(kdst_events_load_bytes(small, data, 5, o, &t), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_int_eq(kdst_context_live_count(small), 0);
    kdst_context_release(small);
    kdst_options_release(limited);
    kdst_options_release(o);
}
END_TEST

/* ---- text ---- */

static kdst_status load_text(const char *text, int64_t steps, int64_t count, kdst_tensor **out)
{
    kdst_options *o = set_text(set_int(set_int(new_options(), "height", 3), "width", 4), "format", "text");
    return load((const uint8_t *)text, (int64_t)strlen(text), set_int(set_int(o, "steps", steps), "count", count), out);
}

/* id - 1 = polarity 12 + x 3 + y; a line ends at the first time of T or later. */
START_TEST(test_text)
{
    static const char *const texts[] = {
        "1 1 2 2 4\n24 3 5\n  9\t5\n\r\n12 2 3\r\n", "24 3 5 6\n\n12 2 3 9999999\n9 5\n1 1 2 2 4",
        "\n\n1 1 2 2 4\n12 2 3\n24 3\n"};
    static const struct {
        int64_t step, polarity, y, x;
    } places[] = {{0, 0, 0, 0}, {1, 0, 0, 0}, {3, 0, 0, 0}, {2, 1, 2, 3}, {1, 0, 2, 3}, {2, 0, 2, 3}};
    for (int k = 0; k < 6; k++) {
        float wanted[5 * 24] = {0};
        kdst_tensor *t = NULL;
        for (int i = 0; i < 6; i++)
            wanted[((places[i].step * 2 + places[i].polarity) * 3 + places[i].y) * 4 + places[i].x] = 1;
        if (k % 2) wanted[24] = 2;
        ok(load_text(texts[k / 2], 5, k % 2, &t));
        float *got = copy_of(t, NULL);
        ck_assert_mem_eq(got, wanted, sizeof wanted);
        free(got);
        kdst_tensor_release(t);
    }
}
END_TEST

START_TEST(test_refused_text)
{
    static const char *const cases[][2] = {
        {"", "has no event"},
        {"\n \n", "has no event"},
        {"3\n", "has no event"},
        {"1 1\n0 1", "line 2 is of input 0, the sensor has 1 to 24"},
        {"25 1", "line 1 is of input 25"},
        {"1 0", "line 1 has the time 0"},
        {"1 3 2", "line 1 has the time 2 behind 3"},
        {"1 9 8", "line 1 has the time 8 behind 9"},
        {"1 2\n\nx", "line 3 has what is no number"},
        {"1 -2", "line 1 has what is no number"},
        {"1 2.5", "line 1 has what is no number"},
        {"1x 2", "line 1 has what is no number"},
        {"1 1234567890123456", "line 1 has what is no number"},
        {"99999999999999999999 1", "line 1 has what is no number"},
    };
    kdst_tensor *t = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(load_text(cases[i][0], 5, 0, &t), KDST_STATUS_FORMAT, cases[i][1]);
}
END_TEST

/* ---- memory ---- */

static kdst_status work(kdst_context *c, void *arg)
{
    char path[PATH_BYTES];
    kdst_tensor *t = NULL;
    kdst_options *o = set_text(set_int(new_options(), "steps", 20), "dtype", *(int *)arg ? "uint8" : "float64");
    kdst_status status = kdst_events_load(c, path_of("events.bin", path), o, &t);
    ck_assert(!status == !!t);
    kdst_tensor_release(t);
    kdst_options_release(o);
    return status;
}

START_TEST(test_allocations)
{
    static uint8_t data[BYTES];
    kdst_options *o = set_int(new_options(), "threads", 1);
    write_file("events.bin", data, make_recording(&forms[0], EVENTS, 300000, 9, data));
    ck_assert_int_ge(each_allocation_fails(o, work, &_i), 3);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data events");
    TCase *all = tcase_create("events");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_binning, 0, FORMS);
    tcase_add_test(all, test_borders);
    tcase_add_test(all, test_refused_events);
    tcase_add_test(all, test_refused_calls);
    tcase_add_test(all, test_refused_files);
    tcase_add_test(all, test_text);
    tcase_add_test(all, test_refused_text);
    tcase_add_loop_test(all, test_allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
