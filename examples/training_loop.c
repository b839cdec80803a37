/* SPDX-License-Identifier: Apache-2.0 */
/* A training loop of your own: batch, forward, loss, backward, update.
 *
 *     build/examples/training_loop examples/data
 *
 * prints (the last digits differ between compilers and processors, not with the number of threads)
 *
 *     epoch 1: loss 1.7323, test accuracy 61.8 %
 *     epoch 2: loss 0.9065, test accuracy 70.5 %
 *     epoch 3: loss 0.7545, test accuracy 76.2 %
 *     epoch 4: loss 0.6276, test accuracy 75.2 %
 *     epoch 5: loss 0.5761, test accuracy 78.5 %
 */
#include <kdst/kdst.h>

#include <stdio.h>

enum { EPOCHS = 5, BATCH = 32 };

typedef struct run {
    kdst_context *ctx;
    kdst_dataset *train, *test;
    kdst_loader *batches, *test_batches;
    kdst_layer *model;
    kdst_optimizer *optimizer;
    kdst_metrics *metrics;
} run;

static kdst_status load(run *r, const char *folder, const char *part, kdst_dataset **out)
{
    char images[1024], labels[1024];
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", folder, part);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", folder, part);
    return kdst_dataset_load_idx(r->ctx, images, labels, NULL, out);
}

static kdst_status make(run *r, const char *folder)
{
    kdst_options *shuffle = NULL, *sgd = NULL;
    kdst_status status = kdst_context_create(NULL, &r->ctx);
    if (!status) status = load(r, folder, "train", &r->train);
    if (!status) status = load(r, folder, "t10k", &r->test);
    if (!status) status = kdst_options_create(&shuffle);
    if (!status) status = kdst_options_set_int(shuffle, "shuffle", 1);
    if (!status) status = kdst_loader_create(r->train, BATCH, shuffle, &r->batches);
    if (!status) status = kdst_loader_create(r->test, 100, NULL, &r->test_batches);
    if (!status) status = kdst_model_create(r->ctx, "mlp", NULL, &r->model);
    if (!status) status = kdst_options_create(&sgd);
    if (!status) status = kdst_options_set_float(sgd, "learning_rate", 0.02);
    if (!status) status = kdst_options_set_float(sgd, "momentum", 0.9);
    if (!status) status = kdst_optimizer_sgd_create(r->ctx, sgd, &r->optimizer);
    if (!status) status = kdst_optimizer_add_layer(r->optimizer, r->model);
    if (!status) status = kdst_metrics_create(r->ctx, kdst_dataset_get_classes(r->test), NULL, &r->metrics);
    kdst_options_release(sgd);
    kdst_options_release(shuffle);
    return status;
}

/* One update; what was recorded goes with the loss and the logits. */
static kdst_status learn(run *r, kdst_tensor *images, kdst_tensor *labels, double *out_loss)
{
    kdst_tensor *logits = NULL, *loss = NULL;
    kdst_status status = kdst_optimizer_clear_grads(r->optimizer);
    if (!status) status = kdst_layer_run(r->model, images, &logits);
    if (!status) status = kdst_cross_entropy(logits, labels, &loss);
    if (!status) status = kdst_backward(loss, NULL, NULL);
    if (!status) status = kdst_optimizer_run(r->optimizer);
    if (!status) status = kdst_tensor_get_value(loss, out_loss);
    kdst_tensor_release(loss);
    kdst_tensor_release(logits);
    return status;
}

int main(int argc, char **argv)
{
    run r = {0};
    kdst_status status = make(&r, argc > 1 ? argv[1] : "examples/data");
    for (int epoch = 0; epoch < EPOCHS && !status; epoch++) {
        double sum = 0, accuracy = 0;
        status = kdst_loader_set_epoch(r.batches, epoch);
        for (int64_t b = 0; b < kdst_loader_get_batches(r.batches) && !status; b++) {
            kdst_tensor *images = NULL, *labels = NULL;
            double loss = 0;
            status = kdst_loader_next(r.batches, &images, &labels);
            if (!status) status = learn(&r, images, labels, &loss);
            sum += loss / (double)kdst_loader_get_batches(r.batches);
            kdst_tensor_release(labels);
            kdst_tensor_release(images);
        }
        if (!status) status = kdst_metrics_reset(r.metrics);
        if (!status) status = kdst_metrics_add_loader(r.metrics, r.model, r.test_batches);
        if (!status) status = kdst_metrics_get(r.metrics, "accuracy", &accuracy);
        if (!status) printf("epoch %d: loss %.4f, test accuracy %.1f %%\n", epoch + 1, sum, 100 * accuracy);
    }
    if (status) fprintf(stderr, "%s: %s\n", kdst_status_name(status), kdst_context_message(r.ctx));
    kdst_metrics_release(r.metrics);
    kdst_optimizer_release(r.optimizer);
    kdst_layer_release(r.model);
    kdst_loader_release(r.test_batches);
    kdst_loader_release(r.batches);
    kdst_dataset_release(r.test);
    kdst_dataset_release(r.train);
    kdst_context_release(r.ctx);
    return status != KDST_STATUS_OK;
}
