/*
 * expiry_fixture: rows with deadlines, and the time that passes.
 */
#ifndef PYKV_TESTS_BITCASK_EXPIRY_FIXTURE_H
#define PYKV_TESTS_BITCASK_EXPIRY_FIXTURE_H

#include "bitcask/bitcask_fixture.h"
#include "bitcask/scan.h"

enum { SECOND = 1000000, VALUE_BYTES = 500, REPAIR_FILE_MAX = 80 << 20 };

static const uint64_t hour_us = UINT64_C(3600) * SECOND;
static const uint64_t month_us = UINT64_C(30) * 86400 * SECOND;

FIXTURE_UNUSED static uint64_t put_for(fixture *self, const char *key, const char *value,
                                       uint64_t ttl_us)
{
    uint64_t deadline = bitcask_now(self->store) + ttl_us;
    epoch_token token = epoch_enter(&self->store->gate.readers);
    CHECK_OK(bitcask_put_until(self->store, fixture_text(key), fixture_text(value), deadline, 0));
    epoch_leave(&self->store->gate.readers, token);
    return deadline;
}

/* Puts key-from .. key-(to - 1) with long values. */
FIXTURE_UNUSED static void fill_for(fixture *self, uint32_t from, uint32_t to, uint64_t ttl_us)
{
    char key[16];
    static char value[VALUE_BYTES + 1];
    memset(value, 'v', VALUE_BYTES);
    for (uint32_t i = from; i < to; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        (void)put_for(self, key, value, ttl_us);
    }
}

FIXTURE_UNUSED static void wait_us(fixture *self, int64_t time_us)
{
    env_memory_advance(self->disk, time_us, time_us);
}

FIXTURE_UNUSED static size_t rows_of(scan *from)
{
    size_t count = 0;
    pykv_rows rows = {.count = 1};
    while (rows.count > 0) {
        CHECK_OK(scan_next(from, 0, &rows));
        count += rows.count;
    }
    return count;
}

FIXTURE_UNUSED static size_t row_count(fixture *self)
{
    scan *all;
    CHECK_OK(scan_open(self->store, false, &all));
    size_t count = rows_of(all);
    scan_free(all);
    return count;
}

/* A store that merges nothing, with 20 rows that stay. */
FIXTURE_UNUSED static fixture lazy_fixture(void)
{
    fixture self = {
        .options = {.segment_bytes = FIXTURE_SEGMENT_BYTES, .space_amplification_max = 100}};
    CHECK_OK(env_memory_new(check_seed(), REPAIR_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 1000, 1020, 500);
    return self;
}

#endif
