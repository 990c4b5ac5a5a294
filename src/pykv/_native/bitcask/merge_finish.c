/*
 * merge_finish: the last phases of a merge: COMMIT, SWING and REMOVE of merge.h.
 */
#include "bitcask/merge_finish.h"

#include <sched.h>

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/address.h"
#include "bitcask/directory.h"
#include "bitcask/history.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/merge_state.h"
#include "bitcask/moment.h"
#include "bitcask/publish.h"
#include "bitcask/segment_list.h"
#include "bitcask/space_list.h"
#include "bitcask/sync.h"

enum {
    MERGE_SWING_RECORDS = 4096, /* swung in a step */
    MERGE_FRUIT_SHARE = 16      /* a merge that freed less of its input bore no fruit */
};

/* ---- COMMIT ---- */

/* Values that were packed in an input, and are not in the output, may need more room than all
 * inputs had. */
static pykv_status describe_output(bitcask *store, merge *self)
{
    segment *output = self->output;
    mutex_lock(&store->writer);
    pykv_status status = bitcask_widen_segment(store, output, log_sink_tail(self->sink));
    if (status != PYKV_OK) {
        mutex_unlock(&store->writer);
        return status;
    }
    atomic_store_explicit(&output->length, log_sink_tail(self->sink), memory_order_release);
    for (uint64_t i = 0; i < self->hints.count; i++) {
        const hint_entry *entry = &self->hints.entries[i];
        if (output->first_sequence == 0 || entry->sequence < output->first_sequence) {
            output->first_sequence = entry->sequence;
        }
        if (entry->sequence > output->last_sequence) {
            output->last_sequence = entry->sequence;
        }
        if (entry->kind != RECORD_PUT) {
            output->tombstone_bytes += entry->bytes;
            output->tombstone_count++;
        }
    }
    output->dictionary_bytes = self->dictionary_bytes;
    output->sealed = true;
    output->synced = true;
    mutex_unlock(&store->writer);
    return PYKV_OK;
}

/* From here on the output is a segment like others, and manifests list it. */
static void finish_output(bitcask *store, merge *self, bool has_hint)
{
    mutex_lock(&store->writer);
    self->output->has_hint = has_hint;
    self->output->swung_length = LOG_SEGMENT_HEADER_BYTES;
    self->output->merging = false;
    mutex_unlock(&store->writer);
}

pykv_status merge_commit_step(bitcask *store, merge *self)
{
    if (self->output == NULL) {
        self->phase = MERGE_REMOVE;
        return PYKV_OK;
    }
    bool skips = PYKV_PLANTED(29) || (PYKV_PLANTED(306) && self->finished_bytes > 0);
    pykv_status status = skips ? PYKV_OK : env_file_sync(self->output->file);
    if (status == PYKV_OK) {
        status = describe_output(store, self);
    }
    if (status != PYKV_OK) {
        return status;
    }
    bool has_hint = hint_write(store, self->output, &self->hints) == PYKV_OK;
    if (!has_hint) {
        segment_unlink_hint(store->home, self->output->number);
    }
    finish_output(store, self, has_hint);
    status = env_directory_sync(store->home);
    if (status != PYKV_OK) {
        return status;
    }
    atomic_fetch_add_explicit(&store->counters.merged_bytes, log_sink_tail(self->sink),
                              memory_order_relaxed);
    self->phase = MERGE_SWING;
    return PYKV_OK;
}

/* ---- SWING ---- */

static bool find_source(keydir_cursor *cursor, const merge_source *source)
{
    return PYKV_PLANTED(55) ? keydir_next(cursor) : keydir_next_to(cursor, source->address);
}

/* Points the slot of entry's key to the output, or empties it where the record had expired, if it
 * still leads to where the record was copied from: an address is not used again as long as its
 * segment is pinned. All pages of an image were checked when the merge began. */
static void swing_one(bitcask *store, merge *self, directory *keys, uint64_t index)
    REQUIRES(store->writer)
{
    const hint_entry *entry = &self->hints.entries[index];
    const merge_source *source = (const merge_source *)(const void *)self->sources.data + index;
    keydir_cursor cursor;
    keydir_find_locked(keys->keys, entry->hash, &cursor);
    bool skipped = PYKV_PLANTED(164) && entry->kind != RECORD_PUT;
    if (skipped || !find_source(&cursor, source)) {
        return;
    }
    segment *holder = extent_segment(&store->extents, cursor.address);
    bitcask_displace(store, keys, entry->hash, cursor.address);
    space_count_out(keys, holder, source->bytes);
    if (entry->kind != RECORD_PUT) {
        keydir_remove(keys->keys, &cursor);
        return;
    }
    keydir_replace(keys->keys, &cursor, entry->hash, bitcask_address(self->output, entry->offset));
    space_count_in(keys, self->output, entry->bytes);
}

/* The same of the next entry, with what it needs; of a namespace that is gone there is nothing to
 * swing. */
static pykv_status swing_next(bitcask *store, merge *self) REQUIRES(store->writer)
{
    uint32_t id = self->hints.entries[self->swing_index].space_id;
    const space *within = bitcask_find_space(store, id);
    pykv_status status = PYKV_OK;
    if (within != NULL) {
        directory *keys = directory_now_locked(&within->directory);
        if (keys->pin_count > 0) {
            status = moment_make_room(store, keys, 1);
        }
        if (status == PYKV_OK) {
            status = live_shares_reserve(&self->output->shares, id);
        }
        if (status == PYKV_OK) {
            swing_one(store, self, keys, self->swing_index);
        }
    }
    self->swing_index += status == PYKV_OK;
    return status;
}

