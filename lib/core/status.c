/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the status codes. */
#include <kdst/status.h>

static const char *const names[] = {
    "OK",        "INVALID_ARGUMENT", "SHAPE", "DTYPE",     "OUT_OF_MEMORY", "IO",       "FORMAT",
    "NOT_FOUND", "UNSUPPORTED",      "STATE", "CANCELLED", "CALLBACK",      "INTERNAL",
};

const char *kdst_status_name(kdst_status status)
{
    int32_t count = (int32_t)(sizeof names / sizeof *names);
    return status >= 0 && status < count ? names[status] : "UNKNOWN";
}
