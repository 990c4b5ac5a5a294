/*
 * scan: rows in order at one moment: a view that is kept, a sequence, and an iterator over both.
 */
#include "lsm/scan.h"

#include "base/error.h"
#include "base/memory.h"
#include "lsm/user_iterator.h"

enum { SCAN_CHUNK_BYTES = 64 * 1024 };

struct lsm_scan {
    lsm *store; /* NULL once ended */
    lsm_scan *next;
    view *view;
    user_iterator *walk;
    user_iterator_request request;
    uint64_t rows_left;
    user_iterator_rows rows;
    bool is_done;
    pykv_error failure; /* status PYKV_OK: none yet */
};

/* Takes the view and the sequence of this moment. */
static uint64_t take_moment(lsm *store, view **view_out)
{
    epoch_token token = epoch_enter(&store->gate.readers);
    view *now = view_acquire(lsm_view(store));
    uint64_t sequence = lsm_visible(store);
    epoch_leave(&store->gate.readers, token);
    *view_out = now;
    return sequence;
}

static pykv_status begin_walk(lsm_scan *self, lsm *store, const pykv_range *range)
{
    slice start =
        range->has_start != 0 ? slice_make(range->start, range->start_length) : slice_make("", 0);
    slice stop =
        range->has_stop != 0 ? slice_make(range->stop, range->stop_length) : slice_make("", 0);
    user_iterator_options options = {.now_us = env_wall_us(store->env),
                                     .start = range->has_start != 0 ? &start : NULL,
                                     .stop = range->has_stop != 0 ? &stop : NULL};
    key_range keys = {start, stop, range->has_stop != 0};
    iterator *everything;
    options.snapshot_sequence = take_moment(store, &self->view);
    pykv_status status = view_iterator_new(self->view, &store->source.face, &keys, &everything);
    if (status != PYKV_OK) {
        return status;
    }
    status = user_iterator_new(everything, &options, &self->walk);
    if (status != PYKV_OK) {
        iterator_free(everything);
    } else if (range->reverse != 0) {
        user_iterator_place_last(self->walk);
    }
    return status;
}

/* Gives back what is the store's. */
static void end(lsm_scan *self)
{
    user_iterator_free(self->walk);
    self->walk = NULL;
    view_release(self->view);
    self->view = NULL;
    self->store = NULL;
}

pykv_status lsm_scan_open(lsm *store, const pykv_range *range, lsm_scan **scan_out)
{
    static const pykv_range everything = {.keys_only = 0};
    range = range != NULL ? range : &everything;
    lsm_scan *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->request.keys_only = range->keys_only != 0;
    self->request.is_reverse = range->reverse != 0;
    self->rows_left = range->limit != 0 ? range->limit : UINT64_MAX;
    pykv_status status = begin_walk(self, store, range);
    if (status != PYKV_OK) {
        end(self);
        mem_free(self);
        return status;
    }
    mutex_lock(&store->writer);
    self->store = store;
    self->next = store->scans;
    store->scans = self;
    store->open_scan_count++;
    mutex_unlock(&store->writer);
    *scan_out = self;
    return PYKV_OK;
}

static pykv_status fill(lsm_scan *self, size_t chunk_bytes)
{
    self->request.chunk_bytes = chunk_bytes != 0 ? chunk_bytes : SCAN_CHUNK_BYTES;
    self->request.row_limit = self->rows_left < SIZE_MAX ? (size_t)self->rows_left : SIZE_MAX;
    pykv_status status = PYKV_OK;
    do {
        status = user_iterator_fill(self->walk, &self->request, &self->rows);
    } while (status == PYKV_OK && self->rows.count == 0 && self->rows.more &&
             !gate_is_shut(&self->store->gate));
    if (status == PYKV_OK && self->rows.count == 0 && self->rows.more) {
        return error_set(PYKV_CLOSED, "the store was closed before the scan came to its next row");
    }
    if (status == PYKV_OK) {
        self->rows_left -= self->rows.count;
        self->is_done = !self->rows.more || self->rows_left == 0;
    }
    return status;
}

pykv_status lsm_scan_next(lsm_scan *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    if (self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    *rows_out = (pykv_rows){0};
    if (self->is_done) {
        return PYKV_OK;
    }
    pykv_status status = fill(self, chunk_bytes);
    if (status != PYKV_OK) {
        self->failure = *error_last();
        return status;
    }
    rows_out->count = self->rows.count;
    rows_out->data = self->rows.data.data;
    rows_out->offsets = (const uint64_t *)(const void *)self->rows.offsets.data;
    return PYKV_OK;
}

static void unlink_scan(lsm *store, lsm_scan *self) REQUIRES(store->writer)
{
    lsm_scan **at = &store->scans;
    while (*at != NULL && *at != self) {
        at = &(*at)->next;
    }
    if (*at == self) {
        *at = self->next;
        store->open_scan_count--;
    }
}

/* Takes the scan off the list, if close has not. */
static bool take_off(lsm *store, lsm_scan *self) REQUIRES(store->writer)
{
    bool is_open = self->store != NULL;
    if (is_open) {
        unlink_scan(store, self);
    }
    return is_open;
}

/* Ends a scan beside a close, which takes what scans hold away as soon as it has the lock. */
static void end_beside_close(lsm *store, lsm_scan *self)
{
    mutex_lock(&store->writer);
    if (take_off(store, self)) {
        end(self);
    }
    mutex_unlock(&store->writer);
}

/* Ends a scan as a call that close waits for; without the lock, as it may free much. */
static void end_counted(lsm *store, lsm_scan *self)
{
    mutex_lock(&store->writer);
    bool is_open = take_off(store, self);
    mutex_unlock(&store->writer);
    if (is_open) {
        end(self);
    }
}

void lsm_scan_free(lsm *store, lsm_scan *self)
{
    epoch_token token;
    if (self == NULL) {
        return;
    }
    if (gate_enter(&store->gate, &store->gate.others, &token)) {
        end_counted(store, self);
        epoch_leave(&store->gate.others, token);
    } else {
        end_beside_close(store, self);
    }
    user_iterator_rows_reset(&self->rows);
    mem_free(self);
}

void lsm_scan_end_all(lsm *self)
{
    mutex_lock(&self->writer);
    while (self->scans != NULL) {
        lsm_scan *ended = self->scans;
        unlink_scan(self, ended);
        end(ended);
    }
    mutex_unlock(&self->writer);
}

pykv_status lsm_count(lsm *self, uint64_t *count_out)
{
    pykv_range keys = {.keys_only = 1};
    lsm_scan *walk = NULL;
    pykv_rows rows = {.count = 0};
    uint64_t count = 0;
    pykv_status status = lsm_scan_open(self, &keys, &walk);
    if (status != PYKV_OK || walk == NULL) {
        return status;
    }
    do {
        status = lsm_scan_next(walk, 0, &rows);
        count += status == PYKV_OK ? rows.count : 0;
    } while (status == PYKV_OK && rows.count > 0);
    lsm_scan_free(self, walk);
    if (status == PYKV_OK) {
        *count_out = count;
    }
    return status;
}
