/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of the system "background" that spike: surrogate slopes of a spike. */
#include "background.h"

#include <string.h>

/* The library's name of a function, whose factor is its own. */
static const char *slope_of(const char *function)
{
    static const char *const names[][2] = {
        {"sigmoid_k", "sigmoid"},
        {"fast_sigmoid_peak1", "fast_sigmoid"},
        {"soft_sign", "soft_sign"},
        {"super_spike", "superspike"},
        {"atan", "arctan"},
        {"triangle", "triangle"},
        {"rect", "rectangle"},
        {"piecewise_exp", "two_sided_exponential"},
        {"erf", "erf"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(function, names[i][0])) return names[i][1];
    return NULL;
}

void run_slope(background_case *c)
{
    settings s = {NULL, KDST_STATUS_OK};
    const char *function = fields_text(&c->params, "function"), *name = slope_of(function);
    kdst_tensor *x = input(c, "x", false), *slope = NULL;
    if (!name) problem(c->v, "the function \"%.64s\" is unknown", function);
    s.status = kdst_options_create(&s.options);
    if (name) set_text(&s, "surrogate", name);
    set_float(&s, "steepness", fields_number(&c->params, "k"));
    if (s.status) problem(c->v, "params: %s", kdst_status_name(s.status));
    if (sound(c->v) && check(c->v, c->r->ctx, kdst_spike_slope(x, s.options, &slope), "spike_slope"))
        expect_tensor(c, "slope", slope);
    kdst_tensor_release(slope);
    kdst_options_release(s.options);
}
