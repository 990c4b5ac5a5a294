/*
 * table_builder: entries to blocks, blocks to the file.
 *
 * The separator of a block depends on the first entry of the next one, so a block that is written
 * waits in `pending` for its line in the index. The last entry's position is kept as a copy.
 */
#include "table/table_builder.h"

#include <string.h>

#include "base/buffer.h"
#include "base/coding.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "table/block_builder.h"
#include "table/block_compressor.h"
#include "table/filter_builder.h"
#include "table/index_builder.h"
#include "table/table_format.h"
#include "table/table_writer.h"

struct table_builder {
    table_writer writer;
    table_builder_options options;
    block_builder block;
    filter_builder filter;
    index_builder index;
    table_properties facts; /* keys as of finish */
    uint64_t file_id;
    uint32_t seed;
    uint64_t last_sequence;
    buffer first_key;
    buffer last_key;
    buffer attached;
    buffer raw; /* the payload at hand */
    block_compressor compressor;
    index_entry pending; /* block that is written and not in the index; size 0: none */
    uint64_t no_deadline_count;
    deadline_buckets deadlines; /* of the other entries */
    uint64_t last_hash;
};

/* ---- open and free ---- */

static table_builder_options with_defaults(const table_builder_options *options)
{
    table_builder_options full = *options;
    full.codec = full.codec == NULL ? codec_none() : full.codec;
    full.block_bytes = full.block_bytes == 0 ? TABLE_BLOCK_BYTES_DEFAULT : full.block_bytes;
    return full;
}

static pykv_status write_header(table_builder *self, env *self_env)
{
    uint8_t header[TABLE_HEADER_BYTES];
    uint8_t id[8];
    store_u64(id, self->options.file_id);
    pykv_status status = self->options.file_id == 0 ? env_random(self_env, id, sizeof id) : PYKV_OK;
    if (status != PYKV_OK) {
        return status;
    }
    self->file_id = load_u64(id);
    self->seed = table_seed(self->file_id);
    table_header_encode(self->file_id, header);
    return table_writer_append(&self->writer, header, sizeof header);
}

pykv_status table_builder_open(env *self_env, env_directory *directory, const char *name,
                               const table_builder_options *options, table_builder **builder_out)
{
    table_builder_options full = with_defaults(options);
    if (full.block_bytes < TABLE_BLOCK_BYTES_MIN || full.block_bytes > TABLE_BLOCK_BYTES_MAX) {
        return error_set(PYKV_INVALID_ARGUMENT, "blocks of %u bytes: %d to %d", full.block_bytes,
                         TABLE_BLOCK_BYTES_MIN, TABLE_BLOCK_BYTES_MAX);
    }
    table_builder *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->options = full;
    block_compressor_init(&self->compressor, full.codec, full.codec_level);
    self->filter.budget = full.budget;
    self->facts.sequence_min = UINT64_MAX;
    self->facts.hash_seed_low = full.hash_seed_low;
    self->facts.hash_seed_high = full.hash_seed_high;
    block_builder_init(&self->block, TABLE_GROUP_SHIFT_DEFAULT, full.keeps_checks);
    pykv_status status = table_writer_open(directory, name, full.write_bytes, &self->writer);
    if (status == PYKV_OK) {
        status = write_header(self, self_env);
    }
    if (status != PYKV_OK) {
        table_builder_free(self);
        return status;
    }
    *builder_out = self;
    return PYKV_OK;
}

void table_builder_free(table_builder *self)
{
    if (self == NULL) {
        return;
    }
    table_writer_close(&self->writer);
    block_builder_reset(&self->block);
    filter_builder_reset(&self->filter);
    index_builder_reset(&self->index);
    buffer_reset(&self->first_key);
    buffer_reset(&self->last_key);
    buffer_reset(&self->attached);
    buffer_reset(&self->raw);
    block_compressor_reset(&self->compressor);
    mem_free(self);
}

/* ---- blocks ---- */

