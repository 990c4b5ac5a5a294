/*
 * room_test: memtables change when they are full, and writers make room themselves where nobody
 * does it for them.
 */
#include "lsm_fixture.h"

#include "lsm/room.h"

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

TEST_MAIN(CASE(an_empty_memtable_is_not_switched),
          CASE(a_switched_memtable_is_sealed_and_still_read), CASE(each_memtable_begins_a_log),
          CASE(no_more_memtables_are_sealed_than_may_wait),
          CASE(writers_make_room_by_themselves_where_no_thread_was_lent),
          CASE(without_memory_nothing_is_published))
