/* SPDX-License-Identifier: Apache-2.0 */
/* --dry-run: what would be trained, and what it will take. */
#ifndef SPIKING_DRY_RUN_H
#define SPIKING_DRY_RUN_H

#include "run.h"

/* Prints the plan, the network, and time and memory as a few real steps of each rule show them. Nothing is written. */
bool dry_run(experiment *e, const job *jobs, int count);

#endif
