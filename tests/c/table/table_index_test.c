/*
 * table_index: finds the block that a walk over all separators finds, however keys are spread, and
 * refuses payloads that are no index.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/memory.h"
#include "table/table_index.h"

enum { BLOCK_COUNT_MAX = 400, KEY_BYTES_MAX = 24 };

typedef struct model {
    uint8_t keys[BLOCK_COUNT_MAX][KEY_BYTES_MAX];
    table_position separators[BLOCK_COUNT_MAX];
    size_t count;
} model;

static model spread;

static int order(const void *left, const void *right)
{
    return table_position_compare(*(const table_position *)left, *(const table_position *)right);
}

static void make_key(size_t way, size_t i, uint64_t *chance, uint8_t *key, size_t *size_out)
{
    memcpy(key, "common/prefix/", 14);
    size_t prefix = way == 4 ? 14 : 0;
    size_t size = prefix + (way == 3 ? check_random(chance, 4) : 10);
    for (size_t at = prefix; at < size; at++) {
        key[at] = way == 3 ? (uint8_t)(check_random(chance, 2) * 255)
                           : (uint8_t)check_random(chance, 256);
    }
    if (way == 1) { /* numbers one apart */
        uint64_t number = __builtin_bswap64(i);
        memcpy(key, &number, 8);
        size = 8;
    } else if (way == 2) { /* powers of two */
        uint64_t number = __builtin_bswap64(UINT64_C(1) << check_random(chance, 64));
        memcpy(key, &number, 8);
    }
    *size_out = size;
}

/* Fills the model with separators of one way of being spread. */
static void make_model(size_t way, size_t count, uint64_t *chance)
{
    for (size_t i = 0; i < count; i++) {
        size_t size;
        make_key(way, i, chance, spread.keys[i], &size);
        uint64_t sequence = check_random(chance, 3) == 0 ? UINT64_MAX : check_random(chance, 100);
        spread.separators[i] = table_position_make(slice_make(spread.keys[i], size), sequence);
    }
    qsort(spread.separators, count, sizeof spread.separators[0], order);
    spread.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || order(&spread.separators[spread.count - 1], &spread.separators[i]) != 0) {
            spread.separators[spread.count++] = spread.separators[i];
        }
    }
}

static buffer make_payload(void)
{
    index_builder builder = INDEX_BUILDER_EMPTY;
    buffer out = BUFFER_EMPTY;
    for (size_t i = 0; i < spread.count; i++) {
        index_entry entry = {(uint32_t)(100 + i), (uint32_t)(200 + i), (uint32_t)(1 + i % 7)};
        CHECK_OK(index_builder_add(&builder, &entry, spread.separators[i]));
    }
    CHECK_OK(index_builder_finish(&builder, &out));
    index_builder_reset(&builder);
    return out;
}

static void check_find(const table_index *index, table_position position)
{
    uint32_t wanted = 0;
    while (wanted < spread.count &&
           table_position_compare(spread.separators[wanted], position) < 0) {
        wanted++;
    }
    CHECK_EQUAL(wanted, table_index_find(index, position));
}

/* Looks for every separator, the positions beside it, and keys near it. */
static void check_all(const table_index *index, uint64_t *chance)
{
    uint8_t key[KEY_BYTES_MAX + 1];
    for (size_t i = 0; i < spread.count; i++) {
        table_position separator = spread.separators[i];
        check_find(index, separator);
        check_find(index, table_position_make(separator.key, separator.sequence - 1));
        check_find(index, table_position_make(separator.key, separator.sequence + 1));
        memcpy(key, separator.key.data, separator.key.size);
        key[separator.key.size] = 0;
        check_find(index, table_position_make(slice_make(key, separator.key.size + 1), 5));
        if (separator.key.size > 0) {
            check_find(index, table_position_make(slice_make(key, separator.key.size - 1), 5));
            key[check_random(chance, separator.key.size)] ^=
                (uint8_t)(1U << check_random(chance, 8));
            check_find(index, table_position_make(slice_make(key, separator.key.size), 5));
        }
    }
}

TEST(a_position_belongs_to_the_first_block_whose_separator_is_not_before_it)
{
    uint64_t chance = check_seed();
    static const size_t counts[] = {1, 2, 3, 40, BLOCK_COUNT_MAX};
    for (size_t way = 0; way < 5; way++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            table_index index;
            make_model(way, counts[i], &chance);
            buffer payload = make_payload();
            CHECK_OK(table_index_open(slice_make(payload.data, payload.size), "x", 0, &index));
            buffer_reset(&payload);
            CHECK_EQUAL(spread.count, index.block_count);
            check_all(&index, &chance);
            table_index_close(&index);
        }
    }
}

