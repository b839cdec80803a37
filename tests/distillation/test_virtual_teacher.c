/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual teacher's distributions: by the formula, as what the loss uses, and bad input. */
#include "support.h"

static kdst_tensor *make_teacher(const char *text, int64_t classes, int64_t count, const int32_t *labels)
{
    kdst_options *options = options_of(text);
    kdst_tensor *y = from_labels(count, labels), *p = NULL;
    kdst_status status = kdst_virtual_teacher_create(ctx, y, classes, options, &p);
    ck_assert_msg(!status, "\"%s\": %s", text, kdst_context_message(ctx));
    kdst_options_release(options);
    kdst_tensor_release(y);
    return p;
}

/* p^d, softened as probabilities or as logarithms, for each combination; label and others by the plain softmax. */
static const struct {
    double a, t;
} settings[] = {{0.99, 20}, {0.99, 40}, {0.9, 1}, {0.5, 0.25}, {0.001, 3}, {0.1, 1}, {0.99, 0.01}, {0.9999, 1e6}};

static void expected(double a, double t, int64_t k, int32_t y, const char *kind, double *out)
{
    double z[1024];
    long double p[1024], log_p[1024];
    for (int64_t i = 0; i < k; i++)
        z[i] = out[i] = i == y ? a : (1 - a) / (double)(k - 1);
    if (!strcmp(kind, "raw")) return;
    for (int64_t i = 0; i < k; i++)
        if (!strcmp(kind, "logprob")) z[i] = log(z[i]);
    reference_soften(k, z, t, p, log_p);
    for (int64_t i = 0; i < k; i++)
        out[i] = (double)p[i];
}

START_TEST(test_formula)
{
    static const char *const kinds[] = {"prob", "logprob", "raw"};
    static const int64_t classes[] = {2, 3, 10, 101, 1000};
    double a = settings[_i].a, t = settings[_i].t, want[1024];
    for (int k = 0; k < 5; k++)
        for (int kind = 0; kind < 6; kind++) {
            const int32_t labels[] = {0, 1, (int32_t)classes[k] - 1};
            char text[160];
            snprintf(
                text, sizeof text, "correct_prob=%.17g temperature=%.17g virtual_logits=%s dtype=%s", a, t,
                kinds[kind / 2], kind % 2 ? "float64" : "float32");
            kdst_tensor *p = make_teacher(text, classes[k], 3, labels);
            double *values = doubles(p), tolerance = kind % 2 ? 1e-13 : ROUNDED_TOLERANCE;
            expect_shape(p, 2, (int64_t[]){3, classes[k]});
            ck_assert_int_eq(kdst_tensor_get_dtype(p), kind % 2 ? F64 : F32);
            for (int b = 0; b < 3; b++) {
                double sum = 0;
                expected(a, t, classes[k], labels[b], kinds[kind / 2], want);
                for (int64_t i = 0; i < classes[k]; i++) {
                    double got = values[b * classes[k] + i];
                    /* e^-99 in a float32 is a subnormal or 0 */
                    ck_assert_msg(
                        fabs(got - want[i]) <= tolerance * want[i] + (kind % 2 ? 1e-300 : 1e-44),
                        "%s: %.17g, expected %.17g", text, got, want[i]);
                    sum += got;
                }
                ck_assert_double_eq_tol(sum, 1, kind % 2 ? 1e-12 : 1e-5);
            }
            free(values);
            kdst_tensor_release(p);
        }
}
END_TEST

START_TEST(test_defaults)
{
    static const int32_t labels[] = {3, 0};
    kdst_tensor *a = make_teacher("", 10, 2, labels);
    kdst_tensor *b = make_teacher("correct_prob=0.99 temperature=20 virtual_logits=prob dtype=float32", 10, 2, labels);
    double *x = doubles(a), *y = doubles(b);
    ck_assert_int_eq(kdst_tensor_get_dtype(a), F32);
    ck_assert(!memcmp(x, y, 20 * sizeof *x));
    free(x);
    free(y);
    kdst_tensor_release(a);
    kdst_tensor_release(b);
}
END_TEST

/* A certain teacher: allowed, but for the logarithm. */
START_TEST(test_certain)
{
    static const int32_t labels[] = {1};
    kdst_tensor *raw = make_teacher("correct_prob=1 virtual_logits=raw dtype=float64", 3, 1, labels);
    kdst_tensor *soft = make_teacher("correct_prob=1 temperature=1 dtype=float64", 3, 1, labels);
    double *values = doubles(raw);
    ck_assert(values[0] == 0 && values[1] == 1 && values[2] == 0);
    free(values);
    values = doubles(soft);
    expect_near(values[1], exp(1) / (exp(1) + 2), 1e-15, "label");
    free(values);
    kdst_tensor_release(raw);
    kdst_tensor_release(soft);
}
END_TEST

/* The loss with alpha 1 and a student that is not softened is the KL from these: its gradient is (p - q) / B. */
START_TEST(test_is_what_the_loss_uses)
{
    static const char *const kinds[] = {"prob", "logprob"};
    char text[128];
    loss_batch batch = batch_of(ctx, F64, 4, 6, 2, 1);
    snprintf(text, sizeof text, "virtual_logits=%s dtype=float64 temperature=5", kinds[_i]);
    kdst_tensor *q = make_teacher(text, 6, 4, batch.y);
    double *target = doubles(q);
    snprintf(text, sizeof text, "virtual_logits=%s alpha=1 temperature=5", kinds[_i]);
    kdst_loss *loss = make_loss(ctx, kdst_loss_tfkd_reg_create, text);
    loss_result r = run_loss(loss, &batch);
    for (int b = 0; b < 4; b++) {
        long double p[6], log_p[6];
        reference_soften(6, batch.s + 6 * b, 1, p, log_p);
        for (int k = 0; k < 6; k++)
            ck_assert_double_eq_tol(r.grad[6 * b + k], ((double)p[k] - target[6 * b + k]) / 4, 1e-16);
    }
    result_free(&r);
    kdst_loss_release(loss);
    free(target);
    kdst_tensor_release(q);
    batch_free(&batch);
}
END_TEST

