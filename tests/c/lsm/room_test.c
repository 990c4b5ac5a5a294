/*
 * room_test: memtables change when they are full, and writers make room themselves where nobody
 * does it for them.
 */
#include "lsm_fixture.h"

#include "lsm/memtable_internal.h"
#include "lsm/room.h"

enum { BATCH_MEMBERS_MAX = 4000 };

static pykv_status switch_memtable(fixture *self)
{
    mutex_lock(&self->store->writer);
    pykv_status status = lsm_switch_memtable(self->store);
    mutex_unlock(&self->store->writer);
    return status;
}

/* Seals the active memtable with one key in it, without a flush. */
static void seal_one(fixture *self, uint32_t number)
{
    fixture_fill(self, number, number + 1, 10);
    CHECK_OK(lsm_provide(self->store, 100));
    pykv_status status = switch_memtable(self);
    if (status == PYKV_WOULD_BLOCK) {
        CHECK_OK(wal_prepare_next(self->store->log));
        status = switch_memtable(self);
    }
    CHECK_OK(status);
}

/* Puts members keys from key-from on as one batch. */
static void write_batch(fixture *self, uint32_t from, uint32_t members, size_t value_bytes)
{
    static record batch[BATCH_MEMBERS_MAX];
    static char keys[BATCH_MEMBERS_MAX][16];
    static uint8_t value[1000];
    CHECK(members <= BATCH_MEMBERS_MAX && value_bytes <= sizeof value);
    for (uint32_t i = 0; i < members; i++) {
        batch[i] = (record){.kind = RECORD_PUT,
                            .key = fixture_key(from + i, keys[i]),
                            .value = slice_make(value, value_bytes)};
    }
    CHECK_OK(lsm_write(self->store, batch, members, 0));
}

static uint64_t rows_of(const memtable *of)
{
    memtable_stats stats;
    memtable_stats_read(of, &stats);
    return stats.count;
}

TEST(an_empty_memtable_is_not_switched)
{
    fixture self = fixture_new();
    view *before = lsm_view(self.store);
    CHECK_OK(switch_memtable(&self));
    CHECK(before == lsm_view(self.store));
    fixture_free(&self);
}

TEST(a_switched_memtable_is_sealed_and_still_read)
{
    fixture self = fixture_new();
    memtable *first = lsm_view(self.store)->active;
    seal_one(&self, 1);
    const view *now = lsm_view(self.store);
    CHECK_EQUAL(1, now->immutable_count);
    CHECK(now->immutables[0] == first && memtable_is_sealed(first) && now->active != first);
    CHECK_OK(lsm_contains(self.store, fixture_text("key-00001"), 0));
    fixture_free(&self);
}

TEST(each_memtable_begins_a_log)
{
    fixture self = fixture_new();
    for (uint32_t i = 0; i < 3; i++) {
        seal_one(&self, i);
    }
    mutex_lock(&self.store->writer);
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        CHECK(wal_first_after(self.store->log, sequence) >
              wal_first_after(self.store->log, sequence - 1));
    }
    mutex_unlock(&self.store->writer);
    fixture_free(&self);
}

TEST(no_more_memtables_are_sealed_than_may_wait)
{
    fixture self = fixture_new();
    for (uint32_t i = 0; i < VIEW_IMMUTABLES_MAX; i++) {
        seal_one(&self, i);
    }
    fixture_fill(&self, 9, 10, 10);
    CHECK_OK(wal_prepare_next(self.store->log));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, switch_memtable(&self));
    CHECK(!lsm_is_stalled(self.store)); /* the active one has room */
    CHECK_EQUAL(VIEW_IMMUTABLES_MAX, lsm_view(self.store)->immutable_count);
    fixture_free(&self);
}

TEST(writers_make_room_by_themselves_where_no_thread_was_lent)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 600, 1000);
    pykv_stats stats = fixture_stats(&self);
    CHECK(stats.flushed_bytes > 0 && stats.table_count > 0);
    CHECK(stats.immutable_memtable_count <= VIEW_IMMUTABLES_MAX);
    CHECK_EQUAL(600, fixture_count(&self));
    fixture_free(&self);
}

