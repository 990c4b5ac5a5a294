/*
 * table_reader: opens a table, loads its blocks, and gets.
 */
#include "table/table_reader.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "table/block_search.h"
#include "table/table_found.h"

/* ---- blocks ---- */

/* Reads size bytes at offset, all of them. */
static pykv_status read_exactly(env_file *file, uint64_t offset, void *data, size_t size)
{
    size_t got = 0;
    pykv_status status = env_file_read(file, offset, data, size, &got);
    if (status == PYKV_OK && got < size) {
        status = error_set_corruption(env_file_path(file), offset + got, "the table is cut off",
                                      size, got);
    }
    return status;
}

/* Restores a payload whose trailer was checked. */
static pykv_status decompress(const table *self, block_handle handle, const block_trailer *trailer,
                              const uint8_t *stored, uint8_t *out)
{
    const codec *with = codec_table_find(self->codecs, trailer->codec);
    const char *path = env_file_path(self->file);
    if (with == NULL) {
        return error_set(PYKV_NOT_SUPPORTED, "%s has blocks of codec %u, which is not at hand",
                         path, trailer->codec);
    }
    pykv_status status =
        with->decompress(with->context, stored, handle.size, out, trailer->raw_bytes);
    return status == PYKV_CORRUPTION
               ? error_set_corruption(path, handle.offset, "a block cannot be decompressed",
                                      trailer->raw_bytes, handle.size)
               : status;
}

static void free_part(table_part *part)
{
    mem_free_sized(part->memory, part->size);
}

/* Reads a block of the index's or the properties' kind into memory of its own. */
static pykv_status read_block(const table *self, block_handle handle, uint8_t kind,
                              table_part *part_out, slice *payload_out)
{
    const char *path = env_file_path(self->file);
    size_t stored_bytes = (size_t)handle.size + TABLE_TRAILER_BYTES;
    table_part stored = {mem_alloc_sized(stored_bytes), stored_bytes};
    block_trailer trailer;
    if (stored.memory == NULL) {
        return error_set_no_memory(stored_bytes);
    }
    pykv_status status = read_exactly(self->file, handle.offset, stored.memory, stored_bytes);
    if (status == PYKV_OK) {
        status = block_trailer_decode(stored.memory, handle, kind, self->seed, path, &trailer);
    }
    if (status == PYKV_OK && trailer.codec != CODEC_NONE) {
        table_part raw = {mem_alloc_sized(trailer.raw_bytes), trailer.raw_bytes};
        status = raw.memory == NULL ? error_set_no_memory(trailer.raw_bytes)
                                    : decompress(self, handle, &trailer, stored.memory, raw.memory);
        free_part(&stored);
        stored = raw;
    }
    if (status != PYKV_OK) {
        free_part(&stored);
        return status;
    }
    *part_out = stored;
    *payload_out = slice_make(stored.memory, trailer.raw_bytes);
    return PYKV_OK;
}

uint64_t table_block_bytes(const table *self, uint32_t block_index)
{
    return block_memory_bytes(self->index.raw_bytes[block_index],
                              self->index.entry_counts[block_index]);
}

/* Checks stored bytes and brings them to the payload of *into. */
static pykv_status unpack(const table *self, block_handle handle, const uint8_t *stored,
                          block *into)
{
    const char *path = env_file_path(self->file);
    block_trailer trailer;
    pykv_status status =
        block_trailer_decode(stored, handle, BLOCK_DATA, self->seed, path, &trailer);
    if (status != PYKV_OK) {
        return status;
    }
    bool in_place = stored == into->payload;
    if (trailer.raw_bytes != into->payload_bytes || in_place != (trailer.codec == CODEC_NONE)) {
        return error_set_corruption(path, handle.offset, "a block has another size than the index",
                                    into->payload_bytes, trailer.raw_bytes);
    }
    return in_place ? PYKV_OK : decompress(self, handle, &trailer, stored, into->payload);
}

