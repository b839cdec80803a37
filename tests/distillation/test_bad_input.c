/* SPDX-License-Identifier: Apache-2.0 */
/* Bad options, values and tensors: the status, a message that says what and where, and nothing touched. */
#include "support.h"

static const loss_create_fn creators[] = {
    kdst_loss_cross_entropy_create, kdst_loss_kd_create, kdst_loss_lsr_create, kdst_loss_tfkd_self_create,
    kdst_loss_tfkd_reg_create};
#define CREATORS 5

/* ---- options ---- */

static const struct {
    loss_create_fn create;
    const char *options, *text;
} bad_options[] = {
    {kdst_loss_kd_create, "temperature=0", "kd: temperature is 0, allowed is (0, 1e+100)"},
    {kdst_loss_kd_create, "temperature=-4", "kd: temperature is -4"},
    {kdst_loss_kd_create, "temperature=nan", "kd: temperature is nan"},
    {kdst_loss_kd_create, "temperature=inf", "kd: temperature is inf"},
    {kdst_loss_kd_create, "temperature=warm", "kd: temperature is"},
    {kdst_loss_kd_create, "alpha=-0.1", "kd: alpha is -0.1, allowed is [0, 1]"},
    {kdst_loss_kd_create, "alpha=1.5", "kd: alpha is 1.5, allowed is [0, 1]"},
    {kdst_loss_kd_create, "alpha=nan", "kd: alpha is nan"},
    {kdst_loss_kd_create, "t_squared=2", "kd: t_squared is 2"},
    {kdst_loss_kd_create, "reduction=sum", "kd: reduction is \"sum\", allowed is batchmean|elementmean"},
    {kdst_loss_kd_create, "preset=offical", "kd: preset is \"offical\", allowed is none|paper|official"},
    {kdst_loss_kd_create, "temprature=4", "kd: unknown option \"temprature\"; did you mean \"temperature\"?"},
    {kdst_loss_kd_create, "epsilon=0.1", "kd: unknown option \"epsilon\"; known are alpha, temperature"},
    {kdst_loss_kd_create, "multiplier=2", "kd: unknown option \"multiplier\""},
    {kdst_loss_tfkd_self_create, "temperature=0", "tfkd_self: temperature is 0"},
    {kdst_loss_tfkd_self_create, "alpha=2", "tfkd_self: alpha is 2"},
    {kdst_loss_tfkd_self_create, "multiplier=-1", "tfkd_self: multiplier is -1"},
    {kdst_loss_tfkd_self_create, "multiplier=inf", "tfkd_self: multiplier is inf"},
    {kdst_loss_tfkd_self_create, "multiplier=nan", "tfkd_self: multiplier is nan"},
    {kdst_loss_tfkd_self_create, "multiplier=1e300 temperature=1e20", "tfkd_self: multiplier is 1e+300, times"},
    {kdst_loss_lsr_create, "epsilon=-0.1", "lsr: epsilon is -0.1, allowed is [0, 1]"},
    {kdst_loss_lsr_create, "epsilon=1.1", "lsr: epsilon is 1.1, allowed is [0, 1]"},
    {kdst_loss_lsr_create, "epsilon=nan", "lsr: epsilon is nan"},
    {kdst_loss_lsr_create, "smoothing=most", "lsr: smoothing is \"most\", allowed is uniform|others"},
    {kdst_loss_lsr_create, "espilon=0.1", "lsr: unknown option \"espilon\"; did you mean \"epsilon\"?"},
    {kdst_loss_tfkd_reg_create, "temperature=-1", "tfkd_reg: temperature is -1"},
    {kdst_loss_tfkd_reg_create, "alpha=1.0000001", "tfkd_reg: alpha is 1.0000001"},
    {kdst_loss_tfkd_reg_create, "correct_prob=0", "tfkd_reg: correct_prob is 0, allowed is (0, 1]"},
    {kdst_loss_tfkd_reg_create, "correct_prob=-0.5", "tfkd_reg: correct_prob is -0.5"},
    {kdst_loss_tfkd_reg_create, "correct_prob=1.01", "tfkd_reg: correct_prob is 1.01, allowed is (0, 1]"},
    {kdst_loss_tfkd_reg_create, "correct_prob=nan", "tfkd_reg: correct_prob is nan"},
    {kdst_loss_tfkd_reg_create, "correct_prob=1 virtual_logits=logprob", "tfkd_reg: correct_prob is 1, with"},
    {kdst_loss_tfkd_reg_create, "soften_student=-1", "tfkd_reg: soften_student is -1"},
    {kdst_loss_tfkd_reg_create, "virtual_logits=raw", "tfkd_reg: virtual_logits is \"raw\", allowed is prob|logprob"},
    {kdst_loss_cross_entropy_create, "alpha=0", "cross_entropy: unknown option \"alpha\""},
};

