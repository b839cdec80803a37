/* SPDX-License-Identifier: Apache-2.0 */
/* System "distillation", training: a linear classifier, logits = x W^T + b, one batch a step, SGD on W and b.
 *
 * Each run is made twice: with the recorded loss, and with the direct loss' gradient fed into kdst_backward.
 */
#include "distillation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A linear classifier, its constant teacher, and what it is trained with and should become. */
typedef struct training {
    array x, labels, w0, b0, teacher_w, teacher_b, w, b;
    const double *losses; /* [steps] */
    tolerance t;
    kdst_loss *loss;
    kdst_options *sgd;
} training;

static kdst_layer *make_linear(run *r, verdict *v, const array *w, const array *b)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_tensor *weight = NULL, *bias = NULL;
    bool made = !kdst_options_create(&options) && !kdst_options_set_string(options, "dtype", "float64");
    if (made &&
        check(v, r->ctx, kdst_layer_linear_create(r->ctx, w->shape[1], w->shape[0], options, &layer), "linear") &&
        check(v, r->ctx, kdst_layer_find(layer, "weight", &weight), "linear") &&
        check(v, r->ctx, kdst_layer_find(layer, "bias", &bias), "linear") &&
        check(v, r->ctx, kdst_tensor_set(weight, w->tensor), "linear"))
        check(v, r->ctx, kdst_tensor_set(bias, b->tensor), "linear");
    if (!made) problem(v, "linear: out of memory");
    kdst_options_release(options);
    return layer;
}

/* Entry i along the first axis. */
static kdst_tensor *entry(run *r, verdict *v, const array *a, int64_t i)
{
    kdst_tensor *slice = NULL, *out = NULL;
    if (check(v, r->ctx, kdst_slice(a->tensor, 0, i, i + 1, 1, &slice), "slice"))
        check(v, r->ctx, kdst_reshape(slice, a->rank - 1, a->shape + 1, &out), "reshape");
    kdst_tensor_release(slice);
    return out;
}

/* The loss before step i, by the record or directly, and the backward pass. */
static void
train_step(run *r, verdict *v, const training *t, kdst_layer *student, kdst_layer *teacher, int64_t i, bool recorded)
{
    kdst_tensor *x = entry(r, v, &t->x, i), *labels = entry(r, v, &t->labels, i);
    kdst_tensor *s = NULL, *z = NULL, *loss = NULL, *grad = NULL;
    double value = NAN;
    char name[64];
    snprintf(name, sizeof name, "losses[%lld] (%s)", (long long)i, recorded ? "recorded" : "direct");
    bool ready = sound(v) && check(v, r->ctx, kdst_layer_run(student, x, &s), "forward") &&
        (!teacher || check(v, r->ctx, kdst_layer_run(teacher, x, &z), "teacher"));
    if (ready && recorded) {
        if (check(v, r->ctx, kdst_loss_run(t->loss, s, z, labels, &loss), "loss_run") &&
            check(v, r->ctx, kdst_tensor_get_value(loss, &value), "loss_run"))
            check(v, r->ctx, kdst_backward(loss, NULL, NULL), "backward");
    } else if (ready && check(v, r->ctx, kdst_tensor_copy(s, 0, &grad), "gradient")) {
        if (check(v, r->ctx, kdst_loss_compute(t->loss, s, z, labels, &value, grad), "loss_compute"))
            check(v, r->ctx, kdst_backward(s, grad, NULL), "backward");
    }
    compare_number(v, name, t->t, value, t->losses[i]);
    kdst_tensor_release(grad);
    kdst_tensor_release(loss);
    kdst_tensor_release(z);
    kdst_tensor_release(s);
    kdst_tensor_release(labels);
    kdst_tensor_release(x);
}

static void train(run *r, verdict *v, const training *t, bool recorded)
{
    kdst_layer *student = make_linear(r, v, &t->w0, &t->b0), *teacher = NULL;
    kdst_optimizer *sgd = NULL;
    kdst_tensor *w = NULL, *b = NULL;
    if (kdst_loss_needs_teacher(t->loss)) teacher = make_linear(r, v, &t->teacher_w, &t->teacher_b);
    if (sound(v) && check(v, r->ctx, kdst_optimizer_sgd_create(r->ctx, t->sgd, &sgd), "sgd"))
        check(v, r->ctx, kdst_optimizer_add_layer(sgd, student), "sgd");
    for (int64_t i = 0; sound(v) && i < t->x.shape[0]; i++) {
        train_step(r, v, t, student, teacher, i, recorded);
        if (sound(v) && check(v, r->ctx, kdst_optimizer_run(sgd), "sgd"))
            check(v, r->ctx, kdst_optimizer_clear_grads(sgd), "sgd");
    }
    if (sound(v) && check(v, r->ctx, kdst_layer_find(student, "weight", &w), "w") &&
        check(v, r->ctx, kdst_layer_find(student, "bias", &b), "b")) {
        compare_tensor(v, r->ctx, "w", t->t, t->w.rank, t->w.shape, w, t->w.values);
        compare_tensor(v, r->ctx, "b", t->t, t->b.rank, t->b.shape, b, t->b.values);
    }
    kdst_optimizer_release(sgd);
    kdst_layer_release(teacher);
    kdst_layer_release(student);
}

