/* SPDX-License-Identifier: Apache-2.0 */
/* npy files: every type, byte order, axis order and rank, conversions, arguments. */
#include "npy_file.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

/* ---- round trips ---- */

static const int64_t shape[] = {2, 3, 1, 2, 1, 2, 1, 2};

START_TEST(round_trips)
{
    unsigned char bytes[48 * 8];
    kdst_tensor *loaded = NULL;
    for (kdst_dtype dtype = KDST_DTYPE_FLOAT32; dtype <= KDST_DTYPE_BOOL; dtype++)
        for (int64_t rank = 0; rank <= 8; rank++) {
            for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (unsigned char)(dtype == KDST_DTYPE_BOOL ? i % 2 : i * 37);
            kdst_tensor *t = tensor_of(dtype, rank, shape, bytes);
            ck_assert_msg(kdst_npy_save(t, path_of("file.npy")) == 0, "%s", kdst_context_message(ctx));
            ck_assert_msg(kdst_npy_load(ctx, path_of("file.npy"), NULL, &loaded) == 0, "%s", kdst_context_message(ctx));
            same_tensor(loaded, t);
            kdst_tensor_release(loaded);
            kdst_tensor_release(t);
        }
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(empty_tensors)
{
    static const int64_t shapes[][3] = {{0}, {0, 5}, {5, 0}, {2, 0, 3}, {0, 0, 0}};
    static const int64_t ranks[] = {1, 2, 2, 3, 3};
    for (size_t i = 0; i < 5; i++) {
        kdst_tensor *loaded = NULL, *t = tensor_of(KDST_DTYPE_FLOAT64, ranks[i], shapes[i], NULL);
        ck_assert_int_eq(kdst_npy_save(t, path_of("file.npy")), 0);
        ck_assert_int_eq(kdst_npy_load(ctx, path_of("file.npy"), NULL, &loaded), 0);
        same_tensor(loaded, t);
        kdst_tensor_release(loaded);
        kdst_tensor_release(t);
    }
    make_file(1, "<i8", "True", "(3, 0)", NULL, 0);
    kdst_tensor *t = NULL;
    ck_assert_int_eq(load_as(NULL, &t), 0);
    ck_assert_int_eq(kdst_tensor_get_count(t), 0);
    kdst_tensor_release(t);
}
END_TEST

/* Views of any strides are written as what they show. */
START_TEST(strided_tensors)
{
    enum { N = 3 * 4000 };
    static const kdst_dtype dtypes[] = {KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};
    for (size_t k = 0; k < 4; k++) {
        size_t size = (size_t)kdst_dtype_get_size(dtypes[k]);
        unsigned char *memory = malloc(N * size), *turned = malloc(N * size);
        ck_assert(memory && turned);
        for (size_t i = 0; i < N * size; i++)
            memory[i] = (unsigned char)(dtypes[k] == KDST_DTYPE_BOOL ? i % 3 == 0 : i * 7);
        for (size_t row = 0; row < 4000; row++)
            for (size_t column = 0; column < 3; column++)
                memcpy(turned + (row * 3 + column) * size, memory + (column * 4000 + row) * size, size);
        const int64_t turned_shape[] = {4000, 3}, strides[] = {1, 4000};
        kdst_tensor *view = NULL, *want = tensor_of(dtypes[k], 2, turned_shape, turned), *loaded = NULL;
        ck_assert_int_eq(
            kdst_tensor_create_foreign(ctx, dtypes[k], 2, turned_shape, strides, memory, NULL, NULL, &view), 0);
        ck_assert_int_eq(kdst_npy_save(view, path_of("view.npy")), 0);
        ck_assert_int_eq(kdst_npy_load(ctx, path_of("view.npy"), NULL, &loaded), 0);
        same_tensor(loaded, want);
        kdst_tensor_release(loaded);
        kdst_tensor_release(view);
        kdst_tensor_release(want);
        free(memory);
        free(turned);
    }
}
END_TEST

/* The bytes of a file as NumPy writes them, from the format's definition. */
START_TEST(written_bytes)
{
    const float values[] = {1, -2, 0.5f};
    const int64_t three[] = {3};
    size_t bytes;
    kdst_tensor *t = tensor_of(KDST_DTYPE_FLOAT32, 1, three, values);
    ck_assert_int_eq(kdst_npy_save(t, path_of("file.npy")), 0);
    unsigned char *have = read_file(path_of("file.npy"), &bytes);
    ck_assert_uint_eq(bytes, 128 + 12);
    ck_assert_mem_eq(have, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 67);
    for (size_t i = 67; i < 127; i++)
        ck_assert_int_eq(have[i], ' ');
    ck_assert_int_eq(have[127], '\n');
    ck_assert_mem_eq(have + 128, "\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f", 12);
    free(have);
    kdst_tensor_release(t);
}
END_TEST

/* ---- types ---- */

typedef struct type_case {
    const char *kind; /* without byte order */
    size_t size;
    kdst_dtype native;
    uint64_t bits[5];
    double values[5];
} type_case;

static const type_case types[] = {
    {"b1", 1, KDST_DTYPE_BOOL, {0, 1, 1, 2, 255}, {0, 1, 1, 1, 1}},
    {"i1", 1, KDST_DTYPE_INT32, {0, 1, 0x7f, 0x80, 0xff}, {0, 1, 127, -128, -1}},
    {"i2", 2, KDST_DTYPE_INT32, {0, 0x1234, 0x7fff, 0x8000, 0xffff}, {0, 4660, 32767, -32768, -1}},
    {"i4",
     4,
     KDST_DTYPE_INT32,
     {0, 0x12345678, 0x7fffffff, 0x80000000, 0xffffffff},
     {0, 305419896, 2147483647, -2147483648.0, -1}},
    {"i8",
     8,
     KDST_DTYPE_INT32,
     {0, 0x12345678, 0x7fffffff, 0xffffffff80000000, UINT64_MAX},
     {0, 305419896, 2147483647, -2147483648.0, -1}},
    {"u1", 1, KDST_DTYPE_UINT8, {0, 1, 0x7f, 0x80, 0xff}, {0, 1, 127, 128, 255}},
    {"u2", 2, KDST_DTYPE_INT32, {0, 0x1234, 0x7fff, 0x8000, 0xffff}, {0, 4660, 32767, 32768, 65535}},
    {"u4", 4, KDST_DTYPE_INT32, {0, 0x12345678, 0x7fffffff, 1, 2}, {0, 305419896, 2147483647, 1, 2}},
    {"u8", 8, KDST_DTYPE_INT32, {0, 0x12345678, 0x7fffffff, 1, 2}, {0, 305419896, 2147483647, 1, 2}},
    {"f2", 2, KDST_DTYPE_FLOAT32, {0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff}, {1, -2, 65504, 0x1p-24, -0x3ffp-24}},
    {"f4",
     4,
     KDST_DTYPE_FLOAT32,
     {0x3f800000, 0xc0000000, 0x7f7fffff, 1, 0x3eaaaaab},
     {1, -2, 0x1.fffffep127, 0x1p-149, 0x1.555556p-2}},
    {"f8",
     8,
     KDST_DTYPE_FLOAT64,
     {0x3ff0000000000000, 0xc000000000000000, 0x7fefffffffffffff, 1, 0x3fd5555555555555},
     {1, -2, 0x1.fffffffffffffp1023, 0x1p-1074, 0x1.5555555555555p-2}},
};

static size_t put_bits(unsigned char *to, uint64_t bits, size_t size, int big)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)(bits >> 8 * (big ? size - 1 - i : i));
    return size;
}

