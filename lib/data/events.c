/* SPDX-License-Identifier: Apache-2.0 */
/* Address-event recordings as N-MNIST has them (Orchard, Jayawant, Cohen and Thakor 2015), and what they are read into.
 *
 * No header; five bytes an event: x, y, then, high byte first, polarity in bit 23 (1: brighter) and time in bits 22 to 0 in
 * microseconds. An event of step floor(t / bin) below T sets element [step, polarity, y, x] to 1, or adds 1 to it; later ones are dropped.
 * Some cameras write a row of 0xF0 when their clock of 13 bits has run over: with `overflow` such an event is none, and 2^13
 * is added to the times from there on.
 */
#include "data/events.h"

#include "io/text.h"
#include "tensor/tensor.h"

#include <string.h>

enum { EVENT_BYTES = 5, OVERFLOW_ROW = 0xf0, OVERFLOW_TIME = 1 << 13 };

const kdst__option kdst__event_options[] = {
    KDST__CHOICE(kdst__event_form, format, "binary", "binary|text", "how files are written"),
    KDST__INT(kdst__event_form, steps, 300, 1, 1000000, "T, steps of a sample"),
    KDST__INT(kdst__event_form, bin, 1000, 1, 8388608, "microseconds of a step; binary"),
    KDST__INT(kdst__event_form, height, 34, 1, 256, "rows of the sensor"),
    KDST__INT(kdst__event_form, width, 34, 1, 256, "columns of the sensor"),
    KDST__INT(
        kdst__event_form, count, 0, 0, 1,
        "1: events of a place and step are counted, up to 255; 0: several are as one"),
    KDST__INT(
        kdst__event_form, overflow, 0, 0, 1, "1: an event in row 240 is none and adds 8192 us to the times behind it"),
    KDST__CHOICE(kdst__event_form, dtype, "float32", "float32|float64|uint8", "element type of the tensor"),
};
const kdst__schema kdst__schema_events = {"events", kdst__event_options, KDST__EVENT_OPTIONS, NULL, 0};
_Static_assert(KDST__COUNT(kdst__event_options) == KDST__EVENT_OPTIONS, "the rows are counted");

kdst_status kdst__event_form_check(kdst_context *ctx, const char *function, const kdst__event_form *form)
{
    if (!form->overflow || form->height <= OVERFLOW_ROW) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: height is %lld, row %d exists and can be no mark of an overflow",
        function, (long long)form->height, OVERFLOW_ROW);
}

/* ---- reading ---- */

typedef struct event {
    int64_t x, y, polarity, time;
} event;

static event decode(const unsigned char *p)
{
    return (event){p[0], p[1], p[2] >> 7, (int64_t)(p[2] & 127) << 16 | p[3] << 8 | p[4]};
}

static kdst_status fail_place(const kdst__event_form *f, size_t number, const event *e, kdst__failure *failure)
{
    return kdst__failure_set(
        failure, KDST_STATUS_FORMAT, "event %zu is at x = %lld, y = %lld, the sensor has %lld columns and %lld rows%s",
        number, (long long)e->x, (long long)e->y, (long long)f->width, (long long)f->height,
        e->y == OVERFLOW_ROW && !f->overflow ? "; option overflow" : "");
}

kdst_status kdst__events_read(
    const kdst__event_form *f, const unsigned char *data, size_t bytes, uint8_t *out, kdst__failure *failure)
{
    int64_t offset = 0, last = 0, end = f->steps * f->bin, plane = f->height * f->width;
    size_t events = 0;
    if (f->format == KDST__EVENTS_TEXT) return kdst__event_text_read(f, data, bytes, out, failure);
    if (bytes % EVENT_BYTES)
        return kdst__failure_set(
            failure, KDST_STATUS_FORMAT, "has %zu bytes, which is %zu events of %d bytes and %zu more", bytes,
            bytes / EVENT_BYTES, EVENT_BYTES, bytes % EVENT_BYTES);
    memset(out, 0, (size_t)kdst__event_elements(f));
    for (size_t i = 0; i < bytes / EVENT_BYTES; i++) {
        event e = decode(data + i * EVENT_BYTES);
        if (f->overflow && e.y == OVERFLOW_ROW) {
            offset += OVERFLOW_TIME;
            continue;
        }
        e.time += offset;
        if (e.x >= f->width || e.y >= f->height) return fail_place(f, i, &e, failure);
        if (e.time < last)
            return kdst__failure_set(
                failure, KDST_STATUS_FORMAT, "event %zu is at %lld us, one before it at %lld us", i, (long long)e.time,
                (long long)last);
        last = e.time;
        events++;
        if (e.time < end) kdst__event_put(f, out, (e.time / f->bin * 2 + e.polarity) * plane + e.y * f->width + e.x);
    }
    return events ? KDST_STATUS_OK : kdst__failure_set(failure, KDST_STATUS_FORMAT, "has no event");
}

