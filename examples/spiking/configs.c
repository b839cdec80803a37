/* SPDX-License-Identifier: Apache-2.0 */
/* The official network files of TSSL-BP by name, for --config. Threshold 1, tau_m 5, tau_s 3, T 5, pooling factor 1.1 and weight scale 1
 * are the defaults; figures are those of the official README: mean, deviation and best of several runs. */
#include "settings.h"

#include <string.h>

typedef struct config {
    const char *name, *title, *note, *architecture, *data; /* data: what --data has to name, NULL for the default's */
    int64_t batch, epochs, padding[2], crop_padding;
    int padding_count; /* 0: one of 0 */
    double learning_rate, weight_scale, dropout;
    bool flip;
} config;

static const config configs[] = {
    {.name = "fashion-400-400", .title = "Fashion-MNIST, 784-400-400-10", .architecture = "400-400-10", .batch = 100, .epochs = 100,
     .learning_rate = 5e-4, .weight_scale = 1, .note = "published: 89.75 % (deviation 0.03, best 89.92 %) after 100 epochs"},
    {.name = "fashion-cnn", .title = "Fashion-MNIST, 32C5-P2-64C5-P2-1024-10", .architecture = "32C5-P2-64C5-P2-1024-10", .batch = 50,
     .epochs = 100, .padding = {2}, .learning_rate = 5e-4, .weight_scale = 1,
     .note = "published: 92.69 % (deviation 0.09, best 92.83 %) after 100 epochs"},
    {.name = "mnist-cnn", .title = "MNIST, 15C5-P2-40C5-P2-300-10", .data = "MNIST", .architecture = "15C5-P2-40C5-P2-300-10",
     .batch = 50, .epochs = 100, .learning_rate = 5e-4, .weight_scale = 1,
     .note = "published: 99.50 % (deviation 0.02, best 99.53 %) after 100 epochs"},
    {.name = "cifar10", .title = "CIFAR-10, 96C3-256C3-P2-384C3-P2-384C3-256C3-1024-1024-10", .data = "CIFAR-10",
     .architecture = "96C3-256C3-P2-384C3-P2-384C3-256C3-1024-1024-10", .batch = 50, .epochs = 150, .padding = {1}, .crop_padding = 4,
     .flip = true, .learning_rate = 2e-4, .weight_scale = 5, .dropout = 0.2,
     .note = "published: 88.98 % (deviation 0.27, best 89.37 %) after 150 epochs"},
};

bool settings_configure(void *to, const char *name)
{
    settings *s = to;
    const config *c = NULL;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
        if (!strcmp(configs[i].name, name)) c = &configs[i];
    if (!c) return false;
    snprintf(s->title, sizeof s->title, "%s", c->title);
    snprintf(s->note, sizeof s->note, "%s", c->note);
    snprintf(s->architecture, sizeof s->architecture, "%s", c->architecture);
    if (c->data) snprintf(s->wanted_data, sizeof s->wanted_data, "%s", c->data);
    s->steps = 5, s->tau_m = 5, s->tau_s = 3, s->threshold = 1, s->pooling_factor = 1.1, s->linear_scale = 1;
    s->batch = c->batch, s->epochs = c->epochs, s->crop_padding = c->crop_padding, s->flip = c->flip;
    s->learning_rate = c->learning_rate, s->weight_scale = c->weight_scale, s->dropout = c->dropout;
    s->padding_count = c->padding_count ? c->padding_count : 1;
    memcpy(s->padding, c->padding, sizeof c->padding);
    s->loss = "kernel", s->filters = "twice";
    return true;
}
