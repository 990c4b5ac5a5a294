/*
 * walk: keeping a view for as long as somebody walks over it.
 */
#include "lsm/walk.h"

#include "base/error.h"

/* The range deletes that hide something in range. */
static pykv_status gather_hidden(lsm *store, const lsm_moment *moment, const key_range *range,
                                 const range_set **out)
{
    view_ranges taken;
    epoch_token token = epoch_enter(&store->gate.readers);
    view_take_ranges(moment->view, &taken);
    epoch_leave(&store->gate.readers, token);
    return view_join_ranges(&taken, moment->sequence, range, out);
}

/* The same by stored keys. */
static pykv_status rows_new(lsm *store, const lsm_moment *moment, const pykv_range *range,
                            user_iterator **rows_out)
{
    slice start =
        range->has_start != 0 ? slice_make(range->start, range->start_length) : slice_make("", 0);
    slice stop =
        range->has_stop != 0 ? slice_make(range->stop, range->stop_length) : slice_make("", 0);
    user_iterator_options options = {.snapshot_sequence = moment->sequence,
                                     .now_us = moment->now_us,
                                     .clock = &store->clock,
                                     .start = range->has_start != 0 ? &start : NULL,
                                     .stop = range->has_stop != 0 ? &stop : NULL,
                                     .values_of = moment->view->version};
    key_range keys = {start, stop, range->has_stop != 0};
    iterator *everything;
    range_filter hidden = {NULL, moment->sequence};
    pykv_status status = gather_hidden(store, moment, &keys, &hidden.deletes);
    if (status == PYKV_OK) {
        const range_filter *filter = hidden.deletes != NULL ? &hidden : NULL;
        status = view_iterator_new(moment->view, &store->source.face, &keys, filter, &everything);
    }
    range_set_release(hidden.deletes);
    if (status != PYKV_OK) {
        return status;
    }
    status = user_iterator_new(everything, &options, rows_out);
    if (status != PYKV_OK) {
        iterator_free(everything);
    }
    return status;
}

pykv_status lsm_rows_new(lsm *store, uint32_t space, const lsm_moment *moment,
                         const pykv_range *range, user_iterator **rows_out)
{
    stored_range stored;
    pykv_status status = stored_range_make(space, range, &stored);
    if (status == PYKV_OK) {
        status = rows_new(store, moment, &stored.range, rows_out);
        stored_range_reset(&stored);
    }
    return status;
}

pykv_status lsm_walk_begin(lsm_walk *self, lsm *store, uint32_t space, const lsm_snapshot *snapshot,
                           const pykv_range *range)
{
    lsm_moment moment;
    user_iterator *rows;
    pykv_status status = lsm_moment_acquire(store, snapshot, &moment);
    if (status != PYKV_OK) {
        return status;
    }
    status = lsm_rows_new(store, space, &moment, range, &rows);
    if (status != PYKV_OK) {
        view_release(moment.view);
        return status;
    }
    if (range->reverse != 0) {
        user_iterator_place_last(rows);
    }
    self->rows = rows;
    self->view = moment.view;
    memory_budget_force(&store->budget, LSM_WALK_BYTES);
    mutex_lock(&store->writer);
    self->store = store;
    self->next = store->walks;
    store->walks = self;
    store->open_scan_count++;
    mutex_unlock(&store->writer);
    return PYKV_OK;
}

static void give_back(lsm_walk *self)
{
    user_iterator_free(self->rows);
    self->rows = NULL;
    view_release(self->view);
    self->view = NULL;
    memory_budget_unforce(&self->store->budget, LSM_WALK_BYTES);
    self->store = NULL;
}

/* Takes the walk off the list, if close has not. */
static bool take_off(lsm *store, lsm_walk *self) REQUIRES(store->writer)
{
    if (self->store == NULL) {
        return false;
    }
    lsm_walk **at = &store->walks;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    store->open_scan_count--;
    return true;
}

/* Ends a walk beside a close, which takes what walks hold away as soon as it has the lock. */
static void end_beside_close(lsm *store, lsm_walk *self)
{
    mutex_lock(&store->writer);
    if (take_off(store, self)) {
        give_back(self);
    }
    mutex_unlock(&store->writer);
}

/* Ends a walk as a call that close waits for; without the lock, as it may free much. */
static void end_counted(lsm *store, lsm_walk *self)
{
    mutex_lock(&store->writer);
    bool is_open = take_off(store, self);
    mutex_unlock(&store->writer);
    if (is_open) {
        give_back(self);
    }
}

void lsm_walk_end(lsm *store, lsm_walk *self)
{
    epoch_token token;
    if (gate_enter(&store->gate, &store->gate.others, &token)) {
        end_counted(store, self);
        epoch_leave(&store->gate.others, token);
    } else {
        end_beside_close(store, self);
    }
}

void lsm_walk_end_all(lsm *self)
{
    mutex_lock(&self->writer);
    while (self->walks != NULL) {
        lsm_walk *ended = self->walks;
        (void)take_off(self, ended);
        give_back(ended);
    }
    mutex_unlock(&self->writer);
}