kdst_status kdst__events_read_file(
    kdst__memory *memory, const kdst__event_form *form, const char *path, uint8_t *out, kdst__failure *failure)
{
    kdst__failure inner = {0};
    kdst__contents c;
    char shown[KDST__SHOWN_TEXT];
    kdst_status status = kdst__contents_read(memory, path, KDST__EVENTS_FILE, &c, &inner);
    if (!status) status = kdst__events_read(form, c.data, c.bytes, out, &inner);
    kdst__contents_destroy(memory, &c);
    return status ? kdst__failure_set(failure, status, "%s: %s", kdst__text_shown(path, shown), inner.text) : status;
}

/* ---- as a tensor ---- */

/* What is read: a file, or bytes where there is no path. */
typedef struct recording {
    const char *path;
    const void *data;
    size_t bytes;
} recording;

static void convert(const uint8_t *from, int64_t count, kdst_tensor *to)
{
    if (to->dtype == KDST_DTYPE_FLOAT32)
        for (int64_t i = 0; i < count; i++)
            ((float *)kdst__tensor_data(to))[i] = from[i];
    else
        for (int64_t i = 0; i < count; i++)
            ((double *)kdst__tensor_data(to))[i] = from[i];
}

static kdst_status
load(kdst_context *ctx, const char *function, const recording *r, const kdst_options *options, kdst_tensor **out)
{
    static const kdst_dtype dtypes[] = {KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64, KDST_DTYPE_UINT8};
    kdst__memory *memory = kdst__context_memory(ctx);
    kdst__event_form form;
    kdst__failure failure = {0};
    kdst_tensor *t = NULL;
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_events, options, &form);
    if (!status) status = kdst__event_form_check(ctx, function, &form);
    if (status) return status;
    const int64_t shape[] = {form.steps, 2, form.height, form.width};
    status = kdst__tensor_new(ctx, function, dtypes[form.dtype], 4, shape, false, &t);
    if (status) return status;
    size_t room = (size_t)kdst__event_elements(&form);
    bool own = t->dtype != KDST_DTYPE_UINT8;
    uint8_t *bins = own ? kdst__alloc(memory, room) : kdst__tensor_data(t);
    if (!bins) {
        kdst__handle_release(t);
        return kdst__fail_memory(ctx, function);
    }
    status = r->path ? kdst__events_read_file(memory, &form, r->path, bins, &failure)
                     : kdst__events_read(&form, r->data, r->bytes, bins, &failure);
    if (!status && own) convert(bins, (int64_t)room, t);
    if (own) kdst__free(memory, bins, room);
    if (!status) {
        *out = t;
        return KDST_STATUS_OK;
    }
    kdst__handle_release(t);
    return kdst__fail(ctx, status, "%s: %s", function, failure.text);
}

kdst_status kdst_events_load(kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out)
{
    static const char function[] = "events_load";
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!path || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, path ? "out" : "path");
    return load(ctx, function, &(recording){.path = path}, options, out);
}

kdst_status kdst_events_load_bytes(
    kdst_context *ctx, const void *data, int64_t bytes, const kdst_options *options, kdst_tensor **out)
{
    static const char function[] = "events_load_bytes";
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out || (!data && bytes > 0))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, out ? "data" : "out");
    if (bytes < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: bytes is %lld, allowed is 0 or more", function, (long long)bytes);
    return load(ctx, function, &(recording){.data = data, .bytes = (size_t)bytes}, options, out);
}