TEST(handles_and_separators_come_back)
{
    uint64_t chance = check_seed();
    table_index index;
    make_model(4, 100, &chance);
    buffer payload = make_payload();
    CHECK_OK(table_index_open(slice_make(payload.data, payload.size), "x", 0, &index));
    uint64_t offset = TABLE_HEADER_BYTES;
    for (uint32_t i = 0; i < index.block_count; i++) {
        block_handle handle = table_index_handle(&index, i);
        CHECK_EQUAL(offset, handle.offset);
        CHECK_EQUAL(100 + i, handle.size);
        CHECK_EQUAL(200 + i, index.raw_bytes[i]);
        CHECK_EQUAL(1 + i % 7, index.entry_counts[i]);
        CHECK_EQUAL(0,
                    table_position_compare(spread.separators[i], table_index_separator(&index, i)));
        offset += 100 + i + TABLE_TRAILER_BYTES;
    }
    table_index_close(&index);
    buffer_reset(&payload);
}

static pykv_status open_and_close(const buffer *payload)
{
    table_index index;
    pykv_status status =
        table_index_open(slice_make(payload->data, payload->size), "some/file", 77, &index);
    if (status == PYKV_OK) {
        table_index_close(&index);
    }
    return status;
}

TEST(a_payload_cut_anywhere_or_longer_or_out_of_order_is_refused)
{
    uint64_t chance = check_seed();
    make_model(0, 20, &chance);
    buffer payload = make_payload();
    size_t whole = payload.size;
    for (payload.size = 0; payload.size < whole; payload.size++) {
        CHECK_STATUS(PYKV_CORRUPTION, open_and_close(&payload));
        CHECK_EQUAL(77, error_last()->offset);
    }
    CHECK_OK(buffer_append_zeros(&payload, 1));
    CHECK_STATUS(PYKV_CORRUPTION, open_and_close(&payload));
    buffer_reset(&payload);
    table_position kept = spread.separators[3];
    spread.separators[3] = spread.separators[4];
    spread.separators[4] = kept;
    payload = make_payload();
    CHECK_STATUS(PYKV_CORRUPTION, open_and_close(&payload));
    buffer_reset(&payload);
}

TEST(a_block_of_impossible_sizes_is_refused)
{
    static const index_entry wrong[] = {{0, 200, 1}, {100, 16, 1}, {100, 200, 0}, {100, 200, 37}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        index_builder builder = INDEX_BUILDER_EMPTY;
        buffer payload = BUFFER_EMPTY;
        CHECK_OK(
            index_builder_add(&builder, &wrong[i], table_position_make(slice_make("a", 1), 1)));
        CHECK_OK(index_builder_finish(&builder, &payload));
        CHECK_STATUS(PYKV_CORRUPTION, open_and_close(&payload));
        index_builder_reset(&builder);
        buffer_reset(&payload);
    }
}

TEST(a_separator_longer_than_a_key_may_be_is_refused)
{
    static uint8_t key[STORED_KEY_BYTES_MAX + 1];
    index_entry entry = {100, 200, 3};
    for (size_t size = STORED_KEY_BYTES_MAX; size <= sizeof key; size++) {
        index_builder builder = INDEX_BUILDER_EMPTY;
        buffer payload = BUFFER_EMPTY;
        CHECK_OK(
            index_builder_add(&builder, &entry, table_position_make(slice_make(key, size), 1)));
        CHECK_OK(index_builder_finish(&builder, &payload));
        CHECK_EQUAL(size > STORED_KEY_BYTES_MAX ? PYKV_CORRUPTION : PYKV_OK,
                    open_and_close(&payload));
        index_builder_reset(&builder);
        buffer_reset(&payload);
    }
}

TEST(a_payload_changed_at_random_is_refused_or_searched_within_its_bounds)
{
    uint64_t chance = check_seed();
    make_model(4, 30, &chance);
    buffer payload = make_payload();
    for (uint64_t round = 0; round < 20000; round++) {
        table_index index;
        size_t at = check_random(&chance, payload.size);
        uint8_t kept = payload.data[at];
        payload.data[at] = (uint8_t)check_random(&chance, 256);
        if (table_index_open(slice_make(payload.data, payload.size), "x", 0, &index) == PYKV_OK) {
            for (size_t i = 0; i < spread.count; i++) {
                CHECK(table_index_find(&index, spread.separators[i]) <= index.block_count);
            }
            table_index_close(&index);
        }
        payload.data[at] = kept;
    }
    buffer_reset(&payload);
}

TEST(no_memory_is_reported)
{
    uint64_t chance = check_seed();
    make_model(0, 3, &chance);
    buffer payload = make_payload();
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, open_and_close(&payload));
    mem_fail_at(0, 0);
    buffer_reset(&payload);
}

TEST_MAIN(CASE(a_position_belongs_to_the_first_block_whose_separator_is_not_before_it),
          CASE(handles_and_separators_come_back),
          CASE(a_payload_cut_anywhere_or_longer_or_out_of_order_is_refused),
          CASE(a_block_of_impossible_sizes_is_refused),
          CASE(a_separator_longer_than_a_key_may_be_is_refused),
          CASE(a_payload_changed_at_random_is_refused_or_searched_within_its_bounds),
          CASE(no_memory_is_reported))
