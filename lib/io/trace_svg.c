/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as a drawing: one box an operation, rows by distance from the inputs, lanes for branches.
 *
 * The row of an operation is one more than the largest row of what it reads. It continues the lane of its first input where nobody has done so,
 * else takes the first lane that is free until its result has been read for the last time. Edges that pass rows of their own lane bend
 * around it. Consecutive operations below one name of the network lie on a common ground.
 */
#include "io/svg.h"
#include "nn/trace.h"

#include <inttypes.h>
#include <string.h>

enum { WIDTH = 190, HEIGHT = 34, GAP_X = 34, GAP_Y = 20, LEFT = 110, TOP = 40 };

typedef struct place {
    int64_t row, lane, last_row; /* of the last reader */
    bool continued;              /* somebody stands below in the same lane */
} place;

typedef struct drawing {
    kdst__svg svg;
    const kdst_trace *trace;
    place *places;  /* [op_count] */
    int64_t *lanes; /* [op_count] row until which a lane is taken */
    int64_t rows, lane_count;
} drawing;

/* The operation that gives input `i` of another one, or -1. */
static int64_t giver(const kdst_trace *trace, int64_t op, int32_t i)
{
    const kdst__graph_value *v = kdst__trace_input(trace, op, i);
    return v == NULL ? -1 : v->op;
}

static void set_rows(drawing *d)
{
    const kdst__graph *g = &d->trace->graph;
    for (int64_t op = 0; op < g->op_count; op++) {
        place *p = &d->places[op];
        for (int32_t i = 0; i < g->ops[op].count; i++) {
            int64_t from = giver(d->trace, op, i);
            if (from >= 0 && d->places[from].row >= p->row) p->row = d->places[from].row + 1;
        }
        p->last_row = p->row;
        d->rows = p->row + 1 > d->rows ? p->row + 1 : d->rows;
    }
    for (int64_t op = 0; op < g->op_count; op++)
        for (int32_t i = 0; i < g->ops[op].count; i++) {
            int64_t from = giver(d->trace, op, i);
            if (from >= 0 && d->places[op].row > d->places[from].last_row) d->places[from].last_row = d->places[op].row;
        }
}

static void set_lanes(drawing *d)
{
    const kdst__graph *g = &d->trace->graph;
    for (int64_t op = 0; op < g->op_count; op++) {
        place *p = &d->places[op];
        int64_t from = -1;
        for (int32_t i = 0; i < g->ops[op].count && from < 0; i++)
            from = giver(d->trace, op, i);
        p->lane = -1;
        if (from >= 0 && !d->places[from].continued) {
            p->lane = d->places[from].lane;
            d->places[from].continued = true;
        }
        for (int64_t lane = 0; p->lane < 0; lane++)
            if (lane == d->lane_count || d->lanes[lane] < p->row) p->lane = lane;
        if (p->lane == d->lane_count) d->lanes[d->lane_count++] = 0;
        if (p->last_row - 1 > d->lanes[p->lane]) d->lanes[p->lane] = p->last_row - 1;
        if (p->row > d->lanes[p->lane]) d->lanes[p->lane] = p->row;
    }
}

static int64_t left_of(const place *p)
{
    return LEFT + p->lane * (WIDTH + GAP_X);
}

static int64_t top_of(const place *p)
{
    return TOP + (p->row + 1) * (HEIGHT + GAP_Y);
}

static const char *colour(const char *op)
{
    static const char *const table[][2] = {
        {"conv", "#cfe2ff"},      {"linear", "#cfe2ff"},  {"matmul", "#cfe2ff"},   {"lstm", "#cfe2ff"},
        {"embedding", "#cfe2ff"}, {"batch_", "#d8f0d8"},  {"layer_n", "#d8f0d8"},  {"group_n", "#d8f0d8"},
        {"relu", "#ffe6c7"},      {"sigmoid", "#ffe6c7"}, {"tanh", "#ffe6c7"},     {"softmax", "#ffe6c7"},
        {"gelu", "#ffe6c7"},      {"silu", "#ffe6c7"},    {"max_pool", "#e8dbf7"}, {"avg_pool", "#e8dbf7"},
        {"adaptive", "#e8dbf7"},  {"global_", "#e8dbf7"}, {"add", "#ffd6dc"},      {"concat", "#ffd6dc"},
        {"mul", "#ffd6dc"},       {"sub", "#ffd6dc"},
    };
    for (int32_t i = 0; i < KDST__COUNT(table); i++)
        if (strncmp(op, table[i][0], strlen(table[i][0])) == 0) return table[i][1];
    return "#eeeeee";
}

