/* SPDX-License-Identifier: Apache-2.0 */
/* One element of one LSTM step; a = the gates in front of their functions, or behind them, in the order i, f, g, o.
 *
 * c = sigmoid(f) c' + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c); and the derivatives of that by the product rule.
 */
#include "reference/reference.h"

#include <math.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

void reference_lstm_forward(double before, double a[4], double *c, double *h)
{
    for (int k = 0; k < 4; k++)
        a[k] = k == 2 ? tanh(a[k]) : sigmoid(a[k]);
    *c = a[1] * before + a[0] * a[2];
    *h = a[3] * tanh(*c);
}

void reference_lstm_backward(double before, const double a[4], double c, double dh, double *carry_c, double da[4])
{
    double t = tanh(c), dc = *carry_c + dh * a[3] * (1 - t * t);
    da[0] = dc * a[2] * a[0] * (1 - a[0]);
    da[1] = dc * before * a[1] * (1 - a[1]);
    da[2] = dc * a[0] * (1 - a[2] * a[2]);
    da[3] = dh * t * a[3] * (1 - a[3]);
    *carry_c = dc * a[1];
}
