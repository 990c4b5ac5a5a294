/*
 * values_store: a fixture's store whose large values stand in value segments. Not every program
 * uses every verb.
 */
#ifndef PYKV_TESTS_LSM_VALUES_STORE_H
#define PYKV_TESTS_LSM_VALUES_STORE_H

#include "lsm/lsm_fixture.h"

enum { LARGE_BYTES = 2000, VALUES_MIN = 1000 };

FIXTURE_UNUSED static fixture values_store_new(void)
{
    fixture self = fixture_blank();
    self.options.value_log_bytes_min = VALUES_MIN;
    CHECK_OK(fixture_open(&self));
    return self;
}

/* The value of key number in a round. */
FIXTURE_UNUSED static slice values_value(uint32_t number, uint32_t round)
{
    static uint8_t large[LARGE_BYTES];
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)('a' + (number * 7 + round * 3 + i) % 26);
    }
    return slice_make(large, sizeof large);
}

FIXTURE_UNUSED static void values_put(fixture *self, uint32_t from, uint32_t to, uint32_t round)
{
    char key[16];
    for (uint32_t i = from; i < to; i++) {
        CHECK_OK(lsm_put(self->store, fixture_key(i, key), values_value(i, round), 0));
    }
}

FIXTURE_UNUSED static void values_expect(fixture *self, uint32_t from, uint32_t to, uint32_t round)
{
    char key[16];
    char found[LARGE_BYTES + 1];
    for (uint32_t i = from; i < to; i++) {
        CHECK_OK(fixture_get(self, fixture_key(i, key), 0, found, sizeof found));
        CHECK(memcmp(found, values_value(i, round).data, LARGE_BYTES) == 0);
    }
}

#endif
