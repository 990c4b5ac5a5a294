/*
 * position_fixture: what a feed and a pin get that begin at a sequence of an epoch, for any engine.
 *
 * Header only: a test program defines PIN, CHANGES_OPEN and CHANGES_FREE as the engine's functions,
 * and includes it once, after its fixture.
 */
#ifndef PYKV_TESTS_POSITION_FIXTURE_H
#define PYKV_TESTS_POSITION_FIXTURE_H

#include "base/error.h"

enum { POSITION_HISTORY_BYTES = 1 << 20, POSITION_VALUE_BYTES = 100, POSITION_FILE_MAX = 80 << 20 };
#define POSITION_COPY "/copy"

/* An empty store that keeps its history, on a disk with room for the files of a repair. */
static fixture position_new(void)
{
    fixture other = fixture_new();
    fixture self = {.options = other.options};
    fixture_free(&other);
    self.options.history_bytes = POSITION_HISTORY_BYTES;
    CHECK_OK(env_memory_new(check_seed(), POSITION_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    return self;
}

static void position_write(fixture *self, uint32_t count)
{
    fixture_fill(self, 0, count, POSITION_VALUE_BYTES);
}

static void position_crash(fixture *self)
{
    fixture_kill(self);
    CHECK_OK(fixture_open(self));
}

static pykv_status position_open(fixture *self, pykv_position since)
{
    change_feed *feed = NULL;
    pykv_status status = CHANGES_OPEN(self->store, &since, 0, &feed);
    if (status == PYKV_OK) {
        CHANGES_FREE(self->store, feed);
    }
    return status;
}

/* What a feed and a pin that begin behind a sequence of an epoch get. */
static pykv_status position_of(fixture *self, uint64_t era, uint64_t sequence)
{
    pykv_position since = {.sequence = sequence, .epoch = era, .has_epoch = 1};
    pykv_pin pin = {.name = "checked", .has_epoch = 1, .epoch = era, .sequence = sequence};
    pykv_status status = position_open(self, since);
    CHECK_STATUS(status, PIN(self->store, &pin));
    return status;
}

static void expect_another_history(fixture *self, uint64_t era, uint64_t sequence)
{
    CHECK_OK(position_open(self, (pykv_position){.sequence = sequence}));
    CHECK_STATUS(PYKV_HISTORY_GONE, position_of(self, era, sequence));
    CHECK(strstr(error_last()->text, "another history") != NULL);
}

#endif