START_TEST(test_options)
{
    kdst_options *options = options_of(bad_options[_i].options);
    kdst_loss *loss = (kdst_loss *)options; /* anything but NULL */
    expect_failure(bad_options[_i].create(ctx, options, &loss), KDST_STATUS_INVALID_ARGUMENT, bad_options[_i].text);
    ck_assert_ptr_null(loss);
    kdst_options_release(options);
}
END_TEST

START_TEST(test_allowed_bounds)
{
    static const struct {
        loss_create_fn create;
        const char *options;
    } good[] = {
        {kdst_loss_kd_create, "alpha=0"},
        {kdst_loss_kd_create, "alpha=1"},
        {kdst_loss_kd_create, "temperature=1e-300"},
        {kdst_loss_tfkd_self_create, "multiplier=0"},
        {kdst_loss_lsr_create, "epsilon=0"},
        {kdst_loss_lsr_create, "epsilon=1"},
        {kdst_loss_tfkd_reg_create, "correct_prob=1"},
        {kdst_loss_tfkd_reg_create, "correct_prob=1e-9 virtual_logits=logprob"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        kdst_loss_release(make_loss(ctx, good[i].create, good[i].options));
}
END_TEST

START_TEST(test_create_without)
{
    kdst_loss *loss = NULL;
    ck_assert_int_eq(creators[_i](NULL, NULL, &loss), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(loss);
    expect_failure(creators[_i](ctx, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
}
END_TEST

/* ---- inputs ---- */

/* Both ways must fail and leave their outputs alone. `grad` may be bad itself; then only the direct way fails. */
static void expect_refusal(
    kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor *grad,
    kdst_status status, const char *text)
{
    double value = 17, *before = doubles(grad), *after;
    kdst_tensor *out = grad;
    expect_failure(kdst_loss_compute(loss, student, teacher, labels, &value, grad), status, text);
    ck_assert_double_eq(value, 17);
    after = doubles(grad);
    ck_assert(!memcmp(before, after, (size_t)kdst_tensor_get_count(grad) * sizeof *before));
    free(before);
    free(after);
    if (!strncmp(text, "grad ", 5)) return;
    expect_failure(kdst_loss_run(loss, student, teacher, labels, &out), status, text);
    ck_assert_ptr_null(out);
}

/* Label or logit number 4 (row 1) of a batch of three rows of three classes. */
static const struct {
    const char *text;
    int which; /* 0 label, 1 student, 2 teacher */
    double value;
} bad_values[] = {
    {"label -1 at row 1, allowed is 0 to 2", 0, -1},
    {"label 3 at row 1, allowed is 0 to 2", 0, 3},
    {"label 2147483647 at row 1", 0, INT32_MAX},
    {"the student's logit at row 1, class 1 is nan", 1, NAN},
    {"the student's logit at row 1, class 1 is inf", 1, INFINITY},
    {"the student's logit at row 1, class 1 is -inf", 1, -INFINITY},
    {"the teacher's logit at row 1, class 1 is nan", 2, NAN},
    {"the teacher's logit at row 1, class 1 is inf", 2, INFINITY},
};

/* Also with alpha 0 and 1, where a part of the loss is left out. */
static const char *const alphas[] = {"alpha=0", "alpha=0.5", "alpha=1"};

static void refuse_value(loss_create_fn create, const char *options, kdst_dtype dtype, int i)
{
    loss_batch batch = batch_of(ctx, dtype, 3, 3, 2, 5);
    kdst_loss *loss = make_loss(ctx, create, options);
    kdst_tensor *grad = filled(dtype, SHAPE(3, 3), 8), *spoilt;
    if (bad_values[i].which == 0) batch.y[1] = (int32_t)bad_values[i].value;
    if (bad_values[i].which == 1) batch.s[4] = bad_values[i].value;
    if (bad_values[i].which == 2) batch.t[4] = bad_values[i].value;
    expect_ok(kdst_tensor_set_data(batch.labels, batch.y, 12));
    for (int side = 0; side < 2; side++) {
        spoilt = from_doubles(dtype, SHAPE(3, 3), side ? batch.t : batch.s);
        expect_ok(kdst_tensor_set(side ? batch.teacher : batch.student, spoilt));
        kdst_tensor_release(spoilt);
    }
    expect_ok(kdst_tensor_set_requires_grad(batch.student, 1));
    if (bad_values[i].which < 2 || kdst_loss_needs_teacher(loss))
        expect_refusal(
            loss, batch.student, batch.teacher, batch.labels, grad, KDST_STATUS_INVALID_ARGUMENT, bad_values[i].text);
    else /* a teacher that nobody asks is ignored */
        expect_ok(kdst_loss_compute(loss, batch.student, batch.teacher, batch.labels, NULL, NULL));
    kdst_tensor_release(grad);
    kdst_loss_release(loss);
    batch_free(&batch);
}

START_TEST(test_values)
{
    for (int c = 0; c < CREATORS; c++)
        for (int type = 0; type < 2; type++)
            for (int a = 0; a < 3; a++)
                refuse_value(creators[c], c == 0 || c == 2 ? "" : alphas[a], real_type(type), _i);
}
END_TEST

/* Logits whose differences overflow, or do so after the temperature's division. */
START_TEST(test_enormous_logits)
{
    const double s[] = {0, 1e305, 0, 0}, mild[] = {0, 1e12, 0, 0};
    const int32_t y[] = {0, 1};
    kdst_tensor *grad = filled(F64, SHAPE(2, 2), 8);
    loss_batch batch = batch_from(F64, 2, 2, s, mild, y), cold = batch_from(F64, 2, 2, mild, mild, y);
    kdst_loss *ce = make_loss(ctx, kdst_loss_cross_entropy_create, ""), *kd = make_loss(ctx, kdst_loss_kd_create, "");
    kdst_loss *icy = make_loss(ctx, kdst_loss_kd_create, "temperature=1e-290");
    expect_refusal(ce, batch.student, NULL, batch.labels, grad, KDST_STATUS_INVALID_ARGUMENT, "class 1 is 1e+305");
    expect_refusal(
        kd, batch.student, batch.teacher, batch.labels, grad, KDST_STATUS_INVALID_ARGUMENT, "class 1 is 1e+305");
    expect_refusal(
        icy, cold.student, cold.teacher, cold.labels, grad, KDST_STATUS_INVALID_ARGUMENT, "allowed is -1e+10 to 1e+10");
    expect_ok(kdst_loss_compute(kd, cold.student, cold.teacher, cold.labels, NULL, grad));
    kdst_loss_release(ce);
    kdst_loss_release(kd);
    kdst_loss_release(icy);
    kdst_tensor_release(grad);
    batch_free(&batch);
    batch_free(&cold);
}
END_TEST

/* ---- tensors ---- */

/* One tensor of a good set of four replaced by a bad one. */
typedef enum place { STUDENT, TEACHER, LABELS, GRAD } place;

static void refuse_tensor(loss_create_fn create, place where, kdst_tensor *bad, kdst_status status, const char *text)
{
    kdst_loss *loss = make_loss(ctx, create, "");
    loss_batch batch = batch_of(ctx, F64, 2, 3, 1, 1);
    kdst_tensor *grad = filled(F64, SHAPE(2, 3), 8);
    if (where != TEACHER || kdst_loss_needs_teacher(loss))
        expect_refusal(
            loss, where == STUDENT ? bad : batch.student, where == TEACHER ? bad : batch.teacher,
            where == LABELS ? bad : batch.labels, where == GRAD ? bad : grad, status, text);
    kdst_tensor_release(grad);
    batch_free(&batch);
    kdst_loss_release(loss);
}

static void
refuse_shape(place where, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_status status, const char *text)
{
    kdst_tensor *bad = NULL;
    expect_ok(kdst_tensor_create(ctx, dtype, rank, shape, &bad));
    for (int c = 0; c < CREATORS; c++)
        refuse_tensor(creators[c], where, bad, status, text);
    kdst_tensor_release(bad);
}

START_TEST(test_shapes)
{
    refuse_shape(STUDENT, F64, SHAPE(6), KDST_STATUS_SHAPE, "student logits are [6], expected [B, K]");
    refuse_shape(STUDENT, F64, 0, NULL, KDST_STATUS_SHAPE, "expected [B, K]");
    refuse_shape(STUDENT, F64, SHAPE(2, 3, 1), KDST_STATUS_SHAPE, "student logits are [2, 3, 1]");
    refuse_shape(STUDENT, F64, SHAPE(0, 3), KDST_STATUS_SHAPE, "student logits are [0, 3]");
    refuse_shape(STUDENT, F64, SHAPE(2, 0), KDST_STATUS_SHAPE, "student logits are [2, 0]");
    refuse_shape(STUDENT, F64, SHAPE(3, 3), KDST_STATUS_SHAPE, "labels are [2], student logits [3, 3]");
    refuse_shape(TEACHER, F64, SHAPE(2, 4), KDST_STATUS_SHAPE, "teacher logits are [2, 4], student logits [2, 3]");
    refuse_shape(TEACHER, F64, SHAPE(6), KDST_STATUS_SHAPE, "teacher logits are [6]");
    refuse_shape(LABELS, KDST_DTYPE_INT32, SHAPE(3), KDST_STATUS_SHAPE, "labels are [3], student logits [2, 3]");
    refuse_shape(LABELS, KDST_DTYPE_INT32, SHAPE(2, 1), KDST_STATUS_SHAPE, "labels are [2, 1]");
    refuse_shape(GRAD, F64, SHAPE(3, 2), KDST_STATUS_SHAPE, "grad is [3, 2], student logits are [2, 3]");
}
END_TEST

START_TEST(test_types)
{
    refuse_shape(STUDENT, KDST_DTYPE_INT32, SHAPE(2, 3), KDST_STATUS_DTYPE, "student logits are int32");
    refuse_shape(STUDENT, KDST_DTYPE_UINT8, SHAPE(2, 3), KDST_STATUS_DTYPE, "student logits are uint8");
    refuse_shape(TEACHER, F32, SHAPE(2, 3), KDST_STATUS_DTYPE, "student logits are float64, teacher logits float32");
    refuse_shape(LABELS, F64, SHAPE(2), KDST_STATUS_DTYPE, "labels are float64, expected int32");
    refuse_shape(LABELS, KDST_DTYPE_UINT8, SHAPE(2), KDST_STATUS_DTYPE, "labels are uint8, expected int32");
    refuse_shape(GRAD, F32, SHAPE(2, 3), KDST_STATUS_DTYPE, "grad is float32, student logits are float64");
}
END_TEST

START_TEST(test_missing)
{
    static const struct {
        place where;
        const char *text;
    } places[] = {
        {STUDENT, "student logits are NULL"}, {TEACHER, "teacher logits are NULL"}, {LABELS, "labels are NULL"}};
    for (int c = 0; c < CREATORS; c++)
        for (int i = 0; i < 3; i++)
            refuse_tensor(creators[c], places[i].where, NULL, KDST_STATUS_INVALID_ARGUMENT, places[i].text);
}
END_TEST

START_TEST(test_other_context)
{
    kdst_context *other = context_with_threads(1);
    loss_batch far = batch_of(other, F64, 2, 3, 1, 1);
    for (int c = 0; c < CREATORS; c++) {
        refuse_tensor(creators[c], STUDENT, far.student, KDST_STATUS_INVALID_ARGUMENT, "another context");
        refuse_tensor(creators[c], TEACHER, far.teacher, KDST_STATUS_INVALID_ARGUMENT, "another context");
        refuse_tensor(creators[c], LABELS, far.labels, KDST_STATUS_INVALID_ARGUMENT, "another context");
        refuse_tensor(creators[c], GRAD, far.student, KDST_STATUS_INVALID_ARGUMENT, "grad belongs to another context");
    }
    batch_free(&far);
    ck_assert_int_eq(kdst_context_live_count(other), 0);
    kdst_context_release(other);
}
END_TEST

START_TEST(test_no_loss)
{
    loss_batch batch = batch_of(ctx, F64, 2, 3, 1, 1);
    kdst_loss *loss = make_loss(ctx, kdst_loss_kd_create, "");
    kdst_tensor *out = batch.student;
    double value;
    ck_assert_int_eq(
        kdst_loss_run(NULL, batch.student, batch.teacher, batch.labels, &out), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(
        kdst_loss_compute(NULL, batch.student, batch.teacher, batch.labels, &value, NULL),
        KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(
        kdst_loss_run(loss, batch.student, batch.teacher, batch.labels, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "kd: out is NULL");
    kdst_loss_release(loss);
    batch_free(&batch);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_options, 0, (int)(sizeof bad_options / sizeof *bad_options));
    tcase_add_test(tests, test_allowed_bounds);
    tcase_add_loop_test(tests, test_create_without, 0, CREATORS);
    tcase_add_loop_test(tests, test_values, 0, (int)(sizeof bad_values / sizeof *bad_values));
    tcase_add_test(tests, test_enormous_logits);
    tcase_add_test(tests, test_shapes);
    tcase_add_test(tests, test_types);
    tcase_add_test(tests, test_missing);
    tcase_add_test(tests, test_other_context);
    tcase_add_test(tests, test_no_loss);
}

int main(void)
{
    return run_suite("bad input", build);
}
