/*
 * user_iterator_walk: the loops over a window of the source, for one row and for many. See
 * user_iterator_internal.h.
 *
 * They keep what changes from entry to entry in a struct whose address nobody takes, so that it
 * stays in registers, and take a constant direction.
 */
#include "lsm/row_writer.h"
#include "lsm/user_iterator_internal.h"

enum { CACHE_LINE_BYTES = 64, FETCH_ENTRIES = 8 };

/* ---- a window ---- */

typedef struct window_walk {
    const iterator_entry *entries;
    slice last;
    uint64_t repeats;
    uint32_t at;
    uint32_t edge;
    bool is_done;
} window_walk;

static inline window_walk window_load(const user_iterator *self)
{
    return (window_walk){.entries = self->source->entries,
                         .last = self->last,
                         .repeats = self->repeats,
                         .at = self->at,
                         .edge = self->edge,
                         .is_done = self->is_done};
}

static inline void window_store(window_walk walk, user_iterator *self)
{
    self->last = walk.last;
    self->repeats = walk.repeats;
    self->at = walk.at;
    self->is_done = walk.is_done;
}

/* Notes the key of an entry that is being passed; true if it is that of the one before. */
static inline bool note_key(window_walk *walk, slice key)
{
    bool repeats = user_same_key(key, walk->last);
    walk->repeats = repeats ? walk->repeats + 1 : 0;
    walk->is_done = walk->is_done && repeats;
    walk->last = key;
    return repeats;
}

/* True if an operation leaves the older ones on its key hidden. */
static inline bool is_final(const user_iterator *self, const iterator_entry *entry)
{
    if (PYKV_PLANTED(61)) {
        return entry->kind != RECORD_DELETE;
    }
    return !PYKV_PLANTED(63) || !user_is_absent(self, entry) || entry->kind == RECORD_DELETE;
}

/* The next row of the window, or NULL. */
static INLINE_ALWAYS const iterator_entry *next_in_window(const user_iterator *self,
                                                          window_walk *walk)
{
    while (walk->at < walk->edge) {
        const iterator_entry *entry = &walk->entries[walk->at++];
        (void)note_key(walk, entry->key);
        if (walk->is_done || !user_is_visible(self, entry)) {
            continue;
        }
        walk->is_done = is_final(self, entry);
        if (!user_is_absent(self, entry)) {
            return entry;
        }
    }
    return NULL;
}

/* The row before in the window, or NULL: all from edge on were passed, or all but the first, which
 * another entry may take the place of. */
static INLINE_ALWAYS const iterator_entry *previous_in_window(const user_iterator *self,
                                                              window_walk *walk)
{
    while (walk->at > walk->edge) {
        const iterator_entry *entry = &walk->entries[walk->at - 1];
        bool is_done = walk->is_done && user_same_key(entry->key, walk->last);
        bool is_candidate = !is_done && user_is_visible(self, entry);
        if (is_candidate && walk->at == 1) {
            return NULL;
        }
        walk->at--;
        (void)note_key(walk, entry->key);
        if (!is_candidate) {
            continue;
        }
        const iterator_entry *before = entry - 1;
        if (user_same_key(before->key, entry->key) && user_is_visible(self, before)) {
            continue;
        }
        walk->is_done = true;
        if (!user_is_absent(self, entry)) {
            return entry;
        }
    }
    return NULL;
}

static user_crossing cross(user_iterator *self)
{
    return self->is_backward ? user_cross_backward(self) : user_cross_forward(self);
}

/* ---- one row ---- */

static const iterator_entry *find_in_window(user_iterator *self)
{
    window_walk walk = window_load(self);
    const iterator_entry *entry =
        self->is_backward ? previous_in_window(self, &walk) : next_in_window(self, &walk);
    window_store(walk, self);
    return entry;
}

pykv_status user_find(user_iterator *self)
{
    self->keys_only = false;
    for (;;) {
        const iterator_entry *entry = self->stand == STAND_WINDOW ? find_in_window(self) : NULL;
        if (entry == NULL) {
            user_crossing crossing = cross(self);
            if (crossing != CROSSED) {
                return crossing == CROSSED_END ? PYKV_OK : user_failed(self);
            }
            entry = self->row;
        }
        if (entry != NULL) {
            self->row = entry;
            return PYKV_LIKELY(entry->kind == RECORD_PUT) ? PYKV_OK
                                                          : user_resolve(self, entry, &self->row);
        }
    }
}

/* ---- many rows ---- */

