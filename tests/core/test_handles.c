/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: counts, any order of release, deep chains, and last references dropped on other threads. */
#include "core/context.h"

#include "support/counting.h"
#include "support/run.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct node {
    kdst__handle base;
    struct node *left, *right;
    _Atomic int64_t *destroyed;
    _Atomic uintptr_t *destroyer; /* nullable: which thread did it */
    void *extra;
} node;

#define EXTRA_BYTES 200

static void node_destroy(void *object)
{
    node *n = object;
    kdst__handle_release(n->left);
    kdst__handle_release(n->right);
    kdst__free(kdst__context_memory(n->base.ctx), n->extra, EXTRA_BYTES);
    atomic_fetch_add(n->destroyed, 1);
    if (n->destroyer) atomic_store(n->destroyer, (uintptr_t)pthread_self());
}

static const kdst__class node_class = {"node", node_destroy};

static counting hooks;
static kdst_context *ctx;
static _Atomic int64_t destroyed;
static _Atomic uintptr_t destroyer;

static void setup(void)
{
    kdst_options *o = NULL;
    hooks = (counting){0};
    atomic_store(&destroyed, 0);
    atomic_store(&destroyer, 0);
    ck_assert_int_eq(kdst_options_create(&o), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), KDST_STATUS_OK);
    ck_assert_int_eq(
        kdst_context_create_with_allocator(o, counting_allocate, counting_deallocate, &hooks, counting_destroy, &ctx),
        KDST_STATUS_OK);
    kdst_options_release(o);
}

/* Every test ends without references, so the context is gone by now. */
static void teardown(void)
{
    ck_assert_int_eq(hooks.destroyed, 1);
    ck_assert_int_eq(hooks.blocks, 0);
}

/* Takes the references to left and right. */
static node *make(node *left, node *right)
{
    node *n = kdst__handle_create(ctx, &node_class, sizeof *n);
    ck_assert_ptr_nonnull(n);
    n->left = left;
    n->right = right;
    n->destroyed = &destroyed;
    n->destroyer = &destroyer;
    n->extra = kdst__alloc(kdst__context_memory(ctx), EXTRA_BYTES);
    return n;
}

static void *release_handle(void *handle)
{
    kdst__handle_release(handle);
    return NULL;
}

