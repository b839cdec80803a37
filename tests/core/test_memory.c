/* SPDX-License-Identifier: Apache-2.0 */
/* The context's memory: hooks, cache, limit, counters. */
#include "core/memory.h"

#include "support/counting.h"
#include "support/run.h"

#include <pthread.h>
#include <string.h>

static counting hooks;
static kdst__memory *memory;

static void setup(void)
{
    hooks = (counting){0};
    memory = kdst__memory_create(counting_allocate, counting_deallocate, &hooks);
    ck_assert_ptr_nonnull(memory);
}

static void teardown(void)
{
    kdst__memory_destroy(memory);
    ck_assert_int_eq(hooks.blocks, 0);
    ck_assert_int_eq(hooks.bytes, 0);
}

START_TEST(test_blocks_are_aligned_and_apart)
{
    enum { N = 120 };
    unsigned char *blocks[N];
    for (size_t i = 0; i < N; i++) {
        size_t bytes = i * i * 7;
        blocks[i] = kdst__alloc(memory, bytes);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % KDST__ALIGNMENT, 0);
        memset(blocks[i], (int)(i % 251), bytes ? bytes : 1);
    }
    for (size_t i = 0; i < N; i++) {
        size_t bytes = i * i * 7;
        for (size_t k = 0; k < bytes; k += k + 64 < bytes ? 61 : 1) ck_assert(blocks[i][k] == i % 251);
        kdst__free(memory, blocks[i], bytes);
    }
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    ck_assert_uint_gt(kdst__memory_peak(memory), 0);
}
END_TEST

START_TEST(test_zero)
{
    for (int round = 0; round < 2; round++) { /* the second one takes the block the first one dirtied */
        unsigned char *block = kdst__alloc_zero(memory, 1000);
        for (int i = 0; i < 1000; i++) ck_assert_uint_eq(block[i], 0);
        memset(block, 0xff, 1000);
        kdst__free(memory, block, 1000);
    }
    kdst__free(memory, NULL, 5);
}
END_TEST

START_TEST(test_realloc)
{
    unsigned char *block = kdst__realloc(memory, NULL, 0, 10);
    for (int i = 0; i < 10; i++) block[i] = (unsigned char)i;
    block = kdst__realloc(memory, block, 10, 5000);
    for (int i = 0; i < 10; i++) ck_assert_uint_eq(block[i], i);
    block = kdst__realloc(memory, block, 5000, 3);
    for (int i = 0; i < 3; i++) ck_assert_uint_eq(block[i], i);
    kdst__memory_trim(memory);
    hooks.fail_from = hooks.calls + 1, hooks.fail_to = INT64_MAX;
    ck_assert_ptr_null(kdst__realloc(memory, block, 3, 100000));
    for (int i = 0; i < 3; i++) ck_assert_uint_eq(block[i], i);
    kdst__free(memory, block, 3);
}
END_TEST

START_TEST(test_limit)
{
    kdst__memory_set_limit(memory, 4096);
    ck_assert_ptr_null(kdst__alloc(memory, 5000));
    void *a = kdst__alloc(memory, 2048), *b = kdst__alloc(memory, 2048);
    ck_assert(a && b);
    ck_assert_ptr_null(kdst__alloc(memory, 1));
    kdst__free(memory, a, 2048);
    a = kdst__alloc(memory, 2048);
    ck_assert_ptr_nonnull(a);
    kdst__memory_set_limit(memory, 0);
    void *c = kdst__alloc(memory, 1 << 20);
    ck_assert_ptr_nonnull(c);
    kdst__free(memory, a, 2048);
    kdst__free(memory, b, 2048);
    kdst__free(memory, c, 1 << 20);
}
END_TEST

/* What a message says of a failed allocation: the limit only where it was the reason. */
START_TEST(test_refusal)
{
    enum { THREE = 3 << 20 }; /* a size class as it is */
    char text[KDST__REFUSAL_TEXT];
    ck_assert_str_eq(kdst__memory_refusal(memory, text), "");
    kdst__memory_set_limit(memory, 4000000);
    void *block = kdst__alloc(memory, THREE);
    ck_assert_ptr_nonnull(block);
    ck_assert_ptr_null(kdst__alloc(memory, 1048577));
    ck_assert_str_eq(kdst__memory_refusal(memory, text), ": 1048577 bytes wanted, 3.1 MB of the limit of 4.0 MB in use");
    kdst__free(memory, block, THREE);
    /* it is about that moment, until it is forgotten */
    ck_assert_str_eq(kdst__memory_refusal(memory, text), ": 1048577 bytes wanted, 3.1 MB of the limit of 4.0 MB in use");
    kdst__memory_forget(memory);
    ck_assert_str_eq(kdst__memory_refusal(memory, text), "");
    kdst__memory_set_limit(memory, 0);
    hooks.fail_from = 0, hooks.fail_to = INT64_MAX;
    ck_assert_ptr_null(kdst__alloc(memory, 5000000));
    ck_assert_str_eq(kdst__memory_refusal(memory, text), ": 5000000 bytes wanted, 0 bytes in use");
    ck_assert_ptr_null(kdst__alloc(memory, SIZE_MAX / 2));
    ck_assert_ptr_nonnull(strstr(kdst__memory_refusal(memory, text), "9223372036854775807 bytes wanted, 0 bytes in use"));
}
END_TEST

