/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders for the experiment drivers. Errors are explained on standard error, with the program's name. */
#ifndef COMMON_FILES_H
#define COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* Joins with "/" into out; false (explained) when it does not fit. */
bool join_path(char *out, size_t size, const char *folder, const char *name);

/* Makes a folder and its parents; existing ones are fine. */
bool make_folder(const char *program, const char *path);

bool file_exists(const char *path);

/* Whole file as text in malloc'ed memory, at most 64 MiB; NULL (explained). */
char *read_text(const char *program, const char *path);

/* Writes a file whole or not at all: temporary name, sync, rename. */
bool write_text(const char *program, const char *path, const char *text);

#endif
