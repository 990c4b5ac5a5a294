/*
 * memtable_threads: readers without a lock beside one writer. Meant for the thread sanitizer and
 * for builds with checks; PYKV_MEMTABLE_OPERATIONS changes how far the writer goes.
 *
 * The writer adds batches of four operations and raises the visible sequence after each: two keys
 * of a stable set get the same round, so a reader at a snapshot must see the same round in both,
 * and one key of each batch is new, so that the tree grows under the readers.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/coding.h"
#include "lsm/memtable_model.h"

enum { READER_COUNT = 3, PAIR_COUNT = 97, BATCH = 4, THREAD_KEY_ROOM = 128 };

typedef struct crowd {
    epoch entered;
    reclaimer readers;
    memtable *table;
    memtable_keys keys;
    _Atomic uint64_t visible;
    _Atomic bool stopped;
    _Atomic uint64_t lookups;
    _Atomic uint64_t failures;
} crowd;

typedef struct reader {
    crowd *shared;
    uint64_t seed;
    pthread_t thread;
} reader;

/* Keys of the two halves of a pair are far apart; new keys are numbered from 2 * PAIR_COUNT. */
static slice pair_key(const crowd *self, uint64_t pair, uint64_t half, uint8_t *room)
{
    return memtable_key(self->keys, pair + half * PAIR_COUNT, room);
}

static void add(crowd *self, slice key, uint64_t sequence, uint64_t round)
{
    uint8_t value[8];
    store_u64(value, round);
    iterator_entry entry = {
        .key = key, .value = slice_make(value, 8), .sequence = sequence, .kind = RECORD_PUT};
    memtable_add(self->table, &entry, memtable_key_hash(key));
}

static void write_batch(crowd *self, uint64_t round)
{
    uint8_t room[THREAD_KEY_ROOM];
    uint64_t first = (round - 1) * BATCH + 1;
    uint64_t pair = round % PAIR_COUNT;
    CHECK_OK(memtable_reserve(self->table, BATCH,
                              BATCH * memtable_entry_bytes(THREAD_KEY_ROOM, 8, false)));
    add(self, pair_key(self, pair, 0, room), first, round);
    add(self, memtable_key(self->keys, 2 * PAIR_COUNT + 2 * round, room), first + 1, round);
    add(self, pair_key(self, pair, 1, room), first + 2, round);
    add(self, memtable_key(self->keys, 2 * PAIR_COUNT + 2 * round + 1, room), first + 3, round);
    atomic_store_explicit(&self->visible, first + 3, memory_order_release);
}

static uint64_t snapshot_of(crowd *self)
{
    return atomic_load_explicit(&self->visible, memory_order_acquire);
}

/* The round that a key has at a snapshot; 0: none. */
static uint64_t round_of(crowd *self, slice key, uint64_t snapshot)
{
    iterator_entry entry;
    epoch_token token = epoch_enter(self->readers.readers);
    bool found = memtable_get(self->table, key, memtable_key_hash(key), snapshot, &entry);
    epoch_leave(self->readers.readers, token);
    return found ? load_u64(entry.value.data) : 0;
}

static bool pair_agrees(crowd *self, uint64_t *seed)
{
    uint8_t room[THREAD_KEY_ROOM];
    uint64_t pair = check_random(seed, PAIR_COUNT);
    uint64_t newest = snapshot_of(self);
    uint64_t snapshot =
        check_random(seed, 2) == 0 ? newest : check_random(seed, newest / BATCH + 1);
    snapshot -= snapshot % BATCH;
    uint64_t round = round_of(self, pair_key(self, pair, 0, room), snapshot);
    uint64_t last = snapshot / BATCH;
    uint64_t wanted = last % PAIR_COUNT >= pair ? last - last % PAIR_COUNT + pair
                      : last >= PAIR_COUNT      ? last - last % PAIR_COUNT + pair - PAIR_COUNT
                                                : 0;
    return round == wanted && round == round_of(self, pair_key(self, pair, 1, room), snapshot);
}

/* What was visible once is found at every later moment. */
static bool old_key_is_there(crowd *self, uint64_t *seed)
{
    uint8_t room[THREAD_KEY_ROOM];
    uint64_t snapshot = snapshot_of(self);
    uint64_t round = 1 + check_random(seed, snapshot / BATCH);
    slice key = memtable_key(self->keys, 2 * PAIR_COUNT + 2 * round, room);
    return round_of(self, key, snapshot) == round;
}

