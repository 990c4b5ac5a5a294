/*
 * block_builder: makes the payload of one data block after the other. The layout stands in
 * docs/format/table.md.
 *
 * Every entry but the first of its group leaves out what its key shares with that first key, not
 * with the one before: so any entry is read by itself, forwards, backwards or at random.
 * Not thread-safe.
 */
#ifndef PYKV_TABLE_BLOCK_BUILDER_H
#define PYKV_TABLE_BLOCK_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "table/table_entry.h"

enum {
    BLOCK_HEADER_BYTES = 16,
    BLOCK_START_MAX = 65535, /* where an entry may begin, counted from the first one */
    BLOCK_GROUP_SHIFT_MAX = 15,
    BLOCK_ENTRY_BYTES_MIN = 4
};

typedef struct block_builder {
    buffer tags;
    buffer sequences; /* u64 each, as they came */
    buffer checks;    /* u32 each */
    buffer entries;
    buffer head; /* key of the group's first entry */
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint32_t count;
    uint8_t group_shift;
    uint8_t check_width; /* 0 or 4 */
} block_builder;

/* Groups have 2^group_shift entries, group_shift at most BLOCK_GROUP_SHIFT_MAX. keeps_checks: the
 * body_crc of every entry is stored. */
void block_builder_init(block_builder *self, uint8_t group_shift, bool keeps_checks);

/* Frees the memory. */
void block_builder_reset(block_builder *self);

/* Bytes of the payload if it were finished now, at most. */
uint64_t block_builder_bytes(const block_builder *self);

/* True if no further entry may be added: it would begin too far behind. */
bool block_builder_is_full(const block_builder *self);

/* Adds an entry that comes after all others. hash is that of its key. Requires that the block is
 * not full, lengths within STORED_KEY_BYTES_MAX and PYKV_VALUE_BYTES_MAX, a kind from 1 to
 * TABLE_KIND_MAX. After a failure, PYKV_NO_MEMORY, only clear and reset may follow. */
PYKV_NODISCARD pykv_status block_builder_add(block_builder *self, const table_entry *entry,
                                             uint64_t hash);

/* Appends the payload of the block, which has at least one entry, to out and starts a new one. */
PYKV_NODISCARD pykv_status block_builder_finish(block_builder *self, buffer *out);

/* Drops all entries and keeps the memory. */
void block_builder_clear(block_builder *self);

#endif
