/*
 * changes_test: the change feed as a C program has it through pykv.h.
 */
#include <pthread.h>

#include "api_fixture.h"

static api_fixture new_store(int32_t engine)
{
    api_fixture self = {.options = {.engine = engine}};
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

TEST(what_was_written_is_fed_in_order)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    pykv_changes *feed;
    const pykv_change *changes;
    size_t count;
    api_fill(&f, 0, 3);
    CHECK_OK(pykv_delete_range(f.store, "key-1", 5, "key-2", 5, 1, 0));
    CHECK_OK(pykv_clear(f.store, PYKV_SYNC));
    CHECK_OK(pykv_changes_open(f.store, 0, 0, &feed));
    CHECK_OK(pykv_changes_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(5, count);
    const int32_t kinds[] = {PYKV_CHANGE_PUT, PYKV_CHANGE_PUT, PYKV_CHANGE_PUT,
                             PYKV_CHANGE_DELETE_RANGE, PYKV_CHANGE_CLEAR};
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(i + 1, changes[i].sequence);
        CHECK_EQUAL(kinds[i], changes[i].kind);
        CHECK_EQUAL(1, changes[i].last);
    }
    CHECK_BYTES("key-2", changes[2].value, 5);
    CHECK_BYTES("key-2", changes[3].value, 5);
    CHECK_OK(pykv_changes_next(feed, 0, -1, &changes, &count));
    CHECK_EQUAL(0, count);
    pykv_changes_close(feed);
    pykv_changes_close(NULL);
    api_free(&f);
}

static void *wait_for_change(void *feed)
{
    const pykv_change *changes;
    size_t count;
    CHECK_STATUS(PYKV_CLOSED, pykv_changes_next(feed, 0, -1, &changes, &count));
    return NULL;
}

TEST(close_ends_a_wait_and_the_feed)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    pykv_changes *feed;
    pthread_t thread;
    const pykv_change *changes;
    size_t count;
    CHECK_OK(pykv_changes_open(f.store, 0, PYKV_CHANGES_FOLLOW, &feed));
    CHECK(pthread_create(&thread, NULL, wait_for_change, feed) == 0);
    CHECK_OK(pykv_close(f.store, -1));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(PYKV_CLOSED, pykv_changes_next(feed, 0, 0, &changes, &count));
    pykv_changes_close(feed);
    CHECK_STATUS(PYKV_CLOSED, pykv_changes_open(f.store, 0, 0, &feed));
    api_free(&f);
}

/* A thread copied a large value out of its chunk when another one closed the store, which freed the
 * chunk: a segmentation fault. */
TEST(what_was_fed_stays_when_the_store_is_closed)
{
    enum { VALUE_BYTES = 8 << 20 };
    static char value[VALUE_BYTES];
    memset(value, 'v', sizeof value);
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = new_store(engine);
        pykv_changes *feed;
        const pykv_change *changes;
        size_t count;
        CHECK_OK(pykv_put(f.store, "key", 3, value, sizeof value, PYKV_SYNC));
        CHECK_OK(pykv_changes_open(f.store, 0, 0, &feed));
        CHECK_OK(pykv_changes_next(feed, 0, 0, &changes, &count));
        CHECK_OK(pykv_close(f.store, -1));
        CHECK_EQUAL(1, count);
        CHECK_EQUAL(sizeof value, changes[0].value_length);
        CHECK(memcmp(value, changes[0].value, sizeof value) == 0);
        pykv_changes_close(feed);
        api_free(&f);
    }
}

TEST(a_bitcask_feeds_what_its_segments_hold_and_keeps_pins)
{
    api_fixture f = new_store(PYKV_ENGINE_BITCASK);
    pykv_changes *feed;
    const pykv_change *changes;
    size_t count;
    pykv_pin pin = {.name = "copy", .sequence = 1};
    api_fill(&f, 0, 3);
    CHECK_OK(pykv_clear(f.store, PYKV_SYNC));
    CHECK_OK(pykv_changes_open(f.store, 1, 0, &feed));
    CHECK_OK(pykv_changes_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(3, count);
    CHECK_EQUAL(PYKV_CHANGE_CLEAR, changes[2].kind);
    pykv_changes_close(feed);
    CHECK_OK(pykv_pin_history(f.store, &pin));
    CHECK_OK(pykv_list_pins(f.store, &pin, 1, &count));
    CHECK_EQUAL(1, count);
    CHECK_OK(pykv_unpin_history(f.store, "copy"));
    api_free(&f);
}

TEST(a_namespace_has_no_feed_of_its_own)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    pykv_store *named;
    pykv_changes *feed;
    CHECK_OK(pykv_namespace_open(f.store, "users", 5, 1, 0, &named));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_changes_open(named, 0, 0, &feed));
    pykv_free(named);
    api_free(&f);
}

