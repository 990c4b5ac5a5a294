/*
 * block_cache_floor: what the block cache costs on this machine, in nanoseconds.
 *
 *   block_cache_floor
 *
 * Hits of 4 KiB blocks that are all cached, at random: over 64 blocks, which the processor caches
 * hold, and over 50,000 (200 MB), which they do not; each inside an epoch of its own, as a get is;
 * with the pin that an iterator adds; and with two threads at once. Beside it the same loop without
 * the cache: the load of a pointer at random. Then misses: making, publishing and evicting a block,
 * alone and with two threads, without reading a disk. Prints one JSON object of name to
 * nanoseconds of processor time an operation. Built with the library: make bench-block-cache.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "table/block_cache.h"

enum {
    BLOCK_BYTES = 4096,
    NEAR_COUNT = 64,
    FAR_COUNT = 50000,
    HIT_COUNT = 4 * 1000 * 1000,
    MISS_COUNT = 500 * 1000,
    BUDGET_BYTES = 256 << 20
};

/* What one thread measures. */
typedef struct job {
    block_cache *cache;
    reclaimer *readers;
    block_slot *slots;
    uint64_t slot_count;
    uint64_t seed;
    uint64_t sum; /* keeps the compiler from dropping the work */
    double ns;
} job;

/* Processor time of the calling thread: other programs on a busy machine count little. */
static double now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) {
        perror("block_cache_floor: clock_gettime");
        exit(1);
    }
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A step of xorshift64*, as a position below count. */
static uint64_t next_place(uint64_t *state, uint64_t count)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (((*state * UINT64_C(2685821657736338717)) >> 32) * count) >> 32;
}

static cached_block *load_block(job *self, uint64_t place)
{
    cached_block *block;
    if (block_cache_make(self->cache, &self->slots[place], BLOCK_BYTES, &block) != PYKV_OK) {
        fprintf(stderr, "block_cache_floor: no memory\n");
        exit(1);
    }
    block->data[0] = 1;
    return block_cache_publish(self->cache, &self->slots[place], block);
}

static void *hits(void *argument)
{
    job *self = argument;
    double start = now_ns();
    for (unsigned i = 0; i < HIT_COUNT; i++) {
        block_slot *slot = &self->slots[next_place(&self->seed, self->slot_count)];
        epoch_token token = epoch_enter(self->readers->readers);
        self->sum += block_cache_find(self->cache, slot, true)->data[0];
        epoch_leave(self->readers->readers, token);
    }
    self->ns = (now_ns() - start) / HIT_COUNT;
    return NULL;
}

/* As hits, within an epoch that is entered once: what the cache itself adds to a get. */
static void *hits_inside(void *argument)
{
    job *self = argument;
    epoch_token token = epoch_enter(self->readers->readers);
    double start = now_ns();
    for (unsigned i = 0; i < HIT_COUNT; i++) {
        block_slot *slot = &self->slots[next_place(&self->seed, self->slot_count)];
        self->sum += block_cache_find(self->cache, slot, true)->data[0];
    }
    self->ns = (now_ns() - start) / HIT_COUNT;
    epoch_leave(self->readers->readers, token);
    return NULL;
}

static void *pinned_hits(void *argument)
{
    job *self = argument;
    double start = now_ns();
    for (unsigned i = 0; i < HIT_COUNT; i++) {
        block_slot *slot = &self->slots[next_place(&self->seed, self->slot_count)];
        epoch_token token = epoch_enter(self->readers->readers);
        cached_block *block = block_cache_find(self->cache, slot, true);
        block_pin(block);
        epoch_leave(self->readers->readers, token);
        self->sum += block->data[0];
        block_unpin(block);
    }
    self->ns = (now_ns() - start) / HIT_COUNT;
    return NULL;
}

static void *bare_loads(void *argument)
{
    job *self = argument;
    double start = now_ns();
    for (unsigned i = 0; i < HIT_COUNT; i++) {
        const block_slot *slot = &self->slots[next_place(&self->seed, self->slot_count)];
        const cached_block *block = *(cached_block *const volatile *)(const void *)slot;
        self->sum += block->data[0];
    }
    self->ns = (now_ns() - start) / HIT_COUNT;
    return NULL;
}

/* Loads blocks one after the other over more than the cache holds: each is a miss. */
static void *misses(void *argument)
{
    job *self = argument;
    double start = now_ns();
    uint64_t place = self->seed % self->slot_count;
    for (unsigned i = 0; i < MISS_COUNT; i++) {
        epoch_token token = epoch_enter(self->readers->readers);
        cached_block *block = block_cache_find(self->cache, &self->slots[place], true);
        epoch_leave(self->readers->readers, token);
        if (block == NULL) {
            block_unpin(load_block(self, place));
        }
        place = place + 1 < self->slot_count ? place + 1 : 0;
    }
    self->ns = (now_ns() - start) / MISS_COUNT;
    return NULL;
}

/* Runs a measurement in one thread or two; the mean of their times. */
static double measure(job shared, unsigned thread_count, void *(*run)(void *))
{
    pthread_t threads[2];
    job jobs[2];
    double sum = 0;
    for (unsigned i = 0; i < thread_count; i++) {
        jobs[i] = shared;
        jobs[i].seed = 88172645463325252u + i * 7777777777u;
        if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) {
            fprintf(stderr, "block_cache_floor: no thread\n");
            exit(1);
        }
    }
    for (unsigned i = 0; i < thread_count; i++) {
        (void)pthread_join(threads[i], NULL);
        sum += jobs[i].ns;
    }
    return sum / thread_count;
}

static void print(const char *name, double ns, const char *after)
{
    printf("\"%s\": %.1f%s", name, ns, after);
}

int main(void)
{
    static memory_budget budget;
    static epoch entered;
    static reclaimer readers;
    enum { SLOT_COUNT = 4 * FAR_COUNT };
    memory_budget_init(&budget, BUDGET_BYTES);
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    job near = {.readers = &readers, .slots = calloc(SLOT_COUNT, sizeof(block_slot))};
    if (near.slots == NULL || block_cache_new(&budget, &readers, &near.cache) != PYKV_OK) {
        fprintf(stderr, "block_cache_floor: no memory\n");
        return 1;
    }
    for (uint64_t i = 0; i < FAR_COUNT; i++) {
        block_unpin(load_block(&near, i));
    }
    near.slot_count = NEAR_COUNT;
    job far = near;
    far.slot_count = FAR_COUNT;
    job flood = near;
    flood.slot_count = SLOT_COUNT;
    printf("{");
    print("bare load, near", measure(near, 1, bare_loads), ", ");
    print("hit inside an epoch, near", measure(near, 1, hits_inside), ", ");
    print("hit, near", measure(near, 1, hits), ", ");
    print("hit, near, 2 threads", measure(near, 2, hits), ", ");
    print("hit and pin, near", measure(near, 1, pinned_hits), ", ");
    print("hit and pin, near, 2 threads", measure(near, 2, pinned_hits), ", ");
    print("bare load, far", measure(far, 1, bare_loads), ", ");
    print("hit inside an epoch, far", measure(far, 1, hits_inside), ", ");
    print("hit, far", measure(far, 1, hits), ", ");
    print("hit, far, 2 threads", measure(far, 2, hits), ", ");
    (void)measure(flood, 1, misses);
    print("miss and insert", measure(flood, 1, misses), ", ");
    print("miss and insert, 2 threads", measure(flood, 2, misses), "}\n");
    block_cache_erase(near.cache, near.slots, SLOT_COUNT);
    block_cache_free(near.cache);
    reclaimer_destroy(&readers);
    free(near.slots);
    return 0;
}