/* ---- parts ---- */

/* Bytes of the first name of a path. */
static size_t first_name(const char *path)
{
    return strcspn(path, ".");
}

static void draw_ground(drawing *d, int64_t begin, int64_t end)
{
    const char *path = d->trace->layers[d->trace->places[begin]].path;
    char name[64] = "";
    int64_t top = d->places[begin].row, bottom = top, width = d->lane_count * (WIDTH + GAP_X);
    for (int64_t op = begin; op < end; op++) {
        top = d->places[op].row < top ? d->places[op].row : top;
        bottom = d->places[op].row > bottom ? d->places[op].row : bottom;
    }
    size_t bytes = first_name(path) < sizeof name - 1 ? first_name(path) : sizeof name - 1;
    memcpy(name, path, bytes);
    int64_t y = TOP + (top + 1) * (HEIGHT + GAP_Y) - GAP_Y / 2, height = (bottom - top + 1) * (HEIGHT + GAP_Y);
    kdst__svg_add(
        &d->svg,
        "<rect x=\"8\" y=\"%" PRId64 "\" width=\"%" PRId64 "\" height=\"%" PRId64 "\" rx=\"8\" class=\"ground\"/>\n", y,
        LEFT + width - 8, height);
    kdst__svg_add(&d->svg, "<text x=\"16\" y=\"%" PRId64 "\" class=\"name\">", y + 18);
    kdst__svg_text(&d->svg, name);
    kdst__svg_add(&d->svg, "</text>\n");
}

/* Runs of operations that share the first name of their paths. */
static void draw_grounds(drawing *d)
{
    const kdst_trace *t = d->trace;
    for (int64_t begin = 0, end; begin < t->graph.op_count; begin = end) {
        const char *path = t->layers[t->places[begin]].path;
        size_t bytes = first_name(path);
        for (end = begin + 1; end < t->graph.op_count; end++) {
            const char *other = t->layers[t->places[end]].path;
            if (first_name(other) != bytes || strncmp(path, other, bytes) != 0) break;
        }
        if (bytes > 0 && end - begin > 1) draw_ground(d, begin, end);
    }
}

static void draw_edge(drawing *d, const place *from, const place *to)
{
    int64_t x1 = left_of(from) + WIDTH / 2, y1 = top_of(from) + HEIGHT, x2 = left_of(to) + WIDTH / 2, y2 = top_of(to);
    kdst__svg_add(
        &d->svg, "<path class=\"%s\" d=\"M%" PRId64 " %" PRId64, to->row - from->row > 1 ? "skip" : "edge", x1, y1);
    if (to->row - from->row > 1) {
        /* beside the boxes of the lane further right, or of its own */
        int64_t side = (from->lane > to->lane ? left_of(from) : left_of(to)) + WIDTH + GAP_X / 2;
        if (from->lane != to->lane) side = from->lane > to->lane ? x1 : x2;
        kdst__svg_add(
            &d->svg, " C%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, x1, y1 + GAP_Y, side, y1,
            side, y1 + GAP_Y + HEIGHT / 2);
        kdst__svg_add(&d->svg, " L%" PRId64 " %" PRId64, side, y2 - GAP_Y - HEIGHT / 2);
        kdst__svg_add(
            &d->svg, " C%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, side, y2, x2, y2 - GAP_Y,
            x2, y2);
    } else {
        kdst__svg_add(
            &d->svg, " C%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, x1, y1 + GAP_Y / 2, x2,
            y2 - GAP_Y / 2, x2, y2);
    }
    kdst__svg_add(&d->svg, "\" marker-end=\"url(#tip)\"/>\n");
}

static void draw_edges(drawing *d)
{
    const kdst__graph *g = &d->trace->graph;
    const place input = {.row = -1};
    for (int64_t op = 0; op < g->op_count; op++)
        for (int32_t i = 0; i < g->ops[op].count; i++) {
            const kdst__graph_value *v = kdst__trace_input(d->trace, op, i);
            if (v == NULL || (v->role != KDST_VALUE_INPUT && v->op < 0)) continue;
            draw_edge(d, v->op < 0 ? &input : &d->places[v->op], &d->places[op]);
        }
}

