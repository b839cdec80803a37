/* SPDX-License-Identifier: Apache-2.0 */
/* --dry-run: what would be trained, and what it will take. */
#ifndef DISTILL_DRY_RUN_H
#define DISTILL_DRY_RUN_H

#include "run.h"

/* Prints the plan, the networks, and time and memory as a few real steps of each kind of run show them. */
bool dry_run(experiment *e, const job *jobs, int count);

#endif
