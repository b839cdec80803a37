/* SPDX-License-Identifier: Apache-2.0 */
/* See support.h. */
#include "support.h"

#define KD REFERENCE_KD
#define REG REFERENCE_REG

const loss_row loss_rows[] = {
    {"cross_entropy", kdst_loss_cross_entropy_create, "", {.kind = REFERENCE_CE}},
    {"lsr", kdst_loss_lsr_create, "", {.kind = REFERENCE_LSR, .epsilon = 0.1}},
    {"lsr 0.3 others",
     kdst_loss_lsr_create,
     "epsilon=0.3 smoothing=others",
     {.kind = REFERENCE_LSR, .epsilon = 0.3, .others = 1}},
    {"lsr 1", kdst_loss_lsr_create, "epsilon=1", {.kind = REFERENCE_LSR, .epsilon = 1}},
    {"lsr 1 others",
     kdst_loss_lsr_create,
     "epsilon=1 smoothing=others",
     {.kind = REFERENCE_LSR, .epsilon = 1, .others = 1}},
    {"kd", kdst_loss_kd_create, "", {.kind = KD, .alpha = 0.5, .temperature = 4, .multiplier = 1, .t_squared = 1}},
    {"kd T=1",
     kdst_loss_kd_create,
     "alpha=0.9 temperature=1",
     {.kind = KD, .alpha = 0.9, .temperature = 1, .multiplier = 1, .t_squared = 1}},
    {"kd mean",
     kdst_loss_kd_create,
     "alpha=0.95 temperature=20 reduction=elementmean",
     {.kind = KD, .alpha = 0.95, .temperature = 20, .multiplier = 1, .t_squared = 1, .element_mean = 1}},
    {"kd alone",
     kdst_loss_kd_create,
     "alpha=1 temperature=2.5 t_squared=0",
     {.kind = KD, .alpha = 1, .temperature = 2.5, .multiplier = 1}},
    {"kd cold",
     kdst_loss_kd_create,
     "alpha=0.25 temperature=0.5",
     {.kind = KD, .alpha = 0.25, .temperature = 0.5, .multiplier = 1, .t_squared = 1}},
    {"self",
     kdst_loss_tfkd_self_create,
     "multiplier=50 temperature=6 alpha=0.95 reduction=elementmean",
     {.kind = KD, .alpha = 0.95, .temperature = 6, .multiplier = 50, .t_squared = 1, .element_mean = 1}},
    {"self default",
     kdst_loss_tfkd_self_create,
     "",
     {.kind = KD, .alpha = 0.5, .temperature = 4, .multiplier = 1, .t_squared = 1}},
    {"reg",
     kdst_loss_tfkd_reg_create,
     "",
     {.kind = REG, .alpha = 0.1, .temperature = 20, .multiplier = 1, .correct_prob = 0.99}},
    {"reg official",
     kdst_loss_tfkd_reg_create,
     "preset=official multiplier=100 alpha=0.3",
     {.kind = REG, .alpha = 0.3, .temperature = 20, .multiplier = 100, .correct_prob = 0.99, .element_mean = 1}},
    {"reg softened",
     kdst_loss_tfkd_reg_create,
     "soften_student=1 t_squared=1 alpha=0.6 correct_prob=0.9 temperature=3",
     {.kind = REG, .alpha = 0.6, .temperature = 3, .multiplier = 1, .correct_prob = 0.9, .t_squared = 1, .soften = 1}},
    {"reg logprob",
     kdst_loss_tfkd_reg_create,
     "virtual_logits=logprob alpha=0.5 correct_prob=0.9",
     {.kind = REG, .alpha = 0.5, .temperature = 20, .multiplier = 1, .correct_prob = 0.9, .logprob = 1}},
    {"reg logprob softened",
     kdst_loss_tfkd_reg_create,
     "virtual_logits=logprob alpha=1 correct_prob=0.05 soften_student=1 temperature=2",
     {.kind = REG, .alpha = 1, .temperature = 2, .multiplier = 1, .correct_prob = 0.05, .soften = 1, .logprob = 1}},
    {"reg certain",
     kdst_loss_tfkd_reg_create,
     "correct_prob=1 alpha=0.7 temperature=1",
     {.kind = REG, .alpha = 0.7, .temperature = 1, .multiplier = 1, .correct_prob = 1}},
};
const int loss_row_count = (int)(sizeof loss_rows / sizeof *loss_rows);

