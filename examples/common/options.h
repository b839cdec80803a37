/* SPDX-License-Identifier: Apache-2.0 */
/* Options of an experiment driver: one table serves the command line and experiment files (JSON with the same keys).
 *
 * An experiment file is an object such as {"student": "mlp", "epochs": 20, "seeds": [1, 2], "flip": true}. It is read by
 * --config FILE (a driver may also know some by name), where it stands among the other options: what comes later wins. options_write writes all options back, with
 * "made_by" (versions), which reading passes over, so that a run can be repeated from its result folder.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { OPTION_TEXT_SIZE = 1024 };

typedef enum option_kind {
    OPTION_TEXT,   /* char[OPTION_TEXT_SIZE], not empty */
    OPTION_WHOLE,  /* int64_t in [low, high] */
    OPTION_NUMBER, /* double in [low, high] */
    OPTION_FLAG,   /* bool; takes no value on the command line */
    OPTION_CHOICE, /* const char *: one of choices */
    OPTION_LIST,   /* set parses "a,b,c", which replaces what was there; get gives the elements */
    OPTION_REPEAT, /* set adds one value; given several times, or as a list in a file */
    OPTION_PRESET  /* set changes other options; not written back */
} option_kind;

typedef struct option_row {
    const char *name; /* "learning-rate" */
    option_kind kind;
    size_t offset; /* into the driver's settings */
    double low, high;
    const char *const *choices; /* closed by NULL */
    bool (*set)(void *settings, const char *value);                                /* explains what is wrong */
    bool (*get)(const void *settings, int index, char *out, size_t size);          /* false past the last element */
    bool may_be_empty; /* LIST: [] in a file is as if it were not there */
    bool transient; /* says how to run, not what: not written back */
} option_row;

typedef struct option_table {
    const char *program;
    const char *const *help; /* parts of the text, closed by NULL: C compilers need not take long strings */
    const option_row *rows;
    int count;
    bool (*configure)(void *settings, const char *name); /* nullable: --config of a name instead of a file; false: not known */
} option_table;

/* 0: go on; 1: --help was answered; 2: something is wrong (explained on standard error). */
int options_parse(const option_table *table, int argc, char **argv, void *settings);

/* One option from its text, as on the command line; false (explained) when it is unknown or wrong. */
bool options_set(const option_table *table, void *settings, const char *name, const char *value);

/* Writes an experiment file; `info` are pairs of name and text for "made_by", closed by NULL. */
bool options_write(
    const option_table *table, const void *settings, const char *const *info, const char *path);

/* For set functions: numbers and words from text, explained when wrong. */
bool option_whole(const option_table *t, const char *name, const char *text, double low, double high, void *out_int64);
bool option_number(const option_table *t, const char *name, const char *text, double low, double high, double *out);
bool option_word(const option_table *t, const char *name, const char *text, const char *const *choices, int *out);
/* Next element of a comma-separated list into `item`; 0 at the end, -1 (explained) when it is empty or too long. */
int option_item(const option_table *t, const char *name, const char **list, char *item, size_t size);

#endif
