/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of every operation against central differences, and of float32 against float64.
 *
 * The walk over ops.def fails for an operation without a case. Values are drawn in the descriptor's domain, away from
 * its kink;
 * each case checks every element of every input's gradient. Largest difference allowed: 1e-8 + 1e-6 |expected| with a
 * step of 1e-5, where truncation (h^2) and rounding (1e-16 / h) are both below 1e-9.
 */
#include "autograd/op.h"
#include "cases.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct op_row {
    const char *name;
    const kdst__op *op;
} op_row;

#define KDST__OP(name) {#name, &kdst__op_##name},
static const op_row ops[] = {
#include "autograd/ops.def"
};
#undef KDST__OP
static const int op_count = (int)(sizeof ops / sizeof *ops);

/* Every case of every group; filled by main. */
static const gradient_case *all_cases[4096];
static int all_count;

static void collect(const gradient_case *cases, int count)
{
    for (int i = 0; i < count && all_count < (int)(sizeof all_cases / sizeof *all_cases); i++)
        all_cases[all_count++] = &cases[i];
}

static kdst_context *ctx;

static void setup(void)
{
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_options *options = NULL;
    ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_int(options, "threads", 2), KDST_STATUS_OK);
    if (level != NULL) ck_assert_int_eq(kdst_options_set_string(options, "level", level), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_context_create(options, &ctx), KDST_STATUS_OK);
    kdst_options_release(options);
}

static void teardown(void)
{
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

/* Number of cases of an operation. */
static int cases_of(const char *name)
{
    int count = 0;
    for (int i = 0; i < all_count; i++)
        count += strcmp(all_cases[i]->op, name) == 0;
    return count;
}

static const kdst__op *op_of(const gradient_case *c)
{
    for (int i = 0; i < op_count; i++)
        if (strcmp(ops[i].name, c->op) == 0) return ops[i].op;
    return NULL;
}

/* Element i of input `input`: distinct values that fill the domain in a scrambled order, so that maxima are clear. */
static double drawn(const kdst__op *op, int64_t i, int64_t count, int input)
{
    int64_t step = 7919; /* prime, hence a permutation unless count is a multiple of it */
    double at = ((double)((i * step + 31 * input) % count) + 0.35 + 0.1 * input) / (double)count;
    double value = op->low + (op->high - op->low) * at;
    if (!isnan(op->kink) && fabs(value - op->kink) < 1e-3) value = op->kink + (value < op->kink ? -1e-2 : 1e-2);
    return value;
}

static kdst_tensor *leaf(const gradient_case *c, int input, kdst_dtype dtype)
{
    const kdst__op *op = op_of(c);
    kdst_tensor *wide = NULL, *t = NULL;
    void *data = NULL;
    ck_assert_int_eq(
        kdst_tensor_create(ctx, KDST_DTYPE_FLOAT64, c->in[input].rank, c->in[input].size, &wide), KDST_STATUS_OK);
    int64_t count = kdst_tensor_get_count(wide);
    ck_assert_int_eq(kdst_tensor_map(wide, KDST_MAP_WRITE, &data), KDST_STATUS_OK);
    for (int64_t i = 0; i < count; i++)
        ((double *)data)[i] = drawn(op, i, count, input);
    ck_assert_int_eq(kdst_tensor_unmap(wide), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_tensor_copy(wide, dtype, &t), KDST_STATUS_OK);
    kdst_tensor_release(wide);
    ck_assert_int_eq(kdst_tensor_set_requires_grad(t, 1), KDST_STATUS_OK);
    return t;
}

/* Makes the leaves of a case; returns their number. */
static int64_t leaves(const gradient_case *c, kdst_dtype dtype, kdst_tensor **out)
{
    int64_t count = 0;
    for (int i = 0; c->views[i] != '\0'; i++)
        if (c->views[i] != '0') out[count++] = leaf(c, i, dtype);
    return count;
}

/* The function under test: views of the leaves, then the operation. */
static kdst_status run(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const gradient_case *c = user_data;
    kdst_tensor *in[CASE_INPUTS] = {NULL};
    kdst_status status = KDST_STATUS_OK;
    int64_t at = 0;
    for (int i = 0; c->views[i] != '\0' && status == KDST_STATUS_OK; i++) {
        if (c->views[i] == '0') continue;
        kdst_tensor *x = inputs[at++];
        if (c->views[i] == 't') {
            status = kdst_transpose(x, 0, -1, &in[i]);
        } else if (c->views[i] == 's') {
            status = kdst_slice(x, 0, 1, kdst_tensor_get_size(x, 0), 2, &in[i]);
        } else {
            kdst_tensor_retain(x);
            in[i] = x;
        }
    }
    ck_assert_int_eq(at, count);
    if (status == KDST_STATUS_OK) status = c->build(c, ctx, in, out);
    for (int i = 0; i < CASE_INPUTS; i++)
        kdst_tensor_release(in[i]);
    return status;
}

START_TEST(test_every_operation_has_cases)
{
    ck_assert_msg(
        ops[_i].op->backward != NULL || ops[_i].op->no_backward != NULL, "%s: no backward and no reason", ops[_i].name);
    if (ops[_i].op->backward != NULL && !ops[_i].op->surrogate)
        ck_assert_msg(cases_of(ops[_i].name) > 0, "%s has no gradient case", ops[_i].name);
    ck_assert_msg(ops[_i].op->low < ops[_i].op->high, "%s: empty domain", ops[_i].name);
}
END_TEST

START_TEST(test_the_walk_counts)
{
    ck_assert_int_eq(cases_of("no such operation"), 0);
    int total = 0;
    for (int i = 0; i < op_count; i++)
        total += cases_of(ops[i].name);
    ck_assert_int_eq(total, all_count);
}
END_TEST

START_TEST(test_differences)
{
    const gradient_case *c = all_cases[_i];
    kdst_tensor *in[CASE_INPUTS] = {NULL};
    kdst_options *options = NULL;
    double worst = INFINITY;
    int64_t count = leaves(c, KDST_DTYPE_FLOAT64, in);
    ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_float(options, "step", 1e-5), KDST_STATUS_OK);
    kdst_status status = kdst_gradient_check(run, (void *)c, in, count, options, &worst);
    ck_assert_msg(status == KDST_STATUS_OK, "%s, %s: %s", c->op, c->what, kdst_context_message(ctx));
    ck_assert_msg(worst <= 1, "%s, %s: worst is %g", c->op, c->what, worst);
    kdst_options_release(options);
    for (int64_t i = 0; i < count; i++)
        kdst_tensor_release(in[i]);
}
END_TEST

