/*
 * write_conditional_test: compare-and-set, and clear.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/named.h"
#include "bitcask/write.h"

/* Compares with expected and sets to value (NULL: absent, delete); tells whether it swapped. */
static bool swaps_with(fixture *self, const char *key, const char *expected, const char *value,
                       int32_t flags)
{
    slice old = expected != NULL ? fixture_text(expected) : slice_make(NULL, 0);
    slice new = value != NULL ? fixture_text(value) : slice_make(NULL, 0);
    int32_t swapped = 7;
    CHECK_OK(bitcask_compare_and_set(self->store, fixture_text(key), expected != NULL ? &old : NULL,
                                     value != NULL ? &new : NULL, 0, flags, &swapped));
    CHECK(swapped == 0 || swapped == 1);
    return swapped == 1;
}

static bool swaps(fixture *self, const char *key, const char *expected, const char *value)
{
    return swaps_with(self, key, expected, value, 0);
}

TEST(a_swap_happens_iff_the_value_is_the_expected_one)
{
    fixture self = fixture_new();
    CHECK(!swaps(&self, "a", "1", "2"));
    fixture_expect(&self, "a", NULL);
    CHECK(swaps(&self, "a", NULL, "1"));
    CHECK(!swaps(&self, "a", NULL, "2"));
    CHECK(!swaps(&self, "a", "", "2"));
    CHECK(!swaps(&self, "a", "11", "2"));
    fixture_expect(&self, "a", "1");
    CHECK_EQUAL(1, self.store->appended_sequence);
    CHECK(swaps(&self, "a", "1", ""));
    CHECK(swaps(&self, "a", "", "3"));
    CHECK(!swaps(&self, "a", "4", NULL));
    CHECK(swaps(&self, "a", "3", NULL));
    fixture_expect(&self, "a", NULL);
    CHECK_EQUAL(4, self.store->appended_sequence);
    CHECK(swaps(&self, "b", NULL, NULL)); /* absent as expected, and stays so: nothing to write */
    CHECK_EQUAL(4, self.store->appended_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).live_bytes);
    fixture_free(&self);
}

/* A write of another thread that is in the log, and whose sync has not begun. */
static void leave_waiting(fixture *self, uint8_t kind, const char *key, const char *value)
{
    operation write;
    operation_enter(&write, &self->store->spaces.main);
    bitcask_prepare_operation(self->store, &write, kind, fixture_text(key), fixture_text(value), 0);
    mutex_lock(&self->store->writer);
    CHECK_OK(bitcask_append_and_publish(self->store, &write, 1, true));
    CHECK(self->store->pending_count > 0);
    mutex_unlock(&self->store->writer);
}

/* Such writes come before the swap in the log, whether readers see them or not. Judged without
 * them, of two threads that count up in a store that syncs each write one would lose its count. */
TEST(a_condition_counts_in_what_waits_for_its_sync)
{
    fixture self = fixture_new();
    fixture_put(&self, "n", "0");
    fixture_put(&self, "gone", "0");
    leave_waiting(&self, RECORD_PUT, "n", "1");
    CHECK(!swaps_with(&self, "n", "0", "1", PYKV_SYNC));
    leave_waiting(&self, RECORD_PUT, "n", "2");
    CHECK(swaps_with(&self, "n", "2", "3", PYKV_SYNC));
    leave_waiting(&self, RECORD_PUT, "new", "0");
    CHECK(!swaps_with(&self, "new", NULL, "1", PYKV_SYNC));
    leave_waiting(&self, RECORD_DELETE, "gone", "");
    CHECK(swaps_with(&self, "gone", NULL, "1", PYKV_SYNC));
    leave_waiting(&self, RECORD_CLEAR, "", "");
    CHECK(!swaps_with(&self, "gone", "1", "2", PYKV_SYNC));
    fixture_expect(&self, "n", NULL);
    CHECK_EQUAL(0, fixture_stats(&self).key_count);
    fixture_free(&self);
}

typedef struct counter {
    fixture *self;
    uint32_t increments;
} counter;

enum { COUNTER_THREADS = 3, COUNTER_INCREMENTS = 300 };

static void *count_up(void *argument)
{
    counter *own = argument;
    while (own->increments < COUNTER_INCREMENTS) {
        char old[16];
        char new[16];
        pykv_pinned pinned = {0};
        epoch_token token = epoch_enter(&own->self->store->gate.readers);
        CHECK_OK(bitcask_get(own->self->store, fixture_text("n"), 0, &pinned));
        snprintf(old, sizeof old, "%.*s", (int)pinned.length, (const char *)pinned.data);
        mem_free(pinned.owned);
        snprintf(new, sizeof new, "%lu", strtoul(old, NULL, 10) + 1);
        own->increments += swaps(own->self, "n", old, new);
        epoch_leave(&own->self->store->gate.readers, token);
    }
    return NULL;
}

