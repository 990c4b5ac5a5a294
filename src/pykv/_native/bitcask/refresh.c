/*
 * refresh: building what is shown next, and swapping it in.
 *
 * A list of segments is made beside the one that is shown: sealed segments that are in both are
 * shared, the others are opened. Directories are built from the new list and take the places of the
 * old ones; segments that are not listed any more leave as those that a merge replaced do, so
 * snapshots, scans and views keep what they pin.
 */
#include "bitcask/refresh.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/history.h"
#include "bitcask/limbo.h"
#include "bitcask/rebuild.h"
#include "bitcask/recover.h"
#include "bitcask/segment_dictionary.h"
#include "bitcask/segment_list.h"
#include "bitcask/space_list.h"

/* What is to be shown. */
typedef struct next_state {
    segment **segments; /* with room for all; first those that are shared */
    size_t shared_count;
    segment **opened; /* owned until they are in the list of the store */
    size_t opened_count;
    bitcask_tail tail;
    listed_history history;
} next_state;

static void next_reset(next_state *self)
{
    for (size_t i = 0; i < self->opened_count; i++) {
        segment_close(self->opened[i]);
    }
    mem_free(self->opened);
    mem_free(self->segments);
    bitcask_tail_reset(&self->tail);
    listed_history_reset(&self->history);
}

/* The segment of entry, if it is shown whole; else NULL. */
static segment *find_shown(bitcask *self, const manifest_segment *entry)
{
    segment *found = NULL;
    mutex_lock(&self->writer);
    for (size_t i = 0; i < self->segment_count && found == NULL; i++) {
        segment *shown = self->segments[i];
        if (shown->number == entry->number && shown->file_id == entry->file_id && shown->sealed) {
            found = shown;
        }
    }
    mutex_unlock(&self->writer);
    return found;
}

static pykv_status take_entry(bitcask *self, const manifest_segment *entry, next_state *next)
{
    segment *shared = entry->sealed ? find_shown(self, entry) : NULL;
    if (shared != NULL) {
        next->segments[next->shared_count++] = shared;
        return PYKV_OK;
    }
    segment **opened = &next->opened[next->opened_count];
    pykv_status status =
        segment_open(self->home, entry, self->store_id, entry->length, self->mapped_reads, opened);
    if (status == PYKV_OK) {
        segment_find_dictionary(*opened);
        (*opened)->address_bytes = entry->length;
        next->opened_count++;
    }
    return status;
}

/* Opens what is listed. In a clean manifest the one that is not sealed is as long as it says. */
static pykv_status open_listed(bitcask *self, const manifest *listed, shown_state *shown,
                               next_state *next)
{
    next->segments = mem_alloc_zeroed(listed->segment_count + 1, sizeof(segment *));
    next->opened = mem_alloc_zeroed(listed->segment_count + 1, sizeof(segment *));
    if (next->segments == NULL || next->opened == NULL) {
        return error_set_no_memory((listed->segment_count + 1) * sizeof(segment *));
    }
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < listed->segment_count && status == PYKV_OK; i++) {
        if (listed->segments[i].sealed || listed->clean) {
            status = take_entry(self, &listed->segments[i], next);
        }
    }
    if (status != PYKV_OK) {
        return status;
    }
    if (listed->clean) {
        next->tail.last_sequence = listed->last_sequence;
        next->tail.synced_sequence = listed->last_sequence;
        next->tail.clear_sequence = listed->clear_sequence;
        return PYKV_OK;
    }
    status = bitcask_read_tail(self, listed, shown, &next->tail);
    for (size_t i = 0; status == PYKV_OK && i < next->tail.count; i++) {
        next->opened[next->opened_count++] = next->tail.segments[i];
    }
    next->tail.count = 0;
    return status;
}

/* ---- the swap ---- */

/* The list of segments, and what a rebuild of the directory goes by. */
typedef struct shown_list {
    segment **segments;
    size_t count;
    size_t capacity;
    uint64_t clear_sequence;
} shown_list;

static shown_list exchange_list(bitcask *self, shown_list with) REQUIRES(self->writer)
{
    shown_list before = {self->segments, self->segment_count, self->segment_capacity,
                         directory_now_locked(&self->spaces.main.directory)->clear_sequence};
    self->segments = with.segments;
    self->segment_count = with.count;
    self->segment_capacity = with.capacity;
    directory_now_locked(&self->spaces.main.directory)->clear_sequence = with.clear_sequence;
    return before;
}

/* Makes the directories of the list in force, with what was opened. */
static pykv_status add_and_rebuild(bitcask *self, const next_state *next) REQUIRES(self->writer)
{
    pykv_status status = PYKV_OK;
    size_t added = 0;
    while (added < next->opened_count && status == PYKV_OK) {
        segment *opened = next->opened[added];
        status = bitcask_add_segment(self, opened, opened->address_bytes, BITCASK_NO_ADDRESS);
        added += status == PYKV_OK;
    }
    if (status == PYKV_OK) {
        status = bitcask_rebuild(self);
    }
    for (size_t i = 0; i < added && status != PYKV_OK; i++) {
        extent_give_back(&self->extents, next->opened[i]->address_base,
                         next->opened[i]->address_bytes);
    }
    return status;
}

