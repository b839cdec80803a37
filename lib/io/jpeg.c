/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG through libjpeg-turbo with an error handler of our own: the library's exits the program.
 *
 * Its allocator cannot be replaced; what it takes is bounded by the limits on the image. Data that are cut or damaged are
 * refused, where the library would only warn and fill the rest with grey. Progressive images have at most so many scans,
 * since each costs the whole image's time.
 */
#include "io/image.h"

#if KDST_HAVE_JPEG

#  include <stdio.h> /* jpeglib.h needs it */

#  include <jerror.h>
#  include <jpeglib.h>
#  include <setjmp.h>

enum { MOST_SCANS = 500 };

/* Everything that lives across a jump. */
typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr error; /* jpeg.err points here */
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    kdst__memory *memory;
    kdst__image *image;
    kdst__failure *failure;
} decoder;

static decoder *decoder_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void on_error(j_common_ptr jpeg)
{
    decoder *d = decoder_of(jpeg);
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        kdst__failure_set(d->failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    else
        kdst__failure_set(d->failure, KDST_STATUS_FORMAT, "the JPEG data are corrupt (%s)", message);
    longjmp(d->jump, 1);
}

/* Level -1 is a warning; these are about pixels that were lost. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level >= 0) return;
    switch (jpeg->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_JPEG_EOF:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION:
        on_error(jpeg);
        return;
    default:
        return;
    }
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = decoder_of(jpeg);
    if (d->jpeg.input_scan_number <= MOST_SCANS) return;
    kdst__failure_set(d->failure, KDST_STATUS_FORMAT, "the JPEG data have more than %d scans", MOST_SCANS);
    longjmp(d->jump, 1);
}

static bool set_up(decoder *d)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    bool grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK || jpeg->num_components > 3) {
        kdst__failure_set(d->failure, KDST_STATUS_UNSUPPORTED, "is a JPEG of printing colours (CMYK)");
        return false;
    }
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    d->image->height = jpeg->image_height;
    d->image->width = jpeg->image_width;
    d->image->channels = grey ? 1 : 3;
    return !kdst__image_allocate(d->memory, d->image, d->failure);
}

static void run(decoder *d, const unsigned char *data, size_t bytes)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    if (setjmp(d->jump)) return;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &d->progress;
    jpeg_mem_src(jpeg, data, (unsigned long)bytes);
    jpeg_read_header(jpeg, TRUE);
    if (!set_up(d)) return;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row =
            d->image->pixels + (size_t)jpeg->output_scanline * (size_t)(d->image->width * d->image->channels);
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

kdst_status kdst__jpeg_decode(
    kdst__memory *memory, const unsigned char *data, size_t bytes, kdst__image *out, kdst__failure *failure)
{
    decoder *d = kdst__alloc_zero(memory, sizeof *d);
    if (!d) return kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    failure->status = KDST_STATUS_OK;
    d->memory = memory;
    d->image = out;
    d->failure = failure;
    d->progress.progress_monitor = on_progress;
    d->jpeg.client_data = d;
    d->jpeg.err = jpeg_std_error(&d->error);
    d->error.error_exit = on_error;
    d->error.emit_message = on_message;
    d->error.output_message = on_output;
    run(d, data, bytes);
    jpeg_destroy_decompress(&d->jpeg);
    kdst__free(memory, d, sizeof *d);
    return failure->status;
}

#else

kdst_status kdst__jpeg_decode(
    kdst__memory *memory, const unsigned char *data, size_t bytes, kdst__image *out, kdst__failure *failure)
{
    (void)memory, (void)data, (void)bytes, (void)out;
    return kdst__failure_set(failure, KDST_STATUS_UNSUPPORTED, "is JPEG, which this build cannot read");
}

#endif
