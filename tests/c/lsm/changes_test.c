/*
 * changes_test: the feed of a store gives what was written, up to what is synced, from log to log.
 */
#include "lsm_fixture.h"

#include "log/change_feeds.h"
#include "log/feed_fixture.h"
#include "lsm/names.h"

static void put(fixture *self, uint32_t i)
{
    char key[16];
    CHECK_OK(lsm_put(self->store, fixture_key(i, key), fixture_text("value"), 0));
}

static change_feed *open_feed(fixture *self, uint64_t since, int32_t flags)
{
    change_feed *feed = NULL;
    CHECK_OK(lsm_changes_open(self->store, &(pykv_position){.sequence = since}, flags, &feed));
    return feed;
}

TEST(a_feed_gives_what_is_synced_and_the_rest_to_who_asks)
{
    fixture self = fixture_new();
    put(&self, 1);
    put(&self, 2);
    CHECK_OK(lsm_sync(self.store));
    put(&self, 3);
    change_feed *synced = open_feed(&self, 0, PYKV_CHANGES_FOLLOW);
    change_feed *visible = open_feed(&self, 1, PYKV_CHANGES_FOLLOW | PYKV_CHANGES_UNSYNCED);
    CHECK_EQUAL(3, feed_read(synced, 1, 0));
    CHECK_EQUAL(4, feed_read(visible, 2, 0));
    CHECK_OK(lsm_sync(self.store));
    CHECK_EQUAL(4, feed_read(synced, 3, 0));
    lsm_changes_free(self.store, synced);
    lsm_changes_free(self.store, visible);
    fixture_free(&self);
}

TEST(a_feed_goes_on_from_log_to_log)
{
    fixture self = fixture_new();
    change_feed *feed = open_feed(&self, 0, PYKV_CHANGES_FOLLOW);
    uint64_t next = 1;
    for (uint32_t i = 0; i < 5000; i++) {
        put(&self, i);
        if (i % 97 == 0) {
            CHECK_OK(lsm_sync(self.store));
            next = feed_read(feed, next, 0);
            CHECK_EQUAL(i + 2, next);
        }
    }
    lsm_changes_free(self.store, feed);
    fixture_free(&self);
}

/* What a chunk of one change at a time gives: sequences, and the ids of a create and a drop. */
static void follow_names(change_feed *feed, uint32_t id)
{
    const pykv_change *changes;
    size_t count;
    uint32_t seen[PYKV_CHANGE_DROP + 1] = {0};
    do {
        CHECK_OK(change_feed_next(feed, 1, 0, &changes, &count));
        for (size_t i = 0; i < count; i++) {
            seen[changes[i].kind]++;
            bool is_name =
                changes[i].kind == PYKV_CHANGE_NAMESPACE || changes[i].kind == PYKV_CHANGE_DROP;
            CHECK_EQUAL(is_name ? id : changes[i].namespace_id, changes[i].namespace_id);
        }
    } while (count > 0);
    CHECK_EQUAL(1, seen[PYKV_CHANGE_NAMESPACE]);
    CHECK_EQUAL(1, seen[PYKV_CHANGE_DROP]);
    CHECK_EQUAL(1, seen[PYKV_CHANGE_DELETE_RANGE]);
    CHECK_EQUAL(1, seen[PYKV_CHANGE_PUT]);
}

/* A create that began a chunk once ended the feed, and a drop that ended one had no id. */
TEST(a_create_and_a_drop_are_told_whole_wherever_chunks_end)
{
    static const uint8_t value[600];
    fixture self = fixture_new();
    for (uint32_t i = 0; i < 75; i++) {
        char key[16];
        uint32_t id = 0;
        uint64_t since = lsm_visible(self.store);
        CHECK_OK(lsm_put(self.store, fixture_key(i, key), slice_make(value, i * 8), 0));
        CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("users"), 0, &id));
        CHECK_OK(name_book_drop(lsm_name_book(self.store), fixture_text("users"), PYKV_SYNC, &id));
        change_feed *feed = open_feed(&self, since, 0);
        follow_names(feed, id);
        lsm_changes_free(self.store, feed);
    }
    fixture_free(&self);
}

TEST(a_position_that_is_not_there_is_refused)
{
    fixture self = fixture_new();
    change_feed *feed;
    put(&self, 1);
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 lsm_changes_open(self.store, &(pykv_position){.sequence = 2}, 0, &feed));
    CHECK(strstr(error_last()->text, "nothing at sequence 2") != NULL);
    CHECK_EQUAL(1, fixture_stats(&self).history_floor);
    CHECK_OK(lsm_flush(self.store));
    put(&self, 2);
    put(&self, 3);
    CHECK_EQUAL(2, fixture_stats(&self).history_floor);
    lsm_changes_free(self.store, open_feed(&self, 1, 0));
    CHECK_OK(lsm_flush(self.store));
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 lsm_changes_open(self.store, &(pykv_position){.sequence = 1}, 0, &feed));
    CHECK(strstr(error_last()->text, "not kept any more") != NULL);
    fixture_free(&self);
}

static void await_sleeper(fixture *self)
{
    feed_await_sleeper(&self->store->feeds, &self->store->writer);
}

TEST(a_feed_that_waits_is_woken_by_a_sync_and_not_by_a_write)
{
    fixture self = fixture_new();
    feed_wait one = {.feed = open_feed(&self, 0, PYKV_CHANGES_FOLLOW)};
    feed_wait_begin(&one);
    await_sleeper(&self);
    put(&self, 1);
    await_sleeper(&self);
    CHECK_OK(lsm_sync(self.store));
    feed_wait_end(&one);
    CHECK_OK(one.status);
    CHECK_EQUAL(1, one.count);
    CHECK_EQUAL(1, one.sequence);
    lsm_changes_free(self.store, one.feed);
    fixture_free(&self);
}

TEST(a_shut_gate_ends_a_wait)
{
    fixture self = fixture_new();
    feed_wait one = {.feed = open_feed(&self, 0, PYKV_CHANGES_FOLLOW)};
    feed_wait_begin(&one);
    await_sleeper(&self);
    gate_shut(&self.store->gate);
    mutex_lock(&self.store->writer);
    change_feeds_wake(&self.store->feeds);
    mutex_unlock(&self.store->writer);
    feed_wait_end(&one);
    CHECK_STATUS(PYKV_CLOSED, one.status);
    CHECK_OK(lsm_close(self.store, -1));
    lsm_changes_free(self.store, one.feed);
    fixture_free(&self);
}

TEST(a_wait_with_a_time_ends_without_a_change)
{
    fixture self = fixture_new();
    change_feed *feed = open_feed(&self, 0, PYKV_CHANGES_FOLLOW);
    const pykv_change *changes;
    size_t count = 1;
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(0, count);
    lsm_changes_free(self.store, feed);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_feed_gives_what_is_synced_and_the_rest_to_who_asks),
          CASE(a_feed_goes_on_from_log_to_log),
          CASE(a_create_and_a_drop_are_told_whole_wherever_chunks_end),
          CASE(a_position_that_is_not_there_is_refused),
          CASE(a_feed_that_waits_is_woken_by_a_sync_and_not_by_a_write),
          CASE(a_shut_gate_ends_a_wait), CASE(a_wait_with_a_time_ends_without_a_change))
