/* SPDX-License-Identifier: Apache-2.0 */
/* Averages of weights: by their formulas, exchanged and back, kept and resumed; failures and bad input. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

static kdst_status make_norm(kdst_context *in, int real, kdst_layer **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_string(o, "dtype", real ? "float64" : "float32");
    if (!status) status = kdst_layer_batch_norm_create(in, 2, o, out);
    kdst_options_release(o);
    return status;
}

/* weight, bias, running_mean, running_var, num_batches_tracked, all at `value`. */
static void set_all(kdst_layer *layer, double value)
{
    kdst_tensor *t = NULL;
    for (int64_t i = 0; i < 5; i++) {
        expect_ok(kdst_layer_get_state(layer, i, NULL, &t, NULL));
        expect_ok(kdst_tensor_set_value(t, i == 4 ? trunc(value) : value));
    }
}

static void expect_average(kdst_average *a, int64_t index, double expected, double tolerance)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_average_get_state(a, index, NULL, &t));
    double *values = doubles(t);
    ck_assert_msg(
        fabs(values[0] - expected) <= tolerance, "tensor %d is %.17g, expected %.17g", (int)index, values[0], expected);
    free(values);
}

static const struct {
    const char *kind, *warmup, *buffers;
} ways[] = {
    {"exponential", "none", "copy"},
    {"exponential", "ramp", "average"},
    {"exponential", "corrected", "copy"},
    {"equal", "none", "average"}};
enum { WAYS = sizeof ways / sizeof *ways };

static kdst_average *average_of(kdst_layer *layer, int way, double decay)
{
    kdst_options *o = NULL;
    kdst_average *a = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "decay", decay));
    expect_ok(kdst_options_set_string(o, "kind", ways[way].kind));
    expect_ok(kdst_options_set_string(o, "warmup", ways[way].warmup));
    expect_ok(kdst_options_set_string(o, "buffers", ways[way].buffers));
    expect_ok(kdst_average_create(layer, o, &a));
    kdst_options_release(o);
    return a;
}

/* Written as sums over all updates, not step by step. Loop: way and type. */
START_TEST(formulas)
{
    enum { UPDATES = 20 };
    int way = _i / 2;
    double seen[UPDATES + 1] = {7}, tolerance = _i % 2 ? 1e-14 : 1e-5;
    kdst_layer *layer = NULL;
    expect_ok(make_norm(ctx, _i % 2, &layer));
    set_all(layer, seen[0]);
    kdst_average *a = average_of(layer, way, 0.6);
    ck_assert_int_eq(kdst_average_get_state_count(a), 5);
    for (int t = 1; t <= UPDATES; t++) {
        set_all(layer, seen[t] = 10 + 3 * number(t, 1));
        expect_ok(kdst_average_update(a));
        double expected = 0, total = 0;
        for (int k = way == 2 || way == 3 ? 1 : 0; k <= t; k++) {
            double weight = way == 3 ? 1 : k == 0 ? 1 : 1 - 0.6;
            for (int j = k + 1; j <= t && way != 3; j++)
                weight *= way == 1 ? fmin(0.6, (1. + j) / (10. + j)) : 0.6;
            if (way == 1 && k > 0) weight *= (1 - fmin(0.6, (1. + k) / (10. + k))) / (1 - 0.6);
            expected += weight * seen[k];
            total += weight;
        }
        if (way >= 2)
            expected /= total;
        else
            ck_assert(fabs(total - 1) < 1e-12);
        int averaged = strcmp(ways[way].buffers, "average") == 0;
        expect_average(a, 0, expected, tolerance * 20);
        expect_average(a, 1, expected, tolerance * 20);
        expect_average(a, 2, averaged ? expected : seen[t], tolerance * 20);
        expect_average(a, 4, trunc(seen[t]), 0);
        ck_assert_int_eq(kdst_average_get_updates(a), t);
    }
    kdst_average_release(a);
    kdst_layer_release(layer);
}
END_TEST

