/* SPDX-License-Identifier: Apache-2.0 */
/* npy files: one tensor each, as NumPy writes them (format versions 1 to 3), plain or gzip-compressed. */
#ifndef KDST_NPY_H
#define KDST_NPY_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Reads an npy file: bool, integers of 8 to 64 bits, float16, float32 or float64, of either byte order and axis order.
 *
 *  Without an option bool, uint8, int32, float32 and float64 keep their type; the other integers become int32 and float16 becomes
 *  float32. A whole number that does not fit the wanted integer type, or a NaN that would become one, is an error.
 *
 *  @param      ctx      the context; retained by the tensor
 *  @param      path     UTF-8; a gzip file is recognised by its content
 *  @param      options  nullable; schema "npy.load": dtype "native" | "float32" | "float64" | "int32" | "uint8" | "bool"
 *  @param[out] out      new; row-major; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), NOT_FOUND, IO, FORMAT (no npy file, truncated, oversized, corrupt, value out of range),
 *          UNSUPPORTED (complex, text, structured or object elements, more than 8 axes; gzip in a build without zlib), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_npy_load(
    kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out);

/** Writes a tensor as an npy file (format 1.0, row-major, little-endian).
 *
 *  The file appears whole or not at all; an older one of that name is replaced only by a complete one.
 *
 *  @param tensor  any type, rank and strides
 *  @param path    UTF-8
 *  @status INVALID_ARGUMENT (NULL), IO (with the system's reason), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_npy_save(kdst_tensor *tensor, const char *path);

#ifdef __cplusplus
}
#endif

#endif
