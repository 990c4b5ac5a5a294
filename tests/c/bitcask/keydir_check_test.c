/*
 * keydir_check: each invariant is broken by hand and has to be reported in words.
 */
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_model.h"

enum { KEY_COUNT = 4000 };

static void open_filled(keydir_model *model)
{
    keydir_model_open(model, keydir_model_mix, KEY_COUNT);
    for (uint64_t key = 0; key < KEY_COUNT; key++) {
        CHECK_OK(keydir_model_put(model, key));
    }
    keydir_model_check(model, true);
}

/* Checks that the violation is found and told with these words, then closes. */
static void expect(keydir_model *model, const char *words)
{
    char text[256] = "";
    CHECK_STATUS(PYKV_CORRUPTION,
                 keydir_check(model->directory, keydir_model_rehash, model, text, sizeof text));
    if (strstr(text, words) == NULL) {
        check_failed(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", text, words);
    }
    keydir_model_close(model);
}

TEST(a_wrong_count_is_found)
{
    keydir_model model;
    open_filled(&model);
    atomic_store(&model.directory->count, KEY_COUNT + 1);
    expect(&model, "4000 live slots do not make a count of 4001");
}

TEST(wrong_numbers_in_a_bucket_header_are_found)
{
    keydir_model model;
    open_filled(&model);
    keydir_bucket_at(model.directory, 2)->used++;
    expect(&model, "used and");
    open_filled(&model);
    keydir_bucket_at(model.directory, 2)->live--;
    expect(&model, "used and");
    open_filled(&model);
    atomic_store(&keydir_bucket_at(model.directory, 2)->unit_count, KEYDIR_BUCKET_UNITS_MAX + 1);
    expect(&model, "bucket 2 has 15 units");
}

TEST(a_unit_of_two_buckets_is_found)
{
    keydir_model model;
    open_filled(&model);
    keydir_bucket *bucket = keydir_bucket_at(model.directory, 1);
    uint32_t other = atomic_load(&keydir_bucket_at(model.directory, 0)->unit_numbers[0]);
    atomic_store(&bucket->unit_numbers[0], other);
    expect(&model, "is used twice");
}

TEST(a_unit_that_does_not_exist_is_found)
{
    keydir_model model;
    open_filled(&model);
    atomic_store(&keydir_bucket_at(model.directory, 1)->unit_numbers[0], 1U << 31);
    expect(&model, "unit 2147483648 does not exist");
}

TEST(a_lost_unit_is_found)
{
    keydir_model model;
    open_filled(&model);
    model.directory->block_end--;
    expect(&model, "are accounted for");
}

TEST(a_shape_that_is_not_the_number_of_buckets_is_found)
{
    keydir_model model;
    open_filled(&model);
    model.directory->bucket_count--;
    expect(&model, "do not make the shape");
}

/* The line of some entry that stands in its home line. */
static keydir_slot *entry_at_home(keydir_model *model, uint32_t *line_out)
{
    keydir_cursor cursor;
    for (uint64_t key = 0; key < KEY_COUNT; key++) {
        CHECK(keydir_model_find(model, key, &cursor));
        uint32_t home = keydir_home_line(cursor.want, cursor.line_count);
        if (cursor.line == home && home + 1 < cursor.line_count) {
            *line_out = cursor.line;
            return cursor.slot;
        }
    }
    check_failed(__FILE__, __LINE__, "no entry stands in its home line");
}

TEST(an_entry_behind_a_line_with_an_empty_slot_is_found)
{
    keydir_model model;
    keydir_cursor cursor;
    open_filled(&model);
    for (uint64_t key = 0; key < KEY_COUNT; key++) {
        CHECK(keydir_model_find(&model, key, &cursor));
        if (cursor.line != keydir_home_line(cursor.want, cursor.line_count)) {
            break;
        }
    }
    uint32_t home = keydir_home_line(cursor.want, cursor.line_count);
    keydir_slot *slots = keydir_line_at(model.directory, cursor.bucket, home);
    atomic_store(&slots[KEYDIR_LINE_SLOTS - 1], KEYDIR_EMPTY);
    expect(&model, "is cut off by line");
}

TEST(an_entry_of_another_bucket_or_tag_is_found)
{
    keydir_model model;
    uint32_t line = 0;
    open_filled(&model);
    keydir_slot *slot = entry_at_home(&model, &line);
    atomic_store(slot, atomic_load(slot) ^ 1U << 22);
    expect(&model, "which does not belong there");
    open_filled(&model);
    slot = entry_at_home(&model, &line);
    uint64_t address = atomic_load(slot) >> KEYDIR_ADDRESS_SHIFT;
    model.key_of[address] += 1;
    expect(&model, "which does not belong there");
}

TEST(a_tag_that_is_too_short_is_found)
{
    keydir_model model;
    uint32_t line = 0;
    open_filled(&model);
    keydir_slot *slot = entry_at_home(&model, &line);
    atomic_store(slot, keydir_word(1, KEYDIR_TAG_LEAST - 1));
    expect(&model, "a slot has the tag 0003ff");
}

TEST(without_records_the_rest_is_still_checked)
{
    keydir_model model;
    char text[256] = "";
    open_filled(&model);
    CHECK_OK(keydir_check(model.directory, NULL, NULL, text, sizeof text));
    atomic_store(&model.directory->count, 1);
    CHECK_STATUS(PYKV_CORRUPTION, keydir_check(model.directory, NULL, NULL, text, sizeof text));
    keydir_model_close(&model);
}

TEST(no_memory_for_the_check_is_told)
{
    keydir_model model;
    char text[256] = "";
    open_filled(&model);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, keydir_check(model.directory, NULL, NULL, text, sizeof text));
    mem_fail_at(0, 0);
    keydir_model_close(&model);
}

TEST_MAIN(CASE(a_wrong_count_is_found), CASE(wrong_numbers_in_a_bucket_header_are_found),
          CASE(a_unit_of_two_buckets_is_found), CASE(a_unit_that_does_not_exist_is_found),
          CASE(a_lost_unit_is_found), CASE(a_shape_that_is_not_the_number_of_buckets_is_found),
          CASE(an_entry_behind_a_line_with_an_empty_slot_is_found),
          CASE(an_entry_of_another_bucket_or_tag_is_found), CASE(a_tag_that_is_too_short_is_found),
          CASE(without_records_the_rest_is_still_checked), CASE(no_memory_for_the_check_is_told))
