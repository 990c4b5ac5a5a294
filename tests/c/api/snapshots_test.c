/*
 * snapshots_test: reads at a kept moment as a C program has them through pykv.h.
 */
#include "api_fixture.h"

static api_fixture new_lsm(void)
{
    api_fixture self = {.options = {.engine = PYKV_ENGINE_LSM}};
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

static void expect_at(pykv_snapshot *snapshot, const char *key, const char *value)
{
    pykv_pinned pinned;
    pykv_status status = pykv_get_at(snapshot, key, strlen(key), 0, &pinned);
    CHECK_EQUAL(value != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    CHECK_EQUAL(status, pykv_contains_at(snapshot, key, strlen(key), 0));
    if (value != NULL) {
        CHECK_EQUAL(strlen(value), pinned.length);
        CHECK_BYTES(value, pinned.data, pinned.length);
        pykv_unpin_at(snapshot, &pinned);
    }
}

TEST(reads_at_a_snapshot_see_its_moment)
{
    api_fixture f = new_lsm();
    pykv_snapshot *snapshot;
    pykv_many *many;
    pykv_scan *scan;
    pykv_rows rows;
    uint64_t count = 0;
    const void *keys[] = {"key-3", "other"};
    const size_t lengths[] = {5, 5};
    const pykv_range range = {.has_start = 1, .start = "key-7", .start_length = 5, .limit = 2};
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_clear(f.store, 0));
    CHECK_OK(api_put(&f, "other", "1"));
    expect_at(snapshot, "key-3", "key-3");
    expect_at(snapshot, "other", NULL);
    CHECK_OK(pykv_many_new(f.store, &many));
    CHECK_OK(pykv_get_many_at(many, snapshot, 2, keys, lengths, 0));
    CHECK_BYTES("key-3", pykv_many_values(many)[0], 5);
    CHECK(pykv_many_values(many)[1] == NULL);
    pykv_many_free(many);
    CHECK_OK(pykv_scan_open_at(snapshot, &range, &scan));
    CHECK_OK(pykv_scan_next(scan, 0, 0, &rows));
    CHECK_EQUAL(2, rows.count);
    CHECK_BYTES("key-7key-7key-8key-8", rows.data, 20);
    pykv_scan_close(scan);
    CHECK_OK(pykv_count_at(snapshot, NULL, &count));
    CHECK_EQUAL(10, count);
    CHECK_OK(pykv_count_at(snapshot, &range, &count));
    CHECK_EQUAL(2, count);
    CHECK_OK(pykv_count_range(f.store, &range, &count));
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(1, api_stats(&f).open_snapshot_count);
    pykv_snapshot_free(snapshot);
    CHECK_EQUAL(0, api_stats(&f).open_snapshot_count);
    api_free(&f);
}

static void check_sequence_and_deadline(int32_t engine)
{
    api_fixture f = {.path = check_temporary_directory(), .options = {.engine = engine}};
    pykv_snapshot *snapshot;
    uint64_t sequence = 0;
    uint64_t before = 0;
    uint64_t at = 0;
    CHECK_OK(api_open(&f));
    api_fill(&f, 0, 3);
    CHECK_OK(pykv_put_for(f.store, "dated", 5, "1", 1, 1000000000, 0));
    CHECK_OK(pykv_expires_at(f.store, "dated", 5, 0, &before));
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_touch(f.store, "dated", 5, 0, 0));
    CHECK_OK(api_put(&f, "later", "1"));
    CHECK_OK(pykv_flush(f.store));
    CHECK_OK(pykv_snapshot_sequence(snapshot, &sequence));
    CHECK_EQUAL(4, sequence);
    CHECK_OK(pykv_deadline_at(snapshot, "dated", 5, 0, &at));
    CHECK_EQUAL(before, at);
    CHECK_OK(pykv_deadline_at(snapshot, "key-1", 5, 0, &at));
    CHECK_EQUAL(0, at);
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_deadline_at(snapshot, "later", 5, 0, &at));
    pykv_snapshot_close(snapshot);
    CHECK_STATUS(PYKV_CLOSED, pykv_snapshot_sequence(snapshot, &sequence));
    CHECK_STATUS(PYKV_CLOSED, pykv_deadline_at(snapshot, "dated", 5, 0, &at));
    pykv_snapshot_free(snapshot);
    api_free(&f);
}

