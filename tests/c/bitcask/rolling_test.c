/*
 * rolling_test: from one segment to the next: what the manifest knows, sizes, failures on the way.
 */
#include <errno.h>
#include <pthread.h>

#include "bitcask/bitcask_fixture.h"
#include "bitcask/rolling.h"
#include "env/env_fault.h"

/* Whether the manifest on disk lists a segment. */
static bool is_listed(fixture *self, uint32_t number)
{
    manifest on_disk;
    bool found = false;
    CHECK_OK(manifest_read(self->store->home, &on_disk));
    CHECK(!on_disk.clean);
    for (uint64_t i = 0; i < on_disk.segment_count; i++) {
        found |= on_disk.segments[i].number == number;
    }
    manifest_reset(&on_disk);
    return found;
}

static uint64_t unsynced_sealed(const fixture *self)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->store->segment_count; i++) {
        count += self->store->segments[i]->sealed && !self->store->segments[i]->synced;
    }
    return count;
}

TEST(a_segment_is_in_a_durable_manifest_before_its_first_record)
{
    fixture self = fixture_new();
    uint32_t active = 0;
    uint64_t rolls = 0;
    for (uint32_t i = 0; i < 40; i++) {
        fixture_fill(&self, i, i + 1, 1000);
        if (self.store->active->number != active) {
            active = self.store->active->number;
            CHECK(is_listed(&self, active));
            CHECK_EQUAL(i + 1, self.store->active->first_sequence);
            rolls++;
        }
        CHECK(unsynced_sealed(&self) <= BITCASK_UNSYNCED_SEALED_MAX);
        CHECK(atomic_load(&self.store->active->length) <= FIXTURE_SEGMENT_BYTES);
    }
    CHECK_EQUAL(6, rolls);
    fixture_free(&self);
}

TEST(a_record_larger_than_a_segment_gets_its_own)
{
    fixture self = fixture_new();
    char *big = mem_alloc(20001);
    CHECK(big != NULL);
    memset(big, 'v', 20000);
    big[20000] = 0;
    fixture_put(&self, "before", "1");
    uint32_t small = self.store->active->number;
    fixture_put(&self, "big", big);
    CHECK(self.store->active->number > small);
    CHECK_EQUAL(2, self.store->active->first_sequence);
    CHECK_EQUAL(2, self.store->active->last_sequence);
    CHECK(atomic_load(&self.store->active->length) > 20000 + LOG_SEGMENT_HEADER_BYTES);
    CHECK_EQUAL(0, bitcask_segment_capacity(self.store, 20000) % 4096);
    CHECK(bitcask_segment_capacity(self.store, 20000) > 20000 + LOG_SEGMENT_HEADER_BYTES);
    CHECK_EQUAL(FIXTURE_SEGMENT_BYTES, bitcask_segment_capacity(self.store, 100));
    fixture_expect(&self, "big", big);
    fixture_fill(&self, 0, 3, 4000);
    CHECK_EQUAL(FIXTURE_SEGMENT_BYTES, self.store->active->address_bytes);
    fixture_reopen(&self);
    fixture_expect(&self, "big", big);
    fixture_expect(&self, "before", "1");
    mem_free(big);
    fixture_free(&self);
}

TEST(a_segment_prepared_ahead_is_the_one_the_log_rolls_to)
{
    fixture self = fixture_new();
    CHECK_OK(bitcask_prepare_next(self.store));
    CHECK(self.store->prepared == NULL); /* not before the first write */
    fixture_put(&self, "a", "1");
    CHECK_OK(bitcask_prepare_next(self.store));
    segment *prepared = self.store->prepared;
    CHECK(prepared != NULL && prepared != self.store->active);
    CHECK(is_listed(&self, prepared->number));
    CHECK_OK(bitcask_prepare_next(self.store));
    CHECK(self.store->prepared == prepared);
    uint64_t edit = self.store->edit;
    fixture_fill(&self, 0, 9, 1000);
    CHECK(self.store->active == prepared);
    CHECK_EQUAL(edit, self.store->edit);
    fixture_free(&self);
}

