/*
 * reserve_test: room is kept ahead of writers, is lent to what gives room back, and comes again.
 */
#include "lsm_fixture.h"

#include "lsm/reserve.h"

enum { VALUE_BYTES = 1000 };

static uint64_t kept(fixture *self)
{
    uint64_t size = 0;
    if (fixture_files(self, LSM_ROOM_NAME, NULL) > 0) {
        fixture_bytes(self, LSM_ROOM_NAME, &size);
    }
    return size;
}

static pykv_status put(fixture *self, uint32_t number, size_t size)
{
    static uint8_t value[8 * VALUE_BYTES];
    char key[16];
    CHECK(size <= sizeof value);
    return lsm_put(self->store, fixture_key(number, key), slice_make(value, size), 0);
}

/* Puts rows until the disk is full; how many are there. */
static uint32_t fill_disk(fixture *self, uint64_t disk_bytes)
{
    uint32_t count = 0;
    env_memory_set_capacity(self->disk, disk_bytes);
    while (put(self, count, VALUE_BYTES) == PYKV_OK) {
        count++;
    }
    CHECK_EQUAL(PYKV_NO_SPACE, error_last()->status);
    return count;
}

static pykv_status delete(fixture *self, uint32_t number)
{
    char key[16];
    return lsm_delete(self->store, fixture_key(number, key), 0, NULL);
}

TEST(room_is_kept_for_all_that_the_memtables_hold_and_given_back_at_close)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(0, kept(&self));
    CHECK_OK(put(&self, 0, 1));
    CHECK(kept(&self) >= LSM_ROOM_BYTES_MIN);
    for (uint32_t i = 0; i < 600; i++) {
        CHECK_OK(put(&self, i, VALUE_BYTES));
        CHECK(kept(&self) >= LSM_ROOM_BYTES_MIN + i * (uint64_t)VALUE_BYTES);
    }
    CHECK(kept(&self) < 3 * 600 * VALUE_BYTES);
    fixture_close(&self);
    CHECK_EQUAL(0, fixture_files(&self, ".tmp", NULL));
    fixture_free(&self);
}

TEST(what_was_written_can_be_flushed_on_a_disk_without_a_free_byte)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 2 << 20;
    CHECK_OK(fixture_open(&self));
    uint32_t count = fill_disk(&self, 1 << 20);
    env_memory_set_capacity(self.disk, 1); /* nothing is free */
    CHECK(put(&self, count, VALUE_BYTES) == PYKV_NO_SPACE);
    env_memory_set_capacity(self.disk, 1 << 20);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(count, fixture_count(&self));
    CHECK_OK(lsm_close(self.store, -1));
    fixture_kill(&self);
    lsm_manifest listed = fixture_manifest(&self);
    CHECK(listed.clean);
    lsm_manifest_reset(&listed);
    fixture_free(&self);
}

TEST(deletes_and_a_compaction_make_room_on_a_full_disk)
{
    fixture self = fixture_new();
    uint32_t count = fill_disk(&self, 2 << 20);
    CHECK(count > 500);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(delete(&self, i));
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_count(&self));
    CHECK_EQUAL(0, fixture_stats(&self).table_count);
    for (uint32_t i = 0; i < count / 2; i++) {
        CHECK_OK(put(&self, i, VALUE_BYTES));
    }
    CHECK(!lsm_room_is_lent(self.store));
    CHECK_EQUAL(count / 2, fixture_count(&self));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

/* Nothing is due: rows stand in the last level, and what deletes them above it. */
TEST(a_put_that_finds_the_disk_full_has_what_is_dead_compacted)
{
    fixture self = fixture_new();
    uint32_t count = fill_disk(&self, 2 << 20);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(delete(&self, i));
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        CHECK_OK(put(&self, i, VALUE_BYTES));
    }
    CHECK_EQUAL(count / 2, fixture_count(&self));
    CHECK(!lsm_room_is_lent(self.store));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

