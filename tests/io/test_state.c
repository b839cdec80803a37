/* SPDX-License-Identifier: Apache-2.0 */
/* States in memory: order, replacing, many names, what is refused, life of what they hold. */
#include "failures/each_allocation.h"
#include "support.h"
#include "support/run.h"

static kdst_state *state;

static void setup_state(void)
{
    make_context();
    ck_assert_int_eq(kdst_state_create(ctx, &state), 0);
}

static void teardown_state(void)
{
    kdst_state_release(state);
    release_context();
}

static kdst_tensor *scalar(double value)
{
    return tensor_of(KDST_DTYPE_FLOAT64, 0, NULL, &value);
}

static void set(const char *name, double value)
{
    kdst_tensor *t = scalar(value);
    ck_assert_msg(kdst_state_set(state, name, t) == 0, "%s", kdst_context_message(ctx));
    kdst_tensor_release(t);
}

static double get(const char *name)
{
    kdst_tensor *t = NULL;
    double value;
    ck_assert_msg(kdst_state_get(state, name, &t) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_tensor_get_value(t, &value), 0);
    return value;
}

START_TEST(order_and_replacing)
{
    static const char *const names[] = {"c", "a", "b", "a.b", "\xc3\xa4"};
    const char *name, *text;
    for (int i = 0; i < 5; i++) {
        set(names[i], i);
        ck_assert_int_eq(kdst_state_set_text(state, names[i], names[4 - i]), 0);
    }
    set("a", 10);
    ck_assert_int_eq(kdst_state_set_text(state, "b", ""), 0);
    ck_assert_int_eq(kdst_state_get_count(state), 5);
    ck_assert_int_eq(kdst_state_get_text_count(state), 5);
    for (int i = 0; i < 5; i++) {
        kdst_tensor *t, *same;
        ck_assert_int_eq(kdst_state_get_at(state, i, &name, &t), 0);
        ck_assert_str_eq(name, names[i]);
        ck_assert_int_eq(kdst_state_get(state, name, &same), 0);
        ck_assert_ptr_eq(same, t);
        ck_assert_double_eq(get(name), i == 1 ? 10 : i);
        ck_assert_int_eq(kdst_state_get_text_at(state, i, &name, &text), 0);
        ck_assert_str_eq(name, names[i]);
        ck_assert_str_eq(text, i == 2 ? "" : names[4 - i]);
        ck_assert_int_eq(kdst_state_get_text(state, names[i], &text), 0);
        ck_assert_str_eq(text, i == 2 ? "" : names[4 - i]);
    }
    ck_assert_int_eq(kdst_state_get_at(state, 0, NULL, NULL), 0);
    ck_assert_int_eq(kdst_state_get_text_at(state, 0, NULL, NULL), 0);
}
END_TEST

START_TEST(many_names)
{
    enum { N = 5000 };
    char name[32];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "layer%d.weight", i * 7919 % N);
        set(name, i);
    }
    ck_assert_int_eq(kdst_state_get_count(state), N);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "layer%d.weight", i * 7919 % N);
        ck_assert_double_eq(get(name), i);
    }
}
END_TEST

START_TEST(tensors_are_retained_not_copied)
{
    kdst_tensor *t = scalar(1), *same;
    ck_assert_int_eq(kdst_state_set(state, "t", t), 0);
    ck_assert_int_eq(kdst_tensor_set_value(t, 2), 0);
    ck_assert_double_eq(get("t"), 2);
    ck_assert_int_eq(kdst_state_get(state, "t", &same), 0);
    ck_assert_ptr_eq(same, t);
    ck_assert_int_eq(kdst_state_set(state, "t", t), 0); /* by itself */
    kdst_tensor_release(t);
    ck_assert_double_eq(get("t"), 2);
    ck_assert_int_eq(kdst_context_live_count(ctx), 2);
    set("t", 3);
    ck_assert_int_eq(kdst_context_live_count(ctx), 2); /* the old one has gone */
    kdst_state_retain(state);
    kdst_state_release(state);
    ck_assert_double_eq(get("t"), 3);
    kdst_state_retain(NULL);
    kdst_state_release(NULL);
}
END_TEST

START_TEST(refused_names)
{
    static const char *const bad[] = {"", "__metadata__", "\xff", "a\xc3", "\xed\xa0\x80"};
    char name[600];
    kdst_tensor *t = scalar(1), *found;
    for (int i = 0; i < 5; i++)
        failed_with(kdst_state_set(state, bad[i], t), KDST_STATUS_INVALID_ARGUMENT, "state_set: name");
    failed_with(kdst_state_set(state, NULL, t), KDST_STATUS_INVALID_ARGUMENT, "name is NULL");
    failed_with(kdst_state_set(state, "a", NULL), KDST_STATUS_INVALID_ARGUMENT, "tensor is NULL");
    memset(name, 'n', sizeof name);
    name[512] = '\0';
    failed_with(kdst_state_set(state, name, t), KDST_STATUS_INVALID_ARGUMENT, "512 bytes, allowed are 1 to 511");
    name[511] = '\0';
    ck_assert_int_eq(kdst_state_set(state, name, t), 0);
    ck_assert_int_eq(kdst_state_get(state, name, &found), 0);
    kdst_tensor_release(t);
    ck_assert_int_eq(kdst_state_get_count(state), 1);
    failed_with(kdst_state_set_text(state, "", "x"), KDST_STATUS_INVALID_ARGUMENT, "key");
    failed_with(kdst_state_set_text(state, "\xff", "x"), KDST_STATUS_INVALID_ARGUMENT, "UTF-8");
    failed_with(kdst_state_set_text(state, "kdst.crc32", "x"), KDST_STATUS_INVALID_ARGUMENT, "reserved");
    failed_with(kdst_state_set_text(state, NULL, "x"), KDST_STATUS_INVALID_ARGUMENT, "key is NULL");
    failed_with(kdst_state_set_text(state, "k", NULL), KDST_STATUS_INVALID_ARGUMENT, "\"k\" is NULL");
    failed_with(kdst_state_set_text(state, "k", "a\xff"), KDST_STATUS_INVALID_ARGUMENT, "\"k\" is no UTF-8");
    ck_assert_int_eq(kdst_state_get_text_count(state), 0);
}
END_TEST

