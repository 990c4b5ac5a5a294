/*
 * pins_test: a pin keeps the changes behind it over flushes, closes and crashes, up to its limits.
 */
#include "ingest_fixture.h"
#include "sync_hook.h"

#include "env/env_memory.h"
#include "log/change_feeds.h"

#define PIN       lsm_pin_history
#define UNPIN     lsm_unpin_history
#define LIST_PINS lsm_list_pins
#include "log/pin_checks.h"

enum { ROWS = 30 };

static void put(fixture *self, uint32_t count)
{
    char key[16];
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(lsm_put(self->store, fixture_key(i, key), fixture_text("value"), 0));
    }
}

static uint64_t floor_of(fixture *self)
{
    return fixture_stats(self).history_floor;
}

TEST(a_pin_keeps_what_is_behind_it_until_it_is_removed)
{
    fixture self = fixture_new();
    put(&self, ROWS);
    CHECK_OK(set_pin(&self, "copy", ROWS / 2, 0, 0));
    CHECK_OK(lsm_flush(self.store));
    put(&self, ROWS);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, floor_of(&self));
    fixture_reopen(&self);
    CHECK_EQUAL(1, floor_of(&self));
    put(&self, ROWS);
    fixture_recover(&self);
    CHECK_EQUAL(1, floor_of(&self));
    CHECK_EQUAL(1, fixture_stats(&self).history_pin_count);
    CHECK_EQUAL(ROWS / 2, only_pin(&self).sequence);
    CHECK(!only_pin(&self).gone);
    CHECK_OK(set_pin(&self, "copy", 2 * ROWS, 0, 0)); /* its reader went on */
    CHECK_EQUAL(2 * ROWS + 1, floor_of(&self));
    CHECK_OK(lsm_unpin_history(self.store, "copy"));
    CHECK_EQUAL(3 * ROWS + 1, floor_of(&self));
    CHECK_EQUAL(0, fixture_stats(&self).history_bytes);
    CHECK_STATUS(PYKV_NOT_FOUND, lsm_unpin_history(self.store, "copy"));
    fixture_free(&self);
}

TEST(a_pin_that_outgrows_its_bytes_gives_way_and_is_named)
{
    fixture self = fixture_new();
    change_feed *feed;
    put(&self, 1);
    CHECK_OK(set_pin(&self, "slow", 0, 4000, 0));
    for (int round = 0; round < 10; round++) {
        put(&self, ROWS);
        CHECK_OK(lsm_flush(self.store));
        CHECK(fixture_stats(&self).history_bytes <= 4000);
    }
    CHECK(only_pin(&self).gone);
    CHECK(strcmp(only_pin(&self).name, "slow") == 0);
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 lsm_changes_open(self.store, &(pykv_position){.sequence = 1}, 0, &feed));
    fixture_free(&self);
}

TEST(a_pin_that_outlives_its_time_gives_way)
{
    fixture self = fixture_new();
    put(&self, 1);
    CHECK_OK(set_pin(&self, "old", 0, 0, lsm_now(self.store) + 1000000));
    put(&self, ROWS);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, floor_of(&self));
    env_memory_advance(self.disk, 2000000, 2000000);
    put(&self, 1);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(ROWS + 3, floor_of(&self));
    CHECK(only_pin(&self).gone);
    fixture_free(&self);
}

/* A writer comes while the manifest of a pin is written. */
static lsm *beside_pin;

static void put_in_the_next_log(void)
{
    static const uint8_t large[100 * 1024];
    CHECK_OK(lsm_put(beside_pin, fixture_text("large"), slice_make(large, sizeof large), 0));
}

/* The only log held nothing but the mark of an ingest, in tables: when another one began beside the
 * manifest that listed both, the first was removed, and the next open missed it. */
TEST(a_log_that_the_manifest_of_a_pin_lists_stays_when_another_begins_meanwhile)
{
    fixture self = fixture_new();
    ingest_write(&self, INGEST_DIRECTORY "/a", 0, 10, "value");
    CHECK_OK(ingest_one(&self, INGEST_DIRECTORY "/a"));
    CHECK_OK(wal_prepare_next(self.store->log));
    beside_pin = self.store;
    sync_hook_set(self.disk, "MANIFEST", put_in_the_next_log);
    CHECK_OK(set_pin(&self, "copy", 1, 0, 0));
    CHECK(atomic_load(&sync_hook_armed) == NULL);
    fixture_recover(&self);
    CHECK_EQUAL(11, fixture_count(&self));
    fixture_free(&self);
}

/* The pin was once gone until the next open, which found it again. */
TEST(an_unpin_whose_manifest_cannot_be_written_leaves_the_pin_and_can_be_repeated)
{
    fixture self = fixture_blank();
    check_that_a_failed_unpin_can_be_repeated(&self);
}

TEST(a_pin_of_what_is_not_there_or_without_a_name_is_refused)
{
    fixture self = fixture_new();
    put(&self, ROWS);
    CHECK_OK(lsm_flush(self.store));
    CHECK_STATUS(PYKV_HISTORY_GONE, set_pin(&self, "a", 5, 0, 0));
    CHECK_STATUS(PYKV_HISTORY_GONE, set_pin(&self, "a", ROWS + 1, 0, 0));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, set_pin(&self, "", ROWS, 0, 0));
    for (int i = 0; i < HISTORY_PINS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        CHECK_OK(set_pin(&self, name, ROWS, 0, 0));
    }
    CHECK_STATUS(PYKV_NOT_SUPPORTED, set_pin(&self, "a", ROWS, 0, 0));
    fixture_free(&self);
}

TEST(a_pin_that_could_not_be_made_durable_is_not_there)
{
    fixture self = fixture_new();
    pykv_pin listed[2];
    size_t count = 5;
    put(&self, ROWS);
    env_memory_set_capacity(self.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, set_pin(&self, "a", ROWS, 0, 0));
    lsm_list_pins(self.store, listed, 2, &count);
    CHECK_EQUAL(0, count);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_pin_keeps_what_is_behind_it_until_it_is_removed),
          CASE(a_pin_that_outgrows_its_bytes_gives_way_and_is_named),
          CASE(a_pin_that_outlives_its_time_gives_way),
          CASE(a_log_that_the_manifest_of_a_pin_lists_stays_when_another_begins_meanwhile),
          CASE(an_unpin_whose_manifest_cannot_be_written_leaves_the_pin_and_can_be_repeated),
          CASE(a_pin_of_what_is_not_there_or_without_a_name_is_refused),
          CASE(a_pin_that_could_not_be_made_durable_is_not_there))
