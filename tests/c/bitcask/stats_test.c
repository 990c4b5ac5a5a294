/*
 * stats: the count of keys is exact, counters count what was done, gauges show what there is.
 */
#include "bitcask_fixture.h"

static pykv_stats stats_of(fixture *f)
{
    pykv_stats stats;
    bitcask_stats(f->store, &stats);
    return stats;
}

TEST(the_count_of_keys_is_exact_through_random_writes_merges_and_openings)
{
    bool there[100] = {false};
    uint64_t seed = check_seed();
    fixture f = fixture_new();
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t key = (uint32_t)check_random(&seed, 100);
        char text[16];
        there[key] = check_random(&seed, 2) != 0;
        snprintf(text, sizeof text, "key-%u", key);
        if (there[key]) {
            fixture_put(&f, text, "value");
        } else {
            fixture_delete(&f, text);
        }
        if (i % 1000 == 500) {
            CHECK_OK(bitcask_compact(f.store, NULL));
        } else if (i % 1000 == 999) {
            fixture_reopen(&f);
        }
        uint64_t count = 0;
        for (uint32_t j = 0; j < 100; j++) {
            count += there[j];
        }
        CHECK_EQUAL(count, bitcask_count(f.store));
        CHECK_EQUAL(count, stats_of(&f).key_count);
    }
    CHECK_OK(bitcask_clear(f.store, 0));
    CHECK_EQUAL(0, bitcask_count(f.store));
    fixture_free(&f);
}

TEST(writes_and_syncs_are_counted_by_what_they_put_into_the_log)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "1");
    fixture_put(&f, "a", "22");
    fixture_delete(&f, "a");
    fixture_delete(&f, "a"); /* not there: nothing is written */
    pykv_stats stats = stats_of(&f);
    CHECK_EQUAL(2, stats.put_count);
    CHECK_EQUAL(1, stats.delete_count);
    CHECK_EQUAL(3, stats.last_sequence);
    CHECK_EQUAL(0, stats.synced_sequence);
    CHECK_EQUAL(0, stats.live_bytes);
    CHECK_EQUAL(3 * 32, stats.written_bytes);
    CHECK_OK(bitcask_sync(f.store));
    stats = stats_of(&f);
    CHECK_EQUAL(3, stats.synced_sequence);
    CHECK_EQUAL(1, stats.sync_count);
    fixture_put(&f, "b", "1");
    CHECK_EQUAL(40, stats_of(&f).live_bytes); /* it notes how far the log was synced */
    CHECK_EQUAL(3, stats_of(&f).synced_sequence);
    fixture_free(&f);
}

TEST(disk_bytes_are_the_segments_and_shrink_with_a_merge)
{
    fixture f = fixture_new();
    for (int round = 0; round < 10; round++) {
        fixture_fill(&f, 0, 50, 100);
    }
    pykv_stats before = stats_of(&f);
    uint64_t lengths = 0;
    for (size_t i = 0; i < f.store->segment_count; i++) {
        lengths += f.store->segments[i]->length;
    }
    CHECK_EQUAL(lengths, before.disk_bytes);
    CHECK_EQUAL(f.store->segment_count, before.segment_count);
    CHECK_OK(bitcask_compact(f.store, NULL));
    pykv_stats after = stats_of(&f);
    CHECK(after.disk_bytes < before.disk_bytes / 4);
    CHECK(after.segment_count < before.segment_count);
    CHECK_EQUAL(before.live_bytes, after.live_bytes);
    CHECK(after.merge_count > 0 && after.merged_bytes > 0);
    CHECK_EQUAL(before.written_bytes, after.written_bytes);
    fixture_free(&f);
}

TEST(how_the_store_was_opened_is_told)
{
    fixture f = fixture_new();
    pykv_stats stats = stats_of(&f);
    CHECK_EQUAL(PYKV_ENGINE_BITCASK, stats.engine);
    CHECK_EQUAL(PYKV_DURABILITY_OS, stats.durability);
    CHECK_EQUAL(PYKV_STATE_OPEN, stats.state);
    CHECK_EQUAL(0, stats.recovered_from_image);
    CHECK(stats.hot_mode == 1 && stats.keydir_bytes > 0);
    uint64_t history = stats.epoch;
    fixture_fill(&f, 0, 10, 10);
    fixture_reopen(&f);
    stats = stats_of(&f);
    CHECK(stats.clean_open == 1 && stats.recovered_from_image == 1);
    CHECK_EQUAL(history, stats.epoch);
    fixture_fill(&f, 10, 15, 10);
    fixture_kill(&f);
    f.options.durability = PYKV_DURABILITY_SYNC;
    f.options.no_mapped_reads = 1;
    CHECK_OK(fixture_open(&f));
    stats = stats_of(&f);
    CHECK(stats.clean_open == 0 && stats.recovered_from_image == 0 && stats.hot_mode == 0);
    CHECK_EQUAL(history + 1, stats.epoch);
    CHECK_EQUAL(PYKV_DURABILITY_SYNC, stats.durability);
    CHECK_EQUAL(15, stats.recovered_record_count);
    CHECK_EQUAL(15, stats.key_count);
    CHECK_EQUAL(15, stats.synced_sequence);
    fixture_free(&f);
}

