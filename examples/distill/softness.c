/* SPDX-License-Identifier: Apache-2.0 */
/* How soft are a teacher's targets? Yuan et al. 2020, section 3: with growing temperature the teacher's distribution q_T comes close to the
 * uniform one that label smoothing uses. Measured on the test set: mean KL(q_T || uniform) and mean top probability. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double report_temperatures[TEMPERATURES] = {1, 2, 5, 10, 20, 40, 100};

/* KL(q || uniform) = sum q log(q K), and max q. */
static void distance(const double *q, int64_t classes, double *kl, double *top)
{
    *kl = 0;
    *top = 0;
    for (int64_t k = 0; k < classes; k++) {
        if (q[k] > 0) *kl += q[k] * log(q[k] * (double)classes);
        *top = fmax(*top, q[k]);
    }
}

static void soften(const float *logits, int64_t classes, double temperature, double *q)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t k = 0; k < classes; k++) largest = fmax(largest, logits[k]);
    for (int64_t k = 0; k < classes; k++) sum += q[k] = exp((logits[k] - largest) / temperature);
    for (int64_t k = 0; k < classes; k++) q[k] /= sum;
}

static void add_batch(const float *logits, int64_t n, int64_t classes, double *q, softness *out)
{
    for (int64_t b = 0; b < n; b++) {
        for (int t = 0; t < TEMPERATURES; t++) {
            double kl, top;
            soften(logits + b * classes, classes, report_temperatures[t], q);
            distance(q, classes, &kl, &top);
            out->kl[t] += kl;
            out->top[t] += top;
        }
    }
}

/* p^d_T from the library, a = 0.99, for label 0: the distribution is the same for every label. */
static kdst_status measure_virtual(experiment *e, double *q, softness *out)
{
    const int64_t one = 1;
    const int32_t label = 0;
    kdst_tensor *labels = NULL;
    kdst_status status = kdst_tensor_create_from(e->ctx, KDST_DTYPE_INT32, 1, &one, &label, &labels);
    for (int t = 0; t < TEMPERATURES && !status; t++) {
        kdst_options *o = NULL;
        kdst_tensor *p = NULL;
        status = kdst_options_create(&o);
        if (!status) status = kdst_options_set_float(o, "temperature", report_temperatures[t]);
        if (!status) status = kdst_options_set_string(o, "dtype", "float64");
        if (!status) status = kdst_virtual_teacher_create(e->ctx, labels, e->classes, o, &p);
        if (!status) status = kdst_tensor_get_data(p, q, e->classes * (int64_t)sizeof *q);
        if (!status) distance(q, e->classes, &out->virtual_kl[t], &out->virtual_top[t]);
        kdst_tensor_release(p);
        kdst_options_release(o);
    }
    kdst_tensor_release(labels);
    return status;
}

static kdst_status measure_model(experiment *e, kdst_layer *model, kdst_loader *loader, double *q, softness *out)
{
    int64_t seen = 0;
    kdst_status status = kdst_layer_set_training(model, 0);
    while (!status) {
        kdst_tensor *x = NULL, *y = NULL, *logits = NULL;
        status = kdst_loader_next(loader, &x, &y);
        bool end = !x;
        int64_t n = end ? 0 : kdst_tensor_get_size(x, 0);
        float *values = end ? NULL : malloc((size_t)(n * e->classes) * sizeof *values);
        if (!status && !end) status = values ? kdst_layer_run(model, x, &logits) : KDST_STATUS_OUT_OF_MEMORY;
        if (!status && !end) status = kdst_tensor_get_data(logits, values, n * e->classes * (int64_t)sizeof *values);
        if (!status && !end) add_batch(values, n, e->classes, q, out);
        seen += n;
        free(values);
        kdst_tensor_release(logits);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        if (end) break;
    }
    for (int t = 0; t < TEMPERATURES && seen; t++) out->kl[t] /= (double)seen, out->top[t] /= (double)seen;
    return status;
}

bool softness_measure(experiment *e, kdst_layer *model, softness *out)
{
    kdst_loader *loader = NULL;
    double *q = malloc((size_t)e->classes * sizeof *q);
    memset(out, 0, sizeof *out);
    bool good = q && make_loader(e, e->test, false, 0, &loader);
    kdst_status status = good ? kdst_no_grad_begin(e->ctx) : KDST_STATUS_OK;
    if (good && !status) {
        status = measure_model(e, model, loader, q, out);
        if (!status) status = measure_virtual(e, q, out);
        if (status) explain_failure(e->ctx, "teacher", status);
        if (kdst_no_grad_end(e->ctx)) good = false;
    }
    kdst_loader_release(loader);
    free(q);
    return out->there = good && !status;
}
