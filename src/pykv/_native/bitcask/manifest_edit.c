/*
 * manifest_edit: composes the manifest under the writer lock and writes it without. A segment that
 * was given up loses its file only when a manifest without it is durable.
 */
#include "bitcask/manifest_edit.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/history.h"
#include "bitcask/limbo.h"
#include "bitcask/manifest_deadlines.h"
#include "bitcask/segment_list.h"

static void describe(bitcask *self, const segment *source, bool clean, manifest_segment *out)
    REQUIRES(self->writer)
{
    bool known = source->sealed && source->synced;
    *out = (manifest_segment){.number = source->number,
                              .kind = source->kind,
                              .sealed = known,
                              .file_id = source->file_id,
                              .birth_sequence = source->birth_sequence};
    if (known || (clean && source == self->active)) {
        out->first_sequence = source->first_sequence;
        out->last_sequence = source->last_sequence;
        out->length = atomic_load_explicit(&source->length, memory_order_relaxed);
        out->deadline_max_us = source->deadline_max_us;
        out->expiring_bytes = source->expiring_bytes;
        out->deadlines = source->deadlines;
        out->tombstone_share = PYKV_PLANTED(343) ? 0 : segment_tombstone_share(source);
    }
}

static pykv_status compose(bitcask *self, bool clean, manifest *out) REQUIRES(self->writer)
    REQUIRES(self->manifest_lock)
{
    *out = (manifest){.clean = clean,
                      .store_id = self->store_id,
                      .edit = self->edit + 1,
                      .merge_edit = self->merge_edit,
                      .epoch = self->epoch_number,
                      .hash_seed_low = self->hash_seed_low,
                      .hash_seed_high = self->hash_seed_high,
                      .next_number = self->next_number,
                      .last_sequence = self->synced_sequence,
                      .durable_through = self->synced_position,
                      .sealed_sequence = self->sealed_sequence,
                      .clear_sequence = PYKV_PLANTED(49) ? 0 : self->durable_clear_sequence,
                      .wall_high_us = store_clock_now(&self->clock)};
    out->segments = mem_alloc_zeroed(self->segment_count + 1, sizeof *out->segments);
    if (out->segments == NULL) {
        return error_set_no_memory((self->segment_count + 1) * sizeof *out->segments);
    }
    for (size_t i = 0; i < self->segment_count; i++) {
        bool merging = self->segments[i]->merging && !PYKV_PLANTED(57);
        if (!merging && !self->segments[i]->leaving) {
            describe(self, self->segments[i], clean, &out->segments[out->segment_count++]);
        }
    }
    out->pins = self->feeds.pins;
    return bitcask_history_list(self, out);
}

void bitcask_abandon(bitcask *self, segment *unused)
{
    uint32_t number = unused->number;
    mutex_lock(&self->writer);
    bitcask_remove_segment(self, unused);
    bitcask_retire_segment(self, unused);
    mutex_unlock(&self->writer);
    if (buffer_append(&self->abandoned, &number, sizeof number) != PYKV_OK) {
        /* The next open removes its file: no manifest lists it then. */
    }
}

/* A manifest that does not list the segments given up before it is durable. */
static void unlink_abandoned(bitcask *self) REQUIRES(self->manifest_lock)
{
    for (size_t at = 0; at < self->abandoned.size; at += sizeof(uint32_t)) {
        uint32_t number;
        memcpy(&number, self->abandoned.data + at, sizeof number);
        segment_unlink(self->home, number);
    }
    buffer_clear(&self->abandoned);
}

static pykv_status write_manifest(bitcask *self, bool clean, bool reserved)
    REQUIRES(self->manifest_lock)
{
    manifest now = {.clean = clean};
    mutex_lock(&self->writer);
    pykv_status status = compose(self, clean, &now);
    mutex_unlock(&self->writer);
    if (status != PYKV_OK) {
        manifest_reset(&now);
        return status;
    }
    status =
        reserved ? manifest_replace_reserved(self->home, &now) : manifest_replace(self->home, &now);
    if (status == PYKV_OK) {
        self->edit = now.edit;
        store_clock_kept(&self->clock, now.wall_high_us);
        unlink_abandoned(self);
        bitcask_history_settle(self, &now);
    }
    manifest_reset(&now);
    return status;
}

pykv_status bitcask_write_manifest(bitcask *self, bool clean)
{
    return write_manifest(self, clean, false);
}

pykv_status bitcask_write_reserved_manifest(bitcask *self, bool clean)
{
    return write_manifest(self, clean, true);
}

/* What the last one held is taken before anything else gets it; if there is none, the next merge
 * asks again. */
pykv_status bitcask_write_current_manifest_locked(bitcask *self)
{
    mutex_lock(&self->writer);
    bool clean = !self->ground_ready;
    mutex_unlock(&self->writer);
    pykv_status status = bitcask_write_reserved_manifest(self, clean);
    pykv_error failure = *error_last();
    if (bitcask_reserve_manifest(self) != PYKV_OK) {
        /* As above. */
    }
    error_restore(&failure);
    return status;
}

pykv_status bitcask_write_current_manifest(bitcask *self)
{
    mutex_lock(&self->manifest_lock);
    pykv_status status = bitcask_write_current_manifest_locked(self);
    mutex_unlock(&self->manifest_lock);
    return status;
}

/* Of what is there, and two more. */
static uint64_t deadline_bytes(const bitcask *self) REQUIRES(self->writer)
{
    uint64_t count = 2;
    for (size_t i = 0; i < self->segment_count; i++) {
        count += self->segments[i]->expiring_bytes > 0;
    }
    return count * MANIFEST_DEADLINES_BYTES;
}

/* Of no more than there may be: on a full disk the blocks of the manifest that was replaced are all
 * there is for the next one. */
pykv_status bitcask_reserve_manifest(bitcask *self)
{
    mutex_lock(&self->writer);
    uint64_t count = self->segment_count + self->history_count;
    uint64_t other_bytes = (self->epochs.count + 1) * PAST_EPOCH_BYTES +
                           (uint64_t)HISTORY_PINS_MAX * MANIFEST_PIN_BYTES + deadline_bytes(self);
    mutex_unlock(&self->writer);
    return manifest_reserve(self->home, count + 2, other_bytes);
}
