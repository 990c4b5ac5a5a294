/*
 * value_pick: dead values are collected until the value log is small enough again, and no more.
 */
#include "lsm/compaction_jobs.h"
#include "lsm/value_pick.h"
#include "lsm/values_store.h"
#include "lsm/version_values.h"

enum { KEYS = 60 };

/* Segments of all keys, of which every third value is overwritten in each of the rounds. */
static fixture overwritten(uint32_t rounds)
{
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 0);
    CHECK_OK(lsm_flush(self.store));
    char key[16];
    for (uint32_t round = 1; round <= rounds; round++) {
        for (uint32_t i = round % 3; i < KEYS; i += 3) {
            CHECK_OK(lsm_put(self.store, fixture_key(i, key), values_value(i, round), 0));
        }
        CHECK_OK(lsm_flush(self.store));
    }
    return self;
}

static void expect_rounds(fixture *self, uint32_t rounds)
{
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t last = 0;
        for (uint32_t round = 1; round <= rounds; round++) {
            last = i % 3 == round % 3 ? round : last;
        }
        values_expect(self, i, i + 1, last);
    }
}

TEST(compacting_collects_until_the_value_log_is_within_its_limit)
{
    fixture self = overwritten(8);
    CHECK(fixture_stats(&self).value_log_bytes > 3 * KEYS * LARGE_BYTES);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(KEYS * LARGE_BYTES, stats.value_log_live_bytes);
    CHECK((double)stats.value_log_bytes < 1.6 * KEYS * LARGE_BYTES);
    CHECK_EQUAL(stats.value_segment_count, fixture_files(&self, ".val", NULL));
    expect_rounds(&self, 8);
    fixture_reopen(&self);
    expect_rounds(&self, 8);
    fixture_free(&self);
}

TEST(maintenance_collects_by_itself)
{
    fixture self = overwritten(20);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    pykv_stats stats = fixture_stats(&self);
    CHECK((double)stats.value_log_bytes <= 1.6 * (double)stats.value_log_live_bytes);
    expect_rounds(&self, 20);
    fixture_free(&self);
}

TEST(a_scan_that_began_before_keeps_the_segments_of_its_moment)
{
    fixture self = overwritten(1);
    lsm_scan *scan;
    pykv_rows rows;
    uint32_t number = 0;
    CHECK_OK(lsm_scan_open(self.store, NULL, NULL, &scan));
    values_put(&self, 0, KEYS, 9);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    do {
        CHECK_OK(lsm_scan_next(scan, 4096, &rows));
        for (size_t i = 0; i < rows.count; i++, number++) {
            const uint8_t *value = rows.data + rows.offsets[2 * i + 1];
            CHECK_EQUAL(LARGE_BYTES, rows.offsets[2 * i + 2] - rows.offsets[2 * i + 1]);
            CHECK(memcmp(value, values_value(number, number % 3 == 1).data, LARGE_BYTES) == 0);
        }
    } while (rows.count > 0);
    CHECK_EQUAL(KEYS, number);
    lsm_scan_free(self.store, scan);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(fixture_stats(&self).value_segment_count, fixture_files(&self, ".val", NULL));
    values_expect(&self, 0, KEYS, 9);
    fixture_free(&self);
}

TEST(nothing_is_picked_while_little_is_dead)
{
    fixture self = overwritten(0);
    value_job job = {.moved_count = 9};
    compaction_options options = compaction_options_make(FIXTURE_MEMTABLE_BYTES);
    compaction_plan plan;
    version *now = lsm_view(self.store)->version;
    value_pick_moved(now, 1.5, VALUE_MOVES_MANY, &job);
    CHECK_EQUAL(0, job.moved_count);
    CHECK_STATUS(PYKV_NOT_FOUND, value_pick_plan(now, &options, &job, LARGE_BYTES, &plan));
    fixture_free(&self);
}

/* A flush of few values leaves a small segment. */
static fixture roomy_store(void)
{
    fixture self = fixture_blank();
    self.options.value_log_bytes_min = VALUES_MIN;
    self.options.memtable_bytes = 1 << 20;
    self.options.table_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    return self;
}

/* Each of them once stayed for as long as its value did: a segment a flush, until a process could
 * not open as many files. */
