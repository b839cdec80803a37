/* SPDX-License-Identifier: Apache-2.0 */
/* Files as the readers and writers of this library see them: read once from front to end, written whole or not at all.
 *
 * Reading: plain or gzip, told apart by the first two bytes. A header may claim any size, so a reader asks
 * kdst__source_can_have before it allocates. Writing: into a temporary name in the same folder, synced, then renamed.
 * Messages are "<function>: <path>: <what>"; paths and text from files are shown with control characters replaced.
 */
#ifndef KDST_IO_FILE_H
#define KDST_IO_FILE_H

#include "core/context.h"

#include <stddef.h>

typedef struct kdst__source kdst__source;

/* NOT_FOUND, IO, UNSUPPORTED (gzip without zlib), OUT_OF_MEMORY. `function` and `path` must outlive the source. */
kdst_status kdst__source_open(kdst_context *ctx, const char *function, const char *path, kdst__source **out);
/* The same for a format that may begin with the two bytes of gzip: always read as it is. */
kdst_status kdst__source_open_plain(kdst_context *ctx, const char *function, const char *path, kdst__source **out);
/* A part of a file, such as a member of an archive. */
typedef struct kdst__part {
    const char *name;       /* for messages, or NULL */
    uint64_t offset, bytes; /* where it lies */
    bool deflated, checked; /* packed; size and crc32 are known and are compared at the end */
    uint64_t size;          /* of what is read: when not deflated, of the part */
    uint32_t crc32;
} kdst__part;

/* A part of a file as if it were one; FORMAT when the file is too short. Everything in `part` must outlive the source. */
kdst_status kdst__source_open_part(
    kdst_context *ctx, const char *function, const char *path, const kdst__part *part, kdst__source **out);
/* Bytes of the file, or of the part as it lies there. */
uint64_t kdst__source_size(const kdst__source *source);
/* Exactly `bytes`; FORMAT "the file ends after 12 of 16 bytes of its header" (`what` = "its header"), IO, FORMAT for
 * corrupt gzip. */
kdst_status kdst__source_read(kdst__source *source, const char *what, void *out, size_t bytes);
/* Up to `bytes`, fewer only at the end of the file. */
kdst_status kdst__source_read_some(kdst__source *source, void *out, size_t bytes, size_t *out_read);
/* FORMAT with both numbers when so many more bytes cannot follow: exact for a plain file, a bound from the
 * compression's limit for gzip. */
kdst_status kdst__source_can_have(kdst__source *source, const char *what, uint64_t bytes);
/* FORMAT when anything follows. */
kdst_status kdst__source_expect_end(kdst__source *source);
/* "<function>: <path>: <format>" */
kdst_status kdst__source_fail(kdst__source *source, kdst_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void kdst__source_close(kdst__source *source); /* nullable */

typedef struct kdst__sink kdst__sink;

/* `function` and `path` must outlive the sink. */
kdst_status kdst__sink_open(kdst_context *ctx, const char *function, const char *path, kdst__sink **out);
kdst_status kdst__sink_write(kdst__sink *sink, const void *data, size_t bytes);
/* Flushes, syncs, renames, frees. On failure the temporary file is gone, the old file is as it was, and the sink is
 * freed too. */
kdst_status kdst__sink_commit(kdst__sink *sink);
/* Removes the temporary file and frees; nullable. */
void kdst__sink_abandon(kdst__sink *sink);

#endif
