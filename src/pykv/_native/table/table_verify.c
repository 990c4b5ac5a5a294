/*
 * table_verify: walks over the blocks of a table and adds up what the properties say.
 */
#include "table/table_verify.h"

#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

enum { CHUNK_BYTES = 1024 * 1024 };

/* What was seen so far. */
typedef struct walk {
    table *self;
    const char *path;
    uint64_t offset; /* of the block at hand */
    buffer last_key;
    buffer key;
    uint64_t last_sequence;
    uint64_t no_deadline_count;
    uint64_t distinct_count;
    uint64_t put_count;
    uint64_t now_us;
    deadline_buckets deadlines;
    table_properties seen;
} walk;

static pykv_status damaged(const walk *self, const char *what, uint64_t expected, uint64_t got)
{
    return error_set_corruption(self->path, self->offset, what, expected, got);
}

/* Adds an entry to what was seen. */
static void count(walk *self, const block_entry *entry, uint64_t sequence)
{
    table_properties *seen = &self->seen;
    uint64_t deadline = entry->deadline_us;
    seen->entry_count++;
    seen->tombstone_count += entry->kind == TABLE_DELETE;
    self->put_count += entry->kind == TABLE_PUT;
    seen->key_bytes += self->key.size;
    seen->value_bytes += entry->value.size;
    seen->sequence_min = sequence < seen->sequence_min ? sequence : seen->sequence_min;
    seen->sequence_max = sequence > seen->sequence_max ? sequence : seen->sequence_max;
    if (self->key.size > seen->key_length_max) {
        seen->key_length_max = (uint32_t)self->key.size;
    }
    self->no_deadline_count += deadline == 0;
    if (deadline != 0) {
        deadline_buckets_add(&self->deadlines, self->now_us, deadline, 1);
    }
    if (deadline != 0 && (seen->deadline_min_us == 0 || deadline < seen->deadline_min_us)) {
        seen->deadline_min_us = deadline;
    }
    seen->deadline_max_us = deadline > seen->deadline_max_us ? deadline : seen->deadline_max_us;
}

static table_position position_of(const buffer *key, uint64_t sequence)
{
    return table_position_make(slice_make(key->data, key->size), sequence);
}

/* Checks the hash of a key against tag and filter. */
static pykv_status check_hash(walk *self, const block *held, uint32_t index, bool is_new)
{
    const table *from = self->self;
    uint64_t hash = hash_murmur3(self->key.data, self->key.size, from->properties.hash_seed_low,
                                 from->properties.hash_seed_high)
                        .low;
    if (held->tags[index] != table_tag(hash)) {
        return damaged(self, "an entry has another tag than its key", table_tag(hash),
                       held->tags[index]);
    }
    self->distinct_count += is_new;
    if (from->has_filter && !filter_may_contain(&from->filter, hash)) {
        return damaged(self, "the filter does not know a key", self->seen.entry_count, index);
    }
    return PYKV_OK;
}

/* Checks an entry of the block at hand. */
static pykv_status check_entry(walk *self, const block *held, uint32_t block_index, uint32_t index)
{
    block_entry entry;
    uint64_t sequence = block_sequence(held, index);
    block_read(held, index, &entry);
    buffer_clear(&self->key);
    pykv_status status = buffer_append_zeros(&self->key, entry.shared + entry.suffix.size);
    if (status != PYKV_OK) {
        return status;
    }
    if (self->key.size > 0) {
        block_entry_key(&entry, self->key.data);
    }
    table_position position = position_of(&self->key, sequence);
    bool is_first = self->seen.entry_count == 0;
    if (!is_first &&
        table_position_compare(position_of(&self->last_key, self->last_sequence), position) >= 0) {
        return damaged(self, "the entries of a table do not rise", self->seen.entry_count, index);
    }
    if (table_index_find(&self->self->index, position) != block_index) {
        return damaged(self, "an entry stands in another block than the index says", block_index,
                       index);
    }
    bool is_new = is_first ||
                  !slice_equal(position.key, slice_make(self->last_key.data, self->last_key.size));
    status = check_hash(self, held, index, is_new);
    count(self, &entry, sequence);
    self->last_sequence = sequence;
    buffer swapped = self->last_key;
    self->last_key = self->key;
    self->key = swapped;
    return status;
}

