/*
 * block_cache_evict_test: which blocks go, how room is made, and what a scan does to the hot ones.
 */
#include "table/block_cache_fixture.h"

enum { LIMIT = 2 << 20, CAPACITY = LIMIT / FIXTURE_BLOCK_BYTES, SLOTS = 20 * CAPACITY };

/* Zipf-like: index i with chance in proportion to 1 / (i + 1), among count. */
static size_t skewed(uint64_t *chance, size_t count)
{
    size_t width = 1;
    size_t levels = 0;
    while (width < count) {
        width *= 2;
        levels++;
    }
    size_t level = check_random(chance, levels);
    size_t index = (((size_t)1 << level) - 1) + check_random(chance, (uint64_t)1 << level);
    return index < count ? index : count - 1;
}

/* Percent of hits of reads over a hot set that fits, in random order. */
static uint64_t hot_percent(cache_fixture *self, uint64_t *chance, size_t hot, uint64_t reads)
{
    uint64_t hits = 0;
    for (uint64_t i = 0; i < reads; i++) {
        hits += fixture_get(self, check_random(chance, hot)) ? 1 : 0;
    }
    return hits * 100 / reads;
}

TEST(blocks_never_used_again_go_first_come_first_served)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < 3 * CAPACITY; i++) {
        CHECK(!fixture_get(self, i));
        CHECK(memory_budget_used(&self->budget) <= LIMIT);
    }
    size_t cached = 0;
    for (size_t i = 0; i < 3 * CAPACITY; i++) {
        bool here = fixture_cached(self, i, false);
        CHECK(cached == 0 || here);
        cached += here ? 1 : 0;
    }
    CHECK(cached > CAPACITY * 9 / 10);
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST(a_used_block_outlives_many_unused_ones)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    (void)fixture_get(self, 0);
    CHECK(fixture_get(self, 0));
    for (size_t i = 1; i < 5 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(fixture_cached(self, 0, false));
    CHECK(!fixture_cached(self, 1, false));
    fixture_close(self);
}

TEST(a_look_that_does_not_mark_does_not_keep_a_block)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    (void)fixture_get(self, 0);
    for (size_t i = 1; i < 5 * CAPACITY; i++) {
        (void)fixture_get(self, i);
        (void)fixture_cached(self, 0, false);
    }
    CHECK(!fixture_cached(self, 0, false));
    fixture_close(self);
}

TEST(a_block_missed_again_soon_after_it_went_is_kept_the_second_time)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < CAPACITY + CAPACITY / 4; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(!fixture_get(self, 0));
    for (size_t i = 2 * CAPACITY; i < 6 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(fixture_cached(self, 0, false));
    fixture_close(self);
}

TEST(a_block_that_went_long_ago_is_not_remembered)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < 4 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(!fixture_get(self, 0));
    for (size_t i = 4 * CAPACITY; i < 6 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(!fixture_cached(self, 0, false));
    fixture_close(self);
}

/* The scan reads every block once, ten times what the cache holds. */
TEST(after_a_scan_of_ten_times_the_cache_the_hot_set_is_still_there)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    uint64_t chance = check_seed();
    size_t hot = CAPACITY * 7 / 10;
    (void)hot_percent(self, &chance, hot, 20 * hot);
    for (size_t i = hot; i < hot + 10 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(hot_percent(self, &chance, hot, hot) > 90);
    fixture_close(self);
}

/* Gets in key order use each block many times in a row, and then never again. */
TEST(after_a_run_of_gets_in_key_order_the_hot_set_is_still_there)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    uint64_t chance = check_seed();
    size_t hot = CAPACITY / 2;
    (void)hot_percent(self, &chance, hot, 20 * hot);
    uint64_t hits = 0;
    uint64_t reads = 0;
    for (size_t i = hot; i < hot + 10 * CAPACITY; i++) {
        for (int use = 0; use < 20; use++) {
            (void)fixture_get(self, i);
        }
        for (int other = 0; other < 4; other++) {
            hits += fixture_get(self, check_random(&chance, hot)) ? 1 : 0;
            reads++;
        }
    }
    CHECK(hits * 100 / reads > 80);
    CHECK(hot_percent(self, &chance, hot, hot) > 90);
    fixture_close(self);
}

TEST(a_skewed_load_hits_more_often_than_a_plain_queue_would)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    uint64_t chance = check_seed();
    uint64_t hits = 0;
    uint64_t plain_hits = 0;
    static uint64_t entered[SLOTS];
    uint64_t clock = CAPACITY + 1;
    memset(entered, 0, sizeof entered);
    for (size_t i = 0; i < 40 * CAPACITY; i++) {
        size_t index = skewed(&chance, SLOTS);
        hits += fixture_get(self, index) ? 1 : 0;
        bool in_plain_queue = entered[index] + CAPACITY > clock;
        plain_hits += in_plain_queue ? 1 : 0;
        if (!in_plain_queue) {
            entered[index] = ++clock;
        }
    }
    CHECK(hits > plain_hits);
    fixture_close(self);
}

