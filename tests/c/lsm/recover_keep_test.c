/*
 * recover_keep_test: a store that is closed or opened on a full disk leaves its logs as they are.
 */
#include "ingest_fixture.h"

#include "lsm/edit.h"

enum { ROWS = 60, ROW_BYTES = 4000 };

/* A store whose rows are in its logs alone, closed when there was no room for tables. */
static fixture closed_full(void)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    env_memory_set_capacity(self.disk, 1);
    CHECK_OK(lsm_close(self.store, -1));
    fixture_kill(&self);
    return self;
}

/* The disk as it is, or after a power cut. */
static void boot(fixture *self)
{
    env *booted;
    CHECK_OK(env_memory_crash(self->disk, check_seed(), ENV_CRASH_DROP_ALL, &booted));
    env_memory_free(self->disk);
    self->disk = booted;
}

static void check_listed(fixture *self, bool clean, uint64_t log_count_min)
{
    lsm_manifest listed = fixture_manifest(self);
    CHECK_EQUAL(clean, listed.clean);
    CHECK(listed.log_count >= log_count_min);
    lsm_manifest_reset(&listed);
}

TEST(a_close_without_room_for_tables_leaves_synced_logs_and_is_no_error)
{
    fixture self = closed_full();
    check_listed(&self, false, 1);
    CHECK_EQUAL(0, fixture_files(&self, ".tbl", NULL));
    boot(&self);
    env_memory_set_capacity(self.disk, 16 << 20);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(ROWS, fixture_count(&self));
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    fixture_free(&self);
}

TEST(an_open_without_room_leaves_durable_logs_until_they_are_flushed)
{
    fixture self = closed_full();
    boot(&self);
    CHECK(fixture_files(&self, ".log", NULL) > 0);
    env_memory_set_capacity(self.disk, 1);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(ROWS, fixture_count(&self));
    CHECK(fixture_files(&self, ".log", NULL) > 0);
    CHECK_EQUAL(0, fixture_files(&self, ".tbl", NULL));
    CHECK_STATUS(PYKV_NO_SPACE, lsm_put(self.store, fixture_text("k"), fixture_text("v"), 0));
    env_memory_set_capacity(self.disk, 16 << 20);
    CHECK_OK(lsm_put(self.store, fixture_text("k"), fixture_text("v"), 0));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(2, fixture_files(&self, ".tbl", NULL));
    fixture_reopen(&self);
    check_listed(&self, true, 0);
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    CHECK_EQUAL(ROWS + 1, fixture_count(&self));
    fixture_free(&self);
}

TEST(logs_that_were_kept_are_recovered_again_after_the_death_of_the_process)
{
    fixture self = closed_full();
    env_memory_set_capacity(self.disk, 1);
    CHECK_OK(fixture_open(&self));
    env_memory_set_capacity(self.disk, 16 << 20);
    fixture_put(&self, "behind", "them");
    CHECK_OK(lsm_sync(self.store));
    fixture_kill(&self);
    boot(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(ROWS + 1, fixture_count(&self));
    fixture_expect(&self, "behind", "them");
    fixture_free(&self);
}

/* Their bytes may be in the memory of the system alone. */
TEST(logs_of_a_process_that_died_do_not_stay)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    fixture_kill(&self);
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, fixture_open(&self));
    CHECK_EQUAL(0, fixture_files(&self, ".tbl", NULL));
    env_memory_set_capacity(self.disk, 16 << 20);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(ROWS, fixture_count(&self));
    fixture_free(&self);
}

static uint64_t bytes_used(fixture *self)
{
    env_names paths;
    uint64_t used = 0;
    CHECK_OK(env_memory_paths(self->disk, &paths));
    for (size_t i = 0; i < paths.count; i++) {
        uint8_t *data;
        uint64_t size;
        CHECK_OK(env_memory_file_bytes(self->disk, paths.names[i], &data, &size));
        used += size;
    }
    env_names_free(&paths);
    return used;
}

/* Each attempt left its finished tables to the next one, which needed room for its own: where a
 * little room was made after the first, it was never enough. */
TEST(an_open_that_fails_for_want_of_room_leaves_no_tables_to_the_next)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    fixture_kill(&self);
    self.options.memtable_bytes = FIXTURE_MEMTABLE_BYTES;
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, fixture_open(&self));
    uint64_t used = bytes_used(&self);
    uint64_t needed = (uint64_t)ROWS * ROW_BYTES * 5 / 4;
    env_memory_set_capacity(self.disk, used + needed / 2);
    CHECK_STATUS(PYKV_NO_SPACE, fixture_open(&self));
    CHECK(bytes_used(&self) > used);
    CHECK_STATUS(PYKV_NO_SPACE, fixture_open(&self));
    env_memory_set_capacity(self.disk, used + needed);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(ROWS, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_clear_in_logs_that_are_kept_leaves_the_tables_that_the_manifest_lists)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    fixture_reopen(&self);
    env_memory_set_capacity(self.disk, 16 << 20);
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_put(&self, "behind", "it");
    env_memory_set_capacity(self.disk, 1);
    CHECK_OK(lsm_close(self.store, -1));
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(1, fixture_count(&self));
    env_memory_set_capacity(self.disk, 16 << 20);
    fixture_reopen(&self);
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_free(&self);
}

