/*
 * cursor: one row at a time, in both directions, from any key.
 *
 * Rows are taken in windows that grow while the cursor goes one way, so that most moves are steps
 * within the window. The walk stands behind the window, in the direction in which it was filled.
 *
 * Invariants: (1) with STAND_ON index is below rows.count; (2) of a window that is not empty the
 * walk goes on where the window ends, in its direction.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/space.h"
#include "lsm/walk.h"

enum { WINDOW_GROWTH = 4, WINDOW_ROWS_MAX = 1024, WINDOW_BYTES = 64 * 1024 };

typedef enum cursor_stand { STAND_BEFORE, STAND_ON, STAND_AFTER, STAND_BROKEN } cursor_stand;

struct lsm_cursor {
    lsm_walk walk;
    user_iterator_rows rows;
    uint32_t space;
    bool is_reverse; /* of the window: its rows fall */
    size_t index;
    size_t row_limit; /* of the next window */
    cursor_stand stand;
    buffer key;         /* as it is stored, to place the walk by */
    pykv_error failure; /* with STAND_BROKEN */
};

pykv_status lsm_cursor_open_in(lsm *store, uint32_t space, const lsm_snapshot *snapshot,
                               const pykv_range *range, lsm_cursor **cursor_out)
{
    pykv_range bounds = {.limit = 0};
    if (range != NULL) {
        bounds = *range;
        bounds.reverse = 0;
    }
    lsm_cursor *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = lsm_walk_begin(&self->walk, store, space, snapshot, &bounds);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->space = space;
    self->stand = STAND_BEFORE;
    *cursor_out = self;
    return PYKV_OK;
}

pykv_status lsm_cursor_open(lsm *store, const lsm_snapshot *snapshot, const pykv_range *range,
                            lsm_cursor **cursor_out)
{
    return lsm_cursor_open_in(store, KEY_SPACE_STORED, snapshot, range, cursor_out);
}

void lsm_cursor_free(lsm *store, lsm_cursor *self)
{
    if (self == NULL) {
        return;
    }
    lsm_walk_end(store, &self->walk);
    user_iterator_rows_reset(&self->rows);
    buffer_reset(&self->key);
    mem_free(self);
}

static const uint64_t *places_of(const lsm_cursor *self, size_t index)
{
    return (const uint64_t *)(const void *)self->rows.offsets.data + 2 * index;
}

static slice key_at(const lsm_cursor *self, size_t index)
{
    const uint64_t *place = places_of(self, index);
    return slice_make(self->rows.data.data + place[0], place[1] - place[0]);
}

static pykv_status give(const lsm_cursor *self, pykv_row *row_out)
{
    const uint64_t *place = places_of(self, self->index);
    const uint8_t *data = self->rows.data.data;
    *row_out = (pykv_row){.key = data + place[0],
                          .key_length = place[1] - place[0],
                          .value = data + place[1],
                          .value_length = place[2] - place[1]};
    return PYKV_OK;
}

static pykv_status break_off(lsm_cursor *self, pykv_status status)
{
    self->failure = *error_last();
    self->stand = STAND_BROKEN;
    self->rows.count = 0;
    return status;
}

/* Takes the rows that follow the walk in a direction, and stands on the first of them. */
static pykv_status fill(lsm_cursor *self, bool is_reverse, pykv_row *row_out)
{
    const user_iterator_request request = {.chunk_bytes = WINDOW_BYTES,
                                           .row_limit = self->row_limit,
                                           .is_reverse = is_reverse,
                                           .prefix_bytes = key_space_prefix_bytes(self->space)};
    pykv_status status = PYKV_OK;
    do {
        status = user_iterator_fill(self->walk.rows, &request, &self->rows);
    } while (status == PYKV_OK && self->rows.count == 0 && self->rows.more &&
             !gate_is_shut(&self->walk.store->gate));
    if (status == PYKV_OK && self->rows.count == 0 && self->rows.more) {
        status = error_set(PYKV_CLOSED, "the store was closed before the cursor came to a row");
    }
    if (status != PYKV_OK) {
        return break_off(self, status);
    }
    self->is_reverse = is_reverse;
    self->index = 0;
    self->row_limit *= self->row_limit < WINDOW_ROWS_MAX ? WINDOW_GROWTH : 1;
    if (self->rows.count == 0) {
        self->stand = is_reverse ? STAND_BEFORE : STAND_AFTER;
        return PYKV_NOT_FOUND;
    }
    self->stand = STAND_ON;
    return give(self, row_out);
}

