/*
 * wal_test: appending, rolling, the list of logs, dropping, closing.
 */
#include <errno.h>

#include "lsm/wal_fixture.h"
#include "lsm/wal_fixture_disk.h"

/* Runs a case over both sinks, on a simulated disk and, where its file system has what a mapped log
 * needs, on the real one. */
static void for_all(void (*run)(fixture *self))
{
    for (unsigned i = 0; i < 4; i++) {
        fixture self = {.options = {.durability = PYKV_DURABILITY_OS}};
        self.options.log_sink = (i & 2) != 0 ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE;
        int64_t blocks = mem_block_count();
        fixture_open(&self, (i & 1) != 0);
        run(&self);
        fixture_free(&self);
        CHECK_EQUAL(blocks, mem_block_count());
    }
}

static void write_and_read_back(fixture *self)
{
    fixture_put(self, 10, 100);
    CHECK_OK(fixture_write(self, 5, 50));
    CHECK_EQUAL(15, fixture_last(self));
    CHECK_OK(fixture_roll(self));
    fixture_put(self, 10, 0);
    fixture_kill(self);
    found_logs found =
        found_open(self->disk, self->path != NULL ? self->path : FIXTURE_PATH, false);
    found_replay(&found);
    CHECK_EQUAL(25, found.result.last_sequence);
    CHECK_EQUAL(0, found.result.discarded_bytes);
    found_close(&found);
}

TEST(what_was_appended_is_there_after_the_death_of_the_process)
{
    for_all(write_and_read_back);
}

static void fill_logs(fixture *self)
{
    uint32_t active = 0;
    uint32_t rolls = 0;
    for (uint64_t i = 1; i <= 40; i++) {
        fixture_put(self, 1, 1000);
        if (fixture_active(self) != active) {
            CHECK(fixture_active(self) > active);
            active = fixture_active(self);
            rolls++;
        }
    }
    CHECK_EQUAL(6, rolls); /* 7 records of 1,032 bytes fit a log of 8,192 */
    CHECK_EQUAL(6, fixture_usage(self).log_count);
    CHECK(fixture_usage(self).written_bytes >= 40 * 1032);
    CHECK(fixture_usage(self).written_bytes <= 40 * 1032 + 6 * 8); /* marks */
}

TEST(a_log_takes_what_it_was_made_for_and_the_next_one_the_rest)
{
    for_all(fill_logs);
}

static void write_large(fixture *self)
{
    fixture_put(self, 1, 10);
    uint32_t before = fixture_active(self);
    fixture_put(self, 1, 16000);
    CHECK(fixture_active(self) > before);
    before = fixture_active(self);
    fixture_put(self, 1, 10);
    CHECK(fixture_active(self) > before);
    CHECK_OK(fixture_write(self, 4, 9000));
    CHECK_OK(fixture_write(self, FIXTURE_BATCH_MAX, 16000)); /* more than is built in the mapping */
    fixture_put(self, 1, 7000);
    uint64_t last = fixture_last(self);
    fixture_kill(self);
    found_logs found =
        found_open(self->disk, self->path != NULL ? self->path : FIXTURE_PATH, false);
    found_replay(&found);
    CHECK_EQUAL(last, found.result.last_sequence);
    found_close(&found);
}

TEST(a_write_larger_than_a_log_gets_a_log_of_its_own)
{
    for_all(write_large);
}

TEST(a_log_is_in_a_durable_manifest_before_its_first_record)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    uint32_t active = 0;
    for (int i = 0; i < 40; i++) {
        fixture_put(&self, 1, 1000);
        if (fixture_active(&self) == active) {
            continue;
        }
        active = fixture_active(&self);
        env *after = fixture_crash(&self, ENV_CRASH_DROP_ALL);
        found_logs found = found_open(after, FIXTURE_PATH, false);
        CHECK_OK(found.status); /* the files it lists are there */
        CHECK_EQUAL(active, found.listed.logs[found.listed.log_count - 1].number);
        found_close(&found);
        env_memory_free(after);
    }
    fixture_free(&self);
}

