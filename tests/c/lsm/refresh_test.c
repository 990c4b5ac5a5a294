/*
 * refresh_test: what a store that is open read-only shows of another that writes the same files.
 */
#include "ingest_fixture.h"

#include "lsm/refresh.h"
#include "lsm/snapshot.h"

#define REFRESH lsm_refresh
#define DESTROY lsm_destroy
#include "log/refresh_checks.h"

static uint32_t table_count(fixture *self)
{
    return lsm_view(self->store)->version->file_count;
}

TEST(a_store_that_writes_tells_its_last_sequence_and_nothing_else_happens)
{
    fixture self = fixture_new();
    const view *before = lsm_view(self.store);
    fixture_put(&self, "key", "value");
    CHECK_EQUAL(1, refresh(&self));
    CHECK(before == lsm_view(self.store));
    fixture_free(&self);
}

TEST(a_reader_shows_what_was_written_only_after_a_refresh)
{
    fixture self = fixture_new();
    check_that_it_shows_what_was_written(&self);
    fixture_free(&self);
}

TEST(where_nothing_is_new_the_view_stays)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 500);
    fixture reader = reader_new(&self);
    const view *before = lsm_view(reader.store);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(300, refresh(&reader));
        CHECK(before == lsm_view(reader.store));
    }
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(tables_that_are_open_are_shared_and_those_that_went_are_closed)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 500);
    CHECK_OK(lsm_flush(self.store));
    fixture reader = reader_new(&self);
    CHECK(table_count(&reader) > 0);
    const table_file *kept = lsm_view(reader.store)->version->levels[0].files[0];
    CHECK(kept != NULL);
    fixture_put(&self, "zz", "1");
    CHECK_OK(lsm_flush(self.store));
    uint32_t number = kept->facts.number;
    CHECK_EQUAL(301, refresh(&reader));
    const level *row = &lsm_view(reader.store)->version->levels[0];
    bool shared = false;
    for (uint32_t i = 0; i < row->count; i++) {
        shared |= row->files[i] == kept && kept->facts.number == number;
    }
    CHECK(shared);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(301, refresh(&reader));
    CHECK_EQUAL(table_count(&self), table_count(&reader));
    CHECK_EQUAL(301, fixture_count(&reader));
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(a_snapshot_stays_while_its_files_are_gone_and_the_reader_went_on)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 500);
    CHECK_OK(lsm_flush(self.store));
    fixture reader = reader_new(&self);
    lsm_snapshot *kept;
    uint64_t count = 0;
    CHECK_OK(lsm_snapshot_new(reader.store, &kept));
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_put(&self, "only", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(302, refresh(&reader));
    CHECK_EQUAL(1, fixture_count(&reader));
    CHECK_OK(lsm_count(reader.store, kept, NULL, &count));
    CHECK_EQUAL(300, count);
    lsm_snapshot_free(reader.store, kept);
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(clears_and_range_deletes_in_the_log_show)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 50);
    CHECK_OK(lsm_flush(self.store));
    fixture reader = reader_new(&self);
    CHECK_OK(lsm_delete_range(self.store, fixture_text("key-00010"), fixture_text("key-00020"), 0));
    (void)refresh(&reader);
    CHECK_EQUAL(90, fixture_count(&reader));
    fixture_expect(&reader, "key-00010", NULL);
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_put(&self, "key", "1");
    (void)refresh(&reader);
    CHECK_EQUAL(1, fixture_count(&reader));
    fixture_kill(&reader);
    fixture_free(&self);
}

/* It showed the write behind the ingest, whose rows came with a manifest that it had not read. */
TEST(what_was_written_behind_an_ingest_shows_with_its_rows)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture reader = reader_new(&self);
    lsm_manifest listed = {0};
    shown_state shown;
    mutex_lock(&reader.store->manifest_lock);
    CHECK_OK(shown_state_begin(reader.store->home, &shown));
    CHECK_OK(lsm_manifest_read(reader.store->home, &listed));
    ingest_write(&self, "/files/1", 0, 1, "2");
    CHECK_OK(ingest_one(&self, "/files/1"));
    fixture_put(&self, "c", "3");
    CHECK_STATUS(PYKV_CORRUPTION, lsm_show(reader.store, &listed, &shown));
    CHECK(strstr(error_last()->text, "rows were ingested") != NULL);
    mutex_unlock(&reader.store->manifest_lock);
    lsm_manifest_reset(&listed);
    shown_state_reset(&shown);
    fixture_expect(&reader, "c", NULL);
    (void)refresh(&reader);
    fixture_expect(&reader, "key-00000", "2");
    fixture_expect(&reader, "c", "3");
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(a_reader_goes_on_when_the_writer_died_and_when_the_next_one_came)
{
    fixture self = fixture_new();
    check_that_it_goes_on_with_the_next_writer(&self);
    fixture_free(&self);
}