/* What a feed that follows gives within a second, of a sequence. */
static void expect_next(pykv_changes *feed, uint64_t sequence)
{
    const pykv_change *changes;
    size_t count;
    CHECK_OK(pykv_changes_next(feed, 0, 1000000, &changes, &count));
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(sequence, changes[0].sequence);
}

static void follow_beside_a_writer(int32_t engine)
{
    api_fixture f = new_store(engine);
    api_fill(&f, 0, 1);
    api_fixture reader = {.path = f.path, .options = {.read_only = 1}};
    CHECK_OK(api_open(&reader));
    pykv_changes *feed;
    pykv_changes *still;
    const pykv_change *changes;
    size_t count;
    int32_t flags = PYKV_CHANGES_UNSYNCED;
    CHECK_OK(pykv_changes_open(reader.store, 1, flags | PYKV_CHANGES_FOLLOW, &feed));
    CHECK_OK(pykv_changes_open(reader.store, 1, flags, &still));
    CHECK_OK(pykv_changes_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(0, count);
    for (uint32_t i = 1; i <= 3; i++) {
        api_fill(&f, i, i + 1);
        expect_next(feed, i + 1);
        CHECK_EQUAL(i + 1, api_stats(&reader).last_sequence);
    }
    CHECK_OK(pykv_changes_next(feed, 0, 10000, &changes, &count));
    CHECK_EQUAL(0, count);
    CHECK_OK(pykv_changes_next(still, 0, -1, &changes, &count));
    CHECK_EQUAL(0, count);
    pykv_changes_close(still);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_for_change, feed) == 0);
    CHECK_OK(pykv_close(reader.store, -1));
    CHECK(pthread_join(thread, NULL) == 0);
    pykv_changes_close(feed);
    pykv_free(reader.store);
    api_free(&f);
}

TEST(a_reader_that_follows_moves_on_by_itself_and_one_that_does_not_stays)
{
    follow_beside_a_writer(PYKV_ENGINE_LSM);
    follow_beside_a_writer(PYKV_ENGINE_BITCASK);
}

TEST(a_reader_that_follows_is_told_of_another_database)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    api_fixture reader = {.path = f.path, .options = {.read_only = 1}};
    pykv_changes *feed;
    const pykv_change *changes;
    size_t count;
    CHECK_OK(api_open(&reader));
    CHECK_OK(pykv_changes_open(reader.store, 0, PYKV_CHANGES_FOLLOW, &feed));
    CHECK_OK(pykv_close(f.store, -1));
    pykv_free(f.store);
    CHECK_OK(pykv_destroy(f.path));
    CHECK_STATUS(PYKV_REPLACED, pykv_changes_next(feed, 0, -1, &changes, &count));
    CHECK_STATUS(PYKV_REPLACED, pykv_changes_next(feed, 0, -1, &changes, &count));
    pykv_changes_close(feed);
    CHECK_OK(pykv_close(reader.store, -1));
    pykv_free(reader.store);
    CHECK_OK(api_open(&f));
    api_free(&f);
}

TEST_MAIN(CASE(what_was_written_is_fed_in_order), CASE(close_ends_a_wait_and_the_feed),
          CASE(what_was_fed_stays_when_the_store_is_closed),
          CASE(a_bitcask_feeds_what_its_segments_hold_and_keeps_pins),
          CASE(a_namespace_has_no_feed_of_its_own),
          CASE(a_reader_that_follows_moves_on_by_itself_and_one_that_does_not_stays),
          CASE(a_reader_that_follows_is_told_of_another_database))
