/*
 * arrays: the part of pykv.h that takes and gives many rows in arrays of the caller's, run by run.
 *
 * What the caller's arrays hold is copied before it is used (item_run.h); what is written to them
 * is never read again, so nothing that another thread puts there matters.
 */
#include <string.h>

#include "api/handle.h"
#include "api/item_run.h"
#include "api/items_room.h"
#include "base/annotate.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

enum { FETCH_ROWS = 8, CACHE_LINE_BYTES = 64, COUNT_BITS_MAX = 40 };

static pykv_status check_call(pykv_store *store, uint64_t count)
{
    pykv_status status = pykv_check_open(store);
    if (status != PYKV_OK || count >> COUNT_BITS_MAX == 0) {
        return status;
    }
    return error_set(PYKV_INVALID_ARGUMENT, "%llu rows are too many for one call",
                     (unsigned long long)count);
}

static size_t smaller(uint64_t left, uint64_t right)
{
    return (size_t)(left < right ? left : right);
}

/* True if bytes more have room; else tells how many bytes that would take. */
static bool room_has(pykv_items_room *self, uint64_t bytes)
{
    if (PYKV_LIKELY(bytes <= self->data_bytes - self->used_bytes) || PYKV_PLANTED(149)) {
        return true;
    }
    self->needed_bytes = self->used_bytes + bytes;
    return false;
}

/* ---- get ---- */

typedef struct lookup {
    pykv_many *many;
    pykv_snapshot *snapshot;
    item_run keys;
    pykv_items_room *room;
    uint8_t *found;
    bool measures; /* on beyond what has room */
    int32_t flags;
} lookup;

/* Bytes of the values that were found. */
static uint64_t bytes_found(const lookup *self, size_t rows)
{
    const size_t *lengths = pykv_many_lengths(self->many);
    uint64_t bytes = 0;
    for (size_t i = 0; i < rows; i++) {
        bytes += lengths[i];
    }
    return bytes;
}

/* Fetches a value but for its first line, which the lookup has touched. */
static inline void fetch(const uint8_t *value, size_t length)
{
    if (length > CACHE_LINE_BYTES / 2) {
        __builtin_prefetch(value + CACHE_LINE_BYTES / 2);
        __builtin_prefetch(value + length - 1);
    }
}

/* Copies the values of rows behind the first rows_done; there is room. */
static void copy_values(const lookup *self, uint64_t rows_done, size_t rows)
{
    const uint8_t *const *values = pykv_many_values(self->many);
    const size_t *lengths = pykv_many_lengths(self->many);
    uint8_t *found = self->found + rows_done;
    int64_t *offsets = self->room->offsets + rows_done + 1;
    uint64_t used = self->room->used_bytes;
    for (size_t i = 0; i < rows; i++) {
        if (i + FETCH_ROWS < rows) {
            fetch(values[i + FETCH_ROWS], lengths[i + FETCH_ROWS]);
        }
        found[i] = values[i] != NULL;
        if (values[i] != NULL) {
            memcpy(self->room->data + used, values[i], lengths[i]);
            used += lengths[i];
        }
        offsets[i] = (int64_t)used;
    }
    self->room->used_bytes = used;
}

static pykv_status look_up(lookup *self, size_t rows)
{
    if (self->snapshot == NULL) {
        return pykv_get_many(self->many, rows, self->keys.pointers, self->keys.lengths,
                             self->flags);
    }
    return pykv_get_many_at(self->many, self->snapshot, rows, self->keys.pointers,
                            self->keys.lengths, self->flags);
}

/* One run from row first on, which is only measured where there is no room, or was none before. */
static pykv_status get_run(lookup *self, uint64_t first, size_t rows, size_t *rows_out)
{
    pykv_status status = item_run_measure(&self->keys, first, rows);
    while (rows > 1 && status == PYKV_OK && item_run_bytes(&self->keys, rows) > ITEM_RUN_BYTES) {
        rows /= 2;
    }
    if (status == PYKV_OK) {
        status = item_run_copy(&self->keys, rows);
    }
    if (status == PYKV_OK) {
        status = look_up(self, rows);
    }
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t bytes = bytes_found(self, rows);
    if (self->room->needed_bytes != 0) {
        self->room->needed_bytes += bytes;
    } else if (room_has(self->room, bytes)) {
        copy_values(self, first, rows);
    }
    *rows_out = rows;
    pykv_many_release(self->many);
    return PYKV_OK;
}

static pykv_status get_runs(lookup *self, uint64_t count, uint64_t *rows_done)
{
    pykv_status status = item_run_check(&self->keys, count);
    uint64_t row = *rows_done;
    while (status == PYKV_OK && row < count && (self->room->needed_bytes == 0 || self->measures)) {
        size_t rows = 0;
        status = get_run(self, row, smaller(count - row, ITEM_RUN_ROWS), &rows);
        row += rows;
        *rows_done += self->room->needed_bytes == 0 ? rows : 0;
    }
    return status;
}

