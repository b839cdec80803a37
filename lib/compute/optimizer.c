/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of all tensors of a step in one run of the pool (spans.c), and averages.
 *
 * Where gradients are scaled the pass goes in steps of a few cache lines: scaled, then used from the first-level cache.
 */
#include "compute/spans.h"

#include <math.h>

#define GRAIN 16384
#define STRIDE 2048

#define AT(x) kdst__at(span->dtype, span->x, from)

/* Runs `update` on [from, from + n) with the gradients scaled. */
static void with_scale(
    const kdst__spans_pass *pass, const kdst__span *span, double scale, int64_t from, int64_t n,
    void (*update)(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n))
{
    if (scale == 1) {
        update(pass, span, from, n);
        return;
    }
    for (int64_t end = from + n; from < end; from += STRIDE) {
        n = kdst__least(STRIDE, end - from);
        KDST__CALL(pass->cp, span->dtype, scale, n, scale, AT(g));
        update(pass, span, from, n);
    }
}

static void sgd_span(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    const kdst__sgd_rule *rule = pass->rule;
    KDST__CALL(
        pass->cp, span->dtype, sgd, n, span->rate, rule->momentum, rule->dampening, span->weight_decay, rule->nesterov,
        span->step == 1, AT(g), AT(state[0]), AT(w));
}

static void adam_span(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    const kdst__adam_rule *rule = pass->rule;
    KDST__CALL(
        pass->cp, span->dtype, adam, n, span->size, rule->beta1, rule->beta2, rule->eps, span->decay, span->keep,
        span->root, AT(g), AT(state[0]), AT(state[1]), AT(state[2]), AT(w));
}

static void rmsprop_span(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    const kdst__rmsprop_rule *rule = pass->rule;
    KDST__CALL(
        pass->cp, span->dtype, rmsprop, n, span->rate, rule->alpha, rule->eps, rule->momentum, span->weight_decay,
        AT(g), AT(state[0]), AT(state[1]), AT(state[2]), AT(w));
}

static double sgd_fn(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    with_scale(pass, span, ((const kdst__sgd_rule *)pass->rule)->scale, from, n, sgd_span);
    return 0;
}

static double adam_fn(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    with_scale(pass, span, ((const kdst__adam_rule *)pass->rule)->scale, from, n, adam_span);
    return 0;
}

static double rmsprop_fn(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    with_scale(pass, span, ((const kdst__rmsprop_rule *)pass->rule)->scale, from, n, rmsprop_span);
    return 0;
}

void kdst__sgd(kdst__compute *cp, const kdst__sgd_rule *rule, int64_t count, kdst__span *spans)
{
    kdst__spans_pass pass = {.cp = cp, .fn = sgd_fn, .rule = rule, .count = count, .spans = spans};
    kdst__spans_run(&pass, GRAIN);
}

/* Powers are taken once for spans that stand at the same step: most often all. */
void kdst__adam(kdst__compute *cp, const kdst__adam_rule *rule, int64_t count, kdst__span *spans)
{
    kdst__spans_pass pass = {.cp = cp, .fn = adam_fn, .rule = rule, .count = count, .spans = spans};
    double share = 0, root = 0;
    for (int64_t i = 0; i < count; i++) {
        kdst__span *span = &spans[i];
        if (i == 0 || span->step != spans[i - 1].step) {
            share = 1 - pow(rule->beta1, (double)span->step);
            root = sqrt(1 - pow(rule->beta2, (double)span->step));
        }
        span->size = span->rate / share;
        span->root = root;
        span->decay = rule->decoupled ? 0 : span->weight_decay;
        span->keep = rule->decoupled ? 1 - span->rate * span->weight_decay : 1;
    }
    kdst__spans_run(&pass, GRAIN);
}

void kdst__rmsprop(kdst__compute *cp, const kdst__rmsprop_rule *rule, int64_t count, kdst__span *spans)
{
    kdst__spans_pass pass = {.cp = cp, .fn = rmsprop_fn, .rule = rule, .count = count, .spans = spans};
    kdst__spans_run(&pass, GRAIN);
}

typedef struct blend_job {
    kdst__compute *cp;
    int32_t dtype;
    int64_t n, pieces;
    double share;
    const void *x;
    void *y;
} blend_job;

static void blend_piece(void *arg, int64_t piece, int32_t worker)
{
    const blend_job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    KDST__CALL(
        j->cp, j->dtype, blend, end - begin, j->share, kdst__at(j->dtype, j->x, begin),
        kdst__at(j->dtype, j->y, begin));
}

void kdst__blend(kdst__compute *cp, int32_t dtype, int64_t n, double share, const void *x, void *y)
{
    blend_job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .share = share, .x = x, .y = y};
    kdst__pool_run(cp->pool, j.pieces, blend_piece, &j);
}
