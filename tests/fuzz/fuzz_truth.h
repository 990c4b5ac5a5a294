/*
 * fuzz_truth: the rows that a store may show: puts that stand in its logs with right checks. Header
 * only. Rows of logs are borrowed from the bytes of the logs, unless they were added as copies.
 */
#ifndef PYKV_TESTS_FUZZ_TRUTH_H
#define PYKV_TESTS_FUZZ_TRUTH_H

#include <string.h>

#include "fuzz/fuzz_target.h"

#include "log/log_format.h"

enum { FUZZ_TRUTH_ROWS_MAX = 8192 };

typedef struct fuzz_row {
    slice key;
    slice value;
    uint8_t *owned; /* what key and value borrow from; NULL: somebody else's */
} fuzz_row;

typedef struct fuzz_truth {
    fuzz_row *rows;
    size_t count;
    bool has_deadlines; /* of some row */
    bool full;          /* there are more rows: which is not known any more */
} fuzz_truth;

static inline void fuzz_truth_add(fuzz_truth *self, slice key, slice value)
{
    if (self->rows == NULL) {
        self->rows = malloc(FUZZ_TRUTH_ROWS_MAX * sizeof *self->rows);
    }
    FUZZ_EXPECT(self->rows != NULL);
    self->full |= self->count == FUZZ_TRUTH_ROWS_MAX;
    if (!self->full) {
        self->rows[self->count++] = (fuzz_row){key, value, NULL};
    }
}

static inline bool fuzz_truth_has(const fuzz_truth *self, slice key, slice value)
{
    for (size_t i = 0; i < self->count; i++) {
        if (slice_equal(self->rows[i].key, key) && slice_equal(self->rows[i].value, value)) {
            return true;
        }
    }
    return self->full;
}

/* Writes the bytes of a slice, which may be no bytes at NULL. Returns their end. */
static inline uint8_t *fuzz_append(uint8_t *out, slice bytes)
{
    if (bytes.size > 0) {
        memcpy(out, bytes.data, bytes.size);
    }
    return out + bytes.size;
}

/* Adds a copy of a row. Its key is of two parts. */
static inline void fuzz_truth_copy(fuzz_truth *self, slice head, slice tail, slice value)
{
    uint8_t *owned = malloc(head.size + tail.size + value.size + 1);
    FUZZ_EXPECT(owned != NULL);
    uint8_t *key_end = fuzz_append(fuzz_append(owned, head), tail);
    (void)fuzz_append(key_end, value);
    slice key = slice_make(owned, head.size + tail.size);
    slice copy = slice_make(key_end, value.size);
    bool is_new = !fuzz_truth_has(self, key, copy);
    if (is_new) {
        fuzz_truth_add(self, key, copy);
    }
    if (is_new && !self->full) {
        self->rows[self->count - 1].owned = owned;
    } else {
        free(owned);
    }
}

/* Adds the valid puts at every granule of a log file with this id; packed ones as they stand there,
 * for a reader that knows none, or not. */
static inline void fuzz_truth_add_log(fuzz_truth *self, const uint8_t *data, size_t size,
                                      uint64_t file_id, bool as_it_stands)
{
    uint32_t seed = record_seed(file_id);
    for (size_t at = 64; at + RECORD_HEADER_BYTES <= size; at += RECORD_GRANULE_BYTES) {
        record found;
        if (record_decode(data + at, size - at, seed, at, true, &found) == RECORD_VALID &&
            found.kind == RECORD_PUT && (as_it_stands || (found.flags & RECORD_FLAG_CODEC) == 0) &&
            !fuzz_truth_has(self, found.key, found.value)) {
            self->has_deadlines |= found.deadline_us != 0;
            fuzz_truth_add(self, found.key, found.value);
        }
    }
}

static inline void fuzz_truth_reset(fuzz_truth *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->rows[i].owned);
    }
    free(self->rows);
    *self = (fuzz_truth){.rows = NULL};
}

#endif
