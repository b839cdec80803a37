/* SPDX-License-Identifier: Apache-2.0 */
/* The same bits for 1, 2, 3 and 7 threads, forward and backward, in sizes that are cut into several pieces. */
#include "support.h"

typedef kdst_status (*build_fn)(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out);

static kdst_status add(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_add(x[0], x[1], out);
}

static kdst_status divide(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_div(x[0], x[1], out);
}

static kdst_status linear(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_linear(x[0], x[1], x[2], out);
}

static kdst_status conv2d(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    kdst_options *options = options_ints("padding", (int64_t[]){1, 1}, 2);
    kdst_status status = kdst_conv2d(x[0], x[1], x[2], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status max_pool(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_max_pool2d(x[0], NULL, out);
}

static kdst_status avg_pool(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_avg_pool2d(x[0], NULL, out);
}

static kdst_status global_pool(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_global_avg_pool2d(x[0], out);
}

static kdst_status batch_norm(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_batch_norm(x[0], x[1], x[2], NULL, NULL, NULL, out);
}

static kdst_status softmax(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_softmax(x[0], 1, out);
}

static kdst_status log_softmax(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_log_softmax(x[0], 0, out);
}

static kdst_status dropout(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    kdst_status status = kdst_context_set_seed(in, 3);
    return status != KDST_STATUS_OK ? status : kdst_dropout(x[0], 0.5, out);
}

static kdst_status sum(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_sum(x[0], NULL, 0, 0, out);
}

static kdst_status mean(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_mean(x[0], (int64_t[]){0}, 1, 0, out);
}

static kdst_status cross_entropy(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    int64_t n = kdst_tensor_get_size(x[0], 0);
    int32_t *values = malloc((size_t)n * 4);
    for (int64_t i = 0; i < n; i++)
        values[i] = (int32_t)(i % kdst_tensor_get_size(x[0], 1));
    kdst_tensor *labels = NULL;
    kdst_status status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, 1, &n, values, &labels);
    if (status == KDST_STATUS_OK) status = kdst_cross_entropy(x[0], labels, out);
    kdst_tensor_release(labels);
    free(values);
    return status;
}

static kdst_status concat(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_concat(x, 3, 1, out);
}

static kdst_status index_select(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    static int32_t values[5003];
    const int64_t n = (int64_t)(sizeof values / sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = (int32_t)(i * i % 257);
    kdst_tensor *indices = NULL;
    kdst_status status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, 1, &n, values, &indices);
    if (status == KDST_STATUS_OK) status = kdst_index_select(x[0], 0, indices, out);
    kdst_tensor_release(indices);
    return status;
}

static kdst_status gather(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    static int32_t values[101 * 515];
    for (int64_t i = 0; i < 101 * 515; i++)
        values[i] = (int32_t)(i * i % 257);
    kdst_tensor *indices = NULL;
    kdst_status status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, 2, (int64_t[]){101, 515}, values, &indices);
    if (status == KDST_STATUS_OK) status = kdst_gather(x[0], 0, indices, out);
    kdst_tensor_release(indices);
    return status;
}

static kdst_status broadcast_to(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_broadcast_to(x[0], 3, (int64_t[]){31, 257, 300}, out);
}

static kdst_status matmul(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_matmul(x[0], x[1], out);
}

static kdst_status normalize(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_normalize(x[0], 1, NULL, out);
}

static kdst_status mse_loss(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_mse_loss(x[0], x[1], NULL, out);
}

static kdst_status cross_entropy_loss(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    static int32_t values[37 * 41 * 3];
    kdst_tensor *labels = NULL;
    kdst_options *options = NULL;
    for (int64_t i = 0; i < 37 * 41 * 3; i++)
        values[i] = (int32_t)(i * i % 21);
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "label_smoothing", 0.1);
    if (status == KDST_STATUS_OK)
        status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, 3, (int64_t[]){3, 37, 41}, values, &labels);
    if (status == KDST_STATUS_OK) status = kdst_cross_entropy_loss(x[0], labels, NULL, options, out);
    kdst_tensor_release(labels);
    kdst_options_release(options);
    return status;
}

static kdst_status cross_entropy_soft(kdst_context *in, kdst_tensor *const *x, kdst_tensor **out)
{
    (void)in;
    return kdst_cross_entropy_soft(x[0], x[1], NULL, NULL, out);
}

