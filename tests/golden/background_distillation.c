/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of the system "background" that distil: hints, attention, relations, mutual learning, ensembles (transfer.h). */
#include "background.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef kdst_status (*create_fn)(kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/* A loss from options that are released here. */
static kdst_loss *loss_of(background_case *c, create_fn create, settings *s)
{
    kdst_loss *loss = NULL;
    if (s->status) problem(c->v, "params: %s", kdst_status_name(s->status));
    if (sound(c->v)) check(c->v, c->r->ctx, create(c->r->ctx, s->options, &loss), "params");
    kdst_options_release(s->options);
    return loss;
}

static settings new_settings(void)
{
    settings s = {NULL, KDST_STATUS_OK};
    s.status = kdst_options_create(&s.options);
    return s;
}

static void shape_of(const kdst_tensor *t, int64_t from, int64_t *shape)
{
    for (int64_t i = from; i < kdst_tensor_get_rank(t); i++)
        shape[i - from] = kdst_tensor_get_size(t, i);
}

/* What a case may show besides its loss. */
static void expect_optional(background_case *c, const char *name, kdst_tensor *got)
{
    if (fields_find(&c->expected, name)) expect_tensor(c, name, got);
}

/* ---- hints ---- */

/* Sets a parameter of the regressor to the input of this name. */
static kdst_tensor *set_parameter(background_case *c, kdst_layer *layer, const char *parameter, const char *name)
{
    kdst_tensor *value = input(c, name, false), *own = NULL;
    if (value && check(c->v, c->r->ctx, kdst_layer_find(layer, parameter, &own), parameter))
        check(c->v, c->r->ctx, kdst_tensor_set(own, value), parameter);
    return own;
}

/* Whether a regressor's description has this part: "…, BN, ReLU" and not "…, no BN, without ReLU". */
static bool has_part(const char *text, const char *part)
{
    const char *at = strstr(text, part);
    return at && !(at - text >= 3 && !strncmp(at - 3, "no ", 3)) &&
        !(at - text >= 8 && !strncmp(at - 8, "without ", 8)) && strncmp(at + strlen(part), " off", 4);
}

/* The 1x1 convolution when the text names no bias, batch norm or ReLU, else the convolution by the sizes of the maps. */
static kdst_layer *regressor_of(background_case *c, const char *text, kdst_tensor *student, kdst_tensor *teacher)
{
    settings s = new_settings();
    kdst_layer *layer = NULL;
    int64_t from[3] = {0}, to[3] = {0};
    bool bias = has_part(text, "bias"), norm = has_part(text, "BN"), relu = has_part(text, "ReLU");
    if (strncmp(text, "conv", 4) && strncmp(text, "transposed conv", 15))
        problem(c->v, "regressor \"%.64s\" is unknown", text);
    shape_of(student, 1, from);
    shape_of(teacher, 1, to);
    relu = fields_flag_or(&c->params, "use_relu", relu);
    set_text(&s, "kind", bias || norm || relu ? "conv" : "conv1x1");
    set_int(&s, "batch_norm", norm);
    set_int(&s, "relu", relu);
    set_text(&s, "dtype", kdst_dtype_get_name(c->dtype));
    if (s.status) problem(c->v, "regressor: %s", kdst_status_name(s.status));
    if (sound(c->v))
        check(c->v, c->r->ctx, kdst_layer_regressor_create(c->r->ctx, from, to, s.options, &layer), "regressor");
    kdst_options_release(s.options);
    return layer;
}

/* A bias in front of batch norm has no effect: what float32 leaves of its gradient is measured by the weight's. */
static void expect_bias_grad(background_case *c, kdst_tensor *bias)
{
    array weight;
    double most = 0.01, of_max = c->of_max;
    if (!array_get(c->r, &c->expected, "grad_weight", KDST_DTYPE_FLOAT64, -1, NULL, &weight)) return;
    for (int64_t i = 0; i < weight.count; i++)
        most = fmax(most, fabs(weight.values[i]));
    c->of_max *= most / 0.01;
    expect_grad(c, "grad_bias", bias);
    c->of_max = of_max;
    array_free(&weight);
}

