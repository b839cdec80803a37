/* SPDX-License-Identifier: Apache-2.0 */
/* Local learning: bad input is told and changes nothing; every allocation fails once. */
#include "../autograd/support.h"
#include "failures/each_allocation.h"
#include "given.h"

static kdst_tensor *zeros(kdst_dtype dtype, int64_t rank, const int64_t *shape)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create(ctx, dtype, rank, shape, &t));
    return t;
}

/* ---- options ---- */

START_TEST(test_options)
{
    static const struct {
        int rate;
        const char *options, *text;
    } rows[] = {
        {0, "a_pluss=1", "stdp_create: unknown option \"a_pluss\""},
        {0, "tau_plus=0", "tau_plus is 0"},
        {0, "tau_minus=-1.5", "tau_minus is -1.5"},
        {0, "a_minus=nan", "a_minus"},
        {0, "decay=linear tau_minus=0.5", "stdp_create: decay is linear and tau_minus is 0.5, at least 1 is needed"},
        {0, "w_min=1", "stdp_create: w_min is 1, it must lie below w_max, 1"},
        {0, "pairing=some", "pairing"},
        {0, "coincident=2", "coincident is 2"},
        {0, "preset=paper", "preset"},
        {1, "tau_rate=0.5", "srdp_create: tau_rate is 0.5"},
        {1, "r0=0", "r0 is 0"},
        {1, "theta0=-1", "theta0 is -1"},
        {1, "rule=oja", "rule"},
        {1, "w_max=-2", "srdp_create: w_min is 0, it must lie below w_max, -2"},
    };
    kdst_stdp *stdp = (void *)&stdp;
    kdst_srdp *srdp = (void *)&srdp;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kdst_options *options = given(rows[i].options);
        expect_failure(
            rows[i].rate ? kdst_srdp_create(ctx, options, &srdp) : kdst_stdp_create(ctx, options, &stdp),
            KDST_STATUS_INVALID_ARGUMENT, rows[i].text);
        if (rows[i].rate)
            ck_assert_ptr_null(srdp);
        else
            ck_assert_ptr_null(stdp);
        kdst_options_release(options);
    }
    expect_failure(kdst_stdp_create(ctx, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "stdp_create: out is NULL");
    expect_failure(kdst_srdp_create(ctx, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "srdp_create: out is NULL");
}
END_TEST

/* ---- steps ---- */

typedef kdst_status (*learn_fn)(void *rule, int whole, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);

static kdst_status by_timing(void *rule, int whole, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return whole ? kdst_stdp_run(rule, pre, post, weight) : kdst_stdp_step(rule, pre, post, weight);
}

static kdst_status by_rate(void *rule, int whole, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return whole ? kdst_srdp_run(rule, pre, post, weight) : kdst_srdp_step(rule, pre, post, weight);
}

typedef struct bad {
    int whole;
    kdst_dtype type[3];
    int64_t rank[3], shape[3][4];
    kdst_status status;
    const char *text;
} bad;

static const bad bads[] = {
    {0,
     {F32, F32, F64},
     {2, 2, 3},
     {{2, 3}, {2, 4}, {4, 3, 1}},
     KDST_STATUS_SHAPE,
     "weight is [4, 3, 1], expected [post, pre]"},
    {0,
     {F32, F32, F64},
     {2, 2, 2},
     {{2, 3}, {2, 4}, {3, 4}},
     KDST_STATUS_SHAPE,
     "pre is [2, 3], post is [2, 4], weight [post, pre] is [3, 4]"},
    {0, {F32, F32, F64}, {2, 2, 2}, {{2, 3}, {1, 4}, {4, 3}}, KDST_STATUS_SHAPE, "pre is [2, 3], post is [1, 4]"},
    {0, {F32, F32, F64}, {1, 2, 2}, {{3}, {1, 4}, {4, 3}}, KDST_STATUS_SHAPE, "pre is [3], post is [1, 4]"},
    {0,
     {F32, F32, F64},
     {3, 3, 2},
     {{1, 2, 3}, {1, 2, 4}, {4, 3}},
     KDST_STATUS_SHAPE,
     "pre is [1, 2, 3], expected [neurons] or [N, neurons]"},
    {1,
     {F32, F32, F64},
     {1, 1, 2},
     {{3}, {4}, {4, 3}},
     KDST_STATUS_SHAPE,
     "pre is [3], expected [T, neurons] or [T, N, neurons]"},
    {1,
     {F32, F32, F64},
     {2, 2, 2},
     {{0, 3}, {0, 4}, {4, 3}},
     KDST_STATUS_SHAPE,
     "pre has no step, at least 1 is needed"},
    {1, {F32, F32, F64}, {2, 2, 2}, {{5, 3}, {6, 4}, {4, 3}}, KDST_STATUS_SHAPE, "pre is [5, 3], post is [6, 4]"},
    {0,
     {KDST_DTYPE_INT32, F32, F64},
     {2, 2, 2},
     {{2, 3}, {2, 4}, {4, 3}},
     KDST_STATUS_DTYPE,
     "pre is int32, expected uint8, bool, float32 or float64"},
    {0,
     {F32, F32, KDST_DTYPE_UINT8},
     {2, 2, 2},
     {{2, 3}, {2, 4}, {4, 3}},
     KDST_STATUS_DTYPE,
     "weight is uint8, expected float32 or float64"},
};

static void check_bad(learn_fn learn, void *rule)
{
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        kdst_tensor *t[3];
        for (int k = 0; k < 3; k++)
            t[k] = zeros(bads[i].type[k], bads[i].rank[k], bads[i].shape[k]);
        expect_failure(learn(rule, bads[i].whole, t[0], t[1], t[2]), bads[i].status, bads[i].text);
        for (int k = 0; k < 3; k++)
            kdst_tensor_release(t[k]);
    }
    kdst_context *other = context_with_threads(1);
    kdst_tensor *pre = zeros(F32, SHAPE(2, 3)), *post = zeros(F32, SHAPE(2, 4)), *w = zeros(F32, SHAPE(4, 3));
    kdst_tensor *half = from_doubles(F64, SHAPE(2, 4), (double[]){0, 1, 0, 1, 1, 0, 0.5, 0}), *foreign = NULL;
    expect_ok(kdst_tensor_create(other, F32, SHAPE(2, 3), &foreign));
    expect_failure(learn(rule, 0, NULL, post, w), KDST_STATUS_INVALID_ARGUMENT, "pre is NULL");
    expect_failure(learn(rule, 0, pre, NULL, w), KDST_STATUS_INVALID_ARGUMENT, "post is NULL");
    expect_failure(learn(rule, 0, pre, post, NULL), KDST_STATUS_INVALID_ARGUMENT, "weight is NULL");
    expect_failure(learn(rule, 0, foreign, post, w), KDST_STATUS_INVALID_ARGUMENT, "pre belongs to another context");
    expect_failure(
        learn(rule, 0, pre, half, w), KDST_STATUS_INVALID_ARGUMENT, "element 6 of post is 0.5, spikes are 0 or 1");
    ck_assert_int_eq(learn(NULL, 0, pre, post, w), KDST_STATUS_INVALID_ARGUMENT);
    expect_ok(learn(rule, 0, pre, post, w));
    kdst_tensor *wide = zeros(F64, SHAPE(4, 3)), *one[2] = {zeros(F32, SHAPE(3)), zeros(F32, SHAPE(4))};
    expect_failure(learn(rule, 0, pre, post, wide), KDST_STATUS_DTYPE, "weight is float64, the traces are float32");
    expect_failure(
        learn(rule, 0, one[0], one[1], w), KDST_STATUS_SHAPE, "unbatched, 1 samples of 3 neurons before and 4 behind");
    kdst_tensor *const all[] = {wide, one[0], one[1], foreign, half, w, post, pre};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kdst_tensor_release(all[i]);
    kdst_context_release(other);
}

