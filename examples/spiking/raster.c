/* SPDX-License-Identifier: Apache-2.0 */
/* The spikes of one image as inline SVG: a panel for each layer, from the first on the left to the output. Of a layer with more neurons
 * than the panel has rows every so many-th is drawn. */
#include "report.h"

#include <math.h>

enum { PANEL = 130, GAP = 26, LEFT = 44, TOP = 44, BOTTOM = 40, HEIGHT = 300, MOST_ROWS = 400 };

static void draw_panel(page *p, const raster *r, int layer, double x0)
{
    int64_t neurons = r->neurons[layer], rows = neurons < MOST_ROWS ? neurons : MOST_ROWS;
    double wide = (double)PANEL / (double)r->steps, high = (double)HEIGHT / (double)rows;
    page_add(p, "<rect class=\"frame\" x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\"/>", x0, TOP, PANEL, HEIGHT);
    page_add(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x0 + PANEL / 2.0, TOP - 8);
    page_text(p, r->names[layer]);
    page_add(p, "</text><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%lld%s</text><path fill=\"#1f4e79\" d=\"", x0 + PANEL / 2.0,
             TOP + HEIGHT + 16, (long long)rows, rows < neurons ? "" : " neurons");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t t = 0; t < r->steps; t++)
            if (r->spikes[layer][t * neurons + i * neurons / rows])
                page_add(p, "M%.1f %.2fh%.1fv%.2fh-%.1fz", x0 + wide * ((double)t + 0.1), TOP + HEIGHT - high * (double)(i + 1),
                         0.8 * wide, 0.9 * high, 0.8 * wide);
    page_add(p, "\"/>");
    if (rows < neurons)
        page_add(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">of %lld neurons</text>", x0 + PANEL / 2.0, TOP + HEIGHT + 31,
                 (long long)neurons);
}

void draw_raster(page *p, const raster *r, const char *title)
{
    int width = LEFT + r->layers * (PANEL + GAP);
    page_add(p, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\"><title>", width, TOP + HEIGHT + BOTTOM, width,
             TOP + HEIGHT + BOTTOM);
    page_text(p, title);
    page_add(p, "</title><text class=\"title\" x=\"%d\" y=\"16\">", LEFT);
    page_text(p, title);
    page_add(p, "</text><g transform=\"translate(16 %d) rotate(-90)\"><text text-anchor=\"middle\">neurons</text></g>", TOP + HEIGHT / 2);
    for (int i = 0; i < r->layers; i++) draw_panel(p, r, i, LEFT + i * (PANEL + GAP));
    page_add(p, "</svg>\n");
}
