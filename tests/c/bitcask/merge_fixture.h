/*
 * merge_fixture: driving one merge of a fixture's store by hand, phase by phase.
 */
#ifndef PYKV_TESTS_BITCASK_MERGE_FIXTURE_H
#define PYKV_TESTS_BITCASK_MERGE_FIXTURE_H

#include "bitcask/bitcask_fixture.h"
#include "bitcask/merge_internal.h"
#include "bitcask/rolling.h"

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

#endif
