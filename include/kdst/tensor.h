/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors: a typed, row-major strided view on shared storage.
 *
 * Rank 0 to 8; an axis may have size 0. Several tensors may share one storage (kdst_reshape, kdst_transpose,
 * kdst_slice make views); data is reached by map/unmap or copied in and out. A tensor made here is contiguous.
 */
#ifndef KDST_TENSOR_H
#define KDST_TENSOR_H

#include <kdst/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A reference-counted tensor. */
typedef struct kdst_tensor kdst_tensor;

/** Element type. */
typedef int32_t kdst_dtype;

enum {
    KDST_DTYPE_FLOAT32 = 1,
    KDST_DTYPE_FLOAT64 = 2,
    KDST_DTYPE_INT32 = 3,
    KDST_DTYPE_UINT8 = 4,
    KDST_DTYPE_BOOL = 5 /**< one byte, 0 or 1 */
};

/** How mapped memory will be used; the values may be added. */
typedef int32_t kdst_map_mode;

enum {
    KDST_MAP_READ = 1,
    KDST_MAP_WRITE = 2,
    KDST_MAP_READ_WRITE = 3
};

/** Bytes of one element.
 *
 *  @param dtype  a kdst_dtype
 *  @return       1, 4 or 8; 0 for an unknown type
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_dtype_get_size(kdst_dtype dtype);

/** Name of an element type, such as "float32".
 *
 *  @param dtype  any value
 *  @return       static text; "unknown" for an unknown type
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_dtype_get_name(kdst_dtype dtype);

/** Makes a tensor filled with zeros.
 *
 *  @param      ctx    the context; retained by the tensor
 *  @param      dtype  element type
 *  @param      rank   0 to 8
 *  @param      shape  [rank], each >= 0; nullable when rank is 0
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE (unknown type), SHAPE (rank or a size out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_create(
    kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out);

/** Makes a tensor with a copy of the caller's data.
 *
 *  @param      ctx    the context; retained by the tensor
 *  @param      dtype  element type
 *  @param      rank   0 to 8
 *  @param      shape  [rank], each >= 0; nullable when rank is 0
 *  @param      data   row-major elements of that type, copied; nullable when there are none
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE (unknown type), SHAPE (rank or a size out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_create_from(
    kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data, kdst_tensor **out);

/** Makes a tensor that uses the caller's memory, without copying.
 *
 *  @param      ctx        the context; retained by the tensor
 *  @param      dtype      element type
 *  @param      rank       0 to 8
 *  @param      shape      [rank], each >= 0; nullable when rank is 0
 *  @param      strides    nullable (row-major); [rank] in elements, may be zero or negative; that of an axis of size 1
 *                         is not kept, since nothing lies along it
 *  @param      data       first element; retained: must stay valid until destroy runs, or would run
 *  @param      user_data  argument of destroy, nullable; retained until it runs
 *  @param      destroy    nullable; runs once when nothing uses the memory any more, also when this call fails
 *  @param[out] out        new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, data not aligned to its type), DTYPE (unknown type), SHAPE (rank, a size or a
 *          stride out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_create_foreign(
    kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const int64_t *strides, void *data,
    void *user_data, kdst_destroy_fn destroy, kdst_tensor **out);

/** Adds a reference.
 *
 *  @param tensor  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_tensor_retain(kdst_tensor *tensor);

/** Drops a reference; the last one frees.
 *
 *  @param tensor  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_tensor_release(kdst_tensor *tensor);

/** Context of a tensor.
 *
 *  @param tensor  nullable
 *  @return        borrowed while the tensor lives; NULL for NULL
 *  @thread any   @since 0.1 */
KDST_API kdst_context *kdst_tensor_get_context(const kdst_tensor *tensor);

/** Element type of a tensor.
 *
 *  @param tensor  nullable
 *  @return        a kdst_dtype; 0 for NULL
 *  @thread any   @since 0.1 */
KDST_API kdst_dtype kdst_tensor_get_dtype(const kdst_tensor *tensor);

