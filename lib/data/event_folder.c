/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of recordings by class: <folder>/<class>/<recording>. Only names are read at first; a recording is read and binned to bytes
 * when it is asked for, on whatever thread asks. Nothing is kept: a file is a hundredth of its bins.
 */
#include "data/classes.h"

#include "data/events.h"

static const char function[] = "dataset_load_events";

const kdst__schema kdst__schema_dataset_events = {
    "dataset.events", kdst__event_options, KDST__EVENT_OPTIONS - 1, NULL, 0};

/* A kind of images. */
typedef struct recordings {
    kdst__images images;
    kdst__listing files; /* paths */
    kdst__event_form form;
} recordings;

static void destroy(void *object)
{
    recordings *r = object;
    kdst__listing_destroy(kdst__context_memory(r->images.base.ctx), &r->files);
}

static const kdst__class class = {"folder of events", destroy};

static kdst_status fetch(kdst__images *images, int64_t sample, void *pixels, kdst__failure *failure)
{
    recordings *r = (recordings *)images;
    return kdst__events_read_file(
        kdst__context_memory(images->base.ctx), &r->form, r->files.names[sample], pixels, failure);
}

static kdst_status make(kdst_context *ctx, kdst__classes *classes, const kdst__event_form *form, kdst_dataset **out)
{
    const int64_t shape[] = {2, form->height, form->width};
    recordings *r = kdst__handle_create(ctx, &class, sizeof *r);
    if (!r) return kdst__fail_memory(ctx, function);
    r->images.fetch = fetch;
    r->images.anywhere = true;
    r->form = *form;
    r->files = classes->files;
    classes->files = (kdst__listing){0};
    kdst_status status = kdst__classes_make(function, classes, &r->images, KDST_DTYPE_UINT8, shape, out);
    if (!status) {
        (*out)->steps = form->steps;
        (*out)->unit = 1;
    }
    kdst__handle_release(r);
    return status;
}

kdst_status
kdst_dataset_load_events(kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out)
{
    static const char *const binary[] = {".bin", ".bs2", NULL}, *const text[] = {".txt", NULL};
    kdst__event_form form;
    kdst__failure failure = {0};
    kdst__classes classes;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!path || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, path ? "out" : "path");
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_dataset_events, options, &form);
    if (!status) status = kdst__event_form_check(ctx, function, &form);
    if (status) return status;
    status = kdst__classes_read(
        kdst__context_memory(ctx), path, form.format == KDST__EVENTS_TEXT ? text : binary, "recording", &classes,
        &failure);
    if (status)
        kdst__dataset_report(ctx, function, &failure);
    else
        status = make(ctx, &classes, &form, out);
    kdst__classes_destroy(kdst__context_memory(ctx), &classes);
    return status;
}
