/*
 * recover_test: the un-sealed end of the log after the process or the power went.
 */
#include <errno.h>

#include "bitcask/bitcask_fixture.h"
#include "bitcask/recover.h"
#include "env/env_fault.h"

/* A store with small records in one segment, written by pwrite so that the file ends with them. */
static fixture written_by_pwrite(void)
{
    fixture self = fixture_new();
    fixture_close(&self);
    self.options.log_sink = PYKV_LOG_PWRITE;
    CHECK_OK(fixture_open(&self));
    return self;
}

static void flip(fixture *self, const char *name, uint64_t offset)
{
    uint64_t size;
    uint8_t *bytes = fixture_bytes(self, name, &size);
    CHECK(offset < size);
    bytes[offset] ^= 0x5A;
}

static uint64_t tail(fixture *self)
{
    return atomic_load(&self->store->active->length);
}

TEST(the_valid_end_of_the_log_moves_to_a_sealed_copy_and_the_epoch_rises)
{
    fixture self = written_by_pwrite();
    fixture_put(&self, "a", "1");
    fixture_put(&self, "b", "2");
    fixture_delete(&self, "a");
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(1, stats.epoch);
    CHECK_EQUAL(0, stats.clean_open);
    CHECK_EQUAL(3, stats.recovered_record_count);
    CHECK_EQUAL(0, stats.discarded_bytes);
    CHECK_EQUAL(3, stats.synced_sequence);
    CHECK_EQUAL(1, stats.segment_count);
    CHECK_EQUAL(2, self.store->segments[0]->number);
    CHECK(self.store->segments[0]->sealed && self.store->segments[0]->synced);
    CHECK(!fixture_has(&self, "00000001.log") && !fixture_has(&self, "00000001.torn"));
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "2");
    fixture_reopen(&self);
    CHECK_EQUAL(1, fixture_stats(&self).epoch);
    fixture_free(&self);
}

TEST(a_torn_tail_is_cut_and_its_file_kept)
{
    fixture self = written_by_pwrite();
    fixture_put(&self, "a", "1");
    uint64_t begin = tail(&self);
    fixture_put(&self, "b", "2");
    uint64_t end = tail(&self);
    fixture_kill(&self);
    flip(&self, "00000001.log", begin + 25);
    CHECK_OK(fixture_open(&self));
    CHECK(fixture_stats(&self).discarded_bytes > 0);
    CHECK(fixture_stats(&self).discarded_bytes <= end - begin);
    CHECK_EQUAL(1, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(begin, atomic_load(&self.store->segments[0]->length));
    CHECK(fixture_has(&self, "00000001.torn") && !fixture_has(&self, "00000001.log"));
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", NULL);
    fixture_put(&self, "b", "3");
    fixture_reopen(&self);
    fixture_expect(&self, "b", "3");
    CHECK(fixture_has(&self, "00000001.torn"));
    fixture_free(&self);
}

TEST(a_batch_that_is_not_whole_is_cut_whole)
{
    fixture self = written_by_pwrite();
    operation batch[3] = {0};
    const char *const keys[] = {"x", "y", "z"};
    fixture_put(&self, "a", "1");
    for (size_t i = 0; i < 3; i++) {
        batch[i].record.kind = RECORD_PUT;
        batch[i].record.key = fixture_text(keys[i]);
        batch[i].record.value = fixture_text("new");
    }
    CHECK_OK(bitcask_write(self.store, batch, 3, 0));
    uint64_t last = tail(&self) - 8;
    fixture_kill(&self);
    flip(&self, "00000001.log", last);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    CHECK_EQUAL(1, fixture_stats(&self).last_sequence);
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "x", NULL);
    fixture_free(&self);
}

TEST(damage_before_a_synced_mark_is_refused_unless_asked_for_a_point_in_time)
{
    fixture self = written_by_pwrite();
    fixture_put(&self, "a", "1");
    uint64_t begin = tail(&self);
    fixture_put(&self, "b", "2");
    CHECK_OK(bitcask_sync(self.store));
    fixture_put(&self, "c", "3");
    fixture_kill(&self);
    flip(&self, "00000001.log", begin + 25);
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    CHECK(strstr(error_last()->text, "point_in_time") != NULL);
    CHECK_EQUAL(begin, error_last()->offset);
    CHECK(fixture_has(&self, "00000001.log") && !fixture_has(&self, "00000002.log"));
    self.options.recover_point_in_time = 1;
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", NULL);
    fixture_expect(&self, "c", NULL);
    CHECK(fixture_has(&self, "00000001.torn"));
    fixture_free(&self);
}

