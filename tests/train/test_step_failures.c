/* SPDX-License-Identifier: Apache-2.0 */
/* A training step that runs out of memory, at each of its allocations: the parameters are as before, nothing is left
 * behind, and the step made again gives the bits of a run that nothing disturbed. Running statistics of batch norms may
 * have moved: the test puts them back.
 *
 * The network has every kind of convolution (Winograd of 3x3 and 5x5, direct, depthwise, grouped), sums, concatenation
 * and pooling, in numbers of channels that fill no vector; SGD with momentum behind clipping. By the calls of a loop of
 * one's own or by a trainer; the first step, which makes gradients and momentum, or the second one, from an empty cache.
 *
 * Without an argument some of the allocations fail, with one each. Under AddressSanitizer all allocations reach the
 * hooks, elsewhere those that the cache cannot serve.
 */
#include "autograd/support.h"
#include "support/counting.h"

#include "core/context.h"
#include "core/memory.h"

#include <stdio.h>

enum { BATCH = 5, SIDE = 8, CLASSES = 5, VALUES = 90000, STEPS = 2, IMAGES = 3 * BATCH, TRIES = 16 };
enum { CONV, NORM, RELU, RELU6, MAX_POOL, MEAN, LINEAR };

static int all;       /* allocations are tried, else about TRIES of each step's */
static int64_t asked; /* of the hooks by the step that was disturbed */

/* ---- network ---- */

typedef struct row {
    int kind;
    int64_t in, out, kernel, groups;
} row;

static const row stem[] = {{CONV, 3, 20, 3, 1}, {NORM, 20, 0, 0, 0}, {RELU, 0, 0, 0, 0}};
static const row wide[] = {
    {CONV, 20, 20, 3, 1}, {NORM, 20, 0, 0, 0}, {RELU, 0, 0, 0, 0}, {CONV, 20, 20, 5, 1}, {NORM, 20, 0, 0, 0}};
static const row between[] = {{MAX_POOL, 0, 0, 2, 0}};
static const row narrow[] = {{CONV, 20, 24, 1, 1}, {NORM, 24, 0, 0, 0}, {RELU6, 0, 0, 0, 0},  {CONV, 24, 24, 3, 24},
                             {NORM, 24, 0, 0, 0},  {RELU6, 0, 0, 0, 0}, {CONV, 24, 22, 1, 1}, {NORM, 22, 0, 0, 0}};
static const row shortcut[] = {{CONV, 20, 22, 1, 1}, {NORM, 22, 0, 0, 0}};
static const row beside[] = {{CONV, 22, 8, 3, 1}};
static const row head[] = {
    {CONV, 30, 30, 3, 2}, {NORM, 30, 0, 0, 0}, {RELU, 0, 0, 0, 0}, {MEAN, 0, 0, 0, 0}, {LINEAR, 30, CLASSES, 0, 0}};

static kdst_layer *made_of(const row *r)
{
    kdst_options *o = options_ints("kernel", &r->kernel, 1);
    kdst_layer *layer = NULL;
    if (r->kind == CONV) {
        expect_ok(kdst_options_set_int(o, "padding", r->kernel / 2));
        expect_ok(kdst_options_set_int(o, "groups", r->groups));
        expect_ok(kdst_layer_conv2d_create(ctx, r->in, r->out, o, &layer));
    }
    if (r->kind == NORM) expect_ok(kdst_layer_batch_norm_create(ctx, r->in, NULL, &layer));
    if (r->kind == RELU) expect_ok(kdst_layer_activation_create(ctx, "relu", &layer));
    if (r->kind == RELU6) expect_ok(kdst_layer_activation_create(ctx, "relu6", &layer));
    if (r->kind == MAX_POOL) expect_ok(kdst_layer_max_pool2d_create(ctx, o, &layer));
    if (r->kind == MEAN) expect_ok(kdst_layer_global_avg_pool2d_create(ctx, &layer));
    if (r->kind == LINEAR) expect_ok(kdst_layer_linear_create(ctx, r->in, r->out, NULL, &layer));
    kdst_options_release(o);
    return layer;
}

static void take(kdst_layer *to, kdst_layer *child)
{
    expect_ok(kdst_layer_add(to, NULL, child));
    kdst_layer_release(child);
}

