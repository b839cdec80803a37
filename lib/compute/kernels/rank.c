/* SPDX-License-Identifier: Apache-2.0 */
/* Places of the first elements of a column in an order: x[i step], i < n, and indices[i step], i < k.
 *
 * `largest` puts NaN first and then falling numbers; otherwise rising numbers and then NaN, or with `nan_first` NaN first.
 * Of equal ones the lower place comes first. The k first so far are a heap whose root is the last of them, each newcomer is
 * compared with it; in the end the heap is taken apart: O(n log k), no memory.
 */
#include "compute/simd/vector.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct order {
    const real *x;
    int64_t step;
    int32_t largest, nan_first;
} order;

/* Whether place a comes before place b. */
INLINE int before(const order *o, int32_t a, int32_t b)
{
    real p = o->x[a * o->step], q = o->x[b * o->step];
    if (p != p || q != q) {
        if (p != p && q != q) return a < b;
        return (p != p) == o->nan_first;
    }
    if (p == q) return a < b;
    return o->largest ? p > q : p < q;
}

/* Sinks the entry at `root` of a heap of `count`, the later one above. */
static void sink(const order *o, int32_t *heap, int64_t step, int64_t root, int64_t count)
{
    int32_t moved = heap[root * step];
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(o, heap[child * step], heap[(child + 1) * step])) child++;
        if (!before(o, moved, heap[child * step])) break;
        heap[root * step] = heap[child * step];
    }
    heap[root * step] = moved;
}

static void column(const order *o, int64_t n, int64_t k, int32_t *heap, int64_t step)
{
    for (int64_t i = 0; i < k; i++)
        heap[i * step] = (int32_t)i;
    for (int64_t i = k / 2; i-- > 0;)
        sink(o, heap, step, i, k);
    for (int64_t i = k; i < n; i++)
        if (before(o, (int32_t)i, heap[0])) {
            heap[0] = (int32_t)i;
            sink(o, heap, step, 0, k);
        }
    for (int64_t count = k - 1; count > 0; count--) {
        int32_t last = heap[0];
        heap[0] = heap[count * step];
        heap[count * step] = last;
        sink(o, heap, step, 0, count);
    }
}

void KDST__KERNEL(rank)(
    int32_t largest, int32_t nan_first, int64_t n, int64_t k, int64_t inner, int64_t begin, int64_t end, const real *x,
    int32_t *indices)
{
    for (int64_t j = begin; j < end && k > 0; j++) {
        const order o = {x + j, inner, largest, nan_first};
        column(&o, n, k, indices + j, inner);
    }
}