pykv_status table_load_block(const table *self, uint32_t block_index, void *memory,
                             const block **block_out)
{
    block_handle handle = table_index_handle(&self->index, block_index);
    uint32_t raw_bytes = self->index.raw_bytes[block_index];
    block *made = block_place(memory, raw_bytes, self->index.entry_counts[block_index]);
    size_t stored_bytes = (size_t)handle.size + TABLE_TRAILER_BYTES;
    /* A block that is stored as it is goes straight to its place, with its trailer in the slack. */
    bool in_place = handle.size == raw_bytes;
    uint8_t *stored = in_place ? made->payload : mem_alloc(stored_bytes);
    if (stored == NULL) {
        return error_set_no_memory(stored_bytes);
    }
    pykv_status status = read_exactly(self->file, handle.offset, stored, stored_bytes);
    if (status == PYKV_OK) {
        status = unpack(self, handle, stored, made);
    }
    if (!in_place) {
        mem_free(stored);
    }
    if (status == PYKV_OK) {
        status = block_check(made, self->properties.key_length_max, env_file_path(self->file),
                             handle.offset);
    }
    if (status == PYKV_OK) {
        if (self->sequence != 0) {
            made->sequence_base = self->sequence;
            made->sequence_mask = 0;
        }
        *block_out = made;
    }
    return status;
}

/* ---- open and close ---- */

static pykv_status read_ends(table *self, const table_open_options *options)
{
    uint8_t header[TABLE_HEADER_BYTES];
    uint8_t footer[TABLE_FOOTER_BYTES];
    const char *path = env_file_path(self->file);
    pykv_status status = env_file_size(self->file, &self->file_bytes);
    if (status != PYKV_OK) {
        return status;
    }
    if (self->file_bytes < TABLE_HEADER_BYTES + TABLE_FOOTER_BYTES ||
        (options->file_bytes != 0 && options->file_bytes != self->file_bytes)) {
        return error_set_corruption(path, self->file_bytes, "the table has another size",
                                    options->file_bytes, self->file_bytes);
    }
    uint64_t footer_offset = self->file_bytes - TABLE_FOOTER_BYTES;
    status = read_exactly(self->file, 0, header, sizeof header);
    if (status == PYKV_OK) {
        status = table_header_decode(header, path, &self->file_id);
    }
    if (status == PYKV_OK && options->file_id != 0 && options->file_id != self->file_id) {
        status = error_set_corruption(path, 0, "the file is another table", options->file_id,
                                      self->file_id);
    }
    if (status == PYKV_OK) {
        status = read_exactly(self->file, footer_offset, footer, sizeof footer);
    }
    if (status == PYKV_OK) {
        self->seed = table_seed(self->file_id);
        status = table_footer_decode(footer, self->file_id, footer_offset, path, &self->footer);
    }
    return status;
}

static pykv_status read_properties(table *self)
{
    block_handle handle = self->footer.properties;
    slice payload = {NULL, 0};
    pykv_status status =
        read_block(self, handle, BLOCK_PROPERTIES, &self->properties_part, &payload);
    return status == PYKV_OK ? table_properties_decode(payload, env_file_path(self->file),
                                                       handle.offset, &self->properties)
                             : status;
}

static pykv_status read_filter(table *self)
{
    block_handle handle = self->footer.filter;
    slice payload = {NULL, 0};
    if (handle.size == 0) {
        return PYKV_OK;
    }
    self->has_filter = true;
    pykv_status status = read_block(self, handle, BLOCK_FILTER, &self->filter_part, &payload);
    return status == PYKV_OK ? filter_reader_open(payload, env_file_path(self->file), handle.offset,
                                                  &self->filter)
                             : status;
}

/* Reads the index, which must agree with properties and footer. */
static pykv_status read_index(table *self)
{
    block_handle handle = self->footer.index;
    const char *path = env_file_path(self->file);
    table_part part = {NULL, 0};
    slice payload = {NULL, 0};
    pykv_status status = read_block(self, handle, BLOCK_INDEX, &part, &payload);
    if (status != PYKV_OK) {
        return status;
    }
    status = table_index_open(payload, path, handle.offset, &self->index);
    free_part(&part);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t end = self->index.offsets[self->index.block_count];
    if (self->index.block_count != self->properties.block_count ||
        end != self->footer.filter.offset) {
        return error_set_corruption(path, handle.offset, "the index is of other blocks",
                                    self->footer.filter.offset, end);
    }
    self->slots = mem_alloc_zeroed(self->index.block_count, sizeof *self->slots);
    return self->slots == NULL ? error_set_no_memory(self->index.block_count * sizeof *self->slots)
                               : PYKV_OK;
}

