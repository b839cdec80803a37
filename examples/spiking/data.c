/* SPDX-License-Identifier: Apache-2.0 */
/* Data of the experiment: image files, their normalisation, loaders. Static images: the network sees the same real-valued image at every
 * step, which its first layer does without copies (kdst_neuron_run_static). */
#include "run.h"

#include "../common/images.h"

#include <string.h>

bool explain(const experiment *e, const char *what, kdst_status status)
{
    return explain_status("spiking", e->ctx, what, status);
}

/* The constants of the official code, which uses those of MNIST for Fashion-MNIST, too; or what the training images have. */
static bool set_normalization(experiment *e)
{
    static const double cifar_mean[] = {0.4914, 0.4822, 0.4465}, cifar_deviation[] = {0.2023, 0.1994, 0.2010};
    bool official = !strcmp(e->settings->normalization, "official");
    if (official && e->shape[0] == 1) {
        e->mean[0] = 0.1307, e->deviation[0] = 0.3081;
    } else if (official && e->shape[0] == 3) {
        memcpy(e->mean, cifar_mean, sizeof cifar_mean);
        memcpy(e->deviation, cifar_deviation, sizeof cifar_deviation);
    } else {
        kdst_status status = kdst_dataset_get_statistics(e->train, e->mean, e->deviation, e->shape[0]);
        if (status) return explain(e, "data", status);
    }
    return true;
}

static bool check_shape(experiment *e)
{
    kdst_status status = kdst_dataset_get_shape(e->train, e->shape);
    if (status) return explain(e, "data", status);
    e->classes = kdst_dataset_get_classes(e->train);
    if (e->shape[0] <= 4 && e->shape[1] == e->shape[2]) return true;
    fprintf(
        stderr, "spiking: images are [%lld, %lld, %lld], square ones with at most 4 channels are expected\n",
        (long long)e->shape[0], (long long)e->shape[1], (long long)e->shape[2]);
    return false;
}

/* The result folder with the log and, unless only a report is wanted, the options as they were given. */
static bool open_folder(experiment *e)
{
    const settings *s = e->settings;
    const char *versions[VERSION_TEXTS];
    get_versions(e->ctx, versions);
    e->log = open_log("spiking", s->out, s->resume || s->report_only);
    return e->log && (s->report_only || settings_write(s, versions));
}

bool experiment_open(experiment *e, const settings *s)
{
    const image_counts counts = {s->train_count, s->test_count, s->holdout};
    *e = (experiment){.settings = s};
    return create_context("spiking", s->threads, s->exact, &e->ctx) && (s->dry_run || open_folder(e)) &&
        load_image_sets("spiking", e->ctx, s->data, &counts, &e->train, &e->test) && check_shape(e) &&
        set_normalization(e);
}

bool experiment_close(experiment *e)
{
    bool good = close_log("spiking", e->settings->out, e->log);
    kdst_dataset_release(e->train);
    kdst_dataset_release(e->test);
    kdst_context_release(e->ctx);
    return good;
}

bool make_loader(experiment *e, kdst_dataset *data, bool training, uint64_t seed, int64_t batch, kdst_loader **out)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_floats(o, "mean", e->mean, e->shape[0]);
    if (!status) status = kdst_options_set_floats(o, "deviation", e->deviation, e->shape[0]);
    if (!status && training) {
        status = kdst_options_set_int(o, "shuffle", 1);
        if (!status) status = kdst_options_set_int(o, "seed", (int64_t)seed);
        if (!status) status = kdst_options_set_int(o, "crop_padding", s->crop_padding);
        if (!status) status = kdst_options_set_int(o, "flip", s->flip);
    }
    if (!status) status = kdst_loader_create(data, batch, o, out);
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain(e, "loader", status);
}
