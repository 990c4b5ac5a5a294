/*
 * scan: walking the pinned segments and choosing what was current when the scan began; few rows
 * among much else are read one by one.
 *
 * Records are taken in groups: hashes first, then the directory lines are prefetched, then looked
 * up, so that the misses of a group overlap. Rows are copied into the scan's own buffer: nothing is
 * pinned between calls but the segments.
 */
#include "bitcask/scan.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/key_hash.h"
#include "bitcask/named.h"
#include "bitcask/scan_rows.h"
#include "bitcask/unpack.h"
#include "log/log_reader.h"

enum { SCAN_GROUP = 64, SCAN_CHUNK_BYTES = 64 * 1024, SCAN_CHUNK_ROWS = 1024 };

struct scan {
    store_moment at;
    bool keys_only;
    uint64_t left; /* rows that may still be given */
    size_t segment_index;
    bool by_address;    /* a list of addresses is gone through, not the segments */
    buffer addresses;   /* of uint64_t */
    size_t address_at;  /* in addresses, of the next one */
    pykv_error failure; /* status PYKV_OK: none yet */
    bool reader_ready;
    log_reader reader;
    buffer file;  /* holds a segment that is not mapped */
    buffer plain; /* a value that was packed */
    scan_rows rows;
    bool is_listed; /* they are what is given next */
};

/* Records of a group that are looked at together. */
typedef struct group {
    record records[SCAN_GROUP];
    uint64_t hashes[SCAN_GROUP];
    uint64_t offsets[SCAN_GROUP];
    size_t count;
} group;

/* ---- opening and closing ---- */

/* A scan that lacks its moment; NULL: no memory, and the error is set. */
static scan *new_scan(bool keys_only)
{
    scan *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        (void)error_set_no_memory(sizeof *self);
        return NULL;
    }
    self->keys_only = keys_only;
    self->left = UINT64_MAX;
    return self;
}

pykv_status scan_open_in(bitcask *store, space *within, bool keys_only, scan **scan_out)
{
    scan *self = new_scan(keys_only);
    if (self == NULL) {
        return PYKV_NO_MEMORY;
    }
    pykv_status status =
        moment_open_for_scan(store, within, &self->at, &self->addresses, &self->by_address);
    if (status != PYKV_OK) {
        buffer_reset(&self->addresses);
        mem_free(self);
        return status;
    }
    *scan_out = self;
    return PYKV_OK;
}

pykv_status scan_open(bitcask *store, bool keys_only, scan **scan_out)
{
    return scan_open_in(store, &store->spaces.main, keys_only, scan_out);
}

pykv_status scan_open_at(const store_moment *at, bool keys_only, scan **scan_out)
{
    scan *self = new_scan(keys_only);
    pykv_status status = self != NULL ? moment_share(at, &self->at) : PYKV_NO_MEMORY;
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

void scan_free(scan *self)
{
    moment_free(&self->at);
    buffer_reset(&self->addresses);
    buffer_reset(&self->file);
    buffer_reset(&self->plain);
    scan_rows_reset(&self->rows);
    mem_free(self);
}

/* ---- walking ---- */

static pykv_status begin_segment(scan *self)
{
    const pinned_segment *pinned = &self->at.pinned[self->segment_index];
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

static bool may_show(const scan *self, const record *found)
{
    return found->kind == RECORD_PUT && moment_sees(&self->at, found);
}

static void fill_group(scan *self, group *out)
{
    out->count = 0;
    while (out->count < SCAN_GROUP &&
           log_reader_next(&self->reader, &out->records[out->count], &out->offsets[out->count])) {
        const record *found = &out->records[out->count];
        if (!may_show(self, found)) {
            continue;
        }
        out->hashes[out->count] = bitcask_hash(self->at.store, found->key.data, found->key.size);
        keydir_prefetch_bucket(self->at.keys->keys, out->hashes[out->count]);
        out->count++;
    }
    for (size_t i = 0; i < out->count; i++) {
        keydir_prefetch_line(self->at.keys->keys, out->hashes[i]);
    }
}

/* The value of a row of the segment that is walked. */
static pykv_status unpack_row(scan *self, uint64_t offset, record *found)
{
    segment *source = self->at.pinned[self->segment_index].source;
    return unpack_record_of(&self->at.store->codecs, source, offset, found, &self->plain);
}

static pykv_status add_row(scan *self, uint64_t offset, record *found)
{
    pykv_status status = PYKV_OK;
    if (self->keys_only) {
        found->value = slice_make(NULL, 0);
    } else if (PYKV_UNLIKELY(record_is_packed(found))) {
        status = unpack_row(self, offset, found);
    }
    return status == PYKV_OK ? scan_rows_add(&self->rows, found->key, found->value) : status;
}

pykv_status scan_open_listed(const slice *keys, size_t count, scan **scan_out)
{
    scan *self = new_scan(true);
    if (self == NULL) {
        return PYKV_NO_MEMORY;
    }
    pykv_status status = PYKV_OK;
    scan_rows_begin(&self->rows, SCAN_CHUNK_BYTES);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        status = scan_rows_add(&self->rows, keys[i], slice_make(NULL, 0));
    }
    if (status != PYKV_OK) {
        scan_free(self);
        return status;
    }
    self->is_listed = true;
    *scan_out = self;
    return PYKV_OK;
}

/* Adds the rows of a segment in which every record was current. */
static pykv_status add_current(scan *self)
{
    pykv_status status = PYKV_OK;
    record found;
    uint64_t offset;
    while (status == PYKV_OK && self->rows.count < self->left &&
           !scan_rows_are_enough(&self->rows) && log_reader_next(&self->reader, &found, &offset)) {
        if (may_show(self, &found)) {
            status = add_row(self, offset, &found);
        }
    }
    return status;
}

static pykv_status add_group(scan *self, group *from)
{
    const segment *source = self->at.pinned[self->segment_index].source;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < from->count && self->rows.count < self->left && status == PYKV_OK; i++) {
        bool current;
        status = moment_shows(&self->at, from->hashes[i], bitcask_address(source, from->offsets[i]),
                              &current);
        if (status == PYKV_OK && current) {
            status = add_row(self, from->offsets[i], &from->records[i]);
        }
    }
    return status;
}

