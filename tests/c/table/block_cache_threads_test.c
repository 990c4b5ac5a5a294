/*
 * block_cache_threads: readers, loaders, an eraser and a changer of the limit at once. Meant for
 * the thread sanitizer and for builds with checks; PYKV_BLOCK_CACHE_ROUNDS sets the rounds of each.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "table/block_cache_fixture.h"

enum {
    READER_COUNT = 3,
    SLOT_COUNT = 2000,
    ERASED_COUNT = 64, /* the last slots: a table that comes and goes */
    LIMIT = 1 << 20,
    HELD_COUNT = 8
};

typedef struct race {
    cache_fixture *self;
    uint64_t round_count;
    mutex table; /* held to load into, or to erase, the slots that are erased */
    _Atomic bool over;
    _Atomic uint64_t bad_count;
    _Atomic uint64_t hit_count;
    _Atomic uint64_t load_count;
    _Atomic uint64_t failed_count;
} race;

typedef struct reader {
    race *shared;
    uint64_t chance;
    cached_block *held[HELD_COUNT];
    size_t held_of[HELD_COUNT];
} reader;

static void judge(race *shared, const cached_block *block, size_t index)
{
    atomic_fetch_add(&shared->bad_count, fixture_holds(block, index) ? 0 : 1);
}

static void hold(reader *self, cached_block *block, size_t index)
{
    size_t place = check_random(&self->chance, HELD_COUNT);
    if (self->held[place] != NULL) {
        judge(self->shared, self->held[place], self->held_of[place]);
        block_unpin(self->held[place]);
    }
    self->held[place] = block;
    self->held_of[place] = index;
}

static void load(reader *self, size_t index)
{
    race *shared = self->shared;
    block_cache *cache = shared->self->cache;
    block_slot *slot = &shared->self->slots[index];
    cached_block *block;
    uint32_t length = (uint32_t)(8 + check_random(&self->chance, 6000));
    if (block_cache_make(cache, slot, length, &block) != PYKV_OK) {
        atomic_fetch_add(&shared->failed_count, 1);
        return;
    }
    fixture_fill(block, index);
    block = block_cache_publish(cache, slot, block);
    atomic_fetch_add(&shared->load_count, 1);
    hold(self, block, index);
}

static void read_one(reader *self, size_t index)
{
    race *shared = self->shared;
    epoch *readers = shared->self->readers.readers;
    epoch_token token = epoch_enter(readers);
    cached_block *found = block_cache_find(shared->self->cache, &shared->self->slots[index], true);
    if (found != NULL) {
        judge(shared, found, index);
        if (check_random(&self->chance, 16) == 0) {
            block_pin(found);
            hold(self, found, index);
        }
        atomic_fetch_add(&shared->hit_count, 1);
    }
    epoch_leave(readers, token);
    if (found == NULL && index < SLOT_COUNT - ERASED_COUNT) {
        load(self, index);
    } else if (found == NULL) {
        mutex_lock(&shared->table);
        load(self, index);
        mutex_unlock(&shared->table);
    }
}

static void *read_rounds(void *argument)
{
    reader *self = argument;
    for (uint64_t round = 0; round < self->shared->round_count; round++) {
        uint64_t range = round % 3 == 0 ? SLOT_COUNT : 100;
        read_one(self, SLOT_COUNT - 1 - check_random(&self->chance, range));
    }
    for (size_t i = 0; i < HELD_COUNT; i++) {
        if (self->held[i] != NULL) {
            judge(self->shared, self->held[i], self->held_of[i]);
            block_unpin(self->held[i]);
        }
    }
    return NULL;
}

