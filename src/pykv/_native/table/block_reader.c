/*
 * block_reader: lays out, checks and reads a data block. The layout of the payload stands in
 * docs/format/table.md.
 *
 * block_check reads untrusted bytes, entry by entry, with every length compared before it is used.
 */
#include "table/block_reader.h"

#include <stddef.h>

#include "base/error.h"
#include "base/invariant.h"
#include "table/block_builder.h"
#include "table/table_format.h"
#include "table/varint.h"

enum {
    KIND_BITS_KNOWN = BLOCK_KIND_MASK | BLOCK_DEADLINE_BIT,
    LONG_FORM_BYTES_MAX = 1 + 3 * VARINT_BYTES_MAX /* before the deadline */
};

uint64_t block_memory_bytes(uint32_t payload_bytes, uint32_t entry_count)
{
    uint64_t starts = (uint64_t)entry_count * sizeof(uint16_t);
    return round_up(offsetof(block, starts) + starts, BLOCK_ALIGNMENT) + payload_bytes +
           BLOCK_SLACK_BYTES;
}

block *block_place(void *memory, uint32_t payload_bytes, uint32_t entry_count)
{
    PYKV_ASSERT((uintptr_t)memory % BLOCK_ALIGNMENT == 0);
    block *self = memory;
    uint64_t starts = (uint64_t)entry_count * sizeof(uint16_t);
    *self = (block){.payload = (uint8_t *)memory +
                               round_up(offsetof(block, starts) + starts, BLOCK_ALIGNMENT),
                    .payload_bytes = payload_bytes,
                    .entry_count = entry_count};
    memset(self->payload + payload_bytes, 0, BLOCK_SLACK_BYTES);
    return self;
}

void block_moved(uint8_t *memory, const uint8_t *from)
{
    block *self = (block *)(void *)memory;
    self->payload = memory + (self->payload - from);
    self->tags = memory + (self->tags - from);
    self->sequences = memory + (self->sequences - from);
    self->checks = self->checks == NULL ? NULL : memory + (self->checks - from);
    self->entries = memory + (self->entries - from);
}

/* ---- the check ---- */

/* Reads the header. False: it does not fit the payload or the number of entries. */
static bool decode_header(block *self)
{
    const uint8_t *header = self->payload;
    if (self->payload_bytes < BLOCK_HEADER_BYTES || load_u32(header + 8) != self->entry_count ||
        header[12] > 8 || header[13] > BLOCK_GROUP_SHIFT_MAX ||
        (header[14] != 0 && header[14] != 4) || header[15] != 0) {
        return false;
    }
    self->sequence_base = load_u64(header);
    self->sequence_width = header[12];
    self->group_shift = header[13];
    self->sequence_mask =
        header[12] == 0 ? 0 : UINT64_MAX >> (64 - 8 * (unsigned)self->sequence_width);
    uint64_t before_checks =
        BLOCK_HEADER_BYTES + (uint64_t)self->entry_count * (1U + self->sequence_width);
    uint64_t columns = before_checks + (uint64_t)self->entry_count * header[14];
    if (self->entry_count == 0 || columns >= self->payload_bytes) {
        return false;
    }
    self->tags = header + BLOCK_HEADER_BYTES;
    self->sequences = self->tags + self->entry_count;
    self->checks = header[14] == 0 ? NULL : header + before_checks;
    self->entries = header + columns;
    self->entry_bytes = self->payload_bytes - (uint32_t)columns;
    return true;
}

/* Whether no sequence is above the highest there can be. */
static bool sequences_are_legal(const block *self)
{
    if (self->sequence_base > TABLE_SEQUENCE_MAX) {
        return false;
    }
    uint64_t room = TABLE_SEQUENCE_MAX - self->sequence_base;
    if (self->sequence_mask <= room) {
        return true;
    }
    for (uint32_t i = 0; i < self->entry_count; i++) {
        uint64_t word = load_u64(self->sequences + (size_t)i * self->sequence_width);
        if ((word & self->sequence_mask) > room) {
            return false;
        }
    }
    return true;
}

/* Checks the entry at in, before end, whose group's head has a key of head_length bytes. Returns
 * the byte behind it, or NULL. */
static const uint8_t *check_entry(const uint8_t *in, const uint8_t *end, bool is_head,
                                  size_t key_length_max, size_t *head_length)
{
    uint64_t shared;
    uint64_t suffix_length;
    uint64_t value_length;
    if (in == end) {
        return NULL;
    }
    uint8_t kind = *in++;
    if ((kind & BLOCK_KIND_MASK) == 0 || (kind & ~KIND_BITS_KNOWN) != 0) {
        return NULL;
    }
    in = varint_load(in, end, is_head ? 0 : *head_length, &shared);
    in = in == NULL ? NULL : varint_load(in, end, key_length_max - shared, &suffix_length);
    in = in == NULL ? NULL : varint_load(in, end, PYKV_VALUE_BYTES_MAX, &value_length);
    uint64_t deadline_bytes = (kind & BLOCK_DEADLINE_BIT) != 0 ? 8 : 0;
    if (in == NULL || (uint64_t)(end - in) < deadline_bytes + suffix_length + value_length ||
        (deadline_bytes != 0 && load_u64(in) == 0)) {
        return NULL;
    }
    *head_length = is_head ? suffix_length : *head_length;
    return in + deadline_bytes + suffix_length + value_length;
}

pykv_status block_check(block *self, size_t key_length_max, const char *path, uint64_t offset)
{
    if (!decode_header(self) || !sequences_are_legal(self)) {
        return error_set_corruption(path, offset, "the header of a block is illegal",
                                    self->entry_count, self->payload_bytes);
    }
    const uint8_t *end = self->entries + self->entry_bytes;
    const uint8_t *at = self->entries;
    size_t head_length = 0;
    uint32_t group_mask = (1U << self->group_shift) - 1;
    for (uint32_t i = 0; i < self->entry_count; i++) {
        size_t start = (size_t)(at - self->entries);
        const uint8_t *next =
            check_entry(at, end, (i & group_mask) == 0, key_length_max, &head_length);
        if (start > BLOCK_START_MAX || next == NULL) {
            return error_set_corruption(path, offset, "an entry of a block is illegal",
                                        self->entry_count, i);
        }
        self->starts[i] = (uint16_t)start;
        at = next;
    }
    if (at != end) {
        return error_set_corruption(path, offset, "a block goes on behind its last entry",
                                    self->entry_bytes, (uint64_t)(at - self->entries));
    }
    return PYKV_OK;
}

/* ---- reading ---- */

void block_read_long_form(const uint8_t *in, block_entry *out)
{
    const uint8_t *end = in + LONG_FORM_BYTES_MAX;
    uint64_t shared = 0;
    uint64_t suffix_length = 0;
    uint64_t value_length = 0;
    bool has_deadline = (*in & BLOCK_DEADLINE_BIT) != 0;
    out->kind = *in++ & BLOCK_KIND_MASK;
    in = varint_load(in, end, UINT32_MAX, &shared);
    in = varint_load(in, end, UINT32_MAX, &suffix_length);
    in = varint_load(in, end, UINT32_MAX, &value_length);
    out->deadline_us = has_deadline ? load_u64(in) : 0;
    in += has_deadline ? 8 : 0;
    out->head = NULL;
    out->shared = (uint32_t)shared;
    out->suffix = slice_make(in, suffix_length);
    out->value = slice_make(in + suffix_length, value_length);
}