/* Writes the payload at hand as a block and clears it. */
static pykv_status write_block(table_builder *self, uint8_t kind, block_handle *handle_out)
{
    uint8_t bytes[TABLE_TRAILER_BYTES];
    const buffer *payload = &self->raw;
    block_trailer trailer = {(uint32_t)self->raw.size, kind, CODEC_NONE};
    pykv_status status = PYKV_OK;
    PYKV_ASSERT(self->raw.size > 0);
    if (self->raw.size > UINT32_MAX - TABLE_TRAILER_BYTES ||
        (kind != BLOCK_FILTER && self->raw.size > TABLE_BLOCK_RAW_BYTES_MAX)) {
        return error_set(PYKV_INVALID_ARGUMENT, "a block of a table would have %zu bytes",
                         self->raw.size);
    }
    if (self->options.codec->id != CODEC_NONE && (kind == BLOCK_DATA || kind == BLOCK_INDEX)) {
        status = block_compress(&self->compressor, &self->raw, &payload);
    }
    if (payload->size < self->raw.size) {
        trailer.codec = self->options.codec->id;
    } else {
        payload = &self->raw;
    }
    block_handle handle = {table_writer_offset(&self->writer), (uint32_t)payload->size};
    block_trailer_encode(&trailer, self->seed, handle.offset, payload->data, handle.size, bytes);
    if (status == PYKV_OK) {
        status = table_writer_append(&self->writer, payload->data, payload->size);
    }
    if (status == PYKV_OK) {
        status = table_writer_append(&self->writer, bytes, sizeof bytes);
    }
    buffer_clear(&self->raw);
    *handle_out = handle;
    return status;
}

/* Writes the data block at hand, and leaves its line of the index pending. */
static pykv_status write_data_block(table_builder *self)
{
    block_handle handle = {0};
    PYKV_ASSERT(self->pending.size == 0);
    self->pending.entry_count = self->block.count;
    pykv_status status = block_builder_finish(&self->block, &self->raw);
    self->pending.raw_bytes = (uint32_t)self->raw.size;
    self->facts.raw_bytes += self->raw.size;
    if (status == PYKV_OK) {
        status = write_block(self, BLOCK_DATA, &handle);
    }
    self->pending.size = handle.size;
    self->facts.block_count++;
    return status;
}

static slice last_key(const table_builder *self)
{
    return slice_make(self->last_key.data, self->last_key.size);
}

static table_position last_position(const table_builder *self)
{
    return table_position_make(last_key(self), self->last_sequence);
}

/* ---- entries ---- */

/* Whether the entry may follow. *is_new_out: its key is another one than the last. */
static pykv_status check_entry(const table_builder *self, const table_entry *entry,
                               bool *is_new_out)
{
    int order = self->facts.entry_count == 0 ? -1 : slice_compare(last_key(self), entry->key);
    if (entry->key.size > STORED_KEY_BYTES_MAX || entry->value.size > PYKV_VALUE_BYTES_MAX ||
        entry->kind == 0 || entry->kind > TABLE_KIND_MAX || entry->sequence > TABLE_SEQUENCE_MAX) {
        return error_set(PYKV_INVALID_ARGUMENT, "an entry of kind %u with %zu and %zu bytes",
                         entry->kind, entry->key.size, entry->value.size);
    }
    if (order > 0 || (order == 0 && entry->sequence >= self->last_sequence)) {
        return error_set(PYKV_INVALID_ARGUMENT, "an entry of a table does not follow the last");
    }
    *is_new_out = order != 0;
    return PYKV_OK;
}

/* Counts the entry among the facts. */
static void count(table_builder *self, const table_entry *entry)
{
    table_properties *facts = &self->facts;
    uint64_t deadline = entry->deadline_us;
    facts->entry_count++;
    facts->tombstone_count += entry->kind == TABLE_DELETE;
    facts->key_bytes += entry->key.size;
    facts->value_bytes += entry->value.size;
    facts->sequence_min =
        entry->sequence < facts->sequence_min ? entry->sequence : facts->sequence_min;
    facts->sequence_max =
        entry->sequence > facts->sequence_max ? entry->sequence : facts->sequence_max;
    if (entry->key.size > facts->key_length_max) {
        facts->key_length_max = (uint32_t)entry->key.size;
    }
    self->no_deadline_count += deadline == 0;
    if (deadline != 0) {
        deadline_buckets_add(&self->deadlines, self->options.now_us, deadline, 1);
    }
    if (deadline != 0 && (facts->deadline_min_us == 0 || deadline < facts->deadline_min_us)) {
        facts->deadline_min_us = deadline;
    }
    facts->deadline_max_us = deadline > facts->deadline_max_us ? deadline : facts->deadline_max_us;
}

/* Hashes a key that differs from the last one, enters it into the filter, and keeps it. */
static pykv_status add_key(table_builder *self, slice key)
{
    pykv_status status = PYKV_OK;
    if (self->facts.entry_count == 0) {
        status = buffer_append(&self->first_key, key.data, key.size);
    }
    if (status != PYKV_OK) {
        return status;
    }
    self->last_hash =
        hash_murmur3(key.data, key.size, self->options.hash_seed_low, self->options.hash_seed_high)
            .low;
    if (self->options.filter_bits_per_key > 0) {
        status = filter_builder_add(&self->filter, self->last_hash);
    }
    if (status == PYKV_OK) {
        buffer_clear(&self->last_key);
        status = buffer_append(&self->last_key, key.data, key.size);
    }
    return status;
}

