/*
 * keydir: lookups and single-slot writes against the model, and the contract of the sequence lock
 * as one thread sees it. Races are in keydir_race_test.c, growth in keydir_grow_test.c.
 */
#include "bitcask/keydir.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_moment.h"

TEST(insert_replace_and_remove_are_seen_by_the_next_lookup)
{
    keydir_model model;
    keydir_cursor cursor;
    keydir_model_open(&model, keydir_model_mix, 16);
    CHECK_OK(keydir_model_put(&model, 3));
    keydir_model_get(&model, 3);
    uint64_t first = model.address_of[3];
    CHECK_OK(keydir_model_put(&model, 3));
    CHECK(model.address_of[3] != first);
    keydir_model_get(&model, 3);
    CHECK_EQUAL(1, keydir_count(model.directory));
    keydir_model_delete(&model, 3);
    CHECK(!keydir_model_find(&model, 3, &cursor));
    CHECK_EQUAL(0, keydir_count(model.directory));
    keydir_model_close(&model);
}

TEST(the_largest_address_is_kept)
{
    keydir *directory;
    keydir_cursor cursor;
    CHECK_OK(keydir_new(&directory));
    CHECK_OK(keydir_prepare(directory, UINT64_MAX, keydir_model_rehash, NULL));
    CHECK(keydir_insert(directory, UINT64_MAX, KEYDIR_ADDRESS_MAX));
    CHECK(keydir_find(directory, UINT64_MAX, &cursor));
    CHECK(keydir_next(&cursor));
    CHECK_EQUAL(KEYDIR_ADDRESS_MAX, cursor.address);
    CHECK(!keydir_next(&cursor));
    keydir_free(directory);
}

TEST(a_walk_gives_every_key_of_one_hash_once)
{
    keydir *directory;
    keydir_cursor cursor;
    uint64_t seen = 0;
    CHECK_OK(keydir_new(&directory));
    for (uint64_t i = 0; i < 60; i++) {
        CHECK_OK(keydir_prepare(directory, 77, keydir_model_rehash, NULL));
        CHECK(keydir_insert(directory, 77, i));
    }
    CHECK(keydir_find(directory, 77, &cursor));
    while (keydir_next(&cursor)) {
        CHECK((seen >> cursor.address & 1) == 0);
        seen |= UINT64_C(1) << cursor.address;
    }
    CHECK_EQUAL((UINT64_C(1) << 60) - 1, seen);
    keydir_free(directory);
}

TEST(a_reader_is_refused_while_a_change_runs_and_a_writer_is_not)
{
    keydir *directory;
    keydir_cursor cursor;
    CHECK_OK(keydir_new(&directory));
    CHECK_OK(keydir_prepare(directory, 5, keydir_model_rehash, NULL));
    keydir_change_begin(directory);
    keydir_change_begin(directory);
    CHECK(!keydir_find(directory, 5, &cursor));
    CHECK(keydir_insert(directory, 5, 9));
    keydir_change_end(directory);
    CHECK(!keydir_find(directory, 5, &cursor));
    keydir_find_locked(directory, 5, &cursor);
    CHECK(keydir_next(&cursor));
    CHECK_EQUAL(9, cursor.address);
    keydir_change_end(directory);
    CHECK(keydir_find(directory, 5, &cursor));
    keydir_free(directory);
}

TEST(a_walk_holds_through_single_writes_and_not_through_a_change)
{
    keydir *directory;
    keydir_cursor cursor;
    CHECK_OK(keydir_new(&directory));
    CHECK_OK(keydir_prepare(directory, 5, keydir_model_rehash, NULL));
    CHECK(keydir_find(directory, 5, &cursor));
    CHECK(keydir_insert(directory, 5, 9));
    CHECK(keydir_still(&cursor));
    uint32_t moment = keydir_moment(directory);
    keydir_change_begin(directory);
    CHECK(!keydir_still(&cursor));
    keydir_change_end(directory);
    CHECK(!keydir_still(&cursor));
    CHECK(keydir_moment(directory) > moment);
    CHECK(keydir_find(directory, 5, &cursor));
    CHECK(keydir_still(&cursor));
    keydir_free(directory);
}

