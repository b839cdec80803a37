/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves behind: its folder, the description that decides whether it can be reused, the diagrams of its record. */
#ifndef DISTILL_OUTCOME_H
#define DISTILL_OUTCOME_H

#include "parts.h"

/* Name, settings and teacher of a run; the record's figures stay empty. */
void describe_run(experiment *e, const job *j, run_record *r);
/* Confusion and reliability of metrics into a record. */
bool read_diagrams(experiment *e, kdst_metrics *metrics, run_record *r);
void print_line(const run_record *r, const char *note);
/* Takes the record of a finished run over; false when there is none, or it was made with other settings. */
bool reuse_run(const parts *p, const run_record *expected, run_record *out);

#endif
