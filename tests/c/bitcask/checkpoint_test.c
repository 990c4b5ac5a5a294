/*
 * checkpoint_test: a checkpoint is a store of its own, with what was there at one moment.
 */
#include "bitcask_fixture.h"

#include "log/home.h"
#include "log/link_hook.h"

#define COPY_PATH "/copies/one"

/* The checkpoint, opened on the disk of self. */
static fixture open_copy(fixture *self)
{
    fixture copy = {.disk = self->disk, .options = self->options};
    copy.options.must_exist = 1;
    CHECK_OK(bitcask_open(copy.disk, COPY_PATH, &copy.options, &copy.store));
    return copy;
}

static void close_copy(fixture *copy)
{
    CHECK_OK(bitcask_close(copy->store, -1));
    fixture_kill(copy);
}

/* Several segments, some dead rows, and an active one. */
static fixture filled(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 300);
    fixture_fill(&self, 0, 50, 200);
    fixture_maintain(&self, PYKV_ROLE_DATA, 3);
    fixture_put(&self, "young", "1");
    fixture_delete(&self, "key-7");
    return self;
}

static void expect_sound(fixture *self)
{
    static pykv_report report;
    CHECK_OK(bitcask_verify(self->store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

TEST(a_checkpoint_holds_what_was_written_before_it_and_nothing_of_what_comes_after)
{
    fixture self = filled();
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    fixture_put(&self, "young", "2");
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_OK(bitcask_compact(self.store, NULL));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(100, bitcask_count(copy.store));
    fixture_expect(&copy, "young", "1");
    fixture_expect(&copy, "key-7", NULL);
    CHECK(fixture_stats(&copy).clean_open);
    expect_sound(&copy);
    close_copy(&copy);
    CHECK_EQUAL(0, bitcask_count(self.store));
    fixture_free(&self);
}

TEST(source_and_copy_go_on_without_each_other)
{
    fixture self = filled();
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    fixture copy = open_copy(&self);
    fixture_fill(&copy, 0, 100, 100);
    fixture_put(&copy, "own", "copy");
    CHECK_OK(bitcask_compact(copy.store, NULL));
    close_copy(&copy);
    fixture_fill(&self, 100, 200, 300);
    fixture_reopen(&self);
    CHECK_EQUAL(200, bitcask_count(self.store));
    fixture_expect(&self, "own", NULL);
    expect_sound(&self);
    copy = open_copy(&self);
    CHECK_EQUAL(102, bitcask_count(copy.store));
    fixture_expect(&copy, "own", "copy");
    expect_sound(&copy);
    close_copy(&copy);
    fixture_free(&self);
}

/* A store that was closed cleanly goes on in its last segment. One that a checkpoint has linked
 * must not: with the process gone, the next open would append to the file of the copy. */
TEST(no_later_open_appends_to_a_file_of_the_checkpoint)
{
    for (int dies = 0; dies < 2; dies++) {
        fixture self = filled();
        fixture_reopen(&self); /* nothing is written: the manifest says "clean" */
        CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
        if (dies != 0) {
            fixture_kill(&self);
        } else {
            fixture_close(&self);
        }
        CHECK_OK(fixture_open(&self));
        fixture_fill(&self, 0, 100, 10);
        fixture_put(&self, "young", "2");
        fixture copy = open_copy(&self);
        expect_sound(&copy);
        fixture_expect(&copy, "young", "1");
        close_copy(&copy);
        expect_sound(&self);
        fixture_free(&self);
    }
}

/* A merge drops a row that a newer one displaces; the newer one may stand in the active segment. */
TEST(a_row_that_a_merge_left_out_is_in_the_checkpoint_where_it_was_displaced)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 300);
    CHECK_OK(bitcask_flush(self.store));
    fixture_fill(&self, 0, 20, 5);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(100, bitcask_count(copy.store));
    fixture_expect(&copy, "key-3", "vvvvv");
    close_copy(&copy);
    fixture_free(&self);
}

static fixture *beside;

static void merge_beside(void)
{
    fixture_maintain(beside, PYKV_ROLE_DATA, 40);
}

/* A merge that ended while a checkpoint was linking would take files that have no second name yet.
 */
TEST(no_merge_takes_a_file_away_while_a_checkpoint_links)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 300);
    fixture_fill(&self, 0, 100, 200);
    uint64_t segments = fixture_stats(&self).segment_count;
    beside = &self;
    link_hook_set(self.disk, merge_beside);
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    CHECK(fixture_stats(&self).segment_count >= segments);
    merge_beside();
    CHECK(fixture_stats(&self).segment_count < segments);
    fixture copy = open_copy(&self);
    CHECK_EQUAL(100, bitcask_count(copy.store));
    expect_sound(&copy);
    close_copy(&copy);
    fixture_free(&self);
}