/* Brings the lines of the next group near, so that the lock is held for a short time only. */
static void prefetch_swing(bitcask *store, const merge *self, uint64_t end)
{
    epoch_token token = epoch_enter(&store->gate.readers);
    const keydir *keys = directory_now(&store->spaces.main.directory)->keys;
    for (uint64_t i = self->swing_index; i < end; i++) {
        keydir_prefetch_bucket(keys, self->hints.entries[i].hash);
    }
    for (uint64_t i = self->swing_index; i < end; i++) {
        keydir_prefetch_line(keys, self->hints.entries[i].hash);
    }
    epoch_leave(&store->gate.readers, token);
}

static pykv_status swing_group(bitcask *store, merge *self)
{
    uint64_t left = self->hints.count - self->swing_index;
    uint64_t count = left < MERGE_GROUP_RECORDS ? left : MERGE_GROUP_RECORDS;
    uint64_t end = self->swing_index + count;
    pykv_status status = PYKV_OK;
    prefetch_swing(store, self, end);
    mutex_lock(&store->writer);
    while (status == PYKV_OK && self->swing_index < end) {
        status = swing_next(store, self);
    }
    self->output->swung_length = self->swing_index < self->hints.count
                                     ? self->hints.entries[self->swing_index].offset
                                     : UINT64_MAX;
    mutex_unlock(&store->writer);
    return status;
}

pykv_status merge_swing_step(bitcask *store, merge *self)
{
    pykv_status status = PYKV_OK;
    uint64_t end = self->swing_index + MERGE_SWING_RECORDS;
    do {
        status = swing_group(store, self);
    } while (status == PYKV_OK && self->swing_index < self->hints.count && self->swing_index < end);
    if (status == PYKV_OK && self->swing_index == self->hints.count) {
        bool is_last = self->input_index == self->input_count;
        if (!is_last) {
            merge_end_output(self);
        }
        self->phase = is_last ? MERGE_REMOVE : MERGE_COPY;
    }
    return status;
}

/* ---- REMOVE ---- */

static void set_leaving(const merge *self, bool leaving)
{
    for (size_t i = 0; i < self->input_count; i++) {
        self->inputs[i]->leaving = leaving;
    }
}

static pykv_status write_without_inputs(bitcask *store) REQUIRES(store->manifest_lock)
{
    uint64_t merge_edit = store->merge_edit;
    store->merge_edit = store->edit + 1;
    pykv_status status = bitcask_write_current_manifest_locked(store);
    if (status != PYKV_OK) {
        store->merge_edit = merge_edit;
    }
    return status;
}

static void remove_inputs(bitcask *store, merge *self, pykv_status written)
{
    mutex_lock(&store->writer);
    set_leaving(self, false);
    for (size_t i = 0; i < self->input_count && written == PYKV_OK; i++) {
        bitcask_remove_segment(store, self->inputs[i]);
        self->inputs[i]->removed = true;
    }
    mutex_unlock(&store->writer);
}

/* The inputs leave the manifest and the store at once: a manifest that another thread composed in
 * between could make history of one whose file is about to go. */
static pykv_status take_inputs_out(bitcask *store, merge *self)
{
    mutex_lock(&store->manifest_lock);
    mutex_lock(&store->writer);
    set_leaving(self, true);
    mutex_unlock(&store->writer);
    pykv_status status = write_without_inputs(store);
    if (PYKV_PLANTED(410)) {
        mutex_unlock(&store->manifest_lock);
        for (int i = 0; i < 1000 && mutex_try_lock(&store->manifest_lock); i++) {
            mutex_unlock(&store->manifest_lock);
            sched_yield();
        }
        remove_inputs(store, self, status);
        return status;
    }
    remove_inputs(store, self, status);
    mutex_unlock(&store->manifest_lock);
    return status;
}

/* Whether what the merge frees is worth what it read, whatever is written meanwhile. */
static bool is_fruitful(const merge *self)
{
    uint64_t read = 0;
    uint64_t kept = self->finished_bytes;
    for (size_t i = 0; i < self->input_count; i++) {
        read += atomic_load_explicit(&self->inputs[i]->length, memory_order_relaxed);
    }
    if (self->output != NULL) {
        kept += atomic_load_explicit(&self->output->length, memory_order_relaxed);
    }
    return kept + read / MERGE_FRUIT_SHARE < read;
}

/* What became history keeps its log. */
static void unlink_inputs(bitcask *store, const merge *self)
{
    for (size_t i = 0; i < self->input_count; i++) {
        uint32_t number = self->inputs[i]->number;
        mutex_lock(&store->writer);
        bool stays = bitcask_history_has(store, number) && !PYKV_PLANTED(201);
        mutex_unlock(&store->writer);
        if (stays) {
            segment_unlink_hint(store->home, number);
        } else {
            segment_unlink(store->home, number);
        }
    }
}

pykv_status merge_remove_step(bitcask *store, merge *self) REQUIRES(store->merge_lock)
{
    pykv_status status =
        PYKV_PLANTED(30) ? PYKV_OK : bitcask_sync_through(store, self->copied_sequence);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; PYKV_PLANTED(37) && i < self->input_count; i++) {
        segment_unlink(store->home, self->inputs[i]->number);
    }
    status = take_inputs_out(store, self);
    if (status != PYKV_OK) {
        return status;
    }
    unlink_inputs(store, self);
    store->merge_was_fruitful = is_fruitful(self);
    mutex_lock(&store->writer);
    merge_unpin_inputs(store, self);
    mutex_unlock(&store->writer);
    atomic_fetch_add_explicit(&store->counters.merge_count, 1, memory_order_relaxed);
    merge_free(store, self);
    return PYKV_OK;
}