static void append(kdst_layer *to, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take(to, made_of(&rows[i]));
}
#define APPEND(to, rows) append(to, rows, sizeof(rows) / sizeof *(rows))

static kdst_layer *sequential(const row *rows, size_t count)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &layer));
    append(layer, rows, count);
    return layer;
}
#define SEQUENTIAL(rows) sequential(rows, sizeof(rows) / sizeof *(rows))

/* Releases both. */
static kdst_layer *residual(kdst_layer *body, kdst_layer *around)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_residual_create(ctx, body, around, NULL, &layer));
    kdst_layer_release(around);
    kdst_layer_release(body);
    return layer;
}

static kdst_layer *network(void)
{
    kdst_layer *net = SEQUENTIAL(stem), *dense = NULL;
    take(net, residual(SEQUENTIAL(wide), NULL));
    APPEND(net, between);
    take(net, residual(SEQUENTIAL(narrow), SEQUENTIAL(shortcut)));
    expect_ok(kdst_layer_parallel_create(ctx, NULL, &dense));
    take(dense, sequential(NULL, 0));
    take(dense, SEQUENTIAL(beside));
    take(net, dense);
    APPEND(net, head);
    return net;
}

/* ---- a run ---- */

typedef struct rig {
    counting hooks;
    kdst_layer *net;
    kdst_optimizer *optimizer;
    kdst_tensor *x, *labels;
    kdst_trainer *trainer; /* or NULL */
} rig;

static kdst_trainer *trainer_of(rig *r)
{
    static uint8_t pixels[IMAGES * 3 * SIDE * SIDE];
    int32_t numbers[IMAGES];
    kdst_tensor *images = NULL, *labels = NULL;
    kdst_dataset *data = NULL;
    kdst_loader *loader = NULL;
    kdst_loss *loss = NULL;
    kdst_options *o = NULL;
    kdst_trainer *trainer = NULL;
    for (int64_t i = 0; i < (int64_t)sizeof pixels; i++)
        pixels[i] = (uint8_t)(128 + 100 * number(i, 3));
    for (int i = 0; i < IMAGES; i++)
        numbers[i] = i % CLASSES;
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 4, (int64_t[]){IMAGES, 3, SIDE, SIDE}, pixels, &images));
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, SHAPE(IMAGES), numbers, &labels));
    expect_ok(kdst_dataset_create(ctx, images, labels, CLASSES, &data));
    expect_ok(kdst_loader_create(data, BATCH, NULL, &loader));
    expect_ok(kdst_loss_cross_entropy_create(ctx, NULL, &loss));
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "epochs", 1));
    expect_ok(kdst_options_set_float(o, "clip_norm", 0.1));
    expect_ok(kdst_options_set_float(o, "average_decay", 0.9));
    expect_ok(kdst_trainer_create(r->net, loss, r->optimizer, loader, o, &trainer));
    kdst_options_release(o);
    kdst_loss_release(loss);
    kdst_loader_release(loader);
    kdst_dataset_release(data);
    kdst_tensor_release(labels);
    kdst_tensor_release(images);
    return trainer;
}

static void rig_create(rig *r, int by_trainer)
{
    const char *level = getenv("KDST_TEST_LEVEL");
    kdst_options *o = NULL;
    *r = (rig){0};
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "threads", 2));
    if (level != NULL) expect_ok(kdst_options_set_string(o, "level", level));
    ck_assert_int_eq(
        kdst_context_create_with_allocator(
            o, counting_allocate, counting_deallocate, &r->hooks, counting_destroy, &ctx),
        KDST_STATUS_OK);
    kdst_options_release(o);
    o = NULL;
    r->net = network();
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "learning_rate", 0.1));
    expect_ok(kdst_options_set_float(o, "momentum", 0.9));
    expect_ok(kdst_optimizer_sgd_create(ctx, o, &r->optimizer));
    expect_ok(kdst_optimizer_add_layer(r->optimizer, r->net));
    kdst_options_release(o);
    if (by_trainer) {
        r->trainer = trainer_of(r);
        return;
    }
    r->x = filled(F32, SHAPE(BATCH, 3, SIDE, SIDE), 4);
    r->labels = from_labels(BATCH, (int32_t[]){0, 1, 2, 3, 4});
}