START_TEST(every_type_and_byte_order)
{
    static const char *const orders[] = {"<", ">", "|", "=", ""};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        for (int order = 0; order < 5; order++) {
            unsigned char data[40];
            char descr[8];
            double values[5];
            kdst_tensor *t = NULL, *doubles = NULL;
            size_t n = 0;
            if (order == 2 && types[k].size > 1) continue;
            snprintf(descr, sizeof descr, "%s%s", orders[order], types[k].kind);
            for (int i = 0; i < 5; i++)
                n += put_bits(data + n, types[k].bits[i], types[k].size, order == 1);
            make_file(1 + order % 3, descr, "False", "(5,)", data, n);
            ck_assert_msg(load_as(NULL, &t) == 0, "%s: %s", descr, kdst_context_message(ctx));
            ck_assert_int_eq(kdst_tensor_get_dtype(t), types[k].native);
            ck_assert_int_eq(kdst_tensor_copy(t, KDST_DTYPE_FLOAT64, &doubles), 0);
            ck_assert_int_eq(kdst_tensor_get_data(doubles, values, sizeof values), 0);
            for (int i = 0; i < 5; i++)
                ck_assert_msg(values[i] == types[k].values[i], "%s: %g is %g", descr, types[k].values[i], values[i]);
            kdst_tensor_release(doubles);
            kdst_tensor_release(t);
        }
}
END_TEST

