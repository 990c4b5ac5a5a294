/*
 * fuzz_feed: reads a change feed of a store of arbitrary files to its end. Header only.
 *
 * Promises: sequences rise, kinds are known, and every put that is told is one that a log has with
 * right checks. A failure is named and final.
 */
#ifndef PYKV_TESTS_FUZZ_FEED_H
#define PYKV_TESTS_FUZZ_FEED_H

#include "fuzz/fuzz_disk.h"

#include "log/change_feeds.h"

typedef bool fuzz_may_tell(const void *context, const pykv_change *put);

static inline uint64_t fuzz_feed_check(const pykv_change *change, uint64_t before,
                                       const void *context, fuzz_may_tell *may_tell)
{
    FUZZ_EXPECT(change->sequence > before);
    FUZZ_EXPECT(change->kind >= PYKV_CHANGE_PUT && change->kind <= PYKV_CHANGE_DROP);
    FUZZ_EXPECT(change->kind != PYKV_CHANGE_PUT || may_tell(context, change));
    return change->sequence;
}

static inline void fuzz_feed_read(change_feed *feed, const void *context, fuzz_may_tell *may_tell)
{
    const pykv_change *changes;
    pykv_status status = PYKV_OK;
    uint64_t sequence = 0;
    size_t count = 1;
    while (status == PYKV_OK && count > 0) {
        status = change_feed_next(feed, 500, 0, &changes, &count);
        FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_HISTORY_GONE);
        for (size_t i = 0; status == PYKV_OK && i < count; i++) {
            sequence = fuzz_feed_check(&changes[i], sequence, context, may_tell);
        }
    }
    FUZZ_EXPECT(change_feed_next(feed, 500, 0, &changes, &count) == status);
}

#endif
