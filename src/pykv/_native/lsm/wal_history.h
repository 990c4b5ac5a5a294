/*
 * wal_history: logs that are kept when nobody needs them for a recovery, and where in the logs an
 * operation stands: for who reads changes (lsm/changes.h).
 *
 * With the owner's writer lock, but for wal_adopt and wal_set_epoch, which come before the first
 * write.
 */
#ifndef PYKV_LSM_WAL_HISTORY_H
#define PYKV_LSM_WAL_HISTORY_H

#include "log/change_feeds.h"
#include "lsm/wal.h"

/* Takes over a recovered log, sealed, whose records end at end, are durable and have the sequences
 * from first to last (0: it has none): before the first write, by rising number. It is history if
 * it is listed so. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status wal_adopt(wal *self, const manifest_log *listed, uint64_t end,
                                     uint64_t first, uint64_t last);

/* The first sequence of a log that was adopted; 0: it was not, or has no record. */
uint64_t wal_first_of(const wal *self, const manifest_log *listed);

/* What is wanted of history. */
typedef struct history_wish {
    uint64_t bytes;
    const history_keeper *keepers;
    size_t keeper_count;
    size_t logs_max; /* in a list, history and the others together */
} history_wish;

/* Decides which logs below number, which the store needs from then on, are kept as history: the
 * last of them with the bytes of the wish together, or a little more, and what the keepers want, as
 * far as the list has room. Only what is synced is kept, and without gaps: nothing if tables have,
 * or a clear made void, all through flushed, and the sync of that failed. It holds for wal_list and
 * wal_drop_before until it is decided anew. */
void wal_plan_history(wal *self, uint32_t number, uint64_t flushed, const history_wish *wish);

/* The log with the record of sequence; false: none has it. */
bool wal_find(const wal *self, uint64_t sequence, log_feed_place *place_out);

/* The epoch of the records that are written from now on; before the first write. */
void wal_set_epoch(wal *self, uint64_t number);

/* The first sequence that is in a log, or comes to be. */
uint64_t wal_history_floor(const wal *self);

#endif