START_TEST(every_type_to_float64)
{
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        unsigned char data[40];
        char descr[8];
        double values[5];
        kdst_tensor *t = NULL;
        size_t n = 0;
        snprintf(descr, sizeof descr, "<%s", types[k].kind);
        for (int i = 0; i < 5; i++)
            n += put_bits(data + n, types[k].bits[i], types[k].size, 0);
        make_file(2, descr, "False", "(5,)", data, n);
        ck_assert_int_eq(load_as("float64", &t), 0);
        ck_assert_int_eq(kdst_tensor_get_data(t, values, sizeof values), 0);
        for (int i = 0; i < 5; i++)
            ck_assert_msg(values[i] == types[k].values[i], "%s: %g is %g", descr, types[k].values[i], values[i]);
        kdst_tensor_release(t);
    }
}
END_TEST

/* Every half-precision number against its definition. */
START_TEST(every_half)
{
    enum { N = 65536 / 4 };
    for (unsigned part = 0; part < 4; part++) {
        unsigned char data[2 * N];
        static float values[N];
        kdst_tensor *t = NULL;
        for (unsigned i = 0; i < N; i++)
            put_bits(data + 2 * i, part * N + i, 2, 0);
        make_file(1, "<f2", "False", "(16384,)", data, sizeof data);
        ck_assert_int_eq(load_as(NULL, &t), 0);
        ck_assert_int_eq(kdst_tensor_get_data(t, values, sizeof values), 0);
        for (unsigned i = 0; i < N; i++) {
            unsigned bits = part * N + i, exponent = bits >> 10 & 31, fraction = bits & 1023;
            double sign = bits & 0x8000 ? -1 : 1;
            double want = exponent == 31
                ? (fraction ? NAN : INFINITY)
                : ldexp(exponent ? 1024 + fraction : fraction, exponent ? (int)exponent - 25 : -24);
            ck_assert_msg(
                isnan(want) ? isnan(values[i]) : values[i] == sign * want, "half %04x is %g", bits, (double)values[i]);
            ck_assert(!signbit(values[i]) == !(bits & 0x8000) || isnan(want));
        }
        kdst_tensor_release(t);
    }
}
END_TEST

static void converts(const char *descr, const void *data, size_t bytes, const char *dtype, double want)
{
    kdst_tensor *t = NULL;
    double value;
    make_file(1, descr, "False", "()", data, bytes);
    ck_assert_msg(load_as(dtype, &t) == 0, "%s to %s: %s", descr, dtype, kdst_context_message(ctx));
    ck_assert_str_eq(kdst_dtype_get_name(kdst_tensor_get_dtype(t)), dtype);
    ck_assert_int_eq(kdst_tensor_get_value(t, &value), 0);
    ck_assert_msg(value == want, "%s to %s: %g instead of %g", descr, dtype, value, want);
    kdst_tensor_release(t);
}

static void does_not_fit(const char *descr, const void *data, size_t bytes, const char *dtype, const char *text)
{
    kdst_tensor *t = (kdst_tensor *)file;
    make_file(1, descr, "False", "(1,)", data, bytes);
    failed_with(load_as(dtype, &t), KDST_STATUS_FORMAT, text);
    ck_assert_ptr_null(t);
}

