/*
 * version: makes versions, counts their references, and tells facts about them.
 *
 * A version is one piece of memory:
 *
 *   struct version | value segments | table_file * of all levels | table * of all levels
 *   | words of all levels
 */
#include "lsm/version.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/internal_key.h"
#include "lsm/version_values.h"

/* ---- making ---- */

/* A version without tables, with room for file_count and for value segments; NULL: no memory, and
 * the error says so. */
static version *make(size_t file_count, size_t segment_count)
{
    size_t each = sizeof(table_file *) + sizeof(table *) + sizeof(uint64_t);
    size_t bytes = sizeof(version) + segment_count * sizeof(version_values) + file_count * each;
    version *self = mem_alloc_zeroed(1, bytes);
    if (self == NULL) {
        (void)error_set_no_memory(bytes);
        return NULL;
    }
    atomic_init(&self->references, 1);
    self->values = (version_values *)(void *)(self + 1);
    return self;
}

pykv_status version_new_empty(version **version_out)
{
    version *self = make(0, 0);
    if (self == NULL) {
        return PYKV_NO_MEMORY;
    }
    *version_out = self;
    return PYKV_OK;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* True if left belongs before right. */
static bool stands_before(uint32_t level_index, const table_file *left, const table_file *right)
{
    return level_index == 0 ? left->facts.sequence_max > right->facts.sequence_max
                            : slice_compare(left->smallest, right->smallest) < 0;
}

/* Puts a file into its place among those of a level. */
static void insert(level *self, uint32_t level_index, table_file *file)
{
    uint32_t low = 0;
    uint32_t high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stands_before(level_index, self->files[middle], file)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(&self->files[low + 1], &self->files[low], (self->count - low) * sizeof *self->files);
    self->files[low] = file;
    self->count++;
}

/* Fills a level with the files of base that stay and those that come; removed is sorted. Returns
 * the number of those that go. */
static size_t fill(const level *base, uint32_t level_index, const version_change *change,
                   const uint32_t *removed, level *out)
{
    for (uint32_t i = 0; i < base->count; i++) {
        const uint32_t *number = &base->files[i]->facts.number;
        if (change->removed_count == 0 || bsearch(number, removed, change->removed_count,
                                                  sizeof *removed, compare_numbers) == NULL) {
            out->files[out->count++] = base->files[i];
        }
    }
    size_t removed_count = base->count - out->count;
    for (size_t i = 0; i < change->added_count; i++) {
        if (change->added[i].level == level_index) {
            insert(out, level_index, change->added[i].file);
        }
    }
    return removed_count;
}

/* Checks two neighbours of a level. */
static pykv_status check_neighbours(uint32_t level_index, const table_file *before,
                                    const table_file *behind)
{
    const char *path = env_file_path(behind->table->file);
    if (level_index == 0) {
        return before->facts.sequence_min > behind->facts.sequence_max
                   ? PYKV_OK
                   : error_set_corruption(path, 0, "tables of level 0 overlap in sequences",
                                          before->facts.sequence_min, behind->facts.sequence_max);
    }
    return slice_compare(before->largest, behind->smallest) < 0 || PYKV_PLANTED(72)
               ? PYKV_OK
               : error_set_corruption(path, 0, "tables of one level overlap: this one and table",
                                      before->facts.number, behind->facts.number);
}

/* Length of what all largest keys begin with; they rise, so the first and the last tell it. */
static uint32_t common_length_of(const level *self)
{
    return self->count == 1 ? 0
                            : (uint32_t)key_shared_length(self->files[0]->largest,
                                                          self->files[self->count - 1]->largest);
}

/* Checks the order of a level's files, and sets what follows from them. */
static pykv_status complete(level *self, uint32_t level_index)
{
    pykv_status status = PYKV_OK;
    for (uint32_t i = 1; i < self->count && status == PYKV_OK; i++) {
        status = check_neighbours(level_index, self->files[i - 1], self->files[i]);
    }
    if (status != PYKV_OK || self->count == 0) {
        return status;
    }
    self->common_length = level_index == 0 ? 0 : common_length_of(self);
    for (uint32_t i = 0; i < self->count; i++) {
        self->tables[i] = self->files[i]->table;
        self->largest_words[i] = key_word(self->files[i]->largest, self->common_length);
        self->bytes += self->files[i]->facts.file_bytes;
        uint64_t sequence_max = self->files[i]->facts.sequence_max;
        self->sequence_max = sequence_max > self->sequence_max ? sequence_max : self->sequence_max;
    }
    return PYKV_OK;
}

/* Fills a version with room for that many value segments and files. */
static pykv_status fill_levels(version *self, size_t segment_room, size_t room, const version *base,
                               const version_change *change, const uint32_t *removed)
{
    table_file **files = (table_file **)(void *)(self->values + segment_room);
    table **tables = (table **)(void *)(files + room);
    uint64_t *words = (uint64_t *)(void *)(tables + room);
    size_t removed_count = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        level *to = &self->levels[i];
        to->files = files + self->file_count;
        to->tables = tables + self->file_count;
        to->largest_words = words + self->file_count;
        removed_count += fill(&base->levels[i], i, change, removed, to);
        self->file_count += to->count;
        if (i > 0 && to->count > 0) {
            self->deeper[self->deeper_count++] = (uint8_t)i;
        }
        pykv_status status = complete(to, i);
        if (status != PYKV_OK) {
            return status;
        }
    }
    PYKV_ASSERT(removed_count == change->removed_count);
    return PYKV_OK;
}

