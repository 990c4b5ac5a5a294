/*
 * table_fixture: writes the table of a sorted array of entries, opens it, and compares the two.
 * Single-threaded.
 */
#ifndef PYKV_TESTS_TABLE_FIXTURE_H
#define PYKV_TESTS_TABLE_FIXTURE_H

#include "table_model.h"

static inline uint64_t fixture_hash(slice key)
{
    return hash_murmur3(key.data, key.size, FIXTURE_SEED_LOW, FIXTURE_SEED_HIGH).low;
}

static inline table_builder_options fixture_build_options(uint32_t block_bytes)
{
    table_builder_options options = {.hash_seed_low = FIXTURE_SEED_LOW,
                                     .hash_seed_high = FIXTURE_SEED_HIGH,
                                     .filter_bits_per_key = 10,
                                     .block_bytes = block_bytes};
    return options;
}

static inline table_open_options fixture_open_options(const fixture *self)
{
    table_open_options options = {.codecs = &self->codecs,
                                  .hash_seed_low = FIXTURE_SEED_LOW,
                                  .hash_seed_high = FIXTURE_SEED_HIGH};
    return options;
}

/* Writes the table of all entries through any environment's directory. */
static inline pykv_status fixture_write(const fixture *self, env *through, env_directory *directory,
                                        const table_builder_options *options,
                                        table_summary *summary_out)
{
    table_builder *builder;
    pykv_status status = table_builder_open(through, directory, FIXTURE_NAME, options, &builder);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = table_builder_add(builder, &self->entries[i]);
    }
    if (status == PYKV_OK) {
        status = table_builder_finish(builder, summary_out);
    }
    table_builder_free(builder);
    return status;
}

/* Writes the table and opens it. */
static inline void fixture_build(fixture *self, const table_builder_options *options)
{
    table_open_options opening = fixture_open_options(self);
    CHECK_OK(fixture_write(self, self->disk, self->directory, options, &self->summary));
    CHECK_OK(table_open(self->directory, FIXTURE_NAME, &opening, &self->opened));
}

/* The bytes of the file, to damage them; valid until the next call on the disk. */
static inline uint8_t *fixture_bytes(const fixture *self, uint64_t *size_out)
{
    uint8_t *data;
    CHECK_OK(env_memory_file_bytes(self->disk, FIXTURE_PATH, &data, size_out));
    return data;
}

/* Checks that the iterator stands on entry number rank, or on none if rank is out of range. */
static inline void fixture_check_at(const fixture *self, const iterator *walk, size_t rank)
{
    CHECK_OK(walk->status);
    CHECK_EQUAL(rank < self->count, iterator_valid(walk));
    if (rank < self->count) {
        const iterator_entry *got = iterator_current(walk);
        const table_entry *wanted = &self->entries[rank];
        CHECK(slice_equal(wanted->key, got->key));
        CHECK(slice_equal(wanted->value, got->value));
        CHECK_EQUAL(wanted->sequence, got->sequence);
        CHECK_EQUAL(wanted->kind, got->kind);
        CHECK_EQUAL(wanted->deadline_us, got->deadline_us);
    }
}

/* Checks a get against the array. */
static inline void fixture_check_get(const fixture *self, slice key, uint64_t sequence)
{
    table_position position = table_position_make(key, sequence);
    size_t rank = fixture_rank(self, position);
    bool is_there = rank < self->count && slice_equal(self->entries[rank].key, key);
    block_source *source = block_source_direct();
    table_found found;
    pykv_status status = table_get(self->opened, source, position, fixture_hash(key), &found);
    CHECK_EQUAL(is_there ? PYKV_OK : PYKV_NOT_FOUND, status);
    if (is_there) {
        const table_entry *wanted = &self->entries[rank];
        CHECK(slice_equal(wanted->value, found.value));
        CHECK_EQUAL(wanted->sequence, found.sequence);
        CHECK_EQUAL(wanted->kind, found.kind);
        CHECK_EQUAL(wanted->deadline_us, found.deadline_us);
        table_release(source, &found);
    }
}

#endif
