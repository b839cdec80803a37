/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient check: analytic gradients against central differences.
 *
 * With a fixed random r of the shape of y = f(x), the scalar s(x) = sum r * y is differentiated once by the tape and, element by
 * element, by (s(x + h) - s(x - h)) / 2h with h = step * max(1, |x|). s is summed here in double, so that float32
 * functions are not blurred further. The standard step is near the cube root of the rounding unit, where what central
 * differences leave out (h^2 / 6 of the third derivative) and what rounding s costs (1e-16 |s| / h) are alike.
 */
#include "autograd/record.h"
#include "core/options.h"
#include "core/random.h"

#include <math.h>

typedef struct config {
    double step, rtol, atol;
    int64_t seed, elements;
} config;

static const kdst__option options_table[] = {
    KDST__FLOAT_ABOVE(config, step, 1e-5, 0, 1, "relative step of the differences"),
    KDST__FLOAT(config, rtol, 1e-6, 0, INFINITY, "allowed difference, relative to the numeric gradient"),
    KDST__FLOAT(config, atol, 1e-8, 0, INFINITY, "allowed difference, absolute"),
    KDST__INT(config, seed, 1, 0, INFINITY, "seed of the random contraction and of the choice of elements"),
    KDST__INT(config, elements, 0, 0, INFINITY, "check at most so many elements of each input, 0: all"),
};
const kdst__schema kdst__schema_gradient_check = {"gradient_check", options_table, KDST__COUNT(options_table), NULL, 0};

typedef struct check {
    kdst_context *ctx;
    kdst_function_fn function;
    void *user_data;
    kdst_tensor *const *inputs;
    int64_t count;
    config settings;
    uint64_t seed, stream; /* position of the random streams before the first run: every run starts there */
    double worst;
} check;

