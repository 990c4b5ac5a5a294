/*
 * block_reader: a data block in memory, ready for use.
 *
 * A block lies in one piece of memory that its owner, a cache for instance, provides:
 *
 *   struct block | start of each entry u16 | payload | 28 bytes of slack
 *
 * The payload is filled in by who loads the block; block_check then proves that every length in it
 * stays inside, and after that reads trust it. What block_check does not prove, because a wrong
 * check comes first: that the entries rise and that tags are those of their keys; table_verify
 * does. Immutable once checked: any number of threads may read.
 */
#ifndef PYKV_TABLE_BLOCK_READER_H
#define PYKV_TABLE_BLOCK_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/coding.h"
#include "base/slice.h"
#include "table/table_entry.h"

enum {
    BLOCK_KIND_MASK = 15,
    BLOCK_DEADLINE_BIT = 16,
    BLOCK_ALIGNMENT = 16,  /* of the memory */
    BLOCK_SLACK_BYTES = 28 /* a trailer, and 16 bytes that wide loads may touch */
};

typedef struct block {
    uint8_t *payload;
    const uint8_t *tags;
    const uint8_t *sequences;
    const uint8_t *checks; /* NULL: the block keeps none */
    const uint8_t *entries;
    uint64_t sequence_base;
    uint64_t sequence_mask;
    uint32_t payload_bytes;
    uint32_t entry_bytes;
    uint32_t entry_count;
    uint8_t sequence_width;
    uint8_t group_shift;
    uint16_t starts[]; /* of the entries, counted from the first one */
} block;

/* The parts of an entry; they borrow from the block. The key is the first shared bytes of head,
 * which is the whole key of the group's first entry, and then suffix. */
typedef struct block_entry {
    slice suffix;
    slice value;
    const uint8_t *head; /* NULL where shared is 0 */
    uint32_t shared;
    uint8_t kind;
    uint64_t deadline_us;
} block_entry;

/* Bytes of memory for a block whose payload and number of entries are these. */
uint64_t block_memory_bytes(uint32_t payload_bytes, uint32_t entry_count);

/* Lays out a block in memory of that many bytes, aligned to BLOCK_ALIGNMENT. payload and as much of
 * a trailer may then be written to the payload. */
block *block_place(void *memory, uint32_t payload_bytes, uint32_t entry_count);

/* Mends a checked block in memory that was copied from elsewhere: it points into itself. */
void block_moved(uint8_t *memory, const uint8_t *from);

/* Decodes the payload, which stands at offset of path, and checks it whole: PYKV_CORRUPTION. No key
 * may be longer than key_length_max. Safe on arbitrary bytes. */
PYKV_NODISCARD pykv_status block_check(block *self, size_t key_length_max, const char *path,
                                       uint64_t offset);

/* In the first four bytes of an entry: a deadline, or a length of more than one byte. */
#define BLOCK_LONG_FORM UINT32_C(0x80808010)

/* Reads an entry of a checked block that has the long form, but for its head. */
void block_read_long_form(const uint8_t *in, block_entry *out);

/* Reads an entry of a checked block but for its head. Most have lengths of one byte each and no
 * deadline: kind and lengths are then one load of four bytes and one test. */
static inline void block_read_parts(const uint8_t *in, block_entry *out)
{
    uint32_t lengths = load_u32(in);
    if (PYKV_LIKELY((lengths & BLOCK_LONG_FORM) == 0)) {
        out->kind = (uint8_t)(lengths & BLOCK_KIND_MASK);
        out->deadline_us = 0;
        out->shared = lengths >> 8 & 0x7f;
        out->suffix = slice_make(in + 4, lengths >> 16 & 0x7f);
        out->value = slice_make(in + 4 + out->suffix.size, lengths >> 24);
    } else {
        block_entry long_form; /* a copy, so that out's address stays unknown */
        block_read_long_form(in, &long_form);
        *out = long_form;
    }
}

/* Reads an entry. Requires a checked block and index below entry_count. */
static inline void block_read(const block *self, uint32_t index, block_entry *out)
{
    block_read_parts(self->entries + self->starts[index], out);
    out->head = NULL;
    if (out->shared > 0) {
        block_entry head;
        uint32_t head_index = index >> self->group_shift << self->group_shift;
        block_read_parts(self->entries + self->starts[head_index], &head);
        out->head = head.suffix.data;
    }
}

/* Writes the key of an entry at out, which holds shared + suffix.size bytes. */
static inline void block_entry_key(const block_entry *entry, uint8_t *out)
{
    if (entry->shared > 0) {
        memcpy(out, entry->head, entry->shared);
    }
    if (entry->suffix.size > 0) {
        memcpy(out + entry->shared, entry->suffix.data, entry->suffix.size);
    }
}

static inline uint64_t block_sequence(const block *self, uint32_t index)
{
    uint64_t word = load_u64(self->sequences + (size_t)index * self->sequence_width);
    return self->sequence_base + (word & self->sequence_mask);
}

/* The body_crc of an entry; 0 if the block keeps none. */
static inline uint32_t block_body_crc(const block *self, uint32_t index)
{
    return self->checks == NULL ? 0 : load_u32(self->checks + 4 * (size_t)index);
}

#endif