/* New rows got sequences again that a durable clear had hidden: they were gone at the next open. */
TEST(what_is_written_behind_a_point_in_time_stays_where_a_later_clear_is_known)
{
    fixture self = written_by_pwrite();
    pykv_pin pin = {.name = "a"};
    change_feed *feed;
    fixture_put(&self, "a", "1");
    uint64_t begin = tail(&self);
    fixture_put(&self, "b", "2");
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_OK(bitcask_sync(self.store));
    CHECK_OK(bitcask_pin_history(self.store, &pin)); /* with a manifest */
    fixture_kill(&self);
    flip(&self, "00000001.log", begin + 25);
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    self.options.recover_point_in_time = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(0, fixture_stats(&self).key_count);
    fixture_put(&self, "new", "1");
    CHECK_EQUAL(5, fixture_stats(&self).last_sequence);
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 bitcask_changes_open(self.store, &(pykv_position){.sequence = 3}, 0, &feed));
    for (int i = 0; i < 2; i++) {
        fixture_expect(&self, "new", "1");
        CHECK_EQUAL(1, fixture_stats(&self).key_count);
        fixture_kill(&self);
        CHECK_OK(fixture_open(&self));
    }
    fixture_free(&self);
}

/* A tombstone with a sequence that was given again was dropped by the rule of older ones, and the
 * key came back. */
TEST(no_sequence_is_given_again_that_a_merge_has_counted_on)
{
    fixture self = written_by_pwrite();
    fixture_put(&self, "dead", "1");
    fixture_put(&self, "dead", "2");
    CHECK_OK(bitcask_flush(self.store));
    fixture_put(&self, "a", "1");
    uint64_t begin = tail(&self);
    fixture_put(&self, "b", "2");
    fixture_put(&self, "c", "3");
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(LOG_SEGMENT_MERGED, self.store->segments[self.store->segment_count - 1]->kind);
    fixture_kill(&self);
    flip(&self, "00000002.log", begin + 25);
    self.options.recover_point_in_time = 1;
    CHECK_OK(fixture_open(&self));
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", NULL);
    fixture_delete(&self, "dead");
    CHECK_EQUAL(7, fixture_stats(&self).last_sequence);
    fixture_expect(&self, "dead", NULL);
    fixture_free(&self);
}

/* No manifest knew them: a follower passed over the new ones, and was told of no loss. */
TEST(no_sequence_is_given_again_that_only_the_discarded_log_knew)
{
    fixture self = written_by_pwrite();
    change_feed *feed;
    fixture_put(&self, "a", "1");
    uint64_t begin = tail(&self);
    fixture_put(&self, "b", "2");
    CHECK_OK(bitcask_sync(self.store));
    fixture_put(&self, "c", "3");
    CHECK_OK(bitcask_sync(self.store));
    fixture_kill(&self);
    flip(&self, "00000001.log", begin + 25);
    self.options.recover_point_in_time = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(4, fixture_stats(&self).last_sequence);
    fixture_put(&self, "new", "1");
    CHECK_OK(bitcask_sync(self.store));
    CHECK_EQUAL(5, fixture_stats(&self).last_sequence);
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 bitcask_changes_open(self.store, &(pykv_position){.sequence = 3}, 0, &feed));
    fixture_free(&self);
}

static void cut_file(fixture *self, const char *name, uint64_t size)
{
    env_directory *home;
    env_file *file;
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(env_file_open(home, name, ENV_READ | ENV_WRITE, &file));
    CHECK_OK(env_file_truncate(file, size));
    env_file_close(file);
    env_directory_close(home);
}

/* The manifest is older than the end: the sequences of what reads as zeros now, or is cut off, were
 * given again. */
