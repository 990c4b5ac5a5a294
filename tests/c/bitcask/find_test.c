/*
 * find: how a record is looked up, and when the store goes from mapped reads to pread and back.
 */
#include "bitcask_fixture.h"

#include "bitcask/find.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/segment_list.h"

/* Looks key up as readers do, with nothing held but the fixture's only thread. */
static pykv_status look(fixture *f, const char *key, read_mode mode, buffer *scratch, record *out)
{
    keydir_cursor cursor;
    directory *now = f->store->spaces.main.directory;
    slice name = fixture_text(key);
    return bitcask_find(f->store, now, bitcask_hash(f->store, name.data, name.size), name, mode,
                        true, scratch, &cursor, out);
}

TEST(a_hot_lookup_borrows_from_the_mapping_and_a_cold_one_from_the_scratch)
{
    fixture f = fixture_new();
    buffer scratch = BUFFER_EMPTY;
    record found;
    fixture_put(&f, "a", "value");
    const uint8_t *mapping = f.store->active->mapping.base;
    CHECK_OK(look(&f, "a", READ_HOT, NULL, &found));
    CHECK(found.value.data > mapping && found.value.data < mapping + f.store->active->length);
    CHECK_OK(look(&f, "a", READ_COLD, &scratch, &found));
    CHECK(found.value.data > scratch.data && found.value.data < scratch.data + scratch.size);
    CHECK_BYTES("value", found.value.data, 5);
    CHECK_EQUAL(1, f.store->counters.cold_read_count);
    CHECK_STATUS(PYKV_NOT_FOUND, look(&f, "b", READ_HOT, NULL, &found));
    CHECK_STATUS(PYKV_NOT_FOUND, look(&f, "b", READ_COLD, &scratch, &found));
    CHECK_EQUAL(1, f.store->counters.cold_read_count); /* an absent key reads nothing */
    buffer_reset(&scratch);
    fixture_free(&f);
}

TEST(without_a_mapping_a_hot_lookup_would_block)
{
    fixture f = fixture_new();
    buffer scratch = BUFFER_EMPTY;
    record found;
    f.options.no_mapped_reads = 1;
    fixture_reopen(&f);
    fixture_put(&f, "a", "value");
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, look(&f, "a", READ_HOT, NULL, &found));
    CHECK_OK(look(&f, "a", READ_HOT, &scratch, &found));
    env_memory_advance(f.disk, INT64_C(3600) * 1000000, 0);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store)); /* for ever */
    buffer_reset(&scratch);
    fixture_free(&f);
}

TEST(a_lookup_during_a_change_would_block_unless_the_lock_is_held)
{
    fixture f = fixture_new();
    record found;
    fixture_put(&f, "a", "value");
    keydir_change_begin(f.store->spaces.main.directory->keys);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, look(&f, "a", READ_HOT, NULL, &found));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, look(&f, "b", READ_HOT, NULL, &found));
    CHECK_OK(look(&f, "a", READ_HOT_LOCKED, NULL, &found));
    keydir_change_end(f.store->spaces.main.directory->keys);
    CHECK_OK(look(&f, "a", READ_HOT, NULL, &found));
    fixture_free(&f);
}

/* Two records under one hash: the key decides, whatever the tag says. */
TEST(a_slot_that_leads_to_another_key_is_passed_over_and_counted)
{
    fixture f = fixture_new();
    record found;
    keydir_cursor cursor;
    fixture_put(&f, "other", "wrong");
    fixture_put(&f, "a", "right");
    keydir *keys = f.store->spaces.main.directory->keys;
    uint64_t hash = bitcask_hash(f.store, "a", 1);
    uint64_t other = bitcask_hash(f.store, "other", 5);
    keydir_find_locked(keys, other, &cursor);
    CHECK(keydir_next(&cursor));
    uint64_t wrong_address = cursor.address;
    keydir_find_locked(keys, hash, &cursor);
    CHECK(keydir_next(&cursor));
    uint64_t right_address = cursor.address;
    keydir_replace(keys, &cursor, hash, wrong_address);
    CHECK_STATUS(PYKV_NOT_FOUND, look(&f, "a", READ_HOT, NULL, &found));
    CHECK_EQUAL(1, f.store->counters.tag_mismatch_count);
    CHECK_OK(keydir_prepare(keys, hash, NULL, NULL));
    CHECK(keydir_insert(keys, hash, right_address));
    CHECK_OK(look(&f, "a", READ_HOT, NULL, &found));
    CHECK_BYTES("right", found.value.data, 5);
    CHECK_EQUAL(2, f.store->counters.tag_mismatch_count);
    fixture_free(&f);
}

