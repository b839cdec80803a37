/* SPDX-License-Identifier: Apache-2.0 */
/* What all fuzz targets use (see target.h). */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int64_t fuzz_accepted;

void fuzz_promise(int kept, const char *what)
{
    if (kept) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

const char *fuzz_file(int slot, const uint8_t *data, size_t bytes)
{
    static int files[4] = {-1, -1, -1, -1};
    static char paths[4][64];
    if (files[slot] < 0) {
        files[slot] = memfd_create("input", MFD_CLOEXEC);
        fuzz_promise(files[slot] >= 0, "a file in memory");
        snprintf(paths[slot], sizeof paths[slot], "/proc/self/fd/%d", files[slot]);
    }
    fuzz_promise(ftruncate(files[slot], 0) == 0, "an empty file");
    for (size_t at = 0; at < bytes;) {
        ssize_t n = pwrite(files[slot], data + at, bytes - at, (off_t)at);
        fuzz_promise(n > 0, "room for the input");
        at += (size_t)n;
    }
    return paths[slot];
}

kdst_context *fuzz_context(void)
{
    static kdst_context *ctx;
    kdst_options *options = NULL;
    if (ctx) return ctx;
    int failed = kdst_options_create(&options) || kdst_options_set_int(options, "threads", 1) ||
        kdst_options_set_int(options, "memory_limit", 256 << 20) || kdst_context_create(options, &ctx);
    fuzz_promise(!failed, "a context");
    kdst_options_release(options);
    return ctx;
}

void fuzz_check_status(kdst_status status)
{
    int known = status == KDST_STATUS_OK || status == KDST_STATUS_FORMAT || status == KDST_STATUS_UNSUPPORTED ||
        status == KDST_STATUS_OUT_OF_MEMORY || status == KDST_STATUS_SHAPE || status == KDST_STATUS_NOT_FOUND ||
        status == KDST_STATUS_STATE;
    fuzz_promise(known, kdst_status_name(status));
    fuzz_promise(!status || *kdst_context_message(fuzz_context()), "a message with a failure");
    fuzz_accepted += !status;
}
