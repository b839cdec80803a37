/* SPDX-License-Identifier: Apache-2.0 */
/* A distillation loss on logits of your own: no network, no tape, your memory.
 *
 *     build/examples/loss_on_logits
 *
 * prints
 *
 *     loss 0.883563
 *     gradient of sample 0:  +0.0229 -0.1019 +0.0790
 *     gradient of sample 1:  -0.2129 +0.0997 +0.1132
 */
#include <kdst/kdst.h>

#include <stdio.h>

int main(void)
{
    /* two samples, three classes, as some other program left them in memory */
    float student[2][3] = {{1.2f, 0.3f, -0.8f}, {-0.4f, 0.9f, 0.1f}};
    float teacher[2][3] = {{2.0f, 1.1f, -1.5f}, {1.3f, 0.2f, -0.6f}};
    float gradient[2][3];
    const int32_t label_data[2] = {1, 0};
    const int64_t shape[2] = {2, 3};

    kdst_context *ctx = NULL;
    kdst_options *options = NULL;
    kdst_tensor *s = NULL, *t = NULL, *g = NULL, *labels = NULL;
    kdst_loss *loss = NULL;
    double value = 0;

    kdst_status status = kdst_context_create(NULL, &ctx);
    /* tensors on your memory: nothing is copied */
    if (!status) status = kdst_tensor_create_foreign(ctx, KDST_DTYPE_FLOAT32, 2, shape, NULL, student, NULL, NULL, &s);
    if (!status) status = kdst_tensor_create_foreign(ctx, KDST_DTYPE_FLOAT32, 2, shape, NULL, teacher, NULL, NULL, &t);
    if (!status) status = kdst_tensor_create_foreign(ctx, KDST_DTYPE_FLOAT32, 2, shape, NULL, gradient, NULL, NULL, &g);
    if (!status) status = kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, label_data, &labels);

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
