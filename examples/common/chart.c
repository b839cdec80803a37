/* SPDX-License-Identifier: Apache-2.0 */
/* Charts as inline SVG (see chart.h). One coordinate frame: plot area between margins, y upwards. */
#include "chart.h"

#include <math.h>

enum { WIDTH = 560, HEIGHT = 300, LEFT = 62, RIGHT = 16, TOP = 30, BOTTOM = 44, LEGEND = 18 };

typedef struct frame {
    double x0, x1, y0, y1; /* data ranges */
    bool log_x;
    int height;
} frame;

static double at_x(const frame *f, double x)
{
    double a = f->log_x ? log(x / f->x0) / log(f->x1 / f->x0) : (x - f->x0) / (f->x1 - f->x0);
    return LEFT + a * (WIDTH - LEFT - RIGHT);
}

static double at_y(const frame *f, double y)
{
    return f->height - BOTTOM - (y - f->y0) / (f->y1 - f->y0) * (f->height - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten: about `parts` steps over the range. */
static double nice_step(double range, int parts)
{
    double raw = range / parts, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void open_svg(page *p, int width, int height, const char *title)
{
    page_add(p, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\"><title>", width, height, width, height);
    page_text(p, title);
    page_add(p, "</title><text class=\"title\" x=\"%d\" y=\"18\">", LEFT);
    page_text(p, title);
    page_add(p, "</text>");
}

static void label(page *p, double x, double y, const char *anchor, const char *text)
{
    page_add(p, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    page_text(p, text);
    page_add(p, "</text>");
}

/* Drawn at all: finite, and of a size that axes can be labelled with. */
static bool drawn(double value)
{
    return fabs(value) <= 1e15;
}

static void find_ranges(const chart *c, const series *s, int count, frame *f)
{
    f->x0 = f->y0 = INFINITY;
    f->x1 = f->y1 = -INFINITY;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < s[i].count; j++) {
            if (!drawn(s[i].y[j]) || !drawn(s[i].x[j])) continue;
            f->x0 = fmin(f->x0, s[i].x[j]), f->x1 = fmax(f->x1, s[i].x[j]);
            f->y0 = fmin(f->y0, s[i].y[j]), f->y1 = fmax(f->y1, s[i].y[j]);
        }
    if (!(f->x0 <= f->x1)) f->x0 = f->log_x ? 1 : 0, f->x1 = f->x0 + 1, f->y0 = 0, f->y1 = 1;
    if (c->y_from_zero) f->y0 = 0;
    if (f->x0 == f->x1) f->x1 = f->x0 + 1;
    /* what numbers of this size can hardly tell apart is one value */
    double size = fmax(fabs(f->y0), fabs(f->y1));
    if (!(f->y1 - f->y0 > fmax(1e-9 * size, 1e-100))) f->y1 = f->y0 + (size > 1e-100 ? size : 1);
    double step = nice_step(f->y1 - f->y0, 5);
    f->y0 = floor(f->y0 / step) * step;
    f->y1 = ceil(f->y1 / step) * step;
}

static void draw_axes(page *p, const chart *c, const frame *f)
{
    double step = nice_step(f->y1 - f->y0, 5), bottom = f->height - BOTTOM;
    for (double y = f->y0; y <= f->y1 + step / 2; y += step) {
        page_add(p, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, at_y(f, y), at_y(f, y));
        page_add(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g%s</text>", LEFT - 6, at_y(f, y) + 4,
                 c->y_percent ? 100 * y : fabs(y) < step / 1e6 ? 0 : y, c->y_percent ? " %" : "");
    }
    if (f->log_x) {
        static const double marks[] = {1, 2, 5, 10, 20, 40, 100, 200, 500, 1000};
        for (unsigned i = 0; i < sizeof marks / sizeof *marks; i++)
            if (marks[i] >= f->x0 && marks[i] <= f->x1)
                page_add(p, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>", at_x(f, marks[i]), bottom + 16, marks[i]);
    } else {
        double dx = fmax(nice_step(f->x1 - f->x0, 8), 1);
        for (double x = ceil(f->x0 / dx) * dx; x <= f->x1 + dx / 1e6; x += dx)
            page_add(p, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.4g</text>", at_x(f, x), bottom + 16, x);
    }
    label(p, (LEFT + WIDTH - RIGHT) / 2.0, bottom + 34, "middle", c->x_label);
    page_add(p, "<g transform=\"translate(14 %.1f) rotate(-90)\">", (TOP + bottom) / 2);
    label(p, 0, 0, "middle", c->y_label);
    page_add(p, "</g>");
}

static void draw_series(page *p, const chart *c, const frame *f, const series *s)
{
    bool pen_down = false;
    page_add(p, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s d=\"", s->colour, s->dashed ? " stroke-dasharray=\"6 4\"" : "");
    for (int j = 0; j < s->count; j++) {
        bool there = drawn(s->y[j]);
        if (there) page_add(p, "%c%.1f %.1f", pen_down ? 'L' : 'M', at_x(f, s->x[j]), at_y(f, s->y[j]));
        pen_down = there;
    }
    page_add(p, "\"/>");
    for (int j = 0; (c->points || s->count == 1) && j < s->count; j++)
        if (drawn(s->y[j]))
            page_add(p, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%.5g</title></circle>", at_x(f, s->x[j]),
                     at_y(f, s->y[j]), s->colour, s->y[j]);
}

static void draw_legend(page *p, const frame *f, const series *s, int count)
{
    for (int i = 0; i < count; i++) {
        double x = LEFT + (i % 4) * 122, y = f->height + 4 + (i / 4) * LEGEND;
        page_add(p, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"3\"%s/>", x, x + 18, y - 4, y - 4,
                 s[i].colour, s[i].dashed ? " stroke-dasharray=\"5 3\"" : "");
        label(p, x + 23, y, "start", s[i].name);
    }
}

void chart_lines(page *p, const chart *c, const series *s, int count)
{
    frame f = {.log_x = c->log_x, .height = HEIGHT};
    find_ranges(c, s, count, &f);
    open_svg(p, WIDTH, HEIGHT + LEGEND * ((count + 3) / 4) + 4, c->title);
    draw_axes(p, c, &f);
    for (int i = 0; i < count; i++) draw_series(p, c, &f, &s[i]);
    draw_legend(p, &f, s, count);
    page_add(p, "</svg>\n");
}

void chart_confusion(page *p, const char *title, const int64_t *counts, int64_t n)
{
    const int side = 340, size = side + LEFT + RIGHT;
    double cell = (double)side / (double)n;
    open_svg(p, size, side + TOP + BOTTOM, title);
    for (int64_t r = 0; r < n; r++) {
        int64_t sum = 0;
        for (int64_t k = 0; k < n; k++) sum += counts[r * n + k];
        for (int64_t k = 0; k < n; k++) {
            double share = sum ? (double)counts[r * n + k] / (double)sum : 0, x = LEFT + (double)k * cell, y = TOP + (double)r * cell;
            page_add(p, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"%.3f\"><title>label %lld, "
                        "predicted %lld: %lld</title></rect>",
                     x, y, cell - 1, cell - 1, r == k ? "#1f77b4" : "#d62728", sqrt(share), (long long)r, (long long)k,
                     (long long)counts[r * n + k]);
            if (n <= 12 && counts[r * n + k])
                page_add(p, "<text class=\"cell\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\"%s>%lld</text>", x + cell / 2, y + cell / 2 + 4,
                         share > 0.5 ? " fill=\"#fff\"" : "", (long long)counts[r * n + k]);
        }
        if (n > 12) continue;
        page_add(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%lld</text>", LEFT - 6, TOP + ((double)r + 0.5) * cell + 4, (long long)r);
        page_add(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%lld</text>", LEFT + ((double)r + 0.5) * cell, side + TOP + 16, (long long)r);
    }
    label(p, LEFT + side / 2.0, side + TOP + 34, "middle", "predicted class");
    page_add(p, "<g transform=\"translate(14 %.1f) rotate(-90)\">", TOP + side / 2.0);
    label(p, 0, 0, "middle", "label");
    page_add(p, "</g></svg>\n");
}

void chart_reliability(page *p, const char *title, const double *bins, int64_t count, double ece, const char *colour)
{
    const int side = 250;
    double width = (double)side / (double)count, total = 0;
    open_svg(p, side + LEFT + RIGHT, side + TOP + BOTTOM, title);
    for (int64_t b = 0; b < count; b++) total += bins[3 * b];
    page_add(p, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", LEFT, TOP, side, side);
    for (int64_t b = 0; b < count; b++) {
        const double *bin = bins + 3 * b;
        if (bin[0] <= 0) continue;
        page_add(p, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"%.2f\"><title>%.0f samples, confidence "
                    "%.3f, accuracy %.3f</title></rect>",
                 LEFT + (double)b * width, TOP + side * (1 - bin[2]), width - 1, side * bin[2], colour,
                 0.35 + 0.65 * sqrt(bin[0] / total), bin[0], bin[1], bin[2]);
    }
    page_add(p, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"ideal\"/>", LEFT, TOP + side, LEFT + side, TOP);
    for (int i = 0; i <= 4; i++) {
        page_add(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>", LEFT - 6, TOP + side * (1 - i / 4.0) + 4, i / 4.0);
        page_add(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>", LEFT + side * i / 4.0, TOP + side + 16, i / 4.0);
    }
    page_add(p, "<text x=\"%d\" y=\"%d\">ECE %.4f</text>", LEFT + 8, TOP + 18, ece);
    label(p, LEFT + side / 2.0, TOP + side + 34, "middle", "confidence");
    page_add(p, "<g transform=\"translate(14 %.1f) rotate(-90)\">", TOP + side / 2.0);
    label(p, 0, 0, "middle", "accuracy");
    page_add(p, "</g></svg>\n");
}
