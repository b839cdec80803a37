/* SPDX-License-Identifier: Apache-2.0 */
/* One element's update as PyTorch 1.13 documents torch.optim.SGD, Adam, AdamW and RMSprop (without maximize).
 *
 * SGD:  g_t = grad + lambda theta; b_t = g_t at first, then mu b + (1 - tau) g_t, where mu is not 0; g_t = g_t + mu b_t
 *       (nesterov) or b_t; theta -= gamma g_t.
 * Adam: g_t = grad + lambda theta; m = beta1 m + (1 - beta1) g_t; v = beta2 v + (1 - beta2) g_t^2;
 *       theta -= gamma (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps), with amsgrad the largest v / (1 - beta2^t).
 *       AdamW: theta -= gamma lambda theta first, g_t = grad.
 * RMSprop: g_t = grad + lambda theta; v = alpha v + (1 - alpha) g_t^2; centered: u = alpha u + (1 - alpha) g_t, s = v - u^2, else s = v;
 *       b = mu b + g_t / (sqrt(s) + eps); theta -= gamma b.
 */
#include "reference/reference.h"

#include <math.h>

void reference_sgd(
    double rate, double momentum, double dampening, double weight_decay, int32_t nesterov, int32_t first, double g,
    double *v, double *w)
{
    g = g + weight_decay * *w;
    if (v) {
        *v = first ? g : momentum * *v + (1 - dampening) * g;
        g = nesterov ? g + momentum * *v : *v;
    }
    *w -= rate * g;
}

void reference_adam(
    double rate, double beta1, double beta2, double eps, double weight_decay, int32_t decoupled, int64_t step, double g,
    double *m, double *v, double *most, double *w)
{
    if (decoupled) *w -= rate * weight_decay * *w;
    else g = g + weight_decay * *w;
    *m = beta1 * *m + (1 - beta1) * g;
    *v = beta2 * *v + (1 - beta2) * g * g;
    double second = *v;
    if (most) second = *most = fmax(*most, *v);
    double m_hat = *m / (1 - pow(beta1, (double)step)), v_hat = second / (1 - pow(beta2, (double)step));
    *w -= rate * m_hat / (sqrt(v_hat) + eps);
}

void reference_rmsprop(
    double rate, double alpha, double eps, double momentum, double weight_decay, double g, double *v, double *mean,
    double *b, double *w)
{
    g = g + weight_decay * *w;
    *v = alpha * *v + (1 - alpha) * g * g;
    double spread = *v;
    if (mean) {
        *mean = alpha * *mean + (1 - alpha) * g;
        spread -= *mean * *mean;
    }
    double step = g / (sqrt(spread) + eps);
    if (b) step = *b = momentum * *b + step;
    *w -= rate * step;
}
