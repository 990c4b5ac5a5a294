/*
 * read_test: gets see the newest visible operation, wherever it stands.
 */
#include "lsm_fixture.h"

#include "lsm/read.h"
#include "lsm/room.h"

TEST(a_value_is_found_in_the_memtable_the_sealed_ones_and_the_tables)
{
    fixture self = fixture_new();
    fixture_put(&self, "table", "1");
    fixture_put(&self, "both", "old");
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "memtable", "2");
    fixture_put(&self, "both", "new");
    fixture_expect(&self, "table", "1");
    fixture_expect(&self, "memtable", "2");
    fixture_expect(&self, "both", "new");
    fixture_expect(&self, "neither", NULL);
    CHECK_EQUAL(1, fixture_stats(&self).table_count);
    fixture_free(&self);
}

TEST(a_delete_hides_what_stands_below_it)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_put(&self, "b", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture_delete(&self, "a");
    fixture_expect(&self, "a", NULL);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(2, fixture_stats(&self).table_count);
    fixture_expect(&self, "a", NULL);
    CHECK_STATUS(PYKV_NOT_FOUND, lsm_contains(self.store, fixture_text("a"), 0));
    CHECK_OK(lsm_contains(self.store, fixture_text("b"), 0));
    fixture_free(&self);
}

TEST(an_empty_key_and_an_empty_value_are_a_key_and_a_value)
{
    fixture self = fixture_new();
    fixture_put(&self, "", "nothing");
    fixture_put(&self, "nothing", "");
    for (int i = 0; i < 2; i++) {
        fixture_expect(&self, "", "nothing");
        fixture_expect(&self, "nothing", "");
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_free(&self);
}

TEST(without_waiting_a_block_that_is_not_in_memory_would_block)
{
    char value[16];
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_EQUAL(PYKV_OK, fixture_get(&self, fixture_text("a"), PYKV_NO_WAIT, value, sizeof value));
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(PYKV_WOULD_BLOCK,
                fixture_get(&self, fixture_text("a"), PYKV_NO_WAIT, value, sizeof value));
    fixture_expect(&self, "a", "1"); /* reads the block */
    CHECK_EQUAL(PYKV_OK, fixture_get(&self, fixture_text("a"), PYKV_NO_WAIT, value, sizeof value));
    CHECK(strcmp("1", value) == 0);
    fixture_free(&self);
}

TEST(a_record_is_live_until_its_deadline)
{
    fixture self = fixture_new();
    env_memory_advance(self.disk, 0, 1000);
    uint64_t now = env_wall_us(self.disk);
    CHECK(lsm_is_live(self.store, RECORD_PUT, 0));
    CHECK(lsm_is_live(self.store, RECORD_PUT, now + 1));
    CHECK(!lsm_is_live(self.store, RECORD_PUT, now));
    CHECK(!lsm_is_live(self.store, RECORD_DELETE, 0));
    fixture_free(&self);
}

TEST(what_is_not_visible_yet_is_not_found)
{
    char value[16];
    pykv_pinned pinned = {0};
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_put(&self, "a", "2");
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    uint64_t hash = lsm_hash(self.store, fixture_text("a"));
    lsm_moment moment = {lsm_view(self.store), 1, 0};
    CHECK_OK(lsm_find(self.store, &moment, fixture_text("a"), hash, 0, &pinned));
    CHECK_BYTES("1", pinned.data, 1);
    moment.sequence = 0;
    CHECK_EQUAL(PYKV_NOT_FOUND, lsm_find(self.store, &moment, fixture_text("a"), hash, 0, &pinned));
    epoch_leave(&lsm_gate(self.store)->readers, token);
    CHECK_EQUAL(PYKV_OK, fixture_get(&self, fixture_text("a"), 0, value, sizeof value));
    CHECK(strcmp("2", value) == 0);
    fixture_free(&self);
}

TEST(gets_and_hits_are_counted)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", NULL);
    CHECK_EQUAL(2, fixture_stats(&self).get_count);
    CHECK_EQUAL(1, fixture_stats(&self).get_hit_count);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_value_is_found_in_the_memtable_the_sealed_ones_and_the_tables),
          CASE(a_delete_hides_what_stands_below_it),
          CASE(an_empty_key_and_an_empty_value_are_a_key_and_a_value),
          CASE(without_waiting_a_block_that_is_not_in_memory_would_block),
          CASE(a_record_is_live_until_its_deadline), CASE(what_is_not_visible_yet_is_not_found),
          CASE(gets_and_hits_are_counted))
