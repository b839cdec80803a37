/* SPDX-License-Identifier: Apache-2.0 */
/* See chart.h. Panels stand side by side and share the scale of y and the legend; text comes from the bench alone and
 * needs no escapes. */
#include "chart.h"

#include <math.h>
#include <stdbool.h>

enum { WIDTH = 420, HEIGHT = 330, LEFT = 62, RIGHT = 18, TOP = 62, BOTTOM = 56, LEGEND = 24 };

static const char *const colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"};
enum { COLOURS = sizeof colours / sizeof *colours };

/* Where data lie: one panel's x range, and y from 0 to high in steps. */
typedef struct frame {
    double left, x0, x1, high, step;
} frame;

static double at_x(const frame *f, double x)
{
    return f->left + LEFT + log(x / f->x0) / log(f->x1 / f->x0) * (WIDTH - LEFT - RIGHT);
}

static double at_y(const frame *f, double y)
{
    return HEIGHT - BOTTOM - y / f->high * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten. */
static double nice_step(double range)
{
    double power = pow(10, floor(log10(range / 6))), m = range / 6 / power;
    return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static void find_range(frame *f, const chart_panel *panel)
{
    f->x0 = INFINITY;
    f->x1 = 0;
    for (int i = 0; i < panel->count; i++)
        for (int j = 0; j < panel->lines[i].count; j++) {
            f->x0 = fmin(f->x0, panel->lines[i].x[j]);
            f->x1 = fmax(f->x1, panel->lines[i].x[j]);
        }
    if (!(f->x1 > f->x0)) f->x1 = 2 * f->x0;
}

static double find_high(const chart_panel *panels, int count, double limit)
{
    double high = limit;
    for (int p = 0; p < count; p++)
        for (int i = 0; i < panels[p].count; i++)
            for (int j = 0; j < panels[p].lines[i].count; j++)
                high = fmax(high, panels[p].lines[i].y[j]);
    return high > 0 ? high : 1;
}

static void draw_text(FILE *out, double x, double y, const char *anchor, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void draw_axes(FILE *out, const frame *f, const chart_panel *panel, const char *y_label)
{
    double x0 = f->left + LEFT, x1 = f->left + WIDTH - RIGHT, middle = (TOP + HEIGHT - BOTTOM) / 2.0;
    for (double y = 0; y <= f->high + f->step / 2; y += f->step) {
        fprintf(
            out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x0, x1, at_y(f, y),
            at_y(f, y));
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", x0 - 6, at_y(f, y) + 4, y);
    }
    for (double x = f->x0; x <= f->x1 * 1.001; x *= 2) {
        fprintf(
            out, "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", at_x(f, x), at_x(f, x),
            HEIGHT - BOTTOM, HEIGHT - BOTTOM + 4);
        fprintf(
            out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>\n", at_x(f, x), HEIGHT - BOTTOM + 18, x);
    }
    draw_text(out, (x0 + x1) / 2, HEIGHT - BOTTOM + 40, "middle", panel->x_label);
    draw_text(out, (x0 + x1) / 2, TOP - 12, "middle", panel->title);
    fprintf(
        out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", f->left + 16,
        middle, y_label);
}

static void draw_line(FILE *out, const frame *f, const chart_line *line, const char *colour)
{
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
    for (int j = 0; j < line->count; j++)
        fprintf(out, "%.1f,%.1f ", at_x(f, line->x[j]), at_y(f, line->y[j]));
    fprintf(out, "\"/>\n");
    for (int j = 0; j < line->count; j++)
        fprintf(
            out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s, %g: %.1f</title></circle>\n",
            at_x(f, line->x[j]), at_y(f, line->y[j]), colour, line->name, line->x[j], line->y[j]);
}

static void draw_limit(FILE *out, const frame *f, double limit)
{
    fprintf(
        out, "<line class=\"limit\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", f->left + LEFT,
        f->left + WIDTH - RIGHT, at_y(f, limit), at_y(f, limit));
}

/* The panels have the same lines: the first one's are named, two entries a row for each panel. */
static void draw_legend(FILE *out, const chart_panel *panel, const char *limit_name, int columns)
{
    for (int i = 0; i <= panel->count; i++) {
        double x = 20 + (i % columns) * (WIDTH / 2.0), y = HEIGHT + LEGEND * (0.5 + i / columns);
        bool limit = i == panel->count;
        fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"", x, x + 22, y - 4, y - 4);
        if (limit)
            fprintf(out, " class=\"limit\"/>");
        else
            fprintf(out, " stroke=\"%s\" stroke-width=\"3\"/>", colours[i % COLOURS]);
        draw_text(out, x + 28, y, "start", limit ? limit_name : panel->lines[i].name);
    }
}

int chart_write(
    const char *path, const char *title, const char *y_label, const chart_panel *panels, int count, double limit,
    const char *limit_name)
{
    int columns = 2 * count, rows = (panels[0].count + columns) / columns;
    int width = WIDTH * count, height = HEIGHT + LEGEND * rows;
    double high = find_high(panels, count, limit), step = nice_step(high);
    FILE *out = fopen(path, "w");
    if (!out) return perror(path), 1;
    fprintf(out, "<!-- SPDX-License-Identifier: Apache-2.0 -->\n");
    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
        width, height, width, height);
    fprintf(out, "<title>%s</title>\n", title);
    fprintf(
        out,
        "<style>text{font:13px "
        "sans-serif;fill:#222}.head{font-size:15px;font-weight:bold}.grid{stroke:#ddd}.tick{stroke:#888}"
        ".limit{stroke:#444;stroke-width:1.5;stroke-dasharray:6 4}</style>\n");
    fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
    fprintf(out, "<text class=\"head\" x=\"%d\" y=\"24\">%s</text>\n", LEFT, title);
    for (int p = 0; p < count; p++) {
        frame f = {.left = WIDTH * p, .high = ceil(high / step) * step, .step = step};
        find_range(&f, &panels[p]);
        draw_axes(out, &f, &panels[p], y_label);
        draw_limit(out, &f, limit);
        for (int i = 0; i < panels[p].count; i++)
            draw_line(out, &f, &panels[p].lines[i], colours[i % COLOURS]);
    }
    draw_legend(out, &panels[0], limit_name, columns);
    fprintf(out, "</svg>\n");
    bool failed = ferror(out);
    if (fclose(out) || failed) return perror(path), 1;
    return 0;
}