/* Opens, where there is no room, a store whose process died when all it had written was durable;
 * there is room for what is written then, and the process dies again. */
static void keep_and_die(fixture *self)
{
    CHECK_OK(lsm_sync(self->store));
    CHECK_OK(lsm_write_manifest(self->store, LSM_BLOCKS_OF_ITS_OWN, false));
    fixture_kill(self);
    env_memory_set_capacity(self->disk, 1);
    CHECK_OK(fixture_open(self));
    CHECK(fixture_files(self, ".log", NULL) > 0);
    env_memory_set_capacity(self->disk, 16 << 20);
    fixture_put(self, "behind", "it");
    CHECK_OK(wal_prepare_next(self->store->log)); /* another manifest */
    CHECK_OK(lsm_sync(self->store));
    fixture_kill(self);
    boot(self);
    CHECK_OK(fixture_open(self));
    fixture_expect(self, "behind", "it");
}

/* A store with ten rows in a table. */
static fixture with_ten_rows(void)
{
    fixture self = fixture_blank();
    self.options.memtable_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 10, 10);
    CHECK_OK(lsm_flush(self.store));
    return self;
}

static void delete_five(fixture *self)
{
    slice stop = fixture_text("key-00005");
    CHECK_OK(lsm_delete_range(self->store, fixture_text("key"), stop, 0));
}

/* The memtable of what was replayed has no operation: the next manifest left its log out, and what
 * came behind it was lost, or damage. */
TEST(a_log_with_nothing_but_a_range_delete_is_kept_until_it_is_flushed)
{
    fixture self = with_ten_rows();
    delete_five(&self);
    keep_and_die(&self);
    CHECK_EQUAL(6, fixture_count(&self));
    fixture_free(&self);
}

/* The range delete was in no table, and the close let its log go: the rows came back. */
TEST(a_range_delete_in_a_log_that_is_kept_is_flushed_by_a_close)
{
    fixture self = with_ten_rows();
    delete_five(&self);
    CHECK_OK(lsm_sync(self.store));
    CHECK_OK(lsm_write_manifest(self.store, LSM_BLOCKS_OF_ITS_OWN, false));
    fixture_kill(&self);
    env_memory_set_capacity(self.disk, 1);
    CHECK_OK(fixture_open(&self));
    env_memory_set_capacity(self.disk, 16 << 20);
    fixture_reopen(&self);
    check_listed(&self, true, 0);
    CHECK_EQUAL(5, fixture_count(&self));
    fixture_free(&self);
}

/* The same where nothing is left to be flushed. */
TEST(a_log_with_nothing_but_the_mark_of_a_failed_ingest_is_kept_until_a_later_flush)
{
    fixture self = with_ten_rows();
    ingest_write(&self, INGEST_DIRECTORY "/a", 0, 10, "new");
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, ingest_one(&self, INGEST_DIRECTORY "/a"));
    CHECK_EQUAL(11, fixture_stats(&self).last_sequence);
    env_memory_set_capacity(self.disk, 16 << 20);
    keep_and_die(&self);
    CHECK_EQUAL(11, fixture_count(&self));
    fixture_expect(&self, "key-00000", "vvvvvvvvvv");
    fixture_free(&self);
}

TEST_MAIN(CASE(a_close_without_room_for_tables_leaves_synced_logs_and_is_no_error),
          CASE(an_open_without_room_leaves_durable_logs_until_they_are_flushed),
          CASE(logs_that_were_kept_are_recovered_again_after_the_death_of_the_process),
          CASE(logs_of_a_process_that_died_do_not_stay),
          CASE(an_open_that_fails_for_want_of_room_leaves_no_tables_to_the_next),
          CASE(a_clear_in_logs_that_are_kept_leaves_the_tables_that_the_manifest_lists),
          CASE(a_log_with_nothing_but_a_range_delete_is_kept_until_it_is_flushed),
          CASE(a_range_delete_in_a_log_that_is_kept_is_flushed_by_a_close),
          CASE(a_log_with_nothing_but_the_mark_of_a_failed_ingest_is_kept_until_a_later_flush))
