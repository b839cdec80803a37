/* SPDX-License-Identifier: Apache-2.0 */
/* A trainer under a memory limit: a step that does not fit is made again with the model's blocks recomputed, and ends in the same bits. */
#include "nn/recompute_net.h"

enum { IMAGES = 80, TOGETHER = 40, STEPS = 4 };

typedef struct result {
    kdst_status status;
    int64_t peak;
    int asked; /* layers that are recomputed in the end */
    double state[60000];
    int64_t count;
} result;

static kdst_status make_data(kdst_context *in, kdst_loader **out)
{
    static uint8_t pixels[IMAGES * 3 * SIDE * SIDE];
    int32_t numbers[IMAGES];
    const int64_t shape[] = {IMAGES, 3, SIDE, SIDE}, count = IMAGES;
    kdst_tensor *images = NULL, *labels = NULL;
    kdst_dataset *data = NULL;
    for (int64_t i = 0; i < (int64_t)sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    for (int i = 0; i < IMAGES; i++)
        numbers[i] = i % CLASSES;
    kdst_status status = kdst_tensor_create_from(in, KDST_DTYPE_UINT8, 4, shape, pixels, &images);
    TRY(kdst_tensor_create_from(in, KDST_DTYPE_INT32, 1, &count, numbers, &labels));
    TRY(kdst_dataset_create(in, images, labels, CLASSES, &data));
    TRY(kdst_loader_create(data, TOGETHER, NULL, out));
    kdst_dataset_release(data);
    kdst_tensor_release(labels);
    kdst_tensor_release(images);
    return status;
}

static kdst_status make_trainer(kdst_context *in, kdst_layer *net, const char *recompute, kdst_trainer **out)
{
    kdst_options *o = NULL, *sgd = NULL;
    kdst_loader *loader = NULL;
    kdst_loss *loss = NULL;
    kdst_optimizer *optimizer = NULL;
    kdst_status status = make_data(in, &loader);
    TRY(kdst_options_create(&o));
    TRY(kdst_options_create(&sgd));
    TRY(kdst_options_set_float(sgd, "learning_rate", 0.01));
    TRY(kdst_options_set_int(o, "epochs", STEPS * TOGETHER / IMAGES));
    TRY(kdst_options_set_string(o, "recompute", recompute));
    TRY(kdst_loss_cross_entropy_create(in, NULL, &loss));
    TRY(kdst_optimizer_sgd_create(in, sgd, &optimizer));
    TRY(kdst_optimizer_add_layer(optimizer, net));
    TRY(kdst_trainer_create(net, loss, optimizer, loader, o, out));
    kdst_optimizer_release(optimizer);
    kdst_loss_release(loss);
    kdst_loader_release(loader);
    kdst_options_release(sgd);
    kdst_options_release(o);
    return status;
}

static void look(kdst_layer *net, result *r)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(net); i++) {
        kdst_tensor *t = NULL;
        expect_ok(kdst_layer_get_state(net, i, NULL, &t, NULL));
        double *values = doubles(t);
        for (int64_t k = 0; k < kdst_tensor_get_count(t); k++) {
            ck_assert_int_lt(r->count, 60000);
            r->state[r->count++] = values[k];
        }
        free(values);
    }
    for (int64_t i = 0; i < kdst_layer_get_child_count(net); i++) {
        kdst_layer *layer = NULL;
        expect_ok(kdst_layer_get_child(net, i, NULL, &layer));
        r->asked += kdst_layer_get_recompute(layer);
    }
}

/* Trains; with `blocks` they are recomputed from the beginning. */
static void train(int64_t limit, const char *recompute, int blocks, result *r)
{
    kdst_options *o = NULL;
    kdst_layer *net = NULL;
    kdst_trainer *trainer = NULL;
    kdst_context *outer = ctx;
    *r = (result){.count = 0};
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "threads", 1));
    expect_ok(kdst_options_set_int(o, "memory_limit", limit));
    ctx = context_of(o);
    expect_ok(make_net(ctx, F32, &net));
    for (int64_t i = 0; i < kdst_layer_get_child_count(net) && blocks; i++) {
        kdst_layer *layer = NULL;
        expect_ok(kdst_layer_get_child(net, i, NULL, &layer));
        if (strcmp(kdst_layer_get_kind(layer), "residual") == 0) expect_ok(kdst_layer_set_recompute(layer, 1));
    }
    expect_ok(make_trainer(ctx, net, recompute, &trainer));
    r->status = kdst_trainer_run(trainer);
    if (r->status) ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "out of memory"));
    expect_ok(kdst_context_get_memory(ctx, NULL, &r->peak));
    kdst_trainer_release(trainer);
    if (r->status == KDST_STATUS_OK) look(net, r);
    kdst_layer_release(net);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    ctx = outer;
}

START_TEST(same_bits_under_a_limit)
{
    static result plain, blocks, refused, within;
    train(0, "auto", 0, &plain);
    train(0, "none", 1, &blocks);
    ck_assert_int_eq(plain.status, KDST_STATUS_OK);
    ck_assert_int_eq(plain.asked, 0);
    ck_assert_int_lt(blocks.peak, plain.peak / 4 * 3);
    int64_t limit = (plain.peak + blocks.peak) / 2;
    train(limit, "none", 0, &refused);
    ck_assert_int_eq(refused.status, KDST_STATUS_OUT_OF_MEMORY);
    train(limit, "auto", 0, &within);
    ck_assert_int_eq(within.status, KDST_STATUS_OK);
    ck_assert_int_eq(within.asked, BLOCKS);
    ck_assert_int_le(within.peak, limit);
    ck_assert_int_eq(within.count, plain.count);
    for (int64_t i = 0; i < plain.count; i++)
        ck_assert_msg(within.state[i] == plain.state[i], "number %lld of the state", (long long)i);
}
END_TEST

/* The smallest limit at all, where recomputing the chains too is not enough either. */
START_TEST(too_little)
{
    static result blocks, refused;
    train(0, "none", 1, &blocks);
    train(blocks.peak / 2, "auto", 0, &refused);
    ck_assert_int_eq(refused.status, KDST_STATUS_OUT_OF_MEMORY);
}
END_TEST

static void build(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, same_bits_under_a_limit);
    tcase_add_test(tests, too_little);
}

int main(void)
{
    return run_suite("recompute", build);
}
