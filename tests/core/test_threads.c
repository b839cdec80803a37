/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool: every piece once, by one worker at a time, however many threads, pieces and runs. */
#include "core/threads.h"

#include <kdst/context.h>

#include "support/counting.h"
#include "support/run.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_THREADS = 7, MOST_PIECES = 1000 };

static const int64_t piece_counts[] = {0, 1, 2, 3, 7, 8, 64, MOST_PIECES};
enum { PIECE_COUNTS = sizeof piece_counts / sizeof *piece_counts };

/* What pieces write is plain memory on purpose: the pool has to make it visible, and ThreadSanitizer looks on. */
typedef struct run {
    int32_t threads;
    int64_t pieces;
    int32_t times[MOST_PIECES];         /* how often a piece ran */
    _Atomic int32_t busy[MOST_THREADS]; /* whether a worker is in a piece */
    _Atomic int32_t wrong;
    int64_t scratch[MOST_THREADS]; /* of the workers */
} run;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    run *r = arg;
    if (piece < 0 || piece >= r->pieces || worker < 0 || worker >= r->threads) {
        atomic_fetch_add(&r->wrong, 1);
        return;
    }
    if (atomic_exchange(&r->busy[worker], 1)) atomic_fetch_add(&r->wrong, 1);
    r->times[piece]++;
    r->scratch[worker] += piece + 1;
    atomic_store(&r->busy[worker], 0);
}

static void run_once(kdst__pool *pool, run *r, int64_t pieces)
{
    *r = (run){.threads = kdst__pool_threads(pool), .pieces = pieces};
    kdst__pool_run(pool, pieces, piece_fn, r);
    int64_t sum = 0;
    for (int i = 0; i < r->threads; i++)
        sum += r->scratch[i];
    ck_assert_int_eq(atomic_load(&r->wrong), 0);
    ck_assert_int_eq(sum, pieces * (pieces + 1) / 2);
    for (int64_t i = 0; i < pieces; i++)
        ck_assert_msg(r->times[i] == 1, "piece %d of %d ran %d times", (int)i, (int)pieces, r->times[i]);
}

static kdst__pool *make_pool(kdst__memory *memory, int32_t threads)
{
    kdst__pool *pool = NULL;
    kdst_status status = kdst__pool_create(memory, threads, &pool);
    ck_assert(status == KDST_STATUS_OK ? pool != NULL : pool == NULL);
    return pool;
}

START_TEST(test_every_piece_once)
{
    static run r;
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    kdst__pool *pool = make_pool(memory, _i);
    ck_assert_ptr_nonnull(pool);
    ck_assert_int_eq(kdst__pool_threads(pool), _i);
    for (int round = 0; round < 200; round++)
        for (int i = 0; i < PIECE_COUNTS; i++)
            run_once(pool, &r, piece_counts[i]);
    kdst__pool_destroy(pool);
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    kdst__memory_destroy(memory);
}
END_TEST

/* Pauses let the workers fall asleep, so that they have to be woken; short ones let them be caught on their way. */
START_TEST(test_workers_wake_up)
{
    static run r;
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    kdst__pool *pool = make_pool(memory, 4);
    ck_assert_ptr_nonnull(pool);
    for (int round = 0; round < 150; round++) {
        usleep((useconds_t)(round % 30 * 50));
        run_once(pool, &r, piece_counts[round % PIECE_COUNTS]);
    }
    kdst__pool_destroy(pool);
    kdst__memory_destroy(memory);
}
END_TEST

typedef struct uneven {
    _Atomic int64_t done;
    _Atomic int32_t workers;
    _Atomic int32_t seen[MOST_THREADS];
} uneven;

/* The first piece is long: whoever has it must not hold up the others, and the run must wait for it. */
static void uneven_piece(void *arg, int64_t piece, int32_t worker)
{
    uneven *u = arg;
    if (!atomic_exchange(&u->seen[worker], 1)) atomic_fetch_add(&u->workers, 1);
    usleep(piece == 0 ? 100000 : 2000);
    atomic_fetch_add(&u->done, 1);
}

START_TEST(test_uneven_pieces)
{
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    kdst__pool *pool = make_pool(memory, 3);
    ck_assert_ptr_nonnull(pool);
    for (int round = 0; round < 3; round++) {
        uneven u = {0};
        kdst__pool_run(pool, 30, uneven_piece, &u);
        ck_assert_int_eq(atomic_load(&u.done), 30);
        ck_assert_int_eq(atomic_load(&u.workers), 3); /* all take part in 160 ms of work */
    }
    kdst__pool_destroy(pool);
    kdst__memory_destroy(memory);
}
END_TEST

static void *use_own_pool(void *arg)
{
    static _Thread_local run r;
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    kdst__pool *pool = make_pool(memory, 3);
    for (int round = 0; pool && round < 300; round++) {
        r = (run){.threads = 3, .pieces = 50};
        kdst__pool_run(pool, 50, piece_fn, &r);
        for (int i = 0; i < 50; i++)
            if (r.times[i] != 1 || atomic_load(&r.wrong)) atomic_fetch_add((_Atomic int32_t *)arg, 1);
    }
    if (!pool) atomic_fetch_add((_Atomic int32_t *)arg, 1);
    kdst__pool_destroy(pool);
    kdst__memory_destroy(memory);
    return NULL;
}

START_TEST(test_pools_are_independent)
{
    pthread_t threads[3];
    _Atomic int32_t wrong = 0;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_own_pool, &wrong), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&wrong), 0);
}
END_TEST

START_TEST(test_create_and_destroy)
{
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        kdst__pool *pool = make_pool(memory, 1 + i % MOST_THREADS);
        ck_assert_ptr_nonnull(pool);
        kdst__pool_destroy(pool);
    }
    kdst__pool_destroy(NULL);
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    kdst__memory_destroy(memory);
}
END_TEST

