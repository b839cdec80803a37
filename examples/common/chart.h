/* SPDX-License-Identifier: Apache-2.0 */
/* Charts as inline SVG: lines over a linear or logarithmic axis, a matrix of counts, a reliability diagram. */
#ifndef COMMON_CHART_H
#define COMMON_CHART_H

#include "page.h"

#include <stdint.h>

typedef struct series {
    const char *name, *colour;
    const double *x, *y; /* [count]; NaN leaves a gap */
    int count;
    bool dashed;
} series;

typedef struct chart {
    const char *title, *x_label, *y_label;
    bool log_x;
    bool y_percent;  /* y is a fraction, labelled in per cent */
    bool y_from_zero;
    bool points;     /* mark the points */
} chart;

void chart_lines(page *p, const chart *c, const series *s, int count);

/* counts [n, n], rows are labels; colour by the share of the row. */
void chart_confusion(page *p, const char *title, const int64_t *counts, int64_t n);

/* bins [count, 3]: samples, mean confidence, accuracy. */
void chart_reliability(page *p, const char *title, const double *bins, int64_t count, double ece, const char *colour);

#endif