START_TEST(nothing_found)
{
    kdst_tensor *t = (kdst_tensor *)state;
    const char *text = "x";
    failed_with(kdst_state_get(state, "a", &t), KDST_STATUS_NOT_FOUND, "empty");
    ck_assert_ptr_null(t);
    set("conv1.weight", 1);
    set("conv2.bias", 1);
    failed_with(kdst_state_get(state, "conv1.weights", &t), KDST_STATUS_NOT_FOUND, "did you mean \"conv1.weight\"?");
    failed_with(kdst_state_get(state, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "name is NULL");
    failed_with(kdst_state_get(state, "a", NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    failed_with(kdst_state_get_text(state, "a", &text), KDST_STATUS_NOT_FOUND, "\"a\"");
    ck_assert_ptr_null(text);
    failed_with(kdst_state_get_text(state, NULL, &text), KDST_STATUS_INVALID_ARGUMENT, "key is NULL");
    failed_with(kdst_state_get_at(state, 2, &text, &t), KDST_STATUS_NOT_FOUND, "index is 2, the state has 2");
    failed_with(kdst_state_get_at(state, -1, &text, &t), KDST_STATUS_NOT_FOUND, "index is -1");
    failed_with(kdst_state_get_text_at(state, 0, &text, &text), KDST_STATUS_NOT_FOUND, "the state has 0");
    ck_assert_int_eq(kdst_state_get(NULL, "a", &t), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_get_text(NULL, "a", &text), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_get_at(NULL, 0, &text, &t), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_get_text_at(NULL, 0, &text, &text), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_get_count(NULL), 0);
    ck_assert_int_eq(kdst_state_get_text_count(NULL), 0);
    ck_assert_int_eq(kdst_state_set(NULL, "a", NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_set_text(NULL, "a", "b"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_create(NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    failed_with(kdst_state_create(ctx, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
}
END_TEST

START_TEST(other_contexts)
{
    kdst_context *first = ctx;
    kdst_tensor *t;
    make_context();
    t = scalar(1);
    kdst_status status = kdst_state_set(state, "a", t);
    kdst_tensor_release(t);
    release_context();
    ctx = first;
    failed_with(status, KDST_STATUS_INVALID_ARGUMENT, "another context");
}
END_TEST

static kdst_status fill(kdst_context *own, void *arg)
{
    kdst_state *s = NULL;
    kdst_tensor *t = NULL;
    char name[16];
    (void)arg;
    kdst_status status = kdst_state_create(own, &s);
    TRY(kdst_tensor_create(own, KDST_DTYPE_UINT8, 0, NULL, &t));
    for (int i = 0; i < 40; i++) {
        int64_t count = kdst_state_get_count(s), texts = kdst_state_get_text_count(s);
        snprintf(name, sizeof name, "n%d", i % 35);
        if (status) break;
        TRY(kdst_state_set(s, name, t));
        if (status) ck_assert_int_eq(kdst_state_get_count(s), count);
        TRY(kdst_state_set_text(s, name, name));
        if (status) ck_assert_int_eq(kdst_state_get_text_count(s), texts);
    }
    /* what was set is there, whether the rest failed or not; the harness wants the failure's message */
    char message[1024];
    strcpy(message, kdst_context_message(own));
    for (int64_t i = 0; i < kdst_state_get_count(s); i++) {
        kdst_tensor *found;
        snprintf(name, sizeof name, "n%d", (int)i);
        ck_assert_int_eq(kdst_state_get(s, name, &found), 0);
        ck_assert_ptr_eq(found, t);
    }
    ck_assert_int_eq(kdst_context_set_message(own, message), 0);
    kdst_tensor_release(t);
    kdst_state_release(s);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_gt(each_allocation_fails(o, fill, NULL), 20);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *memory = tcase_create("memory");
    tcase_set_timeout(memory, 60);
    tcase_add_checked_fixture(memory, setup_state, teardown_state);
    tcase_add_test(memory, order_and_replacing);
    tcase_add_test(memory, many_names);
    tcase_add_test(memory, tensors_are_retained_not_copied);
    tcase_add_test(memory, refused_names);
    tcase_add_test(memory, nothing_found);
    tcase_add_test(memory, other_contexts);
    tcase_add_test(memory, memory_runs_out);
    suite_add_tcase(suite, memory);
    return run_suite(suite);
}
