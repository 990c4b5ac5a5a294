/*
 * table_index: decodes an index into flat arrays.
 *
 * The payload is read twice: once to check it and to learn how long all separators are together,
 * and once to fill the arrays.
 */
#include "table/table_index.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"
#include "table/block_builder.h"
#include "table/common_prefix.h"
#include "table/table_prefix.h"
#include "table/varint.h"

__extension__ typedef unsigned __int128 wide;

/* The arrays while they are filled. */
typedef struct arrays {
    uint64_t *prefixes;
    uint64_t *offsets;
    uint64_t *sequences;
    uint64_t *key_starts;
    uint32_t *places;
    uint32_t *raw_bytes;
    uint32_t *entry_counts;
    uint8_t *keys;
} arrays;

/* One index entry as it stands in the payload. */
typedef struct parsed {
    uint64_t size;
    uint64_t raw_bytes;
    uint64_t entry_count;
    uint64_t sequence_above;
    uint64_t shared;
    slice suffix;
} parsed;

/* Whether a data block may have these sizes: an entry takes four bytes and its tag at least. */
static bool sizes_are_legal(const parsed *entry)
{
    return entry->size > 0 && entry->raw_bytes > BLOCK_HEADER_BYTES && entry->entry_count > 0 &&
           entry->entry_count <=
               (entry->raw_bytes - BLOCK_HEADER_BYTES) / (BLOCK_ENTRY_BYTES_MIN + 1);
}

/* Reads the entry at in, before end, behind a separator of before_length bytes. Returns its end, or
 * NULL. */
static const uint8_t *parse(const uint8_t *in, const uint8_t *end, uint64_t before_length,
                            parsed *out)
{
    uint64_t suffix_length = 0;
    in = varint_load(in, end, UINT32_MAX - TABLE_TRAILER_BYTES, &out->size);
    in = in == NULL ? NULL : varint_load(in, end, TABLE_BLOCK_RAW_BYTES_MAX, &out->raw_bytes);
    in = in == NULL ? NULL : varint_load(in, end, UINT32_MAX, &out->entry_count);
    in = in == NULL ? NULL : varint_load(in, end, UINT64_MAX, &out->sequence_above);
    in = in == NULL ? NULL : varint_load(in, end, before_length, &out->shared);
    in = in == NULL ? NULL
                    : varint_load(in, end, STORED_KEY_BYTES_MAX - out->shared, &suffix_length);
    if (in == NULL || suffix_length > (uint64_t)(end - in) || !sizes_are_legal(out)) {
        return NULL;
    }
    out->suffix = slice_make(in, suffix_length);
    return in + suffix_length;
}

/* Counts the bytes of all separators. False: the payload is no index. */
static bool measure(slice payload, uint32_t *block_count_out, uint64_t *key_bytes_out)
{
    if (payload.size < 4) {
        return false;
    }
    const uint8_t *in = payload.data + 4;
    const uint8_t *end = payload.data + payload.size;
    uint32_t count = load_u32(payload.data);
    uint64_t length = 0;
    uint64_t key_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        parsed entry;
        in = parse(in, end, length, &entry);
        if (in == NULL) {
            return false;
        }
        length = entry.shared + entry.suffix.size;
        key_bytes += length;
    }
    *block_count_out = count;
    *key_bytes_out = key_bytes;
    return count > 0 && in == end;
}

/* Allocates the arrays in one piece, numbers of eight bytes first. False: no memory. */
static bool allocate(table_index *self, uint64_t key_bytes, arrays *out)
{
    uint64_t count = self->block_count;
    uint64_t words = count * 4 + 2;
    uint64_t halves = count * 3 + 1;
    self->memory_bytes = words * 8 + halves * 4 + key_bytes;
    self->memory = mem_alloc_sized(self->memory_bytes);
    if (self->memory == NULL) {
        return false;
    }
    out->prefixes = self->memory;
    out->sequences = out->prefixes + count;
    out->offsets = out->sequences + count;
    out->key_starts = out->offsets + count + 1;
    out->places = (uint32_t *)(out->key_starts + count + 1);
    out->raw_bytes = out->places + count + 1;
    out->entry_counts = out->raw_bytes + count;
    out->keys = (uint8_t *)(out->entry_counts + count);
    self->prefixes = out->prefixes;
    self->sequences = out->sequences;
    self->offsets = out->offsets;
    self->key_starts = out->key_starts;
    self->places = out->places;
    self->raw_bytes = out->raw_bytes;
    self->entry_counts = out->entry_counts;
    self->keys = out->keys;
    return true;
}

/* Fills all arrays but prefixes and places from a measured payload. False: separators do not
 * rise. */
