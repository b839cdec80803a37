/* SPDX-License-Identifier: Apache-2.0 */
/* Driver of a fuzz target without a fuzzer: runs a corpus, and mutations of it that depend on seed and number alone.
 *
 *   fuzz_TARGET CORPUS        each file once: valid-* must be accepted, bad-* refused, others may be either
 *   fuzz_TARGET --mutate N [--seed S] [--from I] CORPUS   then mutations I to I+N-1
 *   fuzz_TARGET --dump I [--seed S] CORPUS  mutation I to standard output
 *   fuzz_TARGET --write FILE                a valid file, where the target can make one
 *
 * A crash names the file or the number of the mutation.
 */
#include "target.h"

#include <dirent.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 256, LONGEST = 1 << 16 };

typedef struct input {
    char name[NAME_MAX + 1];
    uint8_t *data;
    size_t bytes;
} input;

static input corpus[FILES];
static int corpus_files;
static char doing[NAME_MAX + 32]; /* what runs now, for the signal handler */

__attribute__((weak)) void fuzz_repair(uint8_t *data, size_t bytes)
{
    (void)data, (void)bytes;
}

__attribute__((weak)) int fuzz_write_valid(const char *path)
{
    (void)path;
    return 0;
}

static void say_what(int number)
{
    ssize_t n = write(STDERR_FILENO, doing, strlen(doing));
    signal(number, SIG_DFL);
    if (n >= 0) raise(number);
    _exit(1);
}

/* ---- corpus ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const input *)a)->name, ((const input *)b)->name);
}

static int read_corpus(const char *folder)
{
    DIR *listing = opendir(folder);
    if (!listing) return 0;
    for (struct dirent *entry; (entry = readdir(listing)) && corpus_files < FILES;) {
        char path[8192];
        input *file = &corpus[corpus_files];
        if (entry->d_name[0] == '.') continue;
        if (strlen(folder) > 4096) return 0;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *stream = fopen(path, "rb");
        if (!stream) continue;
        snprintf(file->name, sizeof file->name, "%s", entry->d_name);
        file->data = malloc(LONGEST);
        if (file->data) file->bytes = fread(file->data, 1, LONGEST, stream), corpus_files++;
        fclose(stream);
    }
    closedir(listing);
    qsort(corpus, (size_t)corpus_files, sizeof *corpus, by_name);
    return corpus_files;
}

static int run_corpus(void)
{
    int wrong = 0;
    for (int i = 0; i < corpus_files; i++) {
        int64_t before = fuzz_accepted;
        snprintf(doing, sizeof doing, "while running %.*s\n", NAME_MAX, corpus[i].name);
        LLVMFuzzerTestOneInput(corpus[i].data, corpus[i].bytes);
        int accepted = fuzz_accepted > before;
        int readable = !strstr(corpus[i].name, ".gz") || !strcmp(kdst_build_info("zlib"), "yes");
        int valid = readable && !strncmp(corpus[i].name, "valid-", 6), bad = !strncmp(corpus[i].name, "bad-", 4);
        if ((valid && !accepted) || (bad && accepted)) {
            fprintf(
                stderr, "%s is %s: %s\n", corpus[i].name, accepted ? "accepted" : "refused",
                accepted ? "" : kdst_context_message(fuzz_context()));
            wrong++;
        }
    }
    printf("%d files, %d not as named\n", corpus_files, wrong);
    return wrong;
}

/* ---- mutations ---- */

static uint64_t state; /* of the random numbers: splitmix64 */

static uint64_t draw(uint64_t below)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return below ? (x ^ x >> 31) % below : 0;
}

static size_t insert(uint8_t *data, size_t bytes, size_t at, const void *what, size_t count)
{
    if (bytes + count > LONGEST) return bytes;
    uint8_t copy[256];
    memcpy(copy, what, count); /* it may lie in `data` */
    memmove(data + at + count, data + at, bytes - at);
    memcpy(data + at, copy, count);
    return bytes + count;
}