static bool is_listed(const bitcask *self, const segment *wanted) REQUIRES(self->writer)
{
    for (size_t i = 0; i < self->segment_count; i++) {
        if (self->segments[i] == wanted) {
            return true;
        }
    }
    return false;
}

/* Lets go of what is not listed any more. */
static void retire(bitcask *self, const shown_list *before) REQUIRES(self->writer)
{
    bool more = true;
    for (size_t i = 0; i < before->count; i++) {
        if (!is_listed(self, before->segments[i])) {
            bitcask_retire_segment(self, before->segments[i]);
        }
    }
    mem_free(before->segments);
    for (int i = 0; i < 2 && more; i++) {
        bitcask_sweep_limbo(self, &more);
    }
}

static void adopt(bitcask *self, const manifest *listed, const bitcask_tail *tail)
    REQUIRES(self->manifest_lock) REQUIRES(self->writer)
{
    self->edit = listed->edit;
    self->merge_edit = listed->merge_edit;
    self->epoch_number = listed->epoch;
    self->sealed_sequence = listed->sealed_sequence;
    self->synced_position = listed->durable_through;
    self->appended_sequence = tail->last_sequence;
    self->published_sequence = tail->last_sequence;
    if (tail->synced_sequence > self->synced_sequence) {
        self->synced_sequence = tail->synced_sequence;
    }
    self->recovered_record_count = tail->record_count;
    self->discarded_bytes = tail->discarded_bytes;
    store_clock_raise(&self->clock, listed->wall_high_us);
}

/* Shows what was opened. */
static pykv_status show(bitcask *self, const manifest *listed, next_state *next)
    REQUIRES(self->manifest_lock)
{
    mutex_lock(&self->writer);
    pykv_status status =
        shown_check_sequence(self->home, self->published_sequence, next->tail.last_sequence);
    if (status == PYKV_OK) {
        shown_list list = {next->segments, next->shared_count, listed->segment_count + 1,
                           next->tail.clear_sequence};
        shown_list before = exchange_list(self, list);
        status = add_and_rebuild(self, next);
        if (status == PYKV_OK) {
            next->segments = NULL;
            next->opened_count = 0;
            adopt(self, listed, &next->tail);
            bitcask_history_exchange(self, &next->history);
            change_feeds_wake(&self->feeds);
            bitcask_remove_idle_spaces(self);
            retire(self, &before);
        } else {
            (void)exchange_list(self, before);
        }
    }
    mutex_unlock(&self->writer);
    return status;
}

/* ---- going on ---- */

static pykv_status read_manifest(bitcask *self, manifest *listed) REQUIRES(self->manifest_lock)
{
    pykv_status status = manifest_read(self->home, listed);
    if (status != PYKV_OK) {
        return status;
    }
    shown_identity shown = {self->store_id, self->epoch_number, self->edit};
    shown_identity found = {listed->store_id, listed->epoch, listed->edit};
    return shown_check(self->home, &shown, &found);
}

static void manifest_is_held(bitcask *self) ASSERTS_HELD(self->manifest_lock)
{
    (void)self;
}

static pykv_status show_newest(void *owner)
{
    bitcask *self = owner;
    manifest_is_held(self);
    manifest listed = {0};
    shown_state shown;
    next_state next = {.segments = NULL};
    pykv_status status = shown_state_begin(self->home, &shown);
    if (status == PYKV_OK) {
        status = read_manifest(self, &listed);
    }
    if (status == PYKV_OK) {
        status = open_listed(self, &listed, &shown, &next);
    }
    if (status == PYKV_OK) {
        status = bitcask_history_read(self, &listed, &next.history);
    }
    if (status == PYKV_OK) {
        status = show(self, &listed, &next);
    }
    if (status == PYKV_OK) {
        shown_state before = self->shown;
        self->shown = shown;
        shown = before;
    }
    pykv_error failure = *error_last();
    next_reset(&next);
    manifest_reset(&listed);
    shown_state_reset(&shown);
    error_restore(&failure);
    return status == PYKV_NOT_FOUND ? shown_set_gone(self->home) : status;
}

pykv_status bitcask_refresh(bitcask *self, uint64_t *sequence_out, bool *moved_out)
{
    pykv_status status = PYKV_OK;
    bool moved = false;
    if (self->options.read_only != 0) {
        mutex_lock(&self->manifest_lock);
        status = shown_state_go_on(&self->shown, self->home, show_newest, self, &moved);
        mutex_unlock(&self->manifest_lock);
    }
    if (moved) {
        name_book_forget(&self->names);
    }
    if (status == PYKV_OK) {
        mutex_lock(&self->writer);
        *sequence_out = self->published_sequence;
        mutex_unlock(&self->writer);
        *moved_out = moved;
    }
    return status;
}
