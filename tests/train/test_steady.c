/* SPDX-License-Identifier: Apache-2.0 */
/* A training loop asks for no memory once it is under way: calls of the allocator hooks over steps 5 to 8 of a trainer with a teacher,
 * clipping and an average, from the first batch to the last.
 * Earlier ones may still ask: the second one makes momentum between what the first one left free, and where gradients come to lie in the
 * hooks' regions settles only then.
 *
 * Under AddressSanitizer nothing is cached, so that each allocation reaches the hooks: there only the counters are compared.
 */
#include "support/counting.h"
#include "support/run.h"

#include <kdst/kdst.h>

#if defined(__SANITIZE_ADDRESS__)
#  define CACHED 0
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define CACHED 0
#  endif
#endif
#ifndef CACHED
#  define CACHED 1
#endif

enum { IMAGES = 80, BATCH = 8, WARM = 4, STEPS = 8 };

static kdst_context *ctx;

static void ok(kdst_status status)
{
    ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
}

static kdst_options *options(void)
{
    kdst_options *o = NULL;
    ok(kdst_options_create(&o));
    return o;
}

static kdst_layer *make_model(const char *name, int64_t channels, int64_t side)
{
    kdst_layer *model = NULL;
    kdst_options *o = options();
    ok(kdst_options_set_int(o, "channels", channels));
    ok(kdst_options_set_int(o, "image_size", side));
    ok(kdst_model_create(ctx, name, o, &model));
    kdst_options_release(o);
    return model;
}

static kdst_loader *make_loader(int64_t channels, int64_t side, int64_t prefetch)
{
    const int64_t shape[] = {IMAGES, channels, side, side};
    int32_t numbers[IMAGES];
    uint8_t *pixels = malloc((size_t)(IMAGES * channels * side * side));
    kdst_tensor *images = NULL, *labels = NULL;
    kdst_dataset *data = NULL;
    kdst_loader *loader = NULL;
    ck_assert_ptr_nonnull(pixels);
    for (int64_t i = 0; i < IMAGES * channels * side * side; i++) pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    for (int i = 0; i < IMAGES; i++) numbers[i] = i % 10;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 4, shape, pixels, &images));
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, numbers, &labels));
    ok(kdst_dataset_create(ctx, images, labels, 10, &data));
    kdst_options *o = options();
    ok(kdst_options_set_int(o, "shuffle", 1));
    ok(kdst_options_set_int(o, "crop_padding", 2));
    ok(kdst_options_set_int(o, "flip", 1));
    ok(kdst_options_set_int(o, "prefetch", prefetch));
    ok(kdst_loader_create(data, BATCH, o, &loader));
    kdst_options_release(o);
    kdst_dataset_release(data);
    kdst_tensor_release(labels);
    kdst_tensor_release(images);
    free(pixels);
    return loader;
}

static kdst_optimizer *make_optimizer(kdst_layer *model, int adam)
{
    kdst_optimizer *optimizer = NULL;
    kdst_options *o = options();
    ok(kdst_options_set_float(o, "learning_rate", 1e-3));
    ok(kdst_options_set_float(o, "weight_decay", 1e-4));
    if (!adam) ok(kdst_options_set_float(o, "momentum", 0.9));
    ok(adam ? kdst_optimizer_adam_create(ctx, o, &optimizer) : kdst_optimizer_sgd_create(ctx, o, &optimizer));
    ok(kdst_optimizer_add_layer(optimizer, model));
    kdst_options_release(o);
    return optimizer;
}

static kdst_trainer *make_trainer(kdst_layer *model, kdst_loss *loss, kdst_optimizer *optimizer, kdst_loader *loader, int extras)
{
    kdst_trainer *trainer = NULL;
    kdst_options *o = options();
    ok(kdst_options_set_int(o, "epochs", 2));
    if (extras) {
        ok(kdst_options_set_float(o, "clip_norm", 1.0));
        ok(kdst_options_set_float(o, "average_decay", 0.99));
    }
    ok(kdst_trainer_create(model, loss, optimizer, loader, o, &trainer));
    kdst_options_release(o);
    return trainer;
}

static const struct {
    const char *model;
    int64_t channels, side;
} nets[] = {{"mlp", 1, 28}, {"lenet", 1, 28}, {"resnet20", 3, 32}};

/* Loop: nets, then SGD or Adam, then alone or with teacher, clipping and average, then batches made ahead of time. */
START_TEST(test_no_allocation)
{
    int net = _i / 8, adam = _i & 1, extras = _i >> 1 & 1, ahead = _i >> 2 & 1;
    const char *level = getenv("KDST_TEST_LEVEL");
    counting hooks = {0};
    kdst_options *o = NULL;
    kdst_loss *loss = NULL;
    kdst_layer *teacher = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 2), 0);
    if (level) ck_assert_int_eq(kdst_options_set_string(o, "level", level), 0);
    ck_assert_int_eq(kdst_context_create_with_allocator(
                         o, counting_allocate, counting_deallocate, &hooks, counting_destroy, &ctx), 0);
    kdst_options_release(o);
    kdst_layer *model = make_model(nets[net].model, nets[net].channels, nets[net].side);
    kdst_loader *loader = make_loader(nets[net].channels, nets[net].side, ahead ? 2 : 0);
    kdst_optimizer *optimizer = make_optimizer(model, adam);
    ok(extras ? kdst_loss_kd_create(ctx, NULL, &loss) : kdst_loss_cross_entropy_create(ctx, NULL, &loss));
    kdst_trainer *trainer = make_trainer(model, loss, optimizer, loader, extras);
    if (extras) {
        teacher = make_model(nets[net].model, nets[net].channels, nets[net].side);
        ok(kdst_trainer_set_teacher(trainer, teacher));
    }
    int64_t calls = 0, used = 0, now = 0;
    for (int step = 1; step <= STEPS; step++) {
        kdst_event event = 0;
        ok(kdst_trainer_step(trainer, &event));
        ck_assert_int_eq(event, KDST_EVENT_STEP);
        ok(kdst_context_get_memory(ctx, &now, NULL));
        if (step == WARM) calls = hooks.calls, used = now;
        if (step > WARM && !ahead) ck_assert_int_eq(now, used); /* else a batch may be made just now */
        if (step > WARM && CACHED)
            ck_assert_msg(hooks.calls == calls, "%s, step %d: %lld calls", nets[net].model, step, (long long)(hooks.calls - calls));
    }
    kdst_layer_release(teacher);
    kdst_trainer_release(trainer);
    kdst_loss_release(loss);
    kdst_optimizer_release(optimizer);
    kdst_loader_release(loader);
    kdst_layer_release(model);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    ck_assert_int_eq(hooks.blocks, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("steady");
    TCase *tcase = tcase_create("steady");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_no_allocation, 0, 8 * (int)(sizeof nets / sizeof *nets));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
