/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of an augmentation (see steps.h). All of them compute in double.
 *
 *     crop          out[y, x] = padded[y + i, x + j], padded with zeros, (i, j) uniform over all places
 *     flip          out[y, x] = in[y, W - 1 - x] (or in[H - 1 - y, x]) with the given probability
 *     rotation      by an angle uniform in [-degrees, degrees], counter-clockwise about the middle of the image; zero
 *                   outside; each result between four pixels (bilinear), or the nearest one
 *     resized crop  a part of the image with a share uniform in `scale` of its area and a logarithm of width / height
 *                   uniform in that of `ratio`; ten attempts, then the largest part in the middle with an allowed ratio;
 *                   brought to the size by bilinear interpolation (Szegedy et al. 2015)
 *     erasing       such a part (height / width in `ratio`), set to a value (Zhong et al. 2020)
 *     cutout        a square about a uniform pixel, cut at the borders, set to a value (DeVries and Taylor 2017)
 *     jitter        x f with f uniform in [max(0, 1 - brightness), 1 + brightness], then g x + (1 - g) m with g from
 *                   `contrast` and m the mean grey value of the image
 *     normalize     (x - mean[c]) / deviation[c]
 */
#include "data/steps.h"

#include "core/random.h"

#include <string.h>

enum { STREAM = 0x41554721, ATTEMPTS = 10 };

__extension__ typedef unsigned __int128 wide;

/* ---- random numbers ---- */

static void block_of(const kdst__step *s, kdst__draw d, uint32_t words[4])
{
    kdst__philox(d.key, STREAM + s->stream, (uint64_t)d.sample, words);
}

/* Number `index` of the step's own, in [low, high). */
static double uniform(const kdst__step *s, kdst__draw d, uint64_t index, double low, double high)
{
    uint64_t own = kdst__mix(d.key, (uint64_t)d.sample);
    return low + (high - low) * kdst__uniform(own, STREAM + s->stream, index);
}

/* Whole number in [0, n). */
static int64_t below(const kdst__step *s, kdst__draw d, uint64_t index, int64_t n)
{
    int64_t i = (int64_t)uniform(s, d, index, 0, (double)n);
    return i < n ? i : n - 1;
}

/* ---- shapes ---- */

bool kdst__step_extent(const kdst__step *s, kdst__extent in, kdst__extent *out)
{
    *out = in;
    if (s->kind != KDST__STEP_CROP && s->kind != KDST__STEP_RESIZED_CROP) return true;
    if (s->height) out->h = s->height;
    if (s->width) out->w = s->width;
    if (s->kind == KDST__STEP_RESIZED_CROP) return true;
    return out->h <= in.h + 2 * s->padding && out->w <= in.w + 2 * s->padding;
}

/* ---- crop and flip ---- */

void kdst__step_place(const kdst__step *s, kdst__draw d, kdst__extent in, int64_t *out_top, int64_t *out_left)
{
    kdst__extent out;
    uint32_t words[4];
    kdst__step_extent(s, in, &out);
    uint64_t rows = (uint64_t)(in.h + 2 * s->padding - out.h) + 1,
             columns = (uint64_t)(in.w + 2 * s->padding - out.w) + 1;
    block_of(s, d, words);
    uint64_t choice = (uint64_t)((wide)(words[0] | (uint64_t)words[1] << 32) * (rows * columns) >> 64);
    *out_top = (int64_t)(choice / columns);
    *out_left = (int64_t)(choice % columns);
}

bool kdst__step_mirrors(const kdst__step *s, kdst__draw d)
{
    uint32_t words[4];
    block_of(s, d, words);
    return words[s->axis ? 3 : 2] >= (1 - s->probability) * 0x1p32;
}

static void run_crop(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    kdst__extent to;
    int64_t top, left;
    kdst__step_extent(s, e, &to);
    kdst__step_place(s, d, e, &top, &left);
    for (int64_t c = 0; c < to.c; c++)
        for (int64_t y = 0; y < to.h; y++)
            for (int64_t x = 0; x < to.w; x++) {
                int64_t v = y + top - s->padding, u = x + left - s->padding;
                bool inside = v >= 0 && v < e.h && u >= 0 && u < e.w;
                out[(c * to.h + y) * to.w + x] = inside ? in[(c * e.h + v) * e.w + u] : 0;
            }
}

static void run_flip(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    bool across = kdst__step_mirrors(s, d), down = across && s->axis;
    across = across && !s->axis;
    for (int64_t c = 0; c < e.c; c++)
        for (int64_t y = 0; y < e.h; y++) {
            const double *row = in + (c * e.h + (down ? e.h - 1 - y : y)) * e.w;
            double *to = out + (c * e.h + y) * e.w;
            for (int64_t x = 0; x < e.w; x++)
                to[x] = row[across ? e.w - 1 - x : x];
        }
}

