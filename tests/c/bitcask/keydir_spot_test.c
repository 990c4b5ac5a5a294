/*
 * keydir_spot: writes by spots against the model, and when a spot stops to hold or to serve.
 */
#include <pthread.h>

#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_spot.h"

/* As keydir_model_put, by one walk where the first candidate is the key's. */
static void put_by_spot(keydir_model *self, uint64_t key)
{
    uint64_t hash = self->hash(key);
    keydir_spot spot;
    keydir_spot_find(self->directory, hash, &spot);
    CHECK(keydir_spot_holds(self->directory, &spot));
    uint64_t address = keydir_model_address(self, key);
    if (spot.address == KEYDIR_NO_CANDIDATE) {
        CHECK_EQUAL(0, self->address_of[key]);
        if (!keydir_is_prepared(self->directory, &spot)) {
            CHECK_OK(keydir_prepare(self->directory, hash, keydir_model_rehash, self));
        }
        CHECK(keydir_insert_at(self->directory, &spot, hash, address) ||
              keydir_insert(self->directory, hash, address));
        self->address_of[key] = address;
        self->count++;
    } else if (spot.address == self->address_of[key]) {
        keydir_replace_at(self->directory, &spot, hash, address);
        self->address_of[key] = address;
    } else {
        CHECK_OK(keydir_model_put(self, key));
    }
}

static void delete_by_spot(keydir_model *self, uint64_t key)
{
    keydir_spot spot;
    keydir_spot_find(self->directory, self->hash(key), &spot);
    if (spot.address != KEYDIR_NO_CANDIDATE && spot.address == self->address_of[key]) {
        CHECK(keydir_spot_leads(self->directory, &spot));
        keydir_remove_at(self->directory, &spot);
        CHECK(!keydir_spot_leads(self->directory, &spot));
        self->address_of[key] = 0;
        self->count--;
    } else {
        keydir_model_delete(self, key);
    }
}

