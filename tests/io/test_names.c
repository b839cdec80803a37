/* SPDX-License-Identifier: Apache-2.0 */
/* The list of names: order, growth, equal hashes, the nearest name, allocations that fail. */
#include "io/names.h"

#include "support/counting.h"
#include "support/run.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 1000 };

static counting hooks;
static kdst__memory *memory;
static kdst__names names;

static void setup(void)
{
    hooks = (counting){0};
    memory = kdst__memory_create(counting_allocate, counting_deallocate, &hooks);
    ck_assert_ptr_nonnull(memory);
    names = (kdst__names){.seed = 12345};
}

static void teardown(void)
{
    kdst__names_clear(memory, &names);
    ck_assert_int_eq(names.count, 0);
    ck_assert_ptr_null(names.entries);
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    kdst__memory_destroy(memory);
    ck_assert_int_eq(hooks.blocks, 0);
}

static int64_t add(const char *name)
{
    return kdst__names_add(memory, &names, name, NULL);
}

static const char *numbered(int i)
{
    static char text[32];
    snprintf(text, sizeof text, "layer%d.weight", i);
    return text;
}

START_TEST(found_in_order)
{
    int values[MANY];
    ck_assert_int_eq(kdst__names_find(&names, "layer0.weight"), -1);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(kdst__names_add(memory, &names, numbered(i), &values[i]), i);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(kdst__names_find(&names, numbered(i)), i);
        ck_assert_str_eq(names.entries[i].name, numbered(i));
        ck_assert_ptr_eq(names.entries[i].value, &values[i]);
    }
    ck_assert_int_eq(kdst__names_find(&names, numbered(MANY)), -1);
    ck_assert_int_eq(kdst__names_find(&names, ""), -1);
    ck_assert_int_eq(add(""), MANY);
    ck_assert_int_eq(kdst__names_find(&names, ""), MANY);
}
END_TEST

/* The first name is given the second one's hash, and growing puts it where that one would be. */
START_TEST(equal_hashes)
{
    kdst__names other = {.seed = names.seed};
    ck_assert_int_eq(kdst__names_add(memory, &other, "second", NULL), 0);
    ck_assert_int_eq(add("first"), 0);
    names.entries[0].hash = other.entries[0].hash;
    kdst__names_clear(memory, &other);
    for (int64_t before = names.capacity; names.capacity == before;)
        ck_assert_int_ge(add(numbered((int)names.count)), 1);
    ck_assert_int_eq(kdst__names_find(&names, "second"), -1);
    int64_t position = add("second");
    ck_assert_int_eq(position, names.count - 1);
    ck_assert_int_eq(kdst__names_find(&names, "second"), position);
}
END_TEST

START_TEST(nearest)
{
    ck_assert_ptr_null(kdst__names_nearest(&names, "weight"));
    add("fc1.bias");
    add("fc1.weight");
    add("fc2.weight");
    ck_assert_str_eq(kdst__names_nearest(&names, "fc2.wieght"), "fc2.weight");
    ck_assert_str_eq(kdst__names_nearest(&names, "fc1.bia"), "fc1.bias");
    ck_assert_str_eq(kdst__names_nearest(&names, "fc3.weight"), "fc1.weight"); /* the first of two */
}
END_TEST

/* The 17th name makes the arrays grow: each of its three allocations fails, and the list is as it was. */
START_TEST(failing_allocations)
{
    int refused = 0;
    for (int i = 0; i < 16; i++)
        ck_assert_int_eq(add(numbered(i)), i);
    for (int64_t n = 1; names.count == 16; n++) {
        hooks.fail_from = hooks.calls + n;
        hooks.fail_to = INT64_MAX;
        int64_t before = hooks.refused, position = add(numbered(16));
        hooks.fail_from = 0;
        if (hooks.refused == before) {
            ck_assert_int_eq(position, 16);
            continue;
        }
        refused++;
        ck_assert_int_eq(position, -1);
        ck_assert_int_eq(names.count, 16);
        ck_assert_int_eq(kdst__names_find(&names, numbered(16)), -1);
        for (int i = 0; i < 16; i++)
            ck_assert_int_eq(kdst__names_find(&names, numbered(i)), i);
    }
    ck_assert_int_ge(refused, 1);
    ck_assert_int_eq(kdst__names_find(&names, numbered(16)), 16);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *lists = tcase_create("lists");
    tcase_add_checked_fixture(lists, setup, teardown);
    tcase_add_test(lists, found_in_order);
    tcase_add_test(lists, equal_hashes);
    tcase_add_test(lists, nearest);
    tcase_add_test(lists, failing_allocations);
    suite_add_tcase(suite, lists);
    return run_suite(suite);
}
