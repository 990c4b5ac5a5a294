/*
 * pykv.h: the public header of the pykv storage engines. Everything a C program needs, and the
 * text from which the Python binding is cut.
 *
 * Conventions.
 *  1. Handles are opaque. What *_open or *_new gives, *_close or *_free takes back; NULL is
 * ignored.
 *  2. Functions return pykv_status. Results come through pointers named *_out, which are untouched
 *     on failure. After a failure pykv_last_error() tells the detail, on the same thread.
 *  3. Keys and values are a pointer and a length. A pointer may be NULL when its length is 0.
 *  4. In an options struct zero means the default.
 *  5. Unless a comment says otherwise every function may be called from any thread at any time,
 *     also during pykv_close (PYKV_CLOSED) and in a forked child (PYKV_FORKED).
 *  6. The library starts no threads: lend it some with pykv_maintain, or call pykv_maintain_step.
 *     Without either, writers do the work they wait for themselves. An open that has much to
 * recover asks for some, if lend_threads of its options is set.
 *  7. Times are microseconds, sizes are bytes.
 *
 * The region between the two marker comments holds declarations only: no macro, no attribute, no
 * inline function. The build cuts it out for cffi.
 */
#ifndef PYKV_H
#define PYKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PYKV_API __attribute__((visibility("default")))
#else
#define PYKV_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* pykv: declarations begin */

/* Status of a call. The numbers are stable; 0 is success. */
typedef enum pykv_status {
    PYKV_OK = 0,
    PYKV_NOT_FOUND = 1,        /* the key is absent */
    PYKV_WOULD_BLOCK = 2,      /* PYKV_NO_WAIT was given and the call would have waited */
    PYKV_TIMED_OUT = 3,        /* the deadline passed; the call may be repeated */
    PYKV_INVALID_ARGUMENT = 4, /* an argument or option is out of its range */
    PYKV_KEY_TOO_LARGE = 5,
    PYKV_VALUE_TOO_LARGE = 6,
    PYKV_BATCH_TOO_LARGE = 7,
    PYKV_CORRUPTION = 8, /* stored bytes are not what was written */
    PYKV_LOCKED = 9,     /* another opener holds the store */
    PYKV_READ_ONLY = 10, /* opened read-only, or the media is */
    PYKV_CLOSED = 11,
    PYKV_FORKED = 12, /* the handle belongs to the parent process */
    PYKV_IO_FAILED = 13,
    PYKV_NO_SPACE = 14,       /* disk or quota full; writes work again when there is room */
    PYKV_STORE_FAILED = 15,   /* an earlier sync failed: reads go on, writes need a reopen */
    PYKV_COMMIT_UNKNOWN = 16, /* this write's sync failed: it may or may not survive */
    PYKV_FORMAT = 17,         /* another engine, a newer format, or not a database */
    PYKV_NOT_SUPPORTED = 18,
    PYKV_NO_MEMORY = 19,
    PYKV_INTERNAL = 20, /* an invariant of the library broke */
    PYKV_PATH_NOT_FOUND = 21,
    PYKV_PATH_EXISTS = 22,
    PYKV_NO_PERMISSION = 23,
    PYKV_NOT_A_DIRECTORY = 24,
    PYKV_HISTORY_GONE = 25,
    PYKV_REPLACED = 26,     /* what is open read-only is not in its directory any more */
    PYKV_SNAPSHOT_GONE = 27 /* what a snapshot or scan shows took more memory than it may */
} pykv_status;

enum {
    PYKV_KEY_BYTES_MAX = 65535,
    PYKV_VALUE_BYTES_MAX = 1073741824,
    PYKV_ERROR_TEXT_BYTES = 512,
    PYKV_ERROR_PATH_BYTES = 512,
    PYKV_DAMAGE_COUNT_MAX = 64
};

/* Engines. A directory remembers its engine. */
enum { PYKV_ENGINE_ANY = 0, PYKV_ENGINE_BITCASK = 1, PYKV_ENGINE_LSM = 2 };

/* When a write is acknowledged. */
enum {
    PYKV_DURABILITY_DEFAULT = 0,
    PYKV_DURABILITY_OS = 1,      /* in the kernel's page cache: survives the death of the process */
    PYKV_DURABILITY_SYNC = 2,    /* on the device */
    PYKV_DURABILITY_INTERVAL = 3 /* as OS, and synced at an interval: by a lent LOG thread, or by
                                    the first write after it */
};

/* How an LSM store merges its tables. */
enum {
    PYKV_COMPACTION_DEFAULT = 0,
    PYKV_COMPACTION_LEVELED = 1, /* level by level: less to read and to store */
    PYKV_COMPACTION_LAZY = 2     /* several tables at a time, and the last level: less to write */
};

/* Flags of single calls, or-ed together. */
enum {
    PYKV_SYNC = 1,    /* wait until this write, if any, and all before it are on the device */
    PYKV_NO_SYNC = 2, /* do not wait, even in a store opened with PYKV_DURABILITY_SYNC */
    PYKV_NO_WAIT = 4, /* return PYKV_WOULD_BLOCK, with nothing done, rather than wait, read a disk,
                         or restore compressed values of more than 64 KiB in all */
    PYKV_ATOMIC = 8,  /* of pykv_put_arrays: one batch, whatever its size */
    PYKV_MEASURE = 16 /* of pykv_get_arrays: where room ends, tell what all keys need */
};

/* How the mapped log sink is chosen. */
enum { PYKV_LOG_AUTO = 0, PYKV_LOG_PWRITE = 1, PYKV_LOG_MAPPED = 2 };

/* Background roles for pykv_maintain. */
enum { PYKV_ROLE_LOG = 1, PYKV_ROLE_DATA = 2 };

/* States of a store. */
enum {
    PYKV_STATE_OPEN = 0,
    PYKV_STATE_DEGRADED = 1,  /* background work is failing; reads and writes go on */
    PYKV_STATE_READ_ONLY = 2, /* no space or opened read-only; heals by itself when space returns */
    PYKV_STATE_FAILED = 3,    /* a sync failed: reads go on, writes need a reopen */
    PYKV_STATE_CLOSED = 4
};

/* Codecs of blocks, as files name them. */
enum { PYKV_CODEC_NONE = 1, PYKV_CODEC_ZSTD = 2, PYKV_CODEC_ID_MAX = 15 };

typedef struct pykv_store pykv_store;
typedef struct pykv_batch pykv_batch;
typedef struct pykv_scan pykv_scan;
typedef struct pykv_many pykv_many;
typedef struct pykv_snapshot pykv_snapshot;
typedef struct pykv_cursor pykv_cursor;
typedef struct pykv_table_writer pykv_table_writer;
typedef struct pykv_changes pykv_changes;
typedef struct pykv_array_scan pykv_array_scan;
typedef struct pykv_work pykv_work; /* that threads may share; pykv_help */

/* Detail of the last failure of the calling thread. Strings are NUL-terminated, maybe empty. */
typedef struct pykv_error {
    pykv_status status;
    int32_t system_errno; /* 0: not from the system */
    uint64_t offset;      /* of the damage in path, for PYKV_CORRUPTION */
    uint64_t expected;
    uint64_t got;
    int64_t owner_pid; /* for PYKV_LOCKED: who holds it, 0 unknown */
    char text[512];
    char path[512];
} pykv_error;

