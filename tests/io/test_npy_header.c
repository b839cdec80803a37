/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of npy files as other programs write them and as nobody should; files that are cut or go on. */
#include "npy_file.h"

#include "support/run.h"

START_TEST(other_ways_to_write_a_header)
{
    static const char *const texts[] = {
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }",
        "{'shape':(2,),'fortran_order':False,'descr':'<i4'}",
        "{\"descr\": \"<i4\", \"shape\": (2,), \"fortran_order\": False}\n",
        " {\t'descr' : '<i4' ,\n'fortran_order' : False , 'shape' : ( 2 , ) , } \n\n",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2L,), }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2), }"};
    const int32_t values[] = {7, -8};
    int32_t have[2];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int version = 1; version <= 3; version++) {
            kdst_tensor *t = NULL;
            start_file(version, texts[i], strlen(texts[i]));
            add_data(values, sizeof values);
            ck_assert_msg(load_as(NULL, &t) == 0, "%s: %s", texts[i], kdst_context_message(ctx));
            ck_assert_int_eq(kdst_tensor_get_data(t, have, sizeof have), 0);
            ck_assert_mem_eq(have, values, sizeof have);
            kdst_tensor_release(t);
        }
}
END_TEST

START_TEST(hostile_headers)
{
    static const struct {
        const char *text;
        kdst_status status;
        const char *message;
    } cases[] = {
        {"", KDST_STATUS_FORMAT, "a dictionary"},
        {"[]", KDST_STATUS_FORMAT, "a dictionary"},
        {"{}", KDST_STATUS_FORMAT, "descr, fortran_order and shape"},
        {"{'descr': '<i4', 'fortran_order': False}", KDST_STATUS_FORMAT, "descr, fortran_order and shape"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), 'more': 1}", KDST_STATUS_FORMAT,
         "unknown key \"more\""},
        {"{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", KDST_STATUS_FORMAT,
         "\"descr\" twice"},
        {"{'descr': '<i4' 'fortran_order': False, 'shape': (2,)}", KDST_STATUS_FORMAT, "a comma"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,)} x", KDST_STATUS_FORMAT, "its end"},
        {"{'descr': '<i4', 'fortran_order': 0, 'shape': (2,)}", KDST_STATUS_FORMAT, "True or False"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': 2}", KDST_STATUS_FORMAT, "a shape"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': [2]}", KDST_STATUS_FORMAT, "a shape"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (-2,)}", KDST_STATUS_FORMAT, "a size"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2.0,)}", KDST_STATUS_FORMAT, "a comma"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (,)}", KDST_STATUS_FORMAT, "a size"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2 2)}", KDST_STATUS_FORMAT, "a comma"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775808,)}", KDST_STATUS_FORMAT, "below 2^63"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999999,)}", KDST_STATUS_FORMAT,
         "below 2^63"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775807,)}", KDST_STATUS_FORMAT, "too large"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", KDST_STATUS_FORMAT,
         "too large"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", KDST_STATUS_FORMAT,
         "too large"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000000,)}", KDST_STATUS_FORMAT,
         "would take 800000000000000000 bytes"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", KDST_STATUS_UNSUPPORTED,
         "more than 8 axes"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"<c8\""},
        {"{'descr': '<U5', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"<U5\""},
        {"{'descr': '|S12', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"|S12\""},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"|O\""},
        {"{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"<M8[ns]\""},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"<f16\""},
        {"{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"<f3\""},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "\"|f4\""},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_UNSUPPORTED, "structured"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_FORMAT, "type \"\""},
        {"{'descr': '<', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_FORMAT, "type \"<\""},
        {"{'descr': 'x\x01\xff', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_FORMAT, "type \"x??\""},
        {"{'descr': '<\\x66', 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_FORMAT, "an element type"},
        {"{'descr': '<i4\", 'fortran_order': False, 'shape': (1,)}", KDST_STATUS_FORMAT, "type \"<i4"},
        {"{'a key that is much too long for any of these': 1}", KDST_STATUS_FORMAT, "a key"},
        {"{'descr': 'a type that is much too long for any of these'}", KDST_STATUS_FORMAT, "an element type"},
        {"{{{{{{{{", KDST_STATUS_FORMAT, "a key"},
        {"{'descr': ((((((((((((((((", KDST_STATUS_UNSUPPORTED, "structured"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_file(1, cases[i].text, strlen(cases[i].text));
        add_data("\0\0\0\0\0\0\0\0", 8);
        refuses(cases[i].status, cases[i].message);
    }
}
END_TEST

