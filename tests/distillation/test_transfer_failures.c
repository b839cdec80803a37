/* SPDX-License-Identifier: Apache-2.0 */
/* Bad input of the losses between features, of ensembles, regressors and peers; every allocation of theirs fails once. */
#include "support.h"

#include "failures/each_allocation.h"

/* ---- bad input ---- */

typedef struct bad_row {
    loss_create_fn create;
    int64_t student_rank, student[4], teacher_rank, teacher[4];
    const char *text;
} bad_row;

static const bad_row bad_rows[] = {
    {kdst_loss_hint_create, 2, {2, 3}, 2, {2, 4}, "hint: the student's features are [2, 3], the teacher's [2, 4]"},
    {kdst_loss_hint_create,
     1,
     {3},
     1,
     {3},
     "hint: the student's features are [3], expected at least one sample [N, …]"},
    {kdst_loss_hint_create, 2, {0, 3}, 2, {0, 3}, "hint: the student's features are [0, 3], expected at least one"},
    {kdst_loss_attention_create,
     2,
     {2, 3},
     2,
     {2, 3},
     "attention: the student's features are [2, 3], the teacher's [2, 3]: expected [N, C"},
    {kdst_loss_attention_create, 4, {2, 3, 4, 4}, 4, {1, 3, 4, 4}, "of as many samples"},
    {kdst_loss_attention_create, 4, {2, 3, 4, 2}, 4, {2, 3, 2, 4}, "expected one map to be the larger both ways"},
    {kdst_loss_similarity_create,
     2,
     {2, 3},
     2,
     {3, 3},
     "similarity: the student's features are [2, 3], the teacher's [3, 3]"},
    {kdst_loss_relational_create,
     2,
     {2, 3},
     2,
     {3, 3},
     "relational: the student's features are [2, 3], the teacher's [3, 3]"},
    {kdst_loss_relational_create, 2, {2, 3}, 2, {2, 0}, "expected as many samples"},
    {kdst_loss_mutual_create, 2, {2, 3}, 2, {2, 4}, "mutual: the student's logits are [2, 3], the peers' [2, 4]"},
    {kdst_loss_mutual_create, 2, {2, 3}, 3, {0, 2, 3}, "expected [B, K] and [M - 1, B, K]"},
};
enum { BAD_ROWS = sizeof bad_rows / sizeof *bad_rows };

START_TEST(test_shapes)
{
    const bad_row *row = &bad_rows[_i];
    kdst_loss *loss = make_loss(ctx, row->create, "");
    kdst_tensor *s = filled(F64, row->student_rank, row->student, 1),
                *t = filled(F64, row->teacher_rank, row->teacher, 2);
    kdst_tensor *y = from_labels(2, (int32_t[]){0, 1}), *out = s;
    double value = 17;
    expect_failure(kdst_loss_run(loss, s, t, y, &out), KDST_STATUS_SHAPE, row->text);
    ck_assert_ptr_null(out);
    expect_failure(kdst_loss_compute(loss, s, t, y, &value, NULL), KDST_STATUS_SHAPE, row->text);
    ck_assert_double_eq(value, 17);
    kdst_tensor_release(y);
    kdst_tensor_release(t);
    kdst_tensor_release(s);
    kdst_loss_release(loss);
}
END_TEST