TEST(room_that_was_given_is_there_for_the_append)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    record small = log_image_record(1, 20);
    uint64_t bytes = wal_bytes(&small, 1);
    mutex_lock(&self.writer);
    CHECK(self.log->active == NULL);
    CHECK_STATUS(PYKV_WOULD_BLOCK, wal_room(self.log, bytes));
    mutex_unlock(&self.writer);
    CHECK_OK(wal_provide(self.log, bytes));
    mutex_lock(&self.writer);
    for (uint64_t i = 1; wal_room(self.log, bytes) == PYKV_OK; i++) {
        small = log_image_record(i, 20);
        CHECK_OK(wal_append(self.log, &small, 1));
        CHECK_EQUAL(i, small.sequence);
        CHECK_EQUAL(i, wal_last_sequence(self.log));
    }
    CHECK(wal_last_sequence(self.log) > 100); /* the log is full, and no other is prepared */
    CHECK_EQUAL(1, self.log->active->number);
    mutex_unlock(&self.writer);
    fixture_free(&self);
}

/* Writes until less than this is ready ahead of the tail. */
static void use_up_ready_bytes(fixture *self, uint64_t left)
{
    fixture_put(self, 1, 0);
    const log_sink *sink = self->log->active->sink;
    while (atomic_load(&sink->ready_until) - log_sink_tail(sink) > left) {
        fixture_put(self, 1, 10000);
        sink = self->log->active->sink;
    }
}

/* A batch is built in the mapping up to a size that wal_bytes does not tell exactly. */
TEST(room_that_was_given_is_there_for_batches_about_as_large_as_can_be_built)
{
    enum { COUNT = 5 };
    static uint8_t value[LOG_COPY_BYTES_MAX];
    fixture self = fixture_of((pykv_options){.log_sink = PYKV_LOG_MAPPED});
    self.log_bytes = 4 << 20;
    fixture_open(&self, false);
    for (size_t size = 0; size < 128; size += 8) {
        record batch[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            batch[i] = (record){.kind = RECORD_PUT, .value = slice_make(value, 60000)};
        }
        batch[0].value.size = LOG_BUILT_BYTES_MAX - 4 * 60024 - 24 - 64 + size;
        for (size_t i = 0; i < COUNT; i++) {
            batch[i].body_crc = record_body_crc(&batch[i]);
        }
        use_up_ready_bytes(&self, LOG_BUILT_BYTES_MAX - 5000);
        pykv_status status = PYKV_WOULD_BLOCK;
        for (int turn = 0; turn < 4 && status == PYKV_WOULD_BLOCK; turn++) {
            mutex_lock(&self.writer);
            status = wal_room(self.log, wal_bytes(batch, COUNT));
            if (status == PYKV_OK) {
                CHECK_OK(wal_append(self.log, batch, COUNT));
            }
            mutex_unlock(&self.writer);
            if (status != PYKV_OK) {
                CHECK_OK(wal_provide(self.log, wal_bytes(batch, COUNT)));
            }
        }
        CHECK_OK(status);
    }
    fixture_free(&self);
}

TEST(rolling_seals_a_log_with_records_and_leaves_an_empty_one)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    CHECK_OK(fixture_roll(&self));
    CHECK_EQUAL(1, fixture_active(&self));
    CHECK_OK(fixture_roll(&self));
    CHECK_EQUAL(1, fixture_active(&self));
    fixture_put(&self, 1, 10);
    mutex_lock(&self.writer);
    CHECK_STATUS(PYKV_WOULD_BLOCK, wal_roll(self.log));
    mutex_unlock(&self.writer);
    CHECK_OK(fixture_roll(&self));
    CHECK_EQUAL(2, fixture_active(&self));
    fixture_free(&self);
}

TEST(a_roll_that_cannot_seal_leaves_the_log_where_it_was)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    fixture_put(&self, 3, 100);
    CHECK_OK(wal_prepare_next(self.log));
    fixture_fail(&self, ENV_CALL_TRUNCATE, EIO, false, NULL);
    CHECK_STATUS(PYKV_IO_FAILED, fixture_roll(&self));
    CHECK_EQUAL(1, fixture_active(&self));
    fixture_put(&self, 3, 100);
    CHECK_OK(fixture_roll(&self));
    CHECK_EQUAL(2, fixture_active(&self));
    fixture_put(&self, 1, 100);
    fixture_kill(&self);
    CHECK_EQUAL(7, found_last(self.inner));
    fixture_free(&self);
}

