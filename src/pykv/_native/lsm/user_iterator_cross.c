/*
 * user_iterator_cross: what happens between the windows of the source. See
 * user_iterator_internal.h.
 *
 * Forward, the newest visible operation on a key comes first and decides; what follows on the same
 * key is passed over. Backward, the oldest comes first, so the entry that decides is the last
 * visible one before the key changes: where a window begins with such an entry, it is carried
 * (copied) while the source moves on to see what comes before it.
 *
 * After USER_ITERATOR_REPEAT_MAX steps over one key the source is sought past the rest of them.
 */
#include <inttypes.h>

#include "base/error.h"
#include "lsm/user_iterator_internal.h"

/* Entries that a seek counts for in what a fill has passed. */
enum { SEEK_ENTRIES = 64 };

/* ---- failures ---- */

pykv_status user_fail(user_iterator *self, pykv_status status)
{
    if (error_last()->status != status) {
        (void)error_set(status, "an iterator failed");
    }
    self->failure = *error_last();
    self->stand = STAND_FAILED;
    self->row = NULL;
    return status;
}

pykv_status user_failed(const user_iterator *self)
{
    error_restore(&self->failure);
    return self->failure.status;
}

static user_crossing crossing_fails(user_iterator *self, pykv_status status)
{
    (void)user_fail(self, status);
    return CROSSED_FAILED;
}

/* ---- where it stands ---- */

static slice bound_key(const buffer *bound)
{
    return bound->data != NULL ? slice_make(bound->data, bound->size) : slice_make("", 0);
}