TEST(a_pinned_block_is_passed_over)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    cached_block *pinned[3];
    for (size_t i = 0; i < 3; i++) {
        pinned[i] = fixture_load(self, i, FIXTURE_BLOCK_BYTES);
    }
    for (size_t i = 3; i < 8 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK(fixture_cached(self, i, false));
        CHECK(fixture_holds(pinned[i], i));
        block_unpin(pinned[i]);
    }
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST(when_everything_is_pinned_a_block_is_made_outside_the_budget)
{
    enum { PINS = 2 * CAPACITY };
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    static cached_block *pinned[PINS];
    for (size_t i = 0; i < PINS; i++) {
        pinned[i] = fixture_load(self, i, FIXTURE_BLOCK_BYTES);
        CHECK(memory_budget_used(&self->budget) <= LIMIT);
    }
    block_cache_counters counters = fixture_counters(self);
    CHECK(counters.refused_count > CAPACITY * 9 / 10);
    CHECK_EQUAL(counters.refused_count * block_cache_charge(FIXTURE_BLOCK_BYTES),
                counters.refused_bytes);
    CHECK(!fixture_cached(self, PINS - 1, false));
    for (size_t i = 0; i < PINS; i++) {
        CHECK(fixture_holds(pinned[i], i));
        block_unpin(pinned[i]);
    }
    CHECK_EQUAL(0, fixture_counters(self).refused_bytes);
    fixture_close(self);
}

/* A reader that stays inside holds back what was evicted; the rest of the cache must not follow. */
TEST(a_reader_that_stays_inside_does_not_empty_the_cache)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    epoch_token token = epoch_enter(self->readers.readers);
    for (size_t i = CAPACITY; i < 3 * CAPACITY; i++) {
        (void)fixture_get(self, i);
        CHECK(memory_budget_used(&self->budget) <= LIMIT);
    }
    block_cache_counters counters = fixture_counters(self);
    CHECK(counters.retired_bytes < LIMIT / 16);
    CHECK(counters.refused_count > 0);
    epoch_leave(self->readers.readers, token);
    CHECK(!fixture_get(self, 3 * CAPACITY));
    CHECK(fixture_cached(self, 3 * CAPACITY, false));
    fixture_close(self);
}

/* Views of values held blocks of tables that a compaction had replaced. As these counted as coming
 * free, nothing was evicted for what came, and no block was cached as long as the views lived. */
TEST(erased_blocks_that_pins_hold_are_not_taken_for_room_that_comes)
{
    enum { PINS = CAPACITY / 4 };
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    static cached_block *pinned[PINS];
    uint64_t charge = block_cache_charge(FIXTURE_BLOCK_BYTES);
    for (size_t i = 0; i < PINS; i++) {
        pinned[i] = fixture_load(self, i, FIXTURE_BLOCK_BYTES);
    }
    block_cache_erase(self->cache, self->slots, PINS);
    CHECK_EQUAL(PINS * charge, fixture_counters(self).block_bytes);
    for (size_t i = PINS; i < PINS + CAPACITY; i++) {
        (void)fixture_get(self, i);
        CHECK(memory_budget_used(&self->budget) <= LIMIT);
        CHECK(fixture_cached(self, i, false));
    }
    CHECK_EQUAL(0, fixture_counters(self).refused_count);
    CHECK(fixture_counters(self).evict_count >= PINS / 2);
    CHECK(block_cache_is_sound(self->cache));
    uint64_t used = memory_budget_used(&self->budget);
    for (size_t i = 0; i < PINS; i++) {
        CHECK(fixture_holds(pinned[i], i));
        block_unpin(pinned[i]);
    }
    CHECK_EQUAL(used - PINS * charge, memory_budget_used(&self->budget));
    fixture_close(self);
}

TEST(a_miss_inside_the_epoch_finds_room_that_was_kept_for_it)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < 4 * CAPACITY; i++) {
        epoch_token token = epoch_enter(self->readers.readers);
        (void)fixture_get(self, i);
        epoch_leave(self->readers.readers, token);
    }
    CHECK_EQUAL(0, fixture_counters(self).refused_count);
    fixture_close(self);
}

TEST(a_reservation_by_others_takes_room_from_blocks_and_gives_it_back)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < 2 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(fixture_reserve(self, LIMIT / 2));
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
    CHECK(fixture_counters(self).block_bytes < LIMIT / 2);
    CHECK(!fixture_reserve(self, LIMIT));
    for (size_t i = 0; i < CAPACITY; i++) {
        (void)fixture_get(self, i);
        CHECK(memory_budget_used(&self->budget) <= LIMIT);
    }
    memory_budget_unforce(&self->budget, LIMIT / 2);
    for (size_t i = 0; i < CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(fixture_counters(self).block_bytes > LIMIT * 3 / 4);
    fixture_close(self);
}

