/*
 * moment: pinning what there is, sharing it, and letting go of it.
 */
#include "bitcask/moment.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/image.h"
#include "bitcask/keydir_list.h"
#include "bitcask/limbo.h"
#include "env/memory_share.h"

/* Orders pinned segments by address. */
static int compare_pinned(const void *left, const void *right)
{
    uint64_t a = ((const pinned_segment *)left)->source->address_base;
    uint64_t b = ((const pinned_segment *)right)->source->address_base;
    return (a > b) - (a < b);
}

static pykv_status new_pins(size_t count, store_moment *self)
{
    self->pinned = mem_alloc((count + 1) * sizeof *self->pinned);
    return self->pinned != NULL ? PYKV_OK : error_set_no_memory((count + 1) * sizeof *self->pinned);
}

static void pin(store_moment *self, pinned_segment wanted)
{
    wanted.source->pin_count++;
    self->pinned[self->pinned_count++] = wanted;
}

/* Whether a live record of the namespace may be in a segment. */
static bool may_show(const directory *keys, const segment *source)
{
    return keys->space_id == NAMESPACE_DEFAULT ||
           live_shares_find(&source->shares, keys->space_id) != NULL;
}

/* Pins every segment, and notes up to where displacing its records matters to a moment. */
static void pin_all(bitcask *store, store_moment *self) REQUIRES(store->writer)
{
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *source = store->segments[i];
        if (source->merging || !may_show(self->keys, source)) {
            continue;
        }
        uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
        if (source->swung_length < length && !PYKV_PLANTED(31)) {
            length = source->swung_length;
        }
        source->shown_length = length;
        uint64_t beginning = LOG_SEGMENT_HEADER_BYTES + source->dictionary_bytes;
        bool all_current = source->live_bytes + beginning == length;
        pin(self, (pinned_segment){source, length, all_current || PYKV_PLANTED(239)});
    }
    if (self->pinned_count > 1) {
        qsort(self->pinned, self->pinned_count, sizeof *self->pinned, compare_pinned);
    }
}

static void link_moment(bitcask *store, store_moment *self) REQUIRES(store->writer)
{
    self->store = store;
    self->keys->pin_count++;
    self->next = store->moments.first;
    store->moments.first = self;
    store->moments.open_count++;
    store->moments.snapshot_count += self->kind == MOMENT_SNAPSHOT;
}

static pykv_status open_locked(bitcask *store, space *within, store_moment *self)
    REQUIRES(store->writer)
{
    pykv_status status = new_pins(store->segment_count, self);
    if (status == PYKV_OK) {
        self->keys = directory_now_locked(&within->directory);
        pin_all(store, self);
        self->generation = ++store->moments.generation;
        self->visible_sequence = store->published_sequence;
        self->clear_sequence = self->keys->clear_sequence;
        self->now_us = store_clock_now(&store->clock);
        self->row_count = keydir_count(self->keys->keys);
        link_moment(store, self);
    }
    return status;
}

pykv_status moment_open_in(bitcask *store, space *within, moment_kind kind, store_moment *self)
{
    *self = (store_moment){.kind = kind};
    pykv_status status = bitcask_check_image_rest(store);
    if (status == PYKV_OK) {
        mutex_lock(&store->writer);
        status = open_locked(store, within, self);
        mutex_unlock(&store->writer);
    }
    return status;
}

/* ---- few rows ---- */

/* A walk decodes what stands between the rows; a list of them takes memory, and the writer lock
 * while the directory is gone through, which may have had more of them. */
enum { FEW_ROWS_MAX = 16384, FEW_ROW_BYTES = 256, FEW_DIRECTORY_BYTES = 1 << 20 };

static bool has_few_rows(const store_moment *self)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->pinned_count; i++) {
        bytes += self->pinned[i].length;
    }
    return self->row_count <= FEW_ROWS_MAX && self->row_count * FEW_ROW_BYTES < bytes &&
           keydir_bytes(self->keys->keys) <= FEW_DIRECTORY_BYTES;
}

