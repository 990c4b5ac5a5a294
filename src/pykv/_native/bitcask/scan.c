/*
 * scan: walking the pinned segments and choosing what was current when the scan began.
 *
 * Records are taken in groups: hashes first, then the directory lines are prefetched, then looked
 * up, so that the misses of a group overlap. Rows are copied into the scan's own buffer: nothing is
 * pinned between calls but the segments.
 */
#include "bitcask/scan.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/limbo.h"
#include "log/log_reader.h"

enum { SCAN_GROUP = 64, SCAN_CHUNK_BYTES = 64 * 1024 };

/* A segment as it was when the scan began. Slots that a merge points to its output later are shown
 * from where they stood, so of an output only what was swung then is looked at. */
typedef struct pinned_segment {
    segment *source;
    uint64_t length;
} pinned_segment;

struct scan {
    bitcask *store; /* NULL once closed */
    directory *keys;
    struct scan *next; /* in the store's list */
    bool keys_only;
    uint64_t left; /* rows that may still be given */
    uint64_t generation;
    uint64_t visible_sequence;
    uint64_t now_us; /* what has a deadline up to it is not shown */
    uint64_t clear_sequence;
    pinned_segment *pinned;
    size_t pinned_count;
    size_t segment_index;
    pykv_error failure; /* status PYKV_OK: none yet */
    bool reader_ready;
    log_reader reader;
    buffer file; /* holds a segment that is not mapped */
    buffer rows;
    buffer offsets; /* of uint64_t */
    size_t row_count;
};

/* Records of a group that are looked at together. */
typedef struct group {
    record records[SCAN_GROUP];
    uint64_t hashes[SCAN_GROUP];
    uint64_t offsets[SCAN_GROUP];
    size_t count;
} group;

/* ---- opening and closing ---- */

static pykv_status pin_segments(bitcask *store, scan *self) REQUIRES(store->writer)
{
    self->pinned = mem_alloc((store->segment_count + 1) * sizeof *self->pinned);
    if (self->pinned == NULL) {
        return error_set_no_memory((store->segment_count + 1) * sizeof *self->pinned);
    }
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *source = store->segments[i];
        if (source->merging) {
            continue;
        }
        uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
        if (source->swung_length < length && !PYKV_PLANTED(31)) {
            length = source->swung_length;
        }
        source->pin_count++;
        self->pinned[self->pinned_count++] = (pinned_segment){source, length};
    }
    return PYKV_OK;
}

pykv_status scan_open(bitcask *store, bool keys_only, scan **scan_out)
{
    pykv_status status = bitcask_check_image_rest(store);
    if (status != PYKV_OK) {
        return status;
    }
    scan *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->keys_only = keys_only;
    self->left = UINT64_MAX;
    mutex_lock(&store->writer);
    status = pin_segments(store, self);
    if (status == PYKV_OK) {
        self->store = store;
        self->keys = directory_now_locked(&store->directory);
        self->keys->pin_count++;
        self->generation = ++store->scan_generation;
        self->visible_sequence = store->published_sequence;
        self->now_us = store_clock_now(&store->clock);
        self->clear_sequence = store->clear_sequence;
        self->next = store->scans;
        store->scans = self;
        store->open_scan_count++;
    }
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *scan_out = self;
    return PYKV_OK;
}

void scan_set_limit(scan *self, uint64_t row_count)
{
    self->left = row_count > 0 ? row_count : UINT64_MAX;
}

static uint64_t oldest_generation(const bitcask *store) REQUIRES(store->writer)
{
    uint64_t oldest = UINT64_MAX;
    for (const scan *open = store->scans; open != NULL; open = open->next) {
        oldest = open->generation < oldest ? open->generation : oldest;
    }
    return oldest;
}

static void unlink_scan(bitcask *store, scan *self) REQUIRES(store->writer)
{
    uint64_t oldest_before = oldest_generation(store);
    for (scan **at = &store->scans; *at != NULL; at = &(*at)->next) {
        if (*at == self) {
            *at = self->next;
            break;
        }
    }
    store->open_scan_count--;
    uint64_t oldest = oldest_generation(store);
    if (oldest != oldest_before) {
        undo_prune(&self->keys->undo, oldest);
    }
    for (size_t i = 0; i < self->pinned_count; i++) {
        bitcask_unpin_segment(store, self->pinned[i].source);
    }
    bitcask_unpin_directory(store, self->keys);
}

/* Ends the scan; its handle stays, with the rows that its user may be reading at this moment. */
static void detach(bitcask *store, scan *self) REQUIRES(store->writer)
{
    unlink_scan(store, self);
    self->store = NULL;
    mem_free(self->pinned);
    self->pinned = NULL;
    self->pinned_count = 0;
    buffer_reset(&self->file);
}

void scan_free(bitcask *store, scan *self)
{
    mutex_lock(&store->writer);
    if (self->store != NULL) {
        detach(store, self);
    }
    mutex_unlock(&store->writer);
    buffer_reset(&self->rows);
    buffer_reset(&self->offsets);
    mem_free(self);
}

void scan_close_all(bitcask *store)
{
    mutex_lock(&store->writer);
    while (store->scans != NULL) {
        detach(store, store->scans);
    }
    mutex_unlock(&store->writer);
}

/* ---- walking ---- */

