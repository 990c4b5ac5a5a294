/*
 * sync: durability: group commit, failed syncs, whether writes may go on.
 */
#ifndef PYKV_BITCASK_SYNC_H
#define PYKV_BITCASK_SYNC_H

#include "bitcask/store.h"

/* Returns once everything up to sequence is durable; one caller syncs for all that wait. */
PYKV_NODISCARD pykv_status bitcask_sync_through(bitcask *self, uint64_t sequence);

/* Sequence of the last clear that was appended, visible or not; 0: none. */
uint64_t bitcask_last_clear(const bitcask *self) REQUIRES(self->writer);

/* In interval durability: flags, and PYKV_SYNC where the interval has passed and no LOG thread is
 * lent that would sync: then the write does it, unless it says PYKV_NO_SYNC. */
int32_t bitcask_flags_by_interval(bitcask *self, int32_t flags);

/* Notes that target gets no more records. It counts as synced at once if its records are. */
void bitcask_mark_sealed(bitcask *self, segment *target) REQUIRES(self->writer);

/* Syncs the active segment's file once more: after its reserved rest was cut off. */
PYKV_NODISCARD pykv_status bitcask_sync_active(bitcask *self);

#endif