TEST(no_increment_by_compare_and_set_is_lost_between_threads)
{
    fixture self = fixture_new();
    pthread_t threads[COUNTER_THREADS];
    counter counters[COUNTER_THREADS];
    char total[16];
    fixture_put(&self, "n", "0");
    for (size_t i = 0; i < COUNTER_THREADS; i++) {
        counters[i] = (counter){.self = &self};
        CHECK(pthread_create(&threads[i], NULL, count_up, &counters[i]) == 0);
    }
    for (size_t i = 0; i < COUNTER_THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    snprintf(total, sizeof total, "%d", COUNTER_THREADS * COUNTER_INCREMENTS);
    fixture_expect(&self, "n", total);
    CHECK_EQUAL(1 + COUNTER_THREADS * COUNTER_INCREMENTS, self.store->appended_sequence);
    fixture_free(&self);
}

static uint64_t clear_sequence(const fixture *self)
{
    return directory_now(&self->store->spaces.main.directory)->clear_sequence;
}

TEST(clear_empties_the_store_in_one_record)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 30, 1000);
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_EQUAL(31, self.store->appended_sequence);
    CHECK_EQUAL(31, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(31, clear_sequence(&self));
    CHECK_EQUAL(0, self.store->durable_clear_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).key_count);
    CHECK_EQUAL(0, fixture_stats(&self).live_bytes);
    fixture_expect(&self, "key-3", NULL);
    fixture_put(&self, "key-3", "after");
    CHECK_OK(bitcask_sync(self.store));
    CHECK_EQUAL(31, self.store->durable_clear_sequence);
    fixture_expect(&self, "key-3", "after");
    fixture_free(&self);
}

TEST(what_was_cleared_stays_away_after_a_kill)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 30, 1000);
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture_put(&self, "key-3", "after");
    fixture_kill(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    CHECK_EQUAL(31, clear_sequence(&self));
    fixture_expect(&self, "key-3", "after");
    fixture_expect(&self, "key-4", NULL);
    fixture_free(&self);
}

TEST(an_open_scan_still_shows_what_was_cleared_since)
{
    fixture self = fixture_new();
    scan *rows;
    pykv_rows chunk;
    size_t count = 0;
    fixture_fill(&self, 0, 30, 1000);
    CHECK_OK(scan_open(self.store, false, &rows));
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture_put(&self, "later", "1");
    do {
        CHECK_OK(scan_next(rows, 4096, &chunk));
        count += chunk.count;
    } while (chunk.count > 0);
    CHECK_EQUAL(30, count);
    scan_free(rows);
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    fixture_free(&self);
}

/* Room was asked for a record with a mark of the last sync, and provided for one without: a clear
 * at the end of a segment went round for ever. */
TEST(a_clear_finds_room_at_the_end_of_a_segment_when_a_mark_is_due)
{
    static char value[4096];
    fixture self = fixture_new();
    fixture_put(&self, "a", "value");
    CHECK_OK(bitcask_sync(self.store)); /* the next record carries a mark: the put below */
    fixture_put(&self, "b", "value");
    const segment *active = self.store->active;
    uint64_t room = active->address_bytes - active->length;
    while (room > sizeof value + 512) {
        slice filler = slice_make(value, sizeof value);
        CHECK_OK(bitcask_put(self.store, fixture_text("c"), filler, 0));
        room = active->address_bytes - active->length;
    }
    slice rest = slice_make(value, (size_t)room - 2 * RECORD_HEADER_BYTES - 1 - 8);
    CHECK_OK(bitcask_put(self.store, fixture_text("d"), rest, 0));
    CHECK(self.store->active == active);
    CHECK_OK(bitcask_sync(self.store));
    CHECK_OK(bitcask_clear(self.store, 0));
    fixture_expect(&self, "d", NULL);
    CHECK(self.store->active != active);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_clear_finds_room_at_the_end_of_a_segment_when_a_mark_is_due),
          CASE(a_swap_happens_iff_the_value_is_the_expected_one),
          CASE(a_condition_counts_in_what_waits_for_its_sync),
          CASE(no_increment_by_compare_and_set_is_lost_between_threads),
          CASE(clear_empties_the_store_in_one_record),
          CASE(what_was_cleared_stays_away_after_a_kill),
          CASE(an_open_scan_still_shows_what_was_cleared_since))