static void check_segments_become_few(uint32_t step, bool maintains)
{
    enum { FLUSHES = 150, SEGMENTS_MOST = 20 };
    fixture self = roomy_store();
    for (uint32_t i = 0; i < FLUSHES; i++) {
        values_put(&self, i * step % FLUSHES, i * step % FLUSHES + 1, 1);
        CHECK_OK(lsm_flush(self.store));
        if (maintains) {
            fixture_maintain(&self, PYKV_ROLE_DATA);
            CHECK(fixture_stats(&self).value_segment_count <= 2 * SEGMENTS_MOST);
        }
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK(fixture_stats(&self).value_segment_count <= SEGMENTS_MOST);
    CHECK_EQUAL(fixture_stats(&self).value_segment_count, fixture_files(&self, ".val", NULL));
    values_expect(&self, 0, FLUSHES, 1);
    fixture_reopen(&self);
    values_expect(&self, 0, FLUSHES, 1);
    fixture_free(&self);
}

TEST(flushes_of_a_value_each_do_not_become_a_segment_each)
{
    check_segments_become_few(1, false);
    check_segments_become_few(1, true);
    check_segments_become_few(7, false);
    check_segments_become_few(7, true);
}

/* As a store has them that an earlier version wrote: one table that points to each of them. */
TEST(a_table_that_points_to_many_small_segments_is_rewritten)
{
    enum { SEGMENTS = 12 };
    fixture self = fixture_blank();
    self.options.value_log_bytes_min = VALUES_MIN;
    self.options.memtable_bytes = 1 << 20; /* so that nothing is small yet */
    self.options.table_bytes = 1 << 16;
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        values_put(&self, 5 * i, 5 * i + 5, 1);
        CHECK_OK(lsm_flush(self.store));
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t before = fixture_stats(&self).value_segment_count;
    fixture_close(&self);
    self.options.table_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(before >= SEGMENTS);
    CHECK(fixture_stats(&self).value_segment_count <= fixture_stats(&self).table_count);
    values_expect(&self, 0, 5 * SEGMENTS, 1);
    fixture_free(&self);
}

/* ---- a full disk ---- */

enum { ROWS = 4000, SEGMENT_BYTES = 1024 * 1024 };

/* Whether a row is one of a share of all, which another is for each round. */
static bool is_among(uint32_t number, uint32_t round, uint32_t percent)
{
    return (number * 7919 + round * 104729) % 1009 < percent * 10;
}

/* A store of segments that are all partly dead, and less than its limit. */
static fixture aged_store(void)
{
    fixture self = fixture_blank();
    char key[16];
    self.options.value_log_bytes_min = VALUES_MIN;
    self.options.memtable_bytes = SEGMENT_BYTES;
    self.options.table_bytes = SEGMENT_BYTES;
    self.options.space_amplification_max = 1.3;
    CHECK_OK(fixture_open(&self));
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            if (round == 0 || is_among(i, round, 40)) {
                CHECK_OK(lsm_put(self.store, fixture_key(i, key), values_value(i, 0), 0));
            }
        }
        CHECK_OK(lsm_compact(self.store, NULL));
    }
    return self;
}

/* Deletes rows, and compacts on a disk with so many bytes left. */
static void check_collected(uint64_t bytes_left)
{
    enum { DELETED = 45, ROUND = 9 };
    fixture self = aged_store();
    char key[16];
    fixture_close(&self);
    self.options.memtable_bytes = FIXTURE_MEMTABLE_BYTES;
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < ROWS; i++) {
        if (is_among(i, ROUND, DELETED)) {
            CHECK_OK(lsm_delete(self.store, fixture_key(i, key), 0, NULL));
        }
    }
    CHECK_OK(lsm_flush(self.store));
    env_memory_set_capacity(self.disk, fixture_disk_bytes(&self) + bytes_left);
    CHECK_OK(lsm_compact(self.store, NULL));
    pykv_stats stats = fixture_stats(&self);
    CHECK((double)stats.value_log_bytes <= 1.32 * (double)stats.value_log_live_bytes);
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    for (uint32_t i = 0; i < ROWS; i++) {
        if (!is_among(i, ROUND, DELETED)) {
            values_put(&self, i, i + 1, 0);
            values_expect(&self, i, i + 1, 0);
        }
    }
    fixture_free(&self);
}

/* Four segments moved at a time, and those that were empty kept their room until the end: a store
 * whose disk was full of dead values refused every put, and compact() failed. */
TEST(values_are_collected_one_segment_after_the_other_on_a_full_disk)
{
    check_collected(0);
    check_collected(SEGMENT_BYTES);
    check_collected(3 * SEGMENT_BYTES);
}

static double live_share(const version_values *values)
{
    return (double)values->live_bytes / (double)values->segment->facts.value_bytes;
}

static const version_values *only_victim(const version *now, value_moves moves)
{
    value_job job;
    value_pick_moved(now, 1.01, moves, &job);
    CHECK_EQUAL(1, job.moved_count);
    return version_find_values(now, job.moved[0]);
}