static void training_inputs(run *r, fields *f, training *t)
{
    const int64_t any[3] = {ANY_SIZE, ANY_SIZE, ANY_SIZE};
    fields inputs;
    fields_open(&inputs, f->v, fields_get(f, "inputs"), "inputs");
    array_get(r, &inputs, "x", KDST_DTYPE_FLOAT64, 3, any, &t->x);
    array_get(r, &inputs, "labels", KDST_DTYPE_INT32, 2, t->x.shape, &t->labels);
    const int64_t weight[2] = {ANY_SIZE, t->x.shape[2]};
    array_get(r, &inputs, "w0", KDST_DTYPE_FLOAT64, 2, weight, &t->w0);
    array_get(r, &inputs, "b0", KDST_DTYPE_FLOAT64, 1, t->w0.shape, &t->b0);
    if (kdst_loss_needs_teacher(t->loss) || fields_find(&inputs, "teacher_w")) {
        array_get(r, &inputs, "teacher_w", KDST_DTYPE_FLOAT64, 2, t->w0.shape, &t->teacher_w);
        array_get(r, &inputs, "teacher_b", KDST_DTYPE_FLOAT64, 1, t->w0.shape, &t->teacher_b);
    }
    fields_close(&inputs);
}

static void training_sgd(fields *f, training *t)
{
    settings s = {NULL, kdst_options_create(&s.options)};
    fields sgd;
    fields_open(&sgd, f->v, fields_get(f, "sgd"), "sgd");
    set_float(&s, "learning_rate", fields_number(&sgd, "lr"));
    set_float(&s, "momentum", fields_number_or(&sgd, "momentum", 0));
    set_float(&s, "weight_decay", fields_number_or(&sgd, "weight_decay", 0));
    set_int(&s, "nesterov", fields_flag_or(&sgd, "nesterov", false));
    fields_close(&sgd);
    if (s.status) problem(f->v, "sgd: %s", kdst_status_name(s.status));
    t->sgd = s.options;
}

/* Returns the losses, freed by the caller. */
static double *training_expected(run *r, fields *f, training *t)
{
    fields expect;
    fields_open(&expect, f->v, fields_get(f, "expect"), "expect");
    const cJSON *list = fields_get(&expect, "losses"), *item;
    double *losses = malloc(sizeof *losses * (size_t)(t->x.shape[0] + 1));
    int64_t count = 0;
    if (!losses || !cJSON_IsArray(list) || cJSON_GetArraySize(list) != t->x.shape[0])
        problem(f->v, "expect.losses is no list of %lld numbers", (long long)t->x.shape[0]);
    else
        cJSON_ArrayForEach(item, list)
        {
            if (!cJSON_IsNumber(item)) problem(f->v, "expect.losses[%lld] is no number", (long long)count);
            losses[count++] = item->valuedouble;
        }
    array_get(r, &expect, "w", KDST_DTYPE_FLOAT64, 2, t->w0.shape, &t->w);
    array_get(r, &expect, "b", KDST_DTYPE_FLOAT64, 1, t->w0.shape, &t->b);
    fields_close(&expect);
    return losses;
}

void run_training_case(run *r, verdict *v, fields *f)
{
    training t = {.t = fields_tolerance_of(f, "tol", NULL), .loss = make_loss(r, v, f)};
    training_inputs(r, f, &t);
    training_sgd(f, &t);
    double *losses = training_expected(r, f, &t);
    t.losses = losses;
    fields_close(f);
    if (sound(v)) train(r, v, &t, true);
    if (sound(v)) train(r, v, &t, false);
    array *arrays[] = {&t.x, &t.labels, &t.w0, &t.b0, &t.teacher_w, &t.teacher_b, &t.w, &t.b};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        array_free(arrays[i]);
    free(losses);
    kdst_loss_release(t.loss);
    kdst_options_release(t.sgd);
}