START_TEST(beginnings)
{
    make_file(1, "<i4", "False", "()", "\1\0\0\0", 4);
    for (size_t i = 0; i < 6; i++) {
        file[i] ^= 1;
        refuses(KDST_STATUS_FORMAT, "no npy file");
        file[i] ^= 1;
    }
    file[6] = 0;
    refuses(KDST_STATUS_FORMAT, "version 0.0");
    file[6] = 4;
    refuses(KDST_STATUS_FORMAT, "version 4.0");
    file[6] = 1, file[7] = 1;
    refuses(KDST_STATUS_FORMAT, "version 1.1");
    make_file(2, "<i4", "False", "()", "\1\0\0\0", 4);
    memset(file + 8, 0xff, 4);
    refuses(KDST_STATUS_FORMAT, "4294967295");
    file_bytes = 0;
    refuses(KDST_STATUS_FORMAT, "after 0 of 8 bytes");
}
END_TEST

/* As much text as there is room for, and one byte more: what follows the dictionary is spaces. */
START_TEST(longest_text)
{
    enum { LONGEST = 16384 };
    static char text[LONGEST + 1];
    kdst_tensor *t = NULL;
    int n = snprintf(text, sizeof text, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}");
    memset(text + n, ' ', sizeof text - (size_t)n);
    for (int version = 1; version <= 3; version++) {
        start_file(version, text, LONGEST);
        add_data("x", 1);
        ck_assert_msg(load_as(NULL, &t) == KDST_STATUS_OK, "%s", kdst_context_message(ctx));
        kdst_tensor_release(t);
        start_file(version, text, LONGEST + 1);
        add_data("x", 1);
        refuses(KDST_STATUS_FORMAT, "its header has 16385 bytes, allowed are 16384");
    }
}
END_TEST

START_TEST(every_cut)
{
    static const char *const orders[] = {"False", "True"};
    double data[12] = {0};
    for (int k = 0; k < 2; k++) {
        make_file(1 + k, "<f8", orders[k], "(3, 4)", data, sizeof data);
        size_t whole = file_bytes;
        for (file_bytes = 0; file_bytes < whole; file_bytes++) {
            kdst_tensor *t = (kdst_tensor *)file;
            ck_assert_msg(load_as(NULL, &t) == KDST_STATUS_FORMAT, "%zu of %zu bytes are read", file_bytes, whole);
            ck_assert_ptr_null(t);
            ck_assert(*kdst_context_message(ctx));
        }
    }
}
END_TEST

START_TEST(a_tail_is_refused)
{
    make_file(1, "<f4", "False", "(2,)", "abcdefgh+", 9);
    refuses(KDST_STATUS_FORMAT, "goes on");
    make_file(1, "<i2", "True", "(2, 2)", "abcdefgh+", 9);
    refuses(KDST_STATUS_FORMAT, "goes on");
    make_file(1, "<i2", "True", "(0, 2)", "+", 1);
    refuses(KDST_STATUS_FORMAT, "goes on");
}
END_TEST

/* What a header claims is compared with the file before memory is taken. */
START_TEST(memory_is_taken_only_for_what_is_there)
{
    make_file(1, "<f4", "False", "(1000000000,)", "abcd", 4);
    refuses(KDST_STATUS_FORMAT, "would take 4000000000 bytes, the file has 4 left");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npy header");
    TCase *headers = tcase_create("headers");
    tcase_set_timeout(headers, 120);
    tcase_add_checked_fixture(headers, setup, teardown);
    tcase_add_test(headers, other_ways_to_write_a_header);
    tcase_add_test(headers, hostile_headers);
    tcase_add_test(headers, beginnings);
    tcase_add_test(headers, longest_text);
    tcase_add_test(headers, every_cut);
    tcase_add_test(headers, a_tail_is_refused);
    tcase_add_test(headers, memory_is_taken_only_for_what_is_there);
    suite_add_tcase(suite, headers);
    return run_suite(suite);
}