/* Two logs that keep 2 MiB each ahead of need once left room for 61 rows of 5 KB on 5 MB. */
TEST(what_the_logs_keep_ahead_is_for_the_rows_when_the_disk_is_nearly_full)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 3 << 20;
    self.options.log_sink = PYKV_LOG_MAPPED;
    CHECK_OK(fixture_open(&self));
    CHECK_OK(put(&self, 0, VALUE_BYTES));
    int32_t more = 0;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_LOG, &more));
    }
    CHECK(fixture_disk_bytes(&self) >= 4 << 20);
    uint32_t count = fill_disk(&self, 5 << 20);
    CHECK(count > 1800); /* each is in the log, and kept room for once more */
    CHECK_EQUAL(count, fixture_count(&self));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(count, fixture_count(&self));
    fixture_free(&self);
}

TEST(puts_are_refused_while_the_room_is_lent_and_taken_when_there_is_some)
{
    fixture self = fixture_new();
    CHECK_OK(put(&self, 0, VALUE_BYTES));
    CHECK(!lsm_lend_room(self.store, PYKV_IO_FAILED));
    CHECK(lsm_lend_room(self.store, PYKV_NO_SPACE));
    CHECK(!lsm_lend_room(self.store, PYKV_NO_SPACE));
    CHECK_EQUAL(0, kept(&self));
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, put(&self, 1, VALUE_BYTES));
    CHECK_EQUAL(1, fixture_count(&self));
    env_memory_set_capacity(self.disk, 4 << 20);
    CHECK_OK(delete(&self, 0));
    CHECK(lsm_room_is_lent(self.store));
    CHECK_OK(put(&self, 1, VALUE_BYTES));
    CHECK(!lsm_room_is_lent(self.store));
    CHECK(kept(&self) >= LSM_ROOM_BYTES_MIN);
    fixture_free(&self);
}

/* Compactions that lent the room and a flush that had nothing to do and took it back once went on
 * for ever. */
TEST(rows_can_be_overwritten_without_end_where_a_compaction_follows_a_full_disk)
{
    enum { ROWS = 300, ROUNDS = 12 };
    fixture self = fixture_new();
    uint32_t refused = 0;
    env_memory_set_capacity(self.disk, 2 << 20);
    for (uint32_t i = 0; i < ROWS * ROUNDS; i++) {
        pykv_status status = put(&self, i % ROWS, VALUE_BYTES);
        if (status == PYKV_NO_SPACE) {
            refused++;
            CHECK_OK(lsm_compact(self.store, NULL));
            status = put(&self, i % ROWS, VALUE_BYTES);
        }
        CHECK_OK(status);
    }
    CHECK(refused < ROUNDS);
    CHECK_EQUAL(ROWS, fixture_count(&self));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_free(&self);
}

TEST(a_limit_on_the_size_of_files_keeps_nobody_from_writing)
{
    fixture self = fixture_new();
    CHECK_OK(lsm_keep_room(self.store, UINT64_C(2) * FIXTURE_FILE_MAX));
    CHECK_OK(put(&self, 0, VALUE_BYTES));
    fixture_free(&self);
}

/* Only tables counted, which hold nothing but keys where values are large: what was kept had no
 * room for the values of one segment, which goes when they have moved. */
TEST(room_is_kept_by_the_size_of_the_values_too)
{
    enum { ROWS = 6000 };
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    self.options.table_bytes = 1 << 20;
    self.options.value_log_bytes_min = VALUE_BYTES;
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < ROWS; i++) {
        CHECK_OK(put(&self, i, 2 * VALUE_BYTES));
    }
    fixture_reopen(&self);
    CHECK_OK(put(&self, 0, 1));
    CHECK(kept(&self) >= fixture_stats(&self).value_log_bytes / LSM_ROOM_SHARE);
    fixture_free(&self);
}

TEST_MAIN(CASE(room_is_kept_for_all_that_the_memtables_hold_and_given_back_at_close),
          CASE(what_was_written_can_be_flushed_on_a_disk_without_a_free_byte),
          CASE(deletes_and_a_compaction_make_room_on_a_full_disk),
          CASE(a_put_that_finds_the_disk_full_has_what_is_dead_compacted),
          CASE(what_the_logs_keep_ahead_is_for_the_rows_when_the_disk_is_nearly_full),
          CASE(puts_are_refused_while_the_room_is_lent_and_taken_when_there_is_some),
          CASE(rows_can_be_overwritten_without_end_where_a_compaction_follows_a_full_disk),
          CASE(room_is_kept_by_the_size_of_the_values_too),
          CASE(a_limit_on_the_size_of_files_keeps_nobody_from_writing))
