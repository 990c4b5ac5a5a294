/*
 * fuzz_block: the payloads of a table's blocks, as they are behind a right check, on arbitrary
 * bytes.
 *
 * Input: the kind of block (1 data, 2 filter, 3 index, 4 properties; others: nothing), a byte with
 * the number of entries that the index promises of a data block, then the payload.
 *
 * Promises: the status is PYKV_OK or PYKV_CORRUPTION. Entries, separators and keys lie inside their
 * limits. Where the entries of a block rise, a seek to each of them finds it, and so does a lookup
 * if its tag is right. A separator is found in its own block. A filter gives many answers at once
 * as it gives them one by one. Properties encode again to the same bytes.
 */
#include "fuzz/fuzz_disk.h"

#include "base/memory.h"
#include "table/block_builder.h"
#include "table/block_reader.h"
#include "table/block_search.h"
#include "table/filter_reader.h"
#include "table/table_format.h"
#include "table/table_index.h"

enum { PREFIX_BYTES = 2, KEY_LENGTH_MAX = 300 };

#define PLACE 77 /* offset that is named in errors */

/* A hash whose tag is this one: the multiplier of tags has this inverse modulo 2^64. */
static uint64_t hash_of_tag(uint8_t tag)
{
    return ((uint64_t)tag << 56) * UINT64_C(0xf1de83e19937733d);
}

/* Reads entry number index, whose key is put at key. */
static table_position position_of(const block *made, uint32_t index, uint8_t *key)
{
    block_entry entry;
    const uint8_t *end = made->payload + made->payload_bytes;
    block_read(made, index, &entry);
    size_t size = entry.shared + entry.suffix.size;
    FUZZ_EXPECT(size <= KEY_LENGTH_MAX);
    FUZZ_EXPECT(entry.kind > 0 && entry.kind <= TABLE_KIND_MAX);
    FUZZ_EXPECT(entry.suffix.data + entry.suffix.size == entry.value.data);
    FUZZ_EXPECT(entry.value.data <= end && entry.value.size <= (size_t)(end - entry.value.data));
    FUZZ_EXPECT(block_sequence(made, index) <= TABLE_SEQUENCE_MAX);
    (void)block_body_crc(made, index);
    block_entry_key(&entry, key);
    return table_position_make(slice_make(key, size), block_sequence(made, index));
}

static bool entries_rise(const block *made)
{
    uint8_t keys[2][KEY_LENGTH_MAX];
    bool rise = true;
    table_position before = position_of(made, 0, keys[0]);
    for (uint32_t i = 1; i < made->entry_count; i++) {
        table_position here = position_of(made, i, keys[i % 2]);
        rise = rise && table_position_compare(before, here) < 0;
        before = here;
    }
    return rise;
}

static void check_data(const uint8_t *data, size_t size, uint32_t entry_count)
{
    uint8_t key[KEY_LENGTH_MAX];
    void *memory = mem_alloc_aligned(64, block_memory_bytes((uint32_t)size, entry_count));
    FUZZ_EXPECT(memory != NULL);
    block *made = block_place(memory, (uint32_t)size, entry_count);
    memcpy(made->payload, data, size);
    pykv_status status = block_check(made, KEY_LENGTH_MAX, "x", PLACE);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION);
    if (status == PYKV_OK) {
        bool rise = entries_rise(made);
        for (uint32_t i = 0; i < entry_count; i++) {
            block_entry entry;
            uint32_t index;
            table_position position = position_of(made, i, key);
            uint32_t found = block_seek(made, position);
            FUZZ_EXPECT(found <= entry_count && (!rise || found == i));
            if (block_find(made, position, hash_of_tag(made->tags[i]), &index, &entry)) {
                FUZZ_EXPECT(index < entry_count);
                FUZZ_EXPECT(block_sequence(made, index) <= position.sequence);
            }
        }
    }
    mem_free(memory);
}

static void check_index(slice payload)
{
    table_index index;
    pykv_status status = table_index_open(payload, "x", PLACE, &index);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION);
    if (status != PYKV_OK) {
        return;
    }
    uint64_t offset = TABLE_HEADER_BYTES;
    for (uint32_t i = 0; i < index.block_count; i++) {
        block_handle handle = table_index_handle(&index, i);
        FUZZ_EXPECT(table_index_find(&index, table_index_separator(&index, i)) == i);
        FUZZ_EXPECT(handle.offset == offset);
        offset = block_handle_end(handle);
    }
    FUZZ_EXPECT(table_index_find(&index, table_position_make(payload, 1)) <= index.block_count);
    table_index_close(&index);
}

static void check_filter(slice payload)
{
    enum { HASH_COUNT = 64 };
    filter_reader filter;
    uint64_t hashes[HASH_COUNT];
    bool answers[HASH_COUNT];
    pykv_status status = filter_reader_open(payload, "x", PLACE, &filter);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION);
    if (status != PYKV_OK) {
        return;
    }
    for (uint64_t i = 0; i < HASH_COUNT; i++) {
        hashes[i] = i == 0 ? UINT64_MAX : i * UINT64_C(0x9e3779b97f4a7c15);
    }
    filter_may_contain_many(&filter, hashes, HASH_COUNT, answers);
    for (size_t i = 0; i < HASH_COUNT; i++) {
        FUZZ_EXPECT(answers[i] == filter_may_contain(&filter, hashes[i]));
    }
}

static void check_properties(slice payload)
{
    table_properties found;
    buffer again = BUFFER_EMPTY;
    pykv_status status = table_properties_decode(payload, "x", PLACE, &found);
    FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION);
    if (status == PYKV_OK) {
        FUZZ_EXPECT(table_properties_encode(&found, &again) == PYKV_OK);
        FUZZ_EXPECT(slice_equal(slice_make(again.data, again.size), payload));
        buffer_reset(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX_BYTES) {
        return 0;
    }
    size_t payload_bytes = size - PREFIX_BYTES;
    uint8_t *copy = fuzz_copy(data + PREFIX_BYTES, payload_bytes);
    slice payload = slice_make(copy, payload_bytes);
    switch (data[0]) {
    case BLOCK_DATA:
        check_data(copy, payload_bytes, data[1]);
        break;
    case BLOCK_FILTER:
        check_filter(payload);
        break;
    case BLOCK_INDEX:
        check_index(payload);
        break;
    case BLOCK_PROPERTIES:
        check_properties(payload);
        break;
    default:
        break;
    }
    free(copy);
    return 0;
}