/* The hint behind a regressor: its output, the loss, and gradients of features and parameters. */
static void run_regressed(background_case *c, kdst_loss *loss, const char *text, kdst_tensor *fs, kdst_tensor *ft)
{
    static const char *const parameters[4][3] = {
        {"conv.weight", "weight", "grad_weight"},
        {"conv.bias", "bias", "grad_bias"},
        {"bn.weight", "gamma", "grad_gamma"},
        {"bn.bias", "beta", "grad_beta"}};
    kdst_context *ctx = c->r->ctx;
    kdst_layer *layer = regressor_of(c, text, fs, ft);
    kdst_tensor *own[4] = {NULL}, *regressed = NULL, *result = NULL;
    double value = NAN;
    for (int i = 0; i < 4 && sound(c->v); i++)
        if (fields_find(&c->inputs, parameters[i][1]))
            own[i] = set_parameter(c, layer, parameters[i][0], parameters[i][1]);
    if (sound(c->v) && check(c->v, ctx, kdst_layer_run(layer, fs, &regressed), "regressor") &&
        check(c->v, ctx, kdst_loss_run(loss, regressed, ft, NULL, &result), "loss_run") &&
        check(c->v, ctx, kdst_tensor_get_value(result, &value), "loss_run") &&
        check(c->v, ctx, kdst_backward(result, NULL, NULL), "backward")) {
        expect_optional(c, "regressed", regressed);
        expect_number(c, "loss", value);
        expect_grad(c, "grad_f_s", fs);
        for (int i = 0; i < 4; i++)
            if (i == 1 && own[1] && own[2])
                expect_bias_grad(c, own[1]);
            else if (own[i])
                expect_grad(c, parameters[i][2], own[i]);
    }
    kdst_tensor_release(result);
    kdst_tensor_release(regressed);
    kdst_layer_release(layer);
}

void run_fitnet(background_case *c)
{
    settings s = new_settings();
    const char *regressor = fields_text(&c->params, "regressor");
    set_text(&s, "reduction", fields_text(&c->params, "reduction"));
    kdst_loss *loss = loss_of(c, kdst_loss_hint_create, &s);
    kdst_tensor *fs = input(c, "f_s", true), *ft = input(c, "f_t", false);
    if (sound(c->v) && !strcmp(regressor, "none"))
        expect_loss(c, loss, fs, ft, NULL, "loss", "grad_f_s");
    else if (sound(c->v))
        run_regressed(c, loss, regressor, fs, ft);
    kdst_loss_release(loss);
}

/* ---- attention ---- */

/* The map of features at the common size. */
static void expect_map(background_case *c, const char *name, kdst_tensor *f, const kdst_tensor *other, double power)
{
    kdst_tensor *pooled = NULL, *map = NULL;
    int64_t size[2];
    for (int i = 0; i < 2; i++) {
        int64_t own = kdst_tensor_get_size(f, 2 + i), theirs = kdst_tensor_get_size(other, 2 + i);
        size[i] = own < theirs ? own : theirs;
    }
    if (check(c->v, c->r->ctx, kdst_adaptive_avg_pool2d(f, size[0], size[1], &pooled), name) &&
        check(c->v, c->r->ctx, kdst_attention_map(pooled, power, &map), name))
        expect_optional(c, name, map);
    kdst_tensor_release(map);
    kdst_tensor_release(pooled);
}

void run_attention(background_case *c)
{
    settings s = new_settings();
    double power = fields_number(&c->params, "p");
    set_float(&s, "power", power);
    set_text(&s, "mode", fields_text(&c->params, "mode"));
    kdst_loss *loss = loss_of(c, kdst_loss_attention_create, &s);
    kdst_tensor *fs = input(c, "f_s", true), *ft = input(c, "f_t", false);
    if (sound(c->v)) {
        expect_map(c, "att_s", fs, ft, power);
        expect_map(c, "att_t", ft, fs, power);
        expect_loss(c, loss, fs, ft, NULL, "loss", "grad_f_s");
    }
    kdst_loss_release(loss);
}

/* ---- relations ---- */

static void expect_gram(background_case *c, const char *name, kdst_tensor *f, const kdst_options *options)
{
    kdst_tensor *gram = NULL;
    if (check(c->v, c->r->ctx, kdst_similarity_matrix(f, options, &gram), name)) expect_optional(c, name, gram);
    kdst_tensor_release(gram);
}

void run_similarity(background_case *c)
{
    settings s = new_settings();
    set_text(&s, "row_norm", fields_text(&c->params, "row_norm"));
    kdst_options_retain(s.options);
    kdst_options *options = s.options;
    kdst_loss *loss = loss_of(c, kdst_loss_similarity_create, &s);
    kdst_tensor *fs = input(c, "f_s", true), *ft = input(c, "f_t", false);
    if (sound(c->v)) {
        expect_gram(c, "gram_s", fs, options);
        expect_gram(c, "gram_t", ft, options);
        expect_loss(c, loss, fs, ft, NULL, "loss", "grad_f_s");
    }
    kdst_loss_release(loss);
    kdst_options_release(options);
}

