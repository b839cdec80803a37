/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings as text, the way the official code of TSSL-BP (Zhang and Li 2020) reads N-MNIST: a line "id t1 t2 …" for each input with
 * events, binned before.
 *
 * id - 1 = (polarity W + x) H + y; times are steps, counted from 1, in rising order. As in that code a line ends at the first time of T
 * or later, so that nothing is ever set at step index T - 1.
 */
#include "data/events.h"

#include <stdbool.h>
#include <string.h>

typedef struct cursor {
    const unsigned char *at, *end;
    int64_t line;
    kdst__failure *failure;
} cursor;

/* Something longer than any number that is allowed. */
enum { DIGITS = 15 };

static int is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && is_blank(*c->at))
        c->at++;
}

static kdst_status next_number(cursor *c, int64_t *out)
{
    int digits = 0;
    *out = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && digits <= DIGITS; c->at++, digits++)
        *out = *out * 10 + (*c->at - '0');
    bool ends = c->at == c->end || is_blank(*c->at) || *c->at == '\n';
    if (digits && digits <= DIGITS && ends) return KDST_STATUS_OK;
    return kdst__failure_set(c->failure, KDST_STATUS_FORMAT, "line %lld has what is no number", (long long)c->line);
}

/* The times of an input, to the end of the line. */
static kdst_status read_times(cursor *c, const kdst__event_form *f, uint8_t *out, int64_t place, int64_t *events)
{
    int64_t time, last = 0, stride = 2 * f->height * f->width;
    bool past = false;
    for (skip_blanks(c); c->at < c->end && *c->at != '\n'; skip_blanks(c)) {
        kdst_status status = next_number(c, &time);
        if (status) return status;
        if (time < 1)
            return kdst__failure_set(
                c->failure, KDST_STATUS_FORMAT, "line %lld has the time 0, times begin with 1", (long long)c->line);
        if (time < last)
            return kdst__failure_set(
                c->failure, KDST_STATUS_FORMAT, "line %lld has the time %lld behind %lld", (long long)c->line,
                (long long)time, (long long)last);
        last = time;
        ++*events;
        past = past || time >= f->steps;
        if (!past) kdst__event_put(f, out, (time - 1) * stride + place);
    }
    return KDST_STATUS_OK;
}

static kdst_status read_line(cursor *c, const kdst__event_form *f, uint8_t *out, int64_t *events)
{
    int64_t id, plane = f->height * f->width;
    kdst_status status = next_number(c, &id);
    if (status) return status;
    if (id < 1 || id > 2 * plane)
        return kdst__failure_set(
            c->failure, KDST_STATUS_FORMAT, "line %lld is of input %lld, the sensor has 1 to %lld", (long long)c->line,
            (long long)id, (long long)(2 * plane));
    id--;
    int64_t polarity = id / plane, x = id % plane / f->height, y = id % f->height;
    return read_times(c, f, out, polarity * plane + y * f->width + x, events);
}

kdst_status kdst__event_text_read(
    const kdst__event_form *f, const unsigned char *data, size_t bytes, uint8_t *out, kdst__failure *failure)
{
    cursor c = {data, data ? data + bytes : data, 1, failure};
    int64_t events = 0;
    memset(out, 0, (size_t)kdst__event_elements(f));
    for (; c.at < c.end; c.at++, c.line++) {
        skip_blanks(&c);
        kdst_status status = c.at < c.end && *c.at != '\n' ? read_line(&c, f, out, &events) : KDST_STATUS_OK;
        if (status) return status;
        if (c.at == c.end) break;
    }
    return events ? KDST_STATUS_OK : kdst__failure_set(failure, KDST_STATUS_FORMAT, "has no event");
}
