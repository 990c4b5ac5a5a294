/*
 * compact_test: after a compaction no dead byte is left, and nothing that lives is gone.
 */
#include "bitcask/bitcask_fixture.h"

/* Key bytes on disk: the headers of segments and the live records, nothing else. */
static void expect_no_dead_byte(fixture *self)
{
    pykv_stats stats = fixture_stats(self);
    CHECK_EQUAL(stats.live_bytes + stats.segment_count * LOG_SEGMENT_HEADER_BYTES,
                stats.disk_bytes);
}

static void overwrite_and_delete(fixture *self)
{
    char key[16];
    fixture_fill(self, 0, 40, 700);
    fixture_fill(self, 10, 30, 300);
    for (uint32_t i = 0; i < 40; i += 2) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(self, key);
    }
}

TEST(all_dead_bytes_go_and_the_tombstones_with_them)
{
    fixture self = fixture_new();
    overwrite_and_delete(&self);
    CHECK(fixture_stats(&self).disk_bytes > 30000);
    CHECK_OK(bitcask_compact(self.store, NULL));
    expect_no_dead_byte(&self);
    for (size_t i = 0; i < self.store->segment_count; i++) {
        CHECK_EQUAL(0, self.store->segments[i]->tombstone_count);
    }
    CHECK_EQUAL(20, fixture_stats(&self).key_count);
    fixture_expect(&self, "key-2", NULL);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(20, fixture_stats(&self).key_count);
    expect_no_dead_byte(&self);
    fixture_free(&self);
}

TEST(compacting_what_was_cleared_leaves_no_segment_with_a_record)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 40, 700);
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).live_bytes);
    expect_no_dead_byte(&self);
    CHECK(!fixture_has(&self, "00000001.log"));
    fixture_put(&self, "a", "1");
    fixture_reopen(&self);
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    CHECK_EQUAL(42, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(a_store_without_dead_bytes_is_left_as_it_is)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 40, 700);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).merge_count);
    CHECK(fixture_has(&self, "00000001.log") && self.store->active != NULL);
    overwrite_and_delete(&self);
    CHECK_OK(bitcask_compact(self.store, NULL));
    uint64_t merges = fixture_stats(&self).merge_count;
    CHECK(merges > 0);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(merges, fixture_stats(&self).merge_count);
    fixture_free(&self);
}

TEST(a_cancelled_compaction_leaves_everything_as_it_was)
{
    fixture self = fixture_new();
    pykv_progress progress = {.cancel = 1};
    overwrite_and_delete(&self);
    uint64_t before = fixture_stats(&self).disk_bytes;
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_compact(self.store, &progress));
    CHECK_EQUAL(before, progress.total);
    CHECK(progress.done > 0);
    CHECK(self.store->merge == NULL);
    CHECK_EQUAL(before, fixture_stats(&self).disk_bytes);
    CHECK_EQUAL(20, fixture_stats(&self).key_count);
    progress.cancel = 0;
    CHECK_OK(bitcask_compact(self.store, &progress));
    expect_no_dead_byte(&self);
    fixture_free(&self);
}

TEST(a_store_whose_sync_failed_or_that_is_read_only_is_not_compacted)
{
    fixture self = fixture_new();
    overwrite_and_delete(&self);
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_READ_ONLY, bitcask_compact(self.store, NULL));
    fixture_kill(&self);
    self.options.read_only = 0;
    CHECK_OK(fixture_open(&self));
    self.store->state = PYKV_STATE_FAILED;
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).merge_count);
    fixture_free(&self);
}

/* Six segments of seven rows: one that is dead, four with one dead row, and one that lives. */
static void write_some_dead(fixture *self)
{
    fixture_fill(self, 0, 42, 1000);
    fixture_fill(self, 7, 14, 500);
    for (uint32_t i = 14; i < 42; i += 7) {
        fixture_fill(self, i, i + 1, 500);
    }
    CHECK_OK(bitcask_flush(self->store));
}

/* Nothing could leave a disk without a free block: compact needed one itself. */
TEST(on_a_full_disk_what_is_wholly_dead_goes_and_the_rest_waits_for_room)
{
    fixture self = fixture_new();
    write_some_dead(&self);
    uint64_t left = fixture_stats(&self).disk_bytes - self.store->segments[1]->length;
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, bitcask_compact(self.store, NULL));
    CHECK_EQUAL(1, fixture_stats(&self).merge_count);
    CHECK_EQUAL(left, fixture_stats(&self).disk_bytes);
    CHECK(!fixture_has(&self, "00000002.log"));
    CHECK_STATUS(PYKV_NO_SPACE, bitcask_compact(self.store, NULL));
    CHECK_EQUAL(42, fixture_stats(&self).key_count);
    env_memory_set_capacity(self.disk, UINT64_MAX);
    CHECK_OK(bitcask_compact(self.store, NULL));
    expect_no_dead_byte(&self);
    CHECK_EQUAL(42, fixture_stats(&self).key_count);
    fixture_free(&self);
}

TEST(on_a_full_disk_what_leaves_is_the_room_to_merge_the_rest)
{
    fixture self = fixture_new();
    write_some_dead(&self);
    uint64_t held = 0;
    env_names names;
    CHECK_OK(env_memory_paths(self.disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t size;
        uint8_t *data;
        CHECK_OK(env_memory_file_bytes(self.disk, names.names[i], &data, &size));
        held += size;
    }
    env_names_free(&names);
    env_memory_set_capacity(self.disk, held);
    CHECK_OK(bitcask_compact(self.store, NULL));
    expect_no_dead_byte(&self);
    CHECK_EQUAL(42, fixture_stats(&self).key_count);
    fixture_delete(&self, "key-1");
    fixture_free(&self);
}

TEST_MAIN(CASE(all_dead_bytes_go_and_the_tombstones_with_them),
          CASE(compacting_what_was_cleared_leaves_no_segment_with_a_record),
          CASE(a_store_without_dead_bytes_is_left_as_it_is),
          CASE(a_cancelled_compaction_leaves_everything_as_it_was),
          CASE(a_store_whose_sync_failed_or_that_is_read_only_is_not_compacted),
          CASE(on_a_full_disk_what_is_wholly_dead_goes_and_the_rest_waits_for_room),
          CASE(on_a_full_disk_what_leaves_is_the_room_to_merge_the_rest))
