/* SPDX-License-Identifier: Apache-2.0 */
/* States as safetensors files: round trips, files of other programs, damaged ones. */
#include "safetensors_file.h"

#include "failures/each_allocation.h"
#include "support/run.h"

static void put(kdst_state *s, const char *name, kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data)
{
    kdst_tensor *t = tensor_of(dtype, rank, shape, data);
    ck_assert_int_eq(kdst_state_set(s, name, t), 0);
    kdst_tensor_release(t);
}

static kdst_state *new_state(void)
{
    kdst_state *s = NULL;
    ck_assert_int_eq(kdst_state_create(ctx, &s), 0);
    return s;
}

static void same_state(kdst_state *have, kdst_state *want)
{
    const char *a, *b, *x, *y;
    kdst_tensor *t, *u;
    ck_assert_int_eq(kdst_state_get_count(have), kdst_state_get_count(want));
    ck_assert_int_eq(kdst_state_get_text_count(have), kdst_state_get_text_count(want));
    for (int64_t i = 0; i < kdst_state_get_count(want); i++) {
        ck_assert_int_eq(kdst_state_get_at(have, i, &a, &t), 0);
        ck_assert_int_eq(kdst_state_get_at(want, i, &b, &u), 0);
        ck_assert_str_eq(a, b);
        same_tensor(t, u);
    }
    for (int64_t i = 0; i < kdst_state_get_text_count(want); i++) {
        ck_assert_int_eq(kdst_state_get_text_at(have, i, &a, &x), 0);
        ck_assert_int_eq(kdst_state_get_text_at(want, i, &b, &y), 0);
        ck_assert_str_eq(a, b);
        ck_assert_str_eq(x, y);
    }
}

static void round_trip(kdst_state *s)
{
    kdst_state *loaded = NULL;
    ck_assert_msg(kdst_state_save(s, path_of("trip")) == 0, "%s", kdst_context_message(ctx));
    ck_assert_msg(kdst_state_load(ctx, path_of("trip"), &loaded) == 0, "%s", kdst_context_message(ctx));
    same_state(loaded, s);
    kdst_state_release(loaded);
}

/* ---- round trips ---- */

static kdst_state *varied_state(void)
{
    static const int64_t shape[] = {3, 1, 5, 0, 2, 1, 1, 7}, three[] = {3};
    kdst_state *s = new_state();
    unsigned char data[128];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 59 + 1);
    put(s, "u8", KDST_DTYPE_UINT8, 3, shape, data);
    put(s, "b", KDST_DTYPE_BOOL, 1, three, "\1\0\1");
    put(s, "f64", KDST_DTYPE_FLOAT64, 3, shape, data);
    put(s, "f32", KDST_DTYPE_FLOAT32, 2, shape, data);
    put(s, "empty", KDST_DTYPE_FLOAT32, 8, shape, NULL);
    put(s, "i32", KDST_DTYPE_INT32, 0, NULL, data + 8);
    put(s, "quote\"back\\slash/\n\t\x01\x7f \xc3\xa4\xf0\x9f\x98\x80", KDST_DTYPE_FLOAT32, 1, three, data + 16);
    put(s, "u8.again", KDST_DTYPE_UINT8, 1, three, data + 99);
    ck_assert_int_eq(kdst_state_set_text(s, "plain", "text"), 0);
    ck_assert_int_eq(kdst_state_set_text(s, "empty", ""), 0);
    ck_assert_int_eq(kdst_state_set_text(s, "\"\\\b\f\n\r\t\x01\x1f", "\xe2\x82\xac\"\\\x02\xf4\x8f\xbf\xbf"), 0);
    return s;
}

