/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes (see names.h). */
#include "data/names.h"

#include "data/dataset.h"

static void destroy(void *object)
{
    kdst__names *names = object;
    kdst__listing_destroy(kdst__context_memory(names->base.ctx), &names->list);
}

static const kdst__class class = {"class names", destroy};

kdst__names *kdst__names_new(kdst_context *ctx, kdst__listing *list)
{
    kdst__names *names = kdst__handle_create(ctx, &class, sizeof *names);
    if (!names) return NULL;
    names->list = *list;
    *list = (kdst__listing){0};
    return names;
}

const char *kdst_dataset_get_class_name(const kdst_dataset *dataset, int64_t label)
{
    const kdst__names *names = dataset ? dataset->names : NULL;
    return names && label >= 0 && label < names->list.count ? names->list.names[label] : NULL;
}
