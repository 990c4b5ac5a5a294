/*
 * reserve: keeping and lending. The lock keeps two threads from making and removing the file at
 * once; a put that passes between the look and the lending takes some of the room, which harms
 * nothing but the chances of what it was lent for.
 */
#include "lsm/reserve.h"

#include "base/error.h"
#include "base/invariant.h"
#include "log/kept_blocks.h"
#include "log/manifest_file.h"
#include "lsm/version_values.h"

/* What writers may write before more is needed: little where little was written. */
static uint64_t step_bytes(uint64_t unflushed, uint64_t log_bytes)
{
    uint64_t step = unflushed / 8;
    step = step < LSM_ROOM_STEP_BYTES_MAX ? step : LSM_ROOM_STEP_BYTES_MAX;
    step = step > LSM_ROOM_STEP_BYTES_MIN ? step : LSM_ROOM_STEP_BYTES_MIN;
    return step > log_bytes ? step : log_bytes;
}

static uint64_t unflushed_bytes(const view *now)
{
    memtable_stats stats;
    memtable_stats_read(now->active, &stats);
    uint64_t bytes = stats.used_bytes;
    for (uint32_t i = 0; i < now->immutable_count; i++) {
        memtable_stats_read(now->immutables[i], &stats);
        bytes += stats.used_bytes;
    }
    return bytes;
}

/* By the size of the store, value segments and all, so that a small one does not take much more
 * than its rows. */
static uint64_t share_of(const lsm *self, const version *tables)
{
    uint64_t values = PYKV_PLANTED(402) ? 0 : version_value_bytes(tables);
    uint64_t bytes = (version_bytes(tables) + values) / LSM_ROOM_SHARE;
    bytes = bytes < self->options.memtable_bytes ? bytes : self->options.memtable_bytes;
    return bytes > LSM_ROOM_BYTES_MIN ? bytes : LSM_ROOM_BYTES_MIN;
}

/* A limit on the size of files, or a disk that fails at this, is passed over: it is better to go on
 * without. */
static pykv_status grow(lsm *self, uint64_t bytes) REQUIRES(self->reserve_lock)
{
    pykv_status status = kept_blocks_grow(self->home, LSM_ROOM_NAME, bytes);
    bool is_passed = status == PYKV_IO_FAILED || (status == PYKV_NO_SPACE && error_is_file_limit());
    return is_passed ? PYKV_OK : status;
}

static pykv_status keep_room(lsm *self, uint64_t log_bytes) EXCLUDES(self->writer)
{
    mutex_lock(&self->writer);
    uint64_t unflushed = unflushed_bytes(lsm_view(self));
    uint64_t share = share_of(self, lsm_view(self)->version);
    uint64_t step = step_bytes(unflushed, log_bytes);
    uint64_t until =
        atomic_load_explicit(&self->counters.written_bytes, memory_order_relaxed) + step;
    mutex_unlock(&self->writer);
    mutex_lock(&self->reserve_lock);
    pykv_status status = grow(self, share + (unflushed + step) / 8 * 9);
    if (status == PYKV_OK) {
        atomic_store_explicit(&self->room_is_lent, false, memory_order_relaxed);
    }
    mutex_unlock(&self->reserve_lock);
    if (status == PYKV_OK) {
        mutex_lock(&self->writer);
        self->room_until = until > self->room_until ? until : self->room_until;
        mutex_unlock(&self->writer);
    }
    return status;
}

/* What the logs have ahead is for later writes, the room for those that there are. */
pykv_status lsm_keep_room(lsm *self, uint64_t log_bytes)
{
    pykv_status status = keep_room(self, log_bytes);
    if (status == PYKV_NO_SPACE && wal_give_back(self->log)) {
        status = keep_room(self, log_bytes);
    }
    return status;
}

bool lsm_lend_room(lsm *self, pykv_status status)
{
    if (status != PYKV_NO_SPACE || PYKV_PLANTED(115)) {
        return false;
    }
    mutex_lock(&self->reserve_lock);
    bool is_released = kept_blocks_release(self->home, LSM_ROOM_NAME);
    if (is_released) {
        atomic_store_explicit(&self->room_is_lent, true, memory_order_relaxed);
    }
    mutex_unlock(&self->reserve_lock);
    return is_released;
}

bool lsm_frees_room(const record *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (operations[i].kind == RECORD_PUT) {
            return false;
        }
    }
    return true;
}

pykv_status lsm_check_room(lsm *self, const record *operations, size_t count)
{
    if (PYKV_LIKELY(!lsm_room_is_lent(self)) || lsm_frees_room(operations, count)) {
        return PYKV_OK;
    }
    return lsm_keep_room(self, wal_bytes(operations, count));
}

/* What there is of it: the blocks stay lent, but nobody else takes those. */
static void keep_part(lsm *self) EXCLUDES(self->writer)
{
    pykv_status status = PYKV_NO_SPACE;
    mutex_lock(&self->reserve_lock);
    for (uint64_t bytes = self->options.memtable_bytes;
         bytes >= LSM_ROOM_PART_BYTES_MIN && status == PYKV_NO_SPACE; bytes /= 2) {
        status = kept_blocks_grow(self->home, LSM_ROOM_NAME, bytes);
    }
    mutex_unlock(&self->reserve_lock);
}

void lsm_take_room_back(lsm *self)
{
    if (lsm_room_is_lent(self)) {
        pykv_error failure = *error_last();
        if (lsm_keep_room(self, 0) == PYKV_NO_SPACE) {
            keep_part(self);
        }
        error_restore(&failure);
    }
}

void lsm_release_room(lsm *self)
{
    (void)kept_blocks_release(self->home, LSM_ROOM_NAME);
    manifest_file_release(self->home);
}