TEST(no_sequence_is_given_again_of_an_end_that_left_no_trace)
{
    for (int cut = 0; cut < 2; cut++) {
        fixture self = written_by_pwrite();
        pykv_pin pin = {.name = "a"};
        change_feed *feed;
        uint64_t size;
        fixture_put(&self, "a", "1");
        uint64_t begin = tail(&self);
        fixture_put(&self, "b", "2");
        CHECK_OK(bitcask_sync(self.store));
        CHECK_OK(bitcask_pin_history(self.store, &pin)); /* with a manifest */
        fixture_fill(&self, 0, 10, 10);
        CHECK_OK(bitcask_sync(self.store));
        fixture_kill(&self);
        if (cut == 1) {
            cut_file(&self, "00000001.log", begin);
        } else {
            uint8_t *data = fixture_bytes(&self, "00000001.log", &size);
            memset(data + begin, 0, size - begin);
        }
        CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
        self.options.recover_point_in_time = 1;
        CHECK_OK(fixture_open(&self));
        CHECK_EQUAL(1, fixture_stats(&self).key_count);
        CHECK(fixture_stats(&self).last_sequence > 12);
        fixture_put(&self, "new", "1");
        CHECK_OK(bitcask_sync(self.store));
        CHECK_STATUS(PYKV_HISTORY_GONE,
                     bitcask_changes_open(self.store, &(pykv_position){.sequence = 12}, 0, &feed));
        fixture_reopen(&self);
        fixture_expect(&self, "new", "1");
        fixture_free(&self);
    }
}

TEST(a_reader_sees_the_valid_end_in_place_and_changes_no_file)
{
    fixture self = written_by_pwrite();
    uint64_t size;
    fixture_put(&self, "a", "1");
    uint64_t begin = tail(&self);
    fixture_put(&self, "b", "2");
    fixture_kill(&self);
    flip(&self, "00000001.log", begin + 25);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(1, fixture_stats(&self).recovered_record_count);
    CHECK_EQUAL(0, fixture_stats(&self).epoch);
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", NULL);
    CHECK(fixture_has(&self, "00000001.log") && !fixture_has(&self, "00000002.log"));
    fixture_kill(&self);
    fixture_bytes(&self, "00000001.log", &size);
    CHECK(size > begin);
    fixture_free(&self);
}

TEST(what_was_recovered_is_durable_before_the_files_it_came_from_go)
{
    fixture self = fixture_new();
    fixture after = self;
    fixture_fill(&self, 0, 20, 1000);
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK(!fixture_has(&self, "00000001.log"));
    fixture_kill(&self);
    CHECK_OK(env_memory_crash(self.disk, check_seed(), ENV_CRASH_DROP_ALL, &after.disk));
    CHECK_OK(fixture_open(&after));
    CHECK_EQUAL(20, fixture_stats(&after).key_count);
    CHECK_EQUAL(1, fixture_stats(&after).epoch);
    fixture_free(&after);
    fixture_free(&self);
}

/* They look like zeros, and zeros like the end of the log: what stood there was cut off. */
TEST(pages_that_cannot_be_read_are_not_taken_for_the_end_of_the_log)
{
    /* Asked when the log is opened, where reading it helps, when its end is found, and copied. */
    const pykv_status expected[] = {PYKV_OK, PYKV_IO_FAILED, PYKV_IO_FAILED};
    for (uint64_t i = 0; i < 3; i++) {
        fixture self = written_by_pwrite();
        env *disk = self.disk;
        env_fault_plan plan = {
            .at = i + 1, .system_errno = EIO, .call_mask = UINT32_C(1) << ENV_CALL_MAPPED_READ};
        fixture_put(&self, "a", "1");
        fixture_kill(&self);
        CHECK_OK(env_fault_new(disk, &self.disk));
        env_fault_set(self.disk, &plan);
        CHECK_STATUS(expected[i], fixture_open(&self));
        CHECK_EQUAL(1, env_fault_failed(self.disk));
        if (expected[i] == PYKV_OK) {
            fixture_kill(&self);
        }
        env_fault_free(self.disk);
        self.disk = disk;
        CHECK_OK(fixture_open(&self));
        fixture_expect(&self, "a", "1");
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(the_valid_end_of_the_log_moves_to_a_sealed_copy_and_the_epoch_rises),
          CASE(a_torn_tail_is_cut_and_its_file_kept), CASE(a_batch_that_is_not_whole_is_cut_whole),
          CASE(damage_before_a_synced_mark_is_refused_unless_asked_for_a_point_in_time),
          CASE(what_is_written_behind_a_point_in_time_stays_where_a_later_clear_is_known),
          CASE(no_sequence_is_given_again_that_a_merge_has_counted_on),
          CASE(no_sequence_is_given_again_that_only_the_discarded_log_knew),
          CASE(no_sequence_is_given_again_of_an_end_that_left_no_trace),
          CASE(a_reader_sees_the_valid_end_in_place_and_changes_no_file),
          CASE(what_was_recovered_is_durable_before_the_files_it_came_from_go),
          CASE(pages_that_cannot_be_read_are_not_taken_for_the_end_of_the_log))
