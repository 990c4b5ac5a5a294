/*
 * flush_test: memtables become tables, the oldest first, and a flush that fails is begun again.
 */
#include "lsm_fixture.h"

#include "lsm/brake.h"
#include "lsm/jobs.h"

TEST(a_flush_writes_the_memtable_to_a_table_of_level_0)
{
    fixture self = fixture_new();
    CHECK_OK(lsm_flush(self.store)); /* of nothing */
    CHECK_EQUAL(0, fixture_stats(&self).table_count);
    fixture_fill(&self, 0, 20, 10);
    CHECK_OK(lsm_flush(self.store));
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(1, stats.level_table_count[0]);
    CHECK_EQUAL(stats.level_bytes[0], stats.flushed_bytes);
    CHECK_EQUAL(0, stats.immutable_memtable_count);
    CHECK_EQUAL(20, stats.synced_sequence); /* tables are durable */
    CHECK_EQUAL(20, fixture_count(&self));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_stats(&self).table_count);
    fixture_free(&self);
}

TEST(newer_flushes_stand_before_older_ones)
{
    fixture self = fixture_new();
    for (int i = 0; i < 3; i++) {
        char value[2] = {(char)('a' + i), '\0'};
        fixture_put(&self, "k", value);
        CHECK_OK(lsm_flush(self.store));
    }
    const level *top = &lsm_view(self.store)->version->levels[0];
    CHECK_EQUAL(3, top->count);
    CHECK_EQUAL(3, top->files[0]->facts.sequence_max);
    fixture_expect(&self, "k", "c");
    fixture_free(&self);
}

TEST(shadowed_versions_and_deletes_of_nothing_are_left_out)
{
    fixture self = fixture_new();
    for (int i = 0; i < 10; i++) {
        fixture_put(&self, "k", "v");
    }
    fixture_put(&self, "gone", "1");
    fixture_delete(&self, "gone");
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, lsm_view(self.store)->version->levels[0].files[0]->facts.entry_count);
    fixture_expect(&self, "gone", NULL);
    fixture_free(&self);
}

TEST(a_memtable_of_which_nothing_is_left_makes_no_table)
{
    fixture self = fixture_new();
    fixture_put(&self, "gone", "1");
    fixture_delete(&self, "gone");
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(0, fixture_stats(&self).table_count);
    fixture_put(&self, "k", "1");
    fixture_recover(&self);
    CHECK_EQUAL(1, fixture_count(&self));
    CHECK_EQUAL(3, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(a_flush_goes_in_steps_and_can_be_given_up)
{
    fixture self = fixture_new();
    bool worked = true;
    mutex_lock(&self.store->flush_lock);
    CHECK_OK(lsm_flush_step(self.store, &worked));
    CHECK(!worked);
    lsm_flush_abandon(self.store);
    mutex_unlock(&self.store->flush_lock);
    fixture_fill(&self, 0, 100, 1000);
    CHECK_EQUAL(1, fixture_stats(&self).immutable_memtable_count);
    mutex_lock(&self.store->flush_lock);
    CHECK_OK(lsm_flush_step(self.store, &worked));
    CHECK(worked);
    lsm_flush_abandon(self.store);
    mutex_unlock(&self.store->flush_lock);
    CHECK_OK(lsm_flush_all(self.store));
    CHECK_EQUAL(1, fixture_stats(&self).table_count);
    CHECK_EQUAL(100, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_flush_without_space_fails_and_works_when_there_is_some)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 50, 1000);
    env_memory_set_capacity(self.disk, 60000);
    CHECK_STATUS(PYKV_NO_SPACE, lsm_flush(self.store));
    CHECK_EQUAL(50, fixture_count(&self));
    env_memory_set_capacity(self.disk, UINT64_MAX);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_stats(&self).table_count);
    CHECK_EQUAL(50, fixture_count(&self));
    fixture_reopen(&self);
    CHECK_EQUAL(50, fixture_count(&self));
    fixture_free(&self);
}

/* With level 0 so full that writers would wait, a flush once tried to seal its memtable for ever,
 * and a close too. */
TEST(a_flush_and_a_close_do_not_wait_for_level_0)
{
    enum { FLUSHES = 3 * LSM_LEVEL0_STOP };
    fixture self = fixture_new();
    fixture_hold_compactions(&self);
    for (uint32_t i = 0; i < FLUSHES; i++) {
        fixture_fill(&self, i, i + 1, 10);
        CHECK_OK(lsm_flush(self.store));
    }
    CHECK_EQUAL(FLUSHES, fixture_stats(&self).level_table_count[0]);
    fixture_let_compactions(&self);
    fixture_fill(&self, FLUSHES, FLUSHES + 1, 10);
    fixture_close(&self);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(FLUSHES + 1, fixture_count(&self));
    fixture_free(&self);
}

