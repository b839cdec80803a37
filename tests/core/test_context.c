/* SPDX-License-Identifier: Apache-2.0 */
/* The context: options, allocator, message, memory figures, random streams, cancelling; its creation under failing allocation. */
#include "core/context.h"

#include "support/counting.h"
#include "support/run.h"
#include "failures/each_allocation.h"

#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#  define CACHED 0
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define CACHED 0
#  endif
#endif
#ifndef CACHED
#  define CACHED 1
#endif

static kdst_context *ctx;
static kdst_options *o;

static void setup(void)
{
    ck_assert_int_eq(kdst_options_create(&o), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 2), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(o, &ctx), KDST_STATUS_OK);
}

static void teardown(void)
{
    kdst_context_release(ctx);
    kdst_options_release(o);
}

START_TEST(test_bad_options)
{
    kdst_context *other = ctx;
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1025), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(o, &other), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(other);
    ck_assert_str_eq(kdst_options_message(o), "context: threads is 1025, allowed is [0, 1024]");
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_string(o, "level", "sse9"), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(o, &other), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "context: level is \"sse9\", allowed is auto|baseline|avx2|avx512");
    ck_assert_int_eq(kdst_options_set_string(o, "level", "auto"), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_int(o, "sed", 1), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(o, &other), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "context: unknown option \"sed\"; did you mean \"seed\"?");
    ck_assert_int_eq(kdst_context_create(o, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_context_create(NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_config)
{
    static const char *const levels[] = {"auto", "baseline"};
    for (int32_t i = 0; i < 2; i++) {
        kdst_context *other = NULL;
        ck_assert_int_eq(kdst_options_set_string(o, "level", levels[i]), KDST_STATUS_OK);
        ck_assert_int_eq(kdst_options_set_int(o, "seed", -5), KDST_STATUS_OK);
        ck_assert_int_eq(kdst_options_set_int(o, "exact_convolution", i), KDST_STATUS_OK);
        ck_assert_int_eq(kdst_context_create(o, &other), KDST_STATUS_OK);
        const kdst__context_config *config = kdst__context_config_get(other);
        ck_assert_int_eq(config->level, i - 1);
        ck_assert_int_eq(config->threads, 2);
        ck_assert_int_eq(config->seed, -5);
        ck_assert_int_eq(config->exact_convolution, i);
        uint64_t seed, stream;
        ck_assert_int_eq(kdst_context_get_random(other, &seed, &stream), KDST_STATUS_OK);
        ck_assert_uint_eq(seed, (uint64_t)-5);
        ck_assert_uint_eq(stream, 0);
        kdst_context_release(other);
    }
}
END_TEST

START_TEST(test_allocator)
{
    counting c = {0};
    kdst_context *other = NULL;
    ck_assert_int_eq(
        kdst_context_create_with_allocator(o, counting_allocate, counting_deallocate, &c, counting_destroy, &other),
        KDST_STATUS_OK);
    ck_assert_int_gt(c.blocks, 0);
    ck_assert_int_eq(c.destroyed, 0);
    kdst_context_release(other);
    ck_assert_int_eq(c.blocks, 0);
    ck_assert_int_eq(c.bytes, 0);
    ck_assert_int_eq(c.destroyed, 1);
    ck_assert_int_eq(
        kdst_context_create_with_allocator(o, NULL, counting_deallocate, &c, counting_destroy, &other),
        KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "context: an allocator hook is NULL");
    ck_assert_int_eq(c.destroyed, 2);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(
        kdst_context_create_with_allocator(o, counting_allocate, NULL, &c, counting_destroy, NULL),
        KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(
        kdst_context_create_with_allocator(o, counting_allocate, counting_deallocate, &c, counting_destroy, NULL),
        KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(c.destroyed, 4);
}
END_TEST

static kdst_status make_and_release(kdst_context *context, void *arg)
{
    static const kdst__class plain = {"plain", NULL};
    void *handles[4];
    int made = 0;
    kdst_status status = KDST_STATUS_OK;
    kdst__enter(context);
    for (; made < 4 && !status; made += !status) {
        handles[made] = kdst__handle_create(context, &plain, sizeof(kdst__handle) + 5000 * (size_t)(made + 1));
        if (!handles[made]) status = KDST_STATUS_OUT_OF_MEMORY;
    }
    *(int *)arg += made;
    while (made) kdst__handle_release(handles[--made]);
    return status;
}

START_TEST(test_each_allocation)
{
    int made = 0;
    int64_t allocations = each_allocation_fails(o, make_and_release, &made);
    ck_assert_int_ge(allocations, 6); /* memory, context, four handles */
    ck_assert_int_gt(made, 4);
}
END_TEST

START_TEST(test_limit)
{
    static const kdst__class plain = {"plain", NULL};
    int64_t now = 0, peak = 0;
    kdst_context *other = NULL;
    ck_assert_int_eq(kdst_context_get_memory(ctx, &now, &peak), KDST_STATUS_OK);
    ck_assert(now > 0 && peak >= now);
    ck_assert_int_eq(kdst_options_set_int(o, "memory_limit", 100), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(o, &other), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_ptr_nonnull(strstr(kdst_options_message(o), "context: out of memory: "));
    ck_assert_ptr_nonnull(strstr(kdst_options_message(o), " bytes wanted, 0 bytes of the limit of 100 bytes in use"));
    ck_assert_int_eq(kdst_options_set_int(o, "memory_limit", peak + 100000), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(o, &other), KDST_STATUS_OK);
    void *small = kdst__handle_create(other, &plain, 50000);
    ck_assert_ptr_nonnull(small);
    ck_assert_int_eq(kdst_context_get_memory(other, &now, NULL), KDST_STATUS_OK);
    ck_assert_ptr_null(kdst__handle_create(other, &plain, 100000));
    char text[200];
    snprintf(
        text, sizeof text, "plain: out of memory: 100000 bytes wanted, %lld bytes of the limit of %lld bytes in use",
        (long long)now, (long long)peak + 100000);
    ck_assert_str_eq(kdst_context_message(other), text);
    ck_assert_int_eq(kdst_context_live_count(other), 1);
    kdst__handle_release(small);
    ck_assert_int_eq(kdst_context_get_memory(other, NULL, &peak), KDST_STATUS_OK);
    ck_assert_int_ge(peak, 50000);
    int64_t cached = -1;
    ck_assert_int_eq(kdst_context_clear_memory_peak(other), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_get_memory(other, &now, &peak), KDST_STATUS_OK);
    ck_assert_int_eq(peak, now);
    ck_assert_int_eq(kdst_context_get_memory_cached(other, &cached), KDST_STATUS_OK);
    ck_assert(CACHED ? cached >= 50000 : cached == 0);
    small = kdst__handle_create(other, &plain, 50000);
    ck_assert_ptr_nonnull(small);
    ck_assert_int_eq(kdst_context_get_memory(other, NULL, &peak), KDST_STATUS_OK);
    ck_assert_int_ge(peak, now + 50000);
    ck_assert_int_eq(kdst_context_get_memory_cached(other, &now), KDST_STATUS_OK);
    ck_assert(CACHED ? now <= cached - 50000 : now == 0);
    kdst__handle_release(small);
    ck_assert_int_eq(kdst_context_get_memory_cached(NULL, &now), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_context_clear_memory_peak(NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_context_release(other);
    ck_assert_int_eq(kdst_context_get_memory(NULL, &now, NULL), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_message)
{
    char text[1500];
    ck_assert_str_eq(kdst_context_message(ctx), "");
    ck_assert_str_eq(kdst_context_message(NULL), "");
    ck_assert_int_eq(kdst__fail(ctx, KDST_STATUS_SHAPE, "conv2d: input has %d channels, layer expects %d", 3, 16), KDST_STATUS_SHAPE);
    ck_assert_str_eq(kdst_context_message(ctx), "conv2d: input has 3 channels, layer expects 16");
    kdst__fail(ctx, KDST_STATUS_SHAPE, "block: %s", kdst_context_message(ctx)); /* wraps the old one */
    ck_assert_str_eq(kdst_context_message(ctx), "block: conv2d: input has 3 channels, layer expects 16");
    ck_assert_int_eq(kdst_context_set_message(ctx, kdst_context_message(ctx)), KDST_STATUS_OK);
    ck_assert_str_eq(kdst_context_message(ctx), "block: conv2d: input has 3 channels, layer expects 16");
    ck_assert_int_eq(kdst_context_set_seed(ctx, 1), KDST_STATUS_OK); /* a call that works leaves none */
    ck_assert_str_eq(kdst_context_message(ctx), "");
    memset(text, 'm', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text + 1022, "\xc3\xa9", 2);
    kdst__fail(ctx, KDST_STATUS_IO, "%s", text);
    ck_assert_uint_eq(strlen(kdst_context_message(ctx)), 1022); /* not half a character */
    ck_assert_int_eq(kdst_context_set_message(ctx, text), KDST_STATUS_OK);
    ck_assert_uint_eq(strlen(kdst_context_message(ctx)), 1022);
    ck_assert_int_eq(kdst_context_set_message(ctx, NULL), KDST_STATUS_OK);
    ck_assert(kdst__message_empty(ctx));
    ck_assert_int_eq(kdst_context_set_message(NULL, "x"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst__fail(NULL, KDST_STATUS_IO, "nowhere"), KDST_STATUS_IO);
    ck_assert_int_eq(kdst__fail_memory(ctx, "relu"), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_str_eq(kdst_context_message(ctx), "relu: out of memory");
}
END_TEST

START_TEST(test_callback_failure)
{
    kdst__enter(ctx);
    ck_assert_int_eq(kdst__fail_callback(ctx, KDST_STATUS_IO, "trainer_run"), KDST_STATUS_IO);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_run: the callback returned IO");
    ck_assert_int_eq(kdst_context_set_message(ctx, "my reason"), KDST_STATUS_OK);
    ck_assert_int_eq(kdst__fail_callback(ctx, KDST_STATUS_STATE, "trainer_run"), KDST_STATUS_STATE);
    ck_assert_str_eq(kdst_context_message(ctx), "my reason");
    ck_assert_int_eq(kdst__fail_callback(ctx, 999, "trainer_run"), KDST_STATUS_CALLBACK);
    ck_assert_str_eq(kdst_context_message(ctx), "my reason");
    kdst__enter(ctx);
    ck_assert_int_eq(kdst__fail_callback(ctx, -1, "trainer_run"), KDST_STATUS_CALLBACK);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_run: the callback returned -1, which is no status");
}
END_TEST

START_TEST(test_random_streams)
{
    uint64_t seed, stream;
    ck_assert_int_eq(kdst_context_set_seed(ctx, 99), KDST_STATUS_OK);
    for (uint64_t i = 0; i < 3; i++) {
        kdst__next_stream(ctx, &seed, &stream);
        ck_assert_uint_eq(seed, 99);
        ck_assert_uint_eq(stream, i);
    }
    ck_assert_int_eq(kdst_context_get_random(ctx, &seed, &stream), KDST_STATUS_OK);
    ck_assert_uint_eq(stream, 3);
    ck_assert_int_eq(kdst_context_set_random(ctx, 7, 1000), KDST_STATUS_OK);
    kdst__next_stream(ctx, &seed, &stream);
    ck_assert_uint_eq(seed, 7);
    ck_assert_uint_eq(stream, 1000);
    ck_assert_int_eq(kdst_context_get_random(ctx, NULL, NULL), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_get_random(NULL, &seed, &stream), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_context_set_seed(NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_cancel)
{
    kdst__enter(ctx);
    ck_assert_int_eq(kdst__check_cancelled(ctx, "trainer_run"), KDST_STATUS_OK);
    kdst_context_cancel(ctx);
    kdst__enter(ctx); /* the next call, then */
    ck_assert_int_eq(kdst__check_cancelled(ctx, "trainer_run"), KDST_STATUS_CANCELLED);
    ck_assert_str_eq(kdst_context_message(ctx), "trainer_run: cancelled");
    ck_assert_int_eq(kdst__check_cancelled(ctx, "trainer_run"), KDST_STATUS_OK);
    kdst_context_cancel(NULL);
}
END_TEST

START_TEST(test_info)
{
    kdst__context_set_info(ctx, "gemm", "blis, own kernels");
    ck_assert_str_eq(kdst_context_get_info(ctx, "gemm"), "blis, own kernels");
    ck_assert_ptr_nonnull(kdst_context_get_info(ctx, "threads"));
    ck_assert_ptr_nonnull(kdst_context_get_info(ctx, "level"));
    ck_assert_ptr_null(kdst_context_get_info(ctx, "colour"));
    ck_assert_ptr_null(kdst_context_get_info(ctx, NULL));
    ck_assert_ptr_null(kdst_context_get_info(NULL, "gemm"));
}
END_TEST

static int order[2], torn;

static void tear(kdst_context *context, void *value)
{
    ck_assert_ptr_nonnull(kdst__context_memory(context));
    order[torn++] = *(int *)value;
    kdst__free(kdst__context_memory(context), value, 4096);
}

START_TEST(test_slots)
{
    torn = 0;
    void (*destroy_compute)(kdst_context *, void *) = tear;
    for (int slot = KDST__SLOT_AUTOGRAD; slot < KDST__SLOTS; slot++) {
        ck_assert_ptr_null(kdst__slot_get(ctx, slot));
        int *value = kdst__alloc(kdst__context_memory(ctx), 4096);
        *value = slot;
        kdst__slot_set(ctx, slot, value, destroy_compute);
        ck_assert_ptr_eq(kdst__slot_get(ctx, slot), value);
    }
    kdst_context_retain(ctx);
    kdst_context_release(ctx);
    ck_assert_int_eq(torn, 0);
    kdst_context_release(ctx);
    ctx = NULL;
    ck_assert_int_eq(torn, KDST__SLOTS - KDST__SLOT_AUTOGRAD);
    for (int i = 1; i < torn; i++) ck_assert_int_lt(order[i], order[i - 1]);
}
END_TEST

START_TEST(test_null)
{
    kdst_context_retain(NULL);
    kdst_context_release(NULL);
    ck_assert_int_eq(kdst_context_live_count(NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *create = tcase_create("create"), *state = tcase_create("state");
    tcase_add_checked_fixture(create, setup, teardown);
    tcase_add_test(create, test_bad_options);
    tcase_add_test(create, test_config);
    tcase_add_test(create, test_allocator);
    tcase_add_test(create, test_each_allocation);
    tcase_add_test(create, test_limit);
    tcase_add_checked_fixture(state, setup, teardown);
    tcase_add_test(state, test_message);
    tcase_add_test(state, test_callback_failure);
    tcase_add_test(state, test_random_streams);
    tcase_add_test(state, test_cancel);
    tcase_add_test(state, test_info);
    tcase_add_test(state, test_slots);
    tcase_add_test(state, test_null);
    suite_add_tcase(suite, create);
    suite_add_tcase(suite, state);
    return run_suite(suite);
}
