/* SPDX-License-Identifier: Apache-2.0 */
/* Files that kdst_onnx_save writes, read back field by field; names, weights, refusals, failing allocations and hostile paths. What
 * runtimes make of them is tested in test_onnx.py. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static void open_folder(void)
{
    setup();
    strcpy(folder, "/tmp/kdst-onnx-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/net.onnx", folder);
}

static int files_in_folder(void)
{
    int count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    return count;
}

static void close_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
    teardown();
}

/* ---- a reader of the wire format ---- */

typedef struct view {
    const unsigned char *at, *end;
} view;

typedef struct field {
    uint32_t number, type;
    uint64_t value; /* varint */
    view bytes;     /* length-delimited */
} field;

static uint64_t varint(view *v)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        ck_assert(v->at < v->end && shift < 64);
        value |= (uint64_t)(*v->at & 127) << shift;
        if (*v->at++ < 128) return value;
    }
}

static bool next(view *v, field *f)
{
    if (v->at == v->end) return false;
    uint64_t tag = varint(v);
    *f = (field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
    if (f->type == 0) {
        f->value = varint(v);
    } else {
        ck_assert(f->type == 2 || f->type == 5);
        uint64_t bytes = f->type == 2 ? varint(v) : 4;
        ck_assert_uint_le(bytes, (uint64_t)(v->end - v->at));
        f->bytes = (view){v->at, v->at + bytes};
        v->at += bytes;
    }
    return true;
}

/* Field `number` of a message, the k-th one. */
static bool get(view message, uint32_t number, int k, field *out)
{
    while (next(&message, out))
        if (out->number == number && k-- == 0) return true;
    return false;
}

static void text(view message, uint32_t number, int k, char out[128])
{
    field f;
    out[0] = '\0';
    if (!get(message, number, k, &f)) return;
    snprintf(out, 128, "%.*s", (int)(f.bytes.end - f.bytes.at), (const char *)f.bytes.at);
}

static view read_file(void)
{
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    unsigned char *data = malloc((size_t)info.st_size);
    FILE *file = fopen(path, "rb");
    ck_assert(file != NULL && data != NULL);
    ck_assert_uint_eq(fread(data, 1, (size_t)info.st_size, file), (size_t)info.st_size);
    fclose(file);
    return (view){data, data + info.st_size};
}

static kdst_layer *lenet(void)
{
    kdst_layer *net = NULL;
    expect_ok(kdst_model_create(ctx, "lenet", NULL, &net));
    return net;
}

static const int64_t rank4 = 4, image[] = {2, 1, 28, 28};

/* The graph's nodes are those of the network, its initializers the state, bit by bit, its input takes any batch. */
START_TEST(content)
{
    static const char *const nodes[] = {"Conv",    "Relu", "MaxPool", "Conv", "Relu",    "MaxPool",
                                        "Reshape", "Gemm", "Relu",    "Gemm", "Identity"};
    kdst_layer *net = lenet();
    field graph, f, inner;
    char name[128];
    int k = 0;
    expect_ok(kdst_onnx_save(net, 1, NULL, &rank4, image, path, NULL));
    view file = read_file();
    ck_assert(get(file, 8, 0, &f));
    ck_assert(get(f.bytes, 2, 0, &inner) && inner.value == 13);
    ck_assert(get(file, 7, 0, &graph));
    for (; get(graph.bytes, 1, k, &f); k++) {
        text(f.bytes, 4, 0, name);
        ck_assert_str_eq(name, nodes[k]);
    }
    ck_assert_int_eq(k, 11);
    int found = 0;
    for (k = 0; get(graph.bytes, 5, k, &f); k++) {
        kdst_tensor *own = NULL;
        text(f.bytes, 8, 0, name);
        if (name[0] == '/') continue; /* a constant: the sizes of the reshape */
        expect_ok(kdst_layer_find(net, name, &own));
        field raw;
        void *data = NULL;
        ck_assert(get(f.bytes, 9, 0, &raw));
        ck_assert_int_eq(raw.bytes.end - raw.bytes.at, 4 * kdst_tensor_get_count(own));
        expect_ok(kdst_tensor_map(own, KDST_MAP_READ, &data));
        ck_assert(memcmp(data, raw.bytes.at, (size_t)(raw.bytes.end - raw.bytes.at)) == 0);
        expect_ok(kdst_tensor_unmap(own));
        found++;
    }
    ck_assert_int_eq(found, 8);
    ck_assert(get(graph.bytes, 11, 0, &f));
    text(f.bytes, 1, 0, name);
    ck_assert_str_eq(name, "input");
    ck_assert(get(f.bytes, 2, 0, &inner) && get(inner.bytes, 1, 0, &f) && get(f.bytes, 2, 0, &inner));
    ck_assert(get(inner.bytes, 1, 0, &f));
    text(f.bytes, 2, 0, name);
    ck_assert_str_eq(name, "batch");
    ck_assert(get(inner.bytes, 1, 3, &f) && get(f.bytes, 1, 0, &f) && f.value == 28);
    ck_assert(get(graph.bytes, 12, 0, &f));
    text(f.bytes, 1, 0, name);
    ck_assert_str_eq(name, "output");
    free((void *)(uintptr_t)file.at);
    kdst_layer_release(net);
}
END_TEST

START_TEST(by_options)
{
    kdst_layer *net = lenet();
    kdst_options *options = NULL;
    field graph, f, inner;
    char name[128];
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "opset", 17));
    expect_ok(kdst_options_set_int(options, "dynamic_batch", 0));
    expect_ok(kdst_options_set_string(options, "input", "image"));
    expect_ok(kdst_options_set_string(options, "output", "logits"));
    expect_ok(kdst_onnx_save(net, 1, NULL, &rank4, image, path, options));
    view file = read_file();
    ck_assert(get(file, 8, 0, &f) && get(f.bytes, 2, 0, &inner) && inner.value == 17);
    ck_assert(get(file, 7, 0, &graph) && get(graph.bytes, 11, 0, &f));
    text(f.bytes, 1, 0, name);
    ck_assert_str_eq(name, "image");
    ck_assert(get(f.bytes, 2, 0, &inner) && get(inner.bytes, 1, 0, &f) && get(f.bytes, 2, 0, &inner));
    ck_assert(get(inner.bytes, 1, 0, &f) && get(f.bytes, 1, 0, &f) && f.value == 2);
    free((void *)(uintptr_t)file.at);
    expect_ok(kdst_options_set_string(options, "output", "image"));
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, path, options), KDST_STATUS_INVALID_ARGUMENT,
        "input is \"image\", output \"image\"");
    expect_ok(kdst_options_set_string(options, "output", "fc1.bias"));
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, path, options), KDST_STATUS_INVALID_ARGUMENT,
        "called \"fc1.bias\"");
    expect_ok(kdst_options_set_string(options, "output", "/3"));
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, path, options), KDST_STATUS_INVALID_ARGUMENT, "output \"/3\"");
    kdst_options_release(options);
    kdst_layer_release(net);
}
END_TEST