static kdst_tensor *tensor_of(kdst_context *in, kdst_dtype dtype, int64_t b, int64_t k, const double *values)
{
    kdst_tensor *wide = NULL, *out = NULL;
    expect_ok(kdst_tensor_create_from(in, F64, SHAPE(b, k), values, &wide));
    expect_ok(kdst_tensor_copy(wide, dtype, &out));
    kdst_tensor_release(wide);
    return out;
}

/* Takes over s, t and y; s and t become what the type holds of them. */
static loss_batch batch_with(kdst_context *in, kdst_dtype dtype, int64_t b, int64_t k, double *s, double *t, int32_t *y)
{
    loss_batch batch = {dtype, b, k, s, t, y, tensor_of(in, dtype, b, k, s), t ? tensor_of(in, dtype, b, k, t) : NULL,
                        NULL};
    for (int64_t i = 0; dtype == F32 && i < b * k; i++) {
        s[i] = (double)(float)s[i];
        if (t) t[i] = (double)(float)t[i];
    }
    expect_ok(kdst_tensor_create_from(in, KDST_DTYPE_INT32, 1, &b, y, &batch.labels));
    return batch;
}

loss_batch batch_of(kdst_context *in, kdst_dtype dtype, int64_t b, int64_t k, double scale, int seed)
{
    double *s = malloc((size_t)(b * k) * sizeof *s), *t = malloc((size_t)(b * k) * sizeof *t);
    int32_t *y = malloc((size_t)b * sizeof *y);
    ck_assert(s && t && y);
    for (int64_t i = 0; i < b * k; i++) {
        s[i] = scale * number(i, seed);
        t[i] = scale * number(i, seed + 1);
    }
    for (int64_t i = 0; i < b; i++)
        y[i] = (int32_t)((i * 7 + seed) % k);
    return batch_with(in, dtype, b, k, s, t, y);
}

static void *copy_of(const void *from, size_t bytes)
{
    void *to = malloc(bytes);
    ck_assert_ptr_nonnull(to);
    return memcpy(to, from, bytes);
}

loss_batch batch_from(kdst_dtype dtype, int64_t b, int64_t k, const double *s, const double *t, const int32_t *y)
{
    size_t bytes = (size_t)(b * k) * sizeof *s;
    return batch_with(
        ctx, dtype, b, k, copy_of(s, bytes), t ? copy_of(t, bytes) : NULL, copy_of(y, (size_t)b * sizeof *y));
}

void batch_free(loss_batch *batch)
{
    kdst_tensor_release(batch->student);
    kdst_tensor_release(batch->teacher);
    kdst_tensor_release(batch->labels);
    free(batch->s);
    free(batch->t);
    free(batch->y);
}

kdst_options *options_of(const char *text)
{
    kdst_options *options = NULL;
    char name[64], value[64];
    int used = 0;
    expect_ok(kdst_options_create(&options));
    for (; sscanf(text, " %63[^=]=%63s%n", name, value, &used) == 2; text += used) {
        char *end;
        double v = strtod(value, &end);
        static const char *const whole[] = {"t_squared", "soften_student", "average", "relu", "batch_norm", "bias"};
        bool is_whole = false;
        for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
            is_whole = is_whole || !strcmp(name, whole[i]);
        if (is_whole)
            expect_ok(kdst_options_set_int(options, name, (int64_t)v));
        else if (!*end)
            expect_ok(kdst_options_set_float(options, name, v));
        else
            expect_ok(kdst_options_set_string(options, name, value));
    }
    return options;
}

