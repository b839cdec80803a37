/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders for the experiment drivers (see files.h). */
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST (64L << 20)

static bool explain(const char *program, const char *verb, const char *path)
{
    fprintf(stderr, "%s: cannot %s %s: %s\n", program, verb, path, strerror(errno));
    return false;
}

bool join_path(char *out, size_t size, const char *folder, const char *name)
{
    int n = snprintf(out, size, "%s/%s", folder, name);
    if (n >= 0 && (size_t)n < size) return true;
    fprintf(stderr, "path too long: %s/%s\n", folder, name);
    return false;
}

bool make_folder(const char *program, const char *path)
{
    char part[4096];
    size_t length = strlen(path);
    if (!length || length >= sizeof part) {
        errno = length ? ENAMETOOLONG : ENOENT;
        return explain(program, "make", path);
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] && path[i] != '/') continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) && errno != EEXIST) return explain(program, "make", part);
    }
    struct stat status;
    if (stat(path, &status)) return explain(program, "make", path);
    if (S_ISDIR(status.st_mode)) return true;
    errno = ENOTDIR;
    return explain(program, "make", path);
}

bool file_exists(const char *path)
{
    struct stat status;
    return !stat(path, &status) && S_ISREG(status.st_mode);
}

char *read_text(const char *program, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size;
    if (!file) return explain(program, "read", path), NULL;
    if (fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) goto fail;
    if (size > LARGEST) {
        errno = EFBIG;
        goto fail;
    }
    text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) goto fail;
    text[size] = 0;
    fclose(file);
    return text;
fail:
    explain(program, "read", path);
    free(text);
    fclose(file);
    return NULL;
}

bool write_text(const char *program, const char *path, const char *text)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.partial", path);
    FILE *file = n > 0 && (size_t)n < sizeof temporary ? fopen(temporary, "wb") : NULL;
    if (!file) return explain(program, "write", path);
    size_t length = strlen(text);
    bool good = fwrite(text, 1, length, file) == length && !fflush(file) && !fsync(fileno(file));
    int saved = errno;
    good = !fclose(file) && good;
    if (good && !rename(temporary, path)) return true;
    if (good) saved = errno;
    remove(temporary);
    errno = saved;
    return explain(program, "write", path);
}
