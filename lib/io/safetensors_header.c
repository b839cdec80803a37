/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a safetensors file, read as hostile input (see safetensors.h). */
#include "io/safetensors.h"

#include "io/json.h"
#include "io/text.h"

#include <string.h>

enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7 };

typedef struct reader {
    kdst__source *source;
    kdst_state *state;
    kdst__safetensors_header *header;
    kdst__json json;
} reader;

static kdst_status fail_json(reader *r)
{
    return kdst__source_fail(
        r->source, KDST_STATUS_FORMAT, "byte %zu of the header %s", (size_t)(r->json.at - r->json.text),
        r->json.problem);
}

static kdst_status fail_name(reader *r, kdst_status status, const char *name, const char *what)
{
    char shown[KDST__SHOWN_TEXT];
    return kdst__source_fail(r->source, status, "\"%s\" %s", kdst__text_shown(name, shown), what);
}

static kdst_status check_name(reader *r, const char *name, const kdst__names *names)
{
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes > KDST__STATE_NAME)
        return kdst__source_fail(
            r->source, KDST_STATUS_UNSUPPORTED, "a name has %zu bytes, allowed are 1 to %d", bytes, KDST__STATE_NAME);
    return kdst__names_find(names, name) < 0 ? KDST_STATUS_OK
                                             : fail_name(r, KDST_STATUS_FORMAT, name, "is there twice");
}

/* ---- metadata ---- */

