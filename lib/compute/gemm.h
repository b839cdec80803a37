/* SPDX-License-Identifier: Apache-2.0 */
/* Dense products from the inside: plans, operands, and how C is laid out.
 *
 * C [m, n] (+)= A [m, k] B [k, n]. B's columns and C's are numbered (g, i, j) over groups (images), rows and columns of an output
 * image, so that a convolution is one product over the whole batch; a plain matrix has one group and one row.
 * A is packed once and shared; each piece packs its own columns of B. A and B are matrices or the windows of an image.
 */
#ifndef KDST_COMPUTE_GEMM_H
#define KDST_COMPUTE_GEMM_H

#include "compute/kernels.h"

#define KDST__MAX_TILE 1024 /* elements of a tile of any micro-kernel */
#define KDST__PANEL_SLACK 1024 /* bytes behind packed panels: micro-kernels of BLIS read ahead */

/* Which micro-kernel multiplies, and its block sizes. */
typedef struct kdst__gemm_plan {
    int64_t mr, nr;           /* tile */
    int64_t flat;             /* rows of the flat tile; mr: there is none */
    int64_t pack_mr, pack_nr; /* widths of packed panels */
    int64_t mc, kc;
    int32_t rows; /* 1: wants rows of C contiguous, 0: columns */
    void (*blis)(void); /* micro-kernel of BLIS, NULL: kernels.def's */
    void *blis_context;
    char name[48];
} kdst__gemm_plan;

/* Fills the plan from BLIS; 0 when BLIS runs its reference kernels here or the tile does not fit. */
int32_t kdst__gemm_blis_plan(int32_t dtype, kdst__gemm_plan *plan);
/* One tile through BLIS; c any strides. */
void kdst__gemm_blis_tile(
    const kdst__gemm_plan *plan, int32_t dtype, int64_t k, const void *a, const void *b, int32_t accumulate, void *c,
    int64_t rs, int64_t cs);
/* Plans of both types. `best`: the level is the machine's highest, so BLIS may be used. */
void kdst__gemm_plan_all(kdst__compute *cp, int32_t best);

enum { KDST__STRIDED, KDST__WINDOWS, KDST__WINDOWS_TRANSPOSED };

/* One operand: panel index i (row of A, column of B) and depth p. STRIDED: element i si + (p / group) sg + (p % group) sp.
 * WINDOWS: i a position, p a (channel, tap); TRANSPOSED: the other way round. */
typedef struct kdst__operand {
    int32_t kind;
    const void *data;
    int64_t si, sp;
    int64_t group, sg; /* group 0: one group */
    const kdst__windows *windows;
} kdst__operand;

typedef struct kdst__product {
    int32_t dtype, accumulate;
    int64_t m, n, k;
    kdst__operand a, b;
    void *c;
    int64_t rs;         /* from row to row of C */
    int64_t i, j;       /* columns are (g, i, j); i, j: extents */
    int64_t gs, is, js; /* strides of g, i, j */
    const kdst__panels *ready; /* A packed already, for one product; NULL: not */
    int64_t batch, a_step, b_step, c_step; /* so many products (0: one), their operands and C so many elements apart */
} kdst__product;

/* Runs a product; OUT_OF_MEMORY leaves C untouched. */
kdst_status kdst__product_run(kdst__compute *cp, const kdst__product *product);

/* ---- the same second factor many times ---- */

/* B [k, n] in panels; it is borrowed, and must stay as it is while its panels are used. */
typedef struct kdst__packed {
    int32_t dtype;
    int64_t n, k, rs, cs;
    const void *source;
    void *panels; /* NULL: products have so few rows that B is read where it lies */
    size_t bytes;
} kdst__packed;

/* rows: the most that a product will have. On failure there is nothing to free. */
kdst_status kdst__gemm_pack(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t n, int64_t k, const void *b, int64_t rs_b, int64_t cs_b,
    kdst__packed *out);
void kdst__gemm_unpack(kdst__compute *cp, kdst__packed *b);
/* C [m, n] row-major = A B, or += with `accumulate`; A [m, k] with rows `rs_a` apart. On failure C is untouched. */
kdst_status kdst__gemm_packed(
    kdst__compute *cp, const kdst__packed *b, int64_t m, const void *a, int64_t rs_a, int32_t accumulate, void *c);

/* ---- parts of it ---- */

/* A product with sizes and roles settled. Panels of A are `wa` wide, of B `wb`; `swapped`: A's panels are the micro-kernel's second
 * operand. */
typedef struct kdst__product_run {
    kdst__compute *cp;
    const kdst__gemm_plan *plan;
    kdst__product p;
    int32_t swapped, direct; /* direct: whole tiles may be written in place */
    int32_t flat;            /* the flat tile multiplies */
    int64_t wa, wb;          /* tile */
    int64_t pa, pb;          /* panel widths, >= tile */
    int64_t depth;           /* block of k */
    size_t size;             /* bytes of an element */
} kdst__product_run_t;

void kdst__product_settle(kdst__compute *cp, const kdst__product *product, kdst__product_run_t *out);
/* A's panels of the block of k that begins at p0, when they are ready and of this shape; else NULL. */
const void *kdst__product_ready(const kdst__product_run_t *r, int64_t p0);
/* Number i of a batch as a product of its own; *windows holds its windows. */
kdst__product kdst__product_of_batch(const kdst__product *product, int64_t i, kdst__windows *windows);
/* Packs panels of width `tile` (stored `panel` wide) of indices [begin, end), begin a multiple of tile, depth [p0, p0 + k). */
void kdst__product_pack(
    const kdst__product_run_t *r, const kdst__operand *x, int64_t tile, int64_t panel, int64_t begin, int64_t end,
    int64_t p0, int64_t k, void *out);
/* C[rows i0 … i1, columns j0 … j1] (+)= packed panels; i0 and j0 are multiples of the tile. */
void kdst__product_tiles(
    const kdst__product_run_t *r, int64_t k, const void *a, const void *b, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
    int32_t accumulate);
/* The product cut along k, for small C and long k: partial results, summed in piece order. */
int32_t kdst__product_wants_split(const kdst__product_run_t *r);
kdst_status kdst__product_split(kdst__product_run_t *r);
/* What is done to C at the end: + bias[j], only without accumulation; then max(C, 0). */
typedef struct kdst__tail {
    const void *bias; /* [n], or NULL */
    int32_t relu;
} kdst__tail;

/* Products of two matrices, one of which fits the second cache: 1 when taken, with its status in *out. */
int32_t kdst__gemm_skinny(kdst__compute *cp, const kdst__product *product, const kdst__tail *tail, kdst_status *out);
/* Products with a single row or column: 1 when taken. */
int32_t kdst__gemv(
    kdst__compute *cp, const kdst__product *product);

#endif
