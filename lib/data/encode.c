/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of numbers x as input of T steps.
 *
 *     static     x at every step
 *     poisson    a spike with probability rate x at every step, one independent of the other: the Bernoulli form of a Poisson train of
 *                small rate (Heeger 2000, Poisson model of spike generation)
 *     latency    one spike, the earlier the larger x; none where x <= threshold (Thorpe, Delorme and Van Rullen 2001), at the step nearest
 *                to the time, halves up
 *         linear         t = (T - 1) (1 - x)
 *         logarithmic    t = tau ln(x / (x - threshold)), when a membrane tau dv/dt = x - v reaches the threshold from 0 (Gerstner and
 *                        Kistler 2002, 4.1); none where that is after the last step. tau 0: x one grey level of an image of 8 bits
 *                        above the threshold is the last to fire, tau = (T - 1) / ln(1 + 255 threshold)
 *
 * Poisson compares word i % 4 of block t ceil(count / 4) + i / 4 of the Philox stream with 2^32 rate x, so 0 is always silent and a
 * probability of 1 always fires.
 */
#include "data/encode.h"

#include "core/context.h"
#include "core/random.h"

#include <math.h>
#include <string.h>

enum { WORDS = 4 }; /* of a Philox block */

kdst_status kdst__encode_set_up(kdst_context *ctx, const char *function, kdst__encode *e)
{
    if (e->kind != KDST__ENCODE_LATENCY || e->rule != KDST__LATENCY_LOGARITHMIC) return KDST_STATUS_OK;
    if (!(e->threshold > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the threshold is 0, the logarithmic rule needs more than that",
            function);
    if (!(e->tau > 0)) e->tau = (double)(e->steps - 1) / log1p(255 * e->threshold);
    return KDST_STATUS_OK;
}

static double get(const void *x, bool wide, int64_t i)
{
    return wide ? ((const double *)x)[i] : ((const float *)x)[i];
}

int64_t kdst__encode_find_bad(const kdst__encode *e, const void *x, bool wide, int64_t count)
{
    int64_t i = 0;
    if (e->kind == KDST__ENCODE_STATIC) return count;
    while (i < count && get(x, wide, i) >= 0 && get(x, wide, i) <= 1)
        i++;
    return i;
}

/* ---- static ---- */

static size_t size_of(const kdst__encode_part *p)
{
    return p->wide ? sizeof(double) : sizeof(float);
}

static char *address(const kdst__encode_part *p, int64_t step)
{
    return (char *)p->out + (size_t)(step * p->stride + p->begin) * size_of(p);
}

static void run_static(const kdst__encode *e, const kdst__encode_part *p)
{
    for (int64_t t = 0; t < e->steps; t++)
        memcpy(
            address(p, t), (const char *)p->x + (size_t)p->begin * size_of(p),
            (size_t)(p->end - p->begin) * size_of(p));
}

/* ---- poisson ---- */

static void put_block(const kdst__encode *e, const kdst__encode_part *p, int64_t step, int64_t block)
{
    uint32_t words[WORDS];
    int64_t blocks = p->count / WORDS + (p->count % WORDS != 0), first = block * WORDS;
    int64_t n = p->end - first < WORDS ? p->end - first : WORDS;
    kdst__philox(p->seed, p->stream, (uint64_t)(step * blocks + block), words);
    for (int64_t i = 0; i < n; i++) {
        bool fires = words[i] < get(p->x, p->wide, first + i) * e->rate * 0x1p32;
        if (p->wide)
            ((double *)p->out)[step * p->stride + first + i] = fires;
        else
            ((float *)p->out)[step * p->stride + first + i] = fires;
    }
}

static void run_poisson(const kdst__encode *e, const kdst__encode_part *p)
{
    for (int64_t t = 0; t < e->steps; t++)
        for (int64_t block = p->begin / WORDS; block * WORDS < p->end; block++)
            put_block(e, p, t, block);
}

/* ---- latency ---- */

/* Step of the spike, or -1: none. */
static int64_t step_of(const kdst__encode *e, double x)
{
    if (!(x > e->threshold)) return -1;
    double last = (double)(e->steps - 1);
    double time = e->rule == KDST__LATENCY_LINEAR ? last * (1 - x) : e->tau * log(x / (x - e->threshold));
    return time < last + 0.5 ? (int64_t)(time + 0.5) : -1;
}

static void run_latency(const kdst__encode *e, const kdst__encode_part *p)
{
    for (int64_t t = 0; t < e->steps; t++)
        memset(address(p, t), 0, (size_t)(p->end - p->begin) * size_of(p));
    for (int64_t i = p->begin; i < p->end; i++) {
        int64_t t = step_of(e, get(p->x, p->wide, i));
        if (t < 0) continue;
        if (p->wide)
            ((double *)p->out)[t * p->stride + i] = 1;
        else
            ((float *)p->out)[t * p->stride + i] = 1;
    }
}

void kdst__encode_run(const kdst__encode *e, const kdst__encode_part *p)
{
    if (e->kind == KDST__ENCODE_STATIC)
        run_static(e, p);
    else if (e->kind == KDST__ENCODE_POISSON)
        run_poisson(e, p);
    else
        run_latency(e, p);
}