/* Options of pykv_open. Zero means the default given in brackets. An option of one engine that is
 * given to another one is PYKV_INVALID_ARGUMENT, and so is a value out of its range. */
typedef struct pykv_options {
    int32_t engine;                 /* PYKV_ENGINE_ANY: the directory decides [new: LSM] */
    int32_t durability;             /* [PYKV_DURABILITY_OS] */
    uint64_t interval_us;           /* of PYKV_DURABILITY_INTERVAL [100,000] */
    int32_t must_exist;             /* nonzero: do not create */
    int32_t must_not_exist;         /* nonzero: fail if there is a database already */
    int32_t read_only;              /* nonzero: no lock, no write, the state at open */
    int32_t log_sink;               /* PYKV_LOG_AUTO | PWRITE | MAPPED [auto] */
    uint64_t segment_bytes;         /* Bitcask: segment size, 4 KiB .. 16 GiB [64 MiB] */
    uint64_t batch_bytes_max;       /* largest batch, 4 KiB .. 1 GiB [64 MiB] */
    double space_amplification_max; /* bytes on disk over live bytes that merging keeps, > 1; LSM:
                                       of value segments [1.5] */
    int32_t log_sector_padding;     /* nonzero: each sync pads the log to a 512-byte sector */
    int32_t no_mapped_reads;        /* nonzero: read by pread only */
    int32_t recover_point_in_time;  /* nonzero: cut the log at damage instead of refusing to open */
    uint64_t merge_bytes_per_second; /* pace of merging or compaction, 0 unlimited */
    /* LSM: memory of memtables, cached blocks, filters and iterators together, 16 MiB .. 16 TiB
     * [the larger of 256 MiB and an eighth of the memory that is free for files] */
    uint64_t memory_budget_bytes;
    uint64_t memtable_bytes; /* LSM: size at which a memtable is written out, 64 KiB .. 4 GiB
                                [a sixth of the budget, 64 MiB at most] */
    uint64_t block_bytes;    /* LSM: data block before compression, 1 KiB .. 64 KiB [8 KiB] */
    uint64_t table_bytes;    /* LSM: tables that compaction writes, 64 KiB .. 4 GiB [64 MiB] */
    int32_t compression; /* PYKV_CODEC_*; LSM: of blocks [zstd if a provider is there, else none];
                            Bitcask: of values, which merges compress [none] */
    int32_t compression_level;    /* of that codec, as the codec defines it [its own default] */
    double filter_bits_per_key;   /* LSM: of the last level, 2 .. 32, below 0: no filters [10] */
    uint64_t value_log_bytes_min; /* LSM: values of so many bytes or more stand in value
                                     segments, which compactions do not copy; 64 .. 1 GiB
                                     [never] */
    int32_t compaction;           /* LSM: PYKV_COMPACTION_* [leveled] */
    uint64_t history_bytes; /* logs, of a Bitcask segments, that are kept for pykv_changes_open
                               when nothing else needs them, at least so many bytes of them
                               [0: none] */
    /* Called by pykv_open, which holds the directory's lock alone, for work of several. Starts
     * up to thread_count threads that call pykv_help(work) once each, at any time, and returns how
     * many, without waiting for them. Below 0: that is not known, and work takes its memory for
     * ever [NULL: pykv_open works alone] */
    int32_t (*lend_threads)(void *context, pykv_work *work, int32_t thread_count);
    void *lend_context; /* of lend_threads */
    /* From so long after their deadlines on, rows are worth a merge or a compaction where they are
     * a quarter of what it would take, 1,000,000 .. 31,536,000,000,000; UINT64_MAX: only where
     * space asks for it [60,000,000] */
    uint64_t ttl_reap_us;
    /* Bitcask: memory of what open scans and snapshots show yet, 64 KiB .. 16 TiB. Beyond it the
     * oldest of them end: PYKV_SNAPSHOT_GONE [the larger of 256 MiB and an eighth of the memory
     * that is free for files] */
    uint64_t undo_bytes_max;
} pykv_options;

/* Counters and gauges of a store. Bytes are bytes, counts are since open unless said otherwise.
 * What is marked as one engine's is 0 in stores of the others. */
typedef struct pykv_stats {
    /* Of the namespace of the handle, also where that is the default one beside others. */
    uint64_t key_count;  /* live keys; of an LSM store a guess */
    uint64_t live_bytes; /* of records that are current; of an LSM store a guess */
    /* Of the store, all that follow. */
    uint64_t disk_bytes;    /* of all files that hold data, up to their logical length */
    uint64_t segment_count; /* Bitcask */
    uint64_t keydir_bytes;  /* Bitcask: memory of the key directory */
    uint64_t undo_bytes;    /* Bitcask: memory of what open scans and snapshots show yet */
    uint64_t open_scan_count;
    uint64_t open_snapshot_count;
    uint64_t last_sequence;   /* of the last visible write */
    uint64_t synced_sequence; /* of the last write known to be on the device */
    uint64_t epoch;           /* rises with each unclean recovery */
    uint64_t put_count;
    uint64_t delete_count;
    uint64_t get_count;
    uint64_t get_hit_count;
    uint64_t sync_count;
    uint64_t written_bytes;          /* to logs, by writers */
    uint64_t merged_bytes;           /* Bitcask: to logs, by merges */
    uint64_t merge_count;            /* Bitcask */
    uint64_t tag_mismatch_count;     /* Bitcask: records read because a tag matched another key's */
    uint64_t cold_read_count;        /* Bitcask: reads that went through pread */
    uint64_t recovered_record_count; /* replayed from logs at open */
    uint64_t discarded_bytes;        /* of torn log tail set aside at open */
    uint64_t open_us;                /* time open took */
    uint64_t bus_fault_count;        /* pages of mapped files that could not be read */
    int32_t state;                   /* PYKV_STATE_* */
    int32_t engine;                  /* PYKV_ENGINE_* */
    int32_t durability;              /* in force */
    int32_t log_sink;                /* in force: PYKV_LOG_PWRITE or PYKV_LOG_MAPPED */
    int32_t bus_guard_active;
    int32_t hot_mode;             /* Bitcask: 1: mapped reads without releasing anything */
    int32_t recovered_from_image; /* Bitcask: 1: the key directory came from its saved image */
    int32_t clean_open;           /* 1: the last close was clean */
    /* LSM, all that follow. */
    uint64_t memtable_bytes; /* memory of all memtables */
    uint64_t immutable_memtable_count;
    uint64_t table_count;
    uint64_t level_count; /* levels down to the last that has a table */
    uint64_t level_table_count[8];
    uint64_t level_bytes[8];
    uint64_t block_cache_bytes;
    uint64_t block_cache_hit_count;
    uint64_t block_cache_miss_count;
    uint64_t flushed_bytes;         /* to tables, of memtables */
    uint64_t compaction_read_bytes; /* of tables, by compactions */
    uint64_t compacted_bytes;       /* to tables, by compactions */
    uint64_t compaction_count;
    uint64_t stall_us;                 /* that writers waited for background work */
    uint64_t delay_us;                 /* that writers were slowed down by what it owes */
    uint64_t pending_compaction_bytes; /* that compactions would read to reach the wanted shape */
    uint64_t value_segment_count;
    uint64_t value_log_bytes;      /* of value segments */
    uint64_t value_log_live_bytes; /* of values in them that tables point to */
    uint64_t range_delete_count;   /* written */
    uint64_t deleted_range_count;  /* ranges that still hide something in tables */
    uint64_t history_bytes;        /* of logs that are kept only for that */
    uint64_t history_pin_count;
    uint64_t history_floor;   /* sequence of the first operation that pykv_changes_next can give */
    uint64_t user_bytes;      /* of keys and values that were written */
    uint64_t get_block_count; /* blocks of tables that gets looked into, cached or not */
    uint64_t level_read_bytes[8];    /* of tables of that level, by compactions */
    uint64_t level_written_bytes[8]; /* to tables of that level, by flushes and compactions */
    uint64_t memory_budget_bytes;    /* in force: the option, or what cannot be done without */
    uint64_t memory_used_bytes;      /* of it: memtables, tables, scans, cached blocks */
    double level_score[8];           /* from 1 on a level is due to be compacted */
    /* 0 where nothing is known yet. */
    double write_amplification; /* bytes to logs, and by flushes and compactions, over user_bytes */
    double read_amplification;  /* get_block_count over get_count */
    double space_amplification; /* bytes of tables and value segments over live_bytes */
    /* Of every engine. */
    uint64_t view_count;              /* of pykv_view_open that were not freed yet */
    uint64_t pinned_bytes;            /* of blocks, memtables and mapped values that they keep */
    uint64_t view_copy_count;         /* views that are copies, since open */
    uint64_t outgrown_snapshot_count; /* Bitcask: scans and snapshots that undo_bytes_max ended */
} pykv_stats;