static int compare_addresses(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

pykv_status moment_open_for_scan(bitcask *store, space *within, store_moment *self,
                                 buffer *addresses, bool *listed_out)
{
    *self = (store_moment){.kind = MOMENT_SCAN};
    pykv_status status = bitcask_check_image_rest(store);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&store->writer);
    status = open_locked(store, within, self);
    *listed_out = status == PYKV_OK && has_few_rows(self);
    if (*listed_out) {
        status = keydir_list(self->keys->keys, addresses);
    }
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        moment_free(self);
    } else if (addresses->size > 0) {
        qsort(addresses->data, addresses->size / sizeof(uint64_t), sizeof(uint64_t),
              compare_addresses);
    }
    return status;
}

pykv_status moment_open(bitcask *store, moment_kind kind, store_moment *self)
{
    return moment_open_in(store, &store->spaces.main, kind, self);
}

/* Memory that what is displaced may take. */
static uint64_t undo_limit(const bitcask *store)
{
    uint64_t given = store->options.undo_bytes_max;
    return given != 0 ? given : memory_share(store->env);
}

static pykv_status refuse_ended(const store_moment *self, pykv_status why)
{
    if (why != PYKV_SNAPSHOT_GONE) {
        return error_set(PYKV_CLOSED, "the snapshot, scan or store is closed");
    }
    return error_set_at(PYKV_SNAPSHOT_GONE, env_directory_path(self->store->home),
                        "so many rows changed or were merged while this snapshot or scan was open "
                        "that what it shows yet would have taken more than undo_bytes_max");
}

pykv_status moment_check(const store_moment *self)
{
    pykv_status why = atomic_load_explicit(&self->ended, memory_order_acquire);
    return PYKV_LIKELY(why == PYKV_OK) ? PYKV_OK : refuse_ended(self, why);
}

pykv_status moment_share(const store_moment *from, store_moment *self)
{
    bitcask *store = from->store;
    *self = (store_moment){.kind = MOMENT_SCAN};
    mutex_lock(&store->writer);
    pykv_status status = moment_check(from);
    if (status == PYKV_OK) {
        status = new_pins(from->pinned_count, self);
    }
    if (status == PYKV_OK) {
        for (size_t i = 0; i < from->pinned_count; i++) {
            pin(self, from->pinned[i]);
        }
        self->keys = from->keys;
        self->generation = from->generation;
        self->visible_sequence = from->visible_sequence;
        self->clear_sequence = from->clear_sequence;
        self->now_us = from->now_us;
        self->row_count = from->row_count;
        link_moment(store, self);
    }
    mutex_unlock(&store->writer);
    return status;
}

/* Of the moments of a directory. */
static uint64_t oldest_generation(const bitcask *store, const directory *keys)
    REQUIRES(store->writer)
{
    uint64_t oldest = UINT64_MAX;
    for (const store_moment *open = store->moments.first; open != NULL; open = open->next) {
        bool older = open->keys == keys && open->generation < oldest;
        oldest = older ? open->generation : oldest;
    }
    return oldest;
}

static void unlink_moment(bitcask *store, store_moment *self) REQUIRES(store->writer)
{
    for (store_moment **at = &store->moments.first; *at != NULL; at = &(*at)->next) {
        if (*at == self) {
            *at = self->next;
            break;
        }
    }
    store->moments.open_count--;
    store->moments.snapshot_count -= self->kind == MOMENT_SNAPSHOT;
}

static void writer_is_held(const bitcask *store) ASSERTS_HELD(store->writer)
{
    (void)store;
}

/* Whether an open moment of the directory that closed was at shows what was displaced at address:
 * it was there before, and address is in what it pinned. */
static bool is_needed(const void *closed, uint64_t address, uint64_t generation)
{
    const store_moment *self = closed;
    bool needed = false;
    writer_is_held(self->store);
    for (const store_moment *open = self->store->moments.first; open != NULL && !needed;
         open = open->next) {
        needed = open->keys == self->keys && open->generation <= generation &&
                 moment_pinned_at(open, address) != NULL;
    }
    return needed;
}

