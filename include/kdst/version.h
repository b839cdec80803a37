/* SPDX-License-Identifier: Apache-2.0 */
/* Version of the headers and of the library that is loaded. */
#ifndef KDST_VERSION_H
#define KDST_VERSION_H

#include <kdst/status.h>

#define KDST_VERSION_MAJOR 0
#define KDST_VERSION_MINOR 1
#define KDST_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the loaded library, such as "0.1.0".
 *
 *  @return  static text
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_version(void);

/** Version of the loaded library as major * 1000000 + minor * 1000 + patch.
 *
 *  @return  the number, 1000 for 0.1.0
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_version_number(void);

/** What the library was built with.
 *
 *  @param key  "version", "compiler", "levels" (instruction-set levels compiled in, space separated), "zlib",
 *              "png", "jpeg", "dlpack" ("yes" or "no"), "blis" (its version), "sanitizers"
 *  @return     static text, NULL for an unknown key
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_build_info(const char *key);

#ifdef __cplusplus
}
#endif

#endif
