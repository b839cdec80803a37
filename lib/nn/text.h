/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on sentences, as the list of models knows them. */
#ifndef KDST_NN_TEXT_H
#define KDST_NN_TEXT_H

#include "nn/model.h"

/* args[0] of their rows in the list. */
enum { KDST__TEXT_BOWMAN, KDST__TEXT_MINIMAL, KDST__TEXT_SENTIMENT };

kdst_status
kdst__model_text_create(kdst_context *ctx, const kdst__model *model, const kdst_options *given, kdst_layer **out);

extern const kdst__schema kdst__schema_model_text;

#endif
