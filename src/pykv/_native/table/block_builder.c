/*
 * block_builder: collects tags, sequences and entries of a data block, and joins them.
 */
#include "table/block_builder.h"

#include "base/coding.h"
#include "base/invariant.h"
#include "table/block_reader.h"
#include "table/common_prefix.h"
#include "table/table_format.h"
#include "table/varint.h"

/* Of what stands before the suffix of an entry. */
enum { LENGTHS_BYTES_MAX = 1 + 3 * VARINT_BYTES_MAX + 8 };

void block_builder_init(block_builder *self, uint8_t group_shift, bool keeps_checks)
{
    PYKV_ASSERT(group_shift <= BLOCK_GROUP_SHIFT_MAX);
    *self = (block_builder){.group_shift = group_shift,
                            .check_width = keeps_checks ? 4 : 0,
                            .sequence_min = UINT64_MAX};
}

void block_builder_reset(block_builder *self)
{
    buffer_reset(&self->tags);
    buffer_reset(&self->sequences);
    buffer_reset(&self->checks);
    buffer_reset(&self->entries);
    buffer_reset(&self->head);
}

void block_builder_clear(block_builder *self)
{
    buffer_clear(&self->tags);
    buffer_clear(&self->sequences);
    buffer_clear(&self->checks);
    buffer_clear(&self->entries);
    buffer_clear(&self->head);
    self->sequence_min = UINT64_MAX;
    self->sequence_max = 0;
    self->count = 0;
}

/* Bytes that hold every sequence of the block less the lowest. */
static uint8_t sequence_width(const block_builder *self)
{
    uint64_t spread = self->count == 0 ? 0 : self->sequence_max - self->sequence_min;
    if (spread == 0) {
        return 0;
    }
    return (uint8_t)(8 - __builtin_clzll(spread) / 8);
}

uint64_t block_builder_bytes(const block_builder *self)
{
    return BLOCK_HEADER_BYTES +
           (uint64_t)self->count * (1U + sequence_width(self) + self->check_width) +
           self->entries.size;
}

bool block_builder_is_full(const block_builder *self)
{
    return self->entries.size > BLOCK_START_MAX;
}

/* Room for all that an entry adds, so that adding it does not fail half way. */
static pykv_status reserve(block_builder *self, const table_entry *entry)
{
    pykv_status status = buffer_reserve(&self->tags, 1);
    if (status == PYKV_OK) {
        status = buffer_reserve(&self->sequences, 8);
    }
    if (status == PYKV_OK) {
        status = buffer_reserve(&self->checks, self->check_width);
    }
    if (status == PYKV_OK) {
        status =
            buffer_reserve(&self->entries, LENGTHS_BYTES_MAX + entry->key.size + entry->value.size);
    }
    return status;
}

/* What the key shares with that of its group's first entry, which it becomes itself if it is. */
static pykv_status share(block_builder *self, slice key, size_t *shared_out)
{
    if ((self->count & ((1U << self->group_shift) - 1)) != 0) {
        *shared_out = common_prefix(slice_make(self->head.data, self->head.size), key);
        return PYKV_OK;
    }
    *shared_out = 0;
    buffer_clear(&self->head);
    return buffer_append(&self->head, key.data, key.size);
}

/* Writes bytes and returns the place behind them. */
static uint8_t *write_bytes(uint8_t *at, const uint8_t *data, size_t size)
{
    if (size > 0) {
        memcpy(at, data, size);
    }
    return at + size;
}

/* Appends the entry but for its columns. Requires room. */
static void add_entry(block_builder *self, const table_entry *entry, size_t shared)
{
    uint8_t *at = self->entries.data + self->entries.size;
    *at++ = entry->deadline_us == 0 ? entry->kind : entry->kind | BLOCK_DEADLINE_BIT;
    at = varint_store(at, shared);
    at = varint_store(at, entry->key.size - shared);
    at = varint_store(at, entry->value.size);
    if (entry->deadline_us != 0) {
        store_u64(at, entry->deadline_us);
        at += 8;
    }
    at = write_bytes(at, entry->key.data + shared, entry->key.size - shared);
    at = write_bytes(at, entry->value.data, entry->value.size);
    self->entries.size = (size_t)(at - self->entries.data);
}

/* Appends to the columns. Requires room. */
static void add_to_columns(block_builder *self, const table_entry *entry, uint64_t hash)
{
    self->tags.data[self->tags.size++] = table_tag(hash);
    store_u64(self->sequences.data + self->sequences.size, entry->sequence);
    self->sequences.size += 8;
    if (self->check_width > 0) {
        store_u32(self->checks.data + self->checks.size, entry->body_crc);
        self->checks.size += self->check_width;
    }
    self->sequence_min =
        entry->sequence < self->sequence_min ? entry->sequence : self->sequence_min;
    self->sequence_max =
        entry->sequence > self->sequence_max ? entry->sequence : self->sequence_max;
}

pykv_status block_builder_add(block_builder *self, const table_entry *entry, uint64_t hash)
{
    PYKV_ASSERT(!block_builder_is_full(self));
    PYKV_ASSERT(entry->kind > 0 && entry->kind <= TABLE_KIND_MAX);
    PYKV_ASSERT(entry->key.size <= STORED_KEY_BYTES_MAX);
    PYKV_ASSERT(entry->value.size <= PYKV_VALUE_BYTES_MAX);
    size_t shared = 0;
    pykv_status status = reserve(self, entry);
    if (status == PYKV_OK) {
        status = share(self, entry->key, &shared);
    }
    if (status == PYKV_OK) {
        add_entry(self, entry, shared);
        add_to_columns(self, entry, hash);
        self->count++;
    }
    return status;
}

/* Writes the column of sequences, each of width bytes, at out. */
static void encode_sequences(const block_builder *self, uint8_t width, uint8_t *out)
{
    for (uint32_t i = 0; i < self->count; i++) {
        uint8_t difference[8];
        store_u64(difference, load_u64(self->sequences.data + 8 * (size_t)i) - self->sequence_min);
        memcpy(out + (size_t)i * width, difference, width);
    }
}

pykv_status block_builder_finish(block_builder *self, buffer *out)
{
    PYKV_ASSERT(self->count > 0);
    uint8_t width = sequence_width(self);
    uint64_t bytes = block_builder_bytes(self);
    pykv_status status = buffer_reserve(out, bytes);
    if (status != PYKV_OK) {
        return status;
    }
    uint8_t *at = out->data + out->size;
    store_u64(at, self->sequence_min);
    store_u32(at + 8, self->count);
    at[12] = width;
    at[13] = self->group_shift;
    at[14] = self->check_width;
    at[15] = 0;
    at += BLOCK_HEADER_BYTES;
    memcpy(at, self->tags.data, self->count);
    at += self->count;
    encode_sequences(self, width, at);
    at += (size_t)self->count * width;
    if (self->check_width > 0) {
        memcpy(at, self->checks.data, self->checks.size);
        at += self->checks.size;
    }
    memcpy(at, self->entries.data, self->entries.size);
    out->size += bytes;
    block_builder_clear(self);
    return PYKV_OK;
}
