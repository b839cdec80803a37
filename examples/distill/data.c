/* SPDX-License-Identifier: Apache-2.0 */
/* Data and models of the experiment: image files, hold-out and subsets, loaders, architectures by name. */
#include "run.h"

#include "../common/files.h"
#include "../common/images.h"

#include <stdlib.h>
#include <string.h>

bool explain_failure(kdst_context *ctx, const char *what, kdst_status status)
{
    return explain_status("distill", ctx, what, status);
}

/* The result folder with the log and, unless only a report is wanted, the options as they were given. */
static bool open_folder(experiment *e)
{
    const settings *s = e->settings;
    const char *versions[VERSION_TEXTS];
    get_versions(e->ctx, versions);
    e->log = open_log("distill", s->out, s->resume || s->report_only);
    return e->log && (s->report_only || settings_write(s, versions));
}

bool experiment_open(experiment *e, const settings *s)
{
    *e = (experiment){.settings = s};
    const image_counts counts = {s->train_count, s->test_count, s->holdout};
    if (!create_context("distill", s->threads, s->exact, &e->ctx) || (!s->dry_run && !open_folder(e))) return false;
    if (!load_image_sets("distill", e->ctx, s->data, &counts, &e->train, &e->test)) return false;
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
    bool good = close_log("distill", e->settings->out, e->log);
    kdst_dataset_release(e->train);
    kdst_dataset_release(e->test);
    kdst_context_release(e->ctx);
    return good;
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
