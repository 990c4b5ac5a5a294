/*
 * checkpoint_test: a checkpoint is a store of its own, with what was there at one moment.
 */
#include "log/home.h"
#include "log/link_hook.h"
#include "lsm/values_store.h"

#define COPY_PATH "/copies/one"

/* The checkpoint, opened on the disk of self. */
static fixture open_copy(fixture *self)
{
    fixture copy = {.disk = self->disk, .options = self->options};
    copy.options.must_exist = 1;
    CHECK_OK(lsm_open(copy.disk, COPY_PATH, &copy.options, &copy.store));
    return copy;
}

static void close_copy(fixture *copy)
{
    CHECK_OK(lsm_close(copy->store, -1));
    fixture_kill(copy);
}

/* Tables on two levels and rows in the memtable. */
static fixture filled(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 500);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_fill(&self, 0, 50, 700);
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "young", "1");
    fixture_delete(&self, "key-00007");
    return self;
}

TEST(a_checkpoint_holds_what_was_written_before_it_and_nothing_of_what_comes_after)
{
    fixture self = filled();
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    fixture_put(&self, "young", "2");
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(300, fixture_count(&copy));
    fixture_expect(&copy, "young", "1");
    fixture_expect(&copy, "key-00007", NULL);
    pykv_stats stats = fixture_stats(&copy);
    CHECK(stats.clean_open);
    CHECK_EQUAL(0, stats.recovered_record_count);
    close_copy(&copy);
    CHECK_EQUAL(0, fixture_count(&self));
    fixture_free(&self);
}

TEST(source_and_copy_go_on_without_each_other)
{
    fixture self = filled();
    pykv_report report;
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    fixture copy = open_copy(&self);
    fixture_fill(&copy, 0, 300, 100);
    fixture_put(&copy, "own", "copy");
    CHECK_OK(lsm_compact(copy.store, NULL));
    close_copy(&copy);
    fixture_fill(&self, 300, 400, 900);
    fixture_reopen(&self);
    CHECK_EQUAL(400, fixture_count(&self));
    fixture_expect(&self, "own", NULL);
    CHECK_OK(lsm_verify(self.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    copy = open_copy(&self);
    fixture_expect(&copy, "own", "copy");
    CHECK_OK(lsm_verify(copy.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    close_copy(&copy);
    fixture_free(&self);
}

TEST(tables_are_not_copied_and_what_they_lose_in_the_source_stays_in_the_copy)
{
    fixture self = filled();
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    uint64_t tables = fixture_stats(&self).table_count;
    CHECK_EQUAL(2 * tables, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(0, fixture_files(&self, HOME_UNFINISHED_NAME, NULL));
    fixture_fill(&self, 0, 300, 20);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(tables + fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(tables, fixture_stats(&copy).table_count);
    close_copy(&copy);
    fixture_free(&self);
}

static fixture *beside;

static void compact_beside(void)
{
    fixture_fill(beside, 0, 300, 20);
    fixture_put(beside, "young", "2");
    CHECK_OK(lsm_compact(beside->store, NULL));
}

/* What a compaction replaces while a checkpoint links was once gone before it had its second name,
 * in RocksDB 6.27. */
TEST(tables_that_a_compaction_replaces_on_the_way_are_in_the_checkpoint)
{
    fixture self = filled();
    uint64_t tables = fixture_stats(&self).table_count;
    beside = &self;
    link_hook_set(self.disk, compact_beside);
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    fixture_expect(&self, "young", "2");
    CHECK_EQUAL(tables + 1 + fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    fixture copy = open_copy(&self);
    pykv_report report;
    CHECK_OK(lsm_verify(copy.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(300, fixture_count(&copy));
    fixture_expect(&copy, "young", "1");
    fixture_expect(&copy, "key-00007", NULL);
    close_copy(&copy);
    fixture_free(&self);
}

TEST(values_in_segments_stay_in_the_copy_when_the_source_has_dropped_their_segments)
{
    enum { KEYS = 200 };
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 1);
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    uint64_t segments = fixture_stats(&self).value_segment_count;
    CHECK(segments > 1);
    CHECK_EQUAL(2 * segments, fixture_files(&self, ".val", NULL));
    values_put(&self, 0, KEYS, 2);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(segments + fixture_stats(&self).value_segment_count,
                fixture_files(&self, ".val", NULL));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(segments, fixture_stats(&copy).value_segment_count);
    CHECK_EQUAL(KEYS, fixture_count(&copy));
    values_expect(&copy, 0, KEYS, 1);
    pykv_report report;
    CHECK_OK(lsm_verify(copy.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    close_copy(&copy);
    values_expect(&self, 0, KEYS, 2);
    fixture_free(&self);
}

TEST(a_checkpoint_is_durable_when_the_call_returns)
{
    fixture self = filled();
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    env *after;
    CHECK_OK(env_memory_crash(self.disk, 1, ENV_CRASH_DROP_ALL, &after));
    fixture crashed = {.disk = after, .options = self.options};
    fixture copy = open_copy(&crashed);
    CHECK_EQUAL(300, fixture_count(&copy));
    close_copy(&copy);
    env_memory_free(after);
    fixture_free(&self);
}

TEST(an_unfinished_checkpoint_does_not_open_and_is_not_repaired_but_can_be_destroyed)
{
    pykv_report report;
    fixture self = filled();
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    env_directory *home;
    env_file *mark;
    CHECK_OK(env_directory_open(self.disk, COPY_PATH, false, &home));
    CHECK_OK(env_unlink(home, "MANIFEST"));
    CHECK_OK(env_file_open(home, HOME_UNFINISHED_NAME, ENV_WRITE | ENV_CREATE, &mark));
    env_file_close(mark);
    env_directory_close(home);
    fixture copy = {.options = self.options};
    CHECK_STATUS(PYKV_FORMAT, lsm_open(self.disk, COPY_PATH, &self.options, &copy.store));
    CHECK(strstr(error_last()->text, "not finished") != NULL);
    CHECK_STATUS(PYKV_FORMAT, lsm_repair(self.disk, COPY_PATH, &report));
    CHECK_OK(lsm_destroy(self.disk, COPY_PATH));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(self.disk, COPY_PATH, false, &home));
    CHECK_EQUAL(300, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_checkpoint_wants_a_new_path_and_a_store_that_can_be_written)
{
    fixture self = filled();
    CHECK_OK(lsm_checkpoint(self.store, COPY_PATH));
    CHECK_STATUS(PYKV_PATH_EXISTS, lsm_checkpoint(self.store, COPY_PATH));
    fixture_close(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_READ_ONLY, lsm_checkpoint(self.store, "/copies/two"));
    env_directory *home;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(self.disk, "/copies/two", false, &home));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_checkpoint_holds_what_was_written_before_it_and_nothing_of_what_comes_after),
          CASE(source_and_copy_go_on_without_each_other),
          CASE(tables_are_not_copied_and_what_they_lose_in_the_source_stays_in_the_copy),
          CASE(tables_that_a_compaction_replaces_on_the_way_are_in_the_checkpoint),
          CASE(values_in_segments_stay_in_the_copy_when_the_source_has_dropped_their_segments),
          CASE(a_checkpoint_is_durable_when_the_call_returns),
          CASE(an_unfinished_checkpoint_does_not_open_and_is_not_repaired_but_can_be_destroyed),
          CASE(a_checkpoint_wants_a_new_path_and_a_store_that_can_be_written))
