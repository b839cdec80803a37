/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file whole (see contents.h). */
#include "io/contents.h"

#include "io/reason.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static kdst_status fail_system(kdst__failure *failure, int number)
{
    char text[KDST__REASON_TEXT];
    kdst_status status = number == ENOENT || number == ENOTDIR ? KDST_STATUS_NOT_FOUND : KDST_STATUS_IO;
    return kdst__failure_set(failure, status, "%s", kdst__reason(number, text));
}

/* Regular files only; without O_NONBLOCK a named pipe would make open wait. */
static kdst_status open_file(const char *path, int64_t limit, int *fd, size_t *out_bytes, kdst__failure *failure)
{
    struct stat info;
    do
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0 || fstat(*fd, &info)) return fail_system(failure, errno);
    if (!S_ISREG(info.st_mode)) return kdst__failure_set(failure, KDST_STATUS_IO, "is no regular file");
    if (info.st_size > limit)
        return kdst__failure_set(
            failure, KDST_STATUS_FORMAT, "has %lld bytes, allowed are %lld", (long long)info.st_size, (long long)limit);
    *out_bytes = (size_t)info.st_size;
    return KDST_STATUS_OK;
}

static kdst_status read_all(int fd, kdst__contents *c, kdst__failure *failure)
{
    for (size_t got = 0; got < c->bytes;) {
        ssize_t n = read(fd, c->data + got, c->bytes - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_system(failure, errno);
        if (n == 0) return kdst__failure_set(failure, KDST_STATUS_IO, "became shorter while it was read");
        got += (size_t)n;
    }
    return KDST_STATUS_OK;
}

kdst_status
kdst__contents_read(kdst__memory *memory, const char *path, int64_t limit, kdst__contents *out, kdst__failure *failure)
{
    int fd = -1;
    size_t bytes = 0;
    *out = (kdst__contents){0};
    kdst_status status = open_file(path, limit, &fd, &bytes, failure);
    if (!status && bytes) {
        out->data = kdst__alloc(memory, bytes);
        out->bytes = out->data ? bytes : 0;
        status = out->data ? read_all(fd, out, failure)
                           : kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    if (fd >= 0) close(fd);
    return status;
}

void kdst__contents_destroy(kdst__memory *memory, kdst__contents *contents)
{
    kdst__free(memory, contents->data, contents->bytes);
    *contents = (kdst__contents){0};
}