/* A value pinned in place: data is valid until pykv_unpin. Hold it only as long as a copy takes. */
typedef struct pykv_pinned {
    const uint8_t *data;
    size_t length;
    uint64_t token;
    void *owned;
} pykv_pinned;

/* A value that stays where it is, unchanged, for as long as its owner likes. */
typedef struct pykv_view {
    const uint8_t *data;
    size_t length;
    int32_t is_copy; /* nonzero: data is memory of this view alone; 0: it is the store's */
} pykv_view;

/* Rows from start on and before stop, in the byte order of keys. */
typedef struct pykv_range {
    const void *start;
    size_t start_length;
    int32_t has_start; /* 0: from the first row */
    const void *stop;
    size_t stop_length;
    int32_t has_stop;  /* 0: to the last row */
    int32_t reverse;   /* nonzero: the same rows from the last to the first */
    int32_t keys_only; /* nonzero: values are left empty */
    uint64_t limit;    /* rows at most; 0: no limit */
} pykv_range;

/* A run of rows from a scan. Row i has its key at data[offsets[2i]] up to offsets[2i+1] and its
 * value from there up to offsets[2i+2]. Valid until the next call on the scan. */
typedef struct pykv_rows {
    size_t count;
    const uint8_t *data;
    const uint64_t *offsets;
} pykv_rows;

/* Items in one piece, as Arrow lays out large binaries: item i is data[offsets[i]] up to
 * data[offsets[i + 1]]. offsets NULL: each is width bytes, and item i begins at data[i * width].
 * Only the first data_bytes of data are read, whatever offsets hold, and if another thread changes
 * data or offsets during a call, the items are what the call copied before it looked at them. */
typedef struct pykv_items {
    const uint8_t *data;
    uint64_t data_bytes;
    const int64_t *offsets; /* one more than there are items, none below the one before it */
    uint64_t width;
    int32_t trims; /* nonzero: zero bytes at the end of an item are no part of it */
} pykv_items;

/* Room of the caller's for items in that layout. The first row of a call that goes on takes the
 * data behind used_bytes, which only the library sets from then on; begin with 0. */
typedef struct pykv_items_room {
    uint8_t *data;
    uint64_t data_bytes;
    int64_t *offsets;      /* room for one more than items */
    uint64_t used_bytes;   /* of data */
    uint64_t needed_bytes; /* data_bytes that the next rows ask for; 0: they had room */
} pykv_items_room;

/* One row. owned is for pykv_row_free. */
typedef struct pykv_row {
    const uint8_t *key;
    size_t key_length;
    const uint8_t *value;
    size_t value_length;
    void *owned;
} pykv_row;

/* Where a cursor goes, and which row pykv_find_row finds. */
enum {
    PYKV_FIRST = 1,
    PYKV_LAST = 2,
    PYKV_NEXT = 3,
    PYKV_PREVIOUS = 4,
    PYKV_SEEK = 5,     /* the first row whose key is not below key */
    PYKV_SEEK_BACK = 6 /* the last row whose key is not above key */
};

/* What was done in one change of a store. */
enum {
    PYKV_CHANGE_PUT = 1,
    PYKV_CHANGE_DELETE = 2,
    PYKV_CHANGE_CLEAR = 3,        /* of every key of the namespace; key and value are empty */
    PYKV_CHANGE_DELETE_RANGE = 4, /* of the keys from key on and before value, has_value 0: to the
                                     last */
    PYKV_CHANGE_NAMESPACE = 5,    /* the namespace that has key for its name was made */
    PYKV_CHANGE_INGEST = 6,       /* tables came, with keys from key to value: read them there */
    PYKV_CHANGE_DROP = 7          /* the namespace that has key for its name was dropped; the delete
                                     of all its keys is the next operation */
};

/* How changes are read, or-ed together. */
enum {
    PYKV_CHANGES_FOLLOW = 1,  /* no end: what is written later too */
    PYKV_CHANGES_UNSYNCED = 2 /* also what a loss of power may still take back */
};

/* One operation of the log. What was written together is given together, and last is 0 for all
 * operations of a batch but its last one. */
typedef struct pykv_change {
    uint64_t epoch; /* of the store when it was written */
    uint64_t sequence;
    uint64_t deadline_us; /* of a put, 0: it does not expire */
    const uint8_t *key;
    size_t key_length;
    const uint8_t *value;
    size_t value_length;
    uint32_t namespace_id; /* 0: the default one; ids are never given again */
    int32_t kind;          /* PYKV_CHANGE_* */
    int32_t has_value;     /* of a put 1 */
    int32_t last;
} pykv_change;

/* A place in the history of a store: behind an operation, in the epoch that its change tells or
 * that the store had (pykv_stats) when that operation was its last. */
typedef struct pykv_position {
    uint64_t sequence; /* 0: before the first operation */
    uint64_t epoch;
    int32_t has_epoch; /* 0: epoch is not compared */
} pykv_position;

/* Who wants which changes kept, by a name of 1 to 64 bytes. */
typedef struct pykv_pin {
    char name[65];
    int32_t has_epoch; /* 1, to set: sequence is of epoch, as in a pykv_position. Listed: 0 */
    uint64_t epoch;
    uint64_t sequence;  /* what is behind it is kept */
    uint64_t bytes_max; /* as long as what nothing else needs has no more bytes; 0: no limit */
    uint64_t until_us;  /* and until then by the store's clock (pykv_now); 0: for ever */
    int32_t gone;       /* listed: 1: it outgrew a limit, and some of it is gone */
} pykv_pin;

/* One damage found by pykv_verify or repair. */
typedef struct pykv_damage {
    uint64_t offset;
    uint64_t expected;
    uint64_t got;
    char path[256];
    char text[256];
} pykv_damage;

