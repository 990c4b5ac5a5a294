/*
 * approximate: block indexes tell where a key would stand in a table; in a memtable keys are taken
 * for evenly spread where there are too many to walk over.
 */
#include "lsm/approximate.h"

#include "lsm/internal_key.h"
#include "lsm/memtable.h"
#include "lsm/snapshot.h"
#include "lsm/space.h"
#include "table/table_reader.h"

enum { WALKED_MAX = 1024 };

/* ---- tables ---- */

static uint64_t file_bytes_between(const table_file *file, const key_range *range)
{
    const table_index *index = &file->table->index;
    bool is_outside = slice_compare(file->largest, range->start) < 0 ||
                      (range->has_stop && slice_compare(file->smallest, range->stop) >= 0);
    if (is_outside) {
        return 0;
    }
    if (range->has_stop) {
        return table_bytes_between(file->table, range->start, range->stop);
    }
    uint32_t first = table_index_find(index, table_position_make(range->start, UINT64_MAX));
    return index->offsets[index->block_count] - index->offsets[first];
}

uint64_t version_bytes_between(const version *self, const key_range *range)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < self->levels[i].count; j++) {
            bytes += file_bytes_between(self->levels[i].files[j], range);
        }
    }
    return bytes;
}

/* ---- memtables ---- */

static bool is_before_stop(const iterator *at, const key_range *range)
{
    return iterator_valid(at) &&
           (!range->has_stop || slice_compare(iterator_current(at)->key, range->stop) < 0);
}

/* Sums up entries from start on; *whole tells whether these were all in range. */
static uint64_t walk(iterator *at, const key_range *range, bool *whole)
{
    uint64_t bytes = 0;
    iterator_seek(at, range->start, UINT64_MAX);
    for (uint32_t i = 0; i < WALKED_MAX && is_before_stop(at, range); i++) {
        const iterator_entry *entry = iterator_current(at);
        bytes += memtable_entry_bytes(entry->key.size, entry->value.size, entry->deadline_us != 0);
        iterator_next(at);
    }
    *whole = !is_before_stop(at, range);
    return bytes;
}

static size_t common_length(slice left, slice right)
{
    size_t limit = left.size < right.size ? left.size : right.size;
    size_t length = 0;
    while (length < limit && left.data[length] == right.data[length]) {
        length++;
    }
    return length;
}

/* Where key stands between low and high, from 0 to 1. */
static double place_between(slice key, slice low, slice high)
{
    if (slice_compare(key, low) <= 0) {
        return 0;
    }
    if (slice_compare(key, high) >= 0) {
        return 1;
    }
    size_t common = common_length(low, high);
    double begin = (double)key_word(low, common);
    double end = (double)key_word(high, common);
    return end > begin ? ((double)key_word(key, common) - begin) / (end - begin) : 0;
}

/* The part of all keys that is in range. */
static double share_of(iterator *at, const key_range *range)
{
    iterator_seek_first(at);
    if (!iterator_valid(at)) {
        return 0;
    }
    slice low = iterator_current(at)->key;
    iterator_seek_last(at);
    if (!iterator_valid(at)) {
        return 0;
    }
    slice high = iterator_current(at)->key;
    double stop = range->has_stop ? place_between(range->stop, low, high) : 1;
    double share = stop - place_between(range->start, low, high);
    return share > 0 ? share : 0;
}

pykv_status memtable_bytes_between(memtable *self, const key_range *range, uint64_t *bytes_out)
{
    iterator *at;
    bool whole;
    pykv_status status = memtable_iterator_new(self, &at);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t bytes = walk(at, range, &whole);
    if (!whole) {
        memtable_stats stats;
        memtable_stats_read(self, &stats);
        uint64_t guess = (uint64_t)(share_of(at, range) * (double)stats.used_bytes);
        bytes = guess > bytes ? guess : bytes;
    }
    iterator_free(at);
    *bytes_out = bytes;
    return PYKV_OK;
}

/* ---- the store ---- */

