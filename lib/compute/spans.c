/* SPDX-License-Identifier: Apache-2.0 */
/* Passes over many tensors in one run of the pool.
 *
 * The tensors count as one line of elements, one behind the other, and the line is cut into pieces: by their sizes alone. A cut
 * inside a tensor is moved down to whole vectors and cache lines of it. So the 64 numbers of a batch norm cost no run of their own,
 * and a large tensor is shared by all threads.
 */
#include "compute/spans.h"

#define GRAIN 16384
#define WHOLE 64 /* elements: a multiple of every vector and of a cache line */

/* The place of a cut in a span. */
static int64_t place_of(const kdst__span *span, int64_t cut)
{
    int64_t place = cut - span->from;
    return place <= 0 ? 0 : place >= span->n ? span->n : place - place % WHOLE;
}

/* The last span that begins at `cut` or before. */
static int64_t span_at(const kdst__spans_pass *pass, int64_t cut)
{
    int64_t low = 0, high = pass->count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (pass->spans[middle].from <= cut)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void run_piece(void *arg, int64_t piece, int32_t worker)
{
    kdst__spans_pass *pass = arg;
    int64_t begin, end;
    double sum = 0;
    (void)worker;
    kdst__piece_range(pass->total, pass->pieces, piece, &begin, &end);
    for (int64_t i = span_at(pass, begin); i < pass->count && pass->spans[i].from < end; i++) {
        const kdst__span *span = &pass->spans[i];
        int64_t from = place_of(span, begin), n = place_of(span, end) - from;
        if (n > 0) sum += pass->fn(pass, span, from, n);
    }
    pass->sums[piece] = sum;
}

double kdst__spans_run(kdst__spans_pass *pass, int64_t grain)
{
    double sum = 0;
    pass->total = 0;
    for (int64_t i = 0; i < pass->count; i++) {
        pass->spans[i].from = pass->total;
        pass->total += pass->spans[i].n;
    }
    pass->pieces = kdst__pieces(pass->total, grain);
    kdst__pool_run(pass->cp->pool, pass->pieces, run_piece, pass);
    for (int64_t i = 0; i < pass->pieces; i++)
        sum += pass->sums[i];
    return sum;
}

#define GRADIENT kdst__at(span->dtype, span->g, from)

static double scale_span(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    KDST__CALL(pass->cp, span->dtype, scale, n, *(const double *)pass->rule, GRADIENT);
    return 0;
}

static double clip_span(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    KDST__CALL(pass->cp, span->dtype, clip, n, *(const double *)pass->rule, GRADIENT);
    return 0;
}

static double clamp_span(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    const double *bounds = pass->rule;
    KDST__CALL(pass->cp, span->dtype, clamp_to, n, bounds[0], bounds[1], GRADIENT);
    return 0;
}

static double squares_of(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    return KDST__CALL(pass->cp, span->dtype, squares, n, *(const double *)pass->rule, GRADIENT);
}

/* How many spans of spans are not finite. */
static double not_finite(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n)
{
    return KDST__CALL(pass->cp, span->dtype, all_finite, n, GRADIENT) ? 0 : 1;
}

void kdst__spans_scale(kdst__compute *cp, int64_t count, kdst__span *spans, double factor)
{
    kdst__spans_pass pass = {.cp = cp, .fn = scale_span, .rule = &factor, .count = count, .spans = spans};
    kdst__spans_run(&pass, GRAIN);
}

void kdst__spans_clip(kdst__compute *cp, int64_t count, kdst__span *spans, double bound)
{
    kdst__spans_pass pass = {.cp = cp, .fn = clip_span, .rule = &bound, .count = count, .spans = spans};
    kdst__spans_run(&pass, GRAIN);
}

void kdst__spans_clamp(kdst__compute *cp, int64_t count, kdst__span *spans, double low, double high)
{
    const double bounds[2] = {low, high};
    kdst__spans_pass pass = {.cp = cp, .fn = clamp_span, .rule = bounds, .count = count, .spans = spans};
    kdst__spans_run(&pass, GRAIN);
}

double kdst__spans_squares(kdst__compute *cp, int64_t count, kdst__span *spans, double scale)
{
    kdst__spans_pass pass = {.cp = cp, .fn = squares_of, .rule = &scale, .count = count, .spans = spans};
    return kdst__spans_run(&pass, GRAIN);
}

int32_t kdst__spans_finite(kdst__compute *cp, int64_t count, kdst__span *spans)
{
    kdst__spans_pass pass = {.cp = cp, .fn = not_finite, .count = count, .spans = spans};
    return kdst__spans_run(&pass, GRAIN) == 0;
}
