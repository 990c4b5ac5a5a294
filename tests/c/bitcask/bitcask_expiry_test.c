/*
 * bitcask_expiry_test: rows with deadlines in segments, through merges, scans and recoveries.
 */
#include "bitcask/expiry_fixture.h"
#include "bitcask/merge_fixture.h"
#include "bitcask/named_fixture.h"

static uint64_t deadline_of(fixture *self, const char *key)
{
    uint64_t deadline = UINT64_MAX;
    epoch_token token = epoch_enter(&self->store->gate.readers);
    CHECK_OK(bitcask_expires_at(self->store, fixture_text(key), 0, &deadline));
    epoch_leave(&self->store->gate.readers, token);
    return deadline;
}

TEST(a_deadline_goes_with_its_row_through_recovery_merge_close_and_repair)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    pykv_report report;
    CHECK_OK(env_memory_new(check_seed(), REPAIR_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    uint64_t deadline = put_for(&self, "a", "1", 100 * SECOND);
    fixture_put(&self, "b", "2");
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    CHECK_EQUAL(0, deadline_of(&self, "b"));
    CHECK_OK(bitcask_sync(self.store));
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    fixture_put(&self, "b", "3");
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    fixture_close(&self);
    CHECK_OK(bitcask_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(deadline, deadline_of(&self, "a"));
    wait_us(&self, 100 * SECOND);
    fixture_expect(&self, "a", NULL);
    fixture_expect(&self, "b", "3");
    CHECK_EQUAL(1, row_count(&self));
    fixture_free(&self);
}

TEST(a_merge_takes_what_has_expired_for_a_tombstone_and_no_older_value_comes_back)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "old");
    fixture_fill(&self, 0, 30, 500); /* other segments, which stay as they are */
    (void)put_for(&self, "a", "new", SECOND);
    fixture_fill(&self, 0, 30, 500);
    fixture_fill(&self, 100, 130, 500);
    wait_us(&self, SECOND);
    fixture_expect(&self, "a", NULL);
    CHECK_OK(bitcask_sync(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 200);
    fixture_expect(&self, "a", NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bitcask_compact(self.store, NULL));
        fixture_expect(&self, "a", NULL);
        fixture_kill(&self);
        CHECK_OK(fixture_open(&self));
        fixture_expect(&self, "a", NULL);
        CHECK_EQUAL(60, row_count(&self));
    }
    CHECK_EQUAL(60, fixture_stats(&self).key_count);
    fixture_free(&self);
}

/* The high water was kept by manifests alone, which only writers made: after a kill, or a close of
 * a store that was only read, a clock that had gone back brought rows back that a get or a scan had
 * passed over. */
TEST(what_a_reader_was_told_has_expired_stays_so_after_a_kill_and_a_clock_that_goes_back)
{
    for (int way = 0; way < 4; way++) {
        fixture self = lazy_fixture();
        (void)put_for(&self, "a", "1", 10 * SECOND);
        fixture_put(&self, "b", "1");
        fixture_reopen(&self);
        wait_us(&self, 10 * SECOND);
        if (way % 2 == 0) {
            fixture_expect(&self, "a", NULL);
        } else {
            CHECK_EQUAL(21, row_count(&self));
        }
        if (way < 2) {
            fixture_maintain(&self, PYKV_ROLE_DATA, 20);
            fixture_kill(&self);
        } else {
            fixture_close(&self);
        }
        env_memory_advance(self.disk, 0, -100 * (int64_t)SECOND);
        CHECK_OK(fixture_open(&self));
        CHECK(self.store->recovered_from_image);
        fixture_expect(&self, "a", NULL);
        fixture_expect(&self, "b", "1");
        CHECK_EQUAL(21, row_count(&self));
        fixture_free(&self);
    }
}

/* So no reader of a store that nobody writes to keeps the disk busy. */
TEST(manifests_for_the_clock_end_with_the_deadlines_that_pass)
{
    fixture self = lazy_fixture();
    (void)put_for(&self, "a", "1", 10 * SECOND);
    (void)put_for(&self, "b", "1", 11 * SECOND);
    (void)put_for(&self, "c", "1", 12 * SECOND);
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 50);
    uint64_t before = self.store->edit;
    for (uint32_t i = 0; i < 40; i++) {
        wait_us(&self, SECOND / 2);
        (void)row_count(&self);
        fixture_maintain(&self, PYKV_ROLE_DATA, 3);
    }
    CHECK(self.store->edit > before && self.store->edit <= before + 4);
    fixture_free(&self);
}