static void rig_destroy(rig *r)
{
    kdst_trainer_release(r->trainer);
    kdst_tensor_release(r->labels);
    kdst_tensor_release(r->x);
    kdst_optimizer_release(r->optimizer);
    kdst_layer_release(r->net);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    ctx = NULL;
    ck_assert_int_eq(r->hooks.blocks, 0);
    ck_assert_int_eq(r->hooks.bytes, 0);
    ck_assert_int_eq(r->hooks.destroyed, 1);
}

static kdst_status by_hand(rig *r)
{
    kdst_tensor *logits = NULL, *loss = NULL;
    double norm = 0;
    kdst_status status = kdst_optimizer_clear_grads(r->optimizer);
    if (!status) status = kdst_layer_run(r->net, r->x, &logits);
    ck_assert(!status == !!logits);
    if (!status) status = kdst_cross_entropy(logits, r->labels, &loss);
    if (!status) status = kdst_backward(loss, NULL, NULL);
    if (!status) status = kdst_optimizer_clip_norm(r->optimizer, 0.1, NULL, &norm);
    if (!status) ck_assert_double_gt(norm, 0.1);
    if (!status) status = kdst_optimizer_run(r->optimizer);
    kdst_tensor_release(loss);
    kdst_tensor_release(logits);
    return status;
}

static double figure(const rig *r, const char *key)
{
    double value = 0;
    expect_ok(kdst_trainer_get(r->trainer, key, &value));
    return value;
}

/* A trainer's step makes its number one higher, or not. */
static kdst_status step(rig *r)
{
    kdst_event event = 0;
    if (r->trainer == NULL) return by_hand(r);
    const double before = figure(r, "step");
    kdst_status status = kdst_trainer_step(r->trainer, &event);
    if (status) {
        char message[512];
        snprintf(message, sizeof message, "%s", kdst_context_message(ctx));
        ck_assert(figure(r, "step") == before);
        expect_ok(kdst_context_set_message(ctx, message));
        return status;
    }
    ck_assert_int_eq(event, KDST_EVENT_STEP);
    ck_assert(figure(r, "step") == before + 1);
    return KDST_STATUS_OK;
}

/* ---- what is compared ---- */

typedef struct values {
    int64_t count, parameters;
    float all[VALUES];
} values;

static void read_into(values *v, kdst_tensor *t)
{
    const int64_t count = kdst_tensor_get_count(t);
    ck_assert_int_le(v->count + count, VALUES);
    ck_assert_int_eq(kdst_dtype_get_size(kdst_tensor_get_dtype(t)), sizeof(float));
    expect_ok(kdst_tensor_get_data(t, &v->all[v->count], count * (int64_t)sizeof(float)));
    v->count += count;
}

/* Parameters first, then buffers. */
static void read_state(const rig *r, values *v)
{
    *v = (values){0};
    for (int32_t part = 1; part >= 0; part--) {
        for (int64_t i = 0; i < kdst_layer_get_state_count(r->net); i++) {
            kdst_tensor *t = NULL;
            int32_t is_parameter = 0;
            expect_ok(kdst_layer_get_state(r->net, i, NULL, &t, &is_parameter));
            if (is_parameter == part) read_into(v, t);
        }
        if (part) v->parameters = v->count;
    }
}

static void write_buffers(const rig *r, const values *v)
{
    int64_t at = v->parameters;
    for (int64_t i = 0; i < kdst_layer_get_state_count(r->net); i++) {
        kdst_tensor *t = NULL;
        int32_t is_parameter = 0;
        void *data = NULL;
        expect_ok(kdst_layer_get_state(r->net, i, NULL, &t, &is_parameter));
        if (is_parameter) continue;
        expect_ok(kdst_tensor_map(t, KDST_MAP_WRITE, &data));
        memcpy(data, &v->all[at], (size_t)kdst_tensor_get_count(t) * sizeof(float));
        at += kdst_tensor_get_count(t);
        expect_ok(kdst_tensor_unmap(t));
    }
    ck_assert_int_eq(at, v->count);
}

