/*
 * fuzz_truth: the rows that a store may show: puts that stand in its logs with right checks. Header
 * only. Rows of logs are borrowed from the bytes of the logs.
 */
#ifndef PYKV_TESTS_FUZZ_TRUTH_H
#define PYKV_TESTS_FUZZ_TRUTH_H

#include "fuzz/fuzz_target.h"

#include "log/log_format.h"

enum { FUZZ_TRUTH_ROWS_MAX = 8192 };

typedef struct fuzz_row {
    slice key;
    slice value;
} fuzz_row;

typedef struct fuzz_truth {
    fuzz_row *rows;
    size_t count;
} fuzz_truth;

static inline void fuzz_truth_add(fuzz_truth *self, slice key, slice value)
{
    if (self->rows == NULL) {
        self->rows = malloc(FUZZ_TRUTH_ROWS_MAX * sizeof *self->rows);
    }
    FUZZ_EXPECT(self->rows != NULL && self->count < FUZZ_TRUTH_ROWS_MAX);
    self->rows[self->count++] = (fuzz_row){key, value};
}

static inline bool fuzz_truth_has(const fuzz_truth *self, slice key, slice value)
{
    for (size_t i = 0; i < self->count; i++) {
        if (slice_equal(self->rows[i].key, key) && slice_equal(self->rows[i].value, value)) {
            return true;
        }
    }
    return false;
}

/* Adds the valid puts at every granule of a log file with this id. */
static inline void fuzz_truth_add_log(fuzz_truth *self, const uint8_t *data, size_t size,
                                      uint64_t file_id)
{
    uint32_t seed = record_seed(file_id);
    for (size_t at = 64; at + RECORD_HEADER_BYTES <= size; at += RECORD_GRANULE_BYTES) {
        record found;
        if (record_decode(data + at, size - at, seed, at, true, &found) == RECORD_VALID &&
            found.kind == RECORD_PUT && !fuzz_truth_has(self, found.key, found.value)) {
            fuzz_truth_add(self, found.key, found.value);
        }
    }
}

static inline void fuzz_truth_reset(fuzz_truth *self)
{
    free(self->rows);
    *self = (fuzz_truth){NULL, 0};
}

#endif
