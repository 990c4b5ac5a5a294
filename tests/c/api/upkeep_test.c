/*
 * upkeep: sync, flush, compact, verify, states and lent threads through pykv.h.
 */
#include <pthread.h>

#include "api_fixture.h"

TEST(sync_and_flush_make_everything_written_durable_and_flush_seals_the_segment)
{
    api_fixture f = api_new();
    api_fill(&f, 0, 10);
    CHECK_EQUAL(10, api_stats(&f).last_sequence);
    CHECK_EQUAL(0, api_stats(&f).synced_sequence);
    CHECK_OK(pykv_sync(f.store));
    CHECK_EQUAL(10, api_stats(&f).synced_sequence);
    CHECK_EQUAL(1, api_stats(&f).sync_count);
    api_fill(&f, 10, 12);
    CHECK_OK(pykv_flush(f.store));
    CHECK_EQUAL(12, api_stats(&f).synced_sequence);
    uint64_t segments = api_stats(&f).segment_count;
    api_fill(&f, 12, 13);
    CHECK(api_stats(&f).segment_count > segments);
    api_expect(&f, "key-11", "key-11");
    api_free(&f);
}

TEST(compact_gives_dead_bytes_back_and_a_cancelled_one_loses_nothing)
{
    api_fixture f = api_new();
    pykv_progress progress = {.cancel = 1};
    for (int round = 0; round < 20; round++) {
        api_fill(&f, 0, 100);
    }
    pykv_stats before = api_stats(&f);
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_compact(f.store, NULL, &progress));
    CHECK_EQUAL(100, api_stats(&f).key_count);
    api_expect(&f, "key-99", "key-99");
    progress = (pykv_progress){0};
    CHECK_OK(pykv_compact(f.store, NULL, &progress));
    pykv_stats after = api_stats(&f);
    CHECK(progress.total > 0);
    CHECK(after.disk_bytes < before.disk_bytes / 5);
    CHECK(after.merge_count > 0 && after.merged_bytes > 0);
    CHECK_EQUAL(before.live_bytes, after.live_bytes);
    CHECK_EQUAL(100, after.key_count);
    api_expect(&f, "key-99", "key-99");
    api_free(&f);
}

/* Opens what f has open, read-only. */
static api_fixture reader_of(const api_fixture *f)
{
    api_fixture reader = {.path = f->path, .options = f->options};
    reader.options.read_only = 1;
    CHECK_OK(api_open(&reader));
    return reader;
}

TEST(refresh_moves_a_reader_and_leaves_a_writer_alone)
{
    api_fixture f = api_new();
    uint64_t sequence = 0;
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_refresh(f.store, &sequence));
    CHECK_EQUAL(10, sequence);
    api_fixture reader = reader_of(&f);
    api_fill(&f, 10, 12);
    api_expect(&reader, "key-11", NULL);
    CHECK_OK(pykv_refresh(reader.store, &sequence));
    CHECK_EQUAL(12, sequence);
    api_expect(&reader, "key-11", "key-11");
    CHECK_OK(pykv_refresh(reader.store, NULL));
    CHECK_OK(pykv_close(reader.store, -1));
    CHECK_STATUS(PYKV_CLOSED, pykv_refresh(reader.store, &sequence));
    pykv_free(reader.store);
    api_free(&f);
}

