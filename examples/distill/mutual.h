/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that teach each other: their common run. */
#ifndef DISTILL_MUTUAL_H
#define DISTILL_MUTUAL_H

#include "parts.h"

/* Trains all peers of the job, the first of them, and writes the record of each; `out` is the first's. */
bool train_peers(experiment *e, const job *j, run_record *out);

#endif
