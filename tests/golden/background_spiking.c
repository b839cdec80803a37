/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of the system "background" that learn locally: stdp, stdp_window, srdp (kdst/plasticity.h). */
#include "background.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 128, MOST_RECORDS = 3 };

/* What is looked at after each step. */
typedef struct record {
    kdst_tensor *at[MOST_STEPS];
    int64_t count;
} record;

static void note(background_case *c, record *r, kdst_tensor *now)
{
    kdst_tensor *copy = NULL;
    if (r->count == MOST_STEPS) problem(c->v, "more than %d steps", MOST_STEPS);
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_tensor_copy(now, 0, &copy), "tensor_copy")) r->at[r->count++] = copy;
}

static void expect_record(background_case *c, const char *name, record *r)
{
    kdst_tensor *all = NULL;
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_stack(r->at, r->count, 0, &all), name)) expect_tensor(c, name, all);
    kdst_tensor_release(all);
    for (int64_t i = 0; i < r->count; i++)
        kdst_tensor_release(r->at[i]);
}

/* A train as it is stored; owned by the caller. */
static kdst_tensor *train(background_case *c, const char *name)
{
    array a;
    kdst_tensor *t = NULL;
    if (!array_get(c->r, &c->inputs, name, KDST_DTYPE_UINT8, -1, NULL, &a)) return NULL;
    if (a.rank != 2 && name[0] == 'p') problem(c->v, "%s: not [T, neurons]", name);
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_tensor_copy(a.tensor, 0, &t), name);
    array_free(&a);
    return t;
}

static bool flag(fields *f, const char *name)
{
    const cJSON *item = fields_get(f, name);
    if (item && !cJSON_IsBool(item)) problem(f->v, "%s is neither true nor false", name);
    return cJSON_IsTrue(item);
}

static settings new_settings(void)
{
    settings s = {NULL, KDST_STATUS_OK};
    s.status = kdst_options_create(&s.options);
    return s;
}

static void set_number(background_case *c, settings *s, const char *member, const char *option)
{
    set_float(s, option, fields_number(&c->params, member));
}

/* Step t of trains and weight: step(rule, pre[t], post[t], weight). */
typedef kdst_status (*step_fn)(void *rule, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);

static kdst_tensor *step_of(background_case *c, kdst_tensor *train, int64_t t)
{
    kdst_tensor *row = NULL, *out = NULL;
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_slice(train, 0, t, t + 1, 1, &row), "slice"))
        check(c->v, c->r->ctx, kdst_squeeze(row, 0, &out), "squeeze");
    kdst_tensor_release(row);
    return out;
}

static void take_step(
    background_case *c, step_fn step, void *rule, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight, int64_t t)
{
    kdst_tensor *a = step_of(c, pre, t), *b = step_of(c, post, t);
    if (sound(c->v)) check(c->v, c->r->ctx, step(rule, a, b, weight), "step");
    kdst_tensor_release(b);
    kdst_tensor_release(a);
}

/* ---- stdp ---- */

static kdst_stdp *stdp_of(background_case *c, const char *bounds)
{
    kdst_stdp *stdp = NULL;
    settings s = new_settings();
    set_number(c, &s, "A_plus", "a_plus");
    set_number(c, &s, "A_minus", "a_minus");
    set_number(c, &s, "tau_plus", "tau_plus");
    set_number(c, &s, "tau_minus", "tau_minus");
    if (bounds) {
        set_text(&s, "decay", fields_text(&c->params, "decay"));
        set_text(&s, "pairing", fields_text(&c->params, "pairing"));
        set_int(&s, "coincident", flag(&c->params, "coincident"));
        set_number(c, &s, "w_min", "w_min");
        set_number(c, &s, "w_max", "w_max");
        set_text(&s, "bounds", bounds);
    }
    if (s.status) problem(c->v, "params: %s", kdst_status_name(s.status));
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_stdp_create(c->r->ctx, s.options, &stdp), "stdp_create");
    kdst_options_release(s.options);
    return stdp;
}

static kdst_status stdp_step(void *rule, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return kdst_stdp_step(rule, pre, post, weight);
}

/* The sum of all changes before clipping, over whole trains: from 0 without bounds, or with soft ones, where nothing is clipped, from w. */
static void expect_total(background_case *c, const char *bounds, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *w)
{
    const bool soft = !strcmp(bounds, "soft");
    kdst_stdp *stdp = stdp_of(c, soft ? bounds : "none");
    kdst_tensor *end = NULL, *change = NULL;
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_tensor_copy(w, 0, &end), "tensor_copy") &&
        (soft || check(c->v, c->r->ctx, kdst_tensor_set_value(end, 0), "set_value")) &&
        check(c->v, c->r->ctx, kdst_stdp_run(stdp, pre, post, end), "stdp_run")) {
        if (!soft)
            expect_tensor(c, "dw_total", end);
        else if (check(c->v, c->r->ctx, kdst_sub(end, w, &change), "sub"))
            expect_tensor(c, "dw_total", change);
    }
    kdst_tensor_release(change);
    kdst_tensor_release(end);
    kdst_stdp_release(stdp);
}

