/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the attributes every other header uses.
 *
 * Every fallible function returns a kdst_status; the explanation is in kdst_context_message().
 * A code says what the caller can do about the failure, not where it happened.
 */
#ifndef KDST_STATUS_H
#define KDST_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifndef KDST_API
#  if defined(_WIN32) && defined(KDST_SHARED)
#    define KDST_API __declspec(dllimport)
#  elif defined(__GNUC__)
#    define KDST_API __attribute__((visibility("default")))
#  else
#    define KDST_API
#  endif
#endif

#ifndef KDST_NODISCARD
#  if defined(__GNUC__)
#    define KDST_NODISCARD __attribute__((warn_unused_result))
#  else
#    define KDST_NODISCARD
#  endif
#endif

#ifndef KDST_DEPRECATED_FOR
#  if defined(__GNUC__)
#    define KDST_DEPRECATED_FOR(replacement) __attribute__((deprecated("use " #replacement)))
#  else
#    define KDST_DEPRECATED_FOR(replacement)
#  endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Result of a fallible function. New codes may be added at the end. */
typedef int32_t kdst_status;

enum {
    KDST_STATUS_OK = 0,               /**< it worked */
    KDST_STATUS_INVALID_ARGUMENT = 1, /**< a value is out of its range, a name is unknown, a pointer is NULL */
    KDST_STATUS_SHAPE = 2,            /**< shapes or ranks do not fit */
    KDST_STATUS_DTYPE = 3,            /**< element types do not fit */
    KDST_STATUS_OUT_OF_MEMORY = 4,    /**< an allocation failed, or the memory limit was reached */
    KDST_STATUS_IO = 5,               /**< the operating system refused to read or write */
    KDST_STATUS_FORMAT = 6,           /**< a file is not what it says it is */
    KDST_STATUS_NOT_FOUND = 7,        /**< no entry, parameter, file of that name */
    KDST_STATUS_UNSUPPORTED = 8,      /**< valid, but this build or version does not do it */
    KDST_STATUS_STATE = 9,            /**< the object is not in a state that allows the call */
    KDST_STATUS_CANCELLED = 10,       /**< kdst_context_cancel() was called */
    KDST_STATUS_CALLBACK = 11,        /**< a callback failed without saying how */
    KDST_STATUS_INTERNAL = 12         /**< a defect of the library */
};

/** Name of a status code, such as "SHAPE".
 *
 *  @param status  any value; unknown ones give "UNKNOWN"
 *  @return        static text, never NULL
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_status_name(kdst_status status);

#ifdef __cplusplus
}
#endif

#endif