START_TEST(test_overflow)
{
    size_t out;
    ck_assert_int_eq(kdst__mul_overflows(SIZE_MAX / 2 + 1, 2, &out), 1);
    ck_assert_int_eq(kdst__add_overflows(SIZE_MAX, 1, &out), 1);
    ck_assert_int_eq(kdst__mul_overflows(1 << 20, 1 << 20, &out), 0);
    ck_assert_uint_eq(out, (size_t)1 << 40);
    int64_t calls = hooks.calls;
    for (size_t shift = 0; shift < 63; shift++) {
        size_t bytes = SIZE_MAX - ((size_t)1 << shift) + 1; /* rounding up must not wrap to something small */
        ck_assert_ptr_null(kdst__alloc_zero(memory, bytes));
    }
    ck_assert_int_eq(hooks.calls, calls);
}
END_TEST

START_TEST(test_cache_is_given_back)
{
    void *a = kdst__alloc(memory, 1000);
    kdst__free(memory, a, 1000);
    kdst__memory_trim(memory);
    ck_assert_int_eq(hooks.blocks, 1); /* the memory object itself */
    a = kdst__alloc(memory, 1000);
    kdst__free(memory, a, 1000);
    hooks.fail_from = hooks.fail_to = hooks.calls + 1; /* one refusal: the cache goes and the hooks are asked again */
    void *b = kdst__alloc(memory, 50000);
    if (b) ck_assert_int_eq(hooks.blocks, 2);
    kdst__free(memory, b, 50000);
}
END_TEST

/* What is cached counts against the limit, and goes when a block needs the room. */
START_TEST(test_limit_and_cache)
{
    enum { MB = 1 << 20 };
    kdst__memory_set_limit(memory, 10 * MB);
    for (int round = 0; round < 3; round++) {
        for (size_t bytes = MB; bytes <= 9 * MB; bytes += MB) {
            void *a = kdst__alloc(memory, bytes), *small = kdst__alloc(memory, 1000);
            ck_assert(a && small);
            ck_assert_int_le(hooks.bytes, 11 * MB); /* with the memory object and heads */
            kdst__free(memory, a, bytes);
            kdst__free(memory, small, 1000);
        }
    }
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
}
END_TEST

/* The same, of the default allocator: its large blocks are in memory that is not asked for with hooks. */
START_TEST(test_large_blocks_of_the_default)
{
    enum { MB = 1 << 20 };
    kdst__memory *plain = kdst__memory_create(NULL, NULL, NULL);
    kdst__memory_set_limit(plain, 20 * MB);
    for (size_t bytes = 3 * MB; bytes <= 18 * MB; bytes += 3 * MB) {
        unsigned char *block = kdst__alloc_zero(plain, bytes);
        ck_assert_ptr_nonnull(block);
        for (size_t i = 0; i < bytes; i += 1000) ck_assert_uint_eq(block[i], 0);
        memset(block, 255, bytes);
        kdst__free(plain, block, bytes);
    }
    ck_assert_ptr_null(kdst__alloc(plain, 21 * MB));
    kdst__memory_destroy(plain);
}
END_TEST

static void *allocate_much(void *arg)
{
    size_t seed = *(size_t *)arg;
    for (size_t i = 0; i < 3000; i++) {
        size_t bytes = (seed * 7919 + i * 104729) % 5000 + 1;
        if (i % 16 == 0) bytes *= 40; /* from the arena */
        unsigned char *block = kdst__alloc(memory, bytes);
        if (!block) return arg;
        memset(block, (int)seed, bytes);
        for (size_t k = 0; k < bytes; k += 64)
            if (block[k] != (unsigned char)seed) return arg;
        kdst__free(memory, block, bytes);
    }
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t threads[4];
    size_t seeds[4] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_much, &seeds[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
}
END_TEST

START_TEST(test_creation_fails)
{
    counting refusing = {.fail_from = 1, .fail_to = 1};
    ck_assert_ptr_null(kdst__memory_create(counting_allocate, counting_deallocate, &refusing));
    kdst__memory *plain = kdst__memory_create(NULL, NULL, NULL);
    void *block = kdst__alloc(plain, 100);
    ck_assert_ptr_nonnull(block);
    kdst__free(plain, block, 100);
    kdst__memory_destroy(plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("memory");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_blocks_are_aligned_and_apart);
    tcase_add_test(tcase, test_zero);
    tcase_add_test(tcase, test_realloc);
    tcase_add_test(tcase, test_limit);
    tcase_add_test(tcase, test_refusal);
    tcase_add_test(tcase, test_overflow);
    tcase_add_test(tcase, test_cache_is_given_back);
    tcase_add_test(tcase, test_limit_and_cache);
    tcase_add_test(tcase, test_large_blocks_of_the_default);
    tcase_add_test(tcase, test_threads);
    tcase_add_test(tcase, test_creation_fails);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
