/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of a pair (x, t) and their derivatives, as the definitions have them; s is the logistic function.
 *
 * L1 |x - t|; MSE (x - t)^2; HUBER d^2 / 2 where |d| < p, else p (|d| - p / 2); SMOOTH_L1 that over p;
 * BCE -v t log s(x) - (1 - t) log(1 - s(x)); KL t (log t - x); KL_LOG the same with t = e^t. Times w.
 */
#include "reference/reference.h"

#include <math.h>

static double huber(double p, double d)
{
    return fabs(d) < p ? d * d / 2 : p * (fabs(d) - p / 2);
}

static double sign(double d)
{
    return d > 0 ? 1 : d < 0 ? -1 : 0;
}

static double huber_slope(double p, double d)
{
    return fabs(d) < p ? d : p * sign(d);
}

double reference_pair_loss(int32_t kind, double p, double x, double t, double w, double v)
{
    double s = 1 / (1 + exp(-x));
    switch (kind) {
    case KDST__L1:
        return w * fabs(x - t);
    case KDST__MSE:
        return w * pow(x - t, 2);
    case KDST__HUBER:
        return w * huber(p, x - t);
    case KDST__SMOOTH_L1:
        return w * (p == 0 ? fabs(x - t) : huber(p, x - t) / p);
    case KDST__BCE:
        return w * (-v * t * log(s) - (1 - t) * log(1 - s));
    case KDST__KL:
        return t == 0 ? 0 : w * t * (log(t) - x);
    default:
        return w * exp(t) * (t - x);
    }
}

double reference_pair_loss_slope(int32_t kind, double p, double x, double t, double w, double v, int32_t of_target)
{
    double s = 1 / (1 + exp(-x)), slope;
    switch (kind) {
    case KDST__L1:
        slope = sign(x - t);
        break;
    case KDST__MSE:
        slope = 2 * (x - t);
        break;
    case KDST__HUBER:
        slope = huber_slope(p, x - t);
        break;
    case KDST__SMOOTH_L1:
        slope = p == 0 ? sign(x - t) : huber_slope(p, x - t) / p;
        break;
    case KDST__BCE:
        return w * (of_target ? -v * log(s) + log(1 - s) : -v * t * (1 - s) + (1 - t) * s);
    case KDST__KL:
        return t == 0 ? 0 : w * (of_target ? log(t) - x + 1 : -t);
    default:
        return w * (of_target ? exp(t) * (t - x) + exp(t) : -exp(t));
    }
    return of_target ? -w * slope : w * slope;
}