TEST(the_segment_with_the_fewest_live_values_moves_alone_where_room_is_short)
{
    fixture self = aged_store();
    value_job job;
    const version *now = lsm_view(self.store)->version;
    value_pick_moved(now, 1.01, VALUE_MOVES_MANY, &job);
    CHECK(job.moved_count > 2);
    value_pick_moved(now, 1.01, VALUE_MOVES_TWO, &job);
    CHECK_EQUAL(2, job.moved_count);
    const version_values *deadest = only_victim(now, VALUE_MOVES_ONE);
    const version_values *least = only_victim(now, VALUE_MOVES_LEAST);
    CHECK_EQUAL(job.moved[0], deadest->segment->facts.number);
    for (uint32_t i = 0; i < now->value_segment_count; i++) {
        const version_values *other = &now->values[i];
        bool is_whole = other->live_bytes == other->segment->facts.value_bytes;
        CHECK(is_whole || other->live_bytes >= least->live_bytes);
        CHECK(live_share(other) >= live_share(deadest));
    }
    fixture_free(&self);
}

/* Takes a job, which finds no room; how many bytes of values it would have moved. */
static uint64_t take_in_vain(fixture *self)
{
    compaction_job *job = NULL;
    mutex_lock(&self->store->compaction_lock);
    CHECK_OK(compaction_jobs_take(self->store, &job));
    uint64_t bytes = job->moved_bytes;
    CHECK(compaction_jobs_note_room(self->store, job, PYKV_NO_SPACE));
    compaction_job_end(self->store, job);
    mutex_unlock(&self->store->compaction_lock);
    return bytes;
}

/* Only the tables that were read became fewer, and these are small beside the values. */
TEST(a_job_that_found_no_room_is_tried_with_one_segment_and_then_without)
{
    fixture self = aged_store();
    compaction_job *job = NULL;
    fixture_close(&self);
    self.options.space_amplification_max = 1.01;
    CHECK_OK(fixture_open(&self));
    uint64_t of_many = take_in_vain(&self);
    uint64_t of_one = take_in_vain(&self);
    CHECK(of_one > 0 && of_one < of_many);
    mutex_lock(&self.store->compaction_lock);
    CHECK_STATUS(PYKV_NO_SPACE, compaction_jobs_take(self.store, &job));
    mutex_unlock(&self.store->compaction_lock);
    CHECK_EQUAL(of_one, take_in_vain(&self)); /* the next time there may be room for that */
    fixture_free(&self);
}

/* Takes a job and does all of it. */
static void take_well(fixture *self)
{
    compaction_job *job = NULL;
    bool more = true;
    mutex_lock(&self->store->compaction_lock);
    CHECK_OK(compaction_jobs_take(self->store, &job));
    CHECK(job->values_are_due);
    CHECK(job->moved_bytes > 0);
    mutex_unlock(&self->store->compaction_lock);
    while (more) {
        CHECK_OK(compaction_job_advance(self->store, job, &more));
    }
    mutex_lock(&self->store->compaction_lock);
    CHECK(!compaction_jobs_note_room(self->store, job, PYKV_OK));
    compaction_job_end(self->store, job);
    mutex_unlock(&self->store->compaction_lock);
}

static bool is_short(fixture *self)
{
    mutex_lock(&self->store->compaction_lock);
    bool found = compaction_jobs_are_short(self->store);
    mutex_unlock(&self->store->compaction_lock);
    return found;
}

/* Once a disk had been full, a busy store emptied one segment at a time for good: only a value log
 * within its limit ended that, which one at a time did not bring about. */
TEST(each_job_that_found_room_moves_more_segments_until_no_room_is_missed)
{
    fixture self = aged_store();
    fixture_close(&self);
    self.options.space_amplification_max = 1.01;
    CHECK_OK(fixture_open(&self));
    (void)take_in_vain(&self);
    for (int i = 0; i < 3; i++) {
        CHECK(is_short(&self));
        take_well(&self);
    }
    CHECK(!is_short(&self));
    (void)take_in_vain(&self);
    (void)take_in_vain(&self);
    CHECK(is_short(&self));
    CHECK_OK(lsm_resume(self.store)); /* the user knows of room */
    CHECK(!is_short(&self));
    fixture_free(&self);
}

/* As above: the segments became many, and the value log 2.4 times its live values. */
TEST(a_store_whose_disk_was_full_once_keeps_its_value_log_small_under_load)
{
    enum { ROUNDS = 120, CHANGED = 5, STEPS = 2, SEGMENTS_MOST = 200 };
    fixture self = aged_store();
    char key[16];
    int32_t more;
    fixture_close(&self);
    self.options.space_amplification_max = 1.1;
    self.options.memtable_bytes = FIXTURE_MEMTABLE_BYTES;
    self.options.table_bytes = SEGMENT_BYTES / 4;
    CHECK_OK(fixture_open(&self));
    (void)take_in_vain(&self);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            if (is_among(i, round, CHANGED)) {
                CHECK_OK(lsm_put(self.store, fixture_key(i, key), values_value(i, round), 0));
            }
        }
        CHECK_OK(lsm_flush(self.store));
        for (uint32_t i = 0; i < STEPS; i++) {
            CHECK_OK(lsm_maintain_step(self.store, PYKV_ROLE_DATA, &more));
        }
        pykv_stats stats = fixture_stats(&self);
        CHECK(stats.value_log_bytes <= 2 * stats.value_log_live_bytes);
        CHECK(stats.value_segment_count <= SEGMENTS_MOST);
    }
    fixture_free(&self);
}