TEST(a_full_disk_refuses_a_write_whole_and_the_next_one_works_when_there_is_room)
{
    for (int mapped = 0; mapped < 2; mapped++) {
        fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
        self.options.log_sink = mapped != 0 ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE;
        self.log_bytes = 64 * 1024;
        fixture_open(&self, false);
        CHECK_EQUAL(mapped != 0, fixture_usage(&self).mapped);
        env_memory_set_capacity(self.inner, 30000);
        pykv_status status = PYKV_OK;
        while (status == PYKV_OK) {
            status = fixture_write(&self, 3, 1000);
        }
        CHECK_EQUAL(PYKV_NO_SPACE, status);
        uint64_t last = fixture_last(&self);
        CHECK(last >= 3 || mapped != 0);
        CHECK_STATUS(PYKV_NO_SPACE, fixture_write(&self, 3, 1000));
        CHECK_EQUAL(last, fixture_last(&self));
        env *after = fixture_crash(&self, ENV_CRASH_KEEP_ALL);
        if (last > 0) {
            CHECK_EQUAL(last, found_last(after));
        }
        env_memory_free(after);
        env_memory_set_capacity(self.inner, 1 << 30);
        fixture_put(&self, 20, 1000);
        fixture_kill(&self);
        CHECK_EQUAL(last + 20, found_last(self.inner));
        fixture_free(&self);
    }
}

TEST(a_batch_is_whole_or_absent)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    fixture_put(&self, 2, 100);
    CHECK_OK(wal_sync(self.log));
    CHECK_OK(fixture_write(&self, 20, 100));
    for (uint64_t seed = 0; seed < 40; seed++) {
        env *after;
        CHECK_OK(env_memory_crash(self.inner, check_seed() + seed, ENV_CRASH_TORN, &after));
        uint64_t last = found_last(after);
        CHECK(last == 2 || last == 22);
        env_memory_free(after);
    }
    fixture_free(&self);
}

TEST(a_record_tells_how_far_the_log_before_it_is_durable_and_no_further)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    record added = log_image_record(1, 10);
    uint64_t bytes = wal_bytes(&added, 1);
    fixture_put(&self, 1, 10);
    CHECK_OK(fixture_roll(&self));
    mutex_lock(&self.writer);
    CHECK_OK(wal_room(self.log, bytes));
    CHECK_OK(wal_append(self.log, &added, 1));
    CHECK_EQUAL(0, added.flags & RECORD_FLAG_SYNCED);
    mutex_unlock(&self.writer);
    CHECK_OK(wal_prepare_next(self.log));
    CHECK_OK(wal_sync(self.log));
    uint64_t end = log_position(2, log_writer_end(&self.log->active->writer));
    CHECK_EQUAL(end, wal_synced_position(self.log));
    CHECK_OK(fixture_roll(&self));
    added = log_image_record(2, 10);
    mutex_lock(&self.writer);
    CHECK_OK(wal_room(self.log, bytes));
    CHECK_OK(wal_append(self.log, &added, 1));
    CHECK_EQUAL(RECORD_FLAG_SYNCED, added.flags & RECORD_FLAG_SYNCED);
    CHECK_EQUAL(end, added.synced_through);
    mutex_unlock(&self.writer);
    fixture_free(&self);
}

TEST(the_list_has_every_log_from_a_number_on)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    manifest_log *logs;
    size_t count;
    fixture_open(&self, false);
    for (int i = 0; i < 3; i++) {
        fixture_put(&self, 2, 10);
        CHECK_OK(fixture_roll(&self));
    }
    CHECK_OK(wal_prepare_next(self.log));
    mutex_lock(&self.writer);
    CHECK_OK(wal_list(self.log, 0, &logs, &count));
    CHECK_EQUAL(5, count);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(i + 1, logs[i].number);
        CHECK_EQUAL(self.log->logs[i]->file_id, logs[i].file_id);
    }
    CHECK_EQUAL(1, logs[0].birth_sequence);
    CHECK_EQUAL(3, logs[1].birth_sequence);
    mem_free(logs);
    CHECK_OK(wal_list(self.log, 4, &logs, &count));
    CHECK_EQUAL(2, count);
    CHECK_EQUAL(4, logs[0].number);
    mem_free(logs);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, wal_list(self.log, 0, &logs, &count));
    mutex_unlock(&self.writer);
    fixture_free(&self);
}

TEST(the_first_log_that_is_needed_has_a_later_record_or_may_get_one)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    mutex_lock(&self.writer);
    CHECK_EQUAL(1, wal_first_after(self.log, 0)); /* none is there: the first one that will be */
    mutex_unlock(&self.writer);
    for (int i = 0; i < 2; i++) {
        fixture_put(&self, 2, 10);
        CHECK_OK(fixture_roll(&self));
    }
    fixture_put(&self, 2, 10);
    CHECK_OK(wal_prepare_next(self.log));
    mutex_lock(&self.writer);
    for (uint64_t sequence = 0; sequence <= 6; sequence++) {
        uint64_t wanted = sequence / 2 + 1;
        CHECK_EQUAL(wanted < 3 ? wanted : 3, wal_first_after(self.log, sequence));
    }
    CHECK_OK(wal_seal_active(self.log));
    CHECK_EQUAL(3, wal_first_after(self.log, 5));
    CHECK_EQUAL(4, wal_first_after(self.log, 6));
    mutex_unlock(&self.writer);
    fixture_free(&self);
}

