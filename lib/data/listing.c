/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a folder (see listing.h). */
#include "data/listing.h"

#include "io/reason.h"
#include "io/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool kdst__listing_add(kdst__memory *memory, kdst__listing *l, const char *folder, const char *name)
{
    if (l->count == l->room) {
        int64_t room = l->room ? 2 * l->room : 64;
        char **names = kdst__realloc(memory, l->names, (size_t)l->room * sizeof *names, (size_t)room * sizeof *names);
        if (!names) return false;
        l->names = names;
        l->room = room;
    }
    size_t before = folder ? strlen(folder) + 1 : 0, bytes = strlen(name) + 1;
    char *text = kdst__alloc(memory, before + bytes);
    if (!text) return false;
    if (folder) {
        memcpy(text, folder, before - 1);
        text[before - 1] = '/';
    }
    memcpy(text + before, name, bytes);
    l->names[l->count++] = text;
    return true;
}

void kdst__listing_destroy(kdst__memory *memory, kdst__listing *l)
{
    for (int64_t i = 0; i < l->count; i++)
        kdst__free(memory, l->names[i], strlen(l->names[i]) + 1);
    kdst__free(memory, l->names, (size_t)l->room * sizeof *l->names);
    *l = (kdst__listing){0};
}

static bool has_end(const char *name, const char *const *ends_in)
{
    size_t bytes = strlen(name);
    for (; *ends_in; ends_in++)
        if (bytes > strlen(*ends_in) && !strcasecmp(name + bytes - strlen(*ends_in), *ends_in)) return true;
    return false;
}

/* What a symbolic link leads to counts; one that leads nowhere is nothing. */
static bool is_wanted(DIR *dir, const char *name, const char *const *ends_in)
{
    struct stat info;
    if (name[0] == '.' || (ends_in && !has_end(name, ends_in)) || fstatat(dirfd(dir), name, &info, 0)) return false;
    return ends_in ? S_ISREG(info.st_mode) : S_ISDIR(info.st_mode);
}

static kdst_status fail(kdst__failure *failure, const char *path, int number)
{
    char shown[KDST__SHOWN_TEXT], text[KDST__REASON_TEXT];
    kdst_status status = number == ENOENT || number == ENOTDIR ? KDST_STATUS_NOT_FOUND : KDST_STATUS_IO;
    return kdst__failure_set(failure, status, "%s: %s", kdst__text_shown(path, shown), kdst__reason(number, text));
}

kdst_status kdst__listing_read(
    kdst__memory *memory, const char *path, const char *const *ends_in, kdst__listing *out, kdst__failure *failure)
{
    kdst_status status = KDST_STATUS_OK;
    *out = (kdst__listing){0};
    DIR *dir = opendir(path);
    if (!dir) return fail(failure, path, errno);
    while (!status) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry && errno) status = fail(failure, path, errno);
        if (!entry) break;
        if (is_wanted(dir, entry->d_name, ends_in) && !kdst__listing_add(memory, out, NULL, entry->d_name))
            status = kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    }
    closedir(dir);
    if (!status && out->count) qsort(out->names, (size_t)out->count, sizeof *out->names, compare);
    return status;
}