START_TEST(test_values_and_types)
{
    kdst_loss *hint = make_loss(ctx, kdst_loss_hint_create, ""), *mutual = make_loss(ctx, kdst_loss_mutual_create, "");
    kdst_tensor *s = from_doubles(F64, SHAPE(1, 2), (double[]){0, NAN}),
                *t = from_doubles(F64, SHAPE(1, 2), (double[]){1, 2});
    kdst_tensor *narrow = filled(F32, SHAPE(1, 2), 1), *y = from_labels(1, (int32_t[]){2}), *out = NULL;
    expect_failure(
        kdst_loss_run(hint, s, t, NULL, &out), KDST_STATUS_INVALID_ARGUMENT,
        "hint: the student's features hold a value that is not finite");
    expect_failure(
        kdst_loss_run(hint, t, s, NULL, &out), KDST_STATUS_INVALID_ARGUMENT,
        "hint: the teacher's features hold a value");
    expect_failure(
        kdst_loss_run(hint, t, narrow, NULL, &out), KDST_STATUS_DTYPE,
        "the student's features are float64, the teacher's float32");
    expect_failure(kdst_loss_run(hint, t, NULL, NULL, &out), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_loss_run(hint, NULL, t, NULL, &out), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_loss_run(mutual, t, t, NULL, &out), KDST_STATUS_INVALID_ARGUMENT, "labels are NULL");
    expect_failure(
        kdst_loss_run(mutual, t, t, y, &out), KDST_STATUS_INVALID_ARGUMENT,
        "mutual: label 2 at row 0, allowed is 0 to 1");
    expect_failure(kdst_loss_run(mutual, t, t, narrow, &out), KDST_STATUS_DTYPE, "labels are float32");
    kdst_tensor_release(y);
    kdst_tensor_release(narrow);
    kdst_tensor_release(t);
    kdst_tensor_release(s);
    kdst_loss_release(mutual);
    kdst_loss_release(hint);
}
END_TEST

