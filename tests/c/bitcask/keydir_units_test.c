/*
 * keydir_units_test: units taken and given back, and entries laid out by their tags.
 */
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/keydir_units.h"

enum { KEYS = 100 };

static keydir *filled(void)
{
    keydir *directory;
    CHECK_OK(keydir_new(&directory));
    for (uint64_t i = 0; i < KEYS; i++) {
        CHECK_OK(keydir_prepare(directory, keydir_model_mix(i), NULL, NULL));
        CHECK(keydir_insert(directory, keydir_model_mix(i), i));
    }
    return directory;
}

static void expect_all(const keydir *directory)
{
    char text[256] = "";
    for (uint64_t i = 0; i < KEYS; i++) {
        keydir_cursor cursor;
        keydir_find_locked(directory, keydir_model_mix(i), &cursor);
        CHECK(keydir_next_to(&cursor, i));
    }
    CHECK_OK(keydir_check(directory, NULL, NULL, text, sizeof text));
}

TEST(a_bucket_keeps_its_entries_with_more_units_and_with_fewer)
{
    keydir *directory = filled();
    keydir_bucket *bucket = keydir_bucket_at(directory, 0);
    for (uint32_t unit_count = 3; unit_count > 0; unit_count--) {
        uint16_t layouts = bucket->layout_count;
        CHECK_OK(keydir_resize_bucket(directory, bucket, unit_count));
        CHECK_EQUAL(unit_count, keydir_unit_count(bucket));
        CHECK_EQUAL(KEYS, bucket->used);
        CHECK_EQUAL(layouts + 1, bucket->layout_count);
        expect_all(directory);
    }
    keydir_free(directory);
}

TEST(a_bucket_gets_the_units_that_its_entries_need_whatever_is_asked_for)
{
    keydir *directory = filled();
    keydir_bucket *bucket = keydir_bucket_at(directory, 0);
    CHECK_OK(keydir_resize_bucket(directory, bucket, 0));
    CHECK_EQUAL(1, keydir_unit_count(bucket));
    expect_all(directory);
    CHECK_EQUAL(1, keydir_units_for(0, KEYDIR_UNIT_SLOTS));
    CHECK_EQUAL(2, keydir_units_for(KEYDIR_UNIT_SLOTS + 1, KEYDIR_UNIT_SLOTS));
    CHECK_EQUAL(KEYDIR_BUCKET_UNITS_MAX, keydir_units_for(UINT16_MAX, 1));
    keydir_free(directory);
}

TEST(units_that_were_given_back_are_taken_again_before_others)
{
    keydir *directory = filled();
    keydir_bucket *bucket = keydir_bucket_at(directory, 0);
    CHECK_OK(keydir_resize_bucket(directory, bucket, 3));
    uint32_t third = bucket->unit_numbers[2];
    CHECK_OK(keydir_resize_bucket(directory, bucket, 2));
    CHECK_EQUAL(third, directory->free_first);
    CHECK_OK(keydir_resize_bucket(directory, bucket, 3));
    CHECK_EQUAL(third, bucket->unit_numbers[2]);
    expect_all(directory);
    keydir_free(directory);
}

TEST(what_was_reserved_needs_no_memory)
{
    keydir *directory = filled();
    keydir_bucket *bucket = keydir_bucket_at(directory, 0);
    CHECK_OK(keydir_reserve_units(directory, 8));
    (void)mem_fail_at(1, true);
    CHECK_OK(keydir_resize_bucket(directory, bucket, keydir_unit_count(bucket) + 8));
    CHECK_EQUAL(PYKV_NO_MEMORY, keydir_reserve_units(directory, 1000));
    (void)mem_fail_at(0, false);
    expect_all(directory);
    keydir_free(directory);
}

TEST(a_bucket_is_full_at_seven_eighths_of_its_slots)
{
    keydir_bucket bucket = {.used = KEYDIR_USED_PER_UNIT_MAX - 1, .unit_count = 1};
    CHECK(!keydir_bucket_is_full(&bucket));
    bucket.used++;
    CHECK(keydir_bucket_is_full(&bucket));
    bucket.unit_count = 2;
    CHECK(!keydir_bucket_is_full(&bucket));
}

TEST_MAIN(CASE(a_bucket_keeps_its_entries_with_more_units_and_with_fewer),
          CASE(a_bucket_gets_the_units_that_its_entries_need_whatever_is_asked_for),
          CASE(units_that_were_given_back_are_taken_again_before_others),
          CASE(what_was_reserved_needs_no_memory),
          CASE(a_bucket_is_full_at_seven_eighths_of_its_slots))