/* And what the optimiser and the average hold, behind them. */
static void read_all(const rig *r, values *v)
{
    kdst_average *average = NULL;
    kdst_tensor *t = NULL;
    read_state(r, v);
    for (int64_t i = 0; i < kdst_optimizer_get_state_count(r->optimizer); i++) {
        expect_ok(kdst_optimizer_get_state(r->optimizer, i, NULL, &t));
        read_into(v, t);
    }
    if (r->trainer != NULL) expect_ok(kdst_trainer_get_average(r->trainer, &average));
    for (int64_t i = 0; i < kdst_average_get_state_count(average); i++) {
        expect_ok(kdst_average_get_state(average, i, NULL, &t));
        read_into(v, t);
    }
}

/* ---- failures ---- */

/* What an undisturbed run has after each step, and the handles that live then. */
static values undisturbed[STEPS];
static int64_t alive[STEPS];

static void run_undisturbed(int by_trainer)
{
    rig r;
    rig_create(&r, by_trainer);
    for (int s = 0; s < STEPS; s++) {
        expect_ok(step(&r));
        alive[s] = kdst_context_live_count(ctx);
        read_all(&r, &undisturbed[s]);
    }
    ck_assert(memcmp(undisturbed[0].all, undisturbed[1].all, sizeof undisturbed[0].all) != 0);
    rig_destroy(&r);
}

static void expect_undisturbed(const rig *r, int s, int64_t n)
{
    static values now;
    ck_assert_int_eq(kdst_context_live_count(ctx), alive[s]);
    read_all(r, &now);
    ck_assert_int_eq(now.count, undisturbed[s].count);
    for (int64_t i = 0; i < now.count; i++)
        ck_assert_msg(
            memcmp(&now.all[i], &undisturbed[s].all[i], sizeof(float)) == 0,
            "allocation %lld, after step %d: value %lld is %.9g, undisturbed %.9g", (long long)n, s + 1, (long long)i,
            now.all[i], undisturbed[s].all[i]);
}

/* Lets allocation n of step s fail, and all after it where `for_good`; returns whether there was one. */
static int disturb(int by_trainer, int s, int64_t n, int for_good)
{
    static values before, after;
    rig r;
    rig_create(&r, by_trainer);
    for (int i = 0; i < s; i++)
        expect_ok(step(&r));
    read_state(&r, &before);
    kdst__memory_trim(kdst__context_memory(ctx));
    r.hooks.calls = 0;
    r.hooks.fail_to = for_good ? INT64_MAX : n;
    r.hooks.fail_from = n;
    kdst_status status = step(&r);
    asked = r.hooks.calls;
    r.hooks.fail_from = r.hooks.fail_to = 0;
    const int refused = r.hooks.refused > 0;
    ck_assert_msg(!(refused && for_good) || status, "allocation %lld fails: the step does not", (long long)n);
    if (status) {
        ck_assert_msg(refused, "%s", kdst_context_message(ctx));
        expect_failure(status, KDST_STATUS_OUT_OF_MEMORY, ": ");
        read_state(&r, &after);
        ck_assert_msg(
            memcmp(before.all, after.all, (size_t)before.parameters * sizeof(float)) == 0,
            "allocation %lld: a parameter has moved", (long long)n);
        ck_assert_int_eq(kdst_optimizer_get_steps(r.optimizer), s);
        write_buffers(&r, &before);
        expect_ok(step(&r));
    }
    for (int i = s; i < STEPS; i++) {
        if (i > s) expect_ok(step(&r));
        expect_undisturbed(&r, i, n);
    }
    rig_destroy(&r);
    return refused;
}

/* Loop: by hand or by a trainer; the first step or the second. */
START_TEST(test_each_allocation)
{
    const int by_trainer = _i & 1, s = _i >> 1;
    int64_t n = 1;
    run_undisturbed(by_trainer);
    ck_assert(!disturb(by_trainer, s, INT64_MAX, 1));
    ck_assert_int_gt(asked, 20);
    const int64_t every = all ? 1 : asked / TRIES + 1;
    for (; disturb(by_trainer, s, n, 1); n += every)
        disturb(by_trainer, s, n, 0);
    ck_assert_int_gt(n, all ? 20 : TRIES / 2);
}
END_TEST

int main(int argc, char **argv)
{
    (void)argv;
    Suite *suite = suite_create("step failures");
    TCase *tests = tcase_create("each allocation");
    all = argc > 1;
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, test_each_allocation, 0, 2 * STEPS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
