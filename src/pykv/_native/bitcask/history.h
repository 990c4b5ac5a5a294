/*
 * history: the log of a Bitcask as a run of sequences, for who reads changes: append segments, and
 * those that merges replaced, whose files stay as long as the options, a feed that is open or a pin
 * want them.
 *
 * A run has no gap and ends with the last write. Live segments cost it nothing; of the replaced
 * ones, the history, the oldest go first. Invariant: a replaced segment is history only if a
 * durable manifest lists it so, and its file goes only behind a durable manifest without it. No
 * open reads its records. On a full disk only pins keep some.
 */
#ifndef PYKV_BITCASK_HISTORY_H
#define PYKV_BITCASK_HISTORY_H

#include "bitcask/store.h"
#include "log/log_feed.h"

/* The first sequence of the run, or the next one to be given. */
uint64_t bitcask_history_floor(bitcask *self) REQUIRES(self->writer);

/* The file of the run with the record of sequence; false: none has it. */
bool bitcask_history_find(bitcask *self, uint64_t sequence, log_feed_place *place_out)
    REQUIRES(self->writer);

/* Bytes of the history. */
uint64_t bitcask_history_bytes(bitcask *self) REQUIRES(self->writer);

/* Fills history and epochs of a manifest that is made now: what is wanted of the history and of the
 * segments that leave with it. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status bitcask_history_list(bitcask *self, manifest *out)
    REQUIRES(self->writer);

/* What listed, which is durable, has as history is that of the store: files that are no longer
 * listed go. listed loses its list. */
void bitcask_history_settle(bitcask *self, manifest *listed) REQUIRES(self->manifest_lock)
    EXCLUDES(self->writer);

/* True if a segment of this number is history. */
bool bitcask_history_has(bitcask *self, uint32_t number) REQUIRES(self->writer);

/* History, epochs and pins of a manifest; free with listed_history_reset. */
typedef struct listed_history {
    manifest_segment *files; /* by rising number */
    size_t count;
    past_epochs epochs;
    history_pins pins;
} listed_history;

void listed_history_reset(listed_history *self);

/* Makes what an open or a refresh takes over of a manifest, but for history that is missing or
 * another file: it goes, with what is older. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status bitcask_history_read(const bitcask *self, const manifest *listed,
                                                listed_history *out);

/* Makes it that of the store; self gets what was. */
void bitcask_history_exchange(bitcask *store, listed_history *self) REQUIRES(store->writer);

/* Lets go of history that nothing wants any more, with a manifest. */
PYKV_NODISCARD pykv_status bitcask_history_trim(bitcask *self) EXCLUDES(self->writer);

#endif
