/*
 * rolling: from one active segment to the next, and the manifest edits this takes.
 *
 * A segment is made, and is in a durable manifest, before its first record. The LOG role does so
 * ahead of need; a writer that finds no prepared segment does it itself, without the writer lock.
 */
#include "bitcask/rolling.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "bitcask/bitcask.h"
#include "bitcask/health.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/segment_list.h"
#include "bitcask/sync.h"

/* What an empty segment that takes bytes of records must hold, with the padding before them. */
static uint64_t bytes_with_header(const bitcask *self, uint64_t bytes)
{
    uint64_t first = self->options.log_sector_padding != 0
                         ? round_up(LOG_SEGMENT_HEADER_BYTES, LOG_SECTOR_BYTES)
                         : LOG_SEGMENT_HEADER_BYTES;
    return first + bytes + RECORD_EXTENSION_BYTES_MAX;
}

uint64_t bitcask_segment_capacity(const bitcask *self, uint64_t bytes)
{
    uint64_t needed = bytes_with_header(self, bytes);
    uint64_t wanted = (uint64_t)self->options.segment_bytes;
    return round_up(needed > wanted ? needed : wanted, 4096);
}

/* ---- the list ---- */

/* ---- making room ---- */

pykv_status bitcask_seal_active(bitcask *self)
{
    if (self->active == NULL) {
        return PYKV_OK;
    }
    pykv_status status = log_sink_seal(self->sink);
    if (status != PYKV_OK) {
        return status;
    }
    bitcask_mark_sealed(self, self->active);
    if (self->sink != self->ahead_sink) {
        log_sink_close(self->sink);
    }
    self->sink = NULL;
    self->active = NULL;
    return PYKV_OK;
}

static pykv_status open_sink(bitcask *self, segment *target, log_sink **sink_out)
    REQUIRES(self->writer)
{
    uint64_t tail = atomic_load_explicit(&target->length, memory_order_relaxed);
    pykv_status status = PYKV_NOT_SUPPORTED;
    if (self->mapped_log) {
        status = log_sink_open_mapped(target->file, tail, target->address_bytes, sink_out);
    }
    if (status == PYKV_NOT_SUPPORTED) {
        bool syncs = self->options.durability == PYKV_DURABILITY_SYNC;
        status =
            log_sink_open_pwrite(target->file, tail, syncs ? target->address_bytes : 0, sink_out);
    }
    return status;
}

/* Makes target, in the manifest already, the segment that records go to. On failure nothing
 * changed: a segment that is active and prepared at once would be left out of syncs. */
pykv_status bitcask_activate(bitcask *self, segment *target)
{
    log_sink *sink;
    log_writer log;
    pykv_status status = open_sink(self, target, &sink);
    if (status != PYKV_OK) {
        return status;
    }
    log_writer_init(&log, sink, target->file_id, target->address_bytes, self->synced_position);
    if (self->options.log_sector_padding != 0) {
        /* The last sync of the store before this one ended at its last record. */
        status = log_writer_pad(&log);
    }
    if (status == PYKV_OK) {
        status = bitcask_seal_active(self);
    }
    if (status != PYKV_OK) {
        log_sink_close(sink);
        return status;
    }
    self->active = target;
    self->sink = sink;
    self->log = log;
    self->ahead_at = 0;
    return PYKV_OK;
}

static uint64_t unsynced_sealed_count(bitcask *self) REQUIRES(self->writer)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->segment_count; i++) {
        count += self->segments[i]->sealed && !self->segments[i]->synced;
    }
    return count;
}

/* True if the active segment takes bytes more: an empty one too holds no more than it was made for.
 */
static bool active_fits(bitcask *self, uint64_t bytes) REQUIRES(self->writer)
{
    return self->active != NULL && log_writer_fits(&self->log, bytes) &&
           bytes_with_header(self, bytes) <= self->active->address_bytes;
}

pykv_status bitcask_make_room(bitcask *self, uint64_t bytes)
{
    if (PYKV_UNLIKELY(!self->ground_ready)) {
        return PYKV_WOULD_BLOCK;
    }
    if (PYKV_LIKELY(active_fits(self, bytes))) {
        return PYKV_OK;
    }
    segment *next = self->prepared;
    if (next == NULL || unsynced_sealed_count(self) >= BITCASK_UNSYNCED_SEALED_MAX ||
        bytes_with_header(self, bytes) > next->address_bytes) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = bitcask_activate(self, next);
    if (status == PYKV_OK) {
        self->prepared = NULL;
        lent_call_all(&self->gate.lent);
    }
    return status;
}

/* ---- providing ---- */

