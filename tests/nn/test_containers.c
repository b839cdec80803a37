/* SPDX-License-Identifier: Apache-2.0 */
/* Containers: names and their order, uniqueness, cycles, running, modes, finding and copying state, lifetime. */
#include "autograd/support.h"

static kdst_layer *sequential(void)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &layer));
    return layer;
}

static kdst_layer *linear(int64_t in, int64_t out)
{
    kdst_layer *layer = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "dtype", "float64"));
    expect_ok(kdst_layer_linear_create(ctx, in, out, options, &layer));
    kdst_options_release(options);
    return layer;
}

static kdst_layer *relu(void)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_activation_create(ctx, "relu", &layer));
    return layer;
}

/* Adds a child whose only other reference is given up. */
static void add(kdst_layer *container, const char *name, kdst_layer *child)
{
    expect_ok(kdst_layer_add(container, name, child));
    kdst_layer_release(child);
}

static void expect_names(kdst_layer *layer, const char *const *names, int64_t count)
{
    ck_assert_int_eq(kdst_layer_get_state_count(layer), count);
    for (int64_t i = 0; i < count; i++) {
        const char *name = NULL;
        expect_ok(kdst_layer_get_state(layer, i, &name, NULL, NULL));
        ck_assert_str_eq(name, names[i]);
    }
}

