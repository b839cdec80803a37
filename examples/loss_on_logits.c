/* SPDX-License-Identifier: Apache-2.0 */
/* A distillation loss on logits of your own: no network, no tape, your memory.
 *
 *     build/examples/loss_on_logits
 *
 * prints
 *
 *     loss 1.008013
 *     gradient of sample 0:  +0.1265 -0.2125 +0.0860
 *     gradient of sample 1:  -0.3460 +0.2197 +0.1263
 */
#include <kdst/kdst.h>

#include <stdio.h>

/* Two samples, three classes, as some other program left them in memory. */
static float student[2][3] = {{1.2f, 0.3f, -0.8f}, {-0.4f, 0.9f, 0.1f}};
static float teacher[2][3] = {{2.0f, 1.1f, -1.5f}, {1.3f, 0.2f, -0.6f}};
static float gradient[2][3];
static int32_t label[2] = {1, 0};

/* A tensor on memory of yours: nothing is copied. */
static kdst_status wrap(kdst_context *ctx, kdst_dtype dtype, int64_t rank, void *data, kdst_tensor **out)
{
    const int64_t shape[2] = {2, 3};
    return kdst_tensor_create_foreign(ctx, dtype, rank, shape, NULL, data, NULL, NULL, out);
}

int main(void)
{
    kdst_context *ctx = NULL;
    kdst_options *options = NULL;
    kdst_tensor *s = NULL, *t = NULL, *g = NULL, *labels = NULL;
    kdst_loss *loss = NULL;
    double value = 0;

    kdst_status status = kdst_context_create(NULL, &ctx);
    if (!status) status = wrap(ctx, KDST_DTYPE_FLOAT32, 2, student, &s);
    if (!status) status = wrap(ctx, KDST_DTYPE_FLOAT32, 2, teacher, &t);
    if (!status) status = wrap(ctx, KDST_DTYPE_FLOAT32, 2, gradient, &g);
    if (!status) status = wrap(ctx, KDST_DTYPE_INT32, 1, label, &labels);

    if (!status) status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_float(options, "alpha", 0.5);
    if (!status) status = kdst_options_set_float(options, "temperature", 4.0);
    if (!status) status = kdst_loss_kd_create(ctx, options, &loss);
    if (!status) status = kdst_loss_compute(loss, s, t, labels, &value, g);

    if (!status) {
        printf("loss %.6f\n", value);
        for (int i = 0; i < 2; i++)
            printf("gradient of sample %d:  %+.4f %+.4f %+.4f\n", i, gradient[i][0], gradient[i][1], gradient[i][2]);
    } else {
        fprintf(stderr, "%s: %s\n", kdst_status_name(status), kdst_context_message(ctx));
    }

    kdst_loss_release(loss);
    kdst_options_release(options);
    kdst_tensor_release(labels);
    kdst_tensor_release(g);
    kdst_tensor_release(t);
    kdst_tensor_release(s);
    kdst_context_release(ctx);
    return status != KDST_STATUS_OK;
}