pykv_status pykv_get_arrays(pykv_store *store, pykv_snapshot *snapshot, uint64_t count,
                            const pykv_items *keys, int32_t flags, pykv_items_room *room,
                            uint8_t *found, uint64_t *rows_done)
{
    lookup all = {.snapshot = snapshot,
                  .room = room,
                  .found = found,
                  .measures = (flags & PYKV_MEASURE) != 0,
                  .flags = flags & ~PYKV_MEASURE};
    pykv_status status = check_call(store, count);
    if (status == PYKV_OK) {
        status = items_room_begin(room, *rows_done);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status =
        item_run_init(&all.keys, keys, "keys", PYKV_KEY_BYTES_MAX, smaller(count, ITEM_RUN_ROWS));
    if (status == PYKV_OK) {
        status = pykv_many_new(store, &all.many);
    }
    if (status == PYKV_OK) {
        status = get_runs(&all, count, rows_done);
    }
    pykv_many_free(all.many);
    item_run_reset(&all.keys);
    return status;
}

/* ---- put ---- */

typedef struct writer {
    pykv_store *store;
    item_run keys;
    item_run values;
    bool deletes;
    uint64_t deadline_us;
    int32_t flags;
    size_t rows_max;
} writer;

/* Bytes of keys and values that a batch may have, but for one of a single row. The default of the
 * option is above ITEM_RUN_BYTES. */
static uint64_t batch_bytes_max(const writer *self)
{
    uint64_t option = handle_root(self->store)->batch_bytes_max;
    return option != 0 && option < ITEM_RUN_BYTES && !PYKV_PLANTED(370) ? option : ITEM_RUN_BYTES;
}

/* How many of the measured rows make a batch. */
static size_t batch_rows(const writer *self, size_t rows)
{
    uint64_t bytes_max = batch_bytes_max(self);
    uint64_t bytes = 0;
    size_t some = 0;
    if ((self->flags & PYKV_ATOMIC) != 0) {
        return rows;
    }
    while (some < rows) {
        bytes += (uint64_t)(self->keys.offsets[some + 1] - self->keys.offsets[some]);
        if (!self->deletes) {
            bytes += (uint64_t)(self->values.offsets[some + 1] - self->values.offsets[some]);
        }
        if (bytes > bytes_max && some > 0) {
            break;
        }
        some++;
    }
    return some;
}

/* Writes one batch from row first on, of at most *rows, and tells how many it was. */
static pykv_status write_run(writer *self, uint64_t first, size_t *rows)
{
    pykv_status status = item_run_measure(&self->keys, first, *rows);
    if (status == PYKV_OK && !self->deletes) {
        status = item_run_measure(&self->values, first, *rows);
    }
    if (status != PYKV_OK) {
        return status;
    }
    *rows = batch_rows(self, *rows);
    status = item_run_copy(&self->keys, *rows);
    if (status == PYKV_OK && !self->deletes) {
        status = item_run_copy(&self->values, *rows);
    }
    if (status != PYKV_OK) {
        return status;
    }
    const void *const *values = self->deletes ? NULL : self->values.pointers;
    return pykv_write_many_until(self->store, *rows, self->keys.pointers, self->keys.lengths,
                                 values, self->values.lengths, self->deadline_us,
                                 self->flags & ~PYKV_ATOMIC);
}

static pykv_status write_runs(writer *self, uint64_t count, uint64_t *rows_done)
{
    pykv_status status = item_run_check(&self->keys, count);
    if (status == PYKV_OK && !self->deletes) {
        status = item_run_check(&self->values, count);
    }
    if (status == PYKV_OK && count == 0) {
        return pykv_write_many(self->store, 0, NULL, NULL, NULL, NULL, self->flags & ~PYKV_ATOMIC);
    }
    while (status == PYKV_OK && *rows_done < count) {
        size_t rows = smaller(count - *rows_done, self->rows_max);
        status = write_run(self, *rows_done, &rows);
        *rows_done += status == PYKV_OK ? rows : 0;
    }
    return status;
}

pykv_status pykv_put_arrays(pykv_store *store, uint64_t count, const pykv_items *keys,
                            const pykv_items *values, uint64_t deadline_us, int32_t flags,
                            uint64_t *rows_done_out)
{
    writer all = {.store = store,
                  .deletes = values == NULL,
                  .deadline_us = deadline_us,
                  .flags = flags,
                  .rows_max = smaller(count, ITEM_RUN_ROWS)};
    *rows_done_out = 0;
    pykv_status status = check_call(store, count);
    if (status != PYKV_OK) {
        return status;
    }
    if ((flags & PYKV_ATOMIC) != 0) {
        all.rows_max = (size_t)count;
    }
    status = item_run_init(&all.keys, keys, "keys", PYKV_KEY_BYTES_MAX, all.rows_max);
    if (status == PYKV_OK && values != NULL) {
        status = item_run_init(&all.values, values, "values", PYKV_VALUE_BYTES_MAX, all.rows_max);
    }
    if (status == PYKV_OK) {
        status = write_runs(&all, count, rows_done_out);
    }
    item_run_reset(&all.keys);
    item_run_reset(&all.values);
    return status;
}