START_TEST(names_follow_the_tree)
{
    kdst_layer *root = sequential(), *inner = sequential(), *flat = sequential(), *norm = NULL;
    int32_t is_parameter = 1;
    kdst_tensor *tensor = NULL;
    add(root, NULL, linear(2, 3));
    add(root, NULL, relu());
    add(root, "inner", inner);
    add(root, "", flat);
    add(root, "", relu());
    expect_names(root, (const char *[]){"0.weight", "0.bias"}, 2);
    /* The table of names is renewed after additions far below. */
    expect_ok(kdst_layer_batch_norm_create(ctx, 3, NULL, &norm));
    add(inner, "bn", norm);
    add(flat, "head", linear(3, 3));
    expect_names(
        root,
        (const char *[]){
            "0.weight", "0.bias", "inner.bn.weight", "inner.bn.bias", "inner.bn.running_mean", "inner.bn.running_var",
            "inner.bn.num_batches_tracked", "head.weight", "head.bias"},
        9);
    expect_names(inner, (const char *[]){"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}, 5);
    ck_assert_int_eq(kdst_layer_get_parameter_count(root), 6 + 3 + 6 + 9 + 3);
    expect_ok(kdst_layer_get_state(root, 4, NULL, &tensor, &is_parameter));
    ck_assert_int_eq(is_parameter, 0);
    ck_assert_int_eq(kdst_tensor_get_size(tensor, 0), 3);
    expect_failure(
        kdst_layer_get_state(root, 9, NULL, &tensor, NULL), KDST_STATUS_NOT_FOUND, "index is 9, the layer has 9 entries");
    ck_assert_ptr_null(tensor);
    kdst_layer_release(root);
}
END_TEST

START_TEST(names_are_unique)
{
    kdst_layer *root = sequential(), *flat = sequential(), *child = linear(1, 1), *wrapped = sequential();
    add(root, "a", linear(1, 1));
    add(root, "", flat);
    add(flat, "b", linear(1, 1));
    expect_failure(kdst_layer_add(root, "a", child), KDST_STATUS_INVALID_ARGUMENT, "layer_add: name \"a\" is used already");
    expect_failure(kdst_layer_add(root, "b", child), KDST_STATUS_INVALID_ARGUMENT, "name \"b\" is used");
    expect_failure(kdst_layer_add(flat, "a", child), KDST_STATUS_INVALID_ARGUMENT, "name \"a\" is used");
    expect_failure(kdst_layer_add(root, "a.b", child), KDST_STATUS_INVALID_ARGUMENT, "name \"a.b\" contains a '.'");
    expect_ok(kdst_layer_add(wrapped, "a", child));
    expect_failure(kdst_layer_add(root, "", wrapped), KDST_STATUS_INVALID_ARGUMENT, "name \"a\" is used");
    expect_ok(kdst_layer_add(root, "c", wrapped));
    /* Two layers with their tensors right here would both be "weight". */
    add(root, "", linear(1, 1));
    kdst_layer *second = linear(1, 1);
    expect_failure(kdst_layer_add(root, "", second), KDST_STATUS_INVALID_ARGUMENT, "name \"weight\" is used");
    kdst_layer_release(second);
    char name[300];
    memset(name, 'x', sizeof name);
    name[299] = '\0';
    second = relu();
    expect_failure(kdst_layer_add(root, name, second), KDST_STATUS_INVALID_ARGUMENT, "name has 299 bytes, allowed are 255");
    kdst_layer_release(second);
    kdst_layer_release(wrapped);
    kdst_layer_release(child);
    kdst_layer_release(root);
}
END_TEST

START_TEST(trees_stay_trees)
{
    kdst_layer *a = sequential(), *b = sequential(), *leaf = relu(), *chain[70];
    expect_ok(kdst_layer_add(a, "b", b));
    expect_failure(kdst_layer_add(a, "a", a), KDST_STATUS_STATE, "would contain itself");
    expect_failure(kdst_layer_add(b, "a", a), KDST_STATUS_STATE, "would contain itself");
    expect_failure(kdst_layer_add(a, "again", b), KDST_STATUS_STATE, "is in a container already, as \"b\"");
    expect_failure(kdst_layer_add(leaf, "x", b), KDST_STATUS_INVALID_ARGUMENT, "container is a relu");
    expect_failure(kdst_layer_add(a, "x", NULL), KDST_STATUS_INVALID_ARGUMENT, "child is NULL");
    kdst_layer_release(a);
    /* With its container gone a layer is free again. */
    kdst_layer *c = sequential();
    expect_ok(kdst_layer_add(c, "b", b));
    kdst_layer_release(c);
    kdst_layer_release(b);
    kdst_layer_release(leaf);

    chain[0] = sequential();
    int deep = 1;
    for (; deep < 70; deep++) {
        chain[deep] = sequential();
        if (kdst_layer_add(chain[deep - 1], "x", chain[deep]) != KDST_STATUS_OK)
            break;
    }
    ck_assert_int_eq(deep, 64);
    expect_failure(
        kdst_layer_add(chain[63], "x", chain[64]), KDST_STATUS_STATE, "layers would be nested 65 deep, allowed is 64");
    kdst_layer *top = sequential();
    expect_failure(kdst_layer_add(top, "x", chain[0]), KDST_STATUS_STATE, "nested 65 deep");
    kdst_layer_release(top);
    for (int i = 0; i <= deep; i++)
        kdst_layer_release(chain[i]);
}
END_TEST

START_TEST(sequential_runs_in_order)
{
    kdst_layer *root = sequential();
    kdst_tensor *x = filled(F64, SHAPE(2, 3), 1), *y = NULL, *a = NULL, *b = NULL, *expected = NULL, *t[4];
    expect_ok(kdst_layer_run(root, x, &y));
    double *v = doubles(x);
    expect_close(y, v);
    free(v);
    kdst_tensor_release(y);
    add(root, "0", linear(3, 4));
    add(root, "1", relu());
    add(root, "2", linear(4, 2));
    const char *names[] = {"0.weight", "0.bias", "2.weight", "2.bias"};
    for (int i = 0; i < 4; i++)
        expect_ok(kdst_layer_find(root, names[i], &t[i]));
    expect_ok(kdst_linear(x, t[0], t[1], &a));
    expect_ok(kdst_relu(a, &b));
    expect_ok(kdst_linear(b, t[2], t[3], &expected));
    expect_ok(kdst_layer_run(root, x, &y));
    v = doubles(expected);
    expect_close(y, v);
    free(v);
    kdst_tensor_release(expected);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(root);
}
END_TEST

START_TEST(residual)
{
    kdst_layer *body = sequential(), *around = sequential(), *block = NULL, *other = NULL;
    kdst_options *options = NULL;
    kdst_tensor *x = filled(F64, SHAPE(5, 3), 1), *y = NULL, *a = NULL, *b = NULL;
    add(body, "fc1", linear(3, 4));
    add(body, "", relu());
    add(body, "fc2", linear(4, 2));
    add(around, "0", linear(3, 2));
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "activation", _i == 0 ? "relu" : "none"));
    if (_i == 1)
        expect_ok(kdst_options_set_string(options, "shortcut_name", "downsample"));
    expect_ok(kdst_layer_residual_create(ctx, body, around, options, &block));
    expect_names(
        block,
        (const char *[]){
            "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", _i == 0 ? "shortcut.0.weight" : "downsample.0.weight",
            _i == 0 ? "shortcut.0.bias" : "downsample.0.bias"},
        6);
    expect_ok(kdst_layer_run(body, x, &a));
    expect_ok(kdst_layer_run(around, x, &b));
    expect_ok(kdst_layer_run(block, x, &y));
    double *va = doubles(a), *vb = doubles(b);
    int negative = 0;
    for (int i = 0; i < 10; i++) {
        va[i] += vb[i];
        negative += va[i] < 0;
        va[i] = _i == 0 ? fmax(va[i], 0) : va[i];
    }
    ck_assert_int_gt(negative, 0);
    expect_close(y, va);
    free(vb);
    free(va);
    kdst_tensor_release(y);
    kdst_tensor_release(b);
    kdst_tensor_release(a);

    expect_failure(
        kdst_layer_residual_create(ctx, body, NULL, NULL, &other), KDST_STATUS_STATE, "residual: the sequential is in a container already");
    kdst_layer *late = relu();
    expect_failure(kdst_layer_add(block, "x", late), KDST_STATUS_INVALID_ARGUMENT, "container is a residual");
    expect_failure(
        kdst_layer_add(body, _i == 0 ? "shortcut" : "downsample", late), KDST_STATUS_INVALID_ARGUMENT, "is used already");
    kdst_layer_release(late);
    kdst_options_release(options);
    kdst_layer_release(block);

    /* Without a shortcut the input itself is added, and its shape has to fit. */
    expect_ok(kdst_layer_residual_create(ctx, body, NULL, NULL, &block));
    expect_failure(
        kdst_layer_run(block, x, &y), KDST_STATUS_SHAPE, "residual: the body gives [5, 2], the shortcut [5, 3]");
    kdst_layer_release(block);
    kdst_layer_release(around);
    kdst_layer_release(body);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(failed_residual_leaves_its_parts_free)
{
    kdst_layer *body = sequential(), *around = sequential(), *block = NULL;
    add(body, "shortcut", relu());
    expect_ok(kdst_layer_set_training(body, 0));
    expect_failure(
        kdst_layer_residual_create(ctx, body, around, NULL, &block), KDST_STATUS_INVALID_ARGUMENT,
        "residual: name \"shortcut\" is used already");
    ck_assert_ptr_null(block);
    ck_assert_int_eq(kdst_layer_get_training(body), 0);
    kdst_layer *home = sequential();
    expect_ok(kdst_layer_add(home, "body", body));
    expect_ok(kdst_layer_add(home, "around", around));
    kdst_layer_release(home);
    kdst_layer_release(around);
    kdst_layer_release(body);
}
END_TEST

START_TEST(modes_reach_everything)
{
    kdst_layer *root = sequential(), *inner = sequential(), *leaf = linear(1, 1), *late = linear(1, 1);
    kdst_tensor *weight = NULL;
    expect_ok(kdst_layer_add(inner, "leaf", leaf));
    expect_ok(kdst_layer_add(root, "inner", inner));
    ck_assert_int_eq(kdst_layer_get_training(leaf), 1);
    expect_ok(kdst_layer_set_training(root, 0));
    ck_assert_int_eq(kdst_layer_get_training(leaf), 0);
    expect_ok(kdst_layer_add(inner, "late", late));
    ck_assert_int_eq(kdst_layer_get_training(late), 0);
    ck_assert_int_eq(kdst_layer_get_training(NULL), 0);
    expect_ok(kdst_layer_find(leaf, "weight", &weight));
    expect_ok(kdst_layer_set_trainable(root, 0));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(weight), 0);
    expect_ok(kdst_layer_set_trainable(root, 1));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(weight), 1);

    kdst_tensor *y = NULL, *grad = NULL, *x = filled(F64, SHAPE(1, 1), 1);
    expect_ok(kdst_layer_run(leaf, x, &y));
    expect_ok(kdst_backward(y, NULL, NULL));
    grad = grad_of(weight);
    kdst_tensor_release(grad);
    expect_ok(kdst_layer_clear_grads(root));
    expect_failure(kdst_tensor_get_grad(weight, &grad), KDST_STATUS_NOT_FOUND, "");
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(late);
    kdst_layer_release(leaf);
    kdst_layer_release(inner);
    kdst_layer_release(root);
}
END_TEST

