/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate of --dry-run (see dry_run.h): each rule is timed once, with fresh weights. */
#include "dry_run.h"

#include "../common/estimate.h"
#include "../common/progress.h"

typedef struct estimate {
    double step, validation; /* seconds */
    int64_t steps;           /* of an epoch */
} estimate;

/* Seconds of the test images through the model, as one batch of them takes. */
static bool time_validation(experiment *e, parts *p, double *out)
{
    kdst_metrics *metrics = NULL;
    kdst_tensor *x = NULL, *y = NULL, *currents = NULL;
    kdst_status status = kdst_loader_next(p->test, &x, &y);
    double begun = seconds_now();
    if (!status) status = kdst_no_grad_begin(e->ctx);
    if (!status) {
        status = kdst_layer_run(p->model, x, &currents);
        kdst_status ended = kdst_no_grad_end(e->ctx);
        if (!status) status = ended;
    }
    *out = status ? 0
                  : (seconds_now() - begun) * (double)kdst_dataset_get_count(e->test) / (double)kdst_tensor_get_size(x, 0);
    kdst_tensor_release(currents);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_metrics_release(metrics);
    return status == KDST_STATUS_OK || explain(e, "validation", status);
}

static bool print_network(experiment *e, parts *p)
{
    const int64_t shape[] = {1, e->shape[0], e->shape[1], e->shape[2]};
    printf("%s: %lld parameters\n", e->settings->architecture, (long long)kdst_layer_get_parameter_count(p->model));
    return print_summary("spiking", e->ctx, p->model, 4, shape);
}

static bool measure(experiment *e, const job *j, bool first, estimate *out)
{
    parts p = {0};
    bool good = make_parts(e, j, &p) && (!first || print_network(e, &p)) && time_validation(e, &p, &out->validation) &&
        time_steps("spiking", e->ctx, j->name, p.trainer, &out->step);
    if (good) out->steps = kdst_loader_get_batches(p.train);
    parts_free(&p);
    return good;
}

bool dry_run(experiment *e, const job *jobs, int count)
{
    estimate times[RULES] = {{0}};
    double epochs = (double)e->settings->epochs, total = 0;
    int64_t now = 0, most = 0;
    for (int i = 0; i < count; i++) {
        estimate *t = &times[jobs[i].rule];
        if (!t->steps && !measure(e, &jobs[i], i == 0, t)) return false;
        double seconds = epochs * ((double)t->steps * t->step + t->validation);
        printf("%-20s %.0f epochs of %lld steps of %.1f ms: ", jobs[i].name, epochs, (long long)t->steps, 1000 * t->step);
        print_time(seconds);
        printf("\n");
        total += seconds;
    }
    kdst_status status = kdst_context_get_memory(e->ctx, &now, &most);
    if (status) return explain(e, "memory", status);
    printf("about ");
    print_time(total);
    printf(" on this machine as it is now, and %.0f MiB of memory\n", (double)most / (1 << 20));
    return true;
}
