/*
 * block_reader: a payload that breaks a rule of the format is refused, whatever the bytes are, and
 * one that does not is read as it stands.
 */
#include "block_fixture.h"

#include "base/coding.h"

enum { ENTRY_COUNT = 3, TAGS_AT = BLOCK_HEADER_BYTES, ENTRIES_AT = TAGS_AT + 2 * ENTRY_COUNT };

static void build(buffer *out)
{
    table_entry entries[ENTRY_COUNT] = {block_fixture_entry("apple", 9, "red"),
                                        block_fixture_entry("apple", 8, "green"),
                                        block_fixture_entry("apricot", 7, "")};
    block_fixture_build(entries, ENTRY_COUNT, 4, false, out);
}

/* What block_check says of the payload. */
static pykv_status check(const buffer *payload, uint32_t entry_count, size_t key_length_max)
{
    block *made = block_fixture_place(payload, entry_count);
    pykv_status status = block_check(made, key_length_max, "some/file", 77);
    mem_free(made);
    return status;
}

TEST(damage_is_reported_with_its_file_and_offset)
{
    buffer payload = BUFFER_EMPTY;
    build(&payload);
    CHECK_OK(check(&payload, ENTRY_COUNT, 7));
    payload.data[ENTRIES_AT] = 0;
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT, 7));
    CHECK_EQUAL(77, error_last()->offset);
    CHECK_EQUAL(0, strcmp("some/file", error_last()->path));
    buffer_reset(&payload);
}

TEST(a_field_out_of_its_range_is_refused)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{8, 2}, /* entry_count */
                   {8, 4},
                   {11, 1},
                   {12, 9}, /* sequence_width */
                   {12, 0},
                   {12, 2},
                   {13, 16}, /* group_shift */
                   {13, 0},  /* then the second entry is a head that shares */
                   {14, 1},  /* check_width */
                   {14, 4},
                   {15, 1},
                   {ENTRIES_AT, 0}, /* kind */
                   {ENTRIES_AT, 0x21},
                   {ENTRIES_AT, 0x11},  /* a deadline that shifts the rest */
                   {ENTRIES_AT + 1, 1}, /* shared, in a head */
                   {ENTRIES_AT + 2, 8}, /* suffix_length */
                   {ENTRIES_AT + 3, 0x83}};
    buffer payload = BUFFER_EMPTY;
    build(&payload);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t kept = payload.data[changes[i].at];
        payload.data[changes[i].at] = changes[i].value;
        if (check(&payload, ENTRY_COUNT, 7) != PYKV_CORRUPTION) {
            check_failed(__FILE__, __LINE__, "change %zu was taken", i);
        }
        payload.data[changes[i].at] = kept;
    }
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT, 6)); /* key_length_max */
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT - 1, 7));
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT + 1, 7));
    CHECK_OK(check(&payload, ENTRY_COUNT, 7));
    buffer_reset(&payload);
}

TEST(a_sequence_above_the_highest_is_refused)
{
    buffer payload = BUFFER_EMPTY;
    build(&payload);
    store_u64(payload.data, TABLE_SEQUENCE_MAX - 2);
    CHECK_OK(check(&payload, ENTRY_COUNT, 7));
    store_u64(payload.data, TABLE_SEQUENCE_MAX - 1);
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT, 7));
    store_u64(payload.data, UINT64_MAX);
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT, 7));
    buffer_reset(&payload);
}

/* A payload of two entries, the second of which begins start bytes behind the first. */
static void build_far(size_t start, buffer *out)
{
    static const uint8_t head[BLOCK_HEADER_BYTES + 2] = {[8] = 2};
    static const uint8_t last[] = {1, 0, 1, 0, 'b'};
    CHECK_OK(buffer_append(out, head, sizeof head));
    size_t value_bytes = start - 7;
    uint8_t lengths[] = {1,
                         0,
                         1,
                         (uint8_t)(value_bytes | 0x80),
                         (uint8_t)(value_bytes >> 7 | 0x80),
                         (uint8_t)(value_bytes >> 14),
                         'a'};
    CHECK_OK(buffer_append(out, lengths, sizeof lengths));
    CHECK_OK(buffer_append_zeros(out, value_bytes));
    CHECK_OK(buffer_append(out, last, sizeof last));
}

TEST(an_entry_that_begins_too_far_behind_is_refused)
{
    buffer payload = BUFFER_EMPTY;
    build_far(BLOCK_START_MAX, &payload);
    CHECK_OK(check(&payload, 2, 1));
    buffer_clear(&payload);
    build_far(BLOCK_START_MAX + 1, &payload);
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, 2, 1));
    buffer_reset(&payload);
}

