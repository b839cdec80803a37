/* SPDX-License-Identifier: Apache-2.0 */
/* Differentiation by the tape, operations of your own, and the gradient check.
 *
 * Operations on tensors that require a gradient are recorded; kdst_backward walks the record from a result back to
 * the leaves and adds to their gradients. What a record needs lives as long as its results do: nothing has to be cleared.
 */
#ifndef KDST_AUTOGRAD_H
#define KDST_AUTOGRAD_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Says whether gradients are to be computed for a leaf (a tensor that no recorded operation made).
 *
 *  @param tensor    float32 or float64
 *  @param required  0 or 1
 *  @status INVALID_ARGUMENT (NULL, required not 0 or 1), DTYPE (not floating point), STATE (result of a recorded operation)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_set_requires_grad(kdst_tensor *tensor, int32_t required);

/** Whether a gradient flows to or through this tensor.
 *
 *  @param tensor  nullable
 *  @return        1 for a leaf that requires a gradient and for results recorded from one, else 0
 *  @thread context   @since 0.1 */
KDST_API int32_t kdst_tensor_get_requires_grad(const kdst_tensor *tensor);

/** Gradient that has been added up for a leaf.
 *
 *  @param      tensor  the leaf
 *  @param[out] out     new reference to the gradient itself, not a copy: later passes add to it until it is cleared, and
 *                      what is written to it (clipping) is what an optimiser reads; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (no gradient yet)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_get_grad(kdst_tensor *tensor, kdst_tensor **out);

/** Forgets the gradient of a leaf.
 *
 *  @param tensor  the leaf
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_clear_grad(kdst_tensor *tensor);

/** Computes d(y . dy)/d(leaf) for every leaf that y was recorded from and adds it to the leaf's gradient.
 *
 *  After a failure the gradients of the leaves are as they were; of the record, which gives its memory back as the pass goes, only retain
 *  = 1 keeps what the pass had come through.
 *
 *  @param y        result of recorded operations, or a leaf that requires a gradient
 *  @param dy       nullable when y has one element (then 1); same shape and type as y
 *  @param options  nullable; schema "backward": retain 0 | 1 = 0 (keep the record for another pass)
 *  @status INVALID_ARGUMENT (NULL, dy missing, another context), SHAPE, DTYPE, STATE (nothing recorded, the record is used
 *          up, what it reads was written to, a backward callback calls this, or a trace is being made), OUT_OF_MEMORY, CALLBACK
 *          (an operation of yours failed)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_backward(kdst_tensor *y, kdst_tensor *dy, const kdst_options *options);

/** Switches recording off until the matching kdst_no_grad_end. Scopes nest.
 *
 *  @param ctx  the context
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_no_grad_begin(kdst_context *ctx);

/** Ends a scope without recording.
 *
 *  A callback can only end what it has begun, and what it leaves open ends with it. When it works the message of an earlier
 *  failure stays, so that a scope can be ended on the way out.
 *
 *  @param ctx  the context
 *  @status INVALID_ARGUMENT (NULL), STATE (no scope is open)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_no_grad_end(kdst_context *ctx);

/** The same storage, cut off from the record: no gradient flows through the result.
 *
 *  @param      x    any tensor
 *  @param[out] out  new view; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_detach(kdst_tensor *x, kdst_tensor **out);

/* ---- operations of your own ---- */

/** An operation defined by callbacks. */
typedef struct kdst_operation kdst_operation;

/** Shape rule and forward pass of an operation of your own: makes its result from its inputs.
 *
 *  inputs [count] are borrowed; *out is a new tensor that the library takes over. Refused are one of the inputs (which stays
 *  the caller's), a recorded tensor and a leaf that requires a gradient. Recording is off while this runs. */
typedef kdst_status (*kdst_forward_fn)(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);