static void acquire_files(version *self)
{
    version_acquire_values(self);
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < self->levels[i].count; j++) {
            table_file_acquire(self->levels[i].files[j]);
        }
    }
}

pykv_status version_apply(const version *base, const version_change *change, version **version_out)
{
    size_t room = base->file_count + change->added_count;
    size_t segment_room = base->value_segment_count + change->added_values_count;
    uint32_t *removed = mem_alloc((change->removed_count + 1) * sizeof *removed);
    if (removed == NULL) {
        return error_set_no_memory(change->removed_count * sizeof *removed);
    }
    if (change->removed_count > 0) {
        memcpy(removed, change->removed, change->removed_count * sizeof *removed);
        qsort(removed, change->removed_count, sizeof *removed, compare_numbers);
    }
    version *self = make(room, segment_room);
    pykv_status status = self == NULL
                             ? PYKV_NO_MEMORY
                             : fill_levels(self, segment_room, room, base, change, removed);
    mem_free(removed);
    if (status == PYKV_OK) {
        status = version_fill_values(self, base, change);
    }
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    acquire_files(self);
    self->ranges = range_set_acquire(base->ranges);
    *version_out = self;
    return PYKV_OK;
}

pykv_status version_from_tables(table_file *const *files, const uint8_t *levels, size_t count,
                                version **version_out)
{
    version *empty = NULL;
    version_addition *added = mem_alloc((count + 1) * sizeof *added);
    if (added == NULL) {
        return error_set_no_memory(count * sizeof *added);
    }
    for (size_t i = 0; i < count; i++) {
        added[i] = (version_addition){files[i], levels[i]};
    }
    pykv_status status = version_new_empty(&empty);
    if (status == PYKV_OK) {
        version_change change = {.added = added, .added_count = count, .without_values = true};
        status = version_apply(empty, &change, version_out);
    }
    version_release(empty);
    mem_free(added);
    return status;
}

/* ---- references ---- */

version *version_acquire(version *self)
{
    uint32_t before = atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    PYKV_ASSERT(before > 0);
    return self;
}

void version_release(version *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < self->levels[i].count; j++) {
            table_file_release(self->levels[i].files[j]);
        }
    }
    version_release_values(self);
    range_set_release(self->ranges);
    mem_free(self);
}

/* ---- facts ---- */

bool version_key_is_below(const version *self, uint8_t level_index, slice key)
{
    for (uint32_t i = (uint32_t)level_index + 1; i < LSM_LEVEL_COUNT; i++) {
        uint32_t index = level_find(&self->levels[i], key);
        if (index < self->levels[i].count &&
            slice_compare(self->levels[i].files[index]->smallest, key) <= 0) {
            return true;
        }
    }
    return false;
}

uint64_t version_bytes(const version *self)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        bytes += self->levels[i].bytes;
    }
    return bytes;
}

/* Tables of one level, by number. */
static int compare_tables(const void *left, const void *right)
{
    return compare_numbers(&((const manifest_table *)left)->number,
                           &((const manifest_table *)right)->number);
}

pykv_status version_list(const version *self, manifest_table **tables_out, uint64_t *count_out)
{
    manifest_table *tables = mem_alloc((self->file_count + 1) * sizeof *tables);
    manifest_table *at = tables;
    if (tables == NULL) {
        return error_set_no_memory(self->file_count * sizeof *tables);
    }
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        const level *from = &self->levels[i];
        for (uint32_t j = 0; j < from->count; j++) {
            at[j] = from->files[j]->facts;
            at[j].level = (uint8_t)i;
        }
        qsort(at, from->count, sizeof *at, compare_tables);
        at += from->count;
    }
    *tables_out = tables;
    *count_out = self->file_count;
    return PYKV_OK;
}