TEST(open_scans_and_what_they_keep_are_shown)
{
    fixture f = fixture_new();
    scan *rows;
    fixture_fill(&f, 0, 100, 10);
    CHECK_EQUAL(0, stats_of(&f).open_scan_count);
    CHECK_EQUAL(0, stats_of(&f).undo_bytes);
    CHECK_OK(scan_open(f.store, false, &rows));
    fixture_fill(&f, 0, 100, 10);
    CHECK_EQUAL(1, stats_of(&f).open_scan_count);
    CHECK(stats_of(&f).undo_bytes >= 100 * sizeof(undo_entry));
    scan_free(rows);
    CHECK_EQUAL(0, stats_of(&f).open_scan_count);
    fixture_free(&f);
}

TEST(flush_seals_what_holds_records_and_nothing_else)
{
    fixture f = fixture_new();
    CHECK_OK(bitcask_flush(f.store));
    CHECK_EQUAL(0, stats_of(&f).segment_count);
    fixture_put(&f, "a", "1");
    const segment *first = f.store->active;
    CHECK_OK(bitcask_flush(f.store));
    CHECK(first->sealed && first->synced);
    CHECK_EQUAL(1, stats_of(&f).synced_sequence);
    uint64_t segments = stats_of(&f).segment_count;
    CHECK_OK(bitcask_flush(f.store));
    CHECK_EQUAL(segments, stats_of(&f).segment_count);
    f.options.read_only = 1;
    fixture_reopen(&f);
    CHECK_EQUAL(PYKV_STATE_READ_ONLY, bitcask_state(f.store));
    CHECK_STATUS(PYKV_READ_ONLY, bitcask_flush(f.store));
    CHECK_STATUS(PYKV_READ_ONLY, bitcask_resume(f.store));
    fixture_free(&f);
}

/* docs/design.md says so. */
TEST(the_directory_keeps_its_size_until_a_clear_or_an_open_that_builds_it_anew)
{
    enum { KEYS = 3000 };
    fixture f = fixture_new();
    fixture_fill(&f, 0, KEYS, 10);
    uint64_t full = fixture_stats(&f).keydir_bytes;
    char key[32];
    for (uint32_t i = 1; i < KEYS; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(&f, key);
    }
    CHECK_EQUAL(full, fixture_stats(&f).keydir_bytes);
    fixture_reopen(&f);
    CHECK(f.store->recovered_from_image);
    CHECK(fixture_stats(&f).keydir_bytes > full / 2);
    CHECK_OK(bitcask_compact(f.store, NULL));
    fixture_put(&f, "another", "1");
    fixture_kill(&f);
    CHECK_OK(fixture_open(&f));
    CHECK_EQUAL(2, fixture_stats(&f).key_count);
    CHECK(fixture_stats(&f).keydir_bytes < full / 2);
    fixture_fill(&f, 0, KEYS, 10);
    CHECK(fixture_stats(&f).keydir_bytes > full / 2);
    CHECK_OK(bitcask_clear(f.store, 0));
    CHECK(fixture_stats(&f).keydir_bytes < full / 2);
    fixture_free(&f);
}

TEST_MAIN(CASE(the_count_of_keys_is_exact_through_random_writes_merges_and_openings),
          CASE(writes_and_syncs_are_counted_by_what_they_put_into_the_log),
          CASE(disk_bytes_are_the_segments_and_shrink_with_a_merge),
          CASE(how_the_store_was_opened_is_told), CASE(open_scans_and_what_they_keep_are_shown),
          CASE(flush_seals_what_holds_records_and_nothing_else),
          CASE(the_directory_keeps_its_size_until_a_clear_or_an_open_that_builds_it_anew))
