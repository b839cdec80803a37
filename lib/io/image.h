/* SPDX-License-Identifier: Apache-2.0 */
/* Image files: PNG and JPEG into bytes. On any thread: failures go into a struct, nothing touches a handle. */
#ifndef KDST_IO_IMAGE_H
#define KDST_IO_IMAGE_H

#include "core/memory.h"
#include "io/failure.h"

#include <stdbool.h>

/* Limits of an image; a file is read whole and has at most so many bytes. */
#define KDST__IMAGE_SIDE 16384
#define KDST__IMAGE_PIXELS ((int64_t)1 << 26)
#define KDST__IMAGE_FILE ((int64_t)1 << 28)

typedef struct kdst__image {
    int64_t height, width, channels; /* 1: grey, 3: red, green, blue */
    uint8_t *pixels;                 /* [height, width, channels] */
} kdst__image;

/* Reads a file, told apart by its first bytes, as `channels` 1 or 3. Messages begin with the path. NOT_FOUND, IO, FORMAT,
 * UNSUPPORTED, OUT_OF_MEMORY. */
kdst_status
kdst__image_read(kdst__memory *memory, const char *path, int64_t channels, kdst__image *out, kdst__failure *failure);
void kdst__image_destroy(kdst__memory *memory, kdst__image *image);

/* A file's bytes; in a build without the library UNSUPPORTED. Channels as the file has them, without alpha. */
kdst_status kdst__png_decode(
    kdst__memory *memory, const unsigned char *data, size_t bytes, kdst__image *out, kdst__failure *failure);
kdst_status kdst__jpeg_decode(
    kdst__memory *memory, const unsigned char *data, size_t bytes, kdst__image *out, kdst__failure *failure);

/* Memory for an image whose sizes and channels are set: FORMAT beyond the limits, OUT_OF_MEMORY. */
kdst_status kdst__image_allocate(kdst__memory *memory, kdst__image *image, kdst__failure *failure);

#endif
