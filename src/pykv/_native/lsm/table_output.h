/*
 * table_output: what flushes and compactions write: entries in order to tables, without those that
 * nobody can see any more.
 *
 * Of one key the versions come newest first. A version is dropped
 *   (a) if a newer one of its key has a sequence up to visible_sequence, which was the store's
 *       visible sequence when the job was planned: whoever can read what the job will publish reads
 *       at that sequence or a higher one, and so finds the newer one;
 *   (b) if it is a tombstone with a sequence up to visible_sequence and no table that is older
 *       than the job's inputs may hold the key: then nothing is left that it hides.
 * A large value goes to a value segment, and the entry becomes a pointer to it; a value in a
 * segment that is mostly dead goes with it to a new one.
 *
 * A record whose deadline has passed is a tombstone at its own sequence: where it stays it becomes
 * one, and its value goes.
 *
 * An output ends as table_cut says, and never between two versions of one key: tables of a level
 * are disjoint in user keys, and a compaction that takes a table has every version of its keys that
 * the level holds.
 *
 * Two versions of a key with one sequence come from tables that are damaged: PYKV_CORRUPTION.
 *
 * Not thread-safe.
 */
#ifndef PYKV_LSM_TABLE_OUTPUT_H
#define PYKV_LSM_TABLE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/iterator.h"
#include "lsm/file_numbers.h"
#include "lsm/table_cut.h"
#include "lsm/value_split.h"
#include "lsm/version_edit.h"
#include "table/table_builder.h"

/* What a job is told by its store. Everything is borrowed until the job is freed. */
typedef struct table_job {
    env *surroundings;
    env_directory *home;
    file_numbers numbers;
    table_builder_options building; /* file_id 0; for the level that the outputs go to */
    uint64_t visible_sequence;      /* of the store, when the job was planned */
    uint64_t now_us;                /* wall clock; what has a deadline up to it has expired */
    uint64_t deletes_through;       /* of the outputs, as in manifest_table */
    value_job values;
} table_job;

/* Answers whether a table that is older than the job's inputs may hold key. */
typedef struct older_tables {
    bool (*may_hold)(const void *context, slice key);
    const void *context;
} older_tables;

typedef struct table_output_counts {
    uint64_t entries_read;
    uint64_t entries_dropped; /* and not written */
    uint64_t bytes_written;   /* of finished tables and value segments */
} table_output_counts;

typedef struct table_output {
    table_job job;
    older_tables older;
    uint8_t level;
    table_cut cut;
    table_builder *builder; /* NULL: no output is open */
    uint32_t number;        /* of the file that is not finished; 0: there is none */
    buffer key;             /* of the last entry */
    uint64_t sequence;      /* likewise */
    bool has_key;
    bool is_hidden; /* a version of key with a sequence up to visible_sequence was seen */
    buffer made;    /* a manifest_table for each output that was finished */
    value_split values;
    bool taken; /* by the caller: the outputs stay */
    table_output_counts counts;
} table_output;

/* The outputs get level. Undo with table_output_reset, whatever comes in between. */
void table_output_init(table_output *self, const table_job *job, older_tables older, uint8_t level,
                       const table_cut_options *cut);

/* Writes or drops an entry, which comes after all others in order. After a failure only reset may
 * follow. */
PYKV_NODISCARD pykv_status table_output_add(table_output *self, const iterator_entry *entry);

/* Adds entries of from, from where it stands on, until they make step_bytes or more, keys and
 * values counted, and those that move with their segment. *more_out: it has not come to its end;
 * else the outputs are finished. As above. */
PYKV_NODISCARD pykv_status table_output_pull(table_output *self, iterator *from,
                                             uint64_t step_bytes, bool *more_out);

/* Finishes the last output and makes all of them and their names durable. */
PYKV_NODISCARD pykv_status table_output_finish(table_output *self);

/* The finished outputs, by rising keys; none if nothing was left. Valid until reset. */
const manifest_table *table_output_made(const table_output *self, size_t *count_out);

/* The value segments that were written, by rising number. Valid until reset. */
const manifest_values *table_output_values(const table_output *self, size_t *count_out);

/* Leaves the files of the outputs to the caller: reset does not remove them any more. */
void table_output_take(table_output *self);

/* Removes every file that was made and not taken, and frees the memory. The thread's last error
 * stays. A file that cannot be removed is an orphan: the next open removes it. */
void table_output_reset(table_output *self);

#endif