TEST(maintenance_gives_back_the_space_of_segments_whose_rows_have_expired)
{
    for (int reopens = 0; reopens < 2; reopens++) {
        fixture self = fixture_new();
        fill_for(&self, 0, 200, SECOND);
        fixture_fill(&self, 1000, 1020, 500);
        CHECK_OK(bitcask_flush(self.store));
        if (reopens != 0) {
            fixture_reopen(&self);
        }
        uint64_t before = fixture_stats(&self).disk_bytes;
        fixture_maintain(&self, PYKV_ROLE_DATA, 100);
        CHECK(fixture_stats(&self).disk_bytes >= before);
        wait_us(&self, 2 * SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA, 1000);
        CHECK(fixture_stats(&self).disk_bytes < before / 3);
        CHECK_EQUAL(20, row_count(&self));
        fixture_free(&self);
    }
}

static void open_again(fixture *self, int way)
{
    if (way == 1) {
        fixture_reopen(self);
    } else if (way == 2) {
        CHECK_OK(bitcask_sync(self->store));
        fixture_kill(self);
        CHECK_OK(fixture_open(self));
    }
}

/* Of each segment the latest deadline alone was known: one row of a month kept all rows of an hour
 * around it on the disk for that month. */
TEST(a_row_of_a_month_does_not_keep_rows_of_an_hour_on_the_disk)
{
    for (int way = 0; way < 3; way++) {
        fixture self = fixture_new();
        uint64_t deadline = 0;
        for (uint32_t i = 0; i < 400; i += 20) {
            fill_for(&self, i, i + 20, hour_us);
            deadline = put_for(&self, "month", "1", month_us);
            fill_for(&self, 1000 + i, 1001 + i, month_us);
        }
        CHECK_OK(bitcask_flush(self.store));
        open_again(&self, way);
        uint64_t before = fixture_stats(&self).disk_bytes;
        wait_us(&self, (int64_t)hour_us - SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA, 1000);
        CHECK(fixture_stats(&self).disk_bytes >= before);
        CHECK_EQUAL(421, row_count(&self));
        wait_us(&self, 60 * SECOND);
        fixture_maintain(&self, PYKV_ROLE_DATA, 1000);
        CHECK(fixture_stats(&self).disk_bytes < before / 3);
        CHECK_EQUAL(21, row_count(&self));
        env_memory_advance(self.disk, 0, -2 * (int64_t)hour_us);
        open_again(&self, way);
        CHECK_EQUAL(21, row_count(&self));
        CHECK_EQUAL(deadline, deadline_of(&self, "month"));
        wait_us(&self, (int64_t)(month_us + 3 * hour_us));
        fixture_maintain(&self, PYKV_ROLE_DATA, 1000);
        CHECK_EQUAL(0, row_count(&self));
        CHECK(fixture_stats(&self).disk_bytes < before / 20);
        fixture_free(&self);
    }
}

/* Rows that stay in one segment, and tombstones of rows that expired in another, behind an open. */
static void open_with_tombstones(fixture *self, bool image)
{
    env_directory *home;
    char key[16];
    *self = fixture_new();
    fixture_fill(self, 0, 20, 100);
    CHECK_OK(bitcask_flush(self->store));
    for (uint32_t i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "session-%u", i);
        (void)put_for(self, key, "1", SECOND);
    }
    wait_us(self, 2 * SECOND);
    CHECK_EQUAL(1, merge_fixture_begin(self));
    merge_fixture_finish(self);
    fixture_close(self);
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    if (!image) {
        CHECK_OK(env_unlink(home, BITCASK_IMAGE_NAME));
    }
    env_directory_close(home);
    CHECK_OK(fixture_open(self));
    CHECK_EQUAL(image, self->store->recovered_from_image);
}

/* The image did not tell of tombstones: a segment of nothing else was rewritten as it was by each
 * first merge, without the older one that kept them. */