static pykv_status begin_segment(scan *self)
{
    const pinned_segment *pinned = &self->pinned[self->segment_index];
    const uint8_t *data;
    uint64_t size;
    pykv_status status = segment_view(pinned->source, &self->file, &data, &size);
    if (status == PYKV_OK && size < pinned->length) {
        status = error_set_corruption(env_file_path(pinned->source->file), size,
                                      "the segment is shorter than it was", pinned->length, size);
    }
    if (status == PYKV_OK) {
        log_reader_init(&self->reader, data, pinned->length, pinned->source->file_id,
                        LOG_SEGMENT_HEADER_BYTES, pinned->source->kind == LOG_SEGMENT_APPEND, 0);
        self->reader_ready = true;
    }
    return status;
}

static void fill_group(scan *self, group *out)
{
    out->count = 0;
    while (out->count < SCAN_GROUP &&
           log_reader_next(&self->reader, &out->records[out->count], &out->offsets[out->count])) {
        const record *found = &out->records[out->count];
        if (found->kind != RECORD_PUT || found->sequence > self->visible_sequence ||
            found->sequence <= self->clear_sequence ||
            (found->deadline_us != 0 && found->deadline_us <= self->now_us)) {
            continue;
        }
        out->hashes[out->count] = bitcask_hash(self->store, found->key.data, found->key.size);
        keydir_prefetch_bucket(self->keys->keys, out->hashes[out->count]);
        out->count++;
    }
    for (size_t i = 0; i < out->count; i++) {
        keydir_prefetch_line(self->keys->keys, out->hashes[i]);
    }
}

/* True if the slot of hash leads to address now; *sure false: a change overtook the look. */
static bool leads_to(const keydir *keys, uint64_t hash, uint64_t address, bool *sure)
{
    keydir_cursor cursor;
    if (!keydir_image_ready(keys, hash) || !keydir_find(keys, hash, &cursor)) {
        *sure = false;
        return false;
    }
    bool found = keydir_next_to(&cursor, address);
    *sure = keydir_still(&cursor);
    return found;
}

static pykv_status was_current(scan *self, uint64_t hash, uint64_t address, bool *current)
{
    bool sure;
    *current = leads_to(self->keys->keys, hash, address, &sure);
    if (!sure) {
        pykv_status status = bitcask_check_image(self->store, hash);
        if (status != PYKV_OK) {
            return status;
        }
        mutex_lock(&self->store->writer);
        *current = leads_to(self->keys->keys, hash, address, &sure);
        mutex_unlock(&self->store->writer);
        PYKV_ASSERT(sure);
    }
    if (!*current) {
        *current = undo_shows(&self->keys->undo, hash, address, self->generation);
    }
    return PYKV_OK;
}

static pykv_status add_row(scan *self, const record *found)
{
    uint64_t key_at = self->rows.size;
    uint64_t value_at = key_at + found->key.size;
    pykv_status status = buffer_append(&self->rows, found->key.data, found->key.size);
    if (status == PYKV_OK && !self->keys_only) {
        status = buffer_append(&self->rows, found->value.data, found->value.size);
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->offsets, &key_at, sizeof key_at);
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->offsets, &value_at, sizeof value_at);
    }
    self->row_count++;
    return status;
}

static pykv_status add_group(scan *self, const group *from)
{
    const segment *source = self->pinned[self->segment_index].source;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < from->count && self->row_count < self->left && status == PYKV_OK; i++) {
        bool current;
        status =
            was_current(self, from->hashes[i], bitcask_address(source, from->offsets[i]), &current);
        if (status == PYKV_OK && current) {
            status = add_row(self, &from->records[i]);
        }
    }
    return status;
}

/* The walk stopped: at the pinned end, or at damage. */
static pykv_status end_segment(scan *self)
{
    const pinned_segment *pinned = &self->pinned[self->segment_index];
    self->reader_ready = false;
    self->segment_index++;
    if (self->reader.valid_end == pinned->length) {
        return PYKV_OK;
    }
    return error_set_corruption(env_file_path(pinned->source->file), self->reader.valid_end,
                                "a record is damaged", pinned->length, self->reader.valid_end);
}

static pykv_status fill_rows(scan *self, size_t chunk_bytes)
{
    pykv_status status = PYKV_OK;
    group *batch = mem_alloc(sizeof *batch);
    if (batch == NULL) {
        return error_set_no_memory(sizeof *batch);
    }
    while (status == PYKV_OK && self->rows.size < chunk_bytes && self->row_count < self->left &&
           self->segment_index < self->pinned_count) {
        if (!self->reader_ready) {
            status = begin_segment(self);
        }
        if (status == PYKV_OK) {
            fill_group(self, batch);
            status = add_group(self, batch);
        }
        if (status == PYKV_OK && self->reader.stop != LOG_STOP_NONE) {
            status = end_segment(self);
        }
    }
    mem_free(batch);
    return status;
}

pykv_status scan_next(scan *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    static const uint8_t no_bytes[1] = {0}; /* of rows that are all empty */
    if (self->store == NULL) {
        return error_set(PYKV_CLOSED, "the scan or its store is closed");
    }
    if (self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    buffer_clear(&self->rows);
    buffer_clear(&self->offsets);
    self->row_count = 0;
    pykv_status status = fill_rows(self, chunk_bytes == 0 ? SCAN_CHUNK_BYTES : chunk_bytes);
    uint64_t end = self->rows.size;
    if (status == PYKV_OK) {
        status = buffer_append(&self->offsets, &end, sizeof end);
    }
    if (status == PYKV_OK) {
        self->left -= self->row_count;
        rows_out->count = self->row_count;
        rows_out->data = self->rows.data != NULL ? self->rows.data : no_bytes;
        rows_out->offsets = (const uint64_t *)(const void *)self->offsets.data;
    } else {
        self->failure = *error_last(); /* rows that were taken are gone: there is no going on */
    }
    return status;
}
