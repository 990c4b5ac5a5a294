/*
 * past_epochs: which epochs the records of a Bitcask were written in, before the one that goes on
 * now. The manifest has one entry for each:
 *
 *   offset size  field
 *        0    8  epoch
 *        8    8  last_sequence  of the records written in it; above that of the entry before
 *       16    4  zero
 *       20    4  entry_crc      crc32c of bytes 0..20, seeded with header_crc
 *
 * Pure: thread-safe.
 */
#ifndef PYKV_BITCASK_PAST_EPOCHS_H
#define PYKV_BITCASK_PAST_EPOCHS_H

#include "base/buffer.h"

enum { PAST_EPOCH_BYTES = 24 };

typedef struct past_epoch {
    uint64_t number;
    uint64_t last_sequence;
} past_epoch;

/* By rising sequence. */
typedef struct past_epochs {
    past_epoch *list; /* owned */
    size_t count;
} past_epochs;

void past_epochs_reset(past_epochs *self);

/* Epoch of the record with a sequence; number: of the epoch that goes on. */
uint64_t past_epochs_of(const past_epochs *self, uint64_t sequence, uint64_t number);

/* Notes that epoch number ended with last_sequence, unless nothing was written in it.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status past_epochs_end(past_epochs *self, uint64_t number,
                                           uint64_t last_sequence);

/* A copy without what only sequences below floor need. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status past_epochs_copy(const past_epochs *self, uint64_t floor,
                                            past_epochs *out);

/* Appends the entries. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status past_epochs_encode(const past_epochs *self, uint32_t header_crc,
                                              buffer *out);

/* Reads count entries, which stand at offset of the manifest data. PYKV_CORRUPTION naming path,
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status past_epochs_decode(const uint8_t *data, uint64_t offset, uint64_t count,
                                              const char *path, past_epochs *out);

#endif
