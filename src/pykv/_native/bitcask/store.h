/*
 * store: the state of a Bitcask: an append-only log of segments and a directory of keys in memory
 * (Sheehy and Smith 2010), with batches, group commit, merging and scans at one moment.
 *
 * A write is appended to the active segment, then published: the key's slot in the directory is
 * swung to the new record. A read finds the slot and reads the record. Merging copies the live
 * records of sealed segments to a new one, swings the slots, and removes the old files.
 *
 * Locks, in the order in which they are taken: names.lock, merge_lock, manifest_lock or sync_lock,
 * writer, then one of undo lock and that of gate.lent. Readers take none; they are in gate.readers.
 *
 * Invariants.
 *  1. Sequences are given in log order, without gaps; published <= appended; synced <= appended.
 *  2. A slot leads to a record of its key that is whole in the log; at most one slot a key.
 *  3. Every segment that a slot leads to is in `segments`, or `removed` and its epoch not passed.
 *  4. A segment is in a durable manifest before its first record is acknowledged.
 *  5. A merge's inputs leave the manifest only after its output, name and bytes, is durable.
 *  6. After a failed sync nothing is appended; what was not published stays unpublished.
 */
#ifndef PYKV_BITCASK_STORE_H
#define PYKV_BITCASK_STORE_H

#include <stdatomic.h>

#include "base/gate.h"
#include "base/mutex.h"
#include "base/pins.h"
#include "bitcask/extent.h"
#include "bitcask/keydir.h"
#include "bitcask/operation.h"
#include "bitcask/segment.h"
#include "bitcask/store_parts.h"
#include "bitcask/undo.h"
#include "log/change_feeds.h"
#include "log/home.h"
#include "log/log_writer.h"
#include "log/store_clock.h"

#define BITCASK_IMAGE_NAME  "KEYDIR"
#define BITCASK_LOCK_NAME   HOME_LOCK_NAME
#define BITCASK_TORN_SUFFIX ".torn"
#define BITCASK_NO_ADDRESS  UINT64_MAX

enum {
    BITCASK_UNSYNCED_SEALED_MAX = 2,      /* then writers sync before they roll on */
    BITCASK_SYNC_EVERY_US = 30 * 1000000, /* in every durability mode */
    BITCASK_STEP_BYTES = 1024 * 1024,     /* of a bounded maintenance step */
    BITCASK_COLD_US = 50                  /* a mapped access slower than this was a disk read */
};

struct merge;

typedef struct bitcask {
    /* Constant after open. */
    env *env;
    env_directory *home;
    env_lock *lock;
    pykv_options options; /* resolved: no zero means default any more, but of undo_bytes_max */
    codec_table codecs;   /* of values */
    uint64_t store_id;
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    bool mapped_reads;
    bool mapped_log;
    uint64_t cold_cycles;      /* BITCASK_COLD_US in cycles */
    uint64_t output_bytes_max; /* of a merge: LOG_SEGMENT_BYTES_MAX, less in tests */
    uint64_t open_us;
    uint64_t recovered_record_count;
    uint64_t discarded_bytes;
    bool recovered_from_image;
    bool clean_open;

    /* Own synchronisation. */
    gate gate;
    extent_map extents;
    spaces spaces;
    name_book names;
    bitcask_counters counters;
    store_clock clock; /* that deadlines are compared with */
    pins pins;
    _Atomic uint64_t last_sync_us;
    _Atomic uint32_t slow_accesses;  /* mapped accesses that waited, in the current window */
    _Atomic uint32_t window_left;    /* accesses left in the window of 1,024 */
    _Atomic uint64_t disk_waits;     /* env_disk_waits when last asked */
    _Atomic uint64_t cold_until_us;  /* 0: hot */
    _Atomic uint64_t mode_chosen_us; /* when a lent thread last chose it */

    /* Segments, the log and publishing. */
    mutex writer;
    segment **segments GUARDED_BY(writer); /* by rising number */
    size_t segment_count GUARDED_BY(writer);
    size_t segment_capacity GUARDED_BY(writer);
    segment *active GUARDED_BY(writer);   /* NULL before the first write */
    segment *prepared GUARDED_BY(writer); /* next active one, in the manifest already */
    log_sink *sink GUARDED_BY(writer);    /* of active */
    log_writer log GUARDED_BY(writer);
    log_sink *ahead_sink GUARDED_BY(writer); /* the sink that a LOG step is preparing, or NULL */
    uint64_t ahead_at GUARDED_BY(writer);    /* tail at which the LOG role is called */
    bool ground_ready GUARDED_BY(writer);    /* the manifest on disk says "not clean" */
    uint64_t next_number GUARDED_BY(writer);
    uint64_t appended_sequence GUARDED_BY(writer);
    uint64_t published_sequence GUARDED_BY(writer);
    uint64_t synced_sequence GUARDED_BY(writer);
    uint64_t synced_position GUARDED_BY(writer); /* log position */
    uint64_t sealed_sequence GUARDED_BY(writer); /* of the sealed and synced append segments */
    uint64_t durable_clear_sequence GUARDED_BY(writer); /* of the last clear that is durable */
    pending_write *pending GUARDED_BY(writer);
    size_t pending_count GUARDED_BY(writer);
    size_t pending_capacity GUARDED_BY(writer);
    buffer scratch GUARDED_BY(writer);   /* for cold reads of old records */
    directory *spare GUARDED_BY(writer); /* made before a clear is appended: it cannot fail */
    limbo limbo GUARDED_BY(writer);
    moment_list moments GUARDED_BY(writer);
    uint64_t merge_room GUARDED_BY(writer);    /* of the next merge, after one found too little */
    int32_t state GUARDED_BY(writer);          /* PYKV_STATE_* except read-only by option */
    pykv_error failure GUARDED_BY(writer);     /* why, when failed or degraded */
    uint64_t idle_sequence GUARDED_BY(writer); /* appended_sequence when last looked at, */
    uint64_t idle_since_us GUARDED_BY(writer); /* and since when it is that */

    change_feeds feeds;
    manifest_segment *history GUARDED_BY(writer); /* by rising number: history.h */
    size_t history_count GUARDED_BY(writer);
    past_epochs epochs; /* as epoch_number */

    /* Manifest edits. */
    mutex manifest_lock;
    uint64_t edit GUARDED_BY(manifest_lock);
    uint64_t merge_edit GUARDED_BY(manifest_lock);
    shown_state shown GUARDED_BY(manifest_lock); /* of a store that is open read-only */
    buffer abandoned GUARDED_BY(manifest_lock);  /* uint32_t numbers of segments given up */
    uint64_t epoch_number; /* of the store's history; changes in open, and in refresh with writer */

    /* Merging. */
    mutex merge_lock;
    struct merge *merge GUARDED_BY(merge_lock);     /* the one running, or NULL */
    merge_rest merge_rest GUARDED_BY(merge_lock);   /* zeros: merging does not rest */
    bool merge_was_fruitful GUARDED_BY(merge_lock); /* the last one that was finished */

    /* Group commit. */
    mutex sync_lock;
    condition sync_done;
    condition hint_done; /* waited for under writer */
    bool sync_running GUARDED_BY(sync_lock);
    uint64_t sync_round GUARDED_BY(sync_lock);
} bitcask;

#endif
