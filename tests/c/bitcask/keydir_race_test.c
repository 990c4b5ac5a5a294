/*
 * keydir_race: readers without a lock beside one writer. Meant for the thread sanitizer and for
 * builds with checks; PYKV_KEYDIR_RACE_KEYS changes how far the writer grows the directory.
 *
 * Addresses are never used twice here and key_of is plain memory that the writer fills before it
 * stores a slot: a reader who gets an address must see the entry, or the sanitizer objects.
 */
#include <pthread.h>
#include <sched.h>

#include "bitcask/keydir.h"
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_moment.h"

enum { READER_COUNT = 3, STABLE_COUNT = 3000, PAIR_COUNT = 64, PAIR_ROUNDS = 60000 };

typedef struct race {
    keydir *directory;
    uint64_t *key_of;
    uint64_t address_limit;
    uint64_t address_next;
    _Atomic bool stopped;
    _Atomic uint64_t lookup_count;
    _Atomic uint64_t repeat_count;
    _Atomic uint64_t failure_count;
} race;

typedef struct reader {
    race *shared;
    uint64_t seed;
    pthread_t thread;
} reader;

static pykv_status race_rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    race *self = context;
    *hash_out = keydir_model_mix(self->key_of[address]);
    return PYKV_OK;
}

static void race_open(race *self, uint64_t address_limit)
{
    memset(self, 0, sizeof *self);
    CHECK_OK(keydir_new(&self->directory));
    self->address_limit = address_limit;
    self->key_of = malloc(address_limit * sizeof *self->key_of);
    CHECK(self->key_of != NULL);
}

static void race_close(race *self)
{
    keydir_free(self->directory);
    free(self->key_of);
}

static void race_insert(race *self, uint64_t key)
{
    uint64_t hash = keydir_model_mix(key);
    uint64_t address = self->address_next++;
    CHECK(address < self->address_limit);
    self->key_of[address] = key;
    CHECK_OK(keydir_prepare(self->directory, hash, race_rehash, self));
    CHECK(keydir_insert(self->directory, hash, address));
}

/* The writer's walk to a key that is there. */
static void race_find(race *self, uint64_t key, keydir_cursor *cursor)
{
    keydir_find_locked(self->directory, keydir_model_mix(key), cursor);
    do {
        CHECK(keydir_next(cursor));
    } while (self->key_of[cursor->address] != key);
}

static void race_replace(race *self, uint64_t key)
{
    keydir_cursor cursor;
    uint64_t address = self->address_next++;
    CHECK(address < self->address_limit);
    self->key_of[address] = key;
    race_find(self, key, &cursor);
    keydir_replace(self->directory, &cursor, keydir_model_mix(key), address);
}

static void race_remove(race *self, uint64_t key)
{
    keydir_cursor cursor;
    race_find(self, key, &cursor);
    keydir_remove(self->directory, &cursor);
}

/* A reader's lookup: repeats until no change ran meanwhile. */
static bool race_get(race *self, uint64_t key, keydir_cursor *cursor)
{
    for (;;) {
        bool found = false;
        if (keydir_find(self->directory, keydir_model_mix(key), cursor)) {
            while (!found && keydir_next(cursor)) {
                found = self->key_of[cursor->address] == key;
            }
            if (keydir_still(cursor)) {
                return found;
            }
        }
        atomic_fetch_add(&self->repeat_count, 1);
        sched_yield();
    }
}

static void *read_stable_keys(void *context)
{
    reader *self = context;
    race *shared = self->shared;
    keydir_cursor cursor;
    while (!atomic_load(&shared->stopped)) {
        uint64_t key = check_random(&self->seed, STABLE_COUNT);
        uint64_t absent = UINT64_MAX - key;
        keydir_prefetch_bucket(shared->directory, keydir_model_mix(key));
        keydir_prefetch_line(shared->directory, keydir_model_mix(key));
        bool failed = !race_get(shared, key, &cursor) || race_get(shared, absent, &cursor);
        failed = failed || keydir_count(shared->directory) < STABLE_COUNT;
        atomic_fetch_add(&shared->failure_count, failed);
        atomic_fetch_add(&shared->lookup_count, 1);
    }
    return NULL;
}

