/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen networks between instruction-set levels: weights that were packed for vectors of one width serve contexts
 * of another, exact or not, one after the other and at the same time; a network saved by one level is frozen by another.
 *
 * What is expected is the network in evaluation mode in float64.
 */
#include "autograd/support.h"
#include "support/folder.h"

#include <pthread.h>

#define CLOSE32 5e-6      /* of the largest, exact */
#define CLOSE32_FAST 2e-5 /* by Winograd */
#define CLOSE64 1e-13

static const char *const levels[] = {"baseline", "avx2", "avx512"};
enum { LEVELS = sizeof levels / sizeof *levels, CONTEXTS = 2 * LEVELS };

/* Convolutions by Winograd (3x3), direct, depthwise and general; sums, shuffles and concatenation. */
static const struct {
    const char *name;
    double width;
    int64_t channels, side;
} networks[] = {
    {"lenet", 0.5, 1, 28},
    {"resnet20", 1.1, 3, 32},
    {"mobilenetv2_cifar", 0.3, 3, 32},
    {"shufflenetv2_cifar", 0.3, 3, 32},
    {"densenet121_cifar", 0.3, 3, 32},
};
enum { NETWORKS = sizeof networks / sizeof *networks, BATCH = 5, CLASSES = 10 };

/* Context number `i`: its level, exact when odd; NULL where this machine does not have the level. */
static kdst_context *context_number(int i)
{
    kdst_options *options = NULL;
    kdst_context *made = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "threads", 1 + i % 3));
    expect_ok(kdst_options_set_int(options, "exact_convolution", i % 2));
    expect_ok(kdst_options_set_string(options, "level", levels[i / 2]));
    kdst_status status = kdst_context_create(options, &made);
    ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_UNSUPPORTED);
    ck_assert(status == KDST_STATUS_OK || *kdst_options_message(options));
    kdst_options_release(options);
    return made;
}

static kdst_layer *model_in(kdst_context *in, int net, kdst_dtype dtype)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "dtype", dtype == F32 ? "float32" : "float64"));
    expect_ok(kdst_options_set_float(options, "width", networks[net].width));
    ck_assert_msg(
        kdst_model_create(in, networks[net].name, options, &layer) == KDST_STATUS_OK, "%s", kdst_context_message(in));
    kdst_options_release(options);
    return layer;
}

/* Statistics other than those of a new network. */
static void unsettle(kdst_layer *net)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(net); i++) {
        const char *name = NULL;
        kdst_tensor *t = NULL;
        expect_ok(kdst_layer_get_state(net, i, &name, &t, NULL));
        if (strstr(name, "running_var") != NULL) expect_ok(kdst_tensor_set_uniform(t, 0.5, 2));
        if (strstr(name, "running_mean") != NULL) expect_ok(kdst_tensor_set_uniform(t, -0.5, 0.5));
    }
}

static kdst_tensor *images_in(kdst_context *in, int net, kdst_dtype dtype)
{
    const int64_t shape[] = {BATCH, networks[net].channels, networks[net].side, networks[net].side};
    kdst_tensor *x = filled_in(in, F32, 4, shape, 7), *typed = NULL;
    ck_assert_int_eq(kdst_tensor_copy(x, dtype, &typed), KDST_STATUS_OK);
    kdst_tensor_release(x);
    return typed;
}

static kdst_frozen *frozen_of(kdst_context *in, kdst_layer *net, kdst_tensor *x)
{
    kdst_frozen *frozen = NULL;
    int64_t shape[4], rank = 4;
    for (int i = 0; i < 4; i++)
        shape[i] = kdst_tensor_get_size(x, i);
    shape[0] = 2; /* another batch than what is run */
    ck_assert_msg(
        kdst_frozen_create(net, 1, NULL, &rank, shape, NULL, &frozen) == KDST_STATUS_OK, "%s",
        kdst_context_message(in));
    return frozen;
}

static void run_in(kdst_context *in, kdst_frozen *frozen, kdst_tensor *x, double out[BATCH * CLASSES])
{
    kdst_tensor *y = NULL, *wide = NULL;
    ck_assert_msg(kdst_frozen_run(frozen, x, &y) == KDST_STATUS_OK, "%s", kdst_context_message(in));
    ck_assert_int_eq(kdst_tensor_copy(y, F64, &wide), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_tensor_get_data(wide, out, BATCH * CLASSES * 8), KDST_STATUS_OK);
    kdst_tensor_release(wide);
    kdst_tensor_release(y);
}

static void
expect_near(const double *values, const double *expected, double tolerance, const char *what, int from, int to)
{
    double largest = 0, worst = 0;
    for (int i = 0; i < BATCH * CLASSES; i++) {
        largest = fmax(largest, fabs(expected[i]));
        worst = fmax(worst, fabs(values[i] - expected[i]));
    }
    ck_assert(largest > 1e-3);
    ck_assert_msg(
        worst <= tolerance * largest, "%s of %s, exact %d, in %s, exact %d: differs by %g of the largest", what,
        levels[from / 2], from % 2, levels[to / 2], to % 2, worst / largest);
}

static double tolerance_of(kdst_dtype dtype, int from, int to)
{
    return dtype == F64 ? CLOSE64 : from % 2 && to % 2 ? CLOSE32 : CLOSE32_FAST;
}

