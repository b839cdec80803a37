/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of AdaShare, as the list of models knows them: the entry's rows are the backbone, its args the blocks of each segment. */
#ifndef KDST_NN_ADASHARE_H
#define KDST_NN_ADASHARE_H

#include "nn/model.h"

#define KDST__ADASHARE_TASKS 16 /* most */
#define KDST__ADASHARE_SEGMENTS 4
#define KDST__ADASHARE_FEATURES 512 /* that the backbone gives */

kdst_status
kdst__model_adashare_create(kdst_context *ctx, const kdst__model *model, const kdst_options *given, kdst_layer **out);

extern const kdst__schema kdst__schema_model_adashare;

#endif
