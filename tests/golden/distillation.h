/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of system "distillation" share: losses from a family and its parameters. */
#ifndef KDST_TESTS_GOLDEN_DISTILLATION_H
#define KDST_TESTS_GOLDEN_DISTILLATION_H

#include "golden.h"

/* Options being set; the first failure stays. */
typedef struct settings {
    kdst_options *options;
    kdst_status status;
} settings;

void set_float(settings *s, const char *name, double value);
void set_int(settings *s, const char *name, int64_t value);
void set_text(settings *s, const char *name, const char *value);

/* The loss of an open case, from its members family and params; NULL with a problem. */
kdst_loss *make_loss(run *r, verdict *v, fields *f);

/* An open case of the list "training". */
void run_training_case(run *r, verdict *v, fields *f);

#endif
