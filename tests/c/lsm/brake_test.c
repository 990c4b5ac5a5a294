/*
 * brake_test: writers are slowed down by level 0, memtables and pending bytes, where a thread is
 * lent; calls that may not wait are told so, and nothing is written.
 */
#include <pthread.h>

#include "lsm_fixture.h"

#include "lsm/brake.h"

/* Counts as a lent thread from now on, but does nothing. */
static void lend_idle(fixture *self)
{
    atomic_store(&self->store->gate.lent.thread_count[PYKV_ROLE_DATA], 1);
}

static void take_back(fixture *self)
{
    atomic_store(&self->store->gate.lent.thread_count[PYKV_ROLE_DATA], 0);
}

static void fill_level0(fixture *self, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        fixture_fill(self, 0, 5, 100);
        CHECK_OK(lsm_flush(self->store));
    }
}

static uint64_t renewed_pace(fixture *self)
{
    mutex_lock(&self->store->writer);
    lsm_brake_renew(self->store);
    mutex_unlock(&self->store->writer);
    return atomic_load(&self->store->pacer.ns_per_kib);
}

TEST(level_0_slows_writers_down_above_its_limit_only)
{
    fixture self = fixture_new();
    fixture_hold_compactions(&self);
    fill_level0(&self, LSM_LEVEL0_SLOW);
    CHECK_EQUAL(0, renewed_pace(&self)); /* nobody is lent */
    lend_idle(&self);
    CHECK_EQUAL(0, renewed_pace(&self));
    fill_level0(&self, 1);
    uint64_t first = renewed_pace(&self);
    fill_level0(&self, 1);
    CHECK(first > 0 && renewed_pace(&self) > first);
    take_back(&self);
    CHECK_EQUAL(0, renewed_pace(&self));
    fixture_let_compactions(&self);
    fixture_free(&self);
}

/* Level 0 is as large until a compaction of all of it ends: writers once were held for that long,
 * and had nothing to wait for right behind it. */
TEST(what_a_compaction_has_read_slows_writers_down_no_more)
{
    fixture self = fixture_new();
    uint64_t parts = 0;
    lend_idle(&self);
    fill_level0(&self, LSM_LEVEL0_SLOW + 8);
    uint64_t before = renewed_pace(&self);
    lsm_brake_note(self.store, 4, &parts);
    CHECK(renewed_pace(&self) > 0 && renewed_pace(&self) < before);
    lsm_brake_note(self.store, 8, &parts);
    CHECK_EQUAL(0, renewed_pace(&self));
    lsm_brake_forget(self.store, &parts);
    CHECK_EQUAL(0, parts);
    CHECK_EQUAL(before, renewed_pace(&self));
    take_back(&self);
    fixture_free(&self);
}

TEST(a_crowd_in_level_0_slows_writers_down_whatever_is_read)
{
    fixture self = fixture_new();
    uint64_t parts = 0;
    lend_idle(&self);
    fixture_hold_compactions(&self);
    fill_level0(&self, LSM_LEVEL0_CROWD);
    lsm_brake_note(self.store, LSM_LEVEL0_CROWD, &parts);
    CHECK_EQUAL(0, renewed_pace(&self));
    fill_level0(&self, 1);
    CHECK(renewed_pace(&self) > 0);
    lsm_brake_forget(self.store, &parts);
    fixture_let_compactions(&self);
    take_back(&self);
    fixture_free(&self);
}

TEST(bytes_that_wait_for_compactions_slow_writers_down)
{
    fixture self = fixture_new();
    lend_idle(&self);
    atomic_store(&self.store->counters.pending_compaction_bytes, 32 * FIXTURE_MEMTABLE_BYTES);
    CHECK_EQUAL(0, renewed_pace(&self));
    atomic_store(&self.store->counters.pending_compaction_bytes, 80 * FIXTURE_MEMTABLE_BYTES);
    CHECK_EQUAL(PACE_SLOWEST_NS_PER_KIB / 4, renewed_pace(&self));
    take_back(&self);
    fixture_free(&self);
}

