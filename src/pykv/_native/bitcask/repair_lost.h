/*
 * repair_lost: counts the records that are known to have been in a store and were found nowhere.
 *
 * Every write has its own sequence, so a sequence that a file should hold and that no valid record
 * has is a lost record. A record that stands twice, as while a merge runs, is lost only if both
 * copies are. Not thread-safe.
 */
#ifndef PYKV_BITCASK_REPAIR_LOST_H
#define PYKV_BITCASK_REPAIR_LOST_H

#include "base/buffer.h"

typedef struct repair_lost {
    buffer expected; /* of ranges of sequences */
    buffer found;    /* of uint64_t */
} repair_lost;

/* The store held all sequences first..last. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status repair_lost_expect(repair_lost *self, uint64_t first, uint64_t last);

/* A valid record of sequence was found. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status repair_lost_found(repair_lost *self, uint64_t sequence);

/* How many sequences that were expected, once or more often, were not found. */
uint64_t repair_lost_count(repair_lost *self);

void repair_lost_reset(repair_lost *self);

#endif
