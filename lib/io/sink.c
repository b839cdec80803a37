/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a file whole or not at all (see file.h).
 *
 * The data go into ".<name>.<16 digits>.tmp" beside the target, are synced, and then take the target's name, which the
 * system does in one step. A symbolic link stays: what it points to is replaced. Only a process that is killed in
 * between leaves a temporary file. The permissions of an older file are kept.
 */
#include "io/file.h"

#include "io/reason.h"
#include "io/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 65536, LINKS = 40, NAME_KEPT = 200, NAME_EXTRA = 32, ATTEMPTS = 100 };

struct kdst__sink {
    kdst_context *ctx;
    const char *function, *path;
    int fd;
    bool exists;     /* the temporary file */
    char *target;    /* what `path` leads to */
    char *temporary; /* NULL until it is named */
    size_t target_bytes, temporary_bytes;
    size_t filled;
    unsigned char buffer[BUFFER];
};

static kdst_status fail(kdst__sink *sink, kdst_status status, const char *reason)
{
    char path[KDST__SHOWN_TEXT];
    return kdst__fail(sink->ctx, status, "%s: %s: %s", sink->function, kdst__text_shown(sink->path, path), reason);
}

static kdst_status fail_system(kdst__sink *sink, int number)
{
    char text[KDST__REASON_TEXT];
    return fail(sink, KDST_STATUS_IO, kdst__reason(number, text));
}

/* Sets the target to a folder's part of a path and a name; false without memory. */
static bool set_target(kdst__sink *sink, const char *folder, size_t folder_bytes, const char *name)
{
    size_t name_bytes = strlen(name) + 1;
    kdst__memory *memory = kdst__context_memory(sink->ctx);
    char *target = kdst__alloc(memory, folder_bytes + name_bytes);
    if (target == NULL) return false;
    memcpy(target, folder, folder_bytes);
    memcpy(target + folder_bytes, name, name_bytes);
    kdst__free(memory, sink->target, sink->target_bytes);
    sink->target = target;
    sink->target_bytes = folder_bytes + name_bytes;
    return true;
}

/* Bytes of the path up to and with its last slash. */
static size_t folder_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* Follows symbolic links; *out_mode is that of an older file, 0 when there is none. */
static kdst_status find_target(kdst__sink *sink, mode_t *out_mode)
{
    *out_mode = 0;
    if (!set_target(sink, "", 0, sink->path)) {
        kdst__fail_memory(sink->ctx, sink->function);
        return KDST_STATUS_OUT_OF_MEMORY;
    }
    for (int links = 0;; links++) {
        struct stat info;
        char link[4096];
        if (lstat(sink->target, &info) != 0) return errno == ENOENT ? KDST_STATUS_OK : fail_system(sink, errno);
        if (S_ISREG(info.st_mode)) {
            *out_mode = info.st_mode & 0777;
            return KDST_STATUS_OK;
        }
        if (!S_ISLNK(info.st_mode))
            return fail(sink, KDST_STATUS_IO, S_ISDIR(info.st_mode) ? "is a folder" : "is no regular file");
        ssize_t bytes = readlink(sink->target, link, sizeof link);
        if (bytes < 0) return fail_system(sink, errno);
        if (links == LINKS || bytes == sizeof link) return fail_system(sink, links == LINKS ? ELOOP : ENAMETOOLONG);
        link[bytes] = '\0';
        if (!set_target(sink, sink->target, link[0] == '/' ? 0 : folder_bytes(sink->target), link))
            return kdst__fail_memory(sink->ctx, sink->function);
    }
}

/* Sixteen digits that no other thread, process or attempt has at this moment; a clash only costs another attempt. */
static uint64_t unique(const kdst__sink *sink, int attempt)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t x = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30;
    x ^= (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)sink ^ (uint64_t)attempt << 56;
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

