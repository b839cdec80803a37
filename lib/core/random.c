/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
 *
 * Layout: counter words 0, 1 are the low and high half of `index`, words 2, 3 of `stream`; key words 0, 1 of `seed`.
 * A 64-bit number is two neighbouring words, the first one low. Everything below is built from that one function, so files
 * that hold (seed, stream) mean the same numbers on every machine; only kdst__normal also depends on libm.
 */
#include "core/random.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide;

void kdst__philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53 * c0, b = (uint64_t)0xcd9e8d57 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9e3779b9; /* golden ratio */
        k1 += 0xbb67ae85; /* sqrt(3) - 1 */
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static uint64_t word(const uint32_t block[4], int half)
{
    return block[2 * half] | (uint64_t)block[2 * half + 1] << 32;
}

/* The top 53 bits, so that every value is a multiple of 2^-53. */
static double to_unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double kdst__uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t block[4];
    kdst__philox(seed, stream, index / 2, block);
    return to_unit(word(block, (int)(index % 2)));
}

void kdst__uniforms(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, double *out)
{
    uint32_t block[4];
    for (int64_t i = 0; i < count; i++) {
        const uint64_t index = first + (uint64_t)i;
        if (i == 0 || index % 2 == 0) kdst__philox(seed, stream, index / 2, block);
        out[i] = to_unit(word(block, (int)(index % 2)));
    }
}

static void polar(uint64_t seed, uint64_t stream, uint64_t block_index, double *radius, double *angle)
{
    uint32_t block[4];
    kdst__philox(seed, stream, block_index, block);
    *radius = sqrt(-2 * log1p(-to_unit(word(block, 0)))); /* 1 - u is never 0 */
    *angle = 6.283185307179586476925 * to_unit(word(block, 1));
}

double kdst__normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    double radius, angle;
    polar(seed, stream, index / 2, &radius, &angle);
    return radius * (index % 2 ? sin(angle) : cos(angle));
}

/* Cosines and sines have loops of their own, so that no compiler joins them into a function that may round in another way. */
void kdst__normals(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, double *out)
{
    enum { BLOCKS = 128 };
    double radius[BLOCKS], angle[BLOCKS];
    for (int64_t done = 0; done < count;) {
        const uint64_t index = first + (uint64_t)done;
        const int64_t odd = (int64_t)(index % 2), left = count - done + odd;
        const int64_t blocks = left > 2 * BLOCKS ? BLOCKS : (left + 1) / 2;
        const int64_t end = left > 2 * BLOCKS ? 2 * BLOCKS : left;
        const int64_t at = done - odd;
        for (int64_t i = 0; i < blocks; i++)
            polar(seed, stream, index / 2 + (uint64_t)i, &radius[i], &angle[i]);
        for (int64_t i = odd; 2 * i < end; i++)
            out[at + 2 * i] = radius[i] * cos(angle[i]);
        for (int64_t i = 0; 2 * i + 1 < end; i++)
            out[at + 2 * i + 1] = radius[i] * sin(angle[i]);
        done += end - odd;
    }
}

uint64_t kdst__mix(uint64_t a, uint64_t b)
{
    /* The last block of a stream, which no stream of numbers ever reaches. */
    uint32_t block[4];
    kdst__philox(a, b, UINT64_MAX, block);
    return word(block, 0);
}

uint64_t kdst__below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n)
{
    /* Lemire, "Fast random integer generation in an interval", 2019: the high half of x * n, redrawing when the low half falls
     * into the 2^64 mod n values that would be counted once too often. */
    uint64_t key = kdst__mix(seed, index), floor = -n % n;
    uint32_t block[4];
    for (uint64_t attempt = 0;; attempt++) {
        if (attempt % 2 == 0) kdst__philox(key, stream, attempt / 2, block);
        wide product = (wide)word(block, (int)(attempt % 2)) * n;
        if ((uint64_t)product >= floor) return (uint64_t)(product >> 64);
    }
}

void kdst__permutation(uint64_t seed, uint64_t stream, int64_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)kdst__below(seed, stream, (uint64_t)i, (uint64_t)i + 1), kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}
