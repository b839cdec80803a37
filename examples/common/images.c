/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and loads the files of an image data set by their usual names (see images.h). */
#include "images.h"

#include "files.h"
#include "setup.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { HOLDOUT_SEED = 20, SUBSET_SEED = 21 };

/* ---- IDX ---- */

/* "<folder>/<stem>.gz" or "<folder>/<stem>". */
static bool find_file(const char *folder, const char *stem, char *out, size_t size)
{
    char name[128];
    snprintf(name, sizeof name, "%s.gz", stem);
    return (join_path(out, size, folder, name) && file_exists(out)) ||
        (join_path(out, size, folder, stem) && file_exists(out));
}

/* 1 loaded, 0 no such files, -1 failed (explained). */
static int load_idx(const char *program, kdst_context *ctx, const char *folder, const char *part, kdst_dataset **out)
{
    char images[4096], labels[4096], stem[64];
    snprintf(stem, sizeof stem, "%s-images-idx3-ubyte", part);
    if (!find_file(folder, stem, images, sizeof images)) return 0;
    snprintf(stem, sizeof stem, "%s-labels-idx1-ubyte", part);
    if (!find_file(folder, stem, labels, sizeof labels)) {
        fprintf(stderr, "%s: no %s(.gz) in %s\n", program, stem, folder);
        return -1;
    }
    kdst_status status = kdst_dataset_load_idx(ctx, images, labels, NULL, out);
    if (status) explain_status(program, ctx, images, status);
    return status ? -1 : 1;
}

/* ---- CIFAR ---- */

static kdst_status load_kind(kdst_context *ctx, const char *kind, const glob_t *files, kdst_dataset **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_string(options, "kind", kind);
    if (!status)
        status =
            kdst_dataset_load_cifar(ctx, (const char *const *)files->gl_pathv, (int64_t)files->gl_pathc, options, out);
    kdst_options_release(options);
    return status;
}

/* Escapes what glob would take for a pattern. */
static bool pattern_of(const char *folder, const char *files, char *out, size_t size)
{
    size_t at = 0;
    for (const char *c = folder; *c; c++) {
        if (strchr("*?[\\", *c) && at + 1 < size) out[at++] = '\\';
        if (at + 1 >= size) return false;
        out[at++] = *c;
    }
    return (size_t)snprintf(out + at, size - at, "/%s", files) < size - at;
}

/* 1 loaded, 0 no such files, -1 failed (explained). A record of CIFAR-100 is a byte longer, so only one kind fits the size. */
static int load_cifar(const char *program, kdst_context *ctx, const char *folder, bool training, kdst_dataset **out)
{
    static const char *const names[2][4] = {
        {"test.bin", "test_batch.bin", "test*.bin.gz", "test*.bin"},
        {"data_batch_*.bin", "train.bin", "train*.bin.gz", "train*.bin"},
    };
    char pattern[8192];
    glob_t files = {0};
    for (int i = 0; i < 4; i++) {
        if (!pattern_of(folder, names[training][i], pattern, sizeof pattern)) return 0;
        if (glob(pattern, 0, NULL, &files) == 0) break;
        globfree(&files);
        files = (glob_t){0};
    }
    if (!files.gl_pathc) return 0;
    kdst_status status = load_kind(ctx, "cifar100", &files, out);
    if (status == KDST_STATUS_FORMAT) status = load_kind(ctx, "cifar10", &files, out);
    if (status) explain_status(program, ctx, files.gl_pathv[0], status);
    globfree(&files);
    return status ? -1 : 1;
}

bool load_images(const char *program, kdst_context *ctx, const char *folder, bool training, kdst_dataset **out)
{
    int found = load_idx(program, ctx, folder, training ? "train" : "t10k", out);
    if (!found) found = load_cifar(program, ctx, folder, training, out);
    if (!found)
        fprintf(
            stderr, "%s: no %s images in %s; --data names the folder with the files of (Fashion-)MNIST or CIFAR\n",
            program, training ? "training" : "test", folder);
    return found == 1;
}

/* ---- both sets ---- */

/* Keeps `count` class-balanced samples of a data set; 0 keeps all. */
static bool keep(const char *program, kdst_context *ctx, const char *what, int64_t count, kdst_dataset **data)
{
    kdst_dataset *first = NULL, *rest = NULL;
    if (!count || count >= kdst_dataset_get_count(*data)) return true;
    kdst_status status = kdst_dataset_create_split(*data, count, SUBSET_SEED, &first, &rest);
    if (status) return explain_status(program, ctx, what, status);
    kdst_dataset_release(rest);
    kdst_dataset_release(*data);
    *data = first;
    return true;
}

static bool hold_out(const char *program, kdst_context *ctx, int64_t count, kdst_dataset **train, kdst_dataset **test)
{
    kdst_dataset *rest = NULL;
    if (count >= kdst_dataset_get_count(*train)) {
        fprintf(
            stderr, "%s: --holdout is %lld of %lld training images\n", program, (long long)count,
            (long long)kdst_dataset_get_count(*train));
        return false;
    }
    kdst_status status = kdst_dataset_create_split(*train, count, HOLDOUT_SEED, test, &rest);
    if (status) return explain_status(program, ctx, "--holdout", status);
    kdst_dataset_release(*train);
    *train = rest;
    return true;
}

bool take_subsets(const char *program, kdst_context *ctx, const image_counts *counts, kdst_dataset **train, kdst_dataset **test)
{
    return (!counts->holdout || hold_out(program, ctx, counts->holdout, train, test)) &&
        keep(program, ctx, "--train-count", counts->train, train) && keep(program, ctx, "--test-count", counts->test, test);
}

bool load_image_sets(
    const char *program, kdst_context *ctx, const char *folder, const image_counts *counts, kdst_dataset **train,
    kdst_dataset **test)
{
    return load_images(program, ctx, folder, true, train) &&
        (counts->holdout || load_images(program, ctx, folder, false, test)) &&
        take_subsets(program, ctx, counts, train, test);
}