/* strips: the key may be marked. to_arrays: if it has room there. */
static INLINE_ALWAYS pykv_status write_row(row_writer *self, const iterator_entry *entry,
                                           bool strips, bool to_arrays)
{
    slice key = strips ? key_space_strip(entry->key, self->prefix_bytes) : entry->key;
    size_t value_size = self->keys_only ? 0 : entry->value.size;
    if (to_arrays) {
        if (PYKV_LIKELY(write_to_arrays(self, key, slice_make(entry->value.data, value_size)))) {
            return PYKV_OK;
        }
        self->chunk_bytes = 0; /* the row is the last one */
    }
    size_t bytes = key.size + value_size;
    if (PYKV_UNLIKELY(bytes > self->capacity - self->size || self->count == self->count_max)) {
        row_writer grown = *self; /* a copy, so that self's address stays unknown */
        pykv_status status = writer_grow(&grown, bytes, 1);
        *self = grown;
        if (status != PYKV_OK) {
            return status;
        }
    }
    uint8_t *out = self->data + self->size;
    self->offsets[2 * self->count] = self->size;
    self->offsets[2 * self->count + 1] = self->size + key.size;
    copy_bytes(out, key.data, key.size);
    copy_bytes(out + key.size, entry->value.data, value_size);
    self->size += bytes;
    self->count++;
    return PYKV_OK;
}

/* Writes the row of an entry that is no put. */
static pykv_status write_other(user_iterator *self, row_writer *out, const iterator_entry *entry)
{
    pykv_status status = user_resolve(self, entry, &entry);
    return status == PYKV_OK ? write_row(out, entry, true, out->keys != NULL) : status;
}

/* Fetches the value of an entry that comes some steps later, but for its beginning, which stands
 * with the key that the source has read. */
static inline void fetch_value(const iterator_entry *later)
{
    slice value = later->value;
    if (value.size > CACHE_LINE_BYTES / 2) {
        __builtin_prefetch(value.data + CACHE_LINE_BYTES / 2);
        __builtin_prefetch(value.data + value.size - 1);
    }
}

/* Writes the rows of the window until it or the writer is at its end. strips: some may have marked
 * keys. */
static INLINE_ALWAYS pykv_status fill_from_window(user_iterator *self, row_writer *out,
                                                  bool is_backward, bool strips, bool to_arrays)
{
    window_walk walk = window_load(self);
    row_writer writer = *out;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && !writer_is_full(&writer)) {
        const iterator_entry *entry =
            is_backward ? previous_in_window(self, &walk) : next_in_window(self, &walk);
        if (entry == NULL) {
            break;
        }
        uint32_t left = is_backward ? walk.at - walk.edge : walk.edge - walk.at;
        if (!writer.keys_only && left >= FETCH_ENTRIES) {
            fetch_value(is_backward ? entry - FETCH_ENTRIES : entry + FETCH_ENTRIES);
        }
        if (PYKV_LIKELY(entry->kind == RECORD_PUT)) {
            status = write_row(&writer, entry, strips, to_arrays);
        } else {
            row_writer other = writer; /* a copy, so that writer's address stays unknown */
            status = write_other(self, &other, entry);
            writer = other;
        }
    }
    *out = writer;
    window_store(walk, self);
    return status;
}

/* True if the entry is a row for every reader that sees its sequence. */
static inline bool is_plain(const iterator_entry *entry)
{
    return entry->kind == RECORD_PUT && entry->deadline_us == 0;
}

/* As fill_from_window, forward and to the arrays, up to an entry that needs a closer look: an older
 * one of its key, one that is no put for certain, or one without room. What most entries need are
 * so few variables that all are in registers. */