static kdst_status open_temporary(kdst__sink *sink, mode_t mode)
{
    size_t folder = folder_bytes(sink->target), kept = strlen(sink->target + folder);
    if (kept == 0)
        return fail(sink, KDST_STATUS_IO, *sink->path ? "names no file" : "the path is empty and names no file");
    kept = kept < NAME_KEPT ? kept : NAME_KEPT;
    sink->temporary_bytes = folder + kept + NAME_EXTRA;
    sink->temporary = kdst__alloc(kdst__context_memory(sink->ctx), sink->temporary_bytes);
    if (sink->temporary == NULL) return kdst__fail_memory(sink->ctx, sink->function);
    memcpy(sink->temporary, sink->target, folder);
    for (int attempt = 0; sink->fd < 0 && attempt < ATTEMPTS; attempt++) {
        snprintf(
            sink->temporary + folder, sink->temporary_bytes - folder, ".%.*s.%016llx.tmp", (int)kept,
            sink->target + folder, (unsigned long long)unique(sink, attempt));
        /* An older file's permissions hold from the start: its data may be private. */
        sink->fd = open(sink->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode != 0 ? mode : 0666);
        if (sink->fd < 0 && errno != EEXIST && errno != EINTR) break;
    }
    if (sink->fd < 0) return fail_system(sink, errno);
    sink->exists = true;
    /* What the umask took away; where the file system has no permissions there is nothing to keep. */
    if (mode != 0 && fchmod(sink->fd, mode) != 0)
        kdst__log(sink->ctx, KDST_SEVERITY_WARNING, "%s: the older file's permissions are not kept", sink->function);
    return KDST_STATUS_OK;
}

kdst_status kdst__sink_open(kdst_context *ctx, const char *function, const char *path, kdst__sink **out)
{
    mode_t mode;
    *out = NULL;
    kdst__sink *sink = kdst__alloc(kdst__context_memory(ctx), sizeof *sink);
    if (sink == NULL) return kdst__fail_memory(ctx, function);
    sink->ctx = ctx;
    sink->function = function;
    sink->path = path;
    sink->fd = -1;
    sink->exists = false;
    sink->target = sink->temporary = NULL;
    sink->target_bytes = sink->temporary_bytes = 0;
    sink->filled = 0;
    kdst_status status = find_target(sink, &mode);
    if (status == KDST_STATUS_OK) status = open_temporary(sink, mode);
    if (status == KDST_STATUS_OK)
        *out = sink;
    else
        kdst__sink_abandon(sink);
    return status;
}

static kdst_status put(kdst__sink *sink, const unsigned char *data, size_t bytes)
{
    const size_t most = (size_t)1 << 30; /* in one call of the system */
    while (bytes > 0) {
        ssize_t n = write(sink->fd, data, bytes < most ? bytes : most);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_system(sink, n < 0 ? errno : EIO);
        data += n;
        bytes -= (size_t)n;
    }
    return KDST_STATUS_OK;
}

static kdst_status flush(kdst__sink *sink)
{
    size_t filled = sink->filled;
    sink->filled = 0;
    return put(sink, sink->buffer, filled);
}

kdst_status kdst__sink_write(kdst__sink *sink, const void *data, size_t bytes)
{
    kdst_status status = KDST_STATUS_OK;
    if (bytes > BUFFER - sink->filled) status = flush(sink);
    if (status == KDST_STATUS_OK && bytes >= BUFFER) return put(sink, data, bytes);
    if (status == KDST_STATUS_OK && bytes > 0) {
        memcpy(sink->buffer + sink->filled, data, bytes);
        sink->filled += bytes;
    }
    return status;
}

/* Without this the new name may be lost with the power; the file itself is whole either way, hence no failure. */
static void sync_folder(kdst__sink *sink)
{
    size_t bytes = folder_bytes(sink->target);
    const char *folder = bytes == 0 ? "." : sink->target;
    if (bytes > 0) sink->target[bytes] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
        kdst__log(sink->ctx, KDST_SEVERITY_WARNING, "%s: the folder of the file could not be synced", sink->function);
    if (fd >= 0) close(fd);
}

kdst_status kdst__sink_commit(kdst__sink *sink)
{
    kdst_status status = flush(sink);
    int fd = sink->fd, result = 0;
    if (status == KDST_STATUS_OK) {
        do
            result = fsync(fd);
        while (result != 0 && errno == EINTR);
        if (result != 0) status = fail_system(sink, errno);
    }
    sink->fd = -1;
    /* Some file systems report a full disk only now. Linux has closed the file even when it says EINTR. */
    if (close(fd) != 0 && errno != EINTR && status == KDST_STATUS_OK) status = fail_system(sink, errno);
    if (status == KDST_STATUS_OK && rename(sink->temporary, sink->target) != 0) status = fail_system(sink, errno);
    if (status == KDST_STATUS_OK) {
        sink->exists = false;
        sync_folder(sink);
    }
    kdst__sink_abandon(sink);
    return status;
}

void kdst__sink_abandon(kdst__sink *sink)
{
    if (sink == NULL) return;
    kdst__memory *memory = kdst__context_memory(sink->ctx);
    if (sink->fd >= 0) close(sink->fd);
    if (sink->exists) unlink(sink->temporary);
    kdst__free(memory, sink->temporary, sink->temporary_bytes);
    kdst__free(memory, sink->target, sink->target_bytes);
    kdst__free(memory, sink, sizeof *sink);
}
