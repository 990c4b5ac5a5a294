/*
 * index_builder: a separator is not before the last entry of a block, is before the first of the
 * next, and is as short as it can be.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/memory.h"
#include "table/index_builder.h"

static table_position at(const char *key, uint64_t sequence)
{
    return table_position_make(slice_make(key, strlen(key)), sequence);
}

/* Checks the separator between two positions: where it stands, and how long it is. */
static void check(table_position last, table_position next, size_t size)
{
    table_position separator = index_separator(last, next);
    CHECK(table_position_compare(last, separator) <= 0);
    CHECK(table_position_compare(separator, next) < 0);
    CHECK_EQUAL(size, separator.key.size);
}

TEST(a_separator_is_as_short_as_it_can_be)
{
    check(at("apple", 1), at("banana", 1), 1);
    check(at("path/a/file", 1), at("path/b/file", 1), 6);
    check(at("", 1), at("a", TABLE_SEQUENCE_MAX), 1);
    check(at("a", 1), at("ab", 1), 2);
    check(at("a", 1), at("abc", 1), 2);
}

TEST(versions_of_one_key_are_separated_by_their_sequences)
{
    check(at("key", 9), at("key", 8), 3);
    check(at("key", TABLE_SEQUENCE_MAX), at("key", 0), 3);
    check(at("", 9), at("", 8), 0);
}

TEST(a_separator_leaves_out_what_it_shares_with_the_one_before)
{
    index_builder builder = INDEX_BUILDER_EMPTY;
    index_entry entry = {100, 100, 3};
    buffer out = BUFFER_EMPTY;
    CHECK_OK(index_builder_add(&builder, &entry, at("path/a", UINT64_MAX)));
    size_t first = builder.entries.size;
    CHECK_OK(index_builder_add(&builder, &entry, at("path/bcd", UINT64_MAX)));
    CHECK_EQUAL(6 + 6, first);
    CHECK_EQUAL(6 + 3, builder.entries.size - first);
    CHECK_OK(index_builder_finish(&builder, &out));
    CHECK_EQUAL(2, load_u32(out.data));
    CHECK_EQUAL(4 + builder.entries.size, out.size);
    buffer_reset(&out);
    index_builder_reset(&builder);
}

TEST(no_memory_is_reported)
{
    int64_t blocks = mem_block_count();
    index_entry entry = {100, 100, 3};
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        index_builder builder = INDEX_BUILDER_EMPTY;
        buffer out = BUFFER_EMPTY;
        mem_fail_at(k, 0);
        status = index_builder_add(&builder, &entry, at("a", 1));
        if (status == PYKV_OK) {
            status = index_builder_finish(&builder, &out);
        }
        mem_fail_at(0, 0);
        CHECK(status == PYKV_NO_MEMORY || (status == PYKV_OK && k > 3));
        index_builder_reset(&builder);
        buffer_reset(&out);
    }
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST_MAIN(CASE(a_separator_is_as_short_as_it_can_be),
          CASE(versions_of_one_key_are_separated_by_their_sequences),
          CASE(a_separator_leaves_out_what_it_shares_with_the_one_before),
          CASE(no_memory_is_reported))
