/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a context, for context.c, handle.c, log.c and message.c alone.
 *
 * `references` counts the caller's references and the living handles; `users` the caller's alone. Whatever is atomic here may be
 * touched by any thread, the rest belongs to the thread that is in a call.
 */
#ifndef KDST_CORE_CONTEXT_PRIVATE_H
#define KDST_CORE_CONTEXT_PRIVATE_H

#include "core/context.h"

#define KDST__LOG_MESSAGES 32
#define KDST__LOG_BYTES 256
#define KDST__INFO_BYTES 128

enum { KDST__INFO_THREADS, KDST__INFO_LEVEL, KDST__INFO_GEMM, KDST__INFOS };

typedef struct kdst__log_entry {
    kdst_severity severity;
    char text[KDST__LOG_BYTES];
} kdst__log_entry;

typedef struct kdst__log_state {
    kdst_log_fn log; /* NULL: none */
    void *user_data;
    kdst_destroy_fn destroy;
    bool calling;                                /* the function runs now */
    int32_t first, count;                        /* the messages not taken yet */
    kdst__log_entry entries[KDST__LOG_MESSAGES]; /* a ring */
} kdst__log_state;

typedef struct kdst__slot {
    void *value;
    void (*destroy)(kdst_context *ctx, void *value);
} kdst__slot;

struct kdst_context {
    _Atomic int64_t references, users, live;
    _Atomic uintptr_t home;        /* thread that used the context last */
    _Atomic bool draining;         /* some thread empties the queue */
    _Atomic(kdst__handle *) queue; /* objects without references, to be destroyed */
    _Atomic bool cancelled;
    kdst__memory *memory;
    kdst_destroy_fn destroy; /* of the allocator's user data */
    void *user_data;
    kdst__context_config config;
    uint64_t seed, stream;
    kdst__slot slots[KDST__SLOTS];
    kdst__log_state log;
    char info[KDST__INFOS][KDST__INFO_BYTES];
    char message[KDST__MESSAGE_BYTES];
};

/* Destroys what waits in the queue, unless some thread (this one included) is doing so. The caller holds a reference. */
void kdst__context_drain(kdst_context *ctx);
/* Drops one of `references`; the last one destroys the context. */
void kdst__context_drop(kdst_context *ctx);
/* Name of the calling thread, unequal to that of every other one. */
uintptr_t kdst__thread_self(void);
/* Ends the registration of the log function. */
void kdst__log_clear(kdst_context *ctx);
/* Copies text, cut between two UTF-8 characters to fit `bytes` with its end. */
void kdst__copy_text(char *to, size_t bytes, const char *from);

#endif