static pykv_status check_block(walk *self, uint32_t block_index)
{
    block_source *source = block_source_direct();
    block_hold hold = {0};
    self->offset = self->self->index.offsets[block_index];
    pykv_status status = source->acquire(source, self->self, block_index, BLOCK_FOR_STEP, &hold);
    if (status != PYKV_OK) {
        return status;
    }
    self->seen.raw_bytes += hold.block->payload_bytes;
    self->seen.block_count++;
    for (uint32_t i = 0; i < hold.block->entry_count && status == PYKV_OK; i++) {
        status = check_entry(self, hold.block, block_index, i);
    }
    block_entry entry;
    if (status == PYKV_OK && block_index == 0) {
        block_read(hold.block, 0, &entry);
        slice first = self->self->properties.first_key;
        if (!slice_equal(entry.suffix, first)) {
            status = damaged(self, "the first key is another", first.size, entry.suffix.size);
        }
    }
    source->release(source, hold);
    return status;
}

/* Compares what was seen with what the properties and the filter say. */
static pykv_status check_properties(walk *self)
{
    const table_properties *says = &self->self->properties;
    const table_properties *seen = &self->seen;
    self->offset = self->self->footer.properties.offset;
    if (self->no_deadline_count > 0) {
        self->seen.deadline_max_us = 0;
    }
    const uint64_t pairs[][2] = {{says->entry_count, seen->entry_count},
                                 {says->tombstone_count, seen->tombstone_count},
                                 {says->key_bytes, seen->key_bytes},
                                 {says->value_bytes, seen->value_bytes},
                                 {says->raw_bytes, seen->raw_bytes},
                                 {says->sequence_min, seen->sequence_min},
                                 {says->sequence_max, seen->sequence_max},
                                 {says->deadline_min_us, seen->deadline_min_us},
                                 {says->deadline_max_us, seen->deadline_max_us},
                                 {says->block_count, seen->block_count},
                                 {says->key_length_max, seen->key_length_max}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return damaged(self, "the properties are of other entries", pairs[i][0], pairs[i][1]);
        }
    }
    slice last = slice_make(self->last_key.data, self->last_key.size);
    if (!slice_equal(says->last_key, last)) {
        return damaged(self, "the last key is another", says->last_key.size, last.size);
    }
    if (self->self->has_filter && self->self->filter.key_count != self->distinct_count) {
        return damaged(self, "the filter is of other keys", self->self->filter.key_count,
                       self->distinct_count);
    }
    return PYKV_OK;
}

pykv_status table_file_crc(env_file *file, uint32_t *crc_out)
{
    uint32_t crc = 0;
    uint64_t offset = 0;
    size_t got = CHUNK_BYTES;
    pykv_status status = PYKV_OK;
    uint8_t *chunk = mem_alloc(CHUNK_BYTES);
    if (chunk == NULL) {
        return error_set_no_memory(CHUNK_BYTES);
    }
    while (status == PYKV_OK && got == CHUNK_BYTES) {
        env_file_will_need(file, offset + CHUNK_BYTES, CHUNK_BYTES);
        status = env_file_read(file, offset, chunk, CHUNK_BYTES, &got);
        if (status == PYKV_OK) {
            crc = crc32c_extend(crc, chunk, got);
            offset += got;
        }
    }
    mem_free(chunk);
    if (status == PYKV_OK) {
        *crc_out = crc;
    }
    return status;
}

pykv_status table_verify_counted(table *self, uint64_t now_us, table_counts *counts_out)
{
    uint32_t crc = 0;
    walk going = {.self = self, .path = env_file_path(self->file), .now_us = now_us};
    going.seen.sequence_min = UINT64_MAX;
    pykv_status status = table_file_crc(self->file, &crc);
    for (uint32_t i = 0; i < self->index.block_count && status == PYKV_OK; i++) {
        status = check_block(&going, i);
    }
    if (status == PYKV_OK) {
        status = check_properties(&going);
    }
    if (status == PYKV_OK) {
        status = table_recheck(self);
    }
    buffer_reset(&going.last_key);
    buffer_reset(&going.key);
    if (status == PYKV_OK) {
        *counts_out = (table_counts){.file_crc = crc, .put_count = going.put_count};
        deadline_eighths_make(&going.deadlines, going.seen.entry_count, counts_out->eighths);
    }
    return status;
}

pykv_status table_verify(table *self, uint32_t *file_crc_out)
{
    table_counts counts;
    pykv_status status = table_verify_counted(self, 0, &counts);
    if (status == PYKV_OK && file_crc_out != NULL) {
        *file_crc_out = counts.file_crc;
    }
    return status;
}