/* Gradients of sum r y for a fixed r, as doubles; `out[i]` is freed by the caller. */
static void gradients(const gradient_case *c, kdst_dtype dtype, double **out, int64_t *sizes, int64_t *count)
{
    kdst_tensor *in[CASE_INPUTS] = {NULL}, *y = NULL, *wide = NULL, *dy = NULL;
    void *data = NULL;
    *count = leaves(c, dtype, in);
    kdst_status status = run((void *)c, in, *count, &y);
    ck_assert_msg(status == KDST_STATUS_OK, "%s, %s: %s", c->op, c->what, kdst_context_message(ctx));
    ck_assert_int_eq(kdst_tensor_copy(y, KDST_DTYPE_FLOAT64, &wide), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_tensor_map(wide, KDST_MAP_WRITE, &data), KDST_STATUS_OK);
    for (int64_t i = 0; i < kdst_tensor_get_count(wide); i++)
        ((double *)data)[i] = (double)((i * 37) % 64 - 32) / 32 + 0.0625;
    ck_assert_int_eq(kdst_tensor_unmap(wide), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_tensor_copy(wide, dtype, &dy), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_backward(y, dy, NULL), KDST_STATUS_OK);
    for (int64_t i = 0; i < *count; i++) {
        kdst_tensor *grad = NULL, *plain = NULL;
        ck_assert_int_eq(kdst_tensor_get_grad(in[i], &grad), KDST_STATUS_OK);
        ck_assert_int_eq(kdst_tensor_copy(grad, KDST_DTYPE_FLOAT64, &plain), KDST_STATUS_OK);
        sizes[i] = kdst_tensor_get_count(plain);
        out[i] = malloc((size_t)sizes[i] * sizeof(double) + 1);
        ck_assert_int_eq(kdst_tensor_get_data(plain, out[i], sizes[i] * 8), KDST_STATUS_OK);
        kdst_tensor_release(plain);
        kdst_tensor_release(grad);
        kdst_tensor_release(in[i]);
    }
    kdst_tensor_release(dy);
    kdst_tensor_release(wide);
    kdst_tensor_release(y);
}

START_TEST(test_float32_agrees)
{
    const gradient_case *c = all_cases[_i];
    double *narrow[CASE_INPUTS], *wide[CASE_INPUTS];
    int64_t sizes[CASE_INPUTS], count = 0;
    gradients(c, KDST_DTYPE_FLOAT32, narrow, sizes, &count);
    gradients(c, KDST_DTYPE_FLOAT64, wide, sizes, &count);
    for (int64_t i = 0; i < count; i++) {
        double largest = 1;
        for (int64_t j = 0; j < sizes[i]; j++)
            largest = fmax(largest, fabs(wide[i][j]));
        for (int64_t j = 0; j < sizes[i]; j++)
            ck_assert_msg(
                fabs(narrow[i][j] - wide[i][j]) <= 1e-4 * largest,
                "%s, %s: input %d element %d is %g, float64 gives %g", c->op, c->what, (int)i, (int)j, narrow[i][j],
                wide[i][j]);
        free(narrow[i]);
        free(wide[i]);
    }
}
END_TEST

int main(void)
{
#define GROUP(cases, count) collect(cases, count);
#include "groups.def"
#undef GROUP
    Suite *suite = suite_create("gradients");
    TCase *walk = tcase_create("walk"), *differences = tcase_create("differences"), *types = tcase_create("types");
    tcase_add_loop_test(walk, test_every_operation_has_cases, 0, op_count);
    tcase_add_test(walk, test_the_walk_counts);
    tcase_add_checked_fixture(differences, setup, teardown);
    tcase_add_loop_test(differences, test_differences, 0, all_count);
    tcase_set_timeout(differences, 120);
    tcase_add_checked_fixture(types, setup, teardown);
    tcase_add_loop_test(types, test_float32_agrees, 0, all_count);
    tcase_set_timeout(types, 120);
    suite_add_tcase(suite, walk);
    suite_add_tcase(suite, differences);
    suite_add_tcase(suite, types);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
