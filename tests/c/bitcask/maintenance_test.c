/*
 * maintenance_test: what the steps of lent threads do by themselves, with the clock moved by hand.
 */
#include <errno.h>
#include <pthread.h>

#include "bitcask/bitcask_fixture.h"
#include "bitcask/find.h"
#include "bitcask/rolling.h"
#include "env/env_fault.h"

/* Turns of both roles, a second and more apart. */
static void maintain_both(fixture *self, int turns)
{
    for (int i = 0; i < turns; i++) {
        fixture_maintain(self, PYKV_ROLE_LOG, 1);
        fixture_maintain(self, PYKV_ROLE_DATA, 1);
    }
}

static void log_step(fixture *self)
{
    int32_t more;
    CHECK_OK(bitcask_maintain_step(self->store, PYKV_ROLE_LOG, &more));
}

TEST(the_space_of_overwritten_and_deleted_records_comes_back_by_itself)
{
    fixture self = fixture_new();
    for (int round = 0; round < 5; round++) {
        fixture_fill(&self, 0, 30, 1000);
    }
    for (uint32_t i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(&self, key);
    }
    uint64_t before = fixture_stats(&self).disk_bytes;
    CHECK(before > 150000);
    maintain_both(&self, 200);
    pykv_stats after = fixture_stats(&self);
    uint64_t overhead = after.segment_count * LOG_SEGMENT_HEADER_BYTES;
    CHECK(after.merge_count > 0);
    CHECK_EQUAL(10, after.key_count);
    CHECK(after.disk_bytes - overhead <= after.live_bytes + after.live_bytes / 2);
    fixture_reopen(&self);
    CHECK_EQUAL(10, fixture_stats(&self).key_count);
    fixture_expect(&self, "key-3", NULL);
    fixture_free(&self);
}

TEST(a_store_without_live_records_shrinks_to_almost_nothing)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 40, 1000);
    CHECK_OK(bitcask_clear(self.store, 0));
    maintain_both(&self, 200);
    CHECK_EQUAL(0, fixture_stats(&self).live_bytes);
    CHECK(fixture_stats(&self).disk_bytes < 512);
    fixture_free(&self);
}

TEST(sealed_and_synced_segments_get_their_hint)
{
    fixture self = fixture_new();
    int32_t more = 0;
    fixture_fill(&self, 0, 20, 1000);
    CHECK(!fixture_has(&self, "00000001.hint"));
    log_step(&self); /* syncs the sealed ones at once */
    CHECK_EQUAL(20, fixture_stats(&self).synced_sequence);
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(1, more);
    CHECK(fixture_has(&self, "00000001.hint") && !fixture_has(&self, "00000002.hint"));
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK(fixture_has(&self, "00000002.hint"));
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(0, more);
    CHECK(!fixture_has(&self, "00000003.hint")); /* the active one */
    fixture_free(&self);
}

/* Pages that a hint was made from stayed as if in use, and where memory was short those written
 * since went before them: half of each next segment had to be read from the disk for its hint. */
TEST(what_a_hint_was_made_from_is_let_go_where_memory_is_short)
{
    fixture self = fixture_new();
    int32_t more = 0;
    fixture_fill(&self, 0, 20, 1000);
    log_step(&self);
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(0, env_memory_let_go_count(self.disk));
    env_memory_set_residency(self.disk, false, 0);
    bitcask_choose_read_mode(self.store);
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK(fixture_has(&self, "00000002.hint"));
    CHECK_EQUAL(1, env_memory_let_go_count(self.disk));
    fixture_free(&self);
}

/* Such a hint once stayed until the next open. */
TEST(no_hint_is_written_of_a_segment_that_is_being_merged_away)
{
    fixture self = fixture_new();
    int32_t more = 0;
    fixture_fill(&self, 0, 20, 1000);
    log_step(&self);
    self.store->segments[0]->input = true;
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK(!self.store->segments[0]->has_hint && self.store->segments[1]->has_hint);
    CHECK(!fixture_has(&self, "00000001.hint") && fixture_has(&self, "00000002.hint"));
    self.store->segments[0]->input = false;
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK(fixture_has(&self, "00000001.hint") && !self.store->segments[0]->hinting);
    fixture_free(&self);
}

static void *step_until_done(void *context)
{
    bitcask *store = context;
    pykv_status status = PYKV_OK;
    int32_t more = 1;
    while (status == PYKV_OK && more != 0) {
        status = bitcask_maintain_step(store, PYKV_ROLE_DATA, &more);
    }
    return status == PYKV_OK ? context : NULL;
}