/* What pykv_verify or pykv_repair saw. The first PYKV_DAMAGE_COUNT_MAX damages are listed. */
typedef struct pykv_report {
    uint64_t file_count;
    uint64_t record_count;
    uint64_t byte_count;
    uint64_t damage_count;
    uint64_t lost_record_count; /* repair: records of any kind, current or not, that were there by
                                   the manifest, a hint or their neighbours and were not found */
    uint64_t kept_record_count; /* repair: records in the repaired database */
    pykv_damage damages[64];
} pykv_report;

/* Progress of a long call; polled from another thread. Both are updated with relaxed stores. */
typedef struct pykv_progress {
    uint64_t done;
    uint64_t total;
    int32_t cancel; /* set nonzero to end the call early with PYKV_TIMED_OUT */
} pykv_progress;

/* A codec: what compresses blocks, and restores them. The functions are called by many threads at
 * once, at any time until the process ends. */
typedef struct pykv_codec {
    int32_t id;       /* PYKV_CODEC_*: what it reads and writes is that format, whoever made it */
    const char *name; /* of the provider; copied, cut at 31 bytes */
    void *context;    /* handed to the functions */
    /* The most bytes that compress makes of size bytes. NULL: size + size / 128 + 512. */
    size_t (*bound)(void *context, size_t size);
    /* Compresses to out, which holds bound(size), at level (0: the provider's default). */
    pykv_status (*compress)(void *context, int level, const uint8_t *data, size_t size,
                            uint8_t *out, size_t *size_out);
    /* Restores exactly raw_size bytes, and writes none beyond them whatever data holds.
     * PYKV_CORRUPTION where data is not that. */
    pykv_status (*decompress)(void *context, const uint8_t *data, size_t size, uint8_t *out,
                              size_t raw_size);
    /* Dictionaries: none of these, decompress_with alone, which reads what others wrote, or all. */
    /* Makes a dictionary of at most capacity bytes from count samples, which stand one behind the
     * other. PYKV_NOT_FOUND: they give none. */
    pykv_status (*train)(void *context, const uint8_t *samples, const size_t *sizes, uint32_t count,
                         uint8_t *out, size_t capacity, size_t *size_out);
    pykv_status (*compress_with)(void *context, int level, const uint8_t *dictionary,
                                 size_t dictionary_size, const uint8_t *data, size_t size,
                                 uint8_t *out, size_t *size_out);
    pykv_status (*decompress_with)(void *context, const uint8_t *dictionary, size_t dictionary_size,
                                   const uint8_t *data, size_t size, uint8_t *out, size_t raw_size);
} pykv_codec;

/* Functions of libzstd, version 1.4 or later; a context is a ZSTD_CCtx or ZSTD_DCtx. From
 * create_cdict on all or none: without them what was compressed with a dictionary is not read. */
typedef struct pykv_zstd {
    unsigned (*version_number)(void);
    unsigned (*is_error)(size_t code);
    const char *(*get_error_name)(size_t code);
    size_t (*compress_bound)(size_t size);
    void *(*create_cctx)(void);
    size_t (*free_cctx)(void *context);
    size_t (*compress_cctx)(void *context, void *out, size_t capacity, const void *data,
                            size_t size, int level);
    void *(*create_dctx)(void);
    size_t (*free_dctx)(void *context);
    size_t (*decompress_dctx)(void *context, void *out, size_t capacity, const void *data,
                              size_t size);
    unsigned long long (*get_frame_content_size)(const void *data, size_t size);
    void *(*create_cdict)(const void *data, size_t size, int level);
    size_t (*free_cdict)(void *dictionary);
    size_t (*compress_with_cdict)(void *context, void *out, size_t capacity, const void *data,
                                  size_t size, const void *dictionary);
    void *(*create_ddict)(const void *data, size_t size);
    size_t (*free_ddict)(void *dictionary);
    size_t (*decompress_with_ddict)(void *context, void *out, size_t capacity, const void *data,
                                    size_t size, const void *dictionary);
    size_t (*train)(void *out, size_t capacity, const void *samples, const size_t *sizes,
                    unsigned count);
} pykv_zstd;

/* ---- library ---- */

/* Version of the library, "major.minor.patch". Static. */
PYKV_API const char *pykv_version(void);

/* Short name of a status, such as "not found". Static; never NULL. */
PYKV_API const char *pykv_status_name(int32_t status);

/* Detail of this thread's last failure. Valid until its next failing call. Never NULL. */
PYKV_API const pykv_error *pykv_last_error(void);

/* The crc32c of bytes whose beginning has the check crc (0: nothing), followed by data. */
PYKV_API uint32_t pykv_crc32c(uint32_t crc, const void *data, size_t size);

/* ---- compression ----
 * Codecs are those of the process: a store takes what is set when it is opened. Where zstd was
 * never set, the first open that wants it loads the system's libzstd. Setting what was set before
 * is free; PYKV_NO_MEMORY after 32 different ones. */

/* Sets a codec of one's own in place of what its id had; no functions: takes the id's codec away.
 * PYKV_INVALID_ARGUMENT: an id out of range, or only some of the functions. */
PYKV_API pykv_status pykv_set_codec(const pykv_codec *given);

/* Sets zstd by the functions of a libzstd that stays loaded, after a trial.
 * PYKV_NOT_SUPPORTED: too old, or they do not do what they should. */
PYKV_API pykv_status pykv_set_zstd(const pykv_zstd *functions, const char *name);

/* Sets zstd by a shared library (NULL: the system's). PYKV_NOT_SUPPORTED: not there, or no libzstd
 * that pykv_set_zstd would take. */
PYKV_API pykv_status pykv_load_zstd(const char *library);

/* Name of the provider that serves a codec id now; NULL if none does. Valid until the process ends.
 */
PYKV_API const char *pykv_codec_provider(int32_t id);

/* Compresses and restores a block as a store would, with the codec that is set now: to try one.
 * PYKV_NOT_SUPPORTED where none is; PYKV_INVALID_ARGUMENT where out is too small for any result. */
PYKV_API pykv_status pykv_compress(int32_t id, int level, const void *data, size_t size, void *out,
                                   size_t capacity, size_t *size_out);
PYKV_API pykv_status pykv_decompress(int32_t id, const void *data, size_t size, void *out,
                                     size_t raw_size);

/* ---- opening and closing ---- */

/* Opens or creates the database in directory path (UTF-8 or raw bytes); options NULL: all defaults.
 * Fails with PYKV_LOCKED, PYKV_FORMAT, PYKV_CORRUPTION, PYKV_PATH_*, PYKV_NO_PERMISSION,
 * PYKV_NOT_A_DIRECTORY, PYKV_INVALID_ARGUMENT, PYKV_NO_SPACE, PYKV_IO_FAILED, PYKV_NO_MEMORY. */
PYKV_API pykv_status pykv_open(const char *path, const pykv_options *options,
                               pykv_store **store_out);

/* Waits for calls in flight (at most timeout_us, 0: not at all, negative: for ever), ends scans
 * and snapshots, syncs, writes the clean-close state and releases every file. Lent threads leave by
 * themselves, at the end of a step: they are given a second more. Later calls give PYKV_CLOSED;
 * closing again is OK. PYKV_TIMED_OUT leaves the store closing: new calls are refused, and close
 * may be called again. After any other failure it is closed: PYKV_COMMIT_UNKNOWN where the sync
 * fails now, PYKV_STORE_FAILED where the store had failed before; what was not synced may be lost
 * with the power. */