START_TEST(round_trips)
{
    kdst_state *s = new_state();
    round_trip(s);
    ck_assert_int_eq(kdst_state_set_text(s, "only", "texts"), 0);
    round_trip(s);
    kdst_state_release(s);
    s = varied_state();
    round_trip(s);
    round_trip(s);
    kdst_state_release(s);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(large_and_strided)
{
    enum { N = 300, M = 500 };
    float *data = malloc(N * M * sizeof *data);
    const int64_t shape[] = {M, N}, strides[] = {1, M};
    kdst_state *s = new_state();
    kdst_tensor *view = NULL;
    ck_assert_ptr_nonnull(data);
    for (int i = 0; i < N * M; i++)
        data[i] = (float)i * 0.5f;
    ck_assert_int_eq(
        kdst_tensor_create_foreign(ctx, KDST_DTYPE_FLOAT32, 2, shape, strides, data, NULL, NULL, &view), 0);
    ck_assert_int_eq(kdst_state_set(s, "view", view), 0);
    put(s, "plain", KDST_DTYPE_FLOAT32, 2, shape, data);
    round_trip(s);
    kdst_tensor_release(view);
    kdst_state_release(s);
    free(data);
}
END_TEST

START_TEST(written_bytes)
{
    const int64_t three[] = {3};
    kdst_state *s = new_state();
    size_t bytes;
    put(s, "a", KDST_DTYPE_UINT8, 1, three, "abc");
    put(s, "b", KDST_DTYPE_INT32, 0, NULL, "\1\2\3\4");
    ck_assert_int_eq(kdst_state_set_text(s, "k", "v"), 0);
    ck_assert_int_eq(kdst_state_save(s, path_of("file")), 0);
    unsigned char *have = read_file(path_of("file"), &bytes);
    /* the checksum is that of zlib: python3 -c 'import zlib; print(hex(zlib.crc32(b"\1\2\3\4abc")))' */
    const char *header = "{\"__metadata__\":{\"kdst.crc32\":\"74740096\",\"k\":\"v\"},"
                         "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[4,7]},"
                         "\"b\":{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    size_t n = (strlen(header) + 7) / 8 * 8;
    ck_assert_uint_eq(have[0] | (size_t)have[1] << 8, n);
    for (int i = 2; i < 8; i++)
        ck_assert_int_eq(have[i], 0);
    ck_assert_mem_eq(have + 8, header, strlen(header));
    for (size_t i = strlen(header); i < n; i++)
        ck_assert_int_eq(have[8 + i], ' ');
    ck_assert_uint_eq(bytes, 8 + n + 7);
    ck_assert_mem_eq(have + 8 + n, "\1\2\3\4abc", 7);
    free(have);
    kdst_state_release(s);
}
END_TEST

/* ---- files of others ---- */

START_TEST(types_of_others)
{
    static const struct {
        const char *type;
        const char *bytes;
        size_t size;
        kdst_dtype dtype;
        double values[2];
    } cases[] = {
        {"F64", "\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0", 16, KDST_DTYPE_FLOAT64, {1.5, -2}},
        {"F32", "\0\0\xc0\x3f\0\0\0\xc0", 8, KDST_DTYPE_FLOAT32, {1.5, -2}},
        {"F16", "\0\x3e\xff\x7b", 4, KDST_DTYPE_FLOAT32, {1.5, 65504}},
        {"BF16", "\xc0\x3f\x7f\x7f", 4, KDST_DTYPE_FLOAT32, {1.5, 0x1.fep127}},
        {"I64", "\5\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16, KDST_DTYPE_INT32, {5, -2}},
        {"I32", "\5\0\0\0\xfe\xff\xff\xff", 8, KDST_DTYPE_INT32, {5, -2}},
        {"I16", "\5\0\xfe\xff", 4, KDST_DTYPE_INT32, {5, -2}},
        {"I8", "\5\xfe", 2, KDST_DTYPE_INT32, {5, -2}},
        {"U64", "\5\0\0\0\0\0\0\0\xff\xff\xff\x7f\0\0\0\0", 16, KDST_DTYPE_INT32, {5, 2147483647}},
        {"U32", "\5\0\0\0\xff\xff\xff\x7f", 8, KDST_DTYPE_INT32, {5, 2147483647}},
        {"U16", "\5\0\xfe\xff", 4, KDST_DTYPE_INT32, {5, 65534}},
        {"U8", "\5\xfe", 2, KDST_DTYPE_UINT8, {5, 254}},
        {"BOOL", "\0\2", 2, KDST_DTYPE_BOOL, {0, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[128];
        kdst_state *s = NULL;
        kdst_tensor *t = NULL, *doubles = NULL;
        double values[2];
        snprintf(
            header, sizeof header, "{\"x\": {\"shape\": [2], \"data_offsets\": [0, %zu], \"dtype\": \"%s\"}}\n ",
            cases[i].size, cases[i].type);
        make_file(header, cases[i].bytes, cases[i].size);
        ck_assert_msg(load(&s) == 0, "%s: %s", cases[i].type, kdst_context_message(ctx));
        ck_assert_int_eq(kdst_state_get(s, "x", &t), 0);
        ck_assert_int_eq(kdst_tensor_get_dtype(t), cases[i].dtype);
        ck_assert_int_eq(kdst_tensor_copy(t, KDST_DTYPE_FLOAT64, &doubles), 0);
        ck_assert_int_eq(kdst_tensor_get_data(doubles, values, sizeof values), 0);
        for (int k = 0; k < 2; k++)
            ck_assert_msg(values[k] == cases[i].values[k], "%s: %g", cases[i].type, values[k]);
        kdst_tensor_release(doubles);
        kdst_state_release(s);
    }
    make_file(
        "{\"x\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]}}", "\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 16);
    refuses(KDST_STATUS_FORMAT, "element 1 of x is 4294967296, which int32 does not hold");
}
END_TEST

/* Data in another order than the header, empty tensors at any place, escapes in names, white space everywhere. */
START_TEST(other_orders)
{
    static const char *const names[] = {"second", "none", "first", "A\xc3\xa4\xf0\x9f\x98\x80", "also none"};
    const char *header = " { \"second\" : { \"dtype\" : \"U8\" , \"shape\" : [ 2 ] , \"data_offsets\" : [ 3 , 5 ] } ,\n"
                         "\t\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[3,3]},\r\n"
                         "\"first\":{\"data_offsets\":[0,3],\"shape\":[3,1],\"dtype\":\"U8\"},"
                         "\"\\u0041\\u00e4\\uD83D\\uDE00\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[5,6]},"
                         "\"also none\":{\"dtype\":\"BOOL\",\"shape\":[0],\"data_offsets\":[6,6]},"
                         "\"__metadata__\":{\"format\":\"pt\",\"a\\/b\":\"\\u20ac\\n\"}} ";
    kdst_state *s = NULL;
    const char *name, *text;
    kdst_tensor *t;
    char data[4];
    make_file(header + 1, "abcdef", 6);
    ck_assert_msg(load(&s) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_state_get_count(s), 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(kdst_state_get_at(s, i, &name, &t), 0);
        ck_assert_str_eq(name, names[i]);
    }
    ck_assert_int_eq(kdst_state_get(s, "second", &t), 0);
    ck_assert_int_eq(kdst_tensor_get_data(t, data, 2), 0);
    ck_assert_mem_eq(data, "de", 2);
    ck_assert_int_eq(kdst_state_get(s, "first", &t), 0);
    ck_assert_int_eq(kdst_tensor_get_rank(t), 2);
    ck_assert_int_eq(kdst_tensor_get_data(t, data, 3), 0);
    ck_assert_mem_eq(data, "abc", 3);
    ck_assert_int_eq(kdst_state_get_text_count(s), 2);
    ck_assert_int_eq(kdst_state_get_text(s, "a/b", &text), 0);
    ck_assert_str_eq(text, "\xe2\x82\xac\n");
    kdst_state_release(s);
    make_file(header, "abcdef", 6); /* the format wants the brace first */
    refuses(KDST_STATUS_FORMAT, "no object");
}
END_TEST

/* The first two bytes are those of gzip, yet it is a header's length. */
START_TEST(length_like_gzip)
{
    static char header[0x8b1f + 1];
    kdst_state *s = NULL;
    memset(header, ' ', sizeof header - 1);
    memcpy(header, "{}", 2);
    make_file(header, NULL, 0);
    ck_assert(file[0] == 0x1f && file[1] == 0x8b);
    ck_assert_msg(load(&s) == 0, "%s", kdst_context_message(ctx));
    kdst_state_release(s);
}
END_TEST

/* Thousands of tensors whose data come in a scrambled order. */
START_TEST(many_tensors)
{
    enum { N = 1500 };
    char *header = malloc(N * 100);
    unsigned char data[N];
    size_t n = 1;
    kdst_state *s = NULL;
    ck_assert_ptr_nonnull(header);
    strcpy(header, "{");
    for (int i = 0; i < N; i++) {
        int at = i * 1201 % N;
        n += (size_t)sprintf(
            header + n, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? "," : "", i, at,
            at + 1);
        data[at] = (unsigned char)i;
    }
    strcpy(header + n, "}");
    make_file(header, data, N);
    ck_assert_msg(load(&s) == 0, "%s", kdst_context_message(ctx));
    for (int i = 0; i < N; i++) {
        kdst_tensor *t;
        double value;
        ck_assert_int_eq(kdst_state_get_at(s, i, NULL, &t), 0);
        ck_assert_int_eq(kdst_tensor_get_value(t, &value), 0);
        ck_assert_double_eq(value, (unsigned char)i);
    }
    kdst_state_release(s);
    free(header);
}
END_TEST

/* ---- damage ---- */

START_TEST(every_cut_and_flip)
{
    kdst_state *s = varied_state(), *loaded;
    size_t bytes, header;
    ck_assert_int_eq(kdst_state_save(s, path_of("good")), 0);
    unsigned char *good = read_file(path_of("good"), &bytes);
    header = 8 + (good[0] | (size_t)good[1] << 8);
    for (size_t n = 0; n < bytes; n++) {
        loaded = s;
        write_file(path_of("bad"), good, n);
        ck_assert_msg(
            kdst_state_load(ctx, path_of("bad"), &loaded) == KDST_STATUS_FORMAT, "%zu of %zu bytes pass", n, bytes);
        ck_assert_ptr_null(loaded);
    }
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        good[bit / 8] ^= (unsigned char)(1 << bit % 8);
        write_file(path_of("bad"), good, bytes);
        kdst_status status = kdst_state_load(ctx, path_of("bad"), &loaded);
        if (bit / 8 >= header) ck_assert_msg(status == KDST_STATUS_FORMAT, "bit %zu of the data", bit - 8 * header);
        ck_assert(status == 0 || status == KDST_STATUS_FORMAT || status == KDST_STATUS_UNSUPPORTED);
        ck_assert(!status == !!loaded);
        kdst_state_release(loaded);
        good[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(good);
    kdst_state_release(s);
}
END_TEST

START_TEST(arguments)
{
    kdst_state *s = (kdst_state *)file;
    ck_assert_int_eq(kdst_state_load(NULL, "x", &s), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(s);
    failed_with(kdst_state_load(ctx, NULL, &s), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    failed_with(kdst_state_load(ctx, "x", NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    failed_with(kdst_state_load(ctx, path_of("none"), &s), KDST_STATUS_NOT_FOUND, "state_load: ");
    failed_with(kdst_state_load(ctx, folder, &s), KDST_STATUS_IO, "is a folder");
    ck_assert_int_eq(kdst_state_save(NULL, "x"), KDST_STATUS_INVALID_ARGUMENT);
    s = new_state();
    failed_with(kdst_state_save(s, NULL), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    failed_with(kdst_state_save(s, path_of("none/x")), KDST_STATUS_IO, "state_save: ");
    kdst_state_release(s);
}
END_TEST

/* ---- memory ---- */

static kdst_status load_and_save(kdst_context *own, void *arg)
{
    kdst_state *s = NULL;
    char copy[512];
    (void)arg;
    strcpy(copy, path_of("copy"));
    write_file(copy, "old", 3);
    kdst_status status = kdst_state_load(own, path_of("good"), &s);
    if (status) ck_assert_ptr_null(s);
    TRY(kdst_state_save(s, copy));
    if (status) file_is(copy, "old", 3);
    kdst_state_release(s);
    ck_assert_int_eq(count_files(), 2);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *o = NULL;
    kdst_state *s = varied_state();
    ck_assert_int_eq(kdst_state_save(s, path_of("good")), 0);
    kdst_state_release(s);
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_gt(each_allocation_fails(o, load_and_save, NULL), 25);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *trips = tcase_create("round trips"), *bad = tcase_create("damage");
    tcase_set_timeout(trips, 60);
    tcase_set_timeout(bad, 120);
    tcase_add_checked_fixture(trips, setup, teardown);
    tcase_add_checked_fixture(bad, setup, teardown);
    tcase_add_test(trips, round_trips);
    tcase_add_test(trips, large_and_strided);
    tcase_add_test(trips, written_bytes);
    tcase_add_test(trips, types_of_others);
    tcase_add_test(trips, other_orders);
    tcase_add_test(trips, length_like_gzip);
    tcase_add_test(trips, many_tensors);
    tcase_add_test(bad, every_cut_and_flip);
    tcase_add_test(bad, arguments);
    tcase_add_test(bad, memory_runs_out);
    suite_add_tcase(suite, trips);
    suite_add_tcase(suite, bad);
    return run_suite(suite);
}
