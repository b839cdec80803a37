/* SPDX-License-Identifier: Apache-2.0 */
/* Version and build of the library. The build passes KDST_HAVE_ZLIB, _PNG, _JPEG and _DLPACK (0 or 1) and KDST_LEVELS (the
 * instruction-set levels compiled in); without them, none. */
#include <kdst/version.h>

#include <string.h>

/* Of BLIS; its header pulls in 25,000 lines, and omp.h, for this one name. */
char *bli_info_get_version_str(void);

#ifndef KDST_HAVE_ZLIB
#  define KDST_HAVE_ZLIB 0
#endif
#ifndef KDST_HAVE_PNG
#  define KDST_HAVE_PNG 0
#endif
#ifndef KDST_HAVE_JPEG
#  define KDST_HAVE_JPEG 0
#endif
#ifndef KDST_HAVE_DLPACK
#  define KDST_HAVE_DLPACK 0
#endif
#ifndef KDST_LEVELS
#  define KDST_LEVELS "baseline"
#endif

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION TEXT(KDST_VERSION_MAJOR) "." TEXT(KDST_VERSION_MINOR) "." TEXT(KDST_VERSION_PATCH)

#if defined(__clang__)
#  define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__)
#elif defined(__GNUC__)
#  define COMPILER "gcc " __VERSION__
#else
#  define COMPILER "unknown"
#endif

#ifndef __has_feature
#  define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#  define SANITIZERS "address"
#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#  define SANITIZERS "thread"
#elif __has_feature(memory_sanitizer)
#  define SANITIZERS "memory"
#else
#  define SANITIZERS "none"
#endif

const char *kdst_version(void)
{
    return VERSION;
}

int64_t kdst_version_number(void)
{
    return KDST_VERSION_MAJOR * 1000000 + KDST_VERSION_MINOR * 1000 + KDST_VERSION_PATCH;
}

const char *kdst_build_info(const char *key)
{
    if (!key) return NULL;
    if (!strcmp(key, "version")) return VERSION;
    if (!strcmp(key, "compiler")) return COMPILER;
    if (!strcmp(key, "levels")) return KDST_LEVELS;
    if (!strcmp(key, "zlib")) return KDST_HAVE_ZLIB ? "yes" : "no";
    if (!strcmp(key, "png")) return KDST_HAVE_PNG ? "yes" : "no";
    if (!strcmp(key, "jpeg")) return KDST_HAVE_JPEG ? "yes" : "no";
    if (!strcmp(key, "dlpack")) return KDST_HAVE_DLPACK ? "yes" : "no";
    if (!strcmp(key, "blis")) return bli_info_get_version_str();
    if (!strcmp(key, "sanitizers")) return SANITIZERS;
    return NULL;
}