/* Its file stayed for ever, empty, with a hint beside it. */
TEST(a_prepared_segment_that_is_too_small_for_a_record_leaves_no_file)
{
    fixture self = fixture_new();
    char name[SEGMENT_NAME_BYTES];
    char value[FIXTURE_SEGMENT_BYTES + 1];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    fixture_put(&self, "before", "1");
    CHECK_OK(bitcask_prepare_next(self.store));
    uint32_t unused = self.store->prepared->number;
    segment_name(unused, false, name);
    fixture_put(&self, "big", value);
    CHECK(self.store->active->number > unused);
    for (size_t i = 0; i < self.store->segment_count; i++) {
        CHECK(self.store->segments[i]->number != unused);
    }
    CHECK_OK(bitcask_prepare_next(self.store));
    CHECK(!fixture_has(&self, name) && !is_listed(&self, unused));
    fixture_reopen(&self);
    fixture_expect(&self, "big", value);
    fixture_free(&self);
}

TEST(sealing_ends_a_segment_and_the_next_write_begins_another)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    segment *first = self.store->active;
    mutex_lock(&self.store->writer);
    CHECK_OK(bitcask_seal_active(self.store));
    CHECK_OK(bitcask_seal_active(self.store));
    mutex_unlock(&self.store->writer);
    CHECK(self.store->active == NULL && self.store->sink == NULL);
    CHECK(first->sealed && !first->synced);
    fixture_put(&self, "b", "2");
    CHECK(self.store->active != first);
    CHECK_OK(bitcask_sync(self.store));
    CHECK(first->synced);
    CHECK_EQUAL(1, self.store->sealed_sequence);
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

TEST(a_roll_whose_manifest_fails_is_refused_and_tried_again_by_the_next_write)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    env *inner;
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 7, 1000);
    size_t segments = self.store->segment_count;
    env_fault_plan plan = {.at = 1,
                           .system_errno = EIO,
                           .call_mask = 1U << ENV_CALL_RENAME,
                           .name_part = "MANIFEST",
                           .seed = check_seed()};
    env_fault_set(self.disk, &plan);
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = 0;
    CHECK_STATUS(PYKV_IO_FAILED,
                 bitcask_put(self.store, fixture_text("key-7"), fixture_text(value), 0));
    CHECK_EQUAL(1, env_fault_failed(self.disk));
    CHECK_EQUAL(segments, self.store->segment_count);
    CHECK_EQUAL(7, self.store->appended_sequence);
    fixture_expect(&self, "key-7", NULL);
    fixture_put(&self, "key-7", value);
    CHECK_EQUAL(segments + 1, self.store->segment_count);
    fixture_expect(&self, "key-7", value);
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
}

/* The padding before the first record once was not counted: a record that just fitted ended beyond
 * the segment's mapping, and the first to read the end of it died. */
TEST(what_a_padded_segment_was_made_for_fits_behind_the_padding)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES, .log_sector_padding = 1}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < 80; i++) {
        size_t value_bytes = FIXTURE_SEGMENT_BYTES / 2 * (2 + i % 2) - 8 * i;
        char *value = mem_alloc(value_bytes + 1);
        CHECK(value != NULL);
        memset(value, 'a' + (int)(i % 26), value_bytes);
        value[value_bytes] = 0;
        CHECK_OK(bitcask_prepare_next(self.store));
        fixture_put(&self, "key", value);
        const segment *active = self.store->active;
        CHECK(atomic_load(&active->length) > LOG_SECTOR_BYTES + value_bytes);
        CHECK(atomic_load(&active->length) <= active->address_bytes);
        fixture_expect(&self, "key", value);
        mem_free(value);
    }
    fixture_free(&self);
}