static pykv_status make_segment(bitcask *self, uint64_t bytes, segment **segment_out)
    REQUIRES(self->manifest_lock)
{
    uint64_t capacity = bitcask_segment_capacity(self, bytes);
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND, .store_id = self->store_id};
    pykv_status status = env_random(self->env, &header.file_id, sizeof header.file_id);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->writer);
    header.number = (uint32_t)self->next_number++;
    header.birth_sequence = self->appended_sequence + 1;
    header.synced_through = self->synced_position;
    mutex_unlock(&self->writer);
    segment *made;
    status = segment_create(self->home, &header, capacity, self->mapped_reads, &made);
    if (status == PYKV_OK) {
        status = env_file_close_on_fork(made->file);
        mutex_lock(&self->writer);
        if (status == PYKV_OK) {
            status = bitcask_add_segment(self, made, capacity, BITCASK_NO_ADDRESS);
        }
        mutex_unlock(&self->writer);
        if (status != PYKV_OK) {
            pykv_error failure = *error_last();
            segment_unlink(self->home, made->number);
            segment_close(made);
            error_restore(&failure);
            return status;
        }
        *segment_out = made;
    }
    return status;
}

static pykv_status prepare_segment(bitcask *self, uint64_t bytes) REQUIRES(self->manifest_lock)
{
    segment *made;
    pykv_status status = bitcask_reserve_manifest(self);
    if (status == PYKV_OK) {
        status = make_segment(self, bytes, &made);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = bitcask_write_manifest(self, false);
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        bitcask_abandon(self, made);
        error_restore(&failure);
        return status;
    }
    mutex_lock(&self->writer);
    segment *unused = self->prepared;
    self->prepared = made;
    self->ground_ready = true;
    mutex_unlock(&self->writer);
    if (unused != NULL) {
        bitcask_abandon(self, unused); /* it was too small for what comes */
    }
    return PYKV_OK;
}

/* What stands between a writer and room for bytes. */
typedef struct shortage {
    bool too_many_unsynced;
    bool manifest;
    bool segment;
    bool sink;
} shortage;

static pykv_status find_shortage(bitcask *self, uint64_t bytes, shortage *out)
{
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_writable(self);
    bool fits = active_fits(self, bytes);
    bool next_fits =
        self->prepared != NULL && bytes_with_header(self, bytes) <= self->prepared->address_bytes;
    out->too_many_unsynced = !fits && unsynced_sealed_count(self) >= BITCASK_UNSYNCED_SEALED_MAX;
    out->manifest = !self->ground_ready;
    out->segment = !fits && !next_fits;
    out->sink = fits && log_sink_is_mapped(self->sink);
    mutex_unlock(&self->writer);
    return status;
}

/* Other writers may have taken the room meanwhile: then there is nothing to prepare here. */
static pykv_status prepare_sink(bitcask *self, uint64_t bytes)
{
    mutex_lock(&self->writer);
    pykv_status status = active_fits(self, bytes) ? log_sink_prepare(self->sink, bytes) : PYKV_OK;
    if (status != PYKV_OK) {
        status = bitcask_append_failed(self, status);
    }
    mutex_unlock(&self->writer);
    return status;
}

/* From here on the manifest on disk says "not clean", and there is room to let go of segments. */
static pykv_status write_ground(bitcask *self) REQUIRES(self->manifest_lock)
{
    pykv_status status = bitcask_reserve_manifest(self);
    return status == PYKV_OK ? bitcask_write_manifest(self, false) : status;
}

pykv_status bitcask_provide(bitcask *self, uint64_t bytes)
{
    shortage missing;
    pykv_status status = find_shortage(self, bytes, &missing);
    if (status == PYKV_OK && missing.too_many_unsynced) {
        status = bitcask_sync(self);
    }
    if (status != PYKV_OK) {
        return status;
    }
    if (missing.segment || missing.manifest) {
        mutex_lock(&self->manifest_lock);
        status = find_shortage(self, bytes, &missing);
        if (status == PYKV_OK && missing.segment) {
            status = prepare_segment(self, bytes);
        } else if (status == PYKV_OK && missing.manifest) {
            status = write_ground(self);
            mutex_lock(&self->writer);
            self->ground_ready = self->ground_ready || status == PYKV_OK;
            mutex_unlock(&self->writer);
        }
        if (status != PYKV_OK) {
            mutex_lock(&self->writer);
            status = bitcask_append_failed(self, status);
            mutex_unlock(&self->writer);
        }
        mutex_unlock(&self->manifest_lock);
        return status;
    }
    return missing.sink ? prepare_sink(self, bytes) : PYKV_OK;
}

pykv_status bitcask_prepare_next(bitcask *self)
{
    mutex_lock(&self->manifest_lock);
    mutex_lock(&self->writer);
    bool wanted = self->prepared == NULL && self->ground_ready;
    mutex_unlock(&self->writer);
    pykv_status status = wanted ? prepare_segment(self, 0) : PYKV_OK;
    mutex_unlock(&self->manifest_lock);
    return status;
}

/* ---- the manifest ---- */
