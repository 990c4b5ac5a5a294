/*
 * undo: which displaced addresses a scan still shows, and what pruning drops.
 */
#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/undo.h"

static undo_table table;

TEST(a_scan_shows_an_address_displaced_at_its_generation_or_later)
{
    undo_init(&table);
    CHECK(!undo_shows(&table, 7, 100, 0));
    CHECK_OK(undo_reserve(&table, 2));
    undo_add(&table, 7, 100, 5);
    undo_add(&table, 9, 0, 6);
    for (uint64_t generation = 0; generation < 10; generation++) {
        CHECK_EQUAL(generation <= 5, undo_shows(&table, 7, 100, generation));
        CHECK_EQUAL(generation <= 6, undo_shows(&table, 9, 0, generation));
    }
    CHECK(!undo_shows(&table, 7, 99, 5));
    CHECK(!undo_shows(&table, 7, 101, 5));
    undo_destroy(&table);
}

TEST(entries_of_one_hash_are_all_kept_while_the_table_grows)
{
    undo_init(&table);
    CHECK_EQUAL(0, undo_bytes(&table));
    for (uint64_t i = 0; i < 2000; i++) {
        CHECK_OK(undo_reserve(&table, 1));
        undo_add(&table, 42, i * 3, i);
    }
    CHECK(undo_bytes(&table) >= 2 * 2000 * sizeof(undo_entry));
    for (uint64_t i = 0; i < 2000; i++) {
        CHECK(undo_shows(&table, 42, i * 3, i));
        CHECK(!undo_shows(&table, 42, i * 3, i + 1));
        CHECK(!undo_shows(&table, 42, i * 3 + 1, 0));
    }
    undo_destroy(&table);
}

TEST(room_that_was_reserved_holds_as_many_entries_without_growing)
{
    undo_init(&table);
    CHECK_OK(undo_reserve(&table, 5000));
    uint64_t bytes = undo_bytes(&table);
    for (uint64_t i = 0; i < 5000; i++) {
        undo_add(&table, i, i, 1);
    }
    CHECK_EQUAL(bytes, undo_bytes(&table));
    CHECK(undo_shows(&table, 0, 0, 1));
    CHECK(undo_shows(&table, 4999, 4999, 1));
    undo_destroy(&table);
}

/* Needed are entries of the generation that context points to, or later. */
static bool is_late(const void *context, uint64_t address, uint64_t generation)
{
    CHECK_EQUAL(address, generation);
    return generation >= *(const uint64_t *)context;
}

TEST(pruning_drops_exactly_what_is_not_needed)
{
    undo_init(&table);
    CHECK_OK(undo_reserve(&table, 100));
    for (uint64_t i = 0; i < 100; i++) {
        undo_add(&table, i % 3, i, i);
    }
    uint64_t oldest = 60;
    CHECK(!undo_has_grown(&table));
    undo_prune(&table, is_late, &oldest);
    CHECK_EQUAL(40, table.count);
    for (uint64_t i = 0; i < 100; i++) {
        CHECK_EQUAL(i >= 60, undo_shows(&table, i % 3, i, 0));
    }
    undo_prune(&table, NULL, NULL);
    CHECK_EQUAL(0, undo_bytes(&table));
    CHECK(!undo_shows(&table, 0, 99, 0));
    CHECK_OK(undo_reserve(&table, 1));
    undo_add(&table, 0, 99, 3);
    CHECK(undo_shows(&table, 0, 99, 3));
    undo_destroy(&table);
}

TEST(another_pruning_pays_when_there_are_twice_as_many_entries)
{
    uint64_t oldest = 0;
    undo_init(&table);
    CHECK_OK(undo_reserve(&table, 1000));
    for (uint64_t i = 0; i < 1000; i++) {
        undo_add(&table, i, i, i);
    }
    CHECK(undo_has_grown(&table));
    undo_prune(&table, is_late, &oldest);
    CHECK(!undo_has_grown(&table));
    CHECK_OK(undo_reserve(&table, 2000));
    uint64_t added = 1000;
    while (!undo_has_grown(&table)) {
        undo_add(&table, added, added, added);
        added++;
    }
    CHECK(added >= 2000 && added < 2500);
    undo_destroy(&table);
}

TEST(without_memory_no_room_is_made_and_no_entry_is_lost)
{
    undo_init(&table);
    CHECK_OK(undo_reserve(&table, 1));
    undo_add(&table, 1, 4, 4);
    uint64_t oldest = 9;
    mem_fail_at(1, 0);
    pykv_status status = undo_reserve(&table, 100000);
    mem_fail_at(1, 0);
    undo_prune(&table, is_late, &oldest);
    mem_fail_at(0, 0);
    CHECK_EQUAL(PYKV_NO_MEMORY, status);
    CHECK(undo_shows(&table, 1, 4, 4));
    undo_destroy(&table);
}

TEST_MAIN(CASE(a_scan_shows_an_address_displaced_at_its_generation_or_later),
          CASE(entries_of_one_hash_are_all_kept_while_the_table_grows),
          CASE(room_that_was_reserved_holds_as_many_entries_without_growing),
          CASE(pruning_drops_exactly_what_is_not_needed),
          CASE(another_pruning_pays_when_there_are_twice_as_many_entries),
          CASE(without_memory_no_room_is_made_and_no_entry_is_lost))
