/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 against the published check value and a reference that divides bit by bit. */
#include "io/crc32.h"

#include "support/run.h"

#include <string.h>

static uint32_t divide(const unsigned char *data, size_t bytes)
{
    uint32_t state = 0xffffffffu;
    for (size_t i = 0; i < bytes * 8; i++) {
        uint32_t bit = (state ^ (uint32_t)(data[i / 8] >> i % 8)) & 1;
        state = state >> 1 ^ (bit ? 0xedb88320u : 0);
    }
    return ~state;
}

static uint32_t whole(const void *data, size_t bytes)
{
    kdst__crc32 crc;
    kdst__crc32_start(&crc);
    kdst__crc32_add(&crc, data, bytes);
    return kdst__crc32_value(&crc);
}

START_TEST(published_values)
{
    ck_assert_uint_eq(whole("123456789", 9), 0xcbf43926u);
    ck_assert_uint_eq(whole("", 0), 0);
}
END_TEST

START_TEST(every_length_and_cut)
{
    unsigned char data[80];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 151 + 7);
    for (size_t n = 0; n <= sizeof data; n++) {
        uint32_t wanted = divide(data, n);
        ck_assert_uint_eq(whole(data, n), wanted);
        for (size_t cut = 0; cut <= n; cut++) {
            kdst__crc32 crc;
            kdst__crc32_start(&crc);
            kdst__crc32_add(&crc, data, cut);
            kdst__crc32_add(&crc, data + cut, n - cut);
            ck_assert_uint_eq(kdst__crc32_value(&crc), wanted);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crc32");
    TCase *values = tcase_create("values");
    tcase_add_test(values, published_values);
    tcase_add_test(values, every_length_and_cut);
    suite_add_tcase(suite, values);
    return run_suite(suite);
}