typedef kdst_status (*show_fn)(kdst_tensor *x, kdst_tensor **out);

static void expect_shown(background_case *c, const char *name, show_fn show, kdst_tensor *f)
{
    kdst_tensor *shown = NULL;
    if (!fields_find(&c->expected, name)) return;
    if (check(c->v, c->r->ctx, show(f, &shown), name)) expect_tensor(c, name, shown);
    kdst_tensor_release(shown);
}

void run_relational(background_case *c, const char *kind)
{
    settings s = new_settings();
    bool both = !strcmp(kind, "combined");
    if (!both && strcmp(kind, "distance") && strcmp(kind, "angle"))
        problem(c->v, "relation \"%.32s\" is unknown", kind);
    set_float(&s, "distance", both ? fields_number(&c->params, "w_distance") : !strcmp(kind, "distance"));
    set_float(&s, "angle", both ? fields_number(&c->params, "w_angle") : !strcmp(kind, "angle"));
    set_text(&s, "reduction", fields_text_or(&c->params, "reduction", "mean"));
    kdst_loss *loss = loss_of(c, kdst_loss_relational_create, &s);
    kdst_tensor *fs = input(c, "f_s", true), *ft = input(c, "f_t", false);
    if (sound(c->v)) {
        expect_shown(c, "dist_s", kdst_pair_distances, fs);
        expect_shown(c, "dist_t", kdst_pair_distances, ft);
        expect_shown(c, "angle_s", kdst_pair_angles, fs);
        expect_shown(c, "angle_t", kdst_pair_angles, ft);
        expect_loss(c, loss, fs, ft, NULL, "loss", "grad_f_s");
    }
    kdst_loss_release(loss);
}

/* ---- networks that teach each other ---- */

enum { MOST_NETWORKS = 7 }; /* MAX_INPUTS holds the labels, too */

static int64_t networks_of(background_case *c)
{
    int64_t count = fields_whole(&c->params, "networks");
    if (count < 2 || count > MOST_NETWORKS) problem(c->v, "networks is %lld", (long long)count);
    return sound(c->v) ? count : 0;
}

/* The loss of one network; all parameters are optional. */
static kdst_loss *mutual_loss(background_case *c)
{
    settings s = new_settings();
    const char *kl = fields_text_or(&c->params, "kl", "mean over peers");
    set_float(&s, "temperature", fields_number_or(&c->params, "T", 1));
    set_float(&s, "log_eps", fields_number_or(&c->params, "log_eps", 0));
    set_int(&s, "average", strstr(kl, "sum over peers") == NULL);
    return loss_of(c, kdst_loss_mutual_create, &s);
}

/* All logits but those of network i, [M - 1, B, K]. */
static kdst_tensor *peers_of(background_case *c, kdst_tensor *const *z, int64_t count, int64_t i)
{
    kdst_tensor *others[MOST_NETWORKS], *out = NULL;
    int64_t at = 0;
    for (int64_t j = 0; j < count; j++)
        if (j != i) others[at++] = z[j];
    check(c->v, c->r->ctx, kdst_stack(others, at, 0, &out), "peers");
    return out;
}

/* kl<i> is the loss without its cross-entropy. */
static double cross_entropy_of(background_case *c, kdst_tensor *z, kdst_tensor *labels)
{
    kdst_loss *plain = NULL;
    double value = NAN;
    if (check(c->v, c->r->ctx, kdst_loss_cross_entropy_create(c->r->ctx, NULL, &plain), "cross-entropy"))
        check(c->v, c->r->ctx, kdst_loss_compute(plain, z, NULL, labels, &value, NULL), "cross-entropy");
    kdst_loss_release(plain);
    return value;
}

void run_mutual(background_case *c)
{
    int64_t count = networks_of(c);
    kdst_tensor *z[MOST_NETWORKS] = {NULL}, *labels = input(c, "labels", false);
    double sum = 0, value = NAN;
    kdst_loss *loss = mutual_loss(c);
    for (int64_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "z%d", (int)i);
        z[i] = input(c, name, true);
    }
    for (int64_t i = 0; i < count && sound(c->v); i++) {
        char own[16], kl[16], grad[16];
        snprintf(own, sizeof own, "loss%d", (int)i);
        snprintf(kl, sizeof kl, "kl%d", (int)i);
        snprintf(grad, sizeof grad, "grad_z%d", (int)i);
        kdst_tensor *peers = peers_of(c, z, count, i);
        expect_loss(c, loss, z[i], peers, labels, own, grad);
        if (sound(c->v) && check(c->v, c->r->ctx, kdst_loss_compute(loss, z[i], peers, labels, &value, NULL), own))
            expect_number(c, kl, value - cross_entropy_of(c, z[i], labels));
        sum += value;
        kdst_tensor_release(peers);
    }
    if (sound(c->v)) expect_number(c, "loss", sum);
    kdst_loss_release(loss);
}