/* ---- between pixels ---- */

/* Four pixels of a plane and their shares; what lies outside of the image has the share 0. */
typedef struct taps {
    int64_t at[4];
    double share[4];
} taps;

static int64_t floor_of(double x)
{
    int64_t i = (int64_t)x;
    return i - (x < (double)i);
}

static taps taps_of(kdst__extent e, double y, double x)
{
    int64_t i = floor_of(y), j = floor_of(x), at = i * e.w + j;
    double fy = y - (double)i, fx = x - (double)j;
    taps t = {{at, at + 1, at + e.w, at + e.w + 1}, {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
    if (i >= 0 && i + 1 < e.h && j >= 0 && j + 1 < e.w) return t;
    for (int k = 0; k < 4; k++) {
        int64_t v = i + k / 2, u = j + k % 2;
        if (v >= 0 && v < e.h && u >= 0 && u < e.w) continue;
        t.at[k] = 0;
        t.share[k] = 0;
    }
    return t;
}

static taps nearest_tap(kdst__extent e, double y, double x)
{
    taps t = {{0}, {0}};
    int64_t v = (int64_t)nearbyint(y), u = (int64_t)nearbyint(x);
    bool inside = v >= 0 && v < e.h && u >= 0 && u < e.w;
    t.at[0] = inside ? v * e.w + u : 0;
    t.share[0] = inside;
    return t;
}

/* The same place of every channel, to planes of `step` elements. */
static void take(const taps *t, kdst__extent e, const double *in, double *out, int64_t step)
{
    for (int64_t c = 0; c < e.c; c++) {
        const double *p = in + c * e.h * e.w;
        out[c * step] = t->share[0] * p[t->at[0]] + t->share[1] * p[t->at[1]] + t->share[2] * p[t->at[2]] +
            t->share[3] * p[t->at[3]];
    }
}

static void run_rotation(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    double angle = uniform(s, d, 0, -s->degrees, s->degrees) * (3.14159265358979323846 / 180);
    double cosine = cos(angle), sine = sin(angle), my = (double)(e.h - 1) / 2, mx = (double)(e.w - 1) / 2;
    for (int64_t y = 0; y < e.h; y++)
        for (int64_t x = 0; x < e.w; x++) {
            double dy = (double)y - my, dx = (double)x - mx;
            double v = sine * dx + cosine * dy + my, u = cosine * dx - sine * dy + mx;
            taps t = s->interpolation ? nearest_tap(e, v, u) : taps_of(e, v, u);
            take(&t, e, in, out + y * e.w + x, e.h * e.w);
        }
}

/* ---- parts of the image ---- */

typedef struct part {
    int64_t top, left, h, w;
} part;

/* A part by ten attempts from number `first` of the random ones on; `turned`: the ratio is height / width. */
static bool find_part(const kdst__step *s, kdst__draw d, uint64_t first, kdst__extent e, bool turned, part *out)
{
    for (uint64_t i = 0; i < ATTEMPTS; i++) {
        uint64_t at = first + 4 * i;
        double area = (double)e.h * (double)e.w * uniform(s, d, at, s->scale[0], s->scale[1]);
        double ratio = exp(uniform(s, d, at + 1, log(s->ratio[0]), log(s->ratio[1])));
        double h = rint(sqrt(turned ? area * ratio : area / ratio)),
               w = rint(sqrt(turned ? area / ratio : area * ratio));
        if (!(h >= 1 && w >= 1 && h <= (double)e.h && w <= (double)e.w)) continue;
        *out = (part){.h = (int64_t)h, .w = (int64_t)w};
        out->top = below(s, d, at + 2, e.h - out->h + 1);
        out->left = below(s, d, at + 3, e.w - out->w + 1);
        return true;
    }
    return false;
}

static part middle_part(const kdst__step *s, kdst__extent e)
{
    double whole = (double)e.w / (double)e.h;
    part p = {.h = e.h, .w = e.w};
    if (whole < s->ratio[0]) p.h = (int64_t)rint((double)e.w / s->ratio[0]);
    if (whole > s->ratio[1]) p.w = (int64_t)rint((double)e.h * s->ratio[1]);
    if (p.h < 1) p.h = 1;
    if (p.w < 1) p.w = 1;
    p.top = (e.h - p.h) / 2;
    p.left = (e.w - p.w) / 2;
    return p;
}

/* Middle of result pixel i of n, in a part of `count` pixels from `begin` on. */
static double source_of(int64_t i, int64_t n, int64_t begin, int64_t count)
{
    double at = ((double)i + 0.5) * (double)count / (double)n - 0.5, last = (double)(count - 1);
    return (double)begin + (at < 0 ? 0 : at > last ? last : at);
}

static void run_resized_crop(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    kdst__extent to;
    part p;
    kdst__step_extent(s, e, &to);
    if (!find_part(s, d, 0, e, false, &p)) p = middle_part(s, e);
    for (int64_t y = 0; y < to.h; y++) {
        double v = source_of(y, to.h, p.top, p.h);
        for (int64_t x = 0; x < to.w; x++) {
            taps t = taps_of(e, v, source_of(x, to.w, p.left, p.w));
            take(&t, e, in, out + y * to.w + x, to.h * to.w);
        }
    }
}

static void set_part(const kdst__step *s, kdst__extent e, part p, double *out)
{
    for (int64_t c = 0; c < e.c; c++)
        for (int64_t y = p.top; y < p.top + p.h; y++)
            for (int64_t x = p.left; x < p.left + p.w; x++)
                out[(c * e.h + y) * e.w + x] = s->value;
}

static void run_erasing(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    part p;
    memcpy(out, in, (size_t)(e.c * e.h * e.w) * sizeof *out);
    if (uniform(s, d, 0, 0, 1) < s->probability && find_part(s, d, 1, e, true, &p)) set_part(s, e, p, out);
}

static void run_cutout(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    int64_t top = below(s, d, 0, e.h) - s->size / 2, left = below(s, d, 1, e.w) - s->size / 2;
    int64_t bottom = top + s->size < e.h ? top + s->size : e.h, right = left + s->size < e.w ? left + s->size : e.w;
    if (top < 0) top = 0;
    if (left < 0) left = 0;
    memcpy(out, in, (size_t)(e.c * e.h * e.w) * sizeof *out);
    set_part(s, e, (part){top, left, bottom - top, right - left}, out);
}

/* ---- values ---- */

/* Of all images of a sequence. */
static double grey_mean(kdst__extent e, int64_t period, const double *x)
{
    static const double colours[] = {0.299, 0.587, 0.114};
    int64_t plane = e.h * e.w;
    double sum = 0;
    for (int64_t c = 0; c < e.c; c++) {
        double part = 0;
        for (int64_t i = 0; i < plane; i++)
            part += x[c * plane + i];
        sum += part * (period == 3 ? colours[c % 3] : 1 / (double)period);
    }
    return sum / (double)plane / (double)(e.c / period);
}

static double clamped(const kdst__step *s, double x)
{
    if (!s->clamp) return x;
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static double factor_of(const kdst__step *s, kdst__draw d, uint64_t index, double range)
{
    return uniform(s, d, index, range > 1 ? 0 : 1 - range, 1 + range);
}

static void run_jitter(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    int64_t n = e.c * e.h * e.w;
    double f = factor_of(s, d, 0, s->brightness), g = factor_of(s, d, 1, s->contrast);
    for (int64_t i = 0; i < n; i++)
        out[i] = s->brightness > 0 ? clamped(s, f * in[i]) : in[i];
    if (!(s->contrast > 0)) return;
    double mean = grey_mean(e, s->period, out);
    for (int64_t i = 0; i < n; i++)
        out[i] = clamped(s, g * out[i] + (1 - g) * mean);
}

static void run_normalize(const kdst__step *s, kdst__extent e, const double *in, double *out)
{
    int64_t plane = e.h * e.w;
    for (int64_t c = 0; c < e.c; c++) {
        double mean = !s->mean_count ? 0 : s->mean[c % s->mean_count];
        double deviation = !s->deviation_count ? 1 : s->deviation[c % s->deviation_count];
        for (int64_t i = c * plane; i < (c + 1) * plane; i++)
            out[i] = (in[i] - mean) / deviation;
    }
}

void kdst__step_run(const kdst__step *s, kdst__draw d, kdst__extent e, const double *in, double *out)
{
    switch (s->kind) {
    case KDST__STEP_CROP:
        run_crop(s, d, e, in, out);
        return;
    case KDST__STEP_FLIP:
        run_flip(s, d, e, in, out);
        return;
    case KDST__STEP_ROTATION:
        run_rotation(s, d, e, in, out);
        return;
    case KDST__STEP_RESIZED_CROP:
        run_resized_crop(s, d, e, in, out);
        return;
    case KDST__STEP_ERASING:
        run_erasing(s, d, e, in, out);
        return;
    case KDST__STEP_CUTOUT:
        run_cutout(s, d, e, in, out);
        return;
    case KDST__STEP_JITTER:
        run_jitter(s, d, e, in, out);
        return;
    default:
        run_normalize(s, e, in, out);
        return;
    }
}