/* Two once took the same segment: one emptied the hint that the other had just put in place, and a
 * process killed then left a hint that verify calls damaged. A run of kill -9 showed it. */
TEST(threads_that_write_hints_write_each_once)
{
    pthread_t threads[3];
    void *result;
    env *inner;
    pykv_report report;
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 400, 1000);
    log_step(&self);
    env_fault_plan count = {.call_mask = 1U << ENV_CALL_SYNC, .name_part = ".hint"};
    for (int round = 0; round < 20; round++) {
        env_fault_set(self.disk, &count);
        for (size_t i = 0; i < 3; i++) {
            CHECK_EQUAL(0, pthread_create(&threads[i], NULL, step_until_done, self.store));
        }
        for (size_t i = 0; i < 3; i++) {
            CHECK_EQUAL(0, pthread_join(threads[i], &result));
            CHECK(result == self.store);
        }
        /* The active segment and the next have none. */
        CHECK_EQUAL(self.store->segment_count - 2, env_fault_seen(self.disk));
        for (size_t i = 0; i < self.store->segment_count; i++) {
            self.store->segments[i]->has_hint = false;
        }
    }
    CHECK_OK(bitcask_verify(self.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
}

TEST(a_sync_is_made_at_the_interval_and_in_every_mode_after_half_a_minute)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    env_memory_advance(self.disk, BITCASK_SYNC_EVERY_US - 1, 0);
    log_step(&self);
    CHECK_EQUAL(0, fixture_stats(&self).synced_sequence);
    env_memory_advance(self.disk, 1, 0);
    log_step(&self);
    CHECK_EQUAL(1, fixture_stats(&self).synced_sequence);
    fixture_close(&self);
    self.options.durability = PYKV_DURABILITY_INTERVAL;
    self.options.interval_us = 5000;
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "2");
    env_memory_advance(self.disk, 4999, 0);
    log_step(&self);
    CHECK_EQUAL(1, fixture_stats(&self).synced_sequence);
    env_memory_advance(self.disk, 1, 0);
    log_step(&self);
    log_step(&self);
    CHECK_EQUAL(2, fixture_stats(&self).synced_sequence);
    CHECK_EQUAL(1, fixture_stats(&self).sync_count);
    fixture_free(&self);
}

TEST(the_log_role_prepares_the_next_segment_ahead_of_the_writers)
{
    fixture self = fixture_new();
    log_step(&self);
    CHECK(self.store->prepared == NULL);
    fixture_put(&self, "a", "1");
    log_step(&self);
    CHECK(self.store->prepared != NULL);
    int32_t more = 7;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, bitcask_maintain_step(self.store, 3, &more));
    CHECK_EQUAL(7, more);
    fixture_free(&self);
}

TEST(a_failing_step_degrades_the_store_until_one_succeeds)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    env *inner;
    int32_t more = 7;
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 10, 1000);
    CHECK_OK(bitcask_sync(self.store));
    env_fault_plan plan = {.at = 1,
                           .system_errno = EIO,
                           .call_mask = 1U << ENV_CALL_WRITE,
                           .name_part = ".hint",
                           .seed = check_seed()};
    env_fault_set(self.disk, &plan);
    CHECK_STATUS(PYKV_IO_FAILED, bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(7, more);
    env_file *unfinished;
    CHECK_EQUAL(PYKV_PATH_NOT_FOUND,
                env_file_open(self.store->home, "00000001.hint.tmp", ENV_READ, &unfinished));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, bitcask_state(self.store));
    fixture_put(&self, "a", "1");
    fixture_expect(&self, "a", "1");
    CHECK_OK(bitcask_maintain_step(self.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(PYKV_STATE_OPEN, bitcask_state(self.store));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
}

TEST_MAIN(CASE(the_space_of_overwritten_and_deleted_records_comes_back_by_itself),
          CASE(a_store_without_live_records_shrinks_to_almost_nothing),
          CASE(sealed_and_synced_segments_get_their_hint),
          CASE(what_a_hint_was_made_from_is_let_go_where_memory_is_short),
          CASE(no_hint_is_written_of_a_segment_that_is_being_merged_away),
          CASE(threads_that_write_hints_write_each_once),
          CASE(a_sync_is_made_at_the_interval_and_in_every_mode_after_half_a_minute),
          CASE(the_log_role_prepares_the_next_segment_ahead_of_the_writers),
          CASE(a_failing_step_degrades_the_store_until_one_succeeds))
