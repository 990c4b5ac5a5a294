/*
 * block_cache_shrink_test: what slabs take is in the budget, and goes back when others want it.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "table/block_cache_evict.h"
#include "table/block_cache_fixture.h"
#include "table/block_cache_shard.h"
#include "table/block_cache_shrink.h"
#include "table/block_shard_lock.h"

enum { LIMIT = 64 << 20, SLOTS = 8000, BYTES_MIN = 8200, BYTES_RANGE = 300 };

static uint32_t length_of(size_t index)
{
    return BYTES_MIN + (uint32_t)(index * 37 % BYTES_RANGE);
}

static size_t moved_count;

static void count_moved(uint8_t *data, const uint8_t *from)
{
    CHECK(data != from);
    moved_count++;
}

static cache_fixture *filled(size_t count)
{
    cache_fixture *self = fixture_open(LIMIT, SLOTS);
    moved_count = 0;
    block_cache_let_move(self->cache, count_moved);
    for (size_t i = 0; i < count; i++) {
        block_unpin(fixture_load(self, i, length_of(i)));
    }
    return self;
}

static size_t count_cached(cache_fixture *self, bool marks)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        count += fixture_cached(self, i, marks) ? 1 : 0;
    }
    return count;
}

static size_t cached_count(cache_fixture *self)
{
    return count_cached(self, false);
}

/* A compaction took the tables of most cached blocks away. The slabs stayed, for the few blocks of
 * others in each, and were not counted: others could fill the budget beside them. */
