/*
 * merge_test: one merge from its beginning to its end or to where it is given up.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "bitcask/merge.h"
#include "bitcask/merge_fixture.h"

TEST(a_merge_given_up_before_any_phase_leaves_everything_readable)
{
    for (merge_phase phase = MERGE_COPY; phase <= MERGE_REMOVE; phase++) {
        fixture self = fixture_new();
        merge_fixture_write_rounds(&self);
        merge_fixture_begin(&self);
        merge_fixture_until(&self, phase);
        merge_abandon(self.store);
        CHECK(self.store->merge == NULL);
        for (size_t i = 0; i < self.store->segment_count; i++) {
            CHECK_EQUAL(0, self.store->segments[i]->pin_count);
            CHECK(!self.store->segments[i]->merging);
        }
        merge_fixture_expect_rounds(&self);
        CHECK(fixture_has(&self, "00000001.log"));
        merge_fixture_kill_and_reopen(&self);
        merge_fixture_expect_rounds(&self);
        merge_fixture_begin(&self);
        merge_fixture_finish(&self);
        merge_fixture_expect_rounds(&self);
        fixture_free(&self);
    }
}

TEST(the_death_of_the_process_before_any_phase_loses_nothing)
{
    for (merge_phase phase = MERGE_COPY; phase <= MERGE_REMOVE; phase++) {
        fixture self = fixture_new();
        merge_fixture_write_rounds(&self);
        merge_fixture_begin(&self);
        merge_fixture_until(&self, phase);
        merge_fixture_kill_and_reopen(&self);
        merge_fixture_expect_rounds(&self);
        fixture_reopen(&self);
        merge_fixture_expect_rounds(&self);
        fixture_free(&self);
    }
}

TEST(a_key_changed_while_merging_keeps_what_was_written_last)
{
    for (merge_phase phase = MERGE_COPY; phase <= MERGE_REMOVE; phase++) {
        fixture self = fixture_new();
        merge_fixture_write_rounds(&self);
        merge_fixture_begin(&self);
        merge_fixture_until(&self, phase);
        fixture_put(&self, "key-1", "new");
        fixture_put(&self, "key-3", "back");
        fixture_delete(&self, "key-2");
        merge_fixture_finish(&self);
        for (int turn = 0; turn < 2; turn++) {
            fixture_expect(&self, "key-1", "new");
            fixture_expect(&self, "key-3", "back");
            fixture_expect(&self, "key-2", NULL);
            fixture_expect(&self, "key-0", NULL);
            CHECK_EQUAL(MERGE_FIXTURE_KEYS - MERGE_FIXTURE_KEYS / 3,
                        fixture_stats(&self).key_count);
            merge_fixture_kill_and_reopen(&self);
        }
        fixture_free(&self);
    }
}

/* Rows of the scan, and the bytes of their values. */
static size_t count_rows(scan *rows, uint64_t *value_bytes_out)
{
    pykv_rows chunk;
    size_t count = 0;
    *value_bytes_out = 0;
    do {
        CHECK_OK(scan_next(rows, 2048, &chunk));
        count += chunk.count;
        for (size_t i = 0; i < chunk.count; i++) {
            *value_bytes_out += chunk.offsets[2 * i + 2] - chunk.offsets[2 * i + 1];
        }
    } while (chunk.count > 0);
    return count;
}

TEST(a_scan_opened_at_any_phase_keeps_its_moment)
{
    for (merge_phase phase = MERGE_COPY; phase <= MERGE_REMOVE; phase++) {
        fixture self = fixture_new();
        scan *rows;
        uint64_t value_bytes;
        merge_fixture_write_rounds(&self);
        merge_fixture_begin(&self);
        merge_fixture_until(&self, phase);
        CHECK_OK(scan_open(self.store, false, &rows));
        fixture_put(&self, "key-1", "new");
        fixture_put(&self, "key-3", "back");
        fixture_delete(&self, "key-2");
        merge_fixture_finish(&self);
        CHECK_EQUAL(MERGE_FIXTURE_KEYS - MERGE_FIXTURE_KEYS / 3, count_rows(rows, &value_bytes));
        CHECK_EQUAL(900 * (MERGE_FIXTURE_KEYS - MERGE_FIXTURE_KEYS / 3), value_bytes);
        scan_free(rows);
        fixture_free(&self);
    }
}

TEST(a_merge_does_not_begin_where_no_room_can_be_kept_for_its_end)
{
    fixture self = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    merge_fixture_write_rounds(&self);
    CHECK_OK(bitcask_flush(self.store));
    CHECK_OK(bitcask_sync(self.store));
    mutex_lock(&self.store->writer);
    size_t count = merge_pick(self.store, true, inputs);
    mutex_unlock(&self.store->writer);
    fixture_unlink(&self, MANIFEST_SPARE_NAME);
    env_memory_set_capacity(self.disk, 1);
    mutex_lock(&self.store->merge_lock);
    CHECK_STATUS(PYKV_NO_SPACE, merge_begin(self.store, inputs, count));
    mutex_unlock(&self.store->merge_lock);
    CHECK(self.store->merge == NULL);
    CHECK_EQUAL(0, inputs[0]->pin_count);
    env_memory_set_capacity(self.disk, UINT64_MAX);
    merge_fixture_begin(&self);
    CHECK(fixture_has(&self, MANIFEST_SPARE_NAME));
    merge_fixture_finish(&self);
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

static _Atomic bool has_begun;

static void *begin_and_say(void *context)
{
    merge_fixture_begin(context);
    atomic_store(&has_begun, true);
    return NULL;
}

/* On a full disk compact returned, and what it had let go of was not free yet: a thread was still
 * writing the hint of an input. */
TEST(a_merge_begins_when_the_hints_of_its_inputs_are_there)
{
    fixture self = fixture_new();
    pthread_t thread;
    struct timespec pause = {.tv_nsec = 20000000};
    merge_fixture_write_rounds(&self);
    segment *input = self.store->segments[0];
    input->hinting = true;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, begin_and_say, &self));
    nanosleep(&pause, NULL);
    CHECK(!atomic_load(&has_begun));
    mutex_lock(&self.store->writer);
    input->hinting = false;
    condition_broadcast(&self.store->hint_done);
    mutex_unlock(&self.store->writer);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    CHECK(atomic_load(&has_begun) && input->input);
    merge_abandon(self.store);
    CHECK(!input->input);
    merge_fixture_expect_rounds(&self);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_merge_given_up_before_any_phase_leaves_everything_readable),
          CASE(the_death_of_the_process_before_any_phase_loses_nothing),
          CASE(a_key_changed_while_merging_keeps_what_was_written_last),
          CASE(a_scan_opened_at_any_phase_keeps_its_moment),
          CASE(a_merge_does_not_begin_where_no_room_can_be_kept_for_its_end),
          CASE(a_merge_begins_when_the_hints_of_its_inputs_are_there))
