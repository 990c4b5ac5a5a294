/*
 * version_history: makes a random history, and a version that holds it: each key's operations are
 * spread over levels as flushes and compactions may leave them, newer ones above. Header only.
 */
#ifndef PYKV_TESTS_LSM_VERSION_HISTORY_H
#define PYKV_TESTS_LSM_VERSION_HISTORY_H

#include "lsm/version_model.h"
#include "lsm/version_tables.h"

enum { MODEL_TABLES_MAX = 256 };

/* Makes count operations on at most key_count keys; about one in six is a tombstone. */
VERSION_UNUSED static void model_fill(version_model *self, size_t count)
{
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM);
    self->entries = calloc(count, sizeof *self->entries);
    self->levels = calloc(count, 1);
    CHECK(room != NULL && self->entries != NULL && self->levels != NULL);
    for (size_t i = 0; i < count; i++) {
        slice key = model_key(self, check_random(&self->seed, self->key_count), room);
        uint8_t *bytes = malloc(key.size + 8);
        CHECK(bytes != NULL);
        memcpy(bytes, key.data, key.size);
        memcpy(bytes + key.size, &(uint64_t){i + 1}, 8);
        bool is_delete = check_random(&self->seed, 6) == 0;
        self->entries[i] = (table_entry){.key = slice_make(bytes, key.size),
                                         .value = slice_make(bytes + key.size, is_delete ? 0 : 8),
                                         .sequence = i + 1,
                                         .kind = is_delete ? TABLE_DELETE : TABLE_PUT};
    }
    self->count = count;
    qsort(self->entries, count, sizeof *self->entries, model_order);
    free(room);
}

/* Gives every entry its level: of one key, levels do not fall as entries get older. */
VERSION_UNUSED static void model_spread(version_model *self, uint8_t depth)
{
    uint8_t at = 0;
    for (size_t i = 0; i < self->count; i++) {
        bool is_new = i == 0 || !slice_equal(self->entries[i - 1].key, self->entries[i].key);
        at = is_new ? (uint8_t)check_random(&self->seed, depth) : at;
        if (check_random(&self->seed, 3) == 0 && at + 1 < depth) {
            at++;
        }
        self->levels[i] = at;
    }
}

/* A table of some entries of a level: now and then without a filter, or with hashes of its own. */
static inline table_file *model_table(version_model *self, const table_entry *entries, size_t count)
{
    table_builder_options options = version_build_options();
    uint64_t chance = check_random(&self->seed, 8);
    options.filter_bits_per_key = chance == 0 ? 0 : 10;
    options.hash_seed_low += chance == 1;
    options.block_bytes = 64 + (uint32_t)check_random(&self->seed, 600);
    options.keeps_checks = chance % 2 == 0;
    return version_table(self->disk, &options, entries, count);
}

/* The tables of a deeper level, cut where keys change, and now and then. */
static inline size_t model_cut_level(version_model *self, uint8_t level_index,
                                     version_addition *files)
{
    table_entry *run = calloc(self->count + 1, sizeof *run);
    size_t file_count = 0;
    size_t size = 0;
    CHECK(run != NULL);
    for (size_t i = 0; i < self->count; i++) {
        bool may_cut = size > 0 && !slice_equal(run[size - 1].key, self->entries[i].key);
        if (self->levels[i] != level_index) {
            continue;
        }
        if (may_cut && check_random(&self->seed, 40) == 0 && file_count < 30) {
            files[file_count++] = (version_addition){model_table(self, run, size), level_index};
            size = 0;
        }
        run[size++] = self->entries[i];
    }
    if (size > 0) {
        files[file_count++] = (version_addition){model_table(self, run, size), level_index};
    }
    free(run);
    return file_count;
}

/* The tables of level 0: of the sequences from one cut to the next. */
static inline size_t model_cut_fresh(version_model *self, uint32_t table_count,
                                     version_addition *files)
{
    table_entry *run = calloc(self->count + 1, sizeof *run);
    size_t file_count = 0;
    CHECK(run != NULL);
    for (uint32_t cut = 0; cut < table_count; cut++) {
        uint64_t low = self->count * cut / table_count;
        uint64_t high = self->count * (cut + 1) / table_count;
        size_t size = 0;
        for (size_t i = 0; i < self->count; i++) {
            uint64_t sequence = self->entries[i].sequence;
            if (self->levels[i] == 0 && sequence > low && sequence <= high) {
                run[size++] = self->entries[i];
            }
        }
        if (size > 0) {
            files[file_count++] = (version_addition){model_table(self, run, size), 0};
        }
    }
    free(run);
    return file_count;
}

/* Makes the version of the entries as they are spread, of tables in no order. */
VERSION_UNUSED static void model_make(version_model *self, uint32_t fresh_count)
{
    version *empty;
    version_addition files[MODEL_TABLES_MAX];
    size_t count = model_cut_fresh(self, fresh_count, files);
    for (uint8_t i = 1; i < LSM_LEVEL_COUNT; i++) {
        count += model_cut_level(self, i, files + count);
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = check_random(&self->seed, i);
        version_addition last = files[i - 1];
        files[i - 1] = files[other];
        files[other] = last;
    }
    version_change change = {.added = files, .added_count = count};
    CHECK_OK(version_new_empty(&empty));
    CHECK_OK(version_apply(empty, &change, &self->made));
    version_release(empty);
    for (size_t i = 0; i < count; i++) {
        table_file_release(files[i].file);
    }
}

/* A model of count operations at up to depth levels, with its version. */
VERSION_UNUSED static version_model model_open(version_fixture *disk, memtable_keys keys,
                                               size_t count, uint8_t depth, uint64_t seed)
{
    version_model self = {.disk = disk, .keys = keys, .seed = seed | 1};
    self.key_count = 1 + count / (1 + check_random(&self.seed, 5));
    model_fill(&self, count);
    model_spread(&self, depth);
    model_make(&self, 1 + (uint32_t)check_random(&self.seed, 20));
    return self;
}

#endif
