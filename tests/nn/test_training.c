/* SPDX-License-Identifier: Apache-2.0 */
/* Layers, tape and optimisers together: gradients of a residual network by differences, training steps that give the
 * same bits with any number of threads, and every allocation failing in turn. With an argument: more networks on threads.
 */
#include "autograd/support.h"

#include "failures/each_allocation.h"

#include <stdbool.h>

/* conv3x3 - bn - relu - residual(conv, bn, relu, conv, bn; 1x1 conv, bn) - pool - linear, in float64. */
static kdst_status convolution(kdst_context *in, int64_t i, int64_t o, int64_t kernel, kdst_layer *parent, const char *name)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_int(options, "kernel", kernel);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_int(options, "padding", kernel / 2);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_int(options, "bias", 0);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_string(options, "dtype", "float64");
    if (status == KDST_STATUS_OK)
        status = kdst_layer_conv2d_create(in, i, o, options, &layer);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_add(parent, name, layer);
    kdst_layer_release(layer);
    kdst_options_release(options);
    return status;
}

static kdst_status norm(kdst_context *in, int64_t channels, kdst_layer *parent, const char *name)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_string(options, "dtype", "float64");
    if (status == KDST_STATUS_OK)
        status = kdst_layer_batch_norm_create(in, channels, options, &layer);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_add(parent, name, layer);
    kdst_layer_release(layer);
    kdst_options_release(options);
    return status;
}

static kdst_status relu(kdst_context *in, kdst_layer *parent)
{
    kdst_layer *layer = NULL;
    kdst_status status = kdst_layer_activation_create(in, "relu", &layer);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_add(parent, "", layer);
    kdst_layer_release(layer);
    return status;
}

static kdst_status head(kdst_context *in, int64_t features, kdst_layer *parent)
{
    kdst_options *options = NULL;
    kdst_layer *pool = NULL, *linear = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_string(options, "dtype", "float64");
    if (status == KDST_STATUS_OK)
        status = kdst_layer_global_avg_pool2d_create(in, &pool);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_add(parent, "", pool);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_linear_create(in, features, 3, options, &linear);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_add(parent, "fc", linear);
    kdst_layer_release(linear);
    kdst_layer_release(pool);
    kdst_options_release(options);
    return status;
}

static kdst_status residual_network(kdst_context *in, kdst_layer **out)
{
    kdst_layer *net = NULL, *body = NULL, *around = NULL, *block = NULL;
    kdst_status status = kdst_layer_sequential_create(in, &net);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = convolution(in, 2, 3, 3, net, "conv1");
    if (status == KDST_STATUS_OK)
        status = norm(in, 3, net, "bn1");
    if (status == KDST_STATUS_OK)
        status = relu(in, net);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_sequential_create(in, &body);
    if (status == KDST_STATUS_OK)
        status = convolution(in, 3, 5, 3, body, "conv1");
    if (status == KDST_STATUS_OK)
        status = norm(in, 5, body, "bn1");
    if (status == KDST_STATUS_OK)
        status = relu(in, body);
    if (status == KDST_STATUS_OK)
        status = convolution(in, 5, 4, 3, body, "conv2");
    if (status == KDST_STATUS_OK)
        status = norm(in, 4, body, "bn2");
    if (status == KDST_STATUS_OK)
        status = kdst_layer_sequential_create(in, &around);
    if (status == KDST_STATUS_OK)
        status = convolution(in, 3, 4, 1, around, NULL);
    if (status == KDST_STATUS_OK)
        status = norm(in, 4, around, NULL);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_residual_create(in, body, around, NULL, &block);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_add(net, "block", block);
    if (status == KDST_STATUS_OK)
        status = head(in, 4, net);
    if (status == KDST_STATUS_OK) {
        *out = net;
        net = NULL;
    }
    kdst_layer_release(block);
    kdst_layer_release(around);
    kdst_layer_release(body);
    kdst_layer_release(net);
    return status;
}

static kdst_status forward(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)count;
    return kdst_layer_run(user_data, inputs[0], out);
}

