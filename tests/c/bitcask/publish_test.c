/*
 * publish_test: slots and the books of live bytes through every kind of write.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/key_hash.h"
#include "bitcask/operation_fixture.h"
#include "bitcask/publish.h"

TEST(live_bytes_are_those_of_the_records_that_are_current)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1234567");
    CHECK_EQUAL(32, fixture_stats(&self).live_bytes);
    fixture_put(&self, "a", "12345678");
    CHECK_EQUAL(40, fixture_stats(&self).live_bytes);
    fixture_put(&self, "b", "");
    CHECK_EQUAL(72, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(2, self.store->active->live_count);
    fixture_delete(&self, "a");
    CHECK_EQUAL(32, fixture_stats(&self).live_bytes);
    fixture_delete(&self, "a");
    CHECK_EQUAL(32, fixture_stats(&self).live_bytes);
    fixture_delete(&self, "b");
    CHECK_EQUAL(0, fixture_stats(&self).live_bytes);
    CHECK_EQUAL(0, self.store->active->live_count);
    CHECK_EQUAL(0, fixture_stats(&self).key_count);
    fixture_free(&self);
}

TEST(the_last_of_the_equal_keys_of_a_batch_wins_and_the_others_count_as_dead)
{
    fixture self = fixture_new();
    fixture_put(&self, "old", "1");
    operation batch[] = {
        operation_make(RECORD_PUT, "a", "1"),        operation_make(RECORD_PUT, "a", "22"),
        operation_make(RECORD_DELETE, "a", NULL),    operation_make(RECORD_PUT, "b", "1"),
        operation_make(RECORD_DELETE, "b", NULL),    operation_make(RECORD_PUT, "old", "2"),
        operation_make(RECORD_DELETE, "none", NULL), operation_make(RECORD_PUT, "a", "333")};
    CHECK_OK(bitcask_write(self.store, batch, sizeof batch / sizeof batch[0], 0));
    fixture_expect(&self, "a", "333");
    fixture_expect(&self, "b", NULL);
    fixture_expect(&self, "old", "2");
    CHECK_EQUAL(2, fixture_stats(&self).key_count);
    CHECK_EQUAL(9, fixture_stats(&self).last_sequence);
    fixture_expect_exact_books(&self);
    fixture_free(&self);
}

/* One random write of 40 keys, single or a batch; model holds the round that wrote a key, 0: none.
 */
static void write_some(fixture *self, uint64_t *seed, uint32_t round, uint32_t *model)
{
    char keys[8][16];
    char value[200];
    operation batch[8];
    size_t count = 1 + check_random(seed, 8);
    snprintf(value, sizeof value, "%0*u", (int)(4 + check_random(seed, 190)), round);
    for (size_t i = 0; i < count; i++) {
        uint64_t key = check_random(seed, 40);
        bool put = check_random(seed, 3) != 0;
        snprintf(keys[i], sizeof keys[i], "k%" PRIu64, key);
        batch[i] = operation_make(put ? RECORD_PUT : RECORD_DELETE, keys[i], put ? value : NULL);
        model[key] = put ? round : 0;
    }
    CHECK_OK(bitcask_write(self->store, batch, count, check_random(seed, 4) == 0 ? PYKV_SYNC : 0));
}

TEST(slots_and_books_stay_exact_through_mixed_writes_over_many_segments)
{
    fixture self = fixture_new();
    uint64_t seed = check_seed();
    uint32_t model[40] = {0};
    for (uint32_t round = 1; round <= 300; round++) {
        write_some(&self, &seed, round, model);
        if (round % 60 == 0) {
            fixture_expect_exact_books(&self);
        }
    }
    CHECK(self.store->segment_count > 3);
    for (uint32_t key = 0; key < 40; key++) {
        char name[16];
        char value[256];
        pykv_pinned pinned = {0};
        snprintf(name, sizeof name, "k%u", key);
        pykv_status status = bitcask_get(self.store, fixture_text(name), 0, &pinned);
        CHECK_EQUAL(model[key] != 0 ? PYKV_OK : PYKV_NOT_FOUND, status);
        if (status == PYKV_OK) {
            snprintf(value, sizeof value, "%.*s", (int)pinned.length, (const char *)pinned.data);
            CHECK_EQUAL(model[key], strtoul(value, NULL, 10));
        }
        mem_free(pinned.owned);
    }
    fixture_free(&self);
}

TEST(a_walk_that_a_batch_overtakes_is_told_so_and_one_beside_a_single_write_is_not)
{
    fixture self = fixture_new();
    keydir_cursor cursor;
    fixture_put(&self, "a", "1");
    keydir *keys = atomic_load(&self.store->spaces.main.directory)->keys;
    uint64_t hash = bitcask_hash(self.store, "a", 1);
    CHECK(keydir_find(keys, hash, &cursor));
    fixture_put(&self, "a", "2");
    CHECK(keydir_still(&cursor));
    operation batch[] = {operation_make(RECORD_PUT, "a", "3"),
                         operation_make(RECORD_PUT, "b", "3")};
    CHECK_OK(bitcask_write(self.store, batch, 2, 0));
    CHECK(!keydir_still(&cursor));
    CHECK(keydir_find(keys, hash, &cursor));
    CHECK(keydir_still(&cursor));
    fixture_free(&self);
}

TEST_MAIN(CASE(live_bytes_are_those_of_the_records_that_are_current),
          CASE(the_last_of_the_equal_keys_of_a_batch_wins_and_the_others_count_as_dead),
          CASE(slots_and_books_stay_exact_through_mixed_writes_over_many_segments),
          CASE(a_walk_that_a_batch_overtakes_is_told_so_and_one_beside_a_single_write_is_not))