static void *disturb(void *argument)
{
    race *shared = argument;
    cache_fixture *self = shared->self;
    uint64_t chance = check_seed();
    while (!atomic_load(&shared->over)) {
        mutex_lock(&shared->table);
        block_cache_erase(self->cache, &self->slots[SLOT_COUNT - ERASED_COUNT], ERASED_COUNT);
        mutex_unlock(&shared->table);
        uint64_t bytes = check_random(&chance, LIMIT / 2);
        if (fixture_reserve(self, bytes)) {
            memory_budget_unforce(&self->budget, bytes);
        }
        memory_budget_set_limit(&self->budget, LIMIT / 2 + check_random(&chance, LIMIT / 2));
        (void)block_cache_trim(self->cache);
        block_cache_counters counters = fixture_counters(self);
        bool bad = memory_budget_used(&self->budget) > LIMIT || counters.refused_bytes > LIMIT;
        atomic_fetch_add(&shared->bad_count, bad ? 1 : 0);
    }
    return NULL;
}

TEST(readers_loaders_and_erasers_share_the_cache)
{
    static reader readers[READER_COUNT];
    race shared = {.self = fixture_open(LIMIT, SLOT_COUNT),
                   .round_count = check_count("PYKV_BLOCK_CACHE_ROUNDS", 30000)};
    mutex_init(&shared.table);
    pthread_t threads[READER_COUNT];
    pthread_t disturber;
    CHECK(pthread_create(&disturber, NULL, disturb, &shared) == 0);
    for (size_t i = 0; i < READER_COUNT; i++) {
        readers[i] = (reader){.shared = &shared, .chance = check_seed() + i};
        CHECK(pthread_create(&threads[i], NULL, read_rounds, &readers[i]) == 0);
    }
    for (size_t i = 0; i < READER_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    atomic_store(&shared.over, true);
    CHECK(pthread_join(disturber, NULL) == 0);
    CHECK_EQUAL(0, atomic_load(&shared.bad_count));
    CHECK_EQUAL(0, atomic_load(&shared.failed_count));
    CHECK(atomic_load(&shared.hit_count) > 0 && atomic_load(&shared.load_count) > 0);
    CHECK(block_cache_is_sound(shared.self->cache));
    CHECK_EQUAL(atomic_load(&shared.hit_count), fixture_counters(shared.self).hit_count);
    CHECK(!reclaimer_sweep(&shared.self->readers));
    mutex_destroy(&shared.table);
    fixture_close(shared.self);
}

/* Threads that miss one block at the same time all get the same one. */
enum { RACER_COUNT = 4, RACE_ROUNDS = 300 };

typedef struct racer {
    race *shared;
    cached_block *got[RACE_ROUNDS];
} racer;

static void *load_each(void *argument)
{
    racer *self = argument;
    for (size_t i = 0; i < RACE_ROUNDS; i++) {
        cached_block *block;
        block_slot *slot = &self->shared->self->slots[i];
        if (block_cache_make(self->shared->self->cache, slot, 64, &block) != PYKV_OK) {
            atomic_fetch_add(&self->shared->failed_count, 1);
            return NULL;
        }
        fixture_fill(block, i);
        self->got[i] = block_cache_publish(self->shared->self->cache, slot, block);
    }
    return NULL;
}

TEST(of_many_threads_that_load_one_block_one_wins)
{
    static racer racers[RACER_COUNT];
    race shared = {.self = fixture_open(LIMIT, RACE_ROUNDS)};
    pthread_t threads[RACER_COUNT];
    for (size_t i = 0; i < RACER_COUNT; i++) {
        racers[i].shared = &shared;
        CHECK(pthread_create(&threads[i], NULL, load_each, &racers[i]) == 0);
    }
    for (size_t i = 0; i < RACER_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(0, atomic_load(&shared.failed_count));
    CHECK_EQUAL(RACE_ROUNDS, fixture_counters(shared.self).insert_count);
    for (size_t round = 0; round < RACE_ROUNDS; round++) {
        CHECK(fixture_holds(racers[0].got[round], round));
        for (size_t i = 0; i < RACER_COUNT; i++) {
            CHECK(racers[i].got[round] == racers[0].got[round]);
        }
        for (size_t i = 0; i < RACER_COUNT; i++) {
            block_unpin(racers[i].got[round]);
        }
    }
    fixture_close(shared.self);
}

TEST_MAIN(CASE(readers_loaders_and_erasers_share_the_cache),
          CASE(of_many_threads_that_load_one_block_one_wins))