/* Notes a key, or the one behind it, as it is stored. */
static pykv_status note_key(lsm_cursor *self, slice key, bool is_behind)
{
    uint8_t prefix[STORED_KEY_PREFIX_MAX];
    pykv_status status = PYKV_OK;
    buffer_clear(&self->key);
    if (PYKV_UNLIKELY(!key_space_keeps(self->space, key)) && !PYKV_PLANTED(147)) {
        status = buffer_append(&self->key, prefix, key_space_prefix(self->space, prefix));
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->key, key.data, key.size);
    }
    if (status == PYKV_OK && is_behind) {
        status = buffer_append(&self->key, "", 1);
    }
    return status;
}

/* Places the walk before key, or behind it, and takes rows from there. */
static pykv_status fill_from(lsm_cursor *self, slice key, bool is_behind, bool is_reverse,
                             pykv_row *row_out)
{
    pykv_status status = note_key(self, key, is_behind);
    if (status == PYKV_OK) {
        status = user_iterator_place(self->walk.rows, slice_make(self->key.data, self->key.size));
    }
    self->row_limit = 1;
    return status == PYKV_OK ? fill(self, is_reverse, row_out) : break_off(self, status);
}

static pykv_status fill_first(lsm_cursor *self, pykv_row *row_out)
{
    user_iterator_place_first(self->walk.rows);
    self->row_limit = 1;
    return fill(self, false, row_out);
}

static pykv_status fill_last(lsm_cursor *self, pykv_row *row_out)
{
    user_iterator_place_last(self->walk.rows);
    self->row_limit = 1;
    return fill(self, true, row_out);
}

/* A step from where it stands. *done false: not without the walk. */
static pykv_status step_within(lsm_cursor *self, bool is_reverse, bool *done, pykv_row *row_out)
{
    *done = true;
    if (self->stand == STAND_BROKEN) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    cursor_stand end = is_reverse ? STAND_BEFORE : STAND_AFTER;
    if (self->stand == end) {
        return PYKV_NOT_FOUND;
    }
    if (self->stand == STAND_ON && is_reverse != self->is_reverse && self->index > 0) {
        self->index--;
        return give(self, row_out);
    }
    if (self->stand == STAND_ON && is_reverse == self->is_reverse) {
        if (self->index + 1 < self->rows.count) {
            self->index++;
            return give(self, row_out);
        }
        if (!self->rows.more) {
            self->stand = end;
            return PYKV_NOT_FOUND;
        }
    }
    *done = false;
    return PYKV_OK;
}

static pykv_status step_beyond(lsm_cursor *self, bool is_reverse, pykv_row *row_out)
{
    if (self->stand != STAND_ON) {
        return is_reverse ? fill_last(self, row_out) : fill_first(self, row_out);
    }
    if (is_reverse == self->is_reverse) {
        return fill(self, is_reverse, row_out);
    }
    bool is_behind = !is_reverse && !PYKV_PLANTED(146);
    return fill_from(self, key_at(self, 0), is_behind, is_reverse, row_out);
}

static pykv_status step(lsm_cursor *self, bool is_reverse, int32_t flags, pykv_row *row_out)
{
    bool done;
    pykv_status status = step_within(self, is_reverse, &done, row_out);
    if (done) {
        return status;
    }
    return (flags & PYKV_NO_WAIT) != 0 ? PYKV_WOULD_BLOCK : step_beyond(self, is_reverse, row_out);
}

pykv_status lsm_cursor_move(lsm_cursor *self, int32_t move, slice key, int32_t flags,
                            pykv_row *row_out)
{
    if (move == PYKV_NEXT || move == PYKV_PREVIOUS) {
        return step(self, move == PYKV_PREVIOUS, flags, row_out);
    }
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    switch (move) {
    case PYKV_FIRST:
        return fill_first(self, row_out);
    case PYKV_LAST:
        return fill_last(self, row_out);
    case PYKV_SEEK:
        return fill_from(self, key, false, false, row_out);
    case PYKV_SEEK_BACK:
        return fill_from(self, key, true, true, row_out);
    default:
        return error_set(PYKV_INVALID_ARGUMENT, "%d is no move of a cursor", move);
    }
}
