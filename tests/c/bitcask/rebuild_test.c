/*
 * rebuild_test: the directory from hints and records: the highest sequence wins, wherever it is.
 */
#include "bitcask/merge_fixture.h"
#include "bitcask/rebuild.h"
#include "bitcask/segment_list.h"

static void reopen_without_image(fixture *self)
{
    fixture_close(self);
    fixture_unlink(self, "KEYDIR");
    CHECK_OK(fixture_open(self));
    CHECK_EQUAL(0, fixture_stats(self).recovered_from_image);
}

TEST(a_newer_record_in_an_older_file_wins)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "old");
    fixture_put(&self, "gone", "old");
    fixture_put(&self, "dead", "1");
    fixture_put(&self, "dead", "2");
    merge_fixture_begin(&self);
    fixture_put(&self, "x", "1"); /* makes the segment after which the output is numbered */
    merge_fixture_until(&self, MERGE_SWING);
    fixture_put(&self, "a", "new");
    fixture_delete(&self, "gone");
    uint32_t newer = self.store->active->number;
    CHECK(self.store->merge->output->number > newer);
    merge_abandon(self.store);
    reopen_without_image(&self);
    fixture_expect(&self, "a", "new");
    fixture_expect(&self, "gone", NULL);
    fixture_expect(&self, "dead", "2");
    fixture_expect(&self, "x", "1");
    CHECK_EQUAL(3, fixture_stats(&self).key_count);
    fixture_free(&self);
}

TEST(tombstones_and_clears_count_and_leave_no_slot)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_put(&self, "b", "1");
    CHECK_OK(bitcask_flush(self.store));
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture_put(&self, "b", "2");
    fixture_put(&self, "c", "1");
    CHECK_OK(bitcask_flush(self.store));
    fixture_delete(&self, "c");
    pykv_stats before = fixture_stats(&self);
    reopen_without_image(&self);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "2");
    fixture_expect(&self, "c", NULL);
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    CHECK_EQUAL(before.live_bytes, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(before.last_sequence, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(hints_and_records_give_the_same_directory)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 40, 500);
    for (uint32_t i = 0; i < 40; i += 5) {
        fixture_fill(&self, i, i + 1, 700);
    }
    fixture_delete(&self, "key-7");
    CHECK_OK(bitcask_sync(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 1);
    pykv_stats before = fixture_stats(&self);
    CHECK(fixture_has(&self, "00000001.hint"));
    reopen_without_image(&self);
    CHECK(self.store->segments[0]->has_hint);
    CHECK_EQUAL(before.live_bytes, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(39, fixture_stats(&self).key_count);
    fixture_close(&self);
    fixture_unlink(&self, "KEYDIR");
    fixture_unlink(&self, "00000001.hint");
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(before.live_bytes, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(39, fixture_stats(&self).key_count);
    fixture_expect(&self, "key-7", NULL);
    fixture_free(&self);
}

/* Such a hint once counted as one that is there, and every later rebuild read the records. */
TEST(a_damaged_hint_is_passed_over_and_written_again)
{
    fixture self = fixture_new();
    uint64_t size;
    fixture_fill(&self, 0, 20, 1000);
    CHECK_OK(bitcask_sync(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 1);
    fixture_close(&self);
    fixture_unlink(&self, "KEYDIR");
    uint8_t *bytes = fixture_bytes(&self, "00000001.hint", &size);
    bytes[size / 2] ^= 0x5A;
    CHECK_OK(fixture_open(&self));
    CHECK(!self.store->segments[0]->has_hint);
    CHECK_EQUAL(20, fixture_stats(&self).key_count);
    fixture_maintain(&self, PYKV_ROLE_DATA, 1);
    reopen_without_image(&self);
    CHECK(self.store->segments[0]->has_hint);
    CHECK_EQUAL(20, fixture_stats(&self).key_count);
    fixture_free(&self);
}

/* A flipped bit in the key made it another key: the older record got its slot beside the newer one,
 * and a get showed the value that had been overwritten. Found by bitcask_bitflip_test. */
TEST(a_newer_record_whose_key_is_damaged_does_not_bring_the_older_one_back)
{
    fixture self = fixture_new();
    pykv_pinned pinned;
    uint64_t size;
    fixture_fill(&self, 0, 10, 200); /* so that merging leaves the older record where it is */
    fixture_put(&self, "key", "older");
    CHECK_OK(bitcask_flush(self.store));
    fixture_put(&self, "key", "newer");
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_LOG, 4);
    fixture_maintain(&self, PYKV_ROLE_DATA, 4);
    CHECK(fixture_has(&self, "00000001.log") && fixture_has(&self, "00000002.hint"));
    fixture_close(&self);
    fixture_unlink(&self, BITCASK_IMAGE_NAME);
    uint8_t *data = fixture_bytes(&self, "00000002.log", &size);
    CHECK_BYTES("key", data + LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES, 3);
    data[LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES] ^= 0x80;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_CORRUPTION, bitcask_get(self.store, fixture_text("key"), 0, &pinned));
    CHECK_EQUAL(11, bitcask_count(self.store));
    fixture_free(&self);
}

TEST(a_store_in_use_changes_over_to_the_rebuilt_directory)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    pykv_stats before = fixture_stats(&self);
    directory *old = atomic_load(&self.store->spaces.main.directory);
    mutex_lock(&self.store->writer);
    CHECK_OK(bitcask_rebuild(self.store));
    mutex_unlock(&self.store->writer);
    CHECK(atomic_load(&self.store->spaces.main.directory) != old);
    CHECK_EQUAL(20, fixture_stats(&self).key_count);
    CHECK_EQUAL(before.live_bytes, fixture_stats(&self).live_bytes);
    fixture_delete(&self, "key-3");
    fixture_expect(&self, "key-3", NULL);
    fixture_free(&self);
}

/* A failed call while a damaged page of the image was being replaced left segments without live
 * bytes, and the next overwrite of a key in them found books that could not be. */
TEST(a_rebuild_that_fails_leaves_the_books_of_the_directory_that_stays)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 100);
    pykv_stats before = fixture_stats(&self);
    pykv_status status = PYKV_NO_MEMORY;
    uint64_t failures = 0;
    mutex_lock(&self.store->writer);
    for (uint64_t call = 1; status == PYKV_NO_MEMORY; call++) {
        mem_fail_at(call, 0);
        status = bitcask_rebuild(self.store);
        mem_fail_at(0, 0);
        failures += status == PYKV_NO_MEMORY;
        uint64_t disk_bytes;
        uint64_t live_bytes;
        bitcask_space(self.store, &disk_bytes, &live_bytes);
        CHECK_EQUAL(before.live_bytes, live_bytes);
    }
    mutex_unlock(&self.store->writer);
    CHECK_OK(status);
    CHECK(failures > 3);
    fixture_fill(&self, 0, 300, 90);
    CHECK_EQUAL(300, fixture_stats(&self).key_count);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_newer_record_in_an_older_file_wins),
          CASE(tombstones_and_clears_count_and_leave_no_slot),
          CASE(hints_and_records_give_the_same_directory),
          CASE(a_damaged_hint_is_passed_over_and_written_again),
          CASE(a_newer_record_whose_key_is_damaged_does_not_bring_the_older_one_back),
          CASE(a_store_in_use_changes_over_to_the_rebuilt_directory),
          CASE(a_rebuild_that_fails_leaves_the_books_of_the_directory_that_stays))
