/* SPDX-License-Identifier: Apache-2.0 */
/* The message of a context: why the last call failed. It lives in the context, so reporting never allocates. */
#include "core/context_private.h"

#include "core/format.h"

#include <string.h>

void kdst__copy_text(char *to, size_t bytes, const char *from)
{
    size_t length = strlen(from);
    if (length >= bytes) {
        length = bytes - 1;
        while (length && ((unsigned char)from[length] & 0xc0) == 0x80)
            length--; /* not inside a character */
    }
    memmove(to, from, length);
    to[length] = '\0';
}

kdst_status kdst__fail(kdst_context *ctx, kdst_status status, const char *format, ...)
{
    if (!ctx) return status;
    char text[KDST__MESSAGE_BYTES + 4]; /* an argument may be the old message; room to see where a character is cut */
    va_list arguments;
    va_start(arguments, format);
    kdst__format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    kdst__copy_text(ctx->message, sizeof ctx->message, text);
    return status;
}

kdst_status kdst__fail_memory(kdst_context *ctx, const char *function)
{
    char text[KDST__REFUSAL_TEXT];
    return kdst__fail(
        ctx, KDST_STATUS_OUT_OF_MEMORY, "%s: out of memory%s", function, kdst__memory_refusal(ctx->memory, text));
}

kdst_status kdst__fail_callback(kdst_context *ctx, kdst_status status, const char *function)
{
    bool known = status >= KDST_STATUS_OK && status <= KDST_STATUS_INTERNAL;
    if (status && kdst__message_empty(ctx)) {
        if (known)
            kdst__fail(ctx, status, "%s: the callback returned %s", function, kdst_status_name(status));
        else
            kdst__fail(ctx, status, "%s: the callback returned %d, which is no status", function, (int)status);
    }
    return known ? status : KDST_STATUS_CALLBACK;
}

bool kdst__message_empty(const kdst_context *ctx)
{
    return !ctx->message[0];
}

const char *kdst_context_message(const kdst_context *ctx)
{
    return ctx ? ctx->message : "";
}

kdst_status kdst_context_set_message(kdst_context *ctx, const char *message)
{
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    char text[KDST__MESSAGE_BYTES]; /* `message` may be the one that the next line empties */
    kdst__copy_text(text, sizeof text, message ? message : "");
    kdst__enter(ctx);
    memcpy(ctx->message, text, sizeof text);
    return KDST_STATUS_OK;
}