/* The last name of a path. */
static const char *last_name(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

static void
draw_box(drawing *d, const place *p, const char *fill, const char *name, const char *path, const kdst__graph_value *v)
{
    char shape[KDST__SHAPE_TEXT];
    int64_t x = left_of(p), y = top_of(p);
    kdst__svg_add(&d->svg, "<g><title>");
    kdst__svg_text(&d->svg, path);
    kdst__svg_add(
        &d->svg,
        "</title><rect x=\"%" PRId64 "\" y=\"%" PRId64
        "\" width=\"%d\" height=\"%d\" rx=\"5\" fill=\"%s\" class=\"box\"/>"
        "<text x=\"%" PRId64 "\" y=\"%" PRId64 "\">",
        x, y, WIDTH, HEIGHT, fill, x + WIDTH / 2, y + 14);
    kdst__svg_text(&d->svg, name);
    if (path[0] != '\0' && strlen(last_name(path)) <= 16) {
        kdst__svg_add(&d->svg, "<tspan class=\"layer\" dx=\"6\">");
        kdst__svg_text(&d->svg, last_name(path));
        kdst__svg_add(&d->svg, "</tspan>");
    }
    kdst__svg_add(&d->svg, "</text><text x=\"%" PRId64 "\" y=\"%" PRId64 "\" class=\"shape\">", x + WIDTH / 2, y + 28);
    kdst__svg_text(&d->svg, kdst__shape_text(v->rank, v->shape, shape));
    kdst__svg_add(&d->svg, "</text></g>\n");
}

static void draw(drawing *d)
{
    const kdst_trace *t = d->trace;
    int64_t width = LEFT + d->lane_count * (WIDTH + GAP_X) + 20, height = TOP + (d->rows + 1) * (HEIGHT + GAP_Y) + 10;
    kdst__svg_add(
        &d->svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRId64 "\" height=\"%" PRId64 "\" viewBox=\"0 0 %" PRId64
        " %" PRId64 "\">\n",
        width, height, width, height);
    kdst__svg_add(
        &d->svg,
        "<style>text{font:12px "
        "sans-serif;text-anchor:middle;fill:#222}.shape{font-size:10px;fill:#555}.layer{fill:#777;font-style:italic}"
        ".name{text-anchor:start;font-weight:bold;fill:#777}.box{stroke:#888}.ground{fill:#f7f7f7;stroke:#ddd}"
        ".edge{fill:none;stroke:#777}.skip{fill:none;stroke:#c0392b;stroke-dasharray:5 3}</style>\n");
    kdst__svg_add(
        &d->svg,
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
        "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#777\"/></marker></defs>\n");
    kdst__svg_add(&d->svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    draw_grounds(d);
    draw_edges(d);
    for (int64_t i = 0; i < t->input_count; i++) {
        const place p = {.row = -1, .lane = i};
        draw_box(d, &p, "#fff7c2", "input", "", &t->graph.values[t->inputs[i]]);
    }
    for (int64_t op = 0; op < t->graph.op_count; op++)
        draw_box(
            d, &d->places[op], colour(t->graph.ops[op].op->name), kdst__trace_op_name(t, op),
            t->layers[t->places[op]].path, kdst__trace_output(t, op));
    kdst__svg_add(&d->svg, "</svg>\n");
}

kdst_status kdst_trace_save_svg(kdst_trace *trace, const char *path)
{
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = trace->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    kdst__enter(ctx);
    if (path == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_save_svg: path is NULL");
    size_t count = (size_t)trace->graph.op_count;
    drawing d = {.trace = trace, .rows = 1, .lane_count = trace->input_count};
    d.places = kdst__alloc_zero(memory, count * sizeof *d.places);
    d.lanes = kdst__alloc_zero(memory, (count + KDST__LAYER_INPUTS) * sizeof *d.lanes);
    kdst_status status =
        d.places != NULL && d.lanes != NULL ? KDST_STATUS_OK : kdst__fail_memory(ctx, "trace_save_svg");
    if (status == KDST_STATUS_OK) status = kdst__sink_open(ctx, "trace_save_svg", path, &d.svg.sink);
    if (status == KDST_STATUS_OK) {
        set_rows(&d);
        for (int64_t i = 0; i < trace->input_count; i++)
            d.lanes[i] = -1;
        set_lanes(&d);
        draw(&d);
        status = d.svg.status;
        if (status == KDST_STATUS_OK)
            status = kdst__sink_commit(d.svg.sink);
        else
            kdst__sink_abandon(d.svg.sink);
    }
    kdst__free(memory, d.lanes, (count + KDST__LAYER_INPUTS) * sizeof *d.lanes);
    kdst__free(memory, d.places, count * sizeof *d.places);
    return status;
}
