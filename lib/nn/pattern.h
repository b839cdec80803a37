/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of names, and what a parameter is for. */
#ifndef KDST_NN_PATTERN_H
#define KDST_NN_PATTERN_H

#include "nn/layer.h"

/* A pattern is one or more alternatives with '|' between them; one of them has to match the whole name. '*' stands for any characters,
 * dots too, '?' for one, every other character for itself. */
bool kdst__pattern_matches(const char *pattern, const char *name);
/* INVALID_ARGUMENT for NULL, an empty pattern and an empty alternative. */
kdst_status kdst__pattern_check(kdst_context *ctx, const char *function, const char *pattern);
/* NOT_FOUND: "<function>: no <what> of the layer matches ...". */
kdst_status kdst__pattern_fail(kdst_context *ctx, const char *function, const char *what, const char *pattern);

/* Parameters of a normalisation (by the kind of its layer), and biases (by their own name in their layer). */
bool kdst__entry_is_norm(const kdst__layer_entry *entry);
bool kdst__entry_is_bias(const kdst__layer_entry *entry);

#endif
