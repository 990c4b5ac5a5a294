/*
 * compaction_pace: how fast background compactions may go.
 *
 * A pace in bytes a second of keys and values that compactions take in, all together. What a step
 * took costs time, and the next one waits until that is over. Flushes never wait, and neither do a
 * compaction that a user asked for nor writers that do the work themselves.
 *
 * Thread-safe, without a lock.
 */
#ifndef PYKV_LSM_COMPACTION_PACE_H
#define PYKV_LSM_COMPACTION_PACE_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct compaction_pace {
    uint64_t bytes_per_second; /* constant; 0: there is no limit */
    _Atomic uint64_t paid_until_us;
} compaction_pace;

/* Adds the time of a step of that many bytes. */
void compaction_pace_charge(compaction_pace *self, uint64_t bytes, uint64_t now_us);

/* How long the next step has to wait. */
uint64_t compaction_pace_wait_us(const compaction_pace *self, uint64_t now_us);

#endif