TEST(an_open_by_image_knows_the_tombstones_of_segments)
{
    for (int way = 0; way < 4; way++) {
        fixture self;
        open_with_tombstones(&self, way % 2 == 0);
        CHECK(self.store->segments[1]->tombstone_bytes > 3000);
        if (way < 2) {
            CHECK_OK(bitcask_compact(self.store, NULL));
        } else {
            fixture_maintain(&self, PYKV_ROLE_DATA, 100);
        }
        pykv_stats stats = fixture_stats(&self);
        CHECK_EQUAL(stats.live_bytes + stats.segment_count * LOG_SEGMENT_HEADER_BYTES,
                    stats.disk_bytes);
        CHECK_EQUAL(1, stats.merge_count);
        fixture_free(&self);
    }
}

/* Steps beside a writer: the active segment is not sealed as idle. */
static void maintain_beside_puts(fixture *self, int steps)
{
    for (int i = 0; i < steps; i++) {
        fixture_maintain(self, PYKV_ROLE_DATA, 1);
        fixture_put(self, "busy", "1");
    }
}

/* A merge that freed next to nothing was followed by a rest of so many written bytes: in a store
 * that writes little what expired then stayed. */
TEST(what_expires_or_is_sealed_ends_the_rest_after_an_unfruitful_merge)
{
    for (int way = 0; way < 2; way++) {
        fixture self = {.options = {.segment_bytes = 1 << 20}};
        CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
        CHECK_OK(fixture_open(&self));
        fixture_fill(&self, 0, 20, VALUE_BYTES);
        fixture_fill(&self, 0, 1, VALUE_BYTES);
        CHECK_OK(bitcask_flush(self.store));
        fill_for(&self, 1000, 1040, hour_us);
        CHECK_OK(bitcask_flush(self.store));
        for (int i = 0; i < 50; i++) {
            fixture_fill(&self, 2000, 2001, VALUE_BYTES);
        }
        maintain_beside_puts(&self, 20);
        CHECK_EQUAL(1, fixture_stats(&self).merge_count);
        CHECK(!self.store->merge_was_fruitful);
        uint64_t before = fixture_stats(&self).disk_bytes;
        if (way == 0) {
            wait_us(&self, (int64_t)hour_us);
            maintain_beside_puts(&self, 20);
        } else {
            fixture_maintain(&self, PYKV_ROLE_DATA, 3);
            fixture_maintain(&self, PYKV_ROLE_LOG, 1);
            fixture_maintain(&self, PYKV_ROLE_DATA, 20);
        }
        CHECK(fixture_stats(&self).merge_count > 1);
        CHECK(fixture_stats(&self).disk_bytes < before - UINT64_C(40) * VALUE_BYTES);
        fixture_free(&self);
    }
}

/* What had expired was taken from the sum of all namespaces, and then each other one's rows again.
 */
TEST(live_bytes_count_what_has_expired_until_it_is_merged_away)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    fixture_fill(&self, 0, 20, 100);
    uint64_t deadline = bitcask_now(self.store) + SECOND;
    for (int i = 0; i < 20; i++) {
        char key[16];
        int length = snprintf(key, sizeof key, "key-%d", i);
        CHECK_OK(bitcask_put_in(self.store, users, slice_make(key, (size_t)length),
                                fixture_text("1"), deadline, 0));
    }
    uint64_t live = fixture_stats(&self).live_bytes;
    uint64_t named = named_live_bytes(&self, users);
    CHECK(live >= 20 * 100 && named >= 20 * 32);
    wait_us(&self, 2 * SECOND);
    CHECK_EQUAL(live, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(named, named_live_bytes(&self, users));
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(live, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(0, named_live_bytes(&self, users));
    named_let_go(&self, users);
    fixture_free(&self);
}

/* The buckets have puts that were deleted since: rows that stay were taken for them. */
TEST(rows_that_were_deleted_before_they_expired_do_not_make_others_look_dead)
{
    fixture self = {.options = {.segment_bytes = 1 << 20}};
    char key[16];
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 60, VALUE_BYTES);
    uint64_t live = fixture_stats(&self).live_bytes;
    fill_for(&self, 1000, 1060, SECOND);
    for (uint32_t i = 1000; i < 1060; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(&self, key);
    }
    wait_us(&self, 2 * SECOND);
    CHECK_EQUAL(live, fixture_stats(&self).live_bytes);
    uint64_t expired = segment_expired_bytes(self.store->active, bitcask_now(self.store));
    CHECK(expired < live * 3 / 4);
    fixture_free(&self);
}

