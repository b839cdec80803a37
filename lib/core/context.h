/* SPDX-License-Identifier: Apache-2.0 */
/* The context and the handles that belong to it, from the inside.
 *
 * Life of a handle: kdst__handle_create gives a zeroed object with one reference, which holds its context. The last
 * release puts the object into the context's queue. The thread that used the context last empties the queue at once, and
 * otherwise at its next call; when the caller has given up the context itself, whoever queues empties it too. A
 * queued object does not hold the context, so the last reference takes everything with it, on whatever thread.
 *
 * One thread at a time empties the queue, by a loop: what a destroy releases is queued in turn, so a chain of a million
 * handles needs no stack. A destroy may run beside a call of another thread. It therefore touches nothing but the
 * object's members (NULL ones allowed): it releases handles, frees memory, runs a caller's destroy function.
 *
 * Every public function starts with kdst__enter: it empties the message and the queue.
 */
#ifndef KDST_CORE_CONTEXT_H
#define KDST_CORE_CONTEXT_H

#include "core/memory.h"

#include <kdst/context.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#define KDST__MESSAGE_BYTES 1024

typedef struct kdst__class {
    const char *name;              /* "tensor" */
    void (*destroy)(void *object); /* releases what the members hold; the object itself is freed by the caller */
} kdst__class;

/* First member of every handle but kdst_context and kdst_options. */
typedef struct kdst__handle {
    _Atomic int64_t references;
    kdst_context *ctx;
    const kdst__class *class;
    struct kdst__handle *next; /* in the queue */
    size_t bytes;
} kdst__handle;

/* Settings of schema "context". */
typedef struct kdst__context_config {
    int64_t threads, seed, exact_convolution, memory_limit;
    int32_t level; /* -1 auto, else a kdst__level */
} kdst__context_config;

/* What upper folders attach to a context: created lazily by them, destroyed with the context in reverse order. A slot
 * must hold no handle, which would hold the context in turn.
 * `compute` is made at context creation by lib/compute through kdst__context_hooks (below). */
enum { KDST__SLOT_COMPUTE, KDST__SLOT_AUTOGRAD, KDST__SLOTS };

/* New zeroed object of `bytes` with one reference, or NULL with the message and no status to keep: return
 * KDST_STATUS_OUT_OF_MEMORY then. */
void *kdst__handle_create(kdst_context *ctx, const kdst__class *class, size_t bytes);
void kdst__handle_retain(void *handle);  /* nullable */
void kdst__handle_release(void *handle); /* nullable */

static inline int64_t kdst__handle_references(const void *handle)
{
    return atomic_load(&((const kdst__handle *)handle)->references);
}

/* Beginning of a public function on this context: empties the message, destroys what waits, notes the thread. */
void kdst__enter(kdst_context *ctx);
/* The same for what is called to clean up after a failure: the message stays. */
void kdst__enter_cleaning(kdst_context *ctx);

/* Sets the message and returns `status`. "conv2d: input has 3 channels, layer expects 16". */
kdst_status kdst__fail(kdst_context *ctx, kdst_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* OUT_OF_MEMORY with "<function>: out of memory", and what was wanted when an allocation of this call failed (kdst__memory_refusal). */
kdst_status kdst__fail_memory(kdst_context *ctx, const char *function);
/* After a callback returned `status`: keeps the message it left, else makes one. Returns status, CALLBACK for a number that is none. */
kdst_status kdst__fail_callback(kdst_context *ctx, kdst_status status, const char *function);
/* 1 while the message is empty. */
bool kdst__message_empty(const kdst_context *ctx);

void kdst__log(kdst_context *ctx, kdst_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* CANCELLED with a message when kdst_context_cancel was called since the last time, else OK. */
kdst_status kdst__check_cancelled(kdst_context *ctx, const char *function);

kdst__memory *kdst__context_memory(kdst_context *ctx);
const kdst__context_config *kdst__context_config_get(const kdst_context *ctx);

/* Takes the next random stream: (seed, stream) name it for ever. */
void kdst__next_stream(kdst_context *ctx, uint64_t *out_seed, uint64_t *out_stream);

/* Puts the next stream back to what it was. */
void kdst__context_set_stream(kdst_context *ctx, uint64_t seed, uint64_t stream);

/* Pointer attached by an upper folder; `destroy` runs with the context (slots in falling order). */
void *kdst__slot_get(const kdst_context *ctx, int slot);
void kdst__slot_set(kdst_context *ctx, int slot, void *value, void (*destroy)(kdst_context *ctx, void *value));

/* Set by lib/compute: the constructor that kdst_context_create calls once memory and options stand. It attaches
 * KDST__SLOT_COMPUTE and says what it chose through kdst__context_set_info. Defined in lib/compute/context.c. */
kdst_status kdst__compute_attach(kdst_context *ctx);
/* key: "threads" "level" "gemm"; the text is copied (127 bytes). */
void kdst__context_set_info(kdst_context *ctx, const char *key, const char *text);

#endif