/* Damage where the walk stopped: of a record of the batch that begins there, or of the batch as a
 * whole. */
static pykv_status tell_damage(const log_reader *walk, const segment *source)
{
    uint64_t at = walk->valid_end;
    while (at < walk->size) {
        record found;
        record_check check =
            record_decode(walk->data + at, walk->size - at, walk->seed, at, true, &found);
        if (check != RECORD_VALID) {
            return segment_invalid_record(source, at, check, &found);
        }
        at += record_bytes_of(&found);
    }
    return error_set_corruption(env_file_path(source->file), walk->valid_end,
                                "a batch is not whole", walk->size, walk->valid_end);
}

/* The walk stopped: at the pinned end, or at damage. */
static pykv_status end_segment(scan *self)
{
    const pinned_segment *pinned = &self->at.pinned[self->segment_index];
    self->reader_ready = false;
    self->segment_index++;
    if (self->reader.valid_end == pinned->length) {
        return PYKV_OK;
    }
    return tell_damage(&self->reader, pinned->source);
}

/* The record at an address of the list. */
static pykv_status read_listed(scan *self, const pinned_segment *pinned, uint64_t offset,
                               record *out)
{
    bool is_hot = bitcask_read_mode(self->at.store) == READ_HOT;
    pykv_status status = is_hot && segment_is_mapped(pinned->source)
                             ? segment_peek(pinned->source, offset, true, out)
                             : PYKV_WOULD_BLOCK;
    return status == PYKV_WOULD_BLOCK ? segment_read(pinned->source, offset, true, &self->file, out)
                                      : status;
}

static pykv_status add_listed(scan *self, uint64_t address)
{
    record found;
    const pinned_segment *pinned = moment_pinned_at(&self->at, address);
    if (pinned == NULL) {
        return error_set(PYKV_CORRUPTION, "%s: the key directory leads to no segment",
                         env_directory_path(self->at.store->home));
    }
    uint64_t offset = bitcask_offset(pinned->source, address);
    pykv_status status = read_listed(self, pinned, offset, &found);
    if (status != PYKV_OK || !(may_show(self, &found) || PYKV_PLANTED(341))) {
        return status;
    }
    self->segment_index = (size_t)(pinned - self->at.pinned);
    return add_row(self, offset, &found);
}

static pykv_status fill_listed(scan *self)
{
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && self->address_at < self->addresses.size &&
           self->rows.count < self->left && !scan_rows_are_enough(&self->rows)) {
        uint64_t address;
        memcpy(&address, self->addresses.data + self->address_at, sizeof address);
        self->address_at += sizeof address;
        status = add_listed(self, address);
    }
    return status;
}

static pykv_status fill_rows(scan *self)
{
    pykv_status status = PYKV_OK;
    group *batch = mem_alloc(sizeof *batch);
    if (batch == NULL) {
        return error_set_no_memory(sizeof *batch);
    }
    while (status == PYKV_OK && !scan_rows_are_enough(&self->rows) &&
           self->rows.count < self->left && self->segment_index < self->at.pinned_count) {
        if (!self->reader_ready) {
            status = begin_segment(self);
        }
        if (status == PYKV_OK && self->at.pinned[self->segment_index].all_current) {
            status = add_current(self);
        } else if (status == PYKV_OK) {
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

/* PYKV_OK if the scan may go on. */
static pykv_status check(const scan *self)
{
    pykv_status status = moment_check(&self->at);
    if (status == PYKV_OK && self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        status = self->failure.status;
    }
    return status;
}

/* Gives rows as they were begun. Those that were looked up are all there are if the moment still
 * holds. */
static pykv_status next(scan *self, uint64_t *array_count_out, pykv_rows *chunk_out)
{
    pykv_status status = self->by_address ? fill_listed(self) : fill_rows(self);
    if (status == PYKV_OK && !PYKV_PLANTED(386)) {
        status = moment_check(&self->at);
    }
    if (status == PYKV_OK) {
        status = scan_rows_give(&self->rows, array_count_out, chunk_out);
    }
    if (status == PYKV_OK) {
        self->left -= self->rows.count;
    } else {
        self->failure = *error_last(); /* rows that were taken are gone: there is no going on */
    }
    return status;
}

pykv_status scan_next(scan *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    uint64_t array_count;
    pykv_status status = check(self);
    if (status != PYKV_OK) {
        return status;
    }
    if (!self->is_listed) {
        scan_rows_begin(&self->rows, chunk_bytes == 0 ? SCAN_CHUNK_BYTES : chunk_bytes);
    }
    self->is_listed = false;
    return next(self, &array_count, rows_out);
}

pykv_status scan_next_arrays(scan *self, uint64_t rows_max, pykv_items_room *keys,
                             pykv_items_room *values, uint64_t *rows_done, pykv_rows *rows_left_out)
{
    uint64_t array_count = 0;
    pykv_status status = check(self);
    if (status != PYKV_OK) {
        return status;
    }
    scan_rows_begin_arrays(&self->rows, rows_max < SCAN_CHUNK_ROWS ? rows_max : SCAN_CHUNK_ROWS,
                           keys, values, *rows_done);
    status = next(self, &array_count, rows_left_out);
    *rows_done += array_count;
    return status;
}
