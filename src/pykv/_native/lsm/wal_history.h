/*
 * wal_history: where in the logs an operation stands, for who reads them (lsm/changes.h).
 *
 * With the owner's writer lock.
 */
#ifndef PYKV_LSM_WAL_HISTORY_H
#define PYKV_LSM_WAL_HISTORY_H

#include "log/log_segment.h"
#include "lsm/wal.h"

/* A log file that holds a sequence. */
typedef struct wal_place {
    log_segment_header header; /* synced_through does not count */
    uint64_t last_sequence;    /* that it holds now */
    uint64_t epoch;            /* of its records, if is_old */
    bool is_old;               /* from before the store was opened */
} wal_place;

/* The log with the record of sequence; false: none has it. */
bool wal_find(const wal *self, uint64_t sequence, wal_place *place_out);

/* The first sequence that is in a log, or comes to be. */
uint64_t wal_history_floor(const wal *self);

#endif