/* ---- values that cannot be read ---- */

/* Changes a byte of the stored value of a key, wherever it stands. */
static void damage_value(fixture *self, uint32_t number)
{
    env_names names;
    char text[16];
    slice key = fixture_key(number, text);
    bool found = false;
    CHECK_OK(env_memory_paths(self->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t size;
        uint8_t *data;
        if (strstr(names.names[i], ".val") == NULL) {
            continue;
        }
        CHECK_OK(env_memory_file_bytes(self->disk, names.names[i], &data, &size));
        uint8_t *at = memmem(data, size, key.data, key.size);
        if (at != NULL) {
            at[LARGE_BYTES / 2] ^= 1;
            found = true;
        }
    }
    env_names_free(&names);
    CHECK(found);
}

static void expect_unreadable(fixture *self, uint32_t number)
{
    char key[16];
    char found[LARGE_BYTES + 1];
    CHECK_STATUS(PYKV_CORRUPTION,
                 fixture_get(self, fixture_key(number, key), 0, found, sizeof found));
}

/* Each compaction of a table that pointed to the segment failed, and level 0 grew until nobody
 * could write. */
TEST(a_damaged_value_stays_where_it_is_and_compactions_go_on)
{
    enum { ROUNDS = 40, BROKEN = 7 };
    fixture self = roomy_store();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        values_put(&self, 5 * i, 5 * i + 5, 1);
        CHECK_OK(lsm_flush(self.store));
        if (i == BROKEN / 5) {
            damage_value(&self, BROKEN);
        }
        fixture_maintain(&self, PYKV_ROLE_DATA);
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    CHECK(fixture_stats(&self).value_segment_count <= ROUNDS / 5);
    expect_unreadable(&self, BROKEN);
    values_expect(&self, 0, BROKEN, 1);
    values_expect(&self, BROKEN + 1, 5 * ROUNDS, 1);
    /* Whoever opens the store finds it again, once. */
    fixture_reopen(&self);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_OK(lsm_compact(self.store, NULL));
    expect_unreadable(&self, BROKEN);
    values_expect(&self, BROKEN + 1, 5 * ROUNDS, 1);
    fixture_free(&self);
}

TEST(a_damaged_value_in_a_segment_that_is_mostly_dead_is_not_tried_without_end)
{
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 0);
    CHECK_OK(lsm_flush(self.store));
    damage_value(&self, 0);
    values_put(&self, 1, KEYS, 1);
    CHECK_OK(lsm_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    CHECK_EQUAL(KEYS, fixture_stats(&self).key_count);
    expect_unreadable(&self, 0);
    values_expect(&self, 1, KEYS, 1);
    uint64_t edit = self.store->edit;
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(edit, self.store->edit);
    /* A resume tries once more. */
    CHECK_OK(lsm_resume(self.store));
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
    /* The segment goes with the last row that needs it. */
    values_put(&self, 0, 1, 1);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
    values_expect(&self, 0, KEYS, 1);
    fixture_free(&self);
}

TEST_MAIN(CASE(compacting_collects_until_the_value_log_is_within_its_limit),
          CASE(maintenance_collects_by_itself),
          CASE(a_scan_that_began_before_keeps_the_segments_of_its_moment),
          CASE(nothing_is_picked_while_little_is_dead),
          CASE(flushes_of_a_value_each_do_not_become_a_segment_each),
          CASE(a_table_that_points_to_many_small_segments_is_rewritten),
          CASE(values_are_collected_one_segment_after_the_other_on_a_full_disk),
          CASE(the_segment_with_the_fewest_live_values_moves_alone_where_room_is_short),
          CASE(a_job_that_found_no_room_is_tried_with_one_segment_and_then_without),
          CASE(each_job_that_found_room_moves_more_segments_until_no_room_is_missed),
          CASE(a_store_whose_disk_was_full_once_keeps_its_value_log_small_under_load),
          CASE(a_damaged_value_stays_where_it_is_and_compactions_go_on),
          CASE(a_damaged_value_in_a_segment_that_is_mostly_dead_is_not_tried_without_end))
