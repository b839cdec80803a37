/* SPDX-License-Identifier: Apache-2.0 */
/* A case from its context to its end. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

int bench_make_context(const bench_settings *s, kdst_context **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status && s->threads) status = kdst_options_set_int(options, "threads", s->threads);
    if (!status && s->level) status = kdst_options_set_string(options, "level", s->level);
    if (!status && s->exact) status = kdst_options_set_int(options, "exact_convolution", 1);
    if (!status) status = kdst_context_create(options, out);
    if (status) fprintf(stderr, "kdst-bench: %s\n", kdst_options_message(options));
    kdst_options_release(options);
    return status != KDST_STATUS_OK;
}

kdst_status
bench_make_tensor(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out)
{
    kdst_status status = kdst_tensor_create(ctx, dtype, rank, shape, out);
    return status ? status : kdst_tensor_set_normal(*out, 0, 1);
}

kdst_status bench_make_labels(kdst_context *ctx, int64_t count, int64_t classes, kdst_tensor **out)
{
    int32_t *labels = malloc((size_t)count * sizeof *labels);
    if (!labels) return KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count; i++)
        labels[i] = (int32_t)(i % classes);
    kdst_status status = kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &count, labels, out);
    free(labels);
    return status;
}

void bench_replace(kdst_tensor **place, kdst_tensor *tensor)
{
    kdst_tensor_release(*place);
    *place = tensor;
}

void bench_tear_down(bench *b)
{
    kdst_tensor *tensors[] = {b->outside, b->mix,   b->x,  b->weight, b->bias,
                              b->y,       b->means, b->dy, b->labels, b->teacher};
    for (unsigned i = 0; i < sizeof tensors / sizeof *tensors; i++)
        kdst_tensor_release(tensors[i]);
    kdst_loss_release(b->loss);
    kdst_frozen_release(b->frozen);
    kdst_optimizer_release(b->optimizer);
    kdst_layer_release(b->model);
    kdst_options_release(b->options);
    kdst_context_release(b->ctx);
}

int bench_run_case(const bench_case *c, const bench_settings *s, int (*measure)(bench *, const bench_settings *))
{
    bench b = {.c = c};
    int result = bench_make_context(s, &b.ctx);
    if (!result && c->kind->set_up(&b)) {
        fprintf(stderr, "kdst-bench: %s: %s\n", c->name, kdst_context_message(b.ctx));
        result = 1;
    }
    if (!result) result = measure(&b, s);
    bench_tear_down(&b);
    return result;
}
