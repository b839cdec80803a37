/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan leaves out: batch norms, and copies for ReLU and sums.
 *
 * A batch norm in evaluation mode behind a convolution or an affine map that nobody else reads:
 *   gamma (W x + b - mean) / sqrt(var + eps) + beta = W' x + b',  W'[o] = s_o W[o],  b'_o = s_o (b_o - mean_o) + beta_o,
 *   s_o = gamma_o / sqrt(var_o + eps); computed in double.
 * A ReLU or ReLU6 on a result that nobody else reads works on it; so does a sum on its first operand.
 */
#include "nn/frozen.h"

#include <math.h>
#include <string.h>

enum { BN_X, BN_GAMMA, BN_BETA, BN_MEAN, BN_VAR, BN_ADDEND };

static bool is(const kdst__step *step, const char *name)
{
    return !step->dropped && strcmp(step->op->name, name) == 0;
}

static int64_t *input(const kdst__plan *plan, const kdst__step *step, int32_t i)
{
    return i < step->count ? &plan->inputs[step->first_input + i] : NULL;
}

static kdst_tensor *weight(const kdst__plan *plan, const kdst__step *step, int32_t i)
{
    const int64_t *slot = input(plan, step, i);
    return slot == NULL || *slot < 0 ? NULL : plan->slots[*slot].weight;
}

/* How often a slot is read; outputs of the network count. */
static int64_t uses(const kdst__plan *plan, int64_t slot)
{
    int64_t count = 0;
    for (int64_t i = 0; i < plan->step_count; i++)
        for (int32_t k = 0; k < plan->steps[i].count && !plan->steps[i].dropped; k++)
            count += plan->inputs[plan->steps[i].first_input + k] == slot;
    for (int64_t i = 0; i < plan->step_count; i++)
        count += plan->steps[i].sum > 0 && plan->steps[i].addend == slot;
    for (int64_t i = 0; i < plan->output_count; i++)
        count += plan->outputs[i] == slot;
    return count;
}

/* The step whose result a slot is, or NULL. */
static kdst__step *source(const kdst__plan *plan, int64_t slot)
{
    for (int64_t i = 0; i < plan->step_count; i++)
        if (!plan->steps[i].dropped && plan->steps[i].output == slot) return &plan->steps[i];
    return NULL;
}

/* ---- batch norm ---- */

