/* SPDX-License-Identifier: Apache-2.0 */
/* Image files of either kind (see image.h): png.c and jpeg.c decode.
 *
 *     grey = (299 R + 587 G + 114 B + 500) / 1000, rounded down (ITU-R BT.601); red, green and blue of grey are grey
 */
#include "io/image.h"

#include "io/contents.h"
#include "io/text.h"

#include <string.h>

static size_t bytes_of(const kdst__image *image)
{
    return (size_t)(image->height * image->width * image->channels);
}

kdst_status kdst__image_allocate(kdst__memory *memory, kdst__image *image, kdst__failure *failure)
{
    if (image->height < 1 || image->width < 1 || image->height > KDST__IMAGE_SIDE || image->width > KDST__IMAGE_SIDE ||
        image->height * image->width > KDST__IMAGE_PIXELS)
        return kdst__failure_set(
            failure, KDST_STATUS_FORMAT, "has %lld x %lld pixels, allowed are sides of 1 to %d and %lld in all",
            (long long)image->height, (long long)image->width, KDST__IMAGE_SIDE, (long long)KDST__IMAGE_PIXELS);
    image->pixels = kdst__alloc(memory, bytes_of(image));
    if (image->pixels) return KDST_STATUS_OK;
    return kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
}

void kdst__image_destroy(kdst__memory *memory, kdst__image *image)
{
    kdst__free(memory, image->pixels, bytes_of(image));
    image->pixels = NULL;
}

/* ---- files ---- */

static kdst_status decode(kdst__memory *memory, const kdst__contents *f, kdst__image *out, kdst__failure *failure)
{
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[] = {0xff, 0xd8, 0xff};
    if (f->bytes >= sizeof png && !memcmp(f->data, png, sizeof png))
        return kdst__png_decode(memory, f->data, f->bytes, out, failure);
    if (f->bytes >= sizeof jpeg && !memcmp(f->data, jpeg, sizeof jpeg))
        return kdst__jpeg_decode(memory, f->data, f->bytes, out, failure);
    return kdst__failure_set(failure, KDST_STATUS_FORMAT, "is neither PNG nor JPEG");
}

/* ---- channels ---- */

static kdst_status convert(kdst__memory *memory, int64_t channels, kdst__image *image, kdst__failure *failure)
{
    kdst__image from = *image, to = {from.height, from.width, channels, NULL};
    if (from.channels == channels) return KDST_STATUS_OK;
    kdst_status status = kdst__image_allocate(memory, &to, failure);
    if (status) return status;
    for (int64_t i = 0; i < from.height * from.width; i++)
        if (channels == 1) {
            const uint8_t *p = from.pixels + 3 * i;
            to.pixels[i] = (uint8_t)((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
        } else {
            memset(to.pixels + 3 * i, from.pixels[i], 3);
        }
    kdst__image_destroy(memory, &from);
    *image = to;
    return KDST_STATUS_OK;
}

kdst_status
kdst__image_read(kdst__memory *memory, const char *path, int64_t channels, kdst__image *out, kdst__failure *failure)
{
    kdst__failure inner = {0};
    kdst__contents f;
    *out = (kdst__image){0};
    kdst_status status = kdst__contents_read(memory, path, KDST__IMAGE_FILE, &f, &inner);
    if (!status) status = decode(memory, &f, out, &inner);
    if (!status) status = convert(memory, channels, out, &inner);
    kdst__contents_destroy(memory, &f);
    if (!status) return status;
    char shown[KDST__SHOWN_TEXT];
    kdst__image_destroy(memory, out);
    return kdst__failure_set(failure, status, "%s: %s", kdst__text_shown(path, shown), inner.text);
}
