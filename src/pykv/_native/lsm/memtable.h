/*
 * memtable: the newest operations of a store in memory, in order, every version of every key.
 *
 *   arena    the records, which never move
 *   tree     a B+tree of pointers to them (memtable_node.h); readers take no lock
 *   filter   tells at once that a key is not there
 *
 * What is visible is the caller's business: a reader brings the sequence of its snapshot, and the
 * writer raises the store's visible sequence, by a release store, after the last add of a batch.
 *
 * Thread-safety: one writer at a time (the store's write lock), who is not inside the epoch.
 * Readers hold a reference. As long as the memtable is not sealed they are also inside the epoch of
 * the reclaimer during memtable_get and memtable_get_many; an iterator enters it by itself.
 *
 * Invariants: (1) an operation that was added is found by who acquired its visibility; (2) after
 * memtable_reserve nothing fails; (3) what an entry borrows is valid as long as a reference is
 * held.
 */
#ifndef PYKV_LSM_MEMTABLE_H
#define PYKV_LSM_MEMTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/iterator.h"
#include "base/kept_memory.h"
#include "base/reclaim.h"
#include "base/slice.h"
#include "lsm/range_set.h"

enum { MEMTABLE_ADD_MAX = 512, MEMTABLE_ENTRY_NODE_BYTES = 32 };

typedef struct memtable memtable;
typedef struct record record;

/* What every memtable begins with. */
typedef struct memtable_head {
    _Atomic(const range_set *) ranges;
} memtable_head;

typedef struct memtable_stats {
    uint64_t count; /* operations */
    uint64_t delete_count;
    uint64_t range_delete_count; /* not in count */
    uint64_t used_bytes;         /* records, nodes in use, filter */
    uint64_t allocated_bytes;    /* all memory held */
    uint64_t sequence_min;       /* of all, range deletes included; 0: empty */
    uint64_t sequence_max;
    uint64_t deadline_min_us; /* the earliest; 0: none */
} memtable_stats;

/* An empty memtable, with one reference, for about limit_bytes of used bytes. readers is borrowed
 * until it has swept what the memtable retired. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status memtable_create(reclaimer *readers, uint64_t limit_bytes,
                                           memtable **memtable_out);

/* The same of memory that others leave, which gets it back. It is borrowed as readers is. */
PYKV_NODISCARD pykv_status memtable_create_in(reclaimer *readers, kept_memory *memory,
                                              uint64_t limit_bytes, memtable **memtable_out);

/* The same with a filter for used_bytes, which one write is to take. */
PYKV_NODISCARD pykv_status memtable_create_for(reclaimer *readers, kept_memory *memory,
                                               uint64_t limit_bytes, uint64_t used_bytes,
                                               memtable **memtable_out);

/* Takes and drops a reference; the last one frees it. Thread-safe. NULL is not dropped. */
memtable *memtable_acquire(memtable *self);
void memtable_release(memtable *self);

/* The count of views of its values, for pins_take. */
uint32_t *memtable_views(memtable *self);

/* ---- the writer ---- */

/* Bytes that an operation takes in the arena: what memtable_reserve counts; in nodes it takes
 * MEMTABLE_ENTRY_NODE_BYTES more, about. */
uint64_t memtable_entry_bytes(size_t key_size, size_t value_size, bool has_deadline);

/* Makes sure that adds of count operations, of bytes in all, succeed, and withdraws what was
 * reserved before: to be called before the log append. PYKV_NO_MEMORY, nothing changed for users.
 */
PYKV_NODISCARD pykv_status memtable_reserve(memtable *self, size_t count, uint64_t bytes);

/* Adds an operation, which is copied. Requires it reserved, its values within the limits of
 * internal_key_check, a sequence that no other operation on this key has, and hash, the low half of
 * the key's hash by which readers ask. */
void memtable_add(memtable *self, const iterator_entry *entry, uint64_t hash);

/* Adds count operations, MEMTABLE_ADD_MAX at most, in the order of their sequences, as memtable_add
 * does with each. */
void memtable_add_many(memtable *self, const record *operations, const uint64_t *hashes,
                       size_t count);

/* True if the used bytes have reached the limit: time for a new memtable. Thread-safe. */
bool memtable_is_full(const memtable *self);

/* Makes it full, whatever it holds. */
void memtable_close_early(memtable *self);

/* Nothing is added from now on. */
void memtable_seal(memtable *self);
bool memtable_is_sealed(const memtable *self);

/* ---- readers ---- */

/* The range deletes, which hide what memtable_get and the others give all the same: NULL: none.
 * Loaded after the snapshot's sequence it holds all that the snapshot does. Valid like a get, or
 * with a reference that is taken there, its keys as long as the memtable. */
static inline const range_set *memtable_ranges(const memtable *self)
{
    const memtable_head *head = (const memtable_head *)(const void *)self;
    return atomic_load_explicit(&head->ranges, memory_order_acquire);
}

/* Finds the newest operation on the key up to snapshot_sequence, a delete included (the kind
 * tells). False if there is none here. */
PYKV_NODISCARD bool memtable_get(const memtable *self, slice key, uint64_t hash,
                                 uint64_t snapshot_sequence, iterator_entry *entry_out);

/* Fetches what memtable_get reads first. */
void memtable_prefetch(const memtable *self, uint64_t hash);

/* Looks count keys up side by side, those whose found flag is not set yet: sets the flag and entry
 * of each that is here. Returns how many were found. */
size_t memtable_get_many(const memtable *self, const slice *keys, const uint64_t *hashes,
                         size_t count, uint64_t snapshot_sequence, bool *found,
                         iterator_entry *entries);

/* The first and the last entry in order. False if there is none. */
PYKV_NODISCARD bool memtable_smallest(const memtable *self, iterator_entry *entry_out);
PYKV_NODISCARD bool memtable_largest(const memtable *self, iterator_entry *entry_out);

/* Exact while no writer adds; else of some moment of each field. Thread-safe. */
void memtable_stats_read(const memtable *self, memtable_stats *stats_out);

/* An iterator over every version, which holds a reference. What is added meanwhile may or may not
 * be seen: users skip what their snapshot does not hold. Free with iterator_free. PYKV_NO_MEMORY.
 */
PYKV_NODISCARD pykv_status memtable_iterator_new(memtable *self, iterator **iterator_out);

/* The same for who writes the entries elsewhere: breaks off with PYKV_CORRUPTION before one whose
 * kind, deadline, key or value is not what its body_crc was made of. */
PYKV_NODISCARD pykv_status memtable_iterator_new_checking(memtable *self, iterator **iterator_out);

#endif