static double value_at(const kdst_tensor *t, int64_t i, double otherwise)
{
    if (t == NULL) return otherwise;
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static void put(kdst_tensor *t, int64_t i, double value)
{
    void *data = kdst__tensor_data(t);
    if (t->dtype == KDST_DTYPE_FLOAT32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

/* A batch norm of known numbers behind a product of known weights. */
static bool can_fold(const kdst__plan *plan, const kdst__step *bn, const kdst__step *product)
{
    const kdst__option *training = &bn->op->attr_schema->options[0];
    if (product == NULL || (!is(product, "conv2d") && !is(product, "linear")) || product->activation) return false;
    if (product->op == &kdst__op_conv2d_relu || bn->op != &kdst__op_batch_norm) return false;
    if (*(const int64_t *)((const char *)bn->attrs + training->offset) != 0 || uses(plan, product->output) != 1)
        return false;
    const int64_t *bias = input(plan, product, 2), *addend = input(plan, bn, BN_ADDEND);
    if (addend != NULL && *addend >= 0) return false;
    if (weight(plan, product, 1) == NULL || (bias != NULL && *bias >= 0 && weight(plan, product, 2) == NULL))
        return false;
    for (int32_t i = BN_GAMMA; i <= BN_VAR; i++) {
        const int64_t *slot = input(plan, bn, i);
        if (slot != NULL && *slot >= 0 && weight(plan, bn, i) == NULL) return false;
    }
    return product->count == 3;
}

static double eps_of(const kdst__step *bn)
{
    for (int32_t i = 0; i < bn->op->attr_schema->count; i++)
        if (strcmp(bn->op->attr_schema->options[i].name, "eps") == 0)
            return *(const double *)((const char *)bn->attrs + bn->op->attr_schema->options[i].offset);
    return 0;
}

/* New weights take the slots of gamma and mean, which only this batch norm may read: they are copies by then. */
static kdst_status fold(kdst__plan *plan, kdst__step *bn, kdst__step *product, int64_t spare)
{
    kdst_tensor *w = weight(plan, product, 1), *b = weight(plan, product, 2), *to_w = NULL, *to_b = NULL;
    kdst_tensor *mean = weight(plan, bn, BN_MEAN), *var = weight(plan, bn, BN_VAR);
    const double eps = eps_of(bn);
    int64_t rows = w->shape[0], row = rows > 0 ? kdst__tensor_count(w) / rows : 0;
    kdst_status status = kdst__tensor_new_like("frozen", w, false, &to_w);
    if (status == KDST_STATUS_OK) status = kdst__tensor_new(plan->base.ctx, "frozen", w->dtype, 1, &rows, false, &to_b);
    if (status != KDST_STATUS_OK) {
        kdst__handle_release(to_w);
        return status;
    }
    for (int64_t o = 0; o < rows; o++) {
        double s = value_at(weight(plan, bn, BN_GAMMA), o, 1) / sqrt(value_at(var, o, 1) + eps);
        for (int64_t k = 0; k < row; k++)
            put(to_w, o * row + k, s * value_at(w, o * row + k, 0));
        put(to_b, o, s * (value_at(b, o, 0) - value_at(mean, o, 0)) + value_at(weight(plan, bn, BN_BETA), o, 0));
    }
    plan->slots[spare] = (kdst__slot_info){.dtype = w->dtype, .rank = w->rank, .last_use = -1, .weight = to_w};
    memcpy(plan->slots[spare].shape, w->shape, sizeof w->shape);
    plan->slots[spare + 1] =
        (kdst__slot_info){.dtype = w->dtype, .rank = 1, .shape = {rows}, .last_use = -1, .weight = to_b};
    *input(plan, product, 1) = spare;
    *input(plan, product, 2) = spare + 1;
    product->output = bn->output;
    bn->dropped = true;
    return KDST_STATUS_OK;
}

/* Two slots more for each batch norm that will be folded. */
static kdst_status fold_all(kdst__plan *plan)
{
    kdst__memory *memory = kdst__context_memory(plan->base.ctx);
    int64_t spare = plan->slot_count, wanted = 0;
    for (int64_t i = 0; i < plan->step_count; i++)
        wanted += is(&plan->steps[i], "batch_norm");
    kdst__slot_info *slots = kdst__realloc(
        memory, plan->slots, (size_t)plan->slot_count * sizeof *slots,
        (size_t)(plan->slot_count + 2 * wanted) * sizeof *slots);
    if (slots == NULL) return kdst__fail_memory(plan->base.ctx, "frozen");
    memset(slots + spare, 0, (size_t)(2 * wanted) * sizeof *slots);
    plan->slots = slots;
    plan->slot_count += 2 * wanted;
    for (int64_t i = 0; i < plan->step_count; i++) {
        kdst__step *bn = &plan->steps[i];
        if (!is(bn, "batch_norm")) continue;
        kdst__step *product = source(plan, *input(plan, bn, BN_X));
        if (!can_fold(plan, bn, product)) continue;
        kdst_status status = fold(plan, bn, product, spare);
        if (status != KDST_STATUS_OK) return status;
        spare += 2;
    }
    return KDST_STATUS_OK;
}

/* ---- in place ---- */

/* Whether a slot is memory of its own that only one step reads. */
static bool is_scratch(const kdst__plan *plan, int64_t slot)
{
    const kdst__step *from = source(plan, slot);
    return from != NULL && !from->op->makes_out && uses(plan, slot) == 1;
}

static bool same_shape(const kdst__slot_info *a, const kdst__slot_info *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static int32_t activation_of(const kdst__step *step)
{
    if (is(step, "relu")) return KDST__FUSED_RELU;
    return is(step, "relu6") ? KDST__FUSED_RELU6 : KDST__FUSED_NONE;
}

/* A sum of a convolution and of something older: the convolution adds that itself. */
static bool fold_sum(kdst__plan *plan, int64_t index, int32_t side)
{
    kdst__step *sum = &plan->steps[index];
    const int64_t a = *input(plan, sum, side), b = *input(plan, sum, 1 - side);
    kdst__step *conv = source(plan, a), *other = source(plan, b);
    if (conv == NULL || conv->op != &kdst__op_conv2d || conv->count != 3 || weight(plan, conv, 1) == NULL) return false;
    if (conv->activation || conv->sum > 0 || a == b || !is_scratch(plan, a)) return false;
    if (plan->slots[a].dtype != KDST_DTYPE_FLOAT32 || !same_shape(&plan->slots[a], &plan->slots[b])) return false;
    if (other != NULL && other > conv) return false;
    conv->sum = index;
    conv->addend = b;
    conv->output = sum->output;
    sum->dropped = true;
    return true;
}

static void mark_in_place(kdst__plan *plan)
{
    for (int64_t i = 0; i < plan->step_count; i++) {
        kdst__step *step = &plan->steps[i];
        kdst__step *from = activation_of(step) ? source(plan, *input(plan, step, 0)) : NULL;
        if (from != NULL && is_scratch(plan, from->output) && !from->activation) {
            from->activation = activation_of(step);
            from->output = step->output;
            step->dropped = true;
        } else if (is(step, "add") && !fold_sum(plan, i, 0) && !fold_sum(plan, i, 1)) {
            int64_t a = *input(plan, step, 0), b = *input(plan, step, 1);
            step->in_place = a != b && is_scratch(plan, a) && same_shape(&plan->slots[a], &plan->slots[b]);
        }
    }
}

/* After this nothing changes any more: weights that are not read go, and each slot knows its last reader. */
static void finish(kdst__plan *plan)
{
    for (int64_t i = 0; i < plan->step_count; i++)
        for (int32_t k = 0; k < plan->steps[i].count && !plan->steps[i].dropped; k++) {
            int64_t slot = *input(plan, &plan->steps[i], k);
            if (slot >= 0) plan->slots[slot].last_use = i;
        }
    for (int64_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].sum > 0 && plan->slots[plan->steps[i].addend].last_use < i)
            plan->slots[plan->steps[i].addend].last_use = i;
    for (int64_t i = 0; i < plan->output_count; i++)
        plan->slots[plan->outputs[i]].last_use = INT64_MAX;
    for (int64_t i = 0; i < plan->slot_count; i++)
        if (plan->slots[i].last_use < 0) {
            kdst__handle_release(plan->slots[i].weight);
            plan->slots[i].weight = NULL;
        }
}

kdst_status kdst__plan_fold(kdst__plan *plan)
{
    kdst_status status = fold_all(plan);
    if (status != KDST_STATUS_OK) return status;
    mark_in_place(plan);
    finish(plan);
    return KDST_STATUS_OK;
}
