/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks: cut from regions and joined again, from reserved addresses and from hooks. */
#include "core/arena.h"

#include "core/pages.h"
#include "support/counting.h"
#include "support/run.h"

#include <string.h>

enum { BLOCKS = 60, ROUNDS = 6000 };

static counting hooks;
static kdst__arena arena;

static void begin(bool reserve)
{
    hooks = (counting){0};
    arena = (kdst__arena){
        .allocate = counting_allocate, .deallocate = counting_deallocate, .user_data = &hooks, .reserve = reserve};
}

static void end(void)
{
    kdst__arena_destroy(&arena);
    ck_assert_int_eq(hooks.blocks, 0);
    ck_assert_uint_eq(arena.held, 0);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* First and last word and every 4096th byte. */
static void mark(unsigned char *block, size_t bytes, unsigned char value)
{
    for (size_t i = 0; i < bytes; i += 4096) block[i] = value;
    memset(block, value, 64);
    memset(block + bytes - 64, value, 64);
}

static void check_mark(const unsigned char *block, size_t bytes, unsigned char value)
{
    size_t wrong = 0; /* one assertion for all: each costs more than what it checks */
    for (size_t i = 0; i < bytes; i += 4096) wrong += block[i] != value;
    for (size_t i = 0; i < 64; i++) wrong += block[i] != value || block[bytes - 1 - i] != value;
    ck_assert_uint_eq(wrong, 0);
}

/* Blocks of random sizes come and go: each keeps what was written, and in the end all is one again. */
START_TEST(test_random_blocks)
{
    unsigned char *blocks[BLOCKS] = {0};
    size_t sizes[BLOCKS] = {0};
    uint64_t state = 12345;
    begin(_i & 1);
    for (int round = 0; round < ROUNDS; round++) {
        int i = (int)(next_random(&state) % BLOCKS);
        if (blocks[i]) {
            check_mark(blocks[i], sizes[i], (unsigned char)i);
            kdst__arena_give(&arena, blocks[i]);
            blocks[i] = NULL;
        } else {
            sizes[i] = KDST__ARENA_LEAST + next_random(&state) % ((size_t)1 << (12 + next_random(&state) % 10));
            blocks[i] = kdst__arena_take(&arena, sizes[i], true);
            ck_assert_ptr_nonnull(blocks[i]);
            ck_assert_uint_eq((uintptr_t)blocks[i] % KDST__ALIGNMENT, 0);
            mark(blocks[i], sizes[i], (unsigned char)i);
        }
        if (round % 1000 == 999) kdst__arena_trim(&arena);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i]) {
            check_mark(blocks[i], sizes[i], (unsigned char)i);
            kdst__arena_give(&arena, blocks[i]);
        }
    kdst__arena_trim(&arena); /* only regions without a block go: that is all of them now */
    ck_assert_int_eq(hooks.blocks, 0);
    ck_assert_uint_eq(arena.held, 0);
    ck_assert_uint_eq(arena.cached, 0);
    ck_assert_ptr_null(arena.free);
    end();
}
END_TEST

/* The lowest free place that is large enough is taken, whatever gave it back. */
START_TEST(test_first_fit)
{
    enum { MB = 1 << 20 };
    char *block[5];
    begin(_i & 1);
    void *whole = kdst__arena_take(&arena, 20 * MB, true); /* so that one region holds all that follows */
    kdst__arena_give(&arena, whole);
    for (int i = 0; i < 5; i++) {
        block[i] = kdst__arena_take(&arena, (size_t)(i + 1) * MB, false);
        ck_assert_ptr_nonnull(block[i]);
        if (i) ck_assert_ptr_eq(block[i], block[i - 1] + (size_t)i * MB + KDST__ALIGNMENT);
    }
    kdst__arena_give(&arena, block[1]);
    kdst__arena_give(&arena, block[3]);
    ck_assert_ptr_eq(kdst__arena_take(&arena, 3 * MB, false), block[3]); /* does not fit where 2 MB are free */
    ck_assert_ptr_eq(kdst__arena_take(&arena, 1 * MB, false), block[1]);
    kdst__arena_give(&arena, block[1]);
    kdst__arena_give(&arena, block[2]);
    ck_assert_ptr_eq(kdst__arena_take(&arena, 5 * MB, false), block[1]); /* two that lay side by side are one */
    end();
}
END_TEST