static kdst_status read_checksum(reader *r, const char *text)
{
    uint32_t value = 0;
    size_t digits = strspn(text, "0123456789abcdef");
    if (digits != 8 || text[digits] != '\0' || r->header->has_checksum)
        return fail_name(
            r, KDST_STATUS_FORMAT, KDST__STATE_CHECKSUM, digits == 8 ? "is there twice" : "is no checksum of 8 digits");
    for (; *text != '\0'; text++)
        value = value << 4 | (uint32_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    r->header->has_checksum = true;
    r->header->checksum = value;
    return KDST_STATUS_OK;
}

static kdst_status read_metadata(reader *r)
{
    kdst__json *json = &r->json;
    if (!kdst__json_expect(json, '{', "should be the object of the metadata")) return fail_json(r);
    bool more = !kdst__json_take(json, '}');
    while (more) {
        char *key, *text;
        if (!kdst__json_text(json, &key) || !kdst__json_expect(json, ':', "should be a colon") ||
            !kdst__json_text(json, &text) || !kdst__json_more(json, '}', &more))
            return fail_json(r);
        kdst_status status =
            strcmp(key, KDST__STATE_CHECKSUM) == 0 ? read_checksum(r, text) : check_name(r, key, &r->state->texts);
        if (status == KDST_STATUS_OK && strcmp(key, KDST__STATE_CHECKSUM) != 0)
            status = kdst__state_put_text(r->state, r->header->function, key, text);
        if (status != KDST_STATUS_OK) return status;
    }
    return KDST_STATUS_OK;
}

/* ---- one tensor ---- */

static kdst_status read_element(reader *r, const char *name, kdst__safetensors_entry *entry)
{
    static const char *const types[] = {"",    "BOOL", "I8",  "I16", "I32",  "I64", "U8",
                                        "U16", "U32",  "U64", "F16", "BF16", "F32", "F64"};
    char *text, shown[KDST__SHOWN_TEXT], shown_name[KDST__SHOWN_TEXT];
    if (!kdst__json_text(&r->json, &text)) return fail_json(r);
    for (kdst__element e = KDST__ELEMENT_BOOL; e <= KDST__ELEMENT_F64; e++)
        if (strcmp(text, types[e]) == 0) {
            entry->element = e;
            return KDST_STATUS_OK;
        }
    return kdst__source_fail(
        r->source, KDST_STATUS_UNSUPPORTED, "\"%s\" has elements of type \"%s\"", kdst__text_shown(name, shown_name),
        kdst__text_shown(text, shown));
}

static kdst_status read_shape(reader *r, const char *name, kdst__safetensors_entry *entry)
{
    entry->rank = 0;
    if (!kdst__json_expect(&r->json, '[', "should be the list of a shape")) return fail_json(r);
    bool more = !kdst__json_take(&r->json, ']');
    while (more) {
        if (entry->rank == KDST__MAX_RANK) return fail_name(r, KDST_STATUS_UNSUPPORTED, name, "has more than 8 axes");
        if (!kdst__json_whole(&r->json, &entry->shape[entry->rank++]) || !kdst__json_more(&r->json, ']', &more))
            return fail_json(r);
    }
    return KDST_STATUS_OK;
}

static kdst_status read_offsets(reader *r, kdst__safetensors_entry *entry)
{
    kdst__json *json = &r->json;
    bool read = kdst__json_expect(json, '[', "should be the list of two offsets") &&
        kdst__json_whole(json, &entry->begin) && kdst__json_expect(json, ',', "should be a comma") &&
        kdst__json_whole(json, &entry->end) && kdst__json_expect(json, ']', "should be the end of two offsets");
    return read ? KDST_STATUS_OK : fail_json(r);
}

/* The shape's elements fill the bytes between the offsets. */
static kdst_status check_entry(reader *r, const char *name, const kdst__safetensors_entry *entry)
{
    char shown[KDST__SHOWN_TEXT];
    uint64_t count;
    kdst_status status =
        kdst__element_count(r->source, kdst__text_shown(name, shown), entry->rank, entry->shape, &count);
    if (status != KDST_STATUS_OK) return status;
    uint64_t bytes = count * kdst__element_size(entry->element);
    if (entry->end >= entry->begin && (uint64_t)(entry->end - entry->begin) == bytes) return KDST_STATUS_OK;
    return kdst__source_fail(
        r->source, KDST_STATUS_FORMAT, "\"%s\" has %llu bytes by its shape, offsets from %lld to %lld", shown,
        (unsigned long long)bytes, (long long)entry->begin, (long long)entry->end);
}

static kdst_status read_entry(reader *r, const char *name, kdst__safetensors_entry *entry)
{
    kdst__json *json = &r->json;
    int seen = 0;
    if (!kdst__json_expect(json, '{', "should be the object of a tensor")) return fail_json(r);
    bool more = !kdst__json_take(json, '}');
    while (more) {
        char *key;
        if (!kdst__json_text(json, &key) || !kdst__json_expect(json, ':', "should be a colon")) return fail_json(r);
        int which = strcmp(key, "dtype") == 0  ? DTYPE
            : strcmp(key, "shape") == 0        ? SHAPE
            : strcmp(key, "data_offsets") == 0 ? OFFSETS
                                               : 0;
        if (which == 0 || (seen & which) != 0)
            return fail_name(r, KDST_STATUS_FORMAT, name, which == 0 ? "has an unknown key" : "has a key twice");
        kdst_status status = which == DTYPE ? read_element(r, name, entry)
            : which == SHAPE                ? read_shape(r, name, entry)
                                            : read_offsets(r, entry);
        if (status != KDST_STATUS_OK) return status;
        seen |= which;
        if (!kdst__json_more(json, '}', &more)) return fail_json(r);
    }
    if (seen != ALL) return fail_name(r, KDST_STATUS_FORMAT, name, "lacks dtype, shape or data_offsets");
    return check_entry(r, name, entry);
}

static kdst_status add_entry(reader *r, const char *name, const kdst__safetensors_entry *entry)
{
    kdst__safetensors_header *h = r->header;
    if (h->count == h->capacity) {
        int64_t capacity = h->capacity == 0 ? 16 : h->capacity * 2;
        void *entries =
            kdst__realloc(h->memory, h->entries, (size_t)h->capacity * sizeof *entry, (size_t)capacity * sizeof *entry);
        if (entries == NULL) return kdst__fail_memory(r->state->base.ctx, h->function);
        h->entries = entries;
        h->capacity = capacity;
    }
    if (kdst__names_add(h->memory, &r->state->tensors, name, NULL) < 0)
        return kdst__fail_memory(r->state->base.ctx, h->function);
    h->entries[h->count++] = *entry;
    return KDST_STATUS_OK;
}

static kdst_status read_object(reader *r)
{
    kdst__json *json = &r->json;
    bool has_metadata = false;
    if (json->at == json->end || *json->at != '{')
        return kdst__source_fail(r->source, KDST_STATUS_FORMAT, "no safetensors file: its header is no object");
    json->at++;
    bool more = !kdst__json_take(json, '}');
    while (more) {
        char *name;
        kdst__safetensors_entry entry;
        kdst_status status;
        if (!kdst__json_text(json, &name) || !kdst__json_expect(json, ':', "should be a colon")) return fail_json(r);
        if (strcmp(name, KDST__STATE_METADATA) == 0) {
            status = has_metadata ? fail_name(r, KDST_STATUS_FORMAT, name, "is there twice") : read_metadata(r);
            has_metadata = true;
        } else {
            status = check_name(r, name, &r->state->tensors);
            if (status == KDST_STATUS_OK) status = read_entry(r, name, &entry);
            if (status == KDST_STATUS_OK) status = add_entry(r, name, &entry);
        }
        if (status != KDST_STATUS_OK) return status;
        if (!kdst__json_more(json, '}', &more)) return fail_json(r);
    }
    return kdst__json_end(json) ? KDST_STATUS_OK : fail_json(r);
}

kdst_status kdst__safetensors_read_header(kdst__source *source, kdst_state *state, kdst__safetensors_header *out)
{
    unsigned char head[8];
    uint64_t bytes = 0;
    reader r = {.source = source, .state = state, .header = out};
    kdst_status status = kdst__source_read(source, "its header's length", head, sizeof head);
    if (status != KDST_STATUS_OK) return status;
    for (int i = 7; i >= 0; i--)
        bytes = bytes << 8 | head[i];
    if (bytes > KDST__SAFETENSORS_LONGEST)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "no safetensors file: its header would have %llu bytes, allowed are %d",
            (unsigned long long)bytes, KDST__SAFETENSORS_LONGEST);
    status = kdst__source_can_have(source, "its header", bytes);
    if (status != KDST_STATUS_OK) return status;
    out->bytes = (size_t)bytes;
    out->text = kdst__alloc(out->memory, out->bytes);
    if (out->text == NULL) return kdst__fail_memory(state->base.ctx, out->function);
    status = kdst__source_read(source, "its header", out->text, out->bytes);
    if (status != KDST_STATUS_OK) return status;
    kdst__json_start(&r.json, out->text, out->bytes);
    status = read_object(&r);
    return status == KDST_STATUS_OK ? kdst__safetensors_check_offsets(source, state, out) : status;
}

void kdst__safetensors_free_header(kdst__safetensors_header *header)
{
    kdst__free(header->memory, header->order, (size_t)header->count * sizeof *header->order);
    kdst__free(header->memory, header->entries, (size_t)header->capacity * sizeof *header->entries);
    kdst__free(header->memory, header->text, header->bytes);
}
