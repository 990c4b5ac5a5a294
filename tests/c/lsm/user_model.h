/*
 * user_model: the rows that a user iterator over a walk_model must show, and where it should stand.
 */
#ifndef PYKV_TESTS_LSM_USER_MODEL_H
#define PYKV_TESTS_LSM_USER_MODEL_H

#include "walk_children.h"

#include "lsm/user_iterator.h"

typedef struct user_model {
    walk_model *walk;
    user_iterator_options options;
    slice bounds[2]; /* what options points to */
    const iterator_entry **rows;
    size_t count;
    size_t at;      /* the row it stands on, or the number of rows before the gap */
    bool is_on_row; /* else it stands in the gap */
    user_iterator *iterator;
    user_iterator_rows filled;
} user_model;

/* The plain rule: of each key the first operation that the snapshot holds decides. */
static inline void user_model_find_rows(user_model *self)
{
    const user_iterator_options *options = &self->options;
    const iterator_entry *decided = NULL; /* of the key that the last decision was about */
    self->count = 0;
    for (size_t i = 0; i < self->walk->count; i++) {
        const iterator_entry *entry = &self->walk->entries[i];
        bool is_older = decided != NULL && slice_equal(decided->key, entry->key);
        if (is_older || entry->sequence > options->snapshot_sequence) {
            continue;
        }
        decided = entry;
        bool expired = entry->deadline_us != 0 && entry->deadline_us <= options->now_us;
        if (entry->kind == RECORD_PUT && !expired &&
            (options->start == NULL || slice_compare(entry->key, *options->start) >= 0) &&
            (options->stop == NULL || slice_compare(entry->key, *options->stop) < 0)) {
            self->rows[self->count++] = entry;
        }
    }
}

/* The number of rows below key. */
static inline size_t user_model_below(const user_model *self, slice key)
{
    size_t count = 0;
    while (count < self->count && slice_compare(self->rows[count]->key, key) < 0) {
        count++;
    }
    return count;
}

/* A random snapshot, clock and bounds over the walk's children. */
static inline void user_model_open(user_model *self, walk_model *walk, bool over_memtables)
{
    memset(self, 0, sizeof *self);
    self->walk = walk;
    self->options.snapshot_sequence =
        check_random(&walk->seed, 3) == 0 ? UINT64_MAX : check_random(&walk->seed, walk->count + 2);
    self->options.now_us = 1000 * check_random(&walk->seed, walk->count + 2);
    for (size_t i = 0; i < 2; i++) {
        self->bounds[i] = walk->entries[check_random(&walk->seed, walk->count)].key;
    }
    if (check_random(&walk->seed, 8) != 0 && slice_compare(self->bounds[0], self->bounds[1]) > 0) {
        slice first = self->bounds[0];
        self->bounds[0] = self->bounds[1];
        self->bounds[1] = first;
    }
    self->options.start = check_random(&walk->seed, 2) == 0 ? &self->bounds[0] : NULL;
    self->options.stop = check_random(&walk->seed, 2) == 0 ? &self->bounds[1] : NULL;
    self->rows = malloc((walk->count + 1) * sizeof *self->rows);
    CHECK(self->rows != NULL);
    user_model_find_rows(self);
    iterator *source = walk_merge(walk, over_memtables);
    CHECK_OK(user_iterator_new(source, &self->options, &self->iterator));
}

static inline void user_model_close(user_model *self)
{
    user_iterator_rows_reset(&self->filled);
    user_iterator_free(self->iterator);
    free(self->rows);
}

static inline void user_model_stand(user_model *self, size_t at, bool is_on_row)
{
    self->is_on_row = is_on_row && at < self->count;
    self->at = at == SIZE_MAX ? 0 : at;
}

static inline void user_model_check_row(const user_model *self)
{
    const iterator_entry *row = user_iterator_row(self->iterator);
    CHECK_EQUAL(self->is_on_row, row != NULL);
    if (row != NULL) {
        const iterator_entry *wanted = self->rows[self->at];
        CHECK_EQUAL(wanted->sequence, row->sequence);
        CHECK_EQUAL(wanted->deadline_us, row->deadline_us);
        CHECK(slice_equal(wanted->key, row->key));
        CHECK(slice_equal(wanted->value, row->value));
    }
}

/* Checks row i of a fill, and returns where the next one begins. */
static inline uint64_t user_model_check_filled(const user_model *self, size_t i, size_t row,
                                               bool keys_only)
{
    const iterator_entry *wanted = self->rows[row];
    const uint64_t *offsets = (const uint64_t *)(const void *)self->filled.offsets.data;
    const uint8_t *data = self->filled.data.data;
    slice key = slice_make(data + offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i]);
    slice value = slice_make(data + offsets[2 * i + 1], offsets[2 * i + 2] - offsets[2 * i + 1]);
    CHECK(slice_equal(wanted->key, key));
    CHECK(slice_equal(keys_only ? slice_make("", 0) : wanted->value, value));
    return offsets[2 * i + 2];
}

/* Fills as asked for, compares, and goes where the fill should have gone. */
static inline pykv_status user_model_fill(user_model *self, const user_iterator_request *request)
{
    pykv_status status = user_iterator_fill(self->iterator, request, &self->filled);
    if (status != PYKV_OK) {
        return status;
    }
    const user_iterator_rows *filled = &self->filled;
    size_t count = filled->count;
    size_t first = request->is_reverse && !self->is_on_row ? self->at - 1 : self->at;
    size_t left = request->is_reverse ? first + 1 : self->count - first;
    uint64_t end = 0;
    uint64_t before = 0;
    CHECK(count <= left && count <= request->row_limit);
    CHECK_EQUAL((2 * count + 1) * sizeof(uint64_t), filled->offsets.size);
    for (size_t i = 0; i < count; i++) {
        before = end;
        end = user_model_check_filled(self, i, request->is_reverse ? first - i : first + i,
                                      request->keys_only);
    }
    CHECK_EQUAL(end, filled->data.size);
    CHECK(count == 0 || before < request->chunk_bytes);
    CHECK(filled->more || count == left);
    bool is_full = count == request->row_limit || end >= request->chunk_bytes;
    CHECK(!filled->more || is_full || self->walk->control.fail_at != 0);
    user_model_stand(self, request->is_reverse ? first + 1 - count : first + count, false);
    return PYKV_OK;
}

#endif