PYKV_API pykv_status pykv_close(pykv_store *store, int64_t timeout_us);

/* Frees a handle; closes it first if needed. No call may be running or follow, and its scans,
 * snapshots and manys must have been freed. In a forked child it does nothing. */
PYKV_API void pykv_free(pykv_store *store);

/* PYKV_OK while the store takes calls; else what they would be refused with: PYKV_CLOSED,
 * PYKV_FORKED or PYKV_INTERNAL. It waits for nothing and costs next to nothing. */
PYKV_API pykv_status pykv_check_open(const pykv_store *store);

/* PYKV_ENGINE_* of the database at path, by its other files where the manifest is damaged, or
 * PYKV_ENGINE_ANY if there is none and one may be made there. PYKV_FORMAT if something else, or a
 * newer format, is there: pykv_open refuses it too. A directory counts as empty with names that
 * begin with a dot, lost+found, and what pykv leaves. */
PYKV_API pykv_status pykv_detect(const char *path, int32_t *engine_out);

/* Saves every readable record of a closed database into a fresh one in the same directory; what it
 * replaces is kept in a subdirectory "damaged-N". report_out may be NULL. An interrupted repair is
 * begun again or finished by the next one, which then knows the numbers of its report but not the
 * places of its damages. PYKV_NOT_SUPPORTED: the codec of a row is not there; nothing changes. */
PYKV_API pykv_status pykv_repair(const char *path, pykv_report *report_out);

/* Removes the files of a closed database, and the directory if nothing else is in it. */
PYKV_API pykv_status pykv_destroy(const char *path);

/* ---- reading ---- */

/* Pins the value of key. PYKV_NOT_FOUND, PYKV_CORRUPTION, PYKV_IO_FAILED; with PYKV_NO_WAIT also
 * PYKV_WOULD_BLOCK, which sets the length of pinned_out where a compressed value tells it, and
 * nothing else. On PYKV_OK pykv_unpin must follow, on any thread. */
PYKV_API pykv_status pykv_get(pykv_store *store, const void *key, size_t key_length, int32_t flags,
                              pykv_pinned *pinned_out);
PYKV_API void pykv_unpin(pykv_store *store, pykv_pinned *pinned);

/* Finds the value of key now, or at a snapshot of the store, not NULL, and keeps it until
 * pykv_view_free, through overwrites, merges and compactions, beyond pykv_close and pykv_free, and
 * in a forked child, which can read it, and not free it. Nothing is copied where the value stands
 * in memory that can be kept; what can not is in view->is_copy:
 *  - a Bitcask keeps the mapping of the segment, and so its blocks on the disk; it copies what it
 *    reads by pread, because the segment is not mapped or the disk is slow just now;
 *  - an LSM store keeps the cached block or the memtable. It copies values of memtables below
 *    4 KiB, values that stand in a value segment, which are read for this view alone, and what
 *    would make pinned_bytes exceed a quarter of memory_budget_bytes.
 * The bytes of a mapped file whose disk fails later become zeros (bus_fault_count). flags as in
 * pykv_get. PYKV_NOT_FOUND; PYKV_NO_MEMORY. */
PYKV_API pykv_status pykv_view_open(pykv_store *store, pykv_snapshot *snapshot, const void *key,
                                    size_t key_length, int32_t flags, pykv_view **view_out);
/* Any thread, any time. NULL is ignored. */
PYKV_API void pykv_view_free(pykv_view *view);

/* PYKV_OK or PYKV_NOT_FOUND without touching the value's checksum. */
PYKV_API pykv_status pykv_contains(pykv_store *store, const void *key, size_t key_length,
                                   int32_t flags);

/* Many keys at once. A pykv_many holds the results of the last pykv_get_many made with it; it is
 * used by one thread at a time and may be used again and again. */
PYKV_API pykv_status pykv_many_new(pykv_store *store, pykv_many **many_out);
PYKV_API void pykv_many_free(pykv_many *many);

/* Looks up count keys; keys[i] has key_lengths[i] bytes. A batch written meanwhile is seen whole or
 * not at all. The results are pinned until pykv_many_release. */
PYKV_API pykv_status pykv_get_many(pykv_many *many, size_t count, const void *const *keys,
                                   const size_t *key_lengths, int32_t flags);

/* Arrays of count entries after pykv_get_many: values[i] is NULL where the key is absent. */
PYKV_API const uint8_t *const *pykv_many_values(const pykv_many *many);
PYKV_API const size_t *pykv_many_lengths(const pykv_many *many);
PYKV_API void pykv_many_release(pykv_many *many);

/* Rows of a range (NULL: all) at one moment. range and its bounds are copied. An LSM store gives
 * them in order; a Bitcask has none, and refuses start, stop and reverse with PYKV_NOT_SUPPORTED. A
 * scan is used by one thread at a time. */
PYKV_API pykv_status pykv_scan_open(pykv_store *store, const pykv_range *range,
                                    pykv_scan **scan_out);

/* Next rows, at most about chunk_bytes of them (0: 64 KiB); count 0 at the end. A failure, such as
 * PYKV_CORRUPTION, is final: rows that the call had read are lost, and every later call gives the
 * same failure, so a scan that came to its end has shown all rows. Only PYKV_WOULD_BLOCK changes
 * nothing. Close the scan in any case; another may be opened. */
PYKV_API pykv_status pykv_scan_next(pykv_scan *scan, size_t chunk_bytes, int32_t flags,
                                    pykv_rows *rows_out);
PYKV_API void pykv_scan_close(pykv_scan *scan);

/* Number of keys, exact. A Bitcask knows it; an LSM store walks over all of them. */
PYKV_API pykv_status pykv_count(pykv_store *store, uint64_t *count_out);

/* Number of keys in a range, at most its limit; it walks over them. PYKV_NOT_SUPPORTED as for
 * pykv_scan_open. */
PYKV_API pykv_status pykv_count_range(pykv_store *store, const pykv_range *range,
                                      uint64_t *count_out);

/* A guess at the bytes on disk and in memtables that the rows of a range take (NULL: all), in
 * little time and without reading them. Of an LSM store right to about a block for each table that
 * the range has an end in, with what overwrites and deletes left behind; of a Bitcask the bytes of
 * its live records, without bounds. PYKV_NOT_SUPPORTED as for pykv_scan_open. */
PYKV_API pykv_status pykv_approximate_size(pykv_store *store, const pykv_range *range,
                                           uint64_t *bytes_out);

/* ---- one row after the other: of stores with order, else PYKV_NOT_SUPPORTED ---- */

/* A cursor over the rows of a range (NULL: all; reverse, keys_only and limit do not matter) at this
 * moment. range and its bounds are copied. It stands before the first row. Used by one thread at a
 * time, and freed as scans are closed. */
PYKV_API pykv_status pykv_cursor_new(pykv_store *store, const pykv_range *range,
                                     pykv_cursor **cursor_out);

/* Goes to a row (PYKV_FIRST ..); key is that of PYKV_SEEK and PYKV_SEEK_BACK. PYKV_NOT_FOUND: there
 * is none, and the cursor stands behind the last row, or before the first one if it went back. The
 * row is valid until the next call on the cursor. After a failure PYKV_NEXT and PYKV_PREVIOUS give
 * it again. With PYKV_NO_WAIT PYKV_WOULD_BLOCK where rows would have to be looked for. */
