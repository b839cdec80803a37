/* SPDX-License-Identifier: Apache-2.0 */
/* What a differentiable operation is made of, and how it is run.
 *
 * An operation is one file in ops/: what it computes, shape rule, forward, backward, descriptor, public function.
 * ops.def lists all descriptors; the gradient test walks that list. kdst__op_run checks the inputs, applies the shape rule,
 * makes the result, runs forward and records a node when a gradient can flow.
 *
 * Rules for the three functions
 * - shape: sets call->dtype, rank, shape from inputs and attributes, or fails with SHAPE / INVALID_ARGUMENT.
 * - forward: fills call->out (contiguous, not cleared). What backward needs besides inputs and result goes into call->saved[i],
 *   new tensors made with kdst__tensor_new; they are released by the caller of forward when nothing is recorded.
 * - backward: call->d_out is contiguous; ADDS to each call->d_inputs[i] that is not NULL (contiguous, inputs' shape).
 *   inputs[i] and out are there only when `keep_inputs` / `keep_out` say so.
 * - remake, where there is one: fills call->out again from the same inputs and what was saved, with the same bits; for results whose memory
 *   is given back until backward wants them.
 * - blocked channels (tensor/tensor.h): with call->blocked the result, its gradient, and the inputs of `blocked_inputs` with their
 *   gradients are blocked, else everything is plain. An input of `plain_too` may be plain in spite of call->blocked.
 */
#ifndef KDST_AUTOGRAD_OP_H
#define KDST_AUTOGRAD_OP_H

#include "core/options.h"
#include "tensor/tensor.h"

#include <kdst/autograd.h>

#include <math.h>

#define KDST__MAX_INPUTS 8          /* of most operations, and of the caller's own */
#define KDST__MOST_INPUTS (1 << 20) /* of those that take a list */
#define KDST__MAX_SAVED 4

typedef struct kdst__op kdst__op;

typedef struct kdst__call {
    kdst_context *ctx;
    const kdst__op *op;
    void *attrs; /* the operation's own struct, attr_bytes long */
    int32_t count;
    kdst_tensor **inputs; /* [count], contiguous unless op->strided; optional ones may be NULL */
    kdst_tensor *out;
    kdst_tensor *saved[KDST__MAX_SAVED];
    kdst_tensor *d_out;
    kdst_tensor **d_inputs; /* [count], backward */
    bool recording;   /* forward: backward will be possible, so `saved` is wanted */
    bool blocked;     /* result and gradient in blocked channels */
    bool without_out; /* set by forward: backward will not read the result in spite of the descriptor's keep_out */
    uint32_t fresh;   /* backward, of the op's `writes`: bit i: d_inputs[i] holds nothing yet and is to be written */
    kdst_dtype dtype; /* of the result: shape rule; preset to the type of input 0 */
    int32_t rank;
    int64_t shape[KDST__MAX_RANK];
} kdst__call;

typedef kdst_status (*kdst__call_fn)(kdst__call *call);

struct kdst__op {
    const char *name;
    const char *input_names[KDST__MAX_INPUTS]; /* in messages, as the public function has them; NULL: "input <number>" */
    int32_t min_inputs, max_inputs; /* inputs from min_inputs on may be NULL */
    uint32_t int_inputs;            /* bit i (below 32): input i is int32 (labels); all others share one floating-point type */
    bool any_dtype;                 /* inputs of any type (shape operations) */
    bool strided;                   /* forward reads any strides: inputs are passed as they are */
    bool any_layout;                /* inputs are passed in the layout that they have; with `strided` */
    bool makes_out;                 /* forward makes call->out itself (views, callbacks) */
    bool replays;                   /* backward makes call->out anew, recorded, and the pass goes on from there (recompute.h) */
    int32_t variant;                /* which of the functions that share a forward and a backward */
    size_t attr_bytes;
    /* What of the attributes a trace shows, by name, with offsets into their struct: the schema that they are parsed by, or a table
     * in the operation's file. NULL: nothing. */
    const kdst__schema *attr_schema;
    const char *(*label)(const void *attrs); /* nullable: the name that a trace shows instead of `name` */
    void (*retain_attrs)(void *attrs);  /* nullable: when a record copies the attributes */
    void (*release_attrs)(void *attrs); /* nullable: when the record goes */
    kdst__call_fn shape, forward, backward;
    kdst__call_fn remake; /* nullable */
    const char *no_backward; /* why, when backward is NULL */
    /* Inputs that may lie in blocked channels. The result does when `blocks` says so, without `blocks` when one of these inputs does; it must be
     * float32 of rank 4. The other inputs of the mask are then made blocked, but for those in `plain_too`. */
    uint32_t blocked_inputs, plain_too;
    bool (*blocks)(const kdst__call *call); /* nullable; asked after the shape rule */
    bool folds;     /* blocked tensors may have more than four axes: all in front of the last three count images */
    bool plain_out; /* the result is plain whatever call->blocked, which then is that of the inputs */
    /* Inputs whose gradient backward writes where call->fresh says so, in rising order; and of those, whose new gradient may be in d_out's
     * own memory, which is then lost. */
    uint32_t writes, in_place;
    uint32_t keep_inputs;    /* bit i: backward reads input i */
    bool keep_out;           /* backward reads the result */
    /* Test domain: values in [low, high], and no closer than 1e-3 to `kink` (NAN: none). `surrogate`: the gradient is by
     * definition not the derivative. */
    double low, high, kink;
    bool surrogate;
};

