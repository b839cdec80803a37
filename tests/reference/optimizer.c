/* SPDX-License-Identifier: Apache-2.0 */
/* One element's update as PyTorch 1.13 documents torch.optim.SGD and torch.optim.Adam (neither maximize nor amsgrad).
 *
 * SGD:  g_t = grad + lambda theta; b_t = g_t at first, then mu b + (1 - tau) g_t, where mu is not 0; g_t = g_t + mu b_t
 *       (nesterov) or b_t; theta -= gamma g_t.
 * Adam: g_t = grad + lambda theta; m = beta1 m + (1 - beta1) g_t; v = beta2 v + (1 - beta2) g_t^2;
 *       theta -= gamma (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps).
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
    double rate, double beta1, double beta2, double eps, double weight_decay, int64_t step, double g, double *m,
    double *v, double *w)
{
    g = g + weight_decay * *w;
    *m = beta1 * *m + (1 - beta1) * g;
    *v = beta2 * *v + (1 - beta2) * g * g;
    double m_hat = *m / (1 - pow(beta1, (double)step)), v_hat = *v / (1 - pow(beta2, (double)step));
    *w -= rate * m_hat / (sqrt(v_hat) + eps);
}
