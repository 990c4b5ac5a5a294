/*
 * merge_copy_test: what goes to the output, and what does not.
 */
#include "bitcask/merge.h"
#include "bitcask/merge_fixture.h"

TEST(a_damaged_input_ends_the_merge_and_stays)
{
    fixture self = fixture_new();
    uint64_t size;
    bool more;
    merge_fixture_write_rounds(&self);
    CHECK_OK(bitcask_flush(self.store));
    fixture_close(&self);
    fixture_bytes(&self, "00000001.log", &size)[LOG_SEGMENT_HEADER_BYTES + 100] ^= 1;
    CHECK_OK(fixture_open(&self));
    merge_fixture_begin(&self);
    uint64_t disk = fixture_stats(&self).disk_bytes;
    mutex_lock(&self.store->merge_lock);
    CHECK_STATUS(PYKV_CORRUPTION, merge_step(self.store, &more));
    CHECK(!more && self.store->merge == NULL);
    mutex_unlock(&self.store->merge_lock);
    CHECK(strstr(error_last()->path, "00000001.log") != NULL);
    CHECK_EQUAL(disk, fixture_stats(&self).disk_bytes);
    CHECK(fixture_has(&self, "00000001.log"));
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

TEST(a_merge_without_room_for_its_output_gives_back_what_it_wrote)
{
    fixture self = fixture_new();
    bool more;
    merge_fixture_write_rounds(&self);
    merge_fixture_begin(&self);
    pykv_stats before = fixture_stats(&self);
    uint64_t next_number = self.store->next_number;
    char name[SEGMENT_NAME_BYTES];
    segment_name((uint32_t)next_number, false, name);
    env_memory_set_capacity(self.disk, 1);
    mutex_lock(&self.store->merge_lock);
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK) {
        status = merge_step(self.store, &more);
    }
    mutex_unlock(&self.store->merge_lock);
    CHECK_EQUAL(PYKV_NO_SPACE, status);
    CHECK(!more && self.store->merge == NULL && self.store->merge_room == 0);
    CHECK(!fixture_has(&self, name));
    CHECK_EQUAL(before.disk_bytes, fixture_stats(&self).disk_bytes);
    CHECK_EQUAL(before.segment_count, fixture_stats(&self).segment_count);
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

TEST(a_tombstone_is_kept_while_a_segment_outside_the_merge_may_hold_its_key)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "old");
    fixture_put(&self, "b", "1");
    CHECK_OK(bitcask_flush(self.store));
    fixture_delete(&self, "a");
    segment *tombstones = self.store->active;
    CHECK_OK(bitcask_flush(self.store));
    CHECK_OK(bitcask_sync(self.store));
    mutex_lock(&self.store->merge_lock);
    CHECK_OK(merge_begin(self.store, &tombstones, 1));
    mutex_unlock(&self.store->merge_lock);
    merge_fixture_until(&self, MERGE_REMOVE);
    segment *output = self.store->merge->output;
    CHECK(output != NULL);
    CHECK_EQUAL(1, output->tombstone_count);
    merge_fixture_finish(&self);
    merge_fixture_kill_and_reopen(&self);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "1");
    merge_fixture_begin(&self); /* of everything: now it may go */
    merge_fixture_finish(&self);
    CHECK_EQUAL(fixture_stats(&self).live_bytes + LOG_SEGMENT_HEADER_BYTES,
                fixture_stats(&self).disk_bytes);
    merge_fixture_kill_and_reopen(&self);
    fixture_expect(&self, "a", NULL);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_damaged_input_ends_the_merge_and_stays),
          CASE(a_merge_without_room_for_its_output_gives_back_what_it_wrote),
          CASE(a_tombstone_is_kept_while_a_segment_outside_the_merge_may_hold_its_key))
