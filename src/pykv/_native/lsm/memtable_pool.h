/*
 * memtable_pool: the nodes of one memtable: taken, retired, and taken again when no reader can hold
 * them any more.
 *
 * Nodes come in chunks and go back together, with the last reference: the memtable has
 * one, every retired node that waits for readers another.
 *
 * Supplying nodes cannot fail: where the heap gives no more, it waits until readers leave the
 * epoch. Reserving makes sure that there are enough nodes for that to end.
 *
 * Thread-safety: one writer, who is not inside the epoch; retired nodes come back on any thread.
 *
 * Invariant: free + fresh + live + waiting nodes are all nodes of the chunks.
 */
#ifndef PYKV_LSM_MEMTABLE_POOL_H
#define PYKV_LSM_MEMTABLE_POOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/kept_memory.h"
#include "base/reclaim.h"
#include "lsm/memtable_node.h"

enum {
    MEMTABLE_POOL_CHUNK_NODES_MIN = 16,
    MEMTABLE_POOL_CHUNK_NODES_MAX = 256,
    MEMTABLE_POOL_SWEEP_NODES = 32,    /* retired before readers are looked for */
    MEMTABLE_POOL_WAITING_NODES = 8192 /* retired before the writer waits for readers */
};

struct memtable_node_chunk; /* memtable_pool.c */

typedef struct memtable_pool {
    /* constant */
    reclaimer *readers;  /* borrowed until the last node has come back */
    kept_memory *memory; /* likewise; of the chunks */
    /* own synchronisation */
    _Atomic uint32_t references;
    _Atomic(memtable_node *) returned; /* nodes that came back, in a chain */
    _Atomic uint64_t allocated;
    _Atomic uint64_t live_count;
    /* the writer's */
    memtable_node *free_first; /* linked through retired.next */
    size_t free_count;
    memtable_node *fresh; /* of the newest chunk, never used yet */
    size_t fresh_count;
    size_t waiting_count; /* retired and not collected */
    size_t unswept_count; /* retired since the last sweep */
    size_t chunk_nodes;
    struct memtable_node_chunk *chunks;
} memtable_pool;

/* A pool without nodes. memory: where chunks come from and go back to. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_pool_new(reclaimer *readers, kept_memory *memory,
                                             memtable_pool **pool_out);

/* Drops the memtable's reference. No node of the pool may be in use by readers but retired ones. */
void memtable_pool_release(memtable_pool *self);

/* Makes sure that `count` nodes are there that are not live. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_pool_reserve(memtable_pool *self, size_t count);

/* Makes sure that `count` nodes can be taken at once. Requires at least as many reserved, retired
 * ones included. Waits for readers only where there is no memory, or too much is retired. */
void memtable_pool_supply(memtable_pool *self, size_t count);

/* Returns a node of that level, its other fields unset. Requires it supplied. */
memtable_node *memtable_pool_take(memtable_pool *self, uint8_t level);

/* Takes back a node that no new reader can find. */
void memtable_pool_retire(memtable_pool *self, memtable_node *node);

/* Bytes of all chunks, and of the nodes that are live. Thread-safe. */
uint64_t memtable_pool_allocated(const memtable_pool *self);
uint64_t memtable_pool_used(const memtable_pool *self);

#endif