START_TEST(test_label_views)
{
    static const int32_t labels[] = {1, -9, 0, -9, 2, -9}, plain[] = {1, 0, 2};
    kdst_tensor *all = from_labels(6, labels), *some = NULL, *p = NULL, *empty = NULL;
    expect_ok(kdst_slice(all, 0, 0, 6, 2, &some));
    expect_ok(kdst_virtual_teacher_create(ctx, some, 4, NULL, &p));
    kdst_tensor *q = make_teacher("", 4, 3, plain);
    double *x = doubles(p), *y = doubles(q);
    ck_assert(!memcmp(x, y, 12 * sizeof *x));
    free(x);
    free(y);
    kdst_tensor_release(p);
    kdst_tensor_release(q);
    kdst_tensor_release(some);
    expect_ok(kdst_slice(all, 0, 2, 2, 1, &empty));
    expect_ok(kdst_virtual_teacher_create(ctx, empty, 4, NULL, &p));
    expect_shape(p, 2, (int64_t[]){0, 4});
    kdst_tensor_release(p);
    kdst_tensor_release(empty);
    kdst_tensor_release(all);
}
END_TEST

static void refuse(kdst_tensor *labels, int64_t classes, const char *text, kdst_status status, const char *message)
{
    kdst_options *options = options_of(text);
    kdst_tensor *out = labels ? labels : (kdst_tensor *)options;
    expect_failure(kdst_virtual_teacher_create(ctx, labels, classes, options, &out), status, message);
    ck_assert_ptr_null(out);
    kdst_options_release(options);
}

START_TEST(test_bad_input)
{
    kdst_context *other = context_with_threads(1);
    const int32_t good[] = {0, 2}, low[] = {0, -1}, high[] = {3, 0};
    const int64_t two = 2;
    kdst_tensor *y = from_labels(2, good), *below = from_labels(2, low), *above = from_labels(2, high), *far = NULL;
    kdst_tensor *real = filled(F32, SHAPE(2), 1), *square = NULL, *out = y;
    expect_ok(kdst_tensor_create_from(other, KDST_DTYPE_INT32, 1, &two, good, &far));
    expect_ok(kdst_tensor_create(ctx, KDST_DTYPE_INT32, SHAPE(2, 1), &square));
    const kdst_status invalid = KDST_STATUS_INVALID_ARGUMENT;
    refuse(NULL, 3, "", invalid, "virtual_teacher: labels are NULL");
    refuse(far, 3, "", invalid, "virtual_teacher: labels belong to another context");
    refuse(below, 3, "", invalid, "virtual_teacher: label -1 at row 1, allowed is 0 to 2");
    refuse(above, 3, "", invalid, "virtual_teacher: label 3 at row 0, allowed is 0 to 2");
    refuse(y, 1, "", invalid, "virtual_teacher: classes is 1, at least 2 are needed");
    refuse(y, -3, "", invalid, "virtual_teacher: classes is -3");
    refuse(y, INT64_MAX, "", KDST_STATUS_SHAPE, "virtual_teacher");
    refuse(real, 3, "", KDST_STATUS_DTYPE, "virtual_teacher: labels are float32, expected int32");
    refuse(square, 3, "", KDST_STATUS_SHAPE, "virtual_teacher: labels are [2, 1], expected [B]");
    refuse(y, 3, "temperature=0", invalid, "virtual_teacher: temperature is 0");
    refuse(y, 3, "temperature=nan", invalid, "virtual_teacher: temperature is nan");
    refuse(y, 3, "correct_prob=0", invalid, "virtual_teacher: correct_prob is 0, allowed is (0, 1]");
    refuse(y, 3, "correct_prob=1.5", invalid, "virtual_teacher: correct_prob is 1.5");
    refuse(y, 3, "correct_prob=1 virtual_logits=logprob", invalid, "virtual_teacher: correct_prob is 1, with");
    refuse(y, 3, "virtual_logits=odds", invalid, "allowed is prob|logprob|raw");
    refuse(y, 3, "dtype=int32", invalid, "allowed is float32|float64");
    refuse(y, 3, "corect_prob=0.9", invalid, "did you mean \"correct_prob\"?");
    expect_failure(kdst_virtual_teacher_create(ctx, y, 3, NULL, NULL), invalid, "out is NULL");
    ck_assert_int_eq(kdst_virtual_teacher_create(NULL, y, 3, NULL, &out), invalid);
    ck_assert_ptr_null(out);
    kdst_tensor *all[] = {y, below, above, far, real, square};
    for (int i = 0; i < 6; i++)
        kdst_tensor_release(all[i]);
    kdst_context_release(other);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_formula, 0, (int)(sizeof settings / sizeof *settings));
    tcase_add_test(tests, test_defaults);
    tcase_add_test(tests, test_certain);
    tcase_add_loop_test(tests, test_is_what_the_loss_uses, 0, 2);
    tcase_add_test(tests, test_label_views);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("virtual teacher", build);
}
