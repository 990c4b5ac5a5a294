/*
 * version_edit: the manifest of an LSM store: its logs and tables and its state, one file that is
 * replaced whole.
 *
 *   offset size  field
 *        0  252  the head that all manifests share (log/manifest_file.h), engine PYKV_ENGINE_LSM
 *       96    8  log_count
 *      104    8  table_count
 *      112    8  flushed_sequence every sequence up to it is in tables, or superseded
 *      120    8  range_count
 *      128    8  values_count
 *      136    8  range_bytes      of all range entries
 *      144    8  pin_count        at most HISTORY_PINS_MAX
 *      252    4  header_crc       crc32c of bytes 0..252
 *      256       log_count entries of 32 bytes:
 *                  number u32, history_end u32 (in granules), file_id u64, birth_sequence u64,
 *                  epoch u32,
 *                  entry_crc u32 (bytes 0..28 of the entry, seeded with header_crc)
 *                table_count entries of 128 bytes:
 *                  number u32, level u8, zero 3, file_id u64, file_bytes u64, entry_count u64,
 *                  tombstone_count u64, sequence_min u64, sequence_max u64, deadline_min u64,
 *                  deadline_max u64, raw_bytes u64, file_crc u32, zero 4, deletes_through u64,
 *                  eighths u32 x 7 (base/deadline_buckets.h),
 *                  entry_crc u32 (bytes 0..124 of the entry, seeded with header_crc)
 *                values_count entries of 48 bytes, the value segments:
 *                  number u32, zero u32, file_id u64, file_bytes u64, value_count u64,
 *                  value_bytes u64, zero u32,
 *                  entry_crc u32 (bytes 0..44 of the entry, seeded with header_crc)
 *                range_count entries (lsm/manifest_ranges.h)
 *                pin_count entries (log/manifest_pins.h)
 *
 * Logs and value segments stand by rising number, history before the other logs; tables by level
 * and then by rising number. The first and last key of a table stand in the table. Documented in
 * docs/format/lsm_manifest.md. Not thread-safe.
 */
#ifndef PYKV_LSM_VERSION_EDIT_H
#define PYKV_LSM_VERSION_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline_buckets.h"
#include "env/env.h"
#include "log/manifest_pins.h"
#include "lsm/range_set.h"

enum {
    LSM_LEVEL_COUNT = 7,
    LSM_MANIFEST_LOG_BYTES = 32,
    LSM_MANIFEST_TABLE_BYTES = 128,
    LSM_MANIFEST_VALUES_BYTES = 48,
    LSM_LOGS_MAX = 64 * 1024,
    LSM_TABLES_MAX = 4 * 1024 * 1024,
    LSM_VALUES_MAX = 1024 * 1024
};

/* A write-ahead log that may hold operations which no table has, or one that is kept for who reads
 * changes: history. */
typedef struct manifest_log {
    uint32_t number;
    uint64_t file_id;
    uint64_t birth_sequence; /* of its header */
    uint64_t history_end;    /* of history: the offset at which its records end; else 0 */
    uint32_t epoch;          /* of the store when it was written, its low half */
} manifest_log;

/* A table: what its builder said of it, and the level it belongs to. */
typedef struct manifest_table {
    uint32_t number;
    uint8_t level;
    uint64_t file_id;
    uint64_t file_bytes;
    uint32_t file_crc; /* crc32c of the whole file */
    uint64_t entry_count;
    uint64_t tombstone_count;
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t deadline_min_us; /* as in table_properties */
    uint64_t deadline_max_us;
    uint64_t raw_bytes; /* of data blocks before compression */
    /* No entry is hidden by a range delete with a sequence up to it; 0: nothing is known. */
    uint64_t deletes_through;
    uint32_t eighths[DEADLINE_EIGHTH_COUNT]; /* of the entries, by their deadlines; 0: not known */
} manifest_table;

/* A value segment (lsm/value_segment.h), which tables point to. */
typedef struct manifest_values {
    uint32_t number;
    uint64_t file_id;
    uint64_t file_bytes;
    uint64_t value_count;
    uint64_t value_bytes; /* of values, without what records add */
} manifest_values;

typedef struct lsm_manifest {
    bool clean; /* closed cleanly */
    uint64_t store_id;
    uint64_t edit;
    uint64_t epoch;
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    uint64_t next_number;      /* of the next log or table */
    uint64_t last_sequence;    /* highest sequence in a table or known otherwise */
    uint64_t flushed_sequence; /* logs are replayed from the next one on */
    uint64_t durable_through;  /* log position known durable */
    uint64_t wall_high_us;
    uint64_t log_count;
    uint64_t table_count;
    uint64_t values_count;
    manifest_log *logs;      /* by rising number; owned: lsm_manifest_reset frees it */
    manifest_table *tables;  /* by level, then by rising number; owned likewise */
    manifest_values *values; /* by rising number; owned likewise */
    history_pins pins;
    const range_set *ranges; /* with one sequence each; NULL: none; a reference, dropped likewise */
} lsm_manifest;

/* Reads MANIFEST. PYKV_NOT_FOUND if there is none, PYKV_CORRUPTION, PYKV_FORMAT (a newer version or
 * another engine), PYKV_NO_MEMORY. No number is given to two files, and every one is below
 * next_number. Free with lsm_manifest_reset. */
PYKV_NODISCARD pykv_status lsm_manifest_read(env_directory *directory, lsm_manifest *out);

/* Replaces MANIFEST durably by self. On failure the old one is in force, unless it was the sync of
 * the directory that failed: then either may be. PYKV_INTERNAL: it could not be read again. */
PYKV_NODISCARD pykv_status lsm_manifest_replace(env_directory *directory, const lsm_manifest *self);

/* The same behind all names of the directory, which are durable first. */
PYKV_NODISCARD pykv_status lsm_manifest_place(env_directory *directory, const lsm_manifest *self);

/* As lsm_manifest_replace, in the blocks that lsm_manifest_reserve keeps: for manifests that give
 * room back. */
PYKV_NODISCARD pykv_status lsm_manifest_replace_reserved(env_directory *directory,
                                                         const lsm_manifest *self);

/* Keeps blocks for a manifest of so many logs and tables (log/manifest_file.h). PYKV_NO_SPACE,
 * PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status lsm_manifest_reserve(env_directory *directory, uint64_t log_count,
                                                uint64_t table_count, uint64_t values_count);

/* Frees the lists. */
void lsm_manifest_reset(lsm_manifest *self);

#endif