static void start_readers(race *shared, reader *readers, void *(*run)(void *))
{
    for (uint64_t i = 0; i < READER_COUNT; i++) {
        readers[i].shared = shared;
        readers[i].seed = check_seed() + i;
        CHECK_EQUAL(0, pthread_create(&readers[i].thread, NULL, run, &readers[i]));
    }
    while (atomic_load(&shared->lookup_count) == 0) {
        sched_yield();
    }
}

static void stop_readers(race *shared, reader *readers)
{
    atomic_store(&shared->stopped, true);
    for (uint64_t i = 0; i < READER_COUNT; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    printf("  %" PRIu64 " lookups, %" PRIu64 " repeats beside the writer\n",
           atomic_load(&shared->lookup_count), atomic_load(&shared->repeat_count));
    CHECK_EQUAL(0, atomic_load(&shared->failure_count));
    CHECK(atomic_load(&shared->lookup_count) > 100);
}

TEST(a_key_that_stays_is_found_at_every_moment)
{
    race shared;
    reader readers[READER_COUNT];
    char text[256] = "";
    uint64_t key_count = check_count("PYKV_KEYDIR_RACE_KEYS", 150000);
    uint64_t seed = check_seed();
    race_open(&shared, 3 * key_count + STABLE_COUNT);
    for (uint64_t key = 0; key < STABLE_COUNT; key++) {
        race_insert(&shared, key);
    }
    start_readers(&shared, readers, read_stable_keys);
    uint64_t oldest = STABLE_COUNT;
    for (uint64_t key = STABLE_COUNT; key < key_count; key++) {
        race_insert(&shared, key);
        race_replace(&shared, check_random(&seed, STABLE_COUNT));
        if (check_random(&seed, 4) == 0) {
            race_remove(&shared, oldest++);
        }
    }
    while (oldest < key_count) {
        race_remove(&shared, oldest++);
    }
    stop_readers(&shared, readers);
    CHECK_EQUAL(STABLE_COUNT, keydir_count(shared.directory));
    CHECK_OK(keydir_check(shared.directory, race_rehash, &shared, text, sizeof text));
    race_close(&shared);
}

/* The writer replaces key 2i and 2i + 1 in one change, by addresses next to each other. */
static void *read_pairs(void *context)
{
    reader *self = context;
    race *shared = self->shared;
    keydir_cursor first;
    keydir_cursor second;
    while (!atomic_load(&shared->stopped)) {
        uint64_t pair = check_random(&self->seed, PAIR_COUNT);
        bool found = race_get(shared, 2 * pair, &first) && race_get(shared, 2 * pair + 1, &second);
        atomic_fetch_add(&shared->failure_count, !found);
        if (keydir_still(&first)) {
            atomic_fetch_add(&shared->failure_count, first.address + 1 != second.address);
            atomic_fetch_add(&shared->lookup_count, 1);
        }
    }
    return NULL;
}

TEST(keys_published_in_one_change_are_seen_together)
{
    race shared;
    reader readers[READER_COUNT];
    uint64_t seed = check_seed();
    race_open(&shared, 2 * (PAIR_COUNT + PAIR_ROUNDS) + 2);
    for (uint64_t key = 0; key < 2 * (uint64_t)PAIR_COUNT; key++) {
        race_insert(&shared, key);
    }
    start_readers(&shared, readers, read_pairs);
    for (uint64_t round = 0; round < PAIR_ROUNDS; round++) {
        uint64_t pair = check_random(&seed, PAIR_COUNT);
        keydir_change_begin(shared.directory);
        race_replace(&shared, 2 * pair);
        race_replace(&shared, 2 * pair + 1);
        keydir_change_end(shared.directory);
        if (round % 256 == 0) {
            sched_yield();
        }
    }
    stop_readers(&shared, readers);
    race_close(&shared);
}

TEST_MAIN(CASE(a_key_that_stays_is_found_at_every_moment),
          CASE(keys_published_in_one_change_are_seen_together))
