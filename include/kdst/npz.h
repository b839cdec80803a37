/* SPDX-License-Identifier: Apache-2.0 */
/* npz files: zip archives of npy files, as numpy.savez and numpy.savez_compressed write them. */
#ifndef KDST_NPZ_H
#define KDST_NPZ_H

#include <kdst/npy.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The directory of an npz file; members are read when they are asked for. */
typedef struct kdst_npz kdst_npz;

/** Reads the directory of an npz file.
 *
 *  @param      ctx   the context; retained
 *  @param      path  UTF-8; copied, the file is opened again for each member
 *  @param[out] out   new; released with kdst_npz_release
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND, IO, FORMAT (no zip archive, truncated, corrupt), UNSUPPORTED (an archive of several parts),
 *          OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_npz_open(kdst_context *ctx, const char *path, kdst_npz **out);

/** Adds a reference.
 *
 *  @param npz  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_npz_retain(kdst_npz *npz);

/** Drops a reference; the last one frees.
 *
 *  @param npz  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_npz_release(kdst_npz *npz);

/** Number of members.
 *
 *  @param npz  nullable
 *  @return     the number; 0 for NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_npz_get_count(const kdst_npz *npz);

/** Name of a member, without ".npy".
 *
 *  @param npz     nullable
 *  @param member  0 to the number of members - 1, in the order of the file
 *  @return        borrowed while the npz lives; NULL for NULL and for a number out of range
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_npz_get_name(const kdst_npz *npz, int64_t member);

/** Reads a member; its checksum is compared.
 *
 *  @param      npz      the file
 *  @param      name     of the member, with or without ".npy"; of equal names the last one
 *  @param      options  nullable; schema "npy.load"
 *  @param[out] out      new; row-major; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), NOT_FOUND (no such member, the file), IO, FORMAT (as kdst_npy_load; size or checksum differ),
 *          UNSUPPORTED (as kdst_npy_load; encrypted, other methods than stored and deflated), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_npz_load(
    kdst_npz *npz, const char *name, const kdst_options *options, kdst_tensor **out);

/** Writes tensors as an npz file, uncompressed.
 *
 *  The file appears whole or not at all; an older one of that name is replaced only by a complete one.
 *
 *  @param ctx      the context
 *  @param path     UTF-8
 *  @param names    [count], UTF-8, without ".npy", 1 to 1000 bytes, no two the same
 *  @param tensors  [count]; any type, rank and strides
 *  @param count    0 to 65534
 *  @status INVALID_ARGUMENT (NULL, count, name, another context), UNSUPPORTED (4 GiB or more), IO (with the system's reason), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_npz_save(
    kdst_context *ctx, const char *path, const char *const *names, kdst_tensor *const *tensors, int64_t count);

#ifdef __cplusplus
}
#endif

#endif
