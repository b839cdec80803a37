/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool (see threads.h).
 *
 * One run is open at a time. `gate` counts the workers inside the run and carries a CLOSED bit: a worker enters by adding
 * one, and leaves again at once when the bit was set. The caller closes the gate when no piece is left and waits for
 * those inside alone, so a worker that the system has not scheduled yet holds nobody up. The members of a run are
 * written only while the gate is closed and empty of workers that may read them.
 *
 * Who waits spins for a while, since the next run of a network's step is a few microseconds away and waking a thread costs as much. After
 * some of them he offers the core to others every microsecond or so: the thread that is waited for may be in need of this very core.
 */
#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#define CLOSED (INT64_C(1) << 62)
#define SPIN_NANOSECONDS 60000
#define ALONE_NANOSECONDS 8000 /* from then on the core is offered to others */
#define PAUSES 32              /* between two looks at the clock */

typedef struct worker {
    struct kdst__pool *pool;
    pthread_t thread;
    int32_t number;
} worker;

struct kdst__pool {
    kdst__memory *memory;
    pid_t process; /* that the workers are threads of */
    int32_t threads, started;
    worker *workers; /* [threads - 1], numbers from 1 */
    pthread_mutex_t lock;
    pthread_cond_t opened, emptied;
    _Atomic int32_t sleepers; /* workers that wait for `opened` */
    _Atomic int32_t waiting;  /* 1: the caller waits for `emptied` */
    _Atomic int32_t stop;
    _Atomic uint64_t run; /* number of the run */
    _Atomic int64_t gate;
    _Atomic int64_t next; /* piece to be taken */
    int64_t pieces;
    kdst__piece_fn fn;
    void *arg;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* One turn of a spin, which began at *began; false when it has lasted long enough. */
static bool spin(int32_t *turns, int64_t *began)
{
    relax();
    if (++*turns % PAUSES != 0) return true;
    int64_t now = nanoseconds();
    if (*turns == PAUSES) *began = now;
    if (now - *began > SPIN_NANOSECONDS) return false;
    if (now - *began > ALONE_NANOSECONDS) sched_yield();
    return true;
}

static void take_pieces(kdst__pool *pool, int32_t number)
{
    for (;;) {
        int64_t piece = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (piece >= pool->pieces) return;
        pool->fn(pool->arg, piece, number);
    }
}

static void leave(kdst__pool *pool)
{
    if (atomic_fetch_sub(&pool->gate, 1) - 1 != CLOSED || !atomic_load(&pool->waiting)) return;
    pthread_mutex_lock(
        &pool->lock); /* he waits already, or will see the gate; the signal behind the lock finds it free */
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_signal(&pool->emptied);
}

/* Waits for a run other than `seen`; returns its number. */
static uint64_t wait_run(kdst__pool *pool, uint64_t seen)
{
    int32_t turns = 0;
    int64_t began = 0;
    do {
        uint64_t run = atomic_load_explicit(&pool->run, memory_order_acquire);
        if (run != seen) return run;
    } while (spin(&turns, &began));
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->run) == seen)
        pthread_cond_wait(&pool->opened, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
    return atomic_load(&pool->run);
}

static void *work(void *arg)
{
    worker *self = arg;
    kdst__pool *pool = self->pool;
    for (uint64_t seen = 0;;) {
        seen = wait_run(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        if (!(atomic_fetch_add(&pool->gate, 1) & CLOSED)) take_pieces(pool, self->number);
        leave(pool);
    }
}

/* Announces a run to `wanted` workers; those who spin see it anyway. */
static void announce(kdst__pool *pool, int64_t wanted)
{
    atomic_fetch_add(&pool->run, 1);
    int32_t sleepers = atomic_load(&pool->sleepers);
    if (sleepers == 0) return;
    pthread_mutex_lock(
        &pool->lock); /* they wait already, or will see the run; the signal behind the lock finds it free */
    pthread_mutex_unlock(&pool->lock);
    if (wanted >= sleepers) {
        pthread_cond_broadcast(&pool->opened);
    } else {
        for (int64_t i = 0; i < wanted; i++)
            pthread_cond_signal(&pool->opened);
    }
}

static void wait_empty(kdst__pool *pool)
{
    int32_t turns = 0;
    int64_t began = 0;
    do {
        if (atomic_load_explicit(&pool->gate, memory_order_acquire) == CLOSED) return;
    } while (spin(&turns, &began));
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->waiting, 1);
    while (atomic_load(&pool->gate) != CLOSED)
        pthread_cond_wait(&pool->emptied, &pool->lock);
    atomic_store(&pool->waiting, 0);
    pthread_mutex_unlock(&pool->lock);
}

void kdst__pool_run(kdst__pool *pool, int64_t pieces, kdst__piece_fn fn, void *arg)
{
    if (pool->threads == 1 || pieces <= 1) {
        for (int64_t piece = 0; piece < pieces; piece++)
            fn(arg, piece, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->pieces = pieces;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_fetch_and(&pool->gate, ~CLOSED);
    announce(pool, pieces - 1);
    take_pieces(pool, 0);
    atomic_fetch_or(&pool->gate, CLOSED);
    wait_empty(pool);
}

int32_t kdst__pool_threads(const kdst__pool *pool)
{
    return pool->threads;
}

/* Starts the workers with every signal blocked: the program's handlers stay on the program's threads. */
static int start_workers(kdst__pool *pool)
{
    sigset_t all, old;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old)) return 0;
    while (pool->started < pool->threads - 1) {
        worker *w = &pool->workers[pool->started];
        w->pool = pool;
        w->number = pool->started + 1;
        if (pthread_create(&w->thread, NULL, work, w)) break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return pool->started == pool->threads - 1;
}

kdst_status kdst__pool_create(kdst__memory *memory, int32_t threads, kdst__pool **out)
{
    *out = NULL;
    kdst__pool *pool = kdst__alloc_zero(memory, sizeof *pool);
    if (!pool) return KDST_STATUS_OUT_OF_MEMORY;
    pool->memory = memory;
    pool->process = getpid();
    pool->threads = threads;
    atomic_init(&pool->gate, CLOSED);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->opened, NULL);
    pthread_cond_init(&pool->emptied, NULL);
    if (threads > 1) {
        pool->workers = kdst__alloc_zero(memory, (size_t)(threads - 1) * sizeof *pool->workers);
        if (!pool->workers || !start_workers(pool)) {
            kdst_status status = pool->workers ? KDST_STATUS_IO : KDST_STATUS_OUT_OF_MEMORY;
            kdst__pool_destroy(pool);
            return status;
        }
    }
    *out = pool;
    return KDST_STATUS_OK;
}

static void end_workers(kdst__pool *pool)
{
    atomic_store(&pool->stop, 1);
    announce(pool, pool->started);
    for (int32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->emptied);
    pthread_cond_destroy(&pool->opened);
    pthread_mutex_destroy(&pool->lock);
}

void kdst__pool_destroy(kdst__pool *pool)
{
    if (!pool) return;
    /* In a child of fork there are no workers, though the lock and the conditions may remember them. */
    if (pool->process == getpid()) end_workers(pool);
    kdst__free(pool->memory, pool->workers, (size_t)(pool->threads - 1) * sizeof *pool->workers);
    kdst__free(pool->memory, pool, sizeof *pool);
}
