/*
 * many_test: many keys at once give what each alone would, at one moment.
 */
#include "lsm/values_store.h"

enum { KEYS = 200 };

/* Gets key-from .. key-(to - 1) inside the epoch. */
static pykv_status get_range(lsm_many *many, uint32_t from, uint32_t to, int32_t flags)
{
    static char texts[2 * KEYS][16];
    const void *keys[2 * KEYS];
    size_t lengths[2 * KEYS];
    for (uint32_t i = from; i < to; i++) {
        slice key = fixture_key(i, texts[i - from]);
        keys[i - from] = key.data;
        lengths[i - from] = key.size;
    }
    return lsm_many_get(many, NULL, to - from, keys, lengths, flags);
}

/* A store of even keys in a table, of keys that 3 divides in the memtable, without every tenth. */
static fixture mixed(void)
{
    fixture self = fixture_new();
    for (uint32_t i = 0; i < KEYS; i += 2) {
        fixture_fill(&self, i, i + 1, 20);
    }
    CHECK_OK(lsm_flush(self.store));
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        if (i % 3 == 0) {
            fixture_fill(&self, i, i + 1, 30);
        }
        if (i % 10 == 0) {
            CHECK_OK(lsm_delete(self.store, fixture_key(i, key), 0, NULL));
        }
    }
    return self;
}

static size_t length_wanted(uint32_t number)
{
    if (number % 10 == 0 || (number % 2 != 0 && number % 3 != 0)) {
        return 0;
    }
    return number % 3 == 0 ? 30 : 20;
}

TEST(each_key_gives_what_a_get_of_it_gives)
{
    fixture self = mixed();
    lsm_many *many;
    uint64_t hits = 0;
    CHECK_OK(lsm_many_new(self.store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    CHECK_OK(get_range(many, 0, KEYS, 0));
    for (uint32_t i = 0; i < KEYS; i++) {
        CHECK_EQUAL(length_wanted(i) != 0, lsm_many_values(many)[i] != NULL);
        CHECK_EQUAL(length_wanted(i), lsm_many_lengths(many)[i]);
        hits += length_wanted(i) != 0;
    }
    CHECK_EQUAL(KEYS, fixture_stats(&self).get_count);
    CHECK_EQUAL(hits, fixture_stats(&self).get_hit_count);
    lsm_many_release(many);
    epoch_leave(&lsm_gate(self.store)->readers, token);
    lsm_many_free(many);
    fixture_free(&self);
}

TEST(a_many_is_used_again_for_fewer_and_for_more_keys)
{
    static const uint32_t counts[] = {5, 1, 0, KEYS, 7};
    fixture self = mixed();
    lsm_many *many;
    CHECK_OK(lsm_many_new(self.store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        CHECK_OK(get_range(many, 2, 2 + counts[i], 0));
        CHECK(counts[i] == 0 || lsm_many_lengths(many)[0] == 20);
    }
    epoch_leave(&lsm_gate(self.store)->readers, token);
    lsm_many_free(many); /* releases what it holds */
    fixture_free(&self);
}

TEST(without_waiting_all_is_refused_as_soon_as_one_block_is_not_there)
{
    fixture self = fixture_new();
    lsm_many *many;
    fixture_fill(&self, 0, 10, 20);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 0, 5, 20);
    CHECK_OK(lsm_many_new(self.store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    CHECK_OK(get_range(many, 0, 5, PYKV_NO_WAIT));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, get_range(many, 0, 10, PYKV_NO_WAIT));
    CHECK_OK(get_range(many, 0, 10, 0));
    CHECK_OK(get_range(many, 0, 10, PYKV_NO_WAIT));
    CHECK_EQUAL(20, lsm_many_lengths(many)[9]);
    lsm_many_release(many);
    epoch_leave(&lsm_gate(self.store)->readers, token);
    lsm_many_free(many);
    fixture_free(&self);
}

TEST(an_empty_value_is_there)
{
    const void *keys[] = {"e", "f"};
    size_t lengths[] = {1, 1};
    fixture self = fixture_new();
    lsm_many *many;
    CHECK_OK(lsm_many_new(self.store, &many));
    fixture_put(&self, "e", "");
    for (int i = 0; i < 2; i++) {
        epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
        CHECK_OK(lsm_many_get(many, NULL, 2, keys, lengths, 0));
        CHECK(lsm_many_values(many)[0] != NULL && lsm_many_values(many)[1] == NULL);
        CHECK_EQUAL(0, lsm_many_lengths(many)[0]);
        lsm_many_release(many);
        epoch_leave(&lsm_gate(self.store)->readers, token);
        CHECK_OK(lsm_flush(self.store));
    }
    lsm_many_free(many);
    fixture_free(&self);
}

TEST(without_memory_the_many_stays_usable)
{
    fixture self = mixed();
    lsm_many *many;
    CHECK_OK(lsm_many_new(self.store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        (void)mem_fail_at(at, 0);
        status = get_range(many, 0, KEYS, 0);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        CHECK_EQUAL(length_wanted(i), lsm_many_lengths(many)[i]);
    }
    epoch_leave(&lsm_gate(self.store)->readers, token);
    lsm_many_free(many);
    fixture_free(&self);
}

/* Bytes that the system was asked for by a get of keys from .. to - 1. */
static uint64_t asked_by(fixture *self, lsm_many *many, uint32_t from, uint32_t to, int32_t flags)
{
    uint64_t count;
    uint64_t before;
    uint64_t after;
    env_memory_asked(self->disk, &count, &before);
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    pykv_status status = get_range(many, from, to, flags);
    CHECK_EQUAL(flags == 0 ? PYKV_OK : PYKV_WOULD_BLOCK, status);
    for (uint32_t i = from; i < to && status == PYKV_OK; i++) {
        CHECK(memcmp(lsm_many_values(many)[i - from], values_value(i, 0).data, LARGE_BYTES) == 0);
    }
    lsm_many_release(many);
    epoch_leave(&lsm_gate(self->store)->readers, token);
    env_memory_asked(self->disk, &count, &after);
    return after - before;
}

/* Values in segments were once read one after another, each when the one before it had come. */
TEST(several_values_in_segments_are_asked_for_before_the_first_is_read)
{
    fixture self = values_store_new();
    lsm_many *many;
    values_put(&self, 0, 20, 0);
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_many_new(self.store, &many));
    CHECK_EQUAL(0, asked_by(&self, many, 0, 20, PYKV_NO_WAIT));
    (void)asked_by(&self, many, 0, 20, 0); /* the blocks */
    uint64_t asked = asked_by(&self, many, 0, 20, 0);
    CHECK(asked > 20 * LARGE_BYTES && asked < 20 * (LARGE_BYTES + 64));
    CHECK_EQUAL(0, asked_by(&self, many, 7, 8, 0));
    CHECK_EQUAL(0, asked_by(&self, many, 0, 20, PYKV_NO_WAIT));
    lsm_many_free(many);
    fixture_free(&self);
}

TEST_MAIN(CASE(each_key_gives_what_a_get_of_it_gives),
          CASE(a_many_is_used_again_for_fewer_and_for_more_keys),
          CASE(without_waiting_all_is_refused_as_soon_as_one_block_is_not_there),
          CASE(an_empty_value_is_there), CASE(without_memory_the_many_stays_usable),
          CASE(several_values_in_segments_are_asked_for_before_the_first_is_read))