#define KDST__DOMAIN(lo, hi) .low = (lo), .high = (hi), .kink = NAN

/* All descriptors: extern const kdst__op kdst__op_<name>. */
#define KDST__OP(name) extern const kdst__op kdst__op_##name;
#include "autograd/ops.def"
#undef KDST__OP

/* Whether what runs now has run before and is only recorded: nothing that lasts may be changed (recompute.h). */
bool kdst__replaying(const kdst_context *ctx);

/* Whether a mask of the descriptor has input i; lists are longer than masks. */
static inline bool kdst__op_mask(uint32_t mask, int32_t i)
{
    return i < 32 && (mask >> i & 1);
}

/* Runs and records. inputs [count] may hold NULL where optional; attrs is copied. Starts with kdst__enter. */
kdst_status
kdst__op_run(const kdst__op *op, kdst_tensor *const *inputs, int32_t count, const void *attrs, kdst_tensor **out);

/* Where the gradient of an input goes. */
typedef struct kdst__edge {
    struct kdst__node *node; /* record that made the input, or NULL */
    kdst_tensor *leaf;       /* leaf that wants a gradient, or NULL */
    uint64_t version;        /* of the kept input's storage when recorded */
} kdst__edge;

/* The record of one operation: a handle (class "record") that the result holds. What is [count] long lies in its block. */
typedef struct kdst__node {
    kdst__handle base;
    const kdst__op *op;
    void *attrs;
    uint64_t sequence; /* order of recording */
    uint64_t pass;     /* number of the last backward pass that met it */
    int32_t count;
    bool used_up, blocked;
    kdst__edge *edges;      /* [count] */
    kdst_tensor **inputs;   /* [count], kept for backward, or NULL */
    kdst_tensor **d_inputs; /* [count], while its backward runs: borrowed */
    kdst_tensor *out;       /* kept view of the result */
    uint64_t out_version;
    kdst_tensor *saved[KDST__MAX_SAVED];
    kdst_dtype dtype;
    int32_t rank;
    int64_t shape[KDST__MAX_RANK];
    kdst_tensor *grad; /* during a pass: what has been added up for the result */
} kdst__node;

/* Gives back the memory of a blocked result t that, besides the caller, only the record of `read` holds, made from t as its first input, if
 * t's operation can make it again: backward does that when it comes to the reader. The caller must not look at t any more. */
void kdst__record_drop(kdst_tensor *t, const kdst_tensor *read);

/* Recording state of a context. */
bool kdst__grad_enabled(kdst_context *ctx);
/* Internal no-grad scope that cannot fail once the context has its autograd state: returns 1 when begun, 0 = out of memory. */
bool kdst__no_grad_push(kdst_context *ctx);
void kdst__no_grad_pop(kdst_context *ctx);
/* The same, and layers behave as in evaluation whatever their own mode says (teachers, validation). */
bool kdst__eval_push(kdst_context *ctx);
void kdst__eval_pop(kdst_context *ctx);
bool kdst__eval_forced(kdst_context *ctx);
/* Around a callback of the caller's: it can end only the scopes that it begins, and those that it leaves open end with it. */
typedef struct kdst__scopes {
    int64_t no_grad, opened;
} kdst__scopes;
bool kdst__scopes_enter(kdst_context *ctx, bool recording, kdst__scopes *before); /* false: out of memory */
void kdst__scopes_leave(kdst_context *ctx, const kdst__scopes *before);

/* Shape helpers for shape rules; on failure the message is set. */
kdst_status kdst__op_need_rank(kdst__call *call, int32_t input, int32_t rank, const char *what);
kdst_status kdst__op_same_as_input(kdst__call *call); /* result like input 0 */
kdst_status kdst__op_broadcast(kdst__call *call);     /* result = broadcast of inputs 0 and 1 */

#endif
