/*
 * range_crowd: a store whose version has so many bytes of range deletes that the next ones wait.
 *
 * Header only: every test program includes it once.
 */
#ifndef PYKV_TESTS_LSM_RANGE_CROWD_H
#define PYKV_TESTS_LSM_RANGE_CROWD_H

#include "lsm_fixture.h"

#include "lsm/delete_range.h"
#include "lsm/version_ranges.h"

enum {
    CROWD_KEY_BYTES = 65000,
    CROWD_COUNT = VERSION_RANGE_BYTES_STOP / (2 * CROWD_KEY_BYTES) + 1,
    CROWD_FILE_MAX = 64 << 20
};

/* Deletes the range of one long key, between the rows of crowd_new. */
FIXTURE_UNUSED static pykv_status crowd_delete(fixture *self, uint32_t number)
{
    static uint8_t stop[CROWD_KEY_BYTES + 1];
    memset(stop, 'x', CROWD_KEY_BYTES);
    stop[CROWD_KEY_BYTES] = 0;
    (void)snprintf((char *)stop, 16, "key-%05u", number);
    stop[9] = 'x';
    return lsm_delete_range(self->store, slice_make(stop, CROWD_KEY_BYTES),
                            slice_make(stop, sizeof stop), 0);
}

/* A table with a row before and a row behind CROWD_COUNT range deletes, which it keeps alive. */
FIXTURE_UNUSED static fixture crowd_new(void)
{
    fixture self = {.options = {.memtable_bytes = 32 << 20, .memory_budget_bytes = 256 << 20}};
    CHECK_OK(env_memory_new(check_seed(), CROWD_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    fixture_put(&self, "z", "1");
    CHECK_OK(lsm_flush(self.store));
    for (uint32_t i = 0; i < CROWD_COUNT; i++) {
        CHECK_OK(crowd_delete(&self, i));
    }
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(CROWD_COUNT, fixture_stats(&self).deleted_range_count);
    return self;
}

#endif
