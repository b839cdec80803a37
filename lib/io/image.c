/* SPDX-License-Identifier: Apache-2.0 */
/* Image files of either kind (see image.h): png.c and jpeg.c decode.
 *
 *     grey = (299 R + 587 G + 114 B + 500) / 1000, rounded down (ITU-R BT.601); red, green and blue of grey are grey
 */
#include "io/image.h"

#include "io/reason.h"
#include "io/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

typedef struct file {
    int fd;
    unsigned char *data;
    size_t bytes;
} file;

static kdst_status fail_system(kdst__failure *failure, int number)
{
    char text[KDST__REASON_TEXT];
    kdst_status status = number == ENOENT || number == ENOTDIR ? KDST_STATUS_NOT_FOUND : KDST_STATUS_IO;
    return kdst__failure_set(failure, status, "%s", kdst__reason(number, text));
}

/* Regular files only; without O_NONBLOCK a named pipe would make open wait. */
static kdst_status open_file(const char *path, file *f, kdst__failure *failure)
{
    struct stat info;
    do
        f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0 || fstat(f->fd, &info)) return fail_system(failure, errno);
    if (!S_ISREG(info.st_mode)) return kdst__failure_set(failure, KDST_STATUS_IO, "is no regular file");
    if (info.st_size > KDST__IMAGE_FILE)
        return kdst__failure_set(
            failure, KDST_STATUS_FORMAT, "has %lld bytes, allowed are %lld", (long long)info.st_size,
            (long long)KDST__IMAGE_FILE);
    f->bytes = (size_t)info.st_size;
    return KDST_STATUS_OK;
}

static kdst_status read_file(kdst__memory *memory, const char *path, file *f, kdst__failure *failure)
{
    kdst_status status = open_file(path, f, failure);
    if (status) return status;
    f->data = kdst__alloc(memory, f->bytes);
    if (!f->data) return kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    for (size_t got = 0; got < f->bytes;) {
        ssize_t n = read(f->fd, f->data + got, f->bytes - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_system(failure, errno);
        if (n == 0) return kdst__failure_set(failure, KDST_STATUS_IO, "became shorter while it was read");
        got += (size_t)n;
    }
    return KDST_STATUS_OK;
}

static kdst_status decode(kdst__memory *memory, const file *f, kdst__image *out, kdst__failure *failure)
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
    file f = {-1, NULL, 0};
    *out = (kdst__image){0};
    kdst_status status = read_file(memory, path, &f, &inner);
    if (!status) status = decode(memory, &f, out, &inner);
    if (!status) status = convert(memory, channels, out, &inner);
    if (f.fd >= 0) close(f.fd);
    kdst__free(memory, f.data, f.bytes);
    if (!status) return status;
    char shown[KDST__SHOWN_TEXT];
    kdst__image_destroy(memory, out);
    return kdst__failure_set(failure, status, "%s: %s", kdst__text_shown(path, shown), inner.text);
}
