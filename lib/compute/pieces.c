/* SPDX-License-Identifier: Apache-2.0 */
/* How a loop is cut into pieces: by its length alone, at most 64, none shorter than worth its start. */
#include "compute/compute.h"

int64_t kdst__pieces(int64_t n, int64_t grain)
{
    if (n <= 0) return 0;
    int64_t pieces = n / (grain > 0 ? grain : 1);
    return pieces < 1 ? 1 : pieces > 64 ? 64 : pieces;
}

/* The first n % pieces parts are one longer. */
void kdst__piece_range(int64_t n, int64_t pieces, int64_t piece, int64_t *begin, int64_t *end)
{
    int64_t part = n / pieces, longer = n % pieces;
    *begin = piece * part + (piece < longer ? piece : longer);
    *end = *begin + part + (piece < longer);
}
