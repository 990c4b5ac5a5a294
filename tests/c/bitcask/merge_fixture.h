/*
 * merge_fixture: driving one merge of a fixture's store by hand, phase by phase.
 */
#ifndef PYKV_TESTS_BITCASK_MERGE_FIXTURE_H
#define PYKV_TESTS_BITCASK_MERGE_FIXTURE_H

#include "bitcask/bitcask_fixture.h"
#include "bitcask/merge.h"
#include "bitcask/merge_pick.h"
#include "bitcask/merge_state.h"

/* Seals what was written, syncs it, and begins a thorough merge; returns how many inputs it has. */
FIXTURE_UNUSED static size_t merge_fixture_begin(fixture *self)
{
    segment *inputs[MERGE_INPUTS_MAX];
    CHECK_OK(bitcask_flush(self->store));
    CHECK_OK(bitcask_sync(self->store));
    mutex_lock(&self->store->merge_lock);
    mutex_lock(&self->store->writer);
    size_t count = merge_pick(self->store, true, inputs);
    mutex_unlock(&self->store->writer);
    CHECK(count > 0);
    CHECK_OK(merge_begin(self->store, inputs, count));
    mutex_unlock(&self->store->merge_lock);
    return count;
}

/* One step. False: the merge is done. */
FIXTURE_UNUSED static bool merge_fixture_step(fixture *self)
{
    bool more;
    mutex_lock(&self->store->merge_lock);
    CHECK_OK(merge_step(self->store, &more));
    mutex_unlock(&self->store->merge_lock);
    return more;
}

/* Steps until the running merge is about to do phase. */
FIXTURE_UNUSED static void merge_fixture_until(fixture *self, merge_phase phase)
{
    while (self->store->merge->phase != phase) {
        CHECK(merge_fixture_step(self));
    }
}

FIXTURE_UNUSED static void merge_fixture_finish(fixture *self)
{
    while (merge_fixture_step(self)) {
    }
}

/* The store's files as the death of the process leaves them, opened again. */
FIXTURE_UNUSED static void merge_fixture_kill_and_reopen(fixture *self)
{
    fixture_kill(self);
    CHECK_OK(fixture_open(self));
}

enum { MERGE_FIXTURE_KEYS = 30 };

/* Three rounds of the same keys, of which the last counts, and some of them deleted. */
FIXTURE_UNUSED static void merge_fixture_write_rounds(fixture *self)
{
    for (size_t round = 1; round <= 3; round++) {
        fixture_fill(self, 0, MERGE_FIXTURE_KEYS, 300 * round);
    }
    for (uint32_t i = 0; i < MERGE_FIXTURE_KEYS; i += 3) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(self, key);
    }
}

FIXTURE_UNUSED static void merge_fixture_expect_rounds(fixture *self)
{
    char value[901];
    memset(value, 'v', 900);
    value[900] = 0;
    for (uint32_t i = 0; i < MERGE_FIXTURE_KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i);
        fixture_expect(self, key, i % 3 == 0 ? NULL : value);
    }
    CHECK_EQUAL(MERGE_FIXTURE_KEYS - MERGE_FIXTURE_KEYS / 3, fixture_stats(self).key_count);
}

#endif
