/*
 * block_fixture: a data block from a few entries, without a table around it. Single-threaded.
 */
#ifndef PYKV_TESTS_BLOCK_FIXTURE_H
#define PYKV_TESTS_BLOCK_FIXTURE_H

#include "harness/check.h"

#include "base/hash.h"
#include "base/memory.h"
#include "table/block_builder.h"
#include "table/block_reader.h"

static inline uint64_t block_fixture_hash(slice key)
{
    return hash_murmur3(key.data, key.size, 1, 2).low;
}

static inline table_entry block_fixture_entry(const char *key, uint64_t sequence, const char *value)
{
    table_entry made = {.key = slice_make(key, strlen(key)),
                        .value = slice_make(value, strlen(value)),
                        .sequence = sequence,
                        .body_crc = (uint32_t)(sequence * 31),
                        .kind = TABLE_PUT};
    return made;
}

/* Builds the payload of a block of these entries. */
static inline void block_fixture_build(const table_entry *entries, size_t count,
                                       uint8_t group_shift, bool keeps_checks, buffer *out)
{
    block_builder builder;
    block_builder_init(&builder, group_shift, keeps_checks);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(block_builder_add(&builder, &entries[i], block_fixture_hash(entries[i].key)));
    }
    uint64_t bytes = block_builder_bytes(&builder);
    CHECK_OK(block_builder_finish(&builder, out));
    CHECK_EQUAL(bytes, out->size);
    block_builder_reset(&builder);
}

/* A block over a copy of a payload, not checked yet; free with mem_free. */
static inline block *block_fixture_place(const buffer *payload, uint32_t entry_count)
{
    void *memory = mem_alloc_aligned(64, block_memory_bytes((uint32_t)payload->size, entry_count));
    CHECK(memory != NULL);
    block *made = block_place(memory, (uint32_t)payload->size, entry_count);
    memcpy(made->payload, payload->data, payload->size);
    return made;
}

/* The checked block of these entries. */
static inline block *block_fixture_make(const table_entry *entries, size_t count,
                                        uint8_t group_shift, bool keeps_checks)
{
    buffer payload = BUFFER_EMPTY;
    block_fixture_build(entries, count, group_shift, keeps_checks, &payload);
    block *made = block_fixture_place(&payload, (uint32_t)count);
    CHECK_OK(block_check(made, PYKV_KEY_BYTES_MAX, "x", 0));
    buffer_reset(&payload);
    return made;
}

/* Checks that entry number index of the block is this one. */
static inline void block_fixture_check(const block *self, uint32_t index, const table_entry *wanted)
{
    static uint8_t key[PYKV_KEY_BYTES_MAX];
    block_entry got;
    block_read(self, index, &got);
    block_entry_key(&got, key);
    CHECK(slice_equal(wanted->key, slice_make(key, got.shared + got.suffix.size)));
    CHECK(slice_equal(wanted->value, got.value));
    CHECK_EQUAL(wanted->sequence, block_sequence(self, index));
    CHECK_EQUAL(wanted->kind, got.kind);
    CHECK_EQUAL(wanted->deadline_us, got.deadline_us);
}

#endif
