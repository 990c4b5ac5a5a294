/*
 * operation_fixture: writes as the store prepares them, and its books against what they should be.
 */
#ifndef PYKV_TESTS_BITCASK_OPERATION_FIXTURE_H
#define PYKV_TESTS_BITCASK_OPERATION_FIXTURE_H

#include "bitcask/bitcask_fixture.h"
#include "bitcask/rebuild.h"

/* The books, against those that the segments' records give when the directory is built anew. */
FIXTURE_UNUSED static void fixture_expect_exact_books(fixture *self)
{
    uint64_t bytes[64];
    uint64_t counts[64];
    live_share shares[64];
    size_t count = self->store->segment_count;
    pykv_stats before = fixture_stats(self);
    CHECK(count <= 64);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = self->store->segments[i]->live_bytes;
        counts[i] = self->store->segments[i]->live_count;
        shares[i] = live_shares_sum(&self->store->segments[i]->shares);
    }
    mutex_lock(&self->store->writer);
    CHECK_OK(bitcask_rebuild(self->store));
    mutex_unlock(&self->store->writer);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(self->store->segments[i]->live_bytes, bytes[i]);
        CHECK_EQUAL(self->store->segments[i]->live_count, counts[i]);
        live_share counted = live_shares_sum(&self->store->segments[i]->shares);
        CHECK_EQUAL(counted.bytes, shares[i].bytes);
        CHECK_EQUAL(counted.count, shares[i].count);
    }
    CHECK_EQUAL(fixture_stats(self).key_count, before.key_count);
}

FIXTURE_UNUSED static operation operation_make(uint8_t kind, const char *key, const char *value)
{
    return (operation){
        .record = {.kind = kind,
                   .key = fixture_text(key),
                   .value = value != NULL ? fixture_text(value) : slice_make(NULL, 0)}};
}

#endif