START_TEST(find_suggests)
{
    kdst_layer *root = sequential(), *empty = sequential();
    kdst_tensor *t = NULL;
    add(root, "conv1", linear(1, 2));
    add(root, "fc", linear(2, 3));
    expect_ok(kdst_layer_find(root, "fc.weight", &t));
    expect_shape(t, SHAPE(3, 2));
    expect_failure(
        kdst_layer_find(root, "fc.wieght", &t), KDST_STATUS_NOT_FOUND,
        "layer_find: no entry \"fc.wieght\", did you mean \"fc.weight\"?");
    ck_assert_ptr_null(t);
    expect_failure(kdst_layer_find(root, "conv.bias", &t), KDST_STATUS_NOT_FOUND, "did you mean \"conv1.bias\"?");
    expect_failure(kdst_layer_find(empty, "x", &t), KDST_STATUS_NOT_FOUND, "the layer has none");
    expect_failure(kdst_layer_find(root, NULL, &t), KDST_STATUS_INVALID_ARGUMENT, "name is NULL");
    kdst_layer_release(empty);
    kdst_layer_release(root);
}
END_TEST

START_TEST(copy_state)
{
    kdst_layer *a = sequential(), *b = sequential(), *c = sequential(), *d = sequential(), *narrow = NULL;
    kdst_tensor *from = NULL, *to = NULL;
    add(a, "x", linear(2, 3));
    add(a, "y", linear(3, 1));
    expect_ok(kdst_layer_linear_create(ctx, 2, 3, NULL, &narrow));
    add(b, "x", narrow);
    add(b, "y", linear(3, 1));
    expect_ok(kdst_layer_copy_state(b, a));
    expect_ok(kdst_layer_find(a, "x.weight", &from));
    expect_ok(kdst_layer_find(b, "x.weight", &to));
    ck_assert_int_eq(kdst_tensor_get_dtype(to), F32);
    double *expected = doubles(from), *before;
    expect_close(to, expected);
    free(expected);
    expect_ok(kdst_layer_copy_state(a, a));

    add(c, "x", linear(2, 3));
    add(c, "y", linear(3, 2));
    expect_ok(kdst_layer_find(c, "x.weight", &to));
    before = doubles(to);
    expect_failure(
        kdst_layer_copy_state(c, a), KDST_STATUS_SHAPE,
        "layer_copy_state: \"y.weight\" is [1, 3] in the source, [2, 3] in the destination");
    expect_close(to, before);
    free(before);
    add(d, "x", linear(2, 3));
    expect_failure(kdst_layer_copy_state(a, d), KDST_STATUS_NOT_FOUND, "source: no entry \"y.weight\"");
    expect_failure(kdst_layer_copy_state(d, a), KDST_STATUS_NOT_FOUND, "destination: no entry \"y.weight\"");
    expect_failure(kdst_layer_copy_state(a, NULL), KDST_STATUS_INVALID_ARGUMENT, "source is NULL");
    kdst_layer_release(d);
    kdst_layer_release(c);
    kdst_layer_release(b);
    kdst_layer_release(a);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, names_follow_the_tree);
    tcase_add_test(tests, names_are_unique);
    tcase_add_test(tests, trees_stay_trees);
    tcase_add_test(tests, sequential_runs_in_order);
    tcase_add_loop_test(tests, residual, 0, 2);
    tcase_add_test(tests, failed_residual_leaves_its_parts_free);
    tcase_add_test(tests, modes_reach_everything);
    tcase_add_test(tests, find_suggests);
    tcase_add_test(tests, copy_state);
}

int main(void)
{
    return run_suite("containers", build);
}
