/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's thread (see prefetch.h).
 *
 * Batches [first, next) of the epoch are ready in slots batch % depth; the thread makes `next`. A seek begins a new
 * `turn`: a batch that belongs to an older one is abandoned after at most a few images, and what was written of it is
 * not ready by definition, so nobody waits for it.
 */
#include "data/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PART = 8 }; /* images between two looks at `turn` */

struct kdst__prefetch {
    kdst__memory *memory;
    kdst__batches *batches;
    pid_t process; /* that the thread belongs to */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wanted, made;
    _Atomic uint64_t turn; /* written under the lock */
    bool stop;
    int64_t epoch, first, next;
    size_t image_bytes, label_bytes; /* of a slot */
    int64_t depth;
    kdst__prepared slots[]; /* [depth] */
};

/* ---- the thread ---- */

static bool has_work(const kdst__prefetch *p)
{
    return p->next < p->batches->count && p->next - p->first < p->depth;
}

static bool current(kdst__prefetch *p, uint64_t turn)
{
    return atomic_load_explicit(&p->turn, memory_order_relaxed) == turn;
}

static void make(kdst__prefetch *p, uint64_t turn, int64_t epoch, int64_t batch, kdst__prepared *to)
{
    kdst__batches *b = p->batches;
    int64_t size = kdst__batches_get_size(b, batch);
    to->failure.status = KDST_STATUS_OK;
    to->weight = 1;
    kdst__batches_set_epoch(b, epoch);
    for (int64_t i = 0; i < size && current(p, turn); i += PART) {
        int64_t end = i + PART < size ? i + PART : size;
        if (kdst__batches_fill(b, batch, i, end, 0, to->images, to->labels, &to->failure)) return;
    }
    if (kdst__batches_mixes(b) && current(p, turn))
        to->weight = kdst__batches_mix(b, batch, to->images, to->labels, to->labels + b->size);
}

static void *work(void *arg)
{
    kdst__prefetch *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && !has_work(p))
            pthread_cond_wait(&p->wanted, &p->lock);
        if (p->stop) break;
        uint64_t turn = atomic_load_explicit(&p->turn, memory_order_relaxed);
        int64_t epoch = p->epoch, batch = p->next;
        kdst__prepared *to = &p->slots[batch % p->depth];
        pthread_mutex_unlock(&p->lock);
        make(p, turn, epoch, batch, to);
        pthread_mutex_lock(&p->lock);
        if (!current(p, turn)) continue;
        p->next++;
        pthread_cond_signal(&p->made);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- its life ---- */

/* Every signal is blocked on it: the program's handlers stay on the program's threads. */
static bool start(kdst__prefetch *p)
{
    sigset_t all, old;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old)) return false;
    p->started = !pthread_create(&p->thread, NULL, work, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p->started;
}

static bool allocate_slots(kdst__prefetch *p)
{
    for (int64_t i = 0; i < p->depth; i++) {
        p->slots[i].images = kdst__alloc(p->memory, p->image_bytes);
        p->slots[i].labels = kdst__alloc(p->memory, p->label_bytes);
        if (!p->slots[i].images || !p->slots[i].labels) return false;
    }
    return true;
}

static size_t own_bytes(int64_t depth)
{
    return sizeof(kdst__prefetch) + (size_t)depth * sizeof(kdst__prepared);
}

kdst_status kdst__prefetch_create(kdst__memory *memory, kdst__batches *batches, int64_t depth, kdst__prefetch **out)
{
    size_t image_bytes;
    *out = NULL;
    if (kdst__mul_overflows((size_t)batches->size, batches->bytes_out, &image_bytes)) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__prefetch *p = kdst__alloc_zero(memory, own_bytes(depth));
    if (!p) return KDST_STATUS_OUT_OF_MEMORY;
    p->memory = memory;
    p->process = getpid();
    p->batches = batches;
    p->depth = depth;
    p->image_bytes = image_bytes;
    p->label_bytes = (size_t)batches->size * sizeof(int32_t) * (kdst__batches_mixes(batches) ? 2 : 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wanted, NULL);
    pthread_cond_init(&p->made, NULL);
    bool room = allocate_slots(p);
    if (!room || !start(p)) {
        kdst__prefetch_destroy(p);
        return room ? KDST_STATUS_IO : KDST_STATUS_OUT_OF_MEMORY;
    }
    *out = p;
    return KDST_STATUS_OK;
}

static void end_thread(kdst__prefetch *p)
{
    if (!p->started) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    atomic_fetch_add_explicit(&p->turn, 1, memory_order_relaxed);
    pthread_cond_signal(&p->wanted);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
}

static void end(kdst__prefetch *p)
{
    end_thread(p);
    pthread_cond_destroy(&p->made);
    pthread_cond_destroy(&p->wanted);
    pthread_mutex_destroy(&p->lock);
}

void kdst__prefetch_destroy(kdst__prefetch *p)
{
    if (!p) return;
    /* In a child of fork there is no thread, though the lock and the conditions may remember it. */
    if (p->process == getpid()) end(p);
    for (int64_t i = 0; i < p->depth; i++) {
        kdst__free(p->memory, p->slots[i].labels, p->label_bytes);
        kdst__free(p->memory, p->slots[i].images, p->image_bytes);
    }
    kdst__free(p->memory, p, own_bytes(p->depth));
}

/* ---- the caller's side ---- */

void kdst__prefetch_seek(kdst__prefetch *p, int64_t epoch, int64_t batch)
{
    pthread_mutex_lock(&p->lock);
    if (epoch != p->epoch || batch < p->first || batch > p->next) {
        atomic_fetch_add_explicit(&p->turn, 1, memory_order_relaxed);
        p->epoch = epoch;
        p->next = batch;
    }
    p->first = batch;
    pthread_cond_signal(&p->wanted);
    pthread_mutex_unlock(&p->lock);
}

kdst__prepared *kdst__prefetch_wait(kdst__prefetch *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->next == p->first)
        pthread_cond_wait(&p->made, &p->lock);
    kdst__prepared *s = &p->slots[p->first % p->depth];
    pthread_mutex_unlock(&p->lock);
    return s;
}

void kdst__prefetch_retry(kdst__prefetch *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->turn, 1, memory_order_relaxed);
    p->next = p->first;
    pthread_cond_signal(&p->wanted);
    pthread_mutex_unlock(&p->lock);
}

void kdst__prefetch_advance(kdst__prefetch *p)
{
    pthread_mutex_lock(&p->lock);
    p->first++;
    pthread_cond_signal(&p->wanted);
    pthread_mutex_unlock(&p->lock);
}