static bool fill(const table_index *self, slice payload, const arrays *out)
{
    const uint8_t *in = payload.data + 4;
    const uint8_t *end = payload.data + payload.size;
    uint64_t offset = TABLE_HEADER_BYTES;
    uint64_t start = 0;
    uint64_t length = 0;
    for (uint32_t i = 0; i < self->block_count; i++) {
        parsed entry;
        in = parse(in, end, length, &entry);
        uint8_t *key = out->keys + start;
        if (entry.shared > 0) {
            memcpy(key, key - length, entry.shared);
        }
        if (entry.suffix.size > 0) {
            memcpy(key + entry.shared, entry.suffix.data, entry.suffix.size);
        }
        length = entry.shared + entry.suffix.size;
        out->key_starts[i] = start;
        out->offsets[i] = offset;
        out->sequences[i] = entry.sequence_above - 1;
        out->raw_bytes[i] = (uint32_t)entry.raw_bytes;
        out->entry_counts[i] = (uint32_t)entry.entry_count;
        start += length;
        offset += entry.size + TABLE_TRAILER_BYTES;
        out->key_starts[i + 1] = start;
        out->offsets[i + 1] = offset;
        if (i > 0 && table_position_compare(table_index_separator(self, i - 1),
                                            table_index_separator(self, i)) >= 0) {
            return false;
        }
    }
    return true;
}

/* Fills prefixes and places. */
static void interpolate(table_index *self, const arrays *out)
{
    uint32_t count = self->block_count;
    slice first = table_index_separator(self, 0).key;
    slice last = table_index_separator(self, count - 1).key;
    self->common_length = (uint32_t)common_prefix(first, last);
    for (uint32_t i = 0; i < count; i++) {
        out->prefixes[i] = table_prefix(table_index_separator(self, i).key, self->common_length);
    }
    self->prefix_min = out->prefixes[0];
    self->prefix_max = out->prefixes[count - 1];
    wide range = (wide)(self->prefix_max - self->prefix_min) + 1;
    self->scale = range > count ? (uint64_t)(((wide)count << 64) / range) : 0;
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t own = table_index_place(self, out->prefixes[i]);
        while (place <= own) {
            out->places[place++] = i;
        }
    }
    while (place <= count) {
        out->places[place++] = count;
    }
}

pykv_status table_index_open(slice payload, const char *path, uint64_t offset, table_index *out)
{
    table_index made = {0};
    arrays filling = {0};
    uint64_t key_bytes;
    if (!measure(payload, &made.block_count, &key_bytes)) {
        return error_set_corruption(path, offset, "an index is illegal", payload.size,
                                    made.block_count);
    }
    if (!allocate(&made, key_bytes, &filling)) {
        return error_set_no_memory(made.memory_bytes);
    }
    if (!fill(&made, payload, &filling)) {
        mem_free_sized(made.memory, made.memory_bytes);
        return error_set_corruption(path, offset, "the keys of an index do not rise", payload.size,
                                    made.block_count);
    }
    interpolate(&made, &filling);
    *out = made;
    return PYKV_OK;
}

void table_index_close(table_index *self)
{
    mem_free_sized(self->memory, self->memory_bytes);
    *self = (table_index){0};
}

/* ---- search ---- */

/* The first block of [low, high) whose prefix is not below prefix; high if there is none. */
static inline uint32_t lower_bound(const table_index *self, uint32_t low, uint32_t high,
                                   uint64_t prefix)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->prefixes[middle] < prefix) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first block from low on whose separator is not before position, by whole separators. */
static uint32_t find_among_equals(const table_index *self, uint32_t low,
                                  const table_position *position)
{
    uint32_t high = low;
    uint32_t step = 1;
    while (high < self->block_count &&
           table_position_compare(table_index_separator(self, high), *position) < 0) {
        low = high + 1;
        high = self->block_count - low > step ? low + step : self->block_count;
        step *= 2;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table_position_compare(table_index_separator(self, middle), *position) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void table_index_aim(const table_index *self, slice key, table_search *out)
{
    size_t shared = key.size < self->common_length ? key.size : self->common_length;
    int order = shared == 0 ? 0 : memcmp(key.data, self->keys, shared);
    bool is_outside = order != 0 || key.size < self->common_length;
    uint64_t prefix = is_outside ? 0 : table_prefix(key, self->common_length);
    if (is_outside ? order <= 0 : prefix < self->prefix_min) {
        *out = (table_search){0, 0, 0, true};
    } else if (is_outside || prefix > self->prefix_max) {
        *out = (table_search){0, self->block_count, 0, true};
    } else {
        *out = (table_search){prefix, table_index_place(self, prefix), 0, false};
        __builtin_prefetch(&self->places[out->low]);
    }
}

void table_index_approach(const table_index *self, table_search *search)
{
    if (PYKV_LIKELY(!search->is_decided)) {
        const uint32_t *bounds = &self->places[search->low];
        search->low = bounds[0];
        search->high = bounds[1];
        __builtin_prefetch(&self->prefixes[bounds[0]]);
    }
}

uint32_t table_index_reach(const table_index *self, const table_search *search,
                           const table_position *position)
{
    if (PYKV_UNLIKELY(search->is_decided)) {
        return search->low;
    }
    uint32_t found = lower_bound(self, search->low, search->high, search->prefix);
    return found == self->block_count || self->prefixes[found] != search->prefix
               ? found
               : find_among_equals(self, found, position);
}

uint32_t table_index_find(const table_index *self, table_position position)
{
    table_search search;
    table_index_aim(self, position.key, &search);
    table_index_approach(self, &search);
    return table_index_reach(self, &search, &position);
}