static void drop_elsewhere(int32_t engine)
{
    api_fixture f = {.options = {.engine = engine}};
    pykv_store *names[2];
    pykv_store *seen[2];
    f.path = check_temporary_directory();
    CHECK_OK(api_open(&f));
    CHECK_OK(pykv_namespace_open(f.store, "a", 1, 1, 0, &names[0]));
    CHECK_OK(pykv_namespace_open(f.store, "b", 1, 1, 0, &names[1]));
    api_fixture reader = reader_of(&f);
    CHECK_OK(pykv_namespace_open(reader.store, "a", 1, 0, 0, &seen[0]));
    CHECK_OK(pykv_namespace_open(reader.store, "b", 1, 0, 0, &seen[1]));
    CHECK_OK(pykv_put(names[1], "k", 1, "v", 1, 0));
    CHECK_OK(pykv_namespace_drop(f.store, "a", 1, 0));
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_contains(seen[1], "k", 1, 0));
    CHECK_OK(pykv_refresh(seen[1], NULL));
    CHECK_OK(pykv_contains(seen[1], "k", 1, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_contains(seen[0], "k", 1, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_refresh(seen[0], NULL));
    for (int i = 0; i < 2; i++) {
        pykv_free(seen[i]);
        pykv_free(names[i]);
    }
    pykv_free(reader.store);
    api_free(&f);
}

TEST(a_namespace_that_was_dropped_elsewhere_is_closed_by_a_refresh)
{
    drop_elsewhere(PYKV_ENGINE_LSM);
    drop_elsewhere(PYKV_ENGINE_BITCASK);
}

static void flip_byte(const api_fixture *f, const char *name, long offset)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *file = fopen(path, "r+b");
    CHECK(file != NULL && fseek(file, offset, SEEK_SET) == 0);
    int byte = fgetc(file);
    CHECK(byte != EOF && fseek(file, offset, SEEK_SET) == 0);
    CHECK(fputc(byte ^ 0x10, file) != EOF);
    CHECK_EQUAL(0, fclose(file));
}

TEST(verify_counts_every_record_and_names_the_file_that_is_damaged)
{
    api_fixture f = api_new();
    static pykv_report report;
    pykv_progress progress = {0};
    api_fill(&f, 0, 100);
    CHECK_OK(pykv_flush(f.store));
    CHECK_OK(pykv_verify(f.store, &progress, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(100, report.record_count);
    CHECK(report.byte_count > 100 * 24);
    flip_byte(&f, "00000001.log", 100);
    CHECK_OK(pykv_verify(f.store, &progress, &report));
    CHECK(report.damage_count > 0);
    CHECK(strstr(report.damages[0].path, "00000001.log") != NULL);
    CHECK(report.damages[0].text[0] != '\0');
    api_free(&f);
}

TEST(a_store_opened_read_only_says_so_and_refuses_writes_and_resume)
{
    api_fixture f = api_new();
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_OK(pykv_resume(f.store));
    CHECK_EQUAL(PYKV_STATE_OPEN, pykv_state(f.store));
    f.options.read_only = 1;
    api_reopen(&f);
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, pykv_state(f.store));
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, api_stats(&f).state);
    CHECK_STATUS(PYKV_READ_ONLY, api_put(&f, "a", "2"));
    CHECK_STATUS(PYKV_READ_ONLY, pykv_flush(f.store));
    CHECK_STATUS(PYKV_READ_ONLY, pykv_compact(f.store, NULL, NULL));
    CHECK_STATUS(PYKV_READ_ONLY, pykv_resume(f.store));
    api_expect(&f, "a", "1");
    api_free(&f);
}

static void *lend(void *context)
{
    pykv_store *store = context;
    return pykv_maintain(store, PYKV_ROLE_DATA) == PYKV_OK ? context : NULL;
}

TEST(a_lent_thread_comes_back_with_ok_when_the_store_closes)
{
    api_fixture f = api_new();
    pthread_t thread;
    void *result;
    int32_t more = 77;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_maintain(f.store, 9));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_maintain_step(f.store, 0, &more));
    CHECK_EQUAL(77, more);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, lend, f.store));
    api_fill(&f, 0, 1000);
    CHECK_OK(pykv_maintain_step(f.store, PYKV_ROLE_LOG, &more));
    CHECK_EQUAL(0, more);
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_EQUAL(0, pthread_join(thread, &result));
    CHECK(result == f.store);
    CHECK_OK(pykv_maintain(f.store, PYKV_ROLE_DATA));
    api_free(&f);
}

TEST_MAIN(CASE(refresh_moves_a_reader_and_leaves_a_writer_alone),
          CASE(a_namespace_that_was_dropped_elsewhere_is_closed_by_a_refresh),
          CASE(sync_and_flush_make_everything_written_durable_and_flush_seals_the_segment),
          CASE(compact_gives_dead_bytes_back_and_a_cancelled_one_loses_nothing),
          CASE(verify_counts_every_record_and_names_the_file_that_is_damaged),
          CASE(a_store_opened_read_only_says_so_and_refuses_writes_and_resume),
          CASE(a_lent_thread_comes_back_with_ok_when_the_store_closes))
