/*
 * table_builder: writes a table file from entries in the order of their positions.
 *
 *   table_builder_open, table_builder_add ..., table_builder_finish, table_builder_free
 *
 * A table that was not finished stays behind as a file that is no table; whoever began it unlinks
 * it. The name of a finished one is durable after the next sync of the directory. Not thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_BUILDER_H
#define PYKV_TABLE_TABLE_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/compress.h"

#include "base/deadline_buckets.h"
#include "base/memory_budget.h"
#include "env/env.h"
#include "table/table_entry.h"

enum {
    /* Gets from memory cost the same from 4 to 16 KiB (benches/c/table_floor.c); 8 halves the index
     * of 4, and a miss reads and restores half of 16. */
    TABLE_BLOCK_BYTES_DEFAULT = 8 * 1024,
    TABLE_BLOCK_BYTES_MIN = 64,
    TABLE_BLOCK_BYTES_MAX = 64 * 1024,
    TABLE_GROUP_SHIFT_DEFAULT = 4
};

typedef struct table_builder table_builder;

/* Zero means the default. */
typedef struct table_builder_options {
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    uint64_t file_id;           /* 0: random */
    double filter_bits_per_key; /* 0: no filter */
    const codec *codec;         /* NULL: none; borrowed until the builder is freed */
    memory_budget *budget;      /* of the filter's hashes; NULL: none; borrowed likewise */
    int codec_level;            /* 0: the provider's default */
    uint32_t block_bytes;       /* a block is closed when it has reached this size */
    size_t write_bytes;         /* size of the writes */
    bool keeps_checks;          /* the body_crc of every entry is stored: four bytes each */
    uint64_t now_us;            /* wall clock, which deadlines are told apart by */
} table_builder_options;

/* What the list of tables of a store needs to know. The keys stand in the file's properties. */
typedef struct table_summary {
    uint64_t file_id;
    uint64_t file_bytes;
    uint32_t file_crc; /* crc32c of the whole file */
    uint64_t entry_count;
    uint64_t tombstone_count;
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t deadline_min_us; /* as in table_properties */
    uint64_t deadline_max_us;
    uint64_t raw_bytes;                      /* of data blocks before compression */
    uint32_t eighths[DEADLINE_EIGHTH_COUNT]; /* of the entries, by their deadlines */
} table_summary;

/* Creates the file, which must not be there yet. self_env gives the random id. */
PYKV_NODISCARD pykv_status table_builder_open(env *self_env, env_directory *directory,
                                              const char *name,
                                              const table_builder_options *options,
                                              table_builder **builder_out);

/* Adds an entry behind the last one. PYKV_INVALID_ARGUMENT, and nothing changed, if it does not
 * come after it, or if its lengths, kind or sequence are out of bounds. After any other failure
 * only free may follow. */
PYKV_NODISCARD pykv_status table_builder_add(table_builder *self, const table_entry *entry);

/* Bytes that the file has now, but for what is in memory yet: at most a block, the filter and the
 * index. */
uint64_t table_builder_bytes(const table_builder *self);

uint64_t table_builder_entry_count(const table_builder *self);

/* First and last key so far, borrowed until the next call; requires that there is an entry. */
slice table_builder_first_key(const table_builder *self);
slice table_builder_last_key(const table_builder *self);

/* Keeps bytes of the maker's own with the table's properties, in place of what was attached before.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status table_builder_attach(table_builder *self, slice attached);

/* Writes the rest and syncs the file. PYKV_INVALID_ARGUMENT if there is no entry. Only the keys may
 * be asked for afterwards. */
PYKV_NODISCARD pykv_status table_builder_finish(table_builder *self, table_summary *out);

/* Closes the file, finished or not. NULL is ignored. */
void table_builder_free(table_builder *self);

#endif
