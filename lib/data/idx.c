/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of IDX files, the format of MNIST: images and labels.
 *
 * A header is two zero bytes, the element type (0x08: unsigned byte), the number of axes, and a 32-bit size of each
 * axis with the high byte first; the elements follow, row-major. Both headers are read and compared before memory is
 * asked for.
 */
#include "data/dataset.h"

#include "core/options.h"
#include "io/file.h"

enum { MAX_AXES = 4, CHUNK = 4096 };

typedef struct config {
    int64_t classes;
} config;

static const kdst__option options_table[] = {
    KDST__INT(config, classes, 0, 0, 65536, "number of classes; 0: the largest label + 1"),
};
const kdst__schema kdst__schema_dataset_idx = {"dataset.idx", options_table, KDST__COUNT(options_table), NULL, 0};

static const char function[] = "dataset_load_idx";

typedef struct header {
    int32_t axes;
    int64_t size[MAX_AXES];
} header;

static const char *type_name(unsigned type)
{
    switch (type) {
    case 0x09:
        return "signed bytes";
    case 0x0b:
        return "16-bit integers";
    case 0x0c:
        return "32-bit integers";
    case 0x0d:
        return "float32";
    case 0x0e:
        return "float64";
    default:
        return NULL;
    }
}

static kdst_status read_header(kdst__source *file, header *h)
{
    uint8_t b[4];
    kdst_status status = kdst__source_read(file, "its header", b, 4);
    if (status) return status;
    if (b[0] || b[1] || (b[2] != 0x08 && !type_name(b[2])) || b[3] < 1)
        return kdst__source_fail(
            file, KDST_STATUS_FORMAT, "no IDX file, it begins with %02x %02x %02x %02x", b[0], b[1], b[2], b[3]);
    if (b[2] != 0x08)
        return kdst__source_fail(
            file, KDST_STATUS_UNSUPPORTED, "the elements are %s, only unsigned bytes are read", type_name(b[2]));
    if (b[3] > MAX_AXES)
        return kdst__source_fail(
            file, KDST_STATUS_FORMAT, "the file has %d axes, at most %d are expected", b[3], MAX_AXES);
    h->axes = b[3];
    for (int32_t i = 0; i < h->axes; i++) {
        if ((status = kdst__source_read(file, "its header", b, 4))) return status;
        h->size[i] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
        if (!h->size[i]) return kdst__source_fail(file, KDST_STATUS_FORMAT, "the size of axis %d is 0", i);
    }
    return KDST_STATUS_OK;
}

/* Whether all elements can follow; sizes whose product exceeds 64 bits ask for the most there is. */
static kdst_status check_size(kdst__source *file, const header *h, const char *what)
{
    uint64_t bytes = 1;
    for (int32_t i = 0; i < h->axes; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)h->size[i], &bytes)) bytes = UINT64_MAX;
    return kdst__source_can_have(file, what, bytes);
}

static kdst_status check_headers(kdst__source *images, kdst__source *labels, const header *x, const header *y)
{
    if (x->axes < 3)
        return kdst__source_fail(images, KDST_STATUS_FORMAT, "the file has %d axes, images have 3 or 4", x->axes);
    if (y->axes != 1)
        return kdst__source_fail(labels, KDST_STATUS_FORMAT, "the file has %d axes, labels have 1", y->axes);
    if (x->size[0] != y->size[0])
        return kdst__source_fail(
            labels, KDST_STATUS_FORMAT, "%lld labels for %lld images", (long long)y->size[0], (long long)x->size[0]);
    kdst_status status = check_size(images, x, "its pixels");
    return status ? status : check_size(labels, y, "its labels");
}

static kdst_status read_images(kdst_context *ctx, kdst__source *file, const header *h, kdst_tensor **out)
{
    int64_t shape[4] = {h->size[0], h->axes == 4 ? h->size[1] : 1, h->size[h->axes - 2], h->size[h->axes - 1]};
    kdst_status status = kdst__tensor_new(ctx, function, KDST_DTYPE_UINT8, 4, shape, false, out);
    if (!status)
        status = kdst__source_read(file, "its pixels", kdst__tensor_data(*out), (size_t)kdst__tensor_count(*out));
    return status ? status : kdst__source_expect_end(file);
}

static kdst_status read_labels(kdst_context *ctx, kdst__source *file, int64_t count, kdst_tensor **out)
{
    uint8_t chunk[CHUNK];
    kdst_status status = kdst__tensor_new(ctx, function, KDST_DTYPE_INT32, 1, &count, false, out);
    for (int64_t i = 0; i < count && !status; i += CHUNK) {
        int64_t n = count - i < CHUNK ? count - i : CHUNK;
        int32_t *y = status ? NULL : (int32_t *)kdst__tensor_data(*out) + i;
        status = kdst__source_read(file, "its labels", chunk, (size_t)n);
        for (int64_t k = 0; k < n && !status; k++)
            y[k] = chunk[k];
    }
    return status ? status : kdst__source_expect_end(file);
}

static kdst_status
load(kdst_context *ctx, kdst__source *images, kdst__source *labels, int64_t classes, kdst_dataset **out)
{
    header x, y;
    kdst_tensor *pixels = NULL, *numbers = NULL;
    kdst_status status = read_header(images, &x);
    if (!status) status = read_header(labels, &y);
    if (!status) status = check_headers(images, labels, &x, &y);
    if (!status) status = read_labels(ctx, labels, y.size[0], &numbers);
    if (!status) status = read_images(ctx, images, &x, &pixels);
    if (!status) status = kdst__dataset_new(ctx, function, pixels, numbers, classes, out);
    kdst__handle_release(numbers);
    kdst__handle_release(pixels);
    return status;
}

kdst_status kdst_dataset_load_idx(
    kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out)
{
    config c;
    kdst__source *image_file = NULL, *label_file = NULL;
    kdst_status status = kdst__dataset_begin(ctx, function, images, labels, out);
    if (status) return status;
    status = kdst__options_parse(ctx, function, &kdst__schema_dataset_idx, options, &c);
    if (!status) status = kdst__source_open(ctx, function, images, &image_file);
    if (!status) status = kdst__source_open(ctx, function, labels, &label_file);
    if (!status) status = load(ctx, image_file, label_file, c.classes, out);
    kdst__source_close(label_file);
    kdst__source_close(image_file);
    return status;
}