START_TEST(test_steps)
{
    kdst_stdp *stdp = NULL;
    kdst_srdp *srdp = NULL;
    expect_ok(kdst_stdp_create(ctx, NULL, &stdp));
    expect_ok(kdst_srdp_create(ctx, NULL, &srdp));
    check_bad(by_timing, stdp);
    check_bad(by_rate, srdp);
    kdst_srdp_release(srdp);
    kdst_stdp_release(stdp);
}
END_TEST

/* ---- traces ---- */

START_TEST(test_traces)
{
    kdst_options *options = given("pairing=nearest");
    kdst_stdp *stdp = NULL;
    kdst_srdp *srdp = NULL;
    kdst_tensor *a = (void *)&a, *b = (void *)&b, *c = (void *)&c;
    double change;
    expect_ok(kdst_stdp_create(ctx, options, &stdp));
    expect_ok(kdst_srdp_create(ctx, NULL, &srdp));
    expect_failure(
        kdst_stdp_get_traces(stdp, &a, &b), KDST_STATUS_STATE, "stdp_get_traces: no step has been taken yet");
    expect_failure(kdst_srdp_get_rates(srdp, &a, &b, &c), KDST_STATUS_STATE, "srdp_get_rates: no step has been taken");
    ck_assert(!a && !b && !c);
    expect_failure(kdst_stdp_get_traces(stdp, &a, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_stdp_get_window(stdp, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "stdp_get_window: out is NULL");
    ck_assert_int_eq(kdst_stdp_get_window(NULL, 1, &change), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_stdp_get_traces(NULL, &a, &b), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_srdp_get_rates(NULL, &a, &b, &c), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_stdp_reset(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_srdp_reset(NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *x = from_doubles(F64, SHAPE(2), (double[]){0.5, 1}),
                *y = from_doubles(F64, SHAPE(2), (double[]){0, 1.5}), *z = zeros(F64, SHAPE(1, 2)),
                *n = zeros(F32, SHAPE(2)), *bad_one = from_doubles(F64, SHAPE(2), (double[]){NAN, 0}),
                *three = zeros(F64, SHAPE(3));
    ck_assert_int_eq(kdst_stdp_set_traces(NULL, x, x), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_srdp_set_rates(NULL, x, x, x), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_stdp_set_traces(stdp, NULL, x), KDST_STATUS_INVALID_ARGUMENT, "pre is NULL");
    expect_failure(
        kdst_stdp_set_traces(stdp, x, y), KDST_STATUS_INVALID_ARGUMENT, "element 1 of post is 1.5, allowed is 0 to 1");
    expect_failure(kdst_stdp_set_traces(stdp, bad_one, x), KDST_STATUS_INVALID_ARGUMENT, "element 0 of pre is nan");
    expect_failure(kdst_stdp_set_traces(stdp, x, z), KDST_STATUS_SHAPE, "pre is [2] and post is [1, 2]");
    expect_failure(kdst_stdp_set_traces(stdp, x, n), KDST_STATUS_DTYPE, "post is float32, expected float64");
    expect_failure(kdst_srdp_set_rates(srdp, x, y, x), KDST_STATUS_INVALID_ARGUMENT, "element 1 of post is 1.5");
    expect_failure(kdst_srdp_set_rates(srdp, x, x, three), KDST_STATUS_SHAPE, "post is [2], threshold is [3]");
    expect_failure(kdst_srdp_set_rates(srdp, x, x, bad_one), KDST_STATUS_INVALID_ARGUMENT, "element 0 of threshold is");
    expect_ok(kdst_stdp_set_traces(stdp, x, x));
    expect_ok(kdst_srdp_set_rates(srdp, x, x, y));
    kdst_tensor *const all[] = {three, bad_one, n, z, y, x};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kdst_tensor_release(all[i]);
    kdst_srdp_release(srdp);
    kdst_stdp_release(stdp);
    kdst_options_release(options);
}
END_TEST

/* ---- memory ---- */

static kdst_status learn_all(kdst_context *in, void *arg)
{
    static const float ones[12] = {1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1};
    kdst_stdp *stdp = NULL;
    kdst_srdp *srdp = NULL;
    kdst_tensor *pre = NULL, *post = NULL, *w = NULL, *flipped = NULL, *out[3] = {NULL};
    kdst_status status = kdst_stdp_create(in, NULL, &stdp);
    (void)arg;
    if (!status) status = kdst_srdp_create(in, NULL, &srdp);
    if (!status) status = kdst_tensor_create_from(in, F32, SHAPE(2, 2, 3), ones, &pre);
    if (!status) status = kdst_tensor_create_from(in, F32, SHAPE(2, 2, 2), ones, &post);
    if (!status) status = kdst_tensor_create(in, F64, SHAPE(3, 2), &w);
    if (!status) status = kdst_transpose(w, 0, 1, &flipped);
    if (!status) status = kdst_stdp_run(stdp, pre, post, flipped);
    if (!status) status = kdst_srdp_run(srdp, pre, post, flipped);
    if (!status) status = kdst_stdp_get_traces(stdp, &out[0], &out[1]);
    if (!status) status = kdst_stdp_set_traces(stdp, out[0], out[1]);
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(out[i]);
        out[i] = NULL;
    }
    if (!status) status = kdst_srdp_get_rates(srdp, &out[0], &out[1], &out[2]);
    if (!status) status = kdst_srdp_set_rates(srdp, out[0], out[1], out[2]);
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(out[i]);
    kdst_tensor_release(flipped);
    kdst_tensor_release(w);
    kdst_tensor_release(post);
    kdst_tensor_release(pre);
    kdst_srdp_release(srdp);
    kdst_stdp_release(stdp);
    return status;
}

START_TEST(test_memory)
{
    ck_assert_int_ge(each_allocation_fails(NULL, learn_all, NULL), 30);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, test_options);
    tcase_add_test(tests, test_steps);
    tcase_add_test(tests, test_traces);
    tcase_add_test(tests, test_memory);
}

int main(void)
{
    return run_suite("plasticity failures", build);
}