kdst_loss *make_loss(kdst_context *in, loss_create_fn create, const char *text)
{
    kdst_options *options = options_of(text);
    kdst_loss *loss = NULL;
    kdst_status status = create(in, options, &loss);
    ck_assert_msg(!status, "\"%s\": %s", text, kdst_context_message(in));
    kdst_options_release(options);
    return loss;
}

loss_result run_loss(kdst_loss *loss, loss_batch *batch)
{
    loss_result r = {0};
    kdst_tensor *grad = NULL, *value = NULL, *teacher = kdst_loss_needs_teacher(loss) ? batch->teacher : NULL;
    expect_ok(kdst_tensor_copy(batch->student, 0, &grad));
    expect_ok(kdst_loss_compute(loss, batch->student, teacher, batch->labels, &r.value, grad));
    r.grad = doubles(grad);
    kdst_tensor_release(grad);
    expect_ok(kdst_tensor_set_requires_grad(batch->student, 1));
    expect_ok(kdst_tensor_clear_grad(batch->student));
    expect_ok(kdst_loss_run(loss, batch->student, teacher, batch->labels, &value));
    ck_assert_int_eq(kdst_tensor_get_rank(value), 0);
    ck_assert_int_eq(kdst_tensor_get_dtype(value), batch->dtype);
    expect_ok(kdst_tensor_get_value(value, &r.recorded_value));
    expect_ok(kdst_backward(value, NULL, NULL));
    grad = grad_of(batch->student);
    r.recorded_grad = doubles(grad);
    kdst_tensor_release(grad);
    kdst_tensor_release(value);
    return r;
}

void result_free(loss_result *result)
{
    free(result->grad);
    free(result->recorded_grad);
}

void expect_near(double got, double want, double tolerance, const char *what)
{
    ck_assert_msg(
        fabs(got - want) <= tolerance * fabs(want), "%s is %.17g, expected %.17g: off by %.2g, allowed is %.2g", what,
        got, want, fabs(got - want), tolerance * fabs(want));
}

void expect_formula(const loss_row *row, loss_batch *batch, double tolerance)
{
    int64_t count = batch->b * batch->k;
    double largest = 0, rounding = batch->dtype == F32 ? ROUNDED_TOLERANCE : 0;
    kdst_loss *loss = make_loss(ctx, row->create, row->options);
    loss_result r = run_loss(loss, batch);
    long double *grad = malloc((size_t)count * sizeof *grad);
    double want = (double)reference_distill(&row->reference, batch->b, batch->k, batch->s, batch->t, batch->y, grad);
    expect_near(r.value, want, tolerance, row->name);
    expect_near(r.recorded_value, want, tolerance + rounding, row->name);
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)grad[i]));
    for (int64_t i = 0; i < count; i++) {
        double g = (double)grad[i], allowed = tolerance * largest + rounding * fabs(g);
        ck_assert_msg(
            fabs(r.grad[i] - g) <= allowed && fabs(r.recorded_grad[i] - g) <= allowed,
            "%s, %dx%d: gradient %d is %.17g and recorded %.17g, expected %.17g", row->name, (int)batch->b,
            (int)batch->k, (int)i, r.grad[i], r.recorded_grad[i], g);
    }
    free(grad);
    result_free(&r);
    kdst_loss_release(loss);
}

void expect_same(const loss_result *a, const loss_result *b, int64_t count)
{
    ck_assert(!memcmp(&a->value, &b->value, sizeof(double)));
    ck_assert(!memcmp(&a->recorded_value, &b->recorded_value, sizeof(double)));
    ck_assert(!memcmp(a->grad, b->grad, (size_t)count * sizeof(double)));
    ck_assert(!memcmp(a->recorded_grad, b->recorded_grad, (size_t)count * sizeof(double)));
}
