/*
 * checkpoint: a store's segments and hints under second names, with a manifest of their own.
 *
 * The active segment is sealed, and everything appended by then is synced: that is the moment of
 * the copy. It takes all segments, because what a merge left out of one may stand in any later one.
 * No merge runs meanwhile, so no file goes. The manifest on disk says "not clean" from before the
 * seal, so a crash does not make the next open append to a file that has two names.
 */
#include "log/checkpoint.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/bitcask.h"
#include "bitcask/health.h"
#include "bitcask/rolling.h"
#include "bitcask/sync.h"

/* Seals the active segment, unless it is empty. PYKV_WOULD_BLOCK: the manifest on disk would let
 * the next open append to it. */
static pykv_status seal(bitcask *self) REQUIRES(self->writer)
{
    pykv_status status = bitcask_check_writable(self);
    if (status == PYKV_OK && !self->ground_ready) {
        return PYKV_WOULD_BLOCK;
    }
    bool holds = self->active != NULL && self->active->last_sequence != 0;
    return status == PYKV_OK && holds && !PYKV_PLANTED(152) ? bitcask_seal_active(self) : status;
}

/* Sequences count up to now: everything appended is to be durable. */
static void list_segments(bitcask *self, manifest *out) REQUIRES(self->writer)
{
    for (size_t i = 0; i < self->segment_count; i++) {
        const segment *source = self->segments[i];
        if (source->merging || !source->sealed || source->last_sequence == 0) {
            continue;
        }
        manifest_segment *entry = &out->segments[out->segment_count++];
        *entry = (manifest_segment){
            .number = source->number,
            .kind = source->kind,
            .sealed = true,
            .file_id = source->file_id,
            .birth_sequence = source->birth_sequence,
            .first_sequence = source->first_sequence,
            .last_sequence = source->last_sequence,
            .deadline_max_us = source->deadline_max_us,
            .expiring_bytes = source->expiring_bytes,
            .deadlines = source->deadlines,
            .tombstone_share = segment_tombstone_share(source),
            .length = atomic_load_explicit(&source->length, memory_order_relaxed)};
        if (entry->last_sequence == self->appended_sequence) {
            out->durable_through = log_position(entry->number, entry->length);
        }
    }
}

static pykv_status seize_locked(bitcask *self, uint64_t chance, manifest *out)
    REQUIRES(self->manifest_lock) REQUIRES(self->writer)
{
    pykv_status status = seal(self);
    if (status != PYKV_OK) {
        return status;
    }
    *out = (manifest){.clean = true,
                      .store_id = self->store_id,
                      .edit = self->edit + 1,
                      .merge_edit = self->merge_edit,
                      .epoch = self->epoch_number + 1 + chance % CHECKPOINT_EPOCH_STEP_MAX,
                      .hash_seed_low = self->hash_seed_low,
                      .hash_seed_high = self->hash_seed_high,
                      .next_number = self->next_number,
                      .last_sequence = self->appended_sequence,
                      .sealed_sequence = self->appended_sequence,
                      .clear_sequence = bitcask_last_clear(self),
                      .wall_high_us = store_clock_now(&self->clock)};
    out->segments = mem_alloc_zeroed(self->segment_count + 1, sizeof *out->segments);
    if (out->segments == NULL) {
        return error_set_no_memory((self->segment_count + 1) * sizeof *out->segments);
    }
    list_segments(self, out);
    status = past_epochs_copy(&self->epochs, 0, &out->epochs);
    return status == PYKV_OK
               ? past_epochs_end(&out->epochs, self->epoch_number, self->appended_sequence)
               : status;
}

/* The moment. */
static pykv_status seize(bitcask *self, manifest *out) REQUIRES(self->merge_lock)
{
    uint64_t chance;
    pykv_status status = env_random(self->env, &chance, sizeof chance);
    status = status == PYKV_OK ? PYKV_WOULD_BLOCK : status;
    while (status == PYKV_WOULD_BLOCK) {
        mutex_lock(&self->manifest_lock);
        mutex_lock(&self->writer);
        status = seize_locked(self, chance, out);
        mutex_unlock(&self->writer);
        mutex_unlock(&self->manifest_lock);
        if (status == PYKV_WOULD_BLOCK) {
            pykv_status provided = bitcask_provide(self, RECORD_HEADER_BYTES);
            status = provided == PYKV_OK ? PYKV_WOULD_BLOCK : provided;
        }
    }
    return status;
}

/* A hint is an aid: it may be missing. */
static pykv_status add_segment(const bitcask *self, uint32_t number, checkpoint *target)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, false, name);
    pykv_status status = checkpoint_add(target, self->home, name);
    if (status != PYKV_OK) {
        return status;
    }
    segment_name(number, true, name);
    status = checkpoint_add(target, self->home, name);
    return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
}

static pykv_status fill(bitcask *self, const manifest *listed, checkpoint *target)
{
    pykv_status status =
        PYKV_PLANTED(153) ? PYKV_OK : bitcask_sync_through(self, listed->last_sequence);
    for (uint64_t i = 0; i < listed->segment_count && status == PYKV_OK; i++) {
        status = add_segment(self, listed->segments[i].number, target);
    }
    return status == PYKV_OK ? manifest_place(checkpoint_home(target), listed) : status;
}

pykv_status bitcask_checkpoint(bitcask *self, const char *path)
{
    checkpoint *target;
    manifest listed = {0};
    pykv_status status = checkpoint_begin(self->env, path, &target);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->merge_lock);
    status = seize(self, &listed);
    if (PYKV_PLANTED(359)) {
        mutex_unlock(&self->merge_lock);
    }
    if (status == PYKV_OK) {
        status = fill(self, &listed, target);
    }
    if (!PYKV_PLANTED(359)) {
        mutex_unlock(&self->merge_lock);
    }
    manifest_reset(&listed);
    return checkpoint_end(target, status);
}
