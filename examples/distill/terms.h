/* SPDX-License-Identifier: Apache-2.0 */
/* Terms between features for a run of hint, attention, similarity or relational. */
#ifndef DISTILL_TERMS_H
#define DISTILL_TERMS_H

#include "parts.h"

/* The loss between features of a variant. */
bool make_term(experiment *e, int variant, kdst_loss **out);

/* Adds a term for each pair of --taps, or for the last maps of both networks, to the run's trainer. */
bool add_terms(experiment *e, const job *j, parts *p);

#endif
