/*
 * user_iterator_walk: the loops over a window of the source, for one row and for many. See
 * user_iterator_internal.h.
 *
 * They keep what changes from entry to entry in a struct whose address nobody takes, so that it
 * stays in registers, and take a constant direction. Rows are copied by moves of 16 bytes.
 */
#include "lsm/user_iterator_internal.h"

/* For what a loop over rows is made of. */
#define INLINE_ALWAYS inline __attribute__((always_inline))

enum {
    ROWS_BYTES_FIRST = 64 * 1024,
    ROWS_COUNT_FIRST = 512,
    COPY_INLINE_MAX = 256,
    CACHE_LINE_BYTES = 64,
    FETCH_ENTRIES = 8
};

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

/* Rows on their way out; data and offsets are the memory of rows. */
typedef struct row_writer {
    user_iterator_rows *rows;
    uint8_t *data;
    uint64_t *offsets;
    size_t size;
    size_t capacity;
    size_t count;
    size_t count_max; /* rows that offsets has room for */
    size_t chunk_bytes;
    size_t row_limit;
    size_t prefix_bytes;
    bool keys_only;
    /* the arrays of the request, if there are any */
    pykv_items_room *keys;
    pykv_items_room *values;
    int64_t *key_offsets; /* of the end of the next row */
    int64_t *value_offsets;
    uint64_t key_bytes;
    uint64_t value_bytes;
    size_t arrays_count;
} row_writer;

/* Makes room for bytes and for more rows. */
static pykv_status writer_grow(row_writer *self, size_t bytes, size_t row_count)
{
    buffer *data = &self->rows->data;
    buffer *offsets = &self->rows->offsets;
    data->size = self->size;
    offsets->size = 2 * self->count * sizeof(uint64_t);
    pykv_status status = buffer_reserve(data, bytes);
    if (status == PYKV_OK) {
        status = buffer_reserve(offsets, (2 * row_count + 1) * sizeof(uint64_t));
    }
    self->data = data->data;
    self->capacity = data->capacity;
    self->offsets = (uint64_t *)(void *)offsets->data;
    self->count_max = offsets->capacity == 0 ? 0 : (offsets->capacity / sizeof(uint64_t) - 1) / 2;
    return status;
}

static void begin_arrays(row_writer *self, const user_iterator_request *request)
{
    self->keys = request->keys;
    self->values = request->values;
    self->key_offsets = request->keys->offsets + request->rows_done + 1;
    self->value_offsets = request->values->offsets + request->rows_done + 1;
    self->key_bytes = request->keys->used_bytes;
    self->value_bytes = request->values->used_bytes;
}

static pykv_status writer_begin(row_writer *self, const user_iterator_request *request,
                                user_iterator_rows *rows)
{
    PYKV_ASSERT(request->chunk_bytes > 0 && request->row_limit > 0);
    *self = (row_writer){.rows = rows,
                         .chunk_bytes = request->chunk_bytes,
                         .row_limit = request->row_limit,
                         .prefix_bytes = request->prefix_bytes,
                         .keys_only = request->keys_only};
    buffer_clear(&rows->offsets);
    if (request->keys != NULL) {
        begin_arrays(self, request);
        return writer_grow(self, 0, 1);
    }
    size_t bytes =
        request->chunk_bytes < ROWS_BYTES_FIRST ? request->chunk_bytes : ROWS_BYTES_FIRST;
    size_t count = request->row_limit < ROWS_COUNT_FIRST ? request->row_limit : ROWS_COUNT_FIRST;
    return writer_grow(self, bytes, count);
}

static void writer_end(row_writer *self)
{
    self->offsets[2 * self->count] = self->size;
    self->rows->data.size = self->size;
    self->rows->offsets.size = (2 * self->count + 1) * sizeof(uint64_t);
    self->rows->count = self->count;
    self->rows->arrays_count = self->arrays_count;
    if (self->keys != NULL) {
        self->keys->used_bytes = self->key_bytes;
        self->values->used_bytes = self->value_bytes;
    }
}

static inline bool writer_is_full(const row_writer *self)
{
    return self->count + self->arrays_count >= self->row_limit || self->size >= self->chunk_bytes;
}

static inline void copy_bytes(uint8_t *out, const uint8_t *from, size_t size)
{
    if (PYKV_UNLIKELY(size > COPY_INLINE_MAX)) {
        memcpy(out, from, size);
    } else if (size >= 16) {
        for (size_t i = 0; i + 16 < size; i += 16) {
            memcpy(out + i, from + i, 16);
        }
        memcpy(out + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        memcpy(out, from, 8);
        memcpy(out + size - 8, from + size - 8, 8);
    } else {
        for (size_t i = 0; i < size; i++) {
            out[i] = from[i];
        }
    }
}

/* Writes a row to the arrays. False: it has no room there. */
static INLINE_ALWAYS bool write_to_arrays(row_writer *self, slice key, slice value)
{
    if (PYKV_UNLIKELY(key.size > self->keys->data_bytes - self->key_bytes ||
                      value.size > self->values->data_bytes - self->value_bytes)) {
        return false;
    }
    copy_bytes(self->keys->data + self->key_bytes, key.data, key.size);
    copy_bytes(self->values->data + self->value_bytes, value.data, value.size);
    self->key_bytes += key.size;
    self->value_bytes += value.size;
    self->key_offsets[self->arrays_count] = (int64_t)self->key_bytes;
    self->value_offsets[self->arrays_count] = (int64_t)self->value_bytes;
    self->arrays_count++;
    return true;
}

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

/* Fetches the value of the entry some steps ahead of entry, but for its beginning, which stands
 * with the key that the source has read. */
static INLINE_ALWAYS void fetch_value(const window_walk *walk, const iterator_entry *entry,
                                      bool is_backward)
{
    uint32_t left = is_backward ? walk->at - walk->edge : walk->edge - walk->at;
    if (left >= FETCH_ENTRIES) {
        slice value = is_backward ? (entry - FETCH_ENTRIES)->value : (entry + FETCH_ENTRIES)->value;
        if (value.size > CACHE_LINE_BYTES / 2) {
            __builtin_prefetch(value.data + CACHE_LINE_BYTES / 2);
            __builtin_prefetch(value.data + value.size - 1);
        }
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
        if (!writer.keys_only) {
            fetch_value(&walk, entry, is_backward);
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
    return out->keys != NULL ? fill_from_window(self, out, false, false, true)
                             : fill_from_window(self, out, false, false, false);
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
