/*
 * resolve_test: what writes displace, and room for them in the directory before they are appended.
 */
#include "bitcask/operation_fixture.h"
#include "bitcask/resolve.h"
#include "bitcask/write.h"

enum { GROWING_ROUNDS = 12, GROWING_BATCH = 1500, GROWING_KEYS = 9000 };

/* One operation as it comes to the writer lock. */
static operation prepared(fixture *self, uint8_t kind, const char *key, const char *value)
{
    operation write;
    slice bytes = value != NULL ? fixture_text(value) : slice_make(NULL, 0);
    operation_enter(&write, &self->store->spaces.main);
    bitcask_prepare_operation(self->store, &write, kind, fixture_text(key), bytes, 0);
    return write;
}

TEST(what_a_write_displaces_is_known_before_it_is_appended)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1234567");
    uint64_t sequence = self.store->appended_sequence;
    operation over = prepared(&self, RECORD_PUT, "a", "2");
    operation fresh = prepared(&self, RECORD_PUT, "b", "1");
    mutex_lock(&self.store->writer);
    CHECK_OK(bitcask_resolve(self.store, &over, READ_HOT_LOCKED));
    CHECK_EQUAL(32, over.old_bytes);
    CHECK(extent_segment(&self.store->extents, over.old_address) == self.store->active);
    CHECK_OK(bitcask_resolve(self.store, &fresh, READ_COLD_LOCKED));
    CHECK_EQUAL(BITCASK_NO_ADDRESS, fresh.old_address);
    CHECK_EQUAL(0, fresh.old_bytes);
    mutex_unlock(&self.store->writer);
    CHECK_EQUAL(sequence, self.store->appended_sequence);
    fixture_expect(&self, "a", "1234567");
    fixture_free(&self);
}

TEST(the_members_of_a_batch_that_may_share_a_key_are_marked)
{
    fixture self = fixture_new();
    operation batch[3] = {prepared(&self, RECORD_PUT, "a", "1"),
                          prepared(&self, RECORD_PUT, "b", "2"),
                          prepared(&self, RECORD_DELETE, "a", NULL)};
    mutex_lock(&self.store->writer);
    CHECK_OK(bitcask_resolve_several(self.store, batch, 3, READ_HOT_LOCKED));
    mutex_unlock(&self.store->writer);
    CHECK(!batch[0].has_twin && batch[2].has_twin);
    fixture_free(&self);
}

/* One batch of keys below GROWING_KEYS, some of them twice; model as in write_some. */
static void write_many_keys(fixture *self, uint64_t *seed, uint32_t round, uint32_t *model)
{
    static char keys[GROWING_BATCH][16];
    static operation batch[GROWING_BATCH];
    char value[16];
    snprintf(value, sizeof value, "%u", round);
    for (size_t i = 0; i < GROWING_BATCH; i++) {
        uint64_t key = check_random(seed, GROWING_KEYS);
        bool put = check_random(seed, 5) != 0;
        snprintf(keys[i], sizeof keys[i], "k%" PRIu64, key);
        batch[i] = operation_make(put ? RECORD_PUT : RECORD_DELETE, keys[i], put ? value : NULL);
        model[key] = put ? round : 0;
    }
    CHECK_OK(bitcask_write(self->store, batch, GROWING_BATCH, 0));
}

TEST(batches_that_make_the_directory_grow_leave_every_key_in_its_slot)
{
    static uint32_t model[GROWING_KEYS];
    fixture self = fixture_new();
    uint64_t seed = check_seed();
    uint64_t count = 0;
    for (uint32_t round = 1; round <= GROWING_ROUNDS; round++) {
        write_many_keys(&self, &seed, round, model);
    }
    for (uint32_t key = 0; key < GROWING_KEYS; key++) {
        char name[16];
        char value[16];
        snprintf(name, sizeof name, "k%u", key);
        snprintf(value, sizeof value, "%u", model[key]);
        fixture_expect(&self, name, model[key] != 0 ? value : NULL);
        count += model[key] != 0;
    }
    CHECK_EQUAL(count, fixture_stats(&self).key_count);
    fixture_expect_exact_books(&self);
    fixture_free(&self);
}

/* The directory once grew while the batch was published: where memory ended then, the store failed
 * and showed a part of the batch. */
TEST(a_batch_that_makes_the_directory_grow_is_there_or_not_whichever_allocation_fails)
{
    static char keys[GROWING_BATCH][16];
    static operation batch[GROWING_BATCH];
    bool failed = true;
    for (uint64_t k = 1; failed; k++) {
        fixture self = fixture_new();
        fixture_put(&self, "old", "1");
        for (size_t i = 0; i < GROWING_BATCH; i++) {
            snprintf(keys[i], sizeof keys[i], "k%zu", i);
            batch[i] = operation_make(RECORD_PUT, keys[i], "1");
        }
        (void)mem_fail_at(k, true);
        failed = bitcask_write(self.store, batch, GROWING_BATCH, 0) != PYKV_OK;
        CHECK(mem_fail_at(0, false) >= k || !failed);
        CHECK_EQUAL(PYKV_STATE_OPEN, fixture_stats(&self).state);
        CHECK_EQUAL(failed ? 1 : 1 + GROWING_BATCH, fixture_stats(&self).key_count);
        CHECK(failed || k > 10);
        fixture_put(&self, "new", "1");
        fixture_expect_exact_books(&self);
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(what_a_write_displaces_is_known_before_it_is_appended),
          CASE(the_members_of_a_batch_that_may_share_a_key_are_marked),
          CASE(batches_that_make_the_directory_grow_leave_every_key_in_its_slot),
          CASE(a_batch_that_makes_the_directory_grow_is_there_or_not_whichever_allocation_fails))
