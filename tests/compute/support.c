/* SPDX-License-Identifier: Apache-2.0 */
/* See support.h. */
#include "support.h"

#include "core/cpu.h"
#include "support/guard.h"
#include "support/run.h"

enum { MOST_ARRAYS = 64, MOST_STATES = 8 };

kdst__compute *cp;
int32_t dtype;
double unit;
int64_t lanes;

static kdst__memory *memory;
static kdst__compute *states[MOST_STATES];
static int32_t level;
static int state_count, array_count, number_count;

/* Memory of arrays and of scratch, used again from round to round. */
static array arrays[MOST_ARRAYS];
static guarded guards[MOST_ARRAYS];
static double *kept[2 * MOST_ARRAYS];
static int64_t kept_counts[2 * MOST_ARRAYS];

/* ---- configurations ---- */

static int tested(int32_t candidate)
{
    const kdst__kernels_f32 *f32;
    const kdst__kernels_f64 *f64;
    const kdst__kernels_blocked *blocked;
    const char *wanted = getenv("KDST_TEST_LEVEL");
    return (!wanted || !strcmp(wanted, kdst__level_name(candidate))) && kdst__select_kernels(candidate, &f32, &f64, &blocked);
}

int configurations(void)
{
    int count = 0;
    for (int32_t i = 0; i < KDST__LEVELS; i++)
        count += 2 * tested(i);
    return count;
}

void begin(int number)
{
    static const int64_t bytes[] = {16, 32, 64};
    level = -1;
    for (int32_t i = 0, left = number / 2; i < KDST__LEVELS && level < 0; i++)
        if (tested(i) && left-- == 0) level = i;
    ck_assert_int_ge(level, 0);
    dtype = number % 2 ? KDST__F64 : KDST__F32;
    unit = unit_roundoff(number % 2);
    lanes = bytes[level] / (number % 2 ? 8 : 4);
    memory = kdst__memory_create(NULL, NULL, NULL);
    ck_assert_ptr_nonnull(memory);
    cp = with_threads(3);
}

kdst__compute *with_threads(int32_t threads)
{
    kdst__compute *made = NULL;
    ck_assert_int_lt(state_count, MOST_STATES);
    ck_assert_int_eq(kdst__compute_create(memory, threads, level, 0, &made), KDST_STATUS_OK);
    return states[state_count++] = made;
}

void drop_arrays_but(int count)
{
    array_count = count;
    number_count = 0;
}

void drop_arrays(void)
{
    drop_arrays_but(0);
}

void finish(void)
{
    drop_arrays();
    for (int i = 0; i < MOST_ARRAYS; i++)
        if (guards[i].pages) guard_free(&guards[i]);
    for (int i = 0; i < 2 * MOST_ARRAYS; i++)
        free(kept[i]);
    for (int i = 0; i < state_count; i++)
        kdst__compute_destroy(states[i]);
    state_count = 0;
    if (!memory) return;
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    kdst__memory_destroy(memory);
    memory = NULL;
}

/* ---- arrays ---- */

/* Scratch number `slot`, zeroed. */
static double *scratch(int slot, int64_t count)
{
    if (!kept[slot] || kept_counts[slot] < count) {
        free(kept[slot]);
        kept[slot] = malloc((size_t)(count + 1) * sizeof(double));
        kept_counts[slot] = count;
        ck_assert_ptr_nonnull(kept[slot]);
    }
    memset(kept[slot], 0, (size_t)(count + 1) * sizeof(double));
    return kept[slot];
}

double *numbers(int64_t count)
{
    ck_assert_int_lt(number_count, MOST_ARRAYS);
    return scratch(number_count++, count);
}

double *values_of(const array *a)
{
    double *values = numbers(a->count);
    for (int64_t i = 0; i < a->count; i++)
        values[i] = element(a, i);
    return values;
}

static array *new_array(int64_t count, int before)
{
    ck_assert_int_lt(array_count, MOST_ARRAYS);
    guarded *g = &guards[array_count];
    size_t bytes = (size_t)count * kdst__size_of(dtype);
    array *a = &arrays[array_count];
    *a = (array){
        .count = count, .data = guard_place(g, bytes, before), .values = scratch(MOST_ARRAYS + array_count, count)};
    array_count++;
    if (a->data) return a;
    if (g->pages) guard_free(g);
    a->data = guard_make(g, bytes, before);
    return a;
}

double element(const array *a, int64_t i)
{
    return dtype == KDST__F32 ? (double)((const float *)a->data)[i] : ((const double *)a->data)[i];
}

void set_element(array *a, int64_t i, double value)
{
    if (dtype == KDST__F32)
        ((float *)a->data)[i] = (float)value;
    else
        ((double *)a->data)[i] = value;
    a->values[i] = element(a, i);
}

static double random_number(int64_t i, int seed)
{
    uint64_t h = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)seed * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 31)) * UINT64_C(0x94D049BB133111EB);
    h ^= h >> 29;
    return (double)(h >> 11) * 0x1p-52 - 1;
}

static array *fill_random(array *a, int seed)
{
    for (int64_t i = 0; i < a->count; i++)
        set_element(a, i, random_number(i, seed));
    return a;
}

array *random_array(int64_t count, int seed)
{
    return fill_random(new_array(count, 0), seed);
}

array *early_array(int64_t count, int seed)
{
    return fill_random(new_array(count, 1), seed);
}

array *array_of(int64_t count, const double *values)
{
    array *a = new_array(count, 0);
    for (int64_t i = 0; i < count; i++)
        set_element(a, i, values[i]);
    return a;
}

array *filled_array(int64_t count, double value)
{
    array *a = new_array(count, 0);
    for (int64_t i = 0; i < count; i++)
        set_element(a, i, value);
    return a;
}

/* ---- comparisons ---- */

void expect_within(const array *a, const double *expected, const double *bound, const char *what)
{
    for (int64_t i = 0; i < a->count; i++) {
        double got = element(a, i);
        int good = isfinite(expected[i]) ? fabs(got - expected[i]) <= bound[i]
            : isnan(expected[i])         ? isnan(got)
                                         : got == expected[i];
        if (good) continue; /* an assertion that holds costs a system call */
        ck_abort_msg(
            "%s, %s, %d bits: element %lld of %lld is %.17g, expected %.17g within %g", what, kdst__level_name(level),
            dtype * 32, (long long)i, (long long)a->count, got, expected[i], bound[i]);
    }
}

void expect_equal(const array *a, const double *expected, const char *what)
{
    double *none = numbers(a->count);
    expect_within(a, expected, none, what);
}

void expect_same_bits(const array *a, const array *b, const char *what)
{
    ck_assert_int_eq(a->count, b->count);
    ck_assert_msg(!memcmp(a->data, b->data, (size_t)a->count * kdst__size_of(dtype)), "%s: bits differ", what);
}

void sizes_around(int64_t w, int64_t sizes[SIZES])
{
    const int64_t all[SIZES] = {0, 1, w - 1, w, w + 1, 2 * w + 1, 5 * w + 3, 1100};
    memcpy(sizes, all, sizeof all);
}

int run_compute_suite(const char *name, void (*build)(TCase *tests))
{
    if (getenv("KDST_TEST_BLIS") && kdst__cpu_level() < KDST__LEVEL_AVX2) return 77;
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, NULL, finish);
    tcase_set_timeout(tests, 240);
    build(tests);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