/** Backward pass of an operation of your own: adds to the gradients of its inputs.
 *
 *  dy is the gradient of y, the result. d_inputs [count] hold gradients to add to, of the inputs' shapes; an entry is NULL where no
 *  gradient is wanted. Everything is borrowed. Recording is off while this runs. */
typedef kdst_status (*kdst_backward_fn)(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs);

/** Makes an operation of your own.
 *
 *  Without callbacks the same is done by running your code between kdst_detach and kdst_backward(y, dy).
 *
 *  @param      ctx        the context; retained by the operation
 *  @param      name       copied; appears in messages
 *  @param      forward    computes the result
 *  @param      backward   nullable: the result requires no gradient
 *  @param      user_data  first argument of both, nullable; retained until destroy runs
 *  @param      destroy    nullable; runs once, when neither the operation nor a record needs it, also when this call fails
 *  @param[out] out        new; released with kdst_operation_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_operation_create(
    kdst_context *ctx, const char *name, kdst_forward_fn forward, kdst_backward_fn backward, void *user_data,
    kdst_destroy_fn destroy, kdst_operation **out);

/** Adds a reference.
 *
 *  @param operation  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_operation_retain(kdst_operation *operation);

/** Drops a reference; the last one frees.
 *
 *  @param operation  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_operation_release(kdst_operation *operation);

/** Runs an operation of your own and records it when an input requires a gradient.
 *
 *  @param      operation  the operation
 *  @param      inputs     [count] tensors of the same context
 *  @param      count      1 to 8
 *  @param[out] out        new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, count out of range, another context), OUT_OF_MEMORY, or what the callback returned
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_operation_run(
    kdst_operation *operation, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);

/** Shape rule of an operation of your own, for traces.
 *
 *  inputs [count] are borrowed and have shapes and types but no elements. out_dtype is preset to the type of input 0; out_rank, 0 to 8, and
 *  out_shape [8] are to be set. */
typedef kdst_status (*kdst_shape_fn)(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_dtype *out_dtype, int64_t *out_rank,
    int64_t *out_shape);

/** Gives an operation of your own a shape rule, without which a model that uses it cannot be traced.
 *
 *  @param operation  the operation
 *  @param shape      called with the operation's user_data while a trace is made; nullable: none
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_operation_set_shape(kdst_operation *operation, kdst_shape_fn shape);

/** A function to be checked: makes one tensor, of any shape, from its inputs by recorded operations.
 *
 *  inputs [count] are borrowed; *out is a new reference, as operations give one, which the library takes over: an input that is
 *  given back is retained first (kdst_tensor_retain), or the check refuses it. */
typedef kdst_status (*kdst_function_fn)(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);

/** Compares the gradients of a function with central differences.
 *
 *  The result is contracted with a fixed random tensor, so one call checks the whole Jacobian. Inputs that do not
 *  require a gradient are left alone. Use float64: in float32 differences are mostly rounding.
 *
 *  @param      function   the function; it must be deterministic
 *  @param      user_data  its first argument, nullable
 *  @param      inputs     [count] leaves; their values are changed and restored
 *  @param      count      1 to 8
 *  @param      options    nullable; schema "gradient_check": step (0,1] = 1e-5, rtol [0,inf) = 1e-6, atol [0,inf) = 1e-8,
 *                         seed = 1, elements [0,inf) = 0 (check at most this many elements of each input, 0: all)
 *  @param[out] out_worst  largest |difference| / (atol + rtol * |expected|): the check passes when it is <= 1
 *  @status INVALID_ARGUMENT (NULL, count out of range, option), STATE (no input requires a gradient, or one that does is no leaf or not
 *          contiguous), CALLBACK (the function gave no floating-point tensor, or an input without a new reference), OUT_OF_MEMORY, or
 *          what the function returned
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_gradient_check(
    kdst_function_fn function, void *user_data, kdst_tensor *const *inputs, int64_t count,
    const kdst_options *options, double *out_worst);

#ifdef __cplusplus
}
#endif

#endif