TEST(a_snapshot_tells_the_sequence_and_the_deadlines_of_its_moment)
{
    check_sequence_and_deadline(PYKV_ENGINE_LSM);
    check_sequence_and_deadline(PYKV_ENGINE_BITCASK);
}

TEST(a_closed_snapshot_refuses_and_a_scan_of_it_goes_on)
{
    api_fixture f = new_lsm();
    pykv_snapshot *snapshot;
    pykv_pinned pinned;
    pykv_many *many;
    pykv_scan *scan;
    pykv_scan *other;
    pykv_rows rows;
    uint64_t count;
    const void *keys[] = {"key-3"};
    const size_t lengths[] = {5};
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_many_new(f.store, &many));
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_scan_open_at(snapshot, NULL, &scan));
    pykv_snapshot_close(snapshot);
    CHECK_STATUS(PYKV_CLOSED, pykv_get_at(snapshot, "key-3", 5, 0, &pinned));
    CHECK(strstr(pykv_last_error()->text, "snapshot") != NULL);
    CHECK_STATUS(PYKV_CLOSED, pykv_contains_at(snapshot, "key-3", 5, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_get_many_at(many, snapshot, 1, keys, lengths, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_scan_open_at(snapshot, NULL, &other));
    CHECK_STATUS(PYKV_CLOSED, pykv_count_at(snapshot, NULL, &count));
    CHECK_OK(pykv_scan_next(scan, 0, 0, &rows));
    CHECK_EQUAL(10, rows.count);
    pykv_scan_close(scan);
    CHECK_OK(pykv_close(f.store, 0)); /* nothing stayed inside */
    pykv_snapshot_close(snapshot);
    pykv_snapshot_free(snapshot);
    pykv_many_free(many);
    api_free(&f);
}

TEST(a_snapshot_outlives_the_close_of_its_store_and_refuses)
{
    api_fixture f = new_lsm();
    pykv_snapshot *snapshot;
    pykv_snapshot *other;
    pykv_pinned pinned;
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_get_at(snapshot, "a", 1, 0, &pinned));
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_close(f.store, 0));
    CHECK_BYTES("1", pinned.data, 1);
    pykv_unpin_at(snapshot, &pinned);
    CHECK_OK(pykv_close(f.store, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_get_at(snapshot, "a", 1, 0, &pinned));
    CHECK_STATUS(PYKV_CLOSED, pykv_snapshot_new(f.store, &other));
    pykv_snapshot_free(snapshot);
    pykv_snapshot_free(NULL);
    pykv_snapshot_close(NULL);
    api_free(&f);
}

TEST(a_snapshot_of_a_bitcask_counts_its_rows_and_has_no_ranges)
{
    api_fixture f = api_new();
    pykv_snapshot *snapshot;
    uint64_t count;
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    api_fill(&f, 10, 30);
    CHECK_OK(pykv_count_at(snapshot, NULL, &count));
    CHECK_EQUAL(10, count);
    CHECK_OK(pykv_count_at(snapshot, &(pykv_range){.limit = 3}, &count));
    CHECK_EQUAL(3, count);
    CHECK_STATUS(PYKV_NOT_SUPPORTED,
                 pykv_count_at(snapshot, &(pykv_range){.has_start = 1}, &count));
    CHECK_OK(pykv_count_range(f.store, NULL, &count));
    CHECK_EQUAL(30, count);
    pykv_snapshot_free(snapshot);
    api_free(&f);
}

TEST_MAIN(CASE(reads_at_a_snapshot_see_its_moment),
          CASE(a_snapshot_tells_the_sequence_and_the_deadlines_of_its_moment),
          CASE(a_closed_snapshot_refuses_and_a_scan_of_it_goes_on),
          CASE(a_snapshot_outlives_the_close_of_its_store_and_refuses),
          CASE(a_snapshot_of_a_bitcask_counts_its_rows_and_has_no_ranges))