START_TEST(test_no_memory)
{
    for (int64_t n = 2; n <= 3; n++) { /* the first call is for the memory itself */
        counting hooks = {.fail_from = n, .fail_to = n};
        kdst__memory *memory = kdst__memory_create(counting_allocate, counting_deallocate, &hooks);
        kdst__pool *pool = NULL;
        ck_assert_int_eq(kdst__pool_create(memory, 4, &pool), KDST_STATUS_OUT_OF_MEMORY);
        ck_assert_ptr_null(pool);
        ck_assert_int_eq(hooks.refused, 1);
        kdst__memory_destroy(memory);
        ck_assert_int_eq(hooks.blocks, 0);
    }
}
END_TEST

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED 1
#  endif
#endif

#ifndef SANITIZED /* sanitizers reserve terabytes, so address space cannot be limited there */
/* Room for the stacks of some threads, not of all: those that have started must end. */
START_TEST(test_no_threads)
{
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    struct rlimit stack, space = {UINT64_C(1) << 30, UINT64_C(1) << 30};
    ck_assert_int_eq(getrlimit(RLIMIT_STACK, &stack), 0);
    if (stack.rlim_cur == RLIM_INFINITY || stack.rlim_cur < UINT64_C(1) << 20) {
        stack.rlim_cur = UINT64_C(8) << 20; /* what new threads get */
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, stack.rlim_cur);
        ck_assert_int_eq(pthread_setattr_default_np(&attributes), 0);
        pthread_attr_destroy(&attributes);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &space), 0);
    kdst__pool *pool = NULL;
    ck_assert_int_eq(kdst__pool_create(memory, 1024, &pool), KDST_STATUS_IO);
    ck_assert_ptr_null(pool);
    ck_assert_uint_eq(kdst__memory_used(memory), 0);
    ck_assert_int_eq(kdst__pool_create(memory, 2, &pool), 0); /* the room is there again */
    kdst__pool_destroy(pool);
    kdst__memory_destroy(memory);
    /* memory is not what a context lacks then */
    kdst_options *options = NULL;
    kdst_context *ctx = NULL;
    ck_assert_int_eq(kdst_options_create(&options), 0);
    ck_assert_int_eq(kdst_options_set_int(options, "threads", 1000), 0);
    ck_assert_int_eq(kdst_context_create(options, &ctx), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_str_eq(kdst_options_message(options), "context: the system refuses one of 1000 threads");
    ck_assert_ptr_null(ctx);
    kdst_options_release(options);
}
END_TEST
#endif

static _Atomic int32_t signals;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

/* While the program's own thread blocks a signal, no worker takes it. */
START_TEST(test_workers_leave_signals_alone)
{
    static run r;
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    kdst__pool *pool = make_pool(memory, 4);
    sigset_t one, pending;
    ck_assert_ptr_nonnull(pool);
    struct sigaction action = {.sa_handler = on_signal};
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &one, NULL), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    for (int round = 0; round < 50; round++)
        run_once(pool, &r, 64);
    sigpending(&pending);
    ck_assert_int_eq(sigismember(&pending, SIGUSR1), 1);
    ck_assert_int_eq(atomic_load(&signals), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &one, NULL), 0);
    ck_assert_int_eq(atomic_load(&signals), 1); /* creating the pool left this thread's mask as it was */
    kdst__pool_destroy(pool);
    kdst__memory_destroy(memory);
}
END_TEST

/* Not under sanitizers: a child of fork inherits the locks of their allocators, which a thread of the parent may hold just then, and
 * ThreadSanitizer allows it no threads. */
#ifndef SANITIZED
/* A child has the pool, not its threads: it lets go of it and makes its own. */
START_TEST(test_after_fork)
{
    static run r;
    kdst__memory *memory = kdst__memory_create(NULL, NULL, NULL);
    for (int round = 0; round < 20; round++) {
        kdst__pool *pool = make_pool(memory, 1 + round % 4);
        int how = 0;
        if (round % 2) run_once(pool, &r, 64);
        if (round % 3) usleep(2000); /* workers are asleep, or still spin */
        pid_t child = fork();
        if (!child) {
            alarm(20);
            size_t used = kdst__memory_used(memory);
            kdst__pool_destroy(pool);
            if (kdst__memory_used(memory) >= used) _exit(1);
            pool = make_pool(memory, 3);
            if (!pool) _exit(2);
            run_once(pool, &r, 64);
            kdst__pool_destroy(pool);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert_msg(WIFEXITED(how) && !WEXITSTATUS(how), "round %d: the child ends with %x", round, (unsigned)how);
        run_once(pool, &r, 64);
        kdst__pool_destroy(pool);
    }
    kdst__memory_destroy(memory);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *running = tcase_create("running"), *life = tcase_create("life");
    tcase_set_timeout(running, 120);
    tcase_set_timeout(life, 60);
    tcase_add_loop_test(running, test_every_piece_once, 1, MOST_THREADS + 1);
    tcase_add_test(running, test_workers_wake_up);
    tcase_add_test(running, test_uneven_pieces);
    tcase_add_test(running, test_pools_are_independent);
    tcase_add_test(life, test_create_and_destroy);
    tcase_add_test(life, test_no_memory);
#ifndef SANITIZED
    tcase_add_test(life, test_no_threads);
#endif
    tcase_add_test(life, test_workers_leave_signals_alone);
#ifndef SANITIZED
    tcase_add_test(life, test_after_fork);
#endif
    suite_add_tcase(suite, running);
    suite_add_tcase(suite, life);
    return run_suite(suite);
}
