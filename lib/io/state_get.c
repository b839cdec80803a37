/* SPDX-License-Identifier: Apache-2.0 */
/* What a state holds, by name and by position. */
#include "io/state.h"

#include "io/text.h"

#include <inttypes.h>

static kdst_status
get(kdst_state *state, const char *function, const kdst__names *names, const char *what, const char *name, void **out)
{
    kdst_context *ctx = state->base.ctx;
    kdst__enter(ctx);
    if (name == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, name == NULL ? what : "out");
    int64_t index = kdst__names_find(names, name);
    if (index >= 0) {
        *out = names->entries[index].value;
        return KDST_STATUS_OK;
    }
    char shown[KDST__SHOWN_TEXT], shown_nearest[KDST__SHOWN_TEXT];
    const char *nearest = kdst__names_nearest(names, name);
    if (nearest == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_NOT_FOUND, "%s: no \"%s\", the state is empty", function, kdst__text_shown(name, shown));
    return kdst__fail(
        ctx, KDST_STATUS_NOT_FOUND, "%s: no \"%s\", did you mean \"%s\"?", function, kdst__text_shown(name, shown),
        kdst__text_shown(nearest, shown_nearest));
}

kdst_status kdst_state_get(kdst_state *state, const char *name, kdst_tensor **out)
{
    void *found = NULL;
    if (out != NULL) *out = NULL;
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = get(state, "state_get", &state->tensors, "name", name, out != NULL ? &found : NULL);
    if (found != NULL) *out = found;
    return status;
}

kdst_status kdst_state_get_text(kdst_state *state, const char *key, const char **out)
{
    void *found = NULL;
    if (out != NULL) *out = NULL;
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = get(state, "state_get_text", &state->texts, "key", key, out != NULL ? &found : NULL);
    if (found != NULL) *out = found;
    return status;
}

int64_t kdst_state_get_count(const kdst_state *state)
{
    return state != NULL ? state->tensors.count : 0;
}

int64_t kdst_state_get_text_count(const kdst_state *state)
{
    return state != NULL ? state->texts.count : 0;
}

static kdst_status
get_at(kdst_state *state, const char *function, const kdst__names *names, int64_t index, const kdst__name **out)
{
    kdst__enter(state->base.ctx);
    if (index < 0 || index >= names->count)
        return kdst__fail(
            state->base.ctx, KDST_STATUS_NOT_FOUND, "%s: index is %" PRId64 ", the state has %" PRId64, function, index,
            names->count);
    *out = &names->entries[index];
    return KDST_STATUS_OK;
}

kdst_status kdst_state_get_at(kdst_state *state, int64_t index, const char **out_name, kdst_tensor **out_tensor)
{
    const kdst__name *entry = NULL;
    if (out_name != NULL) *out_name = NULL;
    if (out_tensor != NULL) *out_tensor = NULL;
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = get_at(state, "state_get_at", &state->tensors, index, &entry);
    if (entry != NULL && out_name != NULL) *out_name = entry->name;
    if (entry != NULL && out_tensor != NULL) *out_tensor = entry->value;
    return status;
}

kdst_status kdst_state_get_text_at(kdst_state *state, int64_t index, const char **out_key, const char **out_text)
{
    const kdst__name *entry = NULL;
    if (out_key != NULL) *out_key = NULL;
    if (out_text != NULL) *out_text = NULL;
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_status status = get_at(state, "state_get_text_at", &state->texts, index, &entry);
    if (entry != NULL && out_key != NULL) *out_key = entry->name;
    if (entry != NULL && out_text != NULL) *out_text = entry->value;
    return status;
}
