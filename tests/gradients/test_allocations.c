/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of every operation fails in turn, forward and backward: the gradient cases, run on contexts that refuse.
 *
 * A case makes its leaves, its views and its result and goes back through it. Whatever fails, the call must say so, and
 * nothing may be left.
 */
#include "cases.h"

#include <check.h>

#include "failures/each_allocation.h"

static const gradient_case *all_cases[4096];
static int all_count;

static void collect(const gradient_case *cases, int count)
{
    for (int i = 0; i < count && all_count < (int)(sizeof all_cases / sizeof *all_cases); i++)
        all_cases[all_count++] = &cases[i];
}

static kdst_status leaf(kdst_context *ctx, const gradient_shape *shape, int input, kdst_tensor **out)
{
    void *data = NULL;
    kdst_status status = kdst_tensor_create(ctx, KDST_DTYPE_FLOAT32, shape->rank, shape->size, out);
    if (status == KDST_STATUS_OK) status = kdst_tensor_map(*out, KDST_MAP_WRITE, &data);
    if (status == KDST_STATUS_OK) {
        for (int64_t i = 0; i < kdst_tensor_get_count(*out); i++)
            ((float *)data)[i] = 0.5f + 0.001f * (float)((i * 7 + input) % 101);
        status = kdst_tensor_unmap(*out);
    }
    return status != KDST_STATUS_OK ? status : kdst_tensor_set_requires_grad(*out, 1);
}

static kdst_status view(kdst_tensor *x, char how, kdst_tensor **out)
{
    if (how == 't') return kdst_transpose(x, 0, -1, out);
    if (how == 's') return kdst_slice(x, 0, 1, kdst_tensor_get_size(x, 0), 2, out);
    kdst_tensor_retain(*out = x);
    return KDST_STATUS_OK;
}

static kdst_status run(kdst_context *ctx, void *arg)
{
    const gradient_case *c = arg;
    kdst_tensor *leaves[CASE_INPUTS] = {NULL}, *in[CASE_INPUTS] = {NULL}, *y = NULL, *dy = NULL;
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; c->views[i] != '\0' && status == KDST_STATUS_OK; i++) {
        if (c->views[i] == '0') continue;
        status = leaf(ctx, &c->in[i], i, &leaves[i]);
        if (status == KDST_STATUS_OK) status = view(leaves[i], c->views[i], &in[i]);
    }
    if (status == KDST_STATUS_OK) status = c->build(c, ctx, in, &y);
    ck_assert_msg(status == KDST_STATUS_OK || y == NULL, "%s, %s: a result in spite of the failure", c->op, c->what);
    if (status == KDST_STATUS_OK) status = kdst_tensor_copy(y, 0, &dy);
    if (status == KDST_STATUS_OK) status = kdst_backward(y, dy, NULL);
    if (status != KDST_STATUS_OK) { /* all gradients or none */
        kdst_tensor *grad = NULL;
        ck_assert_msg(*kdst_context_message(ctx), "%s, %s: no message", c->op, c->what);
        for (int i = 0; i < CASE_INPUTS; i++)
            if (leaves[i] != NULL) ck_assert(kdst_tensor_get_grad(leaves[i], &grad) != KDST_STATUS_OK);
    }
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    for (int i = 0; i < CASE_INPUTS; i++) {
        kdst_tensor_release(in[i]);
        kdst_tensor_release(leaves[i]);
    }
    return status;
}

START_TEST(test_each_allocation)
{
    kdst_options *options = NULL;
    ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_int(options, "threads", 1), KDST_STATUS_OK);
    ck_assert_int_gt(each_allocation_fails(options, run, (void *)all_cases[_i]), 5);
    kdst_options_release(options);
}
END_TEST

int main(void)
{
#define GROUP(cases, count) collect(cases, count);
#include "groups.def"
#undef GROUP
    Suite *suite = suite_create("allocations of operations");
    TCase *tests = tcase_create("each");
    tcase_add_loop_test(tests, test_each_allocation, 0, all_count);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
