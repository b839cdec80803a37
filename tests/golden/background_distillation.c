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

/* ---- hints ---- */

/* Sets a parameter of the regressor to the input of this name. */
static kdst_tensor *set_parameter(background_case *c, kdst_layer *layer, const char *parameter, const char *name)
{
    kdst_tensor *value = input(c, name, false), *own = NULL;
    if (value && check(c->v, c->r->ctx, kdst_layer_find(layer, parameter, &own), parameter))
        check(c->v, c->r->ctx, kdst_tensor_set(own, value), parameter);
    return own;
}

static kdst_layer *regressor_of(background_case *c, const char *text, kdst_tensor *student, kdst_tensor *teacher)
{
    settings s = new_settings();
    kdst_layer *layer = NULL;
    int64_t from[3] = {0}, to[3] = {0};
    shape_of(student, 1, from);
    shape_of(teacher, 1, to);
    set_text(&s, "kind", strstr(text, "BN") && !strstr(text, "no BN") ? "conv" : "conv1x1");
    set_text(&s, "dtype", kdst_dtype_get_name(c->dtype));
    if (s.status) problem(c->v, "regressor: %s", kdst_status_name(s.status));
    if (sound(c->v))
        check(c->v, c->r->ctx, kdst_layer_regressor_create(c->r->ctx, from, to, s.options, &layer), "regressor");
    kdst_options_release(s.options);
    return layer;
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
        if (fields_find(&c->expected, "regressed")) expect_tensor(c, "regressed", regressed);
        expect_number(c, "loss", value);
        expect_grad(c, "grad_f_s", fs);
        for (int i = 0; i < 4; i++)
            if (own[i]) expect_grad(c, parameters[i][2], own[i]);
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
        expect_tensor(c, name, map);
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
    if (check(c->v, c->r->ctx, kdst_similarity_matrix(f, options, &gram), name)) expect_tensor(c, name, gram);
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

enum { MOST_NETWORKS = 6 };

static int64_t networks_of(background_case *c)
{
    int64_t count = fields_whole(&c->params, "networks");
    if (fields_number(&c->params, "T") != 1) problem(c->v, "T is not 1");
    fields_inform(&c->params, "kl");
    if (count < 2 || count > MOST_NETWORKS) problem(c->v, "networks is %lld", (long long)count);
    return sound(c->v) ? count : 0;
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
    settings s = new_settings();
    int64_t count = networks_of(c);
    kdst_tensor *z[MOST_NETWORKS] = {NULL}, *labels = input(c, "labels", false);
    double sum = 0, value = NAN;
    set_float(&s, "log_eps", fields_number(&c->params, "log_eps"));
    kdst_loss *loss = loss_of(c, kdst_loss_mutual_create, &s);
    for (int64_t i = 0; i < count; i++) {
        char name[8];
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

typedef struct pair {
    kdst_layer *model[2];
    kdst_optimizer *optimizer[2];
    kdst_loss *loss;
    kdst_peers *peers;
} pair;

static bool make_network(background_case *c, pair *p, int i, double rate)
{
    char name[8];
    settings s = new_settings(), o = new_settings();
    kdst_context *ctx = c->r->ctx;
    snprintf(name, sizeof name, "w%d", i);
    kdst_tensor *w = input(c, name, false);
    set_int(&s, "bias", 0);
    set_text(&s, "dtype", kdst_dtype_get_name(c->dtype));
    set_float(&o, "learning_rate", rate);
    bool made = w && !s.status && !o.status &&
        check(c->v, ctx,
              kdst_layer_linear_create(
                  ctx, kdst_tensor_get_size(w, 1), kdst_tensor_get_size(w, 0), s.options, &p->model[i]),
              name) &&
        set_parameter(c, p->model[i], "weight", name) &&
        check(c->v, ctx, kdst_optimizer_sgd_create(ctx, o.options, &p->optimizer[i]), name) &&
        check(c->v, ctx, kdst_optimizer_add_layer(p->optimizer[i], p->model[i]), name) &&
        check(c->v, ctx, kdst_peers_add(p->peers, p->model[i], p->optimizer[i]), name);
    kdst_options_release(o.options);
    kdst_options_release(s.options);
    return made;
}

/* Steps on x [steps, B, D], labels [steps, B]; losses [steps, 2], and their sum. */
static void run_steps(background_case *c, pair *p, kdst_tensor *x, kdst_tensor *labels, int64_t steps)
{
    kdst_tensor *losses = NULL;
    const int64_t shape[2] = {steps, 2};
    double both[2], sum = 0, all[64];
    for (int64_t i = 0; i < steps && sound(c->v); i++) {
        kdst_tensor *row = NULL, *batch = NULL, *label_row = NULL, *y = NULL;
        const int64_t flat[2] = {kdst_tensor_get_size(x, 1), kdst_tensor_get_size(x, 2)};
        if (check(c->v, c->r->ctx, kdst_slice(x, 0, i, i + 1, 1, &row), "x") &&
            check(c->v, c->r->ctx, kdst_reshape(row, 2, flat, &batch), "x") &&
            check(c->v, c->r->ctx, kdst_slice(labels, 0, i, i + 1, 1, &label_row), "labels") &&
            check(c->v, c->r->ctx, kdst_reshape(label_row, 1, flat, &y), "labels") &&
            check(c->v, c->r->ctx, kdst_peers_step(p->peers, batch, y, both, 2), "peers_step"))
            for (int k = 0; k < 2; k++)
                sum += all[2 * i + k] = both[k];
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
    settings s = new_settings(), o = new_settings();
    pair p = {.loss = loss_of(c, kdst_loss_mutual_create, &s)};
    kdst_tensor *x = input(c, "x", false), *labels = input(c, "labels", false), *w = NULL;
    double rate = fields_number(&c->params, "lr");
    int64_t steps = fields_whole(&c->params, "steps");
    set_text(&o, "schedule", fields_text(&c->params, "mode"));
    if (sound(c->v) && (steps < 1 || steps > 32 || kdst_tensor_get_size(x, 0) != steps))
        problem(c->v, "steps do not fit");
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_peers_create(c->r->ctx, p.loss, o.options, &p.peers), "peers");
    if (sound(c->v) && make_network(c, &p, 0, rate) && make_network(c, &p, 1, rate)) {
        run_steps(c, &p, x, labels, steps);
        for (int i = 0; i < 2 && sound(c->v); i++)
            if (check(c->v, c->r->ctx, kdst_layer_find(p.model[i], "weight", &w), "weight"))
                expect_tensor(c, i ? "w1_after" : "w0_after", w);
    }
    kdst_options_release(o.options);
    kdst_peers_release(p.peers);
    for (int i = 0; i < 2; i++) {
        kdst_optimizer_release(p.optimizer[i]);
        kdst_layer_release(p.model[i]);
    }
    kdst_loss_release(p.loss);
}

/* ---- several teachers ---- */

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

void run_ensemble(background_case *c)
{
    settings s = new_settings(), k = new_settings();
    double temperature = fields_number(&c->params, "T");
    kdst_tensor *teachers = input(c, "teachers", false), *z = input(c, "z", true), *logits = NULL, *labels = NULL;
    set_text(&s, "mode", fields_text(&c->params, "mode"));
    set_float(&s, "temperature", temperature);
    set_float(&k, "temperature", temperature);
    set_float(&k, "alpha", 1);
    kdst_loss *loss = loss_of(c, kdst_loss_kd_create, &k);
    if (s.status) problem(c->v, "params: %s", kdst_status_name(s.status));
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_ensemble_logits(teachers, s.options, &logits), "ensemble_logits")) {
        const int64_t rows = kdst_tensor_get_size(z, 0);
        expect_target(c, logits, temperature);
        if (check(c->v, c->r->ctx, kdst_tensor_create(c->r->ctx, KDST_DTYPE_INT32, 1, &rows, &labels), "labels"))
            expect_loss(c, loss, z, logits, labels, "loss", "grad_z");
    }
    kdst_options_release(s.options);
    kdst_tensor_release(labels);
    kdst_tensor_release(logits);
    kdst_loss_release(loss);
}