TEST(without_memory_nothing_is_published)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 1, 10);
    CHECK_OK(wal_prepare_next(self.store->log));
    view *before = lsm_view(self.store);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        CHECK(before == lsm_view(self.store));
        (void)mem_fail_at(at, 0);
        status = switch_memtable(&self);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    CHECK(before != lsm_view(self.store));
    CHECK_EQUAL(1, lsm_view(self.store)->immutable_count);
    fixture_recover(&self);
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_free(&self);
}

/* Any batch went into the active memtable, which it made larger than its limit by as much as
 * batch_bytes_max allows. */
TEST(a_batch_that_has_no_room_in_the_memtable_becomes_a_run_of_its_own)
{
    fixture self = fixture_new();
    fixture_put(&self, "before", "1");
    write_batch(&self, 0, 200, 1000);
    fixture_put(&self, "later", "1");
    const view *now = lsm_view(self.store);
    CHECK_EQUAL(2, now->immutable_count);
    CHECK_EQUAL(1, rows_of(now->immutables[1]));
    CHECK_EQUAL(200, rows_of(now->immutables[0]));
    CHECK_EQUAL(1, rows_of(now->active));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(3, fixture_stats(&self).level_table_count[0]);
    CHECK_EQUAL(202, fixture_count(&self));
    fixture_recover(&self);
    CHECK_EQUAL(202, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_large_batch_that_has_room_shares_the_memtable_with_what_came_before)
{
    fixture self = fixture_new();
    fixture_put(&self, "before", "1");
    write_batch(&self, 0, 40, 1000);
    fixture_put(&self, "later", "1");
    const view *now = lsm_view(self.store);
    CHECK_EQUAL(1, now->immutable_count);
    CHECK_EQUAL(41, rows_of(now->immutables[0]));
    CHECK_EQUAL(1, rows_of(now->active));
    fixture_free(&self);
}

TEST(a_large_batch_is_sealed_and_counted_at_once_where_the_next_log_is_ready)
{
    fixture self = fixture_new();
    fixture_put(&self, "before", "1");
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(wal_prepare_next(self.store->log));
    write_batch(&self, 0, 200, 1000);
    const view *now = lsm_view(self.store);
    CHECK_EQUAL(1, now->immutable_count);
    CHECK_EQUAL(200, rows_of(now->immutables[0]));
    CHECK_EQUAL(0, rows_of(now->active));
    CHECK(atomic_load(&self.store->budget.forced_bytes) > 200 * 1000 + FIXTURE_MEMTABLE_BYTES);
    CHECK_EQUAL(201, fixture_count(&self));
    fixture_free(&self);
}

/* The filter had a sixty-fourth of a memtable's limit, however much a batch brought: it said of no
 * key that it is not there. */
TEST(the_filter_is_made_for_what_a_large_batch_brings)
{
    fixture self = fixture_new();
    uint32_t passed = 0;
    fixture_put(&self, "before", "1");
    write_batch(&self, 0, BATCH_MEMBERS_MAX, 0);
    fixture_put(&self, "later", "1");
    const memtable *large = lsm_view(self.store)->immutables[0];
    CHECK_EQUAL(BATCH_MEMBERS_MAX, rows_of(large));
    for (uint32_t i = 0; i < 1000; i++) {
        char key[16];
        uint64_t hash = lsm_hash(self.store, fixture_key(50000 + i, key));
        passed += memtable_filter_may_hold(&large->filter, hash);
    }
    CHECK(passed < 60);
    fixture_free(&self);
}

TEST_MAIN(CASE(an_empty_memtable_is_not_switched),
          CASE(a_switched_memtable_is_sealed_and_still_read), CASE(each_memtable_begins_a_log),
          CASE(no_more_memtables_are_sealed_than_may_wait),
          CASE(writers_make_room_by_themselves_where_no_thread_was_lent),
          CASE(without_memory_nothing_is_published),
          CASE(a_batch_that_has_no_room_in_the_memtable_becomes_a_run_of_its_own),
          CASE(a_large_batch_that_has_room_shares_the_memtable_with_what_came_before),
          CASE(a_large_batch_is_sealed_and_counted_at_once_where_the_next_log_is_ready),
          CASE(the_filter_is_made_for_what_a_large_batch_brings))
