/*
 * space_stats_test: stats of a namespace are of its keys.
 */
#include "lsm_fixture.h"

#include "lsm/names.h"
#include "lsm/space.h"

enum { VALUE_BYTES = 100 };

static uint32_t make(fixture *self, const char *name)
{
    uint32_t id = 0;
    CHECK_OK(name_book_make(lsm_name_book(self->store), fixture_text(name), 0, &id));
    return id;
}

static void fill(fixture *self, uint32_t space, uint32_t count)
{
    static const uint8_t value[VALUE_BYTES];
    char key[16];
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(lsm_put_in(self->store, space, fixture_key(i, key),
                            slice_make(value, sizeof value), 0, 0));
    }
}

static pykv_stats stats_of(fixture *self, uint32_t space)
{
    pykv_stats stats;
    lsm_stats_in(self->store, space, &stats);
    return stats;
}

static void expect_about(uint64_t wanted, uint64_t got)
{
    if (got < wanted - wanted / 10 || got > wanted + wanted / 10) {
        check_failed(__FILE__, __LINE__, "%llu is not about %llu", (unsigned long long)got,
                     (unsigned long long)wanted);
    }
}

static void expect_counts(fixture *self, uint32_t few, uint32_t many)
{
    CHECK_EQUAL(300, stats_of(self, few).key_count);
    expect_about(20000, stats_of(self, many).key_count);
    CHECK_EQUAL(40, stats_of(self, KEY_SPACE_DEFAULT).key_count);
    CHECK(stats_of(self, few).live_bytes < stats_of(self, many).live_bytes / 10);
    CHECK(stats_of(self, few).live_bytes >= 300 * 9);
}

TEST(keys_and_bytes_are_those_of_the_namespace)
{
    fixture self = fixture_new();
    uint32_t few = make(&self, "few");
    uint32_t empty = make(&self, "empty");
    uint32_t many = make(&self, "many");
    fill(&self, many, 20000);
    fill(&self, few, 300);
    fill(&self, KEY_SPACE_DEFAULT, 40);
    expect_counts(&self, few, many);
    CHECK_OK(lsm_compact(self.store, NULL));
    expect_counts(&self, few, many);
    CHECK_EQUAL(0, stats_of(&self, empty).key_count);
    CHECK_EQUAL(stats_of(&self, few).disk_bytes, stats_of(&self, many).disk_bytes);
    CHECK_EQUAL(stats_of(&self, few).last_sequence, stats_of(&self, empty).last_sequence);
    fixture_free(&self);
}

TEST(a_store_that_never_had_a_namespace_guesses_as_before)
{
    fixture self = fixture_new();
    pykv_stats plain;
    fill(&self, KEY_SPACE_DEFAULT, 5000);
    fill(&self, KEY_SPACE_DEFAULT, 5000);
    lsm_stats(self.store, &plain);
    CHECK_EQUAL(plain.key_count, stats_of(&self, KEY_SPACE_DEFAULT).key_count);
    CHECK_EQUAL(plain.live_bytes, stats_of(&self, KEY_SPACE_DEFAULT).live_bytes);
    fixture_free(&self);
}

TEST_MAIN(CASE(keys_and_bytes_are_those_of_the_namespace),
          CASE(a_store_that_never_had_a_namespace_guesses_as_before))