/* ---- their schedule ---- */

typedef struct group {
    int64_t count;
    kdst_layer *model[MOST_NETWORKS];
    kdst_optimizer *optimizer[MOST_NETWORKS];
    kdst_loss *loss;
    kdst_peers *peers;
} group;

/* The networks w0, w1, … that the case has. */
static int64_t weights_of(background_case *c)
{
    char name[16] = "w0";
    int64_t count = 0;
    while (count < MOST_NETWORKS && fields_find(&c->inputs, name))
        snprintf(name, sizeof name, "w%d", (int)++count);
    if (fields_number_or(&c->params, "networks", (double)count) != (double)count)
        problem(c->v, "networks: there are weights of %lld", (long long)count);
    return count;
}

static void make_network(background_case *c, group *p, int i, double rate)
{
    char name[16];
    settings s = new_settings(), o = new_settings();
    kdst_context *ctx = c->r->ctx;
    snprintf(name, sizeof name, "w%d", i);
    kdst_tensor *w = input(c, name, false);
    set_int(&s, "bias", 0);
    set_text(&s, "dtype", kdst_dtype_get_name(c->dtype));
    set_float(&o, "learning_rate", rate);
    if (s.status || o.status) problem(c->v, "params: %s", kdst_status_name(s.status ? s.status : o.status));
    if (sound(c->v))
        check(
            c->v, ctx,
            kdst_layer_linear_create(
                ctx, kdst_tensor_get_size(w, 1), kdst_tensor_get_size(w, 0), s.options, &p->model[i]),
            name);
    if (sound(c->v) && set_parameter(c, p->model[i], "weight", name) &&
        check(c->v, ctx, kdst_optimizer_sgd_create(ctx, o.options, &p->optimizer[i]), name) &&
        check(c->v, ctx, kdst_optimizer_add_layer(p->optimizer[i], p->model[i]), name))
        check(c->v, ctx, kdst_peers_add(p->peers, p->model[i], p->optimizer[i]), name);
    kdst_options_release(o.options);
    kdst_options_release(s.options);
}

enum { MOST_STEPS = 64 };

/* Steps on x [steps, B, D], labels [steps, B]; losses [steps, count], and their sum. */
static void run_steps(background_case *c, group *p, kdst_tensor *x, kdst_tensor *labels, int64_t steps)
{
    kdst_tensor *losses = NULL;
    const int64_t shape[2] = {steps, p->count};
    double sum = 0, all[MOST_STEPS * MOST_NETWORKS];
    for (int64_t i = 0; i < steps && sound(c->v); i++) {
        kdst_tensor *row = NULL, *batch = NULL, *label_row = NULL, *y = NULL;
        const int64_t flat[2] = {kdst_tensor_get_size(x, 1), kdst_tensor_get_size(x, 2)};
        if (check(c->v, c->r->ctx, kdst_slice(x, 0, i, i + 1, 1, &row), "x") &&
            check(c->v, c->r->ctx, kdst_reshape(row, 2, flat, &batch), "x") &&
            check(c->v, c->r->ctx, kdst_slice(labels, 0, i, i + 1, 1, &label_row), "labels") &&
            check(c->v, c->r->ctx, kdst_reshape(label_row, 1, flat, &y), "labels") &&
            check(c->v, c->r->ctx, kdst_peers_step(p->peers, batch, y, all + i * p->count, p->count), "peers_step"))
            for (int64_t k = 0; k < p->count; k++)
                sum += all[i * p->count + k];
        kdst_tensor_release(y);
        kdst_tensor_release(label_row);
        kdst_tensor_release(batch);
        kdst_tensor_release(row);
    }
    if (sound(c->v) &&
        check(
            c->v, c->r->ctx, kdst_tensor_create_from(c->r->ctx, KDST_DTYPE_FLOAT64, 2, shape, all, &losses),
            "losses")) {
        expect_tensor(c, "losses", losses);
        expect_number(c, "loss", sum);
    }
    kdst_tensor_release(losses);
}

