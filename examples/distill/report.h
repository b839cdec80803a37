/* SPDX-License-Identifier: Apache-2.0 */
/* The report: one self-contained HTML page with inline SVG. */
#ifndef DISTILL_REPORT_H
#define DISTILL_REPORT_H

#include "run.h"

enum { TEMPERATURES = 7 };
extern const double report_temperatures[TEMPERATURES]; /* 1 2 5 10 20 40 100 */

/* The paper's argument: how soft a trained teacher's distribution is at each temperature, and the virtual teacher beside it. */
typedef struct softness {
    bool there;
    char teacher[128];
    double kl[TEMPERATURES];          /* mean KL(q_T || uniform) on the test set */
    double top[TEMPERATURES];         /* mean largest probability */
    double virtual_kl[TEMPERATURES];  /* the same of p^d_T */
    double virtual_top[TEMPERATURES];
} softness;

/* Measures `model` on the test set. */
bool softness_measure(experiment *e, kdst_layer *model, softness *out);

/* Writes report.html into the output folder. */
bool report_write(const experiment *e, const run_record *runs, int count, const softness *soft, char *path, size_t path_size);

#endif
