/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a context: a function of the caller's, and a ring of the last messages for who pulls. */
#include "core/context_private.h"

#include "core/format.h"

#include <string.h>

static void keep(kdst__log_state *log, kdst_severity severity, const char *text)
{
    if (log->count == KDST__LOG_MESSAGES) {
        log->first = (log->first + 1) % KDST__LOG_MESSAGES;
        log->count--;
    }
    kdst__log_entry *entry = &log->entries[(log->first + log->count++) % KDST__LOG_MESSAGES];
    entry->severity = severity;
    kdst__copy_text(entry->text, sizeof entry->text, text);
}

void kdst__log_clear(kdst_context *ctx)
{
    kdst_destroy_fn destroy = ctx->log.destroy;
    void *user_data = ctx->log.user_data;
    ctx->log.log = NULL;
    ctx->log.destroy = NULL;
    ctx->log.user_data = NULL;
    if (destroy) destroy(user_data);
}

void kdst__log(kdst_context *ctx, kdst_severity severity, const char *format, ...)
{
    char text[KDST__MESSAGE_BYTES], message[KDST__MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    kdst__format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    keep(&ctx->log, severity, text);
    if (!ctx->log.log || ctx->log.calling) return;

    /* The message belongs to the call that logs, whatever the function does with this context. */
    memcpy(message, ctx->message, sizeof message);
    ctx->log.calling = true;
    kdst_status status = ctx->log.log(ctx->log.user_data, severity, text);
    ctx->log.calling = false;
    if (status) kdst__log_clear(ctx);
    memcpy(ctx->message, message, sizeof message);
}

kdst_status kdst_context_set_log(kdst_context *ctx, kdst_log_fn log, void *user_data, kdst_destroy_fn destroy)
{
    kdst_status status = KDST_STATUS_INVALID_ARGUMENT;
    if (!ctx) goto fail;
    kdst__enter(ctx);
    if (ctx->log.calling) {
        status = kdst__fail(ctx, KDST_STATUS_STATE, "context_set_log: called by the log function itself");
        goto fail;
    }
    kdst__log_clear(ctx);
    ctx->log.log = log;
    ctx->log.user_data = user_data;
    ctx->log.destroy = destroy;
    return KDST_STATUS_OK;
fail:
    if (destroy) destroy(user_data);
    return status;
}

kdst_status kdst_context_get_log(kdst_context *ctx, kdst_severity *out_severity, const char **out_message)
{
    if (out_severity) *out_severity = 0;
    if (out_message) *out_message = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    kdst__log_state *log = &ctx->log;
    if (!log->count) return KDST_STATUS_OK;
    const kdst__log_entry *entry = &log->entries[log->first];
    log->first = (log->first + 1) % KDST__LOG_MESSAGES;
    log->count--;
    if (out_severity) *out_severity = entry->severity;
    if (out_message) *out_message = entry->text;
    return KDST_STATUS_OK;
}
