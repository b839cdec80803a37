/* SPDX-License-Identifier: Apache-2.0 */
/* The distillation losses as their formulas say (Yuan et al., CVPR 2020), without regard to rounding, in long double. */
#ifndef KDST_TESTS_REFERENCE_DISTILL_H
#define KDST_TESTS_REFERENCE_DISTILL_H

#include <stdint.h>

typedef struct distill_reference {
    enum { REFERENCE_CE, REFERENCE_LSR, REFERENCE_KD, REFERENCE_REG } kind;
    double alpha, temperature, multiplier;
    double epsilon;      /* LSR */
    double correct_prob; /* REG: a */
    int32_t t_squared;
    int32_t element_mean;
    int32_t others;  /* LSR: eps / (K - 1) on the other classes, else eps / K on all */
    int32_t soften;  /* REG: the student has the temperature, too */
    int32_t logprob; /* REG: log p^d is softened, else p^d */
} distill_reference;

/* p [k] = softmax(z / temperature), log_p [k] its logarithm. */
void reference_soften(int64_t k, const double *z, double temperature, long double *p, long double *log_p);

/* Value; grad [batch, k] = d value / d student. student, teacher [batch, k], labels [batch]; k at most 1024. */
long double reference_distill(
    const distill_reference *r, int64_t batch, int64_t k, const double *student, const double *teacher,
    const int32_t *labels, long double *grad);

#endif