static const struct thread_case {
    const char *name;
    build_fn build;
    int inputs;
    int64_t rank[3], shape[3][4];
} cases[] = {
    {"add", add, 2, {2, 1}, {{1031, 257}, {257}}},
    {"div", divide, 2, {3, 2}, {{64, 33, 65}, {33, 1}}},
    {"linear", linear, 3, {2, 2, 1}, {{129, 300}, {257, 300}, {257}}},
    {"conv2d", conv2d, 3, {4, 4, 1}, {{9, 16, 17, 15}, {33, 16, 3, 3}, {33}}},
    {"conv2d with few channels", conv2d, 3, {4, 4, 1}, {{33, 1, 28, 28}, {8, 1, 5, 5}, {8}}},
    {"max_pool2d", max_pool, 1, {4}, {{17, 19, 16, 18}}},
    {"avg_pool2d", avg_pool, 1, {4}, {{17, 19, 16, 18}}},
    {"global_avg_pool2d", global_pool, 1, {4}, {{17, 19, 16, 18}}},
    {"batch_norm", batch_norm, 3, {4, 1, 1}, {{33, 19, 16, 18}, {19}, {19}}},
    {"batch_norm of rows", batch_norm, 3, {2, 1, 1}, {{513, 131}, {131}, {131}}},
    {"softmax", softmax, 1, {2}, {{1031, 100}}},
    {"log_softmax", log_softmax, 1, {2}, {{1031, 100}}},
    {"dropout", dropout, 1, {2}, {{1031, 100}}},
    {"sum", sum, 1, {2}, {{1031, 300}}},
    {"mean", mean, 1, {2}, {{1031, 300}}},
    {"cross_entropy", cross_entropy, 1, {2}, {{4099, 37}}},
    {"concat", concat, 3, {2, 2, 2}, {{1031, 33}, {1031, 1}, {1031, 65}}},
    {"index_select", index_select, 1, {2}, {{257, 300}}},
    {"matmul", matmul, 2, {3, 3}, {{70, 33, 65}, {70, 65, 31}}},
    {"matmul, stretched", matmul, 2, {4, 4}, {{7, 1, 33, 65}, {1, 9, 65, 31}}},
    {"normalize", normalize, 1, {2}, {{1031, 67}}},
    {"normalize, middle axis", normalize, 1, {3}, {{7, 67, 300}}},
    {"mse_loss", mse_loss, 2, {2, 2}, {{131, 517}, {131, 517}}},
    {"cross_entropy_loss", cross_entropy_loss, 1, {4}, {{3, 21, 37, 41}}},
    {"cross_entropy_soft", cross_entropy_soft, 2, {4, 4}, {{3, 21, 37, 41}, {3, 21, 37, 41}}},
    {"gather", gather, 1, {2}, {{257, 515}}},
    {"broadcast_to", broadcast_to, 1, {2}, {{257, 1}}},
};
#define CASES ((int)(sizeof cases / sizeof *cases))
#define RESULTS 4

/* Result and gradients, as doubles: [0] y, [1 + i] gradient of input i. */
static void run(const struct thread_case *c, kdst_dtype dtype, int64_t threads, double **out, int64_t *counts)
{
    kdst_context *in = context_with_threads(threads);
    kdst_tensor *x[3] = {NULL}, *y = NULL, *dy = NULL;
    ck_assert_int_eq(atoi(kdst_context_get_info(in, "threads")), threads);
    for (int i = 0; i < c->inputs; i++) {
        x[i] = filled_in(in, dtype, c->rank[i], c->shape[i], i + 1);
        expect_ok(kdst_tensor_set_requires_grad(x[i], 1));
    }
    ck_assert_int_eq(c->build(in, x, &y), KDST_STATUS_OK);
    int64_t shape[8];
    for (int64_t i = 0; i < kdst_tensor_get_rank(y); i++)
        shape[i] = kdst_tensor_get_size(y, i);
    dy = filled_in(in, dtype, kdst_tensor_get_rank(y), shape, 9);
    ck_assert_int_eq(kdst_backward(y, dy, NULL), KDST_STATUS_OK);
    out[0] = doubles(y);
    counts[0] = kdst_tensor_get_count(y);
    for (int i = 0; i < c->inputs; i++) {
        kdst_tensor *dx = grad_of(x[i]);
        out[1 + i] = doubles(dx);
        counts[1 + i] = kdst_tensor_get_count(dx);
        kdst_tensor_release(dx);
        kdst_tensor_release(x[i]);
    }
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    ck_assert_int_eq(kdst_context_live_count(in), 0);
    kdst_context_release(in);
}

START_TEST(test_same_bits)
{
    static const int64_t threads[] = {2, 3, 7};
    const struct thread_case *c = &cases[_i];
    for (int type = 0; type < 2; type++) {
        double *one[RESULTS] = {NULL}, *many[RESULTS] = {NULL};
        int64_t counts[RESULTS] = {0};
        run(c, real_type(type), 1, one, counts);
        for (int t = 0; t < 3; t++) {
            run(c, real_type(type), threads[t], many, counts);
            for (int r = 0; r <= c->inputs; r++) {
                ck_assert_msg(
                    memcmp(one[r], many[r], (size_t)counts[r] * 8) == 0, "%s: result %d differs with %d threads",
                    c->name, r, (int)threads[t]);
                free(many[r]);
            }
        }
        for (int r = 0; r <= c->inputs; r++)
            free(one[r]);
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_same_bits, 0, CASES);
}

int main(void)
{
    return run_suite("threads", build);
}