PYKV_API pykv_status pykv_cursor_move(pykv_cursor *cursor, int32_t move, const void *key,
                                      size_t key_length, int32_t flags, pykv_row *row_out);
PYKV_API void pykv_cursor_free(pykv_cursor *cursor);

/* The row that PYKV_FIRST, PYKV_LAST, PYKV_SEEK or PYKV_SEEK_BACK names, as a copy. PYKV_NOT_FOUND.
 * On PYKV_OK pykv_row_free must follow. */
PYKV_API pykv_status pykv_find_row(pykv_store *store, int32_t move, const void *key,
                                   size_t key_length, pykv_row *row_out);
PYKV_API void pykv_row_free(pykv_row *row);

/* ---- snapshots ----
 * A snapshot is a moment that is kept, for reads at it by any number of threads. As long as it is
 * open the files and memtables of that moment stay, those that were replaced since too, and a
 * Bitcask keeps 48 to 96 bytes for each key that changes or is merged. Where those of all scans and
 * snapshots pass undo_bytes_max, the oldest ends: calls at it give PYKV_SNAPSHOT_GONE. */

/* The moment of this call. PYKV_NO_MEMORY, PYKV_CORRUPTION. */
PYKV_API pykv_status pykv_snapshot_new(pykv_store *store, pykv_snapshot **snapshot_out);

/* Gives up what it holds. Calls at it give PYKV_CLOSED from then on, as after the store's close;
 * scans opened at it go on. */
PYKV_API void pykv_snapshot_close(pykv_snapshot *snapshot);

/* Closes and frees it. No call at it may be running or follow. */
PYKV_API void pykv_snapshot_free(pykv_snapshot *snapshot);

/* The sequence of the last write that it shows: with the epoch of pykv_stats the position from
 * which pykv_changes_open_at goes on. PYKV_CLOSED. */
PYKV_API pykv_status pykv_snapshot_sequence(pykv_snapshot *snapshot, uint64_t *sequence_out);

/* As pykv_get, pykv_unpin, pykv_contains, pykv_expires_at, pykv_get_many (of the same store),
 * pykv_scan_open, pykv_count_range (NULL: all), pykv_cursor_new and pykv_find_row, at the
 * snapshot's moment. What has a deadline had expired then, or has not. */
PYKV_API pykv_status pykv_get_at(pykv_snapshot *snapshot, const void *key, size_t key_length,
                                 int32_t flags, pykv_pinned *pinned_out);
PYKV_API void pykv_unpin_at(pykv_snapshot *snapshot, pykv_pinned *pinned);
PYKV_API pykv_status pykv_contains_at(pykv_snapshot *snapshot, const void *key, size_t key_length,
                                      int32_t flags);
PYKV_API pykv_status pykv_deadline_at(pykv_snapshot *snapshot, const void *key, size_t key_length,
                                      int32_t flags, uint64_t *deadline_us_out);
PYKV_API pykv_status pykv_get_many_at(pykv_many *many, pykv_snapshot *snapshot, size_t count,
                                      const void *const *keys, const size_t *key_lengths,
                                      int32_t flags);
PYKV_API pykv_status pykv_scan_open_at(pykv_snapshot *snapshot, const pykv_range *range,
                                       pykv_scan **scan_out);
PYKV_API pykv_status pykv_count_at(pykv_snapshot *snapshot, const pykv_range *range,
                                   uint64_t *count_out);
PYKV_API pykv_status pykv_cursor_new_at(pykv_snapshot *snapshot, const pykv_range *range,
                                        pykv_cursor **cursor_out);
PYKV_API pykv_status pykv_find_row_at(pykv_snapshot *snapshot, int32_t move, const void *key,
                                      size_t key_length, pykv_row *row_out);

/* ---- changes: of a store; namespaces have none of their own: PYKV_NOT_SUPPORTED ---- */

/* Operations in the order of the log, from that behind sequence since on; since 0: all that are
 * kept. Without PYKV_CHANGES_FOLLOW they end at this moment. Only what is on the device is given,
 * or with PYKV_CHANGES_UNSYNCED all that is visible. PYKV_HISTORY_GONE: since is below what is
 * kept, or above what there is. Used by one thread at a time, and freed as scans are closed.
 * Of a store that is open read-only: of what it shows, of which the log may not say yet that it is
 * on the device. With PYKV_CHANGES_FOLLOW pykv_changes_next refreshes the store where it has given
 * all, and gives what pykv_refresh gives; that does not end the feed. Nothing keeps history for it.
 */
PYKV_API pykv_status pykv_changes_open(pykv_store *store, uint64_t since, int32_t flags,
                                       pykv_changes **changes_out);

/* The same from a position. With an epoch sequence 0 is a place as others are, and
 * PYKV_HISTORY_GONE comes also where the store has another history there: it is a copy that went on
 * by itself, was repaired, or lost what came last. An LSM store knows the epoch of what it keeps:
 * where its history begins, that of an operation before counts as another one if an epoch begins
 * there too. */
PYKV_API pykv_status pykv_changes_open_at(pykv_store *store, const pykv_position *since,
                                          int32_t flags, pykv_changes **changes_out);

/* The next operations, about chunk_bytes of them (0: 256 KiB), valid until the next call, also
 * where the store is closed meanwhile. Waits at most timeout_us for the first (0: not at all,
 * negative: for ever) if it follows; count 0: there is none. A failure is final: PYKV_HISTORY_GONE
 * where the log went before it was read, PYKV_CORRUPTION. */
PYKV_API pykv_status pykv_changes_next(pykv_changes *changes, size_t chunk_bytes,
                                       int64_t timeout_us, const pykv_change **changes_out,
                                       size_t *count_out);
PYKV_API void pykv_changes_close(pykv_changes *changes);

/* Sets a pin, in the place of one with its name, durably. It holds while the store is closed too.
 * PYKV_HISTORY_GONE as in pykv_changes_open; PYKV_NOT_SUPPORTED: there are 16 others;
 * PYKV_READ_ONLY: pins stand in the manifest, which only the process that writes can change. */
PYKV_API pykv_status pykv_pin_history(pykv_store *store, const pykv_pin *pin);
/* Removes the pin with a name. PYKV_NOT_FOUND. */
PYKV_API pykv_status pykv_unpin_history(pykv_store *store, const char *name);
/* Gives the pins, at most capacity of them, and how many there are. */
PYKV_API pykv_status pykv_list_pins(pykv_store *store, pykv_pin *pins_out, size_t capacity,
                                    size_t *count_out);

/* ---- writing ---- */

PYKV_API pykv_status pykv_put(pykv_store *store, const void *key, size_t key_length,
                              const void *value, size_t value_length, int32_t flags);

/* As pykv_put, but from deadline_us on key is absent, for every kind of call. Deadlines are times
 * of the store's clock (pykv_now); 0: it does not expire. Whoever sets a key again sets its
 * deadline again, or none. */
PYKV_API pykv_status pykv_put_until(pykv_store *store, const void *key, size_t key_length,
                                    const void *value, size_t value_length, uint64_t deadline_us,
                                    int32_t flags);

/* As pykv_put_until, with the deadline ttl_us after now; 0: it does not expire. */
PYKV_API pykv_status pykv_put_for(pykv_store *store, const void *key, size_t key_length,
                                  const void *value, size_t value_length, uint64_t ttl_us,
                                  int32_t flags);