static void fill_arrays_plainly(user_iterator *self, row_writer *out)
{
    const iterator_entry *entries = self->source->entries;
    uint32_t at = self->at;
    size_t rows_left = out->row_limit - out->arrays_count;
    uint32_t end = rows_left < self->edge - at ? at + (uint32_t)rows_left : self->edge;
    uint8_t *keys = out->keys->data;
    uint8_t *values = out->values->data;
    uint64_t key_bytes = out->key_bytes;
    uint64_t value_bytes = out->value_bytes;
    int64_t *key_offsets = out->key_offsets + out->arrays_count;
    int64_t *value_offsets = out->value_offsets + out->arrays_count;
    slice last = self->last;
    for (; at < end; at++) {
        const iterator_entry *entry = &entries[at];
        if (PYKV_UNLIKELY(!is_plain(entry) || !user_is_visible(self, entry) ||
                          (user_same_key(entry->key, last) && !PYKV_PLANTED(242)) ||
                          entry->key.size > out->keys->data_bytes - key_bytes ||
                          entry->value.size > out->values->data_bytes - value_bytes)) {
            break;
        }
        last = entry->key;
        if (end - at > FETCH_ENTRIES) {
            fetch_value(entry + FETCH_ENTRIES);
        }
        copy_bytes(keys + key_bytes, entry->key.data, entry->key.size);
        copy_bytes(values + value_bytes, entry->value.data, entry->value.size);
        key_bytes += entry->key.size;
        value_bytes += entry->value.size;
        *key_offsets++ = (int64_t)key_bytes;
        *value_offsets++ = (int64_t)value_bytes;
    }
    if (at > self->at) {
        self->repeats = 0;
        self->is_done = true;
    }
    out->arrays_count += at - self->at;
    out->key_bytes = key_bytes;
    out->value_bytes = value_bytes;
    self->last = last;
    self->at = at;
}

/* Entries passed since the fill began that gave no row. */
static uint64_t skipped_count(const user_iterator *self, size_t row_count)
{
    return self->passed > row_count ? self->passed - row_count : 0;
}

/* Writes a row that was not found in a window. */
static pykv_status write_single(user_iterator *self, row_writer *out, const iterator_entry *row)
{
    return row->kind == RECORD_PUT ? write_row(out, row, true, out->keys != NULL)
                                   : write_other(self, out, row);
}

/* Writes the row it stood on. Where the walk turned there and goes no step further, the window's
 * gap is still on the other side of that row: it stands at the row's key instead. */
static pykv_status write_first(user_iterator *self, row_writer *out, const iterator_entry *row,
                               bool turns)
{
    pykv_status status = write_single(self, out, row);
    if (status == PYKV_OK && turns && writer_is_full(out)) {
        status = user_stand_beside_last(self);
    }
    return status;
}

static pykv_status fill_from_any_window(user_iterator *self, row_writer *out)
{
    const iterator *source = self->source;
    bool strips = key_space_is_marked(source->entries[source->count - 1].key);
    if (PYKV_UNLIKELY(strips || self->is_backward)) {
        return self->is_backward ? fill_from_window(self, out, true, strips, out->keys != NULL)
                                 : fill_from_window(self, out, false, true, out->keys != NULL);
    }
    if (out->keys == NULL) {
        return fill_from_window(self, out, false, false, false);
    }
    if (!out->keys_only) {
        fill_arrays_plainly(self, out);
    }
    return self->at == self->edge ? PYKV_OK : fill_from_window(self, out, false, false, true);
}

/* Writes rows until the writer is full, the end is reached or enough was skipped. */
static pykv_status fill(user_iterator *self, row_writer *out, bool *more_out)
{
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && !writer_is_full(out)) {
        if (self->stand == STAND_WINDOW) {
            status = fill_from_any_window(self, out);
        }
        if (status != PYKV_OK || writer_is_full(out) ||
            skipped_count(self, out->count + out->arrays_count) >= USER_ITERATOR_SKIPPED_MAX) {
            break;
        }
        user_crossing crossing = cross(self);
        if (crossing == CROSSED_FAILED) {
            return user_failed(self);
        }
        if (crossing == CROSSED_END) {
            *more_out = false;
            break;
        }
        const iterator_entry *row = self->row;
        self->row = NULL;
        if (row != NULL) {
            status = write_single(self, out, row);
        }
    }
    return status;
}

pykv_status user_iterator_fill(user_iterator *self, const user_iterator_request *request,
                               user_iterator_rows *rows)
{
    row_writer out;
    bool more = true;
    if (self->stand == STAND_FAILED) {
        return user_failed(self);
    }
    pykv_status status = writer_begin(&out, request, rows);
    if (status != PYKV_OK) {
        return user_fail(self, status);
    }
    const iterator_entry *row = self->row;
    bool turns = request->is_reverse != self->is_backward;
    user_turn(self, request->is_reverse);
    self->keys_only = request->keys_only;
    self->opened_at = self->at;
    self->passed = 0;
    if (row != NULL) {
        status = write_first(self, &out, row, turns);
    }
    if (status == PYKV_OK) {
        status = fill(self, &out, &more);
    }
    if (status != PYKV_OK) {
        (void)user_fail(self, status);
        if (out.count + out.arrays_count == 0) {
            return status;
        }
    }
    writer_end(&out);
    rows->more = more;
    return PYKV_OK;
}
