/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of names, and what is done to the parameters of a layer that match one: freezing. */
#include "nn/pattern.h"

#include <inttypes.h>
#include <string.h>

/* The end of the character at `at`, which may be several bytes of UTF-8. */
static const char *behind(const char *at)
{
    do {
        at++;
    } while (((unsigned char)*at & 0xc0) == 0x80);
    return at;
}

/* One alternative [pattern, end). On a mismatch the last star takes a character more; what an earlier one took need not
 * change, so the time is at most the product of the lengths. */
static bool matches(const char *pattern, const char *end, const char *name)
{
    const char *star = NULL, *taken = NULL;
    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            taken = name;
        } else if (pattern < end && *pattern == '?') {
            pattern++;
            name = behind(name);
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = taken = behind(taken);
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

static const char *end_of(const char *alternative)
{
    const char *end = strchr(alternative, '|');
    return end != NULL ? end : alternative + strlen(alternative);
}

bool kdst__pattern_matches(const char *pattern, const char *name)
{
    for (;;) {
        const char *end = end_of(pattern);
        if (matches(pattern, end, name)) return true;
        if (*end == '\0') return false;
        pattern = end + 1;
    }
}

kdst_status kdst__pattern_check(kdst_context *ctx, const char *function, const char *pattern)
{
    if (pattern == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: pattern is NULL", function);
    for (const char *at = pattern;; at = end_of(at) + 1) {
        if (end_of(at) == at)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: pattern \"%.200s\" is empty or has an empty alternative",
                function, pattern);
        if (*end_of(at) == '\0') return KDST_STATUS_OK;
    }
}

kdst_status kdst__pattern_fail(kdst_context *ctx, const char *function, const char *what, const char *pattern)
{
    return kdst__fail(ctx, KDST_STATUS_NOT_FOUND, "%s: no %s of the layer matches \"%.200s\"", function, what, pattern);
}

bool kdst__entry_is_norm(const kdst__layer_entry *entry)
{
    static const char ending[] = "_norm"; /* batch_norm, layer_norm, group_norm */
    const char *kind = entry->owner->kind->name;
    size_t length = strlen(kind), end = sizeof ending - 1;
    return length >= end && strcmp(kind + length - end, ending) == 0;
}

bool kdst__entry_is_bias(const kdst__layer_entry *entry)
{
    return strncmp(entry->own_name, "bias", 4) == 0; /* an LSTM has bias_ih_l0 */
}

/* Beginning of the functions below: arguments, and the names. */
static kdst_status begin(
    const char *function, kdst_layer *layer, const char *pattern, const char *what, int32_t value,
    const kdst__layer_entry **out, int64_t *out_entries)
{
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    kdst_status status = kdst__pattern_check(ctx, function, pattern);
    if (status != KDST_STATUS_OK) return status;
    if (value != 0 && value != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is %" PRId32 ", allowed are 0 and 1", function, what, value);
    return kdst__layer_get_entries(function, layer, out, out_entries);
}

kdst_status
kdst_layer_set_trainable_matching(kdst_layer *layer, const char *pattern, int32_t trainable, int64_t *out_count)
{
    static const char function[] = "layer_set_trainable_matching";
    if (out_count != NULL) *out_count = 0;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    const kdst__layer_entry *entries = NULL;
    int64_t entry_count = 0, count = 0;
    kdst_status status = begin(function, layer, pattern, "trainable", trainable, &entries, &entry_count);
    for (int64_t i = 0; i < entry_count && status == KDST_STATUS_OK; i++) {
        if (!entries[i].is_parameter || !kdst__pattern_matches(pattern, entries[i].name)) continue;
        status = kdst_tensor_set_requires_grad(entries[i].tensor, trainable);
        count++;
    }
    if (status != KDST_STATUS_OK) return status;
    if (count == 0) return kdst__pattern_fail(layer->base.ctx, function, "parameter", pattern);
    if (out_count != NULL) *out_count = count;
    return KDST_STATUS_OK;
}

#define STATISTIC "running_mean"

/* Whether the layer that holds this running mean has a name that matches; `room` is as long as the entry's name. */
static bool norm_matches(const kdst__layer_entry *entry, const char *pattern, char *room)
{
    if (entry->is_parameter || strcmp(entry->own_name, STATISTIC) != 0) return false;
    size_t length = strlen(entry->name) - strlen(STATISTIC);
    if (length > 0) length--; /* the dot */
    memcpy(room, entry->name, length);
    room[length] = '\0';
    return kdst__pattern_matches(pattern, room);
}

kdst_status
kdst_layer_set_statistics_fixed_matching(kdst_layer *layer, const char *pattern, int32_t fixed, int64_t *out_count)
{
    static const char function[] = "layer_set_statistics_fixed_matching";
    if (out_count != NULL) *out_count = 0;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    const kdst__layer_entry *entries = NULL;
    int64_t entry_count = 0, count = 0;
    kdst_status status = begin(function, layer, pattern, "fixed", fixed, &entries, &entry_count);
    if (status != KDST_STATUS_OK) return status;
    size_t bytes = layer->entry_name_bytes; /* at least that of each name */
    char *room = kdst__alloc(kdst__context_memory(ctx), bytes);
    if (room == NULL) return kdst__fail_memory(ctx, function);
    for (int64_t i = 0; i < entry_count; i++) {
        if (!norm_matches(&entries[i], pattern, room)) continue;
        entries[i].owner->fixed = fixed == 1;
        count++;
    }
    kdst__free(kdst__context_memory(ctx), room, bytes);
    if (count == 0) return kdst__pattern_fail(ctx, function, "batch norm", pattern);
    if (out_count != NULL) *out_count = count;
    return KDST_STATUS_OK;
}
