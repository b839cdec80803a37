/* SPDX-License-Identifier: Apache-2.0 */
/* A chart as an SVG file: panels of lines over a logarithmic axis, each from 0 upwards. */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <stdio.h>

typedef struct chart_line {
    const char *name;
    const double *x, *y; /* [count]; x above 0 */
    int count;
} chart_line;

typedef struct chart_panel {
    const char *title, *x_label;
    const chart_line *lines;
    int count;
} chart_panel;

/* `limit` is drawn dashed across every panel, and named. Returns 0, or 1 when the file cannot be written. */
int chart_write(
    const char *path, const char *title, const char *y_label, const chart_panel *panels, int count, double limit,
    const char *limit_name);

#endif
