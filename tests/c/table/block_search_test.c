/*
 * block_search: finds by tag what is there and nothing else, whatever the tags are; a seek agrees
 * with the order.
 */
#include "block_fixture.h"

#include "table/block_search.h"
#include "table/table_format.h"

enum { VERSION_COUNT = 40, KEY_COUNT = 12, ENTRY_COUNT = VERSION_COUNT + KEY_COUNT };

static char names[KEY_COUNT][8];

/* Keys of two letters, one of which, "f", has many versions: sequences 1000, 990, ... */
static size_t make_entries(table_entry *entries)
{
    size_t count = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%c", (char)('a' + i));
        size_t versions = i == 5 ? VERSION_COUNT : 1;
        for (size_t version = 0; version < versions; version++) {
            entries[count++] = block_fixture_entry(names[i], 1000 - 10 * version, "v");
        }
    }
    return count;
}

static table_position at(const char *key, uint64_t sequence)
{
    return table_position_make(slice_make(key, strlen(key)), sequence);
}

TEST(the_newest_version_that_is_not_newer_than_the_position_is_found)
{
    table_entry entries[ENTRY_COUNT];
    size_t count = make_entries(entries);
    block *made = block_fixture_make(entries, count, 3, false);
    for (uint64_t sequence = 500; sequence < 1100; sequence++) {
        table_position position = at("f", sequence);
        uint32_t index = 0;
        block_entry entry;
        bool found = block_find(made, position, block_fixture_hash(position.key), &index, &entry);
        CHECK_EQUAL(sequence >= 610, found);
        if (found) {
            uint64_t wanted = sequence >= 1000 ? 1000 : sequence / 10 * 10;
            CHECK_EQUAL(wanted, block_sequence(made, index));
            CHECK_EQUAL(1, entry.value.size);
        }
    }
    mem_free(made);
}

TEST(a_search_from_the_place_that_was_fetched_finds_the_same)
{
    table_entry entries[ENTRY_COUNT];
    size_t count = make_entries(entries);
    block *made = block_fixture_make(entries, count, 3, false);
    static const char *const others[] = {"aa", "zz", "fa", "0", "1", "2"};
    for (size_t i = 0; i < count + sizeof others / sizeof others[0]; i++) {
        slice key = i < count ? entries[i].key : slice_make(others[i - count], 1);
        table_position position = table_position_make(key, i < count ? entries[i].sequence : 1);
        uint64_t hash = block_fixture_hash(key);
        uint32_t index = 0;
        uint32_t same = 0;
        block_entry entry;
        bool found = block_find(made, position, hash, &index, &entry);
        uint32_t first = block_fetch(made, hash);
        CHECK(first == made->entry_count || made->tags[first] == table_tag(hash));
        CHECK_EQUAL(found, block_find_fetched(made, first, &position, hash, &same, &entry));
        CHECK_EQUAL(index, same);
        CHECK(i >= count || found);
    }
    mem_free(made);
}

TEST(a_key_that_is_absent_is_not_found_even_under_the_tag_of_one_that_is_there)
{
    table_entry entries[ENTRY_COUNT];
    size_t count = make_entries(entries);
    block *made = block_fixture_make(entries, count, 3, false);
    static const char *const absent[] = {"", "aa", "A", "ff", "fa", "z"};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof absent / sizeof absent[0]; k++) {
            uint32_t index;
            block_entry entry;
            CHECK(!block_find(made, at(absent[k], UINT64_MAX), block_fixture_hash(entries[i].key),
                              &index, &entry));
        }
    }
    mem_free(made);
}

/* The trick that compares eight tags at once takes a byte of one above an equal byte for equal. */
TEST(every_key_is_found_among_tags_one_apart)
{
    table_entry entries[256];
    static char keys[256][4];
    block_builder builder;
    buffer payload = BUFFER_EMPTY;
    block_builder_init(&builder, 4, false);
    uint64_t inverse = UINT64_C(0xf1de83e19937733d); /* of the multiplier of tags, modulo 2^64 */
    CHECK_EQUAL(1, inverse * UINT64_C(0x9e3779b97f4a7c15));
    for (unsigned i = 0; i < 256; i++) {
        snprintf(keys[i], sizeof keys[i], "%03u", i);
        entries[i] = block_fixture_entry(keys[i], 1, "");
        CHECK_OK(block_builder_add(&builder, &entries[i], ((uint64_t)(i ^ 1) << 56) * inverse));
    }
    CHECK_OK(block_builder_finish(&builder, &payload));
    block *made = block_fixture_place(&payload, 256);
    CHECK_OK(block_check(made, 3, "x", 0));
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t index = UINT32_MAX;
        block_entry entry;
        CHECK_EQUAL(i ^ 1, made->tags[i]);
        CHECK(
            block_find(made, at(keys[i], 1), ((uint64_t)(i ^ 1) << 56) * inverse, &index, &entry));
        CHECK_EQUAL(i, index);
        CHECK(
            !block_find(made, at(keys[i], 0), ((uint64_t)(i ^ 1) << 56) * inverse, &index, &entry));
    }
    mem_free(made);
    buffer_reset(&payload);
    block_builder_reset(&builder);
}

TEST(a_seek_gives_the_first_entry_that_is_not_before_the_position)
{
    static const char *const keys[] = {"", "a", "aa", "e", "f", "fa", "g", "l", "m"};
    table_entry entries[ENTRY_COUNT];
    size_t count = make_entries(entries);
    for (uint8_t shift = 0; shift < 8; shift++) {
        block *made = block_fixture_make(entries, count, shift, false);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            for (uint64_t sequence = 600; sequence < 1010; sequence += 5) {
                table_position position = at(keys[k], sequence);
                uint32_t wanted = 0;
                while (wanted < count &&
                       table_position_compare(
                           table_position_make(entries[wanted].key, entries[wanted].sequence),
                           position) < 0) {
                    wanted++;
                }
                CHECK_EQUAL(wanted, block_seek(made, position));
            }
        }
        mem_free(made);
    }
}

TEST_MAIN(CASE(the_newest_version_that_is_not_newer_than_the_position_is_found),
          CASE(a_search_from_the_place_that_was_fetched_finds_the_same),
          CASE(a_key_that_is_absent_is_not_found_even_under_the_tag_of_one_that_is_there),
          CASE(every_key_is_found_among_tags_one_apart),
          CASE(a_seek_gives_the_first_entry_that_is_not_before_the_position))