START_TEST(test_options)
{
    static const struct {
        loss_create_fn create;
        const char *options, *text;
    } cases[] = {
        {kdst_loss_hint_create, "reduction=all", "hint: reduction is \"all\""},
        {kdst_loss_attention_create, "power=0.5", "attention: power is 0.5, allowed is [1, 16]"},
        {kdst_loss_attention_create, "mode=book", "attention: mode is \"book\""},
        {kdst_loss_similarity_create, "row_norm=l3", "similarity: row_norm is \"l3\""},
        {kdst_loss_relational_create, "distance=-1", "relational: distance is -1"},
        {kdst_loss_mutual_create, "log_eps=2", "mutual: log_eps is 2"},
        {kdst_loss_mutual_create, "tarket=each", "did you mean \"target\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kdst_options *options = options_of(cases[i].options);
        kdst_loss *loss = NULL;
        expect_failure(cases[i].create(ctx, options, &loss), KDST_STATUS_INVALID_ARGUMENT, cases[i].text);
        ck_assert_ptr_null(loss);
        kdst_options_release(options);
    }
    ck_assert_int_eq(kdst_loss_hint_create(NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_loss_hint_create(ctx, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "hint: out is NULL");
}
END_TEST

START_TEST(test_functions)
{
    kdst_tensor *flat = filled(F64, SHAPE(2, 3), 1), *whole = from_labels(2, (int32_t[]){0, 1}), *out = NULL;
    kdst_tensor *maps = filled(F64, SHAPE(1, 2, 2, 2), 1), *three = filled(F64, SHAPE(2, 1, 3), 1);
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_failure(
        kdst_attention_map(flat, 2, &out), KDST_STATUS_SHAPE, "attention_map: x is [2, 3], expected [N, C, H, W]");
    expect_failure(kdst_attention_map(maps, NAN, &out), KDST_STATUS_INVALID_ARGUMENT, "attention_map: power is nan");
    expect_failure(kdst_pair_distances(whole, &out), KDST_STATUS_DTYPE, "pair_distances: x is int32");
    expect_failure(kdst_pair_angles(flat, NULL), KDST_STATUS_INVALID_ARGUMENT, "pair_angles: out is NULL");
    expect_failure(kdst_similarity_matrix(whole, NULL, &out), KDST_STATUS_DTYPE, "similarity_matrix: x is int32");
    expect_failure(
        kdst_ensemble_logits(flat, NULL, &out), KDST_STATUS_SHAPE,
        "ensemble_logits: teachers are [2, 3], expected [M, B, K]");
    expect_ok(kdst_options_set_floats(options, "weights", (double[]){1, 2, 3}, 3));
    expect_failure(
        kdst_ensemble_logits(three, options, &out), KDST_STATUS_INVALID_ARGUMENT, "there are 3 weights and 2 teachers");
    expect_ok(kdst_options_set_floats(options, "weights", (double[]){0, 0}, 2));
    expect_failure(
        kdst_ensemble_logits(three, options, &out), KDST_STATUS_INVALID_ARGUMENT, "the sum of the weights is 0");
    ck_assert_int_eq(kdst_ensemble_logits(NULL, NULL, &out), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    kdst_tensor_release(three);
    kdst_tensor_release(maps);
    kdst_tensor_release(whole);
    kdst_tensor_release(flat);
}
END_TEST

START_TEST(test_regressors)
{
    static const int64_t small[] = {2, 3, 3}, large[] = {2, 4, 4}, odd[] = {2, 5, 2}, none[] = {0, 3, 3};
    kdst_options *options = options_of("kind=conv1x1");
    kdst_layer *layer = NULL;
    expect_failure(
        kdst_layer_regressor_create(ctx, small, large, NULL, &layer), KDST_STATUS_SHAPE,
        "regressor: no convolution joins the student's [2, 3, 3] to the teacher's [2, 4, 4]");
    expect_failure(
        kdst_layer_regressor_create(ctx, large, odd, NULL, &layer), KDST_STATUS_SHAPE, "no convolution joins");
    expect_failure(
        kdst_layer_regressor_create(ctx, large, small, options, &layer), KDST_STATUS_SHAPE, "no 1x1 convolution joins");
    expect_failure(
        kdst_layer_regressor_create(ctx, none, small, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "regressor: size 0 of the student's map is 0");
    expect_failure(
        kdst_layer_regressor_create(ctx, small, NULL, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT, "teacher is NULL");
    ck_assert_ptr_null(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(test_ensemble_layers)
{
    kdst_layer *a = NULL, *b = NULL, *layer = NULL, *flatten = NULL;
    kdst_tensor *x = filled(F32, SHAPE(2, 4), 1), *y = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 4, 3, NULL, &a));
    expect_ok(kdst_layer_linear_create(ctx, 4, 2, NULL, &b));
    expect_ok(kdst_layer_flatten_create(ctx, &flatten));
    expect_failure(
        kdst_layer_ensemble_create(ctx, NULL, 2, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT, "members is NULL");
    expect_failure(
        kdst_layer_ensemble_create(ctx, &a, 0, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT, "there is no member");
    expect_failure(
        kdst_layer_ensemble_create(ctx, (kdst_layer *[]){a, NULL}, 2, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "member 1 is NULL");
    expect_failure(
        kdst_layer_ensemble_create(ctx, (kdst_layer *[]){a, a}, 2, NULL, &layer), KDST_STATUS_STATE,
        "in a container already");
    expect_ok(
        kdst_layer_ensemble_create(ctx, (kdst_layer *[]){a, b}, 2, NULL, &layer)); /* the failure left both free */
    expect_failure(
        kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE, "member 1 gives float32 [2, 2], the first float32 [2, 3]");
    kdst_layer_release(layer);
    expect_ok(kdst_layer_ensemble_create(ctx, &flatten, 1, NULL, &layer));
    kdst_tensor_release(x);
    x = filled(F32, SHAPE(2), 1);
    ck_assert_int_ne(kdst_layer_run(layer, x, &y), KDST_STATUS_OK);
    ck_assert_ptr_null(y);
    kdst_layer_release(layer);
    kdst_tensor_release(x);
    kdst_layer_release(flatten);
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

static void add_peer(kdst_peers *peers, int64_t in, int64_t out)
{
    kdst_layer *model = NULL;
    kdst_optimizer *optimizer = NULL;
    expect_ok(kdst_layer_linear_create(ctx, in, out, NULL, &model));
    expect_ok(kdst_optimizer_sgd_create(ctx, NULL, &optimizer));
    expect_ok(kdst_optimizer_add_layer(optimizer, model));
    expect_ok(kdst_peers_add(peers, model, optimizer));
    expect_failure(kdst_peers_add(peers, model, optimizer), KDST_STATUS_STATE, "peers_add: model is peer 0 already");
    kdst_optimizer_release(optimizer);
    kdst_layer_release(model);
}

START_TEST(test_bad_peers)
{
    kdst_loss *plain = make_loss(ctx, kdst_loss_cross_entropy_create, ""),
              *loss = make_loss(ctx, kdst_loss_mutual_create, "");
    kdst_tensor *x = filled(F32, SHAPE(2, 4), 1), *y = from_labels(2, (int32_t[]){0, 1});
    kdst_peers *peers = NULL;
    double losses[2];
    expect_failure(
        kdst_peers_create(ctx, plain, NULL, &peers), KDST_STATUS_INVALID_ARGUMENT,
        "cross_entropy reads no peers' logits");
    expect_failure(kdst_peers_create(ctx, NULL, NULL, &peers), KDST_STATUS_INVALID_ARGUMENT, "loss is NULL");
    expect_ok(kdst_peers_create(ctx, loss, NULL, &peers));
    expect_failure(kdst_peers_add(peers, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "model is NULL");
    add_peer(peers, 4, 3);
    expect_failure(
        kdst_peers_step(peers, x, y, NULL, 0), KDST_STATUS_STATE, "there are 1 peers, at least 2 are needed");
    kdst_layer *other = NULL;
    kdst_optimizer *optimizer = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 4, 2, NULL, &other));
    expect_ok(kdst_optimizer_sgd_create(ctx, NULL, &optimizer));
    expect_ok(kdst_optimizer_add_layer(optimizer, other));
    expect_ok(kdst_peers_add(peers, other, optimizer));
    expect_failure(kdst_peers_step(peers, x, y, NULL, 0), KDST_STATUS_SHAPE, "peer 1 gives [2, 2], peer 0 [2, 3]");
    expect_failure(
        kdst_peers_step(peers, x, y, losses, 1), KDST_STATUS_INVALID_ARGUMENT, "capacity is 1, there are 2 peers");
    expect_failure(kdst_peers_step(peers, NULL, y, NULL, 0), KDST_STATUS_INVALID_ARGUMENT, "x is NULL");
    ck_assert_int_eq(kdst_peers_step(NULL, x, y, NULL, 0), KDST_STATUS_INVALID_ARGUMENT);
    kdst_optimizer_release(optimizer);
    kdst_layer_release(other);
    kdst_peers_release(peers);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loss_release(loss);
    kdst_loss_release(plain);
}
END_TEST

/* ---- every allocation ---- */

static kdst_tensor *numbers(kdst_context *in, int64_t rank, const int64_t *shape, kdst_status *status)
{
    float values[256];
    int64_t count = 1;
    kdst_tensor *t = NULL;
    for (int64_t i = 0; i < rank; i++)
        count *= shape[i];
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)number(i, 3);
    if (!*status) *status = kdst_tensor_create_from(in, F32, rank, shape, values, &t);
    return t;
}

static kdst_status use_loss(kdst_context *in, void *arg)
{
    const loss_create_fn *create = arg;
    static const int32_t labels[] = {0, 1};
    kdst_status status = KDST_STATUS_OK;
    int64_t rank = *create == kdst_loss_mutual_create ? 2 : 4;
    kdst_tensor *s = numbers(in, rank, (int64_t[]){2, 2, 4, 4}, &status),
                *t = numbers(in, rank, (int64_t[]){2, 2, 4, 4}, &status);
    kdst_tensor *y = NULL, *value = NULL, *grad = NULL;
    kdst_loss *loss = NULL;
    double direct = 17;
    if (!status) status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, SHAPE(2), labels, &y);
    if (!status) status = (*create)(in, NULL, &loss);
    if (!status) status = kdst_tensor_set_requires_grad(s, 1);
    if (!status) status = kdst_loss_run(loss, s, t, y, &value);
    if (!status) status = kdst_backward(value, NULL, NULL);
    if (!status) status = kdst_tensor_copy(s, 0, &grad);
    if (!status) status = kdst_loss_compute(loss, s, t, y, &direct, grad);
    kdst_loss_release(loss);
    kdst_tensor_release(grad);
    kdst_tensor_release(value);
    kdst_tensor_release(y);
    kdst_tensor_release(t);
    kdst_tensor_release(s);
    return status;
}

START_TEST(test_losses_without_memory)
{
    static loss_create_fn creators[] = {
        kdst_loss_hint_create, kdst_loss_attention_create, kdst_loss_similarity_create, kdst_loss_relational_create,
        kdst_loss_mutual_create};
    ck_assert_int_gt(each_allocation_fails(NULL, use_loss, &creators[_i]), 8);
}
END_TEST

static kdst_status use_functions(kdst_context *in, void *arg)
{
    (void)arg;
    kdst_status status = KDST_STATUS_OK;
    kdst_tensor *x = numbers(in, 4, (int64_t[]){2, 2, 3, 3}, &status),
                *t = numbers(in, 3, (int64_t[]){2, 2, 3}, &status);
    kdst_tensor *out[5] = {NULL};
    if (!status) status = kdst_attention_map(x, 2, &out[0]);
    if (!status) status = kdst_similarity_matrix(x, NULL, &out[1]);
    if (!status) status = kdst_pair_distances(x, &out[2]);
    if (!status) status = kdst_pair_angles(x, &out[3]);
    if (!status) status = kdst_ensemble_logits(t, NULL, &out[4]);
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(out[i]);
    kdst_tensor_release(t);
    kdst_tensor_release(x);
    return status;
}

static kdst_status use_layers(kdst_context *in, void *arg)
{
    (void)arg;
    static const int64_t s[] = {2, 4, 4}, t[] = {3, 2, 2};
    kdst_status status = KDST_STATUS_OK;
    kdst_layer *regressor = NULL, *members[2] = {NULL}, *ensemble = NULL;
    kdst_tensor *x = numbers(in, 4, (int64_t[]){2, 2, 4, 4}, &status), *v = numbers(in, 2, (int64_t[]){2, 3}, &status);
    kdst_tensor *y = NULL, *z = NULL;
    if (!status) status = kdst_layer_regressor_create(in, s, t, NULL, &regressor);
    if (!status) status = kdst_layer_run(regressor, x, &y);
    for (int i = 0; i < 2 && !status; i++)
        status = kdst_layer_linear_create(in, 3, 2, NULL, &members[i]);
    if (!status) status = kdst_layer_ensemble_create(in, members, 2, NULL, &ensemble);
    if (!status) status = kdst_layer_run(ensemble, v, &z);
    kdst_layer_release(ensemble);
    for (int i = 0; i < 2; i++)
        kdst_layer_release(members[i]);
    kdst_layer_release(regressor);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(v);
    kdst_tensor_release(x);
    return status;
}

static kdst_status use_peers(kdst_context *in, void *arg)
{
    (void)arg;
    static const int32_t labels[] = {0, 1};
    kdst_status status = KDST_STATUS_OK;
    kdst_layer *models[2] = {NULL};
    kdst_optimizer *optimizers[2] = {NULL};
    kdst_peers *peers = NULL;
    kdst_loss *loss = NULL;
    kdst_tensor *x = numbers(in, 2, (int64_t[]){2, 3}, &status), *y = NULL;
    double losses[2];
    if (!status) status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, SHAPE(2), labels, &y);
    if (!status) status = kdst_loss_mutual_create(in, NULL, &loss);
    if (!status) status = kdst_peers_create(in, loss, NULL, &peers);
    for (int i = 0; i < 2 && !status; i++) {
        status = kdst_layer_linear_create(in, 3, 2, NULL, &models[i]);
        if (!status) status = kdst_optimizer_sgd_create(in, NULL, &optimizers[i]);
        if (!status) status = kdst_optimizer_add_layer(optimizers[i], models[i]);
        if (!status) status = kdst_peers_add(peers, models[i], optimizers[i]);
    }
    if (!status) status = kdst_peers_step(peers, x, y, losses, 2);
    for (int i = 0; i < 2; i++) {
        kdst_optimizer_release(optimizers[i]);
        kdst_layer_release(models[i]);
    }
    kdst_peers_release(peers);
    kdst_loss_release(loss);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_others_without_memory)
{
    ck_assert_int_gt(each_allocation_fails(NULL, use_functions, NULL), 10);
    ck_assert_int_gt(each_allocation_fails(NULL, use_layers, NULL), 10);
    ck_assert_int_gt(each_allocation_fails(NULL, use_peers, NULL), 20);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_shapes, 0, BAD_ROWS);
    tcase_add_test(tests, test_values_and_types);
    tcase_add_test(tests, test_options);
    tcase_add_test(tests, test_functions);
    tcase_add_test(tests, test_regressors);
    tcase_add_test(tests, test_ensemble_layers);
    tcase_add_test(tests, test_bad_peers);
    tcase_add_loop_test(tests, test_losses_without_memory, 0, 5);
    tcase_add_test(tests, test_others_without_memory);
}

int main(void)
{
    return run_suite("transfer failures", build);
}