/* How many entries of the source's window have keys below key. */
static uint32_t count_below(const iterator *source, slice key)
{
    uint32_t low = 0;
    uint32_t high = source->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slice_compare(source->entries[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The edge of the source's window in the direction of the walk. */
static uint32_t edge_of_window(const user_iterator *self)
{
    const iterator *source = self->source;
    if (self->is_backward) {
        slice start = bound_key(&self->start);
        bool is_whole = !self->has_start || slice_compare(source->entries[0].key, start) >= 0;
        return is_whole ? 0 : count_below(source, start);
    }
    slice stop = bound_key(&self->stop);
    bool is_whole =
        !self->has_stop || slice_compare(source->entries[source->count - 1].key, stop) < 0;
    return is_whole ? source->count : count_below(source, stop);
}

static void forget_last(user_iterator *self)
{
    self->last = NO_KEY;
    self->is_done = false;
    self->repeats = 0;
}

void user_turn(user_iterator *self, bool is_backward)
{
    bool turns = is_backward != self->is_backward;
    if (turns && self->row == NULL) {
        forget_last(self); /* between rows, the row just passed is the first on the way back */
    }
    self->row = NULL;
    self->is_backward = is_backward;
    if (turns && self->stand == STAND_WINDOW) {
        self->repeats = 0;
        self->edge = edge_of_window(self);
        self->opened_at = self->at;
    }
}

pykv_status user_keep(user_iterator *self, slice key)
{
    buffer *kept = &self->kept;
    if (key.size + 1 > kept->capacity) { /* else key may lie in kept itself */
        buffer_clear(kept);
        pykv_status status = buffer_reserve(kept, key.size + 1);
        if (status != PYKV_OK) {
            return status;
        }
    }
    if (key.size > 0) {
        memmove(kept->data, key.data, key.size);
    }
    kept->data[key.size] = 0;
    kept->size = key.size + 1;
    self->last = slice_make(kept->data, key.size);
    return PYKV_OK;
}

/* As user_keep of last, if that is a key and not kept already. */
static pykv_status keep_last(user_iterator *self)
{
    bool is_kept = self->last.size == SIZE_MAX || self->last.data == self->kept.data;
    return is_kept ? PYKV_OK : user_keep(self, self->last);
}

pykv_status user_stand_beside_last(user_iterator *self)
{
    pykv_status status = keep_last(self);
    if (status == PYKV_OK && !self->is_backward) {
        status = buffer_append_zeros(&self->kept, 1); /* the key behind last's */
    }
    if (status == PYKV_OK) {
        self->stand = STAND_KEY;
        forget_last(self);
    }
    return status;
}

/* ---- arriving ---- */

static user_crossing end_of_rows(user_iterator *self)
{
    self->stand = self->is_backward ? STAND_FIRST : STAND_LAST;
    forget_last(self);
    return CROSSED_END;
}

/* Stands in the window of the source, which is valid, at a gap. */
static void open_window(user_iterator *self, uint32_t at)
{
    self->stand = STAND_WINDOW;
    self->at = at;
    self->opened_at = at;
    self->edge = edge_of_window(self);
}

/* Stands where the source was moved to. */
static user_crossing arrive(user_iterator *self)
{
    const iterator *source = self->source;
    if (iterator_valid(source)) {
        open_window(self, source->index + (self->is_backward ? 1 : 0));
        return CROSSED;
    }
    return source->status == PYKV_OK ? end_of_rows(self) : crossing_fails(self, source->status);
}

/* Counts what was passed in the window that is being left. */
static void count_passed(user_iterator *self)
{
    self->passed += self->is_backward ? self->opened_at - self->at : self->at - self->opened_at;
}

/* ---- forward ---- */

static user_crossing leave_forward(user_iterator *self)
{
    iterator *source = self->source;
    if (self->edge < source->count) {
        return end_of_rows(self);
    }
    count_passed(self);
    pykv_status status = keep_last(self);
    if (status != PYKV_OK) {
        return crossing_fails(self, status);
    }
    if (self->repeats < USER_ITERATOR_REPEAT_MAX) {
        source->index = source->count - 1;
        source->ops->advance(source);
        return arrive(self);
    }
    self->repeats = 0;
    self->passed += SEEK_ENTRIES;
    if (self->is_done) {
        slice behind = slice_make(self->kept.data, self->kept.size);
        iterator_seek(source, behind, UINT64_MAX);
    } else {
        iterator_seek(source, self->last, self->snapshot_sequence);
    }
    return arrive(self);
}

user_crossing user_cross_forward(user_iterator *self)
{
    switch (self->stand) {
    case STAND_FIRST:
        iterator_seek(self->source, bound_key(&self->start), UINT64_MAX);
        return arrive(self);
    case STAND_KEY:
        iterator_seek(self->source, slice_make(self->kept.data, self->kept.size - 1), UINT64_MAX);
        return arrive(self);
    case STAND_WINDOW:
        return leave_forward(self);
    case STAND_FAILED:
        return CROSSED_FAILED;
    case STAND_LAST:
        break;
    }
    return end_of_rows(self);
}

/* ---- backward ---- */

/* last is settled by entry, its newest visible operation. */
static void settle(user_iterator *self, const iterator_entry *entry)
{
    self->is_done = true;
    self->repeats = 0;
    self->row = user_is_absent(self, entry) ? NULL : entry;
}

/* From among many operations on last straight to the newest visible one. */
static user_crossing jump_to_newest(user_iterator *self)
{
    iterator *source = self->source;
    self->passed += SEEK_ENTRIES;
    iterator_seek(source, self->last, self->snapshot_sequence);
    if (!iterator_valid(source) && source->status != PYKV_OK) {
        return crossing_fails(self, source->status);
    }
    if (!iterator_valid(source) || !user_same_key(iterator_current(source)->key, self->last)) {
        return crossing_fails(
            self, error_set(PYKV_CORRUPTION, "a seek does not find what a walk has shown"));
    }
    open_window(self, source->index);
    settle(self, iterator_current(source));
    return CROSSED;
}

/* Copies the first entry of the window, the key of which is kept. */
static pykv_status carry(user_iterator *self)
{
    const iterator_entry *entry = &self->source->entries[0];
    buffer_clear(&self->value);
    if (!self->keys_only) {
        pykv_status status = buffer_append(&self->value, entry->value.data, entry->value.size);
        if (status != PYKV_OK) {
            return status;
        }
    }
    self->carried = *entry;
    self->carried.key = self->last;
    self->carried.value = slice_make(self->value.data, self->value.size);
    return PYKV_OK;
}

/* Looks, from the window before, whether the carried entry is the newest visible one. */
static user_crossing decide_carried(user_iterator *self)
{
    const iterator *source = self->source;
    if (iterator_valid(source)) {
        open_window(self, source->index + 1);
        const iterator_entry *before = iterator_current(source);
        if (user_same_key(before->key, self->last) && user_is_visible(self, before) &&
            !PYKV_PLANTED(65)) {
            self->is_done = false;
            self->repeats++;
            return CROSSED;
        }
    } else if (source->status != PYKV_OK) {
        return crossing_fails(self, source->status);
    } else {
        self->stand = STAND_FIRST;
    }
    settle(self, &self->carried);
    return CROSSED;
}

/* Leaves a window whose first entry is visible, and a row if none before it takes its place. */
static user_crossing leave_undecided(user_iterator *self)
{
    iterator *source = self->source;
    slice key = source->entries[0].key;
    self->repeats = user_same_key(key, self->last) ? self->repeats : 0;
    self->passed++;
    pykv_status status = user_keep(self, key);
    if (status == PYKV_OK && self->repeats >= USER_ITERATOR_REPEAT_MAX) {
        return jump_to_newest(self);
    }
    if (status == PYKV_OK) {
        status = carry(self);
    }
    if (status != PYKV_OK) {
        return crossing_fails(self, status);
    }
    source->index = 0;
    source->ops->retreat(source);
    return decide_carried(self);
}

static user_crossing leave_backward(user_iterator *self)
{
    iterator *source = self->source;
    if (self->edge > 0) {
        return end_of_rows(self);
    }
    count_passed(self);
    if (self->at > 0) {
        return leave_undecided(self);
    }
    pykv_status status = keep_last(self);
    if (status != PYKV_OK) {
        return crossing_fails(self, status);
    }
    if (self->repeats < USER_ITERATOR_REPEAT_MAX) {
        source->index = 0;
        source->ops->retreat(source);
        return arrive(self);
    }
    self->repeats = 0;
    self->passed += SEEK_ENTRIES;
    iterator_seek_back(source, self->last, UINT64_MAX);
    return arrive(self);
}

user_crossing user_cross_backward(user_iterator *self)
{
    switch (self->stand) {
    case STAND_LAST:
        if (self->has_stop) {
            iterator_seek_back(self->source, bound_key(&self->stop), UINT64_MAX);
        } else {
            iterator_seek_last(self->source);
        }
        return arrive(self);
    case STAND_KEY:
        iterator_seek_back(self->source, slice_make(self->kept.data, self->kept.size - 1),
                           UINT64_MAX);
        return arrive(self);
    case STAND_WINDOW:
        return leave_backward(self);
    case STAND_FAILED:
        return CROSSED_FAILED;
    case STAND_FIRST:
        break;
    }
    return end_of_rows(self);
}