/* The network of `ctx`, saved for the others, and what it gives in float64. */
static void save_and_expect(int net, const char *path, double expected[BATCH * CLASSES])
{
    kdst_layer *one = model_in(ctx, net, F32), *two = model_in(ctx, net, F64);
    kdst_tensor *x = images_in(ctx, net, F64), *y = NULL;
    unsettle(one);
    expect_ok(kdst_layer_save(one, path));
    expect_ok(kdst_layer_load(two, path, NULL));
    expect_ok(kdst_layer_set_training(two, 0));
    expect_ok(kdst_layer_run(two, x, &y));
    expect_ok(kdst_tensor_get_data(y, expected, BATCH * CLASSES * 8));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(two);
    kdst_layer_release(one);
}

static kdst_layer *load_in(kdst_context *in, int net, kdst_dtype dtype, const char *path)
{
    kdst_layer *layer = model_in(in, net, dtype);
    ck_assert_msg(kdst_layer_load(layer, path, NULL) == KDST_STATUS_OK, "%s", kdst_context_message(in));
    return layer;
}

/* From one context into another and back, when the first is gone. */
static void share(int net, kdst_dtype dtype, const char *path, const double *expected, int from, int to)
{
    kdst_context *first = context_number(from), *second = context_number(to), *third = context_number(from);
    kdst_frozen *shared = NULL, *again = NULL;
    double out[BATCH * CLASSES], back[BATCH * CLASSES];
    kdst_layer *layer = load_in(first, net, dtype, path);
    kdst_tensor *x = images_in(first, net, dtype), *x2 = images_in(second, net, dtype),
                *x3 = images_in(third, net, dtype);
    kdst_frozen *frozen = frozen_of(first, layer, x);
    ck_assert_int_eq(kdst_frozen_share(frozen, second, &shared), KDST_STATUS_OK);
    run_in(first, frozen, x, out);
    expect_near(out, expected, tolerance_of(dtype, from, from), "frozen network", from, from);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_frozen_release(frozen);
    kdst_context_release(first);
    run_in(second, shared, x2, back);
    expect_near(back, expected, tolerance_of(dtype, from, to), "shared network", from, to);
    ck_assert_int_eq(kdst_frozen_share(shared, third, &again), KDST_STATUS_OK);
    kdst_frozen_release(shared);
    kdst_tensor_release(x2);
    ck_assert_int_eq(kdst_context_live_count(second), 0);
    kdst_context_release(second);
    run_in(third, again, x3, back);
    ck_assert_msg(memcmp(out, back, sizeof out) == 0, "other bits back in %s", levels[from / 2]);
    kdst_frozen_release(again);
    kdst_tensor_release(x3);
    ck_assert_int_eq(kdst_context_live_count(third), 0);
    kdst_context_release(third);
}

static int exists(int number)
{
    kdst_context *made = context_number(number);
    const int found = made != NULL;
    kdst_context_release(made);
    return found;
}

/* Loop: networks, then types. */
START_TEST(test_share)
{
    double expected[BATCH * CLASSES];
    const int net = _i / 2;
    const char *path = path_of("net.safetensors");
    save_and_expect(net, path, expected);
    for (int from = 0; from < CONTEXTS; from++)
        for (int to = 0; to < CONTEXTS; to++)
            if ((from % 2 == to % 2 || from / 2 == to / 2) && exists(from) && exists(to))
                share(net, real_type(_i % 2), path, expected, from, to);
}
END_TEST

/* ---- at the same time ---- */

typedef struct part {
    pthread_t thread;
    kdst_frozen *frozen;
    int number, net;
    double out[BATCH * CLASSES];
} part;

static void *run_part(void *arg)
{
    part *p = arg;
    kdst_frozen *shared = NULL;
    kdst_context *own = context_number(p->number);
    kdst_tensor *x = images_in(own, p->net, F32);
    ck_assert_int_eq(kdst_frozen_share(p->frozen, own, &shared), KDST_STATUS_OK);
    for (int i = 0; i < 3; i++)
        run_in(own, shared, x, p->out);
    kdst_frozen_release(shared);
    kdst_tensor_release(x);
    kdst_context_release(own);
    return NULL;
}

START_TEST(test_together)
{
    static part parts[CONTEXTS];
    double expected[BATCH * CLASSES];
    const char *path = path_of("net.safetensors");
    save_and_expect(_i, path, expected);
    kdst_layer *layer = load_in(ctx, _i, F32, path);
    kdst_tensor *x = images_in(ctx, _i, F32);
    kdst_frozen *frozen = frozen_of(ctx, layer, x);
    for (int i = 0; i < CONTEXTS; i++) {
        if (!exists(i)) continue;
        parts[i] = (part){.frozen = frozen, .number = i, .net = _i};
        ck_assert_int_eq(pthread_create(&parts[i].thread, NULL, run_part, &parts[i]), 0);
    }
    for (int i = 0; i < CONTEXTS; i++) {
        if (parts[i].frozen == NULL) continue;
        pthread_join(parts[i].thread, NULL);
        expect_near(parts[i].out, expected, CLOSE32_FAST, "network together", 0, i);
    }
    kdst_frozen_release(frozen);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, test_share, 0, 2 * NETWORKS);
    tcase_add_loop_test(tests, test_together, 0, NETWORKS);
}

int main(void)
{
    return run_suite("frozen levels", build);
}