/* Others took much of the budget at once, and the next get evicted as much, for a millisecond. */
TEST(a_get_makes_up_for_a_part_of_what_others_took)
{
    enum { TAKEN = LIMIT / 2 };
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < 2 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    memory_budget_force(&self->budget, TAKEN);
    uint64_t before = fixture_counters(self).evict_count;
    block_unpin(fixture_load(self, SLOTS - 1, FIXTURE_BLOCK_BYTES));
    uint64_t evicted = fixture_counters(self).evict_count - before;
    CHECK(evicted > 0 && evicted < TAKEN / 2 / FIXTURE_BLOCK_BYTES);
    for (size_t i = 0; i < CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
    memory_budget_unforce(&self->budget, TAKEN);
    fixture_close(self);
}

/* What a walk had evicted came free at once, by the next get. */
TEST(a_get_frees_a_part_of_what_was_evicted)
{
    enum { FREED_MAX = 100 };
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    epoch_token token = epoch_enter(self->readers.readers);
    (void)fixture_reserve(self, LIMIT);
    epoch_leave(self->readers.readers, token);
    uint64_t before = fixture_counters(self).retired_bytes;
    CHECK(before > (uint64_t)2 * FREED_MAX * FIXTURE_BLOCK_BYTES);
    block_unpin(fixture_load(self, SLOTS - 1, FIXTURE_BLOCK_BYTES));
    uint64_t left = fixture_counters(self).retired_bytes;
    CHECK(left < before);
    CHECK(left + (uint64_t)FREED_MAX * FIXTURE_BLOCK_BYTES > before);
    fixture_close(self);
}

TEST(a_lowered_limit_and_forced_bytes_are_met_by_trimming)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    for (size_t i = 0; i < CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    memory_budget_set_limit(&self->budget, LIMIT / 4);
    CHECK(block_cache_trim(self->cache));
    CHECK(memory_budget_used(&self->budget) <= LIMIT / 4);
    memory_budget_force(&self->budget, LIMIT / 8);
    CHECK(block_cache_trim(self->cache));
    CHECK(memory_budget_used(&self->budget) <= LIMIT / 4);
    memory_budget_force(&self->budget, LIMIT);
    CHECK(!block_cache_trim(self->cache));
    CHECK_EQUAL(0, fixture_counters(self).block_bytes);
    memory_budget_unforce(&self->budget, LIMIT + LIMIT / 8);
    memory_budget_set_limit(&self->budget, 2 * LIMIT);
    for (size_t i = 0; i < 2 * CAPACITY; i++) {
        (void)fixture_get(self, i);
    }
    CHECK(fixture_counters(self).block_bytes > LIMIT * 3 / 2);
    fixture_close(self);
}

/* With several shards, one of which has nothing to give. */
TEST(a_large_cache_makes_room_from_any_shard)
{
    enum { LARGE = 64 << 20, BLOCK = 1 << 20, COUNT = 200 };
    cache_fixture *self = fixture_open(LARGE, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        block_unpin(fixture_load(self, i, BLOCK));
        CHECK(memory_budget_used(&self->budget) <= LARGE);
    }
    CHECK_EQUAL(0, fixture_counters(self).refused_count);
    CHECK(fixture_counters(self).block_bytes > LARGE * 9 / 10);
    CHECK(fixture_reserve(self, LARGE * 9 / 10));
    memory_budget_unforce(&self->budget, LARGE * 9 / 10);
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST_MAIN(CASE(blocks_never_used_again_go_first_come_first_served),
          CASE(a_used_block_outlives_many_unused_ones),
          CASE(a_look_that_does_not_mark_does_not_keep_a_block),
          CASE(a_block_missed_again_soon_after_it_went_is_kept_the_second_time),
          CASE(a_block_that_went_long_ago_is_not_remembered),
          CASE(after_a_scan_of_ten_times_the_cache_the_hot_set_is_still_there),
          CASE(after_a_run_of_gets_in_key_order_the_hot_set_is_still_there),
          CASE(a_skewed_load_hits_more_often_than_a_plain_queue_would),
          CASE(a_pinned_block_is_passed_over),
          CASE(when_everything_is_pinned_a_block_is_made_outside_the_budget),
          CASE(a_reader_that_stays_inside_does_not_empty_the_cache),
          CASE(erased_blocks_that_pins_hold_are_not_taken_for_room_that_comes),
          CASE(a_miss_inside_the_epoch_finds_room_that_was_kept_for_it),
          CASE(a_reservation_by_others_takes_room_from_blocks_and_gives_it_back),
          CASE(a_get_makes_up_for_a_part_of_what_others_took),
          CASE(a_get_frees_a_part_of_what_was_evicted),
          CASE(a_lowered_limit_and_forced_bytes_are_met_by_trimming),
          CASE(a_large_cache_makes_room_from_any_shard))