TEST(dropping_takes_away_the_logs_below_a_number_and_no_other)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    for (int i = 0; i < 2; i++) {
        fixture_put(&self, 5, 10);
        CHECK_OK(fixture_roll(&self));
    }
    fixture_put(&self, 5, 10);
    uint64_t written = fixture_usage(&self).written_bytes;
    fixture_drop(&self, 3, 10);
    CHECK(!fixture_has(self.inner, "00000001.log"));
    CHECK(!fixture_has(self.inner, "00000002.log"));
    CHECK(fixture_has(self.inner, "00000003.log"));
    CHECK_EQUAL(1, fixture_usage(&self).log_count);
    CHECK_EQUAL(written, fixture_usage(&self).written_bytes);
    CHECK_EQUAL(3, fixture_active(&self));
    CHECK_EQUAL(10, fixture_synced_now(&self)); /* tables have them */
    CHECK_EQUAL(10, self.told_sequence);
    fixture_put(&self, 5, 10);
    fixture_kill(&self);
    CHECK_EQUAL(20, found_last(self.inner));
    fixture_free(&self);
}

TEST(dropping_the_active_log_makes_the_next_write_begin_another)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    fixture_put(&self, 5, 10);
    CHECK_OK(wal_prepare_next(self.log));
    fixture_drop(&self, 3, 5);
    CHECK_EQUAL(0, fixture_active(&self));
    CHECK_EQUAL(0, fixture_usage(&self).log_count);
    fixture_put(&self, 5, 10);
    CHECK_EQUAL(3, fixture_active(&self));
    fixture_kill(&self);
    CHECK_EQUAL(10, found_last(self.inner));
    fixture_free(&self);
}

TEST(a_closed_log_is_durable_and_has_no_reserved_rest)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    uint8_t *bytes;
    uint64_t size;
    fixture_open(&self, false);
    fixture_put(&self, 8, 100);
    CHECK_OK(wal_close(self.log));
    env *after = fixture_crash(&self, ENV_CRASH_DROP_ALL);
    CHECK_EQUAL(8, found_last(after));
    CHECK_OK(env_memory_file_bytes(after, FIXTURE_PATH "/00000001.log", &bytes, &size));
    CHECK_EQUAL(fixture_usage(&self).disk_bytes, size);
    env_memory_free(after);
    fixture_drop(&self, UINT32_MAX, 8);
    CHECK(!fixture_has(self.inner, "00000001.log"));
    fixture_free(&self);
}

TEST(a_log_that_was_never_written_closes_without_a_file)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    CHECK_OK(wal_step(self.log));
    CHECK_OK(wal_close(self.log));
    CHECK_EQUAL(1, self.next_number);
    CHECK_EQUAL(0, self.edit);
    fixture_free(&self);
}

TEST_MAIN(CASE(what_was_appended_is_there_after_the_death_of_the_process),
          CASE(a_log_takes_what_it_was_made_for_and_the_next_one_the_rest),
          CASE(a_write_larger_than_a_log_gets_a_log_of_its_own),
          CASE(a_log_is_in_a_durable_manifest_before_its_first_record),
          CASE(room_that_was_given_is_there_for_the_append),
          CASE(room_that_was_given_is_there_for_batches_about_as_large_as_can_be_built),
          CASE(rolling_seals_a_log_with_records_and_leaves_an_empty_one),
          CASE(a_roll_that_cannot_seal_leaves_the_log_where_it_was),
          CASE(a_full_disk_refuses_a_write_whole_and_the_next_one_works_when_there_is_room),
          CASE(a_batch_is_whole_or_absent),
          CASE(a_record_tells_how_far_the_log_before_it_is_durable_and_no_further),
          CASE(the_list_has_every_log_from_a_number_on),
          CASE(the_first_log_that_is_needed_has_a_later_record_or_may_get_one),
          CASE(dropping_takes_away_the_logs_below_a_number_and_no_other),
          CASE(dropping_the_active_log_makes_the_next_write_begin_another),
          CASE(a_closed_log_is_durable_and_has_no_reserved_rest),
          CASE(a_log_that_was_never_written_closes_without_a_file))
