/* SPDX-License-Identifier: Apache-2.0 */
/* A progress line: on a terminal it is rewritten in place a few times a second, elsewhere it is not shown. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>

typedef struct progress {
    bool shown;      /* standard error is a terminal */
    double started;  /* seconds */
    double last;     /* when the line was last drawn */
    double rate;     /* units a second, smoothed */
    double rate_at;  /* when the rate was last measured */
    double done_at;  /* units done then */
    int width;       /* of the line that stands there */
} progress;

double seconds_now(void);

void progress_begin(progress *p, bool quiet);
/* done of total units; text is what stands in front of rate and time left ("images/s, 1:23 left"). */
void progress_show(progress *p, double done, double total, const char *unit, const char *text);
/* Removes the line. */
void progress_end(progress *p);

#endif