TEST(flushing_again_and_again_without_other_threads_does_not_fill_level_0_without_end)
{
    fixture self = fixture_new();
    for (uint32_t i = 0; i < 3 * LSM_LEVEL0_STOP; i++) {
        fixture_fill(&self, i, i + 1, 10);
        CHECK_OK(lsm_flush(self.store));
        CHECK(fixture_stats(&self).level_table_count[0] < LSM_LEVEL0_SLOW);
    }
    CHECK_EQUAL(3 * LSM_LEVEL0_STOP, fixture_count(&self));
    fixture_free(&self);
}

/* The store says what happened, takes writes as long as memtables have room, and is whole again
 * when it was opened anew: the log has the row as it was acknowledged. */
TEST(a_row_that_changed_in_memory_comes_back_from_the_log)
{
    for (int closes = 0; closes < 2; closes++) {
        fixture self = fixture_new();
        iterator_entry entry;
        fixture_put(&self, "a", "before");
        fixture_put(&self, "b", "kept");
        CHECK(memtable_smallest(lsm_view(self.store)->active, &entry));
        ((uint8_t *)(uintptr_t)entry.value.data)[0] ^= 1;
        CHECK_STATUS(PYKV_CORRUPTION, lsm_flush(self.store));
        CHECK(strstr(error_last()->text, "sequence 1 has changed in memory") != NULL);
        CHECK_EQUAL(PYKV_STATE_DEGRADED, lsm_state(self.store));
        CHECK_EQUAL(0, fixture_stats(&self).table_count);
        fixture_put(&self, "c", "after");
        if (closes != 0) {
            fixture_close(&self);
            CHECK_OK(fixture_open(&self));
        } else {
            fixture_recover(&self);
        }
        CHECK_EQUAL(PYKV_STATE_OPEN, lsm_state(self.store));
        fixture_expect(&self, "a", "before");
        fixture_expect(&self, "b", "kept");
        fixture_expect(&self, "c", "after");
        CHECK_OK(lsm_flush(self.store));
        fixture_free(&self);
    }
}

/* Bytes of the filter of the only table of a level. */
static uint64_t filter_bytes(fixture *self, uint8_t level_index)
{
    const level *of = &lsm_view(self->store)->version->levels[level_index];
    CHECK_EQUAL(1, of->count);
    return of->tables[0]->footer.filter.size;
}

/* Every level once had filters of the same bits a key. */
TEST(filters_above_the_last_level_have_more_bits_a_key)
{
    enum { ROWS = 300 };
    fixture self = fixture_new();
    fixture_fill(&self, 0, ROWS, 10);
    CHECK_OK(lsm_flush(self.store));
    uint64_t above = filter_bytes(&self, 0);
    fixture_fill(&self, 0, ROWS, 10); /* one table alone would move as it is */
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t last = filter_bytes(&self, LSM_LEVEL_COUNT - 1);
    CHECK(above > ROWS * 14 / 8 && last > ROWS * 10 / 8);
    CHECK(above - last >= (ROWS * LSM_FILTER_BITS_ABOVE_LAST / 8) - FILTER_LINE_BYTES);
    fixture_free(&self);
}

TEST(a_store_without_filters_has_none_above_the_last_level)
{
    fixture self = fixture_blank();
    self.options.filter_bits_per_key = -1;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 10, 10);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(0, filter_bytes(&self, 0));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_flush_writes_the_memtable_to_a_table_of_level_0),
          CASE(newer_flushes_stand_before_older_ones),
          CASE(shadowed_versions_and_deletes_of_nothing_are_left_out),
          CASE(a_memtable_of_which_nothing_is_left_makes_no_table),
          CASE(a_flush_goes_in_steps_and_can_be_given_up),
          CASE(a_flush_without_space_fails_and_works_when_there_is_some),
          CASE(a_flush_and_a_close_do_not_wait_for_level_0),
          CASE(flushing_again_and_again_without_other_threads_does_not_fill_level_0_without_end),
          CASE(a_row_that_changed_in_memory_comes_back_from_the_log),
          CASE(filters_above_the_last_level_have_more_bits_a_key),
          CASE(a_store_without_filters_has_none_above_the_last_level))
