/* SPDX-License-Identifier: Apache-2.0 */
/* The log: by function and by pulling, the function's failure, and that the caller's message is left alone. */
#include "core/context.h"

#include "support/run.h"

#include <stdio.h>
#include <string.h>

typedef struct listener {
    kdst_context *ctx;
    int calls, destroyed;
    kdst_status answer, replaced;
    kdst_severity severity;
    char text[1024];
} listener;

static kdst_context *ctx;
static listener heard;

static kdst_status listen(void *user_data, kdst_severity severity, const char *message)
{
    listener *l = user_data;
    l->calls++;
    l->severity = severity;
    snprintf(l->text, sizeof l->text, "%s", message);
    return l->answer;
}

static void forget(void *user_data)
{
    ((listener *)user_data)->destroyed++;
}

static void setup(void)
{
    heard = (listener){0};
    ck_assert_int_eq(kdst_context_create(NULL, &ctx), KDST_STATUS_OK);
    const char *text = "";
    while (text) ck_assert_int_eq(kdst_context_get_log(ctx, NULL, &text), KDST_STATUS_OK); /* what the creation said */
}

static void teardown(void)
{
    kdst_context_release(ctx);
}

START_TEST(test_function)
{
    ck_assert_int_eq(kdst_context_set_log(ctx, listen, &heard, forget), KDST_STATUS_OK);
    kdst__log(ctx, KDST_SEVERITY_WARNING, "gemm: %s kernels at %d", "reference", 5);
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_int_eq(heard.severity, KDST_SEVERITY_WARNING);
    ck_assert_str_eq(heard.text, "gemm: reference kernels at 5");
    ck_assert_int_eq(kdst_context_set_log(ctx, NULL, NULL, NULL), KDST_STATUS_OK);
    ck_assert_int_eq(heard.destroyed, 1);
    kdst__log(ctx, KDST_SEVERITY_INFO, "nobody listens");
    ck_assert_int_eq(heard.calls, 1);
}
END_TEST

START_TEST(test_registration_ends_once)
{
    listener other = {0};
    ck_assert_int_eq(kdst_context_set_log(ctx, listen, &heard, forget), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_set_log(ctx, listen, &other, forget), KDST_STATUS_OK);
    ck_assert_int_eq(heard.destroyed, 1);
    kdst_context_release(ctx);
    ck_assert_int_eq(other.destroyed, 1);
    ck_assert_int_eq(heard.destroyed, 1);
    ctx = NULL;
    ck_assert_int_eq(kdst_context_set_log(NULL, listen, &heard, forget), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(heard.destroyed, 2);
}
END_TEST

START_TEST(test_failure_switches_off)
{
    heard.answer = KDST_STATUS_IO;
    ck_assert_int_eq(kdst_context_set_log(ctx, listen, &heard, forget), KDST_STATUS_OK);
    kdst__log(ctx, KDST_SEVERITY_INFO, "one");
    kdst__log(ctx, KDST_SEVERITY_INFO, "two");
    ck_assert_int_eq(heard.calls, 1);
    ck_assert_int_eq(heard.destroyed, 1);
}
END_TEST

START_TEST(test_pulling)
{
    kdst_severity severity = 77;
    const char *text = "";
    ck_assert_int_eq(kdst_context_get_log(ctx, &severity, &text), KDST_STATUS_OK);
    ck_assert_int_eq(severity, 0);
    ck_assert_ptr_null(text);
    for (int i = 0; i < 40; i++) kdst__log(ctx, i % 3 + 1, "message %d", i);
    for (int i = 8; i < 40; i++) { /* the last 32, the oldest first */
        char expected[32];
        snprintf(expected, sizeof expected, "message %d", i);
        ck_assert_int_eq(kdst_context_get_log(ctx, &severity, &text), KDST_STATUS_OK);
        ck_assert_str_eq(text, expected);
        ck_assert_int_eq(severity, i % 3 + 1);
    }
    ck_assert_int_eq(kdst_context_get_log(ctx, NULL, &text), KDST_STATUS_OK);
    ck_assert_ptr_null(text);
    ck_assert_int_eq(kdst_context_get_log(NULL, &severity, &text), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_long_text_is_cut_between_characters)
{
    char text[600];
    const char *taken = NULL;
    for (int i = 0; i < 299; i++) memcpy(text + 2 * i, "\xc3\xa9", 2);
    text[598] = '\0';
    kdst__log(ctx, KDST_SEVERITY_INFO, "%s", text);
    ck_assert_int_eq(kdst_context_get_log(ctx, NULL, &taken), KDST_STATUS_OK);
    ck_assert_uint_eq(strlen(taken), 254);
    ck_assert_int_eq(memcmp(taken, text, 254), 0);
}
END_TEST

static kdst_status interfere(void *user_data, kdst_severity severity, const char *message)
{
    listener *l = user_data;
    (void)severity, (void)message;
    l->calls++;
    l->replaced = kdst_context_set_log(l->ctx, NULL, NULL, NULL);
    kdst__log(l->ctx, KDST_SEVERITY_INFO, "from within");
    return kdst_context_set_message(l->ctx, "a message of the function's own");
}

START_TEST(test_message_of_the_call_stays)
{
    heard.ctx = ctx;
    ck_assert_int_eq(kdst_context_set_log(ctx, interfere, &heard, forget), KDST_STATUS_OK);
    kdst__fail(ctx, KDST_STATUS_SHAPE, "conv2d: that is why");
    kdst__log(ctx, KDST_SEVERITY_WARNING, "outer");
    ck_assert_str_eq(kdst_context_message(ctx), "conv2d: that is why");
    ck_assert_int_eq(heard.calls, 1); /* not for the message from within */
    ck_assert_int_eq(heard.replaced, KDST_STATUS_STATE);
    ck_assert_int_eq(heard.destroyed, 0);
    const char *text = NULL;
    ck_assert_int_eq(kdst_context_get_log(ctx, NULL, &text), KDST_STATUS_OK);
    ck_assert_str_eq(text, "outer");
    ck_assert_int_eq(kdst_context_get_log(ctx, NULL, &text), KDST_STATUS_OK);
    ck_assert_str_eq(text, "from within");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_function);
    tcase_add_test(tcase, test_registration_ends_once);
    tcase_add_test(tcase, test_failure_switches_off);
    tcase_add_test(tcase, test_pulling);
    tcase_add_test(tcase, test_long_text_is_cut_between_characters);
    tcase_add_test(tcase, test_message_of_the_call_stays);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