static void elsewhere(void *(*work)(void *), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, work, argument), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(test_counts)
{
    node *a = make(NULL, NULL), *b = make(NULL, NULL);
    ck_assert_int_eq(kdst_context_live_count(ctx), 2);
    kdst__handle_retain(a);
    kdst__handle_release(a);
    ck_assert_int_eq(kdst_context_live_count(ctx), 2);
    kdst__handle_release(a);
    ck_assert_int_eq(kdst_context_live_count(ctx), 1);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
    kdst__handle_release(b);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst__handle_retain(NULL);
    kdst__handle_release(NULL);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(test_zeroed)
{
    static const kdst__class plain = {"plain", NULL};
    for (int round = 0; round < 2; round++) {
        unsigned char *h = kdst__handle_create(ctx, &plain, 3000);
        for (size_t i = sizeof(kdst__handle); i < 3000; i++) {
            ck_assert_uint_eq(h[i], 0);
            h[i] = 0xff;
        }
        kdst__handle_release(h);
    }
    kdst_context_release(ctx);
}
END_TEST

/* Every order in which the context, a parent, its child (held once more) and a stranger can go. */
START_TEST(test_any_order)
{
    node *child = make(NULL, NULL);
    kdst__handle_retain(child);
    void *things[4] = {make(child, NULL), child, make(NULL, NULL), ctx};
    int left = _i;
    for (int count = 4; count > 0; count--) {
        int k = left % count;
        left /= count;
        ck_assert_int_eq(hooks.destroyed, 0);
        if (things[k] == ctx)
            kdst_context_release(ctx);
        else
            kdst__handle_release(things[k]);
        for (int i = k; i + 1 < count; i++) things[i] = things[i + 1];
    }
    ck_assert_int_eq(atomic_load(&destroyed), 3);
}
END_TEST

static node *chain(int64_t length)
{
    node *n = NULL;
    for (int64_t i = 0; i < length; i++) n = make(n, NULL);
    return n;
}

START_TEST(test_deep_chain)
{
    enum { N = 1000000 };
    node *n = chain(N);
    ck_assert_int_eq(kdst_context_live_count(ctx), N);
    kdst__handle_release(n);
    ck_assert_int_eq(atomic_load(&destroyed), N);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(test_deep_chain_outlives_the_context)
{
    node *n = chain(200000);
    kdst_context_release(ctx);
    ck_assert_int_eq(hooks.destroyed, 0);
    if (_i)
        elsewhere(release_handle, n);
    else
        kdst__handle_release(n);
    ck_assert_int_eq(atomic_load(&destroyed), 200000);
}
END_TEST

START_TEST(test_release_elsewhere_waits_for_a_call)
{
    node *n = make(make(NULL, NULL), NULL);
    elsewhere(release_handle, n);
    ck_assert_int_eq(atomic_load(&destroyed), 0);
    if (_i == 0) {
        kdst__enter(ctx);
    } else if (_i == 1) {
        kdst__handle_release(make(NULL, NULL));
    } else if (_i == 2) {
        ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    }
    if (_i < 3) {
        ck_assert_int_eq(atomic_load(&destroyed), _i == 1 ? 3 : 2);
        ck_assert(atomic_load(&destroyer) == (uintptr_t)pthread_self());
    }
    kdst_context_release(ctx); /* case 3: it takes the queue with it */
    ck_assert_int_eq(atomic_load(&destroyed), _i == 1 ? 3 : 2);
}
END_TEST

static void *enter(void *context)
{
    kdst__enter(context);
    return NULL;
}

START_TEST(test_home_moves_with_the_calls)
{
    node *n = make(NULL, NULL);
    elsewhere(enter, ctx);
    kdst__handle_release(n); /* this thread is a stranger now */
    ck_assert_int_eq(atomic_load(&destroyed), 0);
    elsewhere(enter, ctx);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
    ck_assert(atomic_load(&destroyer) != (uintptr_t)pthread_self());
    kdst_context_release(ctx);
}
END_TEST

/* The context went first, on its own thread; nobody will call on it again. */
START_TEST(test_last_references_elsewhere)
{
    node *shared = make(NULL, NULL);
    kdst__handle_retain(shared);
    node *a = make(make(NULL, NULL), shared), *b = make(shared, make(NULL, NULL));
    elsewhere(release_handle, a); /* queued: the context is still in use */
    ck_assert_int_eq(atomic_load(&destroyed), 0);
    kdst_context_release(ctx);
    ck_assert_int_eq(atomic_load(&destroyed), 2);
    elsewhere(release_handle, b);
    ck_assert_int_eq(atomic_load(&destroyed), 5);
}
END_TEST

static void *release_context(void *context)
{
    kdst_context_release(context);
    return NULL;
}

START_TEST(test_context_released_elsewhere)
{
    node *n = make(make(NULL, NULL), NULL);
    if (_i) kdst__handle_release(n);
    elsewhere(release_context, ctx);
    if (!_i) kdst__handle_release(n);
    ck_assert_int_eq(atomic_load(&destroyed), 2);
}
END_TEST

/* A destroy that uses the context: what a caller's destroy function may do. */
static void calling_destroy(void *object)
{
    node *n = object;
    kdst__enter(n->base.ctx);
    node *fresh = kdst__handle_create(n->base.ctx, &node_class, sizeof *fresh);
    fresh->destroyed = n->destroyed;
    kdst__handle_release(fresh);
    atomic_fetch_add(n->destroyed, 1);
}

START_TEST(test_destroy_calls_the_api)
{
    static const kdst__class calling = {"calling", calling_destroy};
    node *n = kdst__handle_create(ctx, &calling, sizeof *n);
    n->destroyed = &destroyed;
    if (_i) kdst_context_release(ctx);
    kdst__handle_release(n);
    ck_assert_int_eq(atomic_load(&destroyed), 2);
    if (!_i) kdst_context_release(ctx);
}
END_TEST

/* ---- many threads ---- */

enum { THREADS = 4, ROUNDS = 400, KEPT = 16 };

typedef struct finalizer {
    pthread_t thread;
    _Atomic(node *) inbox[KEPT];
    _Atomic int stop;
} finalizer;

static void *finalize(void *argument)
{
    finalizer *f = argument;
    for (int stop = 0; !stop;) {
        stop = atomic_load(&f->stop);
        for (int i = 0; i < KEPT; i++) {
            node *n = atomic_exchange(&f->inbox[i], NULL);
            kdst__handle_retain(n);
            kdst__handle_release(n);
            kdst__handle_release(n);
        }
    }
    return NULL;
}

/* One thread works and sends its garbage to finalizers; at the end the context goes first, last or in between. */
START_TEST(test_finalizers)
{
    static finalizer finalizers[THREADS];
    int64_t made = 0;
    for (int t = 0; t < THREADS; t++) {
        atomic_store(&finalizers[t].stop, 0);
        ck_assert_int_eq(pthread_create(&finalizers[t].thread, NULL, finalize, &finalizers[t]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        kdst__enter(ctx);
        node *shared = make(NULL, NULL);
        made++;
        for (int t = 0; t < THREADS; t++) {
            kdst__handle_retain(shared);
            node *n = make(make(NULL, NULL), shared);
            made += 2;
            n = atomic_exchange(&finalizers[t].inbox[round % KEPT], n);
            kdst__handle_release(n);
        }
        kdst__handle_release(shared);
    }
    if (_i == 0) kdst_context_release(ctx);
    for (int t = 0; t < THREADS; t++) atomic_store(&finalizers[t].stop, 1);
    if (_i == 1) kdst_context_release(ctx);
    for (int t = 0; t < THREADS; t++) ck_assert_int_eq(pthread_join(finalizers[t].thread, NULL), 0);
    if (_i == 2) {
        ck_assert_int_eq(kdst_context_live_count(ctx), 0);
        kdst_context_release(ctx);
    }
    ck_assert_int_eq(atomic_load(&destroyed), made);
}
END_TEST

typedef struct race {
    pthread_barrier_t *barrier;
    void *handle;
    int context;
} race;

static void *race_release(void *argument)
{
    race *r = argument;
    pthread_barrier_wait(r->barrier);
    if (r->context)
        kdst_context_release(r->handle);
    else
        kdst__handle_release(r->handle);
    return NULL;
}

/* The last references, the context's among them, are dropped by several threads at the same moment. */
START_TEST(test_race_to_the_end)
{
    for (int round = 0; round < 200; round++) {
        if (round) setup();
        pthread_barrier_t barrier;
        pthread_t threads[THREADS];
        race races[THREADS];
        node *shared = make(make(NULL, NULL), NULL);
        pthread_barrier_init(&barrier, NULL, THREADS);
        for (int t = 0; t < THREADS; t++) {
            if (t > 1) kdst__handle_retain(shared);
            races[t] = (race){&barrier, t ? (void *)make(shared, NULL) : (void *)ctx, t == 0};
        }
        for (int t = 0; t < THREADS; t++)
            ck_assert_int_eq(pthread_create(&threads[t], NULL, race_release, &races[t]), 0);
        for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
        pthread_barrier_destroy(&barrier);
        ck_assert_int_eq(atomic_load(&destroyed), 2 + THREADS - 1);
        teardown();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handles");
    TCase *one = tcase_create("one thread"), *many = tcase_create("threads");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, test_counts);
    tcase_add_test(one, test_zeroed);
    tcase_add_loop_test(one, test_any_order, 0, 24);
    tcase_add_test(one, test_deep_chain);
    tcase_add_loop_test(one, test_deep_chain_outlives_the_context, 0, 2);
    tcase_add_loop_test(one, test_destroy_calls_the_api, 0, 2);
    tcase_set_timeout(one, 60);
    tcase_add_checked_fixture(many, setup, teardown);
    tcase_add_loop_test(many, test_release_elsewhere_waits_for_a_call, 0, 4);
    tcase_add_test(many, test_home_moves_with_the_calls);
    tcase_add_test(many, test_last_references_elsewhere);
    tcase_add_loop_test(many, test_context_released_elsewhere, 0, 2);
    tcase_add_loop_test(many, test_finalizers, 0, 3);
    tcase_add_test(many, test_race_to_the_end);
    tcase_set_timeout(many, 60);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, many);
    return run_suite(suite);
}
