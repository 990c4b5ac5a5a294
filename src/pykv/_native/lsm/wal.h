/*
 * wal: the write-ahead log of an LSM store: a row of log files (log/), the newest written to, the
 * older ones kept until what they hold is in tables. Nothing reads them but wal_recover.
 *
 * A log is made ahead of need: its file is durable under its name and in a durable manifest, and
 * its first bytes are ready, before it becomes the active one. Syncs go by groups: one caller leads
 * and syncs every log with un-synced records, oldest first. A failed sync is final.
 *
 * Thread-safety: the owner's writer lock guards the appending half; functions say whether it must
 * be held. Lock order: the log's own prepare lock, the owner's manifest lock, sync_lock, writer.
 * Invariants: (1) sequences are given in log order, without gaps; (2) a log is in a durable
 * manifest before its first record; (3) what is synced is a prefix of what was appended; (4) after
 * a failed sync nothing is appended; (5) WAL_UNSYNCED_SEALED_MAX logs at most are sealed un-synced.
 */
#ifndef PYKV_LSM_WAL_H
#define PYKV_LSM_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mutex.h"
#include "env/env.h"
#include "log/log_format.h"

enum {
    WAL_UNSYNCED_SEALED_MAX = 2,      /* then writers sync before they roll on */
    WAL_SYNC_EVERY_US = 30 * 1000000, /* in every durability mode, by wal_step */
    WAL_LOG_BYTES_MIN = 4096
};
#define WAL_LOG_BYTES_MAX (UINT64_C(16) << 30) /* positions count 8-byte granules in 32 bits */

typedef struct wal wal;
typedef struct manifest_log manifest_log;

/* What the log asks of the store that owns it. Nothing here may call back into the log, but for
 * wal_list and wal_synced_position in write_manifest. */
typedef struct wal_owner {
    void *context;
    mutex *writer;
    /* The store's next number; 0, with the error set: there is none. With the writer lock. */
    uint32_t (*take_number)(void *context);
    /* Makes a manifest durable that lists every log of wal_list. Without the writer lock. On
     * failure that manifest may be in force all the same. */
    pykv_status (*write_manifest)(void *context);
    /* Everything up to sequence is durable. With the writer lock. */
    void (*synced)(void *context, uint64_t sequence);
    /* wal_step has work. With the writer lock. */
    void (*wake_log)(void *context);
} wal_owner;

/* A log without files yet; everything up to last_sequence is in tables. options (resolved; of it
 * durability, interval_us, log_sink and log_sector_padding count), home and owner's lock must stay.
 * log_bytes: what a log should hold, WAL_LOG_BYTES_MIN to MAX; a larger write gets a log of its
 * own. durable_through: of the manifest. */
PYKV_NODISCARD pykv_status wal_open(env *environment, env_directory *home, const wal_owner *owner,
                                    const pykv_options *options, uint64_t store_id,
                                    uint64_t log_bytes, uint64_t last_sequence,
                                    uint64_t durable_through, wal **wal_out);

/* Makes everything durable, cuts off what was reserved, and says whether that worked; the files
 * stay. Not while other threads use the log. Afterwards only wal_drop_before and wal_free. */
PYKV_NODISCARD pykv_status wal_close(wal *self);

/* Closes the files as they are and frees the log. NULL is ignored. */
void wal_free(wal *self);

/* ---- appending: with the writer lock ---- */

/* Bytes that these records (lengths and flags set) take at most as one write. Needs no lock. */
uint64_t wal_batch_bytes(const record *records, size_t count);
static inline uint64_t wal_bytes(const record *records, size_t count)
{
    if (PYKV_UNLIKELY(count != 1)) {
        return wal_batch_bytes(records, count);
    }
    return RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX + RECORD_GRANULE_BYTES +
           records->key.size + records->value.size;
}

/* PYKV_OK: a write of bytes can be appended without waiting; the next log may have become the
 * active one. PYKV_WOULD_BLOCK: call wal_provide(bytes) without the lock, and try again.
 * PYKV_STORE_FAILED after a failed sync. */
