/*
 * counters: what an LSM store counts. Written with relaxed stores; a count may miss some of what
 * several threads count at once.
 */
#ifndef PYKV_LSM_COUNTERS_H
#define PYKV_LSM_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum { LSM_COUNTED_LEVELS = 8 };

/* Counts since open, and a gauge. What every get writes to stands apart from what it reads. */
typedef struct lsm_counters {
    _Alignas(64) _Atomic uint64_t get_count; /* readers' */
    _Atomic uint64_t get_hit_count;
    _Alignas(64) _Atomic uint64_t put_count;
    _Atomic uint64_t delete_count;
    _Atomic uint64_t range_delete_count;
    _Atomic uint64_t user_bytes;
    _Atomic uint64_t written_bytes;
    _Atomic uint64_t flushed_bytes;
    _Atomic uint64_t compaction_read_bytes;
    _Atomic uint64_t compacted_bytes;
    _Atomic uint64_t compaction_count;
    /* By compactions, by the level that was read or written. */
    _Atomic uint64_t level_read_bytes[LSM_COUNTED_LEVELS];
    _Atomic uint64_t level_written_bytes[LSM_COUNTED_LEVELS];
    /* Of those that went a level down: entries of the upper level, and entries that were dropped.
     */
    _Atomic uint64_t descended_count;
    _Atomic uint64_t descended_dropped_count;
    _Atomic uint64_t stall_us;
    _Atomic uint64_t delay_us;
    _Atomic uint64_t pending_compaction_bytes; /* when a compaction was last looked for */
} lsm_counters;

static inline void lsm_count_some(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + count, memory_order_relaxed);
}

#endif
