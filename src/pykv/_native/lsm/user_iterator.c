/*
 * user_iterator: making, places, and steps of one row. See user_iterator_internal.h.
 */
#include "lsm/user_iterator.h"

#include "base/error.h"
#include "base/memory.h"
#include "log/store_clock.h"
#include "lsm/user_iterator_internal.h"

/* ---- making ---- */

static pykv_status take_bound(buffer *bound, bool *has_bound, const slice *key)
{
    *has_bound = key != NULL;
    return key != NULL ? buffer_append(bound, key->data, key->size) : PYKV_OK;
}

static void free_buffers(user_iterator *self)
{
    buffer_reset(&self->start);
    buffer_reset(&self->stop);
    buffer_reset(&self->kept);
    buffer_reset(&self->value);
    buffer_reset(&self->pointed);
}

pykv_status user_iterator_new(iterator *source, const user_iterator_options *options,
                              user_iterator **out)
{
    user_iterator *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->snapshot_sequence = options->snapshot_sequence + (PYKV_PLANTED(62) ? 1 : 0);
    self->now_us = options->now_us;
    self->clock = options->clock;
    self->values_of = options->values_of;
    pykv_status status = take_bound(&self->start, &self->has_start, options->start);
    if (status == PYKV_OK) {
        status = take_bound(&self->stop, &self->has_stop, options->stop);
    }
    if (status != PYKV_OK) {
        free_buffers(self);
        mem_free(self);
        return status;
    }
    self->source = source;
    user_iterator_place_first(self);
    *out = self;
    return PYKV_OK;
}

bool user_tell_expired(const user_iterator *self, const iterator_entry *entry)
{
    if (self->clock != NULL) {
        store_clock_tell(self->clock, entry->deadline_us);
    }
    return true;
}

void user_iterator_free(user_iterator *self)
{
    if (self == NULL) {
        return;
    }
    iterator_free(self->source);
    free_buffers(self);
    mem_free(self);
}

/* ---- places ---- */

static void stand_at(user_iterator *self, user_stand stand)
{
    self->stand = stand;
    self->last = NO_KEY;
    self->is_done = false;
    self->repeats = 0;
    self->row = NULL;
}

void user_iterator_place_first(user_iterator *self)
{
    stand_at(self, STAND_FIRST);
}

void user_iterator_place_last(user_iterator *self)
{
    stand_at(self, STAND_LAST);
}

pykv_status user_iterator_place(user_iterator *self, slice key)
{
    slice start = slice_make(self->start.data, self->start.size);
    slice stop = slice_make(self->stop.data, self->stop.size);
    if (self->has_start && slice_compare(key, start) <= 0) {
        user_iterator_place_first(self);
        return PYKV_OK;
    }
    if (self->has_stop && slice_compare(key, stop) >= 0) {
        user_iterator_place_last(self);
        return PYKV_OK;
    }
    pykv_status status = user_keep(self, key);
    if (status != PYKV_OK) {
        return user_fail(self, status);
    }
    stand_at(self, STAND_KEY);
    return PYKV_OK;
}

/* ---- one row at a time ---- */

pykv_status user_iterator_next(user_iterator *self)
{
    user_turn(self, false);
    return user_find(self);
}

pykv_status user_iterator_previous(user_iterator *self)
{
    user_turn(self, true);
    return user_find(self);
}

pykv_status user_iterator_seek(user_iterator *self, slice key)
{
    pykv_status status = user_iterator_place(self, key);
    return status == PYKV_OK ? user_iterator_next(self) : status;
}

pykv_status user_iterator_seek_back(user_iterator *self, slice key)
{
    pykv_status status = user_iterator_place(self, key);
    return status == PYKV_OK ? user_iterator_previous(self) : status;
}

pykv_status user_iterator_seek_first(user_iterator *self)
{
    user_iterator_place_first(self);
    return user_iterator_next(self);
}

pykv_status user_iterator_seek_last(user_iterator *self)
{
    user_iterator_place_last(self);
    return user_iterator_previous(self);
}

const iterator_entry *user_iterator_row(const user_iterator *self)
{
    return self->row;
}

/* ---- rows ---- */

void user_iterator_rows_reset(user_iterator_rows *rows)
{
    buffer_reset(&rows->data);
    buffer_reset(&rows->offsets);
    rows->count = 0;
    rows->more = false;
}
