/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings of event cameras, binned to steps. On plain memory, on any thread. */
#ifndef KDST_DATA_EVENTS_H
#define KDST_DATA_EVENTS_H

#include "core/options.h"
#include "io/contents.h"

#include <kdst/events.h>

enum { KDST__EVENTS_BINARY, KDST__EVENTS_TEXT };

/* Bytes of a file at most. */
#define KDST__EVENTS_FILE ((int64_t)1 << 28)

/* What the options say of a recording. */
typedef struct kdst__event_form {
    int64_t steps, bin; /* T; microseconds of a step */
    int64_t height, width;
    int64_t count, overflow; /* 0 or 1 */
    int32_t format;
    int32_t dtype; /* of what kdst_events_load gives: 0 float32, 1 float64, 2 uint8 */
} kdst__event_form;

/* Rows of the options, the last one `dtype`, which a data set does not have. */
extern const kdst__option kdst__event_options[];
enum { KDST__EVENT_OPTIONS = 8 };

/* Options that contradict each other: INVALID_ARGUMENT. */
kdst_status kdst__event_form_check(kdst_context *ctx, const char *function, const kdst__event_form *form);

/* Elements of [T, 2, H, W]. */
static inline int64_t kdst__event_elements(const kdst__event_form *form)
{
    return form->steps * 2 * form->height * form->width;
}

/* Either form; `out` [T, 2, H, W] is filled, also where no event is. FORMAT; the text is without a path. */
kdst_status kdst__events_read(
    const kdst__event_form *form, const unsigned char *data, size_t bytes, uint8_t *out, kdst__failure *failure);
kdst_status kdst__event_text_read(
    const kdst__event_form *form, const unsigned char *data, size_t bytes, uint8_t *out, kdst__failure *failure);
/* The same of a file; the text begins with its path. */
kdst_status kdst__events_read_file(
    kdst__memory *memory, const kdst__event_form *form, const char *path, uint8_t *out, kdst__failure *failure);

/* An event at `place` of [T, 2, H, W]; several count up to 255. */
static inline void kdst__event_put(const kdst__event_form *form, uint8_t *out, int64_t place)
{
    if (!form->count)
        out[place] = 1;
    else if (out[place] < 255)
        out[place]++;
}

#endif
