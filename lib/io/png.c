/* SPDX-License-Identifier: Apache-2.0 */
/* PNG through libpng, which gets its memory from the context and reports by a jump to here.
 *
 * Palettes become colours, fewer than 8 bits are expanded, 16 are scaled to 8, alpha is left out.
 */
#include "io/image.h"

#if KDST_HAVE_PNG

#  include <png.h>

#  include <setjmp.h>
#  include <string.h>

enum { CHUNKS = 128, CHUNK_BYTES = 8 << 20 };

/* Everything that lives across a jump. */
typedef struct decoder {
    kdst__memory *memory;
    const unsigned char *at;
    size_t left;
    kdst__image *image;
    kdst__failure *failure;
    png_structp png;
    png_infop info;
    bool no_memory;
} decoder;

/* Each block begins with its size, which freeing does not tell. */
static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    decoder *d = png_get_mem_ptr(png);
    size_t bytes;
    char *block = kdst__add_overflows(size, KDST__ALIGNMENT, &bytes) ? NULL : kdst__alloc(d->memory, bytes);
    if (!block) {
        d->no_memory = true;
        return NULL;
    }
    *(size_t *)(void *)block = bytes;
    return block + KDST__ALIGNMENT;
}

static void deallocate(png_structp png, png_voidp pointer)
{
    decoder *d = png_get_mem_ptr(png);
    void *block = (char *)pointer - KDST__ALIGNMENT;
    kdst__free(d->memory, block, *(size_t *)block);
}

static void on_error(png_structp png, png_const_charp message)
{
    decoder *d = png_get_error_ptr(png);
    if (d->no_memory)
        kdst__failure_set(d->failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    else if (!d->failure->status)
        kdst__failure_set(d->failure, KDST_STATUS_FORMAT, "the PNG data are corrupt (%.200s)", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static void give(png_structp png, png_bytep out, size_t bytes)
{
    decoder *d = png_get_io_ptr(png);
    if (bytes > d->left) png_error(png, "the file ends too early");
    memcpy(out, d->at, bytes);
    d->at += bytes;
    d->left -= bytes;
}

/* The header, and what libpng shall make of the rows. */
static bool begin(decoder *d)
{
    png_structp png = d->png;
    png_set_read_fn(png, d, give);
    png_set_user_limits(png, KDST__IMAGE_SIDE, KDST__IMAGE_SIDE);
    png_set_chunk_cache_max(png, CHUNKS);
    png_set_chunk_malloc_max(png, CHUNK_BYTES);
    png_read_info(png, d->info);
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    d->image->height = png_get_image_height(png, d->info);
    d->image->width = png_get_image_width(png, d->info);
    d->image->channels = png_get_color_type(png, d->info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    return !kdst__image_allocate(d->memory, d->image, d->failure);
}

static bool run(decoder *d)
{
    if (setjmp(png_jmpbuf(d->png))) return false;
    if (!begin(d)) return false;
    int passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    size_t row = (size_t)(d->image->width * d->image->channels);
    if (png_get_rowbytes(d->png, d->info) != row) png_error(d->png, "rows of another length");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < d->image->height; y++)
            png_read_row(d->png, d->image->pixels + (size_t)y * row, NULL);
    png_read_end(d->png, NULL);
    return true;
}

kdst_status kdst__png_decode(
    kdst__memory *memory, const unsigned char *data, size_t bytes, kdst__image *out, kdst__failure *failure)
{
    decoder d = {.memory = memory, .at = data, .left = bytes, .image = out, .failure = failure};
    failure->status = KDST_STATUS_OK;
    d.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning, &d, allocate, deallocate);
    if (d.png) d.info = png_create_info_struct(d.png);
    if (!d.info)
        kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    else
        run(&d);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return failure->status;
}

#else

kdst_status kdst__png_decode(
    kdst__memory *memory, const unsigned char *data, size_t bytes, kdst__image *out, kdst__failure *failure)
{
    (void)memory, (void)data, (void)bytes, (void)out;
    return kdst__failure_set(failure, KDST_STATUS_UNSUPPORTED, "is PNG, which this build cannot read");
}

#endif
