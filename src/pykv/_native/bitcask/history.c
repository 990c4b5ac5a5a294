/*
 * history: the run, from its end to its beginning.
 */
#include "bitcask/history.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/manifest_edit.h"
#include "log/log_file.h"

enum { FEED_SEGMENTS_MAX = 4 }; /* that a feed keeps, so that merges do not leave it behind */

/* ---- the run ---- */

/* A walk down the run: before the first step, and behind its beginning, there is no file. */
typedef struct run_walk {
    size_t segments_left;
    size_t history_left;
    uint64_t due; /* sequence that is to be the next file's last */
    const segment *live;
    const manifest_segment *history; /* not both */
} run_walk;

static run_walk walk_begin(bitcask *self) REQUIRES(self->writer)
{
    return (run_walk){.segments_left = self->segment_count,
                      .history_left = self->history_count,
                      .due = self->appended_sequence};
}

/* A segment with records of the run, if it is not history already. */
static bool is_of_run(const segment *candidate)
{
    return candidate->kind == LOG_SEGMENT_APPEND && candidate->first_sequence != 0;
}

/* The file below, by numbers: those of append segments rise with their sequences. */
static bool walk_step(run_walk *walk, bitcask *self) REQUIRES(self->writer)
{
    while (walk->segments_left > 0 && !is_of_run(self->segments[walk->segments_left - 1])) {
        walk->segments_left--;
    }
    const segment *live = walk->segments_left > 0 ? self->segments[walk->segments_left - 1] : NULL;
    const manifest_segment *old =
        walk->history_left > 0 ? &self->history[walk->history_left - 1] : NULL;
    bool takes_old = old != NULL && (live == NULL || old->number >= live->number);
    bool takes_live = live != NULL && (old == NULL || live->number >= old->number);
    walk->history_left -= takes_old;
    walk->segments_left -= takes_live; /* both: it leaves just now */
    walk->history = takes_old ? old : NULL;
    walk->live = takes_live && !takes_old ? live : NULL;
    uint64_t last = takes_old ? old->last_sequence : takes_live ? live->last_sequence : 0;
    if (last == 0 || last != walk->due) {
        return false;
    }
    walk->due = (takes_old ? old->first_sequence : live->first_sequence) - 1;
    return true;
}

uint64_t bitcask_history_floor(bitcask *self)
{
    run_walk walk = walk_begin(self);
    uint64_t floor = walk.due + 1;
    while (walk_step(&walk, self)) {
        floor = walk.due + 1;
    }
    return floor;
}

bool bitcask_history_find(bitcask *self, uint64_t sequence, log_feed_place *place_out)
{
    run_walk walk = walk_begin(self);
    uint64_t last = walk.due;
    while (sequence <= last && walk_step(&walk, self)) {
        if (sequence > walk.due) {
            const segment *live = walk.live;
            const manifest_segment *old = walk.history;
            *place_out = (log_feed_place){
                .header = {.kind = LOG_SEGMENT_APPEND,
                           .number = live != NULL ? live->number : old->number,
                           .file_id = live != NULL ? live->file_id : old->file_id,
                           .birth_sequence =
                               live != NULL ? live->birth_sequence : old->birth_sequence,
                           .store_id = self->store_id},
                .last_sequence = last,
                .epoch = past_epochs_of(&self->epochs, sequence, self->epoch_number)};
            return true;
        }
        last = walk.due;
    }
    return false;
}

uint64_t bitcask_history_bytes(bitcask *self)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->history_count; i++) {
        bytes += self->history[i].length;
    }
    return bytes;
}

bool bitcask_history_has(bitcask *self, uint32_t number)
{
    bool found = false;
    for (size_t i = 0; i < self->history_count; i++) {
        found |= self->history[i].number == number;
    }
    return found;
}

/* ---- what is wanted ---- */

static bool is_full(const bitcask *self) REQUIRES(self->writer)
{
    bool is_short = self->state == PYKV_STATE_READ_ONLY || self->state == PYKV_STATE_DEGRADED;
    return is_short && self->failure.status == PYKV_NO_SPACE && !PYKV_PLANTED(204);
}

/* The lowest number of the history, those that leave included, that is wanted; UINT32_MAX: none.
 * floor_out: the first sequence of the run then. */
static uint32_t first_wanted(bitcask *self, uint64_t *floor_out) REQUIRES(self->writer)
{
    history_keeper keepers[HISTORY_KEEPERS_MAX];
    bool full = is_full(self);
    uint64_t wanted_bytes = full ? 0 : self->options.history_bytes;
    uint64_t feed_bytes = full ? 0 : FEED_SEGMENTS_MAX * self->options.segment_bytes;
    uint64_t now_us = self->feeds.pins.count > 0 ? store_clock_now(&self->clock) : 0;
    size_t count = change_feeds_keepers(&self->feeds, feed_bytes, now_us, keepers);
    uint32_t first = UINT32_MAX;
    uint64_t bytes = 0;
    run_walk walk = walk_begin(self);
    *floor_out = walk.due + 1;
    for (uint64_t last = walk.due; walk_step(&walk, self); last = walk.due) {
        bool leaves = walk.live != NULL && walk.live->leaving;
        if (walk.history != NULL || leaves) {
            uint64_t before = bytes;
            bytes += leaves ? atomic_load_explicit(&walk.live->length, memory_order_relaxed)
                            : walk.history->length;
            if (before >= wanted_bytes && !history_is_wanted(keepers, count, last, bytes)) {
                break;
            }
            first = leaves ? walk.live->number : walk.history->number;
        }
        *floor_out = walk.due + 1;
    }
    return PYKV_PLANTED(200) ? UINT32_MAX : first;
}