void run_mutual_schedule(background_case *c)
{
    settings o = new_settings();
    group p = {.count = weights_of(c), .loss = mutual_loss(c)};
    kdst_tensor *x = input(c, "x", false), *labels = input(c, "labels", false), *w = NULL;
    double rate = fields_number(&c->params, "lr");
    int64_t steps = fields_whole(&c->params, "steps");
    set_text(&o, "schedule", fields_text(&c->params, "mode"));
    if (sound(c->v) && (steps < 1 || steps > MOST_STEPS || kdst_tensor_get_size(x, 0) != steps))
        problem(c->v, "steps do not fit");
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_peers_create(c->r->ctx, p.loss, o.options, &p.peers), "peers");
    for (int i = 0; i < p.count && sound(c->v); i++)
        make_network(c, &p, i, rate);
    if (sound(c->v)) run_steps(c, &p, x, labels, steps);
    for (int i = 0; i < p.count && sound(c->v); i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d_after", i);
        if (check(c->v, c->r->ctx, kdst_layer_find(p.model[i], "weight", &w), "weight")) expect_tensor(c, name, w);
    }
    kdst_options_release(o.options);
    kdst_peers_release(p.peers);
    for (int i = 0; i < p.count; i++) {
        kdst_optimizer_release(p.optimizer[i]);
        kdst_layer_release(p.model[i]);
    }
    kdst_loss_release(p.loss);
}

/* ---- several teachers ---- */

enum { MAX_TEACHERS = 64 };

/* softmax(z / T) */
static void expect_target(background_case *c, kdst_tensor *z, double temperature)
{
    kdst_tensor *by = NULL, *scaled = NULL, *target = NULL;
    if (check(c->v, c->r->ctx, kdst_tensor_create(c->r->ctx, c->dtype, 0, NULL, &by), "target") &&
        check(c->v, c->r->ctx, kdst_tensor_set_value(by, temperature), "target") &&
        check(c->v, c->r->ctx, kdst_div(z, by, &scaled), "target") &&
        check(c->v, c->r->ctx, kdst_softmax(scaled, -1, &target), "target"))
        expect_tensor(c, "target", target);
    kdst_tensor_release(target);
    kdst_tensor_release(scaled);
    kdst_tensor_release(by);
}

/* Weights of the teachers: a list in params or an input [M]. */
static void set_weights(background_case *c, settings *s)
{
    const cJSON *list = fields_find(&c->params, "weights"), *item;
    double w[MAX_TEACHERS];
    int64_t count = 0;
    array a = {0};
    if (!list && !fields_find(&c->inputs, "weights")) return;
    if (!list && array_get(c->r, &c->inputs, "weights", 0, 1, (const int64_t[]){ANY_SIZE}, &a))
        for (; count < a.count && count < MAX_TEACHERS; count++)
            w[count] = a.values[count];
    cJSON_ArrayForEach(item, list) if (cJSON_IsNumber(item) && count < MAX_TEACHERS) w[count++] = item->valuedouble;
    array_free(&a);
    if (!count) return; /* null: equal */
    kdst_status status = kdst_options_set_floats(s->options, "weights", w, count);
    if (status) s->status = status;
}

void run_ensemble(background_case *c)
{
    settings s = new_settings(), k = new_settings();
    double temperature = fields_number(&c->params, "T");
    kdst_tensor *teachers = input(c, "teachers", false), *z = input(c, "z", true), *logits = NULL, *labels = NULL;
    set_text(&s, "mode", fields_text(&c->params, "mode"));
    set_weights(c, &s);
    set_float(&s, "temperature", temperature);
    set_float(&k, "temperature", temperature);
    set_float(&k, "alpha", fields_number_or(&c->params, "alpha", 1));
    kdst_loss *loss = loss_of(c, kdst_loss_kd_create, &k);
    if (s.status) problem(c->v, "params: %s", kdst_status_name(s.status));
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_ensemble_logits(teachers, s.options, &logits), "ensemble_logits")) {
        const int64_t rows = kdst_tensor_get_size(z, 0);
        if (fields_find(&c->expected, "target")) expect_target(c, logits, temperature);
        if (fields_find(&c->inputs, "labels"))
            expect_loss(c, loss, z, logits, input(c, "labels", false), "loss", "grad_z");
        else if (check(c->v, c->r->ctx, kdst_tensor_create(c->r->ctx, KDST_DTYPE_INT32, 1, &rows, &labels), "labels"))
            expect_loss(c, loss, z, logits, labels, "loss", "grad_z");
    }
    kdst_options_release(s.options);
    kdst_tensor_release(labels);
    kdst_tensor_release(logits);
    kdst_loss_release(loss);
}