static void converts_real(double value, const char *dtype, double want)
{
    converts("<f8", &value, 8, dtype, want);
}

static void real_does_not_fit(double value, const char *dtype, const char *text)
{
    does_not_fit("<f8", &value, 8, dtype, text);
}

static void converts_whole(int64_t value, const char *dtype, double want)
{
    converts("<i8", &value, 8, dtype, want);
}

static void whole_does_not_fit(int64_t value, const char *dtype, const char *text)
{
    does_not_fit("<i8", &value, 8, dtype, text);
}

START_TEST(conversions)
{
    const uint64_t large = UINT64_MAX;
    converts_real(1.75, "int32", 1);
    converts_real(-1.75, "int32", -1);
    converts_real(2147483647.5, "int32", 2147483647);
    converts_real(-2147483648.9, "int32", -2147483648.0);
    converts_real(-0.5, "uint8", 0);
    converts_real(255.9, "uint8", 255);
    converts_real(0.1, "float32", 0.1f);
    converts_real(1e300, "float32", INFINITY);
    converts_real(-0.25, "bool", 1);
    converts_real(0, "bool", 0);
    converts_whole(INT32_MIN, "int32", INT32_MIN);
    converts_whole(255, "uint8", 255);
    converts_whole((int64_t)1 << 53, "float64", 0x1p53);
    converts_whole(((int64_t)1 << 24) + 1, "float32", 0x1p24f);
    converts_whole(-3, "bool", 1);
    converts("<u8", &large, 8, "float64", 0x1p64);
    converts("<u8", &large, 8, "float32", 0x1p64);
    converts("<u8", &large, 8, "bool", 1);
    real_does_not_fit(2147483648.0, "int32", "element 0 of its data is 2.14748365e+09, which int32 does not hold");
    real_does_not_fit(-2147483649.0, "int32", "int32");
    real_does_not_fit(NAN, "int32", "nan");
    real_does_not_fit(INFINITY, "uint8", "inf");
    real_does_not_fit(-1, "uint8", "-1");
    real_does_not_fit(256, "uint8", "256");
    whole_does_not_fit(2147483648, "int32", "2147483648");
    whole_does_not_fit(INT64_MIN, "native", "-9223372036854775808");
    whole_does_not_fit(256, "uint8", "256");
    whole_does_not_fit(-1, "uint8", "-1");
    does_not_fit("<u8", &large, 8, "int32", "1.84467441e+19");
    does_not_fit("<u4", "\x00\x00\x00\x80", 4, "native", "2147483648");
}
END_TEST

/* The place of a value that does not fit is counted over all pieces. */
START_TEST(place_of_a_value)
{
    static int64_t values[7000];
    values[6543] = 1ll << 40;
    make_file(1, "<i8", "False", "(7000,)", values, sizeof values);
    refuses(KDST_STATUS_FORMAT, "element 6543 of its data is 1099511627776");
    make_file(1, "<i8", "True", "(70, 100)", values, sizeof values);
    refuses(KDST_STATUS_FORMAT, "element 6543 of its data is 1099511627776");
}
END_TEST

/* ---- axis order ---- */

START_TEST(column_major)
{
    enum { A = 3, B = 50, C = 21 };
    static int32_t data[A * B * C], have[A * B * C];
    kdst_tensor *t = NULL;
    for (int a = 0; a < A; a++)
        for (int b = 0; b < B; b++)
            for (int c = 0; c < C; c++)
                data[a + A * (b + B * c)] = a * 10000 + b * 100 + c;
    make_file(1, "<i4", "True", "(3, 50, 21)", data, sizeof data);
    ck_assert_msg(load_as(NULL, &t) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_tensor_get_data(t, have, sizeof have), 0);
    for (int i = 0; i < A * B * C; i++)
        ck_assert_int_eq(have[i], i / (B * C) * 10000 + i / C % B * 100 + i % C);
    kdst_tensor_release(t);
    static const char *const flat[] = {"()", "(6,)", "(6, 1)", "(1, 1, 6)"};
    for (int k = 0; k < 4; k++) {
        make_file(1, "<i4", "True", flat[k], data, k ? 24 : 4);
        ck_assert_int_eq(load_as(NULL, &t), 0);
        ck_assert_int_eq(kdst_tensor_get_data(t, have, k ? 24 : 4), 0);
        ck_assert_mem_eq(have, data, k ? 24 : 4);
        kdst_tensor_release(t);
    }
}
END_TEST

