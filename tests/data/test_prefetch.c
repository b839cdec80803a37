/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that works ahead: it changes no bit, follows every change of position, and ends whenever its loader does.
 *
 * ThreadSanitizer runs this file too; pauses of some microseconds let the thread be caught at every point of its work.
 */
#include "epochs.h"

#include "support/run.h"

#include <pthread.h>
#include <sys/wait.h>

/* Any number of threads, any prefetching: the same bits as one thread without. */
START_TEST(test_same_bits)
{
    static const int64_t threads[] = {1, 2, 3, 7}, depths[] = {0, 1, 2, 7, 64};
    static float wanted[EPOCHS][WHOLE], got[WHOLE];
    for (int t = 0; t < 4; t++)
        for (int p = 0; p < 5; p++) {
            kdst_context *c = new_context(threads[t]);
            kdst_dataset *d = make_data(c);
            kdst_loader *l = new_loader(d, _i ? 37 : BATCH, augmented(depths[p]));
            for (int e = 0; e < EPOCHS; e++) {
                ok(kdst_loader_set_epoch(l, e));
                ck_assert_int_eq(take_epoch(c, l, t + p ? got : wanted[e]), N);
                if (t + p) ck_assert_mem_eq(got, wanted[e], sizeof got);
            }
            kdst_loader_release(l);
            kdst_dataset_release(d);
            kdst_context_release(c);
        }
}
END_TEST

/* Threads of this process, as the system counts them. */
static int count_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int count = 0;
    if (!d) return -1;
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

START_TEST(test_one_thread)
{
    kdst_dataset *d = make_data(ctx);
    int before = count_threads();
    kdst_loader *none = new_loader(d, BATCH, set_int(new_options(), "prefetch", 0));
    ck_assert_int_eq(count_threads(), before);
    kdst_loader *one = new_loader(d, BATCH, set_int(new_options(), "prefetch", 7));
    if (before >= 0) ck_assert_int_eq(count_threads(), before + 1);
    kdst_loader_release(one);
    kdst_loader_release(none);
    ck_assert_int_eq(count_threads(), before);
    kdst_dataset_release(d);
}
END_TEST

/* Released at once, in the middle of an epoch, at its end, after a jump. */
START_TEST(test_release)
{
    static float all[WHOLE];
    kdst_dataset *d = make_data(ctx);
    for (int round = 0; round < 300; round++) {
        kdst_loader *l = new_loader(d, 1 + round % 11, augmented(1 + round % 5));
        float *at = all;
        for (int b = 0; b < round % 4; b++)
            take(ctx, l, &at);
        if (round % 3 == 0) ok(kdst_loader_set_epoch(l, round));
        if (round % 5 == 0) ok(kdst_loader_set_position(l, kdst_loader_get_batches(l)));
        if (round % 2) usleep((unsigned)(round % 17));
        kdst_loader_release(l);
    }
    kdst_dataset_release(d);
}
END_TEST

/* Many jumps in a row: only the last one counts. */
START_TEST(test_jumps)
{
    static float wanted[EPOCHS][WHOLE], got[WHOLE];
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, BATCH, augmented(0)), *ahead = new_loader(d, BATCH, augmented(3));
    for (int e = 0; e < EPOCHS; e++) {
        ok(kdst_loader_set_epoch(l, e));
        take_epoch(ctx, l, wanted[e]);
    }
    uint32_t state = 5;
    for (int round = 0; round < 400; round++) {
        int64_t epoch = 0, batch = 0;
        for (uint32_t jumps = next_random(&state) % 4 + 1; jumps; jumps--) {
            epoch = next_random(&state) % EPOCHS;
            batch = next_random(&state) % 7;
            ok(kdst_loader_set_epoch(ahead, epoch));
            ok(kdst_loader_set_position(ahead, batch));
            if (next_random(&state) % 2) usleep(next_random(&state) % 40);
        }
        for (uint32_t b = next_random(&state) % 3; b < 3 && batch < 7; b++, batch++) {
            float *at = got;
            int64_t n = take(ctx, ahead, &at);
            ck_assert_int_eq(n, batch == 6 ? N % BATCH : BATCH);
            ck_assert_mem_eq(got, wanted[epoch] + batch * BATCH * (PIXELS + 1), (size_t)n * (PIXELS + 1) * sizeof *got);
        }
    }
    kdst_loader_release(ahead);
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST

