/*
 * memtable_pool: see memtable_pool.h.
 *
 * A node that no reader can hold is pushed on a chain from the thread that sweeps; the writer takes
 * the whole chain at once, so the chain needs no counter against reuse.
 */
#include "lsm/memtable_pool.h"

#include <sched.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

enum { NODE_ALIGNMENT = KEPT_MEMORY_ALIGNMENT };

typedef struct memtable_node_chunk {
    struct memtable_node_chunk *older;
    size_t bytes; /* of all of it */
    _Alignas(NODE_ALIGNMENT) memtable_node nodes[];
} memtable_node_chunk;

pykv_status memtable_pool_new(reclaimer *readers, kept_memory *memory, memtable_pool **pool_out)
{
    memtable_pool *self = mem_alloc(sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    *self = (memtable_pool){
        .readers = readers, .memory = memory, .chunk_nodes = MEMTABLE_POOL_CHUNK_NODES_MIN};
    atomic_init(&self->references, 1);
    atomic_init(&self->allocated, sizeof *self);
    *pool_out = self;
    return PYKV_OK;
}

void memtable_pool_release(memtable_pool *self)
{
    if (atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    while (self->chunks != NULL) {
        memtable_node_chunk *older = self->chunks->older;
        kept_memory_give(self->memory, self->chunks, self->chunks->bytes);
        self->chunks = older;
    }
    mem_free(self);
}

static memtable_node *next_of(const memtable_node *node)
{
    return (memtable_node *)(void *)node->retired.next;
}

static void push_free(memtable_pool *self, memtable_node *node)
{
    node->retired.next = self->free_first == NULL ? NULL : &self->free_first->retired;
    self->free_first = node;
    self->free_count++;
}

/* Takes the nodes that came back. */
static void collect(memtable_pool *self)
{
    if (atomic_load_explicit(&self->returned, memory_order_relaxed) == NULL) {
        return;
    }
    memtable_node *node = atomic_exchange_explicit(&self->returned, NULL, memory_order_acquire);
    while (node != NULL) {
        memtable_node *next = next_of(node);
        push_free(self, node);
        self->waiting_count--;
        node = next;
    }
}

static void sweep(memtable_pool *self)
{
    self->unswept_count = 0;
    (void)reclaimer_sweep(self->readers);
    collect(self);
}

/* Adds a chunk of at least count nodes; what is left of the one before becomes free. */
static pykv_status grow(memtable_pool *self, size_t count)
{
    size_t node_count = count > self->chunk_nodes ? count : self->chunk_nodes;
    size_t bytes = sizeof(memtable_node_chunk) + node_count * sizeof(memtable_node);
    memtable_node_chunk *chunk = kept_memory_take(self->memory, bytes);
    if (chunk == NULL) {
        return error_set_no_memory(bytes);
    }
    while (self->fresh_count > 0) {
        self->fresh_count--;
        push_free(self, self->fresh++);
    }
    chunk->bytes = bytes;
    chunk->older = self->chunks;
    self->chunks = chunk;
    self->fresh = chunk->nodes;
    self->fresh_count = node_count;
    if (self->chunk_nodes < MEMTABLE_POOL_CHUNK_NODES_MAX) {
        self->chunk_nodes *= 2;
    }
    atomic_fetch_add_explicit(&self->allocated, bytes, memory_order_relaxed);
    return PYKV_OK;
}

static size_t ready_count(const memtable_pool *self)
{
    return self->free_count + self->fresh_count;
}

pykv_status memtable_pool_reserve(memtable_pool *self, size_t count)
{
    size_t there = ready_count(self) + self->waiting_count;
    return there >= count ? PYKV_OK : grow(self, count - there);
}

void memtable_pool_supply(memtable_pool *self, size_t count)
{
    PYKV_ASSERT(ready_count(self) + self->waiting_count >= count);
    if (PYKV_LIKELY(ready_count(self) >= count)) {
        return;
    }
    for (sweep(self); ready_count(self) < count; sweep(self)) {
        bool may_grow = self->waiting_count < MEMTABLE_POOL_WAITING_NODES;
        if (!may_grow || grow(self, count) != PYKV_OK) {
            sched_yield();
        }
    }
}

memtable_node *memtable_pool_take(memtable_pool *self, uint8_t level)
{
    memtable_node *node = self->free_first;
    PYKV_ASSERT(ready_count(self) > 0);
    if (node != NULL) {
        self->free_first = next_of(node);
        self->free_count--;
    } else {
        node = self->fresh++;
        self->fresh_count--;
    }
    node->pool = self;
    node->level = level;
    atomic_store_explicit(&self->live_count,
                          atomic_load_explicit(&self->live_count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return node;
}

/* Called by the reclaimer, on any thread. */
static void come_back(reclaim_item *item)
{
    memtable_node *node = (memtable_node *)(void *)item;
    memtable_pool *self = node->pool;
    memtable_node *first = atomic_load_explicit(&self->returned, memory_order_relaxed);
    do {
        node->retired.next = first == NULL ? NULL : &first->retired;
    } while (!atomic_compare_exchange_weak_explicit(&self->returned, &first, node,
                                                    memory_order_release, memory_order_relaxed));
    memtable_pool_release(self);
}

void memtable_pool_retire(memtable_pool *self, memtable_node *node)
{
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    self->waiting_count++;
    self->unswept_count++;
    atomic_store_explicit(&self->live_count,
                          atomic_load_explicit(&self->live_count, memory_order_relaxed) - 1,
                          memory_order_relaxed);
    reclaimer_retire(self->readers, &node->retired, come_back);
    if (self->unswept_count >= MEMTABLE_POOL_SWEEP_NODES) {
        sweep(self);
    }
}

uint64_t memtable_pool_allocated(const memtable_pool *self)
{
    return atomic_load_explicit(&self->allocated, memory_order_relaxed);
}

uint64_t memtable_pool_used(const memtable_pool *self)
{
    return atomic_load_explicit(&self->live_count, memory_order_relaxed) * MEMTABLE_NODE_BYTES;
}