TEST(a_candidate_removed_during_the_walk_is_not_given)
{
    keydir *directory;
    keydir_cursor reader;
    keydir_cursor writer;
    CHECK_OK(keydir_new(&directory));
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_OK(keydir_prepare(directory, 8, keydir_model_rehash, NULL));
        CHECK(keydir_insert(directory, 8, i));
    }
    CHECK(keydir_find(directory, 8, &reader));
    keydir_find_locked(directory, 8, &writer);
    CHECK(keydir_next(&writer) && keydir_next(&writer));
    keydir_remove(directory, &writer);
    CHECK(keydir_next(&reader));
    CHECK_EQUAL(0, reader.address);
    CHECK(keydir_next(&reader));
    CHECK_EQUAL(2, reader.address);
    CHECK(!keydir_next(&reader));
    keydir_free(directory);
}

/* A removal that emptied the slot of a line which an insert had passed would cut off the entries
 * behind it: 20 keys of one home line fill two lines and a half. */
TEST(a_removal_cuts_off_no_entry_of_a_later_line)
{
    for (uint64_t removed = 0; removed < 20; removed++) {
        keydir *directory;
        keydir_cursor cursor;
        CHECK_OK(keydir_new(&directory));
        for (uint64_t i = 0; i < 20; i++) {
            CHECK_OK(keydir_prepare(directory, 8, keydir_model_rehash, NULL));
            CHECK(keydir_insert(directory, 8, i));
        }
        keydir_find_locked(directory, 8, &cursor);
        while (keydir_next(&cursor) && cursor.address != removed) {
        }
        keydir_remove(directory, &cursor);
        uint64_t left = 0;
        char text[256] = "";
        CHECK(keydir_find(directory, 8, &cursor));
        while (keydir_next(&cursor)) {
            left++;
        }
        CHECK_EQUAL(19, left);
        CHECK_OK(keydir_check(directory, NULL, NULL, text, sizeof text));
        keydir_free(directory);
    }
}

TEST(a_bucket_without_a_free_slot_refuses_an_insert_and_still_ends_its_walks)
{
    keydir *directory;
    keydir_cursor cursor;
    CHECK_OK(keydir_new(&directory));
    for (uint64_t i = 0; i < KEYDIR_UNIT_SLOTS; i++) {
        CHECK(keydir_insert(directory, 8, i));
    }
    CHECK(!keydir_insert(directory, 8, 1));
    CHECK_EQUAL(KEYDIR_UNIT_SLOTS, keydir_count(directory));
    CHECK(keydir_find(directory, 9, &cursor));
    CHECK(!keydir_next(&cursor));
    CHECK(keydir_find(directory, 8, &cursor));
    for (uint64_t i = 0; i < KEYDIR_UNIT_SLOTS; i++) {
        CHECK(keydir_next(&cursor));
    }
    CHECK(!keydir_next(&cursor));
    keydir_free(directory);
}

TEST(prefetching_changes_nothing)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 3000);
    for (uint64_t key = 0; key < 3000; key++) {
        keydir_prefetch_bucket(model.directory, model.hash(key));
        keydir_prefetch_line(model.directory, model.hash(key));
        keydir_prefetch_lines(model.directory, model.hash(key));
        CHECK_OK(keydir_model_put(&model, key));
    }
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

TEST_MAIN(CASE(insert_replace_and_remove_are_seen_by_the_next_lookup),
          CASE(the_largest_address_is_kept), CASE(a_walk_gives_every_key_of_one_hash_once),
          CASE(a_reader_is_refused_while_a_change_runs_and_a_writer_is_not),
          CASE(a_walk_holds_through_single_writes_and_not_through_a_change),
          CASE(a_candidate_removed_during_the_walk_is_not_given),
          CASE(a_removal_cuts_off_no_entry_of_a_later_line),
          CASE(a_bucket_without_a_free_slot_refuses_an_insert_and_still_ends_its_walks),
          CASE(prefetching_changes_nothing))
