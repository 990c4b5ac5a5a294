/*
 * table_reader: an open table: its index, filter and properties in memory, and gets.
 *
 * Header, footer, properties, index and filter are read and checked when the table is opened; data
 * blocks come from a block_source. An open table never changes, but for its slots, which belong to
 * the cache: any number of threads may read it; who closes it sees to it that nobody does.
 */
#ifndef PYKV_TABLE_TABLE_READER_H
#define PYKV_TABLE_TABLE_READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "codec/compress.h"

#include "env/env.h"
#include "table/block_source.h"
#include "table/filter_reader.h"
#include "table/table_entry.h"
#include "table/table_format.h"
#include "table/table_index.h"

/* Memory of a block that is not of data; owned. */
typedef struct table_part {
    void *memory;
    size_t size;
} table_part;

/* Read-only outside table_reader.c, but for what the slots point to. */
struct table {
    env_file *file;
    const codec_table *codecs;
    uint64_t file_id;
    uint64_t file_bytes;
    uint32_t seed;
    bool has_filter;
    bool hashes_itself; /* its hash seeds are not those of the store */
    uint64_t sequence;  /* of every entry, whatever the file says; 0: what it says */
    table_footer footer;
    filter_reader filter;
    table_index index;
    table_properties properties;
    table_part properties_part;
    table_part filter_part;
    /* One a data block, zero at first, for a cache to find its block by. */
    _Atomic uintptr_t *slots;
};

typedef struct table_open_options {
    const codec_table *codecs; /* borrowed as long as the table is open */
    uint64_t hash_seed_low;    /* of the hashes that gets will come with */
    uint64_t hash_seed_high;
    uint64_t file_id;    /* what the list of tables says; 0: any */
    uint64_t file_bytes; /* likewise */
    /* If all entries of the file have TABLE_SEQUENCE_FOREIGN: the one that they count as; 0: that.
     * The properties say so too. */
    uint64_t sequence;
} table_open_options;

/* PYKV_CORRUPTION names the place; PYKV_FORMAT: of another version; PYKV_NOT_SUPPORTED: its index
 * needs a codec that is not at hand. */
PYKV_NODISCARD pykv_status table_open(env_directory *directory, const char *name,
                                      const table_open_options *options, table **table_out);

/* NULL is ignored. */
void table_close(table *self);

/* What was found; value is valid until table_release. */
typedef struct table_found {
    slice value;
    uint64_t sequence;
    uint64_t deadline_us;
    uint32_t body_crc; /* 0 if the table keeps none */
    uint8_t kind;
    block_hold hold;
} table_found;

/* The newest entry of position.key that is not newer than position.sequence, tombstones included.
 * hash is that of the key, with the seeds of the options. PYKV_NOT_FOUND if there is none. */
PYKV_NODISCARD pykv_status table_get(table *self, block_source *source, table_position position,
                                     uint64_t hash, table_found *out);

/* As table_get, without a question to the filter: for who has asked it. hash is the table's own. */
PYKV_NODISCARD pykv_status table_find(table *self, block_source *source, slice key,
                                      uint64_t sequence, uint64_t hash, table_found *out);

static inline void table_release(block_source *source, table_found *found)
{
    block_source_release(source, &found->hold);
}

/* One of many gets. status and found are filled in. */
typedef struct table_request {
    slice key;
    uint64_t hash;
    pykv_status status; /* as table_get would return */
    table_found found;
} table_request;

/* Gets many keys as of sequence; fastest if they are sorted. Lines of the filter, blocks and
 * entries are fetched side by side, and a block once for neighbours. Each request that was found is
 * released by the caller. The thread's last error is that of the last one that failed. If blocks
 * are to be read from the file, and *asked is false, the system is asked for all of them before the
 * first is read, and *asked set. */
void table_get_many(table *self, block_source *source, uint64_t sequence,
                    table_request *const *requests, size_t count, bool *asked);

/* Asks the system for the blocks that table_get_many of requests would read. A hint. */
void table_ask_for_many(const table *self, uint64_t sequence, table_request *const *requests,
                        size_t count);

/* False: the key with this hash is not in the table. */
static inline bool table_may_contain(const table *self, uint64_t hash)
{
    return !self->has_filter || self->hashes_itself || filter_may_contain(&self->filter, hash);
}

/* The hash by which the table knows a key that the store knows by hash. */
uint64_t table_own_hash(const table *self, slice key, uint64_t hash);

/* Bytes of memory that data block block_index takes once it is loaded. */
uint64_t table_block_bytes(const table *self, uint32_t block_index);

/* Asks the processor for the first bytes of a data block that a slot says is cached. Returns
 * whether one does, which is no more than a hint: the block may be gone. */
static inline bool table_prefetch_block(const table *self, uint32_t block_index, uint64_t bytes)
{
    uintptr_t cached = atomic_load_explicit(&self->slots[block_index], memory_order_relaxed);
    for (uint64_t at = 0; at < bytes; at += 64) {
        __builtin_prefetch((const void *)(cached + at));
    }
    return cached != 0 && (cached & 1) == 0; /* table/cached_block.h: block_slot */
}

/* Reads a data block from the file into that much memory, aligned to BLOCK_ALIGNMENT, and checks
 * it. *block_out lies in memory. PYKV_CORRUPTION, PYKV_NOT_SUPPORTED, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status table_load_block(const table *self, uint32_t block_index, void *memory,
                                            const block **block_out);

/* Reads and checks once more what table_open read: the file may have been damaged since. */
PYKV_NODISCARD pykv_status table_recheck(const table *self);

/* Bytes of memory that the open table takes. */
uint64_t table_memory_bytes(const table *self);

/* Bytes of the file that hold entries between two keys, about: whole blocks. */
uint64_t table_bytes_between(const table *self, slice start, slice stop);

#endif