static size_t mutate_once(uint8_t *data, size_t bytes)
{
    static const uint8_t marks[] = {0,   1,   0x7f, 0x80, 0xff, '"',  '\'', '{', '}', '[',
                                    ']', '(', ')',  ',',  ':',  '\\', '0',  '9', ' '};
    static const char *const words[] = {
        "9223372036854775807",
        "4294967296",
        "18446744073709551616",
        "-1",
        "0",
        "1e9",
        "\\u0000",
        "\\ud83d",
        "\"\":{}",
        "null",
        "[[",
        "{{",
        "\xff\xff\xff\xff\xff\xff\xff\x7f"};
    size_t at = (size_t)draw(bytes + 1), count = 1 + (size_t)draw(draw(2) ? 4 : 200);
    const input *other = &corpus[draw((uint64_t)corpus_files)];
    const char *word = words[draw(sizeof words / sizeof *words)];
    switch (draw(9)) {
    case 0:
        if (at < bytes) data[at] ^= (uint8_t)(1 << draw(8));
        return bytes;
    case 1:
        if (at < bytes) data[at] = draw(2) ? marks[draw(sizeof marks)] : (uint8_t)draw(256);
        return bytes;
    case 2:
        return insert(data, bytes, at, &marks[draw(sizeof marks)], 1);
    case 3:
        return insert(data, bytes, at, word, strlen(word));
    case 4: /* remove a stretch */
        if (count > bytes - at) count = bytes - at;
        memmove(data + at, data + at + count, bytes - at - count);
        return bytes - count;
    case 5: /* repeat a stretch */
        return insert(data, bytes, at, data + at, count < bytes - at ? count : bytes - at);
    case 6: /* a stretch of another file */
        if (!other->bytes) return bytes;
        count = count < other->bytes ? count : other->bytes;
        return insert(data, bytes, at, other->data + draw(other->bytes - count + 1), count);
    case 7: /* another digit */
        for (size_t i = at; i < bytes; i++)
            if (data[i] >= '0' && data[i] <= '9') {
                data[i] = (uint8_t)('0' + draw(10));
                break;
            }
        return bytes;
    default:
        return draw(4) ? bytes : at; /* cut */
    }
}

static size_t mutate(uint64_t seed, uint64_t number, uint8_t *data)
{
    state = seed * 0x2545f4914f6cdd1du + number;
    const input *from = &corpus[draw((uint64_t)corpus_files)];
    size_t bytes = from->bytes;
    memcpy(data, from->data, bytes);
    for (uint64_t n = 1 + draw(6); n > 0; n--)
        bytes = mutate_once(data, bytes);
    if (draw(3)) fuzz_repair(data, bytes);
    return bytes;
}

static void run_mutations(uint64_t seed, uint64_t from, uint64_t count)
{
    static uint8_t data[LONGEST];
    int64_t before = fuzz_accepted;
    for (uint64_t i = from; i < from + count; i++) {
        size_t bytes = mutate(seed, i, data);
        snprintf(
            doing, sizeof doing, "while running mutation %llu of seed %llu\n", (unsigned long long)i,
            (unsigned long long)seed);
        uint8_t *exact = malloc(bytes ? bytes : 1); /* so that a sanitizer sees its end */
        if (!exact) abort();
        memcpy(exact, data, bytes);
        LLVMFuzzerTestOneInput(exact, bytes);
        free(exact);
    }
    printf("%llu mutations, %lld loads accepted\n", (unsigned long long)count, (long long)(fuzz_accepted - before));
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"mutate", 1, NULL, 'm'}, {"seed", 1, NULL, 's'},  {"from", 1, NULL, 'f'},
                                          {"dump", 1, NULL, 'd'},   {"write", 1, NULL, 'w'}, {NULL, 0, NULL, 0}};
    static uint8_t data[LONGEST];
    uint64_t count = 0, seed = 1, from = 0, dump = UINT64_MAX;
    for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (o == 'w') return fuzz_write_valid(optarg) ? EXIT_SUCCESS : EXIT_FAILURE;
        if (o == '?') return 2;
        *(o == 'm' ? &count : o == 's' ? &seed : o == 'f' ? &from : &dump) = strtoull(optarg, NULL, 10);
    }
    if (optind != argc - 1 || !read_corpus(argv[optind])) {
        fprintf(
            stderr, "usage: %s [--mutate N] [--seed S] [--from I] [--dump I] CORPUS, a folder with files\n", argv[0]);
        return 2;
    }
    if (dump != UINT64_MAX) {
        size_t bytes = mutate(seed, dump, data);
        return fwrite(data, 1, bytes, stdout) == bytes ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], say_what);
    int wrong = run_corpus();
    if (count) run_mutations(seed, from, count);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
