/* SPDX-License-Identifier: Apache-2.0 */
/* The loss cross_entropy: mean over the rows by their labels' weights, ignored labels left out.
 *
 *     value = sum_b l_b / sum_b w[y_b],   l_b = (1 - e) w[y_b] (-log p[y_b]) + (e / K) sum_k w[k] (-log p[k])
 *
 * Without weights and ignored labels it is the fused pass of all losses; with them, that of kdst_cross_entropy_loss.
 */
#include "autograd/ops.h"
#include "compute/class_loss.h"
#include "nn/loss.h"

#include <string.h>

#define MOST 4096 /* class weights */

typedef struct config {
    double class_weights[MOST];
    int64_t class_weights_count, ignore_index;
    double label_smoothing;
} config;

static const kdst__option options_table[] = {
    KDST__FLOATS_UPTO(config, class_weights, MOST, 0, INFINITY, "a weight for each class; none: 1"),
    KDST__INT(config, ignore_index, -100, INT32_MIN, INT32_MAX, "samples with this label count for nothing"),
    KDST__FLOAT(config, label_smoothing, 0, 0, 1, "share of the target that is spread over all classes"),
};
const kdst__schema kdst__schema_loss_cross_entropy = {
    "loss.cross_entropy", options_table, KDST__COUNT(options_table), NULL, 0};

/* The configuration has room for all weights: not on the stack. */
static kdst_status create(kdst_context *ctx, config *c, const kdst_options *options, kdst_loss **out)
{
    kdst_loss *loss = NULL;
    kdst_status status = kdst__options_parse(ctx, "cross_entropy", &kdst__schema_loss_cross_entropy, options, c);
    const kdst__loss_config plain = {
        .name = "cross_entropy", .temperature = 1, .student_temperature = 1, .epsilon = c->label_smoothing};
    if (!status) status = kdst__loss_new(ctx, &plain, &loss);
    if (status) return status;
    loss->classes.enabled = true;
    loss->classes.ignore_index = c->ignore_index;
    if (c->class_weights_count > 0) {
        const size_t bytes = (size_t)c->class_weights_count * sizeof(double);
        loss->classes.weight = kdst__alloc(kdst__context_memory(ctx), bytes);
        if (!loss->classes.weight) {
            kdst__handle_release(loss);
            return kdst__fail_memory(ctx, "cross_entropy");
        }
        loss->classes.count = c->class_weights_count;
        memcpy(loss->classes.weight, c->class_weights, bytes);
    }
    *out = loss;
    return KDST_STATUS_OK;
}

kdst_status kdst_loss_cross_entropy_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "cross_entropy: out is NULL");
    config *c = kdst__alloc_zero(kdst__context_memory(ctx), sizeof *c);
    if (!c) return kdst__fail_memory(ctx, "cross_entropy");
    kdst_status status = create(ctx, c, options, out);
    kdst__free(kdst__context_memory(ctx), c, sizeof *c);
    return status;
}

kdst_status kdst__loss_classes_check(const kdst_loss *loss, const kdst_tensor *student)
{
    const kdst__loss_classes *c = &loss->classes;
    char text[KDST__SHAPE_TEXT];
    if (!c->weight || c->count == student->shape[1]) return KDST_STATUS_OK;
    return kdst__fail(
        loss->base.ctx, KDST_STATUS_SHAPE, "%s: class_weights has %lld elements, student logits are %s",
        loss->config.name, (long long)c->count, kdst__shape_text(student->rank, student->shape, text));
}

bool kdst__loss_classes_apply(const kdst_loss *loss, const kdst_tensor *labels)
{
    const kdst__loss_classes *c = &loss->classes;
    if (!c->enabled) return false;
    const int32_t *values = kdst__tensor_data(labels);
    bool apply = c->weight != NULL;
    for (int64_t i = 0; i < labels->shape[0] && !apply; i++)
        apply = values[i] == c->ignore_index;
    return apply;
}

kdst_status kdst__loss_classes_run(
    const kdst_loss *loss, const kdst_tensor *student, const kdst_tensor *labels, double *value, kdst_tensor *grad)
{
    const char *name = loss->config.name;
    const int64_t n = student->shape[0], k = student->shape[1];
    kdst__compute *cp = kdst__tensor_compute(student);
    kdst_tensor *l = NULL;
    kdst__class_loss rows = {
        .outer = n,
        .k = k,
        .inner = 1,
        .labels = kdst__tensor_data(labels),
        .ignore_index = loss->classes.ignore_index,
        .weight = loss->classes.weight,
        .weight_sum = loss->classes.weight ? 0 : (double)k,
        .smoothing = loss->config.epsilon};
    for (int64_t i = 0; i < loss->classes.count; i++)
        rows.weight_sum += loss->classes.weight[i];
    kdst_status status = kdst__tensor_new_like(name, student, false, &l);
    if (status) return status;
    double sum, total;
    kdst__log_softmax(cp, l->dtype, n, k, 1, kdst__tensor_data(student), kdst__tensor_data(l));
    kdst__class_loss_value(cp, l->dtype, &rows, kdst__tensor_data(l), NULL, &sum, &total);
    *value = sum / total;
    if (grad) {
        void *p = kdst__tensor_data(l), *to = kdst__tensor_data(grad);
        kdst__softmax(cp, l->dtype, n, k, 1, kdst__tensor_data(student), p);
        kdst__fill(cp, grad->dtype, n * k, 0, to);
        kdst__class_loss_softmax_backward(cp, l->dtype, &rows, p, 1 / total, NULL, to);
    }
    kdst__handle_release(l);
    return KDST_STATUS_OK;
}
