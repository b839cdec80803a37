/* SPDX-License-Identifier: Apache-2.0 */
/* A small training set-up that the tests of lib/train share: 60 random images of 3 classes, a two-layer net with dropout, SGD. */
#ifndef KDST_TESTS_TRAIN_SUPPORT_H
#define KDST_TESTS_TRAIN_SUPPORT_H

#include <kdst/kdst.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 60, SIDE = 6, CLASSES = 3, BATCH = 16 };

typedef struct setup {
    kdst_dataset *data, *held;
    kdst_loader *loader, *validation;
    kdst_layer *model;
    kdst_loss *loss;
    kdst_optimizer *optimizer;
    kdst_schedule *schedule;
    kdst_trainer *trainer;
} setup;

/* First failure of a sequence of calls. */
#define TRY(call) do { if (!status) status = (call); } while (0)

static inline kdst_status make_data(kdst_context *ctx, int64_t count, uint32_t state, kdst_dataset **out)
{
    static uint8_t pixels[SAMPLES * SIDE * SIDE];
    int32_t label_data[SAMPLES];
    const int64_t shape[] = {count, 1, SIDE, SIDE};
    kdst_tensor *images = NULL, *labels = NULL;
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count; i++) {
        label_data[i] = (int32_t)(i % CLASSES);
        for (int64_t k = 0; k < SIDE * SIDE; k++) {
            state = state * 1664525u + 1013904223u;
            /* each class is brighter in its own third of the rows */
            pixels[i * SIDE * SIDE + k] = (uint8_t)((state >> 24) / 2 + (k / (2 * SIDE) == label_data[i] ? 100 : 0));
        }
    }
    TRY(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 4, shape, pixels, &images));
    TRY(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, label_data, &labels));
    TRY(kdst_dataset_create(ctx, images, labels, CLASSES, out));
    kdst_tensor_release(labels);
    kdst_tensor_release(images);
    return status;
}

static inline kdst_status add(kdst_layer *net, const char *name, kdst_status made, kdst_layer *child)
{
    kdst_status status = made ? made : kdst_layer_add(net, name, child);
    kdst_layer_release(child);
    return status;
}

static inline kdst_status make_net(kdst_context *ctx, kdst_layer **out)
{
    kdst_layer *net = NULL, *child = NULL;
    kdst_status status = kdst_layer_sequential_create(ctx, &net);
    if (!status) { kdst_status made = kdst_layer_flatten_create(ctx, &child); status = add(net, "flat", made, child), child = NULL; }
    if (!status) { kdst_status made = kdst_layer_linear_create(ctx, SIDE * SIDE, 12, NULL, &child); status = add(net, "fc1", made, child), child = NULL; }
    if (!status) { kdst_status made = kdst_layer_batch_norm_create(ctx, 12, NULL, &child); status = add(net, "bn", made, child), child = NULL; }
    if (!status) { kdst_status made = kdst_layer_activation_create(ctx, "relu", &child); status = add(net, "relu", made, child), child = NULL; }
    if (!status) { kdst_status made = kdst_layer_dropout_create(ctx, 0.2, &child); status = add(net, "drop", made, child), child = NULL; }
    if (!status) { kdst_status made = kdst_layer_linear_create(ctx, 12, CLASSES, NULL, &child); status = add(net, "fc2", made, child), child = NULL; }
    if (status) kdst_layer_release(net);
    else *out = net;
    return status;
}

static inline kdst_status make_loader(kdst_dataset *data, int64_t shuffle, kdst_loader **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    TRY(kdst_options_set_int(o, "shuffle", shuffle));
    TRY(kdst_options_set_int(o, "seed", 5));
    TRY(kdst_options_set_int(o, "crop_padding", shuffle));
    TRY(kdst_options_set_int(o, "flip", shuffle));
    TRY(kdst_loader_create(data, BATCH, o, out));
    kdst_options_release(o);
    return status;
}

static inline kdst_status make_setup(kdst_context *ctx, int64_t epochs, setup *s)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_context_set_seed(ctx, 11);
    memset(s, 0, sizeof *s);
    TRY(make_data(ctx, SAMPLES, 1, &s->data));
    TRY(make_data(ctx, 30, 2, &s->held));
    TRY(make_loader(s->data, 1, &s->loader));
    TRY(make_loader(s->held, 0, &s->validation));
    TRY(make_net(ctx, &s->model));
    TRY(kdst_loss_cross_entropy_create(ctx, NULL, &s->loss));
    TRY(kdst_options_create(&o));
    TRY(kdst_options_set_float(o, "learning_rate", 0.05));
    TRY(kdst_options_set_float(o, "momentum", 0.9));
    TRY(kdst_optimizer_sgd_create(ctx, o, &s->optimizer));
    TRY(kdst_optimizer_add_layer(s->optimizer, s->model));
    TRY(kdst_schedule_cosine_create(ctx, epochs * 4, NULL, &s->schedule));
    kdst_options_release(o);
    o = NULL;
    TRY(kdst_options_create(&o));
    TRY(kdst_options_set_int(o, "epochs", epochs));
    TRY(kdst_trainer_create(s->model, s->loss, s->optimizer, s->loader, o, &s->trainer));
    TRY(kdst_trainer_set_schedule(s->trainer, s->schedule));
    TRY(kdst_trainer_set_validation(s->trainer, s->validation));
    kdst_options_release(o);
    return status;
}

static inline void free_setup(setup *s)
{
    kdst_trainer_release(s->trainer);
    kdst_schedule_release(s->schedule);
    kdst_optimizer_release(s->optimizer);
    kdst_loss_release(s->loss);
    kdst_layer_release(s->model);
    kdst_loader_release(s->validation);
    kdst_loader_release(s->loader);
    kdst_dataset_release(s->held);
    kdst_dataset_release(s->data);
}

/* FNV-1a over every tensor of the model and the optimiser: equal bits, equal number. */
static inline uint64_t fingerprint(setup *s)
{
    uint64_t hash = 1469598103934665603u;
    for (int part = 0; part < 2; part++) {
        int64_t count = part ? kdst_optimizer_get_state_count(s->optimizer) : kdst_layer_get_state_count(s->model);
        for (int64_t i = 0; i < count; i++) {
            kdst_tensor *t = NULL;
            void *data = NULL;
            const char *name = NULL;
            ck_assert_int_eq(part ? kdst_optimizer_get_state(s->optimizer, i, &name, &t) : kdst_layer_get_state(s->model, i, &name, &t, NULL), 0);
            ck_assert_int_eq(kdst_tensor_map(t, KDST_MAP_READ, &data), 0);
            int64_t bytes = kdst_tensor_get_count(t) * kdst_dtype_get_size(kdst_tensor_get_dtype(t));
            for (int64_t b = 0; b < bytes; b++) hash = (hash ^ ((unsigned char *)data)[b]) * 1099511628211u;
            ck_assert_int_eq(kdst_tensor_unmap(t), 0);
        }
    }
    return hash;
}

static inline double trainer_figure(kdst_trainer *t, const char *key)
{
    double value = 0;
    ck_assert_int_eq(kdst_trainer_get(t, key, &value), 0);
    return value;
}

static inline kdst_context *make_context(int64_t threads)
{
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_options *o = NULL;
    kdst_context *ctx = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", threads), 0);
    if (level) ck_assert_int_eq(kdst_options_set_string(o, "level", level), 0);
    ck_assert_msg(kdst_context_create(o, &ctx) == 0, "%s", kdst_options_message(o));
    kdst_options_release(o);
    return ctx;
}

#endif