/* Puts the pending block into the index, now that the entry behind it is known. */
static pykv_status settle_pending(table_builder *self, table_position separator)
{
    pykv_status status = index_builder_add(&self->index, &self->pending, separator);
    self->pending.size = 0;
    return status;
}

pykv_status table_builder_add(table_builder *self, const table_entry *entry)
{
    table_position position = table_position_make(entry->key, entry->sequence);
    bool is_new = true;
    pykv_status status = check_entry(self, entry, &is_new);
    if (status != PYKV_OK) {
        return status;
    }
    if (self->pending.size > 0) {
        status = settle_pending(self, index_separator(last_position(self), position));
    }
    if (status == PYKV_OK && is_new) {
        status = add_key(self, entry->key);
    }
    if (status == PYKV_OK) {
        status = block_builder_add(&self->block, entry, self->last_hash);
    }
    if (status != PYKV_OK) {
        return status;
    }
    self->last_sequence = entry->sequence;
    count(self, entry);
    bool is_complete = block_builder_bytes(&self->block) >= self->options.block_bytes ||
                       block_builder_is_full(&self->block);
    return is_complete ? write_data_block(self) : PYKV_OK;
}

uint64_t table_builder_bytes(const table_builder *self)
{
    return table_writer_offset(&self->writer);
}

uint64_t table_builder_entry_count(const table_builder *self)
{
    return self->facts.entry_count;
}

slice table_builder_first_key(const table_builder *self)
{
    return slice_make(self->first_key.data, self->first_key.size);
}

slice table_builder_last_key(const table_builder *self)
{
    return last_key(self);
}

/* ---- finish ---- */

pykv_status table_builder_attach(table_builder *self, slice attached)
{
    buffer_clear(&self->attached);
    return buffer_append(&self->attached, attached.data, attached.size);
}

/* Writes what follows the data blocks. */
static pykv_status write_tables(table_builder *self, table_footer *footer)
{
    pykv_status status = PYKV_OK;
    footer->filter.offset = table_writer_offset(&self->writer);
    if (self->options.filter_bits_per_key > 0) {
        status =
            filter_builder_finish(&self->filter, self->options.filter_bits_per_key, &self->raw);
        if (status == PYKV_OK) {
            status = write_block(self, BLOCK_FILTER, &footer->filter);
        }
    }
    if (status == PYKV_OK) {
        status = index_builder_finish(&self->index, &self->raw);
    }
    if (status == PYKV_OK) {
        status = write_block(self, BLOCK_INDEX, &footer->index);
    }
    self->facts.first_key = table_builder_first_key(self);
    self->facts.last_key = table_builder_last_key(self);
    self->facts.attached = slice_make(self->attached.data, self->attached.size);
    if (self->no_deadline_count > 0) {
        self->facts.deadline_max_us = 0;
    }
    if (status == PYKV_OK) {
        status = table_properties_encode(&self->facts, &self->raw);
    }
    return status == PYKV_OK ? write_block(self, BLOCK_PROPERTIES, &footer->properties) : status;
}

pykv_status table_builder_finish(table_builder *self, table_summary *out)
{
    uint8_t bytes[TABLE_FOOTER_BYTES];
    table_footer footer = {0};
    pykv_status status = PYKV_OK;
    if (self->facts.entry_count == 0) {
        return error_set(PYKV_INVALID_ARGUMENT, "a table needs an entry");
    }
    if (self->block.count > 0) {
        status = write_data_block(self);
    }
    if (status == PYKV_OK) {
        status = settle_pending(self, last_position(self));
    }
    if (status == PYKV_OK) {
        status = write_tables(self, &footer);
    }
    if (status == PYKV_OK) {
        table_footer_encode(&footer, self->file_id, table_writer_offset(&self->writer), bytes);
        status = table_writer_append(&self->writer, bytes, sizeof bytes);
    }
    if (status == PYKV_OK) {
        status = table_writer_sync(&self->writer);
    }
    if (status != PYKV_OK) {
        return status;
    }
    *out = (table_summary){.file_id = self->file_id,
                           .file_bytes = self->writer.written_bytes,
                           .file_crc = self->writer.crc,
                           .entry_count = self->facts.entry_count,
                           .tombstone_count = self->facts.tombstone_count,
                           .sequence_min = self->facts.sequence_min,
                           .sequence_max = self->facts.sequence_max,
                           .deadline_min_us = self->facts.deadline_min_us,
                           .deadline_max_us = self->facts.deadline_max_us,
                           .raw_bytes = self->facts.raw_bytes};
    deadline_eighths_make(&self->deadlines, self->facts.entry_count, out->eighths);
    return PYKV_OK;
}