TEST(writes_by_spots_leave_what_writes_by_walks_leave)
{
    enum { KEYS = 20000, STEPS = 120000 };
    keydir_model model;
    uint64_t seed = check_seed();
    keydir_model_open(&model, keydir_model_mix, KEYS);
    for (int i = 0; i < STEPS; i++) {
        uint64_t key = check_random(&seed, KEYS);
        if (check_random(&seed, 3) != 0) {
            put_by_spot(&model, key);
        } else {
            delete_by_spot(&model, key);
        }
    }
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

TEST(the_spot_of_an_absent_key_holds_until_any_key_is_inserted)
{
    keydir_model model;
    keydir_spot spot;
    keydir_model_open(&model, keydir_model_mix, 16);
    CHECK_OK(keydir_model_put(&model, 1));
    keydir_spot_find(model.directory, model.hash(2), &spot);
    CHECK(spot.address == KEYDIR_NO_CANDIDATE);
    CHECK(keydir_spot_holds(model.directory, &spot));
    keydir_model_delete(&model, 1);
    CHECK(keydir_spot_holds(model.directory, &spot));
    CHECK_OK(keydir_model_put(&model, 3));
    CHECK(!keydir_spot_holds(model.directory, &spot));
    keydir_model_close(&model);
}

TEST(the_spot_of_a_candidate_leads_until_its_slot_is_swung_or_emptied)
{
    keydir_model model;
    keydir_spot spot;
    keydir_model_open(&model, keydir_model_mix, 16);
    CHECK_OK(keydir_model_put(&model, 1));
    keydir_spot_find(model.directory, model.hash(1), &spot);
    CHECK_EQUAL(model.address_of[1], spot.address);
    CHECK_OK(keydir_model_put(&model, 2));
    CHECK(keydir_spot_holds(model.directory, &spot)); /* another key is not its business */
    CHECK_OK(keydir_model_put(&model, 1));
    CHECK(!keydir_spot_holds(model.directory, &spot));
    CHECK(!keydir_spot_leads(model.directory, &spot));
    keydir_spot_find(model.directory, model.hash(1), &spot);
    keydir_model_delete(&model, 1);
    CHECK(!keydir_spot_leads(model.directory, &spot));
    keydir_model_close(&model);
}

TEST(a_free_slot_that_another_insert_took_is_not_taken_again)
{
    keydir_model model;
    keydir_spot first;
    keydir_spot second;
    keydir_model_open(&model, keydir_model_mix, 16);
    keydir_spot_find(model.directory, 7, &first);
    keydir_spot_find(model.directory, 7, &second);
    CHECK(first.slot != NULL && first.slot == second.slot);
    CHECK(keydir_insert_at(model.directory, &first, 7, 100));
    CHECK(!keydir_insert_at(model.directory, &second, 7, 101));
    keydir_spot_find(model.directory, 7, &second);
    CHECK_EQUAL(100, second.address);
    CHECK(!keydir_insert_at(model.directory, &second, 7, 101)); /* it has a candidate */
    keydir_model_close(&model);
}

TEST(no_spot_of_a_bucket_serves_once_it_was_laid_out_anew)
{
    keydir_model model;
    keydir_spot present;
    keydir_spot absent;
    keydir_model_open(&model, keydir_model_mix, 1000);
    CHECK_OK(keydir_model_put(&model, 0));
    keydir_spot_find(model.directory, model.hash(0), &present);
    keydir_spot_find(model.directory, model.hash(999), &absent);
    uint16_t before = atomic_load(&keydir_bucket_at(model.directory, 0)->layout_count);
    for (uint64_t key = 1; key < 200; key++) {
        CHECK_OK(keydir_model_put(&model, key));
    }
    CHECK(before != atomic_load(&keydir_bucket_at(model.directory, 0)->layout_count));
    CHECK(!keydir_spot_holds(model.directory, &present));
    CHECK(!keydir_spot_leads(model.directory, &present));
    CHECK(!keydir_is_prepared(model.directory, &absent));
    CHECK(!keydir_insert_at(model.directory, &absent, model.hash(999), 5));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

TEST(a_spot_of_which_nothing_is_known_serves_nothing)
{
    keydir_model model;
    keydir_spot spot;
    keydir_model_open(&model, keydir_model_mix, 16);
    keydir_spot_reset(&spot);
    CHECK(!keydir_spot_holds(model.directory, &spot));
    CHECK(!keydir_is_prepared(model.directory, &spot));
    CHECK(!keydir_insert_at(model.directory, &spot, 1, 1));
    keydir_model_close(&model);
}

typedef struct race {
    keydir *directory;
    pthread_mutex_t lock;
    uint64_t held_count;
    atomic_bool done;
} race;

enum { RACE_KEYS = 30000, RACE_PROBES = 64 };

static pykv_status no_rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    (void)context;
    *hash_out = keydir_model_mix(address);
    return PYKV_OK;
}

/* Makes spots beside the writer; those that hold under the lock must say what a walk says there. */
static void *look_beside(void *argument)
{
    race *self = argument;
    uint64_t seed = 17;
    while (!atomic_load(&self->done)) {
        uint64_t hash = keydir_model_mix(1 + check_random(&seed, RACE_KEYS));
        keydir_spot spot;
        keydir_cursor cursor;
        keydir_spot_find(self->directory, hash, &spot);
        pthread_mutex_lock(&self->lock);
        if (keydir_spot_holds(self->directory, &spot)) {
            self->held_count++;
            keydir_find_locked(self->directory, hash, &cursor);
            bool found = keydir_next(&cursor);
            CHECK_EQUAL(spot.address != KEYDIR_NO_CANDIDATE, found);
            CHECK(!found || cursor.address == spot.address);
        }
        pthread_mutex_unlock(&self->lock);
    }
    return NULL;
}

TEST(a_spot_made_beside_the_writer_that_holds_is_right)
{
    static race self = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t reader;
    CHECK_OK(keydir_new(&self.directory));
    CHECK_EQUAL(0, pthread_create(&reader, NULL, look_beside, &self));
    for (uint64_t key = 1; key <= RACE_KEYS; key++) {
        uint64_t hash = keydir_model_mix(key);
        pthread_mutex_lock(&self.lock);
        CHECK_OK(keydir_prepare(self.directory, hash, no_rehash, NULL));
        CHECK(keydir_insert(self.directory, hash, key));
        pthread_mutex_unlock(&self.lock);
    }
    uint64_t held = 0;
    while (held < RACE_PROBES) { /* nobody writes any more: every spot holds */
        pthread_mutex_lock(&self.lock);
        held = self.held_count;
        pthread_mutex_unlock(&self.lock);
    }
    atomic_store(&self.done, true);
    CHECK_EQUAL(0, pthread_join(reader, NULL));
    keydir_free(self.directory);
}

TEST_MAIN(CASE(writes_by_spots_leave_what_writes_by_walks_leave),
          CASE(the_spot_of_an_absent_key_holds_until_any_key_is_inserted),
          CASE(the_spot_of_a_candidate_leads_until_its_slot_is_swung_or_emptied),
          CASE(a_free_slot_that_another_insert_took_is_not_taken_again),
          CASE(no_spot_of_a_bucket_serves_once_it_was_laid_out_anew),
          CASE(a_spot_of_which_nothing_is_known_serves_nothing),
          CASE(a_spot_made_beside_the_writer_that_holds_is_right))