TEST(an_address_of_no_segment_is_damage_and_not_absence)
{
    fixture f = fixture_new();
    record found;
    keydir_cursor cursor;
    fixture_put(&f, "a", "value");
    keydir *keys = f.store->spaces.main.directory->keys;
    uint64_t hash = bitcask_hash(f.store, "a", 1);
    keydir_find_locked(keys, hash, &cursor);
    CHECK(keydir_next(&cursor));
    keydir_replace(keys, &cursor, hash, KEYDIR_ADDRESS_MAX);
    CHECK_STATUS(PYKV_CORRUPTION, look(&f, "a", READ_HOT, NULL, &found));
    fixture_free(&f);
}

TEST(an_access_that_was_slow_without_a_disk_does_not_count)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "value");
    f.store->cold_cycles = 1000;
    for (int i = 0; i < 5000; i++) {
        bitcask_note_access(f.store, 1001, 1);
    }
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
    fixture_free(&f);
}

TEST(files_that_memory_has_no_room_for_are_read_cold_until_it_has)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "value");
    uint64_t bytes = bitcask_disk_bytes(f.store);
    env_memory_set_residency(f.disk, false, bytes - 1);
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
    bitcask_choose_read_mode(f.store);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    fixture_expect(&f, "a", "value");
    CHECK_EQUAL(1, f.store->counters.cold_read_count);
    env_memory_advance(f.disk, INT64_C(3600) * 1000000, 0);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    env_memory_set_residency(f.disk, false, bytes);
    int32_t more;
    CHECK_OK(bitcask_maintain_step(f.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
    fixture_reopen(&f);
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
    env_memory_set_residency(f.disk, false, 0);
    fixture_reopen(&f);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    fixture_free(&f);
}

TEST(eight_slow_accesses_in_a_window_make_the_store_cold_for_a_second)
{
    enum { SLOW = 1001, FAST = 999, WINDOW = 1024 };
    fixture f = fixture_new();
    fixture_put(&f, "a", "value");
    f.store->cold_cycles = 1000;
    f.store->window_left = 0;
    env_memory_set_residency(f.disk, true, UINT64_MAX);
    for (int window = 0; window < 3; window++) {
        for (int i = 0; i < WINDOW; i++) {
            bitcask_note_access(f.store, i < 7 ? SLOW : FAST, 1);
        }
    }
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store)); /* seven a window are not enough */
    for (int i = 0; i < 8; i++) {
        CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
        bitcask_note_access(f.store, SLOW, 1);
    }
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    fixture_expect(&f, "a", "value");
    CHECK_EQUAL(1, f.store->counters.cold_read_count);
    env_memory_advance(f.disk, 999999, 0);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    env_memory_advance(f.disk, 1, 0);
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
    fixture_free(&f);
}

TEST(one_access_in_four_is_timed_and_counts_for_four)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "value");
    f.store->window_left = 0;
    int timed_count = 0;
    for (int i = 0; i < 64; i++) {
        if (bitcask_times_access(f.store)) {
            bitcask_note_access(f.store, 1, ACCESS_SAMPLE);
            timed_count++;
        }
    }
    CHECK_EQUAL(16, timed_count);
    f.store->cold_cycles = 1000;
    env_memory_set_residency(f.disk, true, UINT64_MAX);
    bitcask_note_access(f.store, 1001, ACCESS_SAMPLE);
    CHECK_EQUAL(READ_HOT, bitcask_read_mode(f.store));
    bitcask_note_access(f.store, 1001, ACCESS_SAMPLE);
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    fixture_free(&f);
}

/* Only reads were timed. A store that was only overwritten stayed hot, and each write waited for a
 * page and all that the system read around it. */
TEST(writes_that_wait_for_the_disk_make_the_store_cold_too)
{
    fixture f = fixture_new();
    f.store->cold_cycles = 0;
    env_memory_set_residency(f.disk, true, UINT64_MAX);
    for (int i = 0; i < 40; i++) {
        fixture_put(&f, "a", "value");
    }
    CHECK_EQUAL(READ_COLD, bitcask_read_mode(f.store));
    fixture_free(&f);
}

TEST_MAIN(CASE(a_hot_lookup_borrows_from_the_mapping_and_a_cold_one_from_the_scratch),
          CASE(without_a_mapping_a_hot_lookup_would_block),
          CASE(a_lookup_during_a_change_would_block_unless_the_lock_is_held),
          CASE(a_slot_that_leads_to_another_key_is_passed_over_and_counted),
          CASE(an_address_of_no_segment_is_damage_and_not_absence),
          CASE(an_access_that_was_slow_without_a_disk_does_not_count),
          CASE(files_that_memory_has_no_room_for_are_read_cold_until_it_has),
          CASE(eight_slow_accesses_in_a_window_make_the_store_cold_for_a_second),
          CASE(one_access_in_four_is_timed_and_counts_for_four),
          CASE(writes_that_wait_for_the_disk_make_the_store_cold_too))
