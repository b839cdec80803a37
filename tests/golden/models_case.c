/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, labels and loss of a case of the system "models".
 *
 * `num_classes` is a number, or a list for a network with several outputs, each a map of logits. `input_shape` is [N, C, H, W], or
 * {T, N, V} for pairs of sentences. `labels` has one list for each output.
 */
#include "models.h"

#include <stdlib.h>

static void read_classes(model_case *c, const cJSON *item)
{
    c->listed = cJSON_IsArray(item);
    if (c->listed) {
        int64_t shape[MAX_RANK];
        if (cJSON_GetArraySize(item) > MODEL_TASKS) {
            problem(c->v, "num_classes: more than %d outputs", MODEL_TASKS);
            return;
        }
        c->tasks = read_shape(c->v, item, "num_classes", shape);
        for (int64_t i = 0; i < c->tasks; i++)
            c->classes[i] = shape[i];
        if (c->tasks < 1) problem(c->v, "num_classes is empty");
        return;
    }
    c->tasks = 1;
    if (!cJSON_IsNumber(item) || item->valuedouble != item->valueint || item->valueint < 1)
        problem(c->v, "num_classes: a whole number or a list is expected");
    else
        c->classes[0] = item->valueint;
}

static void read_input(model_case *c, fields *f, const cJSON *item)
{
    if (cJSON_IsObject(item)) {
        fields s;
        fields_open(&s, f->v, item, "input_shape");
        c->input_shape[0] = fields_whole(&s, "T");
        c->input_shape[1] = fields_whole(&s, "N");
        c->vocabulary = fields_whole(&s, "V");
        fields_close(&s);
        if (c->input_shape[0] < 1 || c->input_shape[0] > 1 << 16 || c->input_shape[1] != c->batch)
            problem(c->v, "input_shape: T of at least 1 and N like the batch are expected");
        if (c->vocabulary < 3 || c->vocabulary > INT32_MAX) problem(c->v, "input_shape: V is at least 3");
        return;
    }
    if (read_shape(c->v, item, "input_shape", c->input_shape) != 4 || c->input_shape[0] != c->batch)
        problem(c->v, "input_shape: a batch of images is expected");
}

/* One list of labels for each output. */
static void read_labels(model_case *c, const cJSON *tasks)
{
    if (!cJSON_IsArray(tasks) || cJSON_GetArraySize(tasks) != c->tasks) {
        problem(c->v, "labels: %lld lists are expected", (long long)c->tasks);
        return;
    }
    for (int64_t t = 0; t < c->tasks; t++) {
        const cJSON *list = cJSON_GetArrayItem(tasks, (int)t), *item;
        int64_t i = 0;
        c->labels[t] = calloc((size_t)c->batch + 1, sizeof **c->labels);
        if (!c->labels[t] || !cJSON_IsArray(list) || cJSON_GetArraySize(list) != c->batch) {
            problem(c->v, "labels: a list of %lld labels is expected", (long long)c->batch);
            return;
        }
        cJSON_ArrayForEach(item, list)
        {
            if (!cJSON_IsNumber(item) || item->valuedouble != (double)item->valueint)
                problem(c->v, "labels: not whole numbers");
            c->labels[t][i++] = item->valueint;
        }
    }
}

void model_read(model_case *c, fields *f)
{
    double seed = fields_number(f, "seed");
    c->batch = fields_whole(f, "batch");
    c->g = fields_number(f, "g");
    c->seed = seed >= 0 && seed <= UINT32_MAX ? (uint32_t)seed : 0;
    c->parameter_count = fields_whole(f, "trainable_parameters");
    const cJSON *labels = fields_get(f, "labels");
    if (c->seed != seed) problem(c->v, "the seed is no 32-bit number");
    if (!(c->g > 0)) problem(c->v, "g is not positive");
    if (c->batch > 1 << 16) problem(c->v, "the batch is too large");
    read_classes(c, fields_get(f, "num_classes"));
    read_input(c, f, fields_get(f, "input_shape"));
    if (sound(c->v)) read_labels(c, labels);
}

/* ---- the loss ---- */

/* [N, K, H, W] as rows of logits [N H W, K]; other shapes as they are. */
static kdst_tensor *rows_of(model_case *c, kdst_tensor *logits)
{
    const int64_t axes[] = {0, 2, 3, 1};
    kdst_context *ctx = c->r->ctx;
    kdst_tensor *turned = NULL, *rows = NULL;
    if (kdst_tensor_get_rank(logits) != 4) {
        kdst_tensor_retain(logits);
        return logits;
    }
    const int64_t k = kdst_tensor_get_size(logits, 1), shape[2] = {kdst_tensor_get_count(logits) / (k ? k : 1), k};
    if (check(c->v, ctx, kdst_permute(logits, axes, 4, &turned), "loss"))
        check(c->v, ctx, kdst_reshape(turned, 2, shape, &rows), "loss");
    kdst_tensor_release(turned);
    return rows;
}

/* Cross-entropy of one output; each row of an image has its label. */
static kdst_tensor *task_loss(model_case *c, kdst_tensor *logits, const int32_t *labels)
{
    kdst_context *ctx = c->r->ctx;
    kdst_tensor *rows = rows_of(c, logits), *targets = NULL, *value = NULL;
    kdst_loss *loss = NULL;
    int64_t count = rows ? kdst_tensor_get_size(rows, 0) : 0;
    int32_t *repeated = calloc((size_t)count + 1, sizeof *repeated);
    if (!repeated) problem(c->v, "out of memory");
    if (count % c->batch)
        problem(c->v, "the output has %lld rows for %lld samples", (long long)count, (long long)c->batch);
    if (sound(c->v)) {
        for (int64_t i = 0; i < count; i++)
            repeated[i] = labels[i / (count / c->batch)];
        if (check(c->v, ctx, kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &count, repeated, &targets), "labels") &&
            check(c->v, ctx, kdst_loss_cross_entropy_create(ctx, NULL, &loss), "loss"))
            check(c->v, ctx, kdst_loss_run(loss, rows, NULL, targets, &value), "loss");
    }
    free(repeated);
    kdst_loss_release(loss);
    kdst_tensor_release(targets);
    kdst_tensor_release(rows);
    return value;
}

kdst_tensor *model_loss(model_case *c, kdst_tensor *const *logits)
{
    kdst_tensor *sum = task_loss(c, logits[0], c->labels[0]);
    for (int64_t t = 1; t < c->tasks && sum; t++) {
        kdst_tensor *next = task_loss(c, logits[t], c->labels[t]), *both = NULL;
        if (next) check(c->v, c->r->ctx, kdst_add(sum, next, &both), "loss");
        kdst_tensor_release(next);
        kdst_tensor_release(sum);
        sum = both;
    }
    return sum;
}
