/*
 * table_model: a sorted array of entries, a simulated disk for the table that is made of them, and
 * what the array says that the table must answer. Single-threaded.
 */
#ifndef PYKV_TESTS_TABLE_MODEL_H
#define PYKV_TESTS_TABLE_MODEL_H

#include "harness/check.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/process.h"
#include "env/env_memory.h"
#include "table/table_builder.h"
#include "table/table_iterator.h"
#include "table/table_reader.h"
#include "table/table_verify.h"

#define FIXTURE_NAME "000001.tbl"
#define FIXTURE_PATH "/d/" FIXTURE_NAME

enum { FIXTURE_SEED_LOW = 77, FIXTURE_SEED_HIGH = 99 };

typedef struct fixture {
    env *disk;
    env_directory *directory;
    table_entry *entries; /* sorted by fixture_sort; bytes are owned */
    size_t count;
    size_t capacity;
    codec_table codecs;
    table *opened;
    table_summary summary;
    int64_t blocks_before; /* of memory */
} fixture;

static inline fixture fixture_new(void)
{
    fixture self = {.codecs = codec_table_make()};
    CHECK_OK(process_init());
    self.blocks_before = mem_block_count();
    CHECK_OK(env_memory_new(check_seed(), UINT64_C(1) << 30, &self.disk));
    CHECK_OK(env_directory_open(self.disk, "/d", true, &self.directory));
    return self;
}

/* Checks that all memory was given back. */
static inline void fixture_free(fixture *self)
{
    table_close(self->opened);
    for (size_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->entries[i].key.data);
        free((void *)(uintptr_t)self->entries[i].value.data);
    }
    free(self->entries);
    env_directory_close(self->directory);
    env_memory_free(self->disk);
    CHECK_EQUAL(self->blocks_before, mem_block_count());
}

/* Removes the table's file, if it is there. */
static inline void fixture_remove(const fixture *self)
{
    pykv_status status = env_unlink(self->directory, FIXTURE_NAME);
    CHECK(status == PYKV_OK || status == PYKV_PATH_NOT_FOUND);
}

static inline slice fixture_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    CHECK(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return slice_make(copy, size);
}

static inline slice fixture_text(const char *text)
{
    return slice_make(text, strlen(text));
}

/* Adds an entry; the bytes are copied. */
static inline void fixture_add(fixture *self, table_entry entry)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 256 : self->capacity * 2;
        self->entries = realloc(self->entries, self->capacity * sizeof *self->entries);
        CHECK(self->entries != NULL);
    }
    entry.key = fixture_copy(entry.key.data, entry.key.size);
    entry.value = fixture_copy(entry.value.data, entry.value.size);
    self->entries[self->count++] = entry;
}

static inline void fixture_put(fixture *self, slice key, uint64_t sequence, slice value)
{
    fixture_add(self, (table_entry){.key = key,
                                    .value = value,
                                    .sequence = sequence,
                                    .body_crc = (uint32_t)sequence * 7919U,
                                    .kind = TABLE_PUT});
}

static inline table_position fixture_position(const table_entry *entry)
{
    return table_position_make(entry->key, entry->sequence);
}

static inline int fixture_order(const void *left, const void *right)
{
    return table_position_compare(fixture_position(left), fixture_position(right));
}

/* Sorts the entries and drops all but one of those at the same position. */
static inline void fixture_sort(fixture *self)
{
    size_t kept = 0;
    qsort(self->entries, self->count, sizeof *self->entries, fixture_order);
    for (size_t i = 0; i < self->count; i++) {
        if (kept > 0 && fixture_order(&self->entries[kept - 1], &self->entries[i]) == 0) {
            free((void *)(uintptr_t)self->entries[i].key.data);
            free((void *)(uintptr_t)self->entries[i].value.data);
        } else {
            self->entries[kept++] = self->entries[i];
        }
    }
    self->count = kept;
}

/* The number of entries before position. */
static inline size_t fixture_rank(const fixture *self, table_position position)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table_position_compare(fixture_position(&self->entries[middle]), position) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

#endif
