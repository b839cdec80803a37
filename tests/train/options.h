/* SPDX-License-Identifier: Apache-2.0 */
/* A trainer with options on the parts of support.h, and what its tests look at. */
#ifndef KDST_TESTS_TRAIN_OPTIONS_H
#define KDST_TESTS_TRAIN_OPTIONS_H

#include "support.h"

#include <math.h>

typedef struct choice {
    const char *key, *text; /* text NULL: the number */
    double number;
} choice;

/* Another trainer on the same parts; options until a NULL key. */
static inline kdst_status retrain(setup *s, const choice *choices)
{
    kdst_options *o = NULL;
    kdst_trainer_release(s->trainer);
    s->trainer = NULL;
    kdst_status status = kdst_options_create(&o);
    for (; choices->key; choices++) {
        if (choices->text) TRY(kdst_options_set_string(o, choices->key, choices->text));
        else if (choices->number == floor(choices->number)) TRY(kdst_options_set_int(o, choices->key, (int64_t)choices->number));
        else TRY(kdst_options_set_float(o, choices->key, choices->number));
    }
    TRY(kdst_trainer_create(s->model, s->loss, s->optimizer, s->loader, o, &s->trainer));
    TRY(kdst_trainer_set_validation(s->trainer, s->validation));
    kdst_options_release(o);
    return status;
}

static inline void ok(kdst_context *ctx, kdst_status status)
{
    ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
}

static inline void begin(kdst_context **ctx, setup *s, int64_t epochs, const choice *choices)
{
    *ctx = make_context(2);
    ok(*ctx, make_setup(*ctx, epochs, s));
    ok(*ctx, retrain(s, choices));
}

static inline void end(kdst_context *ctx, setup *s)
{
    free_setup(s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

static inline void values_of(kdst_layer *layer, const char *name, double *out, int64_t count)
{
    kdst_tensor *t = NULL, *wide = NULL;
    ck_assert_int_eq(kdst_layer_find(layer, name, &t), 0);
    ck_assert_int_eq(kdst_tensor_get_count(t), count);
    ck_assert_int_eq(kdst_tensor_copy(t, KDST_DTYPE_FLOAT64, &wide), 0);
    ck_assert_int_eq(kdst_tensor_get_data(wide, out, count * 8), 0);
    kdst_tensor_release(wide);
}

static inline double nll_of(kdst_context *ctx, kdst_layer *model, kdst_loader *loader)
{
    kdst_metrics *metrics = NULL;
    double value = NAN;
    ok(ctx, kdst_metrics_create(ctx, CLASSES, NULL, &metrics));
    ok(ctx, kdst_metrics_add_loader(metrics, model, loader));
    ok(ctx, kdst_metrics_get(metrics, "nll", &value));
    kdst_metrics_release(metrics);
    return value;
}

#endif
