/*
 * keydir: lookups and single-slot writes against the model, and the contract of the sequence lock
 * as one thread sees it. Races are in keydir_race_test.c, growth in keydir_grow_test.c.
 */
#include "bitcask/keydir.h"
#include "bitcask/keydir_internal.h"
#include "bitcask/keydir_line.h"
#include "bitcask/keydir_model.h"

TEST(a_tag_of_n_bits_matches_iff_the_low_n_bits_of_the_hash_agree)
{
    uint64_t seed = check_seed();
    for (uint32_t n = 0; n <= KEYDIR_TAG_BITS_MAX; n++) {
        uint32_t low = (1U << n) - 1;
        for (uint32_t i = 0; i < 20000; i++) {
            uint32_t want = (uint32_t)keydir_model_mix(seed + i);
            uint32_t bits = (i & 1) != 0 ? want & low : (uint32_t)check_random(&seed, 1U << n);
            bits ^= (i & 2) != 0 && n > 0 ? 1U << check_random(&seed, n) : 0;
            uint64_t word = keydir_word(check_random(&seed, KEYDIR_ADDRESS_MAX), bits | 1U << n);
            CHECK_EQUAL(bits == (want & low), keydir_matches(word, want));
        }
    }
}

TEST(eight_slots_compared_at_once_agree_with_one_by_one)
{
    _Alignas(64) keydir_slot slots[KEYDIR_LINE_SLOTS];
    uint64_t seed = check_seed();
    uint64_t match_count = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t want = (uint32_t)keydir_model_mix(seed + i);
        for (uint32_t k = 0; k < KEYDIR_LINE_SLOTS; k++) {
            uint32_t marker = 1U << check_random(&seed, KEYDIR_TAG_BITS_MAX + 1);
            uint32_t bits = check_random(&seed, 2) != 0 ? want : (uint32_t)seed;
            uint32_t tag = check_random(&seed, 8) != 0 ? marker | (bits & (marker - 1)) : 0;
            atomic_init(&slots[k], keydir_word(check_random(&seed, KEYDIR_ADDRESS_MAX), tag));
        }
        uint32_t matches = keydir_match_line_portable(slots, want);
        CHECK_EQUAL(matches, keydir_match_line(slots, want));
        CHECK_EQUAL(keydir_vacant_line_portable(slots), keydir_vacant_line(slots));
        match_count += (uint64_t)__builtin_popcount(matches);
    }
    CHECK(match_count > 100000 && match_count < 700000);
}

TEST(an_empty_or_deleted_slot_matches_no_hash)
{
    uint32_t wants[] = {0, 1, 0x400, 0xFFFFFF, 0x1000000, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        CHECK(!keydir_matches(KEYDIR_EMPTY, wants[i]));
        CHECK(!keydir_matches(KEYDIR_DELETED, wants[i]));
        CHECK(!keydir_matches(keydir_word(KEYDIR_ADDRESS_MAX, 0), wants[i]));
    }
}

TEST(a_full_tag_keeps_23_bits_under_the_marker)
{
    CHECK_EQUAL(0x800000, keydir_full_tag(0));
    CHECK_EQUAL(0xFFFFFF, keydir_full_tag(UINT64_MAX));
    CHECK_EQUAL(0x800001, keydir_full_tag(0xFF000001));
}

TEST(a_shape_places_a_hash_by_one_bit_more_below_the_split_index)
{
    uint64_t shape = 2 << 8 | 2; /* four buckets of which 0 and 1 were split: six */
    uint64_t wanted[] = {0, 1, 2, 3, 4, 5, 2, 3};
    uint32_t depths[] = {3, 3, 2, 2, 3, 3, 2, 2};
    for (uint64_t hash = 0; hash < 8; hash++) {
        keydir_place place = keydir_locate(shape, hash | 0xAB00);
        CHECK_EQUAL(wanted[hash], place.bucket_index);
        CHECK_EQUAL(depths[hash], place.depth);
        CHECK_EQUAL((hash | 0xAB00) >> depths[hash], place.want);
    }
}

TEST(an_empty_directory_finds_nothing_and_is_small)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 16);
    keydir_model_check(&model, true);
    CHECK(keydir_bytes(model.directory) < 32 * 1024);
    keydir_model_close(&model);
}

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
        CHECK(keydir_check(directory, NULL, NULL, text, sizeof text));
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
        CHECK_OK(keydir_model_put(&model, key));
    }
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

TEST_MAIN(CASE(a_tag_of_n_bits_matches_iff_the_low_n_bits_of_the_hash_agree),
          CASE(eight_slots_compared_at_once_agree_with_one_by_one),
          CASE(an_empty_or_deleted_slot_matches_no_hash),
          CASE(a_full_tag_keeps_23_bits_under_the_marker),
          CASE(a_shape_places_a_hash_by_one_bit_more_below_the_split_index),
          CASE(an_empty_directory_finds_nothing_and_is_small),
          CASE(insert_replace_and_remove_are_seen_by_the_next_lookup),
          CASE(the_largest_address_is_kept), CASE(a_walk_gives_every_key_of_one_hash_once),
          CASE(a_reader_is_refused_while_a_change_runs_and_a_writer_is_not),
          CASE(a_walk_holds_through_single_writes_and_not_through_a_change),
          CASE(a_candidate_removed_during_the_walk_is_not_given),
          CASE(a_removal_cuts_off_no_entry_of_a_later_line),
          CASE(a_bucket_without_a_free_slot_refuses_an_insert_and_still_ends_its_walks),
          CASE(prefetching_changes_nothing))