/* Drops what nobody shows any more: when the oldest moment closes, and, as others may come and go
 * while one is kept for ever, when there is much. */
static void prune(bitcask *store, store_moment *self, uint64_t oldest_before, uint64_t oldest)
    REQUIRES(store->writer)
{
    undo_table *undo = &self->keys->undo;
    uint64_t before = undo_bytes(undo);
    if (oldest == UINT64_MAX || PYKV_PLANTED(365)) {
        undo_prune(undo, NULL, NULL);
    } else if (oldest != oldest_before || (undo_has_grown(undo) && !PYKV_PLANTED(328))) {
        undo_prune(undo, is_needed, self);
    }
    store->moments.undo_bytes -= before - undo_bytes(undo);
}

/* Readers that see undo entries gone see that it ended too: that is set first. */
static void let_go(bitcask *store, store_moment *self, pykv_status why) REQUIRES(store->writer)
{
    uint64_t oldest_before = oldest_generation(store, self->keys);
    atomic_store_explicit(&self->ended, why, memory_order_release);
    unlink_moment(store, self);
    prune(store, self, oldest_before, oldest_generation(store, self->keys));
    for (size_t i = 0; i < self->pinned_count; i++) {
        bitcask_unpin_segment(store, self->pinned[i].source);
    }
    bitcask_unpin_directory(store, self->keys);
}

void moment_give_up(store_moment *self)
{
    bitcask *store = self->store;
    if (store == NULL) {
        return;
    }
    mutex_lock(&store->writer);
    if (atomic_load_explicit(&self->ended, memory_order_relaxed) == PYKV_OK) {
        let_go(store, self, PYKV_CLOSED);
    }
    atomic_store_explicit(&self->ended, PYKV_CLOSED, memory_order_release);
    mutex_unlock(&store->writer);
}

void moment_free(store_moment *self)
{
    moment_give_up(self);
    mem_free(self->pinned);
    self->pinned = NULL;
}

void moment_give_up_all(bitcask *store)
{
    mutex_lock(&store->writer);
    while (store->moments.first != NULL) {
        let_go(store, store->moments.first, PYKV_CLOSED);
    }
    mutex_unlock(&store->writer);
}

/* ---- what is displaced ---- */

bool moment_may_show(const bitcask *store, const directory *keys, uint64_t address)
{
    const segment *holder = extent_segment(&store->extents, address);
    return keys->pin_count > 0 && holder != NULL && !PYKV_PLANTED(51) &&
           (bitcask_offset(holder, address) < holder->shown_length || PYKV_PLANTED(187));
}

static store_moment *oldest_of_all(const bitcask *store) REQUIRES(store->writer)
{
    store_moment *oldest = store->moments.first;
    for (store_moment *open = oldest; open != NULL; open = open->next) {
        oldest = open->generation < oldest->generation ? open : oldest;
    }
    return oldest;
}

/* Whether so many bytes more would be too many. */
static bool exceeds_limit(const bitcask *store, uint64_t growth) REQUIRES(store->writer)
{
    uint64_t bytes = store->moments.undo_bytes + growth;
    bool is_small = store->options.undo_bytes_max == 0 && bytes <= MEMORY_SHARE_BYTES_MIN;
    return !is_small && bytes > undo_limit(store) && !PYKV_PLANTED(384);
}

pykv_status moment_make_room(bitcask *store, directory *keys, uint64_t count)
{
    uint64_t growth = 0;
    while (keys->pin_count > 0 && (growth = undo_growth(&keys->undo, count)) > 0 &&
           exceeds_limit(store, growth)) {
        let_go(store, oldest_of_all(store), PYKV_SNAPSHOT_GONE);
        store->moments.outgrown_count++;
    }
    if (keys->pin_count == 0 || growth == 0) {
        return PYKV_OK;
    }
    pykv_status status = undo_reserve(&keys->undo, count);
    store->moments.undo_bytes += status == PYKV_OK ? growth : 0;
    return status;
}
