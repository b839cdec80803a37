/* SPDX-License-Identifier: Apache-2.0 */
/* What is written about a trace: the table, and the drawing with names that try to leave their place. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static char path[64];

static void open_file(void)
{
    setup();
    strcpy(path, "/tmp/kdst-svg-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void close_file(void)
{
    unlink(path);
    teardown();
}

/* Residual block whose layers have names of mark-up, control characters and broken UTF-8. */
static kdst_status make(kdst_context *in, kdst_layer **out)
{
    static const char *const names[] = {"</text><script>alert(1)</script>", "\"&'<!--\x01\xff"};
    kdst_layer *body = NULL, *conv = NULL, *block = NULL, *root = NULL;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_int(options, "padding", 1);
    if (!status) status = kdst_layer_sequential_create(in, &body);
    if (!status) status = kdst_layer_conv2d_create(in, 2, 2, options, &conv);
    if (!status) status = kdst_layer_add(body, names[1], conv);
    if (!status) status = kdst_layer_residual_create(in, body, NULL, NULL, &block);
    if (!status) status = kdst_layer_sequential_create(in, &root);
    if (!status) status = kdst_layer_add(root, names[0], block);
    kdst_options_release(options);
    kdst_layer_release(block);
    kdst_layer_release(conv);
    kdst_layer_release(body);
    if (status) {
        kdst_layer_release(root);
        root = NULL;
    }
    *out = root;
    return status;
}

static const int64_t rank4 = 4, shape[] = {1, 2, 5, 5};

static char *read_text(void)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "rb");
    ck_assert(file != NULL && text != NULL);
    ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 100);
    fclose(file);
    return text;
}

static int count(const char *text, const char *part)
{
    int found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        found++;
    return found;
}

START_TEST(drawing)
{
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    expect_ok(make(ctx, &net));
    expect_ok(kdst_trace_create(net, 1, NULL, &rank4, shape, NULL, &trace));
    expect_ok(kdst_trace_save_svg(trace, path));
    char *text = read_text();
    ck_assert_int_eq(count(text, "<svg "), 1);
    ck_assert_int_eq(count(text, "class=\"box\""), 4); /* input, conv, add, relu */
    ck_assert_int_eq(count(text, "class=\"edge\""), 3);
    ck_assert_int_eq(count(text, "class=\"skip\""), 1);
    ck_assert_int_eq(count(text, "<g>"), count(text, "</g>"));
    ck_assert_int_eq(count(text, "<text"), count(text, "</text>"));
    ck_assert_int_eq(count(text, "script>"), 0);
    ck_assert_int_gt(count(text, "&lt;/text&gt;&lt;script&gt;"), 0);
    ck_assert_int_gt(count(text, "&quot;&amp;&#39;&lt;!--??"), 0);
    ck_assert_int_eq(count(text, "href"), 0);
    for (const char *at = text; *at != '\0'; at++)
        ck_assert((unsigned char)*at >= 32 || *at == '\n');
    free(text);
    expect_failure(kdst_trace_save_svg(trace, NULL), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    expect_failure(kdst_trace_save_svg(trace, "/nowhere/x.svg"), KDST_STATUS_IO, "/nowhere/x.svg");
    expect_failure(kdst_trace_save_svg(trace, "/tmp"), KDST_STATUS_IO, "is a folder");
    ck_assert_int_eq(kdst_trace_save_svg(NULL, path), KDST_STATUS_INVALID_ARGUMENT);
    kdst_trace_release(trace);
    kdst_layer_release(net);
}
END_TEST

START_TEST(summary)
{
    static const char expected[] =
        "layer  operation             result                      parameters       multiply-adds\n"
        "       input                 [3, 1, 28, 28]\n"
        "       reshape               [3, 784]\n"
        "fc1    linear                [3, 400]                       314,000             940,800\n"
        "       relu                  [3, 400]\n"
        "fc2    linear                [3, 400]                       160,400             480,000\n"
        "       relu                  [3, 400]\n"
        "fc3    linear                [3, 10]                          4,010              12,000\n"
        "parameters     478,410\n"
        "multiply-adds  1,432,800\n"
        "state          1,913,640 bytes\n"
        "activations    28,728 bytes\n";
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    char text[sizeof expected], small[10];
    int64_t needed = 0, state = 0, activations = 0;
    expect_ok(kdst_model_create(ctx, "mlp", NULL, &net));
    expect_ok(kdst_trace_create(net, 1, NULL, &rank4, (int64_t[]){3, 1, 28, 28}, NULL, &trace));
    expect_ok(kdst_trace_get_summary(trace, NULL, 0, &needed));
    ck_assert_int_eq(needed, (int64_t)sizeof expected);
    expect_ok(kdst_trace_get_summary(trace, text, sizeof text, NULL));
    ck_assert_str_eq(text, expected);
    expect_failure(
        kdst_trace_get_summary(trace, small, sizeof small, &needed), KDST_STATUS_INVALID_ARGUMENT, "capacity is 10");
    ck_assert_str_eq(small, "layer  op");
    expect_failure(kdst_trace_get_summary(trace, NULL, 5, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_trace_get_summary(trace, small, -1, NULL), KDST_STATUS_INVALID_ARGUMENT, "negative");
    expect_ok(kdst_trace_get_bytes(trace, &state, &activations));
    ck_assert(state == 4 * 478410 && activations == 4 * 3 * (784 + 4 * 400 + 10));
    ck_assert_int_eq(kdst_trace_get_summary(NULL, NULL, 0, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trace_get_bytes(NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_trace_release(trace);
    kdst_layer_release(net);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    (void)arg;
    kdst_status status = make(in, &net);
    if (!status) status = kdst_trace_create(net, 1, NULL, &rank4, shape, NULL, &trace);
    if (!status) status = kdst_trace_save_svg(trace, path);
    kdst_trace_release(trace);
    kdst_layer_release(net);
    return status;
}

START_TEST(allocations)
{
    ck_assert_int_gt(each_allocation_fails(NULL, work, NULL), 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_svg");
    TCase *tests = tcase_create("trace_svg");
    tcase_add_checked_fixture(tests, open_file, close_file);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, drawing);
    tcase_add_test(tests, summary);
    tcase_add_test(tests, allocations);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