/* Training mode for 0, evaluation for 1: there the running statistics are constants. */
START_TEST(gradients)
{
    static const char *const names[] = {"conv1.weight",         "bn1.bias",  "block.conv1.weight", "block.bn2.weight",
                                        "block.shortcut.0.weight", "fc.weight", "fc.bias"};
    kdst_layer *net = NULL;
    kdst_tensor *inputs[8];
    double worst = -1;
    expect_ok(kdst_context_set_seed(ctx, 3));
    expect_ok(residual_network(ctx, &net));
    ck_assert_int_eq(kdst_layer_get_state_count(net), 4 + 2 + 4 * 5);
    inputs[0] = filled(F64, SHAPE(3, 2, 5, 3), 7);
    expect_ok(kdst_tensor_set_requires_grad(inputs[0], 1));
    for (int i = 0; i < 7; i++)
        expect_ok(kdst_layer_find(net, names[i], &inputs[i + 1]));
    expect_ok(kdst_layer_set_training(net, _i == 0));
    expect_ok(kdst_gradient_check(forward, net, inputs, 8, NULL, &worst));
    ck_assert_msg(worst >= 0 && worst <= 1, "largest difference is %g times the tolerance", worst);
    kdst_tensor_release(inputs[0]);
    kdst_layer_release(net);
}
END_TEST

/* `steps` updates of a small network of the given name on made-up data; releases all it gets. */
typedef struct training {
    const char *model, *kind;
    int64_t image_size, batch, steps;
    double width, max_norm; /* 0: gradients are not clipped */
    double *values;         /* nullable: gets each step's loss and norm, the network's state and the optimiser's */
    int64_t size;
} training;

#define VALUES 3000000 /* room */

static kdst_status make_model(kdst_context *in, const training *job, kdst_layer **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_int(options, "image_size", job->image_size);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_int(options, "channels", 2);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_float(options, "width", job->width);
    if (status == KDST_STATUS_OK)
        status = kdst_model_create(in, job->model, options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status make_optimizer(kdst_context *in, const char *kind, kdst_optimizer **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_float(options, "learning_rate", 0.01);
    if (status == KDST_STATUS_OK && strcmp(kind, "sgd") == 0)
        status = kdst_options_set_float(options, "momentum", 0.9);
    if (status == KDST_STATUS_OK)
        status = strcmp(kind, "sgd") == 0   ? kdst_optimizer_sgd_create(in, options, out)
            : strcmp(kind, "adam") == 0 ? kdst_optimizer_adam_create(in, options, out)
                                        : kdst_optimizer_adamw_create(in, options, out);
    kdst_options_release(options);
    return status;
}

/* figures, nullable: loss, norm of the gradients. */
static kdst_status one_step(
    kdst_layer *model, kdst_optimizer *optimizer, kdst_tensor *x, kdst_tensor *labels, double max_norm, double *figures)
{
    kdst_tensor *logits = NULL, *loss = NULL;
    kdst_status status = kdst_optimizer_clear_grads(optimizer);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = kdst_layer_run(model, x, &logits);
    if (status == KDST_STATUS_OK)
        status = kdst_cross_entropy(logits, labels, &loss);
    if (status == KDST_STATUS_OK)
        status = kdst_backward(loss, NULL, NULL);
    if (status == KDST_STATUS_OK && figures != NULL)
        status = kdst_tensor_get_value(loss, &figures[0]);
    if (status == KDST_STATUS_OK && max_norm > 0)
        status = kdst_optimizer_clip_norm(optimizer, max_norm, NULL, figures == NULL ? NULL : &figures[1]);
    if (status == KDST_STATUS_OK)
        status = kdst_optimizer_run(optimizer);
    kdst_tensor_release(loss);
    kdst_tensor_release(logits);
    return status;
}

static kdst_status read_values(kdst_tensor *t, training *job)
{
    kdst_tensor *wide = NULL;
    kdst_status status = kdst_tensor_copy(t, F64, &wide);
    ck_assert_int_le(job->size + kdst_tensor_get_count(t), VALUES);
    if (status == KDST_STATUS_OK)
        status = kdst_tensor_get_data(wide, job->values + job->size, kdst_tensor_get_count(wide) * 8);
    job->size += kdst_tensor_get_count(t);
    kdst_tensor_release(wide);
    return status;
}

static kdst_status read_all(kdst_layer *model, kdst_optimizer *optimizer, training *job)
{
    kdst_status status = KDST_STATUS_OK;
    kdst_tensor *t = NULL;
    for (int64_t i = 0; i < kdst_layer_get_state_count(model) && status == KDST_STATUS_OK; i++) {
        status = kdst_layer_get_state(model, i, NULL, &t, NULL);
        if (status == KDST_STATUS_OK)
            status = read_values(t, job);
    }
    for (int64_t i = 0; i < kdst_optimizer_get_state_count(optimizer) && status == KDST_STATUS_OK; i++) {
        status = kdst_optimizer_get_state(optimizer, i, NULL, &t);
        if (status == KDST_STATUS_OK)
            status = read_values(t, job);
    }
    return status;
}

static kdst_status train(kdst_context *in, void *arg)
{
    training *job = arg;
    kdst_layer *model = NULL;
    kdst_optimizer *optimizer = NULL;
    kdst_tensor *x = NULL, *labels = NULL;
    const int64_t shape[4] = {job->batch, 2, job->image_size, job->image_size};
    kdst_status status = make_model(in, job, &model);
    if (status != KDST_STATUS_OK)
        return status;
    if (status == KDST_STATUS_OK)
        status = make_optimizer(in, job->kind, &optimizer);
    if (status == KDST_STATUS_OK)
        status = kdst_optimizer_add_layer(optimizer, model);
    if (status == KDST_STATUS_OK)
        status = kdst_tensor_create(in, F32, 4, shape, &x);
    if (status == KDST_STATUS_OK)
        status = kdst_tensor_set_normal(x, 0, 1);
    if (status == KDST_STATUS_OK)
        status = kdst_tensor_create(in, KDST_DTYPE_INT32, 1, shape, &labels);
    if (status == KDST_STATUS_OK)
        status = kdst_tensor_set_value(labels, 3);
    job->size = 0;
    for (int64_t s = 0; s < job->steps && status == KDST_STATUS_OK; s++, job->size += 2)
        status = one_step(
            model, optimizer, x, labels, job->max_norm, job->values == NULL ? NULL : &job->values[job->size]);
    if (status == KDST_STATUS_OK && job->values != NULL)
        status = read_all(model, optimizer, job);
    kdst_tensor_release(labels);
    kdst_tensor_release(x);
    kdst_optimizer_release(optimizer);
    kdst_layer_release(model);
    return status;
}

/* Widths that fill no vector, images with odd sides; convolutions by Winograd, direct and depthwise, sums, concatenation,
 * shuffles and pooling. All gradients are longer than max_norm. */
static const training on_threads[] = {
    {"mlp", "sgd", 15, 13, 3, 0.7, 0, NULL, 0},
    {"lenet", "sgd", 15, 13, 3, 0.7, 0.1, NULL, 0},
    {"resnet20", "adam", 15, 13, 3, 0.7, 0, NULL, 0},
    {"resnet20", "sgd", 17, 5, 3, 1.1, 0.1, NULL, 0},
    {"mobilenetv2_cifar", "sgd", 32, 5, 2, 0.3, 0.1, NULL, 0},
    {"shufflenetv2_cifar", "sgd", 32, 5, 2, 0.3, 0.1, NULL, 0},
    /* behind an argument */
    {"densenet121_cifar", "sgd", 32, 5, 2, 0.3, 0.1, NULL, 0},
    {"resnet18", "sgd", 32, 9, 2, 0.3, 0.1, NULL, 0},
    {"wrn16_2", "adamw", 32, 7, 2, 0.7, 0.1, NULL, 0},
    {"mobilenetv2_cifar", "sgd", 32, 19, 2, 0.7, 0.1, NULL, 0},
};
enum { ON_THREADS = sizeof on_threads / sizeof *on_threads, FEW = 6 };

static bool more; /* the ones behind an argument */

static kdst_context *context_for(int64_t threads, int64_t exact)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "threads", threads));
    expect_ok(kdst_options_set_int(options, "exact_convolution", exact));
    return context_of(options);
}

