/*
 * compact: merging everything that holds a dead byte, now, in the caller's thread.
 */
#include "base/error.h"
#include "bitcask/bitcask.h"
#include "bitcask/health.h"
#include "bitcask/history.h"
#include "bitcask/limbo.h"
#include "bitcask/merge.h"
#include "bitcask/merge_pick.h"
#include "bitcask/merge_state.h"
#include "bitcask/rolling.h"
#include "bitcask/segment_list.h"

static bool is_cancelled(pykv_progress *progress)
{
    if (progress == NULL) {
        return false;
    }
    __atomic_fetch_add(&progress->done, BITCASK_STEP_BYTES, __ATOMIC_RELAXED);
    return __atomic_load_n(&progress->cancel, __ATOMIC_RELAXED) != 0;
}

static pykv_status run_merge(bitcask *self, pykv_progress *progress) REQUIRES(self->merge_lock)
{
    bool more = self->merge != NULL;
    pykv_status status = PYKV_OK;
    while (more && status == PYKV_OK) {
        status = merge_step(self, &more);
        if (status == PYKV_OK && more && is_cancelled(progress)) {
            return error_set(PYKV_TIMED_OUT, "the compaction was cancelled");
        }
    }
    return status;
}

/* Frees what readers left: what was unlinked first is freed by the second sweep. */
static void sweep(bitcask *self)
{
    bool waiting;
    mutex_lock(&self->writer);
    bitcask_sweep_limbo(self, &waiting);
    bitcask_sweep_limbo(self, &waiting);
    mutex_unlock(&self->writer);
}

/* Merges one pick; room_out tells what the next pick is limited to. */
static pykv_status merge_one_pick(bitcask *self, pykv_progress *progress, size_t *picked_out,
                                  uint64_t *room_out) REQUIRES(self->merge_lock)
{
    segment *inputs[MERGE_INPUTS_MAX];
    pykv_status status = PYKV_OK;
    mutex_lock(&self->writer);
    *picked_out = merge_pick(self, true, inputs);
    mutex_unlock(&self->writer);
    if (*picked_out > 0) {
        status = merge_begin(self, inputs, *picked_out);
        if (status == PYKV_OK) {
            status = run_merge(self, progress);
        }
    }
    sweep(self);
    mutex_lock(&self->writer);
    *room_out = self->merge_room;
    mutex_unlock(&self->writer);
    return status;
}

/* Finishes what runs, then merges one pick; picked_out tells how many segments that was. Where the
 * disk has too little room for it, smaller ones, as long as they get smaller. */
static pykv_status merge_once(bitcask *self, pykv_progress *progress, size_t *picked_out)
{
    uint64_t room = UINT64_MAX;
    uint64_t last_room;
    *picked_out = 0;
    mutex_lock(&self->merge_lock);
    pykv_status status = run_merge(self, progress);
    if (status == PYKV_OK || status == PYKV_NO_SPACE) {
        do {
            last_room = room;
            status = merge_one_pick(self, progress, picked_out, &room);
        } while (status == PYKV_NO_SPACE && room < last_room);
    }
    mutex_unlock(&self->merge_lock);
    if (status == PYKV_TIMED_OUT) {
        merge_abandon(self);
    }
    return status;
}

static uint64_t owed_bytes(bitcask *self)
{
    mutex_lock(&self->writer);
    uint64_t owed = merge_owed_bytes(self);
    mutex_unlock(&self->writer);
    return owed;
}

static pykv_status seal_and_sync(bitcask *self)
{
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_writable(self);
    const segment *active = self->active;
    uint64_t records = active != NULL ? active->length - LOG_SEGMENT_HEADER_BYTES : 0;
    bool packs = self->options.compression != PYKV_CODEC_NONE && records > 0;
    bool has_dead = active != NULL && (records > active->live_bytes || active->expiring_bytes > 0);
    if (status == PYKV_OK && (has_dead || packs)) {
        status = bitcask_seal_active(self);
    }
    mutex_unlock(&self->writer);
    return status == PYKV_OK ? bitcask_sync(self) : status;
}

pykv_status bitcask_compact(bitcask *self, pykv_progress *progress)
{
    pykv_status status = seal_and_sync(self);
    uint64_t before = UINT64_MAX;
    size_t picked = 1;
    if (progress != NULL) {
        progress->total = bitcask_disk_bytes(self);
    }
    while (status == PYKV_OK && picked > 0 && owed_bytes(self) < before) {
        before = owed_bytes(self);
        status = merge_once(self, progress, &picked);
    }
    sweep(self);
    return status == PYKV_OK ? bitcask_history_trim(self) : status;
}