/* A loop whose sizes are the same each time asks nothing after its second round, and needs little more than what is alive. */
START_TEST(test_steady_loop)
{
    enum { N = 40 };
    void *blocks[N];
    size_t held = 0;
    begin(_i & 1);
    for (int step = 0; step < 6; step++) {
        uint64_t state = 99;
        size_t alive = 0;
        for (int i = 0; i < N; i++) { /* forward keeps, scratch goes at once */
            size_t bytes = KDST__ARENA_LEAST + next_random(&state) % (2 << 20);
            void *scratch = kdst__arena_take(&arena, 300000, true);
            blocks[i] = kdst__arena_take(&arena, bytes, true);
            ck_assert(scratch && blocks[i]);
            kdst__arena_give(&arena, scratch);
            alive += bytes;
        }
        for (int i = N; i-- > 0;) kdst__arena_give(&arena, blocks[i]);
        if (step == 1) held = arena.held;
        if (step > 1) ck_assert_uint_eq(arena.held, held);
        ck_assert_uint_le(arena.held, alive + alive / 4 + 2 * KDST__HUGE_PAGE);
    }
    end();
}
END_TEST

/* Memory of free pieces counts as cached until it is given back, and what a block needs beyond it is told. */
START_TEST(test_counts)
{
    enum { MB = 1 << 20, BYTES = 8 * MB };
    size_t whole = BYTES + KDST__ALIGNMENT;
    begin(_i & 1);
    char *a = kdst__arena_take(&arena, BYTES, true), *b = kdst__arena_take(&arena, BYTES, true);
    ck_assert(a && b);
    size_t before = arena.cached;
    memset(a, 1, BYTES);
    kdst__arena_give(&arena, a);
    ck_assert_uint_eq(arena.cached, before + whole);
    ck_assert_uint_eq(kdst__arena_extra(&arena, BYTES), 0);
    ck_assert_uint_ge(kdst__arena_extra(&arena, (size_t)1 << 40), (size_t)1 << 40);
    kdst__arena_trim(&arena);
    if (hooks.blocks == 0) { /* reserved: its pages went, and come back as zeros */
        ck_assert_uint_eq(arena.cached, 0);
        ck_assert_uint_eq(kdst__arena_extra(&arena, BYTES), whole);
        ck_assert_ptr_eq(kdst__arena_take(&arena, BYTES, false), a);
        ck_assert_int_eq(a[BYTES / 2], 0);
        kdst__arena_give(&arena, a);
    }
    kdst__arena_give(&arena, b);
    kdst__arena_trim(&arena);
    ck_assert_uint_eq(arena.held, 0);
    end();
}
END_TEST

/* Hooks that refuse the room to spare are asked for the block alone; refused altogether, all stays as it was. */
START_TEST(test_refusal)
{
    begin(false);
    void *a = kdst__arena_take(&arena, 64 << 20, true);
    ck_assert_ptr_nonnull(a);
    int64_t calls = hooks.calls;
    hooks.fail_from = hooks.fail_to = calls + 1;
    void *b = kdst__arena_take(&arena, KDST__ARENA_LEAST, true);
    ck_assert_ptr_nonnull(b);
    ck_assert_int_eq(hooks.calls, calls + 2);
    hooks.fail_from = 0, hooks.fail_to = INT64_MAX;
    size_t held = arena.held;
    ck_assert_ptr_null(kdst__arena_take(&arena, 1 << 20, true));
    ck_assert_uint_eq(arena.held, held);
    kdst__arena_give(&arena, a);
    kdst__arena_give(&arena, b);
    end();
}
END_TEST

/* What no machine has is refused without harm. */
START_TEST(test_too_large)
{
    begin(true);
    hooks.fail_from = 0, hooks.fail_to = INT64_MAX; /* posix_memalign of that size is not what is tested */
    ck_assert_ptr_null(kdst__arena_take(&arena, SIZE_MAX / 4, true));
    ck_assert_uint_eq(arena.held, 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_loop_test(tcase, test_random_blocks, 0, 2); /* hooks, reserved */
    tcase_add_loop_test(tcase, test_first_fit, 0, 2);
    tcase_add_loop_test(tcase, test_steady_loop, 0, 2);
    tcase_add_loop_test(tcase, test_counts, 0, 2);
    tcase_add_test(tcase, test_refusal);
    tcase_add_test(tcase, test_too_large);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