/* The layer holds the average, then its own weights again, bit for bit. */
START_TEST(exchange)
{
    kdst_layer *layer = NULL, *copy = NULL;
    kdst_tensor *weight = NULL, *other = NULL, *t = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 50, 60, NULL, &layer)); /* more than one part of the exchange */
    expect_ok(kdst_layer_linear_create(ctx, 50, 60, NULL, &copy));
    expect_ok(kdst_layer_find(layer, "weight", &weight));
    kdst_average *a = average_of(layer, 0, 0.5);
    double *before = doubles(weight), *after;
    expect_ok(kdst_tensor_set_value(weight, 3));
    expect_ok(kdst_average_update(a));
    expect_failure(kdst_average_restore(a), KDST_STATUS_STATE, "average_restore: the layer holds its own weights");
    expect_ok(kdst_average_apply(a));
    after = doubles(weight);
    for (int i = 0; i < 3000; i++)
        ck_assert(fabs(after[i] - (before[i] + 3) / 2) < 1e-6);
    expect_failure(kdst_average_apply(a), KDST_STATUS_STATE, "average_apply: the layer holds the average");
    expect_failure(kdst_average_update(a), KDST_STATUS_STATE, "average_update: the layer holds the average");
    expect_failure(kdst_average_copy_to(a, copy), KDST_STATUS_STATE, "average_copy_to: the layer holds the average");
    expect_failure(
        kdst_average_get_state(a, 0, NULL, &t), KDST_STATUS_STATE, "average_get_state: the layer holds the average");
    expect_ok(kdst_average_restore(a));
    free(before);
    before = doubles(weight);
    for (int i = 0; i < 3000; i++)
        ck_assert_double_eq(before[i], 3);
    expect_ok(kdst_average_copy_to(a, copy));
    expect_ok(kdst_layer_find(copy, "weight", &other));
    expect_close(other, after);
    expect_ok(kdst_average_copy_to(a, layer));
    expect_close(weight, after);
    free(after);
    free(before);
    kdst_average_release(a);
    kdst_layer_release(copy);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(bad_input)
{
    kdst_context *elsewhere = context_with_threads(1);
    kdst_layer *layer = NULL, *other = NULL, *wide = NULL, *norm = NULL, *there = NULL;
    kdst_average *a = NULL;
    kdst_options *o = NULL;
    kdst_tensor *t = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 2, 3, NULL, &layer));
    expect_ok(kdst_layer_linear_create(ctx, 2, 4, NULL, &wide));
    expect_ok(make_norm(ctx, 0, &norm));
    expect_ok(kdst_layer_linear_create(elsewhere, 2, 3, NULL, &there));
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "affine", 0));
    expect_failure(kdst_average_create(layer, o, &a), KDST_STATUS_INVALID_ARGUMENT, "affine");
    kdst_options_release(o);
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "decay", 1));
    expect_failure(kdst_average_create(layer, o, &a), KDST_STATUS_INVALID_ARGUMENT, "decay");
    ck_assert_ptr_null(a);
    ck_assert_int_eq(kdst_average_create(NULL, NULL, &a), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_average_create(layer, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_ok(kdst_average_create(layer, NULL, &a));
    expect_failure(kdst_average_copy_to(a, NULL), KDST_STATUS_INVALID_ARGUMENT, "layer is NULL");
    expect_failure(kdst_average_copy_to(a, norm), KDST_STATUS_NOT_FOUND, "the layer has 5 tensors, the average 2");
    expect_failure(
        kdst_average_copy_to(a, wide), KDST_STATUS_SHAPE, "\"weight\" is [3, 2] in the average, [4, 2] in the layer");
    expect_ok(kdst_average_copy_to(a, there));
    expect_failure(kdst_average_get_state(a, 2, NULL, &t), KDST_STATUS_NOT_FOUND, "index is 2");
    expect_failure(kdst_average_set_updates(a, -1), KDST_STATUS_INVALID_ARGUMENT, "updates is -1");
    ck_assert_int_eq(kdst_average_update(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_average_apply(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_average_get_updates(NULL), 0);
    kdst_average_release(NULL);
    kdst_layer_release(layer); /* the average holds it */
    expect_ok(kdst_average_update(a));
    kdst_average_release(a);
    kdst_options_release(o);
    kdst_layer_release(there);
    kdst_layer_release(norm);
    kdst_layer_release(wide);
    kdst_layer_release(other);
    ck_assert_int_eq(kdst_context_live_count(elsewhere), 0);
    kdst_context_release(elsewhere);
}
END_TEST

static kdst_status use(kdst_context *in, void *arg)
{
    kdst_layer *layer = NULL, *copy = NULL;
    kdst_average *a = NULL;
    (void)arg;
    kdst_status status = make_norm(in, 0, &layer);
    if (!status) status = make_norm(in, 1, &copy);
    if (!status) status = kdst_average_create(layer, NULL, &a);
    if (!status) status = kdst_average_update(a);
    if (!status) status = kdst_average_apply(a);
    if (!status) status = kdst_average_restore(a);
    if (!status) status = kdst_average_copy_to(a, copy);
    kdst_average_release(a);
    kdst_layer_release(copy);
    kdst_layer_release(layer);
    return status;
}

START_TEST(failing_allocations)
{
    ck_assert_int_gt(each_allocation_fails(NULL, use, NULL), 15);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, formulas, 0, 2 * WAYS);
    tcase_add_test(tests, exchange);
    tcase_add_test(tests, bad_input);
    tcase_add_test(tests, failing_allocations);
}

int main(void)
{
    return run_suite("average", build);
}
