/* SPDX-License-Identifier: Apache-2.0 */
/* See support.h. */
#include "support.h"

kdst_context *ctx;

kdst_context *context_of(kdst_options *options)
{
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_context *made = NULL;
    if (level != NULL) expect_ok(kdst_options_set_string(options, "level", level));
    kdst_status status = kdst_context_create(options, &made);
    ck_assert_msg(status == KDST_STATUS_OK, "%s", kdst_options_message(options));
    kdst_options_release(options);
    return made;
}

kdst_context *context_with_threads(int64_t threads)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "threads", threads));
    return context_of(options);
}

void setup(void)
{
    ctx = context_with_threads(2);
}

void teardown(void)
{
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

double number(int64_t i, int seed)
{
    uint64_t h = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)seed * UINT64_C(0xBF58476D1CE4E5B9);
    h ^= h >> 31;
    h *= UINT64_C(0x94D049BB133111EB);
    h ^= h >> 29;
    return (double)(h >> 40) / (double)(1 << 23) - 1;
}

static kdst_tensor *narrowed(kdst_tensor *wide, kdst_dtype dtype)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_copy(wide, dtype, &t));
    kdst_tensor_release(wide);
    return t;
}

kdst_tensor *filled_in(kdst_context *in, kdst_dtype dtype, int64_t rank, const int64_t *shape, int seed)
{
    kdst_tensor *t = NULL;
    void *data = NULL;
    expect_ok(kdst_tensor_create(in, F64, rank, shape, &t));
    expect_ok(kdst_tensor_map(t, KDST_MAP_WRITE, &data));
    for (int64_t i = 0; i < kdst_tensor_get_count(t); i++)
        ((double *)data)[i] = number(i, seed);
    expect_ok(kdst_tensor_unmap(t));
    return narrowed(t, dtype);
}

kdst_tensor *filled(kdst_dtype dtype, int64_t rank, const int64_t *shape, int seed)
{
    return filled_in(ctx, dtype, rank, shape, seed);
}

kdst_tensor *from_doubles(kdst_dtype dtype, int64_t rank, const int64_t *shape, const double *values)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create_from(ctx, F64, rank, shape, values, &t));
    return narrowed(t, dtype);
}

kdst_tensor *from_labels(int64_t count, const int32_t *labels)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &count, labels, &t));
    return t;
}

kdst_tensor *scattered(kdst_tensor *t)
{
    kdst_tensor *turned = NULL, *copy = NULL, *back = NULL;
    expect_ok(kdst_transpose(t, 0, -1, &turned));
    expect_ok(kdst_tensor_copy(turned, 0, &copy));
    expect_ok(kdst_transpose(copy, 0, -1, &back));
    kdst_tensor_release(copy);
    kdst_tensor_release(turned);
    kdst_tensor_release(t);
    return back;
}

double *doubles(kdst_tensor *t)
{
    kdst_tensor *wide = NULL;
    int64_t bytes = kdst_tensor_get_count(t) * 8;
    double *values = malloc((size_t)bytes + 1);
    ck_assert_ptr_nonnull(values);
    expect_ok(kdst_tensor_copy(t, F64, &wide));
    expect_ok(kdst_tensor_get_data(wide, values, bytes));
    kdst_tensor_release(wide);
    return values;
}

void expect_ok(kdst_status status)
{
    ck_assert_msg(
        status == KDST_STATUS_OK, "%s: %s", kdst_status_name(status), ctx == NULL ? "" : kdst_context_message(ctx));
}

void expect_failure(kdst_status status, kdst_status expected, const char *text)
{
    const char *message = kdst_context_message(ctx);
    ck_assert_msg(
        status == expected, "status is %s (%s), expected %s", kdst_status_name(status), message,
        kdst_status_name(expected));
    ck_assert_msg(strstr(message, text) != NULL, "message is \"%s\", expected \"%s\" in it", message, text);
}

void expect_shape(kdst_tensor *t, int64_t rank, const int64_t *shape)
{
    ck_assert_int_eq(kdst_tensor_get_rank(t), rank);
    for (int64_t i = 0; i < rank; i++)
        ck_assert_int_eq(kdst_tensor_get_size(t, i), shape[i]);
}

void expect_close(kdst_tensor *t, const double *expected)
{
    double largest = 1, tolerance = kdst_tensor_get_dtype(t) == F32 ? TOLERANCE32 : TOLERANCE64;
    double *values = doubles(t);
    int64_t count = kdst_tensor_get_count(t);
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(
            fabs(values[i] - expected[i]) <= tolerance * largest, "element %d is %.17g, expected %.17g", (int)i,
            values[i], expected[i]);
    free(values);
}

kdst_tensor *grad_of(kdst_tensor *t)
{
    kdst_tensor *grad = NULL;
    expect_ok(kdst_tensor_get_grad(t, &grad));
    return grad;
}

kdst_options *options_ints(const char *name, const int64_t *values, int64_t count)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_ints(options, name, values, count));
    return options;
}

int run_suite(const char *name, void (*build)(TCase *tests))
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    build(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
