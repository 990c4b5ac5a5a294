/*
 * close_test: what close waits for, what it leaves, and that it may be called again and at once.
 */
#include <pthread.h>

#include "bitcask_fixture.h"

#include "base/process.h"

enum { SHORT_US = 2000, CLOSER_COUNT = 4 };

/* A store on the real file system, whose clock runs. */
static bitcask *open_real(char **path_out)
{
    bitcask *store;
    CHECK_OK(process_init());
    *path_out = check_temporary_directory();
    CHECK_OK(bitcask_open(env_posix(), *path_out, NULL, &store));
    CHECK_OK(bitcask_put(store, fixture_text("key"), fixture_text("value"), 0));
    return store;
}

TEST(a_clean_close_leaves_a_synced_log_an_image_and_a_clean_manifest)
{
    fixture store = fixture_new();
    env *after;
    fixture_fill(&store, 0, 100, 50);
    fixture_close(&store);
    CHECK_OK(env_memory_crash(store.disk, 1, ENV_CRASH_DROP_ALL, &after));
    env_memory_free(store.disk);
    store.disk = after;
    CHECK_OK(fixture_open(&store));
    pykv_stats stats;
    bitcask_stats(store.store, &stats);
    CHECK(stats.clean_open && stats.recovered_from_image);
    CHECK_EQUAL(100, stats.key_count);
    CHECK_EQUAL(0, stats.epoch);
    fixture_free(&store);
}

TEST(an_unused_prepared_segment_is_dropped)
{
    fixture store = fixture_new();
    fixture_put(&store, "key", "value");
    fixture_maintain(&store, PYKV_ROLE_LOG, 1);
    CHECK(store.store->prepared != NULL);
    fixture_reopen(&store);
    CHECK_EQUAL(1, store.store->segment_count);
    CHECK(fixture_has(&store, "00000001.log"));
    CHECK(!fixture_has(&store, "00000002.log"));
    fixture_free(&store);
}

TEST(closing_again_is_no_error)
{
    fixture store = fixture_new();
    CHECK_OK(bitcask_close(store.store, -1));
    CHECK_OK(bitcask_close(store.store, 0));
    fixture_free(&store);
}

TEST(close_gives_up_when_a_reader_does_not_leave_and_may_be_called_again)
{
    char *path;
    bitcask *store = open_real(&path);
    epoch_token reader = epoch_enter(&store->readers);
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_close(store, SHORT_US));
    CHECK_EQUAL(1, atomic_load(&store->closing));
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_close(store, 0));
    epoch_leave(&store->readers, reader);
    atomic_fetch_add(&store->long_calls, 1);
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_close(store, SHORT_US));
    atomic_fetch_sub(&store->long_calls, 1);
    CHECK_OK(bitcask_close(store, SHORT_US));
    bitcask_free(store);
    CHECK_OK(bitcask_open(env_posix(), path, NULL, &store));
    CHECK_EQUAL(1, bitcask_count(store));
    bitcask_free(store);
    free(path);
}

static void *close_it(void *store)
{
    return bitcask_close(store, -1) == PYKV_OK ? store : NULL;
}

/* Two threads that closed at once both released the store's files: descriptors were closed twice.
 */
TEST(threads_that_close_at_once_wait_for_one_another)
{
    for (int round = 0; round < 20; round++) {
        char *path;
        bitcask *store = open_real(&path);
        pthread_t closers[CLOSER_COUNT];
        for (int i = 0; i < CLOSER_COUNT; i++) {
            CHECK_EQUAL(0, pthread_create(&closers[i], NULL, close_it, store));
        }
        for (int i = 0; i < CLOSER_COUNT; i++) {
            void *closed;
            CHECK_EQUAL(0, pthread_join(closers[i], &closed));
            CHECK(closed == store);
        }
        CHECK(store->home == NULL && store->lock == NULL);
        bitcask_free(store);
        free(path);
    }
}

TEST(a_second_closer_gives_up_in_time)
{
    char *path;
    pthread_t closer;
    void *closed;
    bitcask *store = open_real(&path);
    epoch_token reader = epoch_enter(&store->readers);
    CHECK_EQUAL(0, pthread_create(&closer, NULL, close_it, store));
    while (atomic_load(&store->closing) == 0) {
    }
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_close(store, SHORT_US));
    epoch_leave(&store->readers, reader);
    CHECK_EQUAL(0, pthread_join(closer, &closed));
    CHECK(closed == store);
    bitcask_free(store);
    free(path);
}

TEST(close_ends_scans_whose_handles_stay)
{
    fixture store = fixture_new();
    scan *rows_of;
    pykv_rows rows;
    fixture_fill(&store, 0, 10, 10);
    CHECK_OK(scan_open(store.store, false, &rows_of));
    CHECK_OK(bitcask_close(store.store, -1));
    CHECK_STATUS(PYKV_CLOSED, scan_next(rows_of, 0, &rows));
    scan_free(store.store, rows_of);
    fixture_free(&store);
}

TEST(a_store_that_was_only_read_is_not_written)
{
    fixture store = fixture_new();
    fixture_fill(&store, 0, 10, 10);
    fixture_reopen(&store);
    uint64_t calls = env_memory_call_count(store.disk);
    CHECK_OK(bitcask_close(store.store, -1));
    CHECK_EQUAL(calls, env_memory_call_count(store.disk));
    fixture_kill(&store);
    CHECK_OK(fixture_open(&store));
    CHECK(store.store->recovered_from_image);
    fixture_free(&store);
}

TEST_MAIN(CASE(a_clean_close_leaves_a_synced_log_an_image_and_a_clean_manifest),
          CASE(an_unused_prepared_segment_is_dropped), CASE(closing_again_is_no_error),
          CASE(close_gives_up_when_a_reader_does_not_leave_and_may_be_called_again),
          CASE(threads_that_close_at_once_wait_for_one_another),
          CASE(a_second_closer_gives_up_in_time), CASE(close_ends_scans_whose_handles_stay),
          CASE(a_store_that_was_only_read_is_not_written))