/* Half of the other rows are overwritten: the two are less than the limit each, together not. */
TEST(what_has_expired_counts_beside_what_was_overwritten)
{
    fixture self = {.options = {.segment_bytes = 1 << 20}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 20, VALUE_BYTES);
    fill_for(&self, 1000, 1012, SECOND);
    CHECK_OK(bitcask_flush(self.store));
    fixture_fill(&self, 0, 10, VALUE_BYTES);
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA, 20);
    CHECK_EQUAL(0, fixture_stats(&self).merge_count);
    wait_us(&self, 2 * SECOND);
    fixture_maintain(&self, PYKV_ROLE_DATA, 20);
    CHECK(fixture_stats(&self).disk_bytes < UINT64_C(22) * (VALUE_BYTES + 40));
    fixture_free(&self);
}

TEST(a_scan_shows_what_had_not_expired_when_it_began_though_it_is_merged_away)
{
    fixture self = fixture_new();
    scan *kept;
    fill_for(&self, 0, 50, SECOND);
    CHECK_OK(scan_open(self.store, false, &kept));
    wait_us(&self, SECOND);
    CHECK_EQUAL(0, row_count(&self));
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_stats(&self).key_count);
    CHECK_EQUAL(50, rows_of(kept));
    scan_free(kept);
    fixture_free(&self);
}

TEST(a_condition_takes_what_has_expired_for_absent)
{
    fixture self = fixture_new();
    int32_t outcome = 1;
    slice one = fixture_text("1");
    slice key = fixture_text("a");
    (void)put_for(&self, "a", "1", SECOND);
    wait_us(&self, SECOND);
    epoch_token token = epoch_enter(&self.store->gate.readers);
    CHECK_OK(bitcask_compare_and_set(self.store, key, &one, &one, 0, 0, &outcome));
    CHECK_EQUAL(0, outcome);
    outcome = 1;
    CHECK_OK(bitcask_delete(self.store, key, 0, &outcome));
    CHECK_EQUAL(0, outcome);
    CHECK_OK(bitcask_compare_and_set(self.store, key, NULL, &one, 0, 0, &outcome));
    CHECK_EQUAL(1, outcome);
    epoch_leave(&self.store->gate.readers, token);
    CHECK_EQUAL(0, deadline_of(&self, "a"));
    fixture_free(&self);
}

TEST(what_has_expired_stays_so_when_the_clock_goes_back)
{
    fixture self = fixture_new();
    (void)put_for(&self, "a", "1", 10 * SECOND);
    wait_us(&self, 10 * SECOND);
    fixture_expect(&self, "a", NULL);
    env_memory_advance(self.disk, 0, -100 * (int64_t)SECOND);
    fixture_expect(&self, "a", NULL);
    fixture_reopen(&self);
    fixture_expect(&self, "a", NULL);
    CHECK_EQUAL(0, row_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(what_a_reader_was_told_has_expired_stays_so_after_a_kill_and_a_clock_that_goes_back),
          CASE(manifests_for_the_clock_end_with_the_deadlines_that_pass),
          CASE(a_deadline_goes_with_its_row_through_recovery_merge_close_and_repair),
          CASE(a_merge_takes_what_has_expired_for_a_tombstone_and_no_older_value_comes_back),
          CASE(maintenance_gives_back_the_space_of_segments_whose_rows_have_expired),
          CASE(a_row_of_a_month_does_not_keep_rows_of_an_hour_on_the_disk),
          CASE(an_open_by_image_knows_the_tombstones_of_segments),
          CASE(what_expires_or_is_sealed_ends_the_rest_after_an_unfruitful_merge),
          CASE(live_bytes_count_what_has_expired_until_it_is_merged_away),
          CASE(rows_that_were_deleted_before_they_expired_do_not_make_others_look_dead),
          CASE(what_has_expired_counts_beside_what_was_overwritten),
          CASE(a_scan_shows_what_had_not_expired_when_it_began_though_it_is_merged_away),
          CASE(a_condition_takes_what_has_expired_for_absent),
          CASE(what_has_expired_stays_so_when_the_clock_goes_back))
