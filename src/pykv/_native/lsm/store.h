/*
 * store: the state of an LSM store (O'Neil et al. 1996): a log, memtables, and tables in levels.
 *
 * A write is appended to the log, added to the active memtable, then made visible by raising the
 * visible sequence. A full memtable is sealed and flushed to a table of level 0; compactions take
 * tables deeper. Readers take no lock: inside `gate.readers` they load view, then visible sequence.
 *
 * Lock order: names.book.lock, wish_lock, compaction_lock, flush_lock, manifest_lock, writer, then
 * one of room_lock, reserve_lock and the gate's. Writers must not be inside the epoch.
 *
 * Invariants.
 *  1. Sequences are given in log order, without gaps; visible <= appended.
 *  2. The manifest in force lists every log that has a record above its flushed_sequence.
 *  3. A log or table leaves the directory only when a durable manifest does not list it.
 *  4. The version changes only with the manifest lock held, after a manifest with the new one is
 *     durable; a clear changes it first, as its record is in the log.
 *  5. After a failed sync nothing is appended; only what a due flush saves becomes visible.
 */
#ifndef PYKV_LSM_STORE_H
#define PYKV_LSM_STORE_H

#include <stdatomic.h>

#include "base/gate.h"
#include "base/hash.h"
#include "base/memory_budget.h"
#include "base/mutex.h"
#include "base/pins.h"
#include "log/change_feeds.h"
#include "log/shown_state.h"
#include "log/store_clock.h"
#include "lsm/compaction_job.h"
#include "lsm/compaction_pace.h"
#include "lsm/counters.h"
#include "lsm/doubt.h"
#include "lsm/flush_run.h"
#include "lsm/lsm.h"
#include "lsm/names.h"
#include "lsm/pace.h"
#include "lsm/view.h"
#include "lsm/wal.h"
#include "table/block_source_cached.h"

enum { LSM_STEP_BYTES = 1024 * 1024 }; /* of a bounded maintenance step */

/* Work whose failure is the state of the store (lsm/health.h). */
typedef enum lsm_work {
    LSM_WORK_APPEND = 0,
    LSM_WORK_FLUSH,
    LSM_WORK_COMPACTION,
    LSM_WORK_SETTLE,
    LSM_WORK_COUNT
} lsm_work;

struct lsm {
    /* Constant after open. */
    env *env;
    env_directory *home;
    env_lock *lock;
    pykv_options options; /* resolved: no zero means default any more */
    uint64_t store_id;
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    uint64_t epoch_number; /* a refresh changes it, with the writer lock */
    codec_table codecs;
    wal *log; /* with locks of its own, one of which is writer; NULL: read-only */
    uint64_t open_us;
    uint64_t recovered_record_count;
    uint64_t discarded_bytes;
    bool clean_open;

    /* Own synchronisation. */
    gate gate;
    reclaimer reclaimer; /* of what gate.readers may hold */
    memory_budget budget;
    kept_memory memory; /* of memtables */
    pins pins;          /* of views of values */
    block_cache *cache;
    block_source_cached source;
    table_graveyard graveyard;
    store_clock clock;
    lsm_counters counters;
    compaction_pace compaction_pace;
    lsm_names names;
    pacer pacer;                       /* charged with the writer lock */
    _Alignas(64) _Atomic(view *) view; /* changed with the writer lock */
    _Atomic uint64_t visible_sequence;
    _Atomic bool room_is_lent; /* lsm/reserve.h; changed with reserve_lock */
    mutex reserve_lock;
    _Alignas(64) mutex writer;
    uint64_t next_number GUARDED_BY(writer);
    uint64_t level0_read GUARDED_BY(writer); /* of level 0, by compactions that run (lsm/brake.h) */
    bool is_flush_due GUARDED_BY(writer);    /* of the active memtable: of a write, or a clear */
    uint64_t room_until GUARDED_BY(writer);  /* of written_bytes: there is room for a flush */
    uint64_t clear_count GUARDED_BY(writer); /* what jobs began with before a clear is void */
    uint64_t ingest_mark GUARDED_BY(writer); /* lsm/ingest.h; 0: none runs */
    pykv_error failures[LSM_WORK_COUNT] GUARDED_BY(writer);     /* PYKV_OK: it does not fail */
    uint64_t failure_counts[LSM_WORK_COUNT] GUARDED_BY(writer); /* since open */
    struct lsm_walk *walks GUARDED_BY(writer);
    uint64_t open_scan_count GUARDED_BY(writer); /* walks: scans and cursors */
    lsm_snapshot *snapshots GUARDED_BY(writer);
    uint64_t open_snapshot_count GUARDED_BY(writer);
    change_feeds feeds;
    wal *shown_log GUARDED_BY(writer);        /* of a read-only store: what feeds read, */
    uint64_t shown_synced GUARDED_BY(writer); /* and up to where it is known durable */

    mutex manifest_lock;
    uint64_t edit GUARDED_BY(manifest_lock); /* of the manifest in force, as is first_log */
    uint64_t flushed_sequence GUARDED_BY(manifest_lock);
    uint32_t first_log GUARDED_BY(manifest_lock); /* of those that it needs */
    bool is_clean_on_disk GUARDED_BY(manifest_lock);
    doubt doubt GUARDED_BY(manifest_lock);
    shown_state shown GUARDED_BY(manifest_lock); /* of a store that is open read-only */
    mutex flush_lock;
    flush_run *flush GUARDED_BY(flush_lock);
    memtable *flushing GUARDED_BY(flush_lock); /* what it writes; a reference */
    uint64_t flush_clear_count GUARDED_BY(flush_lock);

    mutex tidy_lock; /* of who frees what others left; no other is held, but for wish_lock */
    mutex wish_lock; /* of who asks for a compaction */
    mutex compaction_lock;
    compaction_job compactions[LSM_COMPACTIONS_MAX] GUARDED_BY(compaction_lock);
    const compaction_wish *wish GUARDED_BY(compaction_lock); /* NULL: what is due is done */
    compaction_wish room_wish GUARDED_BY(compaction_lock);   /* of writers on a full disk */
    uint64_t room_wish_until_us GUARDED_BY(compaction_lock); /* 0: there is none, or it is done */
    compaction_room compaction_room GUARDED_BY(compaction_lock);
    compaction_turns turns GUARDED_BY(compaction_lock);

    mutex room_lock; /* of writers that wait for a flush or compaction of lent threads */
    condition room_made;
    uint64_t room_count GUARDED_BY(room_lock); /* times that there may have come to be room */
};

static inline uint64_t lsm_hash(const lsm *self, slice key)
{
    return hash_murmur3(key.data, key.size, self->hash_seed_low, self->hash_seed_high).low;
}

static inline view *lsm_view(lsm *self)
{
    return atomic_load_explicit(&self->view, memory_order_acquire);
}

/* To be loaded after the view. */
static inline uint64_t lsm_visible(lsm *self)
{
    return atomic_load_explicit(&self->visible_sequence, memory_order_acquire);
}

#endif
