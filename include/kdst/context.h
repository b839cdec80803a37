/* SPDX-License-Identifier: Apache-2.0 */
/* The context: threads, memory, random seed, log and the last message of everything made from it.
 *
 * There is no process-wide state: two contexts are independent and may run in two threads at once. A context
 * and what belongs to it serve one thread at a time; retain, release and cancel may come from any thread.
 *
 * A child made by fork may make contexts of its own. Of its parent's it has no threads, so it can only release them
 * and what belongs to them.
 */
#ifndef KDST_CONTEXT_H
#define KDST_CONTEXT_H

#include <kdst/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Owner of everything; see the top of this file. */
typedef struct kdst_context kdst_context;

/** Severity of a log message. */
typedef int32_t kdst_severity;

enum {
    KDST_SEVERITY_DEBUG = 1,
    KDST_SEVERITY_INFO = 2,
    KDST_SEVERITY_WARNING = 3
};

/** Allocates `size` bytes aligned to `alignment` (a power of two), or returns NULL. */
typedef void *(*kdst_allocate_fn)(void *user_data, uint64_t size, uint64_t alignment);

/** Frees what kdst_allocate_fn returned; size and alignment are those of the allocation. */
typedef void (*kdst_deallocate_fn)(void *user_data, void *pointer, uint64_t size, uint64_t alignment);

/** Runs exactly once when the library no longer needs `user_data`. */
typedef void (*kdst_destroy_fn)(void *user_data);

/** Receives a log message, borrowed for the call; anything but OK ends the registration. */
typedef kdst_status (*kdst_log_fn)(void *user_data, kdst_severity severity, const char *message);

/** Makes a context.
 *
 *  @param      options  nullable, copied; schema "context": threads [0,1024] = 0 (0: one per core this process may use),
 *                       seed = 0, level "auto" | "baseline" | "avx2" | "avx512",
 *                       exact_convolution 0 | 1 = 0 (no algorithm that trades accuracy for speed),
 *                       memory_limit bytes = 0 (none)
 *  @param[out] out      new; released with kdst_context_release. On failure NULL and the reason is in
 *                       kdst_options_message(options)
 *  @status INVALID_ARGUMENT (option out of range or unknown), UNSUPPORTED (level this machine does not have),
 *          OUT_OF_MEMORY
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_create(kdst_options *options, kdst_context **out);

/** Makes a context that takes its memory from the caller.
 *
 *  The hooks are never called two at once, but may be called from any thread that uses or releases an
 *  object of this context. They must not call this library: a lock is held.
 *
 *  @param      options     nullable, copied; as kdst_context_create
 *  @param      allocate    returns aligned memory or NULL
 *  @param      deallocate  frees it
 *  @param      user_data   first argument of the hooks, nullable; retained until destroy runs
 *  @param      destroy     nullable; runs once, after the last deallocation, also when this call fails
 *  @param[out] out         new; released with kdst_context_release
 *  @status INVALID_ARGUMENT (a hook is NULL; option out of range or unknown), UNSUPPORTED, OUT_OF_MEMORY
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_create_with_allocator(
    kdst_options *options, kdst_allocate_fn allocate, kdst_deallocate_fn deallocate, void *user_data,
    kdst_destroy_fn destroy, kdst_context **out);

/** Adds a reference.
 *
 *  @param ctx  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_context_retain(kdst_context *ctx);

/** Drops a reference. What was made from the context keeps it alive, so any order of release is right.
 *
 *  @param ctx  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_context_release(kdst_context *ctx);

/** Why the last call on this context, or on anything made from it, failed.
 *
 *  @param ctx  nullable
 *  @return     borrowed until the next call on this context; "" when the last call worked, but kdst_tensor_unmap and
 *              kdst_no_grad_end, which clean up after failures, leave the message as it is
 *  @thread context   @since 0.1 */
KDST_API const char *kdst_context_message(const kdst_context *ctx);

/** Sets the message: what a callback does before it returns a failure of its own.
 *
 *  @param ctx      the context
 *  @param message  copied, cut to 1023 bytes; nullable: none
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_set_message(kdst_context *ctx, const char *message);

/** Number of handles made from this context that are alive: what leaked, at the end of a program.
 *
 *  @param ctx  the context
 *  @return     0 when every handle has been released; handles kept by others (a tensor by a layer) count
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_context_live_count(const kdst_context *ctx);

/** What this context runs on.
 *
 *  @param ctx  the context
 *  @param key  "threads", "level", "gemm" (which kernels multiply matrices)
 *  @return     borrowed while the context lives; NULL for an unknown key
 *  @thread context   @since 0.1 */
KDST_API const char *kdst_context_get_info(const kdst_context *ctx, const char *key);

/** Bytes in use.
 *
 *  @param      ctx       the context
 *  @param[out] out_now   nullable; bytes handed out now
 *  @param[out] out_peak  nullable; most so far, or since kdst_context_clear_memory_peak
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_get_memory(kdst_context *ctx, int64_t *out_now, int64_t *out_peak);

/** Bytes that are free but kept for later, besides those in use.
 *
 *  What a training step has given back serves the next one. Under a limit bytes in use and these stay within it: when they would not, these are
 *  given back to the allocator.
 *
 *  @param      ctx         the context
 *  @param[out] out_cached  nullable; bytes
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_get_memory_cached(kdst_context *ctx, int64_t *out_cached);

/** Counts the most bytes in use anew, from those in use now: what a piece of the program needs is measured between this and
 *  kdst_context_get_memory.
 *
 *  @param ctx  the context
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_clear_memory_peak(kdst_context *ctx);

/** Restarts the random streams from a seed: what is drawn afterwards depends on it alone.
 *
 *  @param ctx   the context
 *  @param seed  any
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_set_seed(kdst_context *ctx, uint64_t seed);

/** Sets the position of the random streams, as read by kdst_context_get_random.
 *
 *  @param ctx     the context
 *  @param seed    the seed
 *  @param stream  number of the next stream
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_set_random(kdst_context *ctx, uint64_t seed, uint64_t stream);

/** Position of the random streams: each random operation takes the next stream of the seed.
 *
 *  @param      ctx         the context
 *  @param[out] out_seed    nullable; the seed
 *  @param[out] out_stream  nullable; number of the next stream
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_get_random(
    const kdst_context *ctx, uint64_t *out_seed, uint64_t *out_stream);

/** Makes the long call that runs on this context, or the next one, stop with CANCELLED.
 *
 *  @param ctx  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_context_cancel(kdst_context *ctx);

/** Sends log messages to a function; it is called only on threads that call the API.
 *
 *  @param ctx        the context
 *  @param log        nullable: no log
 *  @param user_data  first argument of log, nullable; retained until destroy runs
 *  @param destroy    nullable; runs once when the registration ends, also when this call fails
 *  @status INVALID_ARGUMENT (ctx is NULL), STATE (called by the log function itself)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_set_log(
    kdst_context *ctx, kdst_log_fn log, void *user_data, kdst_destroy_fn destroy);

/** Takes the oldest log message that has not been taken yet: the way without a callback.
 *
 *  The last 32 messages are kept, each cut to 255 bytes.
 *
 *  @param      ctx           the context
 *  @param[out] out_severity  nullable; 0 when there is no message
 *  @param[out] out_message   nullable; borrowed until the next call on this context, NULL when there is none
 *  @status INVALID_ARGUMENT (ctx is NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_context_get_log(
    kdst_context *ctx, kdst_severity *out_severity, const char **out_message);

#ifdef __cplusplus
}
#endif

#endif
