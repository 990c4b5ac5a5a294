/*
 * deadline_buckets: how much of a file has a deadline, and by when it has passed: in bytes of a
 * Bitcask's segment, or entries of an LSM store's table.
 *
 * Weights fall into buckets by the time that was left when they were counted: up to 17 minutes, 68
 * minutes, 4.6 hours, 18 hours, 3 days, 12 days, 49 days, and longer. So rows of an hour and rows
 * of a month are told apart, however many hours a file was written. A bucket keeps its latest
 * deadline and counts as passed from then on, never before: what is told is never too much.
 *
 * Numbers for picking what to rewrite; whether a row has expired is asked of the row. Nothing here
 * is synchronised.
 */
#ifndef PYKV_BASE_DEADLINE_BUCKETS_H
#define PYKV_BASE_DEADLINE_BUCKETS_H

#include <stdint.h>

enum { DEADLINE_BUCKET_COUNT = 8, DEADLINE_EIGHTH_COUNT = 7 };

typedef struct deadline_bucket {
    uint64_t until_us; /* the latest deadline, since 1970 */
    uint64_t weight;   /* 0: the bucket is empty */
} deadline_bucket;

typedef struct deadline_buckets {
    deadline_bucket list[DEADLINE_BUCKET_COUNT];
    /* The earliest time by which a quarter of what a weight of the bucket had left is over. In
     * memory alone; 0: not known. */
    uint64_t aged_us[DEADLINE_BUCKET_COUNT];
} deadline_buckets;

/* Counts weight with a deadline, at the time now_us. */
void deadline_buckets_add(deadline_buckets *self, uint64_t now_us, uint64_t deadline_us,
                          uint64_t weight);

/* Weight of the buckets that have passed at now_us. */
uint64_t deadline_buckets_passed(const deadline_buckets *self, uint64_t now_us);

/* Weight of the buckets that have aged by then: a file that goes on to be written spreads their
 * deadlines over more than a quarter of their lives. Where that is not known: those that passed. */
uint64_t deadline_buckets_aged(const deadline_buckets *self, uint64_t by_us);

/* A time rounded up to the second, as files have it. 0: it does not fit. */
uint32_t deadline_seconds(uint64_t time_us);

/* The seconds by which one eighth, two, ... seven of total have passed, total being the weight of
 * all there is, with deadlines or without. 0: not known, or never, and so are those behind it. */
void deadline_eighths_make(const deadline_buckets *self, uint64_t total,
                           uint32_t eighths_out[DEADLINE_EIGHTH_COUNT]);

/* Weight of total that has passed at now_us, by its eighths. */
uint64_t deadline_eighths_passed(const uint32_t eighths[DEADLINE_EIGHTH_COUNT], uint64_t total,
                                 uint64_t now_us);

#endif
