/* SPDX-License-Identifier: Apache-2.0 */
/* Version, build info and the names of the status codes. */
#include "support/run.h"

#include <kdst/status.h>
#include <kdst/version.h>

#include <stdio.h>
#include <string.h>

START_TEST(test_version)
{
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", KDST_VERSION_MAJOR, KDST_VERSION_MINOR, KDST_VERSION_PATCH);
    ck_assert_str_eq(kdst_version(), text);
    ck_assert_int_eq(
        kdst_version_number(), KDST_VERSION_MAJOR * 1000000 + KDST_VERSION_MINOR * 1000 + KDST_VERSION_PATCH);
}
END_TEST

START_TEST(test_build_info)
{
    static const char *const keys[] = {"version", "compiler", "levels", "zlib", "dlpack", "blis", "sanitizers"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = kdst_build_info(keys[i]);
        ck_assert_msg(text && *text, "no text for %s", keys[i]);
        ck_assert_ptr_eq(kdst_build_info(keys[i]), text);
    }
    ck_assert_str_eq(kdst_build_info("version"), kdst_version());
    ck_assert_ptr_nonnull(strstr(kdst_build_info("levels"), "baseline"));
    ck_assert(!strncmp(kdst_build_info("compiler"), "gcc ", 4) || !strncmp(kdst_build_info("compiler"), "clang ", 6));
    ck_assert(!strcmp(kdst_build_info("zlib"), "yes") || !strcmp(kdst_build_info("zlib"), "no"));
    ck_assert_ptr_null(kdst_build_info("colour"));
    ck_assert_ptr_null(kdst_build_info(NULL));
}
END_TEST

START_TEST(test_status_names)
{
    ck_assert_str_eq(kdst_status_name(KDST_STATUS_OK), "OK");
    ck_assert_str_eq(kdst_status_name(KDST_STATUS_OUT_OF_MEMORY), "OUT_OF_MEMORY");
    ck_assert_str_eq(kdst_status_name(KDST_STATUS_INTERNAL), "INTERNAL");
    for (kdst_status s = KDST_STATUS_OK; s <= KDST_STATUS_INTERNAL; s++) {
        ck_assert_str_ne(kdst_status_name(s), "UNKNOWN");
        for (kdst_status t = 0; t < s; t++) ck_assert_str_ne(kdst_status_name(s), kdst_status_name(t));
    }
    ck_assert_str_eq(kdst_status_name(KDST_STATUS_INTERNAL + 1), "UNKNOWN");
    ck_assert_str_eq(kdst_status_name(-1), "UNKNOWN");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("version");
    TCase *version = tcase_create("version"), *status = tcase_create("status");
    tcase_add_test(version, test_version);
    tcase_add_test(version, test_build_info);
    tcase_add_test(status, test_status_names);
    suite_add_tcase(suite, version);
    suite_add_tcase(suite, status);
    return run_suite(suite);
}