/* Gives the key that is there another deadline (0: none) in one step. PYKV_NOT_FOUND. */
PYKV_API pykv_status pykv_touch(pykv_store *store, const void *key, size_t key_length,
                                uint64_t deadline_us, int32_t flags);

/* The deadline of the key that is there, 0: it does not expire. PYKV_NOT_FOUND; flags as in
 * pykv_get. */
PYKV_API pykv_status pykv_expires_at(pykv_store *store, const void *key, size_t key_length,
                                     int32_t flags, uint64_t *deadline_us_out);

/* The clock that deadlines are compared with, in microseconds since 1970: the wall clock, or, where
 * that went back, the highest time that the store knows of. */
PYKV_API pykv_status pykv_now(pykv_store *store, uint64_t *now_us_out);

/* Deletes key; existed_out tells whether it was there, and then a missing key writes nothing. NULL:
 * nobody asks, and an LSM store writes the delete without looking the key up. */
PYKV_API pykv_status pykv_delete(pykv_store *store, const void *key, size_t key_length,
                                 int32_t flags, int32_t *existed_out);

/* Sets key to value (value NULL with value_length 0 and delete_it nonzero: deletes) iff its value
 * now equals expected (expect_absent nonzero: iff it is absent). swapped_out tells whether it did.
 */
PYKV_API pykv_status pykv_compare_and_set(pykv_store *store, const void *key, size_t key_length,
                                          const void *expected, size_t expected_length,
                                          int32_t expect_absent, const void *value,
                                          size_t value_length, int32_t delete_it, int32_t flags,
                                          int32_t *swapped_out);

/* The same with a deadline of what is set, as in pykv_put_until. A delete has none. */
PYKV_API pykv_status pykv_compare_and_set_until(pykv_store *store, const void *key,
                                                size_t key_length, const void *expected,
                                                size_t expected_length, int32_t expect_absent,
                                                const void *value, size_t value_length,
                                                int32_t delete_it, uint64_t deadline_us,
                                                int32_t flags, int32_t *swapped_out);

/* Puts count pairs as one batch, without copying them first; values NULL deletes the keys instead.
 */
PYKV_API pykv_status pykv_write_many(pykv_store *store, size_t count, const void *const *keys,
                                     const size_t *key_lengths, const void *const *values,
                                     const size_t *value_lengths, int32_t flags);

/* The same with a deadline of all the pairs. Deletes have none. */
PYKV_API pykv_status pykv_write_many_until(pykv_store *store, size_t count, const void *const *keys,
                                           const size_t *key_lengths, const void *const *values,
                                           const size_t *value_lengths, uint64_t deadline_us,
                                           int32_t flags);
/* Removes the keys from start on and before stop (has_stop 0: to the last) in one step, which costs
 * the same however many there are. Nothing where start is not before stop. PYKV_NOT_SUPPORTED: the
 * engine has no order, as a Bitcask. PYKV_KEY_TOO_LARGE: a bound is longer than a key. */
PYKV_API pykv_status pykv_delete_range(pykv_store *store, const void *start, size_t start_length,
                                       const void *stop, size_t stop_length, int32_t has_stop,
                                       int32_t flags);

/* Removes every key in one step. */
PYKV_API pykv_status pykv_clear(pykv_store *store, int32_t flags);

/* A batch collects writes; pykv_write applies them all or none, the later of equal keys winning.
 * A batch is used by one thread at a time and copies what it is given. */
PYKV_API pykv_status pykv_batch_new(pykv_batch **batch_out);
PYKV_API pykv_status pykv_batch_put(pykv_batch *batch, const void *key, size_t key_length,
                                    const void *value, size_t value_length);
PYKV_API pykv_status pykv_batch_put_until(pykv_batch *batch, const void *key, size_t key_length,
                                          const void *value, size_t value_length,
                                          uint64_t deadline_us);
PYKV_API pykv_status pykv_batch_delete(pykv_batch *batch, const void *key, size_t key_length);
/* As pykv_delete_range: it hides the puts before it in the batch, not those behind it. pykv_write
 * refuses more than 1,024 of them in one batch: PYKV_BATCH_TOO_LARGE. */
PYKV_API pykv_status pykv_batch_delete_range(pykv_batch *batch, const void *start,
                                             size_t start_length, const void *stop,
                                             size_t stop_length, int32_t has_stop);
/* What is added from now on is written to this namespace, or store, NULL: to that given to
 * pykv_write. It must be of the same store as that, and stay until then. */
PYKV_API void pykv_batch_within(pykv_batch *batch, pykv_store *within);
PYKV_API size_t pykv_batch_count(const pykv_batch *batch);
PYKV_API size_t pykv_batch_bytes(const pykv_batch *batch);
PYKV_API void pykv_batch_clear(pykv_batch *batch);
PYKV_API void pykv_batch_free(pykv_batch *batch);

/* Applies batch. The batch is unchanged and may be cleared and used again. */
PYKV_API pykv_status pykv_write(pykv_store *store, pykv_batch *batch, int32_t flags);

/* ---- many rows in arrays ----
 * They go in runs of at most 1,000 rows and 4 MiB, or one row that is larger. What the library is
 * given it copies run by run before it uses it: whatever happens to it meanwhile, what is stored
 * and what is found belong together. Items that do not fit their data are PYKV_INVALID_ARGUMENT,
 * before anything is done; a count of more than 2^40 is too. */

/* Looks up keys number *rows_done up to count, each run at one moment; at a snapshot of the store,
 * not NULL, all at its moment. Key i sets found[i] to 1 or 0, and its value, empty if absent, is
 * item i of room. *rows_done rises with each run. The call ends early, with PYKV_OK, where data has
 * no room for the values of a run: room->needed_bytes is what it should have at least, for that
 * run; with PYKV_MEASURE the keys behind it are looked up too, and it is what all of them need.
 * Grow it, keep its first used_bytes, and call again with everything else as it is. Neither room
 * nor found may share memory with keys. */
PYKV_API pykv_status pykv_get_arrays(pykv_store *store, pykv_snapshot *snapshot, uint64_t count,
                                     const pykv_items *keys, int32_t flags, pykv_items_room *room,
                                     uint8_t *found, uint64_t *rows_done);

/* Puts count rows; values NULL: deletes the keys. Each run is one batch, and the later of equal
 * keys wins; with PYKV_ATOMIC all of them are one batch. deadline_us as in pykv_put_until. Also
 * when it fails *rows_done_out is how many rows were written, always the first ones. */
PYKV_API pykv_status pykv_put_arrays(pykv_store *store, uint64_t count, const pykv_items *keys,
                                     const pykv_items *values, uint64_t deadline_us, int32_t flags,
                                     uint64_t *rows_done_out);

/* A scan as pykv_scan_open opens it, of a snapshot of the store if that is not NULL. */
PYKV_API pykv_status pykv_array_scan_open(pykv_store *store, pykv_snapshot *snapshot,
                                          const pykv_range *range, pykv_array_scan **scan_out);

/* Adds rows of the scan to both rooms, behind the first *rows_done, up to rows_max or the end of
 * the rows; *rows_done rises. Where a room is full it ends early, with needed_bytes of that room
 * set: grow it as for pykv_get_arrays, or begin with fresh ones. Failures are those of
 * pykv_scan_next. */
