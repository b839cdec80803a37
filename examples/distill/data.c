/* SPDX-License-Identifier: Apache-2.0 */
/* Data and models of the experiment: image files, hold-out and subsets, loaders, architectures by name. */
#include "run.h"

#include "../common/files.h"
#include "../common/images.h"

#include <stdlib.h>
#include <string.h>

enum { HOLDOUT_SEED = 20, SUBSET_SEED = 21 };

bool explain_failure(kdst_context *ctx, const char *what, kdst_status status)
{
    const char *message = kdst_context_message(ctx);
    fprintf(stderr, "distill: %s: %s\n", what, *message ? message : kdst_status_name(status));
    return false;
}

/* Keeps `count` class-balanced samples of a data set; 0 keeps all. */
static bool keep(experiment *e, const char *what, int64_t count, kdst_dataset **data)
{
    kdst_dataset *first = NULL, *rest = NULL;
    if (!count || count >= kdst_dataset_get_count(*data)) return true;
    kdst_status status = kdst_dataset_create_split(*data, count, SUBSET_SEED, &first, &rest);
    if (status) return explain_failure(e->ctx, what, status);
    kdst_dataset_release(rest);
    kdst_dataset_release(*data);
    *data = first;
    return true;
}

/* With --holdout the test set is never read: a part of the training set stands in for it. */
static bool load_data(experiment *e)
{
    const settings *s = e->settings;
    if (!load_images("distill", e->ctx, s->data, true, &e->train)) return false;
    if (s->holdout) {
        kdst_dataset *rest = NULL;
        if (s->holdout >= kdst_dataset_get_count(e->train)) {
            fprintf(stderr, "distill: --holdout is %lld of %lld training images\n", (long long)s->holdout,
                    (long long)kdst_dataset_get_count(e->train));
            return false;
        }
        kdst_status status = kdst_dataset_create_split(e->train, s->holdout, HOLDOUT_SEED, &e->test, &rest);
        if (status) return explain_failure(e->ctx, "--holdout", status);
        kdst_dataset_release(e->train);
        e->train = rest;
    } else if (!load_images("distill", e->ctx, s->data, false, &e->test)) {
        return false;
    }
    return keep(e, "--train-count", s->train_count, &e->train) && keep(e, "--test-count", s->test_count, &e->test);
}

static bool make_context(experiment *e)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status && e->settings->threads) status = kdst_options_set_int(options, "threads", e->settings->threads);
    if (!status) status = kdst_options_set_int(options, "exact_convolution", e->settings->exact);
    if (!status) status = kdst_context_create(options, &e->ctx);
    if (status) fprintf(stderr, "distill: no context: %s\n", options ? kdst_options_message(options) : kdst_status_name(status));
    kdst_options_release(options);
    return status == KDST_STATUS_OK;
}

/* The result folder with the log and, unless only a report is wanted, the options as they were given. */
static bool open_folder(experiment *e)
{
    const settings *s = e->settings;
    char path[4096];
    const char *const info[] = {"libkdst", kdst_version(), "compiler", kdst_build_info("compiler"),
                                "level", kdst_context_get_info(e->ctx, "level"), "gemm", kdst_context_get_info(e->ctx, "gemm"), NULL};
    if (!make_folder("distill", s->out) || !join_path(path, sizeof path, s->out, "log.jsonl")) return false;
    e->log = fopen(path, s->resume || s->report_only ? "a" : "w");
    if (!e->log) fprintf(stderr, "distill: cannot write %s\n", path);
    return e->log && (s->report_only || settings_write(s, info));
}

bool experiment_open(experiment *e, const settings *s)
{
    *e = (experiment){.settings = s};
    if (!make_context(e) || (!s->dry_run && !open_folder(e))) return false;
    if (!load_data(e)) return false;
    kdst_status status = kdst_dataset_get_shape(e->train, e->shape);
    if (!status && e->shape[0] > 4) {
        fprintf(stderr, "distill: images have %lld channels, at most 4 are expected\n", (long long)e->shape[0]);
        return false;
    }
    if (!status) status = kdst_dataset_get_statistics(e->train, e->mean, e->deviation, e->shape[0]);
    e->classes = kdst_dataset_get_classes(e->train);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, "data", status);
}

bool experiment_close(experiment *e)
{
    bool failed = e->log && ferror(e->log);
    failed = (e->log && fclose(e->log)) || failed;
    if (failed) fprintf(stderr, "distill: log.jsonl in %s could not be written to its end\n", e->settings->out);
    kdst_dataset_release(e->train);
    kdst_dataset_release(e->test);
    kdst_context_release(e->ctx);
    return !failed;
}

bool make_loader(experiment *e, kdst_dataset *data, bool training, uint64_t seed, kdst_loader **out)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    kdst_augmentation *a = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_floats(o, "mean", e->mean, e->shape[0]);
    if (!status) status = kdst_options_set_floats(o, "deviation", e->deviation, e->shape[0]);
    if (!status && training) {
        status = kdst_options_set_int(o, "shuffle", 1);
        if (!status) status = kdst_options_set_int(o, "seed", (int64_t)seed);
        if (!status) status = kdst_options_set_int(o, "crop_padding", s->crop_padding);
        if (!status) status = kdst_options_set_int(o, "flip", s->flip);
        if (!status) status = kdst_options_set_float(o, "mixup", s->mixup);
        if (!status) status = kdst_options_set_float(o, "cutmix", s->cutmix);
        if (!status && s->cutout) status = kdst_augmentation_create(e->ctx, &a);
        if (!status && s->cutout) status = kdst_augmentation_add_cutout(a, s->cutout, NULL);
    }
    if (!status) status = kdst_loader_create_with(data, training ? s->batch : 500, a, NULL, o, out);
    kdst_augmentation_release(a);
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, "loader", status);
}

bool load_model(experiment *e, bool teacher_net, const char *run, bool trained, kdst_layer **out)
{
    const settings *s = e->settings;
    const char *name = teacher_net ? s->teacher : s->student;
    char folder[4096], path[4096];
    kdst_options *o = NULL;
    *out = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "classes", e->classes);
    if (!status) status = kdst_options_set_int(o, "channels", e->shape[0]);
    if (!status) status = kdst_options_set_int(o, "image_size", e->shape[1]);
    if (!status) status = kdst_options_set_float(o, "width", teacher_net ? s->teacher_width : s->width);
    if (!status) status = kdst_model_create(e->ctx, name, o, out);
    kdst_options_release(o);
    if (status) return explain_failure(e->ctx, name, status);
    if (!trained) return true;
    if (join_path(folder, sizeof folder, s->out, run) && join_path(path, sizeof path, folder, "model.safetensors")) {
        status = kdst_layer_load(*out, path, NULL);
        if (!status) return true;
        explain_failure(e->ctx, run, status);
    }
    kdst_layer_release(*out);
    *out = NULL;
    return false;
}