void run_stdp(background_case *c)
{
    record records[MOST_RECORDS] = {{{NULL}, 0}};
    const char *bounds = fields_text(&c->params, "bounds");
    kdst_stdp *stdp = stdp_of(c, bounds);
    kdst_tensor *pre = train(c, "pre"), *post = train(c, "post"), *w = input(c, "w", false), *now = NULL;
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_tensor_copy(w, 0, &now), "tensor_copy");
    for (int64_t t = 0; sound(c->v) && t < kdst_tensor_get_size(pre, 0); t++) {
        kdst_tensor *x = NULL, *y = NULL;
        take_step(c, stdp_step, stdp, pre, post, now, t);
        if (sound(c->v)) check(c->v, c->r->ctx, kdst_stdp_get_traces(stdp, &x, &y), "get_traces");
        kdst_tensor *const all[MOST_RECORDS] = {x, y, now};
        for (int i = 0; i < MOST_RECORDS && sound(c->v); i++)
            note(c, &records[i], all[i]);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    expect_record(c, "trace_pre", &records[0]);
    expect_record(c, "trace_post", &records[1]);
    expect_record(c, "w_steps", &records[2]);
    if (sound(c->v)) expect_total(c, bounds, pre, post, w);
    kdst_tensor_release(now);
    kdst_tensor_release(post);
    kdst_tensor_release(pre);
    kdst_stdp_release(stdp);
}

/* The window itself, and one pair of spikes for each lag. */
void run_stdp_window(background_case *c)
{
    array lag;
    kdst_stdp *stdp = stdp_of(c, NULL);
    if (!sound(c->v) || !array_get(c->r, &c->inputs, "lag", KDST_DTYPE_INT32, 1, (int64_t[]){ANY_SIZE}, &lag)) {
        kdst_stdp_release(stdp);
        return;
    }
    double *window = calloc((size_t)lag.count + 1, sizeof *window);
    kdst_tensor *all = NULL;
    for (int64_t i = 0; i < lag.count && sound(c->v); i++)
        check(c->v, c->r->ctx, kdst_stdp_get_window(stdp, (int64_t)lag.values[i], &window[i]), "get_window");
    if (sound(c->v) &&
        check(
            c->v, c->r->ctx, kdst_tensor_create_from(c->r->ctx, KDST_DTYPE_FLOAT64, 1, &lag.count, window, &all),
            "window"))
        expect_tensor(c, "dw", all);
    kdst_tensor_release(all);
    free(window);
    array_free(&lag);
    kdst_stdp_release(stdp);
}

/* ---- srdp ---- */

static kdst_status srdp_step(void *rule, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return kdst_srdp_step(rule, pre, post, weight);
}

static kdst_srdp *srdp_of(background_case *c)
{
    static const char *const names[] = {"eta", "tau_rate", "tau_theta", "r0", "theta0"};
    kdst_srdp *srdp = NULL;
    settings s = new_settings();
    set_text(&s, "rule", fields_text(&c->params, "rule"));
    set_text(&s, "bounds", "none");
    for (int i = 0; i < 5; i++)
        set_number(c, &s, names[i], names[i]);
    if (s.status) problem(c->v, "params: %s", kdst_status_name(s.status));
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_srdp_create(c->r->ctx, s.options, &srdp), "srdp_create");
    kdst_options_release(s.options);
    return srdp;
}

void run_srdp(background_case *c)
{
    record records[2] = {{{NULL}, 0}};
    kdst_srdp *srdp = srdp_of(c);
    kdst_tensor *pre = train(c, "pre"), *post = train(c, "post"), *w = input(c, "w", false), *ahead = NULL;
    for (int64_t t = 0; sound(c->v) && t < kdst_tensor_get_size(pre, 0); t++) {
        kdst_tensor *behind = NULL, *theta = NULL;
        kdst_tensor_release(ahead);
        ahead = NULL;
        take_step(c, srdp_step, srdp, pre, post, w, t);
        if (sound(c->v)) check(c->v, c->r->ctx, kdst_srdp_get_rates(srdp, &ahead, &behind, &theta), "get_rates");
        if (sound(c->v)) note(c, &records[0], behind);
        if (sound(c->v)) note(c, &records[1], theta);
        kdst_tensor_release(theta);
        kdst_tensor_release(behind);
    }
    expect_record(c, "rate_post", &records[0]);
    expect_record(c, "theta", &records[1]);
    if (sound(c->v)) expect_tensor(c, "rate_pre_last", ahead);
    if (sound(c->v)) expect_tensor(c, "w_after", w);
    kdst_tensor_release(ahead);
    kdst_tensor_release(post);
    kdst_tensor_release(pre);
    kdst_srdp_release(srdp);
}
