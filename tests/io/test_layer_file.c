/* SPDX-License-Identifier: Apache-2.0 */
/* Layers from and to states and files: names, prefixes, strictness, types; nothing changes when something does not
 * fit.
 */
#include "failures/each_allocation.h"
#include "support.h"
#include "support/run.h"

/* linear 3-4 and batch norm: "fc.weight", "fc.bias", "bn.weight", … "bn.num_batches_tracked" */
static kdst_status make_net(kdst_context *own, const char *dtype, kdst_layer **out)
{
    kdst_layer *net = NULL, *fc = NULL, *bn = NULL;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    TRY(kdst_options_set_string(o, "dtype", dtype));
    if (status) status = KDST_STATUS_OUT_OF_MEMORY;
    TRY(kdst_layer_sequential_create(own, &net));
    TRY(kdst_layer_linear_create(own, 3, 4, o, &fc));
    TRY(kdst_layer_add(net, "fc", fc));
    TRY(kdst_layer_batch_norm_create(own, 4, o, &bn));
    TRY(kdst_layer_add(net, "bn", bn));
    kdst_layer_release(bn);
    kdst_layer_release(fc);
    kdst_options_release(o);
    if (status)
        kdst_layer_release(net);
    else
        *out = net;
    return status;
}

static kdst_layer *net_of(const char *dtype)
{
    kdst_layer *net = NULL;
    ck_assert_int_eq(make_net(ctx, dtype, &net), 0);
    return net;
}

static kdst_options *load_options(const char *prefix, int strict)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    if (prefix) ck_assert_int_eq(kdst_options_set_string(o, "prefix", prefix), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "strict", strict), 0);
    return o;
}

static kdst_tensor *entry(kdst_layer *net, const char *name)
{
    kdst_tensor *t = NULL;
    ck_assert_msg(kdst_layer_find(net, name, &t) == 0, "%s", kdst_context_message(ctx));
    return t;
}

static void same_layers(kdst_layer *a, kdst_layer *b)
{
    ck_assert_int_eq(kdst_layer_get_state_count(a), kdst_layer_get_state_count(b));
    for (int64_t i = 0; i < kdst_layer_get_state_count(a); i++) {
        const char *name;
        kdst_tensor *t;
        ck_assert_int_eq(kdst_layer_get_state(a, i, &name, &t, NULL), 0);
        same_tensor(t, entry(b, name));
    }
}

/* Sum of all elements, which every change moves. */
static double sum_of(kdst_layer *net)
{
    double sum = 0;
    for (int64_t i = 0; i < kdst_layer_get_state_count(net); i++) {
        kdst_tensor *t, *copy = NULL;
        double values[16];
        ck_assert_int_eq(kdst_layer_get_state(net, i, NULL, &t, NULL), 0);
        ck_assert_int_eq(kdst_tensor_copy(t, KDST_DTYPE_FLOAT64, &copy), 0);
        ck_assert_int_eq(kdst_tensor_get_data(copy, values, 8 * kdst_tensor_get_count(copy)), 0);
        for (int64_t k = 0; k < kdst_tensor_get_count(copy); k++)
            sum += values[k] * (double)(i + 2) * (double)(k + 5);
        kdst_tensor_release(copy);
    }
    return sum;
}

static kdst_state *state_of(kdst_layer *net, const char *prefix)
{
    kdst_state *s = NULL;
    ck_assert_int_eq(kdst_state_create(ctx, &s), 0);
    ck_assert_msg(kdst_state_add_layer(s, prefix, net) == 0, "%s", kdst_context_message(ctx));
    return s;
}

