/* SPDX-License-Identifier: Apache-2.0 */
/* See distill.h. */
#include "distill.h"

#include <math.h>

#define LARGEST 1024

void reference_soften(int64_t k, const double *z, double temperature, long double *p, long double *log_p)
{
    long double t = temperature, largest = z[0] / t, sum = 0;
    for (int64_t i = 1; i < k; i++)
        largest = fmaxl(largest, z[i] / t);
    for (int64_t i = 0; i < k; i++)
        sum += expl(z[i] / t - largest);
    for (int64_t i = 0; i < k; i++) {
        log_p[i] = z[i] / t - largest - logl(sum);
        p[i] = expl(log_p[i]);
    }
}

/* w * -sum_k q'_k log p_k, and its gradient added. q' has `label` on the label and `other` on each other class. */
static long double
hard(int64_t k, const double *s, int32_t y, long double label, long double other, long double w, long double *grad)
{
    long double p[LARGEST], log_p[LARGEST], value = 0;
    reference_soften(k, s, 1, p, log_p);
    for (int64_t i = 0; i < k; i++) {
        long double q = i == y ? label : other;
        value -= q * log_p[i];
        grad[i] += w * (p[i] - q);
    }
    return w * value;
}

/* w * sum_k q_k (log q_k - log p_k) for q = softmax(z / t_target), p = softmax(s / t_student), and its gradient added. */
static long double
soft(int64_t k, const double *s, double t_student, const double *z, double t_target, long double w, long double *grad)
{
    long double p[LARGEST], log_p[LARGEST], q[LARGEST], log_q[LARGEST], value = 0;
    reference_soften(k, s, t_student, p, log_p);
    reference_soften(k, z, t_target, q, log_q);
    for (int64_t i = 0; i < k; i++) {
        value += q[i] * (log_q[i] - log_p[i]);
        grad[i] += w * (p[i] - q[i]) / t_student;
    }
    return w * value;
}

/* What the virtual teacher's softmax is fed. */
static void virtual_logits(const distill_reference *r, int64_t k, int32_t y, double *z)
{
    for (int64_t i = 0; i < k; i++) {
        z[i] = i == y ? r->correct_prob : (1 - r->correct_prob) / (double)(k - 1);
        if (r->logprob) z[i] = log(z[i]);
    }
}

long double reference_distill(
    const distill_reference *r, int64_t batch, int64_t k, const double *student, const double *teacher,
    const int32_t *labels, long double *grad)
{
    long double value = 0, b = batch, eps = r->epsilon, t = r->temperature;
    long double n = r->element_mean ? b * (long double)k : b;
    long double w = r->alpha * r->multiplier * (r->t_squared ? t * t : 1) / n;
    for (int64_t i = 0; i < batch * k; i++)
        grad[i] = 0;
    for (int64_t i = 0; i < batch; i++) {
        const double *s = student + i * k;
        long double *g = grad + i * k;
        double z[LARGEST];
        int32_t y = labels[i];
        switch (r->kind) {
        case REFERENCE_CE:
            value += hard(k, s, y, 1, 0, 1 / b, g);
            break;
        case REFERENCE_LSR:
            if (r->others)
                value += hard(k, s, y, 1 - eps, eps / (k - 1), 1 / b, g);
            else
                value += hard(k, s, y, 1 - eps + eps / k, eps / k, 1 / b, g);
            break;
        case REFERENCE_KD:
            value += hard(k, s, y, 1, 0, (1 - (long double)r->alpha) / b, g);
            value += soft(k, s, r->temperature, teacher + i * k, r->temperature, w, g);
            break;
        default:
            virtual_logits(r, k, y, z);
            value += hard(k, s, y, 1, 0, (1 - (long double)r->alpha) / b, g);
            value += soft(k, s, r->soften ? r->temperature : 1, z, r->temperature, w, g);
        }
    }
    return value;
}