static void *release(void *loader)
{
    kdst_loader_release(loader);
    return NULL;
}

/* The last reference goes on another thread while this one reads from a second loader of the same data. */
START_TEST(test_release_elsewhere)
{
    static float wanted[WHOLE], got[WHOLE];
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, BATCH, augmented(2));
    take_epoch(ctx, l, wanted);
    for (int round = 0; round < 40; round++) {
        kdst_loader *other = new_loader(d, 5, augmented(3));
        pthread_t thread;
        float *at = got;
        if (round % 2) take(ctx, other, &at);
        ck_assert_int_eq(pthread_create(&thread, NULL, release, other), 0);
        ok(kdst_loader_set_epoch(l, 0));
        ck_assert_int_eq(take_epoch(ctx, l, got), N);
        ck_assert_mem_eq(got, wanted, sizeof got);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST

/* Nobody holds the context any more: the loader's destruction, and with it the join, runs on the other thread. */
START_TEST(test_last_reference_elsewhere)
{
    for (int round = 0; round < 20; round++) {
        kdst_context *c = new_context(2);
        kdst_dataset *d = make_data(c);
        kdst_loader *l = NULL;
        kdst_options *o = augmented(4);
        pthread_t thread;
        ck_assert_int_eq(kdst_loader_create(d, BATCH, o, &l), 0);
        kdst_options_release(o);
        kdst_dataset_release(d);
        kdst_context_release(c);
        ck_assert_int_eq(pthread_create(&thread, NULL, release, l), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
}
END_TEST

static void *read_epochs(void *out)
{
    kdst_context *c = new_context(2);
    kdst_dataset *d = make_data(c);
    kdst_loader *l = NULL;
    kdst_options *o = augmented(2);
    if (!kdst_loader_create(d, BATCH, o, &l))
        for (int e = 0; e < 10 && !kdst_loader_set_epoch(l, e); e++)
            take_epoch(c, l, out);
    kdst_options_release(o);
    kdst_loader_release(l);
    kdst_dataset_release(d);
    kdst_context_release(c);
    return NULL;
}

/* Contexts on threads of their own do not meet. */
START_TEST(test_contexts)
{
    enum { THREADS = 3 };
    static float out[THREADS][WHOLE];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_epochs, out[i]), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 1; i < THREADS; i++)
        ck_assert_mem_eq(out[i], out[0], sizeof out[0]);
}
END_TEST

/* A child of fork inherits the locks of a sanitizer's allocator, which the thread that works ahead may hold just then. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#  define MAY_FORK 1
#endif
#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    undef MAY_FORK
#  endif
#endif

#ifdef MAY_FORK
/* A child lets go of its parent's loader, whose thread it does not have; the parent goes on. */
START_TEST(test_after_fork)
{
    static float all[WHOLE];
    kdst_dataset *d = make_data(ctx);
    for (int round = 0; round < 20; round++) {
        kdst_loader *l = new_loader(d, BATCH, augmented(3));
        int how = 0;
        if (round % 2) usleep((unsigned)round * 50);
        pid_t child = fork();
        if (!child) {
            alarm(20);
            kdst_loader_release(l);
            kdst_dataset_release(d);
            if (kdst_context_live_count(ctx)) _exit(1);
            kdst_context_release(ctx);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert_msg(WIFEXITED(how) && !WEXITSTATUS(how), "round %d: the child ends with %x", round, (unsigned)how);
        ck_assert_int_eq(take_epoch(ctx, l, all), N);
        kdst_loader_release(l);
    }
    kdst_dataset_release(d);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("data prefetch");
    TCase *all = tcase_create("prefetch");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_same_bits, 0, 2);
    tcase_add_test(all, test_one_thread);
    tcase_add_test(all, test_release);
    tcase_add_test(all, test_jumps);
    tcase_add_test(all, test_release_elsewhere);
    tcase_add_test(all, test_last_reference_elsewhere);
    tcase_add_test(all, test_contexts);
#ifdef MAY_FORK
    tcase_add_test(all, test_after_fork);
#endif
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