TEST(a_call_that_may_not_wait_is_told_so_before_it_writes)
{
    fixture self = fixture_new();
    lend_idle(&self);
    atomic_store(&self.store->pacer.ns_per_kib, PACE_SLOWEST_NS_PER_KIB);
    fixture_fill(&self, 0, 1, 4096);
    uint64_t sequence = fixture_stats(&self).last_sequence;
    slice key = fixture_text("k");
    CHECK_EQUAL(PYKV_WOULD_BLOCK, lsm_put(self.store, key, key, PYKV_NO_WAIT));
    CHECK_EQUAL(sequence, fixture_stats(&self).last_sequence);
    CHECK_EQUAL(0, fixture_stats(&self).stall_us);
    /* There is no debt, which the wait notices. */
    CHECK_OK(lsm_put(self.store, key, key, 0));
    CHECK_EQUAL(0, atomic_load(&self.store->pacer.ns_per_kib));
    CHECK_OK(lsm_put(self.store, key, key, PYKV_NO_WAIT));
    take_back(&self);
    fixture_free(&self);
}

TEST(writes_that_are_slowed_down_are_charged_by_their_bytes)
{
    fixture self = fixture_new();
    atomic_store(&self.store->pacer.ns_per_kib, 100000); /* 100 us a KiB */
    fixture_fill(&self, 0, 8, 1000);
    uint64_t now = env_monotonic_us(self.disk);
    CHECK(!lsm_brake_holds(self.store));
    CHECK_EQUAL(0, pacer_wait_us(&self.store->pacer, now));
    fixture_fill(&self, 0, 2, 1000);
    CHECK(lsm_brake_holds(self.store));
    CHECK(pacer_wait_us(&self.store->pacer, now) >= PACE_PORTION_US);
    fixture_free(&self);
}

/* The real clock, and the debt stays. */
TEST(a_wait_takes_as_long_as_was_charged_and_is_counted)
{
    fixture self = {.disk = env_posix()};
    lsm *store = mem_alloc_zeroed(1, sizeof *store);
    CHECK(store != NULL);
    store->env = self.disk;
    mutex_init(&store->writer);
    mutex_init(&store->room_lock);
    condition_init(&store->room_made);
    lent_init(&store->gate.lent);
    version *tables;
    CHECK_OK(version_new_empty(&tables));
    view now = {.version = tables};
    atomic_init(&store->view, &now);
    store->options.memtable_bytes = 1 << 20;
    atomic_store(&store->gate.lent.thread_count[PYKV_ROLE_DATA], 1);
    atomic_store(&store->counters.pending_compaction_bytes, UINT64_C(1) << 40);
    mutex_lock(&store->writer);
    lsm_brake_renew(store);
    lsm_brake_charge(store, 8192); /* 4 ms */
    mutex_unlock(&store->writer);
    CHECK(lsm_brake_is_on(store) && lsm_brake_holds(store));
    uint64_t began = env_monotonic_us(store->env);
    lsm_brake_wait(store);
    uint64_t took = env_monotonic_us(store->env) - began;
    CHECK(took >= 3000);
    CHECK(!lsm_brake_holds(store));
    CHECK(atomic_load(&store->counters.delay_us) >= 3000);
    version_release(tables);
    lent_destroy(&store->gate.lent);
    condition_destroy(&store->room_made);
    mutex_destroy(&store->room_lock);
    mutex_destroy(&store->writer);
    mem_free(store);
}

TEST_MAIN(CASE(level_0_slows_writers_down_above_its_limit_only),
          CASE(what_a_compaction_has_read_slows_writers_down_no_more),
          CASE(a_crowd_in_level_0_slows_writers_down_whatever_is_read),
          CASE(bytes_that_wait_for_compactions_slow_writers_down),
          CASE(a_call_that_may_not_wait_is_told_so_before_it_writes),
          CASE(writes_that_are_slowed_down_are_charged_by_their_bytes),
          CASE(a_wait_takes_as_long_as_was_charged_and_is_counted))
