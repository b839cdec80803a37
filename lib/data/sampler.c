/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of an epoch of N samples.
 *
 *     sequential   0, 1, … N - 1
 *     shuffle      a permutation
 *     balanced     of G classes that occur, each is taken N / G times, rounded down, and N mod G of them, chosen anew in
 *                  each epoch, once more. A class with n samples that is taken q times gives every sample q / n times,
 *                  rounded down, and q mod n of them, chosen anew, once more. The whole is shuffled.
 *     weighted     N draws with replacement, sample i with probability w_i / sum w
 */
#include "data/sampler.h"

#include "core/random.h"
#include "data/grouping.h"

enum { STREAM = 0x4f524445, GROUPS_STREAM, CHOICE_STREAM, DRAW_STREAM };

static size_t words_of(int32_t kind, size_t n)
{
    switch (kind) {
    case KDST__SAMPLER_SHUFFLE:
        return n;
    case KDST__SAMPLER_BALANCED:
        return 5 * n + 1;
    case KDST__SAMPLER_WEIGHTED:
        return 2 * n;
    default:
        return 0;
    }
}

static void set_up_groups(kdst__sampler *s, const int32_t *labels)
{
    s->items = s->order + s->samples;
    s->spare = s->items + s->samples;
    s->chosen = s->spare + s->samples;
    s->begin = s->chosen + s->samples;
    for (int64_t i = 0; i < s->samples; i++)
        s->items[i] = i;
    s->groups = kdst__grouping_make(s->items, labels, s->samples, s->spare, s->chosen, s->begin);
}

static void set_up_sums(kdst__sampler *s, const double *weights)
{
    double sum = 0;
    s->sums = (double *)(s->order + s->samples);
    for (int64_t i = 0; i < s->samples; i++)
        s->sums[i] = sum += weights[i];
}

bool kdst__sampler_create(
    kdst__memory *memory, int32_t kind, int64_t samples, const int32_t *labels, const double *weights,
    kdst__sampler *out)
{
    kdst__sampler s = {.kind = kind, .samples = samples};
    size_t words = words_of(kind, (size_t)samples);
    *out = s;
    if (!words) return true;
    if (kdst__mul_overflows(words, sizeof(int64_t), &s.bytes)) return false;
    s.block = kdst__alloc(memory, s.bytes);
    if (!s.block) return false;
    s.order = s.block;
    if (kind == KDST__SAMPLER_BALANCED) set_up_groups(&s, labels);
    if (kind == KDST__SAMPLER_WEIGHTED) set_up_sums(&s, weights);
    *out = s;
    return true;
}

void kdst__sampler_destroy(kdst__memory *memory, kdst__sampler *sampler)
{
    kdst__free(memory, sampler->block, sampler->bytes);
}

/* `count` samples of group g from `at` on; uses order as scratch behind `at`. */
static void take_group(kdst__sampler *s, uint64_t key, int64_t g, int64_t count, int64_t at)
{
    int64_t n = s->begin[g + 1] - s->begin[g];
    const int64_t *items = s->items + s->begin[g];
    int64_t whole = count - count % n;
    for (int64_t i = 0; i < whole; i++)
        s->chosen[at + i] = items[i % n];
    if (whole == count) return;
    kdst__permutation(kdst__mix(key, (uint64_t)g), CHOICE_STREAM, s->spare, n);
    for (int64_t i = whole; i < count; i++)
        s->chosen[at + i] = items[s->spare[i - whole]];
}

static void run_balanced(kdst__sampler *s, uint64_t key)
{
    int64_t share = s->samples / s->groups, left = s->samples % s->groups, at = 0;
    kdst__permutation(key, GROUPS_STREAM, s->order, s->groups);
    for (int64_t i = 0; i < s->groups; i++) {
        int64_t count = share + (i < left);
        take_group(s, key, s->order[i], count, at);
        at += count;
    }
    kdst__permutation(key, STREAM, s->order, s->samples);
    for (int64_t i = 0; i < s->samples; i++)
        s->order[i] = s->chosen[s->order[i]];
}

/* The first sample whose running sum is above a uniform number below the whole sum. */
static int64_t draw(const kdst__sampler *s, uint64_t key, int64_t i)
{
    double u = kdst__uniform(key, DRAW_STREAM, (uint64_t)i) * s->sums[s->samples - 1];
    int64_t low = 0, high = s->samples - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (s->sums[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    /* rounding of u upwards may lead behind the last weight above 0 */
    while (low > 0 && s->sums[low] == s->sums[low - 1])
        low--;
    return low;
}

void kdst__sampler_run(kdst__sampler *s, uint64_t key)
{
    if (s->kind == KDST__SAMPLER_SHUFFLE) kdst__permutation(key, STREAM, s->order, s->samples);
    if (s->kind == KDST__SAMPLER_BALANCED) run_balanced(s, key);
    if (s->kind != KDST__SAMPLER_WEIGHTED) return;
    for (int64_t i = 0; i < s->samples; i++)
        s->order[i] = draw(s, key, i);
}