TEST(a_deadline_of_zero_is_refused)
{
    buffer payload = BUFFER_EMPTY;
    table_entry entry = block_fixture_entry("a", 1, "");
    entry.deadline_us = 1;
    block_fixture_build(&entry, 1, 4, false, &payload);
    CHECK_OK(check(&payload, 1, 1));
    payload.data[BLOCK_HEADER_BYTES + 1 + 4] = 0;
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, 1, 1));
    buffer_reset(&payload);
}

TEST(a_payload_cut_anywhere_or_longer_is_refused)
{
    buffer payload = BUFFER_EMPTY;
    build(&payload);
    size_t whole = payload.size;
    for (payload.size = 0; payload.size < whole; payload.size++) {
        CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT, 7));
    }
    CHECK_OK(buffer_append_zeros(&payload, 1));
    CHECK_STATUS(PYKV_CORRUPTION, check(&payload, ENTRY_COUNT, 7));
    buffer_reset(&payload);
}

/* Reads all of a block that passed its check. */
static void read_all(const block *self)
{
    static uint8_t key[PYKV_KEY_BYTES_MAX];
    const uint8_t *end = self->payload + self->payload_bytes;
    for (uint32_t i = 0; i < self->entry_count; i++) {
        block_entry entry;
        block_read(self, i, &entry);
        CHECK(entry.shared + entry.suffix.size <= 7);
        CHECK(entry.value.data + entry.value.size <= end);
        CHECK(block_sequence(self, i) <= TABLE_SEQUENCE_MAX);
        block_entry_key(&entry, key);
    }
}

TEST(a_payload_changed_at_random_is_refused_or_read_within_its_bounds)
{
    uint64_t chance = check_seed();
    buffer payload = BUFFER_EMPTY;
    build(&payload);
    uint64_t refused = 0;
    for (uint64_t round = 0; round < 20000; round++) {
        block *made = block_fixture_place(&payload, ENTRY_COUNT);
        for (uint64_t changes = 1 + check_random(&chance, 3); changes > 0; changes--) {
            made->payload[check_random(&chance, payload.size)] =
                (uint8_t)check_random(&chance, 256);
        }
        if (block_check(made, 7, "x", 0) == PYKV_OK) {
            read_all(made);
        } else {
            refused++;
        }
        mem_free(made);
    }
    CHECK(refused > 1000 && refused < 19000);
    buffer_reset(&payload);
}

TEST(lengths_of_more_than_a_byte_are_read)
{
    static char key[PYKV_KEY_BYTES_MAX];
    static char value[100000];
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    table_entry entries[3] = {{.key = slice_make(key, 200), .sequence = 3, .kind = 15},
                              {.key = slice_make(key, 400),
                               .value = slice_make(value, 300),
                               .sequence = 2,
                               .deadline_us = 1,
                               .kind = 1},
                              {.key = slice_make(key, sizeof key),
                               .value = slice_make(value, sizeof value),
                               .sequence = 1,
                               .kind = 2}};
    block *made = block_fixture_make(entries, 3, 4, true);
    for (uint32_t i = 0; i < 3; i++) {
        block_fixture_check(made, i, &entries[i]);
    }
    mem_free(made);
}

TEST(a_copy_of_a_block_that_was_moved_needs_the_old_one_no_more)
{
    table_entry entries[ENTRY_COUNT] = {block_fixture_entry("apple", 9, "red"),
                                        block_fixture_entry("apple", 8, "green"),
                                        block_fixture_entry("apricot", 7, "")};
    for (int with_checks = 0; with_checks < 2; with_checks++) {
        block *made = block_fixture_make(entries, ENTRY_COUNT, 4, with_checks != 0);
        uint64_t bytes = block_memory_bytes(made->payload_bytes, ENTRY_COUNT);
        block *copy = mem_alloc_aligned(BLOCK_ALIGNMENT, bytes);
        CHECK(copy != NULL);
        memcpy(copy, made, bytes);
        block_moved((uint8_t *)copy, (const uint8_t *)made);
        memset(made, 0xdb, bytes);
        mem_free(made);
        for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
            block_fixture_check(copy, i, &entries[i]);
        }
        CHECK((uintptr_t)copy->tags - (uintptr_t)copy < bytes);
        CHECK((uintptr_t)copy->sequences - (uintptr_t)copy < bytes);
        CHECK(copy->checks == NULL || (uintptr_t)copy->checks - (uintptr_t)copy < bytes);
        mem_free(copy);
    }
}

TEST_MAIN(CASE(damage_is_reported_with_its_file_and_offset),
          CASE(a_field_out_of_its_range_is_refused), CASE(a_sequence_above_the_highest_is_refused),
          CASE(an_entry_that_begins_too_far_behind_is_refused), CASE(a_deadline_of_zero_is_refused),
          CASE(a_payload_cut_anywhere_or_longer_is_refused),
          CASE(a_payload_changed_at_random_is_refused_or_read_within_its_bounds),
          CASE(lengths_of_more_than_a_byte_are_read),
          CASE(a_copy_of_a_block_that_was_moved_needs_the_old_one_no_more))
