/* SPDX-License-Identifier: Apache-2.0 */
/* each_allocation_fails: runs a piece of work again and again, and in run n lets the n-th allocation fail.
 *
 * Each run makes a context of its own on counting hooks and calls `fn` with it; the context's own creation fails first. `fn` does
 * whatever it is about (create, step, save, load), releases every handle it got, on failure too, and returns the first status
 * that is not OK. After each run nothing may be left: no living handle, no block, and a failure must be OUT_OF_MEMORY with
 * a message. Two ways of failing:
 * - for good: the n-th allocation and all after it fail, so each run but the last must report;
 * - once: only the n-th fails. The library may then succeed, having given its cache back and asked again, but `fn` must end well or with
 *   OUT_OF_MEMORY, and its checks of results hold when it ends well.
 * The harness closes when a run meets no failure. Under AddressSanitizer freed blocks are not cached, so there every
 * allocation of the library reaches the hooks.
 * KDST_TEST_LEVEL names the contexts' instruction set.
 */
#ifndef KDST_TESTS_EACH_ALLOCATION_H
#define KDST_TESTS_EACH_ALLOCATION_H

#include "support/counting.h"

#include <kdst/context.h>

typedef kdst_status (*each_allocation_fn)(kdst_context *ctx, void *arg);

/* One run; returns whether an allocation was refused. */
static inline int each_allocation_run(
    kdst_options *options, each_allocation_fn fn, void *arg, int64_t n, int for_good)
{
    counting c = {.fail_from = n, .fail_to = for_good ? INT64_MAX : n};
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_options *own = NULL;
    kdst_context *ctx = NULL;
    if (level && !options) {
        ck_assert_int_eq(kdst_options_create(&own), KDST_STATUS_OK);
        options = own;
    }
    if (level) ck_assert_int_eq(kdst_options_set_string(options, "level", level), KDST_STATUS_OK);
    kdst_status status = kdst_context_create_with_allocator(
        options, counting_allocate, counting_deallocate, &c, counting_destroy, &ctx);
    if (status) {
        ck_assert_ptr_null(ctx);
        ck_assert(!options || *kdst_options_message(options));
    } else {
        status = fn(ctx, arg);
        if (status) ck_assert_msg(*kdst_context_message(ctx), "allocation %lld: no message", (long long)n);
        ck_assert_msg(
            kdst_context_live_count(ctx) == 0, "allocation %lld: %lld handles are left", (long long)n,
            (long long)kdst_context_live_count(ctx));
    }
    if (c.refused && for_good)
        ck_assert_msg(
            status == KDST_STATUS_OUT_OF_MEMORY, "allocation %lld fails: the status is %s", (long long)n,
            kdst_status_name(status));
    else
        ck_assert_msg(
            status == KDST_STATUS_OK || (c.refused && status == KDST_STATUS_OUT_OF_MEMORY),
            "allocation %lld fails once: the status is %s", (long long)n, kdst_status_name(status));
    kdst_context_release(ctx);
    kdst_options_release(own);
    ck_assert_msg(c.blocks == 0 && c.bytes == 0, "allocation %lld: %lld blocks leak", (long long)n, (long long)c.blocks);
    ck_assert_int_eq(c.destroyed, 1);
    return c.refused > 0;
}

/* `options` are the context's, nullable. Returns how many allocations the work makes; a test may demand a minimum, so that it
 * notices when its work no longer does anything. */
static inline int64_t each_allocation_fails(kdst_options *options, each_allocation_fn fn, void *arg)
{
    int64_t n = 1;
    while (each_allocation_run(options, fn, arg, n, 1)) n++;
    for (int64_t i = 1; each_allocation_run(options, fn, arg, i, 0); i++) {
    }
    return n - 1;
}

#endif
