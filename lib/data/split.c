/* SPDX-License-Identifier: Apache-2.0 */
/* Class-balanced splits.
 *
 * Of count * n_k / N samples of class k the first part gets the whole number below, and the classes with the largest
 * fractions one more until `count` is reached (on equal fractions the smaller label first). Which samples of a class:
 * the first ones in a random order of the whole set. Memory is proportional to the samples, whatever the labels are.
 */
#include "data/dataset.h"

#include "core/random.h"
#include "data/grouping.h"

enum { STREAM = 0x53504c54 }; /* of the random order */

__extension__ typedef unsigned __int128 wide;

typedef struct split {
    kdst_dataset *whole;
    kdst__memory *memory;
    int64_t count;
    int64_t *items, *spare, *keys; /* [N] each: samples grouped by class; scratch; what is sorted by */
    int64_t *begin;                /* [N + 1]: where each group begins in `items` */
    int64_t *quota;                /* [N]: of each group, for the first part */
    int64_t groups;
    uint8_t *first; /* [N]: 1 for samples of the first part */
} split;

static void group_by_class(split *s, uint64_t seed)
{
    int64_t n = s->whole->count;
    kdst__permutation(seed, STREAM, s->items, n);
    s->groups = kdst__grouping_make(s->items, kdst__tensor_data(s->whole->labels), n, s->spare, s->keys, s->begin);
}

/* Floors, then one more for the largest fractions. `keys` and `spare` of the samples are not needed any more. */
static void share_out(split *s)
{
    int64_t n = s->whole->count, left = s->count, *order = s->spare, *scratch = s->spare + s->groups;
    for (int64_t g = 0; g < s->groups; g++) {
        wide share = (wide)s->count * (wide)(s->begin[g + 1] - s->begin[g]);
        s->quota[g] = (int64_t)(share / (wide)n);
        s->keys[g] = n - 1 - (int64_t)(share % (wide)n);
        left -= s->quota[g];
        order[g] = g;
    }
    kdst__grouping_sort(order, scratch, s->keys, s->groups);
    for (int64_t i = 0; i < left; i++)
        s->quota[order[i]]++;
}

static void mark(split *s)
{
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t i = 0; i < s->quota[g]; i++)
            s->first[s->items[s->begin[g] + i]] = 1;
}

/* The samples with first[i] == which, in their order; `items` and `spare` are not needed any more. */
static kdst_status gather(const split *s, int64_t count, uint8_t which, kdst_dataset **out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->whole->count; i++)
        if (s->first[i] == which) s->items[n++] = i;
    return kdst__dataset_select("dataset_create_split", s->whole, s->items, count, out);
}

static kdst_status make_parts(split *s, uint64_t seed, kdst_dataset **out_first, kdst_dataset **out_second)
{
    kdst_dataset *first = NULL, *second = NULL;
    group_by_class(s, seed);
    share_out(s);
    mark(s);
    kdst_status status = gather(s, s->count, 1, &first);
    if (!status) status = gather(s, s->whole->count - s->count, 0, &second);
    if (status) {
        kdst__handle_release(first);
        return status;
    }
    *out_first = first;
    *out_second = second;
    return KDST_STATUS_OK;
}

kdst_status kdst_dataset_create_split(
    kdst_dataset *d, int64_t count, uint64_t seed, kdst_dataset **out_first, kdst_dataset **out_second)
{
    const char *function = "dataset_create_split";
    if (out_first) *out_first = NULL;
    if (out_second) *out_second = NULL;
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    kdst__enter(ctx);
    if (!out_first || !out_second)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, out_first ? "out_second" : "out_first");
    if (count < 1 || count >= d->count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %lld, allowed is 1 to %lld", function, (long long)count,
            (long long)(d->count - 1));
    /* Sorting the groups takes 2 groups of `spare`, hence its two parts. */
    size_t n = (size_t)d->count, words = 6 * n + 1, bytes = words * sizeof(int64_t) + n;
    split s = {.whole = d, .memory = kdst__context_memory(ctx), .count = count};
    s.items = kdst__alloc_zero(s.memory, bytes);
    if (!s.items) return kdst__fail_memory(ctx, function);
    s.spare = s.items + n;
    s.keys = s.spare + 2 * n;
    s.quota = s.keys + n;
    s.begin = s.quota + n;
    s.first = (uint8_t *)(s.begin + n + 1);
    kdst_status status = make_parts(&s, seed, out_first, out_second);
    kdst__free(s.memory, s.items, bytes);
    return status;
}
