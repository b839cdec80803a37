/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of a network: its operations, the values between them, shapes, attributes and parameter names.
 *
 * A trace is made by running the network once for shapes alone: nothing is computed, no activation is allocated, and neither running
 * statistics nor random streams nor modes change. Hooks are not called. The graph is read-only and keeps the parameters alive.
 * Operations stand in the order in which they run; values are numbered from 0.
 */
#ifndef KDST_TRACE_H
#define KDST_TRACE_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The graph of one network for one set of input shapes. */
typedef struct kdst_trace kdst_trace;

/** What a value is. */
typedef int32_t kdst_value_role;
enum {
    KDST_VALUE_INPUT     = 1, /**< input of the network */
    KDST_VALUE_PARAMETER = 2, /**< trained */
    KDST_VALUE_BUFFER    = 3, /**< state that is not trained, such as running statistics */
    KDST_VALUE_CONSTANT  = 4, /**< tensor that is not part of the state */
    KDST_VALUE_RESULT    = 5  /**< made by an operation */
};

/** Traces a network.
 *
 *  @param      layer    the network; its parameters are retained
 *  @param      count    number of inputs, at least 1
 *  @param      dtypes   [count], nullable: each of the network's type (that of its first floating-point parameter, else float32)
 *  @param      ranks    [count], each 0 to 8
 *  @param      shapes   the shapes of all inputs one behind the other
 *  @param      options  nullable; schema "trace": training 0 | 1 = 0 (whether layers behave as in training; 0: in evaluation, whatever their
 *                       mode)
 *  @param[out] out      new; released with kdst_trace_release
 *  @status INVALID_ARGUMENT (NULL, number of inputs, option), SHAPE, DTYPE, UNSUPPORTED (an operation of yours without a shape rule, or a layer
 *          that reads elements), STATE (a trace is being made, or a callback reads elements), OUT_OF_MEMORY, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_create(
    kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes,
    const kdst_options *options, kdst_trace **out);

/** Adds a reference.
 *
 *  @param trace  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_trace_retain(kdst_trace *trace);

/** Drops a reference; the last one frees.
 *
 *  @param trace  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_trace_release(kdst_trace *trace);

/* ---- operations ---- */

/** Number of operations.
 *
 *  @param trace  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_trace_get_op_count(const kdst_trace *trace);

/** One operation.
 *
 *  @param      trace       the trace
 *  @param      op          from 0
 *  @param[out] out_name    nullable; what it computes, such as "conv2d", or the name of an operation of yours; borrowed while the trace lives
 *  @param[out] out_path    nullable; layer that ran it, as kdst_layer_find_child takes it; borrowed while the trace lives
 *  @param[out] out_kind    nullable; kind of that layer; borrowed for ever
 *  @param[out] out_inputs  nullable; number of inputs, optional ones that are not given included
 *  @param[out] out_output  nullable; value that it gives
 *  @status INVALID_ARGUMENT (trace is NULL), NOT_FOUND (op out of range)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_op(
    kdst_trace *trace, int64_t op, const char **out_name, const char **out_path, const char **out_kind, int64_t *out_inputs,
    int64_t *out_output);

/** One input of an operation.
 *
 *  @param      trace      the trace
 *  @param      op         from 0
 *  @param      index      from 0
 *  @param[out] out_value  the value; -1 for an optional input that is not given
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (op or index out of range)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_op_input(
    kdst_trace *trace, int64_t op, int64_t index, int64_t *out_value);

/** One attribute of an operation, such as "stride".
 *
 *  @param      trace      the trace
 *  @param      op         from 0
 *  @param      index      from 0; as long as this succeeds there are attributes
 *  @param[out] out_name   nullable; borrowed for ever
 *  @param[out] out_type   nullable; KDST_OPTION_INT, FLOAT, CHOICE, STRING, INTS or FLOATS
 *  @param[out] out_count  nullable; number of its numbers, 1 where it is no list
 *  @status INVALID_ARGUMENT (trace is NULL), NOT_FOUND (op or index out of range)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_attribute(
    kdst_trace *trace, int64_t op, int64_t index, const char **out_name, kdst_option_type *out_type, int64_t *out_count);

/** Whole numbers of an attribute.
 *
 *  @param      trace     the trace
 *  @param      op        from 0
 *  @param      name      of the attribute
 *  @param[out] out       [capacity]; as many as there is room for
 *  @param      capacity  length of out
 *  @status INVALID_ARGUMENT (NULL, capacity too small), NOT_FOUND (op out of range, no such attribute), DTYPE (another type)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_attribute_ints(
    kdst_trace *trace, int64_t op, const char *name, int64_t *out, int64_t capacity);

/** Floating-point numbers of an attribute.
 *
 *  @param      trace     the trace
 *  @param      op        from 0
 *  @param      name      of the attribute
 *  @param[out] out       [capacity]
 *  @param      capacity  length of out
 *  @status INVALID_ARGUMENT (NULL, capacity too small), NOT_FOUND (op out of range, no such attribute), DTYPE (another type)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_attribute_floats(
    kdst_trace *trace, int64_t op, const char *name, double *out, int64_t capacity);

/** Text of an attribute: a choice or a string.
 *
 *  @param      trace     the trace
 *  @param      op        from 0
 *  @param      name      of the attribute
 *  @param[out] out       [capacity] bytes; the text with its end
 *  @param      capacity  length of out
 *  @status INVALID_ARGUMENT (NULL, capacity too small), NOT_FOUND (op out of range, no such attribute), DTYPE (another type)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_attribute_text(
    kdst_trace *trace, int64_t op, const char *name, char *out, int64_t capacity);

/* ---- values ---- */