/* Reads all but the data blocks of the open file. */
static pykv_status read_parts(table *self, const table_open_options *options)
{
    pykv_status status = read_ends(self, options);
    if (status == PYKV_OK) {
        status = read_properties(self);
    }
    if (status == PYKV_OK) {
        status = read_index(self);
    }
    return status == PYKV_OK ? read_filter(self) : status;
}

static void free_parts(table *self)
{
    table_index_close(&self->index);
    mem_free((void *)self->slots);
    free_part(&self->properties_part);
    free_part(&self->filter_part);
}

pykv_status table_recheck(const table *self)
{
    table again = {.file = self->file, .codecs = self->codecs};
    table_open_options same = {.file_id = self->file_id, .file_bytes = self->file_bytes};
    pykv_status status = read_parts(&again, &same);
    free_parts(&again);
    return status;
}

/* Lets a table that was made elsewhere count as of that sequence. */
static void take_sequence(table *self, uint64_t sequence)
{
    table_properties *says = &self->properties;
    if (sequence != 0 && says->sequence_min == TABLE_SEQUENCE_FOREIGN &&
        says->sequence_max == TABLE_SEQUENCE_FOREIGN && !PYKV_PLANTED(159)) {
        self->sequence = sequence;
        says->sequence_min = sequence;
        says->sequence_max = sequence;
    }
}

pykv_status table_open(env_directory *directory, const char *name,
                       const table_open_options *options, table **table_out)
{
    table *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->codecs = options->codecs;
    pykv_status status = env_file_open(directory, name, ENV_READ | ENV_AT_RANDOM, &self->file);
    if (status == PYKV_OK) {
        status = read_parts(self, options);
    }
    if (status != PYKV_OK) {
        table_close(self);
        return status;
    }
    take_sequence(self, options->sequence);
    self->hashes_itself = self->properties.hash_seed_low != options->hash_seed_low ||
                          self->properties.hash_seed_high != options->hash_seed_high;
    *table_out = self;
    return PYKV_OK;
}

void table_close(table *self)
{
    if (self == NULL) {
        return;
    }
    if (self->file != NULL) {
        env_file_close(self->file);
    }
    free_parts(self);
    mem_free(self);
}

/* ---- gets ---- */

uint64_t table_own_hash(const table *self, slice key, uint64_t hash)
{
    return PYKV_LIKELY(!self->hashes_itself)
               ? hash
               : hash_murmur3(key.data, key.size, self->properties.hash_seed_low,
                              self->properties.hash_seed_high)
                     .low;
}

pykv_status table_get(table *self, block_source *source, table_position position, uint64_t hash,
                      table_found *out)
{
    hash = table_own_hash(self, position.key, hash);
    if (self->has_filter && !filter_may_contain(&self->filter, hash)) {
        return PYKV_NOT_FOUND;
    }
    return table_find(self, source, position.key, position.sequence, hash, out);
}

pykv_status table_find(table *self, block_source *source, slice key, uint64_t sequence,
                       uint64_t hash, table_found *out)
{
    table_position position = table_found_position(key, sequence);
    uint32_t block_index = table_index_find(&self->index, position);
    if (block_index == self->index.block_count) {
        return PYKV_NOT_FOUND;
    }
    block_hold hold = {0};
    pykv_status status = source->acquire(source, self, block_index, BLOCK_FOR_GET, &hold);
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    uint32_t index;
    block_entry entry;
    if (!block_find(hold.block, position, hash, &index, &entry)) {
        source->release(source, hold);
        return PYKV_NOT_FOUND;
    }
    table_found_fill(hold, index, &entry, out);
    return PYKV_OK;
}

/* ---- about the table ---- */

uint64_t table_memory_bytes(const table *self)
{
    uint64_t filter = self->has_filter ? self->footer.filter.size : 0;
    return sizeof *self + filter + self->footer.properties.size + self->index.memory_bytes +
           self->index.block_count * sizeof *self->slots;
}

uint64_t table_bytes_between(const table *self, slice start, slice stop)
{
    uint32_t first = table_index_find(&self->index, table_position_make(start, UINT64_MAX));
    uint32_t last = table_index_find(&self->index, table_position_make(stop, UINT64_MAX));
    return first < last ? self->index.offsets[last] - self->index.offsets[first] : 0;
}
