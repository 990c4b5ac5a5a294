/*
 * wal_fixture: verbs for tests of the parts of a write-ahead log.
 *
 * Record with sequence n is that of log_image_record, so that a test can tell from a record alone
 * whether it is the right one. Header only: every test program includes it once.
 */
#ifndef PYKV_TESTS_LSM_WAL_FIXTURE_H
#define PYKV_TESTS_LSM_WAL_FIXTURE_H

#include "lsm/wal_owner.h"

/* Appends count records of value_bytes as one write, as an owner does. */
FIXTURE_UNUSED static pykv_status fixture_write(fixture *self, size_t count, size_t value_bytes)
{
    static _Thread_local char keys[FIXTURE_BATCH_MAX][32];
    static _Thread_local uint8_t values[FIXTURE_BATCH_MAX][LOG_IMAGE_VALUE_BYTES_MAX];
    record records[FIXTURE_BATCH_MAX];
    CHECK(count <= FIXTURE_BATCH_MAX && value_bytes <= LOG_IMAGE_VALUE_BYTES_MAX);
    for (;;) {
        mutex_lock(&self->writer);
        for (size_t i = 0; i < count; i++) {
            uint64_t sequence = wal_last_sequence(self->log) + 1 + i;
            int length = snprintf(keys[i], sizeof keys[i], "key-%" PRIu64, sequence);
            for (size_t at = 0; at < value_bytes; at++) {
                values[i][at] = (uint8_t)(sequence * 31 + at);
            }
            records[i] = (record){.kind = RECORD_PUT,
                                  .key = slice_make(keys[i], (size_t)length),
                                  .value = slice_make(values[i], value_bytes)};
            records[i].body_crc = record_body_crc(&records[i]);
        }
        uint64_t bytes = wal_bytes(records, count);
        pykv_status status = wal_room(self->log, bytes);
        status = status == PYKV_OK ? wal_append(self->log, records, count) : status;
        mutex_unlock(&self->writer);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        status = wal_provide(self->log, bytes);
        if (status != PYKV_OK) {
            return status;
        }
    }
}

/* Writes single records of value_bytes. */
FIXTURE_UNUSED static void fixture_put(fixture *self, uint64_t count, size_t value_bytes)
{
    for (uint64_t i = 0; i < count; i++) {
        CHECK_OK(fixture_write(self, 1, value_bytes));
    }
}

/* Begins the next log, as an owner does with a new memtable. */
FIXTURE_UNUSED static pykv_status fixture_roll(fixture *self)
{
    for (;;) {
        mutex_lock(&self->writer);
        pykv_status status = wal_roll(self->log);
        mutex_unlock(&self->writer);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        status = wal_prepare_next(self->log);
        if (status != PYKV_OK) {
            return status;
        }
    }
}

/* As after a flush of everything in the logs below number: up to flushed. */
FIXTURE_UNUSED static void fixture_drop(fixture *self, uint32_t number, uint64_t flushed)
{
    self->first_log = number;
    self->flushed_sequence = flushed;
    CHECK_OK(fixture_write_manifest(self));
    wal_drop_before(self->log, number);
}

FIXTURE_UNUSED static uint32_t fixture_active(fixture *self)
{
    mutex_lock(&self->writer);
    uint32_t number = self->log->active != NULL ? self->log->active->number : 0;
    mutex_unlock(&self->writer);
    return number;
}

FIXTURE_UNUSED static uint64_t fixture_last(fixture *self)
{
    mutex_lock(&self->writer);
    uint64_t sequence = wal_last_sequence(self->log);
    mutex_unlock(&self->writer);
    return sequence;
}

FIXTURE_UNUSED static uint64_t fixture_synced_now(fixture *self)
{
    mutex_lock(&self->writer);
    uint64_t sequence = wal_synced_sequence(self->log);
    mutex_unlock(&self->writer);
    return sequence;
}

FIXTURE_UNUSED static wal_usage fixture_usage(fixture *self)
{
    mutex_lock(&self->writer);
    wal_usage usage = wal_usage_now(self->log);
    mutex_unlock(&self->writer);
    return usage;
}

#endif
