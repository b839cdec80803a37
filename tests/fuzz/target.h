/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target and its drivers agree on.
 *
 * A target defines LLVMFuzzerTestOneInput, which reads the bytes as a file, aborts when the library breaks a promise,
 * and counts the inputs it accepted. It may define the other functions; replay.c has replacements that do nothing.
 */
#ifndef KDST_TESTS_FUZZ_TARGET_H
#define KDST_TESTS_FUZZ_TARGET_H

#include <kdst/kdst.h>

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
extern int64_t fuzz_accepted;

/* Makes lengths and the like fit again after a mutation, so that the parser gets past them. */
void fuzz_repair(uint8_t *data, size_t bytes);
/* Writes a valid file for the corpus; false where the target has none. */
int fuzz_write_valid(const char *path);

/* The bytes as a file in memory; the path is valid until the next call with this slot (0 to 3). */
const char *fuzz_file(int slot, const uint8_t *data, size_t bytes);
/* One context for the process: one thread, 256 MiB at most. */
kdst_context *fuzz_context(void);
/* Aborts, saying what was promised. */
void fuzz_promise(int kept, const char *what);
/* A status of a loader: OK, or one that a bad file may have, with a message. */
void fuzz_check_status(kdst_status status);

#endif
