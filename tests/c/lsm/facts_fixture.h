/*
 * facts_fixture: tables that are facts and bounds only, without files, and versions of them: all
 * that the picking of compactions looks at. Single-threaded.
 */
#ifndef PYKV_TESTS_LSM_FACTS_FIXTURE_H
#define PYKV_TESTS_LSM_FACTS_FIXTURE_H

#include "harness/check.h"

#include "base/memory.h"
#include "lsm/compaction_score.h"
#include "lsm/version.h"

enum { FACTS_FILES_MAX = 256, FACTS_TABLE_BYTES = 1000, FACTS_ENTRIES = 100 };

typedef struct facts_fixture {
    table_file files[FACTS_FILES_MAX];
    table_file *list[FACTS_FILES_MAX];
    uint8_t levels[FACTS_FILES_MAX];
    size_t count;
    version *of;
    int64_t blocks_before;
} facts_fixture;

/* Options for such tables, a level from 4 of them up, that see and have outlived up to 1000. */
static inline compaction_options facts_options(void)
{
    compaction_options options = compaction_options_make(FACTS_TABLE_BYTES);
    options.level_bytes_base = 4 * FACTS_TABLE_BYTES;
    options.visible_sequence = 1000;
    options.now_us = 1000;
    return options;
}

static inline slice facts_key(const char *text)
{
    return slice_make(text, strlen(text));
}

static inline void facts_init(facts_fixture *self)
{
    memset(self, 0, sizeof *self);
    self->blocks_before = mem_block_count();
}

/* Adds a table of FACTS_TABLE_BYTES and FACTS_ENTRIES with those bounds, newer than all before. */
static inline table_file *facts_add(facts_fixture *self, uint8_t level_index, const char *smallest,
                                    const char *largest)
{
    CHECK(self->count < FACTS_FILES_MAX);
    table_file *made = &self->files[self->count];
    uint64_t sequence = self->count + 1;
    made->facts = (manifest_table){.number = (uint32_t)self->count + 1,
                                   .level = level_index,
                                   .file_bytes = FACTS_TABLE_BYTES,
                                   .entry_count = FACTS_ENTRIES,
                                   .sequence_min = sequence,
                                   .sequence_max = sequence};
    made->smallest = facts_key(smallest);
    made->largest = facts_key(largest);
    self->list[self->count] = made;
    self->levels[self->count] = level_index;
    self->count++;
    return made;
}

/* True if left stands before right in a level: newest first in level 0, else by key. */
static inline bool facts_stands_before(uint8_t level_index, const table_file *left,
                                       const table_file *right)
{
    return level_index == 0 ? left->facts.sequence_min > right->facts.sequence_max
                            : slice_compare(left->largest, right->smallest) < 0;
}

static inline void facts_insert(level *self, uint8_t level_index, table_file *file)
{
    uint32_t place = self->count;
    while (place > 0 && !facts_stands_before(level_index, self->files[place - 1], file)) {
        self->files[place] = self->files[place - 1];
        place--;
    }
    self->files[place] = file;
    self->count++;
    self->bytes += file->facts.file_bytes;
}

/* The version of all tables added, made by hand since they have no files; once, after the last. */
static inline version *facts_version(facts_fixture *self)
{
    if (self->of == NULL) {
        self->of = calloc(1, sizeof *self->of);
        CHECK(self->of != NULL);
        self->of->references = 1;
        self->of->file_count = (uint32_t)self->count;
        for (size_t i = 0; i < LSM_LEVEL_COUNT; i++) {
            self->of->levels[i].files = calloc(self->count + 1, sizeof(table_file *));
            CHECK(self->of->levels[i].files != NULL);
        }
        for (size_t i = 0; i < self->count; i++) {
            facts_insert(&self->of->levels[self->levels[i]], self->levels[i], self->list[i]);
        }
    }
    return self->of;
}

/* Frees a version that nobody else refers to any more. NULL is ignored. */
static inline void facts_drop(version *made)
{
    if (made != NULL) {
        CHECK_EQUAL(1, made->references);
        for (size_t i = 0; i < LSM_LEVEL_COUNT; i++) {
            free(made->levels[i].files);
        }
        free(made);
    }
}

/* Checks that all memory was given back. */
static inline void facts_reset(facts_fixture *self)
{
    facts_drop(self->of);
    CHECK_EQUAL(self->blocks_before, mem_block_count());
}

#endif
