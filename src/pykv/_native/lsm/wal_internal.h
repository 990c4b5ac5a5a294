/*
 * wal_internal: the state of a write-ahead log, for the files of wal.h only.
 *
 * A log goes through these states: made (in `logs`, its file durable), listed (a durable manifest
 * has it), prepared (its sink is open and its first bytes are ready), active, sealed, synced,
 * dropped. Only the thread with prepare_lock touches the sink of a log that is not prepared yet.
 */
#ifndef PYKV_LSM_WAL_INTERNAL_H
#define PYKV_LSM_WAL_INTERNAL_H

#include <stdatomic.h>

#include "log/log_writer.h"
#include "lsm/wal.h"

/* One log file. Constant but for the last group, which the owner's writer lock guards. */
typedef struct wal_log {
    uint32_t number;
    uint64_t file_id;
    uint64_t birth_sequence;
    uint64_t birth_position; /* synced_through of its header */
    env_file *file;          /* NULL: adopted, or history */

    log_sink *sink;          /* while records may come, and until wal_release_sinks */
    log_writer writer;       /* over sink */
    uint64_t last_sequence;  /* 0: it is empty */
    uint64_t first_sequence; /* of the first record, if it is not */
    uint64_t epoch;          /* of its records, if file is NULL */
    bool sealed;             /* gets no more records */
    bool synced;             /* sealed and durable to its end */
    bool history;            /* of use to who reads changes only; sealed, synced */
    bool dropped;            /* off the list: whoever unpins it last takes it away */
    uint32_t pin_count;      /* of who uses it without the lock */
    struct wal_log *next;    /* of those to be taken away */
} wal_log;

struct wal {
    /* Constant after open. */
    env *environment;
    env_directory *home;
    wal_owner owner;
    mutex *writer; /* the owner's */
    const pykv_options *options;
    uint64_t store_id;
    uint64_t log_bytes; /* capacity of a log */
    bool mapped;        /* logs are written through mappings where that is possible */
    uint64_t epoch;     /* of the store */

    /* Own synchronisation. */
    _Atomic uint64_t last_sync_us;

    /* Appending. */
    wal_log *active GUARDED_BY(writer);   /* NULL before the first write */
    wal_log *prepared GUARDED_BY(writer); /* the next active one */
    bool failed GUARDED_BY(writer);       /* a sync failed: nothing is appended any more */
    uint64_t appended_sequence GUARDED_BY(writer);
    uint64_t ahead_at GUARDED_BY(writer); /* tail at which the LOG role is called */
    uint64_t synced_sequence GUARDED_BY(writer);
    uint64_t synced_position GUARDED_BY(writer); /* log position */
    wal_log **logs GUARDED_BY(writer);           /* by rising number; all but the dropped ones */
    size_t log_count GUARDED_BY(writer);
    size_t log_capacity GUARDED_BY(writer);
    bool ahead_running GUARDED_BY(writer);
    uint32_t keep_from GUARDED_BY(writer);     /* logs from this number on become history */
    uint64_t dropped_bytes GUARDED_BY(writer); /* of records in logs that were dropped */
    uint64_t sync_count GUARDED_BY(writer);
    pykv_error failure GUARDED_BY(writer); /* why it failed */

    /* Making the next log. */
    mutex prepare_lock;
    wal_log *made GUARDED_BY(prepare_lock); /* pinned; not prepared yet, or NULL */
    bool made_is_listed GUARDED_BY(prepare_lock);

    /* Group commit. */
    mutex sync_lock;
    condition sync_done;
    bool sync_running GUARDED_BY(sync_lock);
    uint64_t sync_round GUARDED_BY(sync_lock);
};

/* For functions that are called with the owner's writer lock, which the owner knows by another
 * name. */
static inline void wal_lock_is_held(const wal *self) ASSERTS_HELD(self->writer)
{
    (void)self;
}

/* True if a log may hold what no table has, once the store needs those from number on. */
static inline bool wal_log_is_live(const wal_log *log, uint32_t number)
{
    return log->number >= number && !log->history;
}

/* Puts log at the end of the list, behind lower numbers. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_add_log(wal *self, wal_log *log) REQUIRES(self->writer);

/* Gives log back; then wal_take_away(what it returns) without the lock. */
PYKV_NODISCARD wal_log *wal_unpin(wal *self, wal_log *log) REQUIRES(self->writer);

/* Closes and unlinks dropped logs, linked by next. NULL: none. */
void wal_take_away(wal *self, wal_log *dead) EXCLUDES(self->writer);

/* Closes a log. Its file stays. */
void wal_log_close(wal_log *log);

/* Closes the sinks of sealed logs that nobody uses, and the files of those that are history. */
void wal_release_sinks(wal *self) EXCLUDES(self->writer);

/* What stands between a write of so many bytes and the log. */
typedef enum wal_shortage {
    WAL_SHORT_OF_NOTHING = 0,
    WAL_SHORT_OF_BYTES, /* the active log is not ready for them */
    WAL_SHORT_OF_SYNC,  /* too many sealed logs are not synced */
    WAL_SHORT_OF_LOG,   /* no log is prepared */
    WAL_SHORT_OF_ROLL   /* nothing but wal_activate_prepared */
} wal_shortage;

wal_shortage wal_find_shortage(const wal *self, uint64_t bytes) REQUIRES(self->writer);

/* Makes the prepared log the active one, and seals the one before. Requires that there is one. On
 * failure nothing changed. */
PYKV_NODISCARD pykv_status wal_activate_prepared(wal *self) REQUIRES(self->writer);

/* Ends the active log, if there is one: the next write begins another. */
PYKV_NODISCARD pykv_status wal_seal_active(wal *self) REQUIRES(self->writer);

/* Logs that are sealed and not synced. */
uint32_t wal_unsynced_count(const wal *self) REQUIRES(self->writer);

/* Notes that everything up to sequence is durable, and tells the owner. */
void wal_note_synced(wal *self, uint64_t sequence) REQUIRES(self->writer);

#endif
