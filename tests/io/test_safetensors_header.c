/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of safetensors files that nobody should write: each is refused, with a reason. */
#include "safetensors_file.h"

#include "support/run.h"

#define TENSOR(name, type, shape, offsets)                                                                             \
  "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    kdst_status status;
    const char *message;
} hostile[] = {
    {"", KDST_STATUS_FORMAT, "no object"},
    {"[]", KDST_STATUS_FORMAT, "no object"},
    {"{", KDST_STATUS_FORMAT, "should be a text"},
    {"{}x", KDST_STATUS_FORMAT, "should be the end"},
    {"{}{}", KDST_STATUS_FORMAT, "should be the end"},
    {"{,}", KDST_STATUS_FORMAT, "should be a text"},
    {"{\"a\"}", KDST_STATUS_FORMAT, "a colon"},
    {"{\"a\":}", KDST_STATUS_FORMAT, "the object of a tensor"},
    {"{\"a\":1}", KDST_STATUS_FORMAT, "the object of a tensor"},
    {"{\"a\":[[[[[[[[[[", KDST_STATUS_FORMAT, "the object of a tensor"},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{", KDST_STATUS_FORMAT, "unknown key"},
    {"{\"a\":{}}", KDST_STATUS_FORMAT, "lacks"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", KDST_STATUS_FORMAT, "lacks"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", KDST_STATUS_FORMAT, "key twice"},
    {"{\"a\":{\"dtype\":8}}", KDST_STATUS_FORMAT, "a text"},
    {"{\"a\":{\"dtype\":\"U8\",}}", KDST_STATUS_FORMAT, "a text"},
    {"{" TENSOR("a", "F8_E4M3", "[8]", "[0,8]") "}", KDST_STATUS_UNSUPPORTED, "\"a\" has elements of type \"F8_E4M3\""},
    {"{" TENSOR("a", "f32", "[2]", "[0,8]") "}", KDST_STATUS_UNSUPPORTED, "\"f32\""},
    {"{" TENSOR("a", "U8", "[1,1,1,1,1,1,1,1,8]", "[0,8]") "}", KDST_STATUS_UNSUPPORTED, "more than 8 axes"},
    {"{" TENSOR("a", "U8", "8", "[0,8]") "}", KDST_STATUS_FORMAT, "the list of a shape"},
    {"{" TENSOR("a", "U8", "[8", "[0,8]") "}", KDST_STATUS_FORMAT, "whole number"},
    {"{" TENSOR("a", "U8", "[8,]", "[0,8]") "}", KDST_STATUS_FORMAT, "whole number"},
    {"{" TENSOR("a", "U8", "[-8]", "[0,8]") "}", KDST_STATUS_FORMAT, "whole number"},
    {"{" TENSOR("a", "U8", "[8.0]", "[0,8]") "}", KDST_STATUS_FORMAT, "comma"},
    {"{" TENSOR("a", "U8", "[8e0]", "[0,8]") "}", KDST_STATUS_FORMAT, "comma"},
    {"{" TENSOR("a", "U8", "[08]", "[0,8]") "}", KDST_STATUS_FORMAT, "whole number"},
    {"{" TENSOR("a", "U8", "[[8]]", "[0,8]") "}", KDST_STATUS_FORMAT, "whole number"},
    {"{" TENSOR("a", "U8", "[9223372036854775808]", "[0,8]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "U8", "[99999999999999999999999999999]", "[0,8]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "U8", "[9223372036854775807]", "[0,8]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "F64", "[2305843009213693953]", "[0,8]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "F32", "[4294967296,4294967296,2]", "[0,8]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "F32", "[0,4294967296,4294967296,2]", "[0,0]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "U8", "[8]", "[0]") "}", KDST_STATUS_FORMAT, "comma"},
    {"{" TENSOR("a", "U8", "[8]", "[0,8,8]") "}", KDST_STATUS_FORMAT, "end of two offsets"},
    {"{" TENSOR("a", "U8", "[8]", "[0,9223372036854775808]") "}", KDST_STATUS_FORMAT, "too large"},
    {"{" TENSOR("a", "U8", "[8]", "{}") "}", KDST_STATUS_FORMAT, "two offsets"},
    {"{" TENSOR("a", "U8", "[8]", "[8,0]") "}", KDST_STATUS_FORMAT,
     "\"a\" has 8 bytes by its shape, offsets from 8 to 0"},
    {"{" TENSOR("a", "U8", "[7]", "[0,8]") "}", KDST_STATUS_FORMAT, "7 bytes by its shape"},
    {"{" TENSOR("a", "F32", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT, "32 bytes by its shape"},
    {"{" TENSOR("a", "U8", "[4]", "[0,4]") "," TENSOR("a", "U8", "[4]", "[4,8]") "}", KDST_STATUS_FORMAT,
     "\"a\" is there twice"},
    {"{" TENSOR("a", "U8", "[4]", "[0,4]") "," TENSOR("\\u0061", "U8", "[4]", "[4,8]") "}", KDST_STATUS_FORMAT,
     "\"a\" is there twice"},
    {"{" TENSOR("a", "U8", "[4]", "[0,4]") "," TENSOR("b", "U8", "[5]", "[3,8]") "}", KDST_STATUS_FORMAT,
     "\"b\" begins at byte 3 of the data, where 4"},
    {"{" TENSOR("a", "U8", "[4]", "[0,4]") "," TENSOR("b", "U8", "[4]", "[0,4]") "}", KDST_STATUS_FORMAT,
     "begins at byte 0"},
    {"{" TENSOR("a", "U8", "[3]", "[0,3]") "," TENSOR("b", "U8", "[4]", "[4,8]") "}", KDST_STATUS_FORMAT,
     "\"b\" begins at byte 4 of the data, where 3"},
    {"{" TENSOR("a", "U8", "[7]", "[1,8]") "}", KDST_STATUS_FORMAT, "begins at byte 1"},
    {"{" TENSOR("a", "U8", "[0]", "[4,4]") "," TENSOR("b", "U8", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT,
     "\"a\" begins at byte 4"},
    {"{" TENSOR("a", "U8", "[7]", "[0,7]") "}", KDST_STATUS_FORMAT, "goes on"},
    {"{" TENSOR("a", "U8", "[9]", "[0,9]") "}", KDST_STATUS_FORMAT, "would take 9 bytes, the file has 8 left"},
    {"{" TENSOR("a", "U8", "[100000000000000000]", "[0,100000000000000000]") "}", KDST_STATUS_FORMAT,
     "would take 100000000000000000 bytes"},
    {"{}", KDST_STATUS_FORMAT, "goes on"},
    {"{" TENSOR("", "U8", "[8]", "[0,8]") "}", KDST_STATUS_UNSUPPORTED, "0 bytes"},
    {"{" TENSOR("\xff", "U8", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT, "UTF-8"},
    {"{" TENSOR("\\ud800", "U8", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT, "half"},
    {"{" TENSOR("\\u0000", "U8", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT, "zero"},
    {"{" TENSOR("\\q", "U8", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT, "escaped"},
    {"{\"__metadata__\":[]}", KDST_STATUS_FORMAT, "metadata"},
    {"{\"__metadata__\":{\"a\":1}}", KDST_STATUS_FORMAT, "a text"},
    {"{\"__metadata__\":{\"a\":null}}", KDST_STATUS_FORMAT, "a text"},
    {"{\"__metadata__\":{\"a\":{}}}", KDST_STATUS_FORMAT, "a text"},
    {"{\"__metadata__\":{\"a\":\"b\",}}", KDST_STATUS_FORMAT, "a text"},
    {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", KDST_STATUS_FORMAT, "\"a\" is there twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", KDST_STATUS_FORMAT, "\"__metadata__\" is there twice"},
    {"{\"__metadata__\":{\"\":\"b\"}}", KDST_STATUS_UNSUPPORTED, "0 bytes"},
    {"{\"__metadata__\":{\"kdst.crc32\":\"0\"}}", KDST_STATUS_FORMAT, "no checksum"},
    {"{\"__metadata__\":{\"kdst.crc32\":\"0000000G\"}}", KDST_STATUS_FORMAT, "no checksum"},
    {"{\"__metadata__\":{\"kdst.crc32\":\"000000000\"}}", KDST_STATUS_FORMAT, "checksum"},
    {"{\"__metadata__\":{\"kdst.crc32\":\"00000000\",\"kdst.crc32\":\"00000000\"}}", KDST_STATUS_FORMAT, "twice"},
    {"{\"__metadata__\":{\"kdst.crc32\":\"00000000\"}," TENSOR("a", "U8", "[8]", "[0,8]") "}", KDST_STATUS_FORMAT,
     "damaged: their checksum is aeef2a50, the header says 00000000"},
};

START_TEST(hostile_headers)
{
    make_file(hostile[_i].header, "abcdefgh", 8);
    refuses(hostile[_i].status, hostile[_i].message);
}
END_TEST

START_TEST(long_names)
{
    char header[2000], name[600];
    kdst_state *s = NULL;
    memset(name, 'n', sizeof name);
    name[512] = '\0';
    snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
    make_file(header, NULL, 0);
    refuses(KDST_STATUS_UNSUPPORTED, "512 bytes, allowed are 1 to 511");
    name[511] = '\0';
    snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
    make_file(header, NULL, 0);
    ck_assert_int_eq(load(&s), 0);
    kdst_state_release(s);
}
END_TEST

START_TEST(header_lengths)
{
    static const uint64_t lengths[] = {3, 100, 100000000, 100000001, (uint64_t)1 << 32, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        make_file("{}", NULL, 0);
        for (int k = 0; k < 8; k++)
            file[k] = (unsigned char)(lengths[i] >> 8 * k);
        refuses(KDST_STATUS_FORMAT, lengths[i] <= 100000000 ? "its header would take" : "no safetensors file");
    }
    make_file("{}", NULL, 0);
    file[0] = 1; /* half of the header */
    refuses(KDST_STATUS_FORMAT, "should be a text");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors header");
    TCase *bad = tcase_create("hostile");
    tcase_set_timeout(bad, 60);
    tcase_add_checked_fixture(bad, setup, teardown);
    tcase_add_loop_test(bad, hostile_headers, 0, (int)(sizeof hostile / sizeof *hostile));
    tcase_add_test(bad, long_names);
    tcase_add_test(bad, header_lengths);
    suite_add_tcase(suite, bad);
    return run_suite(suite);
}