static kdst_status label_loss(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)count, (void)training;
    return kdst_cross_entropy(inputs[0], inputs[1], out);
}

/* All samples but the last: how many depends on the batch. */
static kdst_status by_batch(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)count, (void)training;
    return kdst_slice(inputs[0], 0, 0, kdst_tensor_get_size(inputs[0], 0) - 1, 1, out);
}

START_TEST(refused)
{
    kdst_layer *net = lenet(), *own = NULL;
    kdst_options *options = NULL;
    const int64_t ranks[] = {2, 1}, shapes[] = {4, 3, 4}, wrong[] = {2, 3, 28, 28};
    const kdst_dtype dtypes[] = {F32, KDST_DTYPE_INT32};
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "inputs", 2));
    expect_ok(kdst_layer_custom_create(ctx, "loss", label_loss, NULL, NULL, options, &own));
    expect_failure(
        kdst_onnx_save(own, 2, dtypes, ranks, shapes, path, NULL), KDST_STATUS_UNSUPPORTED,
        "onnx_save: cross_entropy of the custom \"\"");
    kdst_layer_release(own);
    expect_ok(kdst_layer_custom_create(ctx, "cut", by_batch, NULL, NULL, NULL, &own));
    expect_failure(
        kdst_onnx_save(own, 1, NULL, ranks, shapes, path, NULL), KDST_STATUS_UNSUPPORTED, "depend on the batch");
    kdst_layer_release(own);
    expect_failure(kdst_onnx_save(net, 1, NULL, &rank4, wrong, path, NULL), KDST_STATUS_SHAPE, "3 channels");
    expect_failure(kdst_onnx_save(net, 1, NULL, &rank4, image, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "path");
    expect_failure(kdst_onnx_save(net, 1, NULL, NULL, image, path, NULL), KDST_STATUS_INVALID_ARGUMENT, "ranks");
    expect_failure(kdst_onnx_save(net, 1, NULL, &rank4, NULL, path, NULL), KDST_STATUS_INVALID_ARGUMENT, "shapes");
    expect_failure(kdst_onnx_save(net, 0, NULL, &rank4, image, path, NULL), KDST_STATUS_INVALID_ARGUMENT, "count");
    ck_assert_int_eq(kdst_onnx_save(NULL, 1, NULL, &rank4, image, path, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    options = options_ints("batch_axis", (int64_t[]){4}, 1);
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, path, options), KDST_STATUS_INVALID_ARGUMENT,
        "batch_axis of input 0 is 4");
    kdst_options_release(options);
    /* names that no reader would take */
    kdst_layer *linear = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 4, 3, NULL, &linear));
    expect_ok(kdst_layer_sequential_create(ctx, &own));
    expect_ok(kdst_layer_add(own, "\xff", linear));
    expect_failure(
        kdst_onnx_save(own, 1, NULL, ranks, shapes + 1, path, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "\"?.weight\" of the state is not UTF-8");
    kdst_layer_release(own);
    kdst_layer_release(linear);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "input", "\xfe"));
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, path, options), KDST_STATUS_INVALID_ARGUMENT, "not UTF-8");
    kdst_options_release(options);
    options = options_ints("batch_axis", (int64_t[]){1}, 1); /* the channels */
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, path, options), KDST_STATUS_SHAPE,
        "onnx_save: with one sample more on batch_axis: conv2d: input has 2 channels, layer expects 1");
    kdst_options_release(options);
    ck_assert_int_eq(files_in_folder(), 0);
    expect_failure(kdst_onnx_save(net, 1, NULL, &rank4, image, folder, NULL), KDST_STATUS_IO, "is a folder");
    expect_failure(
        kdst_onnx_save(net, 1, NULL, &rank4, image, "/nowhere/at/all.onnx", NULL), KDST_STATUS_IO, "/nowhere/at/all");
    expect_failure(kdst_onnx_save(net, 1, NULL, &rank4, image, "", NULL), KDST_STATUS_IO, "onnx_save");
    expect_failure(kdst_onnx_save(net, 1, NULL, &rank4, image, "/dev/full", NULL), KDST_STATUS_IO, "/dev/full");
    kdst_layer_release(net);
}
END_TEST