static void add_leaving(const segment *source, manifest *out)
{
    uint64_t at = out->history_count++;
    for (; at > 0 && out->history[at - 1].number > source->number; at--) {
        out->history[at] = out->history[at - 1];
    }
    out->history[at] =
        (manifest_segment){.number = source->number,
                           .kind = source->kind,
                           .sealed = true,
                           .file_id = source->file_id,
                           .birth_sequence = source->birth_sequence,
                           .first_sequence = source->first_sequence,
                           .last_sequence = source->last_sequence,
                           .length = atomic_load_explicit(&source->length, memory_order_relaxed)};
}

pykv_status bitcask_history_list(bitcask *self, manifest *out)
{
    uint64_t floor;
    uint32_t first = first_wanted(self, &floor);
    size_t capacity = self->history_count + self->segment_count + 1;
    out->history = mem_alloc_zeroed(capacity, sizeof *out->history);
    if (out->history == NULL) {
        return error_set_no_memory(capacity * sizeof *out->history);
    }
    for (size_t i = 0; i < self->history_count; i++) {
        if (self->history[i].number >= first) {
            out->history[out->history_count++] = self->history[i];
        }
    }
    for (size_t i = 0; i < self->segment_count; i++) {
        const segment *source = self->segments[i];
        bool wanted = source->leaving && is_of_run(source) && source->number >= first;
        if (wanted && !bitcask_history_has(self, source->number)) {
            add_leaving(source, out);
        }
    }
    /* With the epoch of the operation before, behind which a feed may begin. */
    return past_epochs_copy(&self->epochs, floor - !PYKV_PLANTED(377), &out->epochs);
}

void bitcask_history_settle(bitcask *self, manifest *listed)
{
    mutex_lock(&self->writer);
    manifest_segment *before = self->history;
    size_t before_count = self->history_count;
    self->history = listed->history;
    self->history_count = (size_t)listed->history_count;
    mutex_unlock(&self->writer);
    listed->history = NULL;
    listed->history_count = 0;
    for (size_t i = 0; i < before_count; i++) {
        mutex_lock(&self->writer);
        bool stays = bitcask_history_has(self, before[i].number);
        mutex_unlock(&self->writer);
        if (!stays) {
            segment_unlink(self->home, before[i].number);
        }
    }
    mem_free(before);
}

pykv_status bitcask_history_trim(bitcask *self)
{
    uint64_t floor;
    mutex_lock(&self->writer);
    bool due = self->history_count > 0 && self->options.read_only == 0 &&
               self->state != PYKV_STATE_FAILED &&
               first_wanted(self, &floor) > self->history[0].number;
    mutex_unlock(&self->writer);
    return due ? bitcask_write_current_manifest(self) : PYKV_OK;
}

/* ---- taking over ---- */

/* False: the file is missing or another one. */
static bool is_there(const bitcask *self, const manifest_segment *listed)
{
    log_segment_header header = {.kind = listed->kind,
                                 .number = listed->number,
                                 .file_id = listed->file_id,
                                 .birth_sequence = listed->birth_sequence,
                                 .store_id = self->store_id};
    env_file *file;
    uint64_t size = 0;
    pykv_status status = log_file_open(self->home, &header, false, &file, &size);
    if (status == PYKV_OK) {
        env_file_close(file);
        return size >= listed->length;
    }
    return status != PYKV_CORRUPTION; /* a feed that comes to it says what is wrong */
}

void listed_history_reset(listed_history *self)
{
    mem_free(self->files);
    past_epochs_reset(&self->epochs);
    *self = (listed_history){.files = NULL};
}

pykv_status bitcask_history_read(const bitcask *self, const manifest *listed, listed_history *out)
{
    size_t capacity = (size_t)listed->history_count + 1;
    listed_history made = {.files = mem_alloc_zeroed(capacity, sizeof *made.files),
                           .pins = listed->pins};
    if (made.files == NULL) {
        return error_set_no_memory(capacity * sizeof *made.files);
    }
    for (uint64_t i = 0; i < listed->history_count; i++) {
        bool forgotten = PYKV_PLANTED(205) && !listed->clean;
        if (is_there(self, &listed->history[i]) && !forgotten) {
            made.files[made.count++] = listed->history[i];
        }
    }
    pykv_status status = past_epochs_copy(&listed->epochs, 0, &made.epochs);
    if (status != PYKV_OK) {
        listed_history_reset(&made);
        return status;
    }
    *out = made;
    return PYKV_OK;
}

void bitcask_history_exchange(bitcask *store, listed_history *self)
{
    listed_history before = {store->history, store->history_count, store->epochs,
                             store->feeds.pins};
    store->history = self->files;
    store->history_count = self->count;
    store->epochs = self->epochs;
    store->feeds.pins = self->pins;
    *self = before;
}
