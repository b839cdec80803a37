/* SPDX-License-Identifier: Apache-2.0 */
/* Bandwidth of memory: a += s b and sum a over arrays of which none fits the caches.
 *
 * Every thread has a part of each array, which it touches first; all begin together at a barrier. Neither loop writes
 * what it has not read, so that the bytes that are counted are all that move: three arrays of an update, one of a sum.
 */
#include "peak.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPEATS = 16, LEAST_MB = 64, MOST_MB = 512, MOST_THREADS = 256 };

typedef struct team {
    pthread_mutex_t gate; /* held until it is known how many threads there are */
    pthread_barrier_t barrier;
} team;

typedef struct part {
    team *team;
    pthread_t thread;
    float *a, *b;
    unsigned *c;
    size_t count;
    double update, sum; /* seconds of the fastest, from barrier to barrier */
    unsigned total;     /* keeps the sums */
} part;

static void update(float *restrict a, const float *restrict b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] += 0.5f * b[i];
    __asm__ volatile("" ::: "memory"); /* each pass is made, though the next overwrites it */
}

/* Integers, whose sum the compiler may take apart into vectors. */
static unsigned add_up(const unsigned *a, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i];
    return sum;
}

static double at_barrier(part *p)
{
    pthread_barrier_wait(&p->team->barrier);
    return bench_seconds();
}

static void *run_part(void *argument)
{
    part *p = argument;
    pthread_mutex_lock(&p->team->gate);
    pthread_mutex_unlock(&p->team->gate);
    for (size_t i = 0; i < p->count; i++)
        p->a[i] = p->b[i] = 1, p->c[i] = 1;
    p->update = p->sum = 1e9;
    for (int i = 0; i < REPEATS; i++) {
        double start = at_barrier(p);
        update(p->a, p->b, p->count);
        double middle = at_barrier(p);
        p->total += add_up(p->c, p->count);
        double end = at_barrier(p);
        if (middle - start < p->update) p->update = middle - start;
        if (end - middle < p->sum) p->sum = end - middle;
    }
    return NULL;
}

/* Bytes of an array: four times the last cache, within bounds that any machine bears. */
static size_t array_bytes(void)
{
    size_t bytes = (size_t)LEAST_MB << 20, most = (size_t)MOST_MB << 20;
#ifdef _SC_LEVEL3_CACHE_SIZE
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (cache > 0 && 4 * (size_t)cache > bytes) bytes = 4 * (size_t)cache;
#endif
    return bytes > most ? most : bytes;
}

/* This thread has part 0. Where the system gives fewer threads, they are measured. */
static double run_team(part *parts, int threads)
{
    team t;
    int started = 1;
    pthread_mutex_init(&t.gate, NULL);
    pthread_mutex_lock(&t.gate);
    for (int i = 0; i < threads; i++)
        parts[i].team = &t;
    while (started < threads && !pthread_create(&parts[started].thread, NULL, run_part, &parts[started]))
        started++;
    pthread_barrier_init(&t.barrier, NULL, (unsigned)started);
    pthread_mutex_unlock(&t.gate);
    run_part(&parts[0]);
    for (int i = 1; i < started; i++)
        pthread_join(parts[i].thread, NULL);
    pthread_barrier_destroy(&t.barrier);
    pthread_mutex_destroy(&t.gate);
    double bytes = (double)parts[0].count * sizeof(float) * started;
    double updated = 3 * bytes / parts[0].update, summed = bytes / parts[0].sum;
    return 1e-9 * (updated > summed ? updated : summed);
}

double measure_bandwidth(int threads)
{
    static double known;
    static int known_threads;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (known_threads == threads) return known;
    part parts[MOST_THREADS];
    size_t count = array_bytes() / sizeof(float) / (size_t)threads;
    float *memory = malloc(3 * count * (size_t)threads * sizeof *memory);
    if (!memory) return 0;
    for (int i = 0; i < threads; i++) {
        float *own = memory + 3 * count * (size_t)i;
        parts[i] = (part){.a = own, .b = own + count, .c = (unsigned *)(own + 2 * count), .count = count};
    }
    known = run_team(parts, threads);
    known_threads = threads;
    free(memory);
    return known;
}
