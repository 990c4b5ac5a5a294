/*
 * block_builder: what goes in comes out, whatever its lengths, and a block is as small as promised.
 */
#include "block_fixture.h"

enum { ENTRY_COUNT = 5 };

static const char *const keys[ENTRY_COUNT] = {"", "path/a", "path/a/b", "path/c", "zoo"};

static void make_entries(table_entry *entries)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        entries[i] = block_fixture_entry(keys[i], 100 + i * i, i % 2 == 0 ? "value" : "");
        entries[i].kind = (uint8_t)(1 + i);
        entries[i].deadline_us = i == 3 ? UINT64_MAX : 0;
    }
}

TEST(entries_come_back_with_groups_of_any_size_and_with_checks_or_without)
{
    table_entry entries[ENTRY_COUNT];
    make_entries(entries);
    for (uint8_t shift = 0; shift <= BLOCK_GROUP_SHIFT_MAX; shift++) {
        for (int keeps = 0; keeps < 2; keeps++) {
            block *made = block_fixture_make(entries, ENTRY_COUNT, shift, keeps != 0);
            for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
                block_fixture_check(made, i, &entries[i]);
                CHECK_EQUAL(keeps != 0 ? entries[i].body_crc : 0, block_body_crc(made, i));
            }
            mem_free(made);
        }
    }
}

TEST(an_entry_leaves_out_what_it_shares_with_the_head_of_its_group)
{
    table_entry entries[2] = {block_fixture_entry("path/to/a", 1, ""),
                              block_fixture_entry("path/to/b", 1, "")};
    buffer whole = BUFFER_EMPTY;
    buffer shared = BUFFER_EMPTY;
    block_fixture_build(entries, 2, 0, false, &whole);
    block_fixture_build(entries, 2, 1, false, &shared);
    CHECK_EQUAL(strlen("path/to/"), whole.size - shared.size);
    buffer_reset(&whole);
    buffer_reset(&shared);
}

TEST(sequences_take_as_many_bytes_as_their_spread_needs)
{
    static const uint64_t spreads[] = {0,     1,       255,        256,        65535,
                                       65536, 1 << 24, 0xffffffff, 1ULL << 32, TABLE_SEQUENCE_MAX};
    static const size_t widths[] = {0, 1, 1, 2, 2, 3, 4, 4, 5, 8};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        uint64_t base = i == 9 ? 0 : 1000000;
        table_entry entries[2] = {block_fixture_entry("a", base + spreads[i], ""),
                                  block_fixture_entry("b", base, "")};
        block *made = block_fixture_make(entries, 2, 4, false);
        CHECK_EQUAL(widths[i], made->sequence_width);
        block_fixture_check(made, 0, &entries[0]);
        block_fixture_check(made, 1, &entries[1]);
        mem_free(made);
    }
}

TEST(a_block_is_full_once_the_next_entry_would_begin_too_far_behind)
{
    static char value[BLOCK_START_MAX + 1];
    block_builder builder;
    buffer out = BUFFER_EMPTY;
    block_builder_init(&builder, 4, false);
    table_entry entry = block_fixture_entry("a", 1, "");
    entry.value = slice_make(value, BLOCK_START_MAX - 7);
    CHECK_OK(block_builder_add(&builder, &entry, 0));
    CHECK(!block_builder_is_full(&builder));
    block_builder_clear(&builder);
    entry.value.size++;
    CHECK_OK(block_builder_add(&builder, &entry, 0));
    CHECK(block_builder_is_full(&builder));
    CHECK_OK(block_builder_finish(&builder, &out));
    CHECK(!block_builder_is_full(&builder));
    CHECK_EQUAL(0, builder.count);
    buffer_reset(&out);
    block_builder_reset(&builder);
}

TEST(every_allocation_that_fails_is_reported_and_nothing_is_lost)
{
    int64_t blocks = mem_block_count();
    table_entry entries[ENTRY_COUNT];
    make_entries(entries);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        block_builder builder;
        buffer out = BUFFER_EMPTY;
        block_builder_init(&builder, 1, true);
        mem_fail_at(at, 0);
        status = PYKV_OK;
        for (size_t i = 0; i < ENTRY_COUNT && status == PYKV_OK; i++) {
            status = block_builder_add(&builder, &entries[i], 7);
        }
        if (status == PYKV_OK) {
            status = block_builder_finish(&builder, &out);
        }
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK(at > 1 || status == PYKV_NO_MEMORY);
        block_builder_reset(&builder);
        buffer_reset(&out);
    }
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST_MAIN(CASE(entries_come_back_with_groups_of_any_size_and_with_checks_or_without),
          CASE(an_entry_leaves_out_what_it_shares_with_the_head_of_its_group),
          CASE(sequences_take_as_many_bytes_as_their_spread_needs),
          CASE(a_block_is_full_once_the_next_entry_would_begin_too_far_behind),
          CASE(every_allocation_that_fails_is_reported_and_nothing_is_lost))