TEST(a_checkpoint_is_durable_when_the_call_returns)
{
    fixture self = filled();
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    env *after;
    CHECK_OK(env_memory_crash(self.disk, 1, ENV_CRASH_DROP_ALL, &after));
    fixture crashed = {.disk = after, .options = self.options};
    fixture copy = open_copy(&crashed);
    CHECK_EQUAL(100, bitcask_count(copy.store));
    fixture_expect(&copy, "young", "1");
    close_copy(&copy);
    env_memory_free(after);
    fixture_free(&self);
}

TEST(a_clear_before_the_checkpoint_is_in_it)
{
    fixture self = filled();
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture_put(&self, "after", "1");
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(1, bitcask_count(copy.store));
    close_copy(&copy);
    fixture_free(&self);
}

TEST(an_empty_store_and_the_same_moment_twice_have_checkpoints)
{
    fixture self = fixture_new();
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    fixture copy = open_copy(&self);
    CHECK_EQUAL(0, bitcask_count(copy.store));
    close_copy(&copy);
    fixture_put(&self, "key", "1");
    CHECK_OK(bitcask_checkpoint(self.store, "/copies/two"));
    CHECK_OK(bitcask_checkpoint(self.store, "/copies/three"));
    CHECK_STATUS(PYKV_PATH_EXISTS, bitcask_checkpoint(self.store, "/copies/three"));
    fixture_expect(&self, "key", "1");
    fixture_free(&self);
}

TEST(an_unfinished_checkpoint_does_not_open_and_is_not_repaired_but_can_be_destroyed)
{
    static pykv_report report;
    env_directory *home;
    env_file *mark;
    fixture self = filled();
    CHECK_OK(bitcask_checkpoint(self.store, COPY_PATH));
    CHECK_OK(env_directory_open(self.disk, COPY_PATH, false, &home));
    CHECK_OK(env_unlink(home, "MANIFEST"));
    CHECK_OK(env_file_open(home, HOME_UNFINISHED_NAME, ENV_WRITE | ENV_CREATE, &mark));
    env_file_close(mark);
    env_directory_close(home);
    bitcask *store;
    CHECK_STATUS(PYKV_FORMAT, bitcask_open(self.disk, COPY_PATH, &self.options, &store));
    CHECK(strstr(error_last()->text, "not finished") != NULL);
    CHECK_STATUS(PYKV_FORMAT, bitcask_repair(self.disk, COPY_PATH, &report));
    CHECK_OK(bitcask_destroy(self.disk, COPY_PATH));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(self.disk, COPY_PATH, false, &home));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_checkpoint_holds_what_was_written_before_it_and_nothing_of_what_comes_after),
          CASE(source_and_copy_go_on_without_each_other),
          CASE(no_later_open_appends_to_a_file_of_the_checkpoint),
          CASE(a_row_that_a_merge_left_out_is_in_the_checkpoint_where_it_was_displaced),
          CASE(no_merge_takes_a_file_away_while_a_checkpoint_links),
          CASE(a_checkpoint_is_durable_when_the_call_returns),
          CASE(a_clear_before_the_checkpoint_is_in_it),
          CASE(an_empty_store_and_the_same_moment_twice_have_checkpoints),
          CASE(an_unfinished_checkpoint_does_not_open_and_is_not_repaired_but_can_be_destroyed))