PYKV_API pykv_status pykv_array_scan_next(pykv_array_scan *scan, uint64_t rows_max, int32_t flags,
                                          pykv_items_room *keys, pykv_items_room *values,
                                          uint64_t *rows_done);
PYKV_API void pykv_array_scan_close(pykv_array_scan *scan);

/* ---- namespaces ----
 * A namespace is keys of its own within a store, with a name: 1 to 255 bytes of UTF-8. Its
 * handle is a pykv_store, and every call with one sees the keys of the namespace only, but for
 * those that concern all of the store: sync, flush, resume, stats, state, verify, checkpoint and
 * maintain. What opens the store opens the default namespace, the one without a name. */

/* Opens a namespace, and makes it with create nonzero where there is none. flags: of the write that
 * makes it. PYKV_NOT_FOUND; PYKV_INVALID_ARGUMENT for a name that is none. pykv_free must follow,
 * before that of the store; pykv_close closes only the handle. */
PYKV_API pykv_status pykv_namespace_open(pykv_store *store, const char *name, size_t name_length,
                                         int32_t create, int32_t flags, pykv_store **namespace_out);

/* Removes a namespace with all its keys in one step, which costs the same however many there are.
 * Handles to it, and scans, cursors and snapshots of them, give PYKV_CLOSED from before it is
 * visible, and no more if it fails; a call that was under way before may find nothing.
 * PYKV_NOT_FOUND. */
PYKV_API pykv_status pykv_namespace_drop(pykv_store *store, const char *name, size_t name_length,
                                         int32_t flags);

/* The number of a namespace, as changes tell it; 0: of the default one. */
PYKV_API uint32_t pykv_namespace_id(const pykv_store *store);

/* A scan whose keys are the names of all namespaces at this moment, in their order. */
PYKV_API pykv_status pykv_namespaces(pykv_store *store, pykv_scan **scan_out);

/* ---- upkeep ---- */

/* Makes everything written so far durable. */
PYKV_API pykv_status pykv_sync(pykv_store *store);

/* Seals the active segment (Bitcask) or writes out the memtable (LSM). */
PYKV_API pykv_status pykv_flush(pykv_store *store);

/* Merges until no dead byte is left that may go. Of range (NULL: everything) only the bounds count:
 * an LSM store brings the tables with keys between them down to the last level, whole; a Bitcask
 * refuses bounds with PYKV_NOT_SUPPORTED. progress may be NULL. */
PYKV_API pykv_status pykv_compact(pykv_store *store, const pykv_range *range,
                                  pykv_progress *progress);

PYKV_API pykv_status pykv_get_stats(pykv_store *store, pykv_stats *stats_out);
PYKV_API int32_t pykv_state(pykv_store *store);

/* Checks every byte of every file. PYKV_OK with report_out->damage_count telling what was found.
 * PYKV_NOT_SUPPORTED: the codec of what an LSM store has to decompress for that is not there.
 * PYKV_NO_MEMORY: what was not checked for want of it is no damage. */
PYKV_API pykv_status pykv_verify(pykv_store *store, pykv_progress *progress,
                                 pykv_report *report_out);

/* Makes a directory at path, where there must be nothing (PYKV_PATH_EXISTS), with the store as it
 * is at one moment: everything written before the call is in it, all of it durable, and of what is
 * written meanwhile a beginning. It is a database of its own. Its files are hard links, or copies
 * where the file system gives none; the store never writes them again. A call that fails takes the
 * directory back; what a crash leaves does not open, and pykv_destroy removes it. */
PYKV_API pykv_status pykv_checkpoint(pykv_store *store, const char *path);

/* Tables that a pykv_table_writer made become part of an LSM store, all of them at one moment or
 * none, with rows that are newer than everything written before. The files (count: at most 4,096)
 * are checked whole, and linked, or copied where the file system gives no link: nobody may change
 * them any more. Into a namespace the rows are written again. moves nonzero: their own names go.
 * Writers wait while memtables are flushed and one manifest is written. PYKV_INVALID_ARGUMENT: the
 * keys of two files overlap; PYKV_CORRUPTION, PYKV_FORMAT: a file is damaged, was not finished, or
 * is something else; PYKV_PATH_NOT_FOUND; PYKV_NOT_SUPPORTED: the engine has no tables. The change
 * feed has a PYKV_CHANGE_INGEST for each file; after a call that failed it may have them too. */
PYKV_API pykv_status pykv_ingest(pykv_store *store, size_t count, const char *const *paths,
                                 int32_t moves);

/* A writer of such a table: the file at path, which must not exist, in a directory that does. Of
 * options (NULL: defaults) block_bytes, compression, compression_level and filter_bits_per_key
 * count. One thread at a time uses a writer. */
PYKV_API pykv_status pykv_table_writer_open(const char *path, const pykv_options *options,
                                            pykv_table_writer **writer_out);
/* Adds count rows. deadlines_us (NULL: none expires): of each, 0: it does not expire.
 * PYKV_INVALID_ARGUMENT: a key does not come after the one before; the rows before it are in. After
 * a failure of the system the file cannot become a table any more: every later call that adds or
 * finishes gives it again, and a new writer has to write all rows. */
PYKV_API pykv_status pykv_table_writer_add(pykv_table_writer *writer, size_t count,
                                           const void *const *keys, const size_t *key_lengths,
                                           const void *const *values, const size_t *value_lengths,
                                           const uint64_t *deadlines_us);
/* Makes the file durable. PYKV_INVALID_ARGUMENT: it has no row. A failure stays, as one of add. */
PYKV_API pykv_status pykv_table_writer_finish(pykv_table_writer *writer);
/* Rows so far. */
PYKV_API uint64_t pykv_table_writer_count(const pykv_table_writer *writer);
/* Frees the writer; a file that was not finished goes. */
PYKV_API void pykv_table_writer_free(pykv_table_writer *writer);

/* Moves a store that is open read-only, and its namespaces, to the newest state that can be seen:
 * all that another process has written, synced or not, as whole batches, and never back. Snapshots,
 * scans, cursors and views stay at their moments, and reads beside it show either state. Where the
 * store writes itself nothing happens. sequence_out (may be NULL): of the last write that shows.
 * PYKV_REPLACED: the directory is empty, or has another database or an earlier state of this one;
 * PYKV_CORRUPTION, also where a writer changes files faster than they can be opened; what reading
 * gives. After a failure all shows that showed before, and it may be called again. */
PYKV_API pykv_status pykv_refresh(pykv_store *store, uint64_t *sequence_out);

/* Tries to leave PYKV_STATE_READ_ONLY or PYKV_STATE_DEGRADED now. */
PYKV_API pykv_status pykv_resume(pykv_store *store);

/* Lends the calling thread for a role until the store closes. Returns PYKV_OK at close. */
PYKV_API pykv_status pykv_maintain(pykv_store *store, int32_t role);

/* Helps with work that lend_threads of pykv_options was called for, and returns when nothing is
 * left to begin. Once a thread; work may be gone afterwards. It never fails. */
PYKV_API void pykv_help(pykv_work *work);

/* Does one bounded step of a role's work; more_out tells whether there is more to do now. */
PYKV_API pykv_status pykv_maintain_step(pykv_store *store, int32_t role, int32_t *more_out);

/* pykv: declarations end */

#ifdef __cplusplus
}
#endif

#endif
