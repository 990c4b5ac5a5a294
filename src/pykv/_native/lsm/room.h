/*
 * room: making room for a write: a memtable that is not full, a log that is ready.
 */
#ifndef PYKV_LSM_ROOM_H
#define PYKV_LSM_ROOM_H

#include "lsm/store.h"

/* An empty memtable of the store's size, out of memory that earlier ones left. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status lsm_new_memtable(lsm *self, memtable **out);

/* Makes room for a write of that many bytes of log. PYKV_WOULD_BLOCK: call lsm_provide without the
 * lock, and try again. */
PYKV_NODISCARD pykv_status lsm_make_room(lsm *self, uint64_t log_bytes) REQUIRES(self->writer);

/* The same for a large write, of that many bytes of a memtable. It gets a memtable of its own where
 * the active one has no room for it, one with a filter for so much: a memtable that grew far beyond
 * its limit would say of no key that it is not there, until its flush. */
PYKV_NODISCARD pykv_status lsm_make_large_room(lsm *self, uint64_t log_bytes,
                                               uint64_t memtable_bytes) REQUIRES(self->writer);

/* True if a write of that many bytes of a memtable is a large one: above half a memtable. */
static inline bool lsm_is_large(const lsm *self, uint64_t memtable_bytes)
{
    return memtable_bytes > self->options.memtable_bytes / 2;
}

/* Seals the memtable with a large write, so that it is flushed at once; where that has to wait, the
 * next write waits for it. */
void lsm_end_large(lsm *self) REQUIRES(self->writer);

/* Does what lsm_make_room lacks: waits for a flush or compaction, or does it itself; prepares the
 * log. A failure of background work that writers wait for is theirs. */
PYKV_NODISCARD pykv_status lsm_provide(lsm *self, uint64_t log_bytes) EXCLUDES(self->writer);

/* Waits for a compaction that lets range deletes go, or does a step of it where no thread was lent.
 * As above. */
PYKV_NODISCARD pykv_status lsm_wait_for_range_room(lsm *self) EXCLUDES(self->writer);

/* A writer's wait for room on a full disk; zeros: not begun. */
typedef struct full_wait {
    uint64_t until_us;
    uint64_t failure_count; /* of work that gives room back, when it began */
    uint64_t lending_count; /* of the room that is kept, that ended since */
    uint64_t wished_after; /* bytes flushed when all that is dead was to be compacted, due or not */
    bool is_last;          /* nobody is at work: one attempt is left */
} full_wait;

/* Waits a moment for lent threads that flush or compact, or does a step of that where there are
 * none; takes what the logs have ahead, and removes files that nobody reads. When nothing is due
 * any more, compacts all the same, as that may free what is dead. False: no room comes any more by
 * that, or not in time. The last error stays. */
bool lsm_wait_on_full_disk(lsm *self, full_wait *wait) EXCLUDES(self->writer);

/* Seals the active memtable if it holds anything, and begins another in another log.
 * PYKV_WOULD_BLOCK as above. */
PYKV_NODISCARD pykv_status lsm_switch_memtable(lsm *self) REQUIRES(self->writer);

/* Publishes a view of these; the old one goes with its readers. PYKV_NO_MEMORY, nothing changed. */
PYKV_NODISCARD pykv_status lsm_publish_view(lsm *self, memtable *active,
                                            memtable *const *immutables, uint32_t immutable_count,
                                            version *tables) REQUIRES(self->writer);

/* The same with a view that was filled already, which cannot fail. */
void lsm_replace_view(lsm *self, view *fresh) REQUIRES(self->writer);

/* Tells writers that wait for room, and others who wait for a job to end, that there may be some;
 * how often that was; and a wait of at most most_us until it was once more than seen. */
void lsm_tell_room(lsm *self);
uint64_t lsm_room_seen(lsm *self);
void lsm_room_wait(lsm *self, uint64_t seen, uint64_t most_us);

/* True if the next write has to wait for a flush or a compaction. */
bool lsm_is_stalled(lsm *self) REQUIRES(self->writer);

#endif
