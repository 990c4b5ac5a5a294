/*
 * reserve: blocks of the disk that are kept for what gives room back: flushes, compactions, and
 * deletes on a full disk.
 *
 * They are kept in ROOM.spare.tmp, enough for tables of all that the memtables hold, and a part of
 * the size of the store; those of the next manifest apart from them (log/manifest_file.h). So what
 * was written can be flushed, and what was flushed needs no log. They grow ahead of the writers,
 * who are refused where they cannot. Whoever finds the disk full and may have them lends them: the
 * file goes, and puts are refused until there is room to keep it again, which every put tries.
 * Thread-safe.
 */
#ifndef PYKV_LSM_RESERVE_H
#define PYKV_LSM_RESERVE_H

#include "lsm/store.h"

#define LSM_ROOM_NAME "ROOM.spare.tmp"

enum {
    LSM_ROOM_SHARE = 32,             /* of the tables' and segments' bytes one is kept, */
    LSM_ROOM_BYTES_MIN = 128 * 1024, /* at least this, and at most what a memtable takes */
    LSM_ROOM_PART_BYTES_MIN = 16 * 1024,
    LSM_ROOM_STEP_BYTES_MIN = 64 * 1024,
    LSM_ROOM_STEP_BYTES_MAX = 1024 * 1024 /* ahead of the writers */
};

/* Keeps the blocks, or more of them, with those for a write of log_bytes. PYKV_NO_SPACE: there are
 * not so many; what was kept stays. */
PYKV_NODISCARD pykv_status lsm_keep_room(lsm *self, uint64_t log_bytes) EXCLUDES(self->writer);

/* True if blocks have to be kept before a write of log_bytes. */
static inline bool lsm_is_short_of_room(lsm *self, uint64_t log_bytes) REQUIRES(self->writer)
{
    uint64_t written = atomic_load_explicit(&self->counters.written_bytes, memory_order_relaxed);
    return PYKV_UNLIKELY(written + log_bytes > self->room_until) &&
           !atomic_load_explicit(&self->room_is_lent, memory_order_relaxed);
}

/* Lends the blocks if status, of the work that ends here, is PYKV_NO_SPACE. True: they were kept
 * until now, so the work may go well if it is done again. The last error stays. */
bool lsm_lend_room(lsm *self, pykv_status status);

/* Before a write: PYKV_NO_SPACE if the blocks are lent, cannot be kept again, and the operations
 * are not all deletes. */
PYKV_NODISCARD pykv_status lsm_check_room(lsm *self, const record *operations, size_t count);

/* True if operations are all deletes: the blocks are for them too. */
bool lsm_frees_room(const record *operations, size_t count);

/* After work that gave room back, and before a write is refused: keeps the blocks again, or as many
 * of them as there are. The last error stays. */
void lsm_take_room_back(lsm *self) EXCLUDES(self->writer);

/* Gives the blocks back for good. */
void lsm_release_room(lsm *self);

static inline bool lsm_room_is_lent(lsm *self)
{
    return atomic_load_explicit(&self->room_is_lent, memory_order_relaxed);
}

#endif