/** Number of axes.
 *
 *  @param tensor  nullable
 *  @return        0 to 8; -1 for NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_tensor_get_rank(const kdst_tensor *tensor);

/** Size of an axis.
 *
 *  @param tensor  nullable
 *  @param axis    0 to rank - 1, or -rank to -1 counted from the end
 *  @return        the size; -1 where there is no such axis
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_tensor_get_size(const kdst_tensor *tensor, int64_t axis);

/** Distance between neighbours along an axis, in elements.
 *
 *  @param tensor  nullable
 *  @param axis    0 to rank - 1, or -rank to -1 counted from the end
 *  @return        the stride; 0 where there is no such axis
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_tensor_get_stride(const kdst_tensor *tensor, int64_t axis);

/** Number of elements.
 *
 *  @param tensor  nullable
 *  @return        product of the sizes, 1 at rank 0; -1 for NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_tensor_get_count(const kdst_tensor *tensor);

/** Gives plain row-major memory with the tensor's elements.
 *
 *  A contiguous tensor is mapped in place; otherwise the elements are copied here and, when mapped for writing,
 *  copied back by kdst_tensor_unmap. A tensor may be mapped once at a time.
 *  Mapped for writing it counts as written to from now on: kdst_backward refuses records that read it.
 *
 *  @param      tensor  the tensor
 *  @param      mode    KDST_MAP_READ, KDST_MAP_WRITE or both; memory mapped for writing alone has undefined content
 *  @param[out] out     borrowed until kdst_tensor_unmap
 *  @status INVALID_ARGUMENT (NULL, unknown mode), STATE (already mapped), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_map(kdst_tensor *tensor, kdst_map_mode mode, void **out);

/** Ends a mapping; the pointer is dead afterwards.
 *
 *  When it works the message of an earlier failure stays, so that memory can be unmapped on the way out.
 *
 *  @param tensor  the tensor
 *  @status INVALID_ARGUMENT (NULL), STATE (not mapped)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_unmap(kdst_tensor *tensor);

/** Copies the elements, row-major, into the caller's buffer.
 *
 *  @param      tensor  the tensor
 *  @param[out] out     buffer; nullable when the tensor is empty
 *  @param      bytes   its size: count times element size exactly
 *  @status INVALID_ARGUMENT (NULL, bytes is another number)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_get_data(kdst_tensor *tensor, void *out, int64_t bytes);

/** Copies row-major elements from the caller's buffer into the tensor.
 *
 *  @param tensor  the tensor
 *  @param data    elements of the tensor's type; nullable when the tensor is empty
 *  @param bytes   their size: count times element size exactly
 *  @status INVALID_ARGUMENT (NULL, bytes is another number)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_set_data(kdst_tensor *tensor, const void *data, int64_t bytes);

/** Value of a tensor with one element, as a double.
 *
 *  @param      tensor  one element, any type
 *  @param[out] out     the value
 *  @status INVALID_ARGUMENT (NULL), SHAPE (more or fewer than one element)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_get_value(kdst_tensor *tensor, double *out);

/** Sets every element to a value, converted to the tensor's type.
 *
 *  @param tensor  the tensor
 *  @param value   for integer types a whole number in their range; for bool 0 or 1
 *  @status INVALID_ARGUMENT (NULL, value does not fit the type)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_set_value(kdst_tensor *tensor, double value);

/** Copies the elements of one tensor into another of the same shape, converting the type.
 *
 *  Nothing is recorded for differentiation. Conversion to an integer type truncates towards zero and saturates;
 *  to bool it compares with 0.
 *
 *  @param tensor  destination
 *  @param source  same shape and context, any type
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_set(kdst_tensor *tensor, kdst_tensor *source);

/** Makes a contiguous copy that shares nothing with the original and is not recorded for differentiation.
 *
 *  @param      tensor  the original
 *  @param      dtype   type of the copy; 0 keeps the type
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), DTYPE (unknown type), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_copy(kdst_tensor *tensor, kdst_dtype dtype, kdst_tensor **out);

/** Fills a floating-point tensor with uniform random numbers.
 *
 *  @param tensor  float32 or float64
 *  @param low     smallest value
 *  @param high    values stay below it (float32 rounding apart)
 *  @status INVALID_ARGUMENT (NULL, not low <= high, not finite), DTYPE (not floating point)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_set_uniform(kdst_tensor *tensor, double low, double high);

/** Fills a floating-point tensor with normal random numbers (Box-Muller).
 *
 *  @param tensor     float32 or float64
 *  @param mean       mean
 *  @param deviation  standard deviation, >= 0
 *  @status INVALID_ARGUMENT (NULL, deviation negative, not finite), DTYPE (not floating point)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_set_normal(kdst_tensor *tensor, double mean, double deviation);

/** Hands a tensor to another library as a DLManagedTensor (DLPack 0.6), without copying.
 *
 *  bool travels as uint8. The consumer calls the structure's deleter when it is done.
 *
 *  @param      tensor  the tensor; retained until the deleter runs
 *  @param[out] out     new DLManagedTensor *
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY, UNSUPPORTED (built without DLPack)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_get_dlpack(kdst_tensor *tensor, void **out);

/** Makes a tensor on the memory of another library, without copying.
 *
 *  @param      ctx      the context; retained by the tensor
 *  @param      managed  DLManagedTensor *; retained on success: its deleter runs when nothing uses the memory any
 *                       more; on failure the caller still owns it
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, not in main memory, not aligned to its type), DTYPE (a type that libkdst lacks),
 *          SHAPE (rank, a size or a stride out of range), OUT_OF_MEMORY, UNSUPPORTED (built without DLPack)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_tensor_create_dlpack(kdst_context *ctx, void *managed, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
