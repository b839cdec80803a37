/* SPDX-License-Identifier: Apache-2.0 */
/* Allocator hooks that count, and check that a block is given back with the size and alignment it was asked for with. */
#ifndef KDST_TESTS_COUNTING_H
#define KDST_TESTS_COUNTING_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct counting {
    int64_t calls, blocks, bytes; /* calls of allocate; blocks and bytes out now */
    int64_t fail_from, fail_to;   /* numbers of the calls that fail, from 1; 0: none */
    int64_t refused;
    int32_t destroyed;
} counting;

/* Stands in front of each block, in an alignment's worth of bytes. */
typedef struct counting_head {
    void *base;
    uint64_t size, alignment;
} counting_head;

static inline void *counting_allocate(void *user_data, uint64_t size, uint64_t alignment)
{
    counting *c = user_data;
    c->calls++;
    if (c->calls >= c->fail_from && c->calls <= c->fail_to) {
        c->refused++;
        return NULL;
    }
    ck_assert_uint_ge(alignment, sizeof(counting_head));
    void *base = NULL;
    if (posix_memalign(&base, (size_t)alignment, (size_t)(alignment + size))) return NULL;
    char *block = (char *)base + alignment;
    *((counting_head *)block - 1) = (counting_head){base, size, alignment};
    c->blocks++;
    c->bytes += (int64_t)size;
    return block;
}

static inline void counting_deallocate(void *user_data, void *pointer, uint64_t size, uint64_t alignment)
{
    counting *c = user_data;
    counting_head head = *((counting_head *)pointer - 1);
    ck_assert_uint_eq(size, head.size);
    ck_assert_uint_eq(alignment, head.alignment);
    c->blocks--;
    c->bytes -= (int64_t)size;
    free(head.base);
}

static inline void counting_destroy(void *user_data)
{
    counting *c = user_data;
    ck_assert_int_eq(c->blocks, 0); /* the last block went before */
    c->destroyed++;
}

#endif
