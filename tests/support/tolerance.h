/* SPDX-License-Identifier: Apache-2.0 */
/* How far a result may be from its reference, and why. u is the unit roundoff: 2^-24 in float32, 2^-53 in float64. */
#ifndef KDST_TESTS_TOLERANCE_H
#define KDST_TESTS_TOLERANCE_H

#include <stdint.h>

/* Results of whole operations on some hundred terms of size 1, relative to max(1, largest |expected|): some 300 u, which
 * is the worst case of a sum of 150 terms in any order; such sums err by a tenth of it. */
#define TOLERANCE32 2e-5
#define TOLERANCE64 1e-12

static inline double unit_roundoff(int is_double)
{
    return is_double ? 0x1p-53 : 0x1p-24;
}

/* Largest error of a sum of `terms` products whose absolute values sum to `size`, in whatever order, fused or not:
 * terms u size (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1, where the product is one
 * rounding more); two terms more for what is added at the end. Twice that: in float64 the reference errs as much. */
static inline double sum_bound(double u, double terms, double size)
{
    return 2 * (terms + 2) * u * size;
}

/* `roundings` operations one after the other, each of relative error u, and those of the reference. */
static inline double chain_bound(double u, double roundings, double size)
{
    return 2 * roundings * u * size;
}

/* Units in the last place by which the vector exponential may miss: one of its polynomial and reduction, and half a
 * unit each for rounding its two factors of 2 into a subnormal and for libm's own. */
#define EXP_UNITS 2

#endif