static pykv_status view_bytes_between(const view *self, const key_range *range, uint64_t *bytes_out)
{
    uint64_t bytes;
    uint64_t total = version_bytes_between(self->version, range);
    pykv_status status = memtable_bytes_between(self->active, range, &bytes);
    for (uint32_t i = 0; status == PYKV_OK && i < self->immutable_count; i++) {
        total += bytes;
        status = memtable_bytes_between(self->immutables[i], range, &bytes);
    }
    if (status == PYKV_OK) {
        *bytes_out = total + bytes;
    }
    return status;
}

/* Puts less deletes, where each delete hides a put. */
typedef struct operations {
    double count;
    double delete_count;
} operations;

static void add_share(operations *self, uint64_t part, uint64_t whole, uint64_t count,
                      uint64_t delete_count)
{
    double share = whole == 0 ? 0 : (double)(part < whole ? part : whole) / (double)whole;
    self->count += share * (double)count;
    self->delete_count += share * (double)delete_count;
}

static void add_tables(const version *tables, const key_range *range, operations *seen)
{
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < tables->levels[i].count; j++) {
            const table_file *file = tables->levels[i].files[j];
            const table_index *index = &file->table->index;
            add_share(seen, file_bytes_between(file, range),
                      index->offsets[index->block_count] - index->offsets[0],
                      file->facts.entry_count, file->facts.tombstone_count);
        }
    }
}

static pykv_status add_memtable(memtable *from, const key_range *range, operations *seen)
{
    uint64_t bytes;
    memtable_stats stats;
    pykv_status status = memtable_bytes_between(from, range, &bytes);
    if (status == PYKV_OK) {
        memtable_stats_read(from, &stats);
        add_share(seen, bytes, stats.used_bytes, stats.count, stats.delete_count);
    }
    return status;
}

static key_range range_of(const pykv_range *range)
{
    key_range keys = {slice_make("", 0), slice_make("", 0), false};
    if (range != NULL && range->has_start != 0) {
        keys.start = slice_make(range->start, range->start_length);
    }
    if (range != NULL && range->has_stop != 0) {
        keys.stop = slice_make(range->stop, range->stop_length);
        keys.has_stop = true;
    }
    return keys;
}

pykv_status lsm_approximate_keys(lsm *self, const pykv_range *range, uint64_t *count_out)
{
    key_range keys = range_of(range);
    operations seen = {0, 0};
    lsm_moment moment;
    pykv_status status = lsm_moment_acquire(self, NULL, &moment);
    if (status != PYKV_OK) {
        return status;
    }
    add_tables(moment.view->version, &keys, &seen);
    status = add_memtable(moment.view->active, &keys, &seen);
    for (uint32_t i = 0; status == PYKV_OK && i < moment.view->immutable_count; i++) {
        status = add_memtable(moment.view->immutables[i], &keys, &seen);
    }
    view_release(moment.view);
    if (status == PYKV_OK) {
        double count = seen.count - 2 * seen.delete_count;
        *count_out = count > 0 ? (uint64_t)count : 0;
    }
    return status;
}

pykv_status lsm_approximate_size(lsm *self, const pykv_range *range, uint64_t *bytes_out)
{
    key_range keys = range_of(range);
    if (keys.has_stop && slice_compare(keys.start, keys.stop) >= 0) {
        *bytes_out = 0;
        return PYKV_OK;
    }
    lsm_moment moment;
    pykv_status status = lsm_moment_acquire(self, NULL, &moment);
    if (status == PYKV_OK) {
        status = view_bytes_between(moment.view, &keys, bytes_out);
        view_release(moment.view);
    }
    return status;
}

pykv_status lsm_approximate_size_in(lsm *self, uint32_t space, const pykv_range *range,
                                    uint64_t *bytes_out)
{
    stored_range stored;
    pykv_status status = stored_range_make(space, range, &stored);
    if (status == PYKV_OK) {
        status = lsm_approximate_size(self, &stored.range, bytes_out);
        stored_range_reset(&stored);
    }
    return status;
}