/* Even: as contexts are; odd: without algorithms that trade accuracy for speed, on fewer numbers of threads. */
START_TEST(same_bits_with_any_threads)
{
    static const int64_t threads[] = {1, 3, 7, 2};
    training job = on_threads[_i / 2];
    double *first = NULL;
    for (int i = 0; i < (_i % 2 && !more ? 2 : 4); i++) {
        kdst_context *own = context_for(threads[i], _i % 2);
        ck_assert_int_eq(atoi(kdst_context_get_info(own, "threads")), threads[i]);
        job.values = calloc(VALUES, sizeof *job.values);
        ck_assert_ptr_nonnull(job.values);
        kdst_status status = train(own, &job);
        ck_assert_msg(status == KDST_STATUS_OK, "%s", kdst_context_message(own));
        ck_assert_int_eq(kdst_context_live_count(own), 0);
        kdst_context_release(own);
        ck_assert_int_gt(job.size, 1000);
        ck_assert(job.max_norm == 0 || job.values[1] > job.max_norm);
        if (first == NULL) {
            first = job.values;
            continue;
        }
        for (int64_t k = 0; k < job.size; k++)
            ck_assert_msg(
                memcmp(&first[k], &job.values[k], sizeof(double)) == 0,
                "%s, %d threads: value %d is %.17g, with one thread %.17g", job.model, (int)threads[i], (int)k,
                job.values[k], first[k]);
        free(job.values);
    }
    free(first);
}
END_TEST