PYKV_NODISCARD pykv_status wal_room(wal *self, uint64_t bytes);

/* Appends records (body_crc set) as one write, all or none: a batch if there are several. Gives
 * them the next sequences. Requires that wal_room gave PYKV_OK for their bytes under this hold of
 * the lock. On failure nothing is in the log: PYKV_NO_SPACE, PYKV_IO_FAILED, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_append(wal *self, record *records, size_t count);

/* The prepared log becomes the active one and the old one is sealed. Nothing if the active one is
 * empty. PYKV_WOULD_BLOCK: call wal_prepare_next without the lock, and try again. */
PYKV_NODISCARD pykv_status wal_roll(wal *self);

/* Sequence of the last record appended and of the last one known durable, and its position. */
uint64_t wal_last_sequence(const wal *self);
uint64_t wal_synced_sequence(const wal *self);
uint64_t wal_synced_position(const wal *self);

/* Number of the first log that has a record above sequence or may get one: what is needed beside
 * tables up to there. It rises with every roll: what may go is what a manifest did not list. */
uint32_t wal_first_after(const wal *self, uint64_t sequence);
/* The logs from number on, by rising number, used or not, for a manifest, and before them those
 * that are kept as history (lsm/wal_history.h). While writes may come number is at most the active
 * log's. Free *logs_out with mem_free. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_list(const wal *self, uint32_t number, manifest_log **logs_out,
                                    size_t *count_out);
/* PYKV_STORE_FAILED after a failed sync, or wal_fail, for the thread's last error; else PYKV_OK. */
void wal_fail(wal *self);
PYKV_NODISCARD pykv_status wal_check(const wal *self);

typedef struct wal_usage {
    uint64_t log_count;     /* files */
    uint64_t disk_bytes;    /* of them, without what is reserved */
    uint64_t history_bytes; /* of these, in logs that are history */
    uint64_t written_bytes; /* of records, since wal_open */
    uint64_t sync_count;
    bool mapped; /* records go, or would go, through a mapping */
} wal_usage;
wal_usage wal_usage_now(const wal *self);

/* ---- providing and syncing: without the writer lock ---- */

/* Does what wal_room lacks: a synced log, the next log, reserved bytes. */
PYKV_NODISCARD pykv_status wal_provide(wal *self, uint64_t bytes);
/* Waits for who prepares a log (not from the owner's calls). Gives back what logs have ahead. */
void wal_wait_for_next(wal *self);
bool wal_give_back(wal *self);
/* Does what wal_roll lacks; the LOG role does so ahead of need. Not with the manifest lock. */
PYKV_NODISCARD pykv_status wal_prepare_next(wal *self);
/* Reserves and faults in ahead of the appender, writes back behind it. For the LOG role. */
PYKV_NODISCARD pykv_status wal_ahead(wal *self);
/* A bounded step of the LOG role: wal_ahead, a sync that is due by interval or because a log was
 * sealed, wal_prepare_next once there was a write. */
PYKV_NODISCARD pykv_status wal_step(wal *self);

/* Returns once everything up to sequence is durable. PYKV_COMMIT_UNKNOWN: the sync failed, now or
 * before, and what was not durable then may or may not be there after the next open. */
PYKV_NODISCARD pykv_status wal_sync_through(wal *self, uint64_t sequence);
/* The same for everything appended; PYKV_STORE_FAILED after a failed sync. */
PYKV_NODISCARD pykv_status wal_sync(wal *self);
/* True if a sync is due by the interval of PYKV_DURABILITY_INTERVAL. Needs no lock. */
bool wal_interval_has_passed(const wal *self);

/* Everything in the logs below number is in tables, and a manifest that wal_list(number) gave the
 * logs of is durable: closes and unlinks them, at close the active one too, but those that are kept
 * as history. The sequences in them count as synced. */
void wal_drop_before(wal *self, uint32_t number);

#endif