/* A walk over 200 entries from a random key, ahead or back: in order, each once. */
static bool walk_is_in_order(crowd *self, uint64_t *seed)
{
    iterator *walk;
    uint8_t room[THREAD_KEY_ROOM];
    bool ahead = check_random(seed, 2) == 0;
    internal_key before = {slice_make("", 0), 0};
    if (memtable_iterator_new(self->table, &walk) != PYKV_OK) {
        return false;
    }
    slice key = memtable_key(self->keys, check_random(seed, 2 * PAIR_COUNT), room);
    if (ahead) {
        iterator_seek(walk, key, UINT64_MAX);
    } else {
        iterator_seek_back(walk, key, 0);
    }
    bool good = true;
    for (int i = 0; i < 200 && iterator_valid(walk) && good; i++) {
        const iterator_entry *entry = iterator_current(walk);
        internal_key here = {entry->key, internal_trailer(entry->sequence, entry->kind)};
        int order = internal_key_compare(before, here);
        good = i == 0 || (ahead ? order < 0 : order > 0);
        before = here;
        if (ahead) {
            iterator_next(walk);
        } else {
            iterator_previous(walk);
        }
    }
    iterator_free(walk);
    return good;
}

/* A walk over everything at a snapshot counts exactly its operations. */
static bool snapshot_is_complete(crowd *self)
{
    iterator *walk;
    uint64_t count = 0;
    uint64_t snapshot = snapshot_of(self);
    if (memtable_iterator_new(self->table, &walk) != PYKV_OK) {
        return false;
    }
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        count += iterator_current(walk)->sequence <= snapshot;
    }
    iterator_free(walk);
    return count == snapshot;
}

static void *read_along(void *context)
{
    reader *self = context;
    crowd *shared = self->shared;
    for (uint64_t i = 0; !atomic_load(&shared->stopped); i++) {
        bool good = pair_agrees(shared, &self->seed) && old_key_is_there(shared, &self->seed) &&
                    (i % 16 != 0 || walk_is_in_order(shared, &self->seed)) &&
                    (i % 1024 != 0 || snapshot_is_complete(shared));
        atomic_fetch_add(&shared->failures, !good);
        atomic_fetch_add(&shared->lookups, 1);
    }
    return NULL;
}

static void run_crowd(memtable_keys keys)
{
    crowd *shared = calloc(1, sizeof *shared);
    reader readers[READER_COUNT];
    uint64_t rounds = check_count("PYKV_MEMTABLE_OPERATIONS", 60000) / BATCH;
    CHECK(shared != NULL);
    epoch_init(&shared->entered);
    reclaimer_init(&shared->readers, &shared->entered);
    shared->keys = keys;
    CHECK_OK(memtable_create(&shared->readers, 8 << 20, &shared->table));
    write_batch(shared, 1);
    for (uint64_t i = 0; i < READER_COUNT; i++) {
        readers[i] = (reader){.shared = shared, .seed = check_seed() + i};
        CHECK_EQUAL(0, pthread_create(&readers[i].thread, NULL, read_along, &readers[i]));
    }
    for (uint64_t round = 2; round <= rounds; round++) {
        write_batch(shared, round);
    }
    while (atomic_load(&shared->lookups) < 100) {
        sched_yield();
    }
    atomic_store(&shared->stopped, true);
    for (uint64_t i = 0; i < READER_COUNT; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    printf("  %" PRIu64 " lookups beside the writer\n", atomic_load(&shared->lookups));
    CHECK_EQUAL(0, atomic_load(&shared->failures));
    CHECK(snapshot_is_complete(shared));
    memtable_release(shared->table);
    CHECK(!reclaimer_sweep(&shared->readers));
    reclaimer_destroy(&shared->readers);
    free(shared);
}

TEST(readers_see_whole_batches_of_random_keys)
{
    run_crowd(KEYS_RANDOM);
}

TEST(readers_see_whole_batches_of_paths)
{
    run_crowd(KEYS_PATHS);
}

TEST(readers_see_whole_batches_while_prefixes_shrink)
{
    run_crowd(KEYS_PHASES);
}

TEST_MAIN(CASE(readers_see_whole_batches_of_random_keys), CASE(readers_see_whole_batches_of_paths),
          CASE(readers_see_whole_batches_while_prefixes_shrink))