/** Number of values.
 *
 *  @param trace  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_trace_get_value_count(const kdst_trace *trace);

/** One value.
 *
 *  @param      trace      the trace
 *  @param      value      from 0
 *  @param[out] out_dtype  nullable
 *  @param[out] out_rank   nullable
 *  @param[out] out_shape  nullable; [8], of which the first `rank` are set
 *  @param[out] out_role   nullable; KDST_VALUE_*
 *  @param[out] out_name   nullable; state name of a parameter or buffer, else NULL; borrowed while the trace lives
 *  @param[out] out_op     nullable; operation that gives it, or -1
 *  @status INVALID_ARGUMENT (trace is NULL), NOT_FOUND (value out of range)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_value(
    kdst_trace *trace, int64_t value, kdst_dtype *out_dtype, int64_t *out_rank, int64_t *out_shape,
    kdst_value_role *out_role, const char **out_name, int64_t *out_op);

/** The tensor of a parameter, buffer or constant.
 *
 *  @param      trace  the trace
 *  @param      value  from 0
 *  @param[out] out    borrowed while the trace lives
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (value out of range, or an input or result, which have no elements)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_tensor(kdst_trace *trace, int64_t value, kdst_tensor **out);

/** Number of inputs of the network.
 *
 *  @param trace  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_trace_get_input_count(const kdst_trace *trace);

/** Value of an input of the network.
 *
 *  @param trace  nullable
 *  @param index  from 0
 *  @return       the value; -1 when there is none
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_trace_get_input(const kdst_trace *trace, int64_t index);

/** Number of outputs of the network.
 *
 *  @param trace  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_trace_get_output_count(const kdst_trace *trace);

/** Value of an output of the network.
 *
 *  @param trace  nullable
 *  @param index  from 0
 *  @return       the value; -1 when there is none
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_trace_get_output(const kdst_trace *trace, int64_t index);

/* ---- what can be said about it ---- */

/** Multiply-adds of convolutions, affine maps, matrix products and recurrent products.
 *
 *  Of the whole batch: a trace for a batch of 1 gives the number for one sample.
 *
 *  @param      trace     the trace
 *  @param      op        from 0; -1: all operations
 *  @param[out] out_macs  0 for other operations
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (op out of range), SHAPE (the number does not fit)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_macs(kdst_trace *trace, int64_t op, int64_t *out_macs);

/** Memory that a network needs for the traced shapes.
 *
 *  @param      trace            the trace
 *  @param[out] out_state        nullable; bytes of the parameters and buffers that are read; training adds a gradient and the optimiser's
 *                               state for each parameter
 *  @param[out] out_activations  nullable; bytes of the inputs and of all results that are no views: what a training step keeps at most
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_bytes(kdst_trace *trace, int64_t *out_state, int64_t *out_activations);

/** Estimate of the memory that a training step of the traced network takes, before anything runs; the sum of all four is close to the
 *  peak of the context.
 *
 *  For mlp, lenet, resnet20 and resnet18 the sum is within 25 % of what is measured (docs/memory.md). Not in it: the
 *  loss, scratch memory of kernels, and that layers are recomputed (kdst_layer_set_recompute). Trace in training mode.
 *
 *  @param      trace            the trace
 *  @param      states           [0,8] tensors that the optimiser holds for each parameter: 0 for plain SGD, 1 with momentum, 2 for Adam
 *  @param[out] out_state        nullable; bytes of the parameters and buffers that are read
 *  @param[out] out_gradients    nullable; bytes of the gradients of parameters that require one
 *  @param[out] out_optimizer    nullable; bytes of the optimiser's tensors
 *  @param[out] out_activations  nullable; bytes that are kept for the backward pass, and of the gradients that flow in it
 *  @status INVALID_ARGUMENT (NULL, states out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_memory(
    kdst_trace *trace, int64_t states, int64_t *out_state, int64_t *out_gradients, int64_t *out_optimizer,
    int64_t *out_activations);

/** A table of the operations with layer, shape, parameters and multiply-adds, and totals.
 *
 *  @param      trace       the trace
 *  @param[out] out         [capacity] bytes; the text, as much as fits, with its end; nullable when capacity is 0, which only asks for
 *                          the length and is no failure
 *  @param      capacity    length of out
 *  @param[out] out_needed  nullable; bytes of the whole text with its end
 *  @status INVALID_ARGUMENT (NULL, capacity too small), SHAPE (numbers that do not fit)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_get_summary(
    kdst_trace *trace, char *out, int64_t capacity, int64_t *out_needed);

/** Draws a trace as SVG: a box for each operation, branches beside each other, what skips operations dashed.
 *
 *  The file needs no other and appears whole or not at all.
 *
 *  @param trace  the trace
 *  @param path   UTF-8
 *  @status INVALID_ARGUMENT (NULL), IO (with the system's reason), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_trace_save_svg(kdst_trace *trace, const char *path);

#ifdef __cplusplus
}
#endif

#endif
