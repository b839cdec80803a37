/* SPDX-License-Identifier: Apache-2.0 */
/* The report: one self-contained HTML page with inline SVG. */
#ifndef SPIKING_REPORT_H
#define SPIKING_REPORT_H

#include "../common/page.h"
#include "activity.h"

/* Spikes through the layers: a panel for each, neurons upwards, time to the right. */
void draw_raster(page *p, const raster *r, const char *title);

/* Writes report.html into the output folder; rasters [rules], of rules without a run empty. */
bool report_write(
    const experiment *e, const run_record *runs, int count, const raster *rasters, char *path, size_t path_size);

#endif
