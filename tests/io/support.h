/* SPDX-License-Identifier: Apache-2.0 */
/* A folder and a context without threads for each test, and what calls must give. */
#ifndef KDST_TESTS_IO_SUPPORT_H
#define KDST_TESTS_IO_SUPPORT_H

#include "support/folder.h"

#include <kdst/kdst.h>

/* First failure of a sequence of calls. */
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    if (!status) status = (call);                                                                                      \
  } while (0)

static kdst_context *ctx;

static inline void make_context(void)
{
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_options *options = NULL;
    ck_assert_int_eq(kdst_options_create(&options), 0);
    ck_assert_int_eq(kdst_options_set_int(options, "threads", 1), 0);
    if (level) ck_assert_int_eq(kdst_options_set_string(options, "level", level), 0);
    ck_assert_int_eq(kdst_context_create(options, &ctx), 0);
    kdst_options_release(options);
}

static inline void release_context(void)
{
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

static inline void setup(void)
{
    make_folder();
    make_context();
}

static inline void teardown(void)
{
    release_context();
    remove_folder();
}

/* The last call failed with `status` and a message that has `text` in it. */
static inline void failed_with(kdst_status have, kdst_status want, const char *text)
{
    ck_assert_msg(
        have == want, "status %s instead of %s: %s", kdst_status_name(have), kdst_status_name(want),
        kdst_context_message(ctx));
    ck_assert_msg(
        strstr(kdst_context_message(ctx), text) != NULL, "no \"%s\" in \"%s\"", text, kdst_context_message(ctx));
}

static inline kdst_tensor *tensor_of(kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data)
{
    kdst_tensor *tensor = NULL;
    ck_assert_msg(
        kdst_tensor_create_from(ctx, dtype, rank, shape, data, &tensor) == 0, "%s", kdst_context_message(ctx));
    return tensor;
}

/* Type, shape and bytes. */
static inline void same_tensor(kdst_tensor *have, kdst_tensor *want)
{
    ck_assert_int_eq(kdst_tensor_get_dtype(have), kdst_tensor_get_dtype(want));
    ck_assert_int_eq(kdst_tensor_get_rank(have), kdst_tensor_get_rank(want));
    for (int64_t i = 0; i < kdst_tensor_get_rank(have); i++)
        ck_assert_int_eq(kdst_tensor_get_size(have, i), kdst_tensor_get_size(want, i));
    int64_t bytes = kdst_tensor_get_count(have) * kdst_dtype_get_size(kdst_tensor_get_dtype(have));
    void *a = malloc((size_t)bytes + 1), *b = malloc((size_t)bytes + 1);
    ck_assert(a && b);
    ck_assert_int_eq(kdst_tensor_get_data(have, a, bytes), 0);
    ck_assert_int_eq(kdst_tensor_get_data(want, b, bytes), 0);
    ck_assert(!memcmp(a, b, (size_t)bytes));
    free(a);
    free(b);
}

#endif
