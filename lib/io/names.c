/* SPDX-License-Identifier: Apache-2.0 */
/* Names in order with a hash table (see names.h): open addressing, FNV-1a started from the list's seed. */
#include "io/names.h"

#include "core/options_text.h"

#include <string.h>

enum { FIRST = 16, COMPARED = 4096 };

static uint64_t hash_of(const kdst__names *names, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ names->seed;
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

/* Where a name is, or would be put. */
static size_t slot_of(const kdst__names *names, const char *name, uint64_t hash)
{
    size_t mask = (size_t)names->capacity * 2 - 1, slot = (size_t)hash & mask;
    while (names->slots[slot] != 0) {
        const kdst__name *entry = &names->entries[names->slots[slot] - 1];
        if (entry->hash == hash && strcmp(entry->name, name) == 0) break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

int64_t kdst__names_find(const kdst__names *names, const char *name)
{
    return names->count == 0 ? -1 : names->slots[slot_of(names, name, hash_of(names, name))] - 1;
}

static void free_arrays(kdst__memory *memory, kdst__names *names)
{
    kdst__free(memory, names->entries, (size_t)names->capacity * sizeof *names->entries);
    kdst__free(memory, names->slots, (size_t)names->capacity * 2 * sizeof *names->slots);
}

static bool grow(kdst__memory *memory, kdst__names *names)
{
    kdst__names wider = *names;
    wider.capacity = names->capacity == 0 ? FIRST : names->capacity * 2;
    wider.entries = kdst__alloc(memory, (size_t)wider.capacity * sizeof *wider.entries);
    wider.slots = kdst__alloc_zero(memory, (size_t)wider.capacity * 2 * sizeof *wider.slots);
    if (wider.entries == NULL || wider.slots == NULL) {
        free_arrays(memory, &wider);
        return false;
    }
    for (int64_t i = 0; i < names->count; i++) {
        wider.entries[i] = names->entries[i];
        wider.slots[slot_of(&wider, wider.entries[i].name, wider.entries[i].hash)] = i + 1;
    }
    free_arrays(memory, names);
    *names = wider;
    return true;
}

int64_t kdst__names_add(kdst__memory *memory, kdst__names *names, const char *name, void *value)
{
    size_t bytes = strlen(name) + 1;
    if (names->count == names->capacity && !grow(memory, names)) return -1;
    char *copy = kdst__alloc(memory, bytes);
    if (copy == NULL) return -1;
    memcpy(copy, name, bytes);
    uint64_t hash = hash_of(names, name);
    names->slots[slot_of(names, name, hash)] = names->count + 1;
    names->entries[names->count] = (kdst__name){copy, value, hash};
    return names->count++;
}

const char *kdst__names_nearest(const kdst__names *names, const char *name)
{
    const char *nearest = NULL;
    int least = 0;
    for (int64_t i = 0; i < names->count && i < COMPARED; i++) {
        int distance = kdst__text_distance(name, names->entries[i].name);
        if (nearest == NULL || distance < least) {
            nearest = names->entries[i].name;
            least = distance;
        }
    }
    return nearest;
}

void kdst__names_clear(kdst__memory *memory, kdst__names *names)
{
    for (int64_t i = 0; i < names->count; i++)
        kdst__free(memory, names->entries[i].name, strlen(names->entries[i].name) + 1);
    free_arrays(memory, names);
    *names = (kdst__names){.seed = names->seed};
}
