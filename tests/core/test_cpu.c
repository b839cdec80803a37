/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction-set levels: what the machine has, what a context takes, what it refuses. */
#include "core/cpu.h"

#include "support/run.h"

#include <kdst/context.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_names)
{
    static const char *const names[] = {"baseline", "avx2", "avx512"};
    for (int32_t level = 0; level < KDST__LEVELS; level++)
        ck_assert_str_eq(kdst__level_name(level), names[level]);
    ck_assert_ptr_null(kdst__level_name(-1));
    ck_assert_ptr_null(kdst__level_name(KDST__LEVELS));
}
END_TEST

/* Whether the kernel's list of this processor's features has all words of `wanted`. */
static int has_flags(const char *flags, const char *wanted)
{
    char word[32];
    for (int used; sscanf(wanted, "%31s%n", word, &used) == 1; wanted += used) {
        char padded[40];
        snprintf(padded, sizeof padded, " %s ", word);
        if (!strstr(flags, padded)) return 0;
    }
    return 1;
}

/* The operating system's own opinion; elsewhere there is the baseline alone. */
START_TEST(test_level_of_this_machine)
{
    static char line[16384];
    int32_t expected = KDST__LEVEL_BASELINE;
#if defined(__x86_64__)
    int found = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && fgets(line, sizeof line - 1, file))
        found = !strncmp(line, "flags", 5);
    if (file) fclose(file);
    if (!found) return; /* no such file here */
    line[strcspn(line, "\n")] = ' ';
    if (has_flags(line, "avx2 fma")) expected = KDST__LEVEL_AVX2;
    if (expected && has_flags(line, "avx512f avx512bw avx512dq avx512vl")) expected = KDST__LEVEL_AVX512;
#else
    (void)line, (void)has_flags;
#endif
    ck_assert_int_eq(kdst__cpu_level(), expected);
}
END_TEST

START_TEST(test_cores_this_process_may_use)
{
    cpu_set_t all, one;
    int32_t before = kdst__cpu_count(), first = 0;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    ck_assert_int_eq(before, CPU_COUNT(&all));
    while (!CPU_ISSET((size_t)first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET((size_t)first, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(kdst__cpu_count(), 1);
    kdst_context *ctx = NULL;
    ck_assert_int_eq(kdst_context_create(NULL, &ctx), KDST_STATUS_OK);
    ck_assert_str_eq(kdst_context_get_info(ctx, "threads"), "1");
    kdst_context_release(ctx);
}
END_TEST

/* A context with this level; NULL with the status, whose message holds `text`. */
static kdst_context *context_with_level(const char *level, kdst_status expected, const char *text)
{
    kdst_options *options = NULL;
    kdst_context *ctx = (kdst_context *)&options;
    ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_string(options, "level", level), KDST_STATUS_OK);
    kdst_status status = kdst_context_create(options, &ctx);
    ck_assert_msg(
        status == expected, "level %s: %s (%s)", level, kdst_status_name(status), kdst_options_message(options));
    if (expected) ck_assert_ptr_null(ctx);
    if (expected)
        ck_assert_msg(
            strstr(kdst_options_message(options), text) != NULL, "the message is %s", kdst_options_message(options));
    kdst_options_release(options);
    return ctx;
}

START_TEST(test_levels_of_a_context)
{
    const char *built = KDST_LEVELS; /* a build for another kind of processor has the baseline alone */
    for (int32_t level = 0; level < KDST__LEVELS; level++) {
        const char *name = kdst__level_name(level);
        int there = level <= kdst__cpu_level() && strstr(built, name) != NULL;
        kdst_context *ctx = context_with_level(name, there ? KDST_STATUS_OK : KDST_STATUS_UNSUPPORTED, name);
        if (!ctx) continue;
        ck_assert_str_eq(kdst_context_get_info(ctx, "level"), name);
        ck_assert(*kdst_context_get_info(ctx, "gemm"));
        kdst_context_release(ctx);
    }
    ck_assert_ptr_null(context_with_level("avx1024", KDST_STATUS_INVALID_ARGUMENT, "avx1024"));
    ck_assert_ptr_null(context_with_level("", KDST_STATUS_INVALID_ARGUMENT, "level"));
    ck_assert_ptr_null(context_with_level("AVX2", KDST_STATUS_INVALID_ARGUMENT, "AVX2"));
}
END_TEST

START_TEST(test_auto_is_the_best)
{
    kdst_context *ctx = context_with_level("auto", KDST_STATUS_OK, NULL);
    int32_t best = kdst__cpu_level();
    while (!strstr(KDST_LEVELS, kdst__level_name(best)))
        best--;
    ck_assert_str_eq(kdst_context_get_info(ctx, "level"), kdst__level_name(best));
    kdst_context_release(ctx);
}
END_TEST

START_TEST(test_numbers_of_threads)
{
    static const int64_t given[] = {1, 2, 7, 0, -1, 1025};
    for (int i = 0; i < 6; i++) {
        kdst_options *options = NULL;
        kdst_context *ctx = NULL;
        ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
        ck_assert_int_eq(kdst_options_set_int(options, "threads", given[i]), KDST_STATUS_OK);
        kdst_status status = kdst_context_create(options, &ctx);
        ck_assert_int_eq(status, i < 4 ? KDST_STATUS_OK : KDST_STATUS_INVALID_ARGUMENT);
        if (ctx) ck_assert_int_eq(atoi(kdst_context_get_info(ctx, "threads")), given[i] ? given[i] : kdst__cpu_count());
        kdst_context_release(ctx);
        kdst_options_release(options);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu");
    TCase *machine = tcase_create("machine"), *context = tcase_create("context");
    tcase_add_test(machine, test_names);
    tcase_add_test(machine, test_level_of_this_machine);
    tcase_add_test(machine, test_cores_this_process_may_use);
    tcase_add_test(context, test_levels_of_a_context);
    tcase_add_test(context, test_auto_is_the_best);
    tcase_add_test(context, test_numbers_of_threads);
    suite_add_tcase(suite, machine);
    suite_add_tcase(suite, context);
    return run_suite(suite);
}
