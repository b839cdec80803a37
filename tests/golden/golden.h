/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the conformance program share.
 *
 *     conformance [--only KIND,...] DIR...
 *
 * A DIR holds a manifest.json and the .npy files that it names; tests/vectors/README.md describes them. Each system
 * has a source, which walks the manifest, runs each case through the public API and compares every expected number.
 * A case has a verdict: its first problem (a field, file or status that should not be), or else its worst element.
 * Whatever the program does not know is a problem: it reads objects through `fields`, which remembers what was
 * asked for.
 */
#ifndef KDST_TESTS_GOLDEN_H
#define KDST_TESTS_GOLDEN_H

#include <kdst/kdst.h>

#include <cjson/cJSON.h>
#include <stdbool.h>

#define MAX_RANK 8

/* One run of the program. */
typedef struct run {
    kdst_context *ctx; /* exact convolution */
    const char *directory;
    const char *system;
    char **only; /* [only_count] kinds that are wanted; none: all */
    bool *only_met;
    int only_count;
    int64_t passed, failed, cases; /* cases: met in this directory, wanted or not */
} run;

/* ---- verdicts (compare.c) ---- */

typedef struct verdict {
    char problem[1024];
    char worst[256]; /* name and index of the worst element */
    double ratio;    /* its |got - want| / tolerance, -1 before the first comparison */
    double got, want, tolerance;
} verdict;

/* |got - want| <= atol + rtol |want| + atol_of_max max |want| */
typedef struct tolerance {
    double rtol, atol, atol_of_max;
} tolerance;

void verdict_start(verdict *v);
/* Keeps the first problem; a status' message is added by check(). */
void problem(verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool sound(const verdict *v); /* no problem so far */
/* Whether the status is OK; otherwise `what` failed, and the context says why. */
bool check(verdict *v, kdst_context *ctx, kdst_status status, const char *what);

void compare_number(verdict *v, const char *name, tolerance t, double got, double want);
/* Row-major elements; the index in the report follows shape [rank]. */
void compare_values(
    verdict *v, const char *name, tolerance t, int64_t rank, const int64_t *shape, const double *got,
    const double *want);
/* Shapes must agree with want's. */
void compare_tensor(
    verdict *v, kdst_context *ctx, const char *name, tolerance t, int64_t rank, const int64_t *shape, kdst_tensor *got,
    const double *want);

/* Whether a case of this kind is to be run (it counts as met). */
bool wanted(run *r, const char *kind);
/* Counts a case, and prints a line when it failed. */
void verdict_end(run *r, const verdict *v, const char *name);

/* ---- reading (manifest.c) ---- */

/* The content of DIR/manifest.json, freed with cJSON_Delete; NULL with a problem. */
cJSON *manifest_read(verdict *v, const char *directory);

/* An object that is being read. Close it: a member nobody asked for is a problem. */
typedef struct fields {
    verdict *v;
    const cJSON *object;
    const char *name; /* in messages */
    uint64_t seen;
} fields;

void fields_open(fields *f, verdict *v, const cJSON *object, const char *name);
const cJSON *fields_find(fields *f, const char *name); /* NULL when it is missing */
const cJSON *fields_get(fields *f, const char *name);  /* missing is a problem */
double fields_number(fields *f, const char *name);     /* finite */
double fields_number_or(fields *f, const char *name, double standard);
int64_t fields_whole(fields *f, const char *name); /* at least 0 */
bool fields_flag_or(fields *f, const char *name, bool standard);
const char *fields_text(fields *f, const char *name); /* "" with a problem */
const char *fields_text_or(fields *f, const char *name, const char *standard);
void fields_inform(fields *f, const char *name); /* known, not compared */
void fields_close(const fields *f);
/* The finite, non-negative members "rtol" and "atol". */
tolerance fields_tolerance(fields *f);
/* A member {rtol, atol}, and "against" with this value when there is one. */
tolerance fields_tolerance_of(fields *f, const char *name, const char *against);
/* Reads [count] whole numbers; returns the count, -1 with a problem. */
int64_t read_shape(verdict *v, const cJSON *list, const char *name, int64_t *shape);

/* An array of the manifest, as a tensor and as doubles. */
typedef struct array {
    kdst_tensor *tensor; /* of the file's type */
    double *values;
    kdst_dtype dtype;
    int64_t rank, count, shape[MAX_RANK];
} array;

#define ANY_SIZE (-1)

/* Loads a file and checks type (0: any) and shape; rank -1: any, a size of ANY_SIZE: any. */
bool array_load(
    run *r, verdict *v, const char *file, const char *name, kdst_dtype dtype, int64_t rank, const int64_t *shape,
    array *a);
/* The same for a reference: a file's name, or an object with file, dtype and shape, which must agree with the file. */
bool array_get(run *r, fields *f, const char *name, kdst_dtype dtype, int64_t rank, const int64_t *shape, array *a);
/* What an open reference object {file, dtype, shape} names; its other members are left to the caller. */
bool array_open(run *r, fields *reference, array *a);
void array_free(array *a);

/* ---- systems ---- */

/* v is the manifest's own verdict. */
void run_distillation(run *r, verdict *v, const cJSON *manifest);
void run_background(run *r, verdict *v, const cJSON *manifest);
void run_models(run *r, verdict *v, const cJSON *manifest);
void run_tsslbp(run *r, verdict *v, const cJSON *manifest);

#endif
