/*
 * reader_fixture: a store that is open read-only beside the store of a fixture, which writes, and
 * its feeds, for any engine.
 *
 * Header only: a test program defines REFRESH, CHANGES_OPEN, CHANGES_FREE and TURN_OVER as the
 * engine's functions, and includes it once, after its fixture.
 */
#ifndef PYKV_TESTS_READER_FIXTURE_H
#define PYKV_TESTS_READER_FIXTURE_H

#include "log/feed_fixture.h"
#include "log/log_file.h"

enum { READER_ROWS = 40, READER_VALUE_BYTES = 300, READER_HISTORY_BYTES = 1 << 20 };

static fixture reader_new(const fixture *writer)
{
    fixture self = {.disk = writer->disk, .options = writer->options};
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    return self;
}

static void refresh(fixture *self)
{
    uint64_t sequence;
    bool moved;
    CHECK_OK(REFRESH(self->store, &sequence, &moved));
    CHECK_EQUAL(fixture_stats(self).last_sequence, sequence);
}

static change_feed *open_feed(fixture *self, uint64_t since, int32_t flags)
{
    change_feed *feed = NULL;
    CHECK_OK(CHANGES_OPEN(self->store, &(pykv_position){.sequence = since}, flags, &feed));
    return feed;
}

/* A feed behind since gives this sequence last. */
static void expect_last(fixture *self, uint64_t since, int32_t flags, uint64_t last)
{
    change_feed *feed = open_feed(self, since, flags);
    CHECK_EQUAL(last + 1, feed_read(feed, since + 1, 100));
    CHANGES_FREE(self->store, feed);
}

static void write_rows(fixture *self)
{
    fixture_fill(self, 0, READER_ROWS, READER_VALUE_BYTES);
}

/* Writes rows again until none of the files of before is needed. */
static void turn_over(fixture *self)
{
    write_rows(self);
    TURN_OVER(self);
}

/* Takes the file away that holds a sequence. */
static void lose_file(fixture *self, uint64_t sequence)
{
    char name[LOG_FILE_NAME_BYTES];
    log_feed_place place = {.last_sequence = 0};
    const change_feeds *feeds = &self->store->feeds;
    mutex_lock(&self->store->writer);
    CHECK(feeds->source->find(feeds->owner, sequence, &place));
    mutex_unlock(&self->store->writer);
    log_file_name(place.header.number, name);
    CHECK_OK(env_unlink(self->store->home, name));
}

#endif