TEST(a_reader_shows_the_pins_that_there_are_now)
{
    fixture self = fixture_new();
    check_that_it_shows_the_pins(&self);
    fixture_free(&self);
}

static bool pin_is_gone(fixture *self)
{
    pykv_pin listed[HISTORY_PINS_MAX];
    size_t count = 0;
    lsm_list_pins(self->store, listed, HISTORY_PINS_MAX, &count);
    CHECK_EQUAL(1, count);
    return listed[0].gone;
}

TEST(a_reader_tells_a_pin_that_gave_way_from_one_that_holds)
{
    pykv_pin slow = {.name = "slow", .bytes_max = 8000};
    fixture self = fixture_new();
    fixture_put(&self, "key", "value");
    CHECK_OK(lsm_pin_history(self.store, &slow));
    fixture reader = reader_new(&self);
    CHECK(!pin_is_gone(&reader));
    for (int round = 0; round < 10; round++) {
        fixture_fill(&self, 0, 30, 50);
        CHECK_OK(lsm_flush(self.store));
        (void)refresh(&reader);
        CHECK_EQUAL(pin_is_gone(&self), pin_is_gone(&reader));
    }
    CHECK(pin_is_gone(&reader));
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST(another_database_or_none_in_the_directory_is_refused_and_the_old_moment_stays)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 300, 500);
    CHECK_OK(lsm_flush(self.store));
    check_that_it_refuses_another_database(&self, 300);
    fixture_free(&self);
}

TEST(a_damaged_manifest_is_told_and_a_later_refresh_goes_on)
{
    fixture self = fixture_new();
    uint64_t sequence;
    uint64_t size;
    fixture_fill(&self, 0, 10, 50);
    fixture reader = reader_new(&self);
    fixture_put(&self, "more", "1");
    uint8_t *data = fixture_bytes(&self, "MANIFEST", &size);
    data[30] ^= 1;
    CHECK_STATUS(PYKV_CORRUPTION, try_refresh(&reader, &sequence));
    CHECK_EQUAL(10, fixture_count(&reader));
    data[30] ^= 1;
    CHECK_EQUAL(11, refresh(&reader));
    fixture_kill(&reader);
    fixture_free(&self);
}

/* Every allocation fails once: what was shown stays, and the next refresh goes on. */
TEST(a_refresh_that_fails_changes_nothing)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 200);
    fixture reader = reader_new(&self);
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        uint64_t sequence = 0;
        fixture_fill(&self, 0, 10, 300);
        CHECK_OK(lsm_flush(self.store));
        fixture_fill(&self, 0, 3, 300);
        uint64_t before = fixture_stats(&reader).last_sequence;
        (void)mem_fail_at(at, false);
        pykv_status status = try_refresh(&reader, &sequence);
        (void)mem_fail_at(0, false);
        failed = status != PYKV_OK;
        if (failed) {
            CHECK_EQUAL(PYKV_NO_MEMORY, status);
            CHECK_EQUAL(before, fixture_stats(&reader).last_sequence);
            CHECK_EQUAL(100, fixture_count(&reader));
        }
        CHECK_EQUAL(fixture_stats(&self).last_sequence, refresh(&reader));
        CHECK(at < 1000);
    }
    fixture_kill(&reader);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_store_that_writes_tells_its_last_sequence_and_nothing_else_happens),
          CASE(what_was_written_behind_an_ingest_shows_with_its_rows),
          CASE(a_reader_shows_what_was_written_only_after_a_refresh),
          CASE(where_nothing_is_new_the_view_stays),
          CASE(tables_that_are_open_are_shared_and_those_that_went_are_closed),
          CASE(a_snapshot_stays_while_its_files_are_gone_and_the_reader_went_on),
          CASE(clears_and_range_deletes_in_the_log_show),
          CASE(a_reader_goes_on_when_the_writer_died_and_when_the_next_one_came),
          CASE(a_reader_shows_the_pins_that_there_are_now),
          CASE(a_reader_tells_a_pin_that_gave_way_from_one_that_holds),
          CASE(another_database_or_none_in_the_directory_is_refused_and_the_old_moment_stays),
          CASE(a_damaged_manifest_is_told_and_a_later_refresh_goes_on),
          CASE(a_refresh_that_fails_changes_nothing))
