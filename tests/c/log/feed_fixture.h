/*
 * feed_fixture: reads change feeds in tests, whichever engine the store is of.
 *
 * Header only: every test program includes it once. Not every program uses every verb.
 */
#ifndef PYKV_TESTS_FEED_FIXTURE_H
#define PYKV_TESTS_FEED_FIXTURE_H

#include <pthread.h>

#include "harness/check.h"

#include "log/change_feeds.h"

#define FEED_UNUSED __attribute__((unused))

/* Reads what there is without waiting: sequences from this one on, of epochs up to epoch_max.
 * Returns the next. */
FEED_UNUSED static uint64_t feed_read(change_feed *feed, uint64_t from, uint64_t epoch_max)
{
    const pykv_change *changes;
    size_t count;
    do {
        CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
        for (size_t i = 0; i < count; i++) {
            CHECK_EQUAL(from, changes[i].sequence);
            CHECK(changes[i].epoch <= epoch_max);
            from++;
        }
    } while (count > 0);
    return from;
}

/* Reads changes of the epochs 0, 1 and so on, one of each. */
FEED_UNUSED static void feed_expect_epochs(change_feed *feed, uint32_t epoch_count)
{
    const pykv_change *changes;
    size_t count;
    for (uint32_t i = 0; i < epoch_count; i++) {
        CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
        CHECK_EQUAL(1, count);
        CHECK_EQUAL(i, changes[0].epoch);
    }
}

/* The feed has lost its place, and says so each time. */
FEED_UNUSED static void feed_expect_gone(change_feed *feed)
{
    const pykv_change *changes;
    size_t count;
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feed_next(feed, 0, 0, &changes, &count));
}

/* Reads the feed in small steps and returns what ends it. */
FEED_UNUSED static pykv_status feed_read_to_end(change_feed *feed)
{
    const pykv_change *changes;
    size_t count;
    pykv_status status;
    do {
        status = change_feed_next(feed, 1, 0, &changes, &count);
    } while (status == PYKV_OK && count > 0);
    return status;
}

/* A thread that waits for one chunk, and what it got. */
typedef struct feed_wait {
    change_feed *feed;
    pthread_t thread;
    pykv_status status;
    size_t count;
    uint64_t sequence; /* of the first change */
} feed_wait;

FEED_UNUSED static void *feed_wait_run(void *argument)
{
    feed_wait *self = argument;
    const pykv_change *changes;
    self->status = change_feed_next(self->feed, 0, -1, &changes, &self->count);
    if (self->status == PYKV_OK && self->count > 0) {
        self->sequence = changes[0].sequence;
    }
    return NULL;
}

FEED_UNUSED static void feed_wait_begin(feed_wait *self)
{
    CHECK(pthread_create(&self->thread, NULL, feed_wait_run, self) == 0);
}

FEED_UNUSED static void feed_wait_end(feed_wait *self)
{
    CHECK(pthread_join(self->thread, NULL) == 0);
}

/* Returns when a feed sleeps. writer: the lock of the feeds' owner. */
FEED_UNUSED static void feed_await_sleeper(change_feeds *feeds, mutex *writer)
{
    uint32_t count = 0;
    while (count == 0) {
        mutex_lock(writer);
        count = feeds->waiting_count;
        mutex_unlock(writer);
    }
}

#endif