START_TEST(arguments)
{
    kdst_tensor *t = (kdst_tensor *)file;
    kdst_options *o = NULL;
    double one = 1;
    make_file(1, "<f8", "False", "()", &one, 8);
    write_file(path_of("file.npy"), file, file_bytes);
    ck_assert_int_eq(kdst_npy_load(NULL, "x", NULL, &t), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(t);
    failed_with(kdst_npy_load(ctx, NULL, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    failed_with(kdst_npy_load(ctx, "x", NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    failed_with(kdst_npy_load(ctx, path_of("none"), NULL, &t), KDST_STATUS_NOT_FOUND, "npy_load: ");
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "dtype", "float16"), 0);
    failed_with(kdst_npy_load(ctx, path_of("file.npy"), o, &t), KDST_STATUS_INVALID_ARGUMENT, "float16");
    ck_assert_int_eq(kdst_options_set_string(o, "type", "float32"), 0);
    failed_with(kdst_npy_load(ctx, path_of("file.npy"), o, &t), KDST_STATUS_INVALID_ARGUMENT, "dtype");
    ck_assert_ptr_null(t);
    kdst_options_release(o);
    ck_assert_int_eq(kdst_npy_save(NULL, "x"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_npy_load(ctx, path_of("file.npy"), NULL, &t), 0);
    failed_with(kdst_npy_save(t, NULL), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    failed_with(kdst_npy_save(t, path_of("none/x")), KDST_STATUS_IO, "npy_save: ");
    kdst_tensor_release(t);
}
END_TEST

/* ---- memory ---- */

static kdst_status load_and_save(kdst_context *own, void *arg)
{
    char *name = arg, path[512], copy[520];
    kdst_tensor *t = NULL;
    strcpy(path, path_of(name));
    snprintf(copy, sizeof copy, "%s.copy", path);
    write_file(copy, "old", 3);
    kdst_status status = kdst_npy_load(own, path, NULL, &t);
    if (status) ck_assert_ptr_null(t);
    if (!status) {
        status = kdst_npy_save(t, copy);
        if (status) file_is(copy, "old", 3);
    }
    kdst_tensor_release(t);
    ck_assert_int_eq(count_files(), 2);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *o = NULL;
    static int64_t data[1500];
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    make_file(1, ">i8", "True", "(30, 50)", data, sizeof data);
    write_file(path_of("file.npy"), file, file_bytes);
    ck_assert_int_gt(each_allocation_fails(o, load_and_save, "file.npy"), 6);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npy");
    TCase *trips = tcase_create("round trips"), *reading = tcase_create("types");
    TCase *all[] = {trips, reading};
    for (int i = 0; i < 2; i++) {
        tcase_set_timeout(all[i], 120);
        tcase_add_checked_fixture(all[i], setup, teardown);
        suite_add_tcase(suite, all[i]);
    }
    tcase_add_test(trips, round_trips);
    tcase_add_test(trips, empty_tensors);
    tcase_add_test(trips, strided_tensors);
    tcase_add_test(trips, written_bytes);
    tcase_add_test(trips, arguments);
    tcase_add_test(trips, memory_runs_out);
    tcase_add_test(reading, every_type_and_byte_order);
    tcase_add_test(reading, every_type_to_float64);
    tcase_add_test(reading, every_half);
    tcase_add_test(reading, conversions);
    tcase_add_test(reading, place_of_a_value);
    tcase_add_test(reading, column_major);
    return run_suite(suite);
}