/* The loss of a fixed batch must fall under both optimisers. */
START_TEST(training_learns)
{
    training job = {.model = "lenet", .kind = _i == 0 ? "sgd" : "adam", .image_size = 8, .batch = 10, .width = 0.2};
    kdst_layer *model = NULL;
    kdst_optimizer *optimizer = NULL;
    kdst_tensor *x = filled(F32, SHAPE(10, 2, 8, 8), 1), *labels = from_labels(10, (int32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    double loss[2];
    expect_ok(make_model(ctx, &job, &model));
    expect_ok(make_optimizer(ctx, job.kind, &optimizer));
    expect_ok(kdst_optimizer_add_layer(optimizer, model));
    for (int when = 0; when < 2; when++) {
        kdst_tensor *logits = NULL, *value = NULL;
        expect_ok(kdst_layer_run(model, x, &logits));
        expect_ok(kdst_cross_entropy(logits, labels, &value));
        expect_ok(kdst_tensor_get_value(value, &loss[when]));
        kdst_tensor_release(value);
        kdst_tensor_release(logits);
        for (int s = 0; when == 0 && s < 200; s++)
            expect_ok(one_step(model, optimizer, x, labels, 0, NULL));
    }
    ck_assert_double_gt(loss[0], 2);
    ck_assert_double_lt(loss[1], 0.5);
    kdst_tensor_release(labels);
    kdst_tensor_release(x);
    kdst_optimizer_release(optimizer);
    kdst_layer_release(model);
}
END_TEST

static kdst_status create_network(kdst_context *in, void *arg)
{
    kdst_layer *model = NULL;
    const char *name = NULL;
    kdst_status status = make_model(in, arg, &model);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_get_state(model, 0, &name, NULL, NULL);
    kdst_layer_release(model);
    return status;
}

static kdst_status create_residual(kdst_context *in, void *arg)
{
    kdst_layer *net = NULL;
    (void)arg;
    kdst_status status = residual_network(in, &net);
    kdst_layer_release(net);
    return status;
}

static kdst_options *one_thread(void)
{
    kdst_options *options = NULL;
    ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_int(options, "threads", 1), KDST_STATUS_OK);
    return options;
}

START_TEST(each_allocation_of_create)
{
    static const char *const small[] = {"mlp", "lenet", "resnet20"};
    /* Together they have every kind of row; one allocation of so many fails, since the time grows with the square. */
    static const char *const large[] = {"resnet18", "wrn16_1", "mobilenetv2_cifar", "shufflenetv2_cifar", "adashare_resnet18_backbone"};
    training job = {.image_size = 8, .width = 0.01};
    kdst_options *options = one_thread();
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        job.model = small[i];
        ck_assert_int_gt(each_allocation_fails(options, create_network, &job), 20);
    }
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        int64_t n = 1;
        job.model = large[i];
        for (; each_allocation_run(options, create_network, &job, n, 1); n += 29)
            each_allocation_run(options, create_network, &job, n + 11, 0);
        ck_assert_int_gt(n, 300);
    }
    ck_assert_int_gt(each_allocation_fails(options, create_residual, NULL), 50);
    kdst_options_release(options);
}
END_TEST

START_TEST(each_allocation_of_a_step)
{
    training job = {.model = _i == 0 ? "lenet" : "resnet18", .kind = _i == 0 ? "sgd" : "adam", .image_size = 5, .batch = 2,
                    .steps = _i == 0 ? 2 : 1, .width = 0.02}; /* the time grows with the square of the allocations */
    kdst_options *options = one_thread();
    ck_assert_int_gt(each_allocation_fails(options, train, &job), 100);
    kdst_options_release(options);
}
END_TEST

static void build(TCase *tests)
{
    if (more) {
        tcase_add_loop_test(tests, same_bits_with_any_threads, 2 * FEW, 2 * ON_THREADS);
        tcase_set_timeout(tests, 600);
        return;
    }
    tcase_add_loop_test(tests, gradients, 0, 2);
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, 2 * FEW);
    tcase_add_loop_test(tests, training_learns, 0, 2);
    tcase_add_test(tests, each_allocation_of_create);
    tcase_add_loop_test(tests, each_allocation_of_a_step, 0, 2);
}

int main(int argc, char **argv)
{
    (void)argv;
    more = argc > 1;
    return run_suite("training", build);
}