START_TEST(through_a_file)
{
    kdst_layer *a = net_of("float32"), *b = net_of("float32"), *wide = net_of("float64");
    ck_assert_int_eq(kdst_tensor_set_value(entry(a, "bn.num_batches_tracked"), 7), 0);
    ck_assert_msg(kdst_layer_save(a, path_of("net")) == 0, "%s", kdst_context_message(ctx));
    ck_assert_double_ne(sum_of(a), sum_of(b));
    ck_assert_msg(kdst_layer_load(b, path_of("net"), NULL) == 0, "%s", kdst_context_message(ctx));
    same_layers(b, a);
    /* types are converted, both ways exactly here */
    ck_assert_int_eq(kdst_layer_load(wide, path_of("net"), NULL), 0);
    ck_assert_double_eq(sum_of(wide), sum_of(a));
    ck_assert_int_eq(kdst_tensor_get_dtype(entry(wide, "fc.weight")), KDST_DTYPE_FLOAT64);
    ck_assert_int_eq(kdst_layer_save(wide, path_of("net")), 0);
    ck_assert_int_eq(kdst_tensor_set_value(entry(b, "fc.bias"), 3), 0);
    ck_assert_int_eq(kdst_layer_load(b, path_of("net"), NULL), 0);
    same_layers(b, a);
    kdst_layer_release(wide);
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

START_TEST(prefixes)
{
    kdst_layer *a = net_of("float32"), *b = net_of("float32");
    kdst_state *s = state_of(a, "model.");
    kdst_options *o = load_options("model.", 1), *other = load_options("mode.", 1);
    kdst_tensor *extra = tensor_of(KDST_DTYPE_FLOAT32, 0, NULL, &(float){1});
    double before = sum_of(b);
    ck_assert_int_eq(kdst_state_set(s, "optimizer.x", extra), 0);
    ck_assert_int_eq(kdst_state_set_text(s, "note", "text"), 0);
    failed_with(kdst_layer_load_state(b, s, NULL), KDST_STATUS_NOT_FOUND, "lacks \"fc.weight\"; the nearest name is");
    failed_with(
        kdst_layer_load_state(b, s, other), KDST_STATUS_NOT_FOUND,
        "lacks \"mode.fc.weight\"; the nearest name is \"model.fc.weight\"");
    ck_assert_double_eq(sum_of(b), before);
    ck_assert_msg(kdst_layer_load_state(b, s, o) == 0, "%s", kdst_context_message(ctx));
    same_layers(b, a);
    kdst_tensor_release(extra);
    kdst_options_release(other);
    kdst_options_release(o);
    kdst_state_release(s);
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

START_TEST(strictness)
{
    kdst_layer *a = net_of("float32"), *b = net_of("float32");
    kdst_state *all = state_of(a, ""), *part = NULL;
    kdst_options *loose = load_options(NULL, 0);
    kdst_tensor *extra = tensor_of(KDST_DTYPE_FLOAT32, 0, NULL, &(float){1});
    double before = sum_of(b);
    ck_assert_int_eq(kdst_state_set(all, "head.weight", extra), 0);
    failed_with(kdst_layer_load_state(b, all, NULL), KDST_STATUS_NOT_FOUND, "the layer has no \"head.weight\"");
    ck_assert_double_eq(sum_of(b), before);
    ck_assert_int_eq(kdst_layer_load_state(b, all, loose), 0);
    same_layers(b, a);
    /* only one tensor and one without a home */
    ck_assert_int_eq(kdst_state_create(ctx, &part), 0);
    ck_assert_int_eq(kdst_layer_load_state(b, part, loose), 0);
    failed_with(kdst_layer_load_state(b, part, NULL), KDST_STATUS_NOT_FOUND, "empty");
    kdst_tensor *ones = tensor_of(KDST_DTYPE_INT32, 1, (int64_t[]){4}, (int32_t[]){1, 2, 3, 4});
    ck_assert_int_eq(kdst_state_set(part, "fc.bias", ones), 0);
    ck_assert_int_eq(kdst_state_set(part, "x", ones), 0);
    ck_assert_int_eq(kdst_layer_load_state(b, part, loose), 0);
    float bias[4];
    ck_assert_int_eq(kdst_tensor_get_data(entry(b, "fc.bias"), bias, sizeof bias), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_float_eq(bias[i], (float)(i + 1));
    same_tensor(entry(b, "fc.weight"), entry(a, "fc.weight"));
    kdst_tensor_release(ones);
    kdst_tensor_release(extra);
    kdst_options_release(loose);
    kdst_state_release(part);
    kdst_state_release(all);
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

/* "num_batches_tracked" alone may be missing. */
START_TEST(the_counter_may_be_missing)
{
    kdst_layer *a = net_of("float32"), *b = net_of("float32");
    for (int64_t without = 0; without < kdst_layer_get_state_count(a); without++) {
        kdst_state *s = NULL;
        const char *missing;
        ck_assert_int_eq(kdst_state_create(ctx, &s), 0);
        ck_assert_int_eq(kdst_layer_get_state(a, without, &missing, NULL, NULL), 0);
        for (int64_t i = 0; i < kdst_layer_get_state_count(a); i++) {
            const char *name;
            kdst_tensor *t;
            ck_assert_int_eq(kdst_layer_get_state(a, i, &name, &t, NULL), 0);
            if (i != without) ck_assert_int_eq(kdst_state_set(s, name, t), 0);
        }
        kdst_status status = kdst_layer_load_state(b, s, NULL);
        if (strstr(missing, "num_batches_tracked"))
            ck_assert_int_eq(status, 0);
        else
            failed_with(status, KDST_STATUS_NOT_FOUND, missing);
        kdst_state_release(s);
    }
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

START_TEST(shapes_must_fit)
{
    kdst_layer *a = net_of("float32"), *b = net_of("float32");
    kdst_state *s = state_of(a, "");
    kdst_options *loose = load_options(NULL, 0);
    kdst_tensor *other = tensor_of(KDST_DTYPE_FLOAT32, 2, (int64_t[]){2, 2}, (float[]){1, 2, 3, 4});
    double before = sum_of(b);
    ck_assert_int_eq(kdst_state_set(s, "bn.running_var", other), 0);
    failed_with(
        kdst_layer_load_state(b, s, NULL), KDST_STATUS_SHAPE,
        "\"bn.running_var\" is [2, 2] in the state, [4] in the layer");
    failed_with(kdst_layer_load_state(b, s, loose), KDST_STATUS_SHAPE, "bn.running_var");
    ck_assert_int_eq(kdst_state_save(s, path_of("net")), 0);
    failed_with(kdst_layer_load(b, path_of("net"), NULL), KDST_STATUS_SHAPE, "layer_load: ");
    ck_assert_double_eq(sum_of(b), before);
    kdst_tensor_release(other);
    kdst_options_release(loose);
    kdst_state_release(s);
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

/* A state may hold the layer's own tensors, under other names too. */
START_TEST(overlapping_memory)
{
    kdst_layer *a = net_of("float32");
    kdst_state *s = state_of(a, "");
    double before = sum_of(a);
    ck_assert_int_eq(kdst_layer_load_state(a, s, NULL), 0);
    ck_assert_double_eq(sum_of(a), before);
    kdst_tensor *mean = entry(a, "bn.running_mean"), *var = entry(a, "bn.running_var");
    ck_assert_int_eq(kdst_state_set(s, "bn.running_mean", var), 0);
    ck_assert_int_eq(kdst_state_set(s, "bn.running_var", mean), 0);
    ck_assert_int_eq(kdst_layer_load_state(a, s, NULL), 0); /* they are swapped */
    float values[4];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(kdst_tensor_get_data(i ? var : mean, values, sizeof values), 0);
        for (int k = 0; k < 4; k++)
            ck_assert_float_eq(values[k], i ? 0 : 1);
    }
    kdst_state_release(s);
    kdst_layer_release(a);
}
END_TEST

START_TEST(names_that_are_too_long)
{
    kdst_layer *a = net_of("float32");
    kdst_state *s = NULL;
    char prefix[600];
    memset(prefix, 'p', sizeof prefix);
    prefix[505] = '\0';
    ck_assert_int_eq(kdst_state_create(ctx, &s), 0);
    failed_with(kdst_state_add_layer(s, prefix, a), KDST_STATUS_INVALID_ARGUMENT, "514 bytes is too long");
    kdst_options *o = load_options(prefix, 1);
    failed_with(kdst_layer_load_state(a, s, o), KDST_STATUS_NOT_FOUND, "ppp");
    kdst_options_release(o);
    kdst_state_release(s);
    kdst_layer_release(a);
}
END_TEST

START_TEST(arguments)
{
    kdst_layer *a = net_of("float32");
    kdst_state *s = state_of(a, "");
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_layer_load_state(NULL, s, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_load(NULL, "x", NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_save(NULL, "x"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_state_add_layer(NULL, "", a), KDST_STATUS_INVALID_ARGUMENT);
    failed_with(kdst_layer_load_state(a, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "state is NULL");
    failed_with(kdst_layer_load(a, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    failed_with(kdst_layer_save(a, NULL), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    failed_with(kdst_state_add_layer(s, NULL, a), KDST_STATUS_INVALID_ARGUMENT, "prefix is NULL");
    failed_with(kdst_state_add_layer(s, "", NULL), KDST_STATUS_INVALID_ARGUMENT, "layer is NULL");
    failed_with(kdst_layer_load(a, path_of("none"), NULL), KDST_STATUS_NOT_FOUND, "layer_load: ");
    failed_with(kdst_layer_save(a, path_of("none/x")), KDST_STATUS_IO, "layer_save: ");
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "strict", 2), 0);
    failed_with(kdst_layer_load_state(a, s, o), KDST_STATUS_INVALID_ARGUMENT, "strict is 2");
    failed_with(kdst_layer_load(a, path_of("none"), o), KDST_STATUS_INVALID_ARGUMENT, "strict is 2");
    kdst_options_release(o);
    /* of another context */
    kdst_context *first = ctx;
    make_context();
    kdst_layer *b = net_of("float32");
    kdst_status loading = kdst_layer_load_state(b, s, NULL);
    failed_with(loading, KDST_STATUS_INVALID_ARGUMENT, "another context");
    kdst_status adding = kdst_state_add_layer(s, "", b);
    kdst_layer_release(b);
    release_context();
    ctx = first;
    failed_with(adding, KDST_STATUS_INVALID_ARGUMENT, "another context");
    kdst_state_release(s);
    kdst_layer_release(a);
}
END_TEST

static kdst_status save_and_load(kdst_context *own, void *arg)
{
    kdst_layer *a = NULL, *b = NULL;
    kdst_tensor *t = NULL;
    float before[12], after[12];
    kdst_status status = make_net(own, "float32", &a);
    TRY(make_net(own, "float32", &b));
    TRY(kdst_layer_save(a, arg));
    TRY(kdst_layer_find(b, "fc.weight", &t));
    TRY(kdst_tensor_get_data(t, before, sizeof before));
    if (!status) {
        status = kdst_layer_load(b, arg, NULL);
        if (status) {
            /* the message is kept for the harness */
            char message[1024];
            strcpy(message, kdst_context_message(own));
            ck_assert_int_eq(kdst_tensor_get_data(t, after, sizeof after), 0);
            ck_assert_int_eq(kdst_context_set_message(own, message), 0);
            ck_assert_mem_eq(before, after, sizeof after);
        }
    }
    kdst_layer_release(b);
    kdst_layer_release(a);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *o = NULL;
    char path[512];
    strcpy(path, path_of("net"));
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_gt(each_allocation_fails(o, save_and_load, path), 30);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layer files");
    TCase *layers = tcase_create("layers");
    tcase_set_timeout(layers, 120);
    tcase_add_checked_fixture(layers, setup, teardown);
    tcase_add_test(layers, through_a_file);
    tcase_add_test(layers, prefixes);
    tcase_add_test(layers, strictness);
    tcase_add_test(layers, the_counter_may_be_missing);
    tcase_add_test(layers, shapes_must_fit);
    tcase_add_test(layers, overlapping_memory);
    tcase_add_test(layers, names_that_are_too_long);
    tcase_add_test(layers, arguments);
    tcase_add_test(layers, memory_runs_out);
    suite_add_tcase(suite, layers);
    return run_suite(suite);
}