static double element(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static void set_element(kdst_tensor *t, int64_t i, double value)
{
    void *data = kdst__tensor_data(t);
    if (t->dtype == KDST_DTYPE_FLOAT32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
    kdst__tensor_touch(t);
}

static double weight(const check *c, int64_t i)
{
    return 2 * kdst__uniform((uint64_t)c->settings.seed, 1, (uint64_t)i) - 1;
}

static int64_t references(const kdst_tensor *t)
{
    return atomic_load(&t->base.references);
}

/* The input that the function gave back without retaining it, or -1: there is no reference then that could be dropped here.
 * `before` are the references of the inputs when it was called. */
static int64_t borrowed(const check *c, const int64_t *before, const kdst_tensor *y)
{
    for (int64_t i = 0; i < c->count; i++)
        if (y == c->inputs[i] && references(y) <= before[i]) return i;
    return -1;
}

/* Runs the function from the same random position each time. */
static kdst_status run(check *c, kdst_tensor **out)
{
    kdst__scopes before;
    kdst_tensor *y = NULL;
    int64_t held[KDST__MAX_INPUTS];
    kdst_status status = kdst_context_set_random(c->ctx, c->seed, c->stream);
    if (!status && !kdst__scopes_enter(c->ctx, true, &before)) status = kdst__fail_memory(c->ctx, "gradient_check");
    if (status) return status;
    for (int64_t i = 0; i < c->count; i++)
        held[i] = references(c->inputs[i]);
    status = c->function(c->user_data, c->inputs, c->count, &y);
    kdst__scopes_leave(c->ctx, &before);
    int64_t input = borrowed(c, held, y);
    if (input >= 0) y = NULL;
    if (input >= 0 && !status)
        return kdst__fail(
            c->ctx, KDST_STATUS_CALLBACK,
            "gradient_check: the function gave back input %lld without a new reference (kdst_tensor_retain)",
            (long long)input);
    if (status) {
        kdst__handle_release(y);
        return kdst__fail_callback(c->ctx, status, "gradient_check");
    }
    if (!y || !kdst__dtype_is_float(y->dtype)) {
        kdst__handle_release(y);
        return kdst__fail(c->ctx, KDST_STATUS_CALLBACK, "gradient_check: the function made no floating-point tensor");
    }
    *out = y;
    return KDST_STATUS_OK;
}

/* s = sum r * y without recording. */
static kdst_status contracted(check *c, double *out)
{
    kdst_tensor *y = NULL, *plain = NULL;
    if (!kdst__no_grad_push(c->ctx)) return kdst__fail_memory(c->ctx, "gradient_check");
    kdst_status status = run(c, &y);
    kdst__no_grad_pop(c->ctx);
    if (!status) status = kdst__tensor_to_contiguous("gradient_check", y, &plain);
    *out = 0;
    for (int64_t i = 0; !status && i < kdst__tensor_count(plain); i++)
        *out += weight(c, i) * element(plain, i);
    kdst__handle_release(plain);
    kdst__handle_release(y);
    return status;
}

/* Analytic gradients into grads [count]; NULL for inputs that want none. */
static kdst_status analytic(check *c, kdst_tensor **grads)
{
    kdst_tensor *y = NULL, *r = NULL, *before[KDST__MAX_INPUTS] = {NULL};
    for (int64_t i = 0; i < c->count; i++)
        before[i] = c->inputs[i]->grad, c->inputs[i]->grad = NULL;
    kdst_status status = run(c, &y);
    if (!status) status = kdst__tensor_new_like("gradient_check", y, true, &r);
    if (!status) {
        for (int64_t i = 0; i < kdst__tensor_count(r); i++)
            set_element(r, i, weight(c, i));
        status = kdst_backward(y, r, NULL);
    }
    for (int64_t i = 0; i < c->count; i++) {
        grads[i] = c->inputs[i]->grad;
        c->inputs[i]->grad = before[i];
        if (status || grads[i] || !c->inputs[i]->requires_grad) continue;
        status = kdst__tensor_new_like("gradient_check", c->inputs[i], true, &grads[i]);
    }
    kdst__handle_release(r);
    kdst__handle_release(y);
    return status;
}

static kdst_status compare(check *c, kdst_tensor *x, const kdst_tensor *grad, int64_t i)
{
    double value = element(x, i), h = c->settings.step * fmax(1, fabs(value)), high, low;
    kdst_status status;
    set_element(x, i, value + h);
    double above = element(x, i);
    status = contracted(c, &high);
    set_element(x, i, value - h);
    double below = element(x, i);
    if (!status) status = contracted(c, &low);
    set_element(x, i, value);
    if (status) return status;
    double numeric = (high - low) / (above - below);
    double ratio = fabs(element(grad, i) - numeric) / (c->settings.atol + c->settings.rtol * fabs(numeric));
    if (!(ratio <= c->worst)) c->worst = isnan(ratio) ? INFINITY : ratio;
    return KDST_STATUS_OK;
}

static kdst_status check_arguments(const check *c)
{
    bool any = false;
    if (!c->inputs || c->count < 1 || c->count > KDST__MAX_INPUTS)
        return kdst__fail(
            c->ctx, KDST_STATUS_INVALID_ARGUMENT, "gradient_check: count is %lld, allowed is 1 to %d",
            (long long)c->count, KDST__MAX_INPUTS);
    for (int64_t i = 0; i < c->count; i++) {
        const kdst_tensor *t = c->inputs[i];
        if (!t || t->base.ctx != c->ctx)
            return kdst__fail(
                c->ctx, KDST_STATUS_INVALID_ARGUMENT, "gradient_check: input %lld %s", (long long)i,
                t ? "belongs to another context" : "is NULL");
        if (t->requires_grad && (t->node || !kdst__tensor_contiguous(t)))
            return kdst__fail(
                c->ctx, KDST_STATUS_STATE, "gradient_check: input %lld is %s", (long long)i,
                t->node ? "no leaf" : "not contiguous");
        any |= t->requires_grad;
    }
    if (!any) return kdst__fail(c->ctx, KDST_STATUS_STATE, "gradient_check: no input requires a gradient");
    return KDST_STATUS_OK;
}

kdst_status kdst_gradient_check(
    kdst_function_fn function, void *user_data, kdst_tensor *const *inputs, int64_t count, const kdst_options *options,
    double *out_worst)
{
    if (out_worst) *out_worst = INFINITY;
    if (!inputs || count < 1 || !inputs[0]) return KDST_STATUS_INVALID_ARGUMENT;
    check c = {
        .ctx = inputs[0]->base.ctx, .function = function, .user_data = user_data, .inputs = inputs, .count = count};
    kdst_tensor *grads[KDST__MAX_INPUTS] = {NULL}, *held[KDST__MAX_INPUTS] = {NULL};
    kdst__enter(c.ctx);
    if (!function || !out_worst)
        return kdst__fail(
            c.ctx, KDST_STATUS_INVALID_ARGUMENT, "gradient_check: %s is NULL", function ? "out_worst" : "function");
    kdst_status status =
        kdst__options_parse(c.ctx, "gradient_check", &kdst__schema_gradient_check, options, &c.settings);
    if (!status) status = check_arguments(&c);
    for (int64_t i = 0; i < count && !status; i++) /* the function may release them */
        kdst__handle_retain(held[i] = inputs[i]);
    c.inputs = held;
    if (!status) status = kdst_context_get_random(c.ctx, &c.seed, &c.stream);
    if (!status) status = analytic(&c, grads);
    for (int64_t i = 0; i < count && !status; i++) {
        int64_t n = kdst__tensor_count(held[i]), limit = c.settings.elements;
        if (!held[i]->requires_grad) continue;
        for (int64_t j = 0; j < n && (!limit || j < limit) && !status; j++) {
            int64_t at =
                !limit || n <= limit ? j : (int64_t)kdst__below((uint64_t)c.settings.seed, 2, (uint64_t)j, (uint64_t)n);
            status = compare(&c, held[i], grads[i], at);
        }
    }
    for (int64_t i = 0; i < KDST__MAX_INPUTS; i++) {
        kdst__handle_release(grads[i]);
        kdst__handle_release(held[i]);
    }
    if (!status) *out_worst = c.worst;
    return status;
}