TEST(slabs_with_few_blocks_count_whole)
{
    cache_fixture *self = filled(SLOTS);
    uint64_t bytes = slab_arena_bytes(&self->cache->slabs);
    CHECK(bytes > LIMIT * 7 / 8);
    for (size_t i = 0; i < SLOTS; i++) {
        if (i % 8 != 0) {
            block_cache_erase(self->cache, &self->slots[i], 1);
        }
    }
    CHECK(fixture_counters(self).block_bytes < LIMIT / 6);
    CHECK_EQUAL(bytes, slab_arena_bytes(&self->cache->slabs));
    CHECK(memory_budget_used(&self->budget) >= bytes);
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST(slabs_go_back_for_what_others_force_and_their_blocks_move)
{
    cache_fixture *self = filled(SLOTS);
    for (size_t i = 0; i < SLOTS; i++) {
        if (i % 8 != 0) {
            block_cache_erase(self->cache, &self->slots[i], 1);
        }
    }
    size_t before = cached_count(self);
    CHECK(before > SLOTS / 10);
    memory_budget_force(&self->budget, LIMIT / 2);
    CHECK(block_cache_trim(self->cache));
    CHECK(slab_arena_bytes(&self->cache->slabs) <= LIMIT / 2);
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
    CHECK(moved_count > before / 4);
    CHECK(cached_count(self) >= before * 9 / 10);
    CHECK(block_cache_is_sound(self->cache));
    memory_budget_unforce(&self->budget, LIMIT / 2);
    fixture_close(self);
}

static size_t hot_count(cache_fixture *self, bool marks)
{
    enum { HOT = 1500 };
    size_t count = 0;
    for (size_t i = 0; i < HOT; i++) {
        count += fixture_cached(self, SLOTS - 1 - i * 3, marks) ? 1 : 0;
    }
    return count;
}

TEST(where_slabs_are_full_the_coldest_go_and_what_they_leave_takes_the_others)
{
    cache_fixture *self = filled(SLOTS);
    (void)hot_count(self, true);
    memory_budget_force(&self->budget, LIMIT / 2);
    block_cache_evict_for(self->cache, 0, 0);
    size_t hot = hot_count(self, false);
    size_t all = cached_count(self);
    CHECK(block_cache_trim(self->cache));
    CHECK(slab_arena_bytes(&self->cache->slabs) <= LIMIT / 2);
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
    CHECK(hot_count(self, false) >= hot * 9 / 10);
    CHECK(cached_count(self) >= all * 7 / 8);
    memory_budget_unforce(&self->budget, LIMIT / 2);
    fixture_close(self);
}

/* All blocks are in use, and a gentle walk left them in their slabs: then nothing was left to try.
 */
TEST(the_budget_is_kept_where_every_block_is_hot)
{
    cache_fixture *self = filled(SLOTS);
    block_cache_let_move(self->cache, NULL);
    for (int round = 0; round < 3; round++) {
        (void)count_cached(self, true);
    }
    memory_budget_force(&self->budget, LIMIT - (1 << 20));
    CHECK(block_cache_trim(self->cache));
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
    memory_budget_unforce(&self->budget, LIMIT - (1 << 20));
    fixture_close(self);
}

typedef struct visitor {
    block_cache *cache;
    _Atomic bool is_over;
    _Atomic uint64_t inside_count; /* turns while a walk over the shard was under way */
} visitor;

static void *visit_shards(void *argument)
{
    visitor *self = argument;
    for (uint32_t turn = 0; !atomic_load(&self->is_over); turn++) {
        block_shard *shard = &self->cache->shards[turn % self->cache->shard_count];
        block_shard_lock(shard);
        atomic_fetch_add(&self->inside_count, shard->walk_next != NULL ? 1 : 0);
        block_shard_unlock(shard);
    }
    return NULL;
}

/* Gets slept until a walk was done with the queue of their shard. */
TEST(a_walk_lets_others_have_the_shard)
{
    enum { WALKS_MAX = 1000 };
    cache_fixture *self = filled(SLOTS);
    visitor shared = {.cache = self->cache};
    pthread_t other;
    CHECK(pthread_create(&other, NULL, visit_shards, &shared) == 0);
    memory_budget_force(&self->budget, LIMIT / 2);
    for (int i = 0; i < WALKS_MAX && atomic_load(&shared.inside_count) == 0; i++) {
        block_cache_shrink(self->cache, SLAB_BYTES, true);
        for (size_t slot = 0; slot < SLOTS; slot++) {
            if (!fixture_cached(self, slot, true)) {
                block_unpin(fixture_load(self, slot, length_of(slot)));
            }
        }
    }
    atomic_store(&shared.is_over, true);
    CHECK(pthread_join(other, NULL) == 0);
    CHECK(atomic_load(&shared.inside_count) > 0);
    memory_budget_unforce(&self->budget, LIMIT / 2);
    fixture_close(self);
}

TEST(pinned_blocks_stay_where_they_are)
{
    enum { PINS = 40 };
    cache_fixture *self = filled(SLOTS / 2);
    cached_block *pins[PINS];
    for (size_t i = 0; i < PINS; i++) {
        pins[i] = fixture_load(self, SLOTS / 2 + i, length_of(SLOTS / 2 + i));
    }
    block_cache_erase(self->cache, self->slots, SLOTS / 2);
    memory_budget_force(&self->budget, LIMIT - (8 << 20));
    (void)block_cache_trim(self->cache);
    for (size_t i = 0; i < PINS; i++) {
        CHECK(fixture_holds(pins[i], SLOTS / 2 + i));
        block_unpin(pins[i]);
    }
    CHECK(block_cache_trim(self->cache));
    memory_budget_unforce(&self->budget, LIMIT - (8 << 20));
    fixture_close(self);
}

TEST(a_reader_goes_on_with_a_block_that_moved)
{
    cache_fixture *self = filled(SLOTS / 2);
    block_cache_erase(self->cache, self->slots, SLOTS / 2 - 600);
    size_t last = SLOTS / 2 - 1;
    epoch_token token = epoch_enter(self->readers.readers);
    cached_block *found = block_cache_find(self->cache, &self->slots[last], false);
    CHECK(found != NULL);
    memory_budget_set_limit(&self->budget, LIMIT / 8);
    block_cache_shrink(self->cache, 0, true);
    CHECK(fixture_holds(found, last));
    epoch_leave(self->readers.readers, token);
    (void)block_cache_trim(self->cache);
    CHECK(memory_budget_used(&self->budget) <= LIMIT / 8);
    fixture_close(self);
}

/* A get: a miss is inside the epoch. */
static void get_length(cache_fixture *self, size_t index, uint32_t length)
{
    epoch_token token = epoch_enter(self->readers.readers);
    cached_block *found = block_cache_find(self->cache, &self->slots[index], true);
    if (found == NULL) {
        block_unpin(fixture_load(self, index, length));
    }
    epoch_leave(self->readers.readers, token);
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
}

/* A get of a large value walked over the whole cache and moved blocks out of a slab that could not
 * go before the get was over, and so the value was never cached. */
TEST(blocks_that_fit_into_no_slab_find_room_in_a_cache_of_slabs)
{
    enum { LARGE = 1 << 20, COUNT = 60, SMALL_GETS = 50 };
    cache_fixture *self = filled(SLOTS);
    size_t cached = 0;
    uint64_t chance = check_seed();
    CHECK(slab_arena_bytes(&self->cache->slabs) > LIMIT * 7 / 8);
    for (size_t i = 0; i < COUNT; i++) {
        size_t moved_before = moved_count;
        get_length(self, i, LARGE);
        cached += fixture_cached(self, i, false) ? 1 : 0;
        for (size_t j = 0; j < SMALL_GETS; j++) {
            size_t index = COUNT + check_random(&chance, SLOTS - COUNT);
            get_length(self, index, length_of(index));
        }
        CHECK_EQUAL(moved_before, moved_count);
        CHECK(block_cache_trim(self->cache)); /* maintenance comes by */
    }
    CHECK(cached >= COUNT / 2);
    CHECK(fixture_counters(self).refused_count <= COUNT / 2);
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

enum { LONG_COUNT = 60, SHORT_GETS = 20 };

/* Gets of short blocks below an index. */
static void get_short(cache_fixture *self, uint64_t *chance, size_t count, size_t below)
{
    for (size_t i = 0; i < count; i++) {
        size_t index = LONG_COUNT + check_random(chance, below - LONG_COUNT);
        get_length(self, index, length_of(index));
    }
}

/* Blocks of this length fit into slabs, but into no gap of a cache of short ones. Each of them
 * evicted short ones wherever these lay, in vain, until a quarter of the cache was empty. */
TEST(long_blocks_find_room_beside_short_ones_and_do_not_drain_them)
{
    enum { LONG = 120000, PASSES = 12, HOT = 5500 };
    cache_fixture *self = filled(SLOTS);
    uint64_t chance = check_seed();
    uint64_t least = LIMIT;
    size_t found = 0;
    CHECK(LONG < (int)SLAB_BLOCK_BYTES_MAX);
    block_cache_erase(self->cache, self->slots, LONG_COUNT);
    get_short(self, &chance, 3 * SLOTS, SLOTS); /* so that old and new ones lie side by side */
    for (size_t pass = 0; pass < PASSES; pass++) {
        found = 0;
        for (size_t i = 0; i < LONG_COUNT; i++) {
            found += fixture_cached(self, i, true) ? 1 : 0;
            get_length(self, i, LONG);
            get_short(self, &chance, SHORT_GETS, HOT);
            uint64_t bytes = fixture_counters(self).block_bytes;
            least = bytes < least ? bytes : least;
        }
        (void)block_cache_trim(self->cache); /* maintenance comes by */
    }
    CHECK(found >= LONG_COUNT * 5 / 6);
    CHECK(least > LIMIT * 13 / 16);
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

/* Views of values kept one block in each of the emptiest slabs. Trims vacated the same ones again
 * and again, of which nothing could come, and walked over the whole cache each time. */
TEST(slabs_that_views_keep_do_not_stand_before_the_others)
{
    enum { PINS = 12, ERASED = 4 };
    cache_fixture *self = filled(SLOTS);
    cached_block *pins[PINS];
    uintptr_t home = 0;
    size_t pinned = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        epoch_token token = epoch_enter(self->readers.readers);
        cached_block *found = block_cache_find(self->cache, &self->slots[i], false);
        bool is_first = found != NULL && found->is_in_slab && (uintptr_t)found / SLAB_BYTES != home;
        if (is_first && pinned < PINS) {
            home = (uintptr_t)found / SLAB_BYTES;
            pins[pinned++] = found;
            block_pin(found);
        }
        epoch_leave(self->readers.readers, token);
        if (pinned < PINS && !is_first && i % ERASED != 0) {
            block_cache_erase(self->cache, &self->slots[i], 1);
        }
    }
    CHECK_EQUAL(PINS, pinned);
    memory_budget_force(&self->budget, LIMIT / 4);
    CHECK(block_cache_trim(self->cache));
    memory_budget_force(&self->budget, LIMIT / 4);
    CHECK(block_cache_trim(self->cache));
    CHECK(memory_budget_used(&self->budget) <= LIMIT);
    for (size_t i = 0; i < PINS; i++) {
        block_unpin(pins[i]);
    }
    memory_budget_unforce(&self->budget, LIMIT / 2);
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

/* While one thread vacated slabs, the misses of others evicted as much as was free in them. */
TEST(what_is_free_in_slabs_that_go_is_not_evicted_once_more)
{
    cache_fixture *self = filled(SLOTS);
    for (size_t i = 0; i < SLOTS; i += 2) {
        block_cache_erase(self->cache, &self->slots[i], 1);
    }
    block_cache_evict_for(self->cache, 0, 0);
    uint64_t before = fixture_counters(self).evict_count;
    (void)slab_arena_vacate(&self->cache->slabs, UINT64_MAX, SLAB_FIRM);
    block_cache_evict_for(self->cache, BYTES_MIN, 0);
    CHECK_EQUAL(before, fixture_counters(self).evict_count);
    (void)slab_arena_vacate(&self->cache->slabs, 0, SLAB_FIRM);
    fixture_close(self);
}

/* All that was missing came from one shard until nothing was left there, hot blocks included. */
TEST(what_is_missing_is_taken_from_all_shards)
{
    cache_fixture *self = filled(SLOTS);
    CHECK(self->cache->shard_count > 1);
    (void)hot_count(self, true);
    size_t hot = hot_count(self, true);
    CHECK(hot > 1000);
    memory_budget_force(&self->budget, LIMIT / 4);
    block_cache_evict_for(self->cache, 0, 0);
    CHECK_EQUAL(hot, hot_count(self, false));
    memory_budget_unforce(&self->budget, LIMIT / 4);
    fixture_close(self);
}

/* A miss of a get is inside the epoch: what it evicts is not free before it leaves. */
TEST(a_full_cache_of_slabs_has_gaps_that_are_long_enough)
{
    cache_fixture *self = filled(SLOTS);
    uint64_t chance = check_seed();
    for (size_t i = 0; i < 2 * SLOTS; i++) {
        size_t index = check_random(&chance, SLOTS);
        uint32_t length = index % 8 == 0 ? 1000 + (uint32_t)(index % 7000) : length_of(index);
        epoch_token token = epoch_enter(self->readers.readers);
        if (!fixture_cached(self, index, true)) {
            block_unpin(fixture_load(self, index, length));
        }
        epoch_leave(self->readers.readers, token);
        CHECK(memory_budget_used(&self->budget) <= LIMIT);
    }
    CHECK(fixture_counters(self).refused_count < SLOTS / 100);
    CHECK(fixture_counters(self).block_bytes > LIMIT * 9 / 10);
    fixture_close(self);
}

enum { READERS = 3, ROUNDS = 4000, TRIMS = 12 };

/* Gets with misses inside the epoch, and now and then a pin that outlasts it. */
static void *read_blocks(void *argument)
{
    cache_fixture *self = argument;
    uint64_t chance = 1 + (uint64_t)(uintptr_t)pthread_self();
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t index = check_random(&chance, SLOTS);
        epoch_token token = epoch_enter(self->readers.readers);
        cached_block *found = block_cache_find(self->cache, &self->slots[index], true);
        if (found == NULL) {
            found = fixture_load(self, index, length_of(index));
        } else {
            block_pin(found);
        }
        CHECK(fixture_holds(found, index));
        epoch_leave(self->readers.readers, token);
        CHECK(fixture_holds(found, index));
        block_unpin(found);
    }
    return NULL;
}

static void keep_data(uint8_t *data, const uint8_t *from)
{
    (void)data;
    (void)from;
}

TEST(readers_find_their_blocks_while_slabs_go)
{
    cache_fixture *self = filled(SLOTS);
    pthread_t threads[READERS];
    block_cache_let_move(self->cache, keep_data);
    for (size_t i = 0; i < READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_blocks, self) == 0);
    }
    for (size_t i = 0; i < TRIMS; i++) {
        memory_budget_force(&self->budget, LIMIT / 2);
        (void)block_cache_trim(self->cache);
        (void)block_cache_trim(self->cache);
        memory_budget_unforce(&self->budget, LIMIT / 2);
    }
    for (size_t i = 0; i < READERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(block_cache_is_sound(self->cache));
    fixture_close(self);
}

TEST_MAIN(CASE(slabs_with_few_blocks_count_whole),
          CASE(slabs_go_back_for_what_others_force_and_their_blocks_move),
          CASE(where_slabs_are_full_the_coldest_go_and_what_they_leave_takes_the_others),
          CASE(the_budget_is_kept_where_every_block_is_hot),
          CASE(a_walk_lets_others_have_the_shard), CASE(pinned_blocks_stay_where_they_are),
          CASE(a_reader_goes_on_with_a_block_that_moved),
          CASE(blocks_that_fit_into_no_slab_find_room_in_a_cache_of_slabs),
          CASE(long_blocks_find_room_beside_short_ones_and_do_not_drain_them),
          CASE(slabs_that_views_keep_do_not_stand_before_the_others),
          CASE(what_is_free_in_slabs_that_go_is_not_evicted_once_more),
          CASE(what_is_missing_is_taken_from_all_shards),
          CASE(a_full_cache_of_slabs_has_gaps_that_are_long_enough),
          CASE(readers_find_their_blocks_while_slabs_go))
