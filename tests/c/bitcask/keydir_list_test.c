/*
 * keydir_list_test: a directory lists every address that it leads to, and no other.
 */
#include "bitcask/keydir_list.h"
#include "bitcask/keydir_model.h"

enum { KEYS = 20000 };

/* What was listed, a count for each address up to limit. */
static void expect_listed(const keydir *directory, uint64_t from, uint64_t limit)
{
    static uint8_t seen[KEYS];
    buffer addresses = BUFFER_EMPTY;
    memset(seen, 0, sizeof seen);
    CHECK_OK(keydir_list(directory, &addresses));
    CHECK_EQUAL((limit - from) * sizeof(uint64_t), addresses.size);
    for (size_t at = 0; at < addresses.size; at += sizeof(uint64_t)) {
        uint64_t address;
        memcpy(&address, addresses.data + at, sizeof address);
        CHECK(address >= from && address < limit);
        CHECK_EQUAL(0, seen[address]++);
    }
    buffer_reset(&addresses);
}

TEST(every_address_is_listed_once_while_a_directory_grows_and_shrinks)
{
    keydir *directory;
    CHECK_OK(keydir_new(&directory));
    expect_listed(directory, 0, 0);
    for (uint64_t i = 0; i < KEYS; i++) {
        CHECK_OK(keydir_prepare(directory, keydir_model_mix(i), NULL, NULL));
        CHECK(keydir_insert(directory, keydir_model_mix(i), i));
        if (i % 4999 == 0) {
            expect_listed(directory, 0, i + 1);
        }
    }
    for (uint64_t i = 0; i < KEYS; i++) {
        keydir_cursor cursor;
        keydir_find_locked(directory, keydir_model_mix(i), &cursor);
        CHECK(keydir_next_to(&cursor, i));
        keydir_remove(directory, &cursor);
        if (i % 4999 == 0) {
            expect_listed(directory, i + 1, KEYS);
        }
    }
    expect_listed(directory, KEYS, KEYS);
    keydir_free(directory);
}

TEST(without_memory_it_says_so)
{
    keydir *directory;
    buffer addresses = BUFFER_EMPTY;
    CHECK_OK(keydir_new(&directory));
    CHECK_OK(keydir_prepare(directory, 1, NULL, NULL));
    CHECK(keydir_insert(directory, 1, 7));
    (void)mem_fail_at(1, false);
    CHECK_STATUS(PYKV_NO_MEMORY, keydir_list(directory, &addresses));
    (void)mem_fail_at(0, false);
    buffer_reset(&addresses);
    keydir_free(directory);
}

TEST_MAIN(CASE(every_address_is_listed_once_while_a_directory_grows_and_shrinks),
          CASE(without_memory_it_says_so))
