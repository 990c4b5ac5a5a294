/*
 * compaction_pace: how fast background compactions may go.
 *
 * A pace in bytes a second of keys and values that compactions take in, all together. What a step
 * took costs time, and the next one waits until that is over. Flushes never wait, and neither do a
 * compaction that a user asked for nor writers that do the work themselves.
 *
 * Readers who wait for the device get it nearly for themselves: where they did so in a quarter of
 * the time since the last step or more, all readers taken together, compactions go on slowly. Where
 * they load blocks for as long, which the system has in memory, compactions go on gently, and leave
 * them processors that are not interrupted all the time. But neither where writers wait too, or did
 * a moment ago: then compactions are what all wait for.
 *
 * Thread-safe, without a lock.
 */
#ifndef PYKV_LSM_COMPACTION_PACE_H
#define PYKV_LSM_COMPACTION_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    COMPACTION_PACE_SLOW = 16 * 1024 * 1024,   /* bytes a second, while readers wait */
    COMPACTION_PACE_GENTLE = 64 * 1024 * 1024, /* the same, while they load blocks */
    COMPACTION_PACE_SHARE = 4,
    COMPACTION_PACE_MOMENT_US = 100 * 1000
};

/* What is known when a step has ended. */
typedef struct compaction_moment {
    uint64_t now_us;
    uint64_t readers_waited_us;  /* for the device, all together, since open */
    uint64_t readers_loading_us; /* of blocks, from the device or not, likewise */
    uint64_t writers_waited_us;  /* for flushes and compactions, likewise */
} compaction_moment;

typedef struct compaction_pace {
    uint64_t bytes_per_second;         /* constant; 0: there is no limit */
    _Atomic uint64_t paid_until_us;    /* at that pace */
    _Atomic uint64_t readers_until_us; /* what was paid for at the pace that readers leave */
    _Atomic uint64_t seen_us;          /* the moment of the step before */
    _Atomic uint64_t seen_readers_us;
    _Atomic uint64_t seen_loading_us;
    _Atomic uint64_t seen_writers_us;
    _Atomic uint64_t writers_until_us; /* when writers that waited do so no more */
} compaction_pace;

/* Adds the time of a step of that many bytes that has ended now. */
void compaction_pace_charge(compaction_pace *self, uint64_t bytes, const compaction_moment *now);

/* How long the next step has to wait. writers_wait: now, so that none has to for readers. */
uint64_t compaction_pace_wait_us(const compaction_pace *self, uint64_t now_us, bool writers_wait);

#endif