/* The segment once was active and still the prepared one, which no sync looks at: what was told to
 * be durable was gone with the power. */
TEST(a_roll_whose_padding_fails_leaves_the_log_where_it_was)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES, .log_sector_padding = 1}};
    env *inner;
    fixture after = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    char name[SEGMENT_NAME_BYTES];
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 2, 3500);
    CHECK_OK(bitcask_prepare_next(self.store));
    const segment *before = self.store->active;
    const segment *prepared = self.store->prepared;
    segment_name(prepared->number, false, name);
    env_fault_plan plan = {.at = 1,
                           .system_errno = ENOSPC,
                           .call_mask = 1U << ENV_CALL_WRITE,
                           .name_part = name,
                           .seed = check_seed()};
    env_fault_set(self.disk, &plan);
    char value[3501];
    memset(value, 'v', 3500);
    value[3500] = 0;
    slice key = fixture_text("key-2");
    CHECK_STATUS(PYKV_NO_SPACE, bitcask_put(self.store, key, fixture_text(value), 0));
    CHECK_EQUAL(1, env_fault_failed(self.disk));
    CHECK(self.store->active == before && self.store->prepared == prepared);
    CHECK_OK(bitcask_put(self.store, key, fixture_text(value), PYKV_SYNC));
    CHECK(self.store->active == prepared && self.store->prepared == NULL);
    CHECK_OK(env_memory_crash(inner, check_seed(), ENV_CRASH_DROP_ALL, &after.disk));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
    CHECK_OK(fixture_open(&after));
    fixture_expect(&after, "key-2", value);
    fixture_free(&after);
}

enum { RACE_WRITERS = 6, RACE_PUTS = 800, RACE_VALUE_BYTES = 1800 };

typedef struct race_writer {
    fixture *self;
    int number;
    pykv_status status;
} race_writer;

static void *put_many(void *context)
{
    race_writer *writer = context;
    char value[RACE_VALUE_BYTES];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < RACE_PUTS && writer->status == PYKV_OK; i++) {
        char key[32];
        int length = snprintf(key, sizeof key, "key-%d-%d", writer->number, i);
        writer->status = bitcask_put(writer->self->store, slice_make(key, (size_t)length),
                                     slice_make(value, sizeof value), 0);
    }
    return NULL;
}

/* A writer that found room in the segment, but not prepared, was refused as NOT_SUPPORTED where
 * others took that room before it came to prepare it. */
TEST(writers_that_take_each_others_room_are_not_refused)
{
    fixture self = fixture_new();
    pthread_t threads[RACE_WRITERS];
    race_writer writers[RACE_WRITERS];
    for (int i = 0; i < RACE_WRITERS; i++) {
        writers[i] = (race_writer){&self, i, PYKV_OK};
        CHECK(pthread_create(&threads[i], NULL, put_many, &writers[i]) == 0);
    }
    for (int i = 0; i < RACE_WRITERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (int i = 0; i < RACE_WRITERS; i++) {
        CHECK_OK(writers[i].status);
    }
    CHECK(log_sink_is_mapped(self.store->sink));
    CHECK_EQUAL(RACE_WRITERS * RACE_PUTS, self.store->appended_sequence);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_segment_is_in_a_durable_manifest_before_its_first_record),
          CASE(a_record_larger_than_a_segment_gets_its_own),
          CASE(a_segment_prepared_ahead_is_the_one_the_log_rolls_to),
          CASE(a_prepared_segment_that_is_too_small_for_a_record_leaves_no_file),
          CASE(sealing_ends_a_segment_and_the_next_write_begins_another),
          CASE(a_roll_whose_manifest_fails_is_refused_and_tried_again_by_the_next_write),
          CASE(what_a_padded_segment_was_made_for_fits_behind_the_padding),
          CASE(a_roll_whose_padding_fails_leaves_the_log_where_it_was),
          CASE(writers_that_take_each_others_room_are_not_refused))
