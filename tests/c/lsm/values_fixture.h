/*
 * values_fixture: value segments on the disk of a job_fixture. Single-threaded.
 */
#ifndef PYKV_TESTS_LSM_VALUES_FIXTURE_H
#define PYKV_TESTS_LSM_VALUES_FIXTURE_H

#include "log/log_file.h"
#include "lsm/job_fixture.h"
#include "lsm/value_segment.h"
#include "lsm/value_writer.h"

enum { VALUES_STORE_ID = 77, VALUES_BIG_BYTES = 3000 };

typedef struct values_fixture {
    job_fixture base;
    graveyard grave;
    value_writer writer;
} values_fixture;

/* A writer whose segments end at segment_bytes. */
static inline void values_init(values_fixture *self, uint64_t segment_bytes)
{
    job_init(&self->base);
    graveyard_init(&self->grave, self->base.home);
    value_writer_options options = {.surroundings = self->base.disk,
                                    .home = self->base.home,
                                    .numbers = self->base.job.numbers,
                                    .store_id = VALUES_STORE_ID,
                                    .segment_bytes = segment_bytes};
    value_writer_init(&self->writer, &options);
}

static inline void values_reset(values_fixture *self)
{
    value_writer_reset(&self->writer);
    (void)graveyard_empty(&self->grave);
    job_reset(&self->base);
}

/* The put of a key with many bytes, which depend on the sequence. */
static inline iterator_entry values_entry(const char *key, uint64_t sequence, uint64_t deadline_us)
{
    static uint8_t big[VALUES_BIG_BYTES];
    memset(big, (int)sequence, sizeof big);
    return (iterator_entry){.key = slice_make(key, strlen(key)),
                            .value = slice_make(big, sizeof big),
                            .sequence = sequence,
                            .deadline_us = deadline_us,
                            .kind = RECORD_PUT};
}

/* Writes that put. */
static inline value_pointer values_add(values_fixture *self, const char *key, uint64_t sequence)
{
    value_pointer where;
    iterator_entry entry = values_entry(key, sequence, 0);
    CHECK_OK(value_writer_add(&self->writer, &entry, &where));
    CHECK_EQUAL(VALUES_BIG_BYTES, where.value_bytes);
    return where;
}

/* Opens the segment that was made at index. */
static inline value_segment *values_open(values_fixture *self, size_t index)
{
    size_t count;
    value_segment *segment;
    const manifest_values *made = value_writer_made(&self->writer, &count);
    CHECK(index < count);
    CHECK_OK(value_segment_open(&self->grave, VALUES_STORE_ID, &made[index], &self->base.codecs,
                                &segment));
    return segment;
}

#endif