static kdst_status times_weight(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)layer, (void)count, (void)training;
    return kdst_linear(inputs[0], user_data, NULL, out);
}

/* 2.2 GB of weights, which foreign memory of one page many times over stands for. */
START_TEST(too_large)
{
    static float row[1024];
    kdst_tensor *wide = NULL;
    kdst_layer *layer = NULL;
    const int64_t shape[2] = {540000, 1024}, stride[2] = {0, 1}, size = 1024;
    expect_ok(kdst_tensor_create_foreign(ctx, F32, 2, shape, stride, row, NULL, NULL, &wide));
    expect_ok(kdst_layer_parameter_create(ctx, "weight", wide, 0, &layer));
    kdst_layer *holder = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "dynamic_batch", 0));
    expect_ok(kdst_layer_custom_create(ctx, "wide", times_weight, wide, NULL, NULL, &holder));
    expect_ok(kdst_layer_add(holder, "", layer));
    expect_failure(
        kdst_onnx_save(holder, 1, NULL, &(int64_t){2}, (int64_t[]){1, size}, path, options), KDST_STATUS_UNSUPPORTED,
        "ONNX allows 2147483647");
    ck_assert_int_eq(files_in_folder(), 0);
    kdst_options_release(options);
    kdst_layer_release(holder);
    kdst_layer_release(layer);
    kdst_tensor_release(wide);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *net = NULL;
    (void)arg;
    unlink(path);
    kdst_status status = kdst_model_create(in, "lenet", NULL, &net);
    if (!status) status = kdst_onnx_save(net, 1, NULL, &rank4, image, path, NULL);
    ck_assert_int_eq(files_in_folder(), status == KDST_STATUS_OK);
    kdst_layer_release(net);
    return status;
}

START_TEST(allocations)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "threads", 1));
    ck_assert_int_gt(each_allocation_fails(options, work, NULL), 80);
    kdst_options_release(options);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("onnx");
    TCase *tests = tcase_create("onnx");
    tcase_add_checked_fixture(tests, open_folder, close_folder);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, content);
    tcase_add_test(tests, by_options);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, too_large);
    tcase_add_test(tests, allocations);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
