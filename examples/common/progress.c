/* SPDX-License-Identifier: Apache-2.0 */
/* A progress line on a terminal (see progress.h). */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY 0.2 /* seconds between drawings */

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(progress *p, bool quiet)
{
    *p = (progress){.shown = !quiet && isatty(STDERR_FILENO), .started = seconds_now()};
    p->rate_at = p->started;
}

static void format_time(double seconds, char *out, size_t size)
{
    long s = seconds < 0 ? 0 : (long)(seconds + 0.5);
    if (s >= 3600) snprintf(out, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
}

void progress_show(progress *p, double done, double total, const char *unit, const char *text)
{
    double now = seconds_now();
    char left[32], line[512];
    if (!p->shown || now - p->last < EVERY) return;
    double elapsed = now - p->rate_at;
    if (elapsed > 0) {
        double rate = (done - p->done_at) / elapsed;
        p->rate = p->rate > 0 ? 0.8 * p->rate + 0.2 * rate : rate;
        p->rate_at = now;
        p->done_at = done;
    }
    format_time(p->rate > 0 ? (total - done) / p->rate : 0, left, sizeof left);
    int width = snprintf(line, sizeof line, "%s  %.0f %s/s  %s left", text, p->rate, unit, left);
    fprintf(stderr, "\r%s%*s", line, p->width > width ? p->width - width : 0, "");
    fflush(stderr);
    p->width = width;
    p->last = now;
}

void progress_end(progress *p)
{
    if (p->shown && p->width) fprintf(stderr, "\r%*s\r", p->width, "");
    p->width = 0;
}
