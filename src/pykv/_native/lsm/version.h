/*
 * version: the tables of a store at one moment, by level, and reads in them.
 *
 * Immutable once made; counted references, each of which keeps every table open. Any number of
 * threads may read one; a get through a cached source is inside the epoch of that source.
 *
 * Invariants: (1) level 0 stands newest first: the sequences of a table are all above those of the
 * next one; (2) tables of a deeper level rise and are disjoint in user keys; (3) of one key, what
 * stands in a table of level 0 is newer than what stands in the next ones, and what stands in a
 * level is newer than what stands in deeper ones: so the first hit is the newest; (4) every value
 * segment that a table points to is there, and no other. All but the third are checked or seen to
 * when a version is made; the third is what flushes and compactions owe.
 */
#ifndef PYKV_LSM_VERSION_H
#define PYKV_LSM_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/range_set.h"
#include "lsm/table_file.h"
#include "lsm/value_segment.h"
#include "lsm/version_edit.h"

/* A row of tables: one of a version, or a part of one. */
typedef struct level {
    table_file **files;
    table **tables; /* of the files, to get from */
    /* Levels from 1 on: key_word(largest, common_length) of each, to search in first. NULL in a
     * row that somebody else made. */
    uint64_t *largest_words;
    uint32_t count;
    uint32_t common_length; /* of what the largest keys of a deeper level begin with */
    uint64_t bytes;         /* of the files */
    uint64_t sequence_max;  /* of the files of the version's level */
} level;

/* A value segment of a version, and what the version's tables point to in it. */
typedef struct version_values {
    value_segment *segment;
    uint64_t live_count;
    uint64_t live_bytes; /* of values */
} version_values;

typedef struct version {
    _Atomic uint32_t references;
    /* What flushed range deletes hide, all of it visible to whoever reads the version, with keys of
     * its own; NULL: nothing. Constant once it is published. */
    const range_set *ranges;
    uint32_t file_count;
    uint8_t deeper_count; /* levels from 1 on that have files */
    uint8_t deeper[LSM_LEVEL_COUNT - 1];
    level levels[LSM_LEVEL_COUNT];
    version_values *values; /* by rising number */
    uint32_t value_segment_count;
} version;

/* A table that comes, or that changes its level and then is among the removed ones too. */
typedef struct version_addition {
    table_file *file;
    uint8_t level;
} version_addition;

/* The difference of two versions. */
typedef struct version_change {
    const uint32_t *removed; /* numbers of tables */
    size_t removed_count;
    const version_addition *added;
    size_t added_count;
    value_segment *const *added_values;
    size_t added_values_count;
    bool without_values; /* what the tables point to does not count */
} version_change;

/* Keys from start on, and before stop if there is one. */
typedef struct key_range {
    slice start;
    slice stop;
    bool has_stop;
} key_range;

/* ---- making ---- */

/* One reference is the caller's. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status version_new_empty(version **version_out);

/* base with change applied; its parts may stand in any order. Takes references of its tables.
 * Requires that what is removed is there, and that no table would stand in two levels.
 * PYKV_CORRUPTION, naming a table, if invariant (1) or (2) would be broken, or if a table points to
 * a value segment that is neither in base nor added; PYKV_NO_MEMORY. Segments to which nothing
 * points any more are left out. One reference is the caller's. */
PYKV_NODISCARD pykv_status version_apply(const version *base, const version_change *change,
                                         version **version_out);

/* The version of these tables, to read them in order: without the values that they point to. */
PYKV_NODISCARD pykv_status version_from_tables(table_file *const *files, const uint8_t *levels,
                                               size_t count, version **version_out);

/* Returns self. Requires that a reference cannot go meanwhile. */
version *version_acquire(version *self);

/* The last one drops those of the tables. NULL is ignored. */
void version_release(version *self);

/* ---- reads ---- */

/* The newest entry of key with a sequence of at most sequence; a tombstone is an entry. hash is
 * that of the key, with the seeds of the tables' options. PYKV_NOT_FOUND, else as table_get; a
 * source may answer PYKV_WOULD_BLOCK. What was found is released with table_release. */
PYKV_NODISCARD pykv_status version_get(const version *self, block_source *source, slice key,
                                       uint64_t sequence, uint64_t hash, table_found *out);

/* As version_get for each request, side by side. The array is put into another order. After a
 * failure of several the thread's last error is that of one of them. */
void version_get_many(const version *self, block_source *source, uint64_t sequence,
                      table_request **requests, size_t count);

/* ---- facts ---- */

/* The first file of a level from 1 on whose largest key is not before key, the only one that may
 * hold it; or count. */
uint32_t level_find(const level *self, slice key);

/* The files of a level from 1 on from begin up to end, as a level that borrows from this one. Its
 * bytes are not summed up. */
level level_part(const level *self, uint32_t begin, uint32_t end);

/* True if a table of a level deeper than level_index has key within its bounds. */
bool version_key_is_below(const version *self, uint8_t level_index, slice key);

/* Bytes of all files. */
uint64_t version_bytes(const version *self);

/* The tables as a manifest lists them, with the levels they stand in now. Free with mem_free.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status version_list(const version *self, manifest_table **tables_out,
                                        uint64_t *count_out);

#endif
